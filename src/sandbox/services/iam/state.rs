//! What IAM stores for one account.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// IAM of one account.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// The account password policy; `None` is AWS's default policy.
    pub password_policy: Option<PasswordPolicy>,
    /// The account alias.
    pub alias: Option<String>,
    /// The root user.
    pub root: RootUser,
    /// Roles by name.
    pub roles: BTreeMap<String, Role>,
    /// Users by name.
    pub users: BTreeMap<String, User>,
    /// Groups by name.
    pub groups: BTreeMap<String, Group>,
    /// Customer-managed policies by ARN.
    pub policies: BTreeMap<String, ManagedPolicy>,
    /// OpenID Connect providers by ARN.
    pub oidc: BTreeMap<String, OidcProvider>,
    /// SAML providers by ARN.
    pub saml: BTreeMap<String, SamlProvider>,
    /// Server certificates by name.
    pub certificates: BTreeMap<String, Certificate>,
    /// The credential report.
    pub report: Option<Report>,
    /// Central root access: features that the organization uses (management account only).
    pub features: BTreeSet<String>,
    /// Last-accessed jobs by id, and when they were started.
    pub jobs: BTreeMap<String, f64>,
}

/// The account password policy. Where a number is absent the rule is off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "AWS's own switches")]
pub struct PasswordPolicy {
    /// Least length.
    pub minimum_length: i64,
    /// At least one symbol.
    pub symbols: bool,
    /// At least one digit.
    pub numbers: bool,
    /// At least one capital letter.
    pub uppercase: bool,
    /// At least one small letter.
    pub lowercase: bool,
    /// Users may change their own password.
    pub allow_change: bool,
    /// Days after which a password expires.
    pub max_age: Option<i64>,
    /// How many former passwords are refused.
    pub reuse_prevention: Option<i64>,
    /// An expired password can only be reset by an administrator.
    pub hard_expiry: Option<bool>,
}

/// The root user.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RootUser {
    /// Has a password; `None`: as the account began, which depends on how it joined.
    pub password: Option<bool>,
    /// Serial numbers of MFA devices, and since when. A virtual one's is an ARN.
    pub mfa: BTreeMap<String, f64>,
    /// Access keys.
    pub keys: Vec<AccessKey>,
    /// Signing certificates.
    pub certificates: Vec<SigningCertificate>,
    /// When the root user last signed in.
    pub last_used: Option<f64>,
}

/// A signing certificate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SigningCertificate {
    /// 24 characters or more.
    pub id: String,
    /// As it was sent.
    pub body: String,
    /// `Active` or `Inactive`.
    pub status: String,
    /// When it was uploaded.
    pub created: f64,
}

/// A role.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Role {
    /// Name.
    pub name: String,
    /// Path, such as `/` or `/aws-service-role/guardduty.amazonaws.com/`.
    pub path: String,
    /// `AROA...`.
    pub id: String,
    /// Trust policy, as sent.
    pub trust: String,
    /// Description.
    pub description: Option<String>,
    /// Longest session in seconds.
    pub max_session: i64,
    /// ARN of the permissions boundary.
    pub boundary: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Inline policies by name, and attached ones.
    pub grants: Grants,
    /// When it was made.
    pub created: f64,
}

/// Policies of a role, user or group.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Grants {
    /// Inline policies: name and text.
    pub inline: BTreeMap<String, String>,
    /// ARNs of attached policies.
    pub attached: Vec<String>,
}

/// A user.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct User {
    /// Name.
    pub name: String,
    /// Path.
    pub path: String,
    /// `AIDA...`.
    pub id: String,
    /// When it was made.
    pub created: f64,
    /// ARN of the permissions boundary.
    pub boundary: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Inline policies by name, and attached ones.
    pub grants: Grants,
    /// Access keys.
    pub keys: Vec<AccessKey>,
    /// When the console password was made; `None` without one.
    pub login: Option<f64>,
    /// The password must be changed at the next sign-in.
    pub reset_required: bool,
    /// When the password was last used.
    pub password_used: Option<f64>,
    /// Serial numbers of MFA devices, and since when.
    pub mfa: BTreeMap<String, f64>,
    /// Names of groups.
    pub groups: BTreeSet<String>,
    /// Service-specific credentials and SSH public keys.
    #[serde(default)]
    pub credentials: Vec<super::credentials::Credential>,
}

/// An access key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccessKey {
    /// `AKIA...`.
    pub id: String,
    /// `Active` or `Inactive`.
    pub status: String,
    /// When it was made.
    pub created: f64,
    /// When it was last used.
    pub used: Option<f64>,
}

/// A group.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Group {
    /// Name.
    pub name: String,
    /// Path.
    pub path: String,
    /// `AGPA...`.
    pub id: String,
    /// When it was made.
    pub created: f64,
    /// Inline policies by name, and attached ones.
    pub grants: Grants,
}

/// A customer-managed policy.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ManagedPolicy {
    /// Name.
    pub name: String,
    /// Path.
    pub path: String,
    /// `ANPA...`.
    pub id: String,
    /// Description.
    pub description: Option<String>,
    /// Versions by number: text and when it was made.
    pub versions: BTreeMap<u32, (String, f64)>,
    /// Number of the default version.
    pub default_version: u32,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    pub created: f64,
}

/// An OpenID Connect provider.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct OidcProvider {
    /// Client ids.
    pub clients: BTreeSet<String>,
    /// Thumbprints of certificates.
    pub thumbprints: Vec<String>,
}

/// A SAML provider.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SamlProvider {
    /// Metadata document.
    pub metadata: String,
    /// When it was made.
    pub created: f64,
}

/// A server certificate.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Certificate {
    /// Path.
    pub path: String,
    /// `ASCA...`.
    pub id: String,
    /// When it was uploaded.
    pub uploaded: f64,
    /// When it expires.
    pub expires: f64,
}

/// A credential report.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Report {
    /// When it was asked for.
    pub started: f64,
    /// When it was complete.
    pub completed: Option<f64>,
    /// The CSV text.
    pub content: String,
}
