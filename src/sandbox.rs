//! A simulated AWS Organization, in process and over loopback HTTP.
//!
//! ```text
//! door (in process | listener) -> wire::parse -> store.handle -> services::dispatch -> wire::serialise
//! ```
//!
//! * `wire`: routing, parsing, validation and serialisation, driven by the API models.
//! * `world`: the whole state, and what a handler sees (`World`, `Call`, `Fault`).
//! * `services`: one file per AWS service, each a `match` on the operation name.

pub mod caller;
pub mod door;
pub mod enforce;
pub mod faults;
mod generate;
pub mod models;
mod region;
pub mod services;
pub mod session;
mod signature;
pub mod spec;
mod store;
pub mod wire;
pub mod world;

pub use store::Sandbox;

/// Exit code of a process that was killed (128 + SIGKILL).
const KILLED: i32 = 137;

/// Ends the process at once, as a kill does: `--faults exit_before=N` and `exit_after=N`.
#[expect(clippy::exit, reason = "nothing may be tidied up")]
pub fn exit() -> ! {
    std::process::exit(KILLED)
}
