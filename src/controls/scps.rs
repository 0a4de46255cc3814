//! Service control policies: shipped presets and own documents, attached to the root, OUs and accounts.
//!
//! A policy that is declared is ours: its document, description and targets are as the baseline says. Every other policy
//! is left alone. SCPs run in the last phase (`Meta::denies`), and `lockout` refuses those that would deny what the
//! baseline itself must do.

pub mod document;
mod policy_type;
mod trial;
mod unit;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::Baseline;
use crate::control::{DynControl, Import, ImportCx, Reference, Section, SectionMeta, Shape, control};
use crate::diag::Findings;
use crate::facts::Policy;
use crate::names;
use crate::policy::{Document, presets};

/// Most characters of an SCP, white space included. AWS raised it from 5,120 on 2026-05-15 (facts/scps.md); it is
/// adjustable nowhere, so a partition that lags answers `POLICY_CONTENT_LIMIT_EXCEEDED`.
pub const MAX_SIZE: usize = 10_240;
/// Most SCPs attached directly to one root, OU or account, `FullAWSAccess` included (raised from 5 on 2026-05-15).
pub const MAX_ATTACHED: usize = 10;
/// Most SCPs of an organization.
pub const MAX_POLICIES: usize = 10_000;
/// The policy type.
pub const KIND: &str = "SERVICE_CONTROL_POLICY";
/// Preset that keeps the exempted roles from being made by anybody.
const ROLE_PRESET: &str = "protect-baseline-roles";

/// Service control policies.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Scps(pub Vec<Scp>);

/// One service control policy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scp {
    /// Name of the policy in AWS Organizations.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// A shipped document, such as `deny-leave-org`; the reference lists them. Either this or `file`.
    #[serde(default)]
    pub preset: Option<String>,
    /// An own document: path of a JSON file, relative to the baseline.
    #[serde(default)]
    pub file: Option<String>,
    /// Where it is attached: OU paths (`/` is the root) and account keys. One that is taken out is detached.
    pub targets: Vec<String>,
    /// Description in AWS Organizations; of a preset its title, where this is left out.
    #[serde(default)]
    #[schemars(length(max = 512))]
    pub description: Option<String>,
    /// Roles that the policy spares, by name or ARN. The organization's access roles are always spared.
    #[serde(default)]
    pub exempt_roles: Vec<String>,
    /// `restrict-regions`: the regions that may be used; the baseline's list, where this is left out.
    #[serde(default)]
    pub allowed_regions: Vec<String>,
    /// `approved-services`: IAM service prefixes that may be used, such as `ec2`.
    #[serde(default)]
    pub approved_services: Vec<String>,
    /// `protect-baseline-roles`: further roles to protect, by name or ARN.
    #[serde(default)]
    pub protected_roles: Vec<String>,
    /// `protect-cloudtrail`: name of the trail to protect; all trails, where this is left out.
    #[serde(default)]
    pub trail_name: Option<String>,
}

impl Section for Scps {
    const META: SectionMeta = SectionMeta {
        id: "scps",
        title: "Service control policies",
        summary: "Creates service control policies and attaches them to the root, OUs and accounts. They bound what \
                  anybody in a member account can do; the management account is not bound. They are attached last, \
                  and a policy that would deny a call of orgbase itself is refused.",
        shape: Shape::ArrayOfTables,
        references: &[
            Reference::row("STX-066"),
            Reference::row("STX-067"),
            Reference::row("STX-068"),
            Reference::row("STX-069"),
            Reference::row("STX-070"),
            Reference::row("STX-071"),
            Reference::row("STX-072"),
            Reference::row("STX-073"),
            Reference::row("STX-074"),
            Reference::row("STX-075"),
            Reference::row("QST-024"),
            Reference::row("QST-025"),
            Reference::row("QST-026"),
            Reference::row("QST-029"),
            Reference::row("RDM-050"),
            Reference::row("RDM-051"),
            Reference::row("RDM-052"),
            Reference::row("RDM-053"),
            Reference::row("RDM-054"),
            Reference::row("RDM-055"),
            Reference::row("RDM-056"),
            Reference::row("RDM-057"),
            Reference::row("RDM-058"),
            Reference::row("RDM-059"),
            Reference::row("RDM-082"),
            Reference::row("FXL-003"),
            Reference::row("FXL-004"),
            Reference::row("FXL-011"),
            Reference::row("FXL-013").partly("the trail itself: org_trail"),
            Reference::row("FXL-018"),
        ],
        billed: None,
    };

    fn check(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        let mut names = BTreeSet::new();
        for (index, scp) in self.0.iter().enumerate() {
            if !names.insert(&scp.name) {
                findings.at(&format!("[{index}].name"), format!("two policies are called `{}`", scp.name));
            }
            let trials = names::trial_policies(baseline);
            if scp.name.starts_with(&trials) {
                findings.hint(
                    &format!("[{index}].name"),
                    format!("`{}` is a name of what `--canary-account` tries", scp.name),
                    format!("choose a name that does not begin with `{trials}`"),
                );
            }
            if scp.name.is_empty() || scp.name.chars().count() > 128 {
                findings.at(&format!("[{index}].name"), "a policy name has 1 to 128 characters");
            }
            for (at, target) in scp.targets.iter().enumerate() {
                findings.target(&format!("[{index}].targets[{at}]"), target, baseline);
            }
            check_source(index, scp, baseline, findings);
            for removed in baseline.removed.iter().filter(|r| r.control == Self::META.id && r.name == scp.name) {
                let message = format!("`{}` is declared here and removed by `[[removed]]` at {}", scp.name, removed.declared_at);
                findings.at(&format!("[{index}].name"), message);
            }
        }
        self.check_exemptions(baseline, findings);
    }

    /// All of them are in the facts; those of other products stay theirs.
    fn import(cx: &ImportCx<'_>) -> Import<Scps> {
        let own = |p: &&Policy| p.kind == KIND && !p.aws_managed && !unit::is_foreign(&p.name);
        let policies = cx.facts.policies.values().filter(own);
        let found: Vec<Scp> = policies.filter_map(|policy| imported(policy, cx)).collect();
        if found.is_empty() { Import::Nothing("there is no policy of one's own".into()) } else { Import::Known(Scps(found)) }
    }

    const TAKES_REMOVED: bool = true;

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<policy_type::PolicyType>(), control::<unit::Policy>()]
    }
}

fn check_source(index: usize, scp: &Scp, baseline: &Baseline, findings: &mut Findings<'_>) {
    let key = match (&scp.preset, &scp.file) {
        (Some(_), None) => format!("[{index}].preset"),
        (None, Some(_)) => format!("[{index}].file"),
        _ => {
            findings.hint(
                &format!("[{index}]"),
                format!("policy `{}` needs either `preset` or `file`", scp.name),
                "for example: preset = \"deny-leave-org\"",
            );
            return;
        }
    };
    if let Some(preset) = &scp.preset
        && presets::get(preset).is_none()
    {
        let names: Vec<&str> = presets::names().collect();
        let near = names.iter().max_by(|a, b| strsim::jaro_winkler(a, preset).total_cmp(&strsim::jaro_winkler(b, preset)));
        let near = near.map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
        findings.hint(&key, format!("there is no preset `{preset}`"), format!("{near}presets: {}", names.join(", ")));
        return;
    }
    // The partition is known only with credentials; it does not change whether a document is well-formed.
    match document::render(scp, baseline, "aws") {
        Err(message) => findings.at(&key, message),
        Ok(document) => check_document(&key, scp, &document, findings),
    }
}

fn check_document(key: &str, scp: &Scp, document: &Document, findings: &mut Findings<'_>) {
    let size = document.size();
    if size > MAX_SIZE {
        findings.hint(
            key,
            format!("policy `{}` has {size} characters without white space; AWS allows {MAX_SIZE}", scp.name),
            "split it into two policies",
        );
    }
    if document.statements.iter().any(|s| s.principal.is_some()) {
        findings.at(key, format!("policy `{}` names a principal: a service control policy cannot", scp.name));
    }
}

/// A policy as it is, with its document in a file of its own.
fn imported(policy: &Policy, cx: &ImportCx<'_>) -> Option<Scp> {
    let target = |id: &String| {
        let path = cx.facts.path_of(id).map(ToString::to_string);
        path.or_else(|| Some(cx.key_of(cx.facts.accounts.get(id)?)))
    };
    let document = policy.content.as_deref()?;
    let pretty = serde_json::from_str::<serde_json::Value>(document).ok();
    let pretty = pretty.and_then(|json| serde_json::to_string_pretty(&json).ok());
    Some(Scp {
        name: policy.name.clone(),
        file: Some(cx.document("policies", &policy.name, pretty.unwrap_or_else(|| document.into()))),
        targets: policy.targets.iter().map(target).collect::<Option<_>>()?,
        description: Some(policy.description.clone()),
        ..Scp::default()
    })
}

impl Scps {
    /// A preset that spares roles is as strong as the protection of those roles.
    fn check_exemptions(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        let guarded: Vec<&String> = self
            .0
            .iter()
            .filter(|s| s.preset.as_deref() == Some(ROLE_PRESET))
            .flat_map(|s| &s.targets)
            .collect();
        for (index, scp) in self.0.iter().enumerate() {
            let Some(preset) = scp.preset.as_deref().and_then(presets::get) else { continue };
            if !preset.needs_exempt_roles || preset.name == ROLE_PRESET {
                continue;
            }
            for (at, target) in scp.targets.iter().enumerate() {
                if !guarded.iter().any(|guard| covers(guard, target, baseline)) {
                    findings.hint(
                        &format!("[{index}].targets[{at}]"),
                        format!("`{}` spares roles that anybody under {target} could create", scp.name),
                        format!("add a policy with preset = \"{ROLE_PRESET}\" and this target (or a parent of it)"),
                    );
                }
            }
        }
    }
}

/// Whether a policy at `guard` also holds at `target`.
fn covers(guard: &str, target: &str, baseline: &Baseline) -> bool {
    let place = match target.strip_prefix('/') {
        Some(_) => target,
        None => baseline.accounts.get(target).map_or(target, |account| account.ou.as_str()),
    };
    guard == target || (guard.starts_with('/') && crate::facts::is_under(place, guard))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn findings(text: &str) -> String {
        let head = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n";
        match Baseline::parse("b.toml", &format!("{head}{text}")) {
            Ok(_) => String::new(),
            Err(error) => error.render(false),
        }
    }

    #[test]
    fn a_preset_without_exemptions_stands_alone() {
        assert_eq!(findings("[[scps]]\nname = \"leave\"\npreset = \"deny-leave-org\"\ntargets = [\"/\"]\n"), "");
    }

    #[test]
    fn a_preset_with_exemptions_needs_its_roles_protected() {
        let alone = findings("[[scps]]\nname = \"p\"\npreset = \"protect-cloudtrail\"\ntargets = [\"/\"]\n");
        assert!(alone.contains("spares roles that anybody under / could create"), "{alone}");
        let both = "[[scps]]\nname = \"p\"\npreset = \"protect-cloudtrail\"\ntargets = [\"/A\"]\n\
                    [[scps]]\nname = \"r\"\npreset = \"protect-baseline-roles\"\ntargets = [\"/\"]\n";
        assert_eq!(findings(both), "");
    }

    #[test]
    fn an_unknown_preset_and_a_missing_source_are_found_together() {
        let text = "[[scps]]\nname = \"a\"\npreset = \"deny-leave-orgs\"\ntargets = [\"/\"]\n\
                    [[scps]]\nname = \"b\"\ntargets = [\"/\"]\n";
        let found = findings(text);
        assert!(found.contains("did you mean `deny-leave-org`"), "{found}");
        assert!(found.contains("needs either `preset` or `file`"), "{found}");
    }

    #[test]
    fn a_policy_is_not_called_like_a_trial() {
        let text = "[[scps]]\nname = \"orgbase-canary-leave\"\npreset = \"deny-leave-org\"\ntargets = [\"/\"]\n";
        let found = findings(text);
        assert!(found.contains("does not begin with `orgbase-canary-`"), "{found}");
    }

    #[test]
    fn a_policy_is_not_declared_and_removed() {
        let declared = "[[scps]]\nname = \"leave\"\npreset = \"deny-leave-org\"\ntargets = [\"/\"]\n";
        let removed = |name: &str| format!("{declared}[[removed]]\ncontrol = \"scps\"\nname = \"{name}\"\n");
        let found = findings(&removed("leave"));
        assert!(found.contains("`leave` is declared here and removed by `[[removed]]` at b.toml:"), "{found}");
        assert_eq!(findings(&removed("old")), "");
    }
}
