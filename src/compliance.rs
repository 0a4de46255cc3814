//! What others ask for: the CIS rules with their decision rules, and the requirement rows of the source documents.
//!
//! Both are data: `compliance/pack.py` takes them from the project's collection of facts. Documents (`emit coverage`) and
//! the report of `check` are functions of them.

pub mod cis;
pub mod requirements;
