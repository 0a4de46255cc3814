//! Taking a default VPC apart. What is gone already (a run that was killed) is passed over.

use super::Found;
use crate::control::Cx;
use crate::error::{Absent as _, UnitError};

pub(super) async fn remove(cx: &Cx<'_>, found: &Found) -> Result<(), UnitError> {
    let ec2 = cx.aws.ec2();
    for gateway in &found.internet_gateways {
        ec2.call("DetachInternetGateway", |c| {
            c.detach_internet_gateway().internet_gateway_id(gateway).vpc_id(&found.vpc).send()
        })
        .await
        .absent(&["Gateway.NotAttached", "InvalidInternetGatewayID.NotFound"])?;
        ec2.call("DeleteInternetGateway", |c| c.delete_internet_gateway().internet_gateway_id(gateway).send())
            .await
            .absent(&["InvalidInternetGatewayID.NotFound"])?;
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
