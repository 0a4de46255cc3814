//! What is warned of, and what is not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn context() -> Context {
    Context { services: ["iam", "ec2"].map(String::from).into(), max_size: 10_240 }
}

fn lint(statements: &str) -> Vec<String> {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    let warnings = document(&Document::parse(&text).unwrap(), &context());
    warnings.iter().map(Warning::text).collect()
}

fn codes(statements: &str) -> Vec<String> {
    lint(statements).iter().filter_map(|text| Some(text.split_once(':')?.0.to_string())).collect()
}

fn deny(actions: &str, more: &str) -> String {
    format!(r#"{{"Sid":"S","Effect":"Deny","Action":{actions},"Resource":"*"{more}}}"#)
}

fn when(conditions: &str) -> String {
    format!(r#","Condition":{{{conditions}}}"#)
}

#[test]
fn the_documents_explain_every_code() {
    assert_eq!(crate::error::documented("Warnings about policies"), CODES);
}

#[test]
fn unknown_actions_are_told_and_actions_that_are_no_operations_are_not() {
    assert_eq!(
        lint(&deny(r#"["iam:PassRole","s3:ListAllMyBuckets","ec2:*Vpc*"]"#, "")),
        Vec::<String>::new()
    );
    let found = lint(&deny(r#"["ec2:DescribeVpcz","madeup:Do","nothing"]"#, ""));
    assert!(
        found[0].contains("has no action `ec2:DescribeVpcz`; did you mean `ec2:DescribeVpcs`?"),
        "{found:?}"
    );
    assert!(
        found[1].starts_with("unchecked_service: statement `S`: `madeup:Do` is not checked"),
        "{found:?}"
    );
    assert!(found[2].starts_with("unknown_action"), "{found:?}");
}

#[test]
fn what_another_statement_says_too_is_unreachable() {
    let narrow = deny(r#""ec2:DescribeVpcs""#, &when(r#""Bool":{"aws:ViaAWSService":"false"}"#));
    let wide = deny(r#"["EC2:describe*"]"#, "");
    let text = format!("{narrow},{wide}");
    assert_eq!(codes(&text), ["unreachable_statement"]);
    assert!(lint(&text)[0].contains("statement `S` does nothing"));
    // The same twice is told once; conditions and resources that differ are another matter.
    assert_eq!(codes(&format!("{wide},{wide}")), ["unreachable_statement"]);
    let other = deny(r#""ec2:Describe*""#, &when(r#""Bool":{"aws:ViaAWSService":"true"}"#));
    assert_eq!(codes(&format!("{narrow},{other}")), Vec::<String>::new());
    let bucket = r#"{"Effect":"Deny","Action":"s3:PutObject","Resource":"arn:aws:s3:::a/*"}"#;
    let object = r#"{"Effect":"Deny","Action":"s3:PutObject","Resource":"arn:aws:s3:::a/b"}"#;
    assert_eq!(codes(&format!("{bucket},{object}")), ["unreachable_statement"]);
    let but = r#"{"Effect":"Deny","NotAction":["iam:*"],"Resource":"arn:aws:s3:::x"}"#;
    let more = r#"{"Effect":"Deny","NotAction":["iam:*","sts:*"],"Resource":"arn:aws:s3:::x"}"#;
    let found = lint(&format!("{but},{more}"));
    assert!(
        found[0].contains("statement 2 does nothing: all that it says, statement 1 says too"),
        "{found:?}"
    );
}

#[test]
fn conditions_that_exclude_each_other_never_match() {
    for conditions in [
        r#""Null":{"aws:PrincipalArn":"true"},"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/a"}"#,
        r#""StringEquals":{"aws:RequestedRegion":"a"},"StringNotEquals":{"aws:requestedregion":["a","b"]}"#,
        r#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/a"},"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/*"}"#,
        r#""Bool":{"aws:SecureTransport":"true"},"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"},"Null":{"aws:SecureTransport":true}"#,
    ] {
        assert_eq!(
            codes(&deny(r#""ec2:RunInstances""#, &when(conditions))),
            ["never_matches"],
            "{conditions}"
        );
    }
    for conditions in [
        r#""StringEquals":{"aws:RequestedRegion":["a","c"]},"StringNotEquals":{"aws:RequestedRegion":"a"}"#,
        r#""StringEqualsIfExists":{"aws:RequestedRegion":"a"},"StringNotEquals":{"aws:RequestedRegion":"a"}"#,
        r#""Null":{"aws:AssumedRoot":"true"},"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:root"}"#,
    ] {
        assert_eq!(
            codes(&deny(r#""ec2:RunInstances""#, &when(conditions))),
            Vec::<String>::new(),
            "{conditions}"
        );
    }
}

#[test]
fn a_broad_deny_spares_somebody() {
    for actions in [r#""*""#, r#"["iam:*"]"#, r#"["lightsail:*","ec2:*"]"#] {
        assert_eq!(codes(&deny(actions, "")), ["no_exemption"], "{actions}");
    }
    let spared = when(r#""ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/x"}"#);
    for (actions, more) in
        [(r#""*""#, spared.as_str()), (r#""lightsail:*""#, ""), (r#""iam:CreateUser""#, "")]
    {
        assert_eq!(codes(&deny(actions, more)), Vec::<String>::new(), "{actions}");
    }
}

#[test]
fn closed_regions_spare_global_services_and_networks_what_services_do() {
    let who = r#""ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/x"}"#;
    let region =
        |values: &str| when(&format!(r#"{who},"StringNotEquals":{{"aws:RequestedRegion":{values}}}"#));
    let found = lint(&deny(r#""*""#, &region(r#""eu-west-1""#)));
    assert!(found[0].starts_with("no_exemption") && found[0].contains("iam, organizations"), "{found:?}");
    assert_eq!(lint(&deny(r#""*""#, &region(r#"["eu-west-1","us-east-1"]"#))), Vec::<String>::new());
    assert_eq!(lint(&deny(r#""ec2:RunInstances""#, &region(r#""eu-west-1""#))), Vec::<String>::new());
    let network = r#""NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}"#;
    assert_eq!(codes(&deny(r#""*""#, &when(&format!("{who},{network}")))), ["no_exemption"]);
    let via = format!(r#"{who},{network},"BoolIfExists":{{"aws:ViaAWSService":"false"}}"#);
    assert_eq!(codes(&deny(r#""*""#, &when(&via))), Vec::<String>::new());
}

#[test]
fn a_policy_that_is_nearly_full_is_told() {
    let long: Vec<String> = (0..500).map(|n| format!(r#""arn:aws:s3:::bucket-{n}""#)).collect();
    let statement = format!(r#"{{"Effect":"Deny","Action":"s3:PutObject","Resource":[{}]}}"#, long.join(","));
    assert_eq!(codes(&statement), ["policy_size"]);
}

/// What orgbase ships has no warning.
#[test]
fn presets_are_clean() {
    use crate::policy::presets::{Parameters, names, render};
    let list = |text: &str| vec![text.to_string()];
    let parameters = Parameters {
        partition: "aws".into(),
        exempt_role_arns: list("arn:aws:iam::*:role/OrganizationAccountAccessRole"),
        allowed_regions: list("eu-west-1"),
        approved_services: ["iam", "sts", "ec2"].map(String::from).to_vec(),
        prefix: "orgbase".into(),
        access_role: "OrganizationAccountAccessRole".into(),
        protected_roles: list("Admin"),
        trail_name: "*".into(),
        log_bucket_prefix: "orgbase-log".into(),
        log_key_alias: "alias/orgbase-log".into(),
    };
    for name in names() {
        let rendered = render(name, &parameters).unwrap();
        assert_eq!(document(&rendered, &context()), Vec::new(), "{name}");
    }
}
