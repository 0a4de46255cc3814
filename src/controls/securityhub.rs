//! Security Hub CSPM for the organization: one home region, and the same standards everywhere.
//!
//! With central configuration everything is set from the delegated administrator's home region: the finding aggregator, then
//! `ConfigurationType = CENTRAL` (AWS then wants auto-enable off and no default standards), then configuration policies, which
//! reach the accounts and OUs that they are associated with, in the home region and all linked ones. Existing, new and moved
//! accounts get the policy of their place; what an account does itself is refused by AWS.
//!
//! Quirks: a policy replaces the controls of the one before as a whole, so what is not declared is read and sent back. An
//! association takes minutes, up to a day: `PENDING`. AWS cannot enable Security Hub in the management account: that is done
//! in it. The status of the root is that of its children when the association was last started, so a failed one is started
//! again. <https://docs.aws.amazon.com/securityhub/latest/userguide/view-policy.html>
//!
//! With local configuration each account and region is set by itself, and the administrator enables new accounts.

mod account;
mod aggregator;
mod calls;
mod hub;
mod members;
mod organization;
mod parameters;
mod policy;
mod settings;
mod standards;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::{Baseline, Regions};
use crate::control::{DynControl, Import, ImportCx, Overridable, Reference, Section, SectionMeta, Shape, control};
use crate::diag::Findings;
use parameters::Parameters;

/// Most configuration policies of an organization.
/// <https://docs.aws.amazon.com/securityhub/latest/userguide/sechub_limits.html>
const MOST_POLICIES: usize = 20;

/// Security Hub CSPM: standards for the whole organization, findings in one region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecurityHub {
    /// `central`: policies of the administrator configure accounts and OUs in the home region and the linked ones. `local`:
    /// each account and region by itself.
    #[serde(default)]
    pub configuration: Configuration,
    /// Which regions send their findings to the home region. Left out: those of `organization.regions`.
    #[serde(default)]
    pub linking_mode: Option<LinkingMode>,
    /// The regions of `SPECIFIED_REGIONS`, or those that `ALL_REGIONS_EXCEPT_SPECIFIED` leaves out.
    #[serde(default)]
    pub linking_regions: Vec<String>,
    /// Standards that are enabled, by key, such as `cis-5.0`; others are disabled. The reference lists the keys.
    pub standards: Vec<String>,
    /// Only these security controls are enabled, such as `IAM.1`; new ones are not. `central` only.
    #[serde(default)]
    pub enabled_controls: Option<Vec<String>>,
    /// These security controls are disabled, and all others, new ones too, enabled. `central` only.
    #[serde(default)]
    pub disabled_controls: Option<Vec<String>>,
    /// Parameters of security controls that differ from AWS's: control, parameter, value. `central` only.
    #[serde(default)]
    pub parameters: Option<Parameters>,
    /// OU paths (`/` is the root) and account keys that are configured so. `central` only.
    #[serde(default = "root")]
    pub targets: Vec<String>,
    /// OUs in whose accounts Security Hub is off. `central` only.
    #[serde(default)]
    pub excluded_ous: Option<Vec<String>>,
    /// Further configurations by name, for other OUs and accounts. The nearest one holds. `central` only.
    #[serde(default)]
    pub policies: BTreeMap<String, Policy>,
    /// New controls of enabled standards are enabled by themselves, in every account. `local` only: with `central`
    /// configuration they are, unless `enabled_controls` is declared.
    #[serde(default)]
    pub auto_enable_controls: Option<bool>,
    /// One finding per failed control instead of one per control and standard, in all accounts.
    #[serde(default)]
    pub consolidated_control_findings: Option<bool>,
}

/// A configuration for some OUs and accounts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// OU paths and account keys that are configured so.
    pub targets: Vec<String>,
    /// Standards that are enabled, by key; others are disabled.
    pub standards: Vec<String>,
    /// Only these security controls are enabled.
    #[serde(default)]
    pub enabled_controls: Option<Vec<String>>,
    /// These security controls are disabled, and all others enabled.
    #[serde(default)]
    pub disabled_controls: Option<Vec<String>>,
    /// Parameters of security controls that differ from AWS's: control, parameter, value.
    #[serde(default)]
    pub parameters: Option<Parameters>,
}

/// Who configures Security Hub in an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Configuration {
    /// The delegated administrator, from the home region.
    #[default]
    Central,
    /// Each account and region by itself.
    Local,
}

/// Which regions send their findings to the home region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LinkingMode {
    /// All, new ones too.
    AllRegions,
    /// All but those of `linking_regions`.
    AllRegionsExceptSpecified,
    /// Those of `linking_regions`.
    SpecifiedRegions,
    /// None.
    NoRegions,
}

impl LinkingMode {
    /// AWS's word for it.
    fn as_str(self) -> &'static str {
        match self {
            LinkingMode::AllRegions => "ALL_REGIONS",
            LinkingMode::AllRegionsExceptSpecified => "ALL_REGIONS_EXCEPT_SPECIFIED",
            LinkingMode::SpecifiedRegions => "SPECIFIED_REGIONS",
            LinkingMode::NoRegions => "NO_REGIONS",
        }
    }

    fn names_regions(self) -> bool {
        matches!(self, LinkingMode::AllRegionsExceptSpecified | LinkingMode::SpecifiedRegions)
    }
}

fn root() -> Vec<String> {
    vec!["/".into()]
}

impl Section for SecurityHub {
    const META: SectionMeta = SectionMeta {
        id: "securityhub",
        title: "Security Hub CSPM",
        summary: "Enables Security Hub with the declared standards in every account, the management account included, and \
                  gathers the findings of all regions in the home region of the delegated administrator. Central \
                  configuration policies reach existing, new and moved accounts by their OU, and members cannot change \
                  them; OUs can be excluded. Policies of others are left alone and named. Most controls need AWS Config.",
        shape: Shape::Table,
        references: &[
            Reference::cis("1.5.0", "4.16"),
            Reference::cis("2.0.0", "4.16"),
            Reference::cis("3.0.0", "4.16"),
            Reference::cis("4.0.1", "4.16"),
            Reference::cis("5.0.0", "4.16"),
            Reference::cis("6.0.0", "5.16"),
            Reference::cis("7.0.0", "5.16"),
            Reference::row("STX-006").partly("what is no finding of Security Hub"),
            Reference::row("STX-026").partly("that the account is the administrator; delegated_admins makes it one"),
            Reference::row("STX-027"),
            Reference::row("STX-028"),
            Reference::row("STX-029"),
            Reference::row("STX-030"),
            Reference::row("STX-031"),
            Reference::row("STX-032"),
            Reference::row("QST-030").partly("that an account is the administrator; delegated_admins makes it one"),
        ],
        billed: Some("per security check, and per finding that is taken in, in each account and region"),
    };

    fn check(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        self.check_linking(baseline, findings);
        check_standards("standards", &self.standards, findings);
        check_controls("", self.enabled_controls.as_ref(), self.disabled_controls.as_ref(), findings);
        parameters::check("parameters", self.parameters.as_ref(), findings);
        check_targets("targets", &self.targets, baseline, findings);
        for (index, ou) in self.excluded_ous.iter().flatten().enumerate() {
            let at = format!("excluded_ous[{index}]");
            if ou.starts_with('/') {
                findings.target(&at, ou, baseline);
            } else {
                findings.at(&at, format!("`{ou}` is no path of an OU"));
            }
        }
        for (name, policy) in &self.policies {
            let at = format!("policies.{name}");
            check_standards(&format!("{at}.standards"), &policy.standards, findings);
            let controls = (policy.enabled_controls.as_ref(), policy.disabled_controls.as_ref());
            check_controls(&format!("{at}."), controls.0, controls.1, findings);
            parameters::check(&format!("{at}.parameters"), policy.parameters.as_ref(), findings);
            check_targets(&format!("{at}.targets"), &policy.targets, baseline, findings);
        }
        policy::check(self, baseline, findings);
        self.check_mode(findings);
    }

    /// As the shipped baseline has it; and what may be excluded.
    fn import(cx: &ImportCx<'_>) -> Import<SecurityHub> {
        let Some(shipped) = cx.shipped::<SecurityHub>() else { return Import::Never("no shipped baseline has it") };
        Import::Guess(SecurityHub { excluded_ous: Some(Vec::new()), ..shipped })
    }

    const TAKES_REMOVED: bool = true;

    /// Accounts are set one by one only where configuration is local.
    fn overridable(base: Option<&SecurityHub>) -> Option<Overridable> {
        if base.is_some_and(|base| !base.is_central()) {
            let keys = &["standards", "auto_enable_controls"];
            return Some(Overridable { keys, instead: "declare it in `[securityhub]` itself" });
        }
        let instead = "declare `[securityhub.policies.NAME]` with `targets`, or `excluded_ous`";
        Some(Overridable { keys: &[], instead })
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![
            control::<hub::AdministratorHub>(),
            control::<settings::Settings>(),
            control::<hub::ManagementHub>(),
            control::<aggregator::FindingAggregator>(),
            control::<organization::OrganizationConfiguration>(),
            control::<policy::ConfigurationPolicy>(),
            control::<members::Members>(),
            control::<account::AccountStandards>(),
        ]
    }
}

impl SecurityHub {
    fn is_central(&self) -> bool {
        self.configuration == Configuration::Central
    }

    /// Mode and regions of the finding aggregator.
    fn linking(&self, baseline: &Baseline) -> (LinkingMode, Vec<String>) {
        let mut regions = self.linking_regions.clone();
        let mode = self.linking_mode.unwrap_or_else(|| match &baseline.organization.regions {
            Regions::Enabled => LinkingMode::AllRegions,
            Regions::List(list) => {
                let home = &baseline.organization.home_region;
                regions = list.iter().filter(|region| *region != home).cloned().collect();
                if regions.is_empty() { LinkingMode::NoRegions } else { LinkingMode::SpecifiedRegions }
            }
        });
        regions.sort();
        (mode, regions)
    }

    fn check_linking(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        let home = &baseline.organization.home_region;
        match self.linking_mode {
            Some(mode) if mode.names_regions() == self.linking_regions.is_empty() => {
                let verb = if mode.names_regions() { "needs" } else { "takes no" };
                let message = format!("`{}` {verb} `linking_regions`", mode.as_str());
                findings.at("linking_mode", message);
            }
            None if !self.linking_regions.is_empty() => {
                findings.hint(
                    "linking_regions",
                    "it is not said whether these regions are linked or left out",
                    "declare `linking_mode` as `SPECIFIED_REGIONS` or `ALL_REGIONS_EXCEPT_SPECIFIED`",
                );
            }
            _ => {}
        }
        if let Some(index) = self.linking_regions.iter().position(|region| region == home) {
            findings.at(&format!("linking_regions[{index}]"), format!("{home} is the home region"));
        }
    }

    /// Keys that mean nothing in the chosen configuration.
    fn check_mode(&self, findings: &mut Findings<'_>) {
        if self.is_central() {
            if self.auto_enable_controls.is_some() {
                findings.hint(
                    "auto_enable_controls",
                    "with central configuration the policy decides about new controls",
                    "leave it out: new controls are enabled unless `enabled_controls` is declared",
                );
            }
            return;
        }
        let central = [
            ("enabled_controls", self.enabled_controls.is_some()),
            ("disabled_controls", self.disabled_controls.is_some()),
            ("parameters", self.parameters.is_some()),
            ("excluded_ous", self.excluded_ous.is_some()),
            ("policies", !self.policies.is_empty()),
            ("targets", self.targets != root()),
        ];
        for (key, declared) in central {
            if declared {
                findings.at(key, "only policies of central configuration have it: declare `configuration = \"central\"`");
            }
        }
    }
}

fn check_standards(path: &str, keys: &[String], findings: &mut Findings<'_>) {
    for (index, key) in keys.iter().enumerate() {
        if standards::path(key).is_none() {
            let near = standards::nearest(key).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
            let hint = format!("{near}the standards are: {}", standards::keys().collect::<Vec<_>>().join(", "));
            findings.hint(&format!("{path}[{index}]"), format!("there is no standard `{key}`"), hint);
        }
    }
}

fn check_controls(
    prefix: &str,
    enabled: Option<&Vec<String>>,
    disabled: Option<&Vec<String>>,
    findings: &mut Findings<'_>,
) {
    if enabled.is_some() && disabled.is_some() {
        findings.at(
            &format!("{prefix}enabled_controls"),
            "a policy lists either the controls that are enabled or those that are disabled",
        );
    }
    for (key, list) in [("enabled_controls", enabled), ("disabled_controls", disabled)] {
        for (index, id) in list.into_iter().flatten().enumerate() {
            if !is_control_id(id) {
                findings.at(&format!("{prefix}{key}[{index}]"), format!("`{id}` is no id of a control, such as `IAM.1`"));
            }
        }
    }
}

/// Whether a text has the form of a security control's id, such as `IAM.1` or `CloudTrail.10`.
fn is_control_id(id: &str) -> bool {
    id.split_once('.').is_some_and(|(service, number)| {
        let digits = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
        digits && !service.is_empty() && service.chars().all(|c| c.is_ascii_alphanumeric())
    })
}

fn check_targets(path: &str, targets: &[String], baseline: &Baseline, findings: &mut Findings<'_>) {
    for (index, target) in targets.iter().enumerate() {
        findings.target(&format!("{path}[{index}]"), target, baseline);
    }
}

#[cfg(test)]
mod tests;
