//! Every permission that a call needs: its own action, and what the service does with the caller's rights.
//!
//! Source: the service authorization reference (columns "Resource types" and "Dependent actions") and the pages named below.
//! What depends on the input (tags, a role that is passed) or on the state (a service-linked role that is not there yet) is
//! needed only then.

use serde_json::Value;

use crate::sandbox::enforce::{actions, resources};
use crate::sandbox::services::{iam, organizations};
use crate::sandbox::world::{Call, World};

/// One permission.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Need {
    /// `service:Action`.
    pub(super) action: String,
    /// ARN, or `*`.
    pub(super) resource: String,
    /// Further context keys.
    pub(super) context: Vec<(&'static str, String)>,
}

impl Need {
    fn new(action: &str, resource: &str) -> Need {
        Need { action: action.to_owned(), resource: resource.to_owned(), context: Vec::new() }
    }
}

/// What the call needs, its own action first.
pub(super) fn of(world: &World, call: &Call) -> Vec<Need> {
    let mut needs = vec![own(world, call)];
    let resource = needs.first().map_or("*", |need| need.resource.as_str()).to_owned();
    needs.extend(tagging(call).map(|action| Need::new(action, &resource)));
    needs.extend(passed(call));
    needs.extend(linked(world, call));
    needs.extend(
        further(world, call).into_iter().map(|action| Need::new(action, &resource_of(action, &resource))),
    );
    needs
}

/// Actions of another service are on whatever that service has.
fn resource_of(action: &str, resource: &str) -> String {
    let same = action.starts_with("s3:") || action.starts_with("sts:");
    if same { resource.to_owned() } else { "*".to_owned() }
}

fn own(world: &World, call: &Call) -> Need {
    let mut need = Need::new(&actions::action(call), &resources::resource(world, call));
    match need.action.as_str() {
        "iam:CreateServiceLinkedRole" => {
            let service = call.required("AWSServiceName");
            need.resource = linked_role(world, &call.account, service);
            need.context.push(("iam:AWSServiceName", service.to_owned()));
        }
        "sts:AssumeRoot" => {
            let target = call.required("TargetPrincipal");
            let account = target.split(':').nth(4).unwrap_or(target);
            need.resource = world.arn("iam", "", account, "root");
            let task = call.input["TaskPolicyArn"]["arn"].as_str().unwrap_or_default();
            need.context.push(("sts:TaskPolicyArn", task.to_owned()));
        }
        _ => {}
    }
    need
}

fn linked_role(world: &World, account: &str, service: &str) -> String {
    world.arn(
        "iam",
        "",
        account,
        &format!("role/aws-service-role/{service}/{}", iam::service_linked_role_name(service)),
    )
}

/// Operations that take tags, the member that holds them, and the action that tags.
const TAGGING: &[(&str, &str, &str)] = &[
    ("accessanalyzer:CreateAnalyzer", "tags", "access-analyzer:TagResource"),
    ("backup:CreateBackupPlan", "BackupPlanTags", "backup:TagResource"),
    ("backup:CreateBackupVault", "BackupVaultTags", "backup:TagResource"),
    ("cloudtrail:CreateTrail", "TagsList", "cloudtrail:AddTags"),
    ("cloudwatch:PutMetricAlarm", "Tags", "cloudwatch:TagResource"),
    ("config:PutConfigurationAggregator", "Tags", "config:TagResource"),
    ("config:PutConfigurationRecorder", "Tags", "config:TagResource"),
    ("detective:CreateGraph", "Tags", "detective:TagResource"),
    ("ec2:CreateFlowLogs", "TagSpecifications", "ec2:CreateTags"),
    ("guardduty:CreateDetector", "Tags", "guardduty:TagResource"),
    ("iam:CreatePolicy", "Tags", "iam:TagPolicy"),
    ("iam:CreateRole", "Tags", "iam:TagRole"),
    ("iam:CreateUser", "Tags", "iam:TagUser"),
    ("kms:CreateKey", "Tags", "kms:TagResource"),
    ("logs:CreateLogGroup", "tags", "logs:TagResource"),
    ("organizations:CreateAccount", "Tags", "organizations:TagResource"),
    ("organizations:CreateOrganizationalUnit", "Tags", "organizations:TagResource"),
    ("organizations:CreatePolicy", "Tags", "organizations:TagResource"),
    ("scheduler:CreateScheduleGroup", "Tags", "scheduler:TagResource"),
    ("securityhub:CreateConfigurationPolicy", "Tags", "securityhub:TagResource"),
    ("securityhub:EnableSecurityHub", "Tags", "securityhub:TagResource"),
    ("sns:CreateTopic", "Tags", "sns:TagResource"),
    ("ssm:CreateDocument", "Tags", "ssm:AddTagsToResource"),
];

fn name(call: &Call) -> String {
    format!("{}:{}", call.service, call.operation)
}

fn is_filled(value: Option<&Value>) -> bool {
    value.is_some_and(|value| match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Null => false,
        _ => true,
    })
}

fn tagging(call: &Call) -> Option<&'static str> {
    let name = name(call);
    let row = TAGGING
        .iter()
        .find(|(operation, member, _)| *operation == name && is_filled(call.input.get(*member)));
    row.map(|(_, _, action)| *action)
}

/// Operations that hand a role to a service: where its ARN is, and to whom it goes.
const PASSED: &[(&str, &str, &str)] = &[
    ("backup:CreateBackupSelection", "/BackupSelection/IamRoleArn", "backup.amazonaws.com"),
    ("cloudtrail:CreateTrail", "/CloudWatchLogsRoleArn", "cloudtrail.amazonaws.com"),
    ("cloudtrail:UpdateTrail", "/CloudWatchLogsRoleArn", "cloudtrail.amazonaws.com"),
    ("config:PutConfigurationAggregator", "/OrganizationAggregationSource/RoleArn", "config.amazonaws.com"),
    ("config:PutConfigurationRecorder", "/ConfigurationRecorder/roleARN", "config.amazonaws.com"),
    ("ec2:CreateFlowLogs", "/DeliverLogsPermissionArn", "vpc-flow-logs.amazonaws.com"),
    ("s3:PutBucketReplication", "/ReplicationConfiguration/Role", "s3.amazonaws.com"),
    ("scheduler:CreateSchedule", "/Target/RoleArn", "scheduler.amazonaws.com"),
    ("scheduler:UpdateSchedule", "/Target/RoleArn", "scheduler.amazonaws.com"),
];

fn passed(call: &Call) -> Option<Need> {
    let name = name(call);
    let (_, place, service) = PASSED.iter().find(|(operation, _, _)| *operation == name)?;
    let role = call.input.pointer(place).and_then(Value::as_str)?;
    let mut need = Need::new("iam:PassRole", role);
    need.context.push(("iam:PassedToService", (*service).to_owned()));
    Some(need)
}

/// Operations with which a service makes its role in the caller's account, and whose role.
const LINKED: &[(&str, &str)] = &[
    ("accessanalyzer:CreateAnalyzer", "access-analyzer.amazonaws.com"),
    ("compute-optimizer:UpdateEnrollmentStatus", "compute-optimizer.amazonaws.com"),
    ("config:PutOrganizationConformancePack", "config-multiaccountsetup.amazonaws.com"),
    ("guardduty:CreateDetector", "guardduty.amazonaws.com"),
    ("inspector2:Enable", "inspector2.amazonaws.com"),
    ("macie2:EnableMacie", "macie.amazonaws.com"),
    ("securityhub:EnableSecurityHub", "securityhub.amazonaws.com"),
];

/// Operations that name an administrator of a service, and the service's principal.
const ADMINISTRATORS: &[(&str, &str)] = &[
    ("auditmanager:RegisterOrganizationAdminAccount", "auditmanager.amazonaws.com"),
    ("cloudtrail:RegisterOrganizationDelegatedAdmin", "cloudtrail.amazonaws.com"),
    ("detective:EnableOrganizationAdminAccount", "detective.amazonaws.com"),
    ("ec2:EnableIpamOrganizationAdminAccount", "ipam.amazonaws.com"),
    ("guardduty:EnableOrganizationAdminAccount", "guardduty.amazonaws.com"),
    ("inspector2:EnableDelegatedAdminAccount", "inspector2.amazonaws.com"),
    ("macie2:EnableOrganizationAdminAccount", "macie.amazonaws.com"),
    ("securityhub:EnableOrganizationAdminAccount", "securityhub.amazonaws.com"),
    ("securitylake:RegisterDataLakeDelegatedAdministrator", "securitylake.amazonaws.com"),
];

fn row(table: &'static [(&'static str, &'static str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(operation, _)| *operation == name).map(|(_, principal)| *principal)
}

/// The service-linked role that is not there yet.
fn linked(world: &World, call: &Call) -> Option<Need> {
    let name = name(call);
    let service = row(LINKED, &name).or_else(|| row(ADMINISTRATORS, &name))?;
    if iam::has_service_linked_role(world, &call.account, service) {
        return None;
    }
    let mut need = Need::new("iam:CreateServiceLinkedRole", &linked_role(world, &call.account, service));
    need.context.push(("iam:AWSServiceName", service.to_owned()));
    Some(need)
}

/// What an operation does in Organizations or in its own service beside what it is called for.
fn further(world: &World, call: &Call) -> Vec<&'static str> {
    let name = name(call);
    if let Some(principal) = row(ADMINISTRATORS, &name) {
        return administrator(world, call, principal);
    }
    match name.as_str() {
        // IAM user guide, "Using IAM Access Analyzer": an analyzer of the organization reads it.
        "accessanalyzer:CreateAnalyzer" if call.required("type").starts_with("ORGANIZATION") => {
            vec!["organizations:DescribeOrganization", "organizations:ListDelegatedAdministrators"]
        }
        // CloudTrail user guide, "Creating a trail for an organization with the AWS CLI": permissions.
        "cloudtrail:CreateTrail" if call.bool("IsOrganizationTrail") == Some(true) => {
            vec!["organizations:DescribeOrganization", "organizations:ListAWSServiceAccessForOrganization"]
        }
        "compute-optimizer:UpdateEnrollmentStatus" if call.bool("includeMemberAccounts") == Some(true) => {
            let mut all = vec!["organizations:DescribeOrganization"];
            all.extend(access(world, "compute-optimizer.amazonaws.com"));
            all
        }
        "config:PutConfigurationAggregator" if is_filled(call.input.get("OrganizationAggregationSource")) => {
            vec!["organizations:DescribeOrganization", "organizations:ListDelegatedAdministrators"]
        }
        "config:PutOrganizationConformancePack" => {
            vec!["organizations:DescribeOrganization", "organizations:ListDelegatedAdministrators"]
        }
        // VPC user guide, "Publish flow logs to Amazon S3": permissions for IAM principals.
        "ec2:CreateFlowLogs" if call.str("LogDestinationType") == Some("s3") => {
            vec!["logs:CreateLogDelivery"]
        }
        "ec2:DeleteFlowLogs" => vec!["logs:DeleteLogDelivery"],
        "fms:AssociateAdminAccount" => {
            vec!["organizations:DescribeOrganization", "organizations:RegisterDelegatedAdministrator"]
        }
        // API reference, CreateBucket: permissions.
        "s3:CreateBucket" if call.bool("ObjectLockEnabledForBucket") == Some(true) => {
            vec!["s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning"]
        }
        _ => Vec::new(),
    }
}

/// GuardDuty user guide, "Permissions required to designate a delegated administrator"; Inspector user guide, the same.
/// Guess: the same for the others.
fn administrator(world: &World, call: &Call, principal: &str) -> Vec<&'static str> {
    let account =
        ["adminAccountId", "AdminAccountId", "delegatedAdminAccountId", "MemberAccountId", "AccountId"]
            .iter()
            .chain(&["DelegatedAdminAccountId", "accountId", "memberAccountId", "delegatedAdminAccount"])
            .find_map(|member| call.str(member))
            .unwrap_or_default();
    let mut all = vec!["organizations:DescribeAccount", "organizations:DescribeOrganization"];
    if !organizations::is_delegated(world, principal, account) {
        all.push("organizations:RegisterDelegatedAdministrator");
        all.push("organizations:ListDelegatedAdministrators");
    }
    all.extend(access(world, principal));
    all
}

/// Trusted access that is not there yet.
fn access(world: &World, principal: &str) -> Vec<&'static str> {
    let mut all = vec!["organizations:ListAWSServiceAccessForOrganization"];
    if !organizations::access_enabled(world, principal) {
        all.push("organizations:EnableAWSServiceAccess");
    }
    all
}
