//! A role in every account for working with AWS Support.
//!
//! CIS asks that the managed policy `AWSSupportAccess` is attached to some role. Another role that has it meets the rule
//! as well; the section makes its own all the same, and says that there is one: declare its name to adopt it.
//! <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSSupportAccess.html>

use aws_sdk_iam::types::EntityType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::Baseline;
use crate::control::{Control, Cx, DesiredCx, Diff, DynControl, Import, ImportCx, Meta, Reference, Risk, Scope, Seat, Section, SectionMeta, Shape, Want, Wanted, control};
use crate::diag::Findings;
use crate::error::{Absent, UnitError};
use crate::names;
use crate::resource::access_role::{self, Desired, Role};
use crate::resource::trust::{self, Trusted};

/// The managed policy of AWS.
const POLICY: &str = "policy/AWSSupportAccess";

/// A role in every account, the management account included, with which people open and follow AWS Support cases.
///
/// Its trust policy is authoritative. Further policies that are attached to it stay, unless `exclusive` is `true`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SupportRole {
    /// Name of the role; `<prefix>-support` where it is left out. A role of this name is adopted.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[\w+=,.@-]+$"))]
    pub name: Option<String>,
    /// Key of the account whose principals may assume the role; the management account where it is left out.
    pub trusted_account: Option<String>,
    /// ARNs of the roles and users of that account that may assume it, with `*`, such as
    /// `arn:aws:iam::*:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Support_*`; left out: those that the account
    /// itself allows it.
    #[schemars(length(min = 1), inner(regex(pattern = r"^arn:[a-z*-]+:iam::([0-9]{12}|\*):(role|user)/.+$")))]
    pub trusted_principals: Option<Vec<String>>,
    /// Longest session. Left out: not managed, which is one hour for a role that is made.
    #[schemars(range(min = 3600, max = 43200), extend("x-unit" = "seconds"))]
    pub max_session_seconds: Option<i32>,
    /// Detaches every other managed policy from the role.
    pub exclusive: bool,
}

impl Section for SupportRole {
    const META: SectionMeta = SectionMeta {
        id: "support_role",
        title: "AWS Support role",
        summary: "A role with the managed policy AWSSupportAccess in every account, trusted by one account of the \
                  organization, so that somebody can work with AWS Support without the root user. Where another role \
                  has that policy already, a notice names it.",
        shape: Shape::Table,
        references: &[
            Reference::cis("1.2.0", "1.20"),
            Reference::cis("1.4.0", "1.17"),
            Reference::cis("1.5.0", "1.17"),
            Reference::cis("2.0.0", "1.17"),
            Reference::cis("3.0.0", "1.17"),
            Reference::cis("4.0.1", "1.17"),
            Reference::cis("5.0.0", "1.16"),
            Reference::cis("6.0.0", "2.16"),
            Reference::cis("7.0.0", "2.15"),
            Reference::row("AXN-020"),
            Reference::row("QST-017").partly("the role of this section"),
            Reference::row("FXL-006").partly("the role of this section"),
        ],
        billed: None,
    };

    fn check(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        trust::check(self.name.as_deref(), self.trusted_account.as_deref(), baseline, findings);
        findings.range("max_session_seconds", self.max_session_seconds, 3600..=43_200);
    }

    fn role_names(&self) -> Vec<String> {
        self.name.iter().cloned().collect()
    }

    fn import(cx: &ImportCx<'_>) -> Import<SupportRole> {
        let name = cx.other_role(POLICY, &names::support_role(cx.baseline));
        Import::Ask(SupportRole { name, ..SupportRole::default() })
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<Support>()]
    }
}

/// The only part.
struct Support;

/// What is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Actual {
    role: Option<Role>,
    /// Other roles with the policy. Asked only where ours is missing.
    others: Vec<String>,
}

impl Control for Support {
    type Section = SupportRole;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        scope: Scope::Account,
        seat: Seat::Member,
        reads: &["iam:GetRole", "iam:ListAttachedRolePolicies", "iam:ListEntitiesForPolicy"],
        writes: access_role::WRITES,
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, SupportRole>) -> Vec<Wanted<Desired>> {
        let section = cx.section;
        let trusted = Trusted {
            account: section.trusted_account.as_deref(),
            principals: section.trusted_principals.as_deref(),
            external_id: None,
        };
        let want = match trust::policy(trusted, cx.baseline, cx.facts) {
            Err(why) => Want::Blocked(why),
            Ok(trust) => Want::Set(Desired {
                name: section.name.clone().unwrap_or_else(|| names::support_role(cx.baseline)),
                description: "Works with AWS Support",
                trust,
                managed: vec![cx.facts.arn("iam", "", "aws", POLICY)],
                exclusive: section.exclusive,
                max_session_seconds: section.max_session_seconds,
                risk: Risk::Disruptive,
                owner: SupportRole::META.id,
            }),
        };
        vec![Wanted { part: String::new(), at: String::new(), about: None, after: Vec::new(), want }]
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        let role = access_role::read(cx.aws, want).await?;
        let others = if role.is_none() { others(cx, want).await? } else { Vec::new() };
        Ok(Actual { role, others })
    }

    fn import(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Option<SupportRole> {
        let role = have.role.as_ref().filter(|role| role.is_of(want))?;
        let trusting = trust::trusting(&role.trust, cx.baseline, cx.facts)?;
        let usual = names::support_role(cx.baseline);
        Some(SupportRole {
            name: (want.name != usual).then(|| want.name.clone()),
            trusted_account: trusting.account,
            trusted_principals: trusting.principals,
            max_session_seconds: role.max_session_seconds,
            exclusive: false,
        })
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = access_role::diff(want, have.role.as_ref());
        if !have.others.is_empty() {
            let others = have.others.join(", ");
            d.notice(format!("AWSSupportAccess is attached to another role: {others}; `name` adopts it"));
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        access_role::apply(cx.aws, want, have.role.as_ref()).await
    }
}

/// Names of the roles that have the policy.
async fn others(cx: &Cx<'_>, want: &Desired) -> Result<Vec<String>, UnitError> {
    let Some(policy) = want.managed.first() else { return Ok(Vec::new()) };
    let roles = cx
        .aws
        .iam()
        .pages(
            "ListEntitiesForPolicy",
            |c, marker| {
                c.list_entities_for_policy()
                    .policy_arn(policy)
                    .entity_filter(EntityType::Role)
                    .set_marker(marker)
                    .send()
            },
            |out| (out.policy_roles, out.marker),
        )
        .await
        // A partition without the policy: then attaching it fails, and says so.
        .absent(&["NoSuchEntity"])?;
    Ok(roles.unwrap_or_default().into_iter().filter_map(|r| r.role_name).collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::controls::log_archive::tests::{baseline, facts, messages, set};
    use crate::resource::declared;

    fn want(keys: &str) -> Desired {
        let (facts, baseline) = (facts(), baseline("", &format!("[support_role]\n{keys}")));
        let section = declared::<SupportRole>(&baseline).unwrap();
        let account = &facts.accounts["222222222222"];
        let cx = DesiredCx { section: &section, account, region: "eu-west-1", facts: &facts, baseline: &baseline };
        set(Support::desired(&cx)).remove(0)
    }

    #[test]
    fn the_role_is_named_by_the_prefix_and_trusts_the_management_account() {
        let role = want("");
        assert_eq!((role.name.as_str(), role.managed), ("orgbase-support", vec!["arn:aws:iam::aws:policy/AWSSupportAccess".into()]));
        assert_eq!(role.trust.0[0].to_value()["Principal"]["AWS"], "arn:aws:iam::111111111111:root");
        assert_eq!(want("name = \"Support\"").name, "Support");
    }

    #[test]
    fn another_role_with_the_policy_is_named() {
        let d = Support::diff(&want(""), &Actual { role: None, others: vec!["Helpdesk".into()] });
        assert_eq!((d.changes.len(), d.risk()), (1, Risk::Normal));
        assert!(d.notices[0].contains("Helpdesk"), "{:?}", d.notices);
    }

    #[test]
    fn names_of_others_and_bad_patterns_are_found() {
        let found = messages("", "[support_role]\nname = \"AWSControlTowerExecution\"");
        assert!(found[0].contains("Control Tower"), "{found:?}");
        assert_eq!(messages("", "[support_role]\ntrusted_principals = [\"Support\"]").len(), 1);
        assert_eq!(messages("", "[support_role]\ntrusted_account = \"nobody\"").len(), 1);
    }
}
