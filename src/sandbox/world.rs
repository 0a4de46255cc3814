//! The state of the simulated organization, and what a service handler sees of a request.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::services;

/// One parsed and validated request, as a handler sees it.
///
/// `input` follows the API model's member names. Timestamps are numbers (seconds since 1970, UTC), blobs are
/// base64 strings, everything else is plain JSON. Members that the caller left out are absent.
#[derive(Debug, Clone)]
pub struct Call {
    /// Service key: the file name of its API model, such as `iam` or `cloudwatch`.
    pub service: String,
    /// Operation name as in the API model.
    pub operation: String,
    /// The 12-digit id of the calling account.
    pub account: String,
    /// Region of the signature's credential scope.
    pub region: String,
    /// Who calls.
    pub principal: Principal,
    /// Input members.
    pub input: Value,
    /// Seconds since 1970, UTC. Handlers never ask the clock.
    pub now: f64,
}

/// Who signed the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// The management account's own credentials (any key that the sandbox did not issue).
    Management,
    /// A session that AssumeRole issued.
    Role {
        /// Role name, without path.
        role: String,
        /// Role session name.
        session: String,
    },
}

impl Call {
    /// A string member of the input, or `None` where it is absent.
    pub fn str(&self, member: &str) -> Option<&str> {
        self.input.get(member).and_then(Value::as_str)
    }

    /// A string member that the model requires; the wire layer has already refused its absence.
    pub fn required(&self, member: &str) -> &str {
        self.str(member).unwrap_or_default()
    }

    /// An integer member of the input.
    pub fn int(&self, member: &str) -> Option<i64> {
        self.input.get(member).and_then(Value::as_i64)
    }

    /// A boolean member of the input.
    pub fn bool(&self, member: &str) -> Option<bool> {
        self.input.get(member).and_then(Value::as_bool)
    }
}

/// An error reply, as AWS would send it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// The wire code, such as `NoSuchEntity` or `MalformedPolicyDocumentException`.
    pub code: String,
    /// The message.
    pub message: String,
    /// HTTP status; the wire layer takes the model's where this is `None` (400 if the model has none).
    pub status: Option<u16>,
    /// Further members of the error shape (`Reason` of ConstraintViolationException, ...).
    pub members: BTreeMap<String, Value>,
}

impl Fault {
    /// A fault with the model's own status.
    pub fn new(code: &str, message: impl Into<String>) -> Fault {
        Fault { code: code.into(), message: message.into(), status: None, members: BTreeMap::new() }
    }

    /// Sets the HTTP status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Fault {
        self.status = Some(status);
        self
    }

    /// Adds a member of the error shape.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Fault {
        self.members.insert(member.into(), value.into());
        self
    }
}

/// What a handler returns: the output members, or a fault.
pub type Reply = Result<Value, Fault>;

/// The whole simulated organization. Everything in it is plain data, so that it can be written to a snapshot.
///
/// Maps are sparse: an account or region that nobody wrote to has no entry, and reads as AWS's default.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct World {
    /// AWS partition, `aws` by default.
    pub partition: String,
    /// Source of ids: a counter hashed with `seed`, so that replaying the log gives the same ids.
    pub seed: u64,
    /// How many ids were made.
    pub ids_made: u64,
    /// Regions that every account has without opting in, in the order of `--org regions=N`; empty means all of AWS's.
    #[serde(default)]
    pub regions: Vec<String>,
    /// Regions in which a service, by its key, is not available: its hosts do not exist there.
    #[serde(default)]
    pub unavailable: BTreeMap<String, BTreeSet<String>>,
    /// Most items on one page of any list, to provoke short pages; 0 means the service's own default.
    pub page_limit: usize,
    /// State per service. A new service is one line here and one in `services.rs`.
    pub organizations: services::organizations::State,
    /// IAM, per account.
    pub iam: BTreeMap<String, services::iam::State>,
    /// Account Management, per account.
    pub account: BTreeMap<String, services::account::State>,
    /// Administrator calls of the services that integrate with Organizations.
    pub integrations: services::integrations::State,
    /// S3 buckets; their names are global.
    pub s3: services::s3::State,
    /// KMS, per (account, region) written `account/region`.
    pub kms: BTreeMap<String, services::kms::State>,
    /// CloudTrail trails, by home, written `account/region`.
    pub cloudtrail: BTreeMap<String, services::cloudtrail::State>,
    /// CloudWatch Logs, per `account/region`.
    pub logs: BTreeMap<String, services::logs::State>,
    /// CloudWatch alarms, per `account/region`.
    pub cloudwatch: BTreeMap<String, services::cloudwatch::State>,
    /// Detective's behavior graphs, per `account/region`.
    #[serde(default)]
    pub detective: BTreeMap<String, services::detective::Graph>,
    /// Macie sessions, per `account/region`.
    #[serde(default)]
    pub macie2: BTreeMap<String, services::macie2::Session>,
    /// GuardDuty detectors, per `account/region`.
    #[serde(default)]
    pub guardduty: BTreeMap<String, services::guardduty::Detector>,
    /// EventBridge Scheduler, per `account/region`.
    #[serde(default)]
    pub scheduler: BTreeMap<String, services::scheduler::State>,
    /// Security Hub.
    #[serde(default)]
    pub securityhub: services::securityhub::State,
    /// Amazon Inspector.
    #[serde(default)]
    pub inspector2: services::inspector2::State,
    /// SNS, per `account/region`.
    pub sns: BTreeMap<String, services::sns::State>,
    /// Systems Manager, per `account/region`.
    #[serde(default)]
    pub ssm: BTreeMap<String, services::ssm::State>,
    /// Access Analyzer, per `account/region`.
    #[serde(default)]
    pub accessanalyzer: BTreeMap<String, services::accessanalyzer::State>,
    /// AWS Backup.
    #[serde(default)]
    pub backup: services::backup::State,
    /// EC2, per `account/region`.
    #[serde(default)]
    pub ec2: BTreeMap<String, services::ec2::State>,
    /// EFS, per `account/region`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub efs: BTreeMap<String, services::efs::State>,
    /// RDS, per `account/region`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rds: BTreeMap<String, services::rds::State>,
    /// IAM Identity Center.
    #[serde(default)]
    pub sso: services::sso_admin::State,
    /// AWS Config, per `account/region`.
    #[serde(default)]
    pub config: BTreeMap<String, services::config::State>,
}

impl World {
    /// 64 fresh bits, deterministic by `seed` and the number of ids made before.
    pub fn bits(&mut self) -> u64 {
        self.ids_made += 1;
        // splitmix64
        let mut z = self.seed.wrapping_add(self.ids_made.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 16 hexadecimal digits that are always the same for a seed and a text.
    pub fn seed_hex(&self, text: &str) -> String {
        let digest = crate::digest::sha256_hex(format!("{}/{text}", self.seed).as_bytes());
        digest.chars().take(16).collect()
    }

    /// A fresh id of `length` characters out of `alphabet`.
    pub fn id(&mut self, length: usize, alphabet: &str) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        let count = letters.len() as u64;
        (0..length).filter_map(|_| letters.get((self.bits() % count) as usize)).collect()
    }

    /// A fresh lower-case hexadecimal id.
    pub fn hex(&mut self, length: usize) -> String {
        self.id(length, "0123456789abcdef")
    }

    /// A fresh id of lower-case letters and digits, as AWS Organizations uses them.
    pub fn lower(&mut self, length: usize) -> String {
        self.id(length, "abcdefghijklmnopqrstuvwxyz0123456789")
    }

    /// A fresh UUID (version 4).
    pub fn uuid(&mut self) -> String {
        let h = self.hex(32);
        format!("{}-{}-4{}-a{}-{}", &h[..8], &h[8..12], &h[13..16], &h[17..20], &h[20..])
    }

    /// An ARN in this partition; `region` and `account` may be empty.
    pub fn arn(&self, service: &str, region: &str, account: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{region}:{account}:{resource}", self.partition)
    }

    /// One page of `items`: at most `asked` (or `default`) of them, fewer where the world is set to short pages.
    /// `token` is what the previous page returned. Returns the page and the next token.
    ///
    /// # Errors
    /// `bad_token` where `token` is not one that this function made.
    pub fn page<T: Clone>(
        &self,
        items: &[T],
        asked: Option<i64>,
        default: usize,
        token: Option<&str>,
        bad_token: &dyn Fn() -> Fault,
    ) -> Result<(Vec<T>, Option<String>), Fault> {
        let start = match token {
            None => 0,
            Some(t) => t.strip_prefix("page-").and_then(|n| n.parse::<usize>().ok()).ok_or_else(bad_token)?,
        };
        let mut size = asked.and_then(|n| usize::try_from(n).ok()).unwrap_or(default).max(1);
        if self.page_limit > 0 {
            size = size.min(self.page_limit);
        }
        let end = items.len().min(start.saturating_add(size));
        let next = (end < items.len()).then(|| format!("page-{end}"));
        Ok((items.get(start..end).unwrap_or_default().to_vec(), next))
    }
}

/// The key of a per-account-and-region map.
pub fn cell(account: &str, region: &str) -> String {
    format!("{account}/{region}")
}
