//! Declared accounts: where they are placed and how they are tagged.
//!
//! * An account is found by its root user's e-mail address. One that does not exist is created by `orgbase vend` only, and
//!   closed by it only: both take minutes and cannot be taken back.
//! * A move changes which policies bind the account, so it is always disruptive and the plan names them.
//! * A name that differs is shown, not changed: that needs `account:PutAccountName`, which is out of scope.
//!
//! <https://docs.aws.amazon.com/organizations/latest/APIReference/API_MoveAccount.html>

mod placement;

pub(crate) use placement::refusal as move_refusal;

use serde::Serialize;

pub use crate::baseline::Accounts;
use crate::baseline::{AccountDecl, Baseline};
use crate::control::{Control, Cx, DesiredCx, Diff, DynControl, Import, ImportCx, Meta, Reference, Risk, Section, SectionMeta, Shape, Want, Wanted, control};
use crate::controls::ous::lookup;
use crate::controls::ous::tags::{self, Tags};
use crate::diag::Findings;
use crate::error::{Absent as _, Kind, UnitError};
use crate::facts::{Account, Facts};

impl Section for Accounts {
    const META: SectionMeta = SectionMeta {
        id: "accounts",
        title: "Accounts",
        summary: "Names accounts for the rest of the file, and keeps each in its OU with its declared tags. Accounts \
                  are found by e-mail address. An account that does not exist is created by `orgbase vend`. Accounts \
                  that are not declared are left where they are.",
        shape: Shape::Table,
        references: &[
            Reference::row("QST-002"),
            Reference::row("QST-018"),
            Reference::row("RDM-002").partly("the invitation itself; `vend --adopt` takes the account in"),
            Reference::row("RDM-004"),
            Reference::row("FXL-001"),
        ],
        billed: None,
    };

    fn check(&self, _baseline: &Baseline, findings: &mut Findings<'_>) {
        for (key, declared) in &self.0 {
            if let Some(tags) = &declared.tags {
                tags::check(&format!("{key}.tags"), tags, findings);
            }
        }
    }

    fn import(cx: &ImportCx<'_>) -> Import<Accounts> {
        let tagged = |decl: &AccountDecl| AccountDecl { tags: Some(Tags::new()), ..decl.clone() };
        Import::Ask(Accounts(cx.baseline.accounts.iter().map(|(key, decl)| (key.clone(), tagged(decl))).collect()))
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<Place>()]
    }
}

/// The only part.
struct Place;

/// One declared account.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Desired {
    key: String,
    /// Absent: the account does not exist.
    id: Option<String>,
    name: String,
    email: String,
    ou: String,
    tags: Option<Tags>,
    closed: bool,
    /// What a move would change, by the facts of the run.
    #[serde(skip)]
    effects: placement::Effects,
}

/// An account as it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Live {
    id: String,
    name: String,
    /// Path of its OU; the OU's id where no path of it is known.
    ou: String,
    parent_id: String,
    /// Empty where no tags are declared.
    tags: Tags,
}

impl Control for Place {
    type Section = Accounts;
    type Desired = Desired;
    /// Absent: no account has the e-mail address.
    type Actual = Option<Live>;
    const META: Meta = Meta {
        after: &["ous.tree"],
        reads: &[
            "organizations:DescribeAccount",
            "organizations:ListOrganizationalUnitsForParent",
            "organizations:ListParents",
            "organizations:ListTagsForResource",
        ],
        writes: &["organizations:MoveAccount", "organizations:TagResource"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, Accounts>) -> Vec<Wanted<Desired>> {
        let unit = |(key, declared): (&String, &AccountDecl)| {
            let account = cx.facts.account_by_email(&declared.email);
            Wanted {
                part: key.clone(),
                at: key.clone(),
                about: account.map(|a| a.id.clone()),
                after: Vec::new(),
                want: wanted(key, declared, account, cx),
            }
        };
        cx.section.0.iter().map(unit).collect()
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Option<Live>, UnitError> {
        let Some(id) = &want.id else { return Ok(None) };
        let found = if cx.fresh { now(cx, id, &want.ou).await? } else { by_facts(cx, id) };
        let Some(mut live) = found else { return Ok(None) };
        if want.tags.is_some() {
            live.tags = tags::read(cx, id).await?;
        }
        Ok(Some(live))
    }

    fn import(cx: &Cx<'_>, want: &Desired, have: &Option<Live>) -> Option<Accounts> {
        let (have, declared) = (have.as_ref()?, cx.baseline.accounts.get(&want.key)?);
        let found = AccountDecl { tags: tags::declarable(&have.tags), ..declared.clone() };
        Some(Accounts([(want.key.clone(), found)].into()))
    }

    fn diff(want: &Desired, have: &Option<Live>) -> Diff {
        let mut d = Diff::new();
        let Some(have) = have else {
            d.create("email", &want.email);
            d.by_hand = Some(format!("run `orgbase vend {}`", want.key));
            return d;
        };
        if want.closed {
            d.push("closed", false.into(), true.into(), Risk::Destructive);
            d.by_hand = Some(format!("closing is done by `orgbase vend {}`", want.key));
            return d;
        }
        d.risky("ou", &have.ou, Some(&want.ou), Risk::Disruptive);
        if have.ou != want.ou {
            list_effects(&mut d, want);
        }
        tags::diff(&mut d, want.tags.as_ref(), &have.tags);
        if have.name != want.name {
            d.notice(format!(
                "the account is called `{}` in AWS and `{}` in the baseline: orgbase does not rename accounts",
                have.name, want.name
            ));
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Option<Live>) -> Result<(), UnitError> {
        // What `vend` does is never applied here: the engine leaves a diff with `by_hand` alone.
        let Some(have) = have else { return Ok(()) };
        if have.ou != want.ou {
            move_account(cx, want, have).await?;
        }
        tags::write(cx, &have.id, want.tags.as_ref(), &have.tags).await
    }
}

fn wanted(key: &str, declared: &AccountDecl, account: Option<&Account>, cx: &DesiredCx<'_, Accounts>) -> Want<Desired> {
    if !declared.managed {
        let reason = declared.reason.as_deref().unwrap_or("no reason is given");
        return Want::Skipped(format!("the account is not managed: {reason}"));
    }
    match account {
        None if declared.closed => return Want::NotApplicable("the account is to be closed, and does not exist".into()),
        Some(a) if !a.is_active() => return Want::Skipped(format!("the account is {}", a.state)),
        _ => {}
    }
    let moves = account.filter(|a| here(a, cx.facts, cx.baseline) != declared.ou);
    if let Some(why) = moves.and_then(|a| placement::refusal(a, &declared.ou, cx.baseline, cx.facts)) {
        return Want::Blocked(why);
    }
    Want::Set(Desired {
        key: key.into(),
        id: account.map(|a| a.id.clone()),
        name: declared.name.clone(),
        email: declared.email.clone(),
        ou: declared.ou.clone(),
        tags: declared.tags.clone(),
        closed: declared.closed,
        effects: moves.map(|a| placement::effects(a, &declared.ou, cx.facts)).unwrap_or_default(),
    })
}

/// Path of an account's OU, as declared renames of OUs will leave it.
fn here(account: &Account, facts: &Facts, baseline: &Baseline) -> String {
    lookup::settled_path(&account.ou, facts, baseline)
}

fn list_effects(d: &mut Diff, want: &Desired) {
    if !want.effects.gains.is_empty() {
        d.notice(format!("the move puts the account under {}", want.effects.gains.join(", ")));
    }
    if !want.effects.loses.is_empty() {
        d.notice(format!("the move takes the account out from under {}", want.effects.loses.join(", ")));
    }
}

/// The account when the run began.
fn by_facts(cx: &Cx<'_>, id: &str) -> Option<Live> {
    let account = cx.facts.accounts.get(id)?;
    Some(Live {
        id: account.id.clone(),
        name: account.name.clone(),
        ou: here(account, cx.facts, cx.baseline),
        parent_id: account.parent_id.clone(),
        tags: Tags::new(),
    })
}

/// The account now. `wanted` is the path of the OU that it should be in.
async fn now(cx: &Cx<'_>, id: &str, wanted: &str) -> Result<Option<Live>, UnitError> {
    let organizations = cx.aws.organizations();
    let answer = organizations
        .call("DescribeAccount", |c| c.describe_account().account_id(id).send())
        .await
        .absent(&["AccountNotFoundException"])?;
    let Some(account) = answer.and_then(|a| a.account) else { return Ok(None) };
    let parents = organizations
        .pages(
            "ListParents",
            |c, t| c.list_parents().child_id(id).set_next_token(t).send(),
            |a| (a.parents, a.next_token),
        )
        .await?;
    let parent_id = parents.into_iter().find_map(|p| p.id).ok_or_else(|| UnitError::missing("the account's parent"))?;
    let ou = if lookup::id_now(cx, wanted).await?.as_ref() == Some(&parent_id) {
        wanted.to_string()
    } else {
        let known = cx.facts.path_of(&parent_id).map(|p| lookup::settled_path(p, cx.facts, cx.baseline));
        known.unwrap_or_else(|| parent_id.clone())
    };
    Ok(Some(Live { id: id.into(), name: account.name.unwrap_or_default(), ou, parent_id, tags: Tags::new() }))
}

async fn move_account(cx: &Cx<'_>, want: &Desired, have: &Live) -> Result<(), UnitError> {
    let Some(destination) = lookup::id_now(cx, &want.ou).await? else {
        return Err(UnitError::new(Kind::Vanished, format!("there is no OU `{}`", want.ou))
            .hint("declare it in `[ous]`, so that it is created first"));
    };
    let moved = cx
        .aws
        .organizations()
        .call("MoveAccount", |c| {
            c.move_account()
                .account_id(&have.id)
                .source_parent_id(&have.parent_id)
                .destination_parent_id(&destination)
                .send()
        })
        .await;
    match moved {
        // It is in the destination already.
        Err(e) if e.is(&["DuplicateAccountException"]) => Ok(()),
        other => Ok(other.map(|_| ())?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Effect;
    use crate::controls::ous::tests::{baseline, facts};

    const TEXT: &str = "[ous]\n\"/B\" = {}\n[accounts.x]\nname = \"X\"\nemail = \"X@example.com\"\nou = \"/B\"\n";

    fn organization(ou: &str, state: &str) -> Facts {
        let mut facts = facts(&["/A", "/B"]);
        let account = Account {
            id: "200000000002".into(),
            name: "X".into(),
            email: "x@example.com".into(),
            state: state.into(),
            ou: ou.into(),
            parent_id: format!("ou-{ou}"),
            ..Account::default()
        };
        facts.accounts.insert(account.id.clone(), account);
        facts
    }

    fn desired(text: &str, facts: &Facts) -> Vec<Wanted<Desired>> {
        let baseline = baseline(text);
        let section = Accounts(baseline.accounts.clone());
        let account = Account::default();
        Place::desired(&DesiredCx { section: &section, account: &account, region: "r", facts, baseline: &baseline })
    }

    fn want() -> Desired {
        Desired {
            key: "x".into(),
            id: Some("200000000002".into()),
            name: "X".into(),
            email: "x@example.com".into(),
            ou: "/B".into(),
            tags: None,
            closed: false,
            effects: placement::Effects::default(),
        }
    }

    fn live(ou: &str) -> Live {
        Live {
            id: "200000000002".into(),
            name: "X".into(),
            ou: ou.into(),
            parent_id: format!("ou-{ou}"),
            tags: Tags::new(),
        }
    }

    #[test]
    fn an_account_is_found_by_email_whatever_the_letter_case() {
        let units = desired(TEXT, &organization("/A", "ACTIVE"));
        assert!(matches!(units.as_slice(), [u] if u.about.as_deref() == Some("200000000002") && u.part == "x"));
    }

    #[test]
    fn accounts_that_are_not_managed_are_skipped_with_the_reason() {
        let unmanaged = format!("{TEXT}managed = false\nreason = \"sold\"\n");
        let skipped = |text: &str, facts: &Facts, why: &str| {
            matches!(desired(text, facts).as_slice(), [Wanted { want: Want::Skipped(w), .. }] if w.contains(why))
        };
        assert!(skipped(&unmanaged, &organization("/A", "ACTIVE"), "sold"));
        assert!(skipped(TEXT, &organization("/A", "SUSPENDED"), "SUSPENDED"));
    }

    #[test]
    fn a_missing_account_is_left_to_vend() {
        let units = desired(TEXT, &facts(&["/B"]));
        assert!(matches!(units.as_slice(), [Wanted { about: None, want: Want::Set(d), .. }] if d.id.is_none()));
        let d = Place::diff(&want(), &None);
        assert_eq!(d.by_hand.as_deref(), Some("run `orgbase vend x`"));
        assert_eq!(d.changes.first().map(|c| c.effect), Some(Effect::Create));
    }

    #[test]
    fn closing_is_left_to_vend_and_destructive() {
        let d = Place::diff(&Desired { closed: true, ..want() }, &Some(live("/B")));
        assert!(d.by_hand.is_some());
        assert_eq!(d.risk(), Risk::Destructive);
    }

    #[test]
    fn a_move_is_disruptive_and_says_which_policies_change() {
        let effects = placement::Effects { gains: vec!["P `a`".into()], loses: vec!["P `b`".into()] };
        let d = Place::diff(&Desired { effects, ..want() }, &Some(live("/A")));
        assert_eq!(d.risk(), Risk::Disruptive);
        assert_eq!(d.notices, [
            "the move puts the account under P `a`",
            "the move takes the account out from under P `b`"
        ]);
        assert!(Place::diff(&want(), &Some(live("/B"))).is_empty());
    }

    #[test]
    fn a_renamed_ou_moves_no_account() {
        let text = "[ous]\n\"/B\" = {}\n[[moved]]\ncontrol = \"ous\"\nfrom = \"/A\"\nto = \"/B\"\n\
                    [accounts.x]\nname = \"X\"\nemail = \"x@example.com\"\nou = \"/B\"\n";
        let mut there = organization("/A", "ACTIVE");
        there.ous.remove("/B");
        let account = there.accounts.values().next().cloned().unwrap_or_default();
        assert_eq!(here(&account, &there, &baseline(text)), "/B");
    }

    #[test]
    fn another_name_is_a_notice() {
        let d = Place::diff(&Desired { name: "Y".into(), ..want() }, &Some(live("/B")));
        assert!(d.is_empty());
        assert_eq!(d.notices.len(), 1);
    }
}
