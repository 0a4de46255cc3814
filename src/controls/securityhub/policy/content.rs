//! What a configuration policy says.

use std::collections::BTreeSet;

use aws_sdk_securityhub::types::{Policy as Live, SecurityControlsConfiguration, SecurityHubPolicy};
use serde::Serialize;

use crate::controls::securityhub::parameters::{self, Parameters};
use crate::controls::securityhub::{Policy, SecurityHub, standards};
use crate::facts::Facts;

/// A policy; of one that is wanted, what is absent is not managed.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Content {
    /// Security Hub is on.
    pub(super) enabled: bool,
    /// Keys of the enabled standards.
    pub(super) standards: BTreeSet<String>,
    /// Only these controls are enabled.
    pub(super) enabled_controls: Option<BTreeSet<String>>,
    /// Only these controls are disabled.
    pub(super) disabled_controls: Option<BTreeSet<String>>,
    /// Custom parameters.
    pub(super) parameters: Option<Parameters>,
}

impl Content {
    /// Security Hub is off.
    pub(super) fn off() -> Content {
        Content::default()
    }

    /// Security Hub is on.
    pub(super) fn on() -> Content {
        Content { enabled: true, ..Content::default() }
    }

    pub(super) fn of_section(section: &SecurityHub) -> Content {
        Content {
            enabled: true,
            standards: standards::canonical(&section.standards),
            enabled_controls: section.enabled_controls.as_deref().map(set),
            disabled_controls: section.disabled_controls.as_deref().map(set),
            parameters: section.parameters.clone(),
        }
    }

    pub(super) fn of_policy(policy: &Policy) -> Content {
        Content {
            enabled: true,
            standards: standards::canonical(&policy.standards),
            enabled_controls: policy.enabled_controls.as_deref().map(set),
            disabled_controls: policy.disabled_controls.as_deref().map(set),
            parameters: policy.parameters.clone(),
        }
    }

    pub(super) fn from_live(live: &SecurityHubPolicy) -> Content {
        let controls = live.security_controls_configuration();
        let list = |ids: &Option<Vec<String>>| ids.as_deref().map(set);
        let custom = controls.map(SecurityControlsConfiguration::security_control_custom_parameters);
        Content {
            enabled: live.service_enabled().unwrap_or_default(),
            standards: live.enabled_standard_identifiers().iter().map(|arn| standards::key_of(arn)).collect(),
            enabled_controls: controls.and_then(|c| list(&c.enabled_security_control_identifiers)),
            disabled_controls: controls.and_then(|c| list(&c.disabled_security_control_identifiers)),
            parameters: custom.map(parameters::from_live).filter(|all| !all.is_empty()),
        }
    }

    /// The whole configuration for AWS: what is not declared is taken from `have`.
    pub(super) fn to_live(&self, have: Option<&Content>, facts: &Facts, region: &str) -> Live {
        let policy = SecurityHubPolicy::builder().service_enabled(self.enabled);
        if !self.enabled {
            return Live::SecurityHub(policy.build());
        }
        let (enabled, disabled) = self.controls(have);
        let parameters = self.parameters.as_ref().or_else(|| have.and_then(|have| have.parameters.as_ref()));
        let controls = SecurityControlsConfiguration::builder()
            .set_enabled_security_control_identifiers(enabled.map(Vec::from_iter))
            .set_disabled_security_control_identifiers(disabled.map(Vec::from_iter))
            .set_security_control_custom_parameters(parameters.map(parameters::to_live).filter(|list| !list.is_empty()));
        let arns = self.standards.iter().map(|key| standards::arn(key, facts, region)).collect();
        let policy = policy.set_enabled_standard_identifiers(Some(arns));
        Live::SecurityHub(policy.security_controls_configuration(controls.build()).build())
    }

    /// Enabled and disabled controls: AWS wants exactly one of the lists, and takes an empty one.
    fn controls(&self, have: Option<&Content>) -> (Option<BTreeSet<String>>, Option<BTreeSet<String>>) {
        if self.enabled_controls.is_some() || self.disabled_controls.is_some() {
            return (self.enabled_controls.clone(), self.disabled_controls.clone());
        }
        match have.filter(|have| have.enabled_controls.is_some() || have.disabled_controls.is_some()) {
            Some(have) => (have.enabled_controls.clone(), have.disabled_controls.clone()),
            None => (None, Some(BTreeSet::new())),
        }
    }

    /// Whether `have` is as this policy wants it.
    pub(super) fn is_met_by(&self, have: &Content) -> bool {
        let lists = |want: &Option<BTreeSet<String>>, have: &Option<BTreeSet<String>>| want.is_none() || want == have;
        self.enabled == have.enabled
            && (!self.enabled || self.standards == have.standards)
            && lists(&self.enabled_controls, &have.enabled_controls)
            && lists(&self.disabled_controls, &have.disabled_controls)
            && self.parameters.as_ref().is_none_or(|want| *want == have.parameters.clone().unwrap_or_default())
    }
}

fn set(ids: &[String]) -> BTreeSet<String> {
    ids.iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn facts() -> Facts {
        Facts { partition: "aws".into(), ..Facts::default() }
    }

    fn back(content: &Content, have: Option<&Content>) -> Content {
        Content::from_live(content.to_live(have, &facts(), "eu-west-1").as_security_hub().unwrap())
    }

    #[test]
    fn a_policy_without_lists_of_controls_enables_all() {
        let want = Content { standards: set(&["fsbp".into()]), ..Content::on() };
        let live = back(&want, None);
        assert_eq!((live.disabled_controls.clone(), live.enabled_controls.clone()), (Some(BTreeSet::new()), None));
        assert!(want.is_met_by(&live));
        assert!(Content::off().is_met_by(&back(&Content::off(), None)));
        assert!(!want.is_met_by(&Content::off()));
    }

    #[test]
    fn what_is_not_declared_is_sent_back() {
        let parameters = Parameters::from([("IAM.7".into(), std::collections::BTreeMap::default())]);
        let have = Content {
            enabled_controls: Some(set(&["IAM.1".into()])),
            parameters: Some(parameters),
            ..Content::on()
        };
        let want = Content { standards: set(&["cis-5.0".into()]), ..Content::on() };
        let live = back(&want, Some(&have));
        assert_eq!(live.enabled_controls, have.enabled_controls);
        let declared = Content { disabled_controls: Some(set(&["EC2.1".into()])), ..want };
        let live = back(&declared, Some(&have));
        assert_eq!((live.enabled_controls, live.disabled_controls), (None, declared.disabled_controls));
    }
}
