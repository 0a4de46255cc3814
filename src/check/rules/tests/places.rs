//! The same table for networks, regions, data and the organization.

use super::*;
use crate::check::sources::buckets::Bucket;
use crate::check::sources::network::{AclEntry, Group, Rule as Ingress};
use crate::check::sources::regional::{Database, Instance};

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
    let keys = |rotates: &[Result<bool, Unread>]| {
        let keys = rotates.iter().enumerate().map(|(n, rotates)| (format!("key-{n}"), rotates.clone()));
        Lab::default().with(RotatingKeys(keys.collect()))
    };
    assert_eq!(says("2.8", keys(&[Ok(true)])), "PASS 0/1");
    assert_eq!(says("2.8", keys(&[Ok(false)])), "FAIL 1/1");
    assert_eq!(says("2.8", keys(&[Ok(true), Err(denied())])), "ERROR");
    assert_eq!(says("2.8", keys(&[Ok(false), Err(denied())])), "FAIL 1/1");
    assert_eq!(says("ebs-encryption", Lab::default().with(EbsEncryption(true))), "PASS 0/1");
    assert_eq!(says("ebs-encryption", Lab::default().with(EbsEncryption(false))), "FAIL 1/1");
    assert_eq!(says("security-hub", Lab::default().with(Hub(true))), "PASS 0/1");
    assert_eq!(says("security-hub", Lab::default().with(Hub(false))), "FAIL 1/1");
    let analyzers = |organization: &[&str], own: &[&str]| {
        let names = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<String>>();
        Lab::default()
            .with(OrganizationAnalyzers(BTreeMap::from([(REGION.to_string(), Ok(names(organization)))])))
            .with(Analyzers(names(own)))
    };
    let unread = |own: &[&str]| {
        let organization = BTreeMap::from([(REGION.to_string(), Err(denied()))]);
        let own = Analyzers(own.iter().map(ToString::to_string).collect());
        Lab::default().with(OrganizationAnalyzers(organization)).with(own)
    };
    assert_eq!(says("access-analyzer", unread(&["own"])), "PASS 0/1");
    assert_eq!(says("access-analyzer", unread(&[])), "ERROR");
    let elsewhere = BTreeMap::from([("us-east-1".to_string(), Err(denied()))]);
    let elsewhere = Lab::default().with(OrganizationAnalyzers(elsewhere)).with(Analyzers(Vec::new()));
    assert_eq!(says("access-analyzer", elsewhere), "FAIL 1/1", "another region's failure is its own");
    assert_eq!(says("access-analyzer", analyzers(&["org"], &[])), "PASS 0/1");
    assert_eq!(says("access-analyzer", analyzers(&[], &["own"])), "PASS 0/1");
    assert_eq!(says("access-analyzer", analyzers(&[], &[])), "FAIL 1/1");
}

/// A region without the service has nothing that the rule is about; another region's lack is no answer here.
#[test]
fn a_region_without_the_service_is_not_applicable() {
    let absent = |region: &str| Unread { absent_in: Some(region.into()), ..denied() };
    let lab =
        |region: &str| Lab { region: Evidence::default().with::<Hub>(Err(absent(region))), ..Lab::default() };
    assert_eq!(says("security-hub", lab(REGION)), "NOT_APPLICABLE");
    assert_eq!(says("security-hub", lab("us-east-1")), "ERROR");
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
    let buckets = |list: Vec<Result<Bucket, Unread>>| {
        let named = list.into_iter().enumerate().map(|(n, bucket)| (format!("b-{n}"), bucket));
        Lab::default().with(Buckets(named.collect()))
    };
    for rule in ["s3-deny-http", "s3-mfa-delete"] {
        assert_eq!(says(rule, buckets(vec![Ok(good.clone())])), "PASS 0/1", "{rule}");
        assert_eq!(says(rule, buckets(vec![Ok(bad.clone())])), "FAIL 1/1", "{rule}");
        assert_eq!(says(rule, buckets(vec![Ok(good.clone()), Err(denied())])), "ERROR", "{rule}");
        assert_eq!(says(rule, buckets(vec![Ok(bad.clone()), Err(denied())])), "FAIL 1/1", "{rule}");
    }
    let own = |list| buckets(list).with(AccountPublicAccess(PublicAccessBlock::default()));
    assert_eq!(says("s3-bpa", own(vec![Ok(good.clone()), Err(denied())])), "ERROR");
    assert_eq!(says("s3-bpa", own(vec![Ok(bad.clone()), Err(denied())])), "FAIL 1/1");
    let block = |account: PublicAccessBlock, bucket: &Bucket| {
        buckets(vec![Ok(bucket.clone())]).with(AccountPublicAccess(account))
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
    let mut facts = facts();
    for (id, ou) in [("333333333333", "/"), ("444444444444", "/Workloads")] {
        let account = Account { id: id.into(), ou: ou.into(), ..facts.accounts["222222222222"].clone() };
        facts.accounts.insert(id.into(), account);
    }
    assert_eq!(word(&Lab::default().decide_among(&facts, "org-ou-structure", NEWEST)), "FAIL 1/3");
    let policy = |effect: &str, actions: &[&str]| {
        let principal = serde_json::json!({"AWS": "222222222222"});
        let statement =
            serde_json::json!({"Effect": effect, "Principal": principal, "Action": actions, "Resource": "*"});
        let document = serde_json::json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        says("org-policy-da", Lab::default().with(ResourcePolicy(Some(document))))
    };
    for manages in ["organizations:CreatePolicy", "organizations:UpdatePolicy", "organizations:*"] {
        assert_eq!(policy("Allow", &[manages]), "PASS 0/1", "{manages}");
    }
    assert_eq!(policy("Deny", &["organizations:CreatePolicy"]), "MANUAL");
    assert_eq!(policy("Allow", &["organizations:DescribePolicy", "organizations:ListPolicies"]), "MANUAL");
    let broken = ResourcePolicy(Some("AttachPolicy".into()));
    assert_eq!(says("org-policy-da", Lab::default().with(broken)), "ERROR");
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
