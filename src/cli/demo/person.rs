//! Somebody who changes settings by hand, with the plain SDK: what the demo repairs.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_types::SdkConfig;
use aws_types::region::Region;

use super::HOME;
use crate::error::RunError;
use crate::sandbox::Sandbox;

/// Whose password policy is weakened.
const ACCOUNT: &str = "Security";

/// As the management account.
pub(super) async fn stop_trail(sandbox: &Sandbox) -> Result<(), RunError> {
    let config = config(sandbox, Credentials::from_keys("AKIAIOSFODNN7EXAMPLE", "sandbox", None));
    let cloudtrail = aws_sdk_cloudtrail::Client::new(&config);
    cloudtrail.stop_logging().name("org-trail").send().await.map(|_| ()).map_err(failed)
}

/// As somebody who assumed the access role of a member account.
pub(super) async fn weaken_password_policy(sandbox: &Sandbox) -> Result<(), RunError> {
    let management = config(sandbox, Credentials::from_keys("AKIAIOSFODNN7EXAMPLE", "sandbox", None));
    let accounts = aws_sdk_organizations::Client::new(&management);
    let accounts = accounts.list_accounts().send().await.map_err(failed)?;
    let account = accounts.accounts().iter().find(|a| a.name() == Some(ACCOUNT));
    let arn = account.and_then(|a| Some((a.arn()?.split(':').nth(1)?, a.id()?)));
    let arn =
        arn.map(|(partition, id)| format!("arn:{partition}:iam::{id}:role/OrganizationAccountAccessRole"));
    let sts = aws_sdk_sts::Client::new(&management);
    let session =
        sts.assume_role().set_role_arn(arn).role_session_name("jo.doe").send().await.map_err(failed)?;
    let keys = session.credentials.ok_or_else(|| RunError::new("the demo's person got no credentials"))?;
    let keys = Credentials::from_keys(keys.access_key_id, keys.secret_access_key, Some(keys.session_token));
    let iam = aws_sdk_iam::Client::new(&config(sandbox, keys));
    iam.update_account_password_policy().minimum_password_length(6).send().await.map(|_| ()).map_err(failed)
}

fn config(sandbox: &Sandbox, keys: Credentials) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::v2026_01_12())
        .region(Region::from_static(HOME))
        .http_client(sandbox.http_client())
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .build()
}

fn failed<E: std::error::Error>(error: E) -> RunError {
    RunError::new(format!("the demo's person failed: {}", DisplayErrorContext(error)))
}
