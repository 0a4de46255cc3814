//! Policy types on the root, and policies on roots, OUs and accounts.

use serde_json::json;

use crate::sandbox::world::{Call, Fault, Reply, World};

use super::policies::{find, managed, not_available, summary};
use super::state::{Policy, State};
use super::{
    FULL_ACCESS, RCP_FULL_ACCESS, account_arn, arn, constraint, invalid_input, list, organization, path_to,
    target_not_found, units,
};

/// Policies of one type on one target (`aws-limits.md` 1.2; types that it does not name take the common 10).
fn slots(kind: &str) -> usize {
    match kind {
        "RESOURCE_CONTROL_POLICY" | "CHATBOT_POLICY" | "AISERVICES_OPT_OUT_POLICY" => 5,
        _ => 10,
    }
}

/// Types of which every target keeps at least one policy.
fn needs_one(kind: &str) -> bool {
    matches!(kind, "SERVICE_CONTROL_POLICY" | "RESOURCE_CONTROL_POLICY")
}

/// Attaches what AWS attaches by itself to every new root, OU and account.
pub(super) fn attach_defaults(state: &mut State, target: &str) {
    let with_rcp = state.policy_types.contains("RESOURCE_CONTROL_POLICY");
    let ids = state.attachments.entry(target.to_owned()).or_default();
    for id in [Some(FULL_ACCESS), with_rcp.then_some(RCP_FULL_ACCESS)].into_iter().flatten() {
        if !ids.iter().any(|have| have == id) {
            ids.push(id.to_owned());
        }
    }
}

/// Every root, OU and account.
fn targets(state: &State) -> Vec<String> {
    let root = state.organization.iter().map(|o| o.root.clone());
    root.chain(state.units.keys().cloned()).chain(state.accounts.keys().cloned()).collect()
}

fn require_root(world: &World, call: &Call) -> Result<(), Fault> {
    if units::is_root(world, call.required("RootId")) {
        return Ok(());
    }
    Err(Fault::new("RootNotFoundException", "You specified a root that doesn't exist."))
}

pub(super) fn enable_type(world: &mut World, call: &Call) -> Reply {
    let kind = call.required("PolicyType");
    if !organization(world)?.all_features {
        return Err(not_available());
    }
    require_root(world, call)?;
    if !world.organizations.policy_types.insert(kind.to_owned()) {
        return Err(Fault::new(
            "PolicyTypeAlreadyEnabledException",
            "The specified policy type is already enabled.",
        ));
    }
    if needs_one(kind) {
        for target in targets(&world.organizations) {
            attach_defaults(&mut world.organizations, &target);
        }
    }
    Ok(json!({"Root": super::root_value(world)?}))
}

pub(super) fn disable_type(world: &mut World, call: &Call) -> Reply {
    let kind = call.required("PolicyType");
    require_root(world, call)?;
    if !world.organizations.policy_types.remove(kind) {
        return Err(not_enabled());
    }
    // AWS detaches every policy of the type; enabling it again attaches only the AWS-managed one.
    let state = &mut world.organizations;
    let mut attachments = std::mem::take(&mut state.attachments);
    for ids in attachments.values_mut() {
        ids.retain(|id| kind_of(state, id) != Some(kind.to_owned()));
    }
    state.attachments = attachments;
    Ok(json!({"Root": super::root_value(world)?}))
}

fn kind_of(state: &State, id: &str) -> Option<String> {
    managed(id).map(|p| p.kind).or_else(|| state.policies.get(id).map(|p| p.kind.clone()))
}

fn not_enabled() -> Fault {
    Fault::new(
        "PolicyTypeNotEnabledException",
        "This operation can be performed only for enabled policy types.",
    )
}

/// The target's type, ARN and name; `None` where it does not exist.
fn target(world: &World, id: &str) -> Option<(&'static str, String, String)> {
    let organization = world.organizations.organization.as_ref()?;
    let arn = |resource: &str| arn(world, &format!("{resource}/{}/{id}", organization.id));
    if units::is_root(world, id) {
        return Some(("ROOT", arn("root"), "Root".into()));
    }
    if let Some(unit) = world.organizations.units.get(id) {
        return Some(("ORGANIZATIONAL_UNIT", arn("ou"), unit.name.clone()));
    }
    let account = world.organizations.accounts.get(id)?;
    Some(("ACCOUNT", account_arn(world, id), account.name.clone()))
}

/// The policy and target of a call, both of which must exist.
fn pair(world: &World, call: &Call) -> Result<(Policy, String), Fault> {
    let policy = find(world, call.required("PolicyId"))?;
    let id = call.required("TargetId");
    target(world, id).ok_or_else(target_not_found)?;
    Ok((policy, id.to_owned()))
}

pub(super) fn attach(world: &mut World, call: &Call) -> Reply {
    let (policy, target) = pair(world, call)?;
    if !world.organizations.policy_types.contains(&policy.kind) {
        return Err(not_enabled());
    }
    let state = &mut world.organizations;
    let ids = state.attachments.get(&target).cloned().unwrap_or_default();
    if ids.contains(&policy.id) {
        return Err(Fault::new(
            "DuplicatePolicyAttachmentException",
            "The selected policy is already attached to the specified target.",
        ));
    }
    let same = ids.iter().filter(|id| kind_of(state, id).as_ref() == Some(&policy.kind)).count();
    if same >= slots(&policy.kind) {
        return Err(constraint(
            "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
            "You have attached the maximum number of policies to the specified target.",
        ));
    }
    state.attachments.entry(target).or_default().push(policy.id);
    Ok(json!({}))
}

pub(super) fn detach(world: &mut World, call: &Call) -> Reply {
    let (policy, target) = pair(world, call)?;
    let state = &mut world.organizations;
    let ids = state.attachments.get(&target).cloned().unwrap_or_default();
    if !ids.contains(&policy.id) {
        return Err(Fault::new(
            "PolicyNotAttachedException",
            "The policy isn't attached to the specified target in the specified root.",
        ));
    }
    if !state.policy_types.contains(&policy.kind) {
        return Err(not_enabled());
    }
    if policy.id == RCP_FULL_ACCESS {
        return Err(invalid_input("NON_DETACHABLE_POLICY", "You can't detach this AWS-managed policy."));
    }
    let same = ids.iter().filter(|id| kind_of(state, id).as_ref() == Some(&policy.kind)).count();
    if needs_one(&policy.kind) && same <= 1 {
        return Err(constraint(
            "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
            "You cannot remove the last policy attached to the specified target. You must have at least one \
             attached at all times.",
        ));
    }
    if let Some(ids) = state.attachments.get_mut(&target) {
        ids.retain(|id| *id != policy.id);
    }
    Ok(json!({}))
}

pub(super) fn list_for_target(world: &mut World, call: &Call) -> Reply {
    let (id, kind) = (call.required("TargetId"), call.required("Filter"));
    target(world, id).ok_or_else(target_not_found)?;
    let policies = attached(world, id, kind);
    list(world, call, "Policies", &policies, |policy| summary(world, policy))
}

pub(super) fn list_targets(world: &mut World, call: &Call) -> Reply {
    let policy = find(world, call.required("PolicyId"))?;
    let ids: Vec<&String> = world
        .organizations
        .attachments
        .iter()
        .filter(|(_, ids)| ids.contains(&policy.id))
        .map(|(target, _)| target)
        .collect();
    list(world, call, "Targets", &ids, |id| match target(world, id) {
        Some((kind, arn, name)) => json!({"TargetId": id, "Arn": arn, "Name": name, "Type": kind}),
        None => json!({"TargetId": id}),
    })
}

/// Policies of one type directly on one target.
pub(super) fn attached(world: &World, target: &str, kind: &str) -> Vec<Policy> {
    let ids = world.organizations.attachments.get(target).into_iter().flatten();
    ids.filter_map(|id| find(world, id).ok()).filter(|p| p.kind == kind).collect()
}

/// Ids and texts of the policies of one type on the path of an account, one list per level from the root down.
/// Empty where the type is not enabled or the account is no member.
pub fn attached_documents(world: &World, account: &str, kind: &str) -> Vec<Vec<(String, String)>> {
    if !world.organizations.policy_types.contains(kind) {
        return Vec::new();
    }
    let level = |target: &String| {
        attached(world, target, kind).into_iter().map(|p| (p.id, p.content)).collect::<Vec<_>>()
    };
    path_to(world, account).iter().map(level).collect()
}
