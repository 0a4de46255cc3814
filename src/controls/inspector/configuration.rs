//! How EC2 instances and container images are scanned: set by the administrator for itself and its members, in each region.
//!
//! `UpdateConfiguration` takes EC2 and ECR apart, but wants the re-scan duration with every change of ECR: what is not declared is
//! read and sent back. <https://docs.aws.amazon.com/inspector/v2/APIReference/API_UpdateConfiguration.html>

use aws_sdk_inspector2::types::{
    Ec2Configuration, Ec2ScanMode as LiveMode, Ec2ScanModeStatus, EcrConfiguration, EcrPullDateRescanDuration,
    EcrPullDateRescanMode, EcrRescanDuration, EcrRescanDurationStatus,
};
use serde::Serialize;

use super::calls::NotEnabled as _;
use super::{Inspector, word};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Risk, Scope, Seat, Wanted};
use crate::error::{Kind, UnitError};

/// One unit per region, where a key of the configuration is declared.
pub(super) struct ScanConfiguration;

/// The configuration in AWS's words; what is wanted and absent is not managed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Configuration {
    ec2: Option<String>,
    ecr: Option<String>,
    pull: Option<String>,
    pull_mode: Option<String>,
    /// Of the VM scanner, which is sent back as it is.
    vm_scanner: Option<bool>,
    /// AWS is still taking it over.
    pending: bool,
    /// Nothing is scanned in the account yet, so that AWS does not tell what the configuration will be.
    unknown: bool,
}

impl Configuration {
    /// What AWS provides where nothing is scanned yet (terraform-provider-aws, `inspector2/configuration.go`).
    fn fresh() -> Configuration {
        Configuration {
            ec2: Some("EC2_HYBRID".into()),
            ecr: Some("LIFETIME".into()),
            pull: Some("DAYS_90".into()),
            pull_mode: Some("LAST_IN_USE_AT".into()),
            unknown: true,
            ..Configuration::default()
        }
    }
}

impl Control for ScanConfiguration {
    type Section = Inspector;
    type Desired = Configuration;
    type Actual = Configuration;
    const META: Meta = Meta {
        part: "configuration",
        scope: Scope::OrganizationRegion,
        seat: Seat::DelegatedAdmin("inspector2"),
        after: &["inspector.administrator@region"],
        reads: &["inspector2:GetConfiguration"],
        writes: &["inspector2:UpdateConfiguration"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, Inspector>) -> Vec<Wanted<Configuration>> {
        let section = cx.section;
        let want = Configuration {
            ec2: section.ec2_scan_mode.map(|mode| mode.as_str().to_owned()),
            ecr: section.ecr_rescan_duration.map(word),
            pull: section.ecr_pull_date_rescan_duration.map(word),
            pull_mode: section.ecr_pull_date_rescan_mode.map(word),
            ..Configuration::default()
        };
        if want == Configuration::default() { Vec::new() } else { Wanted::one(want) }
    }

    async fn read(cx: &Cx<'_>, _want: &Configuration) -> Result<Configuration, UnitError> {
        let answer =
            cx.aws.inspector2().call("GetConfiguration", |c| c.get_configuration().send()).await.not_enabled()?;
        let Some(answer) = answer else { return Ok(Configuration::fresh()) };
        let ec2 = answer.ec2_configuration;
        let mode = ec2.as_ref().and_then(|ec2| ec2.scan_mode_state.as_ref());
        let ecr = answer.ecr_configuration.and_then(|ecr| ecr.rescan_duration_state);
        let ecr = ecr.as_ref();
        Ok(Configuration {
            ec2: mode.and_then(|state| state.scan_mode.as_ref()).map(|mode| mode.as_str().to_owned()),
            vm_scanner: ec2.as_ref().and_then(|ec2| ec2.vm_scanner_state.as_ref()).and_then(|state| state.activated),
            ecr: ecr.and_then(|e| e.rescan_duration.as_ref()).map(|d| d.as_str().to_owned()),
            pull: ecr.and_then(|e| e.pull_date_rescan_duration.as_ref()).map(|d| d.as_str().to_owned()),
            pull_mode: ecr.and_then(|e| e.pull_date_rescan_mode.as_ref()).map(|m| m.as_str().to_owned()),
            unknown: false,
            pending: mode.is_some_and(|state| state.scan_mode_status == Some(Ec2ScanModeStatus::Pending))
                || ecr.is_some_and(|state| state.status == Some(EcrRescanDurationStatus::Pending)),
        })
    }

    fn diff(want: &Configuration, have: &Configuration) -> Diff {
        let mut d = Diff::new();
        d.optional("ec2_scan_mode", have.ec2.as_ref(), want.ec2.as_ref(), Risk::Normal);
        d.optional("ecr_rescan_duration", have.ecr.as_ref(), want.ecr.as_ref(), Risk::Normal);
        d.optional("ecr_pull_date_rescan_duration", have.pull.as_ref(), want.pull.as_ref(), Risk::Normal);
        d.optional("ecr_pull_date_rescan_mode", have.pull_mode.as_ref(), want.pull_mode.as_ref(), Risk::Normal);
        if d.is_empty() && have.pending {
            d.pending = Some("the scan configuration is PENDING".into());
        }
        d.provisional = have.unknown;
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Configuration, have: &Configuration) -> Result<(), UnitError> {
        let ec2 = ec2(want, have)?;
        let ecr = ecr(want, have)?;
        cx.aws
            .inspector2()
            .call("UpdateConfiguration", |c| {
                c.update_configuration().set_ec2_configuration(ec2.clone()).set_ecr_configuration(ecr.clone()).send()
            })
            .await?;
        Ok(())
    }
}

fn bug(error: aws_smithy_types::error::operation::BuildError) -> UnitError {
    UnitError::new(Kind::Bug, error.to_string())
}

fn ec2(want: &Configuration, have: &Configuration) -> Result<Option<Ec2Configuration>, UnitError> {
    let Some(mode) = want.ec2.as_deref().filter(|_| want.ec2 != have.ec2) else { return Ok(None) };
    let built = Ec2Configuration::builder().scan_mode(LiveMode::from(mode)).set_activate_vm_scanner(have.vm_scanner);
    built.build().map(Some).map_err(bug)
}

fn ecr(want: &Configuration, have: &Configuration) -> Result<Option<EcrConfiguration>, UnitError> {
    let merged = |want: &Option<String>, have: &Option<String>| want.clone().or_else(|| have.clone());
    let pairs = [(&want.ecr, &have.ecr), (&want.pull, &have.pull), (&want.pull_mode, &have.pull_mode)];
    if pairs.iter().all(|(want, have)| want.is_none() || want == have) {
        return Ok(None);
    }
    let duration = merged(&want.ecr, &have.ecr).ok_or_else(|| UnitError::missing("the re-scan duration of ECR"))?;
    EcrConfiguration::builder()
        .rescan_duration(EcrRescanDuration::from(duration.as_str()))
        .set_pull_date_rescan_duration(
            merged(&want.pull, &have.pull).map(|d| EcrPullDateRescanDuration::from(d.as_str())),
        )
        .set_pull_date_rescan_mode(merged(&want.pull_mode, &have.pull_mode).map(|m| EcrPullDateRescanMode::from(m.as_str())))
        .build()
        .map(Some)
        .map_err(bug)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_not_declared_is_sent_back_with_the_rest_of_its_service() {
        let want = Configuration { pull: Some("DAYS_30".into()), ..Configuration::default() };
        let have = Configuration::fresh();
        assert_eq!(ScanConfiguration::diff(&want, &have).changes.len(), 1);
        let sent = ecr(&want, &have).unwrap().unwrap();
        assert_eq!(sent.rescan_duration.as_str(), "LIFETIME");
        assert_eq!(sent.pull_date_rescan_duration.unwrap().as_str(), "DAYS_30");
        assert_eq!(sent.pull_date_rescan_mode.unwrap().as_str(), "LAST_IN_USE_AT");
        assert!(ec2(&want, &have).unwrap().is_none());
    }

    #[test]
    fn a_change_that_aws_still_takes_over_is_pending() {
        let want = Configuration { ec2: Some("EC2_HYBRID".into()), ..Configuration::default() };
        let have = Configuration { pending: true, ..Configuration::fresh() };
        assert!(ScanConfiguration::diff(&want, &have).pending.is_some());
    }
}
