//! Which IAM actions there are, for telling slips of the pen in policies.
//!
//! Source: the Service Authorization Reference, as `actions/pack.py` packed it. AWS adds actions every week, so an action that
//! is not here is a reason to look twice and no more.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::OnceLock;

use flate2::read::GzDecoder;

use super::evaluate::pattern_covers;
use crate::diag::nearest;

static PACKED: &[u8] = include_bytes!("actions/names.txt.gz");

/// What is known of an action, or of a pattern of actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// There is at least one such action.
    Yes,
    /// The service has none; the nearest one, where one is near.
    NoAction(Option<String>),
    /// No service has this prefix; the nearest one, where one is near.
    NoService(Option<String>),
    /// It is no `service:Action`.
    NoForm,
}

/// Looks up `service:Action`, in any case, where both parts may hold `*` and `?`.
pub fn known(pattern: &str) -> Known {
    if pattern == "*" {
        return Known::Yes;
    }
    let Some((prefix, name)) = pattern.split_once(':') else { return Known::NoForm };
    let (prefix, name) = (prefix.to_ascii_lowercase(), name.to_ascii_lowercase());
    let all = services();
    let meant: Vec<(&str, &Vec<&str>)> = if is_pattern(&prefix) {
        all.iter()
            .filter(|(service, _)| pattern_covers(&prefix, service))
            .map(|(s, names)| (*s, names))
            .collect()
    } else {
        all.get_key_value(prefix.as_str()).map(|(service, names)| (*service, names)).into_iter().collect()
    };
    if meant.is_empty() {
        return Known::NoService(nearest(&prefix, all.keys().copied()).map(ToString::to_string));
    }
    if meant.iter().any(|(_, names)| has(names, &name)) {
        return Known::Yes;
    }
    let near = |(service, names): &(&str, &Vec<&str>)| {
        Some(format!("{service}:{}", nearest(&name, names.iter().copied())?))
    };
    Known::NoAction(meant.iter().find_map(near))
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Whether one of the names is `name`, which is in lower case, or fits it.
fn has(names: &[&str], name: &str) -> bool {
    if name == "*" {
        return true;
    }
    if !is_pattern(name) {
        return names.iter().any(|one| one.eq_ignore_ascii_case(name));
    }
    names.iter().any(|one| pattern_covers(name, &one.to_ascii_lowercase()))
}

/// The day of the data, `YYYY-MM-DD`.
pub fn day() -> &'static str {
    text().lines().next().unwrap_or_default()
}

/// Names of actions by IAM prefix.
fn services() -> &'static BTreeMap<&'static str, Vec<&'static str>> {
    static SERVICES: OnceLock<BTreeMap<&'static str, Vec<&'static str>>> = OnceLock::new();
    SERVICES.get_or_init(|| {
        let service = |line: &'static str| {
            let mut words = line.split(' ');
            Some((words.next()?, words.collect()))
        };
        text().lines().skip(1).filter_map(service).collect()
    })
}

fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let mut text = String::new();
        if let Err(error) = GzDecoder::new(PACKED).read_to_string(&mut text) {
            tracing::error!(%error, "the list of IAM actions in this program is damaged");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole() {
        assert!(services().len() > 400 && services().values().map(Vec::len).sum::<usize>() > 20_000);
        assert_eq!(day().len(), 10);
    }

    #[test]
    fn actions_are_found_in_any_case_by_pattern_and_where_they_are_no_operation() {
        for action in [
            "*",
            "*:*",
            "ec2:*",
            "EC2:describevpcs",
            "iam:PassRole",
            "s3:Get*",
            "s3:ListAllMyBuckets",
            "*:Create?*",
        ] {
            assert_eq!(known(action), Known::Yes, "{action}");
        }
    }

    #[test]
    fn slips_of_the_pen_are_told_with_what_was_meant() {
        assert_eq!(known("ec2:DescribeVpc"), Known::NoAction(Some("ec2:DescribeVpcs".into())));
        assert!(matches!(known("s3:Put*Blok"), Known::NoAction(_)));
        assert_eq!(known("organisations:LeaveOrganization"), Known::NoService(Some("organizations".into())));
        assert_eq!(known("LeaveOrganization"), Known::NoForm);
    }

    /// What orgbase takes for the actions of its own calls is in AWS's reference.
    #[test]
    fn every_action_of_a_declared_call_exists() {
        let controls = crate::controls::SECTIONS.iter().flat_map(|section| section.controls());
        let operations = controls.flat_map(|c| c.meta().reads.iter().chain(c.meta().writes).copied());
        let actions = operations.flat_map(crate::emit::actions::iam_actions);
        let unknown: std::collections::BTreeSet<String> =
            actions.filter(|action| known(action) != Known::Yes).collect();
        assert_eq!(unknown, std::collections::BTreeSet::new());
    }
}
