//! The IAM policies that a baseline needs: per seat, for planning and for applying.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::actions::iam_actions;
use crate::baseline::Baseline;
use crate::control::{DynControl, Seat};
use crate::controls::SECTIONS;
use crate::facts::discover;

/// The seats, as `--for` names them.
pub const SEATS: [&str; 4] = ["management", "log-archive", "delegated-admin", "member"];

/// What a policy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `plan`, `drift` and `check`: reads only.
    Plan,
    /// `apply`: reads and writes.
    Apply,
}

/// All policies: `management-plan`, `management-apply`, `member-plan`, ... -> document. Seats that need nothing are
/// left out.
pub fn policies(baseline: &Baseline) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for seat in SEATS {
        let own = |control: &dyn DynControl| seat_name(control.meta().seat) == seat;
        // The account of every seat is also one whose own settings are managed: the management account's by the caller
        // itself, which assumes no role there.
        let own_or_member = |control: &dyn DynControl| own(control) || control.meta().seat == Seat::Member;
        for (name, purpose) in [("plan", Purpose::Plan), ("apply", Purpose::Apply)] {
            if seat != "management" && statements(baseline, own, purpose).is_empty() {
                continue;
            }
            let all_of_seat = statements(baseline, own_or_member, purpose);
            let mut statements: Vec<Value> = all_of_seat.into_iter().map(statement).collect();
            if seat == "management" {
                statements.splice(0..0, [facts_statement(), assume_statement(baseline)]);
            } else {
                statements.insert(0, statement(("Regions".into(), set(&["ec2:DescribeRegions"]))));
            }
            all.insert(format!("{seat}-{name}"), document(&statements));
        }
    }
    all
}

/// The session policy of a read-only run: every read that the baseline's controls make, in any seat.
pub fn session_policy(baseline: &Baseline) -> String {
    let mut actions: BTreeSet<String> = set(&["ec2:DescribeRegions"]);
    for (_, more) in statements(baseline, |_| true, Purpose::Plan) {
        actions.extend(more);
    }
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": "*" }],
    })
    .to_string()
}

/// The IAM actions that the baseline's controls use, reads and writes, in the accounts of `seats`.
pub fn actions_of(baseline: &Baseline, seats: impl Fn(Seat) -> bool) -> BTreeSet<String> {
    let all = statements(baseline, |control| seats(control.meta().seat), Purpose::Apply);
    all.into_iter().flat_map(|(_, actions)| actions).collect()
}

/// Name of a statement (the section) and its actions, for the declared controls that `wanted` chooses.
fn statements(
    baseline: &Baseline,
    wanted: impl Fn(&dyn DynControl) -> bool,
    purpose: Purpose,
) -> Vec<(String, BTreeSet<String>)> {
    let mut found = Vec::new();
    for section in SECTIONS.iter().filter(|s| baseline.declares(s.meta().id)) {
        let mut actions = BTreeSet::new();
        for control in section.controls().iter().filter(|c| wanted(c.as_ref())) {
            let meta = control.meta();
            let writes: &[&str] = if purpose == Purpose::Apply { meta.writes } else { &[] };
            actions.extend(meta.reads.iter().chain(writes).flat_map(|op| iam_actions(op)));
        }
        if !actions.is_empty() {
            found.push((section.meta().id.to_string(), actions));
        }
    }
    found
}

fn seat_name(seat: Seat) -> &'static str {
    match seat {
        Seat::Management => "management",
        Seat::LogArchive => "log-archive",
        Seat::DelegatedAdmin(_) => "delegated-admin",
        Seat::Member => "member",
    }
}

fn facts_statement() -> Value {
    let actions = discover::READS.iter().flat_map(|op| iam_actions(op)).collect();
    statement(("Facts".into(), actions))
}

/// The partition is not known here: IAM takes a wildcard for it, as AWS's own policies have it, such as the administration
/// role of StackSets <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-prereqs-self-managed.html>.
fn assume_statement(baseline: &Baseline) -> Value {
    let organization = &baseline.organization;
    let own = baseline.accounts.values().filter_map(|a| a.access_role.as_ref());
    let roles =
        [Some(&organization.access_role), organization.plan_role.as_ref(), organization.apply_role.as_ref()];
    let names: BTreeSet<&String> = roles.into_iter().flatten().chain(own).collect();
    let arn = |name: &String| match name.strip_prefix("arn:") {
        Some(_) => name.clone(),
        None => format!("arn:*:iam::*:role/{}", name.trim_start_matches('/')),
    };
    let arns: BTreeSet<String> = names.into_iter().map(arn).collect();
    let mut actions = vec!["sts:AssumeRole"];
    if organization.source_identity {
        actions.push("sts:SetSourceIdentity");
    }
    json!({ "Sid": "AssumeRole", "Effect": "Allow", "Action": actions, "Resource": arns })
}

/// `password_policy` -> `PasswordPolicy`: a `Sid` may hold letters and digits only.
fn sid(section: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
            .unwrap_or_default()
    };
    section.split('_').map(capital).collect()
}

fn statement((section, actions): (String, BTreeSet<String>)) -> Value {
    json!({ "Sid": sid(&section), "Effect": "Allow", "Action": actions, "Resource": "*" })
}

fn document(statements: &[Value]) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn set(actions: &[&str]) -> BTreeSet<String> {
    actions.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn text(policies: &BTreeMap<String, Value>, name: &str) -> String {
        policies.get(name).map(ToString::to_string).unwrap_or_default()
    }

    #[test]
    fn every_seat_may_do_what_is_done_in_every_account() {
        let toml = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n\
                    [accounts.log]\nname = \"l\"\nemail = \"l@example.com\"\nou = \"/\"\n\
                    [log_archive]\naccount = \"log\"\n[password_policy]\nminimum_length = 14\n";
        let baseline = Baseline::parse("t.toml", toml).map_err(|e| e.render(false)).unwrap();
        let policies = policies(&baseline);
        for seat in ["management", "log-archive", "member"] {
            let (plan, apply) = (format!("{seat}-plan"), format!("{seat}-apply"));
            assert!(text(&policies, &plan).contains("iam:GetAccountPasswordPolicy"), "{plan}");
            assert!(!text(&policies, &plan).contains("iam:UpdateAccountPasswordPolicy"), "{plan}");
            assert!(text(&policies, &apply).contains("iam:UpdateAccountPasswordPolicy"), "{apply}");
        }
        assert_eq!(text(&policies, "delegated-admin-plan"), "");
        assert!(!text(&policies, "member-apply").contains("sts:AssumeRole"));
    }
}
