//! What Organizations stores.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The state of AWS Organizations.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// The organization; `None` before CreateOrganization.
    pub organization: Option<Organization>,
    /// Member accounts by id, the management account included.
    pub accounts: BTreeMap<String, Account>,
    /// Accounts that exist but belong to no organization.
    pub standalone: BTreeMap<String, Account>,
    /// OUs by id.
    pub units: BTreeMap<String, Unit>,
    /// Customer-managed policies by id.
    pub policies: BTreeMap<String, Policy>,
    /// Policy ids per root, OU or account, in the order in which they were attached.
    pub attachments: BTreeMap<String, Vec<String>>,
    /// Enabled policy types.
    pub policy_types: BTreeSet<String>,
    /// CreateAccount requests by id.
    pub creations: BTreeMap<String, Creation>,
    /// Handshakes by id.
    pub handshakes: BTreeMap<String, Handshake>,
    /// Service principals with trusted access, and when it was enabled.
    pub trusted_access: BTreeMap<String, f64>,
    /// Delegated administrators: principal, account, since when.
    pub delegated: BTreeMap<String, BTreeMap<String, f64>>,
    /// Tags by resource id.
    pub tags: BTreeMap<String, BTreeMap<String, String>>,
    /// The delegation policy.
    pub resource_policy: Option<ResourcePolicy>,
    /// When accounts were closed, for the 30-day quota.
    pub closures: Vec<f64>,
    /// Quota of accounts; `None` is AWS's default of 10.
    pub account_limit: Option<usize>,
    /// The management account of an organization that was deleted.
    #[serde(default)]
    pub dissolved_by: Option<String>,
}

/// The organization itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Organization {
    /// `o-` and 10 letters or digits.
    pub id: String,
    /// Id of the one root.
    pub root: String,
    /// Id of the management account.
    pub management: String,
    /// Feature set ALL, or consolidated billing only.
    pub all_features: bool,
}

/// An account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// Name.
    pub name: String,
    /// E-mail address of the root user.
    pub email: String,
    /// Id of the root or OU that holds it.
    pub parent: String,
    /// Made by CreateAccount, not invited.
    pub created: bool,
    /// When it joined, seconds since 1970.
    pub joined: f64,
    /// Life-cycle state.
    pub state: AccountState,
    /// When a closure asked for will be complete.
    pub closing_at: Option<f64>,
}

/// `Account.State` of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountState {
    /// Joined but not usable yet.
    PendingActivation,
    /// Usable.
    Active,
    /// Suspended by AWS.
    Suspended,
    /// CloseAccount was called.
    PendingClosure,
    /// Closed; still listed for 90 days.
    Closed,
}

impl AccountState {
    /// The value of the `State` member.
    pub fn text(self) -> &'static str {
        match self {
            AccountState::PendingActivation => "PENDING_ACTIVATION",
            AccountState::Active => "ACTIVE",
            AccountState::Suspended => "SUSPENDED",
            AccountState::PendingClosure => "PENDING_CLOSURE",
            AccountState::Closed => "CLOSED",
        }
    }

    /// The value of the older `Status` member, which knows three states.
    pub fn status(self) -> &'static str {
        match self {
            AccountState::PendingActivation | AccountState::Active => "ACTIVE",
            AccountState::Suspended | AccountState::Closed => "SUSPENDED",
            AccountState::PendingClosure => "PENDING_CLOSURE",
        }
    }
}

/// An organizational unit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Unit {
    /// `ou-ROOT-` and 8 letters or digits.
    pub id: String,
    /// Name, unique among its siblings.
    pub name: String,
    /// Id of the root or OU that holds it.
    pub parent: String,
}

/// A policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Policy {
    /// `p-` and 8 letters or digits.
    pub id: String,
    /// Name, unique per type.
    pub name: String,
    /// Description, may be empty.
    pub description: String,
    /// Policy type, such as `SERVICE_CONTROL_POLICY`.
    pub kind: String,
    /// Text as it was sent.
    pub content: String,
    /// Made by AWS.
    pub aws_managed: bool,
    /// When the content last changed, seconds since 1970.
    pub updated: f64,
}

/// A CreateAccount request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Creation {
    /// `car-` and 32 hexadecimal digits.
    pub id: String,
    /// Id that the account has or will have.
    pub account: String,
    /// Name asked for.
    pub name: String,
    /// E-mail address asked for.
    pub email: String,
    /// The access role to be made in the account.
    pub role: String,
    /// Unique id that the access role will have.
    pub role_id: String,
    /// Tags of the account.
    pub tags: BTreeMap<String, String>,
    /// When it was asked for.
    pub requested: f64,
    /// When it completed, or `None` while in progress.
    pub completed: Option<f64>,
    /// Why it failed.
    pub failure: Option<String>,
    /// How often its status was read while in progress.
    pub reads: u32,
}

/// A handshake.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Handshake {
    /// `h-` and 32 hexadecimal digits.
    pub id: String,
    /// `INVITE`, `ENABLE_ALL_FEATURES` or `APPROVE_ALL_FEATURES`.
    pub action: String,
    /// State of the API.
    pub state: String,
    /// When it was made.
    pub requested: f64,
    /// When it expires.
    pub expires: f64,
    /// Type of the other party: `ACCOUNT` or `EMAIL`, empty where there is none.
    pub party_type: String,
    /// Id of the other party.
    pub party: String,
    /// Notes of the invitation.
    pub notes: Option<String>,
    /// Tags for the account once it joined.
    pub tags: BTreeMap<String, String>,
    /// The handshake that this one belongs to.
    pub parent: Option<String>,
}

/// The delegation policy of the organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResourcePolicy {
    /// `rp-` and 8 letters or digits.
    pub id: String,
    /// Text as it was sent.
    pub content: String,
}
