//! The account's own recorder.

use serde_json::{Value, json};

use super::{
    Recorder, State, arn, asked, channel, group, here, here_mut, made_up, merged_tags, page, service_linked,
    validation,
};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// The name of a recorder that the caller does not name.
const DEFAULT: &str = "default";

pub(super) fn put(world: &mut World, call: &Call) -> Reply {
    let asked = call.input.get("ConfigurationRecorder").cloned().unwrap_or_default();
    let text = |member: &str| asked.get(member).and_then(Value::as_str);
    let name = text("name").unwrap_or(DEFAULT);
    if text("servicePrincipal").is_some() || name.starts_with(service_linked::PREFIX) {
        return Err(unmodifiable());
    }
    // Guess: Config does not look whether the role exists.
    let role = text("roleARN").filter(|role| role.contains(":role/")).ok_or_else(invalid_role)?;
    let group = group::group(asked.get("recordingGroup"))?;
    let mode = group::mode(asked.get("recordingMode"))?;
    let have = here(world, call).and_then(|state| state.recorder.clone());
    if have.as_ref().is_some_and(|have| have.name != name) {
        return Err(too_many(name));
    }
    let mut recorder = match have {
        Some(have) => have,
        None => Recorder { tags: merged_tags(&super::Tags::new(), call)?, ..Recorder::default() },
    };
    (recorder.name, recorder.role, recorder.group, recorder.mode) = (name.into(), role.into(), group, mode);
    here_mut(world, call).recorder = Some(recorder);
    Ok(json!({}))
}

fn invalid_role() -> Fault {
    Fault::new("InvalidRoleException", "You have provided a null or empty role ARN.")
}

fn too_many(name: &str) -> Fault {
    let message = format!(
        "Failed to put configuration recorder '{name}' because the maximum number of configuration recorders: 1 is \
         reached."
    );
    Fault::new("MaxNumberOfConfigurationRecordersExceededException", message)
}

fn unmodifiable() -> Fault {
    Fault::new(
        "UnmodifiableEntityException",
        "The requested operation is not valid for a service-linked recorder.",
    )
}

fn missing(name: &str) -> Fault {
    let message = format!("Cannot find configuration recorder with the specified name '{name}'.");
    Fault::new("NoSuchConfigurationRecorderException", message)
}

/// The recorder that `ConfigurationRecorderName` means.
fn named<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut State, Fault> {
    let name = call.required("ConfigurationRecorderName");
    if name.starts_with(service_linked::PREFIX) {
        return Err(unmodifiable());
    }
    let is_there =
        here(world, call).and_then(|state| state.recorder.as_ref()).is_some_and(|r| r.name == name);
    if is_there { Ok(here_mut(world, call)) } else { Err(missing(name)) }
}

pub(super) fn start(world: &mut World, call: &Call) -> Reply {
    let now = call.now;
    let state = named(world, call)?;
    if state.channel.is_none() {
        let message = "Delivery channel is not available to start configuration recorder.";
        return Err(Fault::new("NoAvailableDeliveryChannelException", message));
    }
    if let Some(recorder) = state.recorder.as_mut().filter(|recorder| !recorder.recording) {
        (recorder.recording, recorder.started) = (true, Some(now));
    }
    Ok(json!({}))
}

pub(super) fn stop(world: &mut World, call: &Call) -> Reply {
    let now = call.now;
    if let Some(recorder) = named(world, call)?.recorder.as_mut().filter(|recorder| recorder.recording) {
        (recorder.recording, recorder.stopped) = (false, Some(now));
    }
    Ok(json!({}))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    named(world, call)?.recorder = None;
    Ok(json!({}))
}

/// ARN of a recorder.
pub(super) fn recorder_arn(world: &World, call: &Call, name: &str) -> String {
    arn(world, call, &format!("configuration-recorder/{name}/{}", made_up(call, name)))
}

/// The recorders that a call means: by name, by ARN, by service, or the account's own. `None` in place of a service:
/// it is the account's own.
fn meant<'w>(world: &'w World, call: &Call) -> Result<Vec<(Option<&'w str>, &'w Recorder)>, Fault> {
    let names = asked(call, "ConfigurationRecorderNames").unwrap_or_default();
    if names.len() > 1 {
        return Err(validation("You have specified more than one configuration recorder."));
    }
    let state = here(world, call);
    let own = state.and_then(|state| state.recorder.as_ref()).map(|recorder| (None, recorder));
    let linked = state.into_iter().flat_map(|state| &state.service_linked);
    let all: Vec<_> = own.into_iter().chain(linked.map(|(service, r)| (Some(service.as_str()), r))).collect();
    let wanted = names.first().copied().or(call.str("Arn")).or(call.str("ServicePrincipal"));
    let Some(wanted) = wanted else { return Ok(own.into_iter().collect()) };
    let fits = |(service, recorder): &(Option<&str>, &Recorder)| {
        recorder.name == wanted
            || *service == Some(wanted)
            || recorder_arn(world, call, &recorder.name) == wanted
    };
    let found: Vec<_> = all.into_iter().filter(fits).collect();
    if found.is_empty() { Err(missing(wanted)) } else { Ok(found) }
}

pub(super) fn describe(world: &mut World, call: &Call) -> Reply {
    let found = meant(world, call)?;
    let shown: Vec<Value> =
        found.into_iter().map(|(service, recorder)| shown(world, call, service, recorder)).collect();
    Ok(json!({"ConfigurationRecorders": shown}))
}

fn shown(world: &World, call: &Call, service: Option<&str>, recorder: &Recorder) -> Value {
    let mut shown = json!({
        "arn": recorder_arn(world, call, &recorder.name),
        "name": recorder.name,
        "roleARN": recorder.role,
        "recordingGroup": recorder.group,
        "recordingMode": recorder.mode,
        "recordingScope": if service.is_some() { "INTERNAL" } else { "PAID" },
    });
    if let Some(service) = service {
        shown["servicePrincipal"] = json!(service);
    }
    shown
}

pub(super) fn status(world: &mut World, call: &Call) -> Reply {
    let found = meant(world, call)?;
    let mut all = Vec::new();
    for (service, recorder) in found {
        let mut shown = json!({
            "arn": recorder_arn(world, call, &recorder.name),
            "name": recorder.name,
            "recording": recorder.recording,
        });
        for (member, at) in [("lastStartTime", recorder.started), ("lastStopTime", recorder.stopped)] {
            if let Some(at) = at {
                shown[member] = json!(at);
            }
        }
        match service {
            Some(service) => shown["servicePrincipal"] = json!(service),
            None if recorder.recording => delivery(world, call, &mut shown),
            None => {}
        }
        all.push(shown);
    }
    Ok(json!({"ConfigurationRecordersStatus": all}))
}

/// Whether what is recorded arrives.
fn delivery(world: &World, call: &Call, shown: &mut Value) {
    let channel = here(world, call).and_then(|state| state.channel.as_ref());
    match channel.map(|channel| channel::check(world, call, channel)) {
        Some(Err(fault)) => {
            shown["lastStatus"] = json!("Failure");
            shown["lastErrorCode"] = json!(fault.code.trim_end_matches("Exception"));
            shown["lastErrorMessage"] = json!(fault.message);
        }
        _ => shown["lastStatus"] = json!("Success"),
    }
}

pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    let state = here(world, call);
    let own = state.and_then(|state| state.recorder.as_ref()).map(|recorder| (None, recorder));
    let linked = state.into_iter().flat_map(|state| &state.service_linked);
    let all = own.into_iter().chain(linked.map(|(service, r)| (Some(service.as_str()), r)));
    let shown: Vec<Value> = all
        .map(|(service, recorder)| {
            let whole = shown(world, call, service, recorder);
            let kept = ["arn", "name", "servicePrincipal", "recordingScope"];
            kept.iter().filter_map(|key| Some(((*key).to_string(), whole.get(*key)?.clone()))).collect()
        })
        .collect();
    page(world, call, "ConfigurationRecorderSummaries", &shown)
}
