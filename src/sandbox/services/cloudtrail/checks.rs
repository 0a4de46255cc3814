//! What a trail needs before CloudTrail takes it: organization, bucket, topic, key, log group and role.

use super::super::delivery::Sender;
use super::super::{documents, kms, logs, organizations, s3, sns};
use super::{PRINCIPAL, Trail, not_master};
use crate::sandbox::world::{Call, Fault, World};

/// Whether the caller may have organization trails.
///
/// # Errors
/// `OrganizationsNotInUseException`, `OrganizationNotInAllFeaturesModeException`,
/// `NotOrganizationMasterAccountException`, `CloudTrailAccessNotEnabledException`.
pub(super) fn organization(world: &World, call: &Call) -> Result<(), Fault> {
    let not_in_use = || {
        let message = "Your account is not a member of an organization.";
        Fault::new("OrganizationsNotInUseException", message)
    };
    let organization = organizations::organization(world).map_err(|_| not_in_use())?;
    if !world.organizations.accounts.contains_key(&call.account) {
        return Err(not_in_use());
    }
    if !organization.all_features {
        let message = "The organization does not have all features enabled.";
        return Err(Fault::new("OrganizationNotInAllFeaturesModeException", message));
    }
    if organization.management != call.account
        && !organizations::is_delegated(world, PRINCIPAL, &call.account)
    {
        return Err(not_master());
    }
    access_enabled(world)
}

/// # Errors
/// `CloudTrailAccessNotEnabledException`
pub(super) fn access_enabled(world: &World) -> Result<(), Fault> {
    if organizations::access_enabled(world, PRINCIPAL) {
        return Ok(());
    }
    let message =
        "The CloudTrail service principal does not have trusted access enabled in this organization.";
    Err(Fault::new("CloudTrailAccessNotEnabledException", message))
}

/// The form of a bucket name.
///
/// # Errors
/// `InvalidS3BucketNameException`
pub(super) fn bucket_name(name: &str) -> Result<(), Fault> {
    let good = (3..=63).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c))
        && !name.contains("..");
    if good {
        Ok(())
    } else {
        Err(Fault::new("InvalidS3BucketNameException", format!("Bucket name {name} is not valid")))
    }
}

/// Everything that lies outside the trail. Resolves the key to its ARN.
///
/// # Errors
/// The faults of the checks below.
pub(super) fn everything(world: &World, call: &Call, trail: &mut Trail, owner: &str) -> Result<(), Fault> {
    log_delivery_pair(trail)?;
    bucket(world, trail, owner)?;
    topic(world, trail, owner)?;
    if let Some(key_id) = trail.key.clone() {
        trail.key = Some(key(world, call, trail, owner, &key_id)?);
    }
    log_delivery(world, call, trail)
}

fn sender<'a>(trail: &'a Trail, owner: &'a str) -> Sender<'a> {
    Sender { service: PRINCIPAL, account: owner, arn: &trail.arn }
}

/// The bucket must exist and let CloudTrail read its ACL and write under the trail's prefix (User Guide, "Amazon S3
/// bucket policy for CloudTrail").
fn bucket(world: &World, trail: &Trail, owner: &str) -> Result<(), Fault> {
    let name = &trail.bucket;
    let Some(bucket) = s3::bucket(world, name) else {
        let message = format!("S3 bucket {name} does not exist!");
        return Err(Fault::new("S3BucketDoesNotExistException", message));
    };
    let policy = bucket.policy.as_deref().unwrap_or_default();
    let sender = sender(trail, owner);
    if sender.may(world, policy, name, "s3:GetBucketAcl")
        && sender.may_write(world, policy, name, &paths(world, trail, owner))
    {
        return Ok(());
    }
    let message = format!("Incorrect S3 bucket policy is detected for bucket: {name}");
    Err(Fault::new("InsufficientS3BucketPolicyException", message))
}

/// Where CloudTrail writes. Guess: for an organization trail it wants both the organization's path and the
/// management account's own, as the documented policy has them.
fn paths(world: &World, trail: &Trail, owner: &str) -> Vec<String> {
    let prefix = trail.prefix.as_ref().map(|prefix| format!("{prefix}/")).unwrap_or_default();
    let mut paths = vec![format!("{prefix}AWSLogs/{owner}/CloudTrail/test")];
    if let (true, Ok(organization)) = (trail.organization, organizations::organization(world)) {
        paths.push(format!("{prefix}AWSLogs/{}/{owner}/CloudTrail/test", organization.id));
    }
    paths
}

fn topic(world: &World, trail: &Trail, owner: &str) -> Result<(), Fault> {
    let Some(arn) = &trail.topic else { return Ok(()) };
    let source = (owner, trail.arn.as_str());
    let request = documents::service_request(world, PRINCIPAL, "sns:Publish", arn, source);
    if sns::topic(world, arn).is_some_and(|topic| documents::allows(&topic.policy, &request)) {
        return Ok(());
    }
    let message = "SNS Topic does not exist or the topic policy is incorrect!";
    Err(Fault::new("InsufficientSnsTopicPolicyException", message))
}

/// The key must be enabled, symmetric, in the bucket's region, and let CloudTrail encrypt (User Guide, "Configure AWS
/// KMS key policies for CloudTrail"). Returns its ARN.
fn key(world: &World, call: &Call, trail: &Trail, owner: &str, id: &str) -> Result<String, Fault> {
    let name = if id.starts_with("arn:") || id.starts_with("alias/") || is_uuid(id) {
        id
    } else {
        return Err(Fault::new("InvalidKmsKeyIdException", format!("{id} is not a valid KMS key id")));
    };
    let missing = || {
        Fault::new(
            "KmsKeyNotFoundException",
            format!("KMS key {id} is not found or not in the bucket's Region"),
        )
    };
    let key = kms::find(world, &call.account, &call.region, name, call.now).ok_or_else(missing)?;
    let region = key.arn.split(':').nth(3).unwrap_or_default();
    if s3::bucket(world, &trail.bucket).is_some_and(|bucket| bucket.region != region) {
        return Err(missing());
    }
    if key.state != "Enabled" || key.spec != "SYMMETRIC_DEFAULT" {
        return Err(Fault::new("KmsException", format!("{} is not enabled or not symmetric", key.arn)));
    }
    let context = [("aws:cloudtrail:arn", trail.arn.as_str())];
    if sender(trail, owner).may_use(world, &key, &["kms:GenerateDataKey", "kms:DescribeKey"], &context) {
        return Ok(key.arn);
    }
    let message =
        format!("Insufficient permissions to access S3 bucket {} or KMS key {}.", trail.bucket, key.arn);
    Err(Fault::new("InsufficientEncryptionPolicyException", message))
}

fn is_uuid(id: &str) -> bool {
    let id = id.strip_prefix("mrk-").unwrap_or(id);
    id.len() >= 32 && id.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

/// Log group and role go together.
fn log_delivery_pair(trail: &Trail) -> Result<(), Fault> {
    match (&trail.log_group, &trail.log_role) {
        (Some(_), None) => {
            let message = "You must specify a role ARN as well as a log group.";
            Err(Fault::new("InvalidCloudWatchLogsRoleArnException", message))
        }
        (None, Some(_)) => {
            let message = "You must specify a log group as well as a role ARN.";
            Err(Fault::new("InvalidCloudWatchLogsLogGroupArnException", message))
        }
        _ => Ok(()),
    }
}

/// The log group must exist in the caller's account and in this region, and the role must trust CloudTrail and be
/// allowed to write to the group (User Guide, "Sending events to CloudWatch Logs").
fn log_delivery(world: &World, call: &Call, trail: &Trail) -> Result<(), Fault> {
    let (Some(group), Some(role)) = (&trail.log_group, &trail.log_role) else { return Ok(()) };
    let bad_group = |message: &str| Fault::new("InvalidCloudWatchLogsLogGroupArnException", message);
    let bad_role = |message: &str| Fault::new("InvalidCloudWatchLogsRoleArnException", message);
    let here = logs::parts(group)
        .filter(|(account, region, _)| *account == call.account && *region == call.region)
        .filter(|_| group.ends_with(":*") && logs::group(world, group).is_some());
    let Some((account, region, name)) = here else {
        return Err(bad_group("CloudTrail cannot validate the specified log group ARN."));
    };
    let role_name = role.split_once(":role/").map(|(_, name)| name).unwrap_or_default();
    if role.split(':').nth(4) != Some(account) || role_name.is_empty() {
        return Err(bad_role("CloudTrail cannot validate the specified role ARN."));
    }
    if !documents::role_trusts(world, account, role_name, PRINCIPAL, &trail.arn) {
        return Err(bad_role("Access denied. Check the trust relationships for your role."));
    }
    let mut stream = format!("{account}_CloudTrail_{region}");
    if let (true, Ok(organization)) = (trail.organization, organizations::organization(world)) {
        stream = format!("{}_{stream}", organization.id);
    }
    let resource = world.arn("logs", region, account, &format!("log-group:{name}:log-stream:{stream}"));
    let may = |action: &str| documents::role_may(world, account, role_name, action, &resource);
    if may("logs:CreateLogStream") && may("logs:PutLogEvents") {
        return Ok(());
    }
    Err(bad_group("Access denied. Check the permissions for your role."))
}
