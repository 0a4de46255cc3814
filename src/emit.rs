//! Texts that are functions of the registry: the schema for editors and the reference.

pub mod controls;
pub mod schema;
