//! Instances: enough of them that rules about instances have something to look at. They run for ever.
//!
//! Source: the EC2 API reference, RunInstances. Each instance is a reservation of its own here. Not checked: that the image
//! and the instance profile exist.

use serde_json::{Value, json};

use super::describe::{self, paged};
use super::lists::LISTS;
use super::network::{self, text};
use super::{attachments, settings, strings, tagging};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// What RunInstances takes where nobody names a type.
const TYPE: &str = "m1.small";

pub(super) fn describe(world: &mut World, call: &Call) -> Reply {
    let Some(list) = LISTS.iter().find(|list| list.operation == call.operation) else {
        return Ok(json!({}));
    };
    let found: Vec<Value> = describe::items(world, call, list)?.into_iter().map(reservation).collect();
    paged(world, call, &found, list.output)
}

fn reservation(instance: Value) -> Value {
    let id = text(&instance, "InstanceId").replacen("i-", "r-", 1);
    let owner = instance["NetworkInterfaces"][0]["OwnerId"].clone();
    json!({"ReservationId": id, "OwnerId": owner, "Groups": [], "Instances": [instance]})
}

pub(super) fn run(world: &mut World, call: &Call) -> Reply {
    let tags = tagging::asked(call, "instance")?;
    let image = call.str("ImageId").unwrap_or_default().to_owned();
    if !image.starts_with("ami-") {
        let message = format!("Invalid id: \"{image}\" (expecting \"ami-...\")");
        return Err(Fault::new("InvalidAMIID.Malformed", message).status(400));
    }
    let subnet = match call.str("SubnetId") {
        Some(id) => network::get(world, call, id).ok_or_else(|| describe::missing(id))?,
        None => default_subnet(world, call)?,
    };
    let mut made = Vec::new();
    for _ in 0..call.int("MinCount").unwrap_or(1).max(1) {
        let id = network::fresh(world, "i-");
        let interface = interface(world, call, &id, &subnet)?;
        let instance = value(world, call, &id, &subnet, interface);
        network::put(world, call, &id, instance);
        tagging::set(world, call, &id, tags.clone());
        made.extend(network::get(world, call, &id));
    }
    Ok(json!({
        "ReservationId": network::fresh(world, "r-"), "OwnerId": call.account, "Groups": [], "Instances": made,
    }))
}

fn default_subnet(world: &World, call: &Call) -> Result<Value, Fault> {
    let vpc = network::default_vpc(world, call);
    let found =
        network::all(world, call, "subnet-").into_iter().find(|subnet| subnet["VpcId"] == vpc.as_str());
    found.filter(|_| !vpc.is_empty()).ok_or_else(|| {
        let message =
            "No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC.";
        Fault::new("VPCIdNotSpecified", message).status(400)
    })
}

/// The instance's network interface, in use.
fn interface(world: &mut World, call: &Call, instance: &str, subnet: &Value) -> Result<Value, Fault> {
    let groups = strings(call.input.get("SecurityGroupIds"));
    let input = json!({"SubnetId": subnet["SubnetId"], "Groups": groups});
    let made = attachments::create_interface(world, &Call { input, ..call.clone() })?;
    let mut interface = made["NetworkInterface"].clone();
    let id = text(&interface, "NetworkInterfaceId");
    interface["Status"] = json!("in-use");
    interface["Attachment"] = json!({
        "AttachmentId": id.replacen("eni-", "eni-attach-", 1), "DeleteOnTermination": true, "DeviceIndex": 0,
        "InstanceId": instance, "InstanceOwnerId": call.account, "Status": "attached",
    });
    if subnet["MapPublicIpOnLaunch"] == true {
        let [a, b, c, ..] = world.bits().to_be_bytes();
        let address = format!("52.{a}.{b}.{c}");
        interface["Association"] = json!({"IpOwnerId": "amazon", "PublicIp": address, "PublicDnsName": ""});
    }
    network::put(world, call, &id, interface.clone());
    Ok(interface)
}

fn value(world: &World, call: &Call, id: &str, subnet: &Value, interface: Value) -> Value {
    let mut instance = json!({
        "InstanceId": id, "ImageId": call.str("ImageId"), "InstanceType": call.str("InstanceType").unwrap_or(TYPE),
        "State": {"Code": 16, "Name": "running"}, "LaunchTime": call.now, "AmiLaunchIndex": 0,
        "Architecture": "x86_64", "Hypervisor": "xen", "VirtualizationType": "hvm", "RootDeviceType": "ebs",
        "RootDeviceName": "/dev/xvda", "BlockDeviceMappings": [], "EbsOptimized": false, "EnaSupport": true,
        "SourceDestCheck": true, "Monitoring": {"State": "disabled"}, "ProductCodes": [],
        "Placement": {"AvailabilityZone": subnet["AvailabilityZone"], "GroupName": "", "Tenancy": "default"},
        "PrivateDnsName": "", "PublicDnsName": "", "StateTransitionReason": "",
        "PrivateIpAddress": interface["PrivateIpAddress"], "SubnetId": subnet["SubnetId"], "VpcId": subnet["VpcId"],
        "SecurityGroups": interface["Groups"], "MetadataOptions": metadata(world, call),
    });
    if let Some(address) = interface.pointer("/Association/PublicIp") {
        instance["PublicIpAddress"] = address.clone();
    }
    if let Some(profile) = profile(world, call) {
        instance["IamInstanceProfile"] = profile;
    }
    let shown = [
        "Attachment",
        "Description",
        "Groups",
        "InterfaceType",
        "MacAddress",
        "NetworkInterfaceId",
        "OwnerId",
        "PrivateIpAddress",
        "SourceDestCheck",
        "Status",
        "SubnetId",
        "VpcId",
    ];
    let mut interface = interface;
    if let Some(attachment) = interface["Attachment"].as_object_mut() {
        attachment.retain(|member, _| !member.starts_with("Instance"));
    }
    instance["NetworkInterfaces"] = json!([shown
        .iter()
        .map(|m| ((*m).to_owned(), interface[*m].clone()))
        .collect::<serde_json::Map<_, _>>()]);
    instance
}

/// What the caller asks for wins over the account's defaults, and those over EC2's.
fn metadata(world: &World, call: &Call) -> Value {
    let defaults = settings::metadata_defaults(world, call);
    let asked = |member: &str| call.input.pointer(&format!("/MetadataOptions/{member}")).cloned();
    let chosen = |member: &str, otherwise: Value| {
        asked(member).or_else(|| defaults.get(member).cloned()).unwrap_or(otherwise)
    };
    json!({
        "State": "applied", "HttpTokens": chosen("HttpTokens", json!("optional")),
        "HttpEndpoint": chosen("HttpEndpoint", json!("enabled")), "HttpProtocolIpv6": "disabled",
        "HttpPutResponseHopLimit": chosen("HttpPutResponseHopLimit", json!(1)),
        "InstanceMetadataTags": chosen("InstanceMetadataTags", json!("disabled")),
    })
}

fn profile(world: &World, call: &Call) -> Option<Value> {
    let asked = call.input.get("IamInstanceProfile")?;
    let arn = match asked["Arn"].as_str() {
        Some(arn) => arn.to_owned(),
        None => world.arn("iam", "", &call.account, &format!("instance-profile/{}", asked["Name"].as_str()?)),
    };
    Some(json!({"Arn": arn, "Id": "AIPA0000000000000000"}))
}

/// User data, and whether an API call may terminate it: the attributes that auditors ask for.
pub(super) fn attribute(world: &mut World, call: &Call) -> Reply {
    let id = call.required("InstanceId");
    if network::get(world, call, id).is_none() {
        return Err(describe::missing(id));
    }
    match call.required("Attribute") {
        "userData" => Ok(json!({"InstanceId": id, "UserData": {}})),
        "disableApiTermination" => Ok(json!({"InstanceId": id, "DisableApiTermination": {"Value": false}})),
        other => {
            Err(Fault::new("UnsupportedOperation", format!("the attribute {other} is not simulated"))
                .status(400))
        }
    }
}
