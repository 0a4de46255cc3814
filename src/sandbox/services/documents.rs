//! Resource policies (bucket, key, topic, log policies) as the services check them: who asks, whether the policy lets
//! them, whether its principals exist, and whether it is public.

use super::iam::Role;
use crate::policy::evaluate::{self, Caller, Request};
use crate::policy::{Document, Effect, Element, Principal, PrincipalType, Statement, is_account_id};
use crate::sandbox::world::{Call, World};
use crate::sandbox::{caller, enforce};

/// Whether a resource policy lets the caller do `action`, as an IAM action, on the resource.
pub fn allows_call(world: &World, call: &Call, policy: &str, action: &str, resource: &str) -> bool {
    allows(policy, &enforce::request(world, call, action, resource))
}

/// A call that an AWS service makes on behalf of a resource (`source_arn`) of an account.
pub fn service_request(
    world: &World,
    service: &str,
    action: &str,
    resource: &str,
    source: (&str, &str),
) -> Request {
    let (source_account, source_arn) = source;
    let request = Request::new(Caller::Service(service.into()), action, resource)
        .with("aws:SecureTransport", "true")
        .with("aws:SourceAccount", source_account)
        .with("aws:SourceArn", source_arn);
    match caller::organization_keys(world, source_account) {
        Some((id, path)) => request.with("aws:SourceOrgID", &id).with_all("aws:SourceOrgPaths", &[&path]),
        None => request,
    }
}

/// Whether a policy text allows the request. A text that is no policy allows nothing.
pub fn allows(policy: &str, request: &Request) -> bool {
    Document::parse(policy).is_ok_and(|document| evaluate::effect(&document, request) == Some(Effect::Allow))
}

/// The principals of a resource policy that AWS would refuse, because they are not well formed or do not exist.
/// Of accounts that the sandbox does not hold, everything is taken to exist.
pub fn unknown_principals(world: &World, document: &Document) -> Vec<String> {
    let mut unknown = Vec::new();
    for statement in &document.statements {
        let Some(Element::Is(Principal::Named(named)) | Element::IsNot(Principal::Named(named))) =
            &statement.principal
        else {
            continue;
        };
        for (kind, ids) in named {
            let exists = |id: &&String| match kind {
                PrincipalType::Aws => identity_exists(world, id),
                PrincipalType::Service => is_service(id),
                PrincipalType::Federated | PrincipalType::CanonicalUser => true,
            };
            unknown.extend(ids.iter().filter(|id| !exists(id)).cloned());
        }
    }
    unknown
}

/// Service principals end in the partition's domain. Guess: AWS knows the names and refuses others.
fn is_service(name: &str) -> bool {
    [".amazonaws.com", ".amazonaws.com.cn", ".amazon.com", ".aws.internal"]
        .iter()
        .any(|end| name.ends_with(end))
}

fn identity_exists(world: &World, id: &str) -> bool {
    if id == "*" || is_account_id(id) {
        return true;
    }
    // What AWS writes for a role, user or federated user that was deleted since, and accepts back.
    if id.len() >= 16 && ["AROA", "AIDA"].iter().any(|prefix| id.starts_with(prefix)) {
        return true;
    }
    let fields: Vec<&str> = id.splitn(6, ':').collect();
    match fields.as_slice() {
        ["arn", partition, "iam", "", account, resource] if *partition == world.partition => {
            is_account_id(account) && iam_resource_exists(world, account, resource)
        }
        ["arn", partition, "sts", "", account, resource] if *partition == world.partition => {
            is_account_id(account)
                && (resource.starts_with("assumed-role/") || resource.starts_with("federated-user/"))
        }
        ["arn", _, "cloudfront", "", "cloudfront", _] => true,
        _ => false,
    }
}

fn iam_resource_exists(world: &World, account: &str, resource: &str) -> bool {
    let held = world.organizations.accounts.contains_key(account);
    let iam = world.iam.get(account);
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_string();
    match resource.split_once('/') {
        None => resource == "root",
        Some(("role", path)) => !held || role(world, account, path).is_some(),
        Some(_) if resource == caller::MANAGEMENT_USER => true,
        Some(("user", path)) => !held || iam.is_some_and(|iam| iam.users.contains_key(&name(path))),
        Some(_) => false,
    }
}

/// The role with this path (without the first slash) and name.
fn role<'w>(world: &'w World, account: &str, path_and_name: &str) -> Option<&'w Role> {
    let (path, name) = path_and_name.rsplit_once('/').unwrap_or(("", path_and_name));
    let role = world.iam.get(account)?.roles.get(name)?;
    (role.path.trim_matches('/') == path).then_some(role)
}

/// Whether the role exists and lets an AWS service assume it on behalf of a resource (`source_arn`) of the account.
pub fn role_trusts(
    world: &World,
    account: &str,
    path_and_name: &str,
    service: &str,
    source_arn: &str,
) -> bool {
    let request = service_request(world, service, "sts:AssumeRole", "*", (account, source_arn));
    role(world, account, path_and_name).is_some_and(|role| allows(&role.trust, &request))
}

/// Whether the policies of a role let it do `action` on `resource`. Guess: of the policies that AWS manages, those
/// with full access and those of CloudTrail and CloudWatch allow everything here, the others nothing.
pub fn role_may(world: &World, account: &str, path_and_name: &str, action: &str, resource: &str) -> bool {
    let Some(role) = role(world, account, path_and_name) else { return false };
    let own = world.iam.get(account);
    let caller = Caller::Aws {
        account: account.into(),
        arn: world.arn("iam", "", account, &format!("role/{path_and_name}")),
        session: None,
    };
    let request = Request::new(caller, action, resource);
    let inline = role.grants.inline.values().map(String::as_str);
    let attached = role.grants.attached.iter().filter_map(|arn| {
        let policy = own?.policies.get(arn)?;
        policy.versions.get(&policy.default_version).map(|(text, _)| text.as_str())
    });
    let decisions: Vec<Effect> = inline
        .chain(attached)
        .filter_map(|text| Document::parse(text).ok())
        .filter_map(|document| evaluate::effect(&document, &request))
        .collect();
    let by_aws = role.grants.attached.iter().any(|arn| {
        arn.contains(":iam::aws:policy/")
            && [
                "/AdministratorAccess",
                "/PowerUserAccess",
                "CloudWatchLogsFullAccess",
                "CloudTrail_FullAccess",
            ]
            .iter()
            .any(|name| arn.ends_with(name))
    });
    !decisions.contains(&Effect::Deny) && (by_aws || decisions.contains(&Effect::Allow))
}

/// Whether a policy is public as S3 means it: it allows somebody without naming a principal, an account, an
/// organization, a network or a source (User Guide, "The meaning of public").
pub fn is_public(document: &Document) -> bool {
    document.statements.iter().any(|statement| {
        statement.effect == Effect::Allow && speaks_of_everyone(statement) && !narrowed(statement)
    })
}

fn speaks_of_everyone(statement: &Statement) -> bool {
    match &statement.principal {
        Some(Element::Is(Principal::Any) | Element::IsNot(_)) => true,
        Some(Element::Is(Principal::Named(named))) => {
            named.get(&PrincipalType::Aws).is_some_and(|ids| ids.iter().any(|id| id == "*"))
        }
        None => false,
    }
}

/// The condition keys that make an otherwise public statement not public, when their values are fixed (User Guide,
/// "The meaning of public").
const NARROWING: &[&str] = &[
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "aws:username",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
];

fn narrowed(statement: &Statement) -> bool {
    statement.conditions.iter().any(|condition| {
        let operator = condition.operator.to_string();
        let positive =
            !operator.contains("Not") && !operator.ends_with("IfExists") && !operator.contains(':');
        positive
            && NARROWING.contains(&condition.key.to_ascii_lowercase().as_str())
            && condition.values.iter().all(|value| is_fixed(&condition.key, value))
    })
}

/// A fixed value has no wildcard; a network is fixed unless it is very wide (wider than /8, User Guide).
fn is_fixed(key: &str, value: &str) -> bool {
    if key.eq_ignore_ascii_case("aws:SourceIp") {
        let bits = value.split_once('/').and_then(|(_, bits)| bits.parse::<u8>().ok());
        return bits.is_none_or(|bits| bits >= 8);
    }
    if key.to_ascii_lowercase().ends_with("arn") {
        // Wildcards in the resource part of an ARN are fine as long as the account is named.
        return value
            .split(':')
            .nth(4)
            .is_some_and(|account| !account.is_empty() && !account.contains(['*', '?']))
            || !value.contains(['*', '?']);
    }
    !value.contains(['*', '?'])
}

/// Whether `text` matches a pattern with `*` and `?`.
pub fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last `*` was, and the text position that it has swallowed up to.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || Some(c) == text.get(t) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, swallowed)) => {
                    star = Some((at, swallowed + 1));
                    p = at + 1;
                    t = swallowed + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

/// The first bytes of a digest of `text` in hexadecimal, for ids that must always be the same for the same thing.
pub(super) fn digest_hex(text: &[u8], bytes: usize) -> String {
    crate::digest::sha256_hex(text).chars().take(2 * bytes).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "tests")]

    use serde_json::{Value, json};

    use super::*;
    use crate::sandbox::services::lab::{Lab, MANAGEMENT, MEMBER};

    fn document(statement: Value) -> Document {
        Document::from_value(&json!({"Version": "2012-10-17", "Statement": [statement]})).unwrap()
    }

    #[test]
    fn public_means_nobody_in_particular() {
        let rows = [
            (json!("*"), json!({}), true),
            (json!({"AWS": "*"}), json!({}), true),
            (json!({"AWS": MEMBER}), json!({}), false),
            (json!({"Service": "cloudtrail.amazonaws.com"}), json!({}), false),
            (json!("*"), json!({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}), false),
            (json!("*"), json!({"StringLike": {"aws:PrincipalOrgID": "o-*"}}), true),
            (json!("*"), json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}), true),
            (json!("*"), json!({"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}), false),
            (json!("*"), json!({"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}}), true),
            (json!("*"), json!({"ArnLike": {"aws:SourceArn": "arn:aws:s3:*:111111111111:*"}}), false),
            (json!("*"), json!({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}}), true),
            (json!("*"), json!({"Bool": {"aws:SecureTransport": "true"}}), true),
        ];
        for (principal, condition, public) in rows {
            let statement = json!({
                "Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": "*", "Condition": condition,
            });
            assert_eq!(is_public(&document(statement)), public, "{principal} {condition}");
        }
        let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"});
        assert!(!is_public(&document(deny)));
    }

    #[test]
    fn principals_must_exist_where_the_sandbox_knows_their_account() {
        let mut lab = Lab::with_organization();
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": MANAGEMENT}, "Action": "sts:AssumeRole"},
        ]});
        let role =
            json!({"RoleName": "Audit", "Path": "/team/", "AssumeRolePolicyDocument": trust.to_string()});
        lab.ok("iam", "CreateRole", role);
        let iam = |account: &str, rest: &str| format!("arn:aws:iam::{account}:{rest}");
        let rows = [
            ("AWS", "*".to_string(), true),
            ("AWS", MEMBER.to_string(), true),
            ("AWS", "12345".to_string(), false),
            ("AWS", iam(MEMBER, "root"), true),
            ("AWS", iam(MANAGEMENT, "role/team/Audit"), true),
            ("AWS", iam(MANAGEMENT, "role/Audit"), false),
            ("AWS", iam(MEMBER, "role/Audit"), false),
            ("AWS", iam(MEMBER, "user/Nobody"), false),
            ("AWS", iam(MEMBER, "group/Team"), false),
            ("AWS", iam("999999999999", "role/Whatever"), true),
            ("AWS", format!("arn:aws-cn:iam::{MEMBER}:root"), false),
            ("AWS", format!("arn:aws:sts::{MEMBER}:assumed-role/Audit/me"), true),
            ("AWS", "AROAEXAMPLEEXAMPLE12".to_string(), true),
            ("Service", "logging.s3.amazonaws.com".to_string(), true),
            ("Service", "logging.s3".to_string(), false),
        ];
        for (kind, id, exists) in rows {
            let statement =
                json!({"Effect": "Allow", "Principal": {kind: id}, "Action": "s3:*", "Resource": "*"});
            let unknown = unknown_principals(&lab.world, &document(statement));
            assert_eq!(unknown.is_empty(), exists, "{id}");
        }
    }

    #[test]
    fn wildcards_match_any_run_and_any_one() {
        for (pattern, text, same) in [
            ("*", "", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbbd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*b*d", "abcbd", true),
            ("arn:aws:s3:::logs*", "arn:aws:s3:::logs-1/x", true),
        ] {
            assert_eq!(wildcard(pattern, text), same, "{pattern} {text}");
        }
    }
}
