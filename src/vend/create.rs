//! Creating accounts, never twice.
//!
//! AWS itself refuses an e-mail address that is in use. Before that, a request is only sent where neither the list of accounts
//! has the address nor the list of requests a name that could be it; whoever was killed between a request and its answer
//! finds the request there. A request whose end is unknown is looked for, and never sent again in the same run.

use aws_sdk_organizations::types::Tag;

use super::calls::{Creation, CreationState};
use super::candidates::{Candidate, Stage};
use super::quota::CREATIONS_AT_ONCE;
use super::{Vendor, one};
use crate::control::Risk;
use crate::error::{CallError, Kind, UnitError};

/// Failures of a creation that have nothing to do with the account (API model: `CreateAccountFailureReason`).
const PASSING: [&str; 2] = ["CONCURRENT_ACCOUNT_MODIFICATION", "INTERNAL_FAILURE"];
/// Requests that one run sends for one account.
const ATTEMPTS: u32 = 3;
/// Hint where it is not known whether the account exists.
const LOOKS_FIRST: &str = "run the same command again: it looks the account up first";

impl Vendor<'_> {
    /// Asks how creations go, and starts further ones while AWS takes them.
    pub(super) async fn create_round(&mut self, all: &mut [Candidate]) {
        for candidate in all.iter_mut().filter(|c| c.stage == Stage::Creating) {
            if let Err(error) = self.poll(candidate).await {
                candidate.held = Some(format!("cannot be asked about: {error}"));
            }
        }
        if all.iter().any(|c| c.stage == Stage::Absent) && !self.cancel.is_cancelled() {
            self.start(all).await;
        }
    }

    async fn poll(&mut self, candidate: &mut Candidate) -> Result<(), CallError> {
        let Some(id) = candidate.creation.clone() else {
            candidate.stage = Stage::Absent;
            return Ok(());
        };
        let Some(creation) = self.creation(&id).await? else {
            let message = format!("AWS does not know the request {id} any more");
            candidate.fail(message, Some(LOOKS_FIRST.into()));
            return Ok(());
        };
        match creation.state {
            CreationState::InProgress => {}
            CreationState::Failed(reason) => self.failed(candidate, &reason).await,
            CreationState::Succeeded { account, .. } => self.arrived(candidate, account).await?,
        }
        Ok(())
    }

    /// The request made an account: ours, if it has the address.
    async fn arrived(&mut self, candidate: &mut Candidate, id: String) -> Result<(), CallError> {
        let email = candidate.declared.as_ref().map(|d| d.email.clone()).unwrap_or_default();
        match self.account(&id).await? {
            None => candidate.held = Some("was created, and is not listed yet".into()),
            Some((address, _)) if address.eq_ignore_ascii_case(&email) => {
                self.voice.tell(&format!("{}: account {id} was created", candidate.label()));
                candidate.row.account = Some(id.clone());
                candidate.stage = Stage::There;
                candidate.did(format!("created as {id}"));
            }
            Some(_) => {
                // Another account of the same name.
                candidate.creation = None;
                candidate.stage = Stage::Absent;
            }
        }
        Ok(())
    }

    async fn failed(&mut self, candidate: &mut Candidate, reason: &str) {
        candidate.creation = None;
        let sent = candidate.attempts > 0;
        if !sent || (PASSING.contains(&reason) && candidate.attempts < ATTEMPTS) {
            candidate.stage = Stage::Absent;
            return;
        }
        let email = candidate.declared.as_ref().map(|d| d.email.clone()).unwrap_or_default();
        if reason == "EMAIL_ALREADY_EXISTS" {
            // Whose address it is shows only in a list that could be read.
            if let Err(error) = self.opened.read().await {
                let why = format!(
                    "AWS did not create it: {reason}; whether the organization has the address could not be read: {}",
                    error.message
                );
                return candidate.fail(why, Some(LOOKS_FIRST.into()));
            }
            if let Some(there) = self.opened.facts().account_by_email(&email) {
                candidate.is(there);
                return;
            }
        }
        candidate.fail(format!("AWS did not create it: {reason}"), Some(hint(reason).into()));
    }

    async fn start(&mut self, all: &mut [Candidate]) {
        let mut running = match self.creations(true).await {
            Ok(running) => running,
            Err(error) => {
                for candidate in all.iter_mut().filter(|c| c.stage == Stage::Absent) {
                    candidate.held =
                        Some(format!("waits: the requests in progress cannot be listed: {error}"));
                }
                return;
            }
        };
        let mut taken: Vec<String> = all.iter().filter_map(|c| c.creation.clone()).collect();
        for candidate in all.iter_mut().filter(|c| c.stage == Stage::Absent) {
            if self.cancel.is_cancelled() {
                return;
            }
            let name = candidate.declared.as_ref().map(|d| d.name.clone()).unwrap_or_default();
            if let Some(same) = running.iter().find(|c| c.name == name) {
                // Whose it is shows when it is done.
                if !taken.contains(&same.id) {
                    taken.push(same.id.clone());
                    candidate.creation = Some(same.id.clone());
                    candidate.stage = Stage::Creating;
                }
                continue;
            }
            if running.len() >= CREATIONS_AT_ONCE {
                candidate.held =
                    Some(format!("waits for its turn: AWS creates {CREATIONS_AT_ONCE} accounts at a time"));
                continue;
            }
            let Some(started) = self.send(candidate).await else { continue };
            taken.push(started.id.clone());
            running.push(started);
        }
    }

    /// Sends one request. `None`: none is in progress because of it.
    async fn send(&mut self, candidate: &mut Candidate) -> Option<Creation> {
        match self.create(candidate).await {
            Ok(creation) => {
                self.voice.tell(&format!("{}: AWS is creating the account", candidate.label()));
                candidate.attempts += 1;
                candidate.creation = Some(creation.id.clone());
                candidate.stage = Stage::Creating;
                candidate.held = None;
                Some(creation)
            }
            Err(error) => {
                self.not_sent(candidate, error).await;
                None
            }
        }
    }

    async fn create(&mut self, candidate: &Candidate) -> Result<Creation, UnitError> {
        let baseline = self.opened.baseline();
        let Some(declared) = candidate.declared.clone() else {
            return Err(UnitError::new(Kind::Bug, "an account that is not declared is not created"));
        };
        let role = declared.access_role.clone().unwrap_or_else(|| baseline.organization.access_role.clone());
        let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build().ok();
        let tags: Vec<Tag> = declared.tags.iter().flatten().filter_map(tag).collect();
        let tags = Some(tags).filter(|tags| !tags.is_empty());
        let part = candidate.label();
        self.record(("email", &part), (serde_json::Value::Null, declared.email.clone().into()), Risk::Normal)
            .await?;
        let clients = self.management().await?;
        let answer = clients
            .organizations()
            .call("CreateAccount", |c| {
                c.create_account()
                    .account_name(&declared.name)
                    .email(&declared.email)
                    .role_name(&role)
                    .set_tags(tags.clone())
                    .send()
            })
            .await?;
        let id = answer
            .create_account_status
            .and_then(|s| s.id)
            .ok_or_else(|| UnitError::missing("the request's id"))?;
        Ok(Creation { id, name: declared.name, state: CreationState::InProgress })
    }

    /// A request was refused, or nobody knows what became of it.
    async fn not_sent(&mut self, candidate: &mut Candidate, error: UnitError) {
        let unsure = error.call.as_ref().is_some_and(|call| call.maybe_done);
        if unsure {
            // The next round looks at what is in progress before it sends anything.
            let name = candidate.declared.as_ref().map(|d| d.name.clone()).unwrap_or_default();
            let running = self.creations(true).await.unwrap_or_default();
            if let Some(found) = running.into_iter().find(|c| c.name == name) {
                candidate.attempts += 1;
                candidate.creation = Some(found.id);
                candidate.stage = Stage::Creating;
                return;
            }
            let hint = "run the same command again: it looks for the request and the account first";
            candidate.fail(format!("the request may have been sent: {}", error.message), Some(hint.into()));
        } else if matches!(error.kind, Kind::Throttled | Kind::Conflict) {
            candidate.held = Some(format!("waits: {}", error.message));
        } else {
            let full =
                "ask for a higher quota of accounts (Service Quotas, AWS Organizations), or close accounts";
            let hint = if error.kind == Kind::QuotaExceeded { Some(full.into()) } else { error.hint };
            candidate.fail(error.message, hint);
        }
    }

    /// Records that an account moves.
    pub(super) async fn record_move(&self, part: &str, from: &str, to: &str) -> Result<(), UnitError> {
        self.record(("ou", part), (one("ou", from), one("ou", to)), Risk::Disruptive).await
    }
}

/// What to do about a creation that failed for good.
fn hint(reason: &str) -> &'static str {
    match reason {
        "EMAIL_ALREADY_EXISTS" => {
            "the address belongs to an account outside the organization: use another one, or invite it"
        }
        "ACCOUNT_LIMIT_EXCEEDED" => "ask for a higher quota of accounts (Service Quotas, AWS Organizations)",
        "INVALID_EMAIL" | "INVALID_ADDRESS" => "correct the address",
        "CONCURRENT_ACCOUNT_MODIFICATION" | "INTERNAL_FAILURE" => "run the same command again later",
        _ => "see the reason in AWS's documentation of CreateAccountStatus; a new run asks again",
    }
}
