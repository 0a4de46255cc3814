//! The only mapping from the SDK's errors to ours, and the table of what AWS's error codes mean.
//!
//! By code, not by text. The exceptions are marked: codes that AWS uses for two things that only the text tells apart.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;

use super::dns::NoEndpoint;
use super::guard::Refused;
use crate::error::{CallError, Kind};

/// What a failed attempt asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// AWS wants fewer calls.
    Throttle,
    /// A failure of the service or the connection that passes.
    Transient,
    /// AWS does not see yet what was made a moment ago (a role, a policy).
    NotReady,
    /// Somebody is changing the same thing: wait for them.
    Busy,
    /// A new organization is still being set up.
    Finalizing,
    /// The credentials have expired.
    Expired,
    /// The request was never sent: refused by the guard, incomplete, or without credentials.
    NotSent,
    /// The caller may not.
    Denied,
    /// A quota is used up.
    Quota,
    /// The service or region is not available to the account.
    NotAvailable,
    /// The service does not exist in the region.
    NotInRegion,
    /// It exists in another form, or its state forbids the change.
    Conflict,
    /// It does not exist.
    Vanished,
    /// Any other refusal.
    Rejected,
}

/// Which call an error is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Where<'a> {
    pub(crate) service: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    /// The call is a write.
    pub(crate) write: bool,
}

impl Where<'_> {
    /// An error of this call that is no answer of AWS.
    pub(crate) fn error(&self, kind: Kind, message: String) -> CallError {
        CallError {
            service: self.service.to_owned(),
            operation: self.operation.to_owned(),
            account: self.account.to_owned(),
            region: self.region.to_owned(),
            code: None,
            message: Some(message).filter(|m| !m.is_empty()),
            status: None,
            request_id: None,
            kind,
            maybe_done: false,
            session: false,
        }
    }
}

/// A failed attempt.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) class: Class,
    pub(crate) error: CallError,
}

/// Maps what the SDK says.
pub(crate) fn failure<E>(place: &Where<'_>, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let own = |class, kind, message| Failure { class, error: place.error(kind, message) };
    match error {
        SdkError::ConstructionFailure(_) => match find::<Refused>(error) {
            Some(refused) => own(Class::NotSent, Kind::Bug, refused.to_string()),
            None => own(Class::NotSent, Kind::Bug, chain(error)),
        },
        SdkError::TimeoutError(_) => unknown_end(place, chain(error)),
        SdkError::DispatchFailure(dispatch) => {
            if let Some(session) = find::<CallError>(error) {
                return Failure { class: Class::NotSent, error: session.clone() };
            }
            if let Some(missing) = find::<NoEndpoint>(error) {
                return own(Class::NotInRegion, Kind::NotInRegion, missing.to_string());
            }
            if find::<CredentialsError>(error).is_some() {
                return own(Class::NotSent, Kind::Denied, chain(error));
            }
            if dispatch.is_io() || dispatch.is_timeout() {
                return unknown_end(place, chain(error));
            }
            own(Class::NotSent, Kind::Rejected, chain(error))
        }
        _ => answered(place, error),
    }
}

/// No answer came: a write may have been done.
fn unknown_end(place: &Where<'_>, message: String) -> Failure {
    let error = CallError { maybe_done: place.write, ..place.error(Kind::TimedOut, message) };
    Failure { class: Class::Transient, error }
}

/// AWS answered.
fn answered<E>(place: &Where<'_>, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let status = error.raw_response().map(|r| r.status().as_u16());
    let unreadable = matches!(error, SdkError::ResponseError(_));
    let code = error.code().map(bare);
    // Without a code the answer was not one of AWS's errors: what the SDK made of it is all there is to say.
    let unnamed = unreadable || code.is_none();
    let message = error.message().map(str::to_owned).or_else(|| unnamed.then(|| chain(error)));
    let class = if unreadable {
        Class::Transient
    } else {
        class(place.service, code.unwrap_or_default(), message.as_deref().unwrap_or_default(), status)
    };
    let unsure = unreadable || class == Class::Transient;
    let error = CallError {
        code: code.map(str::to_owned),
        message,
        status,
        request_id: error.request_id().map(str::to_owned),
        maybe_done: place.write && unsure,
        ..place.error(kind(class), String::new())
    };
    Failure { class, error }
}

/// A code without the namespace and the address that some services add: `com.amazonaws.x#Code:http://...`.
fn bare(code: &str) -> &str {
    let code = code.rsplit('#').next().unwrap_or(code);
    code.split(':').next().unwrap_or(code)
}

/// What the report says of a class.
fn kind(class: Class) -> Kind {
    match class {
        Class::Throttle => Kind::Throttled,
        Class::Transient => Kind::TimedOut,
        Class::Busy | Class::Finalizing | Class::Conflict => Kind::Conflict,
        Class::Expired | Class::Denied => Kind::Denied,
        Class::Quota => Kind::QuotaExceeded,
        Class::NotAvailable => Kind::NotAvailable,
        Class::NotInRegion => Kind::NotInRegion,
        Class::Vanished => Kind::Vanished,
        Class::NotReady | Class::Rejected | Class::NotSent => Kind::Rejected,
    }
}

/// Class of an answer: the table, then the words that AWS builds its codes from, then the HTTP status.
pub(crate) fn class(service: &str, code: &str, message: &str, status: Option<u16>) -> Class {
    by_text(service, code, message)
        .or_else(|| by_table(service, code))
        .or_else(|| by_word(code))
        .unwrap_or_else(|| by_status(status))
}

/// Codes with two meanings that only the text tells apart.
fn by_text(service: &str, code: &str, message: &str) -> Option<Class> {
    let has = |part: &str| message.to_ascii_lowercase().contains(part);
    match (service, code) {
        // A principal that was made a moment ago is "invalid" until IAM's copies have it.
        ("iam" | "sts", "MalformedPolicyDocument")
        | ("kms", "MalformedPolicyDocumentException")
        | ("s3", "MalformedPolicy")
        | ("sns", "InvalidParameter" | "InvalidParameterException")
            if has("principal") =>
        {
            Some(Class::NotReady)
        }
        // CreateSchedule before the schedules' new role has spread.
        ("scheduler", "ValidationException") if has("assume the role") => Some(Class::NotReady),
        // CreateLogGroup and AssociateKmsKey while the key's new policy spreads.
        ("logs", "InvalidParameterException") if has("kms") && has("not allowed to be used") => {
            Some(Class::NotReady)
        }
        // The bucket's or key's new policy spreads; the administrator was registered a moment ago.
        ("guardduty", "BadRequestException")
            if has("service principal does not have permission") || has("organization master permission") =>
        {
            Some(Class::NotReady)
        }
        // "Central configuration couldn't be enabled because data from organization ... is still syncing. Retry later.", under
        // more than one code, for some minutes after an administrator was named.
        ("securityhub", _) if has("still syncing") => Some(Class::Busy),
        ("organizations", "ConstraintViolationException")
            if has("limit") || has("exceed") || has("maximum") =>
        {
            Some(Class::Quota)
        }
        _ => None,
    }
}

/// `service` (`*`: any), code, class. The first row that fits holds: rows of one service stand first.
///
/// Sources: `reference/aws-limits.md` 5.1 and 5.2, and the error shapes of `facts/aws-api`.
const CODES: &[(&str, &str, Class)] = &[
    // LimitExceededException is throttling for some services and a hard quota for others.
    ("logs", "LimitExceededException", Class::Quota),
    ("kms", "LimitExceededException", Class::Quota),
    ("fms", "LimitExceededException", Class::Quota),
    ("cloudformation", "LimitExceededException", Class::Quota),
    ("*", "LimitExceededException", Class::Throttle),
    // What does not see yet what was just made.
    ("cloudtrail", "InvalidCloudWatchLogsRoleArnException", Class::NotReady),
    ("cloudtrail", "InvalidCloudWatchLogsLogGroupArnException", Class::NotReady),
    ("cloudtrail", "CloudWatchLogsDeliveryUnavailableException", Class::NotReady),
    ("cloudtrail", "InsufficientS3BucketPolicyException", Class::NotReady),
    ("cloudtrail", "InsufficientEncryptionPolicyException", Class::NotReady),
    ("cloudtrail", "InsufficientSnsTopicPolicyException", Class::NotReady),
    ("cloudtrail", "InsufficientDependencyServiceAccessPermissionException", Class::NotReady),
    ("cloudtrail", "CloudTrailAccessNotEnabledException", Class::NotReady),
    ("iam", "ReportInProgress", Class::NotReady),
    // Central root access, a moment after trusted access was switched on.
    ("iam", "ServiceAccessNotEnabledException", Class::NotReady),
    // Somebody else is at it.
    ("cloudtrail", "ConflictException", Class::Busy),
    ("iam", "EntityTemporarilyUnmodifiable", Class::Busy),
    ("s3", "OperationAborted", Class::Busy),
    ("s3", "ConditionalRequestConflict", Class::Busy),
    ("sns", "ConcurrentAccess", Class::Busy),
    ("cloudformation", "OperationInProgressException", Class::Busy),
    ("*", "ConcurrentModification", Class::Busy),
    ("*", "ConcurrentModificationException", Class::Busy),
    ("*", "ResourceConcurrentModificationException", Class::Busy),
    ("*", "OperationAbortedException", Class::Busy),
    ("*", "PolicyChangesInProgressException", Class::Busy),
    ("*", "FinalizingOrganizationException", Class::Finalizing),
    // Throttling. `Throttled` and `KMSThrottling` (SNS) are not in the SDK's own list.
    ("*", "Throttling", Class::Throttle),
    ("*", "ThrottlingException", Class::Throttle),
    ("*", "Throttled", Class::Throttle),
    ("*", "ThrottledException", Class::Throttle),
    ("*", "RequestThrottled", Class::Throttle),
    ("*", "RequestThrottledException", Class::Throttle),
    ("*", "KMSThrottling", Class::Throttle),
    ("*", "EC2ThrottledException", Class::Throttle),
    ("*", "TooManyRequestsException", Class::Throttle),
    ("*", "RequestLimitExceeded", Class::Throttle),
    ("*", "BandwidthLimitExceeded", Class::Throttle),
    ("*", "ProvisionedThroughputExceededException", Class::Throttle),
    ("*", "TransactionInProgressException", Class::Throttle),
    ("*", "PriorRequestNotComplete", Class::Throttle),
    ("*", "SlowDown", Class::Throttle),
    ("iam", "ReportGenerationLimitExceeded", Class::Throttle),
    // Passing failures that may come with a status below 500.
    ("*", "RequestTimeout", Class::Transient),
    ("*", "RequestTimeoutException", Class::Transient),
    ("*", "DependencyTimeoutException", Class::Transient),
    ("*", "ServiceUnavailable", Class::Transient),
    ("*", "ServiceUnavailableException", Class::Transient),
    ("*", "Unavailable", Class::Transient),
    ("*", "ServiceFailure", Class::Transient),
    ("*", "ServiceException", Class::Transient),
    ("*", "ServerInternalException", Class::Transient),
    ("*", "KMSInternalException", Class::Transient),
    ("*", "InternalException", Class::Transient),
    ("*", "InternalError", Class::Transient),
    ("*", "InternalErrorException", Class::Transient),
    ("*", "InternalFailure", Class::Transient),
    ("*", "InternalServerError", Class::Transient),
    ("*", "InternalServerErrorException", Class::Transient),
    ("*", "InternalServerException", Class::Transient),
    ("*", "InternalServiceError", Class::Transient),
    // Credentials.
    ("*", "ExpiredToken", Class::Expired),
    ("*", "ExpiredTokenException", Class::Expired),
    ("*", "AuthFailure", Class::NotAvailable),
    ("*", "InvalidClientTokenId", Class::NotAvailable),
    ("*", "CloudTrailInvalidClientTokenIdException", Class::NotAvailable),
    ("*", "UnrecognizedClientException", Class::NotAvailable),
    ("s3", "InvalidAccessKeyId", Class::NotAvailable),
    // Regions and subscriptions.
    ("*", "RegionDisabledException", Class::NotAvailable),
    ("*", "OptInRequired", Class::NotAvailable),
    ("*", "OptInRequiredException", Class::NotAvailable),
    ("*", "SubscriptionRequiredException", Class::NotAvailable),
    ("*", "NotSignedUp", Class::NotAvailable),
    ("*", "KMSOptInRequired", Class::NotAvailable),
    ("*", "UnsupportedAPIEndpointException", Class::NotInRegion),
    ("*", "TemplatesNotAvailableInRegionException", Class::NotAvailable),
    // Permissions.
    ("*", "AccessDenied", Class::Denied),
    ("*", "AccessDeniedException", Class::Denied),
    ("*", "AccessDeniedForDependencyException", Class::Denied),
    ("*", "DependencyAccessDeniedException", Class::Denied),
    ("*", "AllAccessDisabled", Class::Denied),
    ("*", "AuthorizationError", Class::Denied),
    ("*", "UnauthorizedOperation", Class::Denied),
    ("*", "UnauthorizedException", Class::Denied),
    ("*", "KMSAccessDenied", Class::Denied),
    ("*", "InvalidSecurity", Class::Denied),
    ("*", "InvalidSignatureException", Class::Denied),
    ("*", "SignatureDoesNotMatch", Class::Denied),
    ("*", "RequestTimeTooSkewed", Class::Denied),
    ("*", "RequestExpired", Class::Denied),
    ("*", "MissingAuthenticationToken", Class::Denied),
    ("*", "MissingAuthenticationTokenException", Class::Denied),
    ("*", "IncompleteSignature", Class::Denied),
    // Quotas.
    ("*", "LimitExceeded", Class::Quota),
    ("*", "LimitExceededFault", Class::Quota),
    ("*", "ServiceQuotaExceededException", Class::Quota),
    ("*", "MaximumNumberOfTrailsExceededException", Class::Quota),
    ("*", "TooManyBuckets", Class::Quota),
    ("*", "TooManyTagsException", Class::Quota),
    // State.
    ("*", "DeleteConflict", Class::Conflict),
    ("*", "PolicyInUseException", Class::Conflict),
    ("*", "PolicyTypeAlreadyEnabledException", Class::Conflict),
    ("*", "AccountAlreadyRegisteredException", Class::Conflict),
    ("*", "AccountRegisteredException", Class::Conflict),
    ("*", "BucketAlreadyOwnedByYou", Class::Conflict),
    ("*", "PreconditionFailed", Class::Conflict),
];

fn by_table(service: &str, code: &str) -> Option<Class> {
    CODES.iter().find(|(s, c, _)| *c == code && (*s == "*" || *s == service)).map(|(_, _, class)| *class)
}

/// Codes of one family share a word, such as `NoSuchBucket` and `VpcLimitExceeded`.
fn by_word(code: &str) -> Option<Class> {
    let has = |word: &str| code.contains(word);
    if has("NotFound") || code.starts_with("NoSuch") {
        Some(Class::Vanished)
    } else if has("LimitExceeded") || has("QuotaExceeded") {
        Some(Class::Quota)
    } else if has("AlreadyExists") || has("Conflict") || code.starts_with("Duplicate") {
        Some(Class::Conflict)
    } else {
        None
    }
}

fn by_status(status: Option<u16>) -> Class {
    match status {
        Some(429) => Class::Throttle,
        Some(500..) => Class::Transient,
        Some(403) => Class::Denied,
        Some(404) => Class::Vanished,
        Some(409 | 412) => Class::Conflict,
        _ => Class::Rejected,
    }
}

/// Whether a policy of the organization denied the call: AWS says so only in the text.
pub fn denied_by_org_policy(error: &CallError) -> bool {
    const TEXTS: [&str; 3] = [
        "explicit deny in a service control policy",
        "explicit deny in a resource control policy",
        // EC2's declarative policies: the text is the organization's own, but AWS names the policy type in front.
        "declarative policy",
    ];
    let message = error.message.as_deref().unwrap_or_default().to_ascii_lowercase();
    error.kind == Kind::Denied && TEXTS.iter().any(|text| message.contains(text))
}

/// An error and everything below it, without what is said twice.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let part = source.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        next = source.source();
    }
    text
}

/// The error of this type somewhere below.
pub(crate) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(at) = next {
        if let Some(found) = at.downcast_ref::<T>() {
            return Some(found);
        }
        next = at.source();
    }
    None
}

#[cfg(test)]
mod tests;
