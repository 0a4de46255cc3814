#![allow(clippy::unwrap_used)]

use super::*;
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::111122223333:role/Admin";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/Admin/me";

fn role() -> Caller {
    Caller::Aws { account: "111122223333".into(), arn: ROLE.into(), session: Some(SESSION.into()) }
}

fn root() -> Caller {
    Caller::Aws {
        account: "111122223333".into(),
        arn: "arn:aws:iam::111122223333:root".into(),
        session: None,
    }
}

fn request(action: &str, resource: &str) -> Request {
    Request::new(role(), action, resource)
}

fn statement(value: &Value) -> Statement {
    Statement::from_value(value).unwrap()
}

fn document(statements: &Value) -> Document {
    Document::from_value(&json!({"Version": "2012-10-17", "Statement": statements})).unwrap()
}

fn full_access() -> Document {
    document(&json!({"Effect": "Allow", "Action": "*", "Resource": "*"}))
}

#[test]
fn actions() {
    // (element, action, matches)
    for (element, action, expected) in [
        (json!({"Action": "*"}), "iam:CreateUser", true),
        (json!({"Action": "*:*"}), "iam:CreateUser", true),
        (json!({"Action": "iam:CreateUser"}), "iam:CreateUser", true),
        (json!({"Action": "IAM:createuser"}), "iam:CreateUser", true),
        (json!({"Action": "iam:createuser"}), "IAM:CREATEUSER", true),
        (json!({"Action": "iam:Create*"}), "iam:CreateUser", true),
        (json!({"Action": "iam:*User"}), "iam:CreateUser", true),
        (json!({"Action": "iam:*User"}), "iam:CreateUserKey", false),
        (json!({"Action": "iam:C*e*r"}), "iam:CreateUser", true),
        (json!({"Action": "iam:CreateUse?"}), "iam:CreateUser", true),
        (json!({"Action": "iam:CreateUser?"}), "iam:CreateUser", false),
        (json!({"Action": "s3:*"}), "s3express:CreateSession", false),
        (json!({"Action": "s3*"}), "s3express:CreateSession", true),
        (json!({"Action": ["ec2:*", "iam:*"]}), "iam:CreateUser", true),
        (json!({"Action": ["ec2:*", "sts:*"]}), "iam:CreateUser", false),
        (json!({"NotAction": "iam:*"}), "iam:CreateUser", false),
        (json!({"NotAction": "IAM:*"}), "iam:CreateUser", false),
        (json!({"NotAction": "iam:Get*"}), "iam:CreateUser", true),
        (json!({"NotAction": ["ec2:*", "iam:*"]}), "iam:CreateUser", false),
        (json!({"NotAction": ["ec2:*", "sts:*"]}), "iam:CreateUser", true),
        (json!({"NotAction": "*"}), "iam:CreateUser", false),
    ] {
        let mut full = json!({"Effect": "Deny", "Resource": "*"});
        full.as_object_mut().unwrap().extend(element.as_object().unwrap().clone());
        assert_eq!(matches(&statement(&full), &request(action, "*")), expected, "{element} {action}");
    }
}

#[test]
fn resources() {
    let bucket = "arn:aws:s3:::logs-1";
    for (element, resource, expected) in [
        (json!({"Resource": "*"}), bucket, true),
        (json!({"Resource": "arn:aws:s3:::logs-?"}), bucket, true),
        (json!({"Resource": "arn:aws:s3:::logs-??"}), bucket, false),
        (json!({"Resource": "arn:aws:s3:::LOGS-1"}), bucket, false),
        (json!({"Resource": "arn:aws:s3:::logs-*/*"}), bucket, false),
        (json!({"Resource": "arn:aws:s3:::logs-*/*"}), "arn:aws:s3:::logs-1/a/b", true),
        (json!({"Resource": "arn:*:s3:::*"}), "arn:aws-cn:s3:::x", true),
        (json!({"Resource": ["a", "arn:aws:s3:::logs-1"]}), bucket, true),
        (json!({"Resource": "arn:aws:iam::*:role/*"}), "arn:aws:iam::111122223333:role/a/b", true),
        (json!({"Resource": bucket}), "*", false),
        (json!({"NotResource": bucket}), bucket, false),
        (json!({"NotResource": bucket}), "arn:aws:s3:::other", true),
        (json!({"NotResource": ["x", "arn:aws:s3:::logs-*"]}), bucket, false),
        (json!({}), bucket, true),
        (json!({"Resource": "arn:aws:s3:::${aws:PrincipalAccount}/*"}), "arn:aws:s3:::111122223333/x", true),
        (json!({"Resource": "arn:aws:s3:::${AWS:principalaccount}/*"}), "arn:aws:s3:::111122223333/x", true),
        (json!({"Resource": "arn:aws:s3:::${aws:username}/*"}), "arn:aws:s3:::x/x", false),
        (json!({"NotResource": "arn:aws:s3:::${aws:username}/*"}), "arn:aws:s3:::x/x", false),
        (json!({"Resource": "arn:aws:s3:::${aws:username, 'x'}/*"}), "arn:aws:s3:::x/x", true),
        (json!({"Resource": "arn:aws:s3:::a${*}b${?}${$}"}), "arn:aws:s3:::a*b?$", true),
        (json!({"Resource": "arn:aws:s3:::a${*}b"}), "arn:aws:s3:::axb", false),
        (json!({"Resource": "arn:aws:s3:::${open"}), "arn:aws:s3:::${open", true),
        (json!({"Resource": "arn:aws:s3:::${aws:star}"}), "arn:aws:s3:::x", false),
        (json!({"Resource": "arn:aws:s3:::${aws:star}"}), "arn:aws:s3:::*", true),
    ] {
        let mut full = json!({"Effect": "Deny", "Action": "*"});
        full.as_object_mut().unwrap().extend(element.as_object().unwrap().clone());
        let asked = request("s3:GetObject", resource).with("aws:star", "*");
        assert_eq!(matches(&statement(&full), &asked), expected, "{element} {resource}");
    }
}

/// Variables are text in documents of the older version.
#[test]
fn variables_need_the_newer_version() {
    let deny = json!({"Effect": "Deny", "Action": "*", "Resource": "${aws:PrincipalAccount}"});
    let asked = request("s3:GetObject", "111122223333");
    assert_eq!(effect(&document(&deny), &asked), Some(Effect::Deny));
    let old = Document::from_value(&json!({"Version": "2008-10-17", "Statement": deny})).unwrap();
    assert_eq!(effect(&old, &asked), None);
    assert_eq!(effect(&old, &request("s3:GetObject", "${aws:PrincipalAccount}")), Some(Effect::Deny));
}

#[test]
fn principals() {
    let service = || Caller::Service("cloudtrail.amazonaws.com".into());
    let other = || Caller::Aws {
        account: "444455556666".into(),
        arn: "arn:aws:iam::444455556666:user/Admin".into(),
        session: None,
    };
    for (element, caller, expected) in [
        (json!({"Principal": "*"}), role(), true),
        (json!({"Principal": "*"}), service(), true),
        (json!({"Principal": "*"}), Caller::Anonymous, true),
        (json!({"Principal": {"AWS": "*"}}), Caller::Anonymous, true),
        (json!({"Principal": {"AWS": "111122223333"}}), role(), true),
        (json!({"Principal": {"AWS": "arn:aws:iam::111122223333:root"}}), role(), true),
        (json!({"Principal": {"AWS": "111122223333"}}), other(), false),
        (json!({"Principal": {"AWS": "111122223333"}}), service(), false),
        (json!({"Principal": {"AWS": ROLE}}), role(), true),
        (json!({"Principal": {"AWS": ["x", SESSION]}}), role(), true),
        (json!({"Principal": {"AWS": ROLE}}), root(), false),
        (json!({"Principal": {"AWS": "arn:aws:iam::111122223333:role/*"}}), role(), false),
        (json!({"Principal": {"AWS": "AROAEXAMPLE"}}), role(), false),
        (json!({"Principal": {"Service": "cloudtrail.amazonaws.com"}}), service(), true),
        (json!({"Principal": {"Service": "config.amazonaws.com"}}), service(), false),
        (json!({"Principal": {"Service": "cloudtrail.amazonaws.com"}}), role(), false),
        (json!({"Principal": {"Federated": "accounts.google.com"}}), role(), false),
        (json!({"NotPrincipal": {"AWS": ROLE}}), role(), false),
        (json!({"NotPrincipal": {"AWS": ROLE}}), other(), true),
        (json!({"NotPrincipal": {"AWS": "111122223333"}}), role(), true),
        (json!({"NotPrincipal": {"AWS": "111122223333"}}), root(), false),
        (json!({"NotPrincipal": {"AWS": ROLE}}), Caller::Anonymous, true),
        (json!({"NotPrincipal": {"Service": "cloudtrail.amazonaws.com"}}), service(), false),
    ] {
        let mut full = json!({"Effect": "Deny", "Action": "*", "Resource": "*"});
        full.as_object_mut().unwrap().extend(element.as_object().unwrap().clone());
        let asked = Request::new(caller, "s3:GetObject", "*");
        assert_eq!(matches(&statement(&full), &asked), expected, "{element} {:?}", asked.principal);
    }
}

/// The request carries `one = a`, `two = [a, b]`, `none = []`, `empty = [""]`, `region = eu-west-1`, `n = 5`, `flag =
/// true`, `ip = 203.0.113.9`, `date = 2020-06-01T00:00:00Z`, `arn`, and what follows from the caller.
fn in_context(condition: &Value) -> bool {
    let asked = request("s3:GetObject", "*")
        .with("one", "a")
        .with_all("two", &["a", "b"])
        .with_all("none", &[])
        .with("empty", "")
        .with("aws:RequestedRegion", "eu-west-1")
        .with("n", "5")
        .with("flag", "true")
        .with("ip", "203.0.113.9")
        .with("date", "2020-06-01T00:00:00Z")
        .with("bytes", "AAEC")
        .with("arn", "arn:aws:sns:eu-west-1:111122223333:alarms");
    let full = json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition});
    matches(&statement(&full), &asked)
}

fn check(table: &[(Value, bool)]) {
    for (condition, expected) in table {
        assert_eq!(in_context(condition), *expected, "{condition}");
    }
}

#[test]
fn string_conditions() {
    check(&[
        (json!({"StringEquals": {"one": "a"}}), true),
        (json!({"StringEquals": {"ONE": "a"}}), true),
        (json!({"StringEquals": {"one": "A"}}), false),
        (json!({"StringEquals": {"one": "*"}}), false),
        (json!({"StringEquals": {"one": ["x", "a"]}}), true),
        (json!({"StringEquals": {"one": []}}), false),
        (json!({"StringNotEquals": {"one": []}}), true),
        (json!({"StringEquals": {"missing": "a"}}), false),
        (json!({"StringNotEquals": {"one": "b"}}), true),
        (json!({"StringNotEquals": {"one": ["a", "b"]}}), false),
        (json!({"StringNotEquals": {"missing": "a"}}), true),
        (json!({"StringEqualsIgnoreCase": {"one": "A"}}), true),
        (json!({"StringNotEqualsIgnoreCase": {"one": "A"}}), false),
        (json!({"StringEqualsIgnoreCase": {"one": "*"}}), false),
        (json!({"StringLike": {"one": "?"}}), true),
        (json!({"StringLike": {"one": "A*"}}), false),
        (json!({"StringLike": {"empty": ["", "x"]}}), true),
        (json!({"StringLike": {"empty": "?"}}), false),
        (json!({"StringNotLike": {"one": ["x*", "a*"]}}), false),
        (json!({"StringNotLike": {"one": ["x*", "y*"]}}), true),
        (json!({"StringNotLike": {"missing": "*"}}), true),
        (json!({"StringEquals": {"aws:RequestedRegion": "eu-west-1", "one": "b"}}), false),
        (json!({"StringEquals": {"one": "a"}, "StringLike": {"one": "b"}}), false),
        (json!({"StringLike": {"aws:PrincipalArn": "*:role/${aws:role, 'Admin'}"}}), true),
        (json!({"StringEquals": {"aws:PrincipalArn": "${aws:PrincipalArn}"}}), true),
        (json!({"StringEquals": {"one": "${missing}"}}), false),
        (json!({"StringNotEquals": {"one": "${missing}"}}), false),
        (json!({"StringNotEquals": {"one": ["${missing}", "a"]}}), false),
        (json!({"StringEquals": {"one": ["${missing}", "a"]}}), true),
        (json!({"StringEquals": {"one": "${two}"}}), false),
    ]);
}

#[test]
fn null_and_if_exists() {
    check(&[
        (json!({"Null": {"missing": "true"}}), true),
        (json!({"Null": {"missing": true}}), true),
        (json!({"Null": {"missing": "false"}}), false),
        (json!({"Null": {"one": "true"}}), false),
        (json!({"Null": {"one": "false"}}), true),
        (json!({"Null": {"none": "true"}}), true),
        (json!({"Null": {"empty": "false"}}), false),
        (json!({"Null": {"missing": ["true", "false"]}}), true),
        (json!({"Null": {"missing": "yes"}}), false),
        (json!({"StringEqualsIfExists": {"missing": "a"}}), true),
        (json!({"StringEqualsIfExists": {"one": "b"}}), false),
        (json!({"StringNotEqualsIfExists": {"missing": "a"}}), true),
        (json!({"StringNotEqualsIfExists": {"one": "a"}}), false),
        (json!({"BoolIfExists": {"missing": "false"}}), true),
        (json!({"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}), true),
        (json!({"NumericLessThanIfExists": {"n": "5"}}), false),
        (json!({"ForAnyValue:StringEqualsIfExists": {"missing": "a"}}), true),
        (json!({"ForAllValues:StringEqualsIfExists": {"two": "a"}}), false),
    ]);
}

/// "ForAllValues" is true and "ForAnyValue" false without a value, also when the operator is negated.
#[test]
fn set_operators() {
    check(&[
        (json!({"ForAllValues:StringEquals": {"two": ["a", "b", "c"]}}), true),
        (json!({"ForAllValues:StringEquals": {"two": ["a"]}}), false),
        (json!({"ForAllValues:StringEquals": {"missing": "a"}}), true),
        (json!({"ForAllValues:StringEquals": {"none": "a"}}), true),
        (json!({"ForAllValues:StringEquals": {"empty": "a"}}), true),
        (json!({"ForAllValues:StringNotEquals": {"two": ["c", "d"]}}), true),
        (json!({"ForAllValues:StringNotEquals": {"two": ["b", "d"]}}), false),
        (json!({"ForAllValues:StringLike": {"two": "?"}}), true),
        (json!({"ForAnyValue:StringEquals": {"two": ["b", "z"]}}), true),
        (json!({"ForAnyValue:StringEquals": {"two": "z"}}), false),
        (json!({"ForAnyValue:StringEquals": {"missing": "a"}}), false),
        (json!({"ForAnyValue:StringEquals": {"none": "a"}}), false),
        (json!({"ForAnyValue:StringEquals": {"empty": ""}}), false),
        (json!({"ForAnyValue:StringNotEquals": {"two": "a"}}), true),
        (json!({"ForAnyValue:StringNotEquals": {"two": ["a", "b"]}}), false),
        (json!({"ForAnyValue:StringNotEquals": {"missing": "a"}}), false),
        // The quest's form of a region restriction: a single-valued key behaves as without the set operator ...
        (json!({"ForAnyValue:StringNotEquals": {"aws:RequestedRegion": ["us-east-1"]}}), true),
        (json!({"ForAnyValue:StringNotEquals": {"aws:RequestedRegion": ["us-east-1", "eu-west-1"]}}), false),
        // ... without one, several values need one match, or no match when negated.
        (json!({"StringEquals": {"two": "b"}}), true),
        (json!({"StringNotEquals": {"two": "b"}}), false),
    ]);
}

#[test]
fn arn_conditions() {
    let arn = "arn:aws:sns:eu-west-1:111122223333:alarms";
    check(&[
        (json!({"ArnEquals": {"arn": arn}}), true),
        (json!({"ArnEquals": {"arn": "arn:aws:sns:*:111122223333:al*"}}), true),
        (json!({"ArnLike": {"arn": "arn:*:sns:eu-west-?:*:*"}}), true),
        (json!({"ArnLike": {"arn": "arn:aws:SNS:*:*:*"}}), false),
        (json!({"ArnLike": {"arn": "arn:aws:sns:*"}}), false),
        (json!({"StringLike": {"arn": "arn:aws:sns:*"}}), true),
        (json!({"ArnLike": {"arn": "*"}}), true),
        (json!({"ArnLike": {"arn": "arn:aws:sns:*:alarms:x"}}), false),
        (json!({"ArnLike": {"one": "arn:aws:*:*:*:*"}}), false),
        (json!({"ArnNotLike": {"one": "arn:aws:*:*:*:*"}}), true),
        (json!({"ArnNotLike": {"missing": "arn:aws:*:*:*:*"}}), true),
        (json!({"ArnLike": {"missing": "*"}}), false),
        (json!({"ArnLikeIfExists": {"missing": "arn:aws:*:*:*:x"}}), true),
        (json!({"ArnNotLike": {"aws:PrincipalArn": ["arn:aws:iam::*:role/A", ROLE]}}), false),
        (
            json!({"ArnNotLike": {"aws:PrincipalArn": ["arn:aws:iam::*:role/A", "arn:aws:iam::*:role/B"]}}),
            true,
        ),
        (json!({"ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::*:role/Ad*"}}), false),
        (json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:root"}}), false),
        (json!({"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::${aws:PrincipalAccount}:role/Admin"}}), true),
        (json!({"ArnLike": {"aws:PrincipalArn": "${aws:PrincipalArn}"}}), true),
    ]);
    // The guide's own example of where the two differ.
    let pattern = "arn:aws:someservice:*:111122223333:finance/*";
    let given = "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt";
    for (operator, expected) in [("StringLike", true), ("ArnLike", false)] {
        let full = json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {operator: {"k": pattern}}});
        assert_eq!(matches(&statement(&full), &request("a:B", "*").with("k", given)), expected);
    }
}

#[test]
fn other_kinds_of_values() {
    check(&[
        (json!({"NumericEquals": {"n": "5.0"}}), true),
        (json!({"NumericEquals": {"n": 5}}), true),
        (json!({"NumericNotEquals": {"n": "5"}}), false),
        (json!({"NumericNotEquals": {"missing": "5"}}), true),
        (json!({"NumericLessThan": {"n": "5"}}), false),
        (json!({"NumericLessThanEquals": {"n": "5"}}), true),
        (json!({"NumericGreaterThan": {"n": "4"}}), true),
        (json!({"NumericGreaterThan": {"n": "10"}}), false),
        (json!({"NumericGreaterThanEquals": {"n": ["6", "5"]}}), true),
        (json!({"NumericLessThan": {"missing": "5"}}), false),
        (json!({"NumericLessThan": {"one": "5"}}), false),
        (json!({"NumericLessThan": {"n": "Infinity"}}), false),
        (json!({"DateGreaterThan": {"date": "2020-01-01T00:00:00Z"}}), true),
        (json!({"DateLessThan": {"date": "2020-06-01T02:00:01+02:00"}}), true),
        (json!({"DateLessThan": {"date": "2020-06-01"}}), false),
        (json!({"DateLessThanEquals": {"date": "1590969600"}}), true),
        (json!({"DateEquals": {"date": "2020-06-01T00:00Z"}}), true),
        (json!({"DateNotEquals": {"date": "2020-06-01T00:00Z"}}), false),
        (json!({"DateGreaterThanEquals": {"missing": "2020-01-01"}}), false),
        (json!({"Bool": {"flag": "TRUE"}}), true),
        (json!({"Bool": {"flag": false}}), false),
        (json!({"Bool": {"one": "a"}}), false),
        (json!({"Bool": {"missing": "false"}}), false),
        (json!({"BinaryEquals": {"bytes": "AAEC"}}), true),
        (json!({"BinaryEquals": {"bytes": "AAED"}}), false),
        (json!({"BinaryEquals": {"one": "a"}}), false),
        (json!({"IpAddress": {"ip": "203.0.113.0/24"}}), true),
        (json!({"IpAddress": {"ip": ["2001:db8::/32", "203.0.113.9"]}}), true),
        (json!({"IpAddress": {"ip": "203.0.113.8"}}), false),
        (json!({"NotIpAddress": {"ip": ["10.0.0.0/8", "203.0.113.0/24"]}}), false),
        (json!({"NotIpAddress": {"ip": "10.0.0.0/8"}}), true),
        (json!({"NotIpAddress": {"missing": "10.0.0.0/8"}}), true),
    ]);
}

/// A service has no `aws:PrincipalArn`, and a deny that spares services by `BoolIfExists` does not hit it.
#[test]
fn what_follows_from_the_caller() {
    let deny = |condition: Value| {
        document(
            &json!({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*", "Condition": condition}),
        )
    };
    let exempt = deny(json!({"ArnNotLike": {"aws:PrincipalArn": ROLE}}));
    let spared = deny(json!({"ArnNotLike": {"aws:PrincipalArn": ROLE},
        "BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}));
    let service = Request::new(Caller::Service("s3.amazonaws.com".into()), "s3:PutObject", "*");
    assert_eq!(effect(&exempt, &service), Some(Effect::Deny));
    assert_eq!(effect(&spared, &service), None);
    assert_eq!(effect(&spared, &request("s3:PutObject", "*")), None);
    assert_eq!(effect(&spared, &Request::new(root(), "s3:PutObject", "*")), Some(Effect::Deny));
    let anonymous = Request::new(Caller::Anonymous, "s3:GetObject", "*");
    assert_eq!(effect(&spared, &anonymous), Some(Effect::Deny));
}

#[test]
fn deny_wins_over_allow_in_one_document() {
    let both = document(&json!([
        {"Effect": "Deny", "Action": "s3:Delete*", "Resource": "*"},
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]));
    assert_eq!(effect(&both, &request("s3:DeleteBucket", "*")), Some(Effect::Deny));
    assert_eq!(effect(&both, &request("s3:GetObject", "*")), Some(Effect::Allow));
    assert_eq!(effect(&both, &request("ec2:RunInstances", "*")), None);
}

#[test]
fn service_control_policies() {
    let full = full_access();
    let only_s3 = document(&json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}));
    let no_root = document(&json!([
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
        {"Sid": "DenyRoot", "Effect": "Deny", "Action": "*", "Resource": "*",
         "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:root"}, "Null": {"aws:AssumedRoot": "true"}}}]));
    let s3 = request("s3:GetObject", "*");
    let ec2 = request("ec2:RunInstances", "*");
    let as_root = Request::new(root(), "s3:GetObject", "*");
    let allowed = Decision::Allowed;
    let explicit =
        |level, policy_index| Decision::ExplicitDeny { level, policy_index, sid: Some("DenyRoot".into()) };
    let levels: [(Vec<Vec<&Document>>, &Request, Decision); 9] = [
        (vec![vec![&full], vec![&full]], &ec2, allowed.clone()),
        (vec![vec![&full], vec![&only_s3], vec![&full]], &s3, allowed.clone()),
        (vec![vec![&full], vec![&only_s3], vec![&full]], &ec2, Decision::ImplicitDeny { level: 1 }),
        (vec![vec![&full], vec![&only_s3, &full]], &ec2, allowed.clone()),
        (vec![vec![&full], vec![]], &s3, Decision::ImplicitDeny { level: 1 }),
        (vec![vec![&full], vec![&full, &no_root]], &as_root, explicit(1, 1)),
        (vec![vec![&only_s3], vec![&no_root]], &Request::new(root(), "ec2:X", "*"), explicit(1, 0)),
        (vec![vec![&full, &no_root]], &as_root.clone().with("aws:AssumedRoot", "true"), allowed.clone()),
        (vec![], &s3, allowed),
    ];
    for (path, asked, expected) in levels {
        assert_eq!(scp_decision(&path, asked), expected, "{} {:?}", asked.action, asked.principal);
    }
}

/// Beforehand, a key that nobody vouches for makes a deny possible; a condition that surely fails still clears it.
#[test]
fn denies_that_may_match() {
    let regions = json!({"Sid": "R", "Effect": "Deny", "NotAction": ["iam:*"], "Resource": "*", "Condition": {
        "StringNotEquals": {"aws:RequestedRegion": ["eu-west-1"]},
        "ArnNotLike": {"aws:PrincipalArn": ["arn:aws:iam::*:role/Exempt"]}}});
    let exempt = Caller::Aws {
        account: "111122223333".into(),
        arn: "arn:aws:iam::111122223333:role/Exempt".into(),
        session: None,
    };
    let unknown = |_: &str| false;
    let absent = |_: &str| true;
    let policy = document(&regions);
    let ec2 = request("ec2:X", "*");
    let sid = |found: Option<&Statement>| found.and_then(|statement| statement.sid.clone());
    assert_eq!(sid(may_deny(&policy, &ec2, &unknown)).as_deref(), Some("R"));
    assert_eq!(sid(may_deny(&policy, &ec2, &absent)).as_deref(), Some("R"));
    assert_eq!(may_deny(&policy, &ec2.clone().with("aws:RequestedRegion", "eu-west-1"), &unknown), None);
    assert_eq!(may_deny(&policy, &request("iam:X", "*"), &unknown), None);
    assert_eq!(may_deny(&policy, &Request::new(exempt, "ec2:X", "*"), &unknown), None);

    let condition = |value: Value| {
        document(&json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": value}))
    };
    let tagged = condition(json!({"StringEquals": {"aws:PrincipalTag/team": "x"}}));
    assert!(may_deny(&tagged, &ec2, &unknown).is_some());
    assert!(may_deny(&tagged, &ec2, &|key| key == "aws:principaltag/team").is_none());
    let assumed = condition(json!({"Null": {"aws:AssumedRoot": "false"}}));
    assert!(may_deny(&assumed, &ec2, &unknown).is_some() && may_deny(&assumed, &ec2, &absent).is_none());
    let unresolved =
        condition(json!({"StringNotEquals": {"aws:PrincipalAccount": "${aws:ResourceAccount}"}}));
    assert!(may_deny(&unresolved, &ec2, &unknown).is_some());
    assert!(may_deny(&full_access(), &ec2, &unknown).is_none());
}

/// A resource that is only foreseen as a pattern: disjoint ones are cleared, overlapping ones are not.
#[test]
fn foreseen_resources() {
    let deny = |element: Value| {
        let mut full = json!({"Effect": "Deny", "Action": "*"});
        full.as_object_mut().unwrap().extend(element.as_object().unwrap().clone());
        document(&full)
    };
    for (element, resource, expected) in [
        (json!({"Resource": "arn:aws:s3:::logs*"}), "arn:aws:s3:::other*", false),
        (json!({"Resource": "arn:aws:s3:::logs*"}), "*", true),
        (json!({"Resource": "arn:aws:s3:::logs*"}), "arn:aws:s3:::*-1", true),
        (json!({"NotResource": "arn:aws:s3:::logs*"}), "arn:aws:s3:::logs-1*", false),
        (json!({"NotResource": "arn:aws:s3:::logs*"}), "arn:aws:s3:::l*", true),
        (json!({"NotResource": "*"}), "*", false),
    ] {
        let found = may_deny(&deny(element.clone()), &request("s3:X", resource), &|_| true).is_some();
        assert_eq!(found, expected, "{element} {resource}");
    }
}

#[test]
fn allows_that_surely_match() {
    let some = document(&json!({"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::logs*"}));
    let tagged = document(&json!({"Effect": "Allow", "Action": "ec2:*", "Resource": "*",
        "Condition": {"StringEquals": {"aws:PrincipalTag/team": "x"}}}));
    let (full, unknown) = (full_access(), |_: &str| false);
    assert!(surely_allows(&[&some, &full], &request("ec2:X", "*"), &unknown));
    assert!(surely_allows(&[&some], &request("s3:X", "arn:aws:s3:::logs-1*"), &unknown));
    assert!(!surely_allows(&[&some], &request("s3:X", "*"), &unknown));
    assert!(!surely_allows(&[&tagged], &request("ec2:X", "*"), &unknown));
    assert!(surely_allows(&[&tagged], &request("ec2:X", "*").with("aws:PrincipalTag/team", "x"), &unknown));
    assert!(!surely_allows(&[], &request("ec2:X", "*"), &unknown));
}
