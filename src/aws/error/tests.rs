use super::*;

#[test]
fn limit_exceeded_is_a_quota_or_a_throttle_by_service() {
    for service in ["logs", "kms", "fms", "cloudformation"] {
        assert_eq!(class(service, "LimitExceededException", "", Some(400)), Class::Quota, "{service}");
    }
    assert_eq!(class("securityhub", "LimitExceededException", "", Some(429)), Class::Throttle);
    assert_eq!(class("iam", "LimitExceeded", "", Some(409)), Class::Quota);
    assert_eq!(class("cloudwatch", "LimitExceededFault", "", Some(400)), Class::Quota);
    assert_eq!(class("ec2", "RequestLimitExceeded", "", Some(503)), Class::Throttle);
    assert_eq!(class("ec2", "VpcLimitExceeded", "", Some(400)), Class::Quota);
}

#[test]
fn sns_throttles_under_names_that_the_sdk_does_not_know() {
    assert_eq!(class("sns", "Throttled", "", Some(429)), Class::Throttle);
    assert_eq!(class("sns", "KMSThrottling", "", Some(400)), Class::Throttle);
    assert_eq!(class("s3", "SlowDown", "", Some(503)), Class::Throttle);
}

#[test]
fn a_new_principal_is_waited_for_and_a_bad_document_is_not() {
    let new = "Policy contains a statement with one or more invalid principals.";
    assert_eq!(class("kms", "MalformedPolicyDocumentException", new, Some(400)), Class::NotReady);
    assert_eq!(class("s3", "MalformedPolicy", "Invalid principal in policy", Some(400)), Class::NotReady);
    assert_eq!(
        class("iam", "MalformedPolicyDocument", "Syntax errors in policy.", Some(400)),
        Class::Rejected
    );
    let organizations = class("organizations", "MalformedPolicyDocumentException", "principal", Some(400));
    assert_eq!(organizations, Class::Rejected, "an SCP has no principals that could be new");
}

#[test]
fn conflicts_are_waited_for_only_where_aws_says_so() {
    assert_eq!(class("cloudtrail", "ConflictException", "", Some(400)), Class::Busy);
    assert_eq!(class("macie2", "ConflictException", "", Some(409)), Class::Conflict);
    assert_eq!(class("organizations", "ConcurrentModificationException", "", Some(400)), Class::Busy);
    assert_eq!(class("organizations", "FinalizingOrganizationException", "", Some(400)), Class::Finalizing);
    let syncing = "data from organization o-a1b2c3d4e5 is still syncing. Retry later.";
    assert_eq!(class("securityhub", "ResourceNotFoundException", syncing, Some(404)), Class::Busy);
    assert_eq!(class("securityhub", "ResourceNotFoundException", "", Some(404)), Class::Vanished);
    assert_eq!(class("iam", "EntityAlreadyExists", "", Some(409)), Class::Conflict);
    assert_eq!(class("organizations", "DuplicatePolicyException", "", Some(400)), Class::Conflict);
}

#[test]
fn families_of_codes_and_plain_statuses() {
    assert_eq!(class("s3", "NoSuchBucketPolicy", "", Some(404)), Class::Vanished);
    assert_eq!(class("kms", "NotFoundException", "", Some(400)), Class::Vanished);
    assert_eq!(class("ec2", "InvalidVpcID.NotFound", "", Some(400)), Class::Vanished);
    assert_eq!(class("health", "SubscriptionRequiredException", "", Some(400)), Class::NotAvailable);
    assert_eq!(class("x", "", "", Some(502)), Class::Transient);
    assert_eq!(class("x", "", "", Some(429)), Class::Throttle);
    assert_eq!(class("x", "", "", Some(403)), Class::Denied);
    assert_eq!(class("x", "Odd", "", Some(400)), Class::Rejected);
}

#[test]
fn constraint_violations_over_a_quota_are_told_from_others() {
    let full = "You have exceeded the maximum number of policies.";
    assert_eq!(class("organizations", "ConstraintViolationException", full, Some(400)), Class::Quota);
    let other = class("organizations", "ConstraintViolationException", "You cannot do that yet.", Some(400));
    assert_eq!(other, Class::Rejected);
}

#[test]
fn codes_lose_their_namespace() {
    assert_eq!(bare("com.amazonaws.organizations#AccessDeniedException"), "AccessDeniedException");
    assert_eq!(bare("ThrottlingException:http://internal.amazon.com/"), "ThrottlingException");
}

#[test]
fn rows_of_one_service_stand_before_the_general_row() {
    for (n, (service, code, _)) in CODES.iter().enumerate() {
        let earlier = CODES.iter().take(n).any(|(s, c, _)| c == code && (*s == "*" || s == service));
        assert!(!earlier, "{service} {code} can never be reached");
    }
}

#[test]
fn a_deny_by_an_organization_policy_is_recognised() {
    let place = Where { service: "iam", operation: "PutX", account: "1", region: "r", write: true };
    let text =
        "User: x is not authorized to perform: iam:PutX with an explicit deny in a service control policy: y";
    assert!(denied_by_org_policy(&place.error(Kind::Denied, text.to_owned())));
    assert!(!denied_by_org_policy(&place.error(Kind::Rejected, text.to_owned())));
    let plain = "User: x is not authorized to perform: iam:PutX because no identity-based policy allows it";
    assert!(!denied_by_org_policy(&place.error(Kind::Denied, plain.to_owned())));
}
