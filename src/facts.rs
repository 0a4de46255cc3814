//! The live organization as it was read when the run began: one immutable value.

pub mod discover;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use discover::{Needs, discover, further, organization};

/// Everything that a run knows of the organization.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Facts {
    /// AWS partition, such as `aws` or `aws-us-gov`.
    pub partition: String,
    /// Organization id, `o-...`.
    pub organization_id: String,
    /// ARN of the organization.
    pub organization_arn: String,
    /// 12-digit id of the management account.
    pub management_account: String,
    /// `ALL` or `CONSOLIDATED_BILLING`.
    pub feature_set: String,
    /// Root id, `r-...`.
    pub root_id: String,
    /// Policy types of the root with their status, such as `SERVICE_CONTROL_POLICY` -> `ENABLED`.
    pub policy_types: BTreeMap<String, String>,
    /// OUs by path; the root is not among them.
    pub ous: BTreeMap<String, Ou>,
    /// Accounts by id.
    pub accounts: BTreeMap<String, Account>,
    /// Policies by id, of the types that were asked for.
    pub policies: BTreeMap<String, Policy>,
    /// Service principals with trusted access.
    pub trusted_services: BTreeSet<String>,
    /// Regions that the management account may use.
    pub management_regions: BTreeSet<String>,
    /// All regions of the partition.
    pub partition_regions: BTreeSet<String>,
    /// Regions that each account has enabled; an account is missing where nobody needed to know.
    pub regions: BTreeMap<String, Result<BTreeSet<String>, crate::error::CallError>>,
}

/// An organizational unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ou {
    /// `ou-...`
    pub id: String,
    /// ARN.
    pub arn: String,
    /// Names from the root, such as `/Workloads/Production`; a `/` inside a name is written `\/`, a `\` is `\\`.
    pub path: String,
    /// Its own name.
    pub name: String,
    /// Id of the parent OU or root.
    pub parent_id: String,
}

/// An account of the organization.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// 12 digits.
    pub id: String,
    /// ARN.
    pub arn: String,
    /// Name, as somebody typed it: escape it where it is shown.
    pub name: String,
    /// E-mail address of its root user.
    pub email: String,
    /// `ACTIVE`, `SUSPENDED`, `PENDING_CLOSURE`, `CLOSED`, `PENDING_ACTIVATION`.
    pub state: String,
    /// `INVITED` or `CREATED`.
    pub joined_method: String,
    /// Path of its OU; `/` is the root.
    pub ou: String,
    /// Id of its OU or of the root.
    pub parent_id: String,
}

impl Account {
    /// Whether settings in it are managed.
    pub fn is_active(&self) -> bool {
        self.state == "ACTIVE"
    }
}

/// A policy of the organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// `p-...`
    pub id: String,
    /// ARN.
    pub arn: String,
    /// Name.
    pub name: String,
    /// Description.
    pub description: String,
    /// Type, such as `SERVICE_CONTROL_POLICY`.
    pub kind: String,
    /// Made by AWS (`FullAWSAccess`).
    pub aws_managed: bool,
    /// The document; absent for AWS's own and where nobody needed it.
    pub content: Option<String>,
    /// Ids of the root, OUs and accounts that it is attached to.
    pub targets: BTreeSet<String>,
}

impl Facts {
    /// Only which organization it is: what is read before everything else.
    #[must_use]
    pub fn identity(self) -> Facts {
        let Facts { partition, organization_id, organization_arn, management_account, feature_set, .. } =
            self;
        Facts {
            partition,
            organization_id,
            organization_arn,
            management_account,
            feature_set,
            ..Facts::default()
        }
    }

    /// The account with this e-mail address (letter case does not matter).
    pub fn account_by_email(&self, email: &str) -> Option<&Account> {
        self.accounts.values().find(|a| a.email.eq_ignore_ascii_case(email))
    }

    /// Id of the root (`/`) or of an OU by path.
    pub fn target_id(&self, path: &str) -> Option<&str> {
        if path == "/" { Some(&self.root_id) } else { self.ous.get(path).map(|ou| ou.id.as_str()) }
    }

    /// Path of the root or an OU by id.
    pub fn path_of(&self, id: &str) -> Option<&str> {
        if id == self.root_id {
            return Some("/");
        }
        self.ous.values().find(|ou| ou.id == id).map(|ou| ou.path.as_str())
    }

    /// An ARN in this partition; `region` and `account` may be empty.
    pub fn arn(&self, service: &str, region: &str, account: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{region}:{account}:{resource}", self.partition)
    }
}

/// Whether `path` is `ou` or lies under it.
pub fn is_under(path: &str, ou: &str) -> bool {
    ou == "/" || path == ou || path.strip_prefix(ou).is_some_and(|rest| rest.starts_with('/'))
}
