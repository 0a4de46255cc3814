//! The administrator calls of services that integrate with Organizations, and their switches.
//!
//! Source: `facts/service-principals.toml`. Only what a baseline needs to delegate and to read it back; the services
//! themselves are not here.

mod administrators;
mod enrollment;
mod exports;
mod firewall_manager;
mod switches;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::sandbox::world::{Call, Fault, Reply, World};

use super::organizations;

/// What is stored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// The service's own administrator, by `service/region` (`service/global` where it has one list).
    pub administrators: BTreeMap<String, Administrator>,
    /// Further, scoped administrators of Firewall Manager.
    pub scoped_firewall_managers: Vec<String>,
    /// Notification channels of Firewall Manager, by `account/region`.
    #[serde(default)]
    pub notification_channels: BTreeMap<String, firewall_manager::Channel>,
    /// Organization-wide switches by service key, and since when.
    pub switches: BTreeMap<String, f64>,
    /// Enrolments in cost services, by `service/account`.
    pub enrollments: BTreeMap<String, Enrollment>,
    /// Exports of Compute Optimizer, by `account/region`.
    #[serde(default)]
    pub export_jobs: BTreeMap<String, Vec<exports::Job>>,
}

/// The administrator of a service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Administrator {
    /// Account id.
    pub account: String,
    /// Since when, seconds since 1970.
    pub since: f64,
}

/// An enrolment in Compute Optimizer or Cost Optimization Hub.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Enrollment {
    /// Active rather than inactive.
    pub active: bool,
    /// The members of the organization are enrolled too.
    pub members: bool,
    /// When it was last changed.
    pub since: f64,
    /// When it was first made.
    pub created: f64,
}

/// Runs one call. `None` where the operation has no handler.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    match call.service.as_str() {
        "fms" => firewall_manager::handle(world, call),
        "compute-optimizer" | "cost-optimization-hub" => enrollment::handle(world, call),
        "cloudformation" | "ram" | "health" | "service-quotas" => switches::handle(world, call),
        _ => administrators::handle(world, call),
    }
}

/// A delegated administrator was deregistered in Organizations.
pub fn administrator_left(world: &mut World, principal: &str, account: &str) {
    administrators::left(world, principal, account);
}

/// Whether the caller is the management account.
fn is_management(world: &World, call: &Call) -> bool {
    organizations::management(world) == Some(call.account.as_str())
}

/// A code with its status; statuses are the model's.
type Code = (&'static str, u16);

fn fault(code: Code, message: impl Into<String>) -> Fault {
    Fault::new(code.0, message).status(code.1)
}

#[cfg(test)]
mod tests;
