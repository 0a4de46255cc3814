//! Protection plans ("features" in the API), on a detector and for the organization.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Detector, bad_request, out_of_range};
use crate::sandbox::world::Fault;

/// One protection plan of a detector.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Feature {
    /// On.
    pub enabled: bool,
    /// When it was last switched, seconds since 1970.
    pub updated: f64,
    /// Additional configurations that are on.
    pub additional: BTreeSet<String>,
}

/// What there is: name, whether it is on in a new detector, additional configurations.
///
/// API documentation of CreateDetector: all are on in a new detector but RUNTIME_MONITORING. Guess: EKS_RUNTIME_MONITORING,
/// which it excludes, is off as well.
pub(super) const FEATURES: &[(&str, bool, &[&str])] = &[
    ("AI_PROTECTION", true, &[]),
    ("EBS_MALWARE_PROTECTION", true, &[]),
    ("EKS_AUDIT_LOGS", true, &[]),
    ("EKS_RUNTIME_MONITORING", false, &["EKS_ADDON_MANAGEMENT"]),
    ("LAMBDA_NETWORK_LOGS", true, &[]),
    ("RDS_LOGIN_EVENTS", true, &[]),
    (
        "RUNTIME_MONITORING",
        false,
        &["EC2_AGENT_MANAGEMENT", "ECS_FARGATE_AGENT_MANAGEMENT", "EKS_ADDON_MANAGEMENT"],
    ),
    ("S3_DATA_EVENTS", true, &[]),
];

/// Always on while the detector is.
const FOUNDATION: &[&str] = &["CLOUD_TRAIL", "DNS_LOGS", "FLOW_LOGS"];

/// A switch that a request asks for, of a feature or of one of its additional configurations (`FEATURE/NAME`).
pub(super) type Asked = Vec<(String, String)>;

/// What `Features` and `DataSources` of a request ask for; `value` is the name of the switch's member (`Status`,
/// `AutoEnable`).
///
/// # Errors
/// `BadRequestException` for both runtime plans in one request and for an additional configuration that the feature has
/// not.
pub(super) fn asked(input: &Value, value: &str) -> Result<Asked, Fault> {
    let mut all = data_sources(input, value);
    for feature in input.get("Features").and_then(Value::as_array).into_iter().flatten() {
        let text = |of: &Value, member: &str| of.get(member).and_then(Value::as_str).map(str::to_owned);
        let Some(name) = text(feature, "Name") else { return Err(out_of_range()) };
        let known = FEATURES.iter().find(|(known, ..)| *known == name).ok_or_else(out_of_range)?;
        all.extend(text(feature, value).map(|to| (name.clone(), to)));
        let list = feature.get("AdditionalConfiguration").and_then(Value::as_array);
        for additional in list.into_iter().flatten() {
            let Some(own) = text(additional, "Name").filter(|own| known.2.contains(&own.as_str())) else {
                return Err(out_of_range());
            };
            all.extend(text(additional, value).map(|to| (format!("{name}/{own}"), to)));
        }
    }
    let names = |wanted: &str| all.iter().any(|(name, _)| name == wanted);
    if names("RUNTIME_MONITORING") && names("EKS_RUNTIME_MONITORING") {
        // API documentation: "will cause an error". Guess: the message.
        return Err(bad_request(
            "The request is rejected because both EKS_RUNTIME_MONITORING and RUNTIME_MONITORING are specified.",
        ));
    }
    Ok(all)
}

/// The older members, which mean three of the features.
fn data_sources(input: &Value, value: &str) -> Asked {
    let organization = value == "AutoEnable";
    let switch = |pointer: &str| {
        let on = input.pointer(&format!("/DataSources/{pointer}"))?.as_bool()?;
        Some(match (organization, on) {
            (true, true) => "NEW",
            (true, false) => "NONE",
            (false, true) => "ENABLED",
            (false, false) => "DISABLED",
        })
    };
    let last = if organization { "AutoEnable" } else { "Enable" };
    let volumes = "MalwareProtection/ScanEc2InstanceWithFindings/EbsVolumes";
    let volumes = if organization { format!("{volumes}/AutoEnable") } else { volumes.to_owned() };
    let known = [
        ("S3_DATA_EVENTS", format!("S3Logs/{last}")),
        ("EKS_AUDIT_LOGS", format!("Kubernetes/AuditLogs/{last}")),
        ("EBS_MALWARE_PROTECTION", volumes),
    ];
    let found =
        known.iter().filter_map(|(name, pointer)| Some(((*name).to_owned(), switch(pointer)?.to_owned())));
    found.collect()
}

/// The plans of a new detector, with what its creator asked for.
pub(super) fn of_new_detector(asked: &Asked, now: f64) -> BTreeMap<String, Feature> {
    let fresh = |enabled| Feature { enabled, updated: now, additional: BTreeSet::new() };
    let mut all: BTreeMap<String, Feature> =
        FEATURES.iter().map(|(name, on, _)| ((*name).to_owned(), fresh(*on))).collect();
    set(&mut all, asked, now);
    all
}

/// Switches what is asked for.
pub(super) fn set(all: &mut BTreeMap<String, Feature>, asked: &Asked, now: f64) {
    for (name, to) in asked {
        let (feature, additional) =
            name.split_once('/').map_or((name.as_str(), None), |(feature, own)| (feature, Some(own)));
        let entry = all.entry(feature.to_owned()).or_default();
        let on = to == "ENABLED";
        match additional {
            None if entry.enabled != on => {
                entry.enabled = on;
                entry.updated = now;
            }
            None => {}
            Some(own) if on => drop(entry.additional.insert(own.to_owned())),
            Some(own) => drop(entry.additional.remove(own)),
        }
    }
}

/// `Features` of a detector; `foundation`: with the plans that cannot be switched.
pub(super) fn shown(detector: &Detector, foundation: bool) -> Value {
    let status = |on: bool| if on { "ENABLED" } else { "DISABLED" };
    let always = FOUNDATION
        .iter()
        .filter(|_| foundation)
        .map(|name| json!({"Name": name, "Status": status(detector.enabled), "UpdatedAt": detector.created}));
    let off = Feature { updated: detector.created, ..Feature::default() };
    let plans = FEATURES.iter().map(|(name, _, additional)| {
        let feature = detector.features.get(*name).unwrap_or(&off);
        let mut value =
            json!({"Name": name, "Status": status(feature.enabled), "UpdatedAt": feature.updated});
        if !additional.is_empty() {
            let own = |own: &&str| {
                json!({"Name": own, "Status": status(feature.additional.contains(*own)), "UpdatedAt": feature.updated})
            };
            value["AdditionalConfiguration"] = additional.iter().map(own).collect();
        }
        value
    });
    always.chain(plans).collect()
}

/// `DataSources` of a detector: the older view of the same.
pub(super) fn data_sources_of(detector: &Detector) -> Value {
    let on = |name: &str| detector.features.get(name).is_some_and(|feature| feature.enabled);
    let status = |on: bool| json!({"Status": if on { "ENABLED" } else { "DISABLED" }});
    json!({
        "CloudTrail": status(detector.enabled),
        "DNSLogs": status(detector.enabled),
        "FlowLogs": status(detector.enabled),
        "S3Logs": status(on("S3_DATA_EVENTS")),
        "Kubernetes": {"AuditLogs": status(on("EKS_AUDIT_LOGS"))},
        "MalwareProtection": {
            "ScanEc2InstanceWithFindings": {"EbsVolumes": status(on("EBS_MALWARE_PROTECTION"))},
        },
    })
}
