//! Rules whose evidence several calls make up.

use orgbase::check::{CheckReport, NEWEST, Row, Status};
use serde_json::{Value, json};

use crate::support::checked::{call, checked, nothing, organization};
use crate::support::org::Org;

const WEB: &str = "444444444444";
const REGIONS: [&str; 1] = ["eu-west-1"];

fn web() -> Org {
    organization(include_str!("support/org.toml"))
}

fn row<'a>(report: &'a CheckReport, rule: &str) -> &'a Row {
    report.rows.iter().find(|row| row.rule == rule && row.account_id == WEB).unwrap()
}

async fn of(org: &Org, version: &'static str) -> CheckReport {
    checked(&org.sandbox, nothing(&REGIONS), version).await.unwrap().0
}

/// 1.2.0 asks for all customer-managed policies, later versions for attached ones; and a run of the newest version knows the
/// score of the oldest.
#[tokio::test(start_paused = true)]
async fn a_policy_that_is_attached_to_nothing_counts_in_the_oldest_version() {
    let org = web();
    let statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    let document = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    call(&org, WEB, "iam", "CreatePolicy", json!({"PolicyName": "all", "PolicyDocument": document}));
    let oldest = of(&org, "1.2.0").await;
    assert_eq!((row(&oldest, "1.22").status, row(&oldest, "1.22").failed), (Status::Fail, 1));
    let later = of(&org, "1.4.0").await;
    assert_eq!((row(&later, "1.16").status, row(&later, "1.16").checked), (Status::Pass, 0));
    let versions = of(&org, NEWEST).await.summary.versions;
    assert_eq!((versions[0].score, versions[1].score), (oldest.summary.score, later.summary.score));
}

/// The bucket's ACL and policy let everybody in, and the account's switches shut everybody out.
#[tokio::test(start_paused = true)]
async fn a_trail_s_bucket_may_be_closed_by_its_account() {
    let org = web();
    let bucket = json!({"Bucket": "web-trail"});
    let with = |more: Value| {
        let mut input = bucket.clone();
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let location = json!({"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}});
    call(&org, WEB, "s3", "CreateBucket", with(location));
    call(&org, WEB, "s3", "PutPublicAccessBlock", with(json!({"PublicAccessBlockConfiguration": {}})));
    let resources = ["arn:aws:s3:::web-trail", "arn:aws:s3:::web-trail/*"];
    let statement = json!({"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": resources});
    let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    call(&org, WEB, "s3", "PutBucketPolicy", with(json!({"Policy": policy})));
    call(&org, WEB, "cloudtrail", "CreateTrail", json!({"Name": "web", "S3BucketName": "web-trail"}));
    let open = of(&org, "2.0.0").await;
    assert_eq!(row(&open, "3.3").status, Status::Fail, "{:?}", row(&open, "3.3"));
    let switches = json!({
        "BlockPublicAcls": true, "IgnorePublicAcls": true, "BlockPublicPolicy": true, "RestrictPublicBuckets": true,
    });
    let closed = json!({"AccountId": WEB, "PublicAccessBlockConfiguration": switches});
    call(&org, WEB, "s3control", "PutPublicAccessBlock", closed);
    let closed = of(&org, "2.0.0").await;
    assert_eq!(row(&closed, "3.3").status, Status::Pass, "{:?}", row(&closed, "3.3"));
}
