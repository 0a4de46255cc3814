//! The administrator's own scan types, in each region. AWS refuses to configure the organization before one is on.

use serde::Serialize;

use super::calls::{self, Standing, Standings};
use super::{Inspector, Scans};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Risk, Scope, Seat, Wanted};
use crate::error::UnitError;

/// One unit per region.
pub(super) struct Administrator;

/// The declared scan types.
#[derive(Debug, Serialize)]
pub(super) struct Desired {
    scans: Scans,
}

impl Control for Administrator {
    type Section = Inspector;
    type Desired = Desired;
    type Actual = Standings;
    const META: Meta = Meta {
        part: "administrator",
        scope: Scope::OrganizationRegion,
        seat: Seat::DelegatedAdmin("inspector2"),
        after: &["delegated_admins.trusted_access", "delegated_admins.regional_admin:inspector2@region"],
        reads: &["inspector2:BatchGetAccountStatus"],
        writes: &["inspector2:Disable", "inspector2:Enable"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, Inspector>) -> Vec<Wanted<Desired>> {
        Wanted::one(Desired { scans: cx.section.scans() })
    }

    async fn read(cx: &Cx<'_>, _want: &Desired) -> Result<Standings, UnitError> {
        calls::own(cx.aws).await
    }

    fn diff(want: &Desired, have: &Standings) -> Diff {
        let mut d = Diff::new();
        for scan in calls::to_turn(&want.scans, have, true) {
            d.field(scan.key(), &false, Some(&true));
        }
        for scan in calls::to_turn(&want.scans, have, false) {
            d.risky(scan.key(), &true, Some(&false), Risk::Destructive);
        }
        let turning = |scan: &&super::Scan| have.get(scan) == Some(&Standing::TurningOn);
        let turning: Vec<&str> = want.scans.keys().filter(turning).map(|scan| scan.key()).collect();
        if d.is_empty() && !turning.is_empty() {
            d.pending = Some(format!("{} ENABLING", turning.join(", ")));
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Standings) -> Result<(), UnitError> {
        let own = [cx.aws.account().to_owned()];
        let on = calls::to_turn(&want.scans, have, true);
        if !on.is_empty() {
            calls::enable(cx.aws, &own, &on).await?;
        }
        let off = calls::to_turn(&want.scans, have, false);
        if !off.is_empty() {
            calls::disable(cx.aws, &own, &off).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Scan;
    use super::*;

    #[test]
    fn turning_a_scan_type_off_is_destructive_and_turning_on_takes_time() {
        let want = Desired { scans: Scans::from([(Scan::Ec2, true), (Scan::Lambda, false)]) };
        assert_eq!(Administrator::diff(&want, &Standings::new()).changes.len(), 1);
        let on = Standings::from([(Scan::Ec2, Standing::On), (Scan::Lambda, Standing::On)]);
        assert_eq!(Administrator::diff(&want, &on).risk(), Risk::Destructive);
        let turning = Standings::from([(Scan::Ec2, Standing::TurningOn)]);
        assert!(Administrator::diff(&want, &turning).pending.is_some());
    }
}
