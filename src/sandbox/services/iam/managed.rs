//! Managed policies: the account's own and AWS's.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sandbox::world::{Call, Fault, Reply, World};

use super::state::{Grants, ManagedPolicy, State};
use super::{
    already_exists, arn, documents, edit, encode, limit, list as page, no_such, path, tag_list, tags, view,
};

/// Policies in an account, versions of a policy, and characters of a version (`aws-limits.md` 1.4).
const POLICY_LIMIT: usize = 1_500;
const VERSION_LIMIT: usize = 5;
const SIZE_LIMIT: usize = 6_144;

/// AWS-managed policies that ListPolicies shows, with the actions of an abridged text. The first is as AWS has it;
/// Guess: the others are shortened, since nobody here evaluates them.
const AWS_MANAGED: &[(&str, &str)] = &[
    ("AdministratorAccess", "*"),
    ("PowerUserAccess", "ec2:*"),
    ("ReadOnlyAccess", "ec2:Describe*"),
    ("SecurityAudit", "iam:List*"),
    ("IAMFullAccess", "iam:*"),
    ("IAMUserChangePassword", "iam:ChangePassword"),
    ("AWSSupportAccess", "support:*"),
    ("AWSCloudShellFullAccess", "cloudshell:*"),
    ("job-function/ViewOnlyAccess", "ec2:Describe*"),
    ("job-function/Billing", "aws-portal:*"),
    ("service-role/AWSConfigRulesExecutionRole", "config:Put*"),
    ("service-role/AWS_ConfigRole", "config:Put*"),
    ("root-task/IAMAuditRootUserCredentials", "iam:ListAccessKeys"),
    ("root-task/IAMCreateRootUserPassword", "iam:CreateLoginProfile"),
    ("root-task/IAMDeleteRootUserCredentials", "iam:DeleteAccessKey"),
    ("root-task/S3UnlockBucketPolicy", "s3:DeleteBucketPolicy"),
    ("root-task/SQSUnlockQueuePolicy", "sqs:SetQueueAttributes"),
];

/// A policy as the API shows it.
struct Shown {
    arn: String,
    name: String,
    path: String,
    id: String,
    description: Option<String>,
    default_version: u32,
    created: f64,
    updated: f64,
    tags: BTreeMap<String, String>,
}

/// The path in a policy's ARN: `/` or `/job-function/`.
pub(super) fn path_of(arn: &str) -> String {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    let after = resource.trim_start_matches("policy");
    after.rfind('/').and_then(|end| after.get(..=end)).unwrap_or("/").to_owned()
}

/// Name with path of an AWS-managed policy, where the ARN is well formed. Guess: any well-formed name exists.
fn aws_managed_name<'a>(world: &World, arn: &'a str) -> Option<&'a str> {
    let prefix = world.arn("iam", "", "aws", "policy/");
    let name = arn.strip_prefix(prefix.as_str())?;
    let good = |c: char| c.is_ascii_alphanumeric() || "+=,.@-_/".contains(c);
    (!name.is_empty() && name.chars().all(good)).then_some(name)
}

/// Refuses an ARN that no policy has.
pub(super) fn require(world: &World, account: &str, arn: &str) -> Result<(), Fault> {
    if aws_managed_name(world, arn).is_some() || view(world, account).policies.contains_key(arn) {
        return Ok(());
    }
    Err(no_such(format!("Policy {arn} does not exist or is not attachable.")))
}

fn missing(arn: &str) -> Fault {
    no_such(format!("Policy {arn} was not found."))
}

fn shown(world: &World, account: &str, arn: &str) -> Result<Shown, Fault> {
    if let Some(name) = aws_managed_name(world, arn) {
        let plain = name.rsplit('/').next().unwrap_or_default();
        // AWS's ids look like these; derived, since a read makes no ids.
        let letters: String = plain.chars().filter(char::is_ascii_alphanumeric).collect();
        let id = format!("ANPA{:A<17.17}", letters.to_ascii_uppercase());
        return Ok(Shown {
            arn: arn.to_owned(),
            name: plain.to_owned(),
            path: path_of(arn),
            id,
            description: None,
            default_version: 1,
            created: 1_423_161_600.0,
            updated: 1_423_161_600.0,
            tags: BTreeMap::new(),
        });
    }
    let policy = view(world, account).policies.get(arn).ok_or_else(|| missing(arn))?;
    Ok(Shown {
        arn: arn.to_owned(),
        name: policy.name.clone(),
        path: policy.path.clone(),
        id: policy.id.clone(),
        description: policy.description.clone(),
        default_version: policy.default_version,
        created: policy.created,
        updated: policy.versions.values().map(|(_, at)| *at).fold(policy.created, f64::max),
        tags: policy.tags.clone(),
    })
}

/// How many roles, users and groups an ARN is attached to.
fn attachments(iam: &State, arn: &str) -> usize {
    let has = |grants: &Grants| grants.attached.iter().any(|known| known == arn);
    iam.roles.values().filter(|r| has(&r.grants)).count()
        + iam.users.values().filter(|u| has(&u.grants)).count()
        + iam.groups.values().filter(|g| has(&g.grants)).count()
}

fn boundaries(iam: &State, arn: &str) -> usize {
    let is = |boundary: &Option<String>| boundary.as_deref() == Some(arn);
    iam.roles.values().filter(|r| is(&r.boundary)).count()
        + iam.users.values().filter(|u| is(&u.boundary)).count()
}

/// `detail`: as GetPolicy and CreatePolicy show it; ListPolicies leaves description and tags out.
fn value(world: &World, account: &str, policy: &Shown, detail: bool) -> Value {
    let iam = view(world, account);
    let mut value = json!({
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": format!("v{}", policy.default_version),
        "AttachmentCount": attachments(iam, &policy.arn),
        "PermissionsBoundaryUsageCount": boundaries(iam, &policy.arn),
        "IsAttachable": true,
        "CreateDate": policy.created,
        "UpdateDate": policy.updated,
    });
    if detail {
        if let Some(description) = &policy.description {
            value["Description"] = json!(description);
        }
        value["Tags"] = tag_list(&policy.tags);
    }
    value
}

fn check_text(text: &str) -> Result<(), Fault> {
    if documents::size(text) > SIZE_LIMIT {
        return Err(limit(format!("Cannot exceed quota for PolicySize: {SIZE_LIMIT}")));
    }
    documents::check_permissions(text)
}

pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let (name, text, path) = (call.required("PolicyName"), call.required("PolicyDocument"), path(call));
    let arn = arn(world, &call.account, "policy", &path, name);
    let iam = view(world, &call.account);
    if iam.policies.values().any(|p| p.name.eq_ignore_ascii_case(name)) {
        return Err(already_exists(format!(
            "A policy called {name} already exists. Duplicate names are not allowed."
        )));
    }
    if iam.policies.len() >= POLICY_LIMIT {
        return Err(limit(format!("Cannot exceed quota for PoliciesPerAccount: {POLICY_LIMIT}")));
    }
    check_text(text)?;
    let tags = tags(call, &BTreeMap::new())?;
    let policy = ManagedPolicy {
        name: name.to_owned(),
        path,
        id: super::fresh_id(world, "ANPA"),
        description: call.str("Description").map(str::to_owned),
        versions: BTreeMap::from([(1, (text.to_owned(), call.now))]),
        default_version: 1,
        tags,
        created: call.now,
    };
    edit(world, call).policies.insert(arn.clone(), policy);
    let made = shown(world, &call.account, &arn)?;
    Ok(json!({"Policy": value(world, &call.account, &made, true)}))
}

pub(super) fn create_version(world: &mut World, call: &Call) -> Reply {
    let (arn, text) = (call.required("PolicyArn"), call.required("PolicyDocument"));
    check_text(text)?;
    let policy = world
        .iam
        .get_mut(&call.account)
        .and_then(|iam| iam.policies.get_mut(arn))
        .ok_or_else(|| missing(arn))?;
    if policy.versions.len() >= VERSION_LIMIT {
        return Err(limit(
            "A managed policy can have up to 5 versions. Before you create a new version, you must delete an \
             existing version.",
        ));
    }
    let number = policy.versions.keys().max().copied().unwrap_or_default() + 1;
    policy.versions.insert(number, (text.to_owned(), call.now));
    let default = call.bool("SetAsDefault").unwrap_or(false);
    if default {
        policy.default_version = number;
    }
    Ok(json!({"PolicyVersion": {
        "VersionId": format!("v{number}"),
        "IsDefaultVersion": default,
        "CreateDate": call.now,
    }}))
}

pub(super) fn get(world: &mut World, call: &Call) -> Reply {
    let policy = shown(world, &call.account, call.required("PolicyArn"))?;
    Ok(json!({"Policy": value(world, &call.account, &policy, true)}))
}

pub(super) fn get_version(world: &mut World, call: &Call) -> Reply {
    let (arn, version) = (call.required("PolicyArn"), call.required("VersionId"));
    let policy = shown(world, &call.account, arn)?;
    let number: u32 = version.trim_start_matches('v').parse().unwrap_or_default();
    let found = match aws_managed_name(world, arn) {
        Some(name) if number == 1 => Some((aws_text(name), policy.created)),
        Some(_) => None,
        None => view(world, &call.account).policies.get(arn).and_then(|p| p.versions.get(&number)).cloned(),
    };
    let (text, created) = found.ok_or_else(|| {
        no_such(format!("Policy {arn} version {version} does not exist or is not attachable."))
    })?;
    Ok(json!({"PolicyVersion": {
        "Document": encode(&text),
        "VersionId": version,
        "IsDefaultVersion": policy.default_version == number,
        "CreateDate": created,
    }}))
}

fn aws_text(name: &str) -> String {
    let action =
        AWS_MANAGED.iter().find(|(known, _)| *known == name).map_or("sts:GetCallerIdentity", |(_, a)| a);
    let statement = json!([{"Effect": "Allow", "Action": action, "Resource": "*"}]);
    json!({"Version": "2012-10-17", "Statement": statement}).to_string()
}

pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    let scope = call.str("Scope").unwrap_or("All");
    let prefix = call.str("PathPrefix").unwrap_or("/");
    let iam = view(world, &call.account);
    let mut arns: Vec<String> = Vec::new();
    if scope != "Local" {
        arns.extend(
            AWS_MANAGED.iter().map(|(name, _)| world.arn("iam", "", "aws", &format!("policy/{name}"))),
        );
        let attached = iam.roles.values().flat_map(|r| &r.grants.attached);
        let more = attached.chain(iam.users.values().flat_map(|u| &u.grants.attached));
        for arn in more.chain(iam.groups.values().flat_map(|g| &g.grants.attached)) {
            if aws_managed_name(world, arn).is_some() && !arns.contains(arn) {
                arns.push(arn.clone());
            }
        }
    }
    if scope != "AWS" {
        arns.extend(iam.policies.keys().cloned());
    }
    let used = |arn: &String| match call.str("PolicyUsageFilter") {
        Some("PermissionsBoundary") => boundaries(iam, arn) > 0,
        Some(_) => attachments(iam, arn) > 0,
        None => attachments(iam, arn) + boundaries(iam, arn) > 0,
    };
    let only_used = call.bool("OnlyAttached").unwrap_or(false) || call.str("PolicyUsageFilter").is_some();
    arns.retain(|arn| path_of(arn).starts_with(prefix) && (!only_used || used(arn)));
    page(world, call, "Policies", &arns, |arn| {
        shown(world, &call.account, arn).map_or(Value::Null, |p| value(world, &call.account, &p, false))
    })
}

pub(super) fn list_entities(world: &mut World, call: &Call) -> Reply {
    let arn = call.required("PolicyArn");
    shown(world, &call.account, arn)?;
    let filter = call.str("EntityFilter");
    let boundary = call.str("PolicyUsageFilter") == Some("PermissionsBoundary");
    let iam = view(world, &call.account);
    let holds = |grants: &Grants, bound: Option<&String>| {
        if boundary { bound.is_some_and(|b| b == arn) } else { grants.attached.iter().any(|a| a == arn) }
    };
    let mut entities: Vec<(&str, Value)> = Vec::new();
    for group in iam.groups.values().filter(|g| holds(&g.grants, None)) {
        entities.push(("PolicyGroups", json!({"GroupName": group.name, "GroupId": group.id})));
    }
    for user in iam.users.values().filter(|u| holds(&u.grants, u.boundary.as_ref())) {
        entities.push(("PolicyUsers", json!({"UserName": user.name, "UserId": user.id})));
    }
    for role in iam.roles.values().filter(|r| holds(&r.grants, r.boundary.as_ref())) {
        entities.push(("PolicyRoles", json!({"RoleName": role.name, "RoleId": role.id})));
    }
    entities.retain(|(member, _)| match filter {
        Some("User") => *member == "PolicyUsers",
        Some("Role") => *member == "PolicyRoles",
        Some("Group") => *member == "PolicyGroups",
        _ => true,
    });
    let paged = page(world, call, "Entities", &entities, |(member, value)| json!([member, value]))?;
    let mut reply = json!({"PolicyGroups": [], "PolicyUsers": [], "PolicyRoles": []});
    for entity in paged["Entities"].as_array().into_iter().flatten() {
        let member = entity[0].as_str().unwrap_or_default();
        if let Some(list) = reply[member].as_array_mut() {
            list.push(entity[1].clone());
        }
    }
    reply["IsTruncated"] = paged["IsTruncated"].clone();
    if let Some(marker) = paged.get("Marker") {
        reply["Marker"] = marker.clone();
    }
    Ok(reply)
}
