//! What organization to simulate: `--org accounts=N,ous=N,...` or `--org FILE.toml`.
//!
//! Counts: `accounts=N,ous=N,regions=N,drift=F,invited=N,suspended=N,foreign=N,seed=N`, each optional.
//! N accounts beside the management account, `Log Archive` and `Security` included; `invited` and `suspended` come on top.
//!
//! A file describes an exact organization. All keys but `accounts.name` and `accounts.email` are optional:
//!
//! ```toml
//! id = "o-a1b2c3d4e5"                     # the organization's id
//! management = "111122223333"             # the management account's id
//! seed = 0                                # of generated ids
//! page_limit = 0                          # most items of a page of any list; 0: as AWS
//! regions = ["eu-west-1", "us-east-1"]    # enabled without opting in
//! unavailable = { detective = ["ap-south-1"] }   # services (botocore's names) that a region does not have
//! ous = ["/Security", "/Workloads/Production"]   # parents are implied
//! policy_types = ["SERVICE_CONTROL_POLICY"]
//! identity_center = "eu-west-1"           # region of the organization's instance of IAM Identity Center; none where absent
//! trusted_access = ["config.amazonaws.com"]
//!
//! [[accounts]]
//! name = "Log Archive"
//! email = "aws+log@example.com"
//! id = "222222222222"                     # a generated one where absent
//! ou = "/Security"                        # the root where absent
//! state = "ACTIVE"                        # or SUSPENDED, PENDING_CLOSURE, CLOSED
//! invited = false
//! role = "OrganizationAccountAccessRole"  # the access role; "" for none. Invited accounts have none by default
//!
//! [[policies]]
//! name = "aws-guardrails-abcdef"
//! type = "SERVICE_CONTROL_POLICY"
//! json = '{"Version":"2012-10-17","Statement":[]}'
//! targets = ["/", "/Security", "Log Archive"]    # OU paths, account names or ids
//!
//! [[calls]]                               # anything else: API calls, made in order before the organization opens
//! account = "Log Archive"                 # name or id; the management account where absent
//! region = "eu-west-1"                    # the first region where absent
//! service = "iam"                         # botocore's name of the service
//! operation = "CreateAccountAlias"
//! input = { AccountAlias = "logs" }
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::RunError;

/// Regions that accounts have without opting in: the order in which `regions=N` takes them.
pub const REGIONS: [&str; 17] = [
    "eu-west-1",
    "us-east-1",
    "ap-south-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];
/// The id that the shipped baselines carry.
pub const ORGANIZATION_ID: &str = "o-a1b2c3d4e5";
/// The management account's id.
pub const MANAGEMENT_ID: &str = "111122223333";

/// An organization to order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spec {
    /// A generated one.
    Counts(Counts),
    /// An exact one.
    Exact(Box<Exact>),
}

/// How many of what a generated organization has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Accounts beside the management account, at least 2.
    pub accounts: usize,
    /// Organizational units.
    pub ous: usize,
    /// Enabled regions, 1 to 17.
    pub regions: usize,
    /// Probability that a setting differs from AWS's default.
    pub drift: f64,
    /// Invited accounts, without access role.
    pub invited: usize,
    /// Suspended accounts.
    pub suspended: usize,
    /// Policies that others own, and as many workloads: an instance, a database and a file system each.
    pub foreign: usize,
    /// Seed of everything that is random.
    pub seed: u64,
}

/// An organization file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "documented at the top of the module")]
pub struct Exact {
    pub id: String,
    pub management: String,
    pub seed: u64,
    pub page_limit: usize,
    pub regions: Vec<String>,
    pub unavailable: BTreeMap<String, BTreeSet<String>>,
    pub ous: Vec<String>,
    pub policy_types: Vec<String>,
    pub identity_center: Option<String>,
    pub trusted_access: Vec<String>,
    pub accounts: Vec<ExactAccount>,
    pub policies: Vec<ExactPolicy>,
    pub calls: Vec<ExactCall>,
}

/// One account of an organization file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented at the top of the module")]
pub struct ExactAccount {
    pub name: String,
    pub email: String,
    pub id: Option<String>,
    pub ou: Option<String>,
    #[serde(default)]
    pub state: State,
    #[serde(default)]
    pub invited: bool,
    pub role: Option<String>,
}

/// `Account.State` of Organizations, as far as a file may set it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the words of the API")]
pub enum State {
    #[default]
    Active,
    Suspended,
    PendingClosure,
    Closed,
}

/// One policy of an organization file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented at the top of the module")]
pub struct ExactPolicy {
    pub name: String,
    #[serde(rename = "type", default = "service_control_policy")]
    pub kind: String,
    pub json: String,
    #[serde(default)]
    pub targets: Vec<String>,
}

/// One call of an organization file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented at the top of the module")]
pub struct ExactCall {
    pub account: Option<String>,
    pub region: Option<String>,
    pub service: String,
    pub operation: String,
    #[serde(default)]
    pub input: Value,
}

fn service_control_policy() -> String {
    "SERVICE_CONTROL_POLICY".to_owned()
}

impl Default for Counts {
    fn default() -> Counts {
        Counts { accounts: 10, ous: 6, regions: 3, drift: 0.0, invited: 0, suspended: 0, foreign: 0, seed: 0 }
    }
}

impl Default for Exact {
    fn default() -> Exact {
        Exact {
            id: ORGANIZATION_ID.to_owned(),
            management: MANAGEMENT_ID.to_owned(),
            seed: 0,
            page_limit: 0,
            regions: REGIONS.iter().take(3).map(ToString::to_string).collect(),
            unavailable: BTreeMap::new(),
            ous: Vec::new(),
            policy_types: Vec::new(),
            identity_center: None,
            trusted_access: Vec::new(),
            accounts: Vec::new(),
            policies: Vec::new(),
            calls: Vec::new(),
        }
    }
}

impl Default for Spec {
    fn default() -> Spec {
        Spec::Counts(Counts::default())
    }
}

impl Spec {
    /// Reads the value of `--org`: counts, or the path of a TOML file.
    ///
    /// # Errors
    /// The counts or the file are not valid.
    pub fn parse(text: &str) -> Result<Spec, RunError> {
        if Path::new(text).extension().is_some_and(|extension| extension == "toml") {
            let source = std::fs::read_to_string(text)
                .map_err(|error| RunError::new(format!("organization file {text}: {error}")))?;
            let exact = toml::from_str(&source)
                .map_err(|error| RunError::new(format!("organization file {text}: {error}")))?;
            return Ok(Spec::Exact(Box::new(exact)));
        }
        Counts::from_str(text).map(Spec::Counts)
    }
}

impl FromStr for Counts {
    type Err = RunError;

    fn from_str(text: &str) -> Result<Counts, RunError> {
        let mut counts = Counts::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').ok_or_else(|| wrong(part, "expected KEY=VALUE"))?;
            let number = |low: usize, high: usize| match value.parse::<usize>() {
                Ok(number) if (low..=high).contains(&number) => Ok(number),
                _ => Err(wrong(part, &format!("expected a number from {low} to {high}"))),
            };
            match key.trim() {
                "accounts" => counts.accounts = number(2, 20_000)?,
                "ous" => counts.ous = number(0, 2_000)?,
                "regions" => counts.regions = number(1, REGIONS.len())?,
                "invited" => counts.invited = number(0, 20_000)?,
                "suspended" => counts.suspended = number(0, 20_000)?,
                "foreign" => counts.foreign = number(0, 500)?,
                "seed" => counts.seed = value.parse().map_err(|_| wrong(part, "expected a number"))?,
                "drift" => {
                    counts.drift = value
                        .parse()
                        .ok()
                        .filter(|drift| (0.0..=1.0).contains(drift))
                        .ok_or_else(|| wrong(part, "expected a probability from 0 to 1"))?;
                }
                _ => return Err(wrong(part, "unknown key")),
            }
        }
        Ok(counts)
    }
}

fn wrong(part: &str, why: &str) -> RunError {
    RunError::new(format!("--org: {part}: {why}")).hint(
        "keys: accounts, ous, regions, drift, invited, suspended, foreign, seed; or a path ending in .toml",
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_and_bounded() {
        let counts: Counts = "accounts=40,ous=9,drift=0.5,seed=7".parse().unwrap();
        assert_eq!(counts, Counts { accounts: 40, ous: 9, drift: 0.5, seed: 7, ..Counts::default() });
        assert_eq!("".parse::<Counts>().unwrap(), Counts::default());
        for bad in ["accounts", "accounts=1", "regions=18", "regions=0", "drift=2", "drift=x", "nonsense=1"] {
            assert!(bad.parse::<Counts>().unwrap_err().to_string().contains("--org"), "{bad}");
        }
    }

    #[test]
    fn a_file_is_strict() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("org.toml");
        std::fs::write(
            &path,
            "ous = ['/A']\n[[accounts]]\nname = 'x'\nemail = 'x@example.com'\nstate = 'SUSPENDED'\n",
        )
        .unwrap();
        let Spec::Exact(exact) = Spec::parse(path.to_str().unwrap()).unwrap() else { unreachable!() };
        assert_eq!(exact.accounts[0].state, State::Suspended);
        assert_eq!(exact.id, ORGANIZATION_ID);
        std::fs::write(&path, "typo = 1\n").unwrap();
        let error = Spec::parse(path.to_str().unwrap()).unwrap_err().to_string();
        assert!(error.contains("typo"), "{error}");
    }
}
