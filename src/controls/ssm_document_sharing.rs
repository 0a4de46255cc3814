//! Block public sharing of Systems Manager documents, per account and region.
//!
//! The setting is there from the first day and says `Enable` (sharing is possible). It keeps documents from being made public
//! from now on; one that is public already stays so.
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-ssm-sharing.html>

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::control::{Control, Cx, DesiredCx, Diff, DynControl, Import, ImportCx, Meta, Risk, Scope, Seat, Section, SectionMeta, Shape, Wanted, control};
use crate::error::UnitError;

/// Id of the setting.
const SETTING: &str = "/ssm/documents/console/public-sharing-permission";
const POSSIBLE: &str = "Enable";
const BLOCKED: &str = "Disable";

/// Public sharing of Systems Manager documents in every account and region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SsmDocumentSharing {
    /// Documents cannot be made public. `false` makes it possible: needs `--allow-destructive` where it was blocked.
    pub block_public: bool,
}

impl Section for SsmDocumentSharing {
    const META: SectionMeta = SectionMeta {
        id: "ssm_document_sharing",
        title: "Public sharing of SSM documents",
        summary: "Keeps Systems Manager documents, which may hold scripts and names of resources, from being shared with \
                  every AWS account. Sharing with named accounts goes on, and what is public already stays so.",
        shape: Shape::Table,
        references: &[],
        billed: None,
    };

    fn import(_cx: &ImportCx<'_>) -> Import<SsmDocumentSharing> {
        Import::Ask(SsmDocumentSharing { block_public: true })
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<Sharing>()]
    }
}

/// The only part.
struct Sharing;

impl Control for Sharing {
    type Section = SsmDocumentSharing;
    type Desired = SsmDocumentSharing;
    type Actual = SsmDocumentSharing;
    const META: Meta = Meta {
        scope: Scope::AccountRegion,
        seat: Seat::Member,
        reads: &["ssm:GetServiceSetting"],
        writes: &["ssm:UpdateServiceSetting"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, SsmDocumentSharing>) -> Vec<Wanted<SsmDocumentSharing>> {
        Wanted::one(cx.section.clone())
    }

    async fn read(cx: &Cx<'_>, _want: &SsmDocumentSharing) -> Result<SsmDocumentSharing, UnitError> {
        let answer =
            cx.aws.ssm().call("GetServiceSetting", |c| c.get_service_setting().setting_id(SETTING).send()).await?;
        let value = answer.service_setting.and_then(|setting| setting.setting_value);
        let value = value.ok_or_else(|| UnitError::missing("the value of the setting"))?;
        Ok(SsmDocumentSharing { block_public: value == BLOCKED })
    }

    fn import(_cx: &Cx<'_>, _want: &SsmDocumentSharing, have: &SsmDocumentSharing) -> Option<SsmDocumentSharing> {
        Some(have.clone())
    }

    fn diff(want: &SsmDocumentSharing, have: &SsmDocumentSharing) -> Diff {
        let mut d = Diff::new();
        let risk = if want.block_public { Risk::Normal } else { Risk::Destructive };
        d.risky("block_public", &have.block_public, Some(&want.block_public), risk);
        d
    }

    async fn apply(cx: &Cx<'_>, want: &SsmDocumentSharing, _have: &SsmDocumentSharing) -> Result<(), UnitError> {
        let value = if want.block_public { BLOCKED } else { POSSIBLE };
        cx.aws
            .ssm()
            .call("UpdateServiceSetting", |c| {
                c.update_service_setting().setting_id(SETTING).setting_value(value).send()
            })
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn making_it_possible_is_destructive() {
        let (blocked, open) =
            (SsmDocumentSharing { block_public: true }, SsmDocumentSharing { block_public: false });
        assert_eq!(Sharing::diff(&blocked, &open).risk(), Risk::Normal);
        assert_eq!(Sharing::diff(&open, &blocked).risk(), Risk::Destructive);
        assert!(Sharing::diff(&open, &open).is_empty());
    }
}
