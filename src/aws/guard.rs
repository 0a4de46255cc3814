//! Refuses every operation that a control did not declare, before anything is sent.
//!
//! The hook is `read_before_serialization`: the earliest in which a client's interceptor sees the operation's name
//! (`aws-smithy-runtime` 1.16: in `read_before_execution` the operation's configuration is not there yet).

use std::fmt;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeSerializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use std::sync::Arc;

/// What one unit may call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guard {
    /// Who calls: the unit's `section.part`.
    pub control: String,
    /// Operations that read, as `service:Operation` with the service key, such as `iam:GetRole`.
    pub reads: &'static [&'static str],
    /// Operations that write. Refused on a read-only run.
    pub writes: &'static [&'static str],
}

impl Guard {
    /// Whether `service:operation` is in the list.
    fn has(list: &[&str], service: &str, operation: &str) -> bool {
        list.iter().any(|entry| entry.split_once(':') == Some((service, operation)))
    }

    /// Whether the operation is declared as a write.
    pub(crate) fn writes(&self, service: &str, operation: &str) -> bool {
        Guard::has(self.writes, service, operation)
    }

    /// Whether the operation may be sent, or why not.
    fn check(&self, service: &str, operation: &str, read_only: bool) -> Result<(), Refusal> {
        if Guard::has(self.reads, service, operation) {
            return Ok(());
        }
        match (self.writes(service, operation), read_only) {
            (true, false) => Ok(()),
            (true, true) => Err(Refusal::ReadOnly),
            (false, _) => Err(Refusal::Undeclared),
        }
    }
}

/// Why the guard refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// The control does not declare the operation.
    Undeclared,
    /// It is a write, and the run is read-only.
    ReadOnly,
    /// `Service::call` was given another name than the SDK's.
    WrongName,
    /// The client was used outside `Service::call`.
    Unpaced,
}

/// The guard's answer, found in the SDK error's chain.
#[derive(Debug)]
pub(crate) struct Refused {
    control: String,
    service: &'static str,
    operation: String,
    why: Refusal,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refused { control, service, operation, why } = self;
        match why {
            Refusal::Undeclared => write!(f, "control {control} does not declare {service}:{operation}"),
            Refusal::ReadOnly => write!(f, "{service}:{operation} writes, and this run is read-only"),
            Refusal::WrongName => {
                write!(f, "the call that sent {service}:{operation} gave another operation name")
            }
            Refusal::Unpaced => write!(f, "{service}:{operation} was sent outside Service::call"),
        }
    }
}

impl std::error::Error for Refused {}

tokio::task_local! {
    /// The operation name that `Service::call` was given, while its attempt runs.
    pub(crate) static EXPECTED: &'static str;
}

/// The interceptor on every client.
#[derive(Debug, Clone)]
pub(crate) struct Fence {
    /// What is allowed.
    pub(crate) guard: Arc<Guard>,
    /// Refuse declared writes too.
    pub(crate) read_only: bool,
}

#[dyn_dispatch_hint]
impl Intercept for Fence {
    fn name(&self) -> &'static str {
        "orgbase::Fence"
    }

    fn read_before_serialization(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let metadata = config.load::<Metadata>().ok_or("the SDK gave no operation name")?;
        let service = service_key(metadata.service()).ok_or("a service that orgbase does not know")?;
        let operation = metadata.name();
        let named = EXPECTED.try_with(|expected| *expected == operation);
        let why = match named {
            Err(_) => Err(Refusal::Unpaced),
            Ok(false) => Err(Refusal::WrongName),
            Ok(true) => self.guard.check(service, operation, self.read_only),
        };
        why.map_err(|why| {
            Refused { control: self.guard.control.clone(), service, operation: operation.to_owned(), why }
                .into()
        })
    }
}

/// SDK id of every client in use, and its service key: the file name under `facts/aws-api`.
const SERVICES: &[(&str, &str)] = &[
    ("AccessAnalyzer", "accessanalyzer"),
    ("Account", "account"),
    ("AuditManager", "auditmanager"),
    ("Backup", "backup"),
    ("CloudFormation", "cloudformation"),
    ("CloudTrail", "cloudtrail"),
    ("CloudWatch", "cloudwatch"),
    ("CloudWatch Logs", "logs"),
    ("Compute Optimizer", "compute-optimizer"),
    ("Config Service", "config"),
    ("Cost Optimization Hub", "cost-optimization-hub"),
    ("Detective", "detective"),
    ("EC2", "ec2"),
    ("EFS", "efs"),
    ("FMS", "fms"),
    ("GuardDuty", "guardduty"),
    ("Health", "health"),
    ("IAM", "iam"),
    ("Inspector2", "inspector2"),
    ("KMS", "kms"),
    ("Macie2", "macie2"),
    ("Organizations", "organizations"),
    ("RAM", "ram"),
    ("RDS", "rds"),
    ("S3", "s3"),
    ("S3 Control", "s3control"),
    ("Scheduler", "scheduler"),
    ("SecurityHub", "securityhub"),
    ("SecurityLake", "securitylake"),
    ("Service Quotas", "service-quotas"),
    ("SNS", "sns"),
    ("SSM", "ssm"),
    ("SSO Admin", "sso-admin"),
    ("STS", "sts"),
];

/// The service key of an SDK id (which is neither the signing name nor the IAM prefix).
pub(crate) fn service_key(sdk_id: &str) -> Option<&'static str> {
    SERVICES.iter().find(|(id, _)| *id == sdk_id).map(|(_, key)| *key)
}

#[cfg(test)]
mod tests;
