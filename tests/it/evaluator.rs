//! The one evaluator of policies, on requests by chance.
//!
//! `tests/contract/evaluator/cases.json` holds policy sets and requests with our verdict; `tests/contract/test_evaluator.py`
//! asks another evaluator (`@cloud-copilot/iam-simulate`) about the same ones. `ORGBASE_UPDATE=1` writes the file again.

use std::path::PathBuf;

use orgbase::policy::Document;
use orgbase::policy::evaluate::{Caller, Policies, Request, Verdict, decide};
use serde_json::{Map, Value, json};

use crate::support::mutations::Dice;

const CASES: usize = 600;
const OWN: &str = "111122223333";
const OTHER: &str = "444455556666";
const ORGANIZATION: &str = "o-a1b2c3d4e5";

/// Action, and a resource of it in an account.
type Kind = (&'static str, fn(&str) -> String);

const KINDS: &[Kind] = &[
    ("s3:GetObject", |_| "arn:aws:s3:::logs-bucket/2026/11/file.json".into()),
    ("s3:PutBucketPolicy", |_| "arn:aws:s3:::logs-bucket".into()),
    ("s3:ListBucket", |_| "arn:aws:s3:::logs-bucket".into()),
    ("kms:DescribeKey", |account| {
        format!("arn:aws:kms:eu-west-1:{account}:key/11111111-2222-3333-4444-555555555555")
    }),
    ("kms:Decrypt", |account| {
        format!("arn:aws:kms:eu-west-1:{account}:key/11111111-2222-3333-4444-555555555555")
    }),
    ("sns:Publish", |account| format!("arn:aws:sns:eu-west-1:{account}:alarms")),
    ("sts:AssumeRole", |account| format!("arn:aws:iam::{account}:role/Target")),
    ("iam:GetRole", |account| format!("arn:aws:iam::{account}:role/orgbase-trail")),
    ("iam:UpdateAssumeRolePolicy", |account| format!("arn:aws:iam::{account}:role/orgbase-trail")),
    ("cloudtrail:StopLogging", |account| format!("arn:aws:cloudtrail:eu-west-1:{account}:trail/org-trail")),
    ("logs:PutRetentionPolicy", |account| format!("arn:aws:logs:eu-west-1:{account}:log-group:trail")),
    ("guardduty:GetDetector", |account| {
        format!("arn:aws:guardduty:eu-west-1:{account}:detector/0123456789abcdef")
    }),
    ("ec2:DescribeVpcs", |_| "*".into()),
    ("organizations:LeaveOrganization", |_| "*".into()),
];

/// Kinds whose resources have policies of their own.
fn has_policy(action: &str) -> bool {
    ["s3:", "kms:", "sns:", "sts:"].iter().any(|service| action.starts_with(service))
}

fn must_allow(action: &str) -> bool {
    action.starts_with("kms:") || action.starts_with("sts:")
}

fn resource_account(number: usize) -> &'static str {
    if number.is_multiple_of(3) { OTHER } else { OWN }
}

struct Maker {
    dice: Dice,
    action: &'static str,
    resource: String,
    role: String,
    session: Option<String>,
}

impl Maker {
    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.dice.index(of.len())].clone()
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.dice.index(100) < percent
    }

    fn actions(&mut self) -> (&'static str, Value) {
        let (service, name) = self.action.split_once(':').unwrap();
        let verb: String = name.chars().take(3).collect();
        let choices = [
            json!(self.action),
            json!("*"),
            json!(format!("{service}:*")),
            json!(format!("{service}:{verb}*")),
            json!([
                self.action.to_uppercase().replacen(&service.to_uppercase(), service, 1),
                "ec2:RunInstances"
            ]),
            json!(["ec2:RunInstances", format!("{service}:DoesNotExist*")]),
            json!(format!("{service}:?{}", &name[1..])),
        ];
        let element = self.one(&choices);
        if self.chance(12) { ("NotAction", element) } else { ("Action", element) }
    }

    fn resources(&mut self, lists: bool) -> (&'static str, Value) {
        let exact = self.resource.clone();
        let parent = exact.rsplit_once(['/', ':']).map_or("*".to_string(), |(head, _)| format!("{head}*"));
        let mut choices = vec![json!("*"), json!("*")];
        if exact != "*" {
            choices.extend([
                json!(exact),
                json!(parent),
                json!([exact, "arn:aws:s3:::another-bucket"]),
                json!("arn:aws:s3:::another-bucket/*"),
            ]);
        }
        let element = self.one(&choices);
        let not = lists && exact != "*" && element != "*" && self.chance(10);
        if not { ("NotResource", element) } else { ("Resource", element) }
    }

    fn condition(&mut self) -> Value {
        let choices = [
            json!({"StringEquals": {"aws:PrincipalOrgID": ORGANIZATION}}),
            json!({"StringEquals": {"aws:PrincipalOrgID": ["o-other00000", ORGANIZATION]}}),
            json!({"StringNotEquals": {"aws:PrincipalOrgID": ORGANIZATION}}),
            json!({"StringNotEquals": {"aws:RequestedRegion": ["eu-west-1", "us-east-1"]}}),
            json!({"StringNotEquals": {"aws:RequestedRegion": ["eu-central-1"]}}),
            json!({"ArnNotLike": {"aws:PrincipalArn": ["arn:aws:iam::*:role/Worker", "arn:*:iam::*:role/Other"]}}),
            json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/Work*"}}),
            json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:root"}}),
            json!({"StringLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:*"}}),
            json!({"Bool": {"aws:SecureTransport": "false"}}),
            json!({"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}),
            json!({"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}),
            json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
            json!({"Null": {"aws:AssumedRoot": "true"}}),
            json!({"Null": {"aws:SourceAccount": "false"}}),
            json!({"StringEqualsIfExists": {"aws:SourceAccount": "999988887777"}}),
            json!({"StringNotEqualsIfExists": {"aws:SourceOrgID": ORGANIZATION}}),
            json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": [format!("{ORGANIZATION}/r-ab12/*")]}}),
            json!({"ForAllValues:StringLike": {"aws:PrincipalOrgPaths": [format!("{ORGANIZATION}/r-zz99/*")]}}),
            json!({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
            json!({"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "203.0.113.7/32"]}}),
            json!({"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}),
            json!({"DateLessThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}),
            json!({"StringEquals": {"aws:PrincipalAccount": OWN}, "Bool": {"aws:SecureTransport": "true"}}),
            json!({"StringEqualsIgnoreCase": {"aws:RequestedRegion": "EU-WEST-1"}}),
            json!({"StringEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}}),
        ];
        self.one(&choices)
    }

    fn statement(&mut self, allow: usize, lists: bool) -> Map<String, Value> {
        let effect = if self.chance(allow) { "Allow" } else { "Deny" };
        let (action, actions) = self.actions();
        let (resource, resources) = self.resources(lists);
        let mut statement = Map::new();
        statement.insert("Effect".into(), json!(effect));
        statement.insert(action.into(), actions);
        statement.insert(resource.into(), resources);
        if self.chance(45) {
            statement.insert("Condition".into(), self.condition());
        }
        statement
    }

    fn policy(&mut self, allow: usize) -> Value {
        let statements: Vec<Value> =
            (0..=self.dice.index(2)).map(|_| self.statement(allow, true).into()).collect();
        json!({"Version": "2012-10-17", "Statement": statements})
    }

    /// One that allows everything, and one by chance.
    fn bound(&mut self) -> Vec<Value> {
        let full = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
        match self.dice.index(4) {
            0 | 1 => vec![full],
            2 => vec![full, self.policy(20)],
            _ => vec![self.policy(80)],
        }
    }

    fn resource_policy(&mut self) -> Value {
        let root = |account: &str| format!("arn:aws:iam::{account}:root");
        let mut statement = self.statement(75, false);
        let who = [
            json!({"AWS": root(OWN)}),
            json!({"AWS": root(OTHER)}),
            json!({"AWS": self.role}),
            json!({"AWS": self.session.clone().unwrap_or_else(|| self.role.clone())}),
            json!({"AWS": ["arn:aws:iam::111122223333:role/Another", root(OWN)]}),
            json!({"AWS": "arn:aws:iam::111122223333:role/Another"}),
            json!("*"),
            json!({"Service": "cloudtrail.amazonaws.com"}),
        ];
        statement.insert("Principal".into(), self.one(&who));
        if self.action.starts_with("sts:") {
            statement.remove("Resource");
            statement.remove("NotAction");
            statement.insert("Action".into(), json!("sts:AssumeRole"));
        }
        json!({"Version": "2012-10-17", "Statement": [statement]})
    }

    fn case(mut self, number: usize) -> Value {
        let named = |policies: Vec<Value>| -> Vec<Value> {
            policies
                .into_iter()
                .enumerate()
                .map(|(n, policy)| json!({"name": format!("p{n}"), "policy": policy}))
                .collect()
        };
        let other = has_policy(self.action) && resource_account(number) == OTHER;
        let identity: Vec<Value> = (0..=self.dice.index(2)).map(|_| self.policy(80)).collect();
        let scps: Vec<Value> = if self.chance(50) {
            (0..3)
                .map(|n| json!({"orgIdentifier": format!("level-{n}"), "policies": named(self.bound())}))
                .collect()
        } else {
            Vec::new()
        };
        let controlled = ["s3:", "kms:", "sts:"].iter().any(|service| self.action.starts_with(service));
        let rcps: Vec<Value> = if controlled && self.chance(30) {
            let mut deny = self.statement(0, false);
            deny.insert("Principal".into(), json!("*"));
            let policy = json!({"Version": "2012-10-17", "Statement": [deny]});
            vec![json!({"orgIdentifier": "root", "policies": named(vec![policy])})]
        } else {
            Vec::new()
        };
        let principal = self.session.clone().unwrap_or_else(|| self.role.clone());
        let mut case = json!({
            "number": number,
            "request": {
                "principal": principal,
                "action": self.action,
                "resource": {"resource": self.resource, "accountId": if other { OTHER } else { OWN }},
                "contextVariables": self.context(if other { OTHER } else { OWN }),
            },
            "identityPolicies": named(identity),
            "serviceControlPolicies": scps,
            "resourceControlPolicies": rcps,
        });
        if has_policy(self.action) && (must_allow(self.action) || self.chance(70)) {
            case["resourcePolicy"] = self.resource_policy();
        }
        if self.chance(25) {
            case["permissionBoundaryPolicies"] = json!(named(vec![self.policy(85)]));
        }
        if self.session.is_some() && self.chance(25) {
            case["sessionPolicy"] = self.policy(85);
        }
        case["verdict"] = json!(verdict(&case));
        case
    }

    fn context(&mut self, owner: &str) -> Value {
        let mut context = json!({
            "aws:PrincipalArn": self.role,
            "aws:PrincipalAccount": OWN,
            "aws:PrincipalIsAWSService": "false",
            "aws:PrincipalOrgID": ORGANIZATION,
            "aws:PrincipalOrgPaths": [format!("{ORGANIZATION}/r-ab12/ou-ab12-11111111/")],
            "aws:RequestedRegion": "eu-west-1",
            "aws:ResourceAccount": owner,
            "aws:SecureTransport": "true",
            "aws:SourceIp": self.one(&["203.0.113.7", "10.1.2.3"]),
            "aws:CurrentTime": "2026-11-25T00:00:00Z",
        });
        if self.chance(30) {
            context["aws:MultiFactorAuthPresent"] = json!(self.one(&["true", "false"]));
        }
        context
    }
}

fn cases() -> Vec<Value> {
    (0..CASES)
        .map(|number| {
            let mut dice = Dice::new(number as u64 + 77);
            let (action, resource) = KINDS[dice.index(KINDS.len())];
            let is_user = number % 4 == 3;
            let role = if is_user {
                "arn:aws:iam::111122223333:user/ann"
            } else {
                "arn:aws:iam::111122223333:role/Worker"
            };
            let session = (!is_user).then(|| "arn:aws:sts::111122223333:assumed-role/Worker/run".to_string());
            let owner = if number.is_multiple_of(3) && has_policy(action) { OTHER } else { OWN };
            let maker = Maker { dice, action, resource: resource(owner), role: role.into(), session };
            maker.case(number)
        })
        .collect()
}

/// Our verdict about a case, in the words of the other evaluator.
fn verdict(case: &Value) -> &'static str {
    let documents = |value: &Value| -> Vec<Document> {
        let all = value.as_array().into_iter().flatten();
        all.map(|named| Document::from_value(&named["policy"]).unwrap()).collect()
    };
    let levels = |value: &Value| -> Vec<Vec<Document>> {
        value.as_array().into_iter().flatten().map(|level| documents(&level["policies"])).collect()
    };
    let identity = documents(&case["identityPolicies"]);
    let boundary = case.get("permissionBoundaryPolicies").map(&documents);
    let session = case.get("sessionPolicy").map(|policy| vec![Document::from_value(policy).unwrap()]);
    let resource = case.get("resourcePolicy").map(|policy| Document::from_value(policy).unwrap());
    let scps = levels(&case["serviceControlPolicies"]);
    // The other evaluator adds RCPFullAWSAccess, as AWS attaches it.
    let full = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]});
    let mut rcps = levels(&case["resourceControlPolicies"]);
    for level in &mut rcps {
        level.push(Document::from_value(&full).unwrap());
    }
    let action = case["request"]["action"].as_str().unwrap();
    let owner = case["request"]["resource"]["accountId"].as_str().unwrap();
    let policies = Policies {
        identity: identity.iter().collect(),
        boundary: boundary.as_ref().map(|list| list.iter().collect()),
        session: session.as_ref().map(|list| list.iter().collect()),
        resource: resource.as_ref(),
        service_control: scps.iter().map(|level| level.iter().collect()).collect(),
        resource_control: rcps.iter().map(|level| level.iter().collect()).collect(),
        other_account: owner != OWN,
        resource_must_allow: must_allow(action),
    };
    match decide(&policies, &request(&case["request"])) {
        Verdict::Allowed => "Allowed",
        Verdict::ExplicitDeny(_) => "ExplicitlyDenied",
        Verdict::ImplicitDeny(_) => "ImplicitlyDenied",
    }
}

fn request(value: &Value) -> Request {
    let principal = value["principal"].as_str().unwrap();
    let context = value["contextVariables"].as_object().unwrap();
    let arn = context["aws:PrincipalArn"].as_str().unwrap();
    let session = principal.contains(":assumed-role/").then(|| principal.to_string());
    let caller = Caller::Aws { account: OWN.into(), arn: arn.into(), session };
    let resource = value["resource"]["resource"].as_str().unwrap();
    let mut request = Request::new(caller, value["action"].as_str().unwrap(), resource);
    for (key, value) in context {
        request = match value {
            Value::Array(values) => {
                let values: Vec<&str> = values.iter().map(|v| v.as_str().unwrap()).collect();
                request.with_all(key, &values)
            }
            one => request.with(key, one.as_str().unwrap()),
        };
    }
    request
}

#[test]
fn verdicts_are_as_written() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/contract/evaluator/cases.json");
    let lines: Vec<String> = cases().iter().map(Value::to_string).collect();
    let text = format!("[\n{}\n]\n", lines.join(",\n"));
    if std::env::var_os("ORGBASE_UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(written == text, "{} is not current: run with ORGBASE_UPDATE=1", path.display());
    for verdict in ["Allowed", "ExplicitlyDenied", "ImplicitlyDenied"] {
        let count = lines.iter().filter(|line| line.contains(&format!("\"verdict\":\"{verdict}\""))).count();
        assert!(count >= CASES / 10, "{verdict}: {count}");
    }
}
