//! The IAM policies that a baseline needs: per seat, for planning and for applying.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::actions::iam_actions;
use super::scopes::{self, Names, Scoped};
use crate::baseline::Baseline;
use crate::check;
use crate::control::{DynSection, Seat};
use crate::controls::SECTIONS;
use crate::controls::delegated_admins::dismissal;
use crate::drift;
use crate::facts::discover;

/// The seats, as `--for` names them.
pub const SEATS: [&str; 5] = ["management", "log-archive", "log-replica", "delegated-admin", "member"];

/// What a policy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `plan`, `drift` and `check`: reads only.
    Plan,
    /// `apply`: reads and writes.
    Apply,
}

/// All policies: `management-plan`, `management-apply`, `member-plan`, ... -> document. Seats that need nothing are
/// left out. One that is longer than IAM takes is several: `management-apply`, `management-apply-2`, ...
pub fn policies(baseline: &Baseline) -> BTreeMap<String, Value> {
    policies_with(baseline, &[])
}

/// The same, with further statements for the management account, such as those of a run folder in S3.
pub fn policies_with(baseline: &Baseline, further: &[Value]) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for seat in SEATS {
        let own = |s: Seat| seat_name(s) == seat;
        // The account of every seat is also one whose own settings are managed: the management account's by the caller
        // itself, which assumes no role there.
        let own_or_member = |s: Seat| own(s) || s == Seat::Member;
        for (name, purpose) in [("plan", Purpose::Plan), ("apply", Purpose::Apply)] {
            // `check` reads in every account, whatever the baseline declares.
            let checked = seat == "management" || (seat == "member" && purpose == Purpose::Plan);
            if !checked && statements(baseline, own, Purpose::Apply).is_empty() {
                continue;
            }
            let names = names(baseline);
            let mut scoped = Scoped::default();
            let mut statements: Vec<Value> = Vec::new();
            for (section, mut actions) in statements_of(baseline, own_or_member, purpose) {
                let any = std::mem::take(&mut actions.any);
                if !any.is_empty() {
                    statements.push(statement((section, any)));
                }
                scoped.merge_scoped(actions);
            }
            statements.extend(scoped.statements(&names));
            statements.insert(0, statement(("WhoChangedIt".into(), set(drift::READS))));
            if purpose == Purpose::Plan {
                statements.extend(check_statement(seat == "management", &statements));
            }
            if seat == "management" {
                let first = [facts_statement(), assume_statement(baseline, purpose)];
                statements.splice(0..0, first.into_iter().chain(further.iter().cloned()));
            } else {
                statements.insert(0, statement(("Regions".into(), set(&discover::REGION_READS))));
            }
            for (n, document) in (1..).zip(scopes::documents(statements)) {
                let further = if n == 1 { String::new() } else { format!("-{n}") };
                all.insert(format!("{seat}-{name}{further}"), document);
            }
        }
    }
    if !baseline.accounts.is_empty() {
        all.extend(vend());
    }
    all
}

/// What `vend` calls beyond what `apply` does: as the management account, and as the account itself.
fn vend() -> [(String, Value); 2] {
    let is_own =
        |op: &&&str| ["account:", "ec2:", "s3:", "sts:"].iter().any(|service| op.starts_with(service));
    let (own, central): (Vec<&str>, Vec<&str>) =
        crate::vend::READS.iter().chain(crate::vend::WRITES).partition(|op| is_own(op));
    // An account that administers services lets its members go before it is closed.
    let (outgoing, closing): (Vec<&str>, Vec<&str>) =
        dismissal::operations().into_iter().partition(|op| dismissal::as_outgoing_admin().contains(op));
    let actions = |operations: &mut dyn Iterator<Item = &str>| operations.flat_map(iam_actions).collect();
    let document =
        |actions| json!({ "Version": "2012-10-17", "Statement": [statement(("Vend".into(), actions))] });
    let central = actions(&mut central.into_iter().chain(closing));
    [
        ("management-vend".into(), document(central)),
        ("member-vend".into(), document(actions(&mut own.into_iter().chain(outgoing)))),
    ]
}

/// The seat of an administrator that is replaced: the baseline does not name it any more.
const OUTGOING_ADMIN: Seat = Seat::DelegatedAdmin("");

/// Services whose reads may give contents: their actions are named one by one.
const CONTENTS: &[&str] = &["dynamodb", "kms", "lambda", "logs", "s3", "secretsmanager", "sqs", "ssm"];

/// What scopes are made of.
pub(crate) fn names(baseline: &Baseline) -> Names {
    let named = |section: &dyn DynSection| {
        let value = baseline.section(section.meta().id, None).ok().flatten()?;
        Some(section.role_names(value.value.as_ref()))
    };
    let declared = SECTIONS.iter().filter(|s| baseline.declares(s.meta().id));
    let roles: BTreeSet<String> = declared.filter_map(|section| named(*section)).flatten().collect();
    Names { prefix: baseline.organization.prefix.clone(), roles: roles.into_iter().collect() }
}

/// The session policy of a read-only run: every read that the baseline's controls make, in any seat. Where that is too
/// long, operations of one verb become a pattern.
pub fn session_policy(baseline: &Baseline) -> String {
    let mut actions: BTreeSet<String> = set(&discover::REGION_READS);
    actions.extend(set(drift::READS));
    for (_, more) in statements(baseline, |_| true, Purpose::Plan) {
        actions.extend(more);
    }
    shortened(&actions)
}

/// The session policy of a read-only run that calls these operations (`service:Operation`).
pub fn policy_of<'a>(operations: impl IntoIterator<Item = &'a str>) -> String {
    let mut actions: BTreeSet<String> = operations.into_iter().flat_map(iam_actions).collect();
    actions.insert("ec2:DescribeRegions".to_string());
    shortened(&actions)
}

/// A policy that allows these actions: where it is too long for a session, operations of one verb become a pattern.
fn shortened(actions: &BTreeSet<String>) -> String {
    let text = |actions: &BTreeSet<String>| {
        let statement = json!({ "Effect": "Allow", "Action": actions, "Resource": "*" });
        json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
    };
    let exact = text(actions);
    if exact.chars().count() <= crate::aws::SESSION_POLICY_LONGEST {
        return exact;
    }
    text(&scopes::compact(actions, CONTENTS))
}

/// The IAM actions that the baseline's controls use, reads and writes, in the accounts of `seats`.
pub fn actions_of(baseline: &Baseline, seats: impl Fn(Seat) -> bool) -> BTreeSet<String> {
    let all = statements(baseline, seats, Purpose::Apply);
    all.into_iter().flat_map(|(_, actions)| actions).collect()
}

/// The operations of the declared controls in the seats that `wanted` chooses, by section; with each, whether it is a write.
fn operations(
    baseline: &Baseline,
    wanted: impl Fn(Seat) -> bool,
    purpose: Purpose,
) -> Vec<(String, BTreeSet<(&'static str, bool)>)> {
    let mut found = Vec::new();
    for section in SECTIONS.iter().filter(|s| baseline.declares(s.meta().id)) {
        let mut operations = BTreeSet::new();
        for control in section.controls() {
            let meta = control.meta();
            if let Some(survey) = meta.survey.filter(|survey| wanted(survey.seat)) {
                operations.extend(survey.reads.iter().map(|op| (*op, false)));
            }
            let writes: &[&str] = if purpose == Purpose::Apply { meta.writes } else { &[] };
            let there = meta.elsewhere.iter().filter(|(seat, _)| wanted(*seat)).flat_map(|(_, ops)| *ops);
            let allowed = there.filter(|op| writes.contains(op) || !meta.writes.contains(op));
            operations.extend(allowed.map(|op| (*op, meta.writes.contains(op))));
            if wanted(OUTGOING_ADMIN) && purpose == Purpose::Apply {
                operations.extend(meta.as_outgoing_admin.iter().map(|op| (*op, true)));
            }
            if !wanted(meta.seat) {
                continue;
            }
            let foreign = [meta.in_root_sessions, meta.as_outgoing_admin];
            let own = |op: &&&str| foreign.iter().all(|others| !others.contains(*op));
            operations.extend(meta.reads.iter().filter(own).map(|op| (*op, false)));
            operations.extend(writes.iter().filter(own).map(|op| (*op, true)));
            // A session that writes has another task policy than one that reads.
            if writes.iter().any(|op| meta.in_root_sessions.contains(op)) {
                operations.insert((scopes::ASSUME_ROOT, true));
            }
        }
        if !operations.is_empty() {
            found.push((section.meta().id.to_string(), operations));
        }
    }
    found
}

/// The same as IAM actions.
fn statements(
    baseline: &Baseline,
    wanted: impl Fn(Seat) -> bool,
    purpose: Purpose,
) -> Vec<(String, BTreeSet<String>)> {
    let sections = operations(baseline, wanted, purpose).into_iter();
    sections
        .map(|(section, operations)| {
            (section, operations.iter().flat_map(|(op, _)| iam_actions(op)).collect())
        })
        .collect()
}

/// The same as IAM actions by what they are allowed on.
fn statements_of(
    baseline: &Baseline,
    wanted: impl Fn(Seat) -> bool,
    purpose: Purpose,
) -> Vec<(String, Scoped)> {
    let sections = operations(baseline, wanted, purpose).into_iter();
    let scoped = |operations: BTreeSet<(&'static str, bool)>| {
        let mut all = Scoped::default();
        for (operation, write) in operations {
            all.add(operation, write);
        }
        all
    };
    sections.map(|(section, operations)| (section, scoped(operations))).collect()
}

fn seat_name(seat: Seat) -> &'static str {
    match seat {
        Seat::Management => "management",
        Seat::LogArchive => "log-archive",
        Seat::LogReplica => "log-replica",
        Seat::DelegatedAdmin(_) => "delegated-admin",
        Seat::Member => "member",
    }
}

fn facts_statement() -> Value {
    let actions =
        discover::READS.iter().chain(&discover::REGION_READS).flat_map(|op| iam_actions(op)).collect();
    statement(("Facts".into(), actions))
}

/// What `check` reads beyond what these statements allow on everything, for every version of the benchmark.
fn check_statement(management: bool, statements: &[Value]) -> Option<Value> {
    let everywhere = statements.iter().filter(|s| s["Resource"] == "*");
    let known: BTreeSet<&str> =
        everywhere.filter_map(|s| s["Action"].as_array()).flatten().filter_map(Value::as_str).collect();
    let operations = if management { check::all_operations() } else { check::member_operations() };
    let actions = operations.iter().flat_map(|op| iam_actions(op));
    let actions: BTreeSet<String> = actions.filter(|action| !known.contains(action.as_str())).collect();
    (!actions.is_empty()).then(|| statement(("Check".into(), actions)))
}

/// The roles that a run of one purpose assumes, as `run.rs` chooses them: an account's own `access_role` in every run, elsewhere
/// `plan_role` or `apply_role`, and `access_role` where that is not declared. Nothing else: `plan` may be trusted by many.
///
/// The partition is not known here: IAM takes a wildcard for it, as AWS's own policies have it, such as the administration
/// role of StackSets <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-prereqs-self-managed.html>.
fn assume_statement(baseline: &Baseline, purpose: Purpose) -> Value {
    let organization = &baseline.organization;
    let own = baseline.accounts.values().filter_map(|a| a.access_role.as_ref());
    let special = match purpose {
        Purpose::Plan => &organization.plan_role,
        Purpose::Apply => &organization.apply_role,
    };
    let usual = special.as_ref().unwrap_or(&organization.access_role);
    let arns: BTreeSet<String> = std::iter::once(usual).chain(own).map(|name| scopes::role(name)).collect();
    let mut actions = vec!["sts:AssumeRole"];
    if organization.source_identity {
        actions.push("sts:SetSourceIdentity");
    }
    json!({ "Sid": "AssumeRole", "Effect": "Allow", "Action": actions, "Resource": arns })
}

/// What whoever lets others run `plan` must know: which of its roles `apply` assumes too, so that they can do more than read.
pub fn plan_notices(baseline: &Baseline) -> Vec<String> {
    let organization = &baseline.organization;
    let mut notices = Vec::new();
    if organization.plan_role.is_none() {
        notices.push(format!(
            "`plan_role` is not declared: `plan`, `drift` and `check` assume {role}, and management-plan allows it, although {role} \
             may do more than read: declare `plan_role` in [organization], a role with the policies *-plan",
            role = organization.access_role
        ));
    }
    let accounts = baseline.accounts.iter();
    let own: Vec<String> = accounts
        .filter_map(|(key, account)| Some(format!("{} ({key})", account.access_role.as_ref()?)))
        .collect();
    if !own.is_empty() {
        notices.push(format!(
            "an account's own `access_role` is assumed by `plan` as by `apply`, and management-plan allows these in every account: {}",
            own.join(", ")
        ));
    }
    notices
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

    fn assumed(organization: &str, accounts: &str) -> [String; 2] {
        let toml = format!(
            "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n{organization}\n{accounts}\n\
             [password_policy]\nminimum_length = 14\n"
        );
        let baseline = Baseline::parse("t.toml", &toml).map_err(|e| e.render(false)).unwrap();
        let policies = policies(&baseline);
        ["management-plan", "management-apply"].map(|name| {
            let all = policies[name]["Statement"].as_array().cloned().unwrap_or_default();
            let arns = all.into_iter().find(|s| s["Sid"] == "AssumeRole").unwrap()["Resource"].clone();
            arns.to_string().replace("arn:*:iam::*:role/", "")
        })
    }

    #[test]
    fn who_plans_may_assume_no_role_of_who_applies() {
        let both = "plan_role = \"reader\"\napply_role = \"writer\"";
        assert_eq!(assumed(both, ""), [r#"["reader"]"#, r#"["writer"]"#]);
        let default = r#"["OrganizationAccountAccessRole"]"#;
        assert_eq!(assumed("plan_role = \"reader\"", ""), [r#"["reader"]"#, default]);
        assert_eq!(assumed("", ""), [default, default]);
        let own = "[accounts.x]\nname = \"x\"\nemail = \"x@example.com\"\nou = \"/\"\naccess_role = \"own\"";
        assert_eq!(assumed(both, own), [r#"["own","reader"]"#, r#"["own","writer"]"#]);
    }

    #[test]
    fn who_plans_may_check_and_a_member_reads_nothing_of_the_organization() {
        let toml = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n";
        let policies = policies(&Baseline::parse("t.toml", toml).map_err(|e| e.render(false)).unwrap());
        let (management, member) = (text(&policies, "management-plan"), text(&policies, "member-plan"));
        for action in
            ["iam:GenerateCredentialReport", "rds:DescribeDBInstances", "logs:DescribeMetricFilters"]
        {
            assert!(management.contains(action) && member.contains(action), "{action}");
        }
        assert!(management.contains("organizations:DescribeResourcePolicy"));
        assert!(!member.contains("organizations:"), "{member}");
        assert_eq!(text(&policies, "member-apply"), "");
    }
}
