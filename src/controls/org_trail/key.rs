//! The monitoring key: an own KMS key in the management account for the trail's log group and the alarms' topic.
//!
//! Both sections may want it, and it is one resource: what it must allow follows from the whole baseline, and only one
//! of the two sections makes it.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html>

use super::OrgTrail;
use crate::baseline::Baseline;
use crate::control::{Adjusted, Control, Cx, DesiredCx, Diff, Meta, Scope, Seat, Section as _, Wanted};
use crate::controls::metric_alarms::MetricAlarms;
use crate::error::UnitError;
use crate::facts::Facts;
use crate::names;
use crate::resource::kms_key::{self, Actual, Desired};
use crate::resource::statements::{Ours, allow_aws, allow_service};
use crate::resource::{declared, dns_suffix};

/// Part `key`.
pub(super) struct MonitoringKey;

impl Control for MonitoringKey {
    type Section = OrgTrail;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "key",
        scope: Scope::Organization,
        seat: Seat::Management,
        reads: kms_key::READS,
        writes: kms_key::WRITES,
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, OrgTrail>) -> Vec<Wanted<Desired>> {
        monitoring_key(cx.baseline, cx.facts, OrgTrail::META.id).into_iter().flat_map(Wanted::one).collect()
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        kms_key::read(cx.aws, want).await
    }

    fn adjust(section: &mut OrgTrail, _cx: &Cx<'_>, want: &Desired, have: &Actual) -> Adjusted {
        let there = kms_key::diff(want, have).changes.iter().all(|change| change.path != "key");
        section.log_group_kms &= there;
        Adjusted::said(&["key"])
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        kms_key::diff(want, have)
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        kms_key::apply(cx.aws, want, have).await
    }
}

/// The monitoring key, where the baseline needs it and `section` is the one that makes it: `org_trail` if its log
/// group is encrypted, else `metric_alarms`.
pub(crate) fn monitoring_key(baseline: &Baseline, facts: &Facts, section: &str) -> Option<Desired> {
    let logs = declared::<OrgTrail>(baseline).is_some_and(|trail| trail.log_group_kms && trail.cloudwatch_logs);
    let topic = declared::<MetricAlarms>(baseline).is_some_and(|alarms| alarms.topic_kms);
    let owner = match (logs, topic) {
        (true, _) => OrgTrail::META.id,
        (false, true) => MetricAlarms::META.id,
        (false, false) => return None,
    };
    (owner == section).then(|| Desired {
        alias: names::monitoring_key_alias(baseline),
        description: "Encrypts the organization trail's log group and the topic of the alarms".into(),
        rotation_days: None,
        policy: policy(baseline, facts, logs, topic),
        owner,
    })
}

fn policy(baseline: &Baseline, facts: &Facts, logs: bool, topic: bool) -> Ours {
    let all = ["*".to_string()];
    let account = &facts.management_account;
    let mut statements =
        vec![allow_aws("OrgbaseAccount", &facts.arn("iam", "", account, "root"), &["kms:*"]).on(&all).done()];
    if logs {
        let service = format!("logs.{}.{}", baseline.organization.home_region, dns_suffix(facts));
        let actions = ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"];
        let group = names::trail_log_group_arn(baseline, facts);
        statements.push(
            allow_service("OrgbaseLogs", &service, &actions)
                .on(&all)
                .arn_like("kms:EncryptionContext:aws:logs:arn", &[group])
                .done(),
        );
    }
    if topic {
        statements.push(
            allow_service("OrgbaseAlarms", "cloudwatch.amazonaws.com", &["kms:Decrypt", "kms:GenerateDataKey*"])
                .on(&all)
                .equals("aws:SourceAccount", account)
                .done(),
        );
    }
    Ours(statements)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::controls::log_archive::tests::{baseline, facts};

    fn sids(baseline: &Baseline, section: &str) -> Option<Vec<String>> {
        let key = monitoring_key(baseline, &facts(), section)?;
        Some(key.policy.0.into_iter().map(|s| s.sid.unwrap()).collect())
    }

    #[test]
    fn one_section_makes_the_key_and_it_serves_both() {
        let trail = "[org_trail]\nname = \"org-trail\"\n";
        let both = baseline("", &format!("{trail}log_group_kms = true\n[metric_alarms]\nset = \"cis\"\ntopic_kms = true"));
        assert_eq!(sids(&both, "org_trail").unwrap(), ["OrgbaseAccount", "OrgbaseLogs", "OrgbaseAlarms"]);
        assert_eq!(sids(&both, "metric_alarms"), None);

        let topic = baseline("", &format!("{trail}[metric_alarms]\nset = \"cis\"\ntopic_kms = true"));
        assert_eq!(sids(&topic, "org_trail"), None);
        assert_eq!(sids(&topic, "metric_alarms").unwrap(), ["OrgbaseAccount", "OrgbaseAlarms"]);

        let none = baseline("", trail);
        assert_eq!((sids(&none, "org_trail"), sids(&none, "metric_alarms")), (None, None));
    }

    #[test]
    fn the_log_service_may_use_it_for_the_trails_log_group_alone() {
        let logs = baseline("", "[org_trail]\nname = \"org-trail\"\nlog_group_kms = true");
        let key = monitoring_key(&logs, &facts(), "org_trail").unwrap();
        let statement = key.policy.0[1].to_value();
        assert_eq!(statement["Principal"]["Service"], "logs.eu-west-1.amazonaws.com");
        assert_eq!(
            statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"],
            "arn:aws:logs:eu-west-1:111111111111:log-group:orgbase-cloudtrail"
        );
    }
}
