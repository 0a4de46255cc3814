//! The two kinds of error: `RunError` (nothing was attempted) and `UnitError` (one unit failed, the run goes on).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a unit failed. A closed list, documented in `docs/errors.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// AWS refused the caller: a permission is missing, or a policy denies the call.
    Denied,
    /// AWS kept throttling until the unit's deadline.
    Throttled,
    /// The service or the region is not available to this account.
    NotAvailable,
    /// The service does not exist in the region.
    NotInRegion,
    /// Somebody else is changing the same thing, or it exists in another form.
    Conflict,
    /// Something that was there a moment ago is gone.
    Vanished,
    /// No answer within the deadline, or the connection broke; a write may have happened.
    TimedOut,
    /// AWS refused the request itself.
    Rejected,
    /// AWS accepted the write, but reading it back shows something else.
    Inconsistent,
    /// A quota of the account or the organization is used up.
    QuotaExceeded,
    /// A control called an operation that it did not declare, or orgbase has another defect.
    Bug,
}

/// Where in a unit's life it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Assuming the account's role.
    Session,
    /// Reading the live state.
    Read,
    /// Comparing; a document that could not be understood.
    Diff,
    /// Writing.
    Apply,
    /// Reading back what was written.
    Verify,
}

/// What a failure left behind in AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Left {
    /// Nothing was written.
    Untouched,
    /// Some writes of the unit were done.
    Partial,
    /// A write may or may not have been done.
    Unknown,
}

/// One AWS call that failed, after retries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct CallError {
    /// Service key, such as `iam`.
    pub service: String,
    /// Operation name, such as `GetAccountPasswordPolicy`.
    pub operation: String,
    /// 12-digit id of the account whose credentials were used.
    pub account: String,
    /// Region of the client.
    pub region: String,
    /// Error code on the wire, where there was an answer.
    pub code: Option<String>,
    /// AWS's message.
    pub message: Option<String>,
    /// HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// AWS's request id.
    pub request_id: Option<String>,
    /// Class of the failure, by code.
    pub kind: Kind,
    /// The request may have been carried out although no good answer came back.
    pub maybe_done: bool,
    /// The role of the account could not be assumed: the call itself was never sent.
    pub session: bool,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} failed", self.service, self.operation)?;
        if let Some(code) = &self.code {
            write!(f, " with {code}")?;
        }
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        Ok(())
    }
}

impl CallError {
    /// Whether AWS answered with one of these error codes.
    pub fn is(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|c| codes.contains(&c))
    }
}

/// Turns "AWS says that it does not exist" into `None`; every other failure stays one.
pub trait Absent<T> {
    /// `Ok(None)` where the error code is one of `codes`.
    fn absent(self, codes: &[&str]) -> Result<Option<T>, CallError>;
}

impl<T> Absent<T> for Result<T, CallError> {
    fn absent(self, codes: &[&str]) -> Result<Option<T>, CallError> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(e) if e.is(codes) => Ok(None),
            Err(e) => Err(e),
        }
    }
}

/// Why one unit failed. Travels in the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct UnitError {
    /// Where in the unit's life.
    pub phase: Phase,
    /// Class.
    pub kind: Kind,
    /// What is left in AWS.
    pub left: Left,
    /// What failed, without the call's details.
    pub message: String,
    /// What the user can do, where there is something.
    pub hint: Option<String>,
    /// The call that failed, where it was a call.
    pub call: Option<CallError>,
}

impl UnitError {
    /// A failure that is not a failed call, such as a document that makes no sense.
    pub fn new(kind: Kind, message: impl Into<String>) -> UnitError {
        UnitError {
            phase: Phase::Read,
            kind,
            left: Left::Untouched,
            message: message.into(),
            hint: None,
            call: None,
        }
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> UnitError {
        self.hint = Some(hint.into());
        self
    }

    /// An answer of AWS lacks something that it always has.
    pub fn missing(what: &str) -> UnitError {
        UnitError::new(Kind::Inconsistent, format!("AWS's answer lacks {what}"))
    }
}

const ROLE_HINT: &str = "let the account's role trust the caller, name another role with `access_role`, or take the account \
                         out: `managed = false` with a reason";
const DENIED_HINT: &str =
    "`orgbase emit iam-policy` prints what each role needs; a policy of the organization may deny it too";

impl From<CallError> for UnitError {
    fn from(call: CallError) -> UnitError {
        let phase = if call.session { Phase::Session } else { Phase::Read };
        let left = if call.maybe_done { Left::Unknown } else { Left::Untouched };
        let hint = match call.kind {
            _ if call.session => Some(ROLE_HINT),
            Kind::Denied => Some(DENIED_HINT),
            _ => None,
        };
        let hint = hint.map(ToString::to_string);
        UnitError { phase, kind: call.kind, left, message: call.to_string(), hint, call: Some(call) }
    }
}

/// The run could not start: nothing was attempted. Exit code 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RunError {
    /// What is wrong and where.
    pub message: String,
    /// What to do, one line each.
    pub hints: Vec<String>,
}

impl RunError {
    /// An error with a message; a full sentence or clause that names what failed.
    pub fn new(message: impl Into<String>) -> RunError {
        RunError { message: message.into(), hints: Vec::new() }
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> RunError {
        self.hints.push(hint.into());
        self
    }
}

impl From<CallError> for RunError {
    fn from(call: CallError) -> RunError {
        RunError::new(format!("{call} (account {}, {})", call.account, call.region))
    }
}

/// First cells of the table under a heading of `docs/errors.md`, for the tests that compare it with the code.
#[cfg(test)]
pub(crate) fn documented(heading: &str) -> Vec<&'static str> {
    let page = include_str!("../docs/errors.md");
    let section = page.split("\n## ").find(|s| s.lines().next() == Some(heading)).unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::OutcomeKind;

    /// The name in the JSON. A new kind does not compile before it is named, and then fails the test below.
    fn name(kind: Kind) -> &'static str {
        match kind {
            Kind::Denied => "denied",
            Kind::Throttled => "throttled",
            Kind::NotAvailable => "not_available",
            Kind::NotInRegion => "not_in_region",
            Kind::Conflict => "conflict",
            Kind::Vanished => "vanished",
            Kind::TimedOut => "timed_out",
            Kind::Rejected => "rejected",
            Kind::Inconsistent => "inconsistent",
            Kind::QuotaExceeded => "quota_exceeded",
            Kind::Bug => "bug",
        }
    }

    #[test]
    fn the_documents_explain_every_kind() {
        let documented = documented("Failure kinds");
        // Kinds are declared in the order of the document; the last one ends both.
        let kinds: Vec<Kind> = documented
            .iter()
            .filter_map(|name| serde_json::from_value(serde_json::Value::from(*name)).ok())
            .collect();
        assert_eq!(kinds.iter().map(|k| name(*k)).collect::<Vec<_>>(), documented);
        assert!(kinds.iter().enumerate().all(|(i, kind)| *kind as usize == i), "{documented:?}");
        assert_eq!(kinds.last(), Some(&Kind::Bug));
    }

    #[test]
    fn the_documents_explain_every_outcome() {
        assert_eq!(documented("Outcomes of a unit"), OutcomeKind::ALL.map(OutcomeKind::name));
    }
}
