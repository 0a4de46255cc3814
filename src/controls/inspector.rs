//! Amazon Inspector for the organization, from its delegated administrator, region by region.
//!
//! In each region the administrator scans itself first (AWS refuses the rest before), then new accounts are taken in by
//! themselves, existing ones are associated and their scan types enabled. A scan type that is declared `false` is turned off,
//! with all of its findings; one that is left out is not looked at.
//! <https://docs.aws.amazon.com/inspector/latest/user/managing-multiple-accounts.html>

mod administrator;
mod calls;
mod configuration;
mod members;
mod organization;

use std::collections::BTreeMap;

use aws_sdk_inspector2::types::ResourceScanType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::Baseline;
use crate::control::{DynControl, Section, SectionMeta, Shape, control};
use crate::controls::delegated_admins;
use crate::diag::Findings;

/// Amazon Inspector: vulnerabilities in instances, images, functions and code, in all accounts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Inspector {
    /// EC2 instances are scanned. Billed per instance.
    pub ec2: Option<bool>,
    /// Container images in ECR are scanned. Billed per image and per scan of it.
    pub ecr: Option<bool>,
    /// Lambda functions and layers are scanned for vulnerable packages. Billed per function.
    pub lambda: Option<bool>,
    /// The code of Lambda functions is scanned; needs `lambda`. Billed per function.
    pub lambda_code: Option<bool>,
    /// Code repositories that are connected to Inspector are scanned. Billed per scan.
    pub code_repository: Option<bool>,
    /// How EC2 instances are scanned: by their SSM agent, or also by snapshots of their volumes.
    pub ec2_scan_mode: Option<Ec2ScanMode>,
    /// Images are scanned again for this long after they were pushed.
    pub ecr_rescan_duration: Option<RescanDuration>,
    /// Images are scanned again for this long after they were last pulled, or in use.
    pub ecr_pull_date_rescan_duration: Option<PullDateRescanDuration>,
    /// What `ecr_pull_date_rescan_duration` counts from.
    pub ecr_pull_date_rescan_mode: Option<PullDateRescanMode>,
}

/// How EC2 instances are scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Ec2ScanMode {
    /// Instances without an SSM agent by snapshots of their volumes.
    #[serde(rename = "EC2_HYBRID")]
    Hybrid,
    /// Instances with an SSM agent only.
    #[serde(rename = "EC2_SSM_AGENT_BASED")]
    SsmAgentBased,
}

impl Ec2ScanMode {
    fn as_str(self) -> &'static str {
        match self {
            Ec2ScanMode::Hybrid => "EC2_HYBRID",
            Ec2ScanMode::SsmAgentBased => "EC2_SSM_AGENT_BASED",
        }
    }
}

/// For how long images are scanned again after they were pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "AWS's words say it")]
pub enum RescanDuration {
    #[serde(rename = "DAYS_3")]
    Days3,
    #[serde(rename = "DAYS_7")]
    Days7,
    #[serde(rename = "DAYS_14")]
    Days14,
    #[serde(rename = "DAYS_30")]
    Days30,
    #[serde(rename = "DAYS_60")]
    Days60,
    #[serde(rename = "DAYS_90")]
    Days90,
    #[serde(rename = "DAYS_180")]
    Days180,
    Lifetime,
}

/// For how long images are scanned again after they were pulled or in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "AWS's words say it")]
pub enum PullDateRescanDuration {
    #[serde(rename = "DAYS_3")]
    Days3,
    #[serde(rename = "DAYS_7")]
    Days7,
    #[serde(rename = "DAYS_14")]
    Days14,
    #[serde(rename = "DAYS_30")]
    Days30,
    #[serde(rename = "DAYS_60")]
    Days60,
    #[serde(rename = "DAYS_90")]
    Days90,
    #[serde(rename = "DAYS_180")]
    Days180,
}

/// What the time after a pull counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PullDateRescanMode {
    /// The last time that the image was pulled.
    LastPullDate,
    /// The last time that the image was running.
    LastInUseAt,
}

/// AWS's word for a value of the section.
fn word<T: Serialize>(value: T) -> String {
    let text = serde_json::to_value(value).ok();
    text.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

/// A kind of scan, by its key in the section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Scan {
    Ec2,
    Ecr,
    Lambda,
    LambdaCode,
    CodeRepository,
}

impl Scan {
    const ALL: [Scan; 5] = [Scan::Ec2, Scan::Ecr, Scan::Lambda, Scan::LambdaCode, Scan::CodeRepository];

    fn key(self) -> &'static str {
        match self {
            Scan::Ec2 => "ec2",
            Scan::Ecr => "ecr",
            Scan::Lambda => "lambda",
            Scan::LambdaCode => "lambda_code",
            Scan::CodeRepository => "code_repository",
        }
    }

    fn live(self) -> ResourceScanType {
        match self {
            Scan::Ec2 => ResourceScanType::Ec2,
            Scan::Ecr => ResourceScanType::Ecr,
            Scan::Lambda => ResourceScanType::Lambda,
            Scan::LambdaCode => ResourceScanType::LambdaCode,
            Scan::CodeRepository => ResourceScanType::CodeRepository,
        }
    }
}

/// Which scans are on; what is absent is not managed.
type Scans = BTreeMap<Scan, bool>;

impl Section for Inspector {
    const META: SectionMeta = SectionMeta {
        id: "inspector",
        title: "Amazon Inspector",
        summary: "Scans the instances, container images, functions and code repositories of every account for \
                  vulnerabilities, region by region: the delegated administrator first, new accounts by themselves, \
                  existing ones as members of the administrator. Findings of all accounts are seen in the administrator.",
        shape: Shape::Table,
        references: &[],
        billed: Some(
            "per EC2 instance, container image and scan of it, Lambda function and code scan, in each account and region",
        ),
    };

    fn check(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        delegated_admins::require("inspector2", baseline, findings);
        if self.scans().is_empty() {
            findings.hint("", "no scan type is declared", "for example: ec2 = true");
        }
        if self.lambda_code == Some(true) && self.lambda != Some(true) {
            findings.hint(
                "lambda_code",
                "the code of functions is scanned only where functions are",
                "declare `lambda = true` as well",
            );
        }
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![
            control::<administrator::Administrator>(),
            control::<organization::AutoEnable>(),
            control::<members::Members>(),
            control::<configuration::ScanConfiguration>(),
        ]
    }
}

impl Inspector {
    fn scans(&self) -> Scans {
        let declared = |scan: Scan| {
            let on = match scan {
                Scan::Ec2 => self.ec2,
                Scan::Ecr => self.ecr,
                Scan::Lambda => self.lambda,
                Scan::LambdaCode => self.lambda_code,
                Scan::CodeRepository => self.code_repository,
            };
            Some((scan, on?))
        };
        Scan::ALL.into_iter().filter_map(declared).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const HEAD: &str = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n[accounts.security]\nname = \"Security\"\n\
                        email = \"security@example.com\"\nou = \"/\"\n[delegated_admins]\ninspector2 = \"security\"\n";

    fn findings(keys: &str) -> Vec<String> {
        let text = format!("{HEAD}[inspector]\n{keys}");
        match Baseline::parse("b.toml", &text) {
            Ok(_) => Vec::new(),
            Err(error) => error.findings.into_iter().map(|finding| finding.message).collect(),
        }
    }

    #[test]
    fn something_is_scanned_and_code_only_with_its_functions() {
        assert_eq!(findings("ec2 = true\nlambda = true\nlambda_code = true\n"), Vec::<String>::new());
        assert_eq!(findings("").len(), 1);
        assert_eq!(findings("lambda_code = true\n").len(), 1);
        assert_eq!(findings("ec2 = true\necr_rescan_duration = \"DAYS_1\"\n").len(), 1);
    }

    #[test]
    fn words_are_awss() {
        assert_eq!(word(RescanDuration::Lifetime), "LIFETIME");
        assert_eq!(word(RescanDuration::Days14), "DAYS_14");
        assert_eq!(word(PullDateRescanMode::LastInUseAt), "LAST_IN_USE_AT");
        assert_eq!(word(Ec2ScanMode::Hybrid), Ec2ScanMode::Hybrid.as_str());
    }
}
