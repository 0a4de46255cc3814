#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod messages;
mod nested;
mod overrides;
mod robust;
