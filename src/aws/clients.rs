//! What a control holds: the clients of one account and region.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::types::PolicyDescriptorType;
use aws_types::SdkConfig;
use aws_types::region::Region;

use super::call::{Seat, Service};
use super::guard::{Fence, Guard};
use super::session::Held;
use super::{Aws, Inner};
use crate::error::CallError;

/// AWS clients of one account and one region, for one unit.
///
/// A client is made when it is asked for and dropped with the `Service` (about 60 us, `reference/spikes.md` 1): so no
/// override can be forgotten, and memory does not grow with accounts times regions.
#[derive(Clone)]
pub struct Clients {
    seat: Arc<Seat>,
    config: SdkConfig,
    fence: Fence,
}

impl std::fmt::Debug for Clients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clients")
            .field("account", &self.seat.account)
            .field("region", &self.seat.region)
            .field("control", &self.fence.guard.control)
            .finish_non_exhaustive()
    }
}

/// One method that makes the paced client of one service.
macro_rules! service {
    ($name:ident, $key:literal, $sdk:ident, $title:literal) => {
        #[doc = concat!("Calls ", $title, ".")]
        pub fn $name(&self) -> Service<$sdk::Client> {
            let builder = $sdk::config::Builder::from(&self.config).interceptor(self.fence.clone());
            Service::new($key, self.seat.clone(), $sdk::Client::from_conf(builder.build()))
        }
    };
}

impl Clients {
    /// Opens the account's session, unless it is open.
    pub(crate) async fn new(
        aws: Aws,
        account: &str,
        region: &str,
        guard: Arc<Guard>,
        writes: Arc<AtomicU32>,
    ) -> Result<Clients, CallError> {
        aws.ensure_session(account).await?;
        let config = aws.0.config(region, Held::provider(aws.clone(), account));
        let (account, region) = (account.to_owned(), region.to_owned());
        Ok(Clients::over(Seat { aws, account, region, guard, root: None, writes }, config))
    }

    fn over(seat: Seat, config: SdkConfig) -> Clients {
        let fence = Fence { guard: seat.guard.clone(), read_only: seat.aws.0.read_only };
        Clients { seat: Arc::new(seat), config, fence }
    }

    /// 12-digit id of the account.
    pub fn account(&self) -> &str {
        &self.seat.account
    }

    /// Region of the clients.
    pub fn region(&self) -> &str {
        &self.seat.region
    }

    /// Partition of the caller, such as `aws`.
    pub fn partition(&self) -> &str {
        &self.seat.aws.0.caller.partition
    }

    /// Write calls that succeeded through this value, its clones and what `elsewhere` gave.
    pub fn writes(&self) -> u32 {
        self.seat.writes.load(Ordering::Relaxed)
    }

    /// Clients of another account or region, under the same guard.
    pub async fn elsewhere(&self, account: &str, region: &str) -> Result<Clients, CallError> {
        let Seat { aws, guard, writes, .. } = &*self.seat;
        Clients::new(aws.clone(), account, region, guard.clone(), writes.clone()).await
    }

    /// Clients of a member account as its root user, through `sts:AssumeRoot`, under the same guard: for 15 minutes, and
    /// for what AWS's task policy `task` allows, such as `IAMAuditRootUserCredentials`. This value's account is the one
    /// that asks: the management account's, or the delegated administrator's of IAM.
    /// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoot.html>
    pub async fn as_root(&self, account: &str, task: &str) -> Result<Clients, CallError> {
        let policy = PolicyDescriptorType::builder()
            .arn(format!("arn:{}:iam::aws:policy/root-task/{task}", self.partition()))
            .build();
        let answer = self
            .sts()
            .call("AssumeRoot", |c| {
                c.assume_root().target_principal(account).task_policy_arn(policy.clone()).send()
            })
            .await?;
        let Seat { aws, region, guard, writes, .. } = &*self.seat;
        let credentials = aws.temporary(account, answer.credentials)?;
        let provider = SharedCredentialsProvider::new(credentials.clone());
        let seat = Seat {
            aws: aws.clone(),
            account: account.to_owned(),
            region: region.clone(),
            guard: guard.clone(),
            root: Some(credentials),
            writes: writes.clone(),
        };
        Ok(Clients::over(seat, aws.0.config(region, provider)))
    }

    service!(accessanalyzer, "accessanalyzer", aws_sdk_accessanalyzer, "Access Analyzer");
    service!(backup, "backup", aws_sdk_backup, "Backup");
    service!(config_service, "config", aws_sdk_config, "Config");
    service!(s3control, "s3control", aws_sdk_s3control, "S3 Control");
    service!(scheduler, "scheduler", aws_sdk_scheduler, "EventBridge Scheduler");
    service!(ssm, "ssm", aws_sdk_ssm, "Systems Manager");
    service!(account_management, "account", aws_sdk_account, "Account Management");
    service!(auditmanager, "auditmanager", aws_sdk_auditmanager, "Audit Manager");
    service!(cloudformation, "cloudformation", aws_sdk_cloudformation, "CloudFormation");
    service!(cloudtrail, "cloudtrail", aws_sdk_cloudtrail, "CloudTrail");
    service!(cloudwatch, "cloudwatch", aws_sdk_cloudwatch, "CloudWatch");
    service!(compute_optimizer, "compute-optimizer", aws_sdk_computeoptimizer, "Compute Optimizer");
    service!(
        cost_optimization_hub,
        "cost-optimization-hub",
        aws_sdk_costoptimizationhub,
        "Cost Optimization Hub"
    );
    service!(detective, "detective", aws_sdk_detective, "Detective");
    service!(ec2, "ec2", aws_sdk_ec2, "EC2");
    service!(efs, "efs", aws_sdk_efs, "Elastic File System");
    service!(fms, "fms", aws_sdk_fms, "Firewall Manager");
    service!(guardduty, "guardduty", aws_sdk_guardduty, "GuardDuty");
    service!(health, "health", aws_sdk_health, "Health");
    service!(iam, "iam", aws_sdk_iam, "IAM");
    service!(inspector2, "inspector2", aws_sdk_inspector2, "Inspector");
    service!(kms, "kms", aws_sdk_kms, "KMS");
    service!(logs, "logs", aws_sdk_cloudwatchlogs, "CloudWatch Logs");
    service!(macie2, "macie2", aws_sdk_macie2, "Macie");
    service!(organizations, "organizations", aws_sdk_organizations, "Organizations");
    service!(ram, "ram", aws_sdk_ram, "Resource Access Manager");
    service!(rds, "rds", aws_sdk_rds, "RDS");
    service!(s3, "s3", aws_sdk_s3, "S3");
    service!(securityhub, "securityhub", aws_sdk_securityhub, "Security Hub");
    service!(securitylake, "securitylake", aws_sdk_securitylake, "Security Lake");
    service!(service_quotas, "service-quotas", aws_sdk_servicequotas, "Service Quotas");
    service!(sns, "sns", aws_sdk_sns, "SNS");
    service!(ssoadmin, "sso-admin", aws_sdk_ssoadmin, "IAM Identity Center");
    service!(sts, "sts", aws_sdk_sts, "STS");
}

impl Inner {
    /// The base configuration with some credentials and one region.
    fn config(&self, region: &str, credentials: SharedCredentialsProvider) -> SdkConfig {
        let mut builder = self.base.to_builder();
        builder.set_region(Region::new(region.to_owned()));
        builder.set_credentials_provider(Some(credentials));
        builder.build()
    }
}
