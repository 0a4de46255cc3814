//! Rules about root, passwords and access keys. The unit is what `cis.toml` says: a user, or one credential of it.

use time::{Duration, OffsetDateTime};

use super::Place;
use crate::check::source::Unread;
use crate::check::sources::credential_report::{CredentialReport, User};
use crate::check::sources::iam::{Summary, VirtualMfa};
use crate::check::verdict::Verdict;

const ROOT: &str = "root user";
/// The benchmark gives no number of days; this is the one that Prowler uses.
const ROOT_USE_DAYS: i64 = 1;
const KEY_AGE_DAYS: i64 = 90;
/// A key that was made with its user is as old as the user but for some seconds (Steampipe's bound).
const MADE_TOGETHER: Duration = Duration::seconds(10);

/// Days between a moment and now, where the moment is known.
fn days(place: &Place<'_>, moment: Option<OffsetDateTime>) -> Option<i64> {
    moment.map(|m| (place.now - m).whole_days())
}

pub(super) fn root_use(place: &Place<'_>) -> Result<Verdict, Unread> {
    let root = &place.get::<CredentialReport>()?.root;
    let uses = [root.password_last_used].into_iter().chain(root.keys.iter().map(|key| key.last_used));
    let last = uses.filter_map(|moment| days(place, moment)).min();
    let recent = last.filter(|days| *days < ROOT_USE_DAYS);
    Ok(Verdict::setting(ROOT, recent.map(|_| "it was used within the last day".to_string())))
}

pub(super) fn console_mfa(place: &Place<'_>) -> Result<Verdict, Unread> {
    let users = place.get::<CredentialReport>()?.users.iter().filter(|u| u.password_enabled == Some(true));
    Ok(Verdict::over(
        users.map(|u| (&u.name, (!u.mfa_active).then(|| "it has a password and no MFA".to_string()))),
    ))
}

/// 90 days, from version 1.4.0 on 45.
pub(super) fn unused(place: &Place<'_>) -> Result<Verdict, Unread> {
    let limit = if place.since("1.4.0") { 45 } else { 90 };
    let idle = |used: Option<OffsetDateTime>, made: Option<OffsetDateTime>| {
        let age = days(place, used.or(made))?;
        (age > limit).then(|| match used {
            Some(_) => format!("not used for {age} days"),
            None => format!("never used in {age} days"),
        })
    };
    let mut items = Vec::new();
    for user in &place.get::<CredentialReport>()?.users {
        if user.password_enabled == Some(true) {
            let made = user.password_last_changed.or(user.created);
            items.push((format!("{} (password)", user.name), idle(user.password_last_used, made)));
        }
        for (n, key) in user.active_keys() {
            items.push((format!("{} (access key {n})", user.name), idle(key.last_used, key.last_rotated)));
        }
    }
    Ok(Verdict::over(items))
}

pub(super) fn old_keys(place: &Place<'_>) -> Result<Verdict, Unread> {
    let report = place.get::<CredentialReport>()?;
    let mut items = Vec::new();
    for user in std::iter::once(&report.root).chain(&report.users) {
        for (n, key) in user.active_keys() {
            let age = days(place, key.last_rotated).filter(|age| *age > KEY_AGE_DAYS);
            items.push((format!("{} (access key {n})", user.name), age.map(|age| format!("{age} days old"))));
        }
    }
    Ok(Verdict::over(items))
}

pub(super) fn root_keys(place: &Place<'_>) -> Result<Verdict, Unread> {
    let none = place.get::<Summary>()?.number("AccountAccessKeysPresent")? == 0;
    Ok(Verdict::holds(ROOT, none, "it has access keys"))
}

/// Root without password and keys needs no MFA: so it is in members under central root access.
fn without_credentials(root: &User) -> Option<Verdict> {
    let none = root.password_enabled == Some(false) && !root.has_credentials();
    none.then(|| Verdict::NotApplicable("the root user has neither a password nor access keys".into()))
}

pub(super) fn root_mfa(place: &Place<'_>) -> Result<Verdict, Unread> {
    if let Some(verdict) = without_credentials(&place.get::<CredentialReport>()?.root) {
        return Ok(verdict);
    }
    let on = place.get::<Summary>()?.number("AccountMFAEnabled")? == 1;
    Ok(Verdict::holds(ROOT, on, "it has no MFA"))
}

pub(super) fn root_hardware_mfa(place: &Place<'_>) -> Result<Verdict, Unread> {
    if let Some(verdict) = without_credentials(&place.get::<CredentialReport>()?.root) {
        return Ok(verdict);
    }
    if place.get::<Summary>()?.number("AccountMFAEnabled")? != 1 {
        return Ok(Verdict::holds(ROOT, false, "it has no MFA"));
    }
    let is_virtual = place.get::<VirtualMfa>()?.0.iter().any(|arn| arn.ends_with(":root"));
    Ok(Verdict::holds(ROOT, !is_virtual, "its MFA is a virtual device"))
}

pub(super) fn initial_keys(place: &Place<'_>) -> Result<Verdict, Unread> {
    let users = place.get::<CredentialReport>()?.users.iter().filter(|u| u.password_enabled == Some(true));
    let initial = |user: &User| {
        user.active_keys().any(|(_, key)| {
            let together =
                user.created.zip(key.last_rotated).is_some_and(|(u, k)| (k - u).abs() < MADE_TOGETHER);
            key.last_used.is_none() && together
        })
    };
    Ok(Verdict::over(
        users.map(|u| {
            (&u.name, initial(u).then(|| "an access key was made with it and never used".to_string()))
        }),
    ))
}

pub(super) fn one_key(place: &Place<'_>) -> Result<Verdict, Unread> {
    let users = place.get::<CredentialReport>()?.users.iter();
    let two =
        |user: &User| (user.active_keys().count() > 1).then(|| "it has two active access keys".to_string());
    Ok(Verdict::over(users.map(|user| (&user.name, two(user)))))
}
