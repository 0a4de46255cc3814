//! The finding aggregator: findings of the linked regions arrive in the home region.
//!
//! There is one per account, and central configuration needs it. Its region cannot be changed: a new one would have to be
//! made, and central configuration to end before.
//! <https://docs.aws.amazon.com/securityhub/latest/userguide/finding-aggregation.html>

use serde::Serialize;
use serde_json::json;

use super::{SecurityHub, calls};
use crate::control::{Adjusted, Control, Cx, DesiredCx, Diff, Meta, Risk, Seat, Wanted};
use crate::error::{Absent as _, UnitError};

/// The only unit.
pub(super) struct FindingAggregator;

/// Which regions are linked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Desired {
    home: String,
    mode: &'static str,
    /// Included or left out; sorted.
    regions: Vec<String>,
}

/// The aggregator that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Actual {
    arn: String,
    home: String,
    mode: String,
    /// Sorted.
    regions: Vec<String>,
}

impl Control for FindingAggregator {
    type Section = SecurityHub;
    type Desired = Desired;
    type Actual = Option<Actual>;
    const META: Meta = Meta {
        part: "aggregator",
        seat: Seat::DelegatedAdmin("securityhub"),
        after: &["delegated_admins", "securityhub.administrator"],
        reads: &["securityhub:GetFindingAggregator", "securityhub:ListFindingAggregators"],
        writes: &["securityhub:CreateFindingAggregator", "securityhub:UpdateFindingAggregator"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, SecurityHub>) -> Vec<Wanted<Desired>> {
        let (mode, regions) = cx.section.linking(cx.baseline);
        let home = cx.baseline.organization.home_region.clone();
        Wanted::one(Desired { home, mode: mode.as_str(), regions })
    }

    async fn read(cx: &Cx<'_>, _want: &Desired) -> Result<Option<Actual>, UnitError> {
        let hub = cx.aws.securityhub();
        let listed = hub
            .pages(
                "ListFindingAggregators",
                |c, t| c.list_finding_aggregators().set_next_token(t).send(),
                |a| (a.finding_aggregators, a.next_token),
            )
            .await
            .absent(calls::NOT_ENABLED)?;
        let Some(arn) = listed.unwrap_or_default().into_iter().find_map(|a| a.finding_aggregator_arn) else {
            return Ok(None);
        };
        let found = hub
            .call("GetFindingAggregator", |c| c.get_finding_aggregator().finding_aggregator_arn(&arn).send())
            .await
            .absent(&["ResourceNotFoundException"])?;
        let Some(found) = found else { return Ok(None) };
        let mut regions = found.regions.unwrap_or_default();
        regions.sort();
        let home = found.finding_aggregation_region.ok_or_else(|| UnitError::missing("the aggregation region"))?;
        let mode = found.region_linking_mode.ok_or_else(|| UnitError::missing("the region linking mode"))?;
        Ok(Some(Actual { arn, home, mode, regions }))
    }

    fn adjust(section: &mut SecurityHub, _cx: &Cx<'_>, want: &Desired, have: &Option<Actual>) -> Adjusted {
        let Some(have) = have.as_ref().filter(|have| have.home == want.home) else { return Adjusted::default() };
        if have.mode != want.mode || have.regions != want.regions {
            section.linking_mode = serde_json::from_value(json!(have.mode)).ok();
            section.linking_regions.clone_from(&have.regions);
        }
        Adjusted::said(&["linking_"])
    }

    fn diff(want: &Desired, have: &Option<Actual>) -> Diff {
        let mut d = Diff::new();
        let Some(have) = have else {
            d.create("linking_mode", want.mode);
            if !want.regions.is_empty() {
                d.create("linking_regions", &want.regions);
            }
            return d;
        };
        if have.home != want.home {
            d.push("home_region", json!(have.home), json!(want.home), Risk::Disruptive);
            d.by_hand = Some(format!(
                "findings are aggregated in {}: set `organization.home_region` to it, or end central configuration and \
                 delete the aggregator there (aws securityhub delete-finding-aggregator)",
                have.home
            ));
            return d;
        }
        let risk = if unlinks(want, have) { Risk::Disruptive } else { Risk::Normal };
        let mode = want.mode.to_owned();
        d.risky("linking_mode", &have.mode, Some(&mode), risk);
        d.risky("linking_regions", &have.regions, Some(&want.regions), risk);
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Option<Actual>) -> Result<(), UnitError> {
        let regions = Some(want.regions.clone()).filter(|regions| !regions.is_empty());
        let hub = cx.aws.securityhub();
        match have {
            None => {
                hub.call("CreateFindingAggregator", |c| {
                    c.create_finding_aggregator().region_linking_mode(want.mode).set_regions(regions.clone()).send()
                })
                .await?;
            }
            Some(have) => {
                hub.call("UpdateFindingAggregator", |c| {
                    let call = c.update_finding_aggregator().finding_aggregator_arn(&have.arn);
                    call.region_linking_mode(want.mode).set_regions(regions.clone()).send()
                })
                .await?;
            }
        }
        Ok(())
    }
}

/// Whether a region that is linked may no longer be: its findings stay there, and policies end in it.
fn unlinks(want: &Desired, have: &Actual) -> bool {
    let lacks = |list: &[String], of: &[String]| of.iter().any(|region| !list.contains(region));
    match (have.mode.as_str(), want.mode) {
        (_, "ALL_REGIONS") | ("NO_REGIONS", _) => false,
        ("SPECIFIED_REGIONS", "SPECIFIED_REGIONS") => lacks(&want.regions, &have.regions),
        ("SPECIFIED_REGIONS", "ALL_REGIONS_EXCEPT_SPECIFIED") => have.regions.iter().any(|r| want.regions.contains(r)),
        ("ALL_REGIONS_EXCEPT_SPECIFIED", "ALL_REGIONS_EXCEPT_SPECIFIED") => lacks(&have.regions, &want.regions),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(mode: &'static str, regions: &[&str]) -> Desired {
        Desired { home: "eu-west-1".into(), mode, regions: regions.iter().map(ToString::to_string).collect() }
    }

    fn have(home: &str, mode: &str, regions: &[&str]) -> Actual {
        let regions = regions.iter().map(ToString::to_string).collect();
        Actual { arn: "arn".into(), home: home.into(), mode: mode.into(), regions }
    }

    #[test]
    fn fewer_linked_regions_are_disruptive_and_more_are_not() {
        let check = |have: &Actual, want: &Desired, changes: usize, risk: Risk| {
            let d = FindingAggregator::diff(want, &Some(have.clone()));
            assert_eq!((d.changes.len(), d.risk()), (changes, risk), "{have:?} -> {want:?}");
        };
        let is = |mode: &str, regions: &[&str]| have("eu-west-1", mode, regions);
        let (these, all, but) = ("SPECIFIED_REGIONS", "ALL_REGIONS", "ALL_REGIONS_EXCEPT_SPECIFIED");
        check(&is(these, &["a"]), &want(these, &["a"]), 0, Risk::Normal);
        check(&is(these, &["a"]), &want(these, &["a", "b"]), 1, Risk::Normal);
        check(&is(these, &["a", "b"]), &want(these, &["a"]), 1, Risk::Disruptive);
        check(&is(all, &[]), &want(these, &["a"]), 2, Risk::Disruptive);
        check(&is(these, &["a"]), &want(all, &[]), 2, Risk::Normal);
        check(&is(but, &["a"]), &want(but, &["a", "b"]), 1, Risk::Disruptive);
        check(&is(but, &["a", "b"]), &want(but, &["a"]), 1, Risk::Normal);
    }

    #[test]
    fn another_home_region_is_a_persons_business() {
        let d = FindingAggregator::diff(&want("NO_REGIONS", &[]), &Some(have("us-east-1", "NO_REGIONS", &[])));
        assert!(d.by_hand.is_some_and(|text| text.contains("us-east-1")));
        assert_eq!(FindingAggregator::diff(&want("NO_REGIONS", &[]), &None).changes.len(), 1);
    }
}
