//! Single values as text: numbers, booleans, timestamps and blobs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::macros::format_description;
use time::{Duration, OffsetDateTime};

use crate::sandbox::models::{Kind, Shape};

const HTTP_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
const ISO_SECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
const ISO_MILLIS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Reads text as a value of `shape`; `None` where it is not one.
pub(super) fn from_text(shape: &Shape, text: &str) -> Option<Value> {
    match shape.kind {
        Kind::String => Some(Value::String(text.to_owned())),
        Kind::Integer | Kind::Long => text.trim().parse::<i64>().ok().map(Value::from),
        Kind::Float | Kind::Double => text.trim().parse::<f64>().ok().and_then(number),
        Kind::Boolean => match text.trim().to_ascii_lowercase().as_str() {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        Kind::Timestamp => timestamp(text).and_then(number),
        Kind::Blob => STANDARD.decode(text).is_ok().then(|| Value::String(text.to_owned())),
        Kind::Structure | Kind::List | Kind::Map => None,
    }
}

/// Writes a value of `shape` as text; `format` is the timestamp format of the place.
pub(super) fn to_text(shape: &Shape, format: &str, value: &Value) -> String {
    match (shape.kind, value) {
        (Kind::Timestamp, _) => value.as_f64().map(|seconds| time_text(format, seconds)).unwrap_or_default(),
        (_, Value::String(text)) => text.clone(),
        _ => value.to_string(),
    }
}

/// Seconds since 1970 of an ISO 8601, RFC 822 or numeric timestamp.
pub(super) fn timestamp(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return seconds.is_finite().then_some(seconds);
    }
    let parsed =
        OffsetDateTime::parse(text, &Rfc3339).or_else(|_| OffsetDateTime::parse(text, &Rfc2822)).ok()?;
    Some(parsed.unix_timestamp() as f64 + f64::from(parsed.millisecond()) / 1000.0)
}

/// A timestamp in `iso8601`, `rfc822` or `unixTimestamp` form.
pub(in crate::sandbox) fn time_text(format: &str, seconds: f64) -> String {
    let whole = seconds.floor();
    let millis = ((seconds - whole) * 1000.0).round();
    // a float that is out of range saturates, and is then refused
    let moment = OffsetDateTime::from_unix_timestamp(whole as i64);
    let moment = moment.ok().and_then(|moment| moment.checked_add(Duration::milliseconds(millis as i64)));
    let Some(moment) = moment else { return seconds.to_string() };
    let layout = match format {
        "iso8601" if millis > 0.0 => ISO_MILLIS,
        "iso8601" => ISO_SECONDS,
        "rfc822" => HTTP_DATE,
        _ => return seconds.to_string(),
    };
    moment.format(layout).unwrap_or_default()
}

/// A finite float as JSON.
pub(super) fn number(value: f64) -> Option<Value> {
    serde_json::Number::from_f64(value).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_of_every_format() {
        assert_eq!(timestamp("2026-11-21T22:36:01Z"), Some(1_795_300_561.0));
        assert_eq!(timestamp("2026-11-21T22:36:01.250Z"), Some(1_795_300_561.25));
        assert_eq!(timestamp("Sat, 21 Nov 2026 22:36:01 GMT"), Some(1_795_300_561.0));
        assert_eq!(timestamp("1795300561"), Some(1_795_300_561.0));
        assert_eq!(timestamp("yesterday"), None);
        assert_eq!(timestamp("NaN"), None);
        assert_eq!(time_text("iso8601", 1_795_300_561.0), "2026-11-21T22:36:01Z");
        assert_eq!(time_text("iso8601", 1_795_300_561.25), "2026-11-21T22:36:01.250Z");
        assert_eq!(time_text("rfc822", 1_795_300_561.0), "Sat, 21 Nov 2026 22:36:01 GMT");
        assert_eq!(time_text("iso8601", 1e300), "1".to_owned() + &"0".repeat(300));
    }
}
