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
    check_policies(baseline, facts, &moving.iter().copied().collect()).err().map(|e| e.message)
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
