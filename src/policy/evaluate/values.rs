//! Comparing values that are not plain text. A text that is not of the operator's kind matches nothing.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::policy::operator::Comparison;

pub(super) fn numeric(comparison: Comparison, given: &str, wanted: &str) -> bool {
    ordered(comparison, number(given), number(wanted))
}

pub(super) fn date(comparison: Comparison, given: &str, wanted: &str) -> bool {
    ordered(comparison, seconds(given), seconds(wanted))
}

pub(super) fn boolean(given: &str, wanted: &str) -> bool {
    let is_boolean = ["true", "false"].iter().any(|word| wanted.eq_ignore_ascii_case(word));
    is_boolean && given.eq_ignore_ascii_case(wanted)
}

pub(super) fn binary(given: &str, wanted: &str) -> bool {
    match (STANDARD.decode(given), STANDARD.decode(wanted)) {
        (Ok(given), Ok(wanted)) => given == wanted,
        _ => false,
    }
}

/// Whether an address lies in a CIDR block; an address without a prefix length is a block of one.
pub(super) fn in_block(given: &str, wanted: &str) -> bool {
    let (network, length) = match wanted.split_once('/') {
        Some((network, length)) => (network, Some(length)),
        None => (wanted, None),
    };
    let (Ok(given), Ok(network)) = (given.parse::<IpAddr>(), network.parse::<IpAddr>()) else { return false };
    let (given, network, bits) = match (given, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
        _ => return false,
    };
    let length = length.map_or(Ok(bits), str::parse::<u32>);
    match length {
        Ok(0) => true,
        Ok(length) if length <= bits => (given ^ network) >> (bits - length) == 0,
        _ => false,
    }
}

fn ordered(comparison: Comparison, given: Option<f64>, wanted: Option<f64>) -> bool {
    let Some(order) = given.zip(wanted).and_then(|(given, wanted)| given.partial_cmp(&wanted)) else {
        return false;
    };
    match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    }
}

/// Decimal numbers only: no `inf`, `nan` or the like, which Rust would read too.
fn number(text: &str) -> Option<f64> {
    let decimal = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse().ok().filter(|_| decimal)
}

/// Seconds since 1970 of "one of the W3C implementations of the ISO 8601 date formats or epoch (UNIX) time".
///
/// Guess: four digits alone are a year.
fn seconds(text: &str) -> Option<f64> {
    let padded = match (text.len(), text.split_once('T')) {
        (4, _) => format!("{text}-01-01T00:00:00Z"),
        (7, None) if text.contains('-') => format!("{text}-01T00:00:00Z"),
        (10, None) if text.contains('-') => format!("{text}T00:00:00Z"),
        (_, None) => return number(text),
        // `hh:mm` without seconds.
        (_, Some((day, clock))) => match clock.split_at_checked(5) {
            Some((minutes, zone)) if !zone.starts_with(':') => format!("{day}T{minutes}:00{zone}"),
            _ => text.to_owned(),
        },
    };
    let instant = OffsetDateTime::parse(&padded, &Rfc3339).ok()?;
    Some(instant.unix_timestamp_nanos() as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_every_documented_form() {
        for (text, expected) in [
            ("1970", Some(0.0)),
            ("1970-01", Some(0.0)),
            ("1970-01-02", Some(86_400.0)),
            ("1970-01-01T00:01Z", Some(60.0)),
            ("1970-01-01T01:01+01:00", Some(60.0)),
            ("1970-01-01T00:00:01Z", Some(1.0)),
            ("1970-01-01T00:00:01.5Z", Some(1.5)),
            ("1262304000", Some(1_262_304_000.0)),
            ("yesterday", None),
            ("", None),
            ("1970-13-01", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn numbers_are_decimal() {
        assert_eq!(number("-2.5e1"), Some(-25.0));
        for text in ["inf", "NaN", "0x10", "", "1,5"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn address_blocks() {
        for (given, block) in [
            ("203.0.113.7", "203.0.113.0/24"),
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.7", "0.0.0.0/0"),
            ("2001:db8:1234:5678::1", "2001:DB8:1234:5678::/64"),
            ("::1", "::/0"),
        ] {
            assert!(in_block(given, block), "{given} {block}");
        }
        for (given, block) in [
            ("203.0.114.7", "203.0.113.0/24"),
            ("203.0.113.7", "203.0.113.0/33"),
            ("203.0.113.7", "203.0.113.0/"),
            ("203.0.113.7", "::/0"),
            ("here", "0.0.0.0/0"),
        ] {
            assert!(!in_block(given, block), "{given} {block}");
        }
    }
}
