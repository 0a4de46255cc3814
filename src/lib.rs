//! Hardens a whole AWS Organization from one declarative TOML baseline.
//!
//! ```text
//! baseline -> facts -> units -> plan -> apply -> report
//! ```
//!
//! `docs/architecture.md` is the guided tour.

pub mod aws;
pub mod baseline;
pub mod control;
pub mod controls;
pub mod diag;
pub mod emit;
pub mod error;
pub mod facts;
pub mod names;
pub mod policy;
pub mod resource;
pub mod sandbox;
pub mod selector;
