//! Makes the organization that a [`Spec`] asks for, through the services' own handlers where it matters what they do.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::models;
use super::services::organizations::{self, Account, AccountState};
use super::services::{self, iam, sso_admin};
use super::spec::{
    Counts, Exact, ExactAccount, ExactPolicy, MANAGEMENT_ID, ORGANIZATION_ID, REGIONS, Spec, State,
};
use super::world::{Call, Principal, World};
use crate::error::RunError;
use crate::policy::is_account_id;

mod drift;
mod names;
mod workloads;

/// When generated organizations began: 2025-01-01. A fixed time, so that a seed always gives the same organization.
const BEGIN: f64 = 1_735_689_600.0;
const HOUR: f64 = 3600.0;
const ROLE: &str = "OrganizationAccountAccessRole";

/// The world of a spec. The same spec always gives the same world.
///
/// # Errors
/// An organization file asks for something impossible; the message names it.
pub(super) fn world(spec: &Spec) -> Result<World, RunError> {
    match spec {
        Spec::Counts(counts) => {
            let mut world = build(&describe(counts))?;
            drift::spread(&mut world, counts.drift);
            workloads::add(&mut world, counts.foreign)?;
            Ok(world)
        }
        Spec::Exact(exact) => build(exact),
    }
}

/// Counts as an exact organization.
fn describe(counts: &Counts) -> Exact {
    let ous = names::units(counts.ous);
    let account = |number: usize, ou: Option<&String>| {
        let name = names::account(number);
        ExactAccount {
            email: format!("aws+{name}@example.com"),
            name,
            id: None,
            ou: ou.cloned(),
            state: State::Active,
            invited: false,
            role: None,
        }
    };
    let has = |path: &str| ous.iter().find(|ou| *ou == path);
    let homes: Vec<&String> = ous.iter().filter(|ou| names::holds_accounts(ou)).collect();
    let shared = |name: &str, email: &str| ExactAccount {
        name: name.to_owned(),
        email: email.to_owned(),
        ..account(0, has("/Security"))
    };
    let mut accounts =
        vec![shared("Log Archive", "aws+log@example.com"), shared("Security", "aws+security@example.com")];
    let others = counts.accounts.saturating_sub(accounts.len());
    for number in 0..others + counts.invited + counts.suspended {
        // the names go product by product, the homes environment by environment: spread both
        let home = homes.get(number % homes.len().max(1)).copied();
        let made = account(number, home);
        accounts.push(if number < others {
            made
        } else if number < others + counts.invited {
            ExactAccount { invited: true, ..made }
        } else {
            ExactAccount { state: State::Suspended, ou: has("/Suspended").cloned(), ..made }
        });
    }
    Exact {
        id: ORGANIZATION_ID.to_owned(),
        management: MANAGEMENT_ID.to_owned(),
        seed: counts.seed,
        identity_center: (counts.foreign > 0).then(|| REGIONS[0].to_owned()),
        regions: REGIONS.iter().take(counts.regions).map(ToString::to_string).collect(),
        policies: foreign(counts.foreign, &ous),
        ous,
        accounts,
        ..Exact::default()
    }
}

/// Policies of Control Tower and of others; the first is attached to an OU, or to the root where there is none.
fn foreign(count: usize, ous: &[String]) -> Vec<ExactPolicy> {
    let target = ous.first().map_or("/", String::as_str);
    let deny = |action: &str| {
        json!({"Version": "2012-10-17", "Statement": [{
            "Sid": "Guardrail", "Effect": "Deny", "Action": action, "Resource": "*",
            "Condition": {"ArnNotLike": {"aws:PrincipalARN": "arn:*:iam::*:role/AWSControlTowerExecution"}},
        }]})
    };
    // nothing that a baseline has to do itself
    let actions = ["ec2:CreateDefaultVpc", "lightsail:*", "gamelift:*", "robomaker:*"];
    (0..count)
        .map(|number| ExactPolicy {
            name: match number % 2 {
                0 => format!("aws-guardrails-{number:06x}"),
                _ => format!("AWSAccelerator-Guardrail-{number}"),
            },
            kind: "SERVICE_CONTROL_POLICY".to_owned(),
            json: deny(actions.get(number % actions.len()).unwrap_or(&"lightsail:*")).to_string(),
            targets: if number == 0 { vec![target.to_owned()] } else { Vec::new() },
        })
        .collect()
}

fn build(exact: &Exact) -> Result<World, RunError> {
    let mut world = World {
        partition: "aws".to_owned(),
        seed: exact.seed,
        page_limit: exact.page_limit,
        regions: exact.regions.clone(),
        unavailable: exact.unavailable.clone(),
        ..World::default()
    };
    if let Some(unknown) = exact.unavailable.keys().find(|service| models::api(service).is_none()) {
        return Err(RunError::new(format!("organization file: unavailable: unknown service {unknown}"))
            .hint("services are called as botocore calls them, such as `guardduty`"));
    }
    let management = Account {
        id: exact.management.clone(),
        name: "Management".to_owned(),
        email: "aws@example.com".to_owned(),
        parent: String::new(),
        created: false,
        joined: BEGIN,
        state: AccountState::Active,
        closing_at: None,
    };
    organizations::found(&mut world, Some(&exact.id), &management, true);
    // room for what a baseline adds; AWS's own default of 10 would be in the way of every organization above that
    world.organizations.account_limit = Some(exact.accounts.len() + 1000);
    let mut maker = Maker { world: &mut world, places: BTreeMap::new(), moment: BEGIN };
    maker.units(exact)?;
    for account in &exact.accounts {
        maker.account(account)?;
    }
    maker.settings(exact)?;
    Ok(world)
}

struct Maker<'a> {
    world: &'a mut World,
    /// Ids by OU path, account name and account id.
    places: BTreeMap<String, String>,
    moment: f64,
}

impl Maker<'_> {
    /// Makes a call as the management account, or as `account`.
    fn call(
        &mut self,
        account: &str,
        region: &str,
        name: (&str, &str),
        input: Value,
    ) -> Result<Value, RunError> {
        self.moment += 1.0;
        let call = Call {
            service: name.0.to_owned(),
            operation: name.1.to_owned(),
            account: account.to_owned(),
            region: region.to_owned(),
            principal: Principal::Management,
            input,
            now: self.moment,
        };
        match services::dispatch(self.world, &call) {
            Some(Ok(output)) => Ok(output),
            Some(Err(fault)) => {
                Err(wrong(&format!("{}:{}: {}: {}", name.0, name.1, fault.code, fault.message)))
            }
            None => Err(wrong(&format!("{}:{} is not simulated", name.0, name.1))),
        }
    }

    fn organizations(&mut self, operation: &str, input: Value) -> Result<Value, RunError> {
        let management = organizations::management(self.world).unwrap_or_default().to_owned();
        self.call(&management, "us-east-1", ("organizations", operation), input)
    }

    fn place(&self, name: &str) -> Result<String, RunError> {
        self.places.get(name).cloned().ok_or_else(|| wrong(&format!("there is no OU or account {name}")))
    }

    fn units(&mut self, exact: &Exact) -> Result<(), RunError> {
        let root = self.world.organizations.organization.as_ref().map(|o| o.root.clone()).unwrap_or_default();
        self.places.insert("/".to_owned(), root);
        self.places.insert(exact.management.clone(), exact.management.clone());
        self.places.insert("Management".to_owned(), exact.management.clone());
        for path in &exact.ous {
            let mut parent = "/".to_owned();
            for name in path.split('/').filter(|name| !name.is_empty()) {
                let own = format!("{}/{name}", parent.trim_end_matches('/'));
                if !self.places.contains_key(&own) {
                    let input = json!({"ParentId": self.place(&parent)?, "Name": name});
                    let made = self.organizations("CreateOrganizationalUnit", input)?;
                    let id =
                        made.pointer("/OrganizationalUnit/Id").and_then(Value::as_str).unwrap_or_default();
                    self.places.insert(own.clone(), id.to_owned());
                }
                parent = own;
            }
        }
        Ok(())
    }

    /// Adds an account as if its creation were complete.
    fn account(&mut self, asked: &ExactAccount) -> Result<(), RunError> {
        let id = match &asked.id {
            Some(id) if is_account_id(id) => id.clone(),
            Some(id) => return Err(wrong(&format!("{id} is not an account id"))),
            None => format!("{}{}", self.world.id(1, "123456789"), self.world.id(11, "0123456789")),
        };
        if self.world.organizations.accounts.contains_key(&id) {
            return Err(wrong(&format!("account {id} exists twice")));
        }
        let parent = self.place(asked.ou.as_deref().unwrap_or("/"))?;
        self.moment += HOUR;
        let role = asked.role.as_deref().unwrap_or(if asked.invited { "" } else { ROLE });
        if !role.is_empty() {
            let management = organizations::management(self.world).unwrap_or_default().to_owned();
            let role_id = iam::fresh_id(self.world, "AROA");
            iam::add_access_role(self.world, &id, &management, role, &role_id, self.moment);
        }
        let state = match asked.state {
            State::Active => AccountState::Active,
            State::Suspended => AccountState::Suspended,
            State::PendingClosure => AccountState::PendingClosure,
            State::Closed => AccountState::Closed,
        };
        let account = Account {
            id: id.clone(),
            name: asked.name.clone(),
            email: asked.email.clone(),
            parent,
            created: !asked.invited,
            joined: self.moment,
            state,
            closing_at: None,
        };
        organizations::accounts::join(self.world, account);
        self.places.insert(asked.name.clone(), id.clone());
        self.places.insert(id.clone(), id);
        Ok(())
    }

    fn settings(&mut self, exact: &Exact) -> Result<(), RunError> {
        let root = self.place("/")?;
        let mut types = exact.policy_types.clone();
        types.extend(exact.policies.iter().map(|policy| policy.kind.clone()));
        types.sort();
        types.dedup();
        for kind in types {
            self.organizations("EnablePolicyType", json!({"RootId": root, "PolicyType": kind}))?;
        }
        for principal in &exact.trusted_access {
            self.organizations("EnableAWSServiceAccess", json!({"ServicePrincipal": principal}))?;
        }
        if let Some(region) = &exact.identity_center {
            sso_admin::enable(self.world, &exact.management, region, None, self.moment);
        }
        for policy in &exact.policies {
            let input =
                json!({"Name": policy.name, "Description": "", "Type": policy.kind, "Content": policy.json});
            let made = self.organizations("CreatePolicy", input)?;
            let id = made
                .pointer("/Policy/PolicySummary/Id")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            for target in &policy.targets {
                let target = self.place(target)?;
                self.organizations("AttachPolicy", json!({"PolicyId": id, "TargetId": target}))?;
            }
        }
        for call in &exact.calls {
            let account = self.place(call.account.as_deref().unwrap_or("Management"))?;
            let region = call.region.clone().or_else(|| exact.regions.first().cloned()).unwrap_or_default();
            self.call(&account, &region, (&call.service, &call.operation), call.input.clone())?;
        }
        Ok(())
    }
}

fn wrong(why: &str) -> RunError {
    RunError::new(format!("cannot make the simulated organization: {why}"))
}

#[cfg(test)]
mod tests;
