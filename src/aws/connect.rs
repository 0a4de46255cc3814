//! Who calls: the caller's credentials by the SDK's own chain, and the stripped configuration for all clients.

use std::sync::Arc;
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use super::error::{Class, Failure, Where, chain, failure};
use super::pace::Pace;
use super::record::{Ended, Record};
use super::retry::{Patience, Tries};
use super::session::Sessions;
use super::{Aws, Caller, Inner, Options, http};
use crate::error::{Kind, RunError};

/// A new behaviour of the SDK is taken by a decision, not by an update.
fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// One profile of timeouts: read and connect timeouts are part of the connection pool's key.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .read_timeout(Duration::from_secs(20))
        .operation_attempt_timeout(Duration::from_secs(30))
        .operation_timeout(Duration::from_mins(1))
        .build()
}

/// See `Aws::connect`.
pub(crate) async fn connect(options: Options) -> Result<Aws, RunError> {
    let local = options.in_process.is_some() || options.endpoint.is_some();
    let paced = !local || options.limits.paced;
    let patience = if paced { Patience::LIVE } else { Patience::LOCAL };
    let loaded = load(&options).await?;
    let provider = loaded.credentials_provider().ok_or_else(|| no_credentials("the SDK has no provider"))?;
    let base = strip(&loaded, local);
    let record = Record::default();
    let caller = identify(&base, &provider, patience, &record).await?;
    Ok(Aws(Arc::new(Inner {
        sessions: Sessions::new(provider, options.roles, &options.run_id),
        pace: Pace::new(options.limits, paced),
        region: options.region,
        read_only: options.read_only,
        base,
        caller,
        patience,
        record,
    })))
}

/// Configuration with the caller's credentials.
async fn load(options: &Options) -> Result<SdkConfig, RunError> {
    let region = Region::new(options.region.clone());
    if let Some(door) = &options.in_process {
        // The sandbox takes a key that it did not issue for the management account's. Nothing of the environment is read.
        let keys = Credentials::from_keys("AKIAORGBASESANDBOX00", "sandbox", None);
        return Ok(SdkConfig::builder()
            .behavior_version(behavior())
            .region(region)
            .http_client(http::local(door.clone()))
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .build());
    }
    let http = http::client(options.endpoint.as_ref(), options.limits.in_flight, &options.region)?;
    let mut loader =
        aws_config::defaults(behavior()).region(region).http_client(http).timeout_config(timeouts());
    if let Some(profile) = &options.profile {
        loader = loader.profile_name(profile);
    }
    Ok(loader.load().await)
}

/// The base of all clients: no credentials (a client that forgot its account must fail, not act as the caller), no
/// identity cache (the session store is one), one attempt (the retry loop is ours).
fn strip(loaded: &SdkConfig, local: bool) -> SdkConfig {
    let mut builder = loaded
        .to_builder()
        .retry_config(RetryConfig::standard().with_max_attempts(1))
        .timeout_config(timeouts())
        .identity_cache(IdentityCache::no_cache());
    builder.set_credentials_provider(None);
    builder.set_app_name(AppName::new("orgbase").ok());
    if local {
        // The real host has to reach the server: nothing may replace it.
        builder.set_endpoint_url(None);
        builder.set_service_config(None::<NoServices>);
        builder.set_use_fips(None);
        builder.set_use_dual_stack(None);
    }
    builder.build()
}

/// Type of the settings per service that a local base does not have.
#[derive(Debug)]
struct NoServices;

impl LoadServiceConfig for NoServices {
    fn load_config(&self, _key: ServiceConfigKey<'_>) -> Option<String> {
        None
    }
}

/// Asks STS who calls.
async fn identify(
    base: &SdkConfig,
    provider: &SharedCredentialsProvider,
    patience: Patience,
    record: &Record,
) -> Result<Caller, RunError> {
    let keys = provider.provide_credentials().await.map_err(|e| credentials_error(&e))?;
    let config = base.to_builder().credentials_provider(SharedCredentialsProvider::new(keys)).build();
    let sts = aws_sdk_sts::Client::new(&config);
    let region = base.region().map(ToString::to_string).unwrap_or_default();
    let place =
        Where { service: "sts", operation: "GetCallerIdentity", account: "", region: &region, write: false };
    let mut tries = Tries::new(patience);
    loop {
        let started = tokio::time::Instant::now();
        let answer = sts.get_caller_identity().send().await;
        tries.spent(started.elapsed());
        let problem = match answer {
            Ok(answer) => {
                let caller = caller(answer.account, answer.arn, answer.user_id)?;
                record.add("session", "sts", "GetCallerIdentity", &caller.account, Ended::Good);
                return Ok(caller);
            }
            Err(e) => failure(&place, &e),
        };
        match tries.again(&problem, place.operation) {
            // Nobody can renew what the caller brought.
            Some(wait) if problem.class != Class::Expired => tokio::time::sleep(wait).await,
            _ => return Err(refused(&problem, &region)),
        }
    }
}

fn caller(account: Option<String>, arn: Option<String>, user_id: Option<String>) -> Result<Caller, RunError> {
    let missing = || RunError::new("the answer to sts:GetCallerIdentity is not complete");
    let arn = arn.ok_or_else(missing)?;
    let partition = arn.split(':').nth(1).filter(|p| !p.is_empty()).ok_or_else(missing)?.to_owned();
    let account = account.filter(|a| !a.is_empty()).ok_or_else(missing)?;
    Ok(Caller { account, user_id: user_id.unwrap_or_default(), partition, arn })
}

const OFFLINE: &str = "to try orgbase without an AWS account, add --sandbox";

/// The chain found nothing, or what it found does not work.
fn credentials_error(error: &CredentialsError) -> RunError {
    match error {
        CredentialsError::CredentialsNotLoaded(_) => no_credentials(&chain(error)),
        _ => RunError::new(format!("the AWS credentials could not be loaded: {}", chain(error)))
            .hint("with IAM Identity Center: `aws sso login` (and the same `--profile`)")
            .hint("`aws sts get-caller-identity` shows whether the AWS CLI can use them")
            .hint(OFFLINE),
    }
}

fn no_credentials(detail: &str) -> RunError {
    RunError::new(format!("no AWS credentials were found: {detail}"))
        .hint("set AWS_PROFILE or --profile, or the AWS_ACCESS_KEY_ID variables, of the management account")
        .hint(OFFLINE)
}

/// STS answered with an error, or could not be reached.
fn refused(failure: &Failure, region: &str) -> RunError {
    let error = &failure.error;
    let code = error.code.as_deref().unwrap_or_default();
    let text = error.message.as_deref().unwrap_or_default();
    let skewed = code == "RequestTimeTooSkewed"
        || code == "RequestExpired"
        || (matches!(code, "SignatureDoesNotMatch" | "InvalidSignatureException")
            && (text.contains("Signature expired") || text.contains("not yet current")));
    if failure.class == Class::Expired {
        return RunError::new(format!("the AWS credentials have expired: {text}"))
            .hint("with IAM Identity Center: `aws sso login`; else fetch new ones and try again");
    }
    if skewed {
        return RunError::new(format!("the clock of this machine is wrong: {text}"))
            .hint("AWS refuses requests whose time is off by more than some minutes; set the clock");
    }
    if matches!(code, "InvalidClientTokenId" | "UnrecognizedClientException") {
        return RunError::new(format!("AWS does not know this access key in {region}: {text}"))
            .hint(
                "the key may be deleted or inactive, or belong to another partition than that of the region",
            )
            .hint("temporary credentials also need AWS_SESSION_TOKEN");
    }
    if error.kind == Kind::TimedOut && error.status.is_none() {
        return RunError::new(format!("AWS STS in {region} could not be reached: {text}"))
            .hint("check the network, HTTPS_PROXY, NO_PROXY and AWS_CA_BUNDLE; and that the region exists")
            .hint("with ORGBASE_ENDPOINT or AWS_ENDPOINT_URL: check that something listens there");
    }
    RunError::new(format!("AWS did not say who the caller is: {error}"))
}

#[cfg(test)]
mod tests;
