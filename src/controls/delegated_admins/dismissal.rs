//! Takes an account out of every service that it administers: before it can be closed.

use std::collections::BTreeSet;

use super::admin::{self, Administrators};
use super::handover::{self, Handover};
use super::named::Named;
use super::services::{Admin, SERVICES};
use super::{DelegatedAdmins, calls};
use crate::aws::{Aws, Guard};
use crate::baseline::Baseline;
use crate::control::{Control, Cx, Once};
use crate::error::UnitError;
use crate::facts::Facts;

/// Operations of `dismiss`, reads and writes.
pub(crate) fn operations() -> BTreeSet<&'static str> {
    let of = |reads: &'static [&'static str], writes: &'static [&'static str]| reads.iter().chain(writes).copied();
    of(Administrators::META.reads, Administrators::META.writes)
        .chain(of(Handover::META.reads, Handover::META.writes))
        .collect()
}

/// Those of them that are called in the account itself.
pub(crate) fn as_outgoing_admin() -> &'static [&'static str] {
    Handover::META.as_outgoing_admin
}

/// Keys of the accounts that `[delegated_admins]` names.
pub(crate) fn declared(baseline: &Baseline) -> BTreeSet<String> {
    let bound = baseline.section("delegated_admins", None).ok().flatten();
    let section = bound.as_ref().and_then(|bound| bound.value.downcast_ref::<DelegatedAdmins>());
    let admins = section.map(DelegatedAdmins::declared).unwrap_or_default();
    admins.into_iter().flat_map(|(_, keys)| keys.to_vec()).collect()
}

/// Takes the service of each principal from `account`, by the service's own call where it has one.
///
/// # Errors
/// A call failed: the account still administers that service and those after it.
pub(crate) async fn dismiss(
    aws: &Aws,
    facts: &Facts,
    baseline: &Baseline,
    account: &str,
    principals: &[String],
) -> Result<(), UnitError> {
    let region = &baseline.organization.home_region;
    let named = Named::new(facts, account);
    let regions: Vec<String> = facts.management_regions.iter().cloned().collect();
    for principal in principals {
        let service = SERVICES.iter().find(|s| s.principals.contains(&principal.as_str()) && s.admin != Admin::None);
        let meta = match service.map(|s| s.admin) {
            Some(Admin::Regional(_)) => Handover::META,
            _ => Administrators::META,
        };
        let guard = Guard { control: "vend".into(), reads: meta.reads, writes: meta.writes };
        let clients = aws.clients(&facts.management_account, region, guard).await?;
        let cx = Cx { aws: &clients, facts, baseline, region, once: &Once::default(), canary: None, fresh: true };
        match service.map(|s| s.admin) {
            Some(Admin::Regional(service)) => {
                handover::dismiss(&cx, service, principal, &regions, &named).await?;
            }
            Some(Admin::Global(how)) => admin::unregister(&cx, how, principal, &named).await?,
            Some(Admin::None) | None => calls::deregister(&cx, account, principal).await?,
        }
    }
    Ok(())
}
