//! `check` where a region lacks a service, or one account lacks a region: only what is about that place says so.

use orgbase::check::{CheckReport, NEWEST, Row, Status};
use serde_json::json;

use crate::support::checked::{call, checked, nothing, organization, unread};

const MANAGEMENT: &str = "111122223333";
const SECURITY: &str = "333333333333";
const ORGANIZATION: &str = r#"
management = "111122223333"
regions = ["eu-west-1", "us-east-1"]
unavailable = { accessanalyzer = ["us-east-1"], "sso-admin" = ["us-east-1"], securityhub = ["us-east-1"], config = ["us-east-1"] }
[[accounts]]
name = "Security"
email = "aws+security@example.com"
id = "333333333333"
"#;

/// The row of the rule with this title.
fn of<'a>(report: &'a CheckReport, title: &str, account: &str, region: &str) -> &'a Row {
    let is = |row: &&Row| row.title.contains(title) && row.account_id == account && row.region == region;
    report.rows.iter().find(is).unwrap_or_else(|| panic!("{title} {account} {region}"))
}

const ANALYZER: &str = "external-access analyzer";
const HUB: &str = "Security Hub is enabled";

#[tokio::test(start_paused = true)]
async fn a_region_without_a_service_is_not_applicable() {
    let org = organization(ORGANIZATION);
    let (report, _) = checked(&org.sandbox, nothing(&["eu-west-1", "us-east-1"]), NEWEST).await.unwrap();
    assert_eq!(unread(&report), Vec::<String>::new());
    for account in [MANAGEMENT, SECURITY] {
        for title in [ANALYZER, HUB] {
            let gone = of(&report, title, account, "us-east-1");
            assert_eq!(gone.status, Status::NotApplicable, "{title} {account}");
            assert!(gone.evidence.contains("is not available in us-east-1"), "{}", gone.evidence);
            assert_eq!(of(&report, title, account, "eu-west-1").status, Status::Fail, "{title} {account}");
        }
    }
}

/// The delegated administrator lacks a region that the management account has.
#[tokio::test(start_paused = true)]
async fn a_region_that_the_administrator_lacks_is_its_own() {
    let org = organization(&ORGANIZATION.replace("unavailable", "# unavailable"));
    call(&org, MANAGEMENT, "account", "EnableRegion", json!({"RegionName": "af-south-1"}));
    let principal = "access-analyzer.amazonaws.com";
    call(&org, MANAGEMENT, "organizations", "EnableAWSServiceAccess", json!({"ServicePrincipal": principal}));
    let registered = json!({"AccountId": SECURITY, "ServicePrincipal": principal});
    call(&org, MANAGEMENT, "organizations", "RegisterDelegatedAdministrator", registered);
    call(&org, MANAGEMENT, "iam", "CreateServiceLinkedRole", json!({"AWSServiceName": principal}));
    let analyzer = json!({"analyzerName": "all", "type": "ORGANIZATION"});
    call(&org, SECURITY, "accessanalyzer", "CreateAnalyzer", analyzer);
    let regions = ["eu-west-1", "us-east-1", "af-south-1"];
    let (report, _) = checked(&org.sandbox, nothing(&regions), NEWEST).await.unwrap();
    assert_eq!(unread(&report), Vec::<String>::new());
    for account in [MANAGEMENT, SECURITY] {
        let row = of(&report, ANALYZER, account, "eu-west-1");
        assert_eq!(row.met_by.as_deref(), Some("organization analyzer all"), "{account}");
        assert_eq!(of(&report, ANALYZER, account, "us-east-1").status, Status::Fail, "{account}");
    }
    assert_eq!(of(&report, ANALYZER, MANAGEMENT, "af-south-1").status, Status::Fail);
}
