//! `drift=F`: settings that somebody changed by hand.
//!
//! Each entry is one call that gives a setting another valid value than AWS's default. None of them makes what a baseline
//! may only undo with `--allow-destructive`, an opt-in or a person: no trails, buckets, keys, topics or log groups.

use serde_json::{Value, json};

use crate::sandbox::services;
use crate::sandbox::services::organizations::AccountState;
use crate::sandbox::world::{Call, Principal, World};

/// One setting and the call that changes it.
struct Setting {
    service: &'static str,
    operation: &'static str,
    regional: bool,
    input: fn(&Pick) -> Value,
}

/// What an input may depend on.
struct Pick {
    partition: String,
    account: String,
    /// 64 random bits.
    bits: u64,
}

impl Pick {
    fn one_of<T: Copy + Default>(&self, choices: &[T]) -> T {
        choices.get((self.bits % choices.len().max(1) as u64) as usize).copied().unwrap_or_default()
    }
}

const SETTINGS: [Setting; 18] = [
    Setting {
        service: "iam",
        operation: "UpdateAccountPasswordPolicy",
        regional: false,
        input: password_policy,
    },
    Setting { service: "iam", operation: "CreateAccountAlias", regional: false, input: alias },
    Setting {
        service: "account",
        operation: "PutAlternateContact",
        regional: false,
        input: security_contact,
    },
    Setting {
        service: "account",
        operation: "PutContactInformation",
        regional: false,
        input: primary_contact,
    },
    Setting {
        service: "s3control",
        operation: "PutPublicAccessBlock",
        regional: false,
        input: public_access,
    },
    Setting { service: "ec2", operation: "EnableEbsEncryptionByDefault", regional: true, input: nothing },
    Setting { service: "ec2", operation: "ModifyInstanceMetadataDefaults", regional: true, input: imds },
    Setting {
        service: "ec2",
        operation: "EnableSnapshotBlockPublicAccess",
        regional: true,
        input: snapshots,
    },
    Setting { service: "ec2", operation: "EnableImageBlockPublicAccess", regional: true, input: images },
    Setting { service: "ec2", operation: "EnableSerialConsoleAccess", regional: true, input: nothing },
    Setting { service: "ec2", operation: "AuthorizeSecurityGroupIngress", regional: true, input: open_port },
    Setting { service: "macie2", operation: "EnableMacie", regional: true, input: macie },
    Setting { service: "guardduty", operation: "CreateDetector", regional: true, input: detector },
    Setting { service: "securityhub", operation: "EnableSecurityHub", regional: true, input: hub },
    Setting { service: "inspector2", operation: "Enable", regional: true, input: inspector },
    Setting { service: "backup", operation: "UpdateRegionSettings", regional: true, input: backup },
    Setting { service: "config", operation: "PutConfigurationRecorder", regional: true, input: recorder },
    Setting { service: "accessanalyzer", operation: "CreateAnalyzer", regional: true, input: analyzer },
];

/// Changes each setting of each usable account and region with probability `share`.
pub(super) fn spread(world: &mut World, share: f64) {
    if share <= 0.0 {
        return;
    }
    let usable = |account: &&services::organizations::Account| account.state == AccountState::Active;
    let accounts: Vec<String> =
        world.organizations.accounts.values().filter(usable).map(|account| account.id.clone()).collect();
    let regions = world.regions.clone();
    for account in accounts {
        for setting in &SETTINGS {
            let places = if setting.regional { regions.len() } else { 1 };
            for region in regions.iter().take(places) {
                let chance = (world.bits() >> 11) as f64 / (1_u64 << 53) as f64;
                if chance < share {
                    change(world, setting, &account, region);
                }
            }
        }
    }
}

fn change(world: &mut World, setting: &Setting, account: &str, region: &str) {
    let bits = world.bits();
    let pick = Pick { partition: world.partition.clone(), account: account.to_owned(), bits };
    let call = Call {
        service: setting.service.to_owned(),
        operation: setting.operation.to_owned(),
        account: account.to_owned(),
        region: region.to_owned(),
        principal: Principal::Management,
        input: (setting.input)(&pick),
        now: super::BEGIN,
    };
    // an operation without a handler cannot drift: no control manages it on this sandbox either
    if let Some(Err(fault)) = services::dispatch(world, &call) {
        tracing::error!(setting.service, setting.operation, ?fault, "drift");
        debug_assert!(false, "drift: {}:{}: {fault:?}", setting.service, setting.operation);
    }
}

fn nothing(_: &Pick) -> Value {
    json!({})
}

fn password_policy(pick: &Pick) -> Value {
    let mut policy = json!({
        "MinimumPasswordLength": pick.one_of(&[6, 8, 10, 12]),
        "RequireSymbols": pick.bits & 16 != 0,
        "RequireNumbers": pick.bits & 32 != 0,
        "AllowUsersToChangePassword": pick.bits & 64 != 0,
    });
    if pick.bits & 128 != 0 {
        policy["MaxPasswordAge"] = json!(pick.one_of(&[180, 365]));
    }
    policy
}

fn alias(pick: &Pick) -> Value {
    json!({"AccountAlias": format!("team-{}", pick.account)})
}

fn security_contact(pick: &Pick) -> Value {
    let name = pick.one_of(&["Alex Example", "Sam Example", "Kim Example"]);
    json!({
        "AlternateContactType": "SECURITY", "Name": name, "Title": "Engineer",
        "EmailAddress": format!("former-{}@example.com", pick.bits % 100), "PhoneNumber": "+44 20 7946 0000",
    })
}

fn primary_contact(pick: &Pick) -> Value {
    json!({"ContactInformation": {
        "FullName": pick.one_of(&["Alex Example", "Sam Example"]), "AddressLine1": "7 Former Street",
        "City": "Cork", "PostalCode": "T12 XY00", "CountryCode": "IE", "PhoneNumber": "+353 21 555 0100",
    }})
}

fn public_access(pick: &Pick) -> Value {
    json!({"AccountId": pick.account, "PublicAccessBlockConfiguration": {
        "BlockPublicAcls": true, "IgnorePublicAcls": pick.bits & 1 != 0,
        "BlockPublicPolicy": pick.bits & 2 != 0, "RestrictPublicBuckets": false,
    }})
}

fn imds(pick: &Pick) -> Value {
    json!({"HttpTokens": "optional", "HttpPutResponseHopLimit": pick.one_of(&[1, 2, 3])})
}

fn snapshots(_: &Pick) -> Value {
    json!({"State": "block-new-sharing"})
}

fn images(_: &Pick) -> Value {
    json!({"ImageBlockPublicAccessState": "block-new-sharing"})
}

/// Into the default security group, which nothing uses here.
fn open_port(pick: &Pick) -> Value {
    let port = pick.one_of(&[22, 443, 3389]);
    json!({"GroupName": "default", "IpPermissions": [{
        "IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
    }]})
}

fn detector(pick: &Pick) -> Value {
    let frequency = pick.one_of(&["SIX_HOURS", "ONE_HOUR", "FIFTEEN_MINUTES"]);
    let status = |bit: u64| if pick.bits & bit == 0 { "ENABLED" } else { "DISABLED" };
    let plan = |name: &str, bit: u64| json!({"Name": name, "Status": status(bit)});
    json!({"Enable": pick.bits & 32 == 0, "FindingPublishingFrequency": frequency,
           "Features": [plan("S3_DATA_EVENTS", 64), plan("RUNTIME_MONITORING", 128)]})
}

fn macie(pick: &Pick) -> Value {
    let frequency = pick.one_of(&["SIX_HOURS", "ONE_HOUR", "FIFTEEN_MINUTES"]);
    json!({"status": pick.one_of(&["ENABLED", "PAUSED"]), "findingPublishingFrequency": frequency})
}

fn hub(pick: &Pick) -> Value {
    json!({"EnableDefaultStandards": pick.bits & 1 != 0})
}

fn inspector(pick: &Pick) -> Value {
    json!({"resourceTypes": [pick.one_of(&["EC2", "ECR", "LAMBDA"])]})
}

/// What the console makes.
fn analyzer(pick: &Pick) -> Value {
    let name = format!("ConsoleAnalyzer-{:08x}", pick.bits as u32);
    json!({"analyzerName": name, "type": "ACCOUNT"})
}

/// A recorder of a few types, which delivers nowhere.
fn recorder(pick: &Pick) -> Value {
    let kind = pick.one_of(&["AWS::EC2::Instance", "AWS::S3::Bucket", "AWS::IAM::User"]);
    let name = pick.one_of(&["default", "recorder"]);
    json!({"ConfigurationRecorder": {
        "name": name,
        "roleARN": format!("arn:{}:iam::{}:role/config", pick.partition, pick.account),
        "recordingGroup": {"resourceTypes": [kind]},
    }})
}

fn backup(pick: &Pick) -> Value {
    let name = pick.one_of(&["EBS", "RDS", "S3"]);
    json!({"ResourceTypeOptInPreference": {name: pick.bits & 8 != 0}})
}
