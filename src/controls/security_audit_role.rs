//! A role in every account with which the security account looks at it.
//!
//! `SecurityAudit` reads configuration; `ViewOnlyAccess` adds lists of resources that it lacks. Neither reads data. Tools
//! such as Prowler ask for both. <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/SecurityAudit.html>

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::Baseline;
use crate::control::{
    Control, Cx, DesiredCx, Diff, DynControl, Import, ImportCx, Meta, Reference, Risk, Scope, Seat, Section, SectionMeta, Shape, Want,
    Wanted, control,
};
use crate::diag::Findings;
use crate::error::UnitError;
use crate::names;
use crate::resource::access_role::{self, Desired, Role};
use crate::resource::trust::{self, Trusted};

/// AWS's managed policies.
const AUDIT: &str = "policy/SecurityAudit";
const VIEW: &str = "policy/job-function/ViewOnlyAccess";

/// A read-only role in every account, the management account included, for the security account.
///
/// Its trust policy is authoritative. Further policies that are attached to it stay, unless `exclusive` is `true`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecurityAuditRole {
    /// Key of the account whose principals may assume the role: the security account.
    pub trusted_account: String,
    /// Name of the role; `<prefix>-security-audit` where it is left out. A role of this name is adopted.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[\w+=,.@-]+$"))]
    pub name: Option<String>,
    /// ARNs of the roles and users of that account that may assume it, with `*`, such as
    /// `arn:aws:iam::*:role/prowler`; left out: those that the account itself allows it.
    #[schemars(length(min = 1), inner(regex(pattern = r"^arn:[a-z*-]+:iam::([0-9]{12}|\*):(role|user)/.+$")))]
    pub trusted_principals: Option<Vec<String>>,
    /// External id that must be sent with AssumeRole, for a tool of a third party that works in the security account.
    #[schemars(length(min = 2, max = 1224), regex(pattern = r"^[\w+=,.@:\/-]+$"))]
    pub external_id: Option<String>,
    /// Attaches `ViewOnlyAccess` beside `SecurityAudit`. `false`: not managed.
    #[serde(default = "on")]
    pub view_only_access: bool,
    /// Longest session. Left out: not managed, which is one hour for a role that is made.
    #[schemars(range(min = 3600, max = 43200), extend("x-unit" = "seconds"))]
    pub max_session_seconds: Option<i32>,
    /// Detaches every other managed policy from the role.
    #[serde(default)]
    pub exclusive: bool,
}

fn on() -> bool {
    true
}

impl Section for SecurityAuditRole {
    const META: SectionMeta = SectionMeta {
        id: "security_audit_role",
        title: "Security audit role",
        summary: "A role with the managed policies SecurityAudit and ViewOnlyAccess in every account, which the \
                  security account assumes to look at it, by hand or with a scanner. It reads configuration, not data.",
        shape: Shape::Table,
        references: &[
            Reference::row("RDM-014"),
            Reference::row("RDM-015").partly("the role for such tools; they are run by others"),
            Reference::row("QST-011").partly("the role of this section; no permission sets"),
            Reference::row("QST-017").partly("the role of this section"),
            Reference::row("QST-021").partly("the role in the log archive as in every account"),
            Reference::row("QST-022").partly("who has that role; the role that Organizations made stays as it is"),
            Reference::row("FXL-006").partly("the role of this section"),
        ],
        billed: None,
    };

    fn check(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        trust::check(self.name.as_deref(), Some(&self.trusted_account), baseline, findings);
        findings.range("max_session_seconds", self.max_session_seconds, 3600..=43_200);
    }

    fn role_names(&self) -> Vec<String> {
        self.name.iter().cloned().collect()
    }

    fn import(cx: &ImportCx<'_>) -> Import<SecurityAuditRole> {
        let Some(trusted_account) = cx.any_member() else {
            return Import::Nothing("there is no member account that it could trust".into());
        };
        Import::Ask(SecurityAuditRole {
            trusted_account,
            name: cx.other_role(AUDIT, &names::security_audit_role(cx.baseline)),
            trusted_principals: None,
            external_id: None,
            view_only_access: true,
            max_session_seconds: None,
            exclusive: false,
        })
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<Audit>()]
    }
}

/// The only part.
struct Audit;

impl Control for Audit {
    type Section = SecurityAuditRole;
    type Desired = Desired;
    type Actual = Option<Role>;
    const META: Meta = Meta {
        scope: Scope::Account,
        seat: Seat::Member,
        reads: access_role::READS,
        writes: access_role::WRITES,
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, SecurityAuditRole>) -> Vec<Wanted<Desired>> {
        let section = cx.section;
        let trusted = Trusted {
            account: Some(&section.trusted_account),
            principals: section.trusted_principals.as_deref(),
            external_id: section.external_id.as_deref(),
        };
        let policies = [Some(AUDIT), section.view_only_access.then_some(VIEW)];
        let want = match trust::policy(trusted, cx.baseline, cx.facts) {
            Err(why) => Want::Blocked(why),
            Ok(trust) => Want::Set(Desired {
                name: section.name.clone().unwrap_or_else(|| names::security_audit_role(cx.baseline)),
                description: "The security account reads the configuration",
                trust,
                managed: policies.into_iter().flatten().map(|p| cx.facts.arn("iam", "", "aws", p)).collect(),
                exclusive: section.exclusive,
                max_session_seconds: section.max_session_seconds,
                risk: Risk::Disruptive,
                owner: SecurityAuditRole::META.id,
            }),
        };
        vec![Wanted { part: String::new(), at: String::new(), about: None, after: Vec::new(), want }]
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Option<Role>, UnitError> {
        access_role::read(cx.aws, want).await
    }

    fn import(cx: &Cx<'_>, want: &Desired, have: &Option<Role>) -> Option<SecurityAuditRole> {
        let role = have.as_ref().filter(|role| role.is_of(want))?;
        let trusting = trust::trusting(&role.trust, cx.baseline, cx.facts)?;
        let usual = names::security_audit_role(cx.baseline);
        Some(SecurityAuditRole {
            trusted_account: trusting.account?,
            name: (want.name != usual).then(|| want.name.clone()),
            trusted_principals: trusting.principals,
            external_id: trusting.external_id,
            view_only_access: want.managed.iter().all(|arn| role.attached.contains(arn)),
            max_session_seconds: role.max_session_seconds,
            exclusive: false,
        })
    }

    fn diff(want: &Desired, have: &Option<Role>) -> Diff {
        access_role::diff(want, have.as_ref())
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Option<Role>) -> Result<(), UnitError> {
        access_role::apply(cx.aws, want, have.as_ref()).await
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

    use super::*;
    use crate::controls::log_archive::tests::{baseline, facts, messages};
    use crate::resource::declared;

    fn want(keys: &str) -> Want<Desired> {
        let (facts, baseline) = (facts(), baseline("", &format!("[security_audit_role]\n{keys}")));
        let section = declared::<SecurityAuditRole>(&baseline).unwrap();
        let account = &facts.accounts["111111111111"];
        let cx = DesiredCx { section: &section, account, region: "eu-west-1", facts: &facts, baseline: &baseline };
        Audit::desired(&cx).remove(0).want
    }

    #[test]
    fn both_policies_and_the_external_id() {
        let Want::Set(role) = want("trusted_account = \"log-archive\"\nexternal_id = \"scan-1\"") else {
            panic!("it is not wanted")
        };
        assert_eq!(role.name, "orgbase-security-audit");
        let base = "arn:aws:iam::aws:policy";
        assert_eq!(role.managed, [format!("{base}/SecurityAudit"), format!("{base}/job-function/ViewOnlyAccess")]);
        let trust = role.trust.0[0].to_value();
        assert_eq!(trust["Principal"]["AWS"], "arn:aws:iam::222222222222:root");
        assert_eq!(trust["Condition"]["StringEquals"]["sts:ExternalId"], "scan-1");
        let alone = want("trusted_account = \"log-archive\"\nview_only_access = false");
        assert!(matches!(alone, Want::Set(role) if role.managed.len() == 1));
    }

    #[test]
    fn an_account_must_be_named_and_known() {
        assert_eq!(messages("", "[security_audit_role]").len(), 1);
        assert_eq!(messages("", "[security_audit_role]\ntrusted_account = \"nobody\"").len(), 1);
    }
}
