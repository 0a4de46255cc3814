//! Where services exist, and where accounts may work.

use http::Request;

use super::enforce;
use super::services::account;
use super::world::{Call, Fault, World};

/// A region that no account can turn off.
const ALWAYS: &str = "us-east-1";

/// The host of a request that would not exist on AWS, because the service is not available in its region.
pub(super) fn missing_host(
    world: &World,
    service: &str,
    region: &str,
    request: &Request<Vec<u8>>,
) -> Option<String> {
    let regions = world.unavailable.get(service)?;
    if !regions.contains(region) {
        return None;
    }
    let header = || request.headers().get("host").and_then(|host| host.to_str().ok());
    let host = request.uri().host().or_else(header).filter(|host| host.contains(region));
    Some(host.map_or_else(|| format!("{service}.{region}.amazonaws.com"), ToString::to_string))
}

/// Refuses a call in a region that the account has not opted in to: its credentials are not known there
/// (`reference/aws-limits.md` 5.2). Services with one endpoint for all regions do not care.
///
/// # Errors
/// `InvalidClientTokenId`, which the caller turns into the protocol's own code.
pub(super) fn check(world: &World, call: &Call) -> Result<(), Fault> {
    let region = call.region.as_str();
    // S3 answers for multi-region access points in us-west-2, whatever regions there are.
    let anywhere = enforce::is_global(&call.service)
        || call.operation.contains("MultiRegionAccessPoint")
        || region == ALWAYS
        || region.is_empty();
    if anywhere || account::is_enabled(world, &call.account, region, call.now) {
        return Ok(());
    }
    Err(Fault::new("InvalidClientTokenId", "The security token included in the request is invalid.")
        .status(403))
}
