//! GetAccountAuthorizationDetails: users, groups, roles and customer policies of an account with what they are allowed.
//!
//! AWS's own policies are left out: the sandbox keeps none of their documents.

use serde_json::{Value, json};

use crate::sandbox::world::{Call, Fault, Reply, World};

use super::state::{Grants, State};
use super::{PAGE, arn, encode, tag_list, view};

/// One entry: the list that it belongs to, and its value.
type Entry = (&'static str, Value);

pub(super) fn details(world: &mut World, call: &Call) -> Reply {
    let iam = view(world, &call.account);
    let filter: Vec<&str> = call
        .input
        .get("Filter")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let wanted = |kind: &str| filter.is_empty() || filter.contains(&kind);
    let mut entries: Vec<Entry> = Vec::new();
    if wanted("User") {
        entries.extend(users(world, call, iam));
    }
    if wanted("Group") {
        entries.extend(groups(world, call, iam));
    }
    if wanted("Role") {
        entries.extend(roles(world, call, iam));
    }
    if wanted("LocalManagedPolicy") {
        entries.extend(policies(iam));
    }
    let bad = || Fault::new("ValidationError", "Invalid Marker.").status(400);
    let (page, next) = world.page(&entries, call.int("MaxItems"), PAGE, call.str("Marker"), &bad)?;
    let mut reply = json!({
        "UserDetailList": [], "GroupDetailList": [], "RoleDetailList": [], "Policies": [], "IsTruncated": next.is_some(),
    });
    for (list, value) in page {
        if let Some(list) = reply.get_mut(list).and_then(Value::as_array_mut) {
            list.push(value);
        }
    }
    if let Some(next) = next {
        reply["Marker"] = json!(next);
    }
    Ok(reply)
}

fn inline(grants: &Grants) -> Value {
    grants
        .inline
        .iter()
        .map(|(name, text)| json!({"PolicyName": name, "PolicyDocument": encode(text)}))
        .collect()
}

fn attached(grants: &Grants) -> Value {
    let name = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_owned();
    grants.attached.iter().map(|arn| json!({"PolicyName": name(arn), "PolicyArn": arn})).collect()
}

fn users(world: &World, call: &Call, iam: &State) -> Vec<Entry> {
    let user = |user: &super::state::User| {
        json!({
            "Path": user.path, "UserName": user.name, "UserId": user.id, "CreateDate": user.created,
            "Arn": arn(world, &call.account, "user", &user.path, &user.name),
            "UserPolicyList": inline(&user.grants), "AttachedManagedPolicies": attached(&user.grants),
            "GroupList": user.groups, "Tags": tag_list(&user.tags),
        })
    };
    iam.users.values().map(|u| ("UserDetailList", user(u))).collect()
}

fn groups(world: &World, call: &Call, iam: &State) -> Vec<Entry> {
    let group = |group: &super::state::Group| {
        json!({
            "Path": group.path, "GroupName": group.name, "GroupId": group.id, "CreateDate": group.created,
            "Arn": arn(world, &call.account, "group", &group.path, &group.name),
            "GroupPolicyList": inline(&group.grants), "AttachedManagedPolicies": attached(&group.grants),
        })
    };
    iam.groups.values().map(|g| ("GroupDetailList", group(g))).collect()
}

fn roles(world: &World, call: &Call, iam: &State) -> Vec<Entry> {
    let role = |role: &super::state::Role| {
        json!({
            "Path": role.path, "RoleName": role.name, "RoleId": role.id, "CreateDate": role.created,
            "Arn": arn(world, &call.account, "role", &role.path, &role.name),
            "AssumeRolePolicyDocument": encode(&role.trust), "InstanceProfileList": [],
            "RolePolicyList": inline(&role.grants), "AttachedManagedPolicies": attached(&role.grants),
            "Tags": tag_list(&role.tags),
        })
    };
    iam.roles.values().map(|r| ("RoleDetailList", role(r))).collect()
}

fn policies(iam: &State) -> Vec<Entry> {
    let holders = || {
        let users = iam.users.values().map(|u| &u.grants);
        users.chain(iam.roles.values().map(|r| &r.grants)).chain(iam.groups.values().map(|g| &g.grants))
    };
    let policy = |(arn, policy): (&String, &super::state::ManagedPolicy)| {
        let versions: Vec<Value> = policy
            .versions
            .iter()
            .map(|(number, (text, created))| {
                json!({
                    "VersionId": format!("v{number}"), "Document": encode(text), "CreateDate": created,
                    "IsDefaultVersion": *number == policy.default_version,
                })
            })
            .collect();
        json!({
            "PolicyName": policy.name, "PolicyId": policy.id, "Arn": arn, "Path": policy.path,
            "DefaultVersionId": format!("v{}", policy.default_version), "IsAttachable": true,
            "AttachmentCount": holders().filter(|grants| grants.attached.contains(arn)).count(),
            "CreateDate": policy.created, "UpdateDate": policy.created, "PolicyVersionList": versions,
        })
    };
    iam.policies.iter().map(|p| ("Policies", policy(p))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::services::lab::Lab;

    #[test]
    fn a_user_is_shown_with_the_policies_that_hang_on_it() {
        let mut lab = Lab::with_organization();
        lab.ok("iam", "CreateUser", json!({"UserName": "jo"}));
        let document = json!({
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}],
        })
        .to_string();
        let policy = json!({"UserName": "jo", "PolicyName": "own", "PolicyDocument": document});
        lab.ok("iam", "PutUserPolicy", policy);
        let details = lab.ok("iam", "GetAccountAuthorizationDetails", json!({"Filter": ["User"]}));
        assert_eq!(details["UserDetailList"][0]["UserPolicyList"][0]["PolicyName"], "own");
        assert_eq!(details["RoleDetailList"], json!([]));
    }
}
