//! Part `export`: findings of all members go to the log archive's bucket, from the administrator's detector in each region.
//!
//! A detector has one destination per type, and buckets are the only type: one that is there is pointed to the archive. The
//! key is found by its alias in the log archive's account and compared as what the alias stands for.
//! <https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_exportfindings.html>

use std::time::Duration;

use aws_sdk_guardduty::types::{DestinationProperties, DestinationType, PublishingStatus};
use serde::Serialize;

use super::{GuardDuty, detector};
use crate::control::{Adjusted, Control, Cx, DesiredCx, Diff, Meta, Risk, Scope, Seat, Want, Wanted};
use crate::controls::log_archive::LogArchive;
use crate::error::{Kind, UnitError};
use crate::names::{self, LogBucket};
use crate::resource::regions::is_opt_in;
use crate::resource::{declared, kms_key};

/// How often, and with which pauses, a new destination's verification is waited for.
const POLLS: usize = 20;
const PAUSE: Duration = Duration::from_secs(3);

/// One unit per region.
pub(super) struct Export;

/// Where findings should go.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Desired {
    /// ARN of the bucket.
    bucket: String,
    /// ARN of the alias of the key.
    key: String,
    /// The log archive's account, which owns both.
    owner: String,
    /// Region of both.
    #[serde(skip)]
    home: String,
}

/// What is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Actual {
    /// Id of the administrator's detector.
    #[serde(skip)]
    detector: Option<String>,
    /// ARN of the key behind the wanted alias, where it exists.
    #[serde(skip)]
    key_arn: Option<String>,
    destination: Option<Destination>,
}

/// A publishing destination.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Destination {
    #[serde(skip)]
    id: String,
    /// As AWS says it, such as `PUBLISHING`.
    status: String,
    /// ARN, maybe with a prefix.
    bucket: String,
    /// Our alias where it is our key, else the ARN.
    key: String,
    /// Who must own the bucket; absent where nobody said so.
    owner: Option<String>,
}

impl Control for Export {
    type Section = GuardDuty;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "export",
        scope: Scope::OrganizationRegion,
        seat: Seat::DelegatedAdmin("guardduty"),
        elsewhere: &[(Seat::LogArchive, &["kms:DescribeKey"])],
        after: &["log_archive", "guardduty.organization@region"],
        reads: &[
            "guardduty:DescribePublishingDestination",
            "guardduty:ListDetectors",
            "guardduty:ListPublishingDestinations",
            "kms:DescribeKey",
        ],
        writes: &["guardduty:CreatePublishingDestination", "guardduty:UpdatePublishingDestination"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, GuardDuty>) -> Vec<Wanted<Desired>> {
        if !cx.section.export_findings {
            return Vec::new();
        }
        let (part, at) = (String::new(), String::new());
        vec![Wanted { part, at, about: None, after: Vec::new(), want: wanted(cx) }]
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        let Some(detector) = detector::own(cx).await? else { return Ok(Actual::default()) };
        let alias = want.key.split_once(":alias/").map(|(_, name)| format!("alias/{name}")).unwrap_or_default();
        let there = cx.aws.elsewhere(&want.owner, &want.home).await?;
        let key_arn = kms_key::resolve_once(cx, &there, &alias).await?;
        let destination = destination(cx, want, &detector, key_arn.as_deref()).await?;
        Ok(Actual { detector: Some(detector), key_arn, destination })
    }

    fn adjust(section: &mut GuardDuty, _cx: &Cx<'_>, want: &Desired, have: &Actual) -> Adjusted {
        section.export_findings = have.destination.as_ref().is_some_and(|found| found.bucket == want.bucket);
        if section.export_findings { Adjusted::default() } else { Adjusted::said(&["export_findings"]) }
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        let Some(found) = &have.destination else {
            d.create("export_findings", want);
            return d;
        };
        // Whoever reads the old bucket gets nothing more.
        d.risky("export_findings.bucket", &found.bucket, Some(&want.bucket), Risk::Disruptive);
        d.field("export_findings.key", &found.key, Some(&want.key));
        if let Some(owner) = found.owner.as_ref() {
            d.field("export_findings.owner", owner, Some(&want.owner));
        }
        if found.status == PublishingStatus::PendingVerification.as_str() {
            d.pending = Some("the export of findings is PENDING_VERIFICATION".into());
        } else {
            d.field("export_findings.status", &found.status.as_str(), Some(&PublishingStatus::Publishing.as_str()));
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        let Some(detector) = &have.detector else { return Err(UnitError::missing("the administrator's detector")) };
        let Some(key) = &have.key_arn else {
            return Err(UnitError::new(Kind::Vanished, format!("there is no key {}", want.key))
                .hint("run without `--only`, so that `log_archive` makes it first"));
        };
        let properties = DestinationProperties::builder()
            .destination_arn(&want.bucket)
            .kms_key_arn(key)
            .expected_bucket_owner(&want.owner)
            .build();
        let guardduty = cx.aws.guardduty();
        match &have.destination {
            None => {
                let create = |c: &aws_sdk_guardduty::Client| {
                    c.create_publishing_destination()
                        .detector_id(detector)
                        .destination_type(DestinationType::S3)
                        .destination_properties(properties.clone())
                        .send()
                };
                guardduty.call("CreatePublishingDestination", create).await.map(drop)?;
            }
            Some(found) => {
                let update = |c: &aws_sdk_guardduty::Client| {
                    c.update_publishing_destination()
                        .detector_id(detector)
                        .destination_id(&found.id)
                        .destination_properties(properties.clone())
                        .send()
                };
                guardduty.call("UpdatePublishingDestination", update).await.map(drop)?;
            }
        }
        verified(cx, want, have, detector).await
    }
}

/// In opt-in regions GuardDuty exports to buckets in the same region or in one that every account has; from the others, to
/// none in an opt-in region.
fn wanted(cx: &DesiredCx<'_, GuardDuty>) -> Want<Desired> {
    let DesiredCx { baseline, facts, region, .. } = *cx;
    let home = &baseline.organization.home_region;
    let key = declared::<LogArchive>(baseline).map(|archive| archive.account);
    let Some(key) = key else { return Want::Blocked("no `[log_archive]` is declared".into()) };
    let Some(owner) = baseline.account_id(&key, facts) else {
        return Want::Blocked(format!("account `{key}` does not exist yet: run `orgbase vend {key}`"));
    };
    if is_opt_in(facts, home) && region != home {
        return Want::NotApplicable(format!("GuardDuty cannot export from here to a bucket in {home}"));
    }
    let bucket = names::log_bucket(baseline, LogBucket::Findings, &owner);
    Want::Set(Desired {
        bucket: facts.arn("s3", "", "", &bucket),
        key: facts.arn("kms", home, &owner, &names::log_key_alias(baseline)),
        owner,
        home: home.clone(),
    })
}

/// The destination, of which there is at most one.
async fn destination(
    cx: &Cx<'_>,
    want: &Desired,
    detector: &str,
    key_arn: Option<&str>,
) -> Result<Option<Destination>, UnitError> {
    let guardduty = cx.aws.guardduty();
    let listed = guardduty
        .pages(
            "ListPublishingDestinations",
            |c, t| c.list_publishing_destinations().detector_id(detector).set_next_token(t).send(),
            |a| (a.destinations, a.next_token),
        )
        .await?;
    let Some(id) = listed.into_iter().find_map(|found| found.destination_id) else { return Ok(None) };
    let found = guardduty
        .call("DescribePublishingDestination", |c| {
            c.describe_publishing_destination().detector_id(detector).destination_id(&id).send()
        })
        .await?;
    let properties = found.destination_properties.ok_or_else(|| UnitError::missing("the destination's properties"))?;
    let status = found.status.ok_or_else(|| UnitError::missing("the destination's status"))?;
    let key = properties.kms_key_arn.unwrap_or_default();
    let is_ours = key_arn == Some(key.as_str()) || want.key == key;
    Ok(Some(Destination {
        id,
        status: status.as_str().to_owned(),
        bucket: properties.destination_arn.unwrap_or_default(),
        key: if is_ours { want.key.clone() } else { key },
        owner: properties.expected_bucket_owner,
    }))
}

/// Waits until GuardDuty has tried what was written, or for a minute: the next read tells what came of it.
async fn verified(cx: &Cx<'_>, want: &Desired, have: &Actual, detector: &str) -> Result<(), UnitError> {
    for _ in 0..POLLS {
        let found = destination(cx, want, detector, have.key_arn.as_deref()).await?;
        let waits = |found: Destination| found.status == PublishingStatus::PendingVerification.as_str();
        if !found.is_some_and(waits) {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::super::tests::{LOG, SECURITY, baseline, facts};
    use super::*;
    use crate::facts::Facts;

    fn wanted_in(facts: &Facts, home: &str, region: &str) -> Option<Want<Desired>> {
        let mut baseline = baseline("export_findings = true");
        baseline.organization.home_region = home.into();
        let section = declared::<GuardDuty>(&baseline).unwrap();
        let cx = DesiredCx { section: &section, account: &facts.accounts[SECURITY], region, facts, baseline: &baseline };
        Export::desired(&cx).pop().map(|wanted| wanted.want)
    }

    fn want() -> Desired {
        let Some(Want::Set(want)) = wanted_in(&facts(), "eu-west-1", "us-east-1") else { unreachable!() };
        want
    }

    fn found(status: &str) -> Actual {
        let want = want();
        let destination = Destination {
            id: "d".into(),
            status: status.into(),
            bucket: want.bucket,
            key: want.key,
            owner: Some(want.owner),
        };
        Actual { destination: Some(destination), ..Actual::default() }
    }

    #[test]
    fn the_archives_bucket_and_key_are_named() {
        let want = want();
        assert_eq!(want.bucket, format!("arn:aws:s3:::orgbase-findings-{LOG}"));
        assert_eq!(want.key, format!("arn:aws:kms:eu-west-1:{LOG}:alias/orgbase-log-archive"));
        assert!(matches!(wanted_in(&facts(), "me-south-1", "us-east-1"), Some(Want::NotApplicable(_))));
        assert!(matches!(wanted_in(&facts(), "me-south-1", "me-south-1"), Some(Want::Set(_))));
        let mut none = facts();
        none.accounts.remove(LOG);
        assert!(matches!(wanted_in(&none, "eu-west-1", "us-east-1"), Some(Want::Blocked(_))));
    }

    #[test]
    fn another_bucket_is_disruptive_and_a_stopped_export_starts_again() {
        assert!(Export::diff(&want(), &found("PUBLISHING")).is_empty());
        let stopped = Export::diff(&want(), &found("STOPPED"));
        assert_eq!((stopped.changes.len(), stopped.risk()), (1, Risk::Normal));
        assert!(Export::diff(&want(), &found("PENDING_VERIFICATION")).pending.is_some());
        let mut elsewhere = found("PUBLISHING");
        elsewhere.destination.as_mut().unwrap().bucket = "arn:aws:s3:::theirs".into();
        assert_eq!(Export::diff(&want(), &elsewhere).risk(), Risk::Disruptive);
        let mut unchecked = found("PUBLISHING");
        unchecked.destination.as_mut().unwrap().owner = None;
        assert!(Export::diff(&want(), &unchecked).is_empty(), "nobody asked GuardDuty to check the owner");
        assert_eq!(Export::diff(&want(), &Actual::default()).changes.len(), 1);
    }
}
