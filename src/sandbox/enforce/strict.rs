//! `--strict`: who may do what, by all the policies that have a say in it.
//!
//! Identity, resource, session and resource control policies and permissions boundaries are evaluated here, together with the
//! service control policies that always bind; by `policy::evaluate::decide`, which quotes its sources. A call also needs what
//! its service does with the caller's rights: see `needs`.

mod needs;
mod sources;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::policy::Document;
use crate::policy::evaluate::{self, Policies, Verdict};
use crate::sandbox::session;
use crate::sandbox::wire::Parsed;
use crate::sandbox::world::{Call, Fault, Principal, World};

use needs::Need;

/// The key that stands for an administrator of the management account, and its secret.
const MANAGEMENT_KEYS: [&str; 2] = ["sandbox", "AKIAORGBASESANDBOX00"];
const MANAGEMENT_SECRET: &str = "sandbox";

/// What strict mode knows beside the world.
#[derive(Debug, Default)]
pub struct Strict {
    /// Whom the key of the management account stands for; `None`: an administrator.
    acts_as: Option<Principal>,
    /// Account and action of every permission that was asked for.
    asked: Mutex<BTreeSet<(String, String)>>,
}

impl Strict {
    /// `acts_as`: the role or user of the management account whose policies bind the key of the management account.
    pub fn new(acts_as: Option<Principal>) -> Strict {
        Strict { acts_as, asked: Mutex::default() }
    }

    /// Account and action (`service:Action`) of every permission that was asked for so far.
    pub fn asked(&self) -> BTreeSet<(String, String)> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The secret with which a request must be signed.
    pub(in crate::sandbox) fn secret(access_key: &str) -> String {
        if MANAGEMENT_KEYS.contains(&access_key) {
            return MANAGEMENT_SECRET.to_owned();
        }
        session::secret(access_key)
    }

    /// Who signed: a session, a user, or the management account's own key.
    ///
    /// # Errors
    /// `InvalidClientTokenId` for a key that the sandbox did not issue, `ExpiredToken`.
    pub(in crate::sandbox) fn identify(
        &self,
        world: &World,
        parsed: &Parsed,
        now: f64,
    ) -> Result<(String, Principal), Fault> {
        let key = parsed.access_key.as_str();
        if let Some(caller) = session::identify(key, parsed.token.as_deref(), now)? {
            return Ok(caller);
        }
        if MANAGEMENT_KEYS.contains(&key) {
            let account = super::organizations::keyholder(world).to_owned();
            return Ok((account, self.acts_as.clone().unwrap_or(Principal::Management)));
        }
        let holds = |user: &crate::sandbox::services::iam::User| {
            user.keys.iter().any(|held| held.id == key && held.status == "Active")
        };
        for (account, iam) in &world.iam {
            if let Some(user) = iam.users.values().find(|user| holds(user)) {
                return Ok((account.clone(), Principal::User { name: user.name.clone() }));
            }
        }
        Err(Fault::new("InvalidClientTokenId", "The security token included in the request is invalid.")
            .status(403))
    }

    /// Refuses the call unless every policy that has a say lets it, and whatever its service does for the caller.
    ///
    /// # Errors
    /// AWS's access-denied fault of the service, with AWS's message.
    pub(in crate::sandbox) fn check(
        &self,
        world: &World,
        call: &Call,
        session: Option<&str>,
    ) -> Result<(), Fault> {
        if call.service == "sts" && call.operation == "GetCallerIdentity" {
            return Ok(());
        }
        // What a session of AssumeRoot may do was decided before.
        if crate::sandbox::caller::is_root_session(call) {
            return Ok(());
        }
        for need in needs::of(world, call) {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.insert((call.account.clone(), need.action.clone()));
            drop(asked);
            let verdict = verdict(world, call, &need, session);
            if verdict != Verdict::Allowed {
                let reason = verdict.reason(&need.action);
                return Err(super::denied(world, call, &need.action, &need.resource, &reason));
            }
        }
        Ok(())
    }
}

fn verdict(world: &World, call: &Call, need: &Need, session: Option<&str>) -> Verdict {
    let identity = sources::identity(world, call);
    let boundary = sources::boundary(world, call);
    let session: Option<Vec<Arc<Document>>> = session.map(|text| super::parsed(text).into_iter().collect());
    let resource = sources::resource(world, call, need);
    let service_control = sources::levels(world, &call.account, "SERVICE_CONTROL_POLICY");
    let owner = resource.as_ref().map_or(call.account.as_str(), |resource| resource.owner.as_str());
    let resource_control = if sources::is_under_resource_control(&need.action) {
        sources::levels(world, owner, "RESOURCE_CONTROL_POLICY")
    } else {
        Vec::new()
    };
    let policies = Policies {
        identity: list(&identity),
        boundary: boundary.as_ref().map(|documents| list(documents)),
        session: session.as_ref().map(|documents| list(documents)),
        resource: resource.as_ref().and_then(|resource| resource.policy.as_deref()),
        service_control: service_control.iter().map(|level| list(level)).collect(),
        resource_control: resource_control.iter().map(|level| list(level)).collect(),
        other_account: owner != call.account,
        resource_must_allow: resource.as_ref().is_some_and(|resource| resource.must_allow),
    };
    let mut request =
        super::request(world, call, &need.action, &need.resource).with("aws:ResourceAccount", owner);
    for (key, value) in &need.context {
        request = request.with(key, value);
    }
    evaluate::decide(&policies, &request)
}

fn list(documents: &[Arc<Document>]) -> Vec<&Document> {
    documents.iter().map(Arc::as_ref).collect()
}

#[cfg(test)]
mod tests;
