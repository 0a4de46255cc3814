//! Firewall Manager's notification channel: in each region an SNS topic in the administrator's account, to which Firewall
//! Manager publishes what it sees, such as DDoS attacks that Shield Advanced finds.
//!
//! * Who the administrator is, `delegated_admins` sets. Where live AWS has another one, nothing is configured: its channels
//!   are its own, and nobody is made administrator again here.
//! * The topic's policy names the service-linked role, as the guide shows it. The role is there once the account is
//!   administrator.
//!   <https://docs.aws.amazon.com/waf/latest/developerguide/fms-api-permissions-ref.html>
//! * A region has one channel; `PutNotificationChannel` replaces it.
//!   <https://docs.aws.amazon.com/fms/2018-01-01/APIReference/API_PutNotificationChannel.html>

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::Clients;
use crate::baseline::Baseline;
use crate::control::{Adjusted, 
    Control, Cx, DesiredCx, Diff, DynControl, Meta, Reference, Risk, Scope, Seat, Section, SectionMeta, Shape,
    Wanted, control,
};
use crate::controls::delegated_admins::{DelegatedAdmins, global_region};
use crate::diag::Findings;
use crate::error::{Absent, CallError, Kind, UnitError};
use crate::names;
use crate::resource::declared;
use crate::resource::statements::{Ours, allow_aws};
use crate::resource::topic::{self, Endpoint, Resend, target_problem};

/// Codes of an administrator, or a channel, that does not exist.
const NONE: &[&str] = &["ResourceNotFoundException"];

/// Notifications of AWS Firewall Manager: a topic in each region of the administrator's account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FirewallManager {
    /// Who is subscribed to the topics: e-mail addresses and https URLs. An e-mail address must be confirmed by its owner, once
    /// for each region. Left out: subscriptions are not managed.
    pub notify: Option<Vec<String>>,
}

impl Section for FirewallManager {
    const META: SectionMeta = SectionMeta {
        id: "firewall_manager",
        title: "Firewall Manager notifications",
        summary: "Makes an SNS topic in each region of the Firewall Manager administrator's account, lets Firewall \
                  Manager publish to it, and names it as the region's notification channel. The administrator itself \
                  is `delegated_admins.fms`; where the organization has another one, nothing is configured. Policies \
                  of Firewall Manager are not managed.",
        shape: Shape::Table,
        references: &[
            Reference::row("STX-034"),
            Reference::row("STX-035").partly("an e-mail subscription is confirmed by its owner"),
            Reference::row("STX-036"),
        ],
        billed: Some("SNS per message beyond the free ones"),
    };

    fn check(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        if declared::<DelegatedAdmins>(baseline).is_none_or(|admins| admins.fms.is_none()) {
            findings.hint(
                "",
                "the baseline names no Firewall Manager administrator",
                "declare `fms` in `[delegated_admins]`",
            );
        }
        for (i, target) in self.notify.iter().flatten().enumerate() {
            let path = format!("notify[{i}]");
            if target.starts_with("arn:") {
                findings.at(&path, "Firewall Manager notifies its own topic: name an e-mail address or an https URL");
            } else if let Some(problem) = target_problem(target, &baseline.organization.home_region) {
                findings.at(&path, problem);
            }
        }
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<NotificationChannel>()]
    }
}

/// The only part: one region.
struct NotificationChannel;

/// What a region should have.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Desired {
    /// Id of the account that must be the administrator.
    administrator: String,
    topic: topic::Desired,
    channel: Channel,
}

/// A notification channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Channel {
    topic: String,
    role: String,
}

/// What is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Actual {
    /// Id of the account that is the administrator; `None`: there is none.
    administrator: Option<String>,
    topic: topic::Actual,
    channel: Option<Channel>,
}

impl Control for NotificationChannel {
    type Section = FirewallManager;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        scope: Scope::OrganizationRegion,
        seat: Seat::DelegatedAdmin("fms"),
        elsewhere: &[(Seat::Management, &["fms:GetAdminAccount"])],
        after: &["delegated_admins.admin:fms"],
        reads: &[
            "fms:GetAdminAccount",
            "fms:GetNotificationChannel",
            "sns:GetTopicAttributes",
            "sns:ListSubscriptionsByTopic",
            "sns:ListTagsForResource",
        ],
        writes: &[
            "fms:PutNotificationChannel",
            "sns:CreateTopic",
            "sns:SetTopicAttributes",
            "sns:Subscribe",
            "sns:TagResource",
            "sns:Unsubscribe",
        ],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, FirewallManager>) -> Vec<Wanted<Desired>> {
        let administrator = cx.account.id.clone();
        let name = names::firewall_manager_topic(cx.baseline);
        let arn = cx.facts.arn("sns", cx.region, &administrator, &name);
        let role = names::firewall_manager_role_arn(cx.facts, &administrator);
        let publish = allow_aws("OrgbaseFirewallManager", &role, &["sns:Publish"]);
        Wanted::one(Desired {
            administrator,
            topic: topic::Desired {
                name,
                policy: Ours(vec![publish.on(std::slice::from_ref(&arn)).done()]),
                arn: arn.clone(),
                kms_key: None,
                subscriptions: cx.section.notify.as_ref().map(|targets| Endpoint::all(targets)),
                resend: cx.baseline.resubscribe.then(Resend::default),
                owner: FirewallManager::META.id,
            },
            channel: Channel { topic: arn, role },
        })
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        let administrator = administrator(cx).await?;
        if administrator.as_ref().is_some_and(|id| *id != want.administrator) {
            return Ok(Actual { administrator, topic: topic::Actual(None), channel: None });
        }
        let topic = topic::read(cx.aws, &want.topic).await?;
        Ok(Actual { channel: channel(cx, administrator.is_some()).await?, administrator, topic })
    }

    fn adjust(section: &mut FirewallManager, _cx: &Cx<'_>, _want: &Desired, have: &Actual) -> Adjusted {
        section.notify = Some(have.topic.targets());
        Adjusted::said(&["notify."])
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        if let Some(other) = have.administrator.as_ref().filter(|id| **id != want.administrator) {
            let mut d = Diff::new();
            d.skipped = Some(format!("account {other} is the Firewall Manager administrator: its topics are its own"));
            return d;
        }
        let mut d = topic::diff(&want.topic, &have.topic);
        let replaces = have.channel.as_ref().is_some_and(|c| c.topic != want.channel.topic);
        let risk = if replaces { Risk::Disruptive } else { Risk::Normal };
        d.optional("notification_channel", have.channel.as_ref(), Some(&want.channel), risk);
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        if have.administrator.is_none() {
            let message = "Firewall Manager has no administrator yet";
            return Err(UnitError::new(Kind::Conflict, message).hint("apply `delegated_admins` as well"));
        }
        topic::apply(cx.aws, &want.topic, &have.topic).await?;
        if have.channel.as_ref() != Some(&want.channel) {
            let Channel { topic, role } = &want.channel;
            let put = |c: &aws_sdk_fms::Client| {
                c.put_notification_channel().sns_topic_arn(topic).sns_role_name(role).send()
            };
            cx.aws.fms().call("PutNotificationChannel", put).await?;
        }
        Ok(())
    }
}

/// Id of the default administrator, which the management account is told in one region: asked once for all regions.
async fn administrator(cx: &Cx<'_>) -> Result<Option<String>, UnitError> {
    let region = global_region(cx.aws.partition());
    let global = cx.aws.elsewhere(&cx.facts.management_account, region).await?;
    Ok(cx.once_at(&global, "fms administrator", ask_administrator(&global)).await?.as_ref().clone())
}

async fn ask_administrator(global: &Clients) -> Result<Option<String>, CallError> {
    let answer =
        global.fms().call("GetAdminAccount", |c| c.get_admin_account().send()).await.absent(NONE)?;
    let is_gone =
        |status: Option<&aws_sdk_fms::types::AccountRoleStatus>| status.is_some_and(|s| s.as_str() == "DELETED");
    Ok(answer.filter(|a| !is_gone(a.role_status.as_ref())).and_then(|a| a.admin_account))
}

/// The channel of the region. Who is no administrator yet has none.
async fn channel(cx: &Cx<'_>, is_administrator: bool) -> Result<Option<Channel>, UnitError> {
    if !is_administrator {
        return Ok(None);
    }
    let answer = cx
        .aws
        .fms()
        .call("GetNotificationChannel", |c| c.get_notification_channel().send())
        .await
        .absent(NONE)?;
    let Some(answer) = answer else { return Ok(None) };
    // Without a channel AWS answers with nothing in it.
    let Some(topic) = answer.sns_topic_arn else { return Ok(None) };
    Ok(Some(Channel { topic, role: answer.sns_role_name.unwrap_or_default() }))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::*;
    use crate::controls::log_archive::tests::{baseline, facts, messages, set};

    const ADMIN: &str = "[delegated_admins]\nfms = \"log-archive\"\n[firewall_manager]\n";

    fn want(keys: &str) -> Desired {
        let (facts, baseline) = (facts(), baseline("", &format!("{ADMIN}{keys}")));
        let section = declared::<FirewallManager>(&baseline).unwrap();
        let account = &facts.accounts["222222222222"];
        let cx = DesiredCx { section: &section, account, region: "us-east-1", facts: &facts, baseline: &baseline };
        set(NotificationChannel::desired(&cx)).remove(0)
    }

    fn have(administrator: &str, channel: Option<Channel>) -> Actual {
        Actual { administrator: Some(administrator.into()), topic: topic::Actual(None), channel }
    }

    #[test]
    fn the_service_linked_role_publishes_to_the_topic_of_the_region() {
        let want = want("");
        let topic = "arn:aws:sns:us-east-1:222222222222:orgbase-firewall-manager";
        let role = "arn:aws:iam::222222222222:role/aws-service-role/fms.amazonaws.com/AWSServiceRoleForFMS";
        assert_eq!(want.channel, Channel { topic: topic.into(), role: role.into() });
        assert_eq!(
            want.topic.policy.0[0].to_value(),
            json!({
                "Sid": "OrgbaseFirewallManager", "Effect": "Allow", "Principal": {"AWS": role},
                "Action": "sns:Publish", "Resource": topic
            })
        );
    }

    #[test]
    fn another_administrators_topics_are_its_own() {
        let d = NotificationChannel::diff(&want(""), &have("333333333333", None));
        assert!(d.is_empty() && d.skipped.is_some_and(|why| why.contains("333333333333")));
    }

    #[test]
    fn a_channel_to_another_topic_is_replaced_with_a_warning() {
        let want = want("");
        let paths = |d: &Diff| d.changes.iter().map(|c| c.path.clone()).collect::<Vec<_>>();
        let fresh = NotificationChannel::diff(&want, &have("222222222222", None));
        assert_eq!((paths(&fresh), fresh.risk()), (vec!["topic".into(), "notification_channel".into()], Risk::Normal));
        let other = Channel { topic: "arn:aws:sns:us-east-1:222222222222:old".into(), ..want.channel.clone() };
        let taken = NotificationChannel::diff(&want, &have("222222222222", Some(other)));
        assert_eq!(taken.risk(), Risk::Disruptive);
    }

    #[test]
    fn what_makes_no_sense_is_found() {
        assert_eq!(messages("", "[firewall_manager]").len(), 1);
        assert_eq!(messages("", &format!("{ADMIN}notify = [\"nobody\"]")).len(), 1);
        let topic = "arn:aws:sns:eu-west-1:222222222222:pager";
        assert_eq!(messages("", &format!("{ADMIN}notify = [\"{topic}\"]")).len(), 1);
    }
}
