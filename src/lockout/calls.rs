//! What a run calls in each account, as policies see it.

use std::collections::{BTreeMap, BTreeSet};

use crate::baseline::Baseline;
use crate::control::Seat;
use crate::emit::actions::iam_actions;
use crate::emit::{iam, scopes};
use crate::facts::{Account, Facts};
use crate::policy::evaluate::{Caller, Request};
use crate::units::{OutcomeKind, Task, Unit, seat_account};

/// One kind of call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    /// IAM action.
    pub(super) action: String,
    /// Region of the client.
    pub(super) region: String,
    /// It is declared as a write: what it may be done to is known better.
    pub(super) write: bool,
}

/// Everything that units do in each account, and the look-up of its regions.
pub(super) fn by_account<'a>(
    units: &'a [Unit],
    facts: &'a Facts,
    baseline: &Baseline,
) -> BTreeMap<&'a str, BTreeSet<Call>> {
    let home = baseline.organization.home_region.as_str();
    let call = |action, region: &str, write| Call { action, region: region.to_owned(), write };
    let mut calls: BTreeMap<&str, BTreeSet<Call>> = BTreeMap::new();
    for account in facts.regions.keys() {
        calls.entry(account).or_default().insert(call("ec2:DescribeRegions".into(), home, false));
    }
    for unit in units.iter().filter(|u| is_managed(&u.task)) {
        let reads = unit.meta.reads.iter().flat_map(|op| iam_actions(op)).map(|action| (action, false));
        let writes = unit.meta.writes.iter().flat_map(|op| iam_actions(op)).map(|action| (action, true));
        let all = reads.chain(writes).map(|(action, write)| call(action, &unit.id.region, write));
        calls.entry(unit.seat.as_str()).or_default().extend(all);
        for (seat, operations) in unit.meta.elsewhere {
            let accounts: Vec<&str> = match (seat, seat_account(baseline, facts, *seat)) {
                (Seat::Member, _) => facts.accounts.keys().map(String::as_str).collect(),
                (_, Ok(account)) => vec![account.id.as_str()],
                (_, Err(_)) => Vec::new(),
            };
            let actions: BTreeSet<String> = operations.iter().flat_map(|op| iam_actions(op)).collect();
            for account in accounts {
                let there = actions.iter().map(|action| call(action.clone(), &unit.id.region, false));
                calls.entry(account).or_default().extend(there);
            }
        }
    }
    calls
}

/// Whether a unit makes calls, now or once what holds it up is gone.
fn is_managed(task: &Task) -> bool {
    !matches!(task, Task::Settled(OutcomeKind::Skipped | OutcomeKind::NotApplicable, _))
}

/// What calls in one account look like to a policy.
pub(super) struct Eyes<'a> {
    account: &'a Account,
    facts: &'a Facts,
    names: scopes::Names,
    /// ARNs of the roles by which orgbase may enter the account.
    roles: Vec<String>,
    /// The log archive, whose keys and buckets other accounts' calls may be about.
    archive: Option<&'a str>,
}

impl<'a> Eyes<'a> {
    pub(super) fn new(account: &'a Account, baseline: &Baseline, facts: &'a Facts) -> Eyes<'a> {
        let arn = |role: String| {
            if role.starts_with("arn:") {
                return role;
            }
            facts.arn("iam", "", &account.id, &format!("role/{}", role.trim_start_matches('/')))
        };
        let archive = seat_account(baseline, facts, Seat::LogArchive).ok().map(|a| a.id.as_str());
        Eyes {
            account,
            facts,
            names: iam::names(baseline),
            roles: roles_in(account, baseline).into_iter().map(arn).collect(),
            archive: archive.filter(|id| *id != account.id),
        }
    }

    /// The same for a role that is none of ours.
    pub(super) fn of_others(self) -> Eyes<'a> {
        let other = self.facts.arn("iam", "", &self.account.id, "role/somebody-else");
        Eyes { roles: vec![other], ..self }
    }

    /// A call by each of our roles. `narrow`: on each kind of thing that it may be done to; else on nothing in particular,
    /// which is all that matters to a policy that is about everything.
    pub(super) fn requests(&self, call: &Call, narrow: bool) -> Vec<Request> {
        let resources = if narrow { self.resources(call) } else { vec![NOTHING.to_owned()] };
        let of_role = |role: &String| -> Vec<Request> {
            resources.iter().map(|resource| self.request(role, call, resource)).collect()
        };
        self.roles.iter().flat_map(of_role).collect()
    }

    /// Patterns of the ARNs of what a call is done to: by name where the baseline says so, else anything of the service in
    /// the account, in the log archive, or without an account in its ARN. So a deny that is about others' things is none
    /// of our business.
    fn resources(&self, call: &Call) -> Vec<String> {
        let partition = |arn: String| arn.replacen("arn:*:", &format!("arn:{}:", self.facts.partition), 1);
        if let Some(named) = scopes::resources(&call.action, call.write, &self.names) {
            return named.into_iter().map(partition).collect();
        }
        let (service, name) = call.action.split_once(':').unwrap_or_default();
        if service == "iam" {
            return iam_kind(name).map_or_else(
                || vec![NOTHING.to_owned()],
                |kind| vec![partition(format!("arn:*:iam::{}:{kind}/*", self.account.id))],
            );
        }
        let accounts = [Some(self.account.id.as_str()), Some(""), self.archive];
        let arns = accounts.into_iter().flatten().map(|id| partition(format!("arn:*:{service}:*:{id}:*")));
        std::iter::once(NOTHING.to_owned()).chain(arns).collect()
    }

    fn request(&self, role: &str, call: &Call, resource: &str) -> Request {
        let account = self.account.id.clone();
        let caller = Caller::Aws { account, arn: role.to_owned(), session: None };
        let service = call.action.split(':').next().unwrap_or_default();
        // These have one endpoint in the commercial partition, which is in us-east-1, whatever region the client has.
        let global = matches!(service, "account" | "iam" | "sts");
        let region = if self.facts.partition == "aws" && global { "us-east-1" } else { &call.region };
        Request::new(caller, &call.action, resource)
            .with("aws:RequestedRegion", region)
            .with("aws:PrincipalOrgID", &self.facts.organization_id)
            .with("aws:PrincipalType", "AssumedRole")
    }
}

/// What an IAM action is about, as its ARN has it; `None`: the account (its password policy, alias, reports, lists).
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html>
fn iam_kind(name: &str) -> Option<&'static str> {
    const OF_ACCOUNT: [&str; 5] = ["Account", "CredentialReport", "Organizations", "ListRoles", "ListUsers"];
    // The first that fits: `ListAttachedRolePolicies` is about a role.
    const KINDS: [(&str, &str); 7] = [
        ("Role", "role"),
        ("User", "user"),
        ("Group", "group"),
        ("LoginProfile", "user"),
        ("AccessKey", "user"),
        ("MFADevice", "user"),
        ("Polic", "policy"),
    ];
    if OF_ACCOUNT.iter().any(|word| name.contains(word)) {
        return None;
    }
    KINDS.iter().find(|(word, _)| name.contains(word)).map(|(_, kind)| *kind)
}

/// The resource of a call that is about nothing in particular. AWS takes `*`, which a foreseen request reads as "anything":
/// this is matched by `*` alone.
const NOTHING: &str = "nothing";

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

/// Context keys that our calls certainly do not carry.
pub(super) fn is_absent(key: &str) -> bool {
    // Role credentials from STS never came through an instance's metadata, and are no root session.
    matches!(key, "ec2:roledelivery" | "aws:assumedroot" | "aws:viaawsservice")
}
