//! Aggregators, of accounts or of the organization.

use serde_json::{Map, Value, json};

use super::super::{documents, organizations};
use super::{Aggregator, PRINCIPAL, arn, asked, chosen, here, here_mut, made_up, merged_tags, page};
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

/// Most aggregators of an account and region (developer guide, "Service limits").
const MOST: usize = 50;

/// Members of the request that are the aggregator.
const SOURCE: [&str; 3] = ["AccountAggregationSources", "OrganizationAggregationSource", "AggregatorFilters"];

pub(super) fn put(world: &mut World, call: &Call) -> Reply {
    let name = call.required("ConfigurationAggregatorName");
    let mut source = Map::new();
    for member in SOURCE {
        if let Some(value) = call.input.get(member) {
            source.insert(member.to_owned(), value.clone());
        }
    }
    let organization = source.get("OrganizationAggregationSource").cloned();
    if organization.is_some() == source.contains_key("AccountAggregationSources") {
        return Err(invalid("Either accounts or the organization must be the source."));
    }
    if let Some(asked) = &organization {
        check(world, call, asked)?;
    }
    let have = here(world, call).and_then(|state| state.aggregators.get(name).cloned());
    if have.is_none() && here(world, call).is_some_and(|state| state.aggregators.len() >= MOST) {
        return Err(Fault::new("LimitExceededException", "The number of aggregators exceeds the limit."));
    }
    let mut aggregator = match have {
        Some(have) => have,
        None => Aggregator {
            created: call.now,
            tags: merged_tags(&super::Tags::new(), call)?,
            ..Aggregator::default()
        },
    };
    (aggregator.source, aggregator.updated) = (Value::Object(source), call.now);
    if organization.is_some() && organizations::management(world) == Some(call.account.as_str()) {
        organizations::enable_access(world, PRINCIPAL, call.now);
    }
    let shown = shown(world, call, name, &aggregator);
    here_mut(world, call).aggregators.insert(name.to_owned(), aggregator);
    Ok(json!({"ConfigurationAggregator": shown}))
}

fn invalid(message: &str) -> Fault {
    Fault::new("InvalidParameterValueException", message)
}

/// Who may aggregate the organization, and with which role.
fn check(world: &World, call: &Call, asked: &Value) -> Result<(), Fault> {
    let organization = organizations::organization(world).map_err(|_| {
        Fault::new("NoAvailableOrganizationException", "Organization is no longer available.")
    })?;
    if !organization.all_features {
        let message = "Your organization does not have all features enabled.";
        return Err(Fault::new("OrganizationAllFeaturesNotEnabledException", message));
    }
    let may = organization.management == call.account
        || organizations::is_delegated(world, PRINCIPAL, &call.account);
    if !may {
        let message =
            "This account is not the management account or a registered delegated administrator of Config.";
        return Err(Fault::new("OrganizationAccessDeniedException", message));
    }
    let all = asked.get("AllAwsRegions").and_then(Value::as_bool).unwrap_or_default();
    if all == asked.get("AwsRegions").is_some() {
        return Err(invalid("Either all regions or a list of regions must be the source."));
    }
    let role = asked.get("RoleArn").and_then(Value::as_str).unwrap_or_default();
    let path = role.split_once(&format!(":{}:role/", call.account)).map(|(_, path)| path);
    let source = arn(world, call, "config-aggregator/*");
    if path.is_some_and(|path| documents::role_trusts(world, &call.account, path, PRINCIPAL, &source)) {
        return Ok(());
    }
    Err(Fault::new("InvalidRoleException", format!("Config cannot assume the role {role}.")))
}

fn shown(world: &World, call: &Call, name: &str, aggregator: &Aggregator) -> Value {
    let mut shown = aggregator.source.clone();
    shown["ConfigurationAggregatorName"] = json!(name);
    shown["ConfigurationAggregatorArn"] = json!(aggregator_arn(world, call, name));
    shown["CreationTime"] = json!(aggregator.created);
    shown["LastUpdatedTime"] = json!(aggregator.updated);
    shown
}

/// ARN of an aggregator.
pub(super) fn aggregator_arn(world: &World, call: &Call, name: &str) -> String {
    arn(world, call, &format!("config-aggregator/config-aggregator-{}", made_up(call, name)))
}

/// The refusal of an aggregator that does not exist.
pub(super) fn missing(name: &str) -> Fault {
    let message = format!("The configuration aggregator does not exist: {name}");
    Fault::new("NoSuchConfigurationAggregatorException", message)
}

pub(super) fn describe(world: &mut World, call: &Call) -> Reply {
    let names = asked(call, "ConfigurationAggregatorNames");
    let none = std::collections::BTreeMap::new();
    let all = here(world, call).map_or(&none, |state| &state.aggregators);
    let found = chosen(all, names.as_deref(), &missing)?;
    let shown: Vec<Value> = found.into_iter().map(|(name, one)| shown(world, call, name, one)).collect();
    page(world, call, "ConfigurationAggregators", &shown)
}

pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    let name = call.required("ConfigurationAggregatorName");
    if here(world, call).is_none_or(|state| !state.aggregators.contains_key(name)) {
        return Err(missing(name));
    }
    here_mut(world, call).aggregators.remove(name);
    Ok(json!({}))
}

/// The accounts and regions that an aggregator aggregates.
pub(super) fn sources_of(world: &World, aggregator: &Aggregator) -> Vec<(String, String)> {
    let mut accounts: Vec<&str> = Vec::new();
    if aggregator.source.get("OrganizationAggregationSource").is_some() {
        accounts.extend(world.organizations.accounts.keys().map(String::as_str));
    }
    let listed =
        aggregator.source.pointer("/AccountAggregationSources/0/AccountIds").and_then(Value::as_array);
    accounts.extend(listed.into_iter().flatten().filter_map(Value::as_str));
    let places = |account: &str| -> Vec<(String, String)> {
        world.regions.iter().map(|region| (account.to_owned(), region.clone())).collect()
    };
    accounts.into_iter().flat_map(places).collect()
}

/// DescribeConfigurationAggregatorSourcesStatus. Guess: an account without a running recorder is `OUTDATED`.
pub(super) fn sources(world: &mut World, call: &Call) -> Reply {
    let name = call.required("ConfigurationAggregatorName");
    let one = here(world, call).and_then(|state| state.aggregators.get(name)).ok_or_else(|| missing(name))?;
    let source = |id: &str, kind: &str, region: &str, status: &str| {
        json!({
            "SourceId": id, "SourceType": kind, "AwsRegion": region,
            "LastUpdateStatus": status, "LastUpdateTime": one.updated,
        })
    };
    let mut all = Vec::new();
    if one.source.get("OrganizationAggregationSource").is_some() {
        let id = organizations::organization(world)?.id.clone();
        all.push(source(&id, "ORGANIZATION", &call.region, "SUCCEEDED"));
    }
    for (account, region) in sources_of(world, one) {
        let state = world.config.get(&cell(&account, &region));
        let records =
            state.and_then(|state| state.recorder.as_ref()).is_some_and(|recorder| recorder.recording);
        all.push(source(&account, "ACCOUNT", &region, if records { "SUCCEEDED" } else { "OUTDATED" }));
    }
    let wanted = asked(call, "UpdateStatus");
    let fits = |entry: &Value| {
        wanted.as_ref().is_none_or(|w| w.iter().any(|status| entry["LastUpdateStatus"] == *status))
    };
    let shown: Vec<Value> = all.into_iter().filter(fits).collect();
    page(world, call, "AggregatedSourceStatusList", &shown)
}
