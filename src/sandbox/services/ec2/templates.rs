//! Launch templates, each with its first version.

use serde_json::{Value, json};

use super::describe::{filtered, missing, paged};
use super::network::{self, text};
use super::{strings, tagging};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// The version is kept beside the template, under its id with another beginning.
fn version_id(template: &str) -> String {
    template.replacen("lt-", "ltv-", 1)
}

pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let name = call.required("LaunchTemplateName").to_owned();
    // The model's pattern, which EC2 tells by a code of its own.
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || "()./_-".contains(c)) {
        let message = "A launch template name must be between 3 and 128 characters, and may contain letters, numbers, and \
                       the following characters: - ( ) . / _.";
        return Err(Fault::new("InvalidLaunchTemplateName.MalformedException", message).status(400));
    }
    if network::all(world, call, "lt-").iter().any(|have| have["LaunchTemplateName"] == name.as_str()) {
        let message = "Launch template name already in use.";
        return Err(Fault::new("InvalidLaunchTemplateName.AlreadyExistsException", message).status(400));
    }
    let tags = tagging::asked(call, "launch-template")?;
    let id = network::fresh(world, "lt-");
    let by = world.arn("iam", "", &call.account, "root");
    let template = json!({
        "LaunchTemplateId": id, "LaunchTemplateName": name, "CreateTime": call.now, "CreatedBy": by,
        "DefaultVersionNumber": 1, "LatestVersionNumber": 1,
    });
    let version = json!({
        "LaunchTemplateId": id, "LaunchTemplateName": name, "CreateTime": call.now, "CreatedBy": by,
        "VersionNumber": 1, "DefaultVersion": true,
        "VersionDescription": call.str("VersionDescription").unwrap_or_default(),
        "LaunchTemplateData": data(call.input.get("LaunchTemplateData")),
    });
    network::put(world, call, &id, template);
    network::put(world, call, &version_id(&id), version);
    tagging::set(world, call, &id, tags);
    Ok(json!({"LaunchTemplate": network::get(world, call, &id)}))
}

/// What Describe shows of the data that was sent: the members that this sandbox is asked about.
fn data(sent: Option<&Value>) -> Value {
    let mut shown = json!({});
    let Some(sent) = sent else { return shown };
    for member in [
        "ImageId",
        "InstanceType",
        "KeyName",
        "MetadataOptions",
        "SecurityGroupIds",
        "SecurityGroups",
        "UserData",
    ] {
        if let Some(value) = sent.get(member) {
            shown[member] = value.clone();
        }
    }
    let interfaces = sent.get("NetworkInterfaces").and_then(Value::as_array);
    let interfaces: Vec<Value> = interfaces.into_iter().flatten().map(interface).collect();
    if !interfaces.is_empty() {
        shown["NetworkInterfaces"] = json!(interfaces);
    }
    shown
}

fn interface(sent: &Value) -> Value {
    let mut shown = json!({});
    for member in
        ["AssociatePublicIpAddress", "Description", "DeviceIndex", "Groups", "NetworkInterfaceId", "SubnetId"]
    {
        if let Some(value) = sent.get(member) {
            shown[member] = value.clone();
        }
    }
    shown
}

/// Of one template, or with `$Latest` or `$Default` of all.
pub(super) fn versions(world: &mut World, call: &Call) -> Reply {
    let asked = strings(call.input.get("Versions"));
    let mut found = network::all(world, call, "ltv-");
    match (call.str("LaunchTemplateId"), call.str("LaunchTemplateName")) {
        (Some(id), _) => {
            found.retain(|version| version["LaunchTemplateId"] == id);
            if found.is_empty() {
                return Err(missing(id));
            }
        }
        (None, Some(name)) => {
            found.retain(|version| version["LaunchTemplateName"] == name);
            if found.is_empty() {
                let message =
                    format!("The specified launch template, with template name {name}, does not exist.");
                return Err(Fault::new("InvalidLaunchTemplateName.NotFoundException", message).status(400));
            }
        }
        (None, None) if !asked.iter().any(|version| version.starts_with('$')) => {
            let message = "Either a launch template ID or a version such as $Latest must be given.";
            return Err(Fault::new("MissingParameter", message).status(400));
        }
        (None, None) => {}
    }
    let is_asked = |version: &Value| {
        let number = version["VersionNumber"].to_string();
        asked.is_empty() || asked.iter().any(|want| want.starts_with('$') || *want == number)
    };
    found.retain(is_asked);
    for version in &mut found {
        if let Some(members) = version.as_object_mut() {
            members.remove("Tags");
        }
    }
    found.sort_by_key(|version| text(version, "LaunchTemplateId"));
    let found = filtered(call, "Filters", &[("image-id", "LaunchTemplateData.ImageId")], found)?;
    paged(world, call, &found, "LaunchTemplateVersions")
}
