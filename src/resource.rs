//! What several controls share: resources of one kind that more than one section makes, and how our part of a
//! document that others write to as well is compared and merged.

pub mod access_role;
pub mod aggregated;
pub mod bucket;
pub mod declarative_policy;
pub mod default_groups;
pub mod detective;
pub mod kms_key;
pub mod macie;
pub mod members;
pub mod owner;
pub mod regions;
pub mod role;
pub mod service_linked_role;
pub mod statements;
pub mod tags;
pub mod topic;
pub mod trust;
pub mod trusted_access;

use crate::baseline::Baseline;
use crate::control::Section;
use crate::facts::Facts;

/// A section as the base of the file declares it; absent where it is not declared or could not be read.
pub fn declared<S: Section + Clone>(baseline: &Baseline) -> Option<S> {
    let bound = baseline.section(S::META.id, None).ok().flatten()?;
    bound.value.downcast_ref::<S>().cloned()
}

/// Ending of service host names, as `kms:ViaService` has them.
/// <https://docs.aws.amazon.com/general/latest/gr/rande.html>
pub fn dns_suffix(facts: &Facts) -> &'static str {
    if facts.partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" }
}
