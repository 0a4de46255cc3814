//! The model's constraints: required, length, range, enumeration, pattern.
//!
//! AWS's services check them in one place and word them alike ("1 validation error detected: Value 'x' at 'y' failed to
//! satisfy constraint: Member must ..."); the error code differs by service. The words and the path form
//! (`logEvents.1.member.timestamp`) are those of real replies, for instance amazon-archives/cloudwatch-logs-centralize-logs
//! issue 5 and cisagov/crossfeed issue 374.

use serde_json::Value;

use super::Protocol;
use crate::sandbox::models::{Api, Kind, Member, Operation, Shape};
use crate::sandbox::world::Fault;

/// Most broken constraints that are told at once.
const MAX_REPORTED: usize = 10;
/// Longest value that is repeated in a message.
const MAX_SHOWN: usize = 1000;

/// One broken constraint.
struct Violation {
    /// Path of lower-case member names.
    path: String,
    /// The value, `None` where it is missing.
    value: Option<String>,
    kind: Constraint,
    /// "Member must ..."
    must: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Constraint {
    Required,
    Length,
    Range,
    Enumeration,
    Pattern,
}

/// Checks an input against the model.
pub(in crate::sandbox) fn check(
    api: &Api,
    operation: &Operation,
    protocol: Protocol,
    input: &Value,
) -> Result<(), Fault> {
    let Some(reference) = &operation.input else { return Ok(()) };
    let mut found = Vec::new();
    visit(api, reference, input, "", &mut found);
    // S3 says what is wrong with a bucket name or a header in its own words, in its handler
    if api.key == "s3" {
        found.retain(|violation| violation.path.contains('.') || violation.kind == Constraint::Required);
    }
    match found.first() {
        None => Ok(()),
        Some(first) => Err(fault(api, operation, protocol, first, &found)),
    }
}

fn visit(api: &Api, member: &Member, value: &Value, path: &str, found: &mut Vec<Violation>) {
    if found.len() >= MAX_REPORTED {
        return;
    }
    let shape = api.of(member);
    match value {
        Value::Object(members) if shape.kind == Kind::Structure => {
            for name in &shape.required {
                if !members.contains_key(name) {
                    let violation = (Constraint::Required, "not be null".to_owned());
                    report(found, join(path, &lower_first(name)), None, violation);
                }
            }
            for (name, value) in members {
                if let Some(inner) = shape.members.get(name) {
                    visit(api, inner, value, &join(path, &lower_first(name)), found);
                }
            }
        }
        Value::Array(items) => {
            length(shape, items.len(), path, value, found);
            for (index, item) in items.iter().enumerate() {
                visit(api, &shape.member, item, &format!("{path}.{}.member", index + 1), found);
            }
        }
        Value::Object(entries) if shape.kind == Kind::Map => {
            length(shape, entries.len(), path, value, found);
            for (key, value) in entries {
                // Backup's own types have names with spaces, which the pattern of its model does not know.
                let key_text =
                    if shape.key.shape == "ResourceType" { key.replace(' ', "_") } else { key.clone() };
                visit(api, &shape.key, &Value::String(key_text), path, found);
                visit(api, &shape.value, value, &format!("{path}.{key}.member"), found);
            }
        }
        Value::String(text) if shape.kind == Kind::String => string(shape, text, path, value, found),
        Value::Number(number)
            if matches!(shape.kind, Kind::Integer | Kind::Long | Kind::Double | Kind::Float) =>
        {
            range(shape, number.as_f64().unwrap_or_default(), path, value, found);
        }
        Value::Null => {
            report(found, path.to_owned(), None, (Constraint::Required, "not be null".to_owned()));
        }
        _ => {}
    }
}

fn string(shape: &Shape, text: &str, path: &str, value: &Value, found: &mut Vec<Violation>) {
    if !shape.values.is_empty() {
        // Guess: every service refuses unknown enumeration values; some real ones ignore them.
        if !shape.values.iter().any(|allowed| allowed == text) {
            let must = format!("satisfy enum value set: [{}]", shape.values.join(", "));
            report(found, path.to_owned(), Some(shown(value)), (Constraint::Enumeration, must));
        }
        return;
    }
    // Java counts UTF-16 units
    length(shape, text.encode_utf16().count(), path, value, found);
    if !shape.pattern_matches(text) {
        let must =
            format!("satisfy regular expression pattern: {}", shape.pattern.as_deref().unwrap_or_default());
        report(found, path.to_owned(), Some(shown(value)), (Constraint::Pattern, must));
    }
}

fn length(shape: &Shape, length: usize, path: &str, value: &Value, found: &mut Vec<Violation>) {
    let length = length as f64;
    let must = match (shape.min, shape.max) {
        (Some(min), _) if length < min => format!("have length greater than or equal to {min}"),
        (_, Some(max)) if length > max => format!("have length less than or equal to {max}"),
        _ => return,
    };
    report(found, path.to_owned(), Some(shown(value)), (Constraint::Length, must));
}

fn range(shape: &Shape, number: f64, path: &str, value: &Value, found: &mut Vec<Violation>) {
    let must = match (shape.min, shape.max) {
        (Some(min), _) if number < min => format!("have value greater than or equal to {min}"),
        (_, Some(max)) if number > max => format!("have value less than or equal to {max}"),
        _ => return,
    };
    report(found, path.to_owned(), Some(shown(value)), (Constraint::Range, must));
}

fn report(
    found: &mut Vec<Violation>,
    path: String,
    value: Option<String>,
    (kind, must): (Constraint, String),
) {
    found.push(Violation { path, value, kind, must });
}

/// A value as AWS's messages show it.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    };
    text.chars().take(MAX_SHOWN).collect()
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

fn upper_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn fault(
    api: &Api,
    operation: &Operation,
    protocol: Protocol,
    first: &Violation,
    all: &[Violation],
) -> Fault {
    match (api.key.as_str(), protocol) {
        ("organizations", _) => organizations(first),
        (_, Protocol::Ec2) => ec2(first),
        ("s3", _) if first.path.contains('.') => super::parse::malformed(Protocol::RestXml, ""),
        ("s3", _) => Fault::new("InvalidArgument", format!("Missing {}", first.path)).status(400),
        // Guess: GuardDuty's generic sentence, which it uses for most bad values.
        ("guardduty", _) => Fault::new(
            "BadRequestException",
            "The request is rejected because an invalid or out-of-range value is specified as an input parameter.",
        ),
        _ => Fault::new(code(api, operation, protocol), sentence(all)).status(400),
    }
}

/// The code for the generic sentence.
fn code(api: &Api, operation: &Operation, protocol: Protocol) -> &'static str {
    if matches!(protocol, Protocol::Query) || api.key == "cloudwatch" {
        return "ValidationError";
    }
    // seen in real replies: logs InvalidParameterException. The others follow from the errors that the service
    // documents where it has no ValidationException (Guess).
    let documented = [
        "ValidationException",
        "InvalidParameterException",
        "InvalidInputException",
        "InvalidParameterValueException",
        "InvalidRequestException",
    ];
    documented
        .into_iter()
        .find(|code| operation.errors.iter().any(|error| error == code))
        .unwrap_or("ValidationException")
}

fn sentence(all: &[Violation]) -> String {
    let each: Vec<String> = all
        .iter()
        .map(|violation| {
            let value = violation.value.as_ref().map_or("null".to_owned(), |value| format!("'{value}'"));
            format!(
                "Value {value} at '{}' failed to satisfy constraint: Member must {}",
                violation.path, violation.must
            )
        })
        .collect();
    let errors = if all.len() == 1 { "error" } else { "errors" };
    format!("{} validation {errors} detected: {}", all.len(), each.join("; "))
}

/// AWS Organizations: InvalidInputException with a reason (RoadieHQ/roadie-backstage-plugins issue 1391, boto/boto3
/// issue 4565 for the pattern; the reasons are the API reference's, the other sentences are guesses).
fn organizations(violation: &Violation) -> Fault {
    let (reason, message) = match violation.kind {
        Constraint::Required => ("INPUT_REQUIRED", "You must include a value for all required parameters."),
        Constraint::Pattern => {
            ("INVALID_PATTERN", "You provided a value that does not match the required pattern.")
        }
        Constraint::Enumeration => ("INVALID_ENUM", "You specified an invalid value."),
        Constraint::Range if violation.must.contains("less") => {
            ("MAX_VALUE_EXCEEDED", "You provided a value that is greater than the maximum.")
        }
        Constraint::Range => ("MIN_VALUE_EXCEEDED", "You provided a value that is less than the minimum."),
        Constraint::Length if violation.must.contains("less") => {
            ("MAX_LENGTH_EXCEEDED", "You exceeded the maximum length of a value.")
        }
        Constraint::Length => ("MIN_LENGTH_EXCEEDED", "You provided a value that is too short."),
    };
    Fault::new("InvalidInputException", message).with("Reason", reason)
}

fn ec2(violation: &Violation) -> Fault {
    let name = violation.path.split('.').next_back().map(upper_first).unwrap_or_default();
    match &violation.value {
        None => Fault::new("MissingParameter", format!("The request must contain the parameter {name}")),
        Some(value) => {
            Fault::new("InvalidParameterValue", format!("Value ({value}) for parameter {name} is invalid."))
        }
    }
    .status(400)
}
