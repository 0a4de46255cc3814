//! Enrolment of the management account and, through it, of the member accounts.
//!
//! One call enrols all and switches on trusted access; it works for a while (`Pending`). A member that opted out by itself,
//! or could not be enrolled, is told of: no call of the management account is documented to bring it back.
//! <https://docs.aws.amazon.com/compute-optimizer/latest/APIReference/API_UpdateEnrollmentStatus.html>

use std::time::Duration;

use aws_sdk_computeoptimizer::types::Status;
use serde::Serialize;

use super::ComputeOptimizer;
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Risk, Scope, Seat, Wanted};
use crate::error::UnitError;

const ACTIVE: &str = "Active";
const PENDING: &str = "Pending";
/// How often the status is asked after a change, and the pause between.
const LOOKS: usize = 12;
const PAUSE: Duration = Duration::from_secs(5);
/// Most accounts that a notice names.
const NAMED: usize = 5;

/// Part `enrollment`.
pub(super) struct Enrollment;

/// What should be enrolled beside the management account.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Desired {
    include_member_accounts: bool,
    /// Ids of the active member accounts.
    #[serde(skip)]
    members: Vec<String>,
}

/// What is.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Actual {
    /// `Active`, `Inactive`, `Pending` or `Failed`.
    status: String,
    /// Why it failed.
    reason: Option<String>,
    members_enrolled: bool,
    /// Member accounts that are neither enrolled nor about to be. A journal does not need them.
    #[serde(skip)]
    missing: Vec<String>,
}

impl Control for Enrollment {
    type Section = ComputeOptimizer;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "enrollment",
        scope: Scope::Organization,
        seat: Seat::Management,
        // Enrolling is also how these switch on trusted access.
        after: &["delegated_admins.admin:compute_optimizer", "delegated_admins.trusted_access:compute_optimizer"],
        reads: &[
            "compute-optimizer:GetEnrollmentStatus",
            "compute-optimizer:GetEnrollmentStatusesForOrganization",
        ],
        writes: &["compute-optimizer:UpdateEnrollmentStatus"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, ComputeOptimizer>) -> Vec<Wanted<Desired>> {
        let members = cx.facts.accounts.values().filter(|a| a.is_active() && a.id != cx.facts.management_account);
        Wanted::one(Desired {
            include_member_accounts: cx.section.include_member_accounts,
            members: members.map(|a| a.id.clone()).collect(),
        })
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        let mut have = status(cx).await?;
        if want.include_member_accounts && have.members_enrolled {
            have.missing = missing(cx, want).await?;
        }
        Ok(have)
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        if have.status == PENDING {
            d.pending = Some("Compute Optimizer is enrolling the organization: its status is Pending".into());
            return d;
        }
        if have.status != ACTIVE {
            d.push("status", have.status.as_str().into(), ACTIVE.into(), Risk::Normal);
        }
        if let Some(reason) = &have.reason {
            d.notice(format!("Compute Optimizer says: {reason}"));
        }
        if want.include_member_accounts {
            d.field("include_member_accounts", &have.members_enrolled, Some(&true));
        }
        if !have.missing.is_empty() {
            d.notice(not_enrolled(&have.missing));
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        // What is left out keeps the members as they are.
        let members = (want.include_member_accounts || have.members_enrolled).then_some(true);
        cx.aws
            .compute_optimizer()
            .call("UpdateEnrollmentStatus", |c| {
                c.update_enrollment_status().status(Status::Active).set_include_member_accounts(members).send()
            })
            .await?;
        for _ in 0..LOOKS {
            if status(cx).await?.status != PENDING {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }
}

async fn status(cx: &Cx<'_>) -> Result<Actual, UnitError> {
    let answer = cx
        .aws
        .compute_optimizer()
        .call("GetEnrollmentStatus", |c| c.get_enrollment_status().send())
        .await?;
    let status = answer.status.ok_or_else(|| UnitError::missing("the enrolment status"))?;
    Ok(Actual {
        status: status.as_str().to_string(),
        reason: answer.status_reason.filter(|reason| !reason.is_empty() && status == Status::Failed),
        members_enrolled: answer.member_accounts_enrolled,
        missing: Vec::new(),
    })
}

/// Active member accounts whose enrolment is neither on nor under way.
async fn missing(cx: &Cx<'_>, want: &Desired) -> Result<Vec<String>, UnitError> {
    let all = cx
        .aws
        .compute_optimizer()
        .pages(
            "GetEnrollmentStatusesForOrganization",
            |c, token| c.get_enrollment_statuses_for_organization().set_next_token(token).send(),
            |out| (out.account_enrollment_statuses, out.next_token),
        )
        .await?;
    let is_on = |id: &String| {
        let own = all.iter().find(|s| s.account_id.as_ref() == Some(id)).and_then(|s| s.status.as_ref());
        matches!(own, Some(Status::Active | Status::Pending))
    };
    Ok(want.members.iter().filter(|id| !is_on(id)).cloned().collect())
}

fn not_enrolled(accounts: &[String]) -> String {
    let named = accounts.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = accounts.len().saturating_sub(NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("not enrolled yet, or opted out by themselves: {named}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want() -> Desired {
        Desired { include_member_accounts: true, members: Vec::new() }
    }

    fn have(status: &str, members_enrolled: bool) -> Actual {
        Actual { status: status.into(), members_enrolled, ..Actual::default() }
    }

    #[test]
    fn what_differs() {
        let paths = |want: &Desired, have: &Actual| {
            Enrollment::diff(want, have).changes.into_iter().map(|c| c.path).collect::<Vec<_>>()
        };
        assert_eq!(paths(&want(), &have("Inactive", false)), ["status", "include_member_accounts"]);
        assert_eq!(paths(&want(), &have("Active", false)), ["include_member_accounts"]);
        assert!(paths(&want(), &have("Active", true)).is_empty());
        let alone = Desired { include_member_accounts: false, ..want() };
        assert!(paths(&alone, &have("Active", true)).is_empty(), "members keep what they have");
        assert_eq!(paths(&alone, &have("Failed", false)), ["status"]);
    }

    #[test]
    fn an_enrolment_under_way_is_pending_and_lag_is_a_notice() {
        let d = Enrollment::diff(&want(), &have("Pending", false));
        assert!(d.is_empty() && d.pending.is_some());
        let ids = (1..=7).map(|n| format!("00000000000{n}")).collect();
        let d = Enrollment::diff(&want(), &Actual { missing: ids, ..have("Active", true) });
        assert!(d.is_empty() && d.notices[0].ends_with("000000000005 and 2 more"), "{:?}", d.notices);
    }
}
