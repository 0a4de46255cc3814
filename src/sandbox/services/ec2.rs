//! EC2: settings of the account, its networks, flow logs. There are no volumes, snapshots and images: their
//! lists are empty.
//!
//! Every account has in every region the default VPC that AWS makes, with its subnets, internet gateway, main route
//! table, default network ACL and default security group. It is computed from the seed until somebody changes something
//! of it: a thousand accounts in all regions cost nothing.
//!
//! Sources: the EC2 API reference with its page of error codes; messages as in public reports.

mod attachments;
mod declarative;
mod describe;
mod flow_logs;
mod groups;
mod instances;
mod lists;
mod network;
mod regions;
mod rules;
mod settings;
mod tagging;
mod templates;
mod vpcs;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tags::Tags;
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

/// EC2 of one account in one region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Settings of the account.
    #[serde(skip_serializing_if = "is_default")]
    pub settings: settings::Settings,
    /// VPCs, subnets, gateways and the like, as their Describe operations show them, by id. What differs from the default
    /// network: `None` is a part of it that was deleted.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub resources: BTreeMap<String, Option<Value>>,
    /// Security groups by id; `None` as above.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, Option<groups::Group>>,
    /// Attributes of VPCs that were set (`EnableDnsSupport` and the like), by the id of the VPC.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, BTreeMap<String, bool>>,
    /// Flow logs by id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub flow_logs: BTreeMap<String, flow_logs::FlowLog>,
    /// Tags by the id of what carries them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, Tags>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What nobody wrote to.
static UNTOUCHED: LazyLock<State> = LazyLock::new(State::default);

/// EC2 of the caller's account and region, for reading.
fn view<'w>(world: &'w World, call: &Call) -> &'w State {
    world.ec2.get(&cell(&call.account, &call.region)).unwrap_or(&UNTOUCHED)
}

/// EC2 of the caller's account and region, made on first use.
fn edit<'w>(world: &'w mut World, call: &Call) -> &'w mut State {
    world.ec2.entry(cell(&call.account, &call.region)).or_default()
}

type Handler = fn(&mut World, &Call) -> Reply;

/// Runs one call.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    let Some(run) = handler(&call.operation) else { return super::integrations::handle(world, call) };
    if call.bool("DryRun") == Some(true) {
        let message = "Request would have succeeded, but DryRun flag is set.";
        return Some(Err(Fault::new("DryRunOperation", message).status(412)));
    }
    Some(run(world, call))
}

fn handler(operation: &str) -> Option<Handler> {
    settings_handler(operation).or_else(|| network_handler(operation)).or_else(|| {
        let listed = lists::LISTS.iter().any(|list| list.operation == operation);
        listed.then_some(describe::list as Handler)
    })
}

fn settings_handler(operation: &str) -> Option<Handler> {
    Some(match operation {
        "DescribeAvailabilityZones" => regions::zones,
        "DescribeRegions" => regions::describe,
        "DisableEbsEncryptionByDefault" => settings::disable_encryption,
        "DisableImageBlockPublicAccess" => settings::disable_images,
        "DisableSerialConsoleAccess" => settings::disable_console,
        "DisableSnapshotBlockPublicAccess" => settings::disable_snapshots,
        "EnableEbsEncryptionByDefault" => settings::enable_encryption,
        "EnableImageBlockPublicAccess" => settings::enable_images,
        "EnableSerialConsoleAccess" => settings::enable_console,
        "EnableSnapshotBlockPublicAccess" => settings::enable_snapshots,
        "GetEbsDefaultKmsKeyId" => settings::get_key,
        "GetEbsEncryptionByDefault" => settings::get_encryption,
        "GetImageBlockPublicAccessState" => settings::get_images,
        "GetInstanceMetadataDefaults" => settings::get_metadata,
        "GetSerialConsoleAccessStatus" => settings::get_console,
        "GetSnapshotBlockPublicAccessState" => settings::get_snapshots,
        "ModifyEbsDefaultKmsKeyId" => settings::modify_key,
        "ModifyInstanceMetadataDefaults" => settings::modify_metadata,
        "ResetEbsDefaultKmsKeyId" => settings::reset_key,
        _ => return None,
    })
}

fn network_handler(operation: &str) -> Option<Handler> {
    Some(match operation {
        "AllocateAddress" => attachments::allocate_address,
        "AttachInternetGateway" => vpcs::attach_gateway,
        "AttachVpnGateway" => attachments::attach_vpn_gateway,
        "AuthorizeSecurityGroupEgress" => rules::authorize_egress,
        "AuthorizeSecurityGroupIngress" => rules::authorize_ingress,
        "CreateCarrierGateway" => attachments::create_carrier_gateway,
        "CreateDefaultVpc" => vpcs::create_default,
        "CreateEgressOnlyInternetGateway" => attachments::create_egress_only,
        "CreateFlowLogs" => flow_logs::create,
        "CreateInternetGateway" => vpcs::create_gateway,
        "CreateLaunchTemplate" => templates::create,
        "CreateNatGateway" => attachments::create_nat_gateway,
        "CreateNetworkAcl" => attachments::create_acl,
        "CreateNetworkInterface" => attachments::create_interface,
        "CreateRouteTable" => attachments::create_route_table,
        "CreateSecurityGroup" => groups::create,
        "CreateSubnet" => vpcs::create_subnet,
        "CreateTags" => tagging::create,
        "CreateTransitGatewayVpcAttachment" => attachments::attach_transit_gateway,
        "CreateVpc" => vpcs::create,
        "CreateVpcEndpoint" => attachments::create_endpoint,
        "CreateVpcPeeringConnection" => attachments::create_peering,
        "CreateVpnGateway" => attachments::create_vpn_gateway,
        "DeleteFlowLogs" => flow_logs::delete,
        "DeleteInternetGateway" => vpcs::delete_gateway,
        "DeleteNetworkAcl" => attachments::delete_acl,
        "DeleteNetworkInterface" => attachments::delete_interface,
        "DeleteRouteTable" => attachments::delete_route_table,
        "DeleteSecurityGroup" => groups::delete,
        "DeleteSubnet" => vpcs::delete_subnet,
        "DeleteTags" => tagging::delete,
        "DeleteVpc" => vpcs::delete,
        "DescribeFlowLogs" => flow_logs::describe,
        "DescribeInstanceAttribute" => instances::attribute,
        "DescribeInstances" => instances::describe,
        "DescribeLaunchTemplateVersions" => templates::versions,
        "DescribeSecurityGroupRules" => rules::describe,
        "DescribeSecurityGroups" => groups::describe,
        "DescribeTags" => tagging::describe,
        "DescribeVpcAttribute" => vpcs::attribute,
        "DetachInternetGateway" => vpcs::detach_gateway,
        "ModifyVpcAttribute" => vpcs::modify_attribute,
        "RevokeSecurityGroupEgress" => rules::revoke_egress,
        "RevokeSecurityGroupIngress" => rules::revoke_ingress,
        "RunInstances" => instances::run,
        _ => return None,
    })
}

fn strings(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(ToString::to_string).collect()
}

/// A value that a parameter does not take.
fn invalid_value(parameter: &str, value: &str) -> Fault {
    let message = format!("Value ({value}) for parameter {parameter} is invalid.");
    Fault::new("InvalidParameterValue", message).status(400)
}

/// Something that cannot go because others need it. `kind` as EC2 writes it: `vpc`, `internetGateway`.
fn dependency(kind: &str, id: &str) -> Fault {
    let message = format!("The {kind} '{id}' has dependencies and cannot be deleted.");
    Fault::new("DependencyViolation", message).status(400)
}
