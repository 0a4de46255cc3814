//! Hardens a whole AWS Organization from one declarative TOML baseline.

pub mod sandbox;
