//! Service settings: one value each per account and region.

use serde_json::json;

use super::{Setting, edit, fault, view};
use crate::sandbox::caller;
use crate::sandbox::world::{Call, Fault, Reply, World};

/// Id, default, and the values that it takes; none: any text (API reference, GetServiceSetting; the user guide names the
/// values).
const SETTINGS: &[(&str, &str, &[&str])] = &[
    ("/ssm/appmanager/appmanager-enabled", "False", &[]),
    ("/ssm/automation/customer-script-log-destination", "", &["CloudWatch"]),
    ("/ssm/automation/customer-script-log-group-name", "", &[]),
    (PUBLIC_SHARING, "Enable", &["Enable", "Disable"]),
    ("/ssm/managed-instance/activation-tier", "standard", &["standard", "advanced"]),
    (HOST_ROLE, "$None", &[]),
    ("/ssm/opsinsights/opscenter", "Disabled", &["Enabled", "Disabled"]),
    (
        "/ssm/parameter-store/default-parameter-tier",
        "Standard",
        &["Standard", "Advanced", "Intelligent-Tiering"],
    ),
    ("/ssm/parameter-store/high-throughput-enabled", "false", &["true", "false"]),
];

/// Whether documents may be shared with everybody.
pub(super) const PUBLIC_SHARING: &str = "/ssm/documents/console/public-sharing-permission";
/// The role of instances without an instance profile.
const HOST_ROLE: &str = "/ssm/managed-instance/default-ec2-instance-management-role";

/// The value of a setting.
pub(super) fn value<'w>(world: &'w World, call: &Call, id: &str) -> Option<&'w str> {
    let own =
        view(world, call).and_then(|state| state.settings.get(id)).map(|setting| setting.value.as_str());
    own.or_else(|| SETTINGS.iter().find(|(known, ..)| *known == id).map(|(_, default, _)| *default))
}

/// The id; callers may give it as the end of an ARN.
fn id(call: &Call) -> &str {
    let given = call.required("SettingId");
    given.split_once(":servicesetting").map_or(given, |(_, id)| id)
}

fn known(call: &Call) -> Result<&'static (&'static str, &'static str, &'static [&'static str]), Fault> {
    let id = id(call);
    let found = SETTINGS.iter().find(|(known, ..)| *known == id);
    found.ok_or_else(|| fault("ServiceSettingNotFound", format!("Setting {id} does not exist.")))
}

pub(super) fn get(world: &mut World, call: &Call) -> Reply {
    let (id, default, _) = known(call)?;
    let own = view(world, call).and_then(|state| state.settings.get(*id));
    let setting = own.cloned().unwrap_or_else(|| Setting {
        value: (*default).into(),
        since: 0.0,
        user: "System".into(),
    });
    Ok(json!({"ServiceSetting": {
        "SettingId": id,
        "SettingValue": setting.value,
        "LastModifiedDate": setting.since,
        "LastModifiedUser": setting.user,
        "ARN": world.arn("ssm", &call.region, &call.account, &format!("servicesetting{id}")),
        "Status": if own.is_some() { "Customized" } else { "Default" },
    }}))
}

pub(super) fn update(world: &mut World, call: &Call) -> Reply {
    let (id, _, values) = known(call)?;
    let value = call.required("SettingValue").to_owned();
    if !values.is_empty() && !values.contains(&value.as_str()) {
        // Guess: the wording.
        return Err(fault("ValidationException", format!("{value} is not a valid value for setting {id}.")));
    }
    if *id == HOST_ROLE && value != "$None" {
        check_role(world, call, &value)?;
    }
    let user = caller::user_arn(world, call);
    edit(world, call).settings.insert((*id).into(), Setting { value, since: call.now, user });
    Ok(json!({}))
}

/// Guess: a role that is not there is refused.
fn check_role(world: &World, call: &Call, value: &str) -> Result<(), Fault> {
    let (path, name) =
        value.rsplit_once('/').map_or(("/".to_owned(), value), |(path, name)| (format!("/{path}/"), name));
    let role = world.iam.get(&call.account).and_then(|iam| iam.roles.get(name));
    if role.is_some_and(|role| role.path == path) {
        return Ok(());
    }
    Err(fault("ValidationException", format!("The role {value} does not exist.")))
}

pub(super) fn reset(world: &mut World, call: &Call) -> Reply {
    let (id, ..) = known(call)?;
    if let Some(state) = world.ssm.get_mut(&crate::sandbox::world::cell(&call.account, &call.region)) {
        state.settings.remove(*id);
    }
    get(world, call)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sandbox::services::lab::Lab;

    #[test]
    fn a_setting_has_a_default_takes_its_values_and_is_reset() {
        let mut lab = Lab::new();
        let id = json!({"SettingId": super::PUBLIC_SHARING});
        let seen = lab.ok("ssm", "GetServiceSetting", id.clone())["ServiceSetting"].clone();
        assert_eq!((&seen["SettingValue"], &seen["Status"]), (&json!("Enable"), &json!("Default")));
        let set = |value: &str| json!({"SettingId": super::PUBLIC_SHARING, "SettingValue": value});
        lab.ok("ssm", "UpdateServiceSetting", set("Disable"));
        let seen = lab.ok("ssm", "GetServiceSetting", id.clone())["ServiceSetting"].clone();
        assert_eq!((&seen["SettingValue"], &seen["Status"]), (&json!("Disable"), &json!("Customized")));
        let role = json!({"SettingId": super::HOST_ROLE, "SettingValue": "service-role/none"});
        lab.table(
            "ssm",
            &[
                ("UpdateServiceSetting", set("maybe"), "ValidationException"),
                ("UpdateServiceSetting", role, "ValidationException"),
                ("GetServiceSetting", json!({"SettingId": "/ssm/none"}), "ServiceSettingNotFound"),
            ],
        );
        lab.ok("ssm", "ResetServiceSetting", id.clone());
        assert_eq!(lab.ok("ssm", "GetServiceSetting", id)["ServiceSetting"]["SettingValue"], "Enable");
    }
}
