#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod entries;
mod messages;
mod nested;
mod overrides;
mod robust;
