//! Session Manager's preferences of every account and region: where sessions are logged, how long they last, as whom they run.
//!
//! * They are a document of the fixed name `SSM-SessionManagerRunShell`. A new version of it is not the default one; AWS's
//!   guide updates the document only, and the console shows the default version. So the newest version is made the default.
//! * An update replaces the content: inputs that the baseline does not declare are read and sent back.
//! * Numbers are texts in it, and an empty text is none. A content that some version had already is refused
//!   (`DuplicateDocumentContent`): then the description tells the versions apart.
//!   <https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-schema.html>

mod preferences;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::Baseline;
use crate::control::{DynControl, Reference, Section, SectionMeta, Shape, control};
use crate::controls::log_archive::LogArchive;
use crate::diag::Findings;
use crate::resource::declared;

/// Session Manager's preferences in every account and region.
///
/// A key that is left out is not managed. An empty text takes a preference away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SessionManager {
    /// Logs of sessions go to the log archive's bucket for them. The roles of the instances need `s3:PutObject` and
    /// `s3:GetEncryptionConfiguration` on it. `false`: not managed.
    pub log_to_archive: bool,
    /// What names of log objects begin with; `{account}` and `{region}` stand for those of the session.
    #[schemars(length(max = 512))]
    pub s3_key_prefix: Option<String>,
    /// Sessions start only where the bucket is encrypted, which the log archive's is.
    pub s3_encryption: Option<bool>,
    /// Log group in the account and region that gets the logs as well. It must exist.
    #[schemars(length(max = 512))]
    pub cloudwatch_log_group: Option<String>,
    /// Sessions start only where the log group is encrypted.
    pub cloudwatch_encryption: Option<bool>,
    /// Logs are streamed to the log group during the session, not sent at its end.
    pub cloudwatch_streaming: Option<bool>,
    /// Key that encrypts the traffic of sessions beside TLS: id, ARN or alias of a KMS key that is in the region.
    #[schemars(length(max = 2048))]
    pub kms_key: Option<String>,
    /// A session without input ends after this time.
    #[schemars(range(min = 1, max = 60), extend("x-unit" = "minutes"))]
    pub idle_timeout_minutes: Option<u32>,
    /// A session ends after this time; `0`: never.
    #[schemars(range(min = 0, max = 1440), extend("x-unit" = "minutes"))]
    pub max_duration_minutes: Option<u32>,
    /// Sessions run as the system user that the principal's tag `SSMSessionRunAs` names, not as `ssm-user`.
    pub run_as: Option<bool>,
    /// System user where the principal has no such tag.
    #[schemars(length(max = 100))]
    pub run_as_default_user: Option<String>,
    /// Commands that begin a session on Linux and macOS.
    #[schemars(length(max = 512))]
    pub shell_profile_linux: Option<String>,
    /// Commands that begin a session on Windows.
    #[schemars(length(max = 512))]
    pub shell_profile_windows: Option<String>,
}

impl Default for SessionManager {
    fn default() -> SessionManager {
        SessionManager {
            log_to_archive: true,
            s3_key_prefix: None,
            s3_encryption: None,
            cloudwatch_log_group: None,
            cloudwatch_encryption: None,
            cloudwatch_streaming: None,
            kms_key: None,
            idle_timeout_minutes: None,
            max_duration_minutes: None,
            run_as: None,
            run_as_default_user: None,
            shell_profile_linux: None,
            shell_profile_windows: None,
        }
    }
}

impl Section for SessionManager {
    const META: SectionMeta = SectionMeta {
        id: "session_manager",
        title: "Session Manager preferences",
        summary: "Logs every Session Manager session of every account and region to the log archive, and sets how long \
                  sessions last and as whom they run. Instances whose roles cannot write to the bucket start no sessions \
                  any more: the plan says where there are managed nodes.",
        shape: Shape::Table,
        references: &[
            Reference::row("STX-064"),
            Reference::row("STX-065").partly("the roles of instances, which others own, need the right to write"),
            Reference::row("STX-083"),
            Reference::row("RDM-063").partly("the preferences; no Default Host Management Configuration"),
        ],
        billed: Some("S3 storage per GB and month, in the log archive; with a log group CloudWatch Logs per GB"),
    };

    fn check(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        if self.log_to_archive && declared::<LogArchive>(baseline).is_none() {
            findings.hint(
                "log_to_archive",
                "sessions are logged to the log archive, which the baseline does not declare",
                "declare `[log_archive]`, or write `log_to_archive = false`",
            );
        }
        findings.range("idle_timeout_minutes", self.idle_timeout_minutes, 1..=60);
        findings.range("max_duration_minutes", self.max_duration_minutes, 0..=1440);
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<preferences::Preferences>()]
    }
}
