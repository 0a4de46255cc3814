//! The accounts of the organization are members of the administrator and are scanned, in each region.
//!
//! Auto-enable reaches new accounts only, so existing ones are associated, and what they lack is turned on. Accounts that AWS is
//! turning on are told of, and are no drift.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_inspector2::types::RelationshipStatus;
use serde::Serialize;
use serde_json::{Value, json};

use super::calls::{self, Standing, Standings};
use super::{Inspector, Scan, Scans};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Risk, Scope, Seat, Section as _, Wanted};
use crate::error::UnitError;
use crate::resource::members;

/// Most accounts that a change names.
const MOST_NAMED: usize = 10;

/// One unit per region.
pub(super) struct Members;

/// Accounts that should be members, and what should be scanned in them.
#[derive(Debug, Serialize)]
pub(super) struct Desired {
    /// Names by id.
    accounts: BTreeMap<String, String>,
    scans: Scans,
}

/// What is there.
#[derive(Debug, Default, Serialize)]
pub(super) struct Actual {
    /// Wanted accounts that are members.
    members: BTreeSet<String>,
    /// Their scan types.
    standings: BTreeMap<String, Standings>,
}

impl Control for Members {
    type Section = Inspector;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "members",
        scope: Scope::OrganizationRegion,
        seat: Seat::DelegatedAdmin("inspector2"),
        after: &["inspector.administrator@region", "inspector.auto_enable@region"],
        reads: &[
            "inspector2:BatchGetAccountStatus",
            "inspector2:ListDelegatedAdminAccounts",
            "inspector2:ListMembers",
        ],
        writes: &["inspector2:AssociateMember", "inspector2:Disable", "inspector2:Enable"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, Inspector>) -> Vec<Wanted<Desired>> {
        let DesiredCx { section, account, region, facts, baseline } = *cx;
        let expected = members::expected(baseline, facts, Inspector::META.id, &account.id, region);
        let name = |id: &String| facts.accounts.get(id).map(|account| account.name.clone()).unwrap_or_default();
        let accounts = expected.into_keys().map(|id| (id.clone(), name(&id))).collect();
        Wanted::one(Desired { accounts, scans: section.scans() })
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        if !calls::is_administrator(cx).await? {
            return Ok(Actual::default());
        }
        let listed = cx
            .aws
            .inspector2()
            .pages(
                "ListMembers",
                |c, t| c.list_members().only_associated(true).set_next_token(t).send(),
                |a| (a.members, a.next_token),
            )
            .await?;
        let enabled = listed.into_iter().filter(|m| m.relationship_status == Some(RelationshipStatus::Enabled));
        let members: BTreeSet<String> =
            enabled.filter_map(|member| member.account_id).filter(|id| want.accounts.contains_key(id)).collect();
        let standings = calls::of_members(cx.aws, &members).await?;
        Ok(Actual { members, standings })
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        let new: Vec<&String> = want.accounts.keys().filter(|id| !have.members.contains(*id)).collect();
        if !new.is_empty() {
            let before = format!("{} of {} accounts", have.members.len(), want.accounts.len());
            d.push("members", json!(before), named(want, &new), Risk::Normal);
        }
        for (scan, on) in &want.scans {
            let off = differing(want, have, *scan, *on);
            if !off.is_empty() {
                let path = format!("members.{}", scan.key());
                let risk = if *on { Risk::Normal } else { Risk::Destructive };
                d.push(&path, json!({ (if *on { "off" } else { "on" }): names(want, &off) }), json!(on), risk);
            }
        }
        let turning = |s: &&Standings| s.values().any(|standing| *standing == Standing::TurningOn);
        let count = have.standings.values().filter(turning).count();
        if count > 0 {
            d.notice(format!("{count} accounts are ENABLING"));
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        let new: Vec<&String> = want.accounts.keys().filter(|id| !have.members.contains(*id)).collect();
        for account in &new {
            cx.aws
                .inspector2()
                .call("AssociateMember", |c| c.associate_member().account_id(account.as_str()).send())
                .await?;
        }
        // Accounts that lack the same scan types are turned on together.
        let mut groups: BTreeMap<Vec<Scan>, Vec<String>> = BTreeMap::new();
        let none = Standings::new();
        for account in want.accounts.keys() {
            let on = calls::to_turn(&want.scans, have.standings.get(account).unwrap_or(&none), true);
            groups.entry(on).or_default().push(account.clone());
        }
        for (scans, accounts) in groups.iter().filter(|(scans, _)| !scans.is_empty()) {
            calls::enable(cx.aws, accounts, scans).await?;
        }
        for scan in want.scans.iter().filter(|(_, on)| !**on).map(|(scan, _)| *scan) {
            let accounts: Vec<String> = differing(want, have, scan, false).into_iter().cloned().collect();
            if !accounts.is_empty() {
                calls::disable(cx.aws, &accounts, &[scan]).await?;
            }
        }
        Ok(())
    }
}

/// Members in which a scan type is not as wanted.
fn differing<'w>(want: &'w Desired, have: &Actual, scan: Scan, on: bool) -> Vec<&'w String> {
    let one = Scans::from([(scan, on)]);
    let differs = |id: &&String| have.standings.get(*id).is_some_and(|s| !calls::to_turn(&one, s, on).is_empty());
    want.accounts.keys().filter(differs).collect()
}

fn names(want: &Desired, ids: &[&String]) -> Vec<String> {
    let name = |id: &&String| format!("{id} ({})", want.accounts.get(*id).map_or("", String::as_str));
    let mut names: Vec<String> = ids.iter().take(MOST_NAMED).map(name).collect();
    if ids.len() > MOST_NAMED {
        names.push(format!("{} more", ids.len() - MOST_NAMED));
    }
    names
}

fn named(want: &Desired, ids: &[&String]) -> Value {
    json!({ "added": names(want, ids) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want() -> Desired {
        let accounts = ["1", "2", "3"].map(|id| (id.to_owned(), format!("name-{id}"))).into();
        Desired { accounts, scans: Scans::from([(Scan::Ec2, true), (Scan::Lambda, false)]) }
    }

    fn have(standings: &[(&str, Standing, Standing)]) -> Actual {
        let one = |(id, ec2, lambda): &(&str, Standing, Standing)| {
            ((*id).to_owned(), Standings::from([(Scan::Ec2, *ec2), (Scan::Lambda, *lambda)]))
        };
        let members = standings.iter().map(|(id, ..)| (*id).to_owned()).collect();
        Actual { members, standings: standings.iter().map(one).collect() }
    }

    #[test]
    fn accounts_that_are_missing_or_differ_are_shown() {
        use Standing::{Off, On, TurningOn};
        assert!(Members::diff(&want(), &have(&[("1", On, Off), ("2", On, Off), ("3", On, Off)])).is_empty());
        let d = Members::diff(&want(), &have(&[("1", Off, Off), ("2", On, On)]));
        let paths: Vec<&str> = d.changes.iter().map(|c| c.path.as_str()).collect();
        assert_eq!((paths, d.risk()), (vec!["members", "members.ec2", "members.lambda"], Risk::Destructive));
        let lag = Members::diff(&want(), &have(&[("1", TurningOn, Off), ("2", On, Off), ("3", On, Off)]));
        assert!(lag.is_empty() && lag.notices.len() == 1);
    }

    #[test]
    fn many_accounts_are_not_all_named() {
        let ids: Vec<String> = (0..15).map(|n| n.to_string()).collect();
        let names = names(&want(), &ids.iter().collect::<Vec<_>>());
        assert_eq!((names.len(), names.last().map(String::as_str)), (11, Some("5 more")));
    }
}
