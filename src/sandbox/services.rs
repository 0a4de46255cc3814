//! The simulated services: one file each.

use super::world::{Call, Fault, Reply, World};

pub mod accessanalyzer;
pub mod account;
pub mod backup;
pub mod cloudtrail;
pub mod cloudwatch;
pub mod config;
mod delivery;
pub mod detective;
pub mod documents;
pub mod ec2;
pub mod efs;
pub mod guardduty;
pub mod iam;
pub mod inspector2;
pub mod integrations;
pub mod kms;
#[cfg(test)]
pub(crate) mod lab;
pub mod logs;
pub mod macie2;
pub mod nothing;
pub mod organizations;
pub mod rds;
pub mod s3;
pub mod scheduler;
pub mod securityhub;
pub mod sns;
pub mod ssm;
pub mod sso_admin;
pub mod sts;
pub mod tags;

/// Runs one call. `None` where no handler knows the operation: the door answers a loud 501.
pub fn dispatch(world: &mut World, call: &Call) -> Option<Reply> {
    let reply = match call.service.as_str() {
        "accessanalyzer" => accessanalyzer::handle(world, call),
        "account" => account::handle(world, call),
        "backup" => backup::handle(world, call),
        "cloudtrail" => cloudtrail::handle(world, call),
        "cloudwatch" => cloudwatch::handle(world, call),
        "config" => config::handle(world, call),
        "ec2" => ec2::handle(world, call),
        "efs" => efs::handle(world, call),
        "iam" => iam::handle(world, call),
        "kms" => kms::handle(world, call),
        "logs" => logs::handle(world, call),
        "organizations" => organizations::handle(world, call),
        "rds" => rds::handle(world, call),
        "s3" | "s3control" => s3::handle(world, call),
        "scheduler" => scheduler::handle(world, call),
        "inspector2" => inspector2::handle(world, call).or_else(|| integrations::handle(world, call)),
        "securityhub" => securityhub::handle(world, call).or_else(|| integrations::handle(world, call)),
        "sns" => sns::handle(world, call),
        "ssm" => ssm::handle(world, call),
        "sso-admin" => sso_admin::handle(world, call).or_else(|| integrations::handle(world, call)),
        "sts" => sts::handle(world, call),
        "detective" => detective::handle(world, call).or_else(|| integrations::handle(world, call)),
        "guardduty" => guardduty::handle(world, call).or_else(|| integrations::handle(world, call)),
        "macie2" => macie2::handle(world, call).or_else(|| integrations::handle(world, call)),
        _ => integrations::handle(world, call),
    };
    reply.or_else(|| nothing::handle(call))
}

/// An account became a member of the organization: services whose administrator enables new members do so.
///
/// Replay rule: an account may join while somebody reads, so whatever this makes gets derived ids, not `World::id`.
pub fn account_joined(world: &mut World, account: &str, now: f64) {
    detective::joined(world, account, now);
    guardduty::joined(world, account, now);
    macie2::joined(world, account, now);
}

/// An account is no member of the organization any more.
pub fn account_left(world: &mut World, account: &str, _now: f64) {
    detective::left(world, account);
    guardduty::left(world, account);
    macie2::left(world, account);
}

/// The refusal of a caller without the right.
pub fn access_denied(call: &Call, reason: &str) -> Fault {
    Fault::new(
        "AccessDeniedException",
        format!("User is not authorized to perform: {}:{} {reason}", call.service, call.operation),
    )
    .status(400)
}

#[cfg(test)]
mod tests;
