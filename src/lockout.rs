//! Never lock ourselves out: before anything is written, the declared service control policies are evaluated against
//! every call that the baseline makes in each account under their targets, and counted against AWS's quotas.

use std::collections::{BTreeMap, BTreeSet};

use time::OffsetDateTime;

use crate::baseline::Baseline;
use crate::controls::scps::document::{self, Planned};
use crate::controls::scps::{KIND, MAX_ATTACHED, MAX_POLICIES};
use crate::emit::actions::iam_actions;
use crate::error::RunError;
use crate::facts::{Account, Facts, is_under};
use crate::plan::Shared;
use crate::policy::Document;
use crate::policy::evaluate::{Caller, Request, may_deny};
use crate::report::text::safe;
use crate::selector::Selection;
use crate::units::{self, OutcomeKind, Scope, Task, Unit};

/// A policy that would deny one of our calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Policy name.
    pub policy: String,
    /// `Sid` of the statement, or what it denies where it has none.
    pub statement: String,
    /// IAM action.
    pub action: String,
    /// Account id.
    pub account: String,
}

/// Refuses policies that deny our own calls, and more attachments than AWS allows.
///
/// # Errors
/// The first denial, with its statement, or the target that is over the quota.
pub fn check(shared: &Shared) -> Result<(), RunError> {
    let Shared { baseline, facts, units, .. } = shared;
    if !baseline.declares("scps") {
        return Ok(());
    }
    let moving = units.iter().filter(|u| u.id.control == "accounts").map(|u| u.id.account.as_str()).collect();
    check_policies(baseline, facts, &moving)
}

/// `moving`: ids of the accounts that this run places where the baseline wants them.
fn check_policies(baseline: &Baseline, facts: &Facts, moving: &BTreeSet<&str>) -> Result<(), RunError> {
    let policies = document::planned(baseline, facts);
    check_quotas(facts, &policies)?;
    // A policy binds whatever later runs do: `--only control=scps` must not hide the calls of the other controls.
    let today = OffsetDateTime::now_utc().date();
    let units = units::expand(&Scope { baseline, facts, selection: &Selection::default(), today })?;
    for (account, calls) in &calls_by_account(&units, facts, &baseline.organization.home_region) {
        let Some(account) = facts.accounts.get(*account) else { continue };
        let places = places_of(account, baseline, moving.contains(account.id.as_str()));
        let above: Vec<(&str, &Document)> = policies
            .iter()
            .filter(|p| places.iter().any(|place| p.targets.iter().any(|t| reaches(t, place, &account.id))))
            .map(|p| (p.name.as_str(), &p.document))
            .collect();
        if let Some(denial) = denied(account, calls, &above, baseline, facts) {
            return Err(refusal(&denial, account));
        }
    }
    Ok(())
}

/// Whether moving `account` under `path` would let a policy that is attached there deny our calls.
pub fn denied_by_move(
    account: &Account,
    path: &str,
    actions: &BTreeSet<String>,
    baseline: &Baseline,
    facts: &Facts,
) -> Option<Denial> {
    let attached: Vec<(&str, Document)> = facts
        .policies
        .values()
        .filter(|p| p.kind == KIND)
        .filter(|p| p.targets.iter().filter_map(|id| facts.path_of(id)).any(|target| is_under(path, target)))
        .filter_map(|p| Some((p.name.as_str(), Document::parse(p.content.as_deref()?).ok()?)))
        .collect();
    let above: Vec<(&str, &Document)> = attached.iter().map(|(name, document)| (*name, document)).collect();
    let home = baseline.organization.home_region.clone();
    let calls = actions.iter().map(|action| (action.clone(), home.clone())).collect();
    denied(account, &calls, &above, baseline, facts)
}

/// (IAM action, region) of everything that units do in each member account, and of the look-up of its regions. SCPs do not
/// bind the management account.
fn calls_by_account<'a>(
    units: &'a [Unit],
    facts: &'a Facts,
    home: &str,
) -> BTreeMap<&'a str, BTreeSet<(String, String)>> {
    let mut calls: BTreeMap<&str, BTreeSet<(String, String)>> = BTreeMap::new();
    for account in facts.regions.keys() {
        calls.entry(account).or_default().insert(("ec2:DescribeRegions".into(), home.to_string()));
    }
    for unit in units.iter().filter(|u| is_managed(&u.task)) {
        let of_unit = unit.meta.reads.iter().chain(unit.meta.writes).flat_map(|op| iam_actions(op));
        let with_region = of_unit.map(|action| (action, unit.id.region.clone()));
        calls.entry(unit.seat.as_str()).or_default().extend(with_region);
    }
    calls
}

/// Whether a unit makes calls, now or once what holds it up is gone.
fn is_managed(task: &Task) -> bool {
    !matches!(task, Task::Settled(OutcomeKind::Skipped | OutcomeKind::NotApplicable, _))
}

/// Where the account will be once the baseline is applied; also where it is, if this run does not move it.
fn places_of<'a>(account: &'a Account, baseline: &'a Baseline, moves: bool) -> Vec<&'a str> {
    let declared = baseline.account_key(account).and_then(|key| baseline.accounts.get(key));
    match declared {
        None => vec![&account.ou],
        Some(declared) if moves => vec![&declared.ou],
        Some(declared) => vec![&declared.ou, &account.ou],
    }
}

fn reaches(target: &str, place: &str, account: &str) -> bool {
    target == account || (target.starts_with('/') && is_under(place, target))
}

/// The first of `calls` that one of the documents may deny to our role in `account`.
fn denied(
    account: &Account,
    calls: &BTreeSet<(String, String)>,
    documents: &[(&str, &Document)],
    baseline: &Baseline,
    facts: &Facts,
) -> Option<Denial> {
    if documents.is_empty() || account.id == facts.management_account {
        return None;
    }
    for role in roles_in(account, baseline) {
        let named = || facts.arn("iam", "", &account.id, &format!("role/{}", role.trim_start_matches('/')));
        let arn = if role.starts_with("arn:") { role } else { named() };
        for (action, region) in calls {
            let request = request(account, &arn, action, region, facts);
            for (policy, document) in documents {
                if let Some(statement) = may_deny(document, &request, &is_absent) {
                    let statement = statement.sid.clone().unwrap_or_else(|| "without Sid".into());
                    let (policy, action) = ((*policy).to_string(), action.clone());
                    return Some(Denial { policy, statement, action, account: account.id.clone() });
                }
            }
        }
    }
    None
}

/// The roles by which orgbase may enter the account.
fn roles_in(account: &Account, baseline: &Baseline) -> Vec<String> {
    let organization = &baseline.organization;
    let declared = baseline.account_key(account).and_then(|key| baseline.accounts.get(key));
    if let Some(own) = declared.and_then(|d| d.access_role.clone()) {
        return vec![own];
    }
    let default = &organization.access_role;
    let mut roles: Vec<String> = [&organization.plan_role, &organization.apply_role]
        .into_iter()
        .map(|role| role.clone().unwrap_or_else(|| default.clone()))
        .collect();
    roles.dedup();
    roles
}

fn request(account: &Account, arn: &str, action: &str, region: &str, facts: &Facts) -> Request {
    let caller = Caller::Aws { account: account.id.clone(), arn: arn.to_string(), session: None };
    let service = action.split(':').next().unwrap_or_default();
    // These have one endpoint in the commercial partition, which is in us-east-1, whatever region the client has.
    let global = matches!(service, "account" | "iam" | "sts");
    let region = if facts.partition == "aws" && global { "us-east-1" } else { region };
    Request::new(caller, action, "*")
        .with("aws:RequestedRegion", region)
        .with("aws:PrincipalOrgID", &facts.organization_id)
        .with("aws:PrincipalType", "AssumedRole")
}

/// Context keys that our calls certainly do not carry.
fn is_absent(key: &str) -> bool {
    // Role credentials from STS never came through an instance's metadata, and are no root session.
    matches!(key, "ec2:roledelivery" | "aws:assumedroot" | "aws:viaawsservice")
}

fn refusal(denial: &Denial, account: &Account) -> RunError {
    let Denial { policy, statement, action, account: id } = denial;
    RunError::new(format!(
        "policy `{}` would lock orgbase out: statement `{}` denies {action} to its role in account {} ({id})",
        safe(policy),
        safe(statement),
        safe(&account.name),
    ))
    .hint("spare the role: a condition ArnNotLike aws:PrincipalArn with arn:*:iam::*:role/<access role>")
    .hint("nothing was changed")
}

fn check_quotas(facts: &Facts, policies: &[Planned]) -> Result<(), RunError> {
    let names: BTreeSet<&str> = policies.iter().map(|p| p.name.as_str()).collect();
    let others: Vec<_> =
        facts.policies.values().filter(|p| p.kind == KIND && !names.contains(p.name.as_str())).collect();
    if others.len() + policies.len() > MAX_POLICIES {
        return Err(RunError::new(format!("the organization would have more than {MAX_POLICIES} SCPs")));
    }
    let mut attached: BTreeMap<String, usize> = BTreeMap::new();
    for target in others.iter().flat_map(|p| &p.targets) {
        let name = facts.path_of(target).map_or_else(|| target.clone(), ToString::to_string);
        *attached.entry(name).or_default() += 1;
    }
    let full_access: BTreeSet<&str> =
        others.iter().filter(|p| p.aws_managed).map(|p| p.id.as_str()).collect();
    for target in policies.iter().flat_map(|p| &p.targets) {
        // A new OU begins with FullAWSAccess.
        let begin = if facts.target_id(target).is_some() || !target.starts_with('/') {
            0
        } else {
            full_access.len().max(1)
        };
        *attached.entry(target.clone()).or_insert(begin) += 1;
    }
    match attached
        .iter()
        .find(|(target, n)| **n > MAX_ATTACHED && policies.iter().any(|p| p.targets.contains(target)))
    {
        None => Ok(()),
        Some((target, n)) => Err(RunError::new(format!(
            "{target} would have {n} SCPs attached; AWS allows {MAX_ATTACHED}, FullAWSAccess included"
        ))
        .hint("merge policies, or attach some of them to a parent OU")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::facts::Ou;

    const DENY: &str = r#"{"Version":"2012-10-17","Statement":[
        {"Sid":"No","Effect":"Deny","Action":"iam:UpdateAccountPasswordPolicy","Resource":"*"}]}"#;

    /// A baseline with a password policy and a policy of `document` on the OU `/A`.
    fn baseline(document: &str, more: &str) -> Baseline {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("deny.json"), document).unwrap();
        let text = format!(
            "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n[ous]\n\"/A\" = {{}}\n\"/B\" = {{}}\n\
             [password_policy]\nminimum_length = 14\n\
             [[scps]]\nname = \"deny\"\nfile = \"deny.json\"\ntargets = [\"/A\"]\n{more}"
        );
        let path = folder.path().join("baseline.toml");
        std::fs::write(&path, text).unwrap();
        Baseline::load(&path).map_err(|e| e.render(false)).unwrap()
    }

    /// A member account in this OU, beside the management account in the root.
    fn facts(ou: &str) -> Facts {
        let account = |id: &str, ou: &str| Account {
            id: id.into(),
            name: id.into(),
            email: format!("a{id}@example.com"),
            state: "ACTIVE".into(),
            ou: ou.into(),
            ..Account::default()
        };
        let unit = |path: &str| Ou {
            id: format!("ou-{path}"),
            arn: String::new(),
            path: path.into(),
            name: path.into(),
            parent_id: "r-1".into(),
        };
        Facts {
            partition: "aws".into(),
            root_id: "r-1".into(),
            management_account: "100000000001".into(),
            ous: ["/A", "/B"].map(|path| (path.to_string(), unit(path))).into(),
            accounts: [("100000000001", "/"), ("200000000002", ou)]
                .map(|(id, ou)| (id.to_string(), account(id, ou)))
                .into(),
            management_regions: ["eu-west-1".to_string()].into(),
            ..Facts::default()
        }
    }

    fn refused(baseline: &Baseline, facts: &Facts, moving: &[&str]) -> Option<String> {
        check_policies(baseline, facts, &moving.iter().copied().collect()).err().map(|e| e.message)
    }

    #[test]
    fn the_calls_of_controls_that_this_run_leaves_out_count() {
        // Nothing here says which units the run is about: it cannot matter.
        let message = refused(&baseline(DENY, ""), &facts("/A"), &[]).unwrap();
        assert!(message.contains("`No` denies iam:UpdateAccountPasswordPolicy"), "{message}");
        assert_eq!(refused(&baseline(DENY, ""), &facts("/B"), &[]), None);
    }

    #[test]
    fn an_account_that_this_run_does_not_move_is_judged_where_it_is_too() {
        let declared = "[accounts.web]\nname = \"web\"\nemail = \"a200000000002@example.com\"\nou = \"/B\"\n";
        let baseline = baseline(DENY, declared);
        assert!(refused(&baseline, &facts("/A"), &[]).is_some());
        assert_eq!(refused(&baseline, &facts("/A"), &["200000000002"]), None);
    }

    #[test]
    fn account_management_answers_from_us_east_1() {
        let deny = r#"{"Version":"2012-10-17","Statement":[{"Sid":"R","Effect":"Deny","Action":"account:*",
            "Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"eu-west-1"}}}]}"#;
        let contacts = "[alternate_contacts.security]\nname = \"S\"\ntitle = \"T\"\nemail = \"s@example.com\"\n\
                        phone = \"+31 20 555 0100\"\n";
        let message = refused(&baseline(deny, contacts), &facts("/A"), &[]).unwrap();
        assert!(message.contains("denies account:"), "{message}");
    }
}
