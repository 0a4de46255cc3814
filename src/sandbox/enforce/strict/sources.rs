//! The policies that have a say in a call.

use std::sync::Arc;

use serde_json::json;

use crate::policy::Document;
use crate::sandbox::enforce::{actions, parsed};
use crate::sandbox::services::iam::Grants;
use crate::sandbox::services::{kms, organizations, sns, sts};
use crate::sandbox::world::{Call, Principal, World};

use super::Need;

/// Policies of the user and its groups, or of the role.
pub(super) fn identity(world: &World, call: &Call) -> Vec<Arc<Document>> {
    let everything = || parsed(EVERYTHING).into_iter().collect();
    let Some(state) = world.iam.get(&call.account) else {
        return if call.principal == Principal::Management { everything() } else { Vec::new() };
    };
    match &call.principal {
        Principal::Management => everything(),
        Principal::Role { role, .. } => {
            state.roles.get(role).map(|role| granted(world, call, &role.grants)).unwrap_or_default()
        }
        Principal::User { name } => {
            let Some(user) = state.users.get(name) else { return Vec::new() };
            let groups = user.groups.iter().filter_map(|group| state.groups.get(group));
            let own = granted(world, call, &user.grants).into_iter();
            own.chain(groups.flat_map(|group| granted(world, call, &group.grants))).collect()
        }
    }
}

const EVERYTHING: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

fn granted(world: &World, call: &Call, grants: &Grants) -> Vec<Arc<Document>> {
    let inline = grants.inline.values().filter_map(|text| parsed(text));
    inline.chain(grants.attached.iter().filter_map(|arn| managed(world, &call.account, arn))).collect()
}

/// The document of a managed policy. Those of AWS's own that the sandbox does not know allow nothing.
fn managed(world: &World, account: &str, arn: &str) -> Option<Arc<Document>> {
    let policy = world.iam.get(account).and_then(|state| state.policies.get(arn));
    if let Some(policy) = policy {
        return policy.versions.get(&policy.default_version).and_then(|(text, _)| parsed(text));
    }
    let name = arn.strip_prefix(world.arn("iam", "", "aws", "policy/").as_str())?;
    parsed(&aws_managed(name)?)
}

/// Guess: AWS's policies in the words that matter here; the real ones of `ReadOnlyAccess` and `SecurityAudit` list single
/// actions of every service.
fn aws_managed(name: &str) -> Option<String> {
    const READS: [&str; 6] = ["BatchGet*", "Describe*", "Get*", "List*", "Lookup*", "Search*"];
    let allow = |actions: Vec<String>| {
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]})
            .to_string()
    };
    let all = |service: &str| vec![format!("{service}:*")];
    let reads = || -> Vec<String> {
        let prefixes = crate::sandbox::models::services().map(|(key, _)| actions::prefix(key));
        prefixes.flat_map(|prefix| READS.map(|verb| format!("{prefix}:{verb}"))).collect()
    };
    Some(match name {
        "AdministratorAccess" => EVERYTHING.to_owned(),
        "ReadOnlyAccess" | "SecurityAudit" | "job-function/ViewOnlyAccess" => allow(reads()),
        "IAMFullAccess" => allow(all("iam")),
        "AWSSupportAccess" => allow(all("support")),
        "IAMUserChangePassword" => allow(vec!["iam:ChangePassword".into(), "iam:GetAccountPasswordPolicy".into()]),
        "PowerUserAccess" => json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"},
            {"Effect": "Allow", "Action": ["account:GetAccountInformation", "account:GetPrimaryEmail",
                "account:ListRegions", "iam:CreateServiceLinkedRole", "iam:DeleteServiceLinkedRole", "iam:ListRoles",
                "organizations:DescribeOrganization"], "Resource": "*"},
        ]})
        .to_string(),
        _ => return None,
    })
}

/// The permissions boundary; an empty list where there is one that cannot be read.
pub(super) fn boundary(world: &World, call: &Call) -> Option<Vec<Arc<Document>>> {
    let state = world.iam.get(&call.account)?;
    let arn = match &call.principal {
        Principal::Management => None,
        Principal::Role { role, .. } => state.roles.get(role)?.boundary.clone(),
        Principal::User { name } => state.users.get(name)?.boundary.clone(),
    }?;
    Some(managed(world, &call.account, &arn).into_iter().collect())
}

/// A resource that has a policy, or could have one.
pub(super) struct Resource {
    /// Account that it belongs to.
    pub(super) owner: String,
    /// Its policy.
    pub(super) policy: Option<Arc<Document>>,
    /// Nobody may use it unless its own policy says so.
    pub(super) must_allow: bool,
}

/// The resource that a need is about, where its service has policies on resources and it is there.
pub(super) fn resource(world: &World, call: &Call, need: &Need) -> Option<Resource> {
    let (service, name) = need.action.split_once(':')?;
    match service {
        "s3" => {
            let bucket = call.str("Bucket").filter(|_| call.service == "s3" && name != "CreateBucket")?;
            let found = world.s3.buckets.get(bucket)?;
            let policy = found.policy.as_deref().and_then(parsed);
            Some(Resource { owner: found.owner.clone(), policy, must_allow: false })
        }
        "kms" => {
            let key =
                call.str("KeyId").or_else(|| call.str("TargetKeyId")).filter(|_| call.service == "kms")?;
            // An alias has no policy, and a key that AWS manages takes any caller of its account.
            if need.resource.contains(":alias/") {
                return None;
            }
            let found = kms::find(world, &call.account, &call.region, key, call.now)?;
            Some(Resource { owner: found.account.clone(), policy: parsed(&found.policy), must_allow: true })
        }
        "sns" => {
            let arn = call.str("TopicArn").or_else(|| call.str("ResourceArn"))?;
            let topic = sns::topic(world, arn)?;
            let owner = arn.split(':').nth(4)?.to_owned();
            Some(Resource { owner, policy: parsed(&topic.policy), must_allow: false })
        }
        "sts" if name == "AssumeRole" => {
            let arn = call.str("RoleArn")?;
            let owner = arn.split(':').nth(4)?.to_owned();
            let trust = sts::trust_of(world, arn)?;
            Some(Resource { owner, policy: parsed(&trust), must_allow: true })
        }
        _ => None,
    }
}

/// Services whose resources resource control policies bind (Organizations user guide, "Resource control policies", list of
/// services).
pub(super) fn is_under_resource_control(action: &str) -> bool {
    const SERVICES: [&str; 9] =
        ["s3", "sts", "kms", "sqs", "secretsmanager", "cognito-idp", "logs", "dynamodb", "ecr"];
    action.split(':').next().is_some_and(|service| SERVICES.contains(&service))
}

/// Policies of a type from the root to an account; none where they do not bind it.
pub(super) fn levels(world: &World, account: &str, kind: &str) -> Vec<Vec<Arc<Document>>> {
    let management = organizations::management(world) == Some(account);
    if management || !world.organizations.accounts.contains_key(account) {
        return Vec::new();
    }
    if !world.organizations.policy_types.contains(kind) {
        return Vec::new();
    }
    let stored = organizations::attached_documents(world, account, kind);
    stored.iter().map(|level| level.iter().filter_map(|(_, text)| parsed(text)).collect()).collect()
}
