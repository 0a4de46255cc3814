//! The core tables of a baseline: who and what the rest of the file names. Doc comments are the generated reference.

use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::Date;

/// The organization and what holds for the whole run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Organization {
    /// Id of the organization, such as `o-a1b2c3d4e5`. A run against another one stops before it changes anything.
    /// `apply --yes` on live AWS requires it.
    #[serde(default)]
    #[schemars(regex(pattern = r"^o-[a-z0-9]{10,32}$"))]
    pub id: Option<String>,
    /// Region of the organization trail, the alarms and the aggregation.
    pub home_region: String,
    /// Regions in which regional settings are managed, or `"enabled"`: whatever each account has opted in to.
    #[serde(default)]
    pub regions: Regions,
    /// Role in each member account that orgbase assumes.
    #[serde(default = "access_role")]
    pub access_role: String,
    /// Role for `plan`, `drift` and `check`, where it differs from `access_role`.
    #[serde(default)]
    pub plan_role: Option<String>,
    /// Role for `apply` and `vend`, where it differs from `access_role`.
    #[serde(default)]
    pub apply_role: Option<String>,
    /// External id that the roles' trust policies ask for.
    #[serde(default)]
    pub external_id: Option<String>,
    /// Begins the names of what orgbase creates: 3 to 20 lower-case letters, digits and hyphens.
    #[serde(default = "prefix")]
    pub prefix: String,
    /// Sets the caller's name as source identity when it assumes a role. The roles' trust policies must allow
    /// `sts:SetSourceIdentity`, which `OrganizationAccountAccessRole` does not.
    #[serde(default)]
    pub source_identity: bool,
}

fn access_role() -> String {
    "OrganizationAccountAccessRole".into()
}

fn prefix() -> String {
    "orgbase".into()
}

/// Which regions are managed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Regions {
    /// Those that each account has opted in to.
    #[default]
    Enabled,
    /// These, where the account has them.
    List(Vec<String>),
}

impl Serialize for Regions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Regions::Enabled => serializer.serialize_str("enabled"),
            Regions::List(list) => list.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Regions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Regions, D::Error> {
        deserializer.deserialize_any(RegionsVisitor)
    }
}

struct RegionsVisitor;

impl<'de> Visitor<'de> for RegionsVisitor {
    type Value = Regions;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`\"enabled\"` or an array of region names")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Regions, E> {
        if text == "enabled" {
            Ok(Regions::Enabled)
        } else {
            Err(E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Regions, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Regions::List(list))
    }
}

impl JsonSchema for Regions {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Regions".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "string", "enum": ["enabled"] },
                { "type": "array", "items": { "type": "string" }, "minItems": 1, "uniqueItems": true }
            ]
        })
    }
}

/// Names of accounts: the key is how the rest of the file names the account, the e-mail address identifies it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Accounts(pub BTreeMap<String, AccountDecl>);

/// An account that the rest of the file can name. `vend` creates it where it does not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountDecl {
    /// Name of the account: 1 to 128 characters; AWS creates accounts with names of at most 50 ASCII characters.
    pub name: String,
    /// E-mail address of its root user, 6 to 64 characters. It identifies the account; letter case does not matter.
    pub email: String,
    /// Path of its OU, such as `/Workloads/Production`; `/` is the root.
    pub ou: String,
    /// Tags of the account. Where the table is left out, tags are not managed.
    #[serde(default)]
    pub tags: Option<BTreeMap<String, String>>,
    /// `false` takes the account out of everything that orgbase manages; needs `reason`.
    #[serde(default = "yes")]
    pub managed: bool,
    /// Why the account is not managed. Shown in every report.
    #[serde(default)]
    pub reason: Option<String>,
    /// Role to assume in this account, where it differs from the organization's.
    #[serde(default)]
    pub access_role: Option<String>,
    /// `true`: the account is to be closed, by `vend --allow-destructive`.
    #[serde(default)]
    pub closed: bool,
    /// `true`: nothing in or about the account is changed unless the run names it with `--only account=KEY` (or its id).
    #[serde(default)]
    pub protected: bool,
}

fn yes() -> bool {
    true
}

/// Organizational units by path, such as `"/Workloads/Production" = {}`. Parents are implied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Ous(pub BTreeMap<String, OuDecl>);

/// An organizational unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OuDecl {
    /// Tags of the OU. Where the table is left out, tags are not managed.
    #[serde(default)]
    pub tags: Option<BTreeMap<String, String>>,
}

/// How `vend` makes accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vend {
    /// Path of the OU in which a new account waits until the baseline holds in it. AWS makes accounts in the root (`/`).
    #[serde(default = "root")]
    pub landing_ou: String,
    /// Opt-in regions that are enabled in accounts that `vend` works on. Left out: those of `organization.regions`.
    #[serde(default)]
    pub opt_in_regions: Option<Vec<String>>,
}

impl Default for Vend {
    fn default() -> Vend {
        Vend { landing_ou: root(), opt_in_regions: None }
    }
}

fn root() -> String {
    "/".into()
}

/// Accounts that are changed together. `apply` goes from ring to ring in the order of the file, and on to the next one only
/// when all that it changes in the one before is in sync. Accounts in no ring come last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ring {
    /// Name of the ring, as reports show it.
    pub name: String,
    /// Account keys or 12-digit account ids.
    #[serde(default)]
    pub accounts: Vec<String>,
    /// Paths of OUs: they and everything under them. An account that several rings name is in the first of them.
    #[serde(default)]
    pub ous: Vec<String>,
}

/// Accounts in which a control is not converged. They are shown in every report with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// Section that does not hold, such as `s3_block_public_access`.
    pub control: String,
    /// Account keys or 12-digit account ids.
    #[schemars(length(min = 1))]
    pub accounts: Vec<String>,
    /// Regions in which it does not hold; left out: all.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub regions: Option<Vec<String>>,
    /// Why.
    pub reason: String,
    /// Last day of the exception, such as `2027-06-30`. From the day after it the exception is reported as expired.
    #[serde(default, with = "date")]
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub expires: Option<Date>,
    /// `file:line` of the exception.
    #[serde(skip)]
    pub declared_at: String,
}

impl Exception {
    /// Days until the exception ends, 0 on its last day, negative when it has expired. `None`: it never does.
    pub fn days_left(&self, today: Date) -> Option<i64> {
        self.expires.map(|last| (last - today).whole_days())
    }
}

/// A resource that orgbase made and that is to be deleted, with `--allow-destructive`. The reference of a section says whether
/// it takes these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Removed {
    /// Section that declared it, such as `scps`.
    pub control: String,
    /// Its name there.
    pub name: String,
    /// `file:line` of the entry.
    #[serde(skip)]
    pub declared_at: String,
}

/// An OU that has a new name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Moved {
    /// Section that declares it: `ous`.
    pub control: String,
    /// Old name: for an OU its path.
    pub from: String,
    /// New name: for an OU its path under the same parent.
    pub to: String,
    /// `file:line` of the entry.
    #[serde(skip)]
    pub declared_at: String,
}

/// Where an override holds: in an OU or in an account, and perhaps in one region of it only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Select {
    /// Path of an OU: it and everything under it.
    #[serde(default)]
    pub(super) ou: Option<String>,
    /// Key or 12-digit id of an account.
    #[serde(default)]
    pub(super) account: Option<String>,
    /// Only in this region: for settings that each region has by itself.
    #[serde(default)]
    pub(super) region: Option<String>,
}

/// A TOML date without a time.
mod date {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use time::{Date, Month};
    use toml::value::Datetime;

    #[expect(
        clippy::ref_option,
        clippy::trivially_copy_pass_by_ref,
        reason = "serde asks for this signature"
    )]
    pub(super) fn serialize<S: Serializer>(date: &Option<Date>, serializer: S) -> Result<S::Ok, S::Error> {
        date.map(|d| d.to_string()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
        let value = Datetime::deserialize(deserializer)?;
        let (Some(date), None, None) = (value.date, value.time, value.offset) else {
            return Err(D::Error::custom("expected a date without a time, such as 2027-06-30"));
        };
        let month = Month::try_from(date.month).map_err(D::Error::custom)?;
        Date::from_calendar_date(i32::from(date.year), month, date.day).map(Some).map_err(D::Error::custom)
    }
}
