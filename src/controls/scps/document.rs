//! The document of a declared policy, and where all declared policies will be attached.

use super::{Scp, Scps};
use crate::baseline::{Baseline, Regions};
use crate::facts::Facts;
use crate::names::{self, LogBucket};
use crate::policy::Document;
use crate::policy::presets::{self, Parameters};

/// The document that `scp` asks for.
///
/// # Errors
/// A message for the user: a parameter is missing, the file is not a policy.
pub fn render(scp: &Scp, baseline: &Baseline, partition: &str) -> Result<Document, String> {
    if let Some(preset) = &scp.preset {
        return presets::render(preset, &parameters(scp, baseline, partition)).map_err(|e| e.to_string());
    }
    let file = scp.file.as_deref().unwrap_or_default();
    let text = baseline.document(file).ok_or_else(|| format!("the document `{file}` was not read"))?;
    Document::parse(text).map_err(|e| format!("{file} is not a policy document: {e}"))
}

fn parameters(scp: &Scp, baseline: &Baseline, partition: &str) -> Parameters {
    let organization = &baseline.organization;
    let arn = |role: &String| {
        if role.starts_with("arn:") { role.clone() } else { format!("arn:{partition}:iam::*:role/{role}") }
    };
    let mut exempt: Vec<String> = own_roles(baseline).iter().map(arn).collect();
    exempt.extend(scp.exempt_roles.iter().map(arn));
    exempt.dedup();
    let mut protected: Vec<String> = own_roles(baseline);
    protected.extend(scp.protected_roles.iter().cloned());
    protected.extend(exempted_elsewhere(baseline));
    protected.sort();
    protected.dedup();
    let allowed_regions = match (&organization.regions, scp.allowed_regions.is_empty()) {
        (Regions::List(regions), true) => regions.clone(),
        _ => scp.allowed_regions.clone(),
    };
    let log_bucket = names::log_bucket(baseline, LogBucket::Trail, "");
    Parameters {
        partition: partition.to_string(),
        exempt_role_arns: exempt,
        allowed_regions,
        approved_services: scp.approved_services.clone(),
        prefix: organization.prefix.clone(),
        access_role: organization.access_role.clone(),
        protected_roles: protected,
        trail_name: scp.trail_name.clone().unwrap_or_else(|| "*".into()),
        log_bucket_prefix: log_bucket,
        log_key_alias: names::log_key_alias(baseline),
    }
}

/// The roles by which orgbase enters accounts.
pub fn own_roles(baseline: &Baseline) -> Vec<String> {
    let organization = &baseline.organization;
    let own = baseline.accounts.values().filter_map(|a| a.access_role.clone());
    let special = [&organization.plan_role, &organization.apply_role].into_iter().flatten().cloned();
    let mut roles: Vec<String> =
        std::iter::once(organization.access_role.clone()).chain(special).chain(own).collect();
    roles.sort();
    roles.dedup();
    roles
}

/// Every role that some declared policy spares: `protect-baseline-roles` guards them all.
fn exempted_elsewhere(baseline: &Baseline) -> Vec<String> {
    declared(baseline).map(|scps| scps.0.iter().flat_map(|s| s.exempt_roles.clone()).collect()).unwrap_or_default()
}

/// The section of a baseline that was read without findings.
pub fn declared(baseline: &Baseline) -> Option<Scps> {
    let bound = baseline.section("scps", None).ok()??;
    bound.value.downcast_ref::<Scps>().cloned()
}

/// A declared policy as it will be.
pub struct Planned {
    /// Name.
    pub name: String,
    /// Document.
    pub document: Document,
    /// OU paths and account ids.
    pub targets: Vec<String>,
}

/// All declared policies, for checks over the whole organization. Account keys become ids; accounts that do not exist
/// yet are left out.
pub fn planned(baseline: &Baseline, facts: &Facts) -> Vec<Planned> {
    let scps = declared(baseline).unwrap_or_default();
    let target = |target: &String| {
        if target.starts_with('/') { Some(target.clone()) } else { baseline.account_id(target, facts) }
    };
    let planned = |scp: &Scp| {
        let document = render(scp, baseline, &facts.partition).ok()?;
        let targets = scp.targets.iter().filter_map(target).collect();
        Some(Planned { name: scp.name.clone(), document, targets })
    };
    scps.0.iter().filter_map(planned).collect()
}
