//! The policy type that SCPs need on the root; `policy_types` may declare it as well.

use serde::Serialize;

use super::{KIND, Scps};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Wanted};
use crate::controls::policy_types::{self, PolicyTypes};
use crate::error::UnitError;

/// `SERVICE_CONTROL_POLICY` is enabled on the root.
pub(super) struct PolicyType;

/// Nothing to choose: it is enabled.
#[derive(Serialize)]
pub(super) struct Enabled;

impl Control for PolicyType {
    type Section = Scps;
    type Desired = Enabled;
    /// Its status on the root; absent where it is disabled.
    type Actual = Option<String>;
    const META: Meta = Meta {
        part: "policy_type",
        reads: policy_types::READS,
        writes: policy_types::WRITES,
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, Scps>) -> Vec<Wanted<Enabled>> {
        let declared = cx.baseline.section("policy_types", None).ok().flatten();
        let types = declared.as_ref().and_then(|bound| bound.value.downcast_ref::<PolicyTypes>());
        let elsewhere = types.is_some_and(|types| types.enabled.iter().any(|name| name.0 == KIND));
        if elsewhere { Vec::new() } else { Wanted::one(Enabled) }
    }

    async fn read(cx: &Cx<'_>, _want: &Enabled) -> Result<Option<String>, UnitError> {
        policy_types::status(cx, KIND).await
    }

    fn diff(_want: &Enabled, have: &Option<String>) -> Diff {
        let mut d = Diff::new();
        match have.as_deref() {
            None => d.create("policy_type", KIND),
            Some(status) if status.starts_with("PENDING") => d.pending = Some(format!("policy type {KIND} is {status}")),
            Some(_) => {}
        }
        d
    }

    async fn apply(cx: &Cx<'_>, _want: &Enabled, _have: &Option<String>) -> Result<(), UnitError> {
        policy_types::ensure_enabled(cx, KIND).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disabled_type_is_enabled_and_a_pending_one_is_waited_for() {
        assert_eq!(PolicyType::diff(&Enabled, &None).changes.len(), 1);
        let pending = PolicyType::diff(&Enabled, &Some("PENDING_ENABLE".into()));
        assert!(pending.is_empty() && pending.pending.is_some());
        assert_eq!(PolicyType::diff(&Enabled, &Some("ENABLED".into())), Diff::new());
    }
}
