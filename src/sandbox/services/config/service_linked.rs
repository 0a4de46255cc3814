//! Recorders that services make for themselves. Guess: what they record, which the service decides.

use serde_json::json;

use super::super::iam;
use super::{PRINCIPAL, Recorder, group, here, here_mut, merged_tags, recorders};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// How their names begin.
pub(super) const PREFIX: &str = "AWSConfigurationRecorderFor";

pub(super) fn put(world: &mut World, call: &Call) -> Reply {
    let service = call.required("ServicePrincipal");
    if here(world, call).is_some_and(|state| state.service_linked.contains_key(service)) {
        let message = "A service-linked recorder already exists for the specified service.";
        return Err(Fault::new("ConflictException", message));
    }
    let tags = merged_tags(&super::Tags::new(), call)?;
    iam::ensure_service_linked_role(world, &call.account, PRINCIPAL, call.now);
    let first = service.split('.').next().unwrap_or_default();
    let name = format!("{PREFIX}{first}");
    let role = format!("role/aws-service-role/{PRINCIPAL}/AWSServiceRoleForConfig");
    let recorder = Recorder {
        role: world.arn("iam", "", &call.account, &role),
        group: group::group(None)?,
        mode: group::mode(None)?,
        recording: true,
        started: Some(call.now),
        stopped: None,
        tags,
        name: name.clone(),
    };
    here_mut(world, call).service_linked.insert(service.to_owned(), recorder);
    Ok(json!({"Arn": recorders::recorder_arn(world, call, &name), "Name": name}))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    let service = call.required("ServicePrincipal");
    let gone = here(world, call).and_then(|state| state.service_linked.get(service)).cloned();
    let Some(gone) = gone else {
        let message = "There is no service-linked recorder for the specified service.";
        return Err(Fault::new("NoSuchConfigurationRecorderException", message));
    };
    here_mut(world, call).service_linked.remove(service);
    Ok(json!({"Arn": recorders::recorder_arn(world, call, &gone.name), "Name": gone.name}))
}
