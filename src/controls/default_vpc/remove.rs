//! Taking a default VPC apart. What is gone already is passed over.
//!
//! Nothing leads from the VPC to a gateway that was detached from it. So the gateway gets the owner tag first: a run that
//! was killed in between leaves one that the next run knows.

use aws_sdk_ec2::types::Tag;

use super::{DefaultVpc, Found};
use crate::control::{Cx, Section as _};
use crate::error::{Absent as _, UnitError};
use crate::names::OWNER_TAG;

const NO_GATEWAY: &str = "InvalidInternetGatewayID.NotFound";

pub(super) async fn remove(cx: &Cx<'_>, found: &Found) -> Result<(), UnitError> {
    let ec2 = cx.aws.ec2();
    let owner = Tag::builder().key(OWNER_TAG).value(DefaultVpc::META.id).build();
    for gateway in &found.internet_gateways {
        ec2.call("CreateTags", |c| c.create_tags().resources(gateway).tags(owner.clone()).send())
            .await
            .absent(&[NO_GATEWAY])?;
        ec2.call("DetachInternetGateway", |c| {
            c.detach_internet_gateway().internet_gateway_id(gateway).vpc_id(&found.vpc).send()
        })
        .await
        .absent(&["Gateway.NotAttached", NO_GATEWAY])?;
    }
    for gateway in found.internet_gateways.iter().chain(&found.left_behind) {
        ec2.call("DeleteInternetGateway", |c| c.delete_internet_gateway().internet_gateway_id(gateway).send())
            .await
            .absent(&[NO_GATEWAY])?;
    }
    for subnet in &found.subnets {
        ec2.call("DeleteSubnet", |c| c.delete_subnet().subnet_id(subnet).send())
            .await
            .absent(&["InvalidSubnetID.NotFound"])?;
    }
    ec2.call("DeleteVpc", |c| c.delete_vpc().vpc_id(&found.vpc).send())
        .await
        .absent(&["InvalidVpcID.NotFound"])?;
    Ok(())
}
