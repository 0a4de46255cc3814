//! Hardens a whole AWS Organization from one declarative TOML baseline.
//!
//! ```text
//! baseline -> facts -> units -> plan -> apply -> report
//! ```
//!
//! `docs/architecture.md` is the guided tour.

pub mod apply;
pub mod aws;
pub mod baseline;
pub mod check;
pub mod cli;
pub mod compliance;
pub mod control;
pub mod controls;
pub mod diag;
pub mod digest;
pub mod drift;
pub mod emit;
pub mod error;
pub mod facts;
pub mod import;
pub mod lockout;
pub mod mask;
pub mod metric_filter;
pub mod names;
pub mod plan;
pub mod policy;
pub mod report;
pub mod resource;
pub mod run;
pub mod sandbox;
pub mod selector;
pub mod undo;
pub mod units;
pub mod vend;
