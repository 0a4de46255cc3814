#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::aws::testing::{CALLER, connect, options};
use crate::aws::{Clients, Options};
use crate::error::Kind;

const GUARD: Guard =
    Guard { control: String::new(), reads: &["iam:GetRole"], writes: &["iam:DeleteRole", "iam:CreateRole"] };

async fn clients(read_only: bool) -> (Clients, crate::aws::testing::Log) {
    let (aws, log) = connect(Options { read_only, ..options() }, |_| None).await;
    let guard = Guard { control: "roles.one".to_owned(), ..GUARD };
    (aws.unwrap().clients(CALLER, "eu-west-1", guard).await.unwrap(), log)
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_is_not_declared_is_a_bug_and_is_not_sent() {
    let (clients, log) = clients(false).await;
    let answer = clients.iam().call("DeleteUser", |c| c.delete_user().user_name("x").send()).await;
    let error = answer.unwrap_err();
    assert_eq!(error.kind, Kind::Bug);
    assert_eq!(error.message.unwrap(), "control roles.one does not declare iam:DeleteUser");
    assert!(!error.maybe_done);
    assert!(log.of("DeleteUser").is_empty());
    // The same name of another service is another operation.
    let answer = clients.ec2().call("GetRole", |c| c.describe_vpcs().send()).await;
    assert_eq!(answer.unwrap_err().kind, Kind::Bug);
}

#[tokio::test(start_paused = true)]
async fn a_declared_write_is_refused_on_a_read_only_run_and_counted_on_another() {
    let (reading, log) = clients(true).await;
    let delete = |clients: Clients| async move {
        clients.iam().call("DeleteRole", |c| c.delete_role().role_name("x").send()).await.map(drop)
    };
    let error = delete(reading.clone()).await.unwrap_err();
    assert_eq!(error.message.unwrap(), "iam:DeleteRole writes, and this run is read-only");
    assert!(log.of("DeleteRole").is_empty());
    assert_eq!(reading.writes(), 0);

    let (writing, log) = clients(false).await;
    delete(writing.clone()).await.unwrap();
    delete(writing.elsewhere(CALLER, "us-east-1").await.unwrap()).await.unwrap();
    assert_eq!((writing.writes(), log.of("DeleteRole").len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_operation_name_is_a_bug() {
    let (clients, log) = clients(false).await;
    let answer = clients.iam().call("CreateRole", |c| c.get_role().role_name("x").send()).await;
    let error = answer.unwrap_err();
    assert_eq!((error.kind, log.of("GetRole").len()), (Kind::Bug, 0));
    assert!(error.message.unwrap().contains("gave another operation name"));
}

/// Asks every client for something. The guard refuses each, and says by which key it knows the service.
macro_rules! refusals {
    ($clients:ident, $($key:literal $method:ident $operation:literal $call:ident),+ $(,)?) => {
        vec![$((
            $key,
            $operation,
            $clients.$method().call($operation, |c| c.$call().send()).await.map(drop).unwrap_err(),
        )),+]
    };
}

#[tokio::test(start_paused = true)]
async fn every_client_is_known_by_its_service_key() {
    let (clients, _log) = clients(false).await;
    let mut all = refusals!(clients,
        "accessanalyzer" accessanalyzer "ListAnalyzers" list_analyzers,
        "account" account_management "ListRegions" list_regions,
        "auditmanager" auditmanager "GetAccountStatus" get_account_status,
        "backup" backup "ListBackupVaults" list_backup_vaults,
        "config" config_service "DescribeConfigurationRecorders" describe_configuration_recorders,
        "scheduler" scheduler "ListSchedules" list_schedules,
        "ssm" ssm "ListDocuments" list_documents,
        "cloudformation" cloudformation "ListStacks" list_stacks,
        "cloudtrail" cloudtrail "DescribeTrails" describe_trails,
        "cloudwatch" cloudwatch "DescribeAlarms" describe_alarms,
        "compute-optimizer" compute_optimizer "GetEnrollmentStatus" get_enrollment_status,
        "cost-optimization-hub" cost_optimization_hub "ListEnrollmentStatuses" list_enrollment_statuses,
        "detective" detective "ListGraphs" list_graphs,
        "ec2" ec2 "DescribeVpcs" describe_vpcs,
        "efs" efs "DescribeFileSystems" describe_file_systems,
        "fms" fms "GetAdminAccount" get_admin_account,
        "guardduty" guardduty "ListDetectors" list_detectors,
        "health" health "DescribeHealthServiceStatusForOrganization" describe_health_service_status_for_organization,
        "iam" iam "ListRoles" list_roles,
        "inspector2" inspector2 "GetConfiguration" get_configuration,
        "kms" kms "ListKeys" list_keys,
        "logs" logs "DescribeLogGroups" describe_log_groups,
        "macie2" macie2 "GetMacieSession" get_macie_session,
        "organizations" organizations "ListRoots" list_roots,
        "ram" ram "ListPermissions" list_permissions,
        "rds" rds "DescribeDBInstances" describe_db_instances,
        "s3" s3 "ListBuckets" list_buckets,
        "securityhub" securityhub "DescribeHub" describe_hub,
        "securitylake" securitylake "ListDataLakes" list_data_lakes,
        "service-quotas" service_quotas "ListServices" list_services,
        "sns" sns "ListTopics" list_topics,
        "sso-admin" ssoadmin "ListInstances" list_instances,
        "sts" sts "GetCallerIdentity" get_caller_identity,
    );
    // Its endpoint needs the account before the guard is asked.
    let block = |c: &aws_sdk_s3control::Client| c.get_public_access_block().account_id(CALLER).send();
    let refused = clients.s3control().call("GetPublicAccessBlock", block).await.map(drop).unwrap_err();
    all.push(("s3control", "GetPublicAccessBlock", refused));
    assert_eq!(all.len(), SERVICES.len());
    for (key, operation, error) in all {
        assert_eq!(error.service, key);
        assert_eq!(error.message.unwrap(), format!("control roles.one does not declare {key}:{operation}"));
    }
}
