//! AWS Backup: what the organization allows, and which resource types each account and region backs up.
//!
//! * Settings of the organization are a map of strings that the management account alone may write.
//!   <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_UpdateGlobalSettings.html>
//! * A resource type without opt-in is left out by plans that choose resources by tag. Regions differ in the types that
//!   they offer: `DescribeRegionSettings` lists them.
//!   <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_UpdateRegionSettings.html>
//! * Whether a request replaces these maps or adds to them, AWS does not say: what AWS answered is sent back with what is
//!   declared, which is right either way.
//! * Delegated administrators are `delegated_admins`' business; backup policies are policies of the organization; vaults
//!   and plans are not managed.

mod global;
mod region;
mod trusted_access;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::Baseline;
use crate::control::{DynControl, Overridable, Reference, Section, SectionMeta, Shape, control};
use crate::diag::Findings;

/// AWS Backup's settings of the organization, and of every account and region.
///
/// A key that is left out is not managed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Backup {
    /// Backups may be copied into other accounts of the organization. `true` gives Backup trusted access as well.
    pub cross_account_backup: Option<bool>,
    /// Logically air-gapped vaults may have a team that approves access to them.
    pub multi_party_approval: Option<bool>,
    /// Backup keeps the rights of delegated administrators in step with Organizations.
    pub delegated_administrators: Option<bool>,
    /// Resource types that backup plans protect, or do not, by AWS's name for them: `S3`, `DynamoDB`, `Storage Gateway`.
    /// A type that a region does not offer is passed over there.
    pub opt_in: BTreeMap<String, bool>,
    /// Resource types whose backups Backup manages as a whole, such as `DynamoDB`: its advanced features, with
    /// encryption of their own.
    pub full_management: BTreeMap<String, bool>,
}

impl Section for Backup {
    const META: SectionMeta = SectionMeta {
        id: "backup",
        title: "AWS Backup",
        summary: "Lets backups be copied between the accounts of the organization, and sets in every account and region \
                  which resource types backup plans protect. Vaults, plans and backup policies are not managed.",
        shape: Shape::Table,
        references: &[
            Reference::row("STX-040").partly("the type of backup policies: policy_types"),
            Reference::row("QST-023").partly("the vault in the data bunker, and the backup policy"),
            Reference::row("RDM-006").partly("vaults, plans and backup policies"),
        ],
        billed: None,
    };

    fn check(&self, _baseline: &Baseline, findings: &mut Findings<'_>) {
        let tables = [("opt_in", &self.opt_in), ("full_management", &self.full_management)];
        for (table, types) in tables {
            for name in types.keys().filter(|name| name.is_empty() || name.len() > 50) {
                findings.at(&format!("{table}.{name}"), format!("`{name}` is no resource type of Backup"));
            }
        }
    }

    fn overridable(_base: Option<&Backup>) -> Option<Overridable> {
        let keys = &["opt_in", "full_management"];
        Some(Overridable { keys, instead: "declare it in `[backup]` itself" })
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![
            control::<trusted_access::TrustedAccess>(),
            control::<global::GlobalSettings>(),
            control::<region::RegionSettings>(),
        ]
    }
}
