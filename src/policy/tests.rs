#![allow(clippy::unwrap_used)]

use super::*;
use serde_json::json;

fn document(text: &str) -> Document {
    Document::parse(text).unwrap()
}

fn one(statement: &serde_json::Value) -> Document {
    Document::from_value(&json!({"Version": "2012-10-17", "Statement": statement})).unwrap()
}

#[test]
fn reads_every_element_and_writes_it_back() {
    let text = r#"{"Version":"2012-10-17","Id":"mine","Statement":[{"Sid":"A","Effect":"Deny","NotPrincipal":{"AWS":["111122223333","arn:aws:iam::444455556666:role/x"],"Service":"s3.amazonaws.com"},"NotAction":["iam:*","sts:*"],"NotResource":"arn:aws:s3:::b/*","Condition":{"ForAnyValue:StringNotEqualsIfExists":{"aws:TagKeys":["a","b"]},"Bool":{"aws:SecureTransport":"false","aws:ViaAWSService":"true"}}},{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}]}"#;
    let parsed = document(text);
    assert_eq!(parsed.minified(), text);
    assert_eq!(parsed.size(), text.len());
    assert_eq!(parsed.statements.len(), 2);
    let first = &parsed.statements[0];
    assert_eq!(first.effect, Effect::Deny);
    assert_eq!(first.action, Element::IsNot(vec!["iam:*".into(), "sts:*".into()]));
    assert_eq!(first.conditions.len(), 3);
    assert_eq!(document(&parsed.minified()), parsed);
}

#[test]
fn size_counts_characters_and_not_bytes() {
    let parsed = one(&json!({"Sid": "é", "Effect": "Deny", "Action": "*", "Resource": "*"}));
    assert_eq!(parsed.size() + 1, parsed.minified().len());
}

#[test]
fn errors_name_the_place() {
    for (text, expected) in [
        ("{\n \"Version\": }", "line 2 column 13: expected value"),
        ("[]", "policy document: must be a JSON object"),
        ("{}", "policy document: no `Statement`"),
        (r#"{"Statement":[]}"#, "policy document: no `Statement`"),
        (
            r#"{"Version":"2012-10-18","Statement":{}}"#,
            "Version: `2012-10-18` is no version of the policy language",
        ),
        (
            r#"{"Statment":[]}"#,
            "policy document: unknown element `Statment`; known are Version, Id, Statement",
        ),
        (r#"{"Statement":{"Action":"*"}}"#, "Statement: no `Effect`"),
        (
            r#"{"Statement":{"Effect":"deny","Action":"*"}}"#,
            "Statement.Effect: `deny` is neither Allow nor Deny",
        ),
        (r#"{"Statement":{"Effect":"Deny"}}"#, "Statement: neither `Action` nor `NotAction`"),
        (
            r#"{"Statement":{"Effect":"Deny","Action":"*","NotAction":"*"}}"#,
            "Statement: `Action` and `NotAction` exclude each other",
        ),
        (
            r#"{"Statement":{"Effect":"Deny","Action":[]}}"#,
            "Statement.Action: must be a string or a list of strings that is not empty",
        ),
        (r#"{"Statement":[{"Effect":"Deny","Action":["*",1]}]}"#, "Statement[0].Action[1]: must be a string"),
        (
            r#"{"Statement":[{"Effect":"Deny","Action":"*","Principal":"me"}]}"#,
            "Statement[0].Principal: `me`: must be `*` or a map such as {\"AWS\": ...}",
        ),
        (
            r#"{"Statement":[{"Effect":"Deny","Action":"*","Principal":{"Aws":"*"}}]}"#,
            "Statement[0].Principal: unknown element `Aws`; known are AWS, Service, Federated, CanonicalUser",
        ),
        (
            r#"{"Statement":[{"Effect":"Deny","Action":"*","Condition":{"StringIs":{}}}]}"#,
            "Statement[0].Condition: unknown condition operator `StringIs`",
        ),
        (
            r#"{"Statement":[{"Effect":"Deny","Action":"*","Condition":{"Bool":{"k":{}}}}]}"#,
            "Statement[0].Condition.Bool.k: must be a string, number, Boolean or a list of them",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Effect":"Deny","Action":"*"}}"#,
            "line 1 column 39: `Effect` stands twice in one object",
        ),
    ] {
        assert_eq!(Document::parse(text).unwrap_err().to_string(), expected, "{text}");
    }
}

/// Each pair means the same.
#[test]
fn same_meaning_in_other_words() {
    let base = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"});
    let with = |key: &str, value: serde_json::Value| {
        let mut statement = base.clone();
        statement[key] = value;
        one(&statement)
    };
    let condition = |value: serde_json::Value| with("Condition", value);
    for (a, b) in [
        (with("Action", json!(["S3:getobject"])), with("Action", json!("s3:GetObject"))),
        (with("Action", json!(["s3:b", "s3:a", "s3:a"])), with("Action", json!(["s3:a", "s3:b"]))),
        (with("Action", json!("*:*")), with("Action", json!("*"))),
        (with("Resource", json!(["y", "x"])), with("Resource", json!(["x", "y"]))),
        (
            with("Principal", json!({"AWS": "arn:aws-us-gov:iam::111122223333:root"})),
            with("Principal", json!({"AWS": ["111122223333"]})),
        ),
        (with("Principal", json!({"AWS": "*"})), with("Principal", json!("*"))),
        (
            with("Principal", json!({"Service": ["b", "a"], "AWS": "x"})),
            with("Principal", json!({"AWS": ["x"], "Service": ["a", "b"]})),
        ),
        (condition(json!({"Bool": {"aws:SecureTransport": false}})), {
            condition(json!({"Bool": {"AWS:securetransport": ["False"]}}))
        }),
        (
            condition(json!({"ArnEquals": {"aws:SourceArn": "x"}})),
            condition(json!({"arnlike": {"aws:SourceArn": "x"}})),
        ),
        (condition(json!({"NumericLessThan": {"k": 2}})), condition(json!({"NumericLessThan": {"k": "2"}}))),
        (
            condition(json!({"Null": {"a": "true"}, "Bool": {"b": "true"}})),
            condition(json!({"Bool": {"b": "true"}, "Null": {"a": "true"}})),
        ),
        (with("Sid", json!("One")), with("Sid", json!("Two"))),
        (one(&json!([base, base])), one(&base)),
    ] {
        assert!(same_meaning(&a, &b), "{}\n{}", a.minified(), b.minified());
        assert_eq!(a.canonical(Sids::Ignore).canonical(Sids::Ignore), a.canonical(Sids::Ignore));
    }
}

/// Each pair means something else.
#[test]
fn another_meaning_in_similar_words() {
    let allow = |key: &str, value: serde_json::Value| {
        let mut statement = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"});
        statement[key] = value;
        one(&statement)
    };
    let condition = |value: serde_json::Value| allow("Condition", value);
    let old = document(r#"{"Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}"#);
    for (a, b) in [
        (allow("Effect", json!("Deny")), allow("Effect", json!("Allow"))),
        (allow("Resource", json!("A")), allow("Resource", json!("a"))),
        (allow("Principal", json!("*")), allow("Principal", json!({"AWS": "*", "Service": "*"}))),
        (
            allow("Principal", json!({"AWS": "arn:aws:iam::111122223333:role/root"})),
            allow("Principal", json!({"AWS": "111122223333"})),
        ),
        (condition(json!({"StringEquals": {"k": "V"}})), condition(json!({"StringEquals": {"k": "v"}}))),
        (
            condition(json!({"StringEquals": {"k": "v"}})),
            condition(json!({"ForAnyValue:StringEquals": {"k": "v"}})),
        ),
        (
            condition(json!({"ArnEquals": {"k": "a"}, "ArnLike": {"k": "b"}})),
            condition(json!({"ArnLike": {"k": ["a", "b"]}})),
        ),
        (old, allow("Effect", json!("Allow"))),
    ] {
        assert!(!same_meaning(&a, &b), "{}\n{}", a.minified(), b.minified());
    }
}

#[test]
fn sids_count_only_when_asked() {
    let named = one(&json!({"Sid": "A", "Effect": "Deny", "Action": "*"}));
    let other = one(&json!({"Sid": "B", "Effect": "Deny", "Action": "*"}));
    let unnamed = one(&json!({"Effect": "Deny", "Action": "*"}));
    let empty = one(&json!({"Sid": "", "Effect": "Deny", "Action": "*"}));
    assert_ne!(named.canonical(Sids::Compare), other.canonical(Sids::Compare));
    assert_eq!(named.canonical(Sids::Ignore), other.canonical(Sids::Ignore));
    assert_eq!(unnamed.canonical(Sids::Compare), empty.canonical(Sids::Compare));
}

#[test]
fn merging_replaces_ours_in_place_and_leaves_the_rest() {
    let foreign = json!({"Sid": "Theirs", "Effect": "Allow", "Principal": {"AWS": "AROAEXAMPLE"},
        "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": true}}});
    let unnamed = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:PutBucketAcl", "Resource": "*"});
    let existing = Document::from_value(&json!({"Version": "2008-10-17", "Id": "theirs", "Statement": [
        {"Sid": "Ours", "Effect": "Allow", "Action": "s3:Old", "Resource": "*"},
        foreign, unnamed,
        {"Sid": "Ours", "Effect": "Allow", "Action": "s3:Older", "Resource": "*"}]}))
    .unwrap();
    let statement = |value: serde_json::Value| Statement::from_value(&value).unwrap();
    let ours = [
        statement(json!({"Sid": "Ours", "Effect": "Allow", "Action": "s3:New", "Resource": "*"})),
        statement(json!({"Sid": "Added", "Effect": "Deny", "Action": "s3:*", "Resource": "*"})),
        statement(unnamed.clone()),
    ];
    let merged = merge_by_sid(&existing, &ours);
    let names: Vec<_> = merged.statements.iter().map(|s| s.sid.as_deref().unwrap_or("-")).collect();
    assert_eq!(names, ["Ours", "Theirs", "-", "Added"]);
    assert_eq!(merged.statements[0], ours[0]);
    assert_eq!(merged.statements[1..3], existing.statements[1..3]);
    assert_eq!((merged.version.as_deref(), merged.id.as_deref()), (Some("2008-10-17"), Some("theirs")));
    assert_eq!(merge_by_sid(&merged, &ours), merged);
}
