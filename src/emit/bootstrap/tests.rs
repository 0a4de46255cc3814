#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn baseline(organization: &str) -> Baseline {
    let text = format!(
        "version = 1\n[organization]\nhome_region = \"eu-west-1\"\nid = \"o-a1b2c3d4e5\"\n{organization}\n\
         [password_policy]\nminimum_length = 14\n"
    );
    Baseline::parse("t.toml", &text).unwrap()
}

#[test]
fn members_trust_the_role_of_the_same_name_in_the_organization_only() {
    let text = bootstrap(&mut baseline("source_identity = true\nexternal_id = \"abc\""), Some("member"), &[]);
    let text = text.unwrap();
    for wanted in [
        "aws:PrincipalOrgID",
        "role/orgbase-plan",
        "sts:SetSourceIdentity",
        "\"sts:ExternalId\": \"abc\"",
        "iam:UpdateAccountPasswordPolicy",
        "Default: \"o-a1b2c3d4e5\"",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert!(!text.contains("LogArchive\""), "a condition that nothing needs: {text}");
}

#[test]
fn declared_roles_keep_their_names_and_unknown_kinds_are_none() {
    let text = bootstrap(&mut baseline("plan_role = \"reader\""), None, &[]).unwrap();
    assert!(text.contains("RoleName: \"reader\"") && text.contains("RoleName: \"orgbase-apply\""), "{text}");
    assert!(text.contains("AWS::CloudFormation::StackSet"));
    assert!(bootstrap(&mut baseline(""), Some("gitlab"), &[]).is_none());
}

/// The role that any branch of the repository takes on may assume roles that read, and no other.
#[test]
fn the_plan_role_reaches_no_role_that_writes() {
    let roles = "plan_role = \"reader\"\napply_role = \"writer\"";
    for (organization, plan, warned) in [("", "orgbase-plan", true), (roles, "reader", false)] {
        let text = bootstrap(&mut baseline(organization), Some("github-actions"), &[]).unwrap();
        let lines = text.lines().skip_while(|line| line.trim() != "ManagementPlanPolicy:").skip(1);
        let policy: String = lines.take_while(|line| line.starts_with("    ")).collect();
        assert!(policy.contains(&format!("role/{plan}\"")), "{policy}");
        for other in ["OrganizationAccountAccessRole", "orgbase-apply", "writer"] {
            assert!(!policy.contains(other), "{other}: {policy}");
        }
        assert_eq!(text.contains("# Warning: this baseline does not name both"), warned);
    }
}

#[test]
fn github_may_plan_anywhere_and_apply_in_its_environment() {
    let text = bootstrap(&mut baseline(""), Some("github-actions"), &[]).unwrap();
    assert!(text.contains("repo:${GitHubRepository}:*"), "{text}");
    assert!(text.contains("repo:${GitHubRepository}:environment:${GitHubEnvironment}"), "{text}");
}
