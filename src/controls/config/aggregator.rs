//! The aggregator of the organization. One that is there under another name is adopted, with its role; Control Tower's,
//! which counts on its own settings, is left alone.

use std::collections::BTreeSet;

use aws_sdk_config::types::{AggregatorFilters, ConfigurationAggregator, OrganizationAggregationSource, Tag};
use serde::Serialize;

use super::{Config, owner_of};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Risk, Scope, Seat, Section as _, Wanted};
use crate::error::{Kind, UnitError};
use crate::names::{self, OWNER_TAG};
use crate::resource::aggregated::aggregators;

/// Part `aggregator`.
pub(super) struct Aggregator;

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Desired {
    /// Its name, where it has to be made.
    name: String,
    /// Its role, where it has to be made.
    role: String,
}

/// What is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Actual {
    aggregator: Option<Found>,
    /// Aggregators of the organization that others manage, with their owner.
    others: Vec<(String, String)>,
}

/// An aggregator of the organization.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Found {
    name: String,
    role: String,
    all_regions: bool,
    /// Where not all.
    regions: BTreeSet<String>,
    /// Not managed, and sent back.
    #[serde(skip)]
    filters: Option<AggregatorFilters>,
}

impl Control for Aggregator {
    type Section = Config;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "aggregator",
        scope: Scope::Organization,
        seat: Seat::DelegatedAdmin("config"),
        optional_seat: true,
        after: &["delegated_admins.admin", "config.aggregator_role"],
        reads: &["config:DescribeConfigurationAggregators"],
        writes: &["config:PutConfigurationAggregator"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, Config>) -> Vec<Wanted<Desired>> {
        if !cx.section.aggregator {
            return Vec::new();
        }
        let role = names::config_aggregator_role(cx.baseline);
        Wanted::one(Desired {
            name: names::config_aggregator(cx.baseline),
            role: cx.facts.arn("iam", "", &cx.account.id, &format!("role/{role}")),
        })
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        Ok(actual(aggregators(cx.aws).await?, &want.name))
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        for (name, owner) in &have.others {
            d.notice(format!("aggregator {name} belongs to {owner}: it is left alone"));
        }
        match &have.aggregator {
            None => d.create("aggregator", want),
            Some(found) if found.all_regions => {}
            Some(found) => d.push("aggregator.regions", serde_json::json!(found.regions), "all".into(), Risk::Normal),
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        let found = have.aggregator.as_ref();
        let (name, role) = found.map_or((&want.name, &want.role), |found| (&found.name, &found.role));
        let source = OrganizationAggregationSource::builder().role_arn(role).all_aws_regions(true).build();
        let source = source.map_err(|e| UnitError::new(Kind::Bug, format!("the source could not be built: {e}")))?;
        let tag = Tag::builder().key(OWNER_TAG).value(Config::META.id).build();
        cx.aws
            .config_service()
            .call("PutConfigurationAggregator", |c| {
                c.put_configuration_aggregator()
                    .configuration_aggregator_name(name)
                    .organization_aggregation_source(source.clone())
                    .set_aggregator_filters(found.and_then(|found| found.filters.clone()))
                    // Tags of one that exists stay as they are.
                    .tags(tag.clone())
                    .send()
            })
            .await?;
        Ok(())
    }
}

/// Of several aggregators of the organization ours, then the first by name; not those that others manage.
fn actual(all: Vec<ConfigurationAggregator>, ours: &str) -> Actual {
    let mut have = Actual::default();
    let mut own: Vec<Found> = Vec::new();
    for live in all {
        let name = live.configuration_aggregator_name.unwrap_or_default();
        let Some(source) = live.organization_aggregation_source else { continue };
        let maker = live.created_by.filter(|by| !by.is_empty());
        match owner_of(&name).map(ToString::to_string).or(maker) {
            Some(owner) => have.others.push((name, owner)),
            None => own.push(found(name, source, live.aggregator_filters)),
        }
    }
    have.aggregator = own.into_iter().min_by_key(|found| (found.name != ours, found.name.clone()));
    have
}

fn found(name: String, source: OrganizationAggregationSource, filters: Option<AggregatorFilters>) -> Found {
    Found {
        name,
        role: source.role_arn,
        all_regions: source.all_aws_regions,
        regions: source.aws_regions.unwrap_or_default().into_iter().collect(),
        filters,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::super::tests::desired;
    use super::*;

    fn live(name: &str, all: bool) -> ConfigurationAggregator {
        let source = OrganizationAggregationSource::builder().role_arn("arn").all_aws_regions(all).build().unwrap();
        ConfigurationAggregator::builder()
            .configuration_aggregator_name(name)
            .organization_aggregation_source(source)
            .build()
    }

    #[test]
    fn another_one_is_adopted_and_control_towers_is_not() {
        let want = desired::<Aggregator>("", "eu-west-1").remove(0);
        assert_eq!(want.role, "arn:aws:iam::222222222222:role/orgbase-config-aggregator");
        let tower = || live("aws-controltower-GuardrailsComplianceAggregator", true);
        let d = Aggregator::diff(&want, &actual(vec![tower()], &want.name));
        assert_eq!((d.changes.len(), d.notices.len()), (1, 1));
        let theirs = actual(vec![live("theirs", true), tower()], &want.name);
        assert!(Aggregator::diff(&want, &theirs).is_empty());
        let some = actual(vec![live("theirs", false)], &want.name);
        assert_eq!(Aggregator::diff(&want, &some).changes.len(), 1);
    }

    #[test]
    fn one_of_accounts_is_no_aggregator_of_the_organization() {
        let accounts = ConfigurationAggregator::builder().configuration_aggregator_name("a").build();
        assert_eq!(actual(vec![accounts], "x").aggregator, None);
    }
}
