//! Closing accounts: with two keys, after they administer nothing any more, within AWS's quotas.

use serde_json::json;

use super::Vendor;
use super::candidates::{Candidate, Stage};
use super::quota::CLOSURES_AT_ONCE;
use crate::control::{Risk, Seat};
use crate::controls::SECTIONS;
use crate::controls::delegated_admins::dismissal;
use crate::error::{CallError, Kind, UnitError};
use crate::units::{OutcomeKind, seat_account};

/// How closing an account went.
enum Closing {
    /// AWS is at it.
    Started,
    /// AWS takes no further one now.
    Later(String),
    /// AWS takes no further one for days.
    UsedUp(String),
}

impl Vendor<'_> {
    /// Closes what is to be closed, while AWS takes it, and asks how closures go.
    pub(super) async fn close_round(&mut self, all: &mut [Candidate]) {
        let mut running = 0;
        for candidate in all.iter_mut().filter(|c| c.stage == Stage::Closing) {
            if self.cancel.is_cancelled() {
                return;
            }
            let state = match self.account(candidate.id()).await {
                Ok(found) => found.map(|(_, state)| state),
                Err(error) => {
                    candidate.held = Some(format!("cannot be asked about: {error}"));
                    continue;
                }
            };
            match state.as_deref() {
                Some("PENDING_CLOSURE") => running += 1,
                // It was asked for already: once is enough.
                Some("ACTIVE" | "PENDING_ACTIVATION") if candidate.closing => running += 1,
                Some("ACTIVE" | "PENDING_ACTIVATION") => self.close(candidate, &mut running).await,
                // CLOSED, SUSPENDED, or gone from the organization.
                _ => {
                    if candidate.row.done.is_empty() {
                        candidate.end(OutcomeKind::InSync, Some("it is closed".into()));
                    } else {
                        candidate.end(OutcomeKind::Applied, None);
                    }
                }
            }
        }
    }

    async fn close(&mut self, candidate: &mut Candidate, running: &mut usize) {
        if *running >= CLOSURES_AT_ONCE {
            candidate.held =
                Some(format!("waits for its turn: AWS closes {CLOSURES_AT_ONCE} accounts at a time"));
            return;
        }
        match self.dismiss_and_close(candidate).await {
            Ok(Closing::Started) => {
                *running += 1;
                candidate.closing = true;
                self.voice.tell(&format!("{}: AWS is closing the account", candidate.label()));
                candidate.did("asked AWS to close it");
            }
            Ok(Closing::Later(why)) => candidate.held = Some(format!("waits: {why}")),
            Ok(Closing::UsedUp(why)) => {
                candidate.end(OutcomeKind::Blocked, Some(why));
                candidate.row.hint =
                    Some("run the same command again when closures are older than 30 days".into());
            }
            Err(error) => candidate.fail(error.message, error.hint),
        }
    }

    /// Why an account is not closed, whatever AWS would say.
    pub(super) fn refusal(&self, candidate: &Candidate) -> Option<(OutcomeKind, String)> {
        let declared = candidate.declared.as_ref().filter(|_| candidate.stage == Stage::Closing)?;
        let account = self.opened.facts().accounts.get(candidate.id())?;
        if account.state == "PENDING_CLOSURE" {
            return None;
        }
        if declared.protected {
            let why = "it is protected: take `protected = true` out before it can be closed";
            return Some((OutcomeKind::Blocked, why.into()));
        }
        if let Some(section) = self.needed_by(candidate) {
            let why = format!(
                "`[{section}]` still names it: name another account there, and `orgbase apply`, first"
            );
            return Some((OutcomeKind::Blocked, why));
        }
        (!self.request.destructive)
            .then(|| (OutcomeKind::Drift, "closing an account needs --allow-destructive".to_owned()))
    }

    /// A section whose calls are made in the account, or that makes it an administrator.
    fn needed_by(&self, candidate: &Candidate) -> Option<&'static str> {
        let (baseline, facts) = (self.opened.baseline(), self.opened.facts());
        if candidate.row.key.as_ref().is_some_and(|key| dismissal::declared(baseline).contains(key)) {
            return Some("delegated_admins");
        }
        let sits = |seat: Seat| {
            let named = !matches!(seat, Seat::Management | Seat::Member);
            named && seat_account(baseline, facts, seat).is_ok_and(|a| a.id == candidate.id())
        };
        let declared = SECTIONS.iter().filter(|s| baseline.declares(s.meta().id));
        declared
            .map(|s| (s.meta().id, s.controls()))
            .find(|(_, c)| c.iter().any(|c| sits(c.meta().seat)))
            .map(|(id, _)| id)
    }

    async fn dismiss_and_close(&mut self, candidate: &mut Candidate) -> Result<Closing, UnitError> {
        let id = candidate.id().to_owned();
        let services = self.administered(&id).await?;
        let part = candidate.label();
        if !services.is_empty() {
            self.record(("delegated_administrator", &part), (json!(services), json!([])), Risk::Destructive)
                .await?;
            let (baseline, facts) = (self.opened.baseline(), self.opened.facts());
            dismissal::dismiss(self.opened.aws(), facts, baseline, &id, &services).await?;
            candidate.did(format!("deregistered as administrator of {}", services.join(", ")));
        }
        self.record(("closed", &part), (json!(false), json!(true)), Risk::Destructive).await?;
        let closed = self
            .management()
            .await?
            .organizations()
            .call("CloseAccount", |c| c.close_account().account_id(&id).send())
            .await;
        match closed {
            Ok(_) => Ok(Closing::Started),
            Err(error) if error.is(&["AccountAlreadyClosedException"]) => Ok(Closing::Started),
            Err(error) => refused(error),
        }
    }
}

/// AWS did not take the request. Both quotas come with one code: only the text tells them apart (API reference of
/// CloseAccount: "You can close 3 accounts concurrently", "in a rolling 30 day period").
fn refused(error: CallError) -> Result<Closing, UnitError> {
    let text = error.message.clone().unwrap_or_default();
    let waits = matches!(error.kind, Kind::Throttled | Kind::Conflict) || error.maybe_done;
    match error.kind {
        Kind::QuotaExceeded if text.contains("30 days") || text.contains("30 day") => {
            Ok(Closing::UsedUp(text))
        }
        Kind::QuotaExceeded => Ok(Closing::Later(text)),
        _ if waits => Ok(Closing::Later(error.to_string())),
        _ => Err(error.into()),
    }
}
