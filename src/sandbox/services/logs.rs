//! Not written yet.

use serde::{Deserialize, Serialize};

use crate::sandbox::world::{Call, Reply, World};

/// What is stored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {}

/// Runs one call.
pub fn handle(_world: &mut World, _call: &Call) -> Option<Reply> {
    None
}
