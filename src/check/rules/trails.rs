//! Rules about CloudTrail. A trail of the organization meets them for every member.

use time::Duration;

use super::Place;
use crate::check::source::Unread;
use crate::check::sources::buckets::{OrganizationTrailBuckets, OwnTrailBuckets, TrailBucket};
use crate::check::sources::trails::{OrganizationTrails, OwnTrails, Trail};
use crate::check::verdict::Verdict;

/// CloudWatch Logs must have got something within this time.
const DELIVERY: Duration = Duration::hours(24);
/// A trail this young may not have delivered yet.
const YOUNG: Duration = Duration::hours(1);

/// The organization's trails and the account's own.
fn trails<'a>(place: &Place<'a>) -> Result<(&'a [Trail], &'a [Trail]), Unread> {
    Ok((&place.get::<OrganizationTrails>()?.0, &place.get::<OwnTrails>()?.0))
}

fn by_organization(trail: &Trail) -> String {
    format!("organization trail {}", trail.name)
}

/// Over each trail that the account can see, with the organization's named where they are what meets the rule. By ARN: trails
/// of two regions may have one name.
fn each(place: &Place<'_>, problem: impl Fn(&Trail) -> Option<String>) -> Result<Verdict, Unread> {
    let (organization, own) = match trails(place) {
        Ok(both) => both,
        Err(why) => return each_read(place, problem, why),
    };
    let items = organization.iter().chain(own).map(|trail| (trail.arn.clone(), problem(trail)));
    let verdict = Verdict::over(items);
    Ok(match (organization, own) {
        ([], []) => Verdict::setting("trail", Some("there is none".into())),
        ([trail, ..], []) if problem(trail).is_none() => verdict.met_by(by_organization(trail)),
        _ => verdict,
    })
}

/// The same where the organization's trails, or the account's own, could not be read: a problem of the others decides.
fn each_read(
    place: &Place<'_>,
    problem: impl Fn(&Trail) -> Option<String>,
    why: Unread,
) -> Result<Verdict, Unread> {
    let organization = place.get::<OrganizationTrails>().map(|t| t.0.as_slice()).unwrap_or_default();
    let own = place.get::<OwnTrails>().map(|t| t.0.as_slice()).unwrap_or_default();
    let read = organization.iter().chain(own).map(|trail| (trail.arn.clone(), Ok(problem(trail))));
    Verdict::over_read(read.chain([("other trails".to_string(), Err(why))]))
}

pub(super) fn everywhere(place: &Place<'_>) -> Result<Verdict, Unread> {
    if let Ok(found) = place.get::<OrganizationTrails>()
        && let Some(trail) = found.0.iter().find(|t| t.is_complete())
    {
        return Ok(Verdict::setting("trail", None).met_by(by_organization(trail)));
    }
    if let Ok(found) = place.get::<OwnTrails>()
        && let Some(trail) = found.0.iter().find(|t| t.is_complete())
    {
        return Ok(Verdict::setting("trail", None).met_by(format!("trail {}", trail.name)));
    }
    let (organization, own) = trails(place)?;
    let problems: Vec<String> = organization.iter().chain(own).map(incomplete).collect();
    let none = "there is no trail".to_string();
    Ok(Verdict::setting("trail", Some(if problems.is_empty() { none } else { problems.join("; ") })))
}

/// Why a trail does not log all management events of all regions.
fn incomplete(trail: &Trail) -> String {
    let lacks = [
        (trail.multi_region, "covers one region"),
        (trail.logging, "is stopped"),
        (trail.all_management_events, "does not log all management events"),
    ];
    let told: Vec<&str> = lacks.iter().filter(|(good, _)| !good).map(|(_, text)| *text).collect();
    format!("{} {}", trail.name, told.join(" and "))
}

pub(super) fn validation(place: &Place<'_>) -> Result<Verdict, Unread> {
    each(place, |t| (!t.log_file_validation).then(|| "log file validation is off".to_string()))
}

pub(super) fn encryption(place: &Place<'_>) -> Result<Verdict, Unread> {
    each(place, |t| t.kms_key.is_none().then(|| "its log files are not encrypted with a KMS key".to_string()))
}

pub(super) fn cloudwatch_logs(place: &Place<'_>) -> Result<Verdict, Unread> {
    let now = place.now;
    each(place, |trail| {
        if trail.log_group.is_none() {
            return Some("it delivers to no log group".to_string());
        }
        let young = trail.started.is_some_and(|since| now - since < YOUNG);
        match trail.delivered_to_logs {
            Some(moment) if now - moment < DELIVERY => None,
            None if young => None,
            Some(_) => Some("it delivered nothing to its log group for 24 hours".to_string()),
            None => Some("it never delivered to its log group".to_string()),
        }
    })
}

/// Over each trail's bucket.
fn each_bucket(
    place: &Place<'_>,
    problem: impl Fn(&TrailBucket) -> Option<String>,
) -> Result<Verdict, Unread> {
    let (organization, own) = trails(place)?;
    if organization.is_empty() && own.is_empty() {
        return Ok(Verdict::setting("trail bucket", Some("there is no trail".into())));
    }
    let (shared, local) = (&place.get::<OrganizationTrailBuckets>()?.0, &place.get::<OwnTrailBuckets>()?.0);
    let elsewhere = || Some("no account of the organization that was asked has this bucket".to_string());
    let judge = |bucket: &String| match shared.get(bucket).or_else(|| local.get(bucket)) {
        Some(Ok(found)) => Ok(problem(found)),
        Some(Err(why)) => Err(why.clone()),
        None => Ok(elsewhere()),
    };
    let buckets = organization.iter().chain(own).map(|trail| (trail.bucket.clone(), judge(&trail.bucket)));
    let verdict = Verdict::over_read(buckets)?;
    Ok(match (organization, own) {
        ([trail, ..], []) if judge(&trail.bucket) == Ok(None) => verdict.met_by(by_organization(trail)),
        _ => verdict,
    })
}

pub(super) fn bucket_logging(place: &Place<'_>) -> Result<Verdict, Unread> {
    each_bucket(place, |b| (!b.access_logging).then(|| "it has no server access logging".to_string()))
}

pub(super) fn bucket_not_public(place: &Place<'_>) -> Result<Verdict, Unread> {
    each_bucket(place, |bucket| {
        match (bucket.public_access.closes(), bucket.public_acl, bucket.public_policy) {
            (true, _, _) | (false, false, false) => None,
            (false, true, _) => Some("its ACL lets everybody in".to_string()),
            (false, false, true) => Some("its policy lets everybody in".to_string()),
        }
    })
}

/// A complete organization trail that logs what is done to the objects of all buckets.
fn object_events(place: &Place<'_>, good: impl Fn(&Trail) -> bool, what: &str) -> Result<Verdict, Unread> {
    let organization = &place.get::<OrganizationTrails>()?.0;
    if let Some(trail) = organization.iter().find(|t| t.multi_region && t.logging && good(t)) {
        return Ok(Verdict::setting("trail", None).met_by(by_organization(trail)));
    }
    let left_out: Vec<&str> =
        organization.iter().flat_map(|t| &t.objects.left_out).map(String::as_str).collect();
    let but = match left_out.as_slice() {
        [] => String::new(),
        buckets => format!("; left out are those of {}", buckets.join(", ")),
    };
    Ok(Verdict::setting(
        "trail",
        Some(format!("no organization trail logs the {what} of all S3 objects{but}")),
    ))
}

pub(super) fn object_writes(place: &Place<'_>) -> Result<Verdict, Unread> {
    object_events(place, |t| t.objects.writes, "writes")
}

pub(super) fn object_reads(place: &Place<'_>) -> Result<Verdict, Unread> {
    object_events(place, |t| t.objects.reads, "reads")
}
