//! What AWS Config recorded of many accounts and regions, asked of the organization's aggregator with one query.
//!
//! It states what a recorder saw, not what is: an item is there some minutes after a change, and AWS promises no time. Guess:
//! minutes, rarely hours. So only `--refresh central` asks, and a place is stated only where its recorder runs and records
//! the type continuously, and the aggregator does not call it failed or outdated.
//! <https://docs.aws.amazon.com/config/latest/developerguide/querying-AWS-resources.html>
//! <https://github.com/awslabs/aws-config-resource-schema>

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_config::types::{AggregatedSourceStatusType, ConfigurationAggregator};
use serde::Deserialize;
use serde_json::Value;

use crate::aws::Clients;
use crate::control::{Cx, Seat, Survey};
use crate::error::{CallError, Kind, UnitError};

/// The question, for `Meta::survey`.
pub const SURVEY: Survey = Survey {
    seat: Seat::DelegatedAdmin("config"),
    regional: false,
    reads: &[
        "config:DescribeConfigurationAggregatorSourcesStatus",
        "config:DescribeConfigurationAggregators",
        "config:SelectAggregateResourceConfig",
    ],
    evidence: "AWS Config's aggregator, as of its last recording",
};

/// Rows of one page: the most that AWS gives.
const PAGE: i32 = 100;
/// The recorder's own type, which is always recorded.
const RECORDER: &str = "AWS::Config::ConfigurationRecorder";
/// Names of recorders that services made for themselves begin so.
const SERVICE_LINKED: &str = "AWSConfigurationRecorderFor";

/// Account and region.
pub type Place = (String, String);

/// One recorded resource.
#[derive(Debug, Clone, Deserialize)]
pub struct Item {
    /// 12-digit account id.
    #[serde(rename = "accountId")]
    pub account: String,
    /// Region.
    #[serde(rename = "awsRegion")]
    pub region: String,
    /// Such as `AWS::EC2::VPC`.
    #[serde(rename = "resourceType")]
    pub kind: String,
    /// The resource as Config shows it.
    #[serde(default)]
    pub configuration: Value,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
}

/// A tag of an item.
#[derive(Debug, Clone, Deserialize)]
pub struct Tag {
    /// Key.
    pub key: String,
    /// Value.
    #[serde(default)]
    pub value: String,
}

impl Item {
    /// Where it is.
    pub fn place(&self) -> Place {
        (self.account.clone(), self.region.clone())
    }

    /// A text of its configuration, by JSON pointer.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.configuration.pointer(pointer)?.as_str()
    }

    /// A flag of its configuration, by JSON pointer.
    pub fn flag(&self, pointer: &str) -> Option<bool> {
        self.configuration.pointer(pointer)?.as_bool()
    }
}

/// The aggregator, and the recorders that it knows.
#[derive(Debug)]
struct Recorders {
    aggregator: Option<String>,
    running: BTreeMap<Place, Item>,
}

/// The items of these types where all of them are recorded, by place; a place without any is not among them. `filter`: a
/// further condition, such as `configuration.groupName = 'default'`.
///
/// # Errors
/// Those of the calls, and answers that cannot be understood.
pub async fn items(
    cx: &Cx<'_>,
    types: &[&str],
    filter: Option<&str>,
) -> Result<BTreeMap<Place, Vec<Item>>, UnitError> {
    let recorders = recorders(cx).await?;
    let Some(aggregator) = &recorders.aggregator else { return Ok(BTreeMap::new()) };
    let mut found: BTreeMap<Place, Vec<Item>> = BTreeMap::new();
    for item in select(cx, aggregator, types, filter).await? {
        let recorder = recorders.running.get(&item.place());
        if recorder.is_some_and(|recorder| types.iter().all(|kind| records(recorder, kind))) {
            found.entry(item.place()).or_default().push(item);
        }
    }
    Ok(found)
}

/// ARNs of the roles that running recorders use, by place.
///
/// # Errors
/// As `items`.
pub async fn roles(cx: &Cx<'_>) -> Result<BTreeMap<Place, String>, UnitError> {
    let recorders = recorders(cx).await?;
    let role = |(place, item): (&Place, &Item)| Some((place.clone(), item.text("/RoleARN")?.to_owned()));
    Ok(recorders.running.iter().filter_map(role).collect())
}

/// Asked once, whoever wants to know.
async fn recorders(cx: &Cx<'_>) -> Result<Arc<Recorders>, UnitError> {
    cx.once("recorders of the aggregator", ask_recorders(cx)).await
}

/// The aggregators of the clients' account and region.
///
/// # Errors
/// The call failed.
pub async fn aggregators(aws: &Clients) -> Result<Vec<ConfigurationAggregator>, CallError> {
    aws.config_service()
        .pages(
            "DescribeConfigurationAggregators",
            |c, token| c.describe_configuration_aggregators().set_next_token(token).send(),
            |out| (out.configuration_aggregators, out.next_token),
        )
        .await
}

async fn ask_recorders(cx: &Cx<'_>) -> Result<Recorders, UnitError> {
    let all = aggregators(cx.aws).await?;
    let Some(aggregator) = all.into_iter().filter(is_whole).find_map(|a| a.configuration_aggregator_name)
    else {
        return Ok(Recorders { aggregator: None, running: BTreeMap::new() });
    };
    let Some(behind) = behind(cx, &aggregator).await? else {
        return Ok(Recorders { aggregator: None, running: BTreeMap::new() });
    };
    let running = select(cx, &aggregator, &[RECORDER], None).await?.into_iter().filter(|item| {
        let own = item.text("/Name").is_some_and(|name| !name.starts_with(SERVICE_LINKED));
        own && item.flag("/Recording") == Some(true) && !behind.contains(&item.place())
    });
    let running = running.map(|item| (item.place(), item)).collect();
    Ok(Recorders { aggregator: Some(aggregator), running })
}

/// Whether it aggregates the organization, in all regions and all types.
fn is_whole(aggregator: &ConfigurationAggregator) -> bool {
    let all_regions = aggregator.organization_aggregation_source.as_ref().is_some_and(|s| s.all_aws_regions);
    all_regions && aggregator.aggregator_filters.is_none()
}

/// The places whose data did not come; `None`: the organization's did not.
async fn behind(cx: &Cx<'_>, aggregator: &str) -> Result<Option<BTreeSet<Place>>, UnitError> {
    let statuses = [AggregatedSourceStatusType::Failed, AggregatedSourceStatusType::Outdated];
    let all = cx
        .aws
        .config_service()
        .pages(
            "DescribeConfigurationAggregatorSourcesStatus",
            |c, token| {
                c.describe_configuration_aggregator_sources_status()
                    .configuration_aggregator_name(aggregator)
                    .set_update_status(Some(statuses.to_vec()))
                    .limit(PAGE)
                    .set_next_token(token)
                    .send()
            },
            |out| (out.aggregated_source_status_list, out.next_token),
        )
        .await?;
    let mut places = BTreeSet::new();
    for source in all {
        match (source.source_id, source.aws_region) {
            (Some(id), Some(region)) if id.len() == 12 => {
                places.insert((id, region));
            }
            // The organization itself, or something that is not said: nothing can be relied on.
            _ => return Ok(None),
        }
    }
    Ok(Some(places))
}

/// Runs a query; every row is a JSON text.
async fn select(
    cx: &Cx<'_>,
    aggregator: &str,
    types: &[&str],
    filter: Option<&str>,
) -> Result<Vec<Item>, UnitError> {
    let types: Vec<String> = types.iter().map(|kind| format!("'{kind}'")).collect();
    let filter = filter.map(|filter| format!(" AND {filter}")).unwrap_or_default();
    let expression = format!(
        "SELECT accountId, awsRegion, resourceType, configuration, tags WHERE resourceType IN ({}){filter}",
        types.join(", ")
    );
    let rows = cx
        .aws
        .config_service()
        .pages(
            "SelectAggregateResourceConfig",
            |c, token| {
                c.select_aggregate_resource_config()
                    .configuration_aggregator_name(aggregator)
                    .expression(&expression)
                    .limit(PAGE)
                    .set_next_token(token)
                    .send()
            },
            |out| (out.results, out.next_token),
        )
        .await?;
    rows.iter().map(|row| item(row)).collect()
}

fn item(row: &str) -> Result<Item, UnitError> {
    let mut row: Value = serde_json::from_str(row).map_err(|e| not_understood(&e))?;
    // Guess: a configuration may also come as the text of an object, as Config's other answers have it.
    let nested = row["configuration"].as_str().map(serde_json::from_str::<Value>);
    if let Some(nested) = nested {
        row["configuration"] = nested.map_err(|e| not_understood(&e))?;
    }
    serde_json::from_value(row).map_err(|e| not_understood(&e))
}

fn not_understood(error: &serde_json::Error) -> UnitError {
    UnitError::new(
        Kind::Inconsistent,
        format!("a row of AWS Config's aggregator cannot be understood: {error}"),
    )
}

/// Whether a recorder records a type at every change.
fn records(recorder: &Item, kind: &str) -> bool {
    let lists = |pointer: &str| {
        let list = recorder.configuration.pointer(pointer).and_then(Value::as_array);
        list.is_some_and(|list| list.iter().any(|one| one == kind))
    };
    let group = match recorder.text("/RecordingGroup/RecordingStrategy/UseOnly") {
        Some("EXCLUSION_BY_RESOURCE_TYPES") => {
            !lists("/RecordingGroup/ExclusionByResourceTypes/ResourceTypes")
        }
        Some("INCLUSION_BY_RESOURCE_TYPES") => lists("/RecordingGroup/ResourceTypes"),
        _ => recorder.flag("/RecordingGroup/AllSupported") == Some(true),
    };
    group && is_continuous(recorder, kind)
}

/// Recorders of the time before there was a choice have no mode.
fn is_continuous(recorder: &Item, kind: &str) -> bool {
    let overrides =
        recorder.configuration.pointer("/RecordingMode/RecordingModeOverrides").and_then(Value::as_array);
    let is_about =
        |o: &&Value| o["ResourceTypes"].as_array().is_some_and(|types| types.iter().any(|t| t == kind));
    let own = overrides.into_iter().flatten().find(is_about).map(|o| &o["RecordingFrequency"]);
    let default = recorder.configuration.pointer("/RecordingMode/RecordingFrequency");
    own.or(default).is_none_or(|frequency| frequency == "CONTINUOUS")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::*;

    fn recorder(group: &Value, mode: &Value) -> Item {
        let row = json!({
            "accountId": "1", "awsRegion": "r", "resourceType": RECORDER,
            "configuration": {"Name": "default", "Recording": true, "RecordingGroup": group, "RecordingMode": mode},
        });
        item(&row.to_string()).unwrap()
    }

    #[test]
    fn only_what_is_recorded_at_every_change_is_stated() {
        let vpc = "AWS::EC2::VPC";
        let all =
            json!({"AllSupported": true, "RecordingStrategy": {"UseOnly": "ALL_SUPPORTED_RESOURCE_TYPES"}});
        let but = |types: &[&str]| {
            json!({"RecordingStrategy": {"UseOnly": "EXCLUSION_BY_RESOURCE_TYPES"},
                   "ExclusionByResourceTypes": {"ResourceTypes": types}})
        };
        let only = |types: &[&str]| json!({"ResourceTypes": types, "RecordingStrategy": {"UseOnly": "INCLUSION_BY_RESOURCE_TYPES"}});
        let daily = json!({"RecordingFrequency": "DAILY"});
        let mixed = json!({"RecordingFrequency": "CONTINUOUS",
            "RecordingModeOverrides": [{"ResourceTypes": [vpc], "RecordingFrequency": "DAILY"}]});
        for (group, mode, wanted) in [
            (&all, json!({"RecordingFrequency": "CONTINUOUS"}), true),
            (&all, Value::Null, true),
            (&all, daily, false),
            (&all, mixed, false),
            (&but(&["AWS::IAM::Role"]), Value::Null, true),
            (&but(&[vpc]), Value::Null, false),
            (&only(&[vpc]), Value::Null, true),
            (&only(&["AWS::IAM::Role"]), Value::Null, false),
            (&json!({}), Value::Null, false),
        ] {
            assert_eq!(records(&recorder(group, &mode), vpc), wanted, "{group} {mode}");
        }
    }

    #[test]
    fn a_configuration_may_be_a_text() {
        let row = json!({"accountId": "1", "awsRegion": "r", "resourceType": "t", "configuration": "{\"a\": \"b\"}"});
        assert_eq!(item(&row.to_string()).unwrap().text("/a"), Some("b"));
        assert!(item("{").is_err());
    }
}
