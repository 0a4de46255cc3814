//! The words with which each service throttles and fails.

use crate::sandbox::models;
use crate::sandbox::wire::Protocol;
use crate::sandbox::world::Fault;

/// Throttling codes with their HTTP status. `reference/aws-limits.md` 5.2; the API models name most of them.
const BY_SERVICE: &[(&str, &str, u16)] = &[
    ("account", "TooManyRequestsException", 429),
    ("cloudformation", "Throttling", 400),
    ("cloudwatch", "Throttling", 400),
    ("detective", "TooManyRequestsException", 429),
    ("ec2", "RequestLimitExceeded", 503),
    ("guardduty", "TooManyRequestsException", 429),
    ("iam", "Throttling", 400),
    ("organizations", "TooManyRequestsException", 400),
    ("rds", "Throttling", 400),
    ("s3", "SlowDown", 503),
    ("s3control", "SlowDown", 503),
    ("securityhub", "TooManyRequestsException", 429),
    ("sns", "Throttled", 429),
    ("sts", "Throttling", 400),
];
/// Codes of API models that mean a throttle.
const IN_MODELS: &[&str] = &["ThrottlingException", "TooManyRequestsException", "ThrottledException"];

/// The refusal of a call that comes too soon.
pub(super) fn throttled(service: &str, operation: &str, protocol: Protocol) -> Fault {
    let (code, status) = code(service, operation, protocol);
    Fault::new(code, "Rate exceeded").status(status)
}

/// A server error: S3's own, and the one that other services share.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>
pub(super) fn failed(service: &str) -> Fault {
    let code = if service.starts_with("s3") { "InternalError" } else { "InternalFailure" };
    Fault::new(code, "We encountered an internal error. Please try again.").status(500)
}

fn code(service: &str, operation: &str, protocol: Protocol) -> (&'static str, u16) {
    if let Some((_, code, status)) = BY_SERVICE.iter().find(|(key, _, _)| *key == service) {
        return (code, *status);
    }
    let declared = models::api(service).and_then(|api| api.operations.get(operation));
    let errors = declared.map(|operation| operation.errors.as_slice()).unwrap_or_default();
    let code = IN_MODELS.iter().find(|code| errors.iter().any(|error| error == *code));
    // Guess: the status of a throttle that a model does not name, by protocol.
    let status = if matches!(protocol, Protocol::RestJson) { 429 } else { 400 };
    (code.copied().unwrap_or("ThrottlingException"), status)
}
