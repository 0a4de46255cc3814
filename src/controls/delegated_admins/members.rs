//! Taking members out of an administrator that is to go, where the service demands it. Made as that administrator.
//!
//! * GuardDuty refuses to let an administrator go that has members: auto-enable goes off first, as nobody can be taken out
//!   while it is `ALL`, then the members are disassociated and deleted. Their detectors stay on.
//!   <https://docs.aws.amazon.com/guardduty/latest/ug/change-guardduty-delegated-admin.html>
//! * Macie refuses the call to a management account that is a member itself.
//!   <https://docs.aws.amazon.com/macie/latest/user/accounts-mgmt-ao-admin-change.html>
//! * Detective, Inspector and Security Hub let their members go by themselves.
//!   <https://docs.aws.amazon.com/detective/latest/userguide/accounts-remove-admin-overview.html>
//!   <https://docs.aws.amazon.com/inspector/latest/user/remove-delegated-admin.html>
//!   <https://docs.aws.amazon.com/securityhub/latest/userguide/remove-admin-overview.html>

use aws_sdk_guardduty::types::{
    AutoEnableMembers, OrgFeatureStatus, OrganizationFeatureConfiguration, UnprocessedAccount,
};

use super::named::Named;
use super::services::Regional;
use crate::aws::Clients;
use crate::error::{Absent as _, CallError, Kind, UnitError};
use crate::resource::macie::is_off;

/// Accounts that one call of GuardDuty takes.
const CHUNK: usize = 50;

/// What is called here, all of it as the administrator that goes.
pub(super) const OPERATIONS: &[&str] = &[
    "guardduty:DeleteMembers",
    "guardduty:DescribeOrganizationConfiguration",
    "guardduty:DisassociateMembers",
    "guardduty:ListDetectors",
    "guardduty:ListMembers",
    "guardduty:UpdateOrganizationConfiguration",
    "macie2:DeleteMember",
    "macie2:DisassociateMember",
    "macie2:ListMembers",
];

/// Takes out of `old` whom the service does not let stay. `aws`: the management account in the region.
pub(super) async fn take_out(aws: &Clients, service: Regional, old: &Named) -> Result<(), UnitError> {
    let region = aws.region();
    match service {
        Regional::GuardDuty => guardduty(aws, old).await.map_err(|e| {
            e.hint(format!(
                "as {old}, in {region}: set auto-enable to NEW or NONE, disassociate and delete the member accounts, then \
                 run the same command again"
            ))
        }),
        Regional::Macie => macie(&aws.elsewhere(&old.id, region).await?, aws.account()).await,
        Regional::AuditManager | Regional::Detective | Regional::Inspector | Regional::SecurityHub => Ok(()),
    }
}

async fn guardduty(aws: &Clients, old: &Named) -> Result<(), UnitError> {
    let admin = aws.elsewhere(&old.id, aws.region()).await?;
    let client = admin.guardduty();
    let list = client.pages(
        "ListDetectors",
        |c, t| c.list_detectors().set_next_token(t).send(),
        |a| (a.detector_ids, a.next_token),
    );
    let Some(detector) = list.await?.into_iter().next() else { return Ok(()) };
    let members = client
        .pages(
            "ListMembers",
            |c, t| c.list_members().detector_id(&detector).only_associated("false").set_next_token(t).send(),
            |a| (a.members, a.next_token),
        )
        .await?;
    if members.is_empty() {
        return Ok(());
    }
    stop_enabling(&admin, &detector).await?;
    let ids = |associated: bool| -> Vec<String> {
        let is_one = |status: Option<&str>| matches!(status, Some("Enabled" | "Disabled" | "AccountSuspended"));
        let chosen = members.iter().filter(|m| !associated || is_one(m.relationship_status.as_deref()));
        chosen.filter_map(|m| m.account_id.clone()).collect()
    };
    for some in ids(true).chunks(CHUNK) {
        let answer = client.call("DisassociateMembers", |c| {
            c.disassociate_members().detector_id(&detector).set_account_ids(Some(some.to_vec())).send()
        });
        all_done("disassociated", answer.await?.unprocessed_accounts.unwrap_or_default())?;
    }
    for some in ids(false).chunks(CHUNK) {
        let answer = client.call("DeleteMembers", |c| {
            c.delete_members().detector_id(&detector).set_account_ids(Some(some.to_vec())).send()
        });
        all_done("deleted", answer.await?.unprocessed_accounts.unwrap_or_default())?;
    }
    Ok(())
}

/// What is `ALL` becomes `NONE`, plans included: else GuardDuty refuses to disassociate anybody.
async fn stop_enabling(admin: &Clients, detector: &str) -> Result<(), CallError> {
    let client = admin.guardduty();
    // The features are paged, the other members stand on every page.
    let pages = client
        .pages(
            "DescribeOrganizationConfiguration",
            |c, t| c.describe_organization_configuration().detector_id(detector).set_next_token(t).send(),
            |mut page| {
                let next = page.next_token.take();
                (vec![page], next)
            },
        )
        .await?;
    let all = |status: Option<&str>| status == Some("ALL");
    let enables = pages
        .iter()
        .any(|p| all(p.auto_enable_organization_members.as_ref().map(AutoEnableMembers::as_str)));
    let features: Vec<OrganizationFeatureConfiguration> = pages
        .iter()
        .flat_map(|p| p.features.iter().flatten())
        .filter(|f| all(f.auto_enable.as_ref().map(OrgFeatureStatus::as_str)))
        .map(|f| {
            let name = f.name.as_ref().map(|name| name.as_str().into());
            OrganizationFeatureConfiguration::builder()
                .set_name(name)
                .auto_enable(OrgFeatureStatus::None)
                .build()
        })
        .collect();
    if !enables && features.is_empty() {
        return Ok(());
    }
    client
        .call("UpdateOrganizationConfiguration", |c| {
            c.update_organization_configuration()
                .detector_id(detector)
                .auto_enable_organization_members(AutoEnableMembers::None)
                .set_features((!features.is_empty()).then(|| features.clone()))
                .send()
        })
        .await
        .map(|_| ())
}

/// GuardDuty names those that it refused in an answer that is no error.
fn all_done(what: &str, refused: Vec<UnprocessedAccount>) -> Result<(), UnitError> {
    if refused.is_empty() {
        return Ok(());
    }
    let one = |account: UnprocessedAccount| {
        let (id, why) = (account.account_id, account.result);
        format!("{}: {}", id.unwrap_or_default(), why.unwrap_or_default())
    };
    let all: Vec<String> = refused.into_iter().map(one).collect();
    Err(UnitError::new(Kind::Rejected, format!("members could not be {what}: {}", all.join("; "))))
}

async fn macie(admin: &Clients, management: &str) -> Result<(), UnitError> {
    let client = admin.macie2();
    let listed = client
        .pages(
            "ListMembers",
            |c, t| c.list_members().only_associated("true").set_next_token(t).send(),
            |a| (a.members, a.next_token),
        )
        .await;
    let members = match listed {
        Ok(members) => members,
        // Nobody is a member.
        Err(error) if is_off(&error) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if !members.iter().any(|member| member.account_id.as_deref() == Some(management)) {
        return Ok(());
    }
    client.call("DisassociateMember", |c| c.disassociate_member().id(management).send()).await?;
    client
        .call("DeleteMember", |c| c.delete_member().id(management).send())
        .await
        .absent(&["ResourceNotFoundException"])?;
    Ok(())
}
