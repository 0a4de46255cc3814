//! Trail names and ARNs.

use std::net::Ipv4Addr;

use crate::sandbox::world::Fault;

/// The naming rules (API Reference, CreateTrail: Name).
///
/// # Errors
/// `InvalidTrailNameException`
pub(super) fn check(name: &str) -> Result<(), Fault> {
    let refuse = |message: String| Err(Fault::new("InvalidTrailNameException", message));
    let length = name.chars().count();
    if length < 3 {
        return refuse(format!(
            "Trail name too short. Minimum allowed length: 3 characters. Specified name length: {length} characters."
        ));
    }
    if length > 128 {
        return refuse(format!(
            "Trail name too long. Maximum allowed length: 128 characters. Specified name length: {length} characters."
        ));
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c)) {
        return refuse(
            "Trail name or ARN can contain only uppercase letters, lowercase letters, numbers, periods (.), hyphens \
             (-), and underscores (_)."
                .into(),
        );
    }
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return refuse("Trail name must starts with a letter or number.".into());
    }
    if !name.ends_with(|c: char| c.is_ascii_alphanumeric()) {
        return refuse("Trail name must ends with a letter or number.".into());
    }
    let marks = |c: char| ".-_".contains(c);
    let adjacent = name.chars().zip(name.chars().skip(1)).any(|(a, b)| marks(a) && marks(b));
    if adjacent || name.parse::<Ipv4Addr>().is_ok() {
        return refuse(
            "Trail name must not have adjacent periods, hyphens or underscores, or be an IP address.".into(),
        );
    }
    Ok(())
}

/// The form of a trail ARN.
///
/// # Errors
/// `CloudTrailARNInvalidException`
pub(super) fn check_arn(arn: &str) -> Result<(), Fault> {
    match arn.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        ["arn", _, "cloudtrail", region, account, resource]
            if !region.is_empty()
                && account.len() == 12
                && resource.strip_prefix("trail/").is_some_and(|name| check(name).is_ok()) =>
        {
            Ok(())
        }
        _ => Err(Fault::new("CloudTrailARNInvalidException", format!("Invalid ARN: {arn}"))),
    }
}
