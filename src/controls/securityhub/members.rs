//! Local configuration: the accounts of the organization are members of the administrator, region by region.
//!
//! Auto-enable reaches new accounts only, so existing ones are added, but for those with an exception. The management account
//! only once it has enabled Security Hub itself. <https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_CreateMembers.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_securityhub::types::{AccountDetails, Result as ResultAccount};
use serde::Serialize;
use serde_json::json;

use super::{SecurityHub, calls};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Risk, Scope, Seat, Section as _, Wanted};
use crate::error::{Absent as _, Kind, UnitError};
use crate::resource::members;

/// Most accounts of one CreateMembers call (API model).
const MOST_AT_ONCE: usize = 50;

/// One unit per region.
pub(super) struct Members;

/// Accounts that should be members.
#[derive(Debug, Serialize)]
pub(super) struct Desired {
    /// Name and e-mail address by id.
    accounts: BTreeMap<String, (String, String)>,
}

impl Control for Members {
    type Section = SecurityHub;
    type Desired = Desired;
    /// Ids of the enabled members.
    type Actual = BTreeSet<String>;
    const META: Meta = Meta {
        part: "members",
        scope: Scope::OrganizationRegion,
        seat: Seat::DelegatedAdmin("securityhub"),
        after: &["accounts", "delegated_admins", "securityhub.management", "securityhub.organization"],
        reads: &["securityhub:ListMembers"],
        writes: &["securityhub:CreateMembers"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, SecurityHub>) -> Vec<Wanted<Desired>> {
        if cx.section.is_central() {
            return Vec::new();
        }
        let DesiredCx { baseline, facts, account, region, .. } = *cx;
        let expected = members::expected(baseline, facts, SecurityHub::META.id, &account.id, region);
        let name = |id: &String| facts.accounts.get(id).map(|a| a.name.clone()).unwrap_or_default();
        let accounts = expected.into_iter().map(|(id, email)| (id.clone(), (name(&id), email))).collect();
        Wanted::one(Desired { accounts })
    }

    async fn read(cx: &Cx<'_>, _want: &Desired) -> Result<BTreeSet<String>, UnitError> {
        let members = cx
            .aws
            .securityhub()
            .pages(
                "ListMembers",
                |c, t| c.list_members().only_associated(true).set_next_token(t).send(),
                |a| (a.members, a.next_token),
            )
            .await
            .absent(calls::NOT_ENABLED)?;
        let enabled = members.unwrap_or_default().into_iter().filter(|m| m.member_status.as_deref() == Some("Enabled"));
        Ok(enabled.filter_map(|member| member.account_id).collect())
    }

    fn diff(want: &Desired, have: &BTreeSet<String>) -> Diff {
        let mut d = Diff::new();
        let missing: Vec<String> = missing(want, have).map(|(id, (name, _))| format!("{id} ({name})")).collect();
        if !missing.is_empty() {
            let before = format!("{} of {} accounts", want.accounts.len() - missing.len(), want.accounts.len());
            d.push("members", json!(before), json!({ "added": missing }), Risk::Normal);
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &BTreeSet<String>) -> Result<(), UnitError> {
        let details = |(id, (_, email)): (&String, &(String, String))| {
            AccountDetails::builder().account_id(id).email(email).build()
        };
        let details: Vec<AccountDetails> = missing(want, have).map(details).collect();
        let mut refused = Vec::new();
        for batch in details.chunks(MOST_AT_ONCE) {
            let answer = cx
                .aws
                .securityhub()
                .call("CreateMembers", |c| c.create_members().set_account_details(Some(batch.to_vec())).send())
                .await?;
            refused.extend(answer.unprocessed_accounts.unwrap_or_default());
        }
        all_taken(&refused)
    }
}

/// An error that names who did not become a member, and why.
fn all_taken(refused: &[ResultAccount]) -> Result<(), UnitError> {
    if refused.is_empty() {
        return Ok(());
    }
    let one = |result: &ResultAccount| {
        let (account, why) = (result.account_id.as_deref(), result.processing_result.as_deref());
        format!("{}: {}", account.unwrap_or_default(), why.unwrap_or_default())
    };
    let all: Vec<String> = refused.iter().map(one).collect();
    Err(UnitError::new(Kind::Rejected, format!("accounts did not become members: {}", all.join("; "))))
}

fn missing<'w>(
    want: &'w Desired,
    have: &BTreeSet<String>,
) -> impl Iterator<Item = (&'w String, &'w (String, String))> {
    want.accounts.iter().filter(move |(id, _)| !have.contains(*id))
}

#[cfg(test)]
mod tests {
    use super::super::tests::desired;
    use super::*;
    use crate::control::Want;

    #[test]
    fn every_account_but_the_administrator_is_a_member_where_configuration_is_local() {
        assert!(desired::<Members>("standards = []\n", "eu-west-1").is_empty());
        let units = desired::<Members>("configuration = \"local\"\nstandards = []\n", "eu-west-1");
        let ids: Vec<&String> = match units.first().map(|unit| &unit.want) {
            Some(Want::Set(want)) => want.accounts.keys().collect(),
            _ => Vec::new(),
        };
        assert_eq!(ids, ["111111111111"]);
    }

    #[test]
    fn an_account_with_an_exception_is_no_member() {
        let keys = "configuration = \"local\"\nstandards = []\n[[exceptions]]\ncontrol = \"securityhub\"\n\
                    accounts = [\"111111111111\"]\nregions = [\"us-east-1\"]\nreason = \"lab\"\n";
        let members = |region: &str| match desired::<Members>(keys, region).first().map(|unit| &unit.want) {
            Some(Want::Set(want)) => want.accounts.len(),
            _ => 0,
        };
        assert_eq!((members("eu-west-1"), members("us-east-1")), (1, 0));
    }

    #[test]
    fn all_who_were_refused_are_named() {
        let refused = |id: &str| ResultAccount::builder().account_id(id).processing_result("no").build();
        assert!(all_taken(&[]).is_ok());
        let error = all_taken(&[refused("111111111111"), refused("222222222222")]).err().map(|e| e.message);
        assert_eq!(error.as_deref(), Some("accounts did not become members: 111111111111: no; 222222222222: no"));
    }
}
