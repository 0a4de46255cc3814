//! The evidence: one file per service, one type per piece.

pub(super) mod account;
pub(super) mod alarms;
pub(super) mod buckets;
pub(super) mod credential_report;
pub(super) mod iam;
pub(super) mod network;
pub(super) mod organization;
pub(super) mod regional;
pub(super) mod trails;
