//! `--refresh central` with the controls that it spares reads: what AWS Config's aggregator shows to differ is found, and
//! what it does not show is read.

use orgbase::report::UnitReport;
use orgbase::sandbox::Sandbox;
use orgbase::sandbox::spec::Spec;
use orgbase::sandbox::world::cell;
use orgbase::units::OutcomeKind;
use serde_json::json;

use crate::support::org::{Done, How, Org};
use crate::support::snippets;

/// Controls that the aggregator answers for.
const SECTIONS: [&str; 4] = ["config", "default_security_groups", "s3_block_public_access", "vpc_flow_logs"];
const WEB: &str = "444444444444";

/// The organization of the suite with `full.toml`, converged.
async fn converged() -> (Org, String) {
    let (org, text) = (Org::fresh(), include_str!("../../baselines/full.toml").to_owned());
    org.converge(&text, &How::default()).await;
    (org, text)
}

fn vouched(done: &Done, section: &str) -> usize {
    done.report.units.iter().filter(|u| u.id.control == section && u.vouched_by.is_some()).count()
}

/// Accounts that were asked with an operation by a section.
fn asked<'d>(done: &'d Done, section: &str, operation: &str) -> Vec<(&'d str, u64)> {
    let of = done.calls.iter().filter(|c| c.control == section && c.operation == operation);
    of.map(|c| (c.account.as_str(), c.count)).collect()
}

fn drifted(done: &Done) -> Vec<&UnitReport> {
    done.report.units.iter().filter(|u| u.outcome == OutcomeKind::Drift).collect()
}

fn call(sandbox: &Sandbox, service: &str, operation: &str, input: serde_json::Value) {
    snippets::one(sandbox, (WEB, "us-east-1"), service, operation, input);
}

#[tokio::test(start_paused = true)]
async fn a_converged_organization_is_vouched_for_without_a_read() {
    let (org, text) = converged().await;
    let done = org.plan(&text, &How::default().central()).await.unwrap();
    assert_eq!(done.report.summary.exit_code(), 0, "{}", done.problems());
    // 4 accounts x 2 regions; of `config` the roles alone.
    assert_eq!(SECTIONS.map(|section| vouched(&done, section)), [4, 8, 4, 8]);
    for section in SECTIONS.iter().filter(|section| **section != "config") {
        let own = done.calls.iter().filter(|c| c.control == *section && c.service != "config");
        assert_eq!(own.map(|c| &c.operation).collect::<Vec<_>>(), Vec::<&String>::new(), "{section}");
    }
    assert_eq!(asked(&done, "config.service_linked_role", "ListRoles"), []);
}

#[tokio::test(start_paused = true)]
async fn drift_that_the_answer_shows_is_found_and_only_its_place_is_read() {
    let (org, text) = converged().await;
    let open = json!({"GroupName": "default", "IpPermissions": [
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]});
    call(&org.sandbox, "ec2", "AuthorizeSecurityGroupIngress", open);
    call(&org.sandbox, "ec2", "CreateVpc", json!({"CidrBlock": "10.9.0.0/16"}));
    let off = json!({"AccountId": WEB, "PublicAccessBlockConfiguration": {"BlockPublicAcls": false}});
    call(&org.sandbox, "s3control", "PutPublicAccessBlock", off);
    let done = org.plan(&text, &How::default().central()).await.unwrap();
    let found: Vec<(&str, &str)> =
        drifted(&done).iter().map(|u| (u.id.control.as_str(), u.id.account.as_str())).collect();
    let wanted = ["s3_block_public_access", "default_security_groups", "vpc_flow_logs"];
    assert_eq!(found, wanted.map(|control| (control, WEB)), "{}", done.problems());
    assert_eq!(asked(&done, "s3_block_public_access", "GetPublicAccessBlock"), [(WEB, 1)]);
    assert_eq!(asked(&done, "vpc_flow_logs", "DescribeFlowLogs"), [(WEB, 1)]);
    let groups = asked(&done, "default_security_groups", "DescribeSecurityGroups").len()
        + asked(&done, "vpc_flow_logs", "DescribeSecurityGroups").len();
    assert_eq!(groups, 1, "the two controls share the read of the groups");
    let full = org.plan(&text, &How::default()).await.unwrap();
    assert_eq!(full.report.summary, done.report.summary);
}

/// A recorder that does not record shows nothing: nobody vouches for its account and region.
#[tokio::test(start_paused = true)]
async fn what_is_not_recorded_is_read() {
    let (org, text) = converged().await;
    call(
        &org.sandbox,
        "config",
        "StopConfigurationRecorder",
        json!({"ConfigurationRecorderName": "default"}),
    );
    let done = org.plan(&text, &How::default().central()).await.unwrap();
    let found: Vec<&str> = drifted(&done).iter().map(|u| u.id.control.as_str()).collect();
    assert_eq!(found, ["config"], "{}", done.problems());
    assert_eq!(SECTIONS.map(|section| vouched(&done, section)), [4, 7, 4, 7]);
    assert_eq!(asked(&done, "vpc_flow_logs", "DescribeFlowLogs"), [(WEB, 1)]);
    // Only some types recorded: those that are not are nobody's to vouch for.
    org.sandbox.modify(|world| {
        let state = world.config.get_mut(&cell(WEB, "us-east-1")).unwrap();
        let recorder = state.recorder.as_mut().unwrap();
        recorder.recording = true;
        recorder.group = json!({"recordingStrategy": {"useOnly": "INCLUSION_BY_RESOURCE_TYPES"},
                                "resourceTypes": ["AWS::EC2::SecurityGroup", "AWS::EC2::VPC"]});
    });
    let done = org.plan(&text, &How::default().central()).await.unwrap();
    assert_eq!(SECTIONS.map(|section| vouched(&done, section)), [4, 8, 4, 7]);
}

/// Without an aggregator every place is read, and the plan says the same.
#[tokio::test(start_paused = true)]
async fn without_an_aggregator_every_place_is_read() {
    let org = Org::of(&Spec::parse("accounts=3,ous=1,regions=2").unwrap());
    let text = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\nregions = [\"eu-west-1\", \"us-east-1\"]\n\
                [default_security_groups]\nempty = true\n";
    org.converge(text, &How::default()).await;
    let done = org.plan(text, &How::default().central()).await.unwrap();
    assert_eq!((done.report.summary.exit_code(), vouched(&done, "default_security_groups")), (0, 0));
    assert_eq!(asked(&done, "default_security_groups", "DescribeSecurityGroups").len(), 4);
}
