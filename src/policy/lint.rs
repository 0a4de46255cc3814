//! What somebody will hardly have meant: warnings about a service control policy that AWS takes and that works otherwise than
//! it reads. None of them keeps a policy from being attached.

mod statements;

use std::collections::BTreeSet;

use super::actions::{self, Known};
use super::document::{Document, Effect, Element, Statement};
use super::evaluate::{pattern_covers, patterns_meet};

/// Every code of a warning. `docs/errors.md` explains them.
pub const CODES: [&str; 8] = [
    "idle_allow",
    "never_matches",
    "no_exemption",
    "policy_size",
    "policy_slots",
    "unchecked_service",
    "unknown_action",
    "unreachable_statement",
];

/// One warning.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// One of `CODES`.
    pub code: &'static str,
    /// What is odd, and what to do about it.
    pub message: String,
}

impl Warning {
    /// A warning.
    pub fn new(code: &'static str, message: impl Into<String>) -> Warning {
        debug_assert!(CODES.contains(&code), "`{code}` is not in CODES");
        Warning { code, message: message.into() }
    }

    /// As reports show it.
    pub fn text(&self) -> String {
        format!("{}: {}", self.code, self.message)
    }
}

/// What a document is judged by.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// IAM prefixes of the services that the baseline works on: denying all of one of them to everybody is broad.
    pub services: BTreeSet<String>,
    /// Most characters that AWS takes.
    pub max_size: usize,
}

/// All warnings about one document, in the order of its statements.
pub fn document(document: &Document, context: &Context) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (at, statement) in document.statements.iter().enumerate() {
        let name = name(document, at);
        warnings.extend(unknown(statement, &name));
        warnings.extend(statements::covered(document, at, &name));
        warnings.extend(statements::contradiction(statement, &name));
        warnings.extend(exemptions(statement, &name, context));
    }
    warnings.extend(size(document, context.max_size));
    warnings
}

/// A statement as messages call it: by its `Sid`, or by its number from 1.
pub fn name(document: &Document, at: usize) -> String {
    let sid = document.statements.get(at).and_then(|s| s.sid.as_deref()).filter(|sid| !sid.is_empty());
    sid.map_or_else(|| format!("statement {}", at + 1), |sid| format!("statement `{sid}`"))
}

/// The patterns of an action or resource element.
pub(super) fn patterns(element: &Element<Vec<String>>) -> &[String] {
    let (Element::Is(patterns) | Element::IsNot(patterns)) = element;
    patterns
}

fn unknown(statement: &Statement, name: &str) -> Vec<Warning> {
    let day = actions::day();
    let meant =
        |near: Option<String>| near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    let warning = |pattern: &String| match actions::known(pattern) {
        Known::Yes => None,
        Known::NoAction(near) => Some(Warning::new(
            "unknown_action",
            format!("{name}: AWS's reference of {day} has no action `{pattern}`{}", meant(near)),
        )),
        Known::NoService(near) => Some(Warning::new(
            "unchecked_service",
            format!(
                "{name}: `{pattern}` is not checked, AWS's reference of {day} has no such service{}",
                meant(near)
            ),
        )),
        Known::NoForm => Some(Warning::new(
            "unknown_action",
            format!("{name}: `{pattern}` is no action: write `service:Action`"),
        )),
    };
    patterns(&statement.action).iter().filter_map(warning).collect()
}

/// Services that answer from one region whatever is asked for, as the preset `restrict-regions` spares them.
const GLOBAL: [&str; 14] = [
    "account",
    "budgets",
    "ce",
    "cloudfront",
    "globalaccelerator",
    "health",
    "iam",
    "organizations",
    "route53",
    "route53domains",
    "shield",
    "sts",
    "support",
    "waf",
];
/// The region that most of them answer from.
const GLOBAL_REGION: &str = "us-east-1";

fn exemptions(statement: &Statement, name: &str, context: &Context) -> Vec<Warning> {
    if statement.effect == Effect::Allow || !is_about_everything(statement.resource.as_ref()) {
        return Vec::new();
    }
    let mut warnings = Vec::new();
    if let Some(what) = broad(statement, context).filter(|_| !speaks_of_caller(statement)) {
        warnings.push(format!(
            "{name} denies {what} to everybody: spare the roles that repair things, orgbase's own among them, by a condition \
             ArnNotLike aws:PrincipalArn, as the presets do"
        ));
    }
    let global = global_services(statement);
    if !global.is_empty() {
        warnings.push(format!(
            "{name} closes regions to services that answer from {GLOBAL_REGION} for all of them ({}): name them under \
             NotAction, as the preset `restrict-regions` does",
            global.join(", ")
        ));
    }
    if asks_for_network(statement) {
        warnings.push(format!(
            "{name} asks where a call comes from: it also denies what AWS services do for somebody, unless a condition \
             BoolIfExists aws:ViaAWSService false is beside it"
        ));
    }
    warnings.into_iter().map(|message| Warning::new("no_exemption", message)).collect()
}

fn is_about_everything(resource: Option<&Element<Vec<String>>>) -> bool {
    match resource {
        Some(Element::Is(patterns)) => patterns.iter().any(|pattern| pattern == "*"),
        Some(Element::IsNot(_)) | None => true,
    }
}

/// What a statement is about, where that is all actions, all but some, or all of a service that the baseline works on.
fn broad(statement: &Statement, context: &Context) -> Option<String> {
    let Element::Is(patterns) = &statement.action else {
        return Some("all actions but those that it names".into());
    };
    if patterns.iter().any(|pattern| pattern == "*" || pattern == "*:*") {
        return Some("all actions".into());
    }
    let whole = |pattern: &&String| {
        pattern.split_once(':').is_some_and(|(service, name)| {
            name == "*"
                && context.services.iter().any(|own| pattern_covers(&service.to_ascii_lowercase(), own))
        })
    };
    patterns.iter().find(whole).map(|pattern| format!("`{pattern}`"))
}

/// Whether a condition is about who asks, or with which credentials.
fn speaks_of_caller(statement: &Statement) -> bool {
    const KEYS: [&str; 5] =
        ["aws:userid", "aws:username", "aws:assumedroot", "ec2:roledelivery", "aws:sourceidentity"];
    statement.conditions.iter().any(|condition| {
        let key = condition.key.to_ascii_lowercase();
        key.starts_with("aws:principal") || KEYS.contains(&key.as_str())
    })
}

/// Global services that a statement closes with the regions that it closes.
fn global_services(statement: &Statement) -> Vec<&'static str> {
    let closes = statement.conditions.iter().any(|condition| {
        condition.operator.negated
            && condition.key.eq_ignore_ascii_case("aws:RequestedRegion")
            && !condition.values.iter().any(|region| pattern_covers(region, GLOBAL_REGION))
    });
    if !closes {
        return Vec::new();
    }
    let reaches = |service: &&&str| {
        let all = format!("{service}:*");
        match &statement.action {
            Element::Is(patterns) => {
                patterns.iter().any(|one| patterns_meet(&one.to_ascii_lowercase(), &all))
            }
            Element::IsNot(patterns) => {
                !patterns.iter().any(|one| patterns_meet(&one.to_ascii_lowercase(), &all))
            }
        }
    };
    GLOBAL.iter().filter(reaches).copied().collect()
}

/// Whether a statement denies what does not come from some network, calls of AWS services for somebody included.
fn asks_for_network(statement: &Statement) -> bool {
    let key = |names: &[&str]| {
        statement.conditions.iter().any(|condition| {
            let key = condition.key.to_ascii_lowercase();
            names.iter().any(|name| pattern_covers(name, &key))
        })
    };
    let negated = statement.conditions.iter().any(|condition| {
        let network = ["aws:sourceip", "aws:sourcevpc", "aws:sourcevpce", "aws:vpcsourceip"];
        condition.operator.negated && network.contains(&condition.key.to_ascii_lowercase().as_str())
    });
    negated && !key(&["aws:viaawsservice", "aws:calledvia*", "aws:principalisawsservice"])
}

/// A policy may grow: above this share of what AWS takes it is time to split it.
const FULL: usize = 80;

fn size(document: &Document, max: usize) -> Option<Warning> {
    let size = document.size();
    (size * 100 > max * FULL).then(|| {
        Warning::new(
            "policy_size",
            format!("{size} of {max} characters are used: split it before the next statement does not fit"),
        )
    })
}

#[cfg(test)]
mod tests;
