//! The kinds of recommendations that can be exported, and the call that exports each.
//!
//! Dependent actions: Service Authorization Reference, "Actions, resources, and condition keys for AWS Compute Optimizer".

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of resource that Compute Optimizer looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// EC2 instances.
    Ec2Instance,
    /// Auto Scaling groups.
    AutoScalingGroup,
    /// EBS volumes.
    EbsVolume,
    /// Lambda functions.
    LambdaFunction,
    /// ECS services on Fargate.
    EcsService,
    /// RDS databases.
    RdsDatabase,
    /// Commercial software licenses.
    License,
    /// Idle resources of all kinds.
    Idle,
}

impl Kind {
    pub(super) const ALL: [Kind; 8] = [
        Kind::Ec2Instance,
        Kind::AutoScalingGroup,
        Kind::EbsVolume,
        Kind::LambdaFunction,
        Kind::EcsService,
        Kind::RdsDatabase,
        Kind::License,
        Kind::Idle,
    ];

    /// As the baseline writes it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Ec2Instance => "ec2_instance",
            Kind::AutoScalingGroup => "auto_scaling_group",
            Kind::EbsVolume => "ebs_volume",
            Kind::LambdaFunction => "lambda_function",
            Kind::EcsService => "ecs_service",
            Kind::RdsDatabase => "rds_database",
            Kind::License => "license",
            Kind::Idle => "idle",
        }
    }

    /// Name of its schedule, and the folder of its files.
    pub(super) fn label(self) -> String {
        self.word().replace('_', "-")
    }

    /// The resources in the names of its operations, such as `EC2Instance` in `ExportEC2InstanceRecommendations`.
    fn resource(self) -> &'static str {
        match self {
            Kind::Ec2Instance => "EC2Instance",
            Kind::AutoScalingGroup => "AutoScalingGroup",
            Kind::EbsVolume => "EBSVolume",
            Kind::LambdaFunction => "LambdaFunction",
            Kind::EcsService => "ECSService",
            Kind::RdsDatabase => "RDSDatabase",
            Kind::License => "License",
            Kind::Idle => "Idle",
        }
    }

    /// The operation in the ARN of a universal target, which begins with a small letter.
    pub(super) fn target_action(self) -> String {
        format!("export{}Recommendations", self.resource())
    }

    /// The IAM actions of an export: the export itself, and what it reads with the caller's permissions.
    pub(super) fn actions(self) -> Vec<String> {
        let own = ["Export", "Get"].map(|verb| format!("compute-optimizer:{verb}{}Recommendations", self.resource()));
        own.into_iter().chain(self.reads().iter().map(ToString::to_string)).collect()
    }

    /// Guess: exports of idle resources read what `GetIdleRecommendations` does, which has no dependent actions.
    fn reads(self) -> &'static [&'static str] {
        match self {
            Kind::Ec2Instance | Kind::License => &["ec2:DescribeInstances"],
            Kind::AutoScalingGroup => &["autoscaling:DescribeAutoScalingGroups"],
            Kind::EbsVolume => &["ec2:DescribeVolumes"],
            Kind::LambdaFunction => &["lambda:ListFunctions", "lambda:ListProvisionedConcurrencyConfigs"],
            Kind::EcsService => &["ecs:ListClusters", "ecs:ListServices"],
            Kind::RdsDatabase => &["rds:DescribeDBClusters", "rds:DescribeDBInstances"],
            Kind::Idle => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::models;

    #[test]
    fn every_kind_has_an_operation_and_the_word_of_the_baseline() {
        for kind in Kind::ALL {
            let action = kind.target_action();
            let operation = format!("E{}", &action[1..]);
            let known = models::api("compute-optimizer").is_some_and(|api| api.operations.contains_key(&operation));
            assert!(known, "{operation}");
            assert_eq!(serde_json::json!(kind), kind.word());
        }
        assert_eq!(Kind::AutoScalingGroup.label(), "auto-scaling-group");
        assert_eq!(
            Kind::EbsVolume.actions(),
            [
                "compute-optimizer:ExportEBSVolumeRecommendations",
                "compute-optimizer:GetEBSVolumeRecommendations",
                "ec2:DescribeVolumes"
            ]
        );
    }
}
