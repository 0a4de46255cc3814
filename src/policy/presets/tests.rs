#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;

use super::*;
use crate::policy::evaluate::{Caller, Decision, Request, effect, scp_decision};
use crate::policy::{Effect, Element, same_meaning};

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}

/// The values with which `test_data/scps.json` was filled; its policies are those of `facts/scps.md`.
fn example() -> Parameters {
    Parameters {
        partition: "aws".into(),
        exempt_role_arns: texts(&[
            "arn:aws:iam::*:role/orgbase-apply",
            "arn:aws:iam::*:role/OrganizationAccountAccessRole",
        ]),
        allowed_regions: texts(&["eu-west-1", "us-east-1"]),
        approved_services: texts(&[
            "iam",
            "sts",
            "organizations",
            "support",
            "cloudtrail",
            "config",
            "cloudwatch",
            "logs",
            "kms",
            "s3",
            "ec2",
        ]),
        prefix: "orgbase".into(),
        access_role: "OrganizationAccountAccessRole".into(),
        protected_roles: vec![],
        trail_name: "org-trail".into(),
        log_bucket_prefix: "orgbase-logs".into(),
        log_key_alias: "alias/orgbase-logs".into(),
    }
}

#[test]
fn presets_equal_the_documents_they_come_from() {
    let expected: Value = serde_json::from_str(include_str!("test_data/scps.json")).unwrap();
    let expected = expected.as_object().unwrap();
    assert_eq!(names().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, document) in expected {
        let rendered = render(name, &example()).unwrap();
        assert!(same_meaning(&rendered, &Document::from_value(document).unwrap()), "{name}");
        assert!(rendered.size() <= 10_240, "{name}");
    }
}

#[test]
fn the_table_is_complete_and_true() {
    let mut seen = BTreeSet::new();
    for preset in table::PRESETS {
        assert!(seen.insert(preset.name), "{} twice", preset.name);
        assert!(!preset.title.is_empty() && preset.summary.ends_with('.'), "{}", preset.name);
        let used: BTreeSet<&str> =
            preset.template.split("${").skip(1).map(|after| after.split_once('}').unwrap().0).collect();
        let declared: BTreeSet<&str> = preset.parameters.iter().map(|parameter| parameter.name()).collect();
        assert_eq!(used, declared, "{}", preset.name);
        assert_eq!(used.contains("exempt_role_arns"), preset.needs_exempt_roles, "{}", preset.name);
        assert!(!preset.template.contains("arn:aws"), "{}", preset.name);
    }
}

/// Action names: a service prefix, a colon, a capitalised name, maybe with a `*`; or `*` alone.
#[test]
fn actions_and_sids_are_well_formed() {
    for name in names() {
        let document = render(name, &example()).unwrap();
        let mut sids = BTreeSet::new();
        for statement in &document.statements {
            assert_eq!((statement.effect, &statement.principal), (Effect::Deny, &None), "{name}");
            let sid = statement.sid.as_deref().unwrap();
            assert!(sids.insert(sid) && sid.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{name} {sid}");
            let (Element::Is(actions) | Element::IsNot(actions)) = &statement.action;
            for action in actions.iter().filter(|action| *action != "*") {
                let (service, verb) = action.split_once(':').unwrap();
                assert!(is_service_prefix(service), "{name} {action}");
                let stem = verb.strip_suffix('*').unwrap_or(verb);
                assert!(stem.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{name} {action}");
                assert!(
                    stem.is_empty() || stem.starts_with(|first: char| first.is_ascii_uppercase()),
                    "{action}"
                );
            }
        }
    }
}

#[test]
fn the_partition_is_a_parameter() {
    let china = Parameters {
        partition: "aws-cn".into(),
        exempt_role_arns: texts(&["arn:aws-cn:iam::*:role/orgbase-apply"]),
        ..example()
    };
    for name in names() {
        assert!(!render(name, &china).unwrap().minified().contains("arn:aws:"), "{name}");
    }
}

#[test]
fn without_exemptions_the_condition_is_left_out() {
    let none = Parameters { exempt_role_arns: vec![], ..example() };
    assert!(render("deny-iam-users", &none).unwrap().statements[0].conditions.is_empty());
    let regions = render("restrict-regions", &none).unwrap();
    assert_eq!(regions.statements[0].conditions.len(), 1);
    assert_eq!(regions.statements[0].conditions[0].key, "aws:RequestedRegion");
}

#[test]
fn protected_roles_are_names_or_arns() {
    let more = Parameters {
        protected_roles: texts(&["ops/BreakGlass", "arn:aws:iam::111122223333:role/vendor"]),
        ..example()
    };
    let document = render("protect-baseline-roles", &more).unwrap();
    let Some(Element::Is(resources)) = &document.statements[0].resource else { panic!("no Resource") };
    assert_eq!(
        resources[3..],
        ["arn:aws:iam::*:role/ops/BreakGlass", "arn:aws:iam::111122223333:role/vendor"]
    );
    let none = render("protect-baseline-roles", &example()).unwrap();
    assert!(!none.minified().contains("\"\""));
}

#[test]
fn errors_say_what_is_missing_or_wrong() {
    let message = |name: &str, parameters: Parameters| render(name, &parameters).unwrap_err().to_string();
    assert_eq!(message("deny-everything", example()), "there is no preset `deny-everything`");
    assert_eq!(
        message("restrict-regions", Parameters { allowed_regions: vec![], ..example() }),
        "preset `restrict-regions` needs `allowed_regions`: the regions that may be used"
    );
    assert_eq!(
        message("protect-stacks", Parameters { prefix: String::new(), ..example() }),
        "preset `protect-stacks` needs `prefix`: name prefix of what the baseline creates"
    );
    for wrong in
        ["", "*", "orgbase-apply", "arn:aws:iam::*:user/x", "arn:aws:iam::*:role/", "arn:aws:iam:::role/x"]
    {
        assert_eq!(
            message("deny-iam-users", Parameters { exempt_role_arns: texts(&[wrong]), ..example() }),
            format!("`exempt_role_arns`: `{wrong}` is not the ARN of a role")
        );
    }
    assert_eq!(
        message("approved-services", Parameters { approved_services: texts(&["ec2:*"]), ..example() }),
        "`approved_services`: `ec2:*` is not a service prefix such as `ec2`"
    );
    assert_eq!(
        message("protect-log-archive", Parameters { log_key_alias: "logs".into(), ..example() }),
        "`log_key_alias`: `logs` is not `alias/...`"
    );
}

/// What the policies do, seen through the evaluator: (preset, caller, action, resource, context, denied).
#[test]
fn what_presets_deny() {
    let role = |name: &str| Caller::Aws {
        account: "111122223333".into(),
        arn: format!("arn:aws:iam::111122223333:role/{name}"),
        session: None,
    };
    let (user, ours) = (role("Dev"), role("orgbase-apply"));
    let root = Caller::Aws {
        account: "111122223333".into(),
        arn: "arn:aws:iam::111122223333:root".into(),
        session: None,
    };
    let region = |name: &'static str| vec![("aws:RequestedRegion", name)];
    let instance = "arn:aws:ec2:eu-west-1:111122223333:instance/*";
    let log = "arn:aws:s3:::orgbase-logs-1/x";
    let tokens = vec![("ec2:MetadataHttpTokens", "required")];
    let table = [
        ("deny-root", &root, "s3:GetObject", "*", vec![], true),
        ("deny-root", &root, "s3:GetObject", "*", vec![("aws:AssumedRoot", "true")], false),
        ("deny-root", &user, "s3:GetObject", "*", vec![], false),
        ("deny-leave-org", &ours, "organizations:LeaveOrganization", "*", vec![], true),
        ("restrict-regions", &user, "ec2:RunInstances", "*", region("ap-south-1"), true),
        ("restrict-regions", &user, "ec2:RunInstances", "*", region("eu-west-1"), false),
        ("restrict-regions", &user, "iam:CreateRole", "*", region("us-west-2"), false),
        ("restrict-regions", &ours, "ec2:RunInstances", "*", region("ap-south-1"), false),
        ("restrict-regions", &user, "ec2:RunInstances", "*", vec![], true),
        ("approved-services", &user, "sagemaker:CreateModel", "*", vec![], true),
        ("approved-services", &user, "ec2:RunInstances", "*", vec![], false),
        ("require-imdsv2", &user, "ec2:RunInstances", instance, vec![], true),
        ("require-imdsv2", &user, "ec2:RunInstances", instance, tokens, false),
        ("require-imdsv2", &user, "s3:GetObject", "*", vec![("ec2:RoleDelivery", "1.0")], true),
        ("require-imdsv2", &user, "s3:GetObject", "*", vec![("ec2:RoleDelivery", "2.0")], false),
        ("protect-log-archive", &user, "s3:DeleteObject", log, vec![], true),
        ("protect-log-archive", &user, "s3:DeleteObject", "arn:aws:s3:::other/x", vec![], false),
        (
            "protect-log-archive",
            &user,
            "kms:DisableKey",
            "*",
            vec![("kms:ResourceAliases", "alias/orgbase-logs")],
            true,
        ),
        ("protect-log-archive", &user, "kms:DisableKey", "*", vec![], false),
    ];
    for (name, caller, action, resource, context, denied) in table {
        let mut request = Request::new(caller.clone(), action, resource);
        for (key, value) in &context {
            request = request.with(key, value);
        }
        let policy = render(name, &example()).unwrap();
        assert_eq!(effect(&policy, &request) == Some(Effect::Deny), denied, "{name} {action} {context:?}");
        // A level with denies alone allows nothing.
        let decision = scp_decision(&[vec![&policy]], &request);
        assert_eq!(decision == Decision::ImplicitDeny { level: 0 }, !denied, "{name} {action}");
    }
}
