//! Units that a run's own repairs move are planned once more, where nobody reviewed the plan.

use orgbase::sandbox::Sandbox;
use orgbase::sandbox::services;
use orgbase::sandbox::world::{Call, Principal};
use orgbase::units::OutcomeKind;
use serde_json::{Value, json};

use crate::support::org::{How, Org};

const ARCHIVE: &str = "222222222222";
const BUCKET: &str = "orgbase-cloudtrail-222222222222";
const BASELINE: &str = include_str!("../../baselines/minimal.toml");

fn call(sandbox: &Sandbox, service: &str, operation: &str, input: Value) {
    let call = Call {
        service: service.into(),
        operation: operation.into(),
        account: ARCHIVE.into(),
        region: "eu-west-1".into(),
        principal: Principal::Management,
        input,
        now: 1.8e9,
    };
    sandbox.modify(|world| services::dispatch(world, &call)).unwrap().unwrap();
}

/// Without the alias of its key a bucket seems to be encrypted with another key: its unit is planned so, and there is less to do
/// once the alias is back.
#[tokio::test(start_paused = true)]
async fn what_waits_for_a_repaired_alias_is_repaired_in_the_same_run() {
    let org = Org::fresh();
    org.converge(BASELINE, &How::default()).await;
    call(&org.sandbox, "kms", "DeleteAlias", json!({"AliasName": "alias/orgbase-log-archive"}));
    let versioning = json!({"Bucket": BUCKET, "VersioningConfiguration": {"Status": "Suspended"}});
    call(&org.sandbox, "s3", "PutBucketVersioning", versioning);

    let fork = org.fork();
    let reviewed = fork.apply(BASELINE, &How::default().reviewed()).await.unwrap();
    assert!(
        reviewed.report.summary.count(OutcomeKind::Stale) > 0,
        "nothing is stale: {}",
        reviewed.problems()
    );

    org.converge(BASELINE, &How::default()).await;
    let planned = org.plan(BASELINE, &How::default()).await.unwrap();
    assert_eq!(planned.report.summary.exit_code(), 0, "{}", planned.problems());
}
