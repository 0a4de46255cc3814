//! Not written yet.

use crate::sandbox::world::{Call, Reply, World};

/// Runs one call.
pub fn handle(_world: &mut World, _call: &Call) -> Option<Reply> {
    None
}
