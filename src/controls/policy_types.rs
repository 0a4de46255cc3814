//! Policy types that are enabled on the root.
//!
//! A policy can be attached only after its type is enabled, and enabling takes a while: `ListRoots` shows
//! `PENDING_ENABLE` meanwhile. Enabling SERVICE_CONTROL_POLICY attaches `FullAWSAccess` everywhere, so nothing is denied
//! by it. Disabling a type detaches every policy of that type from everything; enabling it again does not attach them.
//! <https://docs.aws.amazon.com/organizations/latest/APIReference/API_EnablePolicyType.html>
//! <https://docs.aws.amazon.com/organizations/latest/APIReference/API_DisablePolicyType.html>

use std::borrow::Cow;

use aws_sdk_organizations::types::PolicyType;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::baseline::Baseline;
use crate::control::{Control, Cx, DesiredCx, Diff, DynControl, Import, ImportCx, Meta, Reference, Risk, Section, SectionMeta, Shape, Wanted, control};
use crate::diag::Findings;
use crate::error::UnitError;
use crate::facts::Facts;

/// The types that AWS knows.
pub const TYPES: [&str; 13] = [
    "SERVICE_CONTROL_POLICY",
    "RESOURCE_CONTROL_POLICY",
    "TAG_POLICY",
    "BACKUP_POLICY",
    "AISERVICES_OPT_OUT_POLICY",
    "CHATBOT_POLICY",
    "DECLARATIVE_POLICY_EC2",
    "SECURITYHUB_POLICY",
    "INSPECTOR_POLICY",
    "UPGRADE_ROLLOUT_POLICY",
    "BEDROCK_POLICY",
    "S3_POLICY",
    "NETWORK_SECURITY_DIRECTOR_POLICY",
];

/// Operations that `ensure_enabled` and `status` call.
pub const READS: &[&str] = &["organizations:ListRoots"];
/// Operations that `ensure_enabled` calls.
pub const WRITES: &[&str] = &["organizations:EnablePolicyType"];

/// Policy types of the organization.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyTypes {
    /// Types to enable on the root. Others stay as they are: one is disabled only through `[[removed]]`.
    pub enabled: Vec<TypeName>,
}

/// Name of a policy type, such as `SERVICE_CONTROL_POLICY`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TypeName(pub String);

impl JsonSchema for TypeName {
    fn schema_name() -> Cow<'static, str> {
        "PolicyType".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": TYPES })
    }
}

impl Section for PolicyTypes {
    const META: SectionMeta = SectionMeta {
        id: "policy_types",
        title: "Policy types",
        summary: "Enables types of organization policies on the root, so that policies of those types can be attached. \
                  `scps` enables the type that it needs by itself. Types are only added; disabling one detaches every \
                  policy of that type and needs `[[removed]]`.",
        shape: Shape::Table,
        references: &[
            Reference::row("STX-040").partly("trusted access, and copies between accounts: backup"),
            Reference::row("QST-024").partly("writing and attaching policies: scps"),
        ],
        billed: None,
    };

    fn check(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        for (i, TypeName(name)) in self.enabled.iter().enumerate() {
            let path = format!("enabled[{i}]");
            if !TYPES.contains(&name.as_str()) {
                unknown(&path, name, findings);
            }
            if self.enabled.iter().take(i).any(|earlier| earlier.0 == *name) {
                findings.at(&path, format!("`{name}` is listed twice"));
            }
        }
        for removed in baseline.removed.iter().filter(|r| r.control == Self::META.id) {
            if !TYPES.contains(&removed.name.as_str()) {
                unknown("", &removed.name, findings);
            }
            if let Some(i) = self.enabled.iter().position(|t| t.0 == removed.name) {
                let place = &removed.declared_at;
                findings.at(
                    &format!("enabled[{i}]"),
                    format!("`{}` is enabled here and disabled by `[[removed]]` at {place}", removed.name),
                );
            }
        }
    }

    fn import(cx: &ImportCx<'_>) -> Import<PolicyTypes> {
        let known = cx.facts.policy_types.iter().filter(|(name, _)| TYPES.contains(&name.as_str()));
        let enabled = known.filter(|(_, status)| *status == "ENABLED").map(|(name, _)| TypeName(name.clone()));
        let enabled: Vec<TypeName> = enabled.collect();
        if enabled.is_empty() { Import::Nothing("no type is enabled".into()) } else { Import::Known(PolicyTypes { enabled }) }
    }

    const TAKES_REMOVED: bool = true;

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<Types>()]
    }
}

fn unknown(path: &str, name: &str, findings: &mut Findings<'_>) {
    let hint = match crate::diag::nearest(name, TYPES) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("AWS knows {}", TYPES.join(", ")),
    };
    findings.hint(path, format!("`{name}` is not a policy type"), hint);
}

/// The only part.
struct Types;

/// One type.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Desired {
    kind: String,
    enabled: bool,
}

/// Status on the root: `ENABLED`, `PENDING_ENABLE`, `PENDING_DISABLE`; absent where it is disabled.
type Actual = Option<String>;

impl Control for Types {
    type Section = PolicyTypes;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        reads: READS,
        writes: &["organizations:DisablePolicyType", "organizations:EnablePolicyType"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, PolicyTypes>) -> Vec<Wanted<Desired>> {
        let unit = |(at, kind, enabled): (String, &str, bool)| {
            Wanted::set(kind, at, Desired { kind: kind.into(), enabled })
        };
        let on = cx.section.enabled.iter().enumerate().map(|(i, t)| (format!("enabled[{i}]"), t.0.as_str(), true));
        let removed = cx.baseline.removed.iter().filter(|r| r.control == PolicyTypes::META.id);
        let off = removed.map(|r| (String::new(), r.name.as_str(), false));
        on.chain(off).map(unit).collect()
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        status(cx, &want.kind).await
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        match (want.enabled, have.as_deref()) {
            (_, Some(status)) if status.starts_with("PENDING") => {
                d.pending = Some(format!("policy type {} is {status}", want.kind));
            }
            (true, None) => d.create("enabled", &want.kind),
            (false, Some(_)) => {
                d.delete("enabled", &want.kind, Risk::Destructive);
                d.notice(format!("every {} is detached from everything it is attached to", want.kind));
            }
            (true, Some(_)) | (false, None) => {}
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, _have: &Actual) -> Result<(), UnitError> {
        if want.enabled {
            return ensure_enabled(cx, &want.kind).await;
        }
        let disabled = cx
            .aws
            .organizations()
            .call("DisablePolicyType", |c| {
                c.disable_policy_type()
                    .root_id(&cx.facts.root_id)
                    .policy_type(PolicyType::from(want.kind.as_str()))
                    .send()
            })
            .await;
        match disabled {
            Err(e) if e.is(&["PolicyTypeNotEnabledException"]) => Ok(()),
            other => Ok(other.map(|_| ())?),
        }
    }
}

/// Status of a policy type on the root; absent where it is disabled. By the run's facts while planning, else by AWS.
///
/// # Errors
/// The root could not be read.
pub async fn status(cx: &Cx<'_>, kind: &str) -> Result<Option<String>, UnitError> {
    if !cx.fresh {
        return Ok(status_in(cx.facts, kind));
    }
    let roots = cx
        .aws
        .organizations()
        .pages("ListRoots", |c, t| c.list_roots().set_next_token(t).send(), |a| (a.roots, a.next_token))
        .await?;
    let root = roots.into_iter().find(|r| r.id.as_ref() == Some(&cx.facts.root_id));
    let types = root.ok_or_else(|| UnitError::missing("the root"))?.policy_types.unwrap_or_default();
    let found = types.into_iter().find(|t| t.r#type.as_ref().is_some_and(|t| t.as_str() == kind));
    Ok(found.and_then(|t| t.status).map(|s| s.as_str().to_string()))
}

/// Status of a policy type when the run began.
pub fn status_in(facts: &Facts, kind: &str) -> Option<String> {
    facts.policy_types.get(kind).cloned()
}

/// Enables a policy type on the root; one that is enabled already is a success. AWS may still be at work afterwards:
/// `status` says `PENDING_ENABLE`.
///
/// # Errors
/// AWS refused it.
pub async fn ensure_enabled(cx: &Cx<'_>, kind: &str) -> Result<(), UnitError> {
    let enabled = cx
        .aws
        .organizations()
        .call("EnablePolicyType", |c| {
            c.enable_policy_type().root_id(&cx.facts.root_id).policy_type(PolicyType::from(kind)).send()
        })
        .await;
    match enabled {
        Err(e) if e.is(&["PolicyTypeAlreadyEnabledException"]) => Ok(()),
        other => Ok(other.map(|_| ())?),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::control::Effect;

    const HEAD: &str = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n";

    fn want(enabled: bool) -> Desired {
        Desired { kind: "TAG_POLICY".into(), enabled }
    }

    fn refused(text: &str) -> String {
        Baseline::parse("t.toml", &format!("{HEAD}{text}")).unwrap_err().render(false)
    }

    #[test]
    fn what_differs() {
        let table = [
            (true, None, Some((Effect::Create, Risk::Normal)), false),
            (true, Some("ENABLED"), None, false),
            (true, Some("PENDING_ENABLE"), None, true),
            (true, Some("PENDING_DISABLE"), None, true),
            (false, Some("ENABLED"), Some((Effect::Delete, Risk::Destructive)), false),
            (false, None, None, false),
        ];
        for (enabled, status, change, pending) in table {
            let d = Types::diff(&want(enabled), &status.map(String::from));
            assert_eq!(d.changes.first().map(|c| (c.effect, c.risk)), change, "{enabled} {status:?}");
            assert_eq!(d.pending.is_some(), pending, "{enabled} {status:?}");
        }
    }

    #[test]
    fn a_misspelt_type_is_found() {
        let text = refused("[policy_types]\nenabled = [\"SERVICE_CONTROL_POLICIES\"]\n");
        assert!(text.contains("did you mean `SERVICE_CONTROL_POLICY`?"), "{text}");
    }

    #[test]
    fn a_type_cannot_be_enabled_and_removed() {
        let text = refused(
            "[policy_types]\nenabled = [\"TAG_POLICY\"]\n[[removed]]\ncontrol = \"policy_types\"\nname = \"TAG_POLICY\"\n",
        );
        assert!(text.contains("disabled by `[[removed]]`"), "{text}");
    }

    #[test]
    fn the_list_is_that_of_the_sdk() {
        let unknown: Vec<&str> = TYPES.into_iter().filter(|t| !PolicyType::values().contains(t)).collect();
        assert_eq!(unknown, Vec::<&str>::new());
    }
}
