//! Protection plans, which the API calls features, and their additional configurations.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AutoEnable;
use crate::diag::Findings;

/// Protection plans of GuardDuty: `ALL`, `NEW` or `NONE` of the organization's accounts get each by itself. With `ALL` it
/// is on in the administrator's account as well.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProtectionPlans {
    /// AI Protection: events of Bedrock and other AI services.
    pub ai_protection: Option<AutoEnable>,
    /// Malware Protection for EC2: scans of the volumes of suspicious instances. Needs trusted access: `guardduty_malware` in
    /// `delegated_admins.trusted_access`.
    pub ebs_malware_protection: Option<AutoEnable>,
    /// EKS Protection: audit logs of EKS clusters.
    pub eks_audit_logs: Option<AutoEnable>,
    /// Runtime Monitoring for EKS alone, which `runtime_monitoring` replaces.
    pub eks_runtime_monitoring: Option<AutoEnable>,
    /// Lambda Protection: network activity of functions.
    pub lambda_network_logs: Option<AutoEnable>,
    /// RDS Protection: log-ins to databases.
    pub rds_login_events: Option<AutoEnable>,
    /// Runtime Monitoring of EKS, ECS and EC2 by an agent.
    pub runtime_monitoring: Option<AutoEnable>,
    /// S3 Protection: reads and writes of objects.
    pub s3_data_events: Option<AutoEnable>,
    /// Runtime Monitoring: GuardDuty installs its agent in EKS clusters.
    pub eks_addon_management: Option<AutoEnable>,
    /// Runtime Monitoring: GuardDuty installs its agent in ECS tasks on Fargate.
    pub ecs_fargate_agent_management: Option<AutoEnable>,
    /// Runtime Monitoring: GuardDuty installs its agent on EC2 instances, by Systems Manager.
    pub ec2_agent_management: Option<AutoEnable>,
}

/// Where a switch is: a feature, or an additional configuration of one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Switch {
    /// Key of the baseline.
    pub(super) key: &'static str,
    /// The API's feature.
    pub(super) feature: &'static str,
    /// The API's additional configuration.
    pub(super) additional: Option<&'static str>,
}

impl Switch {
    /// How states are kept by switch: `FEATURE` or `FEATURE/ADDITIONAL`.
    pub(super) fn name(&self) -> String {
        name(self.feature, self.additional)
    }

    /// Path of the key.
    pub(super) fn path(&self) -> String {
        format!("protection_plans.{}", self.key)
    }
}

/// `FEATURE` or `FEATURE/ADDITIONAL`.
pub(super) fn name(feature: &str, additional: Option<&str>) -> String {
    additional.map_or_else(|| feature.to_owned(), |own| format!("{feature}/{own}"))
}

const RUNTIME: &str = "RUNTIME_MONITORING";
const EKS_RUNTIME: &str = "EKS_RUNTIME_MONITORING";

impl ProtectionPlans {
    fn features(&self) -> [(&'static str, &'static str, Option<AutoEnable>); 8] {
        [
            ("ai_protection", "AI_PROTECTION", self.ai_protection),
            ("ebs_malware_protection", "EBS_MALWARE_PROTECTION", self.ebs_malware_protection),
            ("eks_audit_logs", "EKS_AUDIT_LOGS", self.eks_audit_logs),
            ("eks_runtime_monitoring", EKS_RUNTIME, self.eks_runtime_monitoring),
            ("lambda_network_logs", "LAMBDA_NETWORK_LOGS", self.lambda_network_logs),
            ("rds_login_events", "RDS_LOGIN_EVENTS", self.rds_login_events),
            ("runtime_monitoring", RUNTIME, self.runtime_monitoring),
            ("s3_data_events", "S3_DATA_EVENTS", self.s3_data_events),
        ]
    }

    fn agents(&self) -> [(&'static str, &'static str, Option<AutoEnable>); 3] {
        [
            ("eks_addon_management", "EKS_ADDON_MANAGEMENT", self.eks_addon_management),
            ("ecs_fargate_agent_management", "ECS_FARGATE_AGENT_MANAGEMENT", self.ecs_fargate_agent_management),
            ("ec2_agent_management", "EC2_AGENT_MANAGEMENT", self.ec2_agent_management),
        ]
    }

    /// The declared switches, features before their additional configurations.
    pub(super) fn declared(&self) -> BTreeMap<Switch, AutoEnable> {
        let parent = if self.runtime_monitoring.is_some() { RUNTIME } else { EKS_RUNTIME };
        let features = self.features().into_iter().map(|(key, feature, value)| (key, feature, None, value));
        let agents = self.agents().into_iter().map(|(key, own, value)| (key, parent, Some(own), value));
        let all = features.chain(agents);
        all.filter_map(|(key, feature, additional, value)| Some((Switch { key, feature, additional }, value?))).collect()
    }

    /// Sets what is declared to what these states by switch say, where they say it.
    pub(super) fn adjust(&mut self, states: &BTreeMap<String, String>) {
        let Ok(serde_json::Value::Object(mut keys)) = serde_json::to_value(&*self) else { return };
        for switch in self.declared().into_keys() {
            let state = states.get(&switch.name()).map(|state| state.clone().into());
            keys.insert(switch.key.into(), state.unwrap_or_default());
        }
        if let Ok(adjusted) = serde_json::from_value(keys.into()) {
            *self = adjusted;
        }
    }

    /// "Specifying both EKS Runtime Monitoring and Runtime Monitoring will cause an error" (API documentation).
    pub(super) fn check(&self, findings: &mut Findings<'_>) {
        if self.runtime_monitoring.is_some() && self.eks_runtime_monitoring.is_some() {
            findings.hint(
                "protection_plans.eks_runtime_monitoring",
                "GuardDuty takes one of the two: `runtime_monitoring` covers EKS as well",
                "leave `eks_runtime_monitoring` out",
            );
        }
        for (key, own, value) in self.agents() {
            let Some(value) = value else { continue };
            let eks = if own == "EKS_ADDON_MANAGEMENT" { self.eks_runtime_monitoring } else { None };
            let path = format!("protection_plans.{key}");
            match self.runtime_monitoring.or(eks) {
                None => findings.at(&path, format!("`{key}` needs `runtime_monitoring`")),
                Some(AutoEnable::None) if value != AutoEnable::None => {
                    findings.at(&path, "the plan that the agent belongs to is `NONE`");
                }
                Some(_) => {}
            }
        }
    }
}
