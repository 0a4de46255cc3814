//! The keys of `[config]` and their rules.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::Baseline;
use crate::controls::delegated_admins::DelegatedAdmins;
use crate::diag::Findings;
use crate::resource::declared;

/// Most characters of a template that is sent along.
const TEMPLATE: usize = 51_200;

/// Types that are always recorded continuously.
/// <https://docs.aws.amazon.com/config/latest/APIReference/API_RecordingMode.html>
const NEVER_DAILY: [&str; 3] = [
    "AWS::Config::ConfigurationRecorder",
    "AWS::Config::ConformancePackCompliance",
    "AWS::Config::ResourceCompliance",
];

/// AWS Config in every account and region, delivering to the log archive.
///
/// The recorder, its role and where it delivers are managed once the section is declared; other settings where their
/// keys are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Records all resource types that Config supports, now and later; the global IAM types (users, groups, roles,
    /// policies) in the home region alone. `false`: which types are recorded is not managed.
    #[serde(default = "on")]
    pub all_resource_types: bool,
    /// Resource types that are not recorded all the same, such as `AWS::EC2::NetworkInterface`.
    #[serde(default)]
    pub exclude_resource_types: Vec<String>,
    /// How often changes are recorded. Firewall Manager needs `CONTINUOUS`.
    pub recording_frequency: Option<RecordingFrequency>,
    /// Resource types that are recorded at another frequency.
    pub recording_override: Option<RecordingOverride>,
    /// How often a snapshot is delivered to the log archive.
    pub delivery_frequency: Option<DeliveryFrequency>,
    /// Config itself keeps the history for this many days. Shortening it deletes history; objects in the log archive
    /// have a period of their own.
    #[schemars(range(min = 30, max = 2557), extend("x-unit" = "days"))]
    pub retention_days: Option<i32>,
    /// One aggregator of all accounts and regions, in the home region of the delegated administrator. `false`: not
    /// managed.
    #[serde(default = "on")]
    pub aggregator: bool,
    /// Conformance packs of the organization.
    #[serde(default)]
    pub conformance_packs: Vec<ConformancePack>,
}

/// How often changes are recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordingFrequency {
    /// Every change.
    #[default]
    Continuous,
    /// Once a day, where something changed.
    Daily,
}

impl RecordingFrequency {
    /// AWS's word for it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            RecordingFrequency::Continuous => "CONTINUOUS",
            RecordingFrequency::Daily => "DAILY",
        }
    }
}

/// Resource types with a frequency of their own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordingOverride {
    /// Their frequency.
    pub frequency: RecordingFrequency,
    /// The types, such as `AWS::EC2::Instance`.
    #[schemars(length(min = 1))]
    pub resource_types: Vec<String>,
    /// Why.
    #[schemars(length(min = 1, max = 256))]
    pub description: Option<String>,
}

/// How often a snapshot is delivered, in AWS's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeliveryFrequency {
    /// Every hour.
    #[serde(rename = "One_Hour")]
    OneHour,
    /// Every three hours.
    #[serde(rename = "Three_Hours")]
    ThreeHours,
    /// Every six hours.
    #[serde(rename = "Six_Hours")]
    SixHours,
    /// Every twelve hours.
    #[serde(rename = "Twelve_Hours")]
    TwelveHours,
    /// Every day.
    #[serde(rename = "TwentyFour_Hours")]
    TwentyFourHours,
}

impl DeliveryFrequency {
    /// AWS's word for it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            DeliveryFrequency::OneHour => "One_Hour",
            DeliveryFrequency::ThreeHours => "Three_Hours",
            DeliveryFrequency::SixHours => "Six_Hours",
            DeliveryFrequency::TwelveHours => "Twelve_Hours",
            DeliveryFrequency::TwentyFourHours => "TwentyFour_Hours",
        }
    }
}

/// A conformance pack: Config rules that every account of the organization gets, in every region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConformancePack {
    /// Name in AWS. A pack of this name is taken over.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[a-zA-Z][-a-zA-Z0-9]*$"))]
    pub name: String,
    /// The template: path of a YAML file, relative to the baseline; at most 51,200 characters.
    pub file: String,
    /// Values of the template's parameters. Left out: not managed.
    pub parameters: Option<BTreeMap<String, String>>,
    /// Accounts that do not get it, by key. Left out: not managed.
    pub excluded_accounts: Option<Vec<String>>,
    /// Regions that get it; left out: all.
    #[schemars(length(min = 1))]
    pub regions: Option<Vec<String>>,
}

fn on() -> bool {
    true
}

impl Config {
    /// Rules that the types cannot express.
    pub(super) fn check_all(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        if !baseline.declares("log_archive") {
            findings.hint(
                "",
                "Config needs a log archive to deliver to",
                "declare `[log_archive]` with its `account`",
            );
        }
        let admin = declared::<DelegatedAdmins>(baseline).and_then(|admins| admins.config);
        if (self.aggregator || !self.conformance_packs.is_empty()) && admin.is_none() {
            findings.hint(
                "",
                "the aggregator and conformance packs belong into the account of a delegated administrator",
                "declare `config` in `[delegated_admins]`, or set `aggregator = false`",
            );
        }
        findings.range("retention_days", self.retention_days, 30..=2557);
        self.check_types(findings);
        self.check_packs(baseline, findings);
    }

    fn check_types(&self, findings: &mut Findings<'_>) {
        if !self.all_resource_types && !self.exclude_resource_types.is_empty() {
            findings.at(
                "exclude_resource_types",
                "types are excluded, but `all_resource_types` is false: which types are recorded is not managed",
            );
        }
        check_types("exclude_resource_types", &self.exclude_resource_types, findings);
        let Some(other) = &self.recording_override else { return };
        check_types("recording_override.resource_types", &other.resource_types, findings);
        let never = |name: &String| NEVER_DAILY.contains(&name.as_str());
        if let Some(at) = other.resource_types.iter().position(never)
            && other.frequency == RecordingFrequency::Daily
        {
            findings.at(
                &format!("recording_override.resource_types[{at}]"),
                "AWS always records this type continuously",
            );
        }
    }

    fn check_packs(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        let mut names = BTreeSet::new();
        for (at, pack) in self.conformance_packs.iter().enumerate() {
            let path = |key: &str| format!("conformance_packs[{at}].{key}");
            if !names.insert(&pack.name) {
                findings.at(&path("name"), format!("two conformance packs are called `{}`", pack.name));
            }
            for removed in baseline.removed.iter().filter(|r| r.control == "config" && r.name == pack.name) {
                let place = &removed.declared_at;
                let message = format!("`{}` is declared here and removed by `[[removed]]` at {place}", pack.name);
                findings.at(&path("name"), message);
            }
            let length = baseline.document(&pack.file).map_or(0, |text| text.chars().count());
            if length > TEMPLATE {
                findings.at(&path("file"), format!("a template has at most {TEMPLATE} characters, this one {length}"));
            }
            for (n, key) in pack.excluded_accounts.iter().flatten().enumerate() {
                findings.account(&path(&format!("excluded_accounts[{n}]")), key, baseline);
            }
        }
    }
}

/// Type names have the form `AWS::EC2::Instance`.
fn check_types(path: &str, types: &[String], findings: &mut Findings<'_>) {
    for (at, name) in types.iter().enumerate() {
        let parts: Vec<&str> = name.split("::").collect();
        let is_word = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric());
        if parts.len() != 3 || !parts.iter().all(is_word) {
            findings.hint(
                &format!("{path}[{at}]"),
                format!("`{name}` is no resource type"),
                "for example: AWS::EC2::Instance",
            );
        }
    }
}
