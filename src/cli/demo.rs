//! `orgbase demo`: the whole tour on a simulated organization.

use super::Global;
use crate::error::RunError;

/// Not part of this commit yet.
pub(crate) async fn run(_global: &Global) -> Result<u8, RunError> {
    Err(RunError::new("the demo is not built yet"))
}
