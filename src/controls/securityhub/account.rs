//! Local configuration: the standards of each account and region.
//!
//! Standards that are not declared are disabled, but for those that another service keeps (Control Tower). A hub that is not
//! there counts as one without standards: the administrator makes it when the account becomes a member, and what differs is
//! the same before and after. `BatchEnableStandards` may be called once per second.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_securityhub::types::{StandardsStatus, StandardsSubscriptionRequest};
use serde::Serialize;

use super::calls::{self, Hub};
use super::{SecurityHub, standards};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Risk, Scope, Seat, Wanted};
use crate::error::{Absent as _, CallError, Kind, UnitError};

/// Most standards of one call (API model).
const MOST_AT_ONCE: usize = 25;

/// One unit per account and region.
pub(super) struct AccountStandards;

/// What an account should have in a region.
#[derive(Debug, Serialize)]
pub(super) struct Desired {
    standards: BTreeSet<String>,
    auto_enable_controls: Option<bool>,
}

/// What it has.
#[derive(Debug, Default, Serialize)]
pub(super) struct Actual {
    hub: Option<Hub>,
    /// Key of each enabled standard, and the ARN of its subscription.
    standards: BTreeMap<String, String>,
}

impl Actual {
    /// Standards that are ours to manage.
    fn managed(&self) -> BTreeSet<String> {
        self.standards.keys().filter(|key| !standards::is_service_managed(key)).cloned().collect()
    }
}

impl Control for AccountStandards {
    type Section = SecurityHub;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "account",
        scope: Scope::AccountRegion,
        seat: Seat::Member,
        after: &["delegated_admins", "securityhub.members"],
        reads: &["securityhub:DescribeHub", "securityhub:GetEnabledStandards"],
        writes: &[
            "securityhub:BatchDisableStandards",
            "securityhub:BatchEnableStandards",
            "securityhub:UpdateSecurityHubConfiguration",
        ],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, SecurityHub>) -> Vec<Wanted<Desired>> {
        if cx.section.is_central() {
            return Vec::new();
        }
        let auto_enable_controls = cx.section.auto_enable_controls;
        Wanted::one(Desired { standards: standards::canonical(&cx.section.standards), auto_enable_controls })
    }

    async fn read(cx: &Cx<'_>, _want: &Desired) -> Result<Actual, UnitError> {
        let Some(hub) = calls::own_hub(cx).await? else { return Ok(Actual::default()) };
        let subscriptions = cx
            .aws
            .securityhub()
            .pages(
                "GetEnabledStandards",
                |c, t| c.get_enabled_standards().set_next_token(t).send(),
                |a| (a.standards_subscriptions, a.next_token),
            )
            .await
            .absent(calls::NOT_ENABLED)?;
        let mut enabled = BTreeMap::new();
        for subscription in subscriptions.unwrap_or_default() {
            // One that is being disabled is listed until it is gone.
            if subscription.standards_status != Some(StandardsStatus::Deleting) {
                let arn = subscription.standards_arn.ok_or_else(|| UnitError::missing("the ARN of a standard"))?;
                let own = subscription.standards_subscription_arn.unwrap_or_default();
                enabled.insert(standards::key_of(&arn), own);
            }
        }
        Ok(Actual { hub: Some(hub), standards: enabled })
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        let there = have.managed();
        let lost = there.difference(&want.standards).next().is_some();
        let risk = if lost { Risk::Disruptive } else { Risk::Normal };
        d.risky("standards", &there, Some(&want.standards), risk);
        let auto = have.hub.as_ref().unwrap_or(&Hub::FRESH).auto_enable_controls;
        d.field("auto_enable_controls", &auto, want.auto_enable_controls.as_ref());
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        write(cx, want, have).await.map_err(|error| {
            let central = error.kind == Kind::Denied
                && error.message.as_deref().is_some_and(|text| text.contains("central configuration policy"));
            let error = UnitError::from(error);
            if central { error.hint("central configuration holds for the account: declare `configuration = \"central\"`") } else { error }
        })
    }
}

async fn write(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), CallError> {
    let hub = cx.aws.securityhub();
    let auto = have.hub.as_ref().unwrap_or(&Hub::FRESH).auto_enable_controls;
    if let Some(wanted) = want.auto_enable_controls.filter(|wanted| *wanted != auto) {
        hub.call("UpdateSecurityHubConfiguration", |c| {
            c.update_security_hub_configuration().auto_enable_controls(wanted).send()
        })
        .await?;
    }
    let there = have.managed();
    let request = |key: &String| {
        StandardsSubscriptionRequest::builder().standards_arn(standards::arn(key, cx.facts, cx.region)).build()
    };
    let missing: Vec<StandardsSubscriptionRequest> = want.standards.difference(&there).map(request).collect();
    for batch in missing.chunks(MOST_AT_ONCE) {
        hub.call("BatchEnableStandards", |c| {
            c.batch_enable_standards().set_standards_subscription_requests(Some(batch.to_vec())).send()
        })
        .await?;
    }
    let extra = there.difference(&want.standards).filter_map(|key| have.standards.get(key).cloned());
    for batch in extra.collect::<Vec<String>>().chunks(MOST_AT_ONCE) {
        hub.call("BatchDisableStandards", |c| {
            c.batch_disable_standards().set_standards_subscription_arns(Some(batch.to_vec())).send()
        })
        .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(keys: &[&str]) -> Desired {
        let standards = keys.iter().map(ToString::to_string).collect();
        Desired { standards, auto_enable_controls: Some(true) }
    }

    fn have(keys: &[&str]) -> Actual {
        let standards = keys.iter().map(|key| ((*key).to_owned(), format!("arn:{key}"))).collect();
        Actual { hub: Some(Hub::FRESH), standards }
    }

    #[test]
    fn a_missing_hub_and_an_empty_one_differ_alike() {
        let absent = AccountStandards::diff(&want(&["fsbp"]), &Actual::default());
        assert_eq!(absent, AccountStandards::diff(&want(&["fsbp"]), &have(&[])));
        assert_eq!((absent.changes.len(), absent.risk()), (1, Risk::Normal));
    }

    #[test]
    fn standards_of_other_services_stay() {
        let control_tower = "standards/service-managed-aws-control-tower/v/1.0.0";
        assert!(AccountStandards::diff(&want(&["fsbp"]), &have(&["fsbp", control_tower])).is_empty());
        let d = AccountStandards::diff(&want(&["fsbp"]), &have(&["fsbp", "cis-1.2"]));
        assert_eq!((d.changes.len(), d.risk()), (1, Risk::Disruptive));
    }
}
