//! What an IAM action is allowed on: everything, or only what carries the baseline's prefix.
//!
//! One table per kind. A new control is covered by its declared operations; only one that passes a role, or whose
//! service makes a service-linked role, needs a row here (a test says so).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::actions::iam_actions;

/// Actions by what they are allowed on.
#[derive(Debug, Default)]
pub(super) struct Scoped {
    /// On everything.
    pub(super) any: BTreeSet<String>,
    /// On roles with our prefix or a declared name.
    roles: BTreeSet<String>,
    /// On groups with our prefix.
    groups: BTreeSet<String>,
    /// On buckets with our prefix.
    buckets: BTreeSet<String>,
    /// On objects in them.
    objects: BTreeSet<String>,
    /// Services to which our roles may be passed.
    passed: BTreeSet<&'static str>,
    /// Services whose service-linked roles may be made.
    linked: BTreeSet<&'static str>,
    /// Task policies with which members' root users may be assumed.
    tasks: BTreeSet<&'static str>,
}

/// ARNs of what an action is done to, where the baseline's names say: roles, and buckets that are written. `None`: it may be
/// anything.
pub(crate) fn resources(action: &str, write: bool, names: &Names) -> Option<Vec<String>> {
    let roles = || names.role_arns();
    let bucket = || format!("arn:*:s3:::{}-*", names.prefix);
    match action {
        "iam:CreateServiceLinkedRole" => Some(vec![role("aws-service-role/*")]),
        "iam:PassRole" => Some(roles().into_iter().chain([role("aws-service-role/*")]).collect()),
        name if ROLE_WRITES.contains(&name) => Some(roles()),
        name if GROUP_WRITES.contains(&name) => Some(vec![group(names)]),
        name if write && is_object(name) => Some(vec![format!("{}/*", bucket())]),
        name if write && is_bucket(name) => Some(vec![bucket()]),
        _ => None,
    }
}

/// Names that scopes are made of.
pub(crate) struct Names {
    /// Of what orgbase makes.
    pub(crate) prefix: String,
    /// Roles that the baseline names itself, with or without a path.
    pub(crate) roles: Vec<String>,
}

impl Names {
    /// Roles that orgbase may write.
    fn role_arns(&self) -> Vec<String> {
        let own = role(&format!("{}-*", self.prefix));
        std::iter::once(own).chain(self.roles.iter().map(|name| role(name))).collect()
    }
}

/// Writes to one group.
const GROUP_WRITES: &[&str] = &["iam:CreateGroup", "iam:PutGroupPolicy"];

/// Writes to one role. Reads stay allowed on all roles: others' are looked at too.
const ROLE_WRITES: &[&str] = &[
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:DeleteRole",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:TagRole",
    "iam:UntagRole",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateRole",
    "iam:UpdateRoleDescription",
];

/// Operations that pass one of our roles, and to whom.
const PASSED: &[(&str, &[&str])] = &[
    ("backup:CreateBackupSelection", &["backup.amazonaws.com"]),
    ("cloudtrail:CreateTrail", &["cloudtrail.amazonaws.com"]),
    ("cloudtrail:UpdateTrail", &["cloudtrail.amazonaws.com"]),
    ("config:PutConfigurationAggregator", &["config.amazonaws.com"]),
    ("config:PutConfigurationRecorder", &["config.amazonaws.com"]),
    ("s3:PutBucketReplication", &["s3.amazonaws.com"]),
    ("scheduler:CreateSchedule", &["scheduler.amazonaws.com"]),
    ("scheduler:UpdateSchedule", &["scheduler.amazonaws.com"]),
];

/// Operations that make a service-linked role, and of which service. `*`: of any that we work with.
const LINKED: &[(&str, &[&str])] = &[
    ("accessanalyzer:CreateAnalyzer", &["access-analyzer.amazonaws.com"]),
    ("compute-optimizer:UpdateEnrollmentStatus", &["compute-optimizer.amazonaws.com"]),
    ("config:PutOrganizationConformancePack", &["config-multiaccountsetup.amazonaws.com"]),
    ("guardduty:CreateDetector", &["guardduty.amazonaws.com"]),
    ("inspector2:Enable", &["agentless.inspector2.amazonaws.com", "inspector2.amazonaws.com"]),
    ("macie2:EnableMacie", &["macie.amazonaws.com"]),
    ("securityhub:EnableSecurityHub", &["securityhub.amazonaws.com"]),
    ("auditmanager:RegisterOrganizationAdminAccount", &["auditmanager.amazonaws.com"]),
    ("cloudtrail:CreateTrail", &["cloudtrail.amazonaws.com"]),
    ("cloudtrail:RegisterOrganizationDelegatedAdmin", &["cloudtrail.amazonaws.com"]),
    ("detective:EnableOrganizationAdminAccount", &["detective.amazonaws.com"]),
    ("ec2:EnableIpamOrganizationAdminAccount", &["ipam.amazonaws.com"]),
    (
        "guardduty:EnableOrganizationAdminAccount",
        &["guardduty.amazonaws.com", "malware-protection.guardduty.amazonaws.com"],
    ),
    (
        "inspector2:EnableDelegatedAdminAccount",
        &["agentless.inspector2.amazonaws.com", "inspector2.amazonaws.com"],
    ),
    ("macie2:EnableOrganizationAdminAccount", &["macie.amazonaws.com"]),
    ("securityhub:EnableOrganizationAdminAccount", &["securityhub.amazonaws.com"]),
    ("securitylake:RegisterDataLakeDelegatedAdministrator", &["securitylake.amazonaws.com"]),
];

/// Services whose roles are made where the service is only known at run time: `organizations:EnableAWSServiceAccess` makes
/// them for the service that is switched on. Those of the Organizations integrations that have such roles.
const ANY_LINKED: &[&str] = &[
    "access-analyzer.amazonaws.com",
    "account.amazonaws.com",
    "backup.amazonaws.com",
    "cloudtrail.amazonaws.com",
    "compute-optimizer.amazonaws.com",
    "config-multiaccountsetup.amazonaws.com",
    "config.amazonaws.com",
    "cost-optimization-hub.bcm.amazonaws.com",
    "fms.amazonaws.com",
    "health.amazonaws.com",
    "member.org.stacksets.cloudformation.amazonaws.com",
    "ram.amazonaws.com",
    "reporting.trustedadvisor.amazonaws.com",
    "resource-explorer-2.amazonaws.com",
    "ssm.amazonaws.com",
    "sso.amazonaws.com",
    "stacksets.cloudformation.amazonaws.com",
    "storage-lens.s3.amazonaws.com",
    "tagpolicies.tag.amazonaws.com",
];

/// The operation that opens a session as a member's root user, and what such a session may do in a control that only reads
/// in it, and in one that writes. <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user-privileged-task.html>
pub(super) const ASSUME_ROOT: &str = "sts:AssumeRoot";
const AUDIT_TASK: &str = "IAMAuditRootUserCredentials";
const DELETE_TASK: &str = "IAMDeleteRootUserCredentials";

fn row(table: &'static [(&str, &[&str])], operation: &str) -> Option<&'static [&'static str]> {
    table.iter().find(|(name, _)| *name == operation).map(|(_, services)| *services)
}

impl Scoped {
    /// Adds what an operation needs. `write`: it is declared as a write.
    pub(super) fn add(&mut self, operation: &str, write: bool) {
        for action in iam_actions(operation) {
            match action.as_str() {
                "iam:PassRole" => self.passed.extend(row(PASSED, operation).unwrap_or_default()),
                "iam:CreateServiceLinkedRole" => {
                    self.linked.extend(row(LINKED, operation).unwrap_or(ANY_LINKED));
                }
                ASSUME_ROOT => drop(self.tasks.insert(if write { DELETE_TASK } else { AUDIT_TASK })),
                name if ROLE_WRITES.contains(&name) => drop(self.roles.insert(action)),
                name if GROUP_WRITES.contains(&name) => drop(self.groups.insert(action)),
                name if write && is_object(name) => drop(self.objects.insert(action)),
                name if write && is_bucket(name) => drop(self.buckets.insert(action)),
                _ => drop(self.any.insert(action)),
            }
        }
    }

    /// Takes everything of `other` that is not allowed on everything.
    pub(super) fn merge_scoped(&mut self, other: Scoped) {
        self.roles.extend(other.roles);
        self.groups.extend(other.groups);
        self.buckets.extend(other.buckets);
        self.objects.extend(other.objects);
        self.passed.extend(other.passed);
        self.linked.extend(other.linked);
        self.tasks.extend(other.tasks);
    }

    /// The statements of what is not allowed on everything.
    pub(super) fn statements(self, names: &Names) -> Vec<Value> {
        let mut roles = names.role_arns();
        let bucket = format!("arn:*:s3:::{}-*", names.prefix);
        let mut all = Vec::new();
        let mut allow =
            |sid: &str, actions: Vec<String>, resources: Vec<String>, condition: Option<Value>| {
                let mut statement =
                    json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources });
                if let Some(condition) = condition {
                    statement["Condition"] = condition;
                }
                all.push(statement);
            };
        let list = |actions: BTreeSet<String>| actions.into_iter().collect::<Vec<String>>();
        if !self.roles.is_empty() {
            allow("Roles", list(self.roles), roles.clone(), None);
        }
        if !self.groups.is_empty() {
            allow("Groups", list(self.groups), vec![group(names)], None);
        }
        if !self.passed.is_empty() {
            // A recorder may use its service-linked role.
            let recorder = "config.amazonaws.com";
            roles.extend(
                self.passed.get(recorder).map(|service| role(&format!("aws-service-role/{service}/*"))),
            );
            let condition = json!({ "StringEquals": { "iam:PassedToService": self.passed } });
            allow("PassRole", vec!["iam:PassRole".into()], roles, Some(condition));
        }
        if !self.linked.is_empty() {
            let condition = json!({ "StringEquals": { "iam:AWSServiceName": self.linked } });
            let made = vec![role("aws-service-role/*")];
            allow("ServiceLinkedRoles", vec!["iam:CreateServiceLinkedRole".into()], made, Some(condition));
        }
        if !self.tasks.is_empty() {
            let tasks: Vec<String> =
                self.tasks.iter().map(|task| format!("arn:*:iam::aws:policy/root-task/{task}")).collect();
            let condition = json!({ "StringLike": { "sts:TaskPolicyArn": tasks } });
            let roots = vec!["arn:*:iam::*:root".to_string()];
            allow("AssumeRoot", vec![ASSUME_ROOT.into()], roots, Some(condition));
        }
        if !self.buckets.is_empty() {
            allow("Buckets", list(self.buckets), vec![bucket.clone()], None);
        }
        if !self.objects.is_empty() {
            allow("Objects", list(self.objects), vec![format!("{bucket}/*")], None);
        }
        all
    }
}

/// ARN of a role by name, path and name, or ARN. The partition is not known here.
pub(super) fn role(name: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    format!("arn:*:iam::*:role/{}", name.trim_start_matches('/'))
}

/// ARN of our groups.
fn group(names: &Names) -> String {
    format!("arn:*:iam::*:group/{}-*", names.prefix)
}

/// Whether an action is on objects.
fn is_object(action: &str) -> bool {
    action.strip_prefix("s3:").is_some_and(|name| {
        ["GetObject", "PutObject", "DeleteObject", "AbortMultipart"].iter().any(|verb| name.starts_with(verb))
    })
}

/// Whether an action is on one bucket.
fn is_bucket(action: &str) -> bool {
    let elsewhere = ["Account", "ListAllMyBuckets", "StorageLens", "AccessPoint", "Job"];
    action.strip_prefix("s3:").is_some_and(|name| !elsewhere.iter().any(|word| name.contains(word)))
}

/// Longest managed policy in characters without white space.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub(super) const LONGEST: usize = 6144;

/// Documents of at most `LONGEST` characters, with the statements in their order; a statement that is longer alone is
/// divided by its actions.
pub(super) fn documents(statements: Vec<Value>) -> Vec<Value> {
    let document = |statements: &[Value]| json!({ "Version": "2012-10-17", "Statement": statements });
    let fits = |statements: &[Value]| document(statements).to_string().chars().count() <= LONGEST;
    let mut all: Vec<Vec<Value>> = vec![Vec::new()];
    let mut rest: Vec<Value> = statements.into_iter().rev().collect();
    while let Some(statement) = rest.pop() {
        if !fits(std::slice::from_ref(&statement))
            && let Some((first, second)) = divided(&statement)
        {
            rest.extend([second, first]);
            continue;
        }
        let Some(last) = all.last_mut() else { break };
        last.push(statement);
        if last.len() > 1
            && !fits(last)
            && let Some(moved) = last.pop()
        {
            all.push(vec![moved]);
        }
    }
    all.iter().map(|statements| document(statements)).collect()
}

/// A statement as two, each with half of the actions.
fn divided(statement: &Value) -> Option<(Value, Value)> {
    let actions = statement["Action"].as_array().filter(|a| a.len() > 1)?;
    let (first, second) = actions.split_at(actions.len() / 2);
    let sid = statement["Sid"].as_str().unwrap_or_default();
    let part = |actions: &[Value], sid: String| {
        let mut part = statement.clone();
        part["Action"] = json!(actions);
        part["Sid"] = json!(sid);
        part
    };
    Some((part(first, sid.to_owned()), part(second, format!("{sid}More"))))
}

/// Shortens a read-only policy: `Get*` in place of each operation, of the services whose reads give configuration only.
pub(super) fn compact(actions: &BTreeSet<String>, contents: &[&str]) -> BTreeSet<String> {
    let mut verbs: BTreeMap<(String, &str), Vec<&String>> = BTreeMap::new();
    let mut kept = BTreeSet::new();
    for action in actions {
        let (service, name) = action.split_once(':').unwrap_or((action, ""));
        let verb = ["BatchGet", "Describe", "Get", "List"].into_iter().find(|verb| name.starts_with(verb));
        match verb.filter(|_| !contents.contains(&service)) {
            Some(verb) => verbs.entry((service.to_owned(), verb)).or_default().push(action),
            None => drop(kept.insert(action.clone())),
        }
    }
    for ((service, verb), actions) in verbs {
        match actions.as_slice() {
            [one] => drop(kept.insert((*one).clone())),
            _ => drop(kept.insert(format!("{service}:{verb}*"))),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::controls::SECTIONS;

    fn names() -> Names {
        Names { prefix: "orgbase".into(), roles: vec!["/audit/SecurityAudit".into()] }
    }

    fn scoped(operations: &[(&str, bool)]) -> Vec<Value> {
        let mut all = Scoped::default();
        for (operation, write) in operations {
            all.add(operation, *write);
        }
        all.statements(&names())
    }

    fn of<'s>(statements: &'s [Value], sid: &str) -> &'s Value {
        statements.iter().find(|s| s["Sid"] == sid).unwrap()
    }

    #[test]
    fn roles_are_ours_and_go_to_the_service_that_needs_them() {
        let all =
            scoped(&[("iam:CreateRole", true), ("cloudtrail:CreateTrail", true), ("iam:GetRole", false)]);
        let ours = json!(["arn:*:iam::*:role/orgbase-*", "arn:*:iam::*:role/audit/SecurityAudit"]);
        assert_eq!(
            (&of(&all, "Roles")["Action"], &of(&all, "Roles")["Resource"]),
            (&json!(["iam:CreateRole"]), &ours)
        );
        let pass = of(&all, "PassRole");
        assert_eq!(
            pass["Condition"]["StringEquals"]["iam:PassedToService"],
            json!(["cloudtrail.amazonaws.com"])
        );
        assert_eq!(pass["Resource"], ours);
        let recorder = scoped(&[("config:PutConfigurationRecorder", true)]);
        let linked = "arn:*:iam::*:role/aws-service-role/config.amazonaws.com/*";
        assert_eq!(of(&recorder, "PassRole")["Resource"][2], linked);
        let linked = of(&all, "ServiceLinkedRoles");
        assert_eq!(
            linked["Condition"]["StringEquals"]["iam:AWSServiceName"],
            json!(["cloudtrail.amazonaws.com"])
        );
    }

    #[test]
    fn buckets_are_written_by_prefix_and_read_anywhere() {
        let all = scoped(&[
            ("s3:PutBucketPolicy", true),
            ("s3:PutObject", true),
            ("s3:GetBucketPolicyStatus", false),
            ("s3control:PutPublicAccessBlock", true),
        ]);
        assert_eq!(of(&all, "Buckets")["Resource"], json!(["arn:*:s3:::orgbase-*"]));
        assert_eq!(of(&all, "Objects")["Action"], json!(["s3:PutObject"]));
        assert_eq!(all.len(), 2, "the others are allowed on everything: {all:?}");
    }

    #[test]
    fn a_root_session_is_opened_for_its_task_only() {
        let tasks = |operations: &[(&str, bool)]| {
            let all = scoped(operations);
            let one = of(&all, "AssumeRoot").clone();
            assert_eq!(one["Resource"], json!(["arn:*:iam::*:root"]));
            one["Condition"]["StringLike"]["sts:TaskPolicyArn"].as_array().unwrap().len()
        };
        assert_eq!(tasks(&[(ASSUME_ROOT, false)]), 1);
        assert_eq!(tasks(&[(ASSUME_ROOT, false), (ASSUME_ROOT, true)]), 2);
    }

    /// Every declared operation that passes a role or makes a service-linked one is in a table.
    #[test]
    fn nothing_is_passed_to_anybody() {
        for control in SECTIONS.iter().flat_map(|s| s.controls()) {
            for operation in control.meta().writes {
                let actions = iam_actions(operation);
                let needs = |action: &str| actions.iter().any(|a| a == action);
                assert!(!needs("iam:PassRole") || row(PASSED, operation).is_some(), "{operation}");
                let known = row(LINKED, operation).is_some()
                    || ["iam:CreateServiceLinkedRole", "organizations:EnableAWSServiceAccess"]
                        .contains(operation);
                assert!(!needs("iam:CreateServiceLinkedRole") || known, "{operation}");
            }
        }
    }

    #[test]
    fn long_policies_become_several() {
        let actions: Vec<String> = (0..600).map(|n| format!("service:Operation{n:04}")).collect();
        let one = |sid: &str, actions: &[String]| json!({"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": "*"});
        let all = documents(vec![one("A", &actions[..100]), one("B", &actions)]);
        assert!(all.len() > 2, "{}", all.len());
        let mut found = 0;
        for document in &all {
            assert!(document.to_string().len() <= LONGEST);
            for statement in document["Statement"].as_array().unwrap() {
                found += statement["Action"].as_array().unwrap().len();
            }
        }
        assert_eq!(found, 700);
    }

    #[test]
    fn reads_of_one_verb_become_a_pattern_but_not_those_of_contents() {
        let actions = [
            "ec2:DescribeVpcs",
            "ec2:DescribeSubnets",
            "iam:GetRole",
            "s3:GetBucketPolicy",
            "s3:GetBucketAcl",
        ];
        let short = compact(&actions.iter().map(ToString::to_string).collect(), &["s3"]);
        assert_eq!(
            Vec::from_iter(short),
            ["ec2:Describe*", "iam:GetRole", "s3:GetBucketAcl", "s3:GetBucketPolicy"]
        );
    }
}
