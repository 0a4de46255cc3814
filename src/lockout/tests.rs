//! What locks orgbase out, and what does not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::facts::{Ou, Policy};

const DENY: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Sid":"No","Effect":"Deny","Action":"iam:UpdateAccountPasswordPolicy","Resource":"*"}]}"#;

/// A baseline with a password policy and a policy of `document` on the OU `/A`.
fn baseline(document: &str, more: &str) -> Baseline {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("deny.json"), document).unwrap();
    let text = format!(
        "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n[ous]\n\"/A\" = {{}}\n\"/B\" = {{}}\n\
         [password_policy]\nminimum_length = 14\n\
         [[scps]]\nname = \"deny\"\nfile = \"deny.json\"\ntargets = [\"/A\"]\n{more}"
    );
    let path = folder.path().join("baseline.toml");
    std::fs::write(&path, text).unwrap();
    Baseline::load(&path).map_err(|e| e.render(false)).unwrap()
}

/// A member account in this OU, beside the management account in the root.
fn facts(ou: &str) -> Facts {
    let account = |id: &str, ou: &str| Account {
        id: id.into(),
        name: id.into(),
        email: format!("a{id}@example.com"),
        state: "ACTIVE".into(),
        ou: ou.into(),
        ..Account::default()
    };
    let unit = |path: &str| Ou {
        id: format!("ou-{path}"),
        arn: String::new(),
        path: path.into(),
        name: path.into(),
        parent_id: "r-1".into(),
    };
    Facts {
        partition: "aws".into(),
        root_id: "r-1".into(),
        management_account: "100000000001".into(),
        ous: ["/A", "/B"].map(|path| (path.to_string(), unit(path))).into(),
        accounts: [("100000000001", "/"), ("200000000002", ou)]
            .map(|(id, ou)| (id.to_string(), account(id, ou)))
            .into(),
        management_regions: ["eu-west-1".to_string()].into(),
        ..Facts::default()
    }
}

fn refused(baseline: &Baseline, facts: &Facts, moving: &[&str]) -> Option<String> {
    let case = Case::new(baseline, facts, moving.iter().copied().collect());
    case.and_then(|case| case.check()).err().map(|e| e.message)
}

#[test]
fn the_calls_of_controls_that_this_run_leaves_out_count() {
    // Nothing here says which units the run is about: it cannot matter.
    let message = refused(&baseline(DENY, ""), &facts("/A"), &[]).unwrap();
    assert!(message.contains("`No` denies iam:UpdateAccountPasswordPolicy"), "{message}");
    assert_eq!(refused(&baseline(DENY, ""), &facts("/B"), &[]), None);
}

#[test]
fn an_account_that_this_run_does_not_move_is_judged_where_it_is_too() {
    let declared = "[accounts.web]\nname = \"web\"\nemail = \"a200000000002@example.com\"\nou = \"/B\"\n";
    let baseline = baseline(DENY, declared);
    assert!(refused(&baseline, &facts("/A"), &[]).is_some());
    assert_eq!(refused(&baseline, &facts("/A"), &["200000000002"]), None);
}

#[test]
fn account_management_answers_from_us_east_1() {
    let deny = r#"{"Version":"2012-10-17","Statement":[{"Sid":"R","Effect":"Deny","Action":"account:*",
        "Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"eu-west-1"}}}]}"#;
    let contacts = "[alternate_contacts.security]\nname = \"S\"\ntitle = \"T\"\nemail = \"s@example.com\"\n\
                    phone = \"+31 20 555 0100\"\n";
    let message = refused(&baseline(deny, contacts), &facts("/A"), &[]).unwrap();
    assert!(message.contains("denies account:"), "{message}");
}

/// The document is refused, or not, on the OU of the account.
fn locks_out(statement: &str, more: &str) -> Option<String> {
    let document = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
    refused(&baseline(&document, more), &facts("/A"), &[])
}

const CONTACTS: &str = "[alternate_contacts.security]\nname = \"S\"\ntitle = \"T\"\nemail = \"s@example.com\"\n\
                        phone = \"+31 20 555 0100\"\n";

#[test]
fn a_deny_on_what_belongs_to_others_is_none_of_our_business() {
    for statement in [
        r#"{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::finance-*"}"#,
        r#"{"Effect":"Deny","Action":"iam:*","Resource":"arn:aws:iam::*:role/payroll"}"#,
        r#"{"Effect":"Deny","Action":["account:*","iam:*"],"Resource":"arn:aws:account::999999999999:account"}"#,
    ] {
        assert_eq!(locks_out(statement, CONTACTS), None, "{statement}");
    }
    // Of the service in the account itself: it may be what we ask for.
    let own = r#"{"Effect":"Deny","Action":"account:*","Resource":"arn:aws:account::200000000002:account"}"#;
    assert!(locks_out(own, CONTACTS).unwrap().contains("denies account:"));
    let but_theirs = r#"{"Effect":"Deny","Action":"iam:*","NotResource":"arn:aws:iam::*:role/payroll"}"#;
    assert!(locks_out(but_theirs, "").unwrap().contains("denies iam:"));
}

#[test]
fn roles_of_the_prefix_are_ours() {
    let support = "[log_archive]\naccount = \"web\"\n[accounts.web]\nname = \"web\"\n\
                   email = \"a200000000002@example.com\"\nou = \"/A\"\n";
    let buckets = |pattern: &str| {
        format!(r#"{{"Effect":"Deny","Action":"s3:PutBucketPolicy","Resource":"arn:aws:s3:::{pattern}"}}"#)
    };
    assert!(locks_out(&buckets("orgbase-cloudtrail-*"), support).is_some());
    assert!(locks_out(&buckets("*-cloudtrail-*"), support).is_some());
    assert_eq!(locks_out(&buckets("finance-*"), support), None);
}

/// Facts in which the policy `deny` is attached to `/A`, with this document, and nothing else is.
fn with_attached(content: &str, also_full: bool) -> Facts {
    let mut facts = facts("/A");
    let policy = |id: &str, name: &str, content: Option<&str>| Policy {
        id: id.into(),
        arn: String::new(),
        name: name.into(),
        description: String::new(),
        kind: KIND.into(),
        aws_managed: content.is_none(),
        content: content.map(ToString::to_string),
        targets: ["ou-/A".to_string()].into(),
    };
    let own = policy("p-own", "deny", Some(content));
    facts.policies.insert(own.id.clone(), own);
    if also_full {
        let full = policy("p-FullAWSAccess", "FullAWSAccess", None);
        facts.policies.insert(full.id.clone(), full);
    }
    facts
}

#[test]
fn a_declared_policy_that_allows_less_than_before_is_refused() {
    let allow = |actions: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":{actions},"Resource":"*"}}]}}"#
        )
    };
    let (all, less, enough) = (allow(r#""*""#), allow(r#"["s3:*"]"#), allow(r#"["iam:*","sts:*"]"#));
    let refusal = |document: &str, facts: &Facts| refused(&baseline(document, ""), facts, &[]);
    let message = refusal(&less, &with_attached(&all, false)).unwrap();
    assert!(message.contains("the policies on /A would lock orgbase out"), "{message}");
    assert!(message.contains("iam:"), "{message}");
    assert_eq!(refusal(&enough, &with_attached(&all, false)), None);
    // FullAWSAccess beside it still allows all; and what was not allowed before is not lost.
    assert_eq!(refusal(&less, &with_attached(&all, true)), None);
    assert_eq!(refusal(&less, &with_attached(&less, false)), None);
}

/// A list of what is allowed, made by hand in place of FullAWSAccess: without it, nothing is allowed.
#[test]
fn taking_away_the_only_policy_that_allows_is_refused() {
    let policy = |effect: &str| statement(&format!(r#"{{"Effect":"{effect}","Action":"*","Resource":"*"}}"#));
    let deny = statement(r#"{"Effect":"Deny","Action":"lightsail:*","Resource":"*"}"#);
    let facts = |also_full: bool| {
        let mut facts = with_attached(&policy("Allow"), also_full);
        facts.policies.values_mut().filter(|p| p.id == "p-own").for_each(|p| p.name = "allow-list".into());
        facts
    };
    let removed = baseline(&deny, "[[removed]]\ncontrol = \"scps\"\nname = \"allow-list\"\n");
    let message = refused(&removed, &facts(false), &[]).unwrap();
    assert!(message.contains("the policies on /A would lock orgbase out"), "{message}");
    assert_eq!(refused(&removed, &facts(true), &[]), None);
    assert_eq!(refused(&baseline(&deny, ""), &facts(false), &[]), None);
}

/// Warnings about the declared policy.
fn warnings(document: &str, facts: &Facts) -> Vec<String> {
    let baseline = baseline(document, "");
    let case = Case::new(&baseline, facts, BTreeSet::new()).unwrap();
    lint::Lint::new(&case).warnings("deny").iter().map(Warning::text).collect()
}

fn statement(text: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{text}]}}"#)
}

#[test]
fn a_deny_that_holds_for_nobody_below_is_told() {
    let deny = |condition: &str| {
        statement(&format!(
            r#"{{"Sid":"S","Effect":"Deny","Action":"ec2:RunInstances","Resource":"*","Condition":{{{condition}}}}}"#
        ))
    };
    let facts = Facts { organization_id: "o-own".into(), ..facts("/A") };
    for never in [
        r#""StringNotEquals":{"aws:PrincipalOrgID":"o-own"}"#,
        r#""StringEquals":{"aws:PrincipalAccount":"100000000001"}"#,
        r#""Bool":{"aws:PrincipalIsAWSService":"true"}"#,
        r#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::999999999999:role/x"}"#,
    ] {
        let found = warnings(&deny(never), &facts);
        assert!(
            found.len() == 1 && found[0].starts_with("never_matches: statement `S` denies nothing"),
            "{found:?}"
        );
    }
    for some in [
        r#""StringNotEquals":{"aws:PrincipalOrgID":"o-other"}"#,
        r#""StringEquals":{"aws:PrincipalAccount":"200000000002"}"#,
        r#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::2*:role/x"}"#,
    ] {
        assert_eq!(warnings(&deny(some), &facts), Vec::<String>::new(), "{some}");
    }
    // Nobody is under its target: nothing can be said.
    let nobody = Facts { accounts: BTreeMap::new(), ..facts };
    assert_eq!(
        warnings(&deny(r#""StringEquals":{"aws:PrincipalAccount":"1"}"#), &nobody),
        Vec::<String>::new()
    );
}

#[test]
fn an_allow_that_adds_nothing_is_told() {
    let allow =
        |action: &str| statement(&format!(r#"{{"Effect":"Allow","Action":"{action}","Resource":"*"}}"#));
    let found = warnings(&allow("s3:*"), &with_attached(&allow("s3:*"), true));
    assert!(found[0].starts_with("idle_allow: statement 1 allows nothing more: FullAWSAccess"), "{found:?}");
    // Without FullAWSAccess beside it, it does; but not where the root allows none of it.
    let mut facts = with_attached(&allow("s3:*"), false);
    assert_eq!(warnings(&allow("s3:*"), &facts), Vec::<String>::new());
    let root = Policy {
        id: "p-root".into(),
        arn: String::new(),
        name: "root".into(),
        description: String::new(),
        kind: KIND.into(),
        aws_managed: false,
        content: Some(allow("ec2:*")),
        targets: ["r-1".to_string()].into(),
    };
    facts.policies.insert(root.id.clone(), root);
    let found = warnings(&allow("s3:*"), &facts);
    assert!(found[0].contains("allows nothing: no policy on / allows any of it"), "{found:?}");
}

#[test]
fn a_target_without_room_is_told() {
    let mut facts = facts("/A");
    let deny = statement(r#"{"Effect":"Deny","Action":"lightsail:*","Resource":"*"}"#);
    for n in 0..MAX_ATTACHED - 1 {
        assert_eq!(warnings(&deny, &facts), Vec::<String>::new(), "{n}");
        let other = Policy {
            id: format!("p-{n}"),
            arn: String::new(),
            name: format!("other-{n}"),
            description: String::new(),
            kind: KIND.into(),
            aws_managed: false,
            content: Some(deny.clone()),
            targets: ["ou-/A".to_string()].into(),
        };
        facts.policies.insert(other.id.clone(), other);
    }
    let found = warnings(&deny, &facts);
    assert!(found[0].starts_with("policy_slots: all 10 attachments"), "{found:?}");
}

#[test]
fn resource_control_policies_hold_up_a_move_as_well() {
    let mut facts = facts("/B");
    let rcp = Policy {
        id: "p-rcp".into(),
        arn: String::new(),
        name: "perimeter".into(),
        description: String::new(),
        kind: "RESOURCE_CONTROL_POLICY".into(),
        aws_managed: false,
        content: Some(statement(
            r#"{"Sid":"Closed","Effect":"Deny","Principal":"*","Action":"s3:PutBucketPolicy","Resource":"*"}"#,
        )),
        targets: ["ou-/A".to_string()].into(),
    };
    facts.policies.insert(rcp.id.clone(), rcp);
    let baseline = baseline(&statement(r#"{"Effect":"Deny","Action":"lightsail:*","Resource":"*"}"#), "");
    let account = &facts.accounts["200000000002"];
    let moved = |to: &str, action: &str| {
        denied_by_move(account, to, &[(action.to_string(), false)].into(), &baseline, &facts)
    };
    assert_eq!(moved("/A", "s3:PutBucketPolicy").unwrap().statement, "Closed");
    assert_eq!(moved("/B", "s3:PutBucketPolicy"), None);
    assert_eq!(moved("/A", "iam:GetRole"), None);
}

/// The home region alone is no proof: the account is worked on in every region of the baseline.
#[test]
fn a_policy_about_regions_holds_up_a_move_too() {
    let mut facts = facts("/B");
    facts.management_regions = ["eu-west-1", "us-east-1"].map(String::from).into();
    let regions = r#"{"Sid":"Regions","Effect":"Deny","NotAction":"iam:*","Resource":"*",
        "Condition":{"StringNotEquals":{"aws:RequestedRegion":"eu-west-1"}}}"#;
    let only_home = Policy {
        id: "p-home".into(),
        arn: String::new(),
        name: "only-home".into(),
        description: String::new(),
        kind: "SERVICE_CONTROL_POLICY".into(),
        aws_managed: false,
        content: Some(statement(regions)),
        targets: ["ou-/A".to_string()].into(),
    };
    facts.policies.insert(only_home.id.clone(), only_home);
    let baseline = baseline(&statement(r#"{"Effect":"Deny","Action":"lightsail:*","Resource":"*"}"#), "");
    let account = &facts.accounts["200000000002"];
    let moved = |action: &str, everywhere: bool| {
        denied_by_move(account, "/A", &[(action.to_string(), everywhere)].into(), &baseline, &facts)
    };
    assert_eq!(moved("ec2:DescribeVpcs", false), None);
    assert_eq!(moved("ec2:DescribeVpcs", true).unwrap().statement, "Regions");
    assert_eq!(moved("iam:GetRole", true), None);
}

#[test]
fn a_refusal_says_how_much_is_denied() {
    let wide = statement(
        r#"{"Sid":"No","Effect":"Deny","Action":["iam:UpdateAccountPasswordPolicy","iam:GetAccountPasswordPolicy"],"Resource":"*"}"#,
    );
    let (baseline, facts) = (baseline(&wide, ""), facts("/A"));
    let error = Case::new(&baseline, &facts, BTreeSet::new()).unwrap().check().unwrap_err();
    assert!(error.message.contains("would lock orgbase out: statement `No`"), "{error:?}");
    let hint =
        "`deny`, statement `No`, in 1 account: iam:GetAccountPasswordPolicy, iam:UpdateAccountPasswordPolicy";
    assert_eq!(error.hints[0], hint);
}
