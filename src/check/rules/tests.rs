//! A table: what each rule says of evidence that holds, that does not, and that could not be read.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use time::Duration;
use time::macros::datetime;

use super::*;
use crate::check::sources::alarms::{Alarm, Filter};
use crate::check::sources::buckets::{Bucket, PublicAccessBlock, TrailBucket};
use crate::check::sources::credential_report::{Key, User};
use crate::check::sources::iam::{CustomerPolicy, Entities};
use crate::check::sources::network::{AclEntry, Group, Rule as Ingress};
use crate::check::sources::regional::{Database, Instance};
use crate::check::sources::trails::{ObjectEvents, Trail};

const NOW: OffsetDateTime = datetime!(2026-11-24 10:00 UTC);
const REGION: &str = "eu-west-1";
const NEWEST: &str = "7.0.0";

/// Adds pieces of evidence, each to the place that its scope says.
#[derive(Default)]
struct Lab {
    organization: Evidence,
    own: Evidence,
    region: Evidence,
}

impl Lab {
    fn with<S: Source>(mut self, piece: S) -> Lab {
        match S::SCOPE {
            RuleScope::Org => self.organization = self.organization.with(Ok(piece)),
            RuleScope::Account => self.own = self.own.with(Ok(piece)),
            RuleScope::AccountRegion => self.region = self.region.with(Ok(piece)),
        }
        self
    }

    fn decide(self, key: &str, version: &'static str) -> Result<Verdict, Unread> {
        let (facts, account) = (facts(), facts().accounts["222222222222"].clone());
        let Lab { organization, own, region } = self;
        let regions = BTreeMap::from([(REGION.to_string(), region)]);
        let rule = RULES.iter().find(|r| r.key == key).unwrap();
        let place = Place {
            version,
            facts: &facts,
            now: NOW,
            rule,
            account: &account,
            region: if rule.scope == RuleScope::AccountRegion { REGION } else { "" },
            organization: &organization,
            own: &own,
            regions: &regions,
        };
        (CHECKS.iter().find(|c| c.key == key).unwrap().decide)(&place)
    }
}

fn facts() -> Facts {
    let account = |id: &str, ou: &str| Account {
        id: id.into(),
        name: "one".into(),
        state: "ACTIVE".into(),
        ou: ou.into(),
        ..Account::default()
    };
    let accounts = [account("111111111111", "/"), account("222222222222", "/Workloads")];
    Facts {
        partition: "aws".into(),
        management_account: "111111111111".into(),
        root_id: "r-1".into(),
        trusted_services: BTreeSet::from(["config.amazonaws.com".to_string()]),
        accounts: accounts.into_iter().map(|a| (a.id.clone(), a)).collect(),
        ..Facts::default()
    }
}

/// `PASS 0/2`, `FAIL 1/2`, `MANUAL`, `NOT_APPLICABLE`, `ERROR`.
fn word(verdict: &Result<Verdict, Unread>) -> String {
    match verdict {
        Err(_) => "ERROR".into(),
        Ok(Verdict::Manual(_)) => "MANUAL".into(),
        Ok(Verdict::NotApplicable(_)) => "NOT_APPLICABLE".into(),
        Ok(Verdict::Decided(d)) => {
            let status = if d.failed() == 0 { "PASS" } else { "FAIL" };
            format!("{status} {}/{}", d.failed(), d.items.len())
        }
    }
}

fn says(key: &str, lab: Lab) -> String {
    word(&lab.decide(key, NEWEST))
}

fn ago(days: i64) -> Option<OffsetDateTime> {
    Some(NOW - Duration::days(days))
}

fn key(rotated: i64, used: Option<i64>) -> Key {
    Key { active: true, last_rotated: ago(rotated), last_used: used.and_then(ago) }
}

fn user(name: &str) -> User {
    User { name: name.into(), created: ago(400), password_enabled: Some(false), ..User::default() }
}

fn console(name: &str, mfa_active: bool, used: i64) -> User {
    let password = (Some(true), ago(used), ago(300));
    let (password_enabled, password_last_used, password_last_changed) = password;
    User { password_enabled, password_last_used, password_last_changed, mfa_active, ..user(name) }
}

fn report(users: Vec<User>) -> Lab {
    let root = User { name: "<root_account>".into(), password_enabled: None, ..User::default() };
    Lab::default().with(CredentialReport { root, users })
}

fn root_user(root: User) -> Lab {
    Lab::default().with(CredentialReport { root, users: Vec::new() })
}

#[test]
fn every_rule_has_one_line() {
    let keys: Vec<&str> = CHECKS.iter().map(|c| c.key).collect();
    let rules: Vec<&str> = RULES.iter().map(|r| r.key.as_str()).collect();
    assert_eq!(keys, rules);
}

/// One piece at a time is unreadable: a rule may pass only by what it did read, and says ERROR where nothing was.
#[test]
fn what_could_not_be_read_is_never_a_pass() {
    let why = Unread { kind: Kind::Denied, message: "denied".into() };
    for check in CHECKS.iter().filter(|c| !c.needs.is_empty()) {
        let unread = |scope| Evidence::unreadable(check.needs, scope, &why);
        let lab = Lab {
            organization: unread(RuleScope::Org),
            own: unread(RuleScope::Account),
            region: unread(RuleScope::AccountRegion),
        };
        assert_eq!(says(check.key, lab), "ERROR", "{}", check.key);
    }
}

#[test]
fn rules_read_no_more_than_they_say() {
    for check in CHECKS {
        let verdict = Lab::default().decide(check.key, NEWEST);
        if check.needs.is_empty() {
            assert!(verdict.is_ok(), "{}: {verdict:?}", check.key);
        } else {
            assert_eq!(word(&verdict), "ERROR", "{}", check.key);
        }
    }
}

#[test]
fn root() {
    let unused = User { name: "<root_account>".into(), password_enabled: Some(true), ..User::default() };
    let used = User { password_last_used: ago(0), ..unused.clone() };
    assert_eq!(says("1.1", root_user(unused.clone())), "PASS 0/1");
    assert_eq!(says("1.1", root_user(used)), "FAIL 1/1");
    let summary = |keys: i32, mfa: i32| {
        Summary(BTreeMap::from([
            ("AccountAccessKeysPresent".into(), keys),
            ("AccountMFAEnabled".into(), mfa),
        ]))
    };
    assert_eq!(says("1.12", Lab::default().with(summary(0, 0))), "PASS 0/1");
    assert_eq!(says("1.12", Lab::default().with(summary(1, 1))), "FAIL 1/1");
    let lab = |mfa: i32, devices: &[&str]| {
        let devices = VirtualMfa(devices.iter().map(ToString::to_string).collect());
        root_user(unused.clone()).with(summary(0, mfa)).with(devices)
    };
    assert_eq!(says("1.13", lab(1, &[])), "PASS 0/1");
    assert_eq!(says("1.13", lab(0, &[])), "FAIL 1/1");
    assert_eq!(says("1.14", lab(1, &[])), "PASS 0/1");
    assert_eq!(says("1.14", lab(1, &["arn:aws:iam::222222222222:root"])), "FAIL 1/1");
    assert_eq!(says("1.14", lab(0, &[])), "FAIL 1/1");
    let without = User { password_enabled: Some(false), ..unused.clone() };
    let central = root_user(without).with(summary(0, 0)).with(VirtualMfa(Vec::new()));
    assert_eq!(says("1.13", central), "NOT_APPLICABLE");
}

#[test]
fn users_and_keys() {
    assert_eq!(says("1.2", report(vec![console("a", true, 1), user("b")])), "PASS 0/1");
    assert_eq!(says("1.2", report(vec![console("a", false, 1)])), "FAIL 1/1");
    let idle =
        || vec![console("a", true, 60), User { keys: [key(80, Some(1)), Key::default()], ..user("b") }];
    assert_eq!(says("1.3", report(idle())), "FAIL 1/2");
    assert_eq!(word(&report(idle()).decide("1.3", "1.2.0")), "PASS 0/2", "90 days in 1.2.0");
    let never = User { keys: [key(50, None), Key::default()], ..user("c") };
    assert_eq!(says("1.3", report(vec![never])), "FAIL 1/1");
    let keys = |age| report(vec![User { keys: [key(age, Some(1)), Key::default()], ..user("a") }]);
    assert_eq!(says("1.4", keys(90)), "PASS 0/1");
    assert_eq!(says("1.4", keys(91)), "FAIL 1/1");
    let together = User { keys: [key(400, None), Key::default()], ..console("a", true, 1) };
    let later = User { keys: [key(300, None), Key::default()], ..console("a", true, 1) };
    assert_eq!(word(&report(vec![together]).decide("1.21", "6.0.0")), "FAIL 1/1");
    assert_eq!(word(&report(vec![later]).decide("1.21", "6.0.0")), "PASS 0/1");
    let two = User { keys: [key(1, None), key(1, None)], ..user("a") };
    assert_eq!(word(&report(vec![two, user("b")]).decide("one-active-key", "6.0.0")), "FAIL 1/2");
    assert_eq!(word(&report(vec![user("b")]).decide("one-active-key", "6.0.0")), "PASS 0/1");
}

#[test]
fn password_rules() {
    let good = aws_sdk_iam::types::PasswordPolicy::builder()
        .minimum_password_length(14)
        .require_symbols(true)
        .require_numbers(true)
        .require_uppercase_characters(true)
        .require_lowercase_characters(true)
        .expire_passwords(true)
        .max_password_age(90)
        .password_reuse_prevention(24);
    let weak = aws_sdk_iam::types::PasswordPolicy::builder().minimum_password_length(13).max_password_age(91);
    for rule in ["1.5", "1.6", "1.7", "1.8", "1.9", "1.10", "1.11"] {
        let of = |policy| says(rule, Lab::default().with(PasswordPolicy(policy)));
        assert_eq!(of(Some(good.clone().build())), "PASS 0/1", "{rule}");
        assert_eq!(of(Some(weak.clone().build())), "FAIL 1/1", "{rule}");
        assert_eq!(of(None), "FAIL 1/1", "{rule}");
    }
}

#[test]
fn accounts() {
    assert_eq!(word(&Lab::default().decide("1.15", "1.2.0")), "NOT_APPLICABLE");
    let policies = |list: &[&str]| {
        UserPolicies(BTreeMap::from([("a".into(), list.iter().map(ToString::to_string).collect())]))
    };
    assert_eq!(says("1.16", Lab::default().with(policies(&[]))), "PASS 0/1");
    assert_eq!(says("1.16", Lab::default().with(policies(&["inline"]))), "FAIL 1/1");
    assert_eq!(says("1.17", Lab::default().with(Contact { missing: vec![] })), "MANUAL");
    assert_eq!(says("1.17", Lab::default().with(Contact { missing: vec!["city"] })), "FAIL 1/1");
    assert_eq!(says("1.18", Lab::default().with(SecurityContact(true))), "PASS 0/1");
    assert_eq!(says("1.18", Lab::default().with(SecurityContact(false))), "FAIL 1/1");
    let user_only = || SupportAccess(Entities { users: vec!["a".into()], ..Entities::default() });
    let role = SupportAccess(Entities { roles: vec!["r".into()], ..Entities::default() });
    assert_eq!(says("1.20", Lab::default().with(role)), "PASS 0/1");
    assert_eq!(says("1.20", Lab::default().with(user_only())), "FAIL 1/1");
    assert_eq!(word(&Lab::default().with(user_only()).decide("1.20", "1.2.0")), "PASS 0/1");
    let shell = |roles: &[&str]| {
        CloudShellAccess(Entities {
            roles: roles.iter().map(ToString::to_string).collect(),
            ..Entities::default()
        })
    };
    assert_eq!(says("cloudshell", Lab::default().with(shell(&[]))), "PASS 0/1");
    assert_eq!(says("cloudshell", Lab::default().with(shell(&["r"]))), "FAIL 1/1");
    let certificate = |days: i64| ServerCertificates(vec![("c".into(), ago(days))]);
    assert_eq!(says("expired-server-certs", Lab::default().with(certificate(-1))), "PASS 0/1");
    assert_eq!(says("expired-server-certs", Lab::default().with(certificate(1))), "FAIL 1/1");
}

#[test]
fn full_administration() {
    let policy = |document: &str| {
        let policy =
            CustomerPolicy { arn: "arn:aws:iam::222222222222:policy/p".into(), document: document.into() };
        Lab::default().with(CustomerPolicies(vec![policy]))
    };
    let statement = |effect: &str, action: &str, resource: &str| {
        let statement = serde_json::json!({"Effect": effect, "Action": action, "Resource": resource});
        serde_json::json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
    };
    assert_eq!(says("1.22", policy(&statement("Allow", "*", "*"))), "FAIL 1/1");
    assert_eq!(says("1.22", policy(&statement("Allow", "s3:*", "*"))), "PASS 0/1");
    assert_eq!(says("1.22", policy(&statement("Deny", "*", "*"))), "PASS 0/1");
    assert_eq!(says("1.22", policy("no policy")), "ERROR");
}

#[test]
fn central_identity() {
    let lab = |users, center, providers: &[&str]| {
        let providers = SamlProviders(providers.iter().map(ToString::to_string).collect());
        report(users).with(IdentityCenter(center)).with(providers)
    };
    assert_eq!(says("central-identity", lab(vec![], true, &[])), "PASS 0/1");
    assert_eq!(says("central-identity", lab(vec![], false, &["saml"])), "PASS 0/1");
    assert_eq!(says("central-identity", lab(vec![], false, &[])), "MANUAL");
    assert_eq!(says("central-identity", lab(vec![console("a", true, 1)], true, &[])), "MANUAL");
}

fn trail() -> Trail {
    Trail {
        name: "org-trail".into(),
        arn: "arn:aws:cloudtrail:eu-west-1:111111111111:trail/org-trail".into(),
        organization: true,
        multi_region: true,
        log_file_validation: true,
        bucket: "b".into(),
        kms_key: Some("key".into()),
        log_group: Some("arn:aws:logs:eu-west-1:111111111111:log-group:g:*".into()),
        logging: true,
        delivered_to_logs: ago(0),
        started: ago(10),
        all_management_events: true,
        objects: ObjectEvents { reads: true, writes: true },
        ..Trail::default()
    }
}

fn trails(organization: Vec<Trail>, own: Vec<Trail>) -> Lab {
    Lab::default().with(OrganizationTrails(organization)).with(OwnTrails(own))
}

#[test]
fn trails_of_the_organization_and_of_the_account() {
    let bad = Trail {
        logging: false,
        log_file_validation: false,
        kms_key: None,
        delivered_to_logs: ago(2),
        objects: ObjectEvents::default(),
        ..trail()
    };
    for rule in ["2.1", "2.2", "2.4", "2.7"] {
        let verdict = trails(vec![trail()], vec![]).decide(rule, NEWEST).unwrap();
        let Verdict::Decided(decided) = &verdict else { panic!("{rule}") };
        assert_eq!(decided.met_by.as_deref(), Some("organization trail org-trail"), "{rule}");
        assert_eq!(says(rule, trails(vec![bad.clone()], vec![])), "FAIL 1/1", "{rule}");
        assert_eq!(says(rule, trails(vec![], vec![])), "FAIL 1/1", "{rule}: no trail");
    }
    let own = Trail { name: "mine".into(), organization: false, ..trail() };
    assert_eq!(says("2.1", trails(vec![], vec![own.clone()])), "PASS 0/1");
    assert_eq!(says("2.2", trails(vec![trail()], vec![own])), "PASS 0/2");
    let young = Trail { delivered_to_logs: None, started: Some(NOW - Duration::minutes(5)), ..trail() };
    assert_eq!(says("2.4", trails(vec![young], vec![])), "PASS 0/1");
    for rule in ["s3-object-write-log", "s3-object-read-log"] {
        assert_eq!(says(rule, Lab::default().with(OrganizationTrails(vec![trail()]))), "PASS 0/1");
        assert_eq!(says(rule, Lab::default().with(OrganizationTrails(vec![bad.clone()]))), "FAIL 1/1");
    }
}

#[test]
fn buckets_of_trails() {
    let lab = |bucket: Option<TrailBucket>| {
        let buckets = bucket.map(|b| ("b".to_string(), b)).into_iter().collect();
        trails(vec![trail()], vec![])
            .with(OrganizationTrailBuckets(buckets))
            .with(OwnTrailBuckets(BTreeMap::new()))
    };
    let logged = TrailBucket { access_logging: true, ..TrailBucket::default() };
    assert_eq!(says("2.6", lab(Some(logged))), "PASS 0/1");
    assert_eq!(says("2.6", lab(Some(TrailBucket::default()))), "FAIL 1/1");
    assert_eq!(says("2.6", lab(None)), "FAIL 1/1", "nobody has the bucket");
    let public = TrailBucket { public_policy: true, ..TrailBucket::default() };
    let blocked = PublicAccessBlock { ignore_acls: true, restrict: true, ..PublicAccessBlock::default() };
    assert_eq!(says("2.3", lab(Some(TrailBucket::default()))), "PASS 0/1");
    assert_eq!(says("2.3", lab(Some(public.clone()))), "FAIL 1/1");
    assert_eq!(
        says("2.3", lab(Some(TrailBucket { public_acl: true, ..TrailBucket::default() }))),
        "FAIL 1/1"
    );
    assert_eq!(says("2.3", lab(Some(TrailBucket { public_access: blocked, ..public }))), "PASS 0/1");
}

#[test]
fn alarms() {
    let metric = ("ns".to_string(), "m".to_string());
    let topic = "arn:aws:sns:eu-west-1:111111111111:t".to_string();
    let lab = |pattern: &str, alarm: bool, confirmed: bool| {
        let filter = Filter { name: "f".into(), pattern: pattern.into(), metrics: vec![metric.clone()] };
        let alarm = alarm.then(|| Alarm { name: "a".into(), actions: vec![topic.clone()], enabled: true });
        Lab::default().with(Monitoring {
            trails: vec![trail()],
            filters: vec![filter],
            alarms: BTreeMap::from([(metric.clone(), alarm.into_iter().collect())]),
            confirmed: confirmed.then(|| topic.clone()).into_iter().collect(),
        })
    };
    for rule in
        CHECKS.iter().map(|c| c.key).filter(|key| key.starts_with("3.") || *key == "organizations-alarm")
    {
        for pattern in crate::compliance::cis::filter_patterns(rule) {
            assert_eq!(says(rule, lab(pattern, true, true)), "PASS 0/1", "{rule}");
            assert_eq!(says(rule, lab(pattern, true, false)), "FAIL 1/1", "{rule}: nobody is told");
            assert_eq!(says(rule, lab(pattern, false, true)), "FAIL 1/1", "{rule}: no alarm");
        }
        assert_eq!(
            says(rule, lab("{ $.eventName = Nothing }", true, true)),
            "FAIL 1/1",
            "{rule}: other filter"
        );
        let without = Monitoring {
            trails: vec![],
            filters: vec![],
            alarms: BTreeMap::new(),
            confirmed: BTreeSet::new(),
        };
        assert_eq!(says(rule, Lab::default().with(without)), "FAIL 1/1", "{rule}: no trail");
    }
}

fn groups(name: &str, ingress: Vec<Ingress>, has_egress: bool) -> Lab {
    Lab::default().with(SecurityGroups(vec![Group {
        id: "sg-1".into(),
        name: name.into(),
        ingress,
        has_egress,
    }]))
}

fn tcp(from: i32, to: i32, any_ipv4: bool, any_ipv6: bool) -> Vec<Ingress> {
    vec![Ingress { protocol: "tcp".into(), from: Some(from), to: Some(to), any_ipv4, any_ipv6 }]
}

#[test]
fn networks() {
    for (rule, port) in [("4.1", 22), ("4.2", 3389), ("cifs", 445)] {
        assert_eq!(says(rule, groups("g", tcp(port, port, true, false), true)), "FAIL 1/1", "{rule}");
        assert_eq!(says(rule, groups("g", tcp(port + 1, port + 5, true, false), true)), "PASS 0/1", "{rule}");
        assert_eq!(says(rule, groups("g", tcp(port, port, false, false), true)), "PASS 0/1", "{rule}");
    }
    let ipv6 = || groups("g", tcp(0, 65535, false, true), true);
    assert_eq!(says("4.1", ipv6()), "PASS 0/1");
    assert_eq!(word(&ipv6().decide("4.1", "1.2.0")), "FAIL 1/1", "1.2.0 has no rule of its own for IPv6");
    assert_eq!(says("sg-ipv6", ipv6()), "FAIL 1/1");
    assert_eq!(says("sg-ipv6", groups("g", tcp(22, 22, true, false), true)), "PASS 0/1");
    assert_eq!(says("4.3", groups("default", vec![], false)), "PASS 0/1");
    assert_eq!(says("4.3", groups("default", vec![], true)), "FAIL 1/1");
    assert_eq!(says("4.3", groups("other", vec![], true)), "PASS 0/0");
    let acl = |allow| {
        let entry = AclEntry { number: 100, allow, protocol: "-1".into(), ports: None, ipv6: false };
        Lab::default().with(NetworkAcls(BTreeMap::from([("acl-1".to_string(), vec![entry])])))
    };
    assert_eq!(says("nacl-admin-ports", acl(true)), "FAIL 1/1");
    assert_eq!(says("nacl-admin-ports", acl(false)), "PASS 0/1");
    let vpcs = |logged| Lab::default().with(Vpcs(BTreeMap::from([("vpc-1".to_string(), logged)])));
    assert_eq!(says("2.9", vpcs(true)), "PASS 0/1");
    assert_eq!(says("2.9", vpcs(false)), "FAIL 1/1");
    let peering = |routes: &[&str]| {
        let routes = routes.iter().map(ToString::to_string).collect();
        Lab::default().with(Peering(BTreeMap::from([("pcx-1".to_string(), routes)])))
    };
    assert_eq!(says("4.4", peering(&[])), "PASS 0/1");
    assert_eq!(says("4.4", peering(&["10.0.0.0/16"])), "FAIL 1/1");
}

#[test]
fn regional_settings() {
    let instance = |good: bool| {
        let dead = Instance { id: "i-2".into(), ..Instance::default() };
        let instance = Instance { id: "i-1".into(), has_profile: good, imds_v2: good, alive: true };
        Lab::default().with(Instances(vec![instance, dead]))
    };
    let recorder = |recording| Recorder {
        exists: true,
        recording,
        last_failed: false,
        all_resources: true,
        global_resources: true,
        delivers: true,
    };
    for rule in ["1.19", "imdsv2"] {
        assert_eq!(says(rule, instance(true)), "PASS 0/1");
        assert_eq!(says(rule, instance(false)), "FAIL 1/1");
    }
    assert_eq!(says("2.5", Lab::default().with(recorder(true))), "PASS 0/1");
    assert_eq!(says("2.5", Lab::default().with(recorder(false))), "FAIL 1/1");
    let nowhere_global = Recorder { global_resources: false, ..recorder(true) };
    assert_eq!(says("2.5", Lab::default().with(nowhere_global)), "FAIL 1/1");
    assert_eq!(says("2.5", Lab::default().with(Recorder::default())), "FAIL 1/1");
    let keys = |rotates| Lab::default().with(RotatingKeys(BTreeMap::from([("key".to_string(), rotates)])));
    assert_eq!(says("2.8", keys(true)), "PASS 0/1");
    assert_eq!(says("2.8", keys(false)), "FAIL 1/1");
    assert_eq!(says("ebs-encryption", Lab::default().with(EbsEncryption(true))), "PASS 0/1");
    assert_eq!(says("ebs-encryption", Lab::default().with(EbsEncryption(false))), "FAIL 1/1");
    assert_eq!(says("security-hub", Lab::default().with(Hub(true))), "PASS 0/1");
    assert_eq!(says("security-hub", Lab::default().with(Hub(false))), "FAIL 1/1");
    let analyzers = |organization: &[&str], own: &[&str]| {
        let names = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<String>>();
        Lab::default()
            .with(OrganizationAnalyzers(BTreeMap::from([(REGION.to_string(), names(organization))])))
            .with(Analyzers(names(own)))
    };
    assert_eq!(says("access-analyzer", analyzers(&["org"], &[])), "PASS 0/1");
    assert_eq!(says("access-analyzer", analyzers(&[], &["own"])), "PASS 0/1");
    assert_eq!(says("access-analyzer", analyzers(&[], &[])), "FAIL 1/1");
}

#[test]
fn data() {
    let database = |good: bool| {
        let id = "db".to_string();
        let database = Database { id, encrypted: good, minor_upgrades: good, public: !good, multi_az: good };
        Lab::default().with(Databases(vec![database]))
    };
    for rule in ["rds-encryption", "rds-minor-upgrade", "rds-public", "rds-multi-az"] {
        assert_eq!(says(rule, database(true)), "PASS 0/1", "{rule}");
        assert_eq!(says(rule, database(false)), "FAIL 1/1", "{rule}");
    }
    let files = |encrypted| Lab::default().with(FileSystems(BTreeMap::from([("fs".to_string(), encrypted)])));
    assert_eq!(says("efs-encryption", files(true)), "PASS 0/1");
    assert_eq!(says("efs-encryption", files(false)), "FAIL 1/1");
    assert_eq!(word(&Lab::default().decide("s3-encryption", "1.5.0")), "PASS 0/1");
    assert_eq!(says("s3-classified", Lab::default().with(Macie(true))), "PASS 0/1");
    assert_eq!(says("s3-classified", Lab::default().with(Macie(false))), "MANUAL");
    let all = PublicAccessBlock { block_acls: true, ignore_acls: true, block_policy: true, restrict: true };
    let deny = r#"{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}"#;
    let good = Bucket { name: "b".into(), policy: Some(deny.into()), mfa_delete: true, public_access: all };
    let bad = Bucket { name: "b".into(), ..Bucket::default() };
    for rule in ["s3-deny-http", "s3-mfa-delete"] {
        assert_eq!(says(rule, Lab::default().with(Buckets(vec![good.clone()]))), "PASS 0/1", "{rule}");
        assert_eq!(says(rule, Lab::default().with(Buckets(vec![bad.clone()]))), "FAIL 1/1", "{rule}");
    }
    let block = |account: PublicAccessBlock, bucket: &Bucket| {
        Lab::default().with(AccountPublicAccess(account)).with(Buckets(vec![bucket.clone()]))
    };
    assert_eq!(says("s3-bpa", block(all, &bad)), "PASS 0/1");
    assert_eq!(says("s3-bpa", block(PublicAccessBlock::default(), &good)), "PASS 0/1");
    assert_eq!(says("s3-bpa", block(PublicAccessBlock::default(), &bad)), "FAIL 1/1");
}

#[test]
fn organizations() {
    let features =
        |list: &[&str]| Lab::default().with(RootAccess(list.iter().map(ToString::to_string).collect()));
    assert_eq!(
        says("org-central-root", features(&["RootCredentialsManagement", "RootSessions"])),
        "PASS 0/1"
    );
    assert_eq!(says("org-central-root", features(&["RootSessions"])), "FAIL 1/1");
    assert_eq!(says("org-guardrails", Lab::default()), "FAIL 1/1");
    assert_eq!(says("org-mgmt-no-workloads", Lab::default()), "MANUAL");
    assert_eq!(says("org-ou-structure", Lab::default()), "MANUAL");
    let policy = Some(r#"{"Statement":[{"Action":"organizations:CreatePolicy"}]}"#.to_string());
    assert_eq!(says("org-policy-da", Lab::default().with(ResourcePolicy(policy))), "PASS 0/1");
    assert_eq!(says("org-policy-da", Lab::default().with(ResourcePolicy(None))), "MANUAL");
    let delegated = |principal: &str| {
        let accounts = BTreeSet::from(["222222222222".to_string()]);
        Lab::default().with(Delegation(BTreeMap::from([(principal.to_string(), accounts)])))
    };
    assert_eq!(says("org-service-da", delegated("config.amazonaws.com")), "PASS 0/1");
    assert_eq!(says("org-service-da", delegated("ram.amazonaws.com")), "MANUAL");
    for rule in ["resource-policy-star", "web-frontend-logs", "vpc-endpoints"] {
        assert_eq!(says(rule, Lab::default()), "MANUAL");
    }
}
