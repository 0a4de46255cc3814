//! The default security groups of an account's own VPCs in one region. Every VPC has one, which nobody can delete: so they
//! also say which VPCs there are.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html>

use std::sync::Arc;

use aws_sdk_ec2::types::{Filter, IpPermission};

use crate::control::Cx;
use crate::error::UnitError;

/// A default group.
#[derive(Debug, Clone, PartialEq)]
pub struct DefaultGroup {
    /// `sg-...`
    pub id: String,
    /// `vpc-...`
    pub vpc: String,
    /// What is let in.
    pub ingress: Vec<IpPermission>,
    /// What is let out.
    pub egress: Vec<IpPermission>,
}

/// Reads them: `ec2:DescribeSecurityGroups`, once for all controls while planning. A shared VPC's group belongs to its owner.
/// The list is asked by name: without a filter AWS allows fewer calls.
///
/// # Errors
/// Those of the call, or an answer without what AWS always sends.
pub async fn own(cx: &Cx<'_>) -> Result<Arc<Vec<DefaultGroup>>, UnitError> {
    cx.once("default security groups", ask(cx)).await
}

async fn ask(cx: &Cx<'_>) -> Result<Vec<DefaultGroup>, UnitError> {
    let by_name = Filter::builder().name("group-name").values("default").build();
    let groups = cx
        .aws
        .ec2()
        .pages(
            "DescribeSecurityGroups",
            |c, token| {
                c.describe_security_groups()
                    .filters(by_name.clone())
                    .max_results(1000)
                    .set_next_token(token)
                    .send()
            },
            |page| (page.security_groups, page.next_token),
        )
        .await?;
    let mut own = Vec::new();
    for live in groups {
        let owner =
            live.owner_id.as_deref().ok_or_else(|| UnitError::missing("the owner of a security group"))?;
        if owner != cx.aws.account() {
            continue;
        }
        own.push(DefaultGroup {
            id: live.group_id.ok_or_else(|| UnitError::missing("the id of a security group"))?,
            vpc: live.vpc_id.ok_or_else(|| UnitError::missing("the VPC of a security group"))?,
            ingress: live.ip_permissions.unwrap_or_default(),
            egress: live.ip_permissions_egress.unwrap_or_default(),
        });
    }
    Ok(own)
}
