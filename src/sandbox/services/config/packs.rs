//! Conformance packs of the organization. Deploying takes no time here, and what failed is deployed again only by putting
//! the pack again.

use serde_json::{Map, Value, json};

use super::super::{iam, organizations};
use super::{Pack, SETUP_PRINCIPAL, arn, asked, chosen, here, here_mut, made_up, page, validation};
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

/// Most packs of an organization (developer guide, "Service limits").
const MOST: usize = 50;

/// Members of the request that are given back.
const SETTINGS: [&str; 4] =
    ["DeliveryS3Bucket", "DeliveryS3KeyPrefix", "ConformancePackInputParameters", "ExcludedAccounts"];

/// Who may manage packs.
fn administrator(world: &World, call: &Call) -> Result<(), Fault> {
    let organization = organizations::organization(world).map_err(|_| {
        Fault::new("NoAvailableOrganizationException", "Organization is no longer available.")
    })?;
    if !organization.all_features {
        let message = "Your organization does not have all features enabled.";
        return Err(Fault::new("OrganizationAllFeaturesNotEnabledException", message));
    }
    let may = organization.management == call.account
        || organizations::is_delegated(world, SETUP_PRINCIPAL, &call.account);
    if may {
        return Ok(());
    }
    let message = "This account is not the management account or a registered delegated administrator.";
    Err(Fault::new("OrganizationAccessDeniedException", message))
}

pub(super) fn put(world: &mut World, call: &Call) -> Reply {
    administrator(world, call)?;
    let name = call.required("OrganizationConformancePackName");
    let Some(template) = call.str("TemplateBody").or(call.str("TemplateS3Uri")) else {
        return Err(validation("You must specify either the TemplateS3Uri or the TemplateBody parameter."));
    };
    if call.str("TemplateBody").is_some_and(|body| !body.contains("Resources")) {
        let message = "The template has no Resources.";
        return Err(Fault::new("OrganizationConformancePackTemplateValidationException", message));
    }
    if call
        .str("DeliveryS3Bucket")
        .is_some_and(|bucket| !bucket.is_empty() && !bucket.starts_with("awsconfigconforms"))
    {
        return Err(validation("The name of the delivery bucket must begin with awsconfigconforms."));
    }
    let have = here(world, call).and_then(|state| state.packs.get(name).cloned());
    if have.is_none() && here(world, call).is_some_and(|state| state.packs.len() >= MOST) {
        let message = "You have reached the limit of the number of organization conformance packs.";
        return Err(Fault::new("MaxNumberOfOrganizationConformancePacksExceededException", message));
    }
    let mut settings = Map::new();
    for member in SETTINGS {
        if let Some(value) = call.input.get(member) {
            settings.insert(member.to_owned(), value.clone());
        }
    }
    let (created, tags) = have.map_or((call.now, super::Tags::new()), |have| (have.created, have.tags));
    let mut pack =
        Pack { template: template.to_owned(), created, updated: call.now, tags, ..Pack::default() };
    pack.settings = Value::Object(settings);
    pack.failed_in = without_recorder(world, call, &pack).map(str::to_owned);
    if organizations::management(world) == Some(call.account.as_str()) {
        organizations::enable_access(world, SETUP_PRINCIPAL, call.now);
    }
    iam::ensure_service_linked_role(world, &call.account, SETUP_PRINCIPAL, call.now);
    here_mut(world, call).packs.insert(name.to_owned(), pack);
    Ok(json!({"OrganizationConformancePackArn": pack_arn(world, call, name)}))
}

/// ARN of a pack.
pub(super) fn pack_arn(world: &World, call: &Call, name: &str) -> String {
    arn(world, call, &format!("organization-conformance-pack/{name}-{}", made_up(call, name)))
}

fn missing(name: &str) -> Fault {
    let message = format!("The organization conformance pack {name} does not exist.");
    Fault::new("NoSuchOrganizationConformancePackException", message)
}

/// The packs that a call asks for, shown.
fn shown(world: &World, call: &Call, show: &dyn Fn(&str, &Pack) -> Value) -> Result<Vec<Value>, Fault> {
    administrator(world, call)?;
    let none = std::collections::BTreeMap::new();
    let all = here(world, call).map_or(&none, |state| &state.packs);
    let names = asked(call, "OrganizationConformancePackNames");
    let found = chosen(all, names.as_deref(), &missing)?;
    Ok(found.into_iter().map(|(name, pack)| show(name, pack)).collect())
}

pub(super) fn describe(world: &mut World, call: &Call) -> Reply {
    let all = shown(world, call, &|name, pack| {
        let mut shown = pack.settings.clone();
        shown["OrganizationConformancePackName"] = json!(name);
        shown["OrganizationConformancePackArn"] = json!(pack_arn(world, call, name));
        shown["LastUpdateTime"] = json!(pack.updated);
        shown
    })?;
    page(world, call, "OrganizationConformancePacks", &all)
}

pub(super) fn statuses(world: &mut World, call: &Call) -> Reply {
    let all = shown(world, call, &|name, pack| {
        let verb = if pack.updated > pack.created { "UPDATE" } else { "CREATE" };
        let mut shown = json!({"OrganizationConformancePackName": name, "LastUpdateTime": pack.updated});
        match &pack.failed_in {
            None => shown["Status"] = json!(format!("{verb}_SUCCESSFUL")),
            Some(account) => {
                shown["Status"] = json!(format!("{verb}_FAILED"));
                shown["ErrorCode"] = json!("NoAvailableConfigurationRecorder");
                shown["ErrorMessage"] = json!(format!("There is no running recorder in account {account}."));
            }
        }
        shown
    })?;
    page(world, call, "OrganizationConformancePackStatuses", &all)
}

/// A member that should get the pack and cannot.
fn without_recorder<'w>(world: &'w World, call: &Call, pack: &Pack) -> Option<&'w str> {
    let excluded = pack.settings.get("ExcludedAccounts").and_then(Value::as_array);
    let is_excluded = |id: &str| excluded.is_some_and(|list| list.iter().any(|account| account == id));
    let records = |id: &str| {
        let state = world.config.get(&cell(id, &call.region));
        state.and_then(|state| state.recorder.as_ref()).is_some_and(|recorder| recorder.recording)
    };
    let active =
        world.organizations.accounts.values().filter(|a| a.state == organizations::AccountState::Active);
    active.map(|account| account.id.as_str()).find(|id| !is_excluded(id) && !records(id))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    administrator(world, call)?;
    let name = call.required("OrganizationConformancePackName");
    if here(world, call).is_none_or(|state| !state.packs.contains_key(name)) {
        return Err(missing(name));
    }
    here_mut(world, call).packs.remove(name);
    Ok(json!({}))
}
