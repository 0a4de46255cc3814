//! The IAM action of an operation, and what else differs by service.
//!
//! Source: the service authorization reference. Most actions are called like their operation.

use crate::sandbox::caller;
use crate::sandbox::world::{Call, Principal};

/// Services whose IAM prefix is not the key of their API model.
const PREFIXES: &[(&str, &str)] = &[
    ("accessanalyzer", "access-analyzer"),
    ("efs", "elasticfilesystem"),
    ("elbv2", "elasticloadbalancing"),
    ("resourcegroupstaggingapi", "tag"),
    ("s3control", "s3"),
    ("service-quotas", "servicequotas"),
    ("sso-admin", "sso"),
    ("stepfunctions", "states"),
];

/// Operations whose action has another name.
const RENAMED: &[(&str, &str, &str)] = &[
    // As in AWS's policy AmazonDetectiveOrganizationsAccess.
    ("detective", "ListOrganizationAdminAccounts", "ListOrganizationAdminAccount"),
    ("s3", "AbortMultipartUpload", "AbortMultipartUpload"),
    ("s3", "CompleteMultipartUpload", "PutObject"),
    ("s3", "CopyObject", "PutObject"),
    ("s3", "CreateMultipartUpload", "PutObject"),
    ("s3", "DeleteBucketCors", "PutBucketCORS"),
    ("s3", "DeleteBucketEncryption", "PutEncryptionConfiguration"),
    ("s3", "DeleteBucketLifecycle", "PutLifecycleConfiguration"),
    ("s3", "DeleteBucketOwnershipControls", "PutBucketOwnershipControls"),
    ("s3", "DeleteBucketReplication", "PutReplicationConfiguration"),
    ("s3", "DeleteBucketTagging", "PutBucketTagging"),
    ("s3", "DeleteObjects", "DeleteObject"),
    ("s3", "DeletePublicAccessBlock", "PutBucketPublicAccessBlock"),
    ("s3", "GetBucketAccelerateConfiguration", "GetAccelerateConfiguration"),
    ("s3", "GetBucketCors", "GetBucketCORS"),
    ("s3", "GetBucketEncryption", "GetEncryptionConfiguration"),
    ("s3", "GetBucketLifecycleConfiguration", "GetLifecycleConfiguration"),
    ("s3", "GetBucketNotificationConfiguration", "GetBucketNotification"),
    ("s3", "GetBucketReplication", "GetReplicationConfiguration"),
    ("s3", "GetObjectLockConfiguration", "GetBucketObjectLockConfiguration"),
    ("s3", "GetPublicAccessBlock", "GetBucketPublicAccessBlock"),
    ("s3", "HeadBucket", "ListBucket"),
    ("s3", "HeadObject", "GetObject"),
    ("s3", "ListBuckets", "ListAllMyBuckets"),
    ("s3", "ListObjectVersions", "ListBucketVersions"),
    ("s3", "ListObjects", "ListBucket"),
    ("s3", "ListObjectsV2", "ListBucket"),
    ("s3", "PutBucketAccelerateConfiguration", "PutAccelerateConfiguration"),
    ("s3", "PutBucketCors", "PutBucketCORS"),
    ("s3", "PutBucketEncryption", "PutEncryptionConfiguration"),
    ("s3", "PutBucketLifecycleConfiguration", "PutLifecycleConfiguration"),
    ("s3", "PutBucketNotificationConfiguration", "PutBucketNotification"),
    ("s3", "PutBucketReplication", "PutReplicationConfiguration"),
    ("s3", "PutObjectLockConfiguration", "PutBucketObjectLockConfiguration"),
    ("s3", "PutPublicAccessBlock", "PutBucketPublicAccessBlock"),
    ("s3", "UploadPart", "PutObject"),
    ("s3control", "DeletePublicAccessBlock", "PutAccountPublicAccessBlock"),
    ("s3control", "GetPublicAccessBlock", "GetAccountPublicAccessBlock"),
    ("s3control", "PutPublicAccessBlock", "PutAccountPublicAccessBlock"),
    ("lambda", "Invoke", "InvokeFunction"),
];

/// What each task policy of AssumeRoot allows (IAM user guide, "Centralize root access for member accounts";
/// `iam:` unless another prefix is given). A prefix of an action counts.
const ROOT_TASKS: &[(&str, &[&str])] = &[
    (
        "IAMAuditRootUserCredentials",
        &[
            "iam:GetUser",
            "iam:GetLoginProfile",
            "iam:ListAccessKeys",
            "iam:ListSigningCertificates",
            "iam:ListMFADevices",
            "iam:GetAccountSummary",
            "iam:GetAccessKeyLastUsed",
        ],
    ),
    ("IAMCreateRootUserPassword", &["iam:GetLoginProfile", "iam:CreateLoginProfile"]),
    (
        "IAMDeleteRootUserCredentials",
        &[
            "iam:DeleteAccessKey",
            "iam:DeleteSigningCertificate",
            "iam:DeleteLoginProfile",
            "iam:DeactivateMFADevice",
            "iam:DeleteVirtualMFADevice",
            "iam:ListAccessKeys",
            "iam:ListSigningCertificates",
            "iam:ListMFADevices",
            "iam:GetLoginProfile",
            "iam:GetUser",
            "iam:GetAccountSummary",
            "iam:GetAccessKeyLastUsed",
        ],
    ),
    (
        "S3UnlockBucketPolicy",
        &["s3:DeleteBucketPolicy", "s3:PutBucketPolicy", "s3:GetBucketPolicy", "s3:ListAllMyBuckets"],
    ),
    (
        "SQSUnlockQueuePolicy",
        &["sqs:SetQueueAttributes", "sqs:GetQueueAttributes", "sqs:ListQueues", "sqs:GetQueueUrl"],
    ),
];

/// Services with one endpoint for all regions: policies see us-east-1 (IAM user guide, `aws:RequestedRegion`).
const GLOBAL: &[&str] = &[
    "account",
    "budgets",
    "ce",
    "chatbot",
    "cloudfront",
    "cost-optimization-hub",
    "health",
    "iam",
    "organizations",
    "support",
    "trustedadvisor",
];

/// `service:Action` of a call.
pub(crate) fn action(call: &Call) -> String {
    let service = call.service.as_str();
    let prefix = prefix(service);
    let operation = call.operation.as_str();
    let renamed = RENAMED.iter().find(|(key, from, _)| *key == service && *from == operation);
    format!("{prefix}:{}", renamed.map_or(operation, |(_, _, to)| to))
}

/// The IAM prefix of a service key.
pub(super) fn prefix(service: &str) -> &str {
    PREFIXES.iter().find(|(key, _)| *key == service).map_or(service, |(_, prefix)| prefix)
}

/// Whether a service has one endpoint for all regions.
pub(crate) fn is_global(service: &str) -> bool {
    GLOBAL.contains(&service)
}

/// The value of `aws:RequestedRegion`.
pub(super) fn requested_region(call: &Call) -> &str {
    if is_global(&call.service) { "us-east-1" } else { &call.region }
}

/// False where a session of AssumeRoot calls something outside its task policy.
pub(super) fn in_root_task(call: &Call, action: &str) -> bool {
    let Principal::Role { session, .. } = &call.principal else { return true };
    if !caller::is_root_session(call) {
        return true;
    }
    ROOT_TASKS.iter().find(|(task, _)| task == session).is_some_and(|(_, allowed)| allowed.contains(&action))
}

/// Code and status with which a service refuses: by protocol, and EC2 and S3 in their own way.
pub(crate) fn denied_code(service: &str) -> (&'static str, u16) {
    match service {
        "ec2" => ("UnauthorizedOperation", 403),
        "iam" | "sts" | "s3" | "s3control" | "cloudwatch" | "cloudformation" | "elbv2" | "rds" => {
            ("AccessDenied", 403)
        }
        "sns" => ("AuthorizationError", 403),
        // restJson services answer 403, awsJson services 400.
        "account"
        | "accessanalyzer"
        | "auditmanager"
        | "backup"
        | "chatbot"
        | "detective"
        | "efs"
        | "guardduty"
        | "inspector2"
        | "lambda"
        | "macie2"
        | "ram"
        | "resource-explorer-2"
        | "scheduler"
        | "securityhub"
        | "securitylake"
        | "trustedadvisor" => ("AccessDeniedException", 403),
        _ => ("AccessDeniedException", 400),
    }
}
