//! What a failed read says about its region: that the service does not exist there, or that the account may not use it.
//!
//! Only of regional units, only while reading, and only where AWS itself says so. Everything else stays `failed`: a call
//! that failed never looks like a setting that is not there. In particular these stay failed, for they say nothing about
//! the region: `OptInRequired`, `SubscriptionRequiredException` and `NotSignedUp` (an account that AWS has not finished
//! yet), and denials by an SCP (others may be spared by it).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::Shared;
use crate::aws::{Guard, denied_by_org_policy};
use crate::control::Scope;
use crate::error::{CallError, Kind, Phase, UnitError};
use crate::facts::discover::{REGION_READS, region_status};
use crate::units::{OutcomeKind, Unit};

/// `RegionOptStatus` by account and region; `None`: it could not be read.
#[derive(Default)]
pub(super) struct Statuses(Mutex<HashMap<(String, String), Slot>>);

/// One answer, asked for once.
type Slot = Arc<OnceCell<Option<String>>>;

impl Statuses {
    fn slot(&self, account: &str, region: &str) -> Slot {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry((account.to_owned(), region.to_owned())).or_default().clone()
    }
}

/// How a unit ends whose read failed because of its region, and why; `None`: the read failed, and no more is known.
pub(super) async fn verdict(
    shared: &Shared,
    unit: &Unit,
    error: &UnitError,
) -> Option<(OutcomeKind, String)> {
    let call = regional_read(unit, error)?;
    let region = &unit.id.region;
    match call.kind {
        Kind::NotInRegion => {
            let detail = call.code.as_deref().or(call.message.as_deref()).unwrap_or_default();
            Some((
                OutcomeKind::NotApplicable,
                format!("{} is not available in {region} ({detail})", call.service),
            ))
        }
        Kind::NotAvailable => match status(shared, &unit.seat, region).await?.as_str() {
            "ENABLING" => {
                Some((OutcomeKind::Pending, format!("region {region} is being enabled in the account")))
            }
            "DISABLED" => {
                Some((OutcomeKind::Skipped, format!("region {region} is not enabled in the account")))
            }
            "DISABLING" => {
                Some((OutcomeKind::Skipped, format!("region {region} is being disabled in the account")))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The failed call, where it is a read of the unit's own region with the unit's own session.
fn regional_read<'e>(unit: &Unit, error: &'e UnitError) -> Option<&'e CallError> {
    let regional = matches!(unit.meta.scope, Scope::OrganizationRegion | Scope::AccountRegion);
    let call = error.call.as_ref().filter(|_| regional && error.phase == Phase::Read)?;
    (call.region == unit.id.region && call.account == unit.seat && !call.session).then_some(call)
}

/// Asks once for each account and region.
async fn status(shared: &Shared, account: &str, region: &str) -> Option<String> {
    let ask = || async {
        let guard = Guard { control: "facts".into(), reads: &REGION_READS, writes: &[] };
        let home = &shared.baseline.organization.home_region;
        let clients = shared.aws.clients(account, home, guard).await.ok()?;
        region_status(&clients, region).await.ok()
    };
    shared.asked.regions.slot(account, region).get_or_init(ask).await.clone()
}

/// Says what to do about a policy that closes a region, and about a region that may be on since a moment ago.
pub(super) fn hinted(unit: &Unit, error: UnitError) -> UnitError {
    let Some(call) = regional_read(unit, &error).filter(|_| error.hint.is_none()) else { return error };
    let region = &unit.id.region;
    if denied_by_org_policy(call) {
        return error.hint(format!(
            "spare the role in the policy; or, where the policy closes {region}, leave it out of `organization.regions`"
        ));
    }
    if call.kind == Kind::NotAvailable {
        return error.hint(format!(
            "an account, or a region in it, that is new takes some hours until every service knows it: where \
             {region} was enabled a moment ago, run `orgbase plan` again later"
        ));
    }
    error
}
