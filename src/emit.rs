//! What is generated from the registry: permissions, the schema, the reference. All of it is pure.

pub mod actions;
pub mod bootstrap;
pub mod controls;
pub mod coverage;
pub mod iam;
pub mod schedule;
pub mod schema;
pub(crate) mod scopes;
mod yaml;
