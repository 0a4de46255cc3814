//! Tags of recorders, aggregators and conformance packs.

use serde_json::{Value, json};

use super::super::tags::{self, Tags};
use super::{aggregators, here, here_mut, merged_tags, packs, page, recorders};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// What an ARN means.
enum Tagged {
    Recorder,
    ServiceLinked(String),
    Aggregator(String),
    Pack(String),
}

/// Finds the resource, whose ARN has parts that AWS makes up.
fn find(world: &World, call: &Call) -> Result<Tagged, Fault> {
    let asked = call.required("ResourceArn");
    let missing = || Fault::new("ResourceNotFoundException", format!("ResourceArn '{asked}' does not exist"));
    let state = here(world, call).ok_or_else(missing)?;
    let is_recorder = |name: &str| recorders::recorder_arn(world, call, name) == asked;
    if state.recorder.as_ref().is_some_and(|recorder| is_recorder(&recorder.name)) {
        return Ok(Tagged::Recorder);
    }
    if let Some((service, _)) = state.service_linked.iter().find(|(_, recorder)| is_recorder(&recorder.name))
    {
        return Ok(Tagged::ServiceLinked(service.clone()));
    }
    if let Some(name) =
        state.aggregators.keys().find(|n| aggregators::aggregator_arn(world, call, n) == asked)
    {
        return Ok(Tagged::Aggregator(name.clone()));
    }
    let pack = state.packs.keys().find(|name| packs::pack_arn(world, call, name) == asked);
    pack.map(|name| Tagged::Pack(name.clone())).ok_or_else(missing)
}

/// The tags of the resource.
fn open<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut Tags, Fault> {
    let tagged = find(world, call)?;
    let state = here_mut(world, call);
    let tags = match &tagged {
        Tagged::Recorder => state.recorder.as_mut().map(|recorder| &mut recorder.tags),
        Tagged::ServiceLinked(service) => {
            state.service_linked.get_mut(service).map(|recorder| &mut recorder.tags)
        }
        Tagged::Aggregator(name) => state.aggregators.get_mut(name).map(|one| &mut one.tags),
        Tagged::Pack(name) => state.packs.get_mut(name).map(|pack| &mut pack.tags),
    };
    tags.ok_or_else(|| Fault::new("ResourceNotFoundException", "The resource does not exist"))
}

pub(super) fn tag(world: &mut World, call: &Call) -> Reply {
    let tags = open(world, call)?;
    *tags = merged_tags(tags, call)?;
    Ok(json!({}))
}

pub(super) fn untag(world: &mut World, call: &Call) -> Reply {
    let keys = call.input.get("TagKeys").and_then(Value::as_array).cloned().unwrap_or_default();
    open(world, call)?.retain(|key, _| !keys.iter().any(|gone| gone == key));
    Ok(json!({}))
}

pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    let tags = tags::write(open(world, call)?, "Key", "Value");
    page(world, call, "Tags", tags.as_array().map_or(&[][..], Vec::as_slice))
}
