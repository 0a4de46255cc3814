//! Rules about S3.

#![expect(clippy::unnecessary_wraps, reason = "a rule's signature, whether it reads or not")]

use super::Place;
use crate::check::source::Unread;
use crate::check::sources::buckets::{AccountPublicAccess, Bucket, Buckets};
use crate::check::sources::regional::Macie;
use crate::check::verdict::Verdict;
use crate::policy::{Document, Effect, Element, Principal, PrincipalType, Statement, Test};

fn buckets(place: &Place<'_>, problem: impl Fn(&Bucket) -> Option<String>) -> Result<Verdict, Unread> {
    let all = place.get::<Buckets>()?.0.iter();
    let judge = |bucket: &Result<Bucket, Unread>| bucket.as_ref().map(&problem).map_err(Clone::clone);
    Verdict::over_read(all.map(|(name, bucket)| (name.clone(), judge(bucket))))
}

/// S3 encrypts every new object since January 2023, and the setting cannot be taken away.
pub(super) fn encryption(_: &Place<'_>) -> Result<Verdict, Unread> {
    Ok(Verdict::setting("default encryption", None).met_by("S3 itself, since 2023-01-05"))
}

pub(super) fn mfa_delete(place: &Place<'_>) -> Result<Verdict, Unread> {
    buckets(place, |b| (!b.mfa_delete).then(|| "it has no MFA Delete".to_string()))
}

pub(super) fn deny_http(place: &Place<'_>) -> Result<Verdict, Unread> {
    buckets(place, |bucket| {
        let Some(policy) = &bucket.policy else { return Some("it has no bucket policy".to_string()) };
        match Document::parse(policy) {
            Err(_) => Some("its bucket policy could not be understood".to_string()),
            Ok(document) if document.statements.iter().any(|s| denies_http(s, &bucket.name)) => None,
            Ok(_) => Some("its bucket policy does not deny plain HTTP".to_string()),
        }
    })
}

/// A deny for everybody, on the bucket and its objects, of what comes without TLS.
fn denies_http(statement: &Statement, bucket: &str) -> bool {
    let everybody = match &statement.principal {
        Some(Element::Is(Principal::Any)) => true,
        Some(Element::Is(Principal::Named(who))) => {
            who.get(&PrincipalType::Aws).is_some_and(|list| list.iter().any(|p| p == "*"))
        }
        _ => false,
    };
    let actions =
        matches!(&statement.action, Element::Is(list) if list.iter().any(|a| a == "s3:*" || a == "*"));
    let insecure = |c: &crate::policy::Condition| {
        let bool_false = c.operator.test == Test::Bool && !c.operator.negated && !c.operator.if_exists;
        bool_false
            && c.key.eq_ignore_ascii_case("aws:SecureTransport")
            && c.values.iter().any(|v| v == "false")
    };
    let on = |end: &str| {
        let is = |r: &String| {
            r == "*"
                || r.strip_prefix("arn:")
                    .and_then(|r| r.split_once(":s3:::"))
                    .is_some_and(|(_, r)| r == format!("{bucket}{end}"))
        };
        matches!(&statement.resource, Some(Element::Is(list)) if list.iter().any(is))
    };
    // Any further condition would let somebody through, but for the one that leaves out AWS services: they use TLS, and no
    // person can be one.
    let person = |c: &crate::policy::Condition| {
        c.operator.test == Test::Bool
            && !c.operator.negated
            && c.key.eq_ignore_ascii_case("aws:PrincipalIsAWSService")
            && c.values.iter().all(|v| v == "false")
    };
    let (tls, further): (Vec<_>, Vec<_>) = statement.conditions.iter().partition(|c| insecure(c));
    let only = tls.len() == 1 && further.into_iter().all(person);
    statement.effect == Effect::Deny && everybody && actions && only && on("") && on("/*")
}

/// The account's own switches, or those of every bucket.
pub(super) fn public_access(place: &Place<'_>) -> Result<Verdict, Unread> {
    let name = "account's Block Public Access";
    if place.get::<AccountPublicAccess>()?.0.is_complete() {
        return Ok(Verdict::setting(name, None).met_by("the account's own setting"));
    }
    let buckets = &place.get::<Buckets>()?.0;
    let open = buckets.values().flatten().filter(|b| !b.public_access.is_complete()).count();
    if let (0, Some(Err(why))) = (open, buckets.values().find(|b| b.is_err())) {
        return Err(why.clone());
    }
    if open == 0 && !buckets.is_empty() {
        return Ok(Verdict::setting(name, None).met_by("the settings of every bucket"));
    }
    let problem = format!("it is not on with all four switches, and {open} buckets do not have them either");
    Ok(Verdict::setting(name, Some(problem)))
}

pub(super) fn classified(place: &Place<'_>) -> Result<Verdict, Unread> {
    if place.get::<Macie>()?.0 {
        return Ok(Verdict::setting("classification", None).met_by("Macie, which is on"));
    }
    Ok(Verdict::Manual("Macie is off: see that something else finds and classifies the data in S3".into()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::*;

    fn denies(change: impl Fn(&mut serde_json::Value)) -> bool {
        let mut statement = json!({
            "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        });
        change(&mut statement);
        denies_http(&Statement::from_value(&statement).unwrap(), "b")
    }

    #[test]
    fn only_a_deny_for_everybody_and_everything_counts() {
        assert!(denies(|_| ()));
        assert!(denies(|s| s["Principal"] = json!({"AWS": "*"})));
        assert!(!denies(|s| s["Effect"] = json!("Allow")));
        assert!(!denies(|s| s["Principal"] = json!({"AWS": "111122223333"})));
        assert!(!denies(|s| s["Resource"] = json!("arn:aws:s3:::b/*")));
        assert!(!denies(|s| s["Resource"] = json!(["arn:aws:s3:::other", "arn:aws:s3:::other/*"])));
        assert!(!denies(|s| s["Action"] = json!("s3:GetObject")));
        assert!(!denies(|s| s["Condition"]["StringEquals"] = json!({"aws:PrincipalOrgID": "o-1"})));
        assert!(denies(|s| s["Condition"]["BoolIfExists"] = json!({"aws:PrincipalIsAWSService": "false"})));
        assert!(!denies(|s| s["Condition"]["BoolIfExists"] = json!({"aws:PrincipalIsAWSService": "true"})));
        assert!(!denies(|s| s["Condition"] = json!({"Bool": {"aws:PrincipalIsAWSService": "false"}})));
    }
}
