//! `check` in process.

use orgbase::aws::{Aws, CallCount, Limits, Options, Roles};
use orgbase::baseline::Baseline;
use orgbase::check::{self, Check, CheckReport, Status};
use orgbase::error::RunError;
use orgbase::sandbox::Sandbox;
use orgbase::sandbox::services;
use orgbase::sandbox::services::cloudtrail::events::Origin;
use orgbase::sandbox::spec::Spec;
use orgbase::sandbox::world::{Call, Principal};
use orgbase::selector::Selection;
use orgbase::{facts, run};
use serde_json::Value;
use time::OffsetDateTime;

use super::org::Org;

const HOME: &str = "eu-west-1";
const ROLE: &str = "OrganizationAccountAccessRole";

struct Silent;

impl check::Progress for Silent {
    fn accounts(&self, _number: usize) {}
    fn account_done(&self) {}
}

/// A baseline that declares nothing, for these regions.
pub(crate) fn nothing(regions: &[&str]) -> Baseline {
    let text = format!("version = 1\n[organization]\nhome_region = \"{HOME}\"\nregions = {regions:?}\n");
    Baseline::parse("baseline.toml", &text).map_err(|e| e.render(false)).unwrap()
}

/// Every rule of a version over the organization, and the calls.
pub(crate) async fn checked(
    sandbox: &Sandbox,
    baseline: Baseline,
    version: &'static str,
) -> Result<(CheckReport, Vec<CallCount>), RunError> {
    let options = Options {
        profile: None,
        region: HOME.to_owned(),
        limits: Limits::default(),
        endpoint: None,
        in_process: Some(sandbox.http_client()),
        read_only: true,
        run_id: "check".to_owned(),
        roles: Roles { default: ROLE.to_owned(), ..Roles::default() },
    };
    let aws = Aws::connect(options).await?;
    let facts = facts::organization(&aws, HOME).await?;
    let (selection, now) = (Selection::default(), OffsetDateTime::now_utc());
    let calls = aws.clone();
    let check = Check { aws, facts, baseline, has_baseline: false, version, selection, now };
    let report = Box::pin(run::evaluate(check, true, &Silent)).await?;
    Ok((report, calls.calls()))
}

/// The rows that could not be decided, as texts.
pub(crate) fn unread(report: &CheckReport) -> Vec<String> {
    let unread = report.rows.iter().filter(|row| row.status == Status::Error);
    unread.map(|row| format!("{} {} {} {}", row.rule, row.account_id, row.region, row.evidence)).collect()
}

/// A call that somebody made long ago.
pub(crate) fn call(org: &Org, account: &str, service: &str, operation: &str, input: Value) {
    let call = Call {
        service: service.into(),
        operation: operation.into(),
        account: account.into(),
        region: "eu-west-1".into(),
        principal: Principal::Role { role: "OrganizationAccountAccessRole".into(), session: "ann".into() },
        input,
        now: 0.0,
    };
    let origin = Origin::new("aws-cli/2", "ASIAEXAMPLE");
    org.sandbox.modify(|world| services::write(world, &call, &origin)).unwrap().unwrap();
}

/// The organization of a spec as a file has it.
pub(crate) fn organization(text: &str) -> Org {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("org.toml");
    std::fs::write(&path, text).unwrap();
    Org::of(&Spec::parse(path.to_str().unwrap()).unwrap())
}
