#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn counts(text: &str) -> World {
    world(&Spec::parse(text).unwrap()).unwrap()
}

fn text(world: &World) -> String {
    serde_json::to_string(world).unwrap()
}

#[test]
fn the_default_organization_has_what_the_baselines_name() {
    let world = counts("");
    let organization = world.organizations.organization.as_ref().unwrap();
    assert_eq!(organization.id, "o-a1b2c3d4e5");
    assert_eq!(world.organizations.accounts.len(), 11);
    for (name, email) in [("Log Archive", "aws+log@example.com"), ("Security", "aws+security@example.com")] {
        let account = world.organizations.accounts.values().find(|account| account.name == name).unwrap();
        assert_eq!(account.email, email);
        let role = world.iam[&account.id].roles.contains_key("OrganizationAccountAccessRole");
        assert!(role, "{name}");
    }
    assert_eq!(world.regions, ["eu-west-1", "us-east-1", "ap-south-1"]);
    assert_eq!(world.organizations.units.len(), 6);
    assert!(world.organizations.policies.values().all(|policy| policy.aws_managed));
}

#[test]
fn the_same_spec_gives_the_same_world_and_another_seed_another() {
    let spec = "accounts=30,ous=20,drift=0.5,invited=2,suspended=3,foreign=2,seed=4";
    assert_eq!(text(&counts(spec)), text(&counts(spec)));
    assert_ne!(text(&counts(spec)), text(&counts(&spec.replace("seed=4", "seed=5"))));
}

#[test]
fn invited_suspended_and_foreign_come_on_top() {
    let world = counts("accounts=4,ous=40,invited=2,suspended=3,foreign=5");
    let accounts = &world.organizations.accounts;
    assert_eq!(accounts.len(), 1 + 4 + 2 + 3);
    let invited: Vec<_> = accounts.values().filter(|a| !a.created && a.id != MANAGEMENT_ID).collect();
    assert_eq!(invited.len(), 2);
    assert!(invited.iter().all(|account| !world.iam.contains_key(&account.id)));
    assert_eq!(accounts.values().filter(|a| a.state == AccountState::Suspended).count(), 3);
    let foreign: Vec<_> =
        world.organizations.policies.values().filter(|policy| !policy.aws_managed).collect();
    assert_eq!(foreign.len(), 5);
    let attached =
        |id: &String| world.organizations.attachments.values().flatten().filter(|a| *a == id).count();
    assert_eq!(foreign.iter().map(|policy| attached(&policy.id)).sum::<usize>(), 1);
    let mut names: Vec<_> = world.organizations.units.values().map(|unit| &unit.name).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert!(names.len() < all, "names repeat under different parents");
}

#[test]
fn drift_changes_settings_of_accounts() {
    let fresh = counts("accounts=6");
    let drifted = counts("accounts=6,drift=1");
    assert!(fresh.iam.values().all(|account| account.password_policy.is_none()));
    assert_eq!(drifted.iam.values().filter(|account| account.password_policy.is_some()).count(), 7);
}

#[test]
fn an_exact_organization() {
    let exact: Exact = toml::from_str(
        r#"
        id = "o-exactexact"
        ous = ["/A/B"]
        [[accounts]]
        name = "one"
        email = "one@example.com"
        id = "222222222222"
        ou = "/A/B"
        [[policies]]
        name = "p"
        json = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"lightsail:*","Resource":"*"}]}'
        targets = ["/A", "one"]
        [[calls]]
        account = "one"
        service = "iam"
        operation = "CreateAccountAlias"
        input = { AccountAlias = "one-alias" }
        "#,
    )
    .unwrap();
    let made = world(&Spec::Exact(Box::new(exact.clone()))).unwrap();
    assert_eq!(made.organizations.units.len(), 2);
    let parent = &made.organizations.accounts["222222222222"].parent;
    assert_eq!(made.organizations.units[parent].name, "B");
    assert_eq!(made.organizations.attachments["222222222222"].len(), 2);
    let wrong = Exact { ous: Vec::new(), ..exact };
    let error = world(&Spec::Exact(Box::new(wrong))).unwrap_err().to_string();
    assert!(error.contains("/A/B"), "{error}");
}
