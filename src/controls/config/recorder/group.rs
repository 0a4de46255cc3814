//! Which resource types are recorded, and how often.
//! <https://docs.aws.amazon.com/config/latest/APIReference/API_RecordingGroup.html>

use std::collections::BTreeSet;

use aws_sdk_config::types::{
    ExclusionByResourceTypes, RecordingFrequency, RecordingGroup, RecordingModeOverride, RecordingStrategy,
    RecordingStrategyType, ResourceType,
};
use serde::Serialize;

use super::super::section::RecordingFrequency as Declared;
use super::super::{Config, RecordingOverride};
use crate::error::{Kind, UnitError};

const ALL: &str = "ALL_SUPPORTED_RESOURCE_TYPES";
const EXCLUDE: &str = "EXCLUSION_BY_RESOURCE_TYPES";
const INCLUDE: &str = "INCLUSION_BY_RESOURCE_TYPES";

/// The global types: the same answer in every region.
const GLOBAL: [&str; 4] = ["AWS::IAM::Group", "AWS::IAM::Policy", "AWS::IAM::Role", "AWS::IAM::User"];

/// Which resource types are recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Group {
    /// `ALL_SUPPORTED_RESOURCE_TYPES`, `EXCLUSION_BY_RESOURCE_TYPES` or `INCLUSION_BY_RESOURCE_TYPES`.
    strategy: String,
    /// The global types too; says nothing but under the first strategy.
    global_types: bool,
    /// Types that are left out, or that alone are recorded.
    types: BTreeSet<String>,
}

impl Group {
    /// All types, but for those that are excluded; global ones in the home region alone.
    pub(super) fn wanted(section: &Config, home: bool) -> Group {
        let excluded = &section.exclude_resource_types;
        if excluded.is_empty() {
            return Group { strategy: ALL.into(), global_types: home, types: BTreeSet::new() };
        }
        // Under this strategy AWS records the global types wherever they are not excluded.
        let global = GLOBAL.iter().filter(|_| !home).map(ToString::to_string);
        let types = excluded.iter().cloned().chain(global).collect();
        Group { strategy: EXCLUDE.into(), global_types: false, types }
    }

    /// Whether IAM users and the like are recorded.
    #[cfg(test)]
    pub(super) fn records_global_types(&self) -> bool {
        if self.strategy == ALL { self.global_types } else { !self.types.contains("AWS::IAM::User") }
    }

    /// The excluded types of which `wanted` would make this; `None`: none would.
    pub(super) fn excluded(&self, home: bool) -> Option<Vec<String>> {
        let own = |name: &&String| home || !GLOBAL.contains(&name.as_str());
        let excluded: Vec<String> = match self.strategy.as_str() {
            EXCLUDE => self.types.iter().filter(own).cloned().collect(),
            _ => Vec::new(),
        };
        let section = Config { exclude_resource_types: excluded.clone(), ..Config::default() };
        (Group::wanted(&section, home) == *self).then_some(excluded)
    }

    /// As AWS answers it. A recorder without a strategy is of the time before there were any.
    pub(super) fn from_live(live: Option<&RecordingGroup>) -> Group {
        let Some(live) = live else { return Group { strategy: ALL.into(), ..Group::default() } };
        let strategy = live.recording_strategy.as_ref().and_then(|s| s.use_only.as_ref());
        let old = if live.all_supported { ALL } else { INCLUDE };
        let strategy = strategy.map_or(old, RecordingStrategyType::as_str).to_string();
        let types = match strategy.as_str() {
            ALL => None,
            EXCLUDE => live.exclusion_by_resource_types.as_ref().and_then(|e| e.resource_types.as_ref()),
            _ => live.resource_types.as_ref(),
        };
        let types = types.into_iter().flatten().map(|t| t.as_str().to_string()).collect();
        let global_types = strategy == ALL && live.include_global_resource_types;
        Group { strategy, global_types, types }
    }

    /// As AWS takes it.
    pub(super) fn to_live(&self) -> RecordingGroup {
        let types = || self.types.iter().map(|t| ResourceType::from(t.as_str())).collect::<Vec<_>>();
        let strategy = RecordingStrategyType::from(self.strategy.as_str());
        let group = RecordingGroup::builder()
            .all_supported(self.strategy == ALL)
            .include_global_resource_types(self.global_types)
            .recording_strategy(RecordingStrategy::builder().use_only(strategy).build());
        let group = match self.strategy.as_str() {
            ALL => group,
            EXCLUDE => {
                let excluded = ExclusionByResourceTypes::builder().set_resource_types(Some(types())).build();
                group.exclusion_by_resource_types(excluded)
            }
            _ => group.set_resource_types(Some(types())),
        };
        group.build()
    }
}

/// Types with a frequency of their own. AWS takes one such list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Override {
    frequency: String,
    types: BTreeSet<String>,
    description: Option<String>,
}

impl Override {
    /// As declared.
    pub(super) fn wanted(declared: &RecordingOverride) -> Override {
        Override {
            frequency: declared.frequency.as_str().into(),
            types: declared.resource_types.iter().cloned().collect(),
            description: declared.description.clone(),
        }
    }

    /// As it would be declared.
    pub(super) fn declared(&self) -> RecordingOverride {
        let daily = self.frequency == Declared::Daily.as_str();
        RecordingOverride {
            frequency: if daily { Declared::Daily } else { Declared::Continuous },
            resource_types: self.types.iter().cloned().collect(),
            description: self.description.clone(),
        }
    }

    /// Whether it is there; a description that is not declared may be anything.
    pub(super) fn holds(&self, have: Option<&Override>) -> bool {
        have.is_some_and(|have| {
            (&self.frequency, &self.types) == (&have.frequency, &have.types)
                && (self.description.is_none() || self.description == have.description)
        })
    }

    /// As AWS answers it.
    pub(super) fn from_live(live: &RecordingModeOverride) -> Override {
        Override {
            frequency: live.recording_frequency.as_str().to_string(),
            types: live.resource_types.iter().map(|t| t.as_str().to_string()).collect(),
            description: live.description.clone(),
        }
    }

    /// As AWS takes it.
    pub(super) fn to_live(&self) -> Result<RecordingModeOverride, UnitError> {
        let types = self.types.iter().map(|t| ResourceType::from(t.as_str())).collect();
        RecordingModeOverride::builder()
            .recording_frequency(RecordingFrequency::from(self.frequency.as_str()))
            .set_resource_types(Some(types))
            .set_description(self.description.clone())
            .build()
            .map_err(|e| UnitError::new(Kind::Bug, format!("the override could not be built: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_what_is_read() {
        let mut section = Config { all_resource_types: true, ..Config::default() };
        for home in [true, false] {
            let all = Group::wanted(&section, home);
            assert_eq!(Group::from_live(Some(&all.to_live())), all);
        }
        section.exclude_resource_types = vec!["AWS::EC2::Volume".into()];
        for (home, count) in [(true, 1), (false, 5)] {
            let excluded = Group::wanted(&section, home);
            let live = excluded.to_live();
            assert!(!live.all_supported);
            assert_eq!(excluded.types.len(), count);
            assert_eq!(Group::from_live(Some(&live)), excluded);
        }
    }

    #[test]
    fn old_recorders_have_no_strategy() {
        let all = RecordingGroup::builder().all_supported(true).include_global_resource_types(true).build();
        assert_eq!(Group::from_live(Some(&all)).strategy, ALL);
        let some = RecordingGroup::builder().resource_types(ResourceType::from("AWS::EC2::Volume")).build();
        assert_eq!(Group::from_live(Some(&some)).strategy, INCLUDE);
    }

    #[test]
    fn a_description_counts_where_it_is_declared() {
        let types: BTreeSet<String> = ["AWS::EC2::Volume".to_string()].into();
        let have = Override { frequency: "DAILY".into(), types, description: Some("theirs".into()) };
        let bare = Override { description: None, ..have.clone() };
        assert!(bare.holds(Some(&have)) && !have.holds(Some(&bare)) && !bare.holds(None));
    }
}
