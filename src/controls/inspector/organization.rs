//! What new accounts of the organization get, in each region.
//!
//! `UpdateOrganizationConfiguration` replaces the whole: what is not declared is read and sent back.
//! <https://docs.aws.amazon.com/inspector/v2/APIReference/API_UpdateOrganizationConfiguration.html>

use std::collections::BTreeMap;

use aws_sdk_inspector2::types::AutoEnable as Live;
use serde::Serialize;

use super::calls::{self, NotEnabled as _};
use super::{Inspector, Scan, Scans};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Scope, Seat, Wanted};
use crate::error::{Kind, UnitError};

/// One unit per region.
pub(super) struct AutoEnable;

/// The declared scan types.
#[derive(Debug, Serialize)]
pub(super) struct Desired {
    scans: Scans,
}

impl Control for AutoEnable {
    type Section = Inspector;
    type Desired = Desired;
    /// Empty where the account is not the administrator yet, or scans nothing itself.
    type Actual = Scans;
    const META: Meta = Meta {
        part: "auto_enable",
        scope: Scope::OrganizationRegion,
        seat: Seat::DelegatedAdmin("inspector2"),
        after: &["inspector.administrator@region"],
        reads: &["inspector2:DescribeOrganizationConfiguration", "inspector2:ListDelegatedAdminAccounts"],
        writes: &["inspector2:UpdateOrganizationConfiguration"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, Inspector>) -> Vec<Wanted<Desired>> {
        Wanted::one(Desired { scans: cx.section.scans() })
    }

    async fn read(cx: &Cx<'_>, _want: &Desired) -> Result<Scans, UnitError> {
        if !calls::is_administrator(cx).await? {
            return Ok(Scans::new());
        }
        let answer = cx
            .aws
            .inspector2()
            .call("DescribeOrganizationConfiguration", |c| c.describe_organization_configuration().send())
            .await
            .not_enabled()?;
        Ok(answer.and_then(|answer| answer.auto_enable).as_ref().map(from_live).unwrap_or_default())
    }

    fn diff(want: &Desired, have: &Scans) -> Diff {
        let mut d = Diff::new();
        for (scan, on) in &want.scans {
            d.field(&format!("auto_enable.{}", scan.key()), &is_on(have, *scan), Some(on));
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Scans) -> Result<(), UnitError> {
        let merged: BTreeMap<Scan, bool> = Scan::ALL
            .into_iter()
            .map(|scan| (scan, want.scans.get(&scan).copied().unwrap_or_else(|| is_on(have, scan))))
            .collect();
        let live = to_live(&merged)?;
        cx.aws
            .inspector2()
            .call("UpdateOrganizationConfiguration", |c| {
                c.update_organization_configuration().auto_enable(live.clone()).send()
            })
            .await?;
        Ok(())
    }
}

fn is_on(have: &Scans, scan: Scan) -> bool {
    have.get(&scan).copied().unwrap_or_default()
}

fn from_live(live: &Live) -> Scans {
    let on = |scan: Scan| match scan {
        Scan::Ec2 => live.ec2,
        Scan::Ecr => live.ecr,
        Scan::Lambda => live.lambda.unwrap_or_default(),
        Scan::LambdaCode => live.lambda_code.unwrap_or_default(),
        Scan::CodeRepository => live.code_repository.unwrap_or_default(),
    };
    Scan::ALL.into_iter().map(|scan| (scan, on(scan))).collect()
}

/// A scan type that is off is sent only where AWS asks for it: regions without it refuse its name.
fn to_live(scans: &Scans) -> Result<Live, UnitError> {
    let further = |scan: Scan| Some(is_on(scans, scan)).filter(|on| *on);
    Live::builder()
        .ec2(is_on(scans, Scan::Ec2))
        .ecr(is_on(scans, Scan::Ecr))
        .set_lambda(further(Scan::Lambda))
        .set_lambda_code(further(Scan::LambdaCode))
        .set_code_repository(further(Scan::CodeRepository))
        .build()
        .map_err(|e| UnitError::new(Kind::Bug, e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_declared_is_not_compared() {
        let want = Desired { scans: Scans::from([(Scan::Ec2, true), (Scan::Lambda, false)]) };
        let paths = |have: &Scans| {
            AutoEnable::diff(&want, have).changes.into_iter().map(|c| c.path).collect::<Vec<String>>()
        };
        assert_eq!(paths(&Scans::new()), ["auto_enable.ec2"]);
        let have = Scans::from([(Scan::Ec2, true), (Scan::Ecr, true), (Scan::Lambda, true)]);
        assert_eq!(paths(&have), ["auto_enable.lambda"]);
    }
}
