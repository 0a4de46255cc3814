//! Detectors: one per account and region.

use serde_json::{Value, json};

use super::super::iam;
use super::super::tags::{self, Tags};
use super::{Detector, PRINCIPAL, administrator_of, bad_request, edit, features, not_owned, own, page, text};
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

/// FindingPublishingFrequency where nobody asked for another (user guide, "Exporting findings").
pub(super) const DEFAULT_FREQUENCY: &str = "SIX_HOURS";

pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let place = cell(&call.account, &call.region);
    if world.guardduty.contains_key(&place) {
        // Public reports of Terraform and CloudFormation.
        return Err(bad_request(
            "The request is rejected because a detector already exists for the current account.",
        ));
    }
    let asked = features::asked(&call.input, "Status")?;
    let id = world.hex(32);
    let detector = Detector {
        id: id.clone(),
        created: call.now,
        updated: call.now,
        enabled: call.bool("Enable").unwrap_or_default(),
        frequency: call.str("FindingPublishingFrequency").unwrap_or(DEFAULT_FREQUENCY).to_owned(),
        features: features::of_new_detector(&asked, call.now),
        tags: tag_map(call.input.get("Tags")),
        ..Detector::default()
    };
    iam::ensure_service_linked_role(world, &call.account, PRINCIPAL, call.now);
    world.guardduty.insert(place, detector);
    Ok(json!({"DetectorId": id}))
}

pub(super) fn get(world: &mut World, call: &Call) -> Reply {
    let detector = own(world, call)?;
    let role = format!("role/aws-service-role/{PRINCIPAL}/AWSServiceRoleForAmazonGuardDuty");
    Ok(json!({
        "CreatedAt": text(detector.created),
        "UpdatedAt": text(detector.updated),
        "Status": if detector.enabled { "ENABLED" } else { "DISABLED" },
        "FindingPublishingFrequency": detector.frequency,
        "ServiceRole": world.arn("iam", "", &call.account, &role),
        "DataSources": features::data_sources_of(detector),
        "Features": features::shown(detector, true),
        "Tags": detector.tags,
    }))
}

pub(super) fn update(world: &mut World, call: &Call) -> Reply {
    own(world, call)?;
    let asked = features::asked(&call.input, "Status")?;
    let switches = call.bool("Enable").is_some() || !asked.is_empty();
    if switches && administrator_of(world, &call.account, &call.region).is_some() {
        // User guide, "Understanding the relationship": members of an organization switch nothing themselves. Guess: the
        // message.
        return Err(bad_request(
            "The request is rejected because the current account is a member of an organization and its detector is \
             managed by the administrator account.",
        ));
    }
    let detector = edit(world, call);
    if let Some(enabled) = call.bool("Enable") {
        detector.enabled = enabled;
    }
    if let Some(frequency) = call.str("FindingPublishingFrequency") {
        frequency.clone_into(&mut detector.frequency);
    }
    features::set(&mut detector.features, &asked, call.now);
    Ok(json!({}))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    let detector = own(world, call)?;
    if !detector.members.is_empty() {
        // Public reports: aws-samples/amazon-guardduty-multiaccount-scripts#3.
        return Err(bad_request(
            "The request is rejected because the current account cannot delete detector while it has invited or \
             associated members.",
        ));
    }
    if administrator_of(world, &call.account, &call.region).is_some() {
        // User guide: a member must be disassociated first. Guess: the message.
        return Err(bad_request(
            "The request is rejected because the current account cannot delete detector while it is associated with an \
             administrator account.",
        ));
    }
    world.guardduty.remove(&cell(&call.account, &call.region));
    Ok(json!({}))
}

pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    let found = world.guardduty.get(&cell(&call.account, &call.region));
    let ids: Vec<String> = found.map(|detector| detector.id.clone()).into_iter().collect();
    let (ids, next) = page(world, call, &ids)?;
    let mut reply = json!({"DetectorIds": ids});
    if let Some(next) = next {
        reply["NextToken"] = json!(next);
    }
    Ok(reply)
}

/// A map of tags.
pub(super) fn tag_map(tags: Option<&Value>) -> Tags {
    let pairs = tags.and_then(Value::as_object).into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// The tags of the detector or publishing destination that `ResourceArn` names.
fn tags_of<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut Tags, Fault> {
    let before = world.arn("guardduty", &call.region, &call.account, "detector/");
    let name = call.required("ResourceArn").strip_prefix(&before).unwrap_or_default().to_owned();
    let (id, destination) =
        name.split_once("/publishingDestination/").map_or((name.as_str(), None), |(id, own)| (id, Some(own)));
    let found = world.guardduty.get_mut(&cell(&call.account, &call.region));
    let detector = found.filter(|detector| detector.id == id).ok_or_else(not_owned)?;
    match destination {
        None => Ok(&mut detector.tags),
        Some(own) => detector.destinations.get_mut(own).map(|found| &mut found.tags).ok_or_else(not_owned),
    }
}

pub(super) fn tag(world: &mut World, call: &Call) -> Reply {
    let new = tag_map(call.input.get("Tags")).into_iter().collect();
    let tags = tags_of(world, call)?;
    // Guess: the message.
    *tags =
        tags::merged(tags, new).map_err(|_| bad_request("The request is rejected because of its tags."))?;
    Ok(json!({}))
}

pub(super) fn untag(world: &mut World, call: &Call) -> Reply {
    let keys = super::strings(call, "TagKeys");
    tags_of(world, call)?.retain(|key, _| !keys.contains(key));
    Ok(json!({}))
}

pub(super) fn list_tags(world: &mut World, call: &Call) -> Reply {
    Ok(json!({"Tags": tags_of(world, call)?}))
}
