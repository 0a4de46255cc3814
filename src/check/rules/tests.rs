//! A table: what each rule says of evidence that holds, that does not, and that could not be read.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod places;

use std::collections::BTreeSet;

use time::Duration;
use time::macros::datetime;

use super::*;
use crate::check::sources::alarms::{Alarm, Filter};
use crate::check::sources::buckets::{PublicAccessBlock, TrailBucket};
use crate::check::sources::credential_report::{Key, User};
use crate::check::sources::iam::{CustomerPolicy, Entities};
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
        self.decide_among(&facts(), key, version)
    }

    fn decide_among(self, facts: &Facts, key: &str, version: &'static str) -> Result<Verdict, Unread> {
        let account = facts.accounts["222222222222"].clone();
        let Lab { organization, own, region } = self;
        let regions = BTreeMap::from([(REGION.to_string(), region)]);
        let rule = RULES.iter().find(|r| r.key == key).unwrap();
        let place = Place {
            version,
            facts,
            now: NOW,
            rule,
            account: &account,
            region: if rule.scope == RuleScope::AccountRegion { REGION } else { "" },
            organization: &organization,
            own: &own,
            regions: &regions,
        };
        decide(CHECKS.iter().find(|c| c.key == key).unwrap(), &place)
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

#[expect(clippy::unnecessary_wraps, reason = "what the report knows of a moment")]
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

fn denied() -> Unread {
    Unread::new(Kind::Denied, "denied")
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
    let why = denied();
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
    assert_eq!(says("1.12", Lab::default().with(Summary(BTreeMap::new()))), "ERROR");
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
    let one = |name: &str, attached, document: &str| {
        let arn = format!("arn:aws:iam::222222222222:policy/{name}");
        CustomerPolicy { arn, attached, document: document.into() }
    };
    let policy = |document: &str| Lab::default().with(CustomerPolicies(vec![one("p", true, document)]));
    let statement = |effect: &str, action: &str, resource: &str| {
        let statement = serde_json::json!({"Effect": effect, "Action": action, "Resource": resource});
        serde_json::json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
    };
    assert_eq!(says("1.22", policy(&statement("Allow", "*", "*"))), "FAIL 1/1");
    assert_eq!(says("1.22", policy(&statement("Allow", "s3:*", "*"))), "PASS 0/1");
    assert_eq!(says("1.22", policy(&statement("Deny", "*", "*"))), "PASS 0/1");
    assert_eq!(says("1.22", policy("no policy")), "ERROR");
    let all = statement("Allow", "*", "*");
    let unattached = || Lab::default().with(CustomerPolicies(vec![one("p", false, &all)]));
    assert_eq!(says("1.22", unattached()), "PASS 0/0");
    assert_eq!(word(&unattached().decide("1.22", "1.4.0")), "PASS 0/0");
    assert_eq!(word(&unattached().decide("1.22", "1.2.0")), "FAIL 1/1", "1.2.0 asks for all policies");
    let both = CustomerPolicies(vec![one("p", true, "no policy"), one("q", true, &all)]);
    assert_eq!(says("1.22", Lab::default().with(both)), "FAIL 1/1", "one that was understood decides");
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
        objects: ObjectEvents { reads: true, writes: true, left_out: Vec::new() },
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
    let arn = |region: &str| format!("arn:aws:cloudtrail:{region}:222222222222:trail/mine");
    let own = Trail { name: "mine".into(), arn: arn(REGION), organization: false, ..trail() };
    let elsewhere = Trail { log_file_validation: false, arn: arn("us-east-1"), ..own.clone() };
    for pair in [vec![elsewhere.clone(), own.clone()], vec![own.clone(), elsewhere.clone()]] {
        assert_eq!(says("2.2", trails(vec![], pair)), "FAIL 1/2", "two trails of one name");
    }
    let unread = |organization: Vec<Trail>| Lab {
        own: Evidence::default().with::<OwnTrails>(Err(denied())),
        ..Lab::default().with(OrganizationTrails(organization))
    };
    assert_eq!(says("2.1", unread(vec![trail()])), "PASS 0/1", "the organization's trail is enough");
    assert_eq!(says("2.1", unread(vec![bad.clone()])), "ERROR");
    assert_eq!(says("2.2", unread(vec![trail()])), "ERROR");
    assert_eq!(says("2.2", unread(vec![bad.clone()])), "FAIL 1/1");
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
        let buckets = bucket.map(|b| ("b".to_string(), Ok(b))).into_iter().collect();
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
    let unread = BTreeMap::from([("b".to_string(), Err(denied()))]);
    let unread = trails(vec![trail()], vec![])
        .with(OrganizationTrailBuckets(unread))
        .with(OwnTrailBuckets(BTreeMap::new()));
    assert_eq!(says("2.3", unread), "ERROR");
}

/// Bucket and account have the switches: the stricter of the two holds.
#[test]
fn block_public_access_of_bucket_and_account_add_up() {
    let acls = PublicAccessBlock { ignore_acls: true, ..PublicAccessBlock::default() };
    let policies = PublicAccessBlock { restrict: true, ..PublicAccessBlock::default() };
    assert!(!acls.closes() && !policies.closes());
    assert!(acls.with(policies).closes() && policies.with(acls).closes());
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
            unread: BTreeMap::new(),
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
        let without = Monitoring::default();
        assert_eq!(says(rule, Lab::default().with(without)), "FAIL 1/1", "{rule}: no trail");
    }
}

#[test]
fn an_alarm_that_lacks_nothing_but_a_subscriber_waits_for_a_person() {
    let metric = ("ns".to_string(), "m".to_string());
    let pattern = crate::compliance::cis::filter_patterns("3.1").next().unwrap();
    let by_hand = |enabled: bool, action: &str| {
        let filter = Filter { name: "f".into(), pattern: pattern.into(), metrics: vec![metric.clone()] };
        let alarm = Alarm { name: "a".into(), actions: vec![action.into()], enabled };
        let lab = Lab::default().with(Monitoring {
            trails: vec![trail()],
            filters: vec![filter],
            alarms: BTreeMap::from([(metric.clone(), vec![alarm])]),
            ..Monitoring::default()
        });
        let Verdict::Decided(decided) = lab.decide("3.1", NEWEST).unwrap() else { panic!("decided") };
        decided.by_hand.is_some()
    };
    assert!(by_hand(true, "arn:aws:sns:eu-west-1:111111111111:t"));
    assert!(!by_hand(false, "arn:aws:sns:eu-west-1:111111111111:t"));
    assert!(!by_hand(true, "arn:aws:lambda:eu-west-1:111111111111:function:f"));
}

/// One topic, or one log group, that could not be looked at is nothing where another tells somebody.
#[test]
fn alarms_of_which_some_could_not_be_read() {
    let metric = ("ns".to_string(), "m".to_string());
    let topic = |name: &str| format!("arn:aws:sns:eu-west-1:111111111111:{name}");
    let pattern = crate::compliance::cis::filter_patterns("3.1").next().unwrap();
    let lab = |confirmed: &[&str], unread: &[String], filtered: bool| {
        let filter = Filter { name: "f".into(), pattern: pattern.into(), metrics: vec![metric.clone()] };
        let alarm = Alarm { name: "a".into(), actions: vec![topic("t"), topic("u")], enabled: true };
        Lab::default().with(Monitoring {
            trails: vec![trail()],
            filters: filtered.then_some(filter).into_iter().collect(),
            alarms: BTreeMap::from([(metric.clone(), vec![alarm])]),
            confirmed: confirmed.iter().map(|name| topic(name)).collect(),
            unread: unread.iter().map(|arn| (arn.clone(), denied())).collect(),
        })
    };
    assert_eq!(says("3.1", lab(&["u"], &[topic("t")], true)), "PASS 0/1");
    assert_eq!(says("3.1", lab(&[], &[topic("t")], true)), "ERROR");
    assert_eq!(says("3.1", lab(&[], &[topic("other")], true)), "FAIL 1/1");
    assert_eq!(says("3.1", lab(&[], &[trail().log_group.unwrap()], false)), "ERROR");
}
