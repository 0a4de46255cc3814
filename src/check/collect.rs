//! Reads evidence and decides: account by account, each with its regions, bounded and isolated from the others.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use time::OffsetDateTime;

use super::Check;
use super::report::{SkippedAccount, VersionScore};
use super::rules::{self, Place, RuleCheck};
use super::scores::{self, Scored, Tally};
use super::source::{Evidence, Need, ReadCx, Unread};
use super::verdict::Verdict;
use crate::aws::Guard;
use crate::baseline::Regions;
use crate::compliance::cis::{Rule, RuleScope};
use crate::error::Kind;
use crate::facts::Account;
use crate::selector::Target;

/// Accounts that are read at a time. The pace of calls has its own bounds.
const ACCOUNTS_AT_A_TIME: usize = 32;

/// Told when an account is done.
pub trait Progress: Send + Sync {
    /// How many there are.
    fn accounts(&self, number: usize);
    /// One more.
    fn account_done(&self);
}

/// One rule in one place.
pub(super) struct Outcome {
    pub(super) rule: &'static Rule,
    pub(super) account: Account,
    /// Empty where the rule is about the whole account or organization.
    pub(super) region: String,
    pub(super) verdict: Result<Verdict, Unread>,
    /// When it was decided.
    pub(super) at: OffsetDateTime,
}

/// What was decided, and which accounts were left out.
#[derive(Default)]
pub(super) struct Outcomes {
    pub(super) list: Vec<Outcome>,
    pub(super) skipped: Vec<SkippedAccount>,
    /// The scores of all benchmark versions.
    pub(super) versions: Vec<VersionScore>,
}

/// Everything that any rule may call: the guard's list.
static READS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let needs = rules::CHECKS.iter().flat_map(|check| check.needs);
    needs.flat_map(|need| need.reads).copied().collect()
});

fn guard() -> Guard {
    Guard { control: "check".into(), reads: &READS, writes: &[] }
}

/// The rules of the run, and all that they need.
struct Plan {
    rules: Vec<(&'static Rule, &'static RuleCheck)>,
    needs: Vec<Need>,
    scored: Vec<Scored>,
}

/// What was decided in one account, or for the organization.
type Decided = (Vec<Outcome>, Tally);

/// Evaluates every rule in every place.
pub(super) async fn collect(check: &Arc<Check>, progress: &dyn Progress) -> Outcomes {
    let rules = rules::of(check.version);
    let needs: Vec<Need> = rules.iter().flat_map(|(_, c)| c.needs).copied().collect();
    let plan = Arc::new(Plan { scored: scores::scored(&needs), rules, needs });
    let organization = Arc::new(read_organization(check, &plan).await);
    let mut outcomes = Outcomes::default();
    let mut accounts = Vec::new();
    for account in check.facts.accounts.values() {
        match left_out(check, account) {
            None => accounts.push(account.clone()),
            Some(reason) => outcomes.skipped.push(SkippedAccount {
                account_id: account.id.clone(),
                account_name: account.name.clone(),
                reason,
            }),
        }
    }
    progress.accounts(accounts.len());
    let (list, mut tally) = decide_organization(check, &plan, &organization);
    outcomes.list.extend(list);
    let mut done = stream::iter(accounts)
        .map(|account| {
            let (check, plan, organization) = (check.clone(), plan.clone(), organization.clone());
            async move { read_account(&check, &plan, &organization, account).await }
        })
        .buffer_unordered(ACCOUNTS_AT_A_TIME);
    while let Some((list, own)) = done.next().await {
        outcomes.list.extend(list);
        tally.add(&own);
        progress.account_done();
    }
    outcomes.versions = tally.scores(&plan.scored);
    outcomes
}

/// Whether any account has rows of its own.
pub(super) fn leaves_an_account(check: &Check) -> bool {
    check.facts.accounts.values().any(|account| left_out(check, account).is_none())
}

/// Why an account has no rows.
fn left_out(check: &Check, account: &Account) -> Option<String> {
    if !account.is_active() {
        return Some(format!("the account is {}", account.state));
    }
    if let Some(reason) = check.baseline.unmanaged(account) {
        return Some(format!("not managed: {reason}"));
    }
    let home = selects(check, account, None);
    let anywhere = home || regions_of(check, account).iter().any(|(_, problem)| problem.is_none());
    (!anywhere).then(|| "not selected".to_string())
}

/// Whether `--only` and `--exclude` leave an account, or one of its regions.
fn selects(check: &Check, account: &Account, region: Option<&str>) -> bool {
    let key = check.baseline.account_key(account);
    let region = region.unwrap_or(&check.baseline.organization.home_region);
    check.selection.matches(&Target {
        control: "check",
        account: &account.id,
        account_key: key,
        ou: &account.ou,
        region,
    })
}

/// Enters a place and reads one scope of evidence there.
async fn gather(check: &Check, plan: &Plan, scope: RuleScope, account: &str, region: &str) -> Evidence {
    if !plan.needs.iter().any(|need| need.scope == scope) {
        return Evidence::default();
    }
    match check.aws.clients(account, region, guard()).await {
        Ok(aws) => {
            let cx = ReadCx::new(&aws, &check.facts, &check.baseline);
            Evidence::gather(&plan.needs, scope, &cx).await
        }
        Err(error) => Evidence::unreadable(&plan.needs, scope, &error.into()),
    }
}

async fn read_organization(check: &Check, plan: &Plan) -> Evidence {
    let home = &check.baseline.organization.home_region;
    gather(check, plan, RuleScope::Org, &check.facts.management_account, home).await
}

async fn read_account(check: &Check, plan: &Plan, organization: &Evidence, account: Account) -> Decided {
    let home = &check.baseline.organization.home_region;
    let own = gather(check, plan, RuleScope::Account, &account.id, home).await;
    let regions = regions_of(check, &account).into_iter().map(|(region, problem)| {
        let account = &account;
        async move {
            let evidence = match problem {
                None => gather(check, plan, RuleScope::AccountRegion, &account.id, &region).await,
                Some(why) => Evidence::unreadable(&plan.needs, RuleScope::AccountRegion, &why),
            };
            (region, evidence)
        }
    });
    let regions: BTreeMap<String, Evidence> = join_all(regions).await.into_iter().collect();
    let mut list = Vec::new();
    for (rule, rule_check) in &plan.rules {
        let places: Vec<&str> = match rule.scope {
            RuleScope::Account if selects(check, &account, None) => vec![""],
            RuleScope::Org | RuleScope::Account => Vec::new(),
            RuleScope::AccountRegion => regions.keys().map(String::as_str).collect(),
        };
        for region in places {
            let place = at(check, rule, &account, region, (organization, &own, &regions));
            list.push(outcome(&place, rule_check));
        }
    }
    let mut tally = Tally::default();
    let known = (organization, &own, &regions);
    if selects(check, &account, None) {
        tally.count(check, &plan.scored, RuleScope::Account, |rule, version| Place {
            version,
            ..at(check, rule, &account, "", known)
        });
    }
    for region in regions.keys() {
        tally.count(check, &plan.scored, RuleScope::AccountRegion, |rule, version| Place {
            version,
            ..at(check, rule, &account, region, known)
        });
    }
    (list, tally)
}

/// The rules about the organization: once, as the management account's.
fn decide_organization(check: &Check, plan: &Plan, organization: &Evidence) -> Decided {
    let Some(account) = check.facts.accounts.get(&check.facts.management_account) else {
        return Decided::default();
    };
    let nothing = (Evidence::default(), BTreeMap::new());
    let known = (organization, &nothing.0, &nothing.1);
    let mut tally = Tally::default();
    tally.count(check, &plan.scored, RuleScope::Org, |rule, version| Place {
        version,
        ..at(check, rule, account, "", known)
    });
    let rules = plan.rules.iter().filter(|(rule, _)| rule.scope == RuleScope::Org);
    let decide = |(rule, rule_check): &(&'static Rule, &RuleCheck)| {
        outcome(&at(check, rule, account, "", known), rule_check)
    };
    (rules.map(decide).collect(), tally)
}

/// Evidence about the organization, an account, and its regions.
type Known<'a> = (&'a Evidence, &'a Evidence, &'a BTreeMap<String, Evidence>);

fn at<'a>(
    check: &'a Check,
    rule: &'static Rule,
    account: &'a Account,
    region: &'a str,
    known: Known<'a>,
) -> Place<'a> {
    let (organization, own, regions) = known;
    let Check { version, facts, now, .. } = check;
    Place { version, facts, now: *now, rule, account, region, organization, own, regions }
}

fn outcome(place: &Place<'_>, check: &RuleCheck) -> Outcome {
    Outcome {
        rule: place.rule,
        account: place.account.clone(),
        region: place.region.to_string(),
        verdict: rules::decide(check, place),
        at: OffsetDateTime::now_utc(),
    }
}

/// The regions of an account, each with why it cannot be read.
fn regions_of(check: &Check, account: &Account) -> Vec<(String, Option<Unread>)> {
    let home = &check.baseline.organization.home_region;
    let own = if account.id == check.facts.management_account {
        Ok(check.facts.management_regions.clone())
    } else {
        match check.facts.regions.get(&account.id) {
            Some(Ok(regions)) => Ok(regions.clone()),
            Some(Err(error)) => Err(Unread::from(error.clone())),
            None => Err(Unread::new(Kind::Bug, "the account's regions were not read")),
        }
    };
    let own = match own {
        Ok(own) => own,
        Err(why) => return vec![(home.clone(), Some(why))],
    };
    let wanted = |region: &String| match &check.baseline.organization.regions {
        Regions::Enabled => true,
        Regions::List(list) => list.contains(region),
    };
    let chosen = own.into_iter().filter(wanted).filter(|region| selects(check, account, Some(region)));
    chosen.map(|region| (region, None)).collect()
}
