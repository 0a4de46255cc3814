//! Consolidated control findings: set by the administrator for itself and its members, region by region.
//! <https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_UpdateSecurityHubConfiguration.html>
//!
//! The call is made with this one setting alone: under central configuration AWS refuses `AutoEnableControls`
//! (terraform-provider-aws#39687). Guess: and takes the finding generator of the administrator, as the console does.

use aws_sdk_securityhub::types::ControlFindingGenerator;
use serde::Serialize;

use super::calls::{self, Hub};
use super::SecurityHub;
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Scope, Seat, Wanted};
use crate::error::UnitError;

/// One unit per region.
pub(super) struct Settings;

/// One finding per control, or one per control and standard.
#[derive(Debug, Serialize)]
pub(super) struct Consolidated(bool);

impl Control for Settings {
    type Section = SecurityHub;
    type Desired = Consolidated;
    /// Absent where Security Hub is not enabled yet.
    type Actual = Option<Hub>;
    const META: Meta = Meta {
        part: "settings",
        scope: Scope::OrganizationRegion,
        seat: Seat::DelegatedAdmin("securityhub"),
        after: &["delegated_admins", "securityhub.administrator"],
        reads: &["securityhub:DescribeHub"],
        writes: &["securityhub:UpdateSecurityHubConfiguration"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, SecurityHub>) -> Vec<Wanted<Consolidated>> {
        cx.section.consolidated_control_findings.map_or_else(Vec::new, |on| Wanted::one(Consolidated(on)))
    }

    async fn read(cx: &Cx<'_>, _want: &Consolidated) -> Result<Option<Hub>, UnitError> {
        calls::own_hub(cx).await
    }

    fn diff(want: &Consolidated, have: &Option<Hub>) -> Diff {
        let mut d = Diff::new();
        let have = have.as_ref().unwrap_or(&Hub::FRESH).consolidated;
        d.field("consolidated_control_findings", &have, Some(&want.0));
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Consolidated, _have: &Option<Hub>) -> Result<(), UnitError> {
        use ControlFindingGenerator::{SecurityControl, StandardControl};
        let generator = if want.0 { SecurityControl } else { StandardControl };
        cx.aws
            .securityhub()
            .call("UpdateSecurityHubConfiguration", |c| {
                c.update_security_hub_configuration().control_finding_generator(generator.clone()).send()
            })
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_that_is_not_there_yet_has_awss_default() {
        assert!(Settings::diff(&Consolidated(true), &None).is_empty());
        assert_eq!(Settings::diff(&Consolidated(false), &None).changes.len(), 1);
        let have = Some(Hub { consolidated: false, ..Hub::FRESH });
        assert_eq!(Settings::diff(&Consolidated(true), &have).changes.len(), 1);
    }
}
