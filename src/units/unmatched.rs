//! What the command line and the baseline name, and nothing answers to. Pure.
//!
//! A selector with a slip in it would leave out nothing, or too much: the run does not start. What is known and only not
//! wanted here (a control that the baseline does not declare, an OU without accounts) is a notice.

use std::collections::BTreeSet;

use super::expand::{Scope, control_of, expand, unmanaged};
use super::{Unit, UnitId};
use crate::baseline::{Exception, Regions};
use crate::controls::SECTIONS;
use crate::diag::suggestion;
use crate::error::RunError;
use crate::facts::Account;
use crate::selector::{Selection, Selector, Target};

/// Names the selectors, exceptions, rings and overrides of a run that match nothing.
///
/// # Errors
/// A selector names nothing that there is; findings as of [`expand`].
pub fn unmatched(scope: &Scope<'_>) -> Result<Vec<String>, RunError> {
    let whole = Scope { selection: &Selection::default(), ..*scope };
    let all = All { scope: &whole, units: expand(&whole)? };
    let mut notices = Vec::new();
    let only = scope.selection.only.iter().map(|s| ("--only", s));
    let exclude = scope.selection.exclude.iter().map(|s| ("--exclude", s));
    for (flag, selector) in only.chain(exclude).filter(|(_, s)| !all.holds(s)) {
        if !all.knows(selector) {
            let error = RunError::new(format!("{flag} {selector} matches nothing of this organization"));
            return Err(error.hint(all.hint(selector)));
        }
        notices.push(format!("{flag} {selector} matches no setting that the baseline manages"));
    }
    for exception in &scope.baseline.exceptions {
        all.exception(exception, &mut notices);
    }
    let absent = |account: &str| scope.baseline.account_id(account, scope.facts).is_none();
    for (what, account) in scope.baseline.named_accounts().filter(|(_, account)| absent(account)) {
        notices.push(format!("{what} names account {account}, which is not in the organization"));
    }
    Ok(notices)
}

/// Whether the account of `--canary-account` can show anything.
///
/// # Errors
/// It is not in the organization, or not managed: policies would go to everybody without a trial.
pub fn check_canary(scope: &Scope<'_>) -> Result<(), RunError> {
    let Scope { baseline, facts, .. } = scope;
    let Some(named) = baseline.rings.first().filter(|_| baseline.canary) else { return Ok(()) };
    let why = match baseline.canary_account(facts) {
        None => Some("it is not in the organization".to_owned()),
        Some(account) => unmanaged(baseline, account),
    };
    let key = named.accounts.first().map(String::as_str).unwrap_or_default();
    match why {
        None => Ok(()),
        Some(why) => Err(RunError::new(format!("nothing can be tried in --canary-account {key}: {why}"))),
    }
}

/// All that the baseline asks for, whatever the run is about.
struct All<'a> {
    scope: &'a Scope<'a>,
    units: Vec<Unit>,
}

impl All<'_> {
    /// Whether a selector is about any unit.
    fn holds(&self, selector: &Selector) -> bool {
        let about = |id: &UnitId| selector.matches(&self.scope.subject(id, &control_of(id)));
        self.units.iter().any(|unit| about(&unit.id))
    }

    /// Whether a selector names something that there is, although no unit is about it.
    fn knows(&self, selector: &Selector) -> bool {
        let Scope { baseline, facts, .. } = self.scope;
        let is_account = |account: &str, account_key: Option<&str>| {
            selector.matches(&Target { control: "", account, account_key, ou: "", region: "" })
        };
        match selector {
            Selector::Account(_) => {
                // A declared account may be missing still: `vend` makes it.
                let mut there = facts.accounts.values().map(|a| (a.id.as_str(), baseline.account_key(a)));
                let mut declared = baseline.accounts.keys().map(|key| ("", Some(key.as_str())));
                there.any(|(id, key)| is_account(id, key)) || declared.any(|(id, key)| is_account(id, key))
            }
            Selector::Ou(path) => facts.ous.contains_key(path) || baseline.is_ou(path),
            Selector::Region(region) => match &baseline.organization.regions {
                Regions::List(list) => list.contains(region),
                Regions::Enabled => *region == baseline.organization.home_region,
            },
            Selector::Control(id) => controls().any(|known| known == *id),
        }
    }

    /// What to write instead.
    fn hint(&self, selector: &Selector) -> String {
        let Scope { baseline, facts, .. } = self.scope;
        let near = |word: &str, what: &str, candidates: Vec<&str>| {
            suggestion(word, what, candidates)
                .unwrap_or_else(|| format!("{what} in `orgbase plan --format json`"))
        };
        match selector {
            Selector::Account(word) => {
                if let Some(account) = facts.accounts.values().find(|a| a.name == *word) {
                    let key = baseline.account_key(account).unwrap_or(&account.id);
                    return format!("the account of this name is `{key}`: keys and ids count, not names");
                }
                let ids = facts.accounts.keys().map(String::as_str);
                let keys = baseline.accounts.keys().map(String::as_str);
                near(word, "the accounts are", keys.chain(ids).collect())
            }
            Selector::Ou(word) => near(word, "the OUs are", facts.ous.keys().map(String::as_str).collect()),
            Selector::Region(word) => {
                let mut regions: BTreeSet<&str> = self.units.iter().map(|u| u.id.region.as_str()).collect();
                if let Regions::List(list) = &baseline.organization.regions {
                    regions.extend(list.iter().map(String::as_str));
                }
                near(word, "the regions are", regions.into_iter().collect())
            }
            Selector::Control(word) => {
                let mut known: Vec<String> = controls().collect();
                known.extend(self.units.iter().map(|u| control_of(&u.id)));
                let near = suggestion(word, "", known.iter().map(String::as_str));
                near.unwrap_or_else(|| "`orgbase emit controls` lists the sections".into())
            }
        }
    }

    /// Says which accounts and regions of an exception match nothing.
    fn exception(&self, exception: &Exception, notices: &mut Vec<String>) {
        let Scope { baseline, facts, .. } = self.scope;
        let mut say = |what: String| {
            let Exception { control, declared_at, .. } = exception;
            notices.push(format!("the exception of {control} at {declared_at} does not hold for {what}"));
        };
        let account_of = |key: &String| facts.accounts.get(&baseline.account_id(key, facts)?);
        let (mut certain, mut matched) = (true, false);
        for key in &exception.accounts {
            let Some(account) = account_of(key) else {
                say(format!("account {key}, which is not in the organization"));
                continue;
            };
            if self.is_unread(account) {
                certain = false;
            } else if self.any(exception, |id| id.account == account.id) {
                matched = true;
            } else {
                say(format!("account {key}: the baseline manages nothing of it there"));
            }
        }
        let listed: Vec<&Account> = exception.accounts.iter().filter_map(account_of).collect();
        for region in exception.regions.iter().flatten().filter(|_| certain && matched) {
            let there = |id: &UnitId| id.region == *region && listed.iter().any(|a| a.id == id.account);
            if !self.any(exception, there) {
                say(format!("region {region}: the baseline manages nothing of it there"));
            }
        }
    }

    /// Units of an account that is not managed, or whose regions could not be read, are not all there.
    fn is_unread(&self, account: &Account) -> bool {
        let Scope { baseline, facts, .. } = self.scope;
        unmanaged(baseline, account).is_some() || matches!(facts.regions.get(&account.id), Some(Err(_)))
    }

    /// Whether an exception is about any unit for which `holds`.
    fn any(&self, exception: &Exception, holds: impl Fn(&UnitId) -> bool) -> bool {
        let in_region = |id: &UnitId| exception.regions.as_ref().is_none_or(|r| r.contains(&id.region));
        self.units.iter().any(|u| u.id.control == exception.control && in_region(&u.id) && holds(&u.id))
    }
}

/// Every section, and every part of one as `section.part`.
fn controls() -> impl Iterator<Item = String> {
    SECTIONS.iter().flat_map(|section| {
        let id = section.meta().id;
        let parts = section.controls().into_iter().map(|c| c.meta().part).filter(|part| !part.is_empty());
        let parts: Vec<String> = parts.map(|part| format!("{id}.{part}")).collect();
        std::iter::once(id.to_owned()).chain(parts)
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::collections::BTreeMap;

    use time::macros::date;

    use super::*;
    use crate::baseline::Baseline;
    use crate::facts::{Facts, Ou};

    const TEXT: &str = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\nregions = [\"eu-west-1\", \"us-east-1\"]\n\
                        [ous]\n\"/A\" = {}\n[accounts.prod-database]\nname = \"DB\"\nemail = \"db@example.com\"\nou = \"/A\"\n\
                        [accounts.new]\nname = \"New\"\nemail = \"new@example.com\"\nou = \"/A\"\n\
                        [password_policy]\nminimum_length = 14\n";

    fn baseline(more: &str) -> Baseline {
        Baseline::parse("t.toml", &format!("{TEXT}{more}")).map_err(|e| e.render(false)).unwrap()
    }

    fn facts() -> Facts {
        let account = |id: &str, name: &str, email: &str| Account {
            id: id.into(),
            name: name.into(),
            email: email.into(),
            state: "ACTIVE".into(),
            ou: "/A".into(),
            ..Account::default()
        };
        let all = [
            account("111111111111", "Management", "m@example.com"),
            account("222222222222", "DB", "db@example.com"),
            account("333333333333", "web", "web@example.com"),
        ];
        let ou = |path: &str| Ou {
            id: "ou-1".into(),
            arn: String::new(),
            path: path.into(),
            name: path.trim_start_matches('/').into(),
            parent_id: "r-1".into(),
        };
        Facts {
            management_account: "111111111111".into(),
            accounts: all.map(|a| (a.id.clone(), a)).into(),
            ous: BTreeMap::from(["/A", "/Empty"].map(|path| (path.to_owned(), ou(path)))),
            ..Facts::default()
        }
    }

    fn notices(more: &str, exclude: &[&str]) -> Result<Vec<String>, RunError> {
        let exclude: Vec<String> = exclude.iter().map(ToString::to_string).collect();
        let (baseline, facts) = (baseline(more), facts());
        let selection = &Selection::parse(&[], &exclude).unwrap();
        unmatched(&Scope { baseline: &baseline, facts: &facts, selection, today: date!(2026 - 11 - 25) })
    }

    #[test]
    fn a_selector_with_a_slip_in_it_stops_the_run() {
        let error = |selector: &str| {
            let error = notices("", &[selector]).unwrap_err();
            format!("{} ({})", error.message, error.hints.join("; "))
        };
        let all = [
            "account=prod-databse",
            "account=prd-*",
            "account=web",
            "ou=/Emtpy",
            "region=us-esat-1",
            "region=eu-central-1",
            "control=scp",
            "control=scps.polices",
            "control=password_policy.x",
        ]
        .map(error);
        insta::assert_snapshot!(all.join("\n"), @r"
        --exclude account=prod-databse matches nothing of this organization (did you mean `prod-database`?)
        --exclude account=prd-* matches nothing of this organization (the accounts are: `new`, `prod-database`, `111111111111`, `222222222222`, `333333333333`)
        --exclude account=web matches nothing of this organization (the account of this name is `333333333333`: keys and ids count, not names)
        --exclude ou=/Emtpy matches nothing of this organization (did you mean `/Empty`?)
        --exclude region=us-esat-1 matches nothing of this organization (did you mean `us-east-1`?)
        --exclude region=eu-central-1 matches nothing of this organization (did you mean `eu-west-1`?)
        --exclude control=scp matches nothing of this organization (did you mean `scps`?)
        --exclude control=scps.polices matches nothing of this organization (did you mean `scps.policy_type`?)
        --exclude control=password_policy.x matches nothing of this organization (did you mean `password_policy`?)
        ");
    }

    #[test]
    fn what_is_known_and_not_wanted_here_is_a_notice() {
        let quiet =
            ["account=prod-*", "account=3333*", "ou=/", "region=eu-west-1", "control=password_policy"];
        assert_eq!(notices("", &quiet).unwrap(), Vec::<String>::new());
        let said = ["account=new", "ou=/Empty", "region=us-east-1", "control=scps"];
        let expected = said.map(|s| format!("--exclude {s} matches no setting that the baseline manages"));
        assert_eq!(notices("", &said).unwrap(), expected);
    }

    #[test]
    fn exceptions_rings_and_overrides_that_match_nothing_are_named() {
        let more = "[[rings]]\nname = \"first\"\naccounts = [\"999999999999\", \"222222222222\", \"new\", \"prod-database\"]\n\
                    [[overrides]]\nselect = { account = \"new\" }\npassword_policy.minimum_length = 20\n\
                    [[overrides]]\nselect = { account = \"888888888888\" }\npassword_policy.minimum_length = 20\n\
                    [[exceptions]]\ncontrol = \"password_policy\"\naccounts = [\"prod-database\", \"999999999999\", \"new\"]\n\
                    reason = \"r\"\n\
                    [[exceptions]]\ncontrol = \"password_policy\"\naccounts = [\"333333333333\"]\n\
                    regions = [\"eu-west-1\", \"us-east-1\"]\nreason = \"r\"\n\
                    [[exceptions]]\ncontrol = \"s3_block_public_access\"\naccounts = [\"333333333333\"]\nreason = \"r\"\n";
        insta::assert_snapshot!(notices(more, &[]).unwrap().join("\n"), @r"
        the exception of password_policy at t.toml:26 does not hold for account 999999999999, which is not in the organization
        the exception of password_policy at t.toml:26 does not hold for account new, which is not in the organization
        the exception of password_policy at t.toml:30 does not hold for region us-east-1: the baseline manages nothing of it there
        the exception of s3_block_public_access at t.toml:35 does not hold for account 333333333333: the baseline manages nothing of it there
        the ring `first` names account 999999999999, which is not in the organization
        the ring `first` names account new, which is not in the organization
        an override names account 888888888888, which is not in the organization
        ");
    }

    #[test]
    fn policies_are_tried_in_an_account_that_is_there_or_not_at_all() {
        let more = "[accounts.left]\nname = \"web\"\nemail = \"web@example.com\"\nou = \"/A\"\nmanaged = false\nreason = \"r\"\n";
        for (key, why) in [
            ("prod-database", None),
            ("222222222222", None),
            ("new", Some("not in the organization")),
            ("999999999999", Some("not in the organization")),
            ("left", Some("r")),
        ] {
            let (mut baseline, facts) = (baseline(more), facts());
            baseline.put_first(key);
            let (selection, today) = (&Selection::default(), date!(2026 - 11 - 25));
            let checked = check_canary(&Scope { baseline: &baseline, facts: &facts, selection, today });
            assert_eq!(checked.is_err(), why.is_some(), "{key}");
            assert!(why.is_none_or(|why| checked.unwrap_err().message.contains(why)), "{key}");
        }
    }
}
