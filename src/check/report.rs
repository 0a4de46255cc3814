//! The report of `check`: one row per rule and place. Renderers take this value and nothing else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Version of the JSON.
pub const FORMAT_VERSION: u32 = 1;

/// How a row ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The rule holds.
    Pass,
    /// It does not.
    Fail,
    /// A person decides.
    Manual,
    /// It has no meaning there.
    NotApplicable,
    /// What decides it could not be read.
    Error,
}

impl Status {
    /// All, in the order in which summaries list them.
    pub const ALL: [Status; 5] =
        [Status::Pass, Status::Fail, Status::Manual, Status::NotApplicable, Status::Error];

    /// The name in every format.
    pub fn name(self) -> &'static str {
        match self {
            Status::Pass => "PASS",
            Status::Fail => "FAIL",
            Status::Manual => "MANUAL",
            Status::NotApplicable => "NOT_APPLICABLE",
            Status::Error => "ERROR",
        }
    }
}

/// The whole report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckReport {
    /// `FORMAT_VERSION`.
    pub format_version: u32,
    /// Version of orgbase.
    pub tool_version: String,
    /// Name of the benchmark.
    pub benchmark: String,
    /// Its version, such as `7.0.0`.
    pub version: String,
    /// When, RFC 3339, UTC.
    pub generated_at: String,
    /// Organization id.
    pub organization_id: String,
    /// The baseline that was looked at; absent where none was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// The rules of the rows, by number.
    pub rules: Vec<RuleText>,
    /// Rows, by rule number, account name and region.
    pub rows: Vec<Row>,
    /// Accounts without rows, and why.
    pub skipped: Vec<SkippedAccount>,
    /// Every exception of the baseline, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<BaselineException>,
    /// Counts.
    pub summary: Summary,
    /// What changed since the report that `--compare` names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
}

/// What a rule is about, in our own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleText {
    /// Number in the report's version.
    pub rule: String,
    /// Title.
    pub title: String,
    /// Section of the benchmark.
    pub section: String,
    /// `IAM`, `Storage`, `Logging`, `Monitoring` or `Networking`.
    pub category: String,
    /// Profile level.
    pub level: u8,
    /// The benchmark counts it.
    pub scored: bool,
    /// `critical`, `high`, `medium` or `low`.
    pub severity: String,
    /// Why it matters.
    pub rationale: String,
    /// How it is decided.
    pub decision: String,
    /// What to do where it fails.
    pub remediation: String,
    /// The section of a baseline that makes it hold.
    #[serde(default)]
    pub fix_control: Option<String>,
    /// What of the rule that section does not cover, as `all but ...`; empty: it covers all of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fix_reach: String,
}

/// One rule in one place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Section of the benchmark, such as `Logging`.
    pub section: String,
    /// Number in the report's version.
    pub rule: String,
    /// Title.
    pub title: String,
    /// `IAM`, `Storage`, `Logging`, `Monitoring` or `Networking`.
    pub category: String,
    /// Profile level.
    pub level: u8,
    /// The benchmark counts it.
    pub scored: bool,
    /// `critical`, `high`, `medium` or `low`.
    pub severity: String,
    /// 12 digits; of a rule about the organization, the management account.
    pub account_id: String,
    /// Name, as somebody typed it: escape it where it is shown.
    pub account_name: String,
    /// Path of the account's OU.
    pub ou: String,
    /// Region; empty where the rule is about the whole account or organization.
    pub region: String,
    /// How it ended.
    pub status: Status,
    /// Things with a problem.
    pub failed: usize,
    /// Things that were looked at.
    pub checked: usize,
    /// The entities with a problem.
    pub affected: Vec<String>,
    /// What was found.
    pub evidence: String,
    /// What makes it hold, or an exception of the baseline.
    #[serde(default)]
    pub met_by: Option<String>,
    /// The section of a baseline that makes it hold.
    #[serde(default)]
    pub fix_control: Option<String>,
    /// The given baseline declares for this place all that the rule needs of that section. Whether applying it would change the
    /// place, `plan` says.
    #[serde(default)]
    pub fixed_by_baseline: bool,
    /// What to do where it fails and the baseline, or a person, can mend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The exception of the baseline that covers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<ExceptionText>,
    /// When it was evaluated, RFC 3339, UTC.
    pub updated_at: String,
}

impl Row {
    /// What identifies a row over runs.
    pub fn key(&self) -> (String, String, String) {
        (self.rule.clone(), self.account_id.clone(), self.region.clone())
    }
}

/// The exception of the baseline that covers a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionText {
    /// Why.
    pub reason: String,
    /// Last day, `YYYY-MM-DD`.
    pub expires: Option<String>,
    /// The last day has passed: the row counts as it is.
    pub expired: bool,
}

/// An exception as the baseline declares it, and the rows that it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaselineException {
    /// Section that does not hold.
    pub control: String,
    /// Accounts, as the baseline names them: keys or 12-digit ids.
    pub accounts: Vec<String>,
    /// Regions; empty: all.
    pub regions: Vec<String>,
    /// Reason and last day.
    #[serde(flatten)]
    pub text: ExceptionText,
    /// Numbers of the rules of which it covers a row that would fail: met by it, or, where it has expired, failed.
    pub rules: Vec<String>,
}

/// An account without rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedAccount {
    /// 12 digits.
    pub account_id: String,
    /// Name, as somebody typed it.
    pub account_name: String,
    /// Why.
    pub reason: String,
}

/// Counts of a report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Rows.
    pub rows: usize,
    /// Rows per status; every status is listed.
    pub statuses: BTreeMap<String, usize>,
    /// Share of PASS among PASS and FAIL of the scored rules, in percent; absent where there are none.
    pub score: Option<f64>,
    /// The score of every benchmark version that the evidence decides, oldest first.
    #[serde(default)]
    pub versions: Vec<VersionScore>,
    /// Per section of the benchmark.
    pub sections: Vec<Group>,
    /// Per account.
    pub accounts: Vec<Group>,
}

/// The score of one benchmark version.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VersionScore {
    /// Such as `1.2.0`.
    pub version: String,
    /// Rows of scored rules that hold.
    pub pass: usize,
    /// Rows of scored rules that do not.
    pub fail: usize,
    /// Share of PASS in percent; absent where nothing was decided.
    pub score: Option<f64>,
}

/// Counts of a part of the rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Section, or account id.
    pub name: String,
    /// Account name; empty for sections.
    #[serde(default)]
    pub account_name: String,
    /// Rows per status.
    pub statuses: BTreeMap<String, usize>,
    /// As in the whole.
    pub score: Option<f64>,
}

/// What changed since an older report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// When the older one was made.
    pub with: String,
    /// Rows that fail now and did not then, as `rule account region`.
    pub newly_failed: Vec<String>,
    /// Rows that failed then and pass now.
    pub fixed: Vec<String>,
}

impl Summary {
    /// Counts rows.
    pub fn of(rows: &[Row]) -> Summary {
        let mut sections: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
        let mut accounts: BTreeMap<(String, String), Vec<&Row>> = BTreeMap::new();
        let mut order = Vec::new();
        for row in rows {
            if !order.contains(&row.section) {
                order.push(row.section.clone());
            }
            sections.entry(row.section.clone()).or_default().push(row);
            accounts.entry((row.account_name.clone(), row.account_id.clone())).or_default().push(row);
        }
        let all: Vec<&Row> = rows.iter().collect();
        Summary {
            rows: rows.len(),
            statuses: statuses(&all),
            score: score(&all),
            versions: Vec::new(),
            sections: order
                .into_iter()
                .map(|name| {
                    group(name.clone(), String::new(), sections.get(&name).map_or(&[], Vec::as_slice))
                })
                .collect(),
            accounts: accounts.into_iter().map(|((name, id), rows)| group(id, name, &rows)).collect(),
        }
    }

    /// Rows with one status.
    pub fn count(&self, status: Status) -> usize {
        self.statuses.get(status.name()).copied().unwrap_or_default()
    }

    /// The exit code that these rows mean: unread wins over failed.
    pub fn exit_code(&self) -> u8 {
        match (self.count(Status::Error), self.count(Status::Fail)) {
            (0, 0) => 0,
            (0, _) => 2,
            _ => 3,
        }
    }
}

fn group(name: String, account_name: String, rows: &[&Row]) -> Group {
    Group { name, account_name, statuses: statuses(rows), score: score(rows) }
}

fn statuses(rows: &[&Row]) -> BTreeMap<String, usize> {
    let count = |status| rows.iter().filter(|row| row.status == status).count();
    Status::ALL.into_iter().map(|status| (status.name().to_string(), count(status))).collect()
}

fn score(rows: &[&Row]) -> Option<f64> {
    let count = |status| rows.iter().filter(|row| row.scored && row.status == status).count();
    let (pass, fail) = (count(Status::Pass), count(Status::Fail));
    share(pass, fail)
}

/// Percent of `pass` in both, with one digit.
pub(super) fn share(pass: usize, fail: usize) -> Option<f64> {
    (pass + fail > 0).then(|| (pass as f64 * 1000.0 / (pass + fail) as f64).round() / 10.0)
}
