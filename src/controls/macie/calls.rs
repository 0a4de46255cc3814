//! Macie's calls.

use std::collections::BTreeMap;

use aws_sdk_macie2::types::{
    AccountDetail, AdminStatus, AutoEnableMode, AutomatedDiscoveryStatus, FindingPublishingFrequency, MacieStatus,
};

use super::{Actual, AutoEnable, Desired, Frequency, NO_MEMBER, Session};
use crate::aws::Clients;
use crate::control::Cx;
use crate::error::{CallError, UnitError};
use crate::resource::macie::is_off;

/// The session; `discovery`: with automated discovery.
pub(super) async fn session(aws: &Clients, discovery: bool) -> Result<Option<Session>, UnitError> {
    let macie = aws.macie2();
    let live = match macie.call("GetMacieSession", |c| c.get_macie_session().send()).await {
        Ok(live) => live,
        Err(error) if is_off(&error) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let status = live.status.ok_or_else(|| UnitError::missing("the session's status"))?;
    let frequency = live.finding_publishing_frequency.map(|f| f.as_str().to_owned()).unwrap_or_default();
    let mut session = Session { enabled: status == MacieStatus::Enabled, frequency, discovery: None };
    // A paused session answers no questions about discovery.
    if discovery && session.enabled {
        let found = macie
            .call("GetAutomatedDiscoveryConfiguration", |c| c.get_automated_discovery_configuration().send())
            .await?;
        let members = found.auto_enable_organization_members.map(|m| m.as_str().to_owned());
        session.discovery = Some(match found.status {
            Some(AutomatedDiscoveryStatus::Enabled) => {
                members.filter(|m| m != "NONE").unwrap_or_else(|| "ADMINISTRATOR".into())
            }
            _ => "NONE".into(),
        });
    }
    Ok(Some(session))
}

/// Whether new accounts are enabled; absent where the account does not administer Macie yet, by the management account's list.
pub(super) async fn auto_enable(cx: &Cx<'_>) -> Result<Option<bool>, UnitError> {
    let answer = cx
        .aws
        .macie2()
        .call("DescribeOrganizationConfiguration", |c| c.describe_organization_configuration().send())
        .await;
    match answer {
        Ok(found) => Ok(Some(found.auto_enable.unwrap_or_default())),
        // The code of a missing permission: who administers is asked.
        Err(refused) if refused.is(&["AccessDeniedException"]) && !administers(cx).await? => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn administers(cx: &Cx<'_>) -> Result<bool, CallError> {
    let there = cx.aws.elsewhere(&cx.facts.management_account, cx.region).await?;
    let known = there
        .macie2()
        .pages(
            "ListOrganizationAdminAccounts",
            |c, t| c.list_organization_admin_accounts().set_next_token(t).send(),
            |a| (a.admin_accounts, a.next_token),
        )
        .await?;
    Ok(known.iter().any(|admin| {
        admin.account_id.as_deref() == Some(cx.aws.account()) && admin.status == Some(AdminStatus::Enabled)
    }))
}

/// The expected accounts that are not `Enabled`, with their status.
pub(super) async fn statuses(
    aws: &Clients,
    accounts: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, CallError> {
    let members = aws
        .macie2()
        .pages(
            "ListMembers",
            |c, t| c.list_members().only_associated("false").set_next_token(t).send(),
            |a| (a.members, a.next_token),
        )
        .await?;
    let status = |m: aws_sdk_macie2::types::Member| Some((m.account_id?, m.relationship_status?.as_str().to_owned()));
    let known: BTreeMap<String, String> = members.into_iter().filter_map(status).collect();
    let of = |id: &String| (id.clone(), known.get(id).cloned().unwrap_or_else(|| NO_MEMBER.to_owned()));
    Ok(accounts.keys().map(of).filter(|(_, status)| status != "Enabled").collect())
}

/// Writes what differs.
pub(super) async fn write(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
    write_session(cx.aws, want, have.session.as_ref()).await?;
    let macie = cx.aws.macie2();
    if let Some(on) = want.auto_enable.filter(|on| have.auto_enable != Some(*on)) {
        macie
            .call("UpdateOrganizationConfiguration", |c| {
                c.update_organization_configuration().auto_enable(on).send()
            })
            .await?;
    }
    let discovery = have.session.as_ref().and_then(|session| session.discovery.as_deref());
    if let Some(wanted) = want.automated_discovery.filter(|wanted| discovery != Some(wanted.as_str())) {
        let on = wanted != AutoEnable::None;
        let status = if on { AutomatedDiscoveryStatus::Enabled } else { AutomatedDiscoveryStatus::Disabled };
        let members = on.then(|| AutoEnableMode::from(wanted.as_str()));
        macie
            .call("UpdateAutomatedDiscoveryConfiguration", |c| {
                c.update_automated_discovery_configuration()
                    .status(status.clone())
                    .set_auto_enable_organization_members(members.clone())
                    .send()
            })
            .await?;
    }
    for (account, status) in have.amiss() {
        let email = want.accounts.get(account).map(String::as_str).unwrap_or_default();
        if status == "Paused" { resume(cx.aws, account).await? } else { create(cx.aws, account, email).await? }
    }
    Ok(())
}

async fn write_session(aws: &Clients, want: &Desired, have: Option<&Session>) -> Result<(), CallError> {
    let frequency = want.frequency.map(Frequency::as_str).map(FindingPublishingFrequency::from);
    let macie = aws.macie2();
    let Some(found) = have else {
        let enabled = macie
            .call("EnableMacie", |c| {
                c.enable_macie()
                    .status(MacieStatus::Enabled)
                    .set_finding_publishing_frequency(frequency.clone())
                    .send()
            })
            .await;
        // Somebody else enabled it meanwhile.
        return enabled.map(drop).or_else(|e| if e.is(&["ConflictException"]) { Ok(()) } else { Err(e) });
    };
    let differs = frequency.as_ref().is_some_and(|wanted| wanted.as_str() != found.frequency);
    if found.enabled && !differs {
        return Ok(());
    }
    macie
        .call("UpdateMacieSession", |c| {
            c.update_macie_session()
                .status(MacieStatus::Enabled)
                .set_finding_publishing_frequency(frequency.clone())
                .send()
        })
        .await
        .map(drop)
}

async fn resume(aws: &Clients, account: &str) -> Result<(), CallError> {
    let call = |c: &aws_sdk_macie2::Client| c.update_member_session().id(account).status(MacieStatus::Enabled).send();
    aws.macie2().call("UpdateMemberSession", call).await.map(drop)
}

/// A member that is there already is a success.
async fn create(aws: &Clients, account: &str, email: &str) -> Result<(), CallError> {
    let detail = AccountDetail::builder().account_id(account).email(email).build();
    let made = aws.macie2().call("CreateMember", |c| c.create_member().account(detail.clone()).send()).await;
    made.map(drop).or_else(|e| if e.is(&["ConflictException"]) { Ok(()) } else { Err(e) })
}
