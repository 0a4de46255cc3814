//! Analyzers.

use serde_json::{Value, json};

use super::super::{iam, organizations};
use super::{
    Analyzer, PRINCIPAL, arn, conflict, find, find_mut, is_administrator, is_of_organization, missing, page,
    quota, rules, validation,
};
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

/// Age that an analyzer for unused access has where nobody says otherwise (user guide).
const DEFAULT_AGE: i64 = 90;

pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let (name, kind) = (call.required("analyzerName"), call.required("type"));
    if is_of_organization(kind) {
        organization(world, call)?;
    }
    let configuration = configuration(kind, call.input.get("configuration"))?;
    let inline = call.input.get("archiveRules").and_then(Value::as_array);
    let rules = rules::inline(inline.map_or(&[][..], Vec::as_slice), call.now)?;
    let tags = super::tagging::merged(&super::Tags::new(), call.input.get("tags"))?;
    if find(world, call, name).is_ok() {
        return Err(conflict("analyzer", name));
    }
    if count(world, call, kind) >= most(kind) {
        return Err(quota("analyzer", name));
    }
    make_roles(world, call, kind);
    let analyzer = Analyzer {
        name: name.to_owned(),
        kind: kind.to_owned(),
        created: call.now,
        configuration,
        rules,
        tags,
    };
    let state = world.accessanalyzer.entry(cell(&call.account, &call.region)).or_default();
    state.analyzers.insert(name.to_owned(), analyzer);
    Ok(json!({"arn": arn(world, call, name)}))
}

/// What an analyzer of the organization needs. Guess: the wording, but for that of the missing role.
fn organization(world: &World, call: &Call) -> Result<(), Fault> {
    let Some(management) =
        organizations::management(world).filter(|_| is_administrator(world, &call.account))
    else {
        return Err(validation(
            "You must create the analyzer using the management account or a delegated administrator account for the \
             organization.",
        ));
    };
    if !organizations::access_enabled(world, PRINCIPAL) {
        return Err(validation(
            "You must enable trusted access for IAM Access Analyzer in your organization.",
        ));
    }
    let path = format!("/aws-service-role/{PRINCIPAL}/");
    let has_role =
        world.iam.get(management).is_some_and(|iam| iam.roles.values().any(|role| role.path == path));
    // The management account's own analyzer makes the role.
    if !has_role && management != call.account {
        return Err(validation(
            "You must create a service-linked role in the management account of your organization before you can \
             create an analyzer with the organization as the zone of trust.",
        ));
    }
    Ok(())
}

/// Most analyzers of a type in an account and region (user guide, "IAM Access Analyzer quotas").
fn most(kind: &str) -> usize {
    match kind {
        "ORGANIZATION" | "ORGANIZATION_UNUSED_ACCESS" => 5,
        _ => 1,
    }
}

/// Analyzers of the type; for internal access those of the whole organization in the region.
fn count(world: &World, call: &Call, kind: &str) -> usize {
    let of_kind = |state: &super::State| state.analyzers.values().filter(|a| a.kind == kind).count();
    if kind == "ORGANIZATION_INTERNAL_ACCESS" {
        let region = format!("/{}", call.region);
        let here = world.accessanalyzer.iter().filter(|(cell, _)| cell.ends_with(&region));
        return here.map(|(_, state)| of_kind(state)).sum();
    }
    world.accessanalyzer.get(&cell(&call.account, &call.region)).map_or(0, of_kind)
}

/// The service-linked role of the caller, and for an analyzer of the organization of every member.
fn make_roles(world: &mut World, call: &Call, kind: &str) {
    let mut accounts = vec![call.account.clone()];
    if is_of_organization(kind) {
        let active = |a: &&organizations::Account| a.state == organizations::AccountState::Active;
        accounts.extend(world.organizations.accounts.values().filter(active).map(|a| a.id.clone()));
    }
    for account in accounts {
        iam::ensure_service_linked_role(world, &account, PRINCIPAL, call.now);
    }
}

/// The configuration of a type, with what AWS fills in.
fn configuration(kind: &str, asked: Option<&Value>) -> Result<Option<Value>, Fault> {
    let member = match kind {
        "ACCOUNT_UNUSED_ACCESS" | "ORGANIZATION_UNUSED_ACCESS" => "unusedAccess",
        "ACCOUNT_INTERNAL_ACCESS" | "ORGANIZATION_INTERNAL_ACCESS" => "internalAccess",
        _ => "",
    };
    let Some(asked) = asked.and_then(Value::as_object) else {
        let default = json!({"unusedAccess": {"unusedAccessAge": DEFAULT_AGE}});
        return Ok((member == "unusedAccess").then_some(default));
    };
    if asked.keys().any(|key| key != member) {
        return Err(validation(format!("The configuration does not fit an analyzer of type {kind}.")));
    }
    let mut own = asked.get(member).cloned().unwrap_or_else(|| json!({}));
    if member == "unusedAccess" {
        let age = own.get("unusedAccessAge").and_then(Value::as_i64).unwrap_or(DEFAULT_AGE);
        if !(1..=365).contains(&age) {
            return Err(validation("The unused access age must be between 1 and 365 days."));
        }
        own["unusedAccessAge"] = json!(age);
    }
    Ok(Some(json!({ member: own })))
}

pub(super) fn update(world: &mut World, call: &Call) -> Reply {
    let name = call.required("analyzerName");
    let kind = find(world, call, name)?.kind.clone();
    if matches!(kind.as_str(), "ACCOUNT" | "ORGANIZATION") {
        return Err(validation("The configuration of an external access analyzer cannot be changed."));
    }
    let Some(asked) = call.input.get("configuration") else {
        return Err(validation("The configuration is missing."));
    };
    let configuration = configuration(&kind, Some(asked))?;
    let analyzer = find_mut(world, call, name)?;
    analyzer.configuration.clone_from(&configuration);
    Ok(json!({"configuration": configuration}))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    let name = call.required("analyzerName");
    let state = world.accessanalyzer.get_mut(&cell(&call.account, &call.region));
    let gone = state.and_then(|state| state.analyzers.remove(name));
    gone.map(|_| json!({})).ok_or_else(|| missing("analyzer", name))
}

pub(super) fn get(world: &mut World, call: &Call) -> Reply {
    let analyzer = find(world, call, call.required("analyzerName"))?;
    let mut shown = summary(world, call, analyzer);
    if let Some(configuration) = &analyzer.configuration {
        shown["configuration"] = configuration.clone();
    }
    Ok(json!({"analyzer": shown}))
}

/// ListAnalyzers, which leaves configurations out.
pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    let state = world.accessanalyzer.get(&cell(&call.account, &call.region));
    let all = state.into_iter().flat_map(|state| state.analyzers.values());
    let asked = all.filter(|a| call.str("type").is_none_or(|kind| kind == a.kind));
    let shown: Vec<Value> = asked.map(|a| summary(world, call, a)).collect();
    page(world, call, "analyzers", &shown)
}

fn summary(world: &World, call: &Call, analyzer: &Analyzer) -> Value {
    let mut shown = json!({
        "arn": arn(world, call, &analyzer.name),
        "name": analyzer.name,
        "type": analyzer.kind,
        "createdAt": analyzer.created,
        "tags": analyzer.tags,
        "status": "ACTIVE",
    });
    if let Some(reason) = disabled(world, &call.account, &analyzer.kind) {
        shown["status"] = json!("DISABLED");
        shown["statusReason"] = json!({"code": reason});
    }
    shown
}

/// Why an analyzer of the organization does not work.
fn disabled(world: &World, account: &str, kind: &str) -> Option<&'static str> {
    if !is_of_organization(kind) {
        return None;
    }
    if organizations::management(world).is_none() {
        return Some("ORGANIZATION_DELETED");
    }
    if !organizations::access_enabled(world, PRINCIPAL) {
        return Some("AWS_SERVICE_ACCESS_DISABLED");
    }
    (!is_administrator(world, account)).then_some("DELEGATED_ADMINISTRATOR_DEREGISTERED")
}

/// ListFindings and ListFindingsV2: there are none.
pub(super) fn findings(world: &mut World, call: &Call) -> Reply {
    let asked = call.required("analyzerArn");
    let name = asked.rsplit('/').next().unwrap_or_default();
    find(world, call, name)?;
    if arn(world, call, name) != asked {
        return Err(missing("analyzer", asked));
    }
    Ok(json!({"findings": []}))
}
