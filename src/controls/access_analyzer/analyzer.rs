//! One analyzer: found by its type, compared, made. Both parts of the section use it.

mod configuration;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_accessanalyzer::types::{AnalyzerStatus, AnalyzerSummary, InlineArchiveRule};
use serde::Serialize;

pub(super) use configuration::{Configuration, Inclusion};

use super::filter::Filter;
use super::{AccessAnalyzer, AnalyzerKind, InternalAccess};
use crate::control::{Adjusted, Cx, DesiredCx, Diff, Risk, Section as _, key_of};
use crate::aws::Clients;
use crate::error::{Absent, CallError, Kind, UnitError};
use crate::names::{self, OWNER_TAG};

/// What an analyzer should be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Desired {
    kind: AnalyzerKind,
    /// Its name, where it has to be made.
    name: String,
    configuration: Configuration,
    /// Managed archive rules by name; `None`: there should be none.
    archive_rules: BTreeMap<String, Option<Filter>>,
}

/// What is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Actual {
    analyzer: Option<Found>,
    /// An analyzer of the type that a service made for itself, with the service.
    managed_by: Option<String>,
}

/// An analyzer.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Found {
    name: String,
    /// `ACTIVE`, `CREATING`, `DISABLED` or `FAILED`.
    status: String,
    reason: Option<String>,
    configuration: configuration::Actual,
    archive_rules: BTreeMap<String, Filter>,
}

/// What the section wants of one kind of analyzer.
pub(super) fn desired(
    cx: &DesiredCx<'_, AccessAnalyzer>,
    kind: AnalyzerKind,
    configuration: Configuration,
) -> Desired {
    let removed = cx.baseline.removed.iter().filter(|r| r.control == AccessAnalyzer::META.id);
    let mut archive_rules: BTreeMap<String, Option<Filter>> =
        removed.map(|r| (r.name.clone(), None)).collect();
    let rules = cx.section.archive_rules.iter().filter(|rule| rule.analyzer == kind);
    archive_rules.extend(rules.map(|rule| (rule.name.clone(), Some(Filter::new(&rule.filter)))));
    let name = names::analyzer(cx.baseline, &kind.name().replace('_', "-"));
    Desired { kind, name, configuration, archive_rules }
}

/// Reads the analyzer of the type, whatever its name.
pub(super) async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
    let client = cx.aws.accessanalyzer();
    let listed = cx.once("analyzers", list(cx.aws)).await?;
    let kind = want.kind.live();
    let all: Vec<AnalyzerSummary> = listed.iter().filter(|a| a.r#type == kind).cloned().collect();
    let managed_by = all.iter().find_map(|a| a.managed_by.clone());
    let Some(live) = choose(all, &want.name) else { return Ok(Actual { analyzer: None, managed_by }) };
    let configuration = if want.configuration == Configuration::None {
        configuration::Actual::default()
    } else {
        let answer = client.call("GetAnalyzer", |c| c.get_analyzer().analyzer_name(&live.name).send()).await?;
        let analyzer = answer.analyzer.ok_or_else(|| UnitError::missing("the analyzer"))?;
        configuration::from_live(analyzer.configuration)
    };
    let archive_rules = if want.archive_rules.is_empty() { BTreeMap::new() } else { rules(cx, &live.name).await? };
    let analyzer = Found {
        status: live.status.as_str().to_string(),
        reason: live.status_reason.map(|reason| reason.code.as_str().to_string()),
        name: live.name,
        configuration,
        archive_rules,
    };
    Ok(Actual { analyzer: Some(analyzer), managed_by })
}

/// All analyzers of the account and region, whatever their type: both parts of the section look for theirs.
async fn list(aws: &Clients) -> Result<Vec<AnalyzerSummary>, CallError> {
    aws.accessanalyzer()
        .pages(
            "ListAnalyzers",
            |c, token| c.list_analyzers().set_next_token(token).send(),
            |out| (out.analyzers, out.next_token),
        )
        .await
}

/// Of several, one that works, then ours, then the first by name. Those that a service made for itself are not ours to
/// change.
fn choose(all: Vec<AnalyzerSummary>, ours: &str) -> Option<AnalyzerSummary> {
    let works = |a: &AnalyzerSummary| matches!(a.status, AnalyzerStatus::Active | AnalyzerStatus::Creating);
    let own = all.into_iter().filter(|a| a.managed_by.is_none());
    own.min_by_key(|a| (!works(a), a.name != ours, a.name.clone()))
}

async fn rules(cx: &Cx<'_>, analyzer: &str) -> Result<BTreeMap<String, Filter>, UnitError> {
    let all = cx
        .aws
        .accessanalyzer()
        .pages(
            "ListArchiveRules",
            |c, token| c.list_archive_rules().analyzer_name(analyzer).set_next_token(token).send(),
            |out| (out.archive_rules, out.next_token),
        )
        .await?;
    Ok(all.into_iter().map(|rule| (rule.rule_name, Filter::from_live(rule.filter))).collect())
}

/// Which accounts and resources the analyzer looks at.
pub(super) fn adjust(
    section: &mut AccessAnalyzer,
    cx: &Cx<'_>,
    want: &Desired,
    have: &Actual,
) -> Adjusted {
    let keys = |ids: &BTreeSet<String>| {
        let accounts = ids.iter().filter_map(|id| cx.facts.accounts.get(id));
        accounts.map(|account| key_of(cx.baseline, account)).collect::<Vec<_>>()
    };
    let found = have.analyzer.as_ref().map(|found| &found.configuration);
    match want.kind {
        AnalyzerKind::UnusedAccess => {
            section.unused_access_age_days = found.and_then(configuration::Actual::age_days);
            section.unused_access_excluded_accounts = found.map(|found| keys(found.excluded_accounts()));
            Adjusted::said(&["unused_access_age_days", "unused_access_excluded_accounts"])
        }
        AnalyzerKind::InternalAccess => {
            section.internal_access = found.and_then(configuration::Actual::inclusion).map(|inclusion| InternalAccess {
                resource_types: inclusion.resource_types.iter().cloned().collect(),
                resource_arns: inclusion.resource_arns.iter().cloned().collect(),
                accounts: keys(&inclusion.accounts),
            });
            Adjusted::said(&["internal_access"])
        }
        AnalyzerKind::ExternalAccess | AnalyzerKind::Account => Adjusted::default(),
    }
}

/// Compares.
pub(super) fn diff(want: &Desired, have: &Actual) -> Diff {
    let mut d = Diff::new();
    if let Some(service) = &have.managed_by {
        d.notice(format!("{service} has an analyzer of this type for itself: it is left alone"));
    }
    let none = Found::default();
    let found = if let Some(found) = &have.analyzer { found } else {
        d.create(want.kind.key(), &want.name);
        &none
    };
    match found.status.as_str() {
        "CREATING" => d.pending = Some(format!("analyzer {} CREATING", found.name)),
        "" | "ACTIVE" => {}
        status => broken(&mut d, want, found, status),
    }
    if have.analyzer.is_some() {
        want.configuration.diff(&mut d, &found.configuration);
    }
    for (name, filter) in &want.archive_rules {
        let path = format!("archive_rules.{name}");
        match (filter, found.archive_rules.get(name)) {
            (Some(filter), have) => d.optional(&path, have, Some(filter), Risk::Normal),
            (None, Some(have)) => d.delete(&path, have, Risk::Destructive),
            (None, None) => {}
        }
    }
    d
}

/// An analyzer that does not work: deleting it would delete its findings, which is not for us to decide.
fn broken(d: &mut Diff, want: &Desired, found: &Found, status: &str) {
    let reason = found.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let name = &found.name;
    d.push(&format!("{}.status", want.kind.key()), status.into(), "ACTIVE".into(), Risk::Normal);
    d.by_hand = Some(format!(
        "analyzer {name} is {status}{reason}: put right what the reason names, or delete the analyzer (and its findings), \
         then run this again"
    ));
}

/// Makes what is missing, changes what differs.
pub(super) async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
    let Some(found) = &have.analyzer else { return create(cx, want).await };
    let client = cx.aws.accessanalyzer();
    if let Some(changed) = want.configuration.merged_into(&found.configuration) {
        client
            .call("UpdateAnalyzer", |c| {
                c.update_analyzer().analyzer_name(&found.name).configuration(changed.clone()).send()
            })
            .await?;
    }
    for (name, filter) in &want.archive_rules {
        let have = found.archive_rules.get(name);
        match filter {
            Some(filter) if have != Some(filter) => write_rule(cx, &found.name, name, filter, have.is_some()).await?,
            None if have.is_some() => {
                client
                    .call("DeleteArchiveRule", |c| {
                        c.delete_archive_rule().analyzer_name(&found.name).rule_name(name).send()
                    })
                    .await
                    .absent(&["ResourceNotFoundException"])?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The analyzer with its rules, in one call.
async fn create(cx: &Cx<'_>, want: &Desired) -> Result<(), UnitError> {
    let mut rules = Vec::new();
    for (name, filter) in want.archive_rules.iter().filter_map(|(name, filter)| Some((name, filter.as_ref()?))) {
        let rule = InlineArchiveRule::builder().rule_name(name).set_filter(Some(filter.to_live())).build();
        rules.push(rule.map_err(|e| UnitError::new(Kind::Bug, format!("an archive rule could not be built: {e}")))?);
    }
    let configuration = want.configuration.merged_into(&configuration::Actual::default());
    cx.aws
        .accessanalyzer()
        .call("CreateAnalyzer", |c| {
            c.create_analyzer()
                .analyzer_name(&want.name)
                .r#type(want.kind.live())
                .set_archive_rules((!rules.is_empty()).then(|| rules.clone()))
                .set_configuration(configuration.clone())
                .tags(OWNER_TAG, AccessAnalyzer::META.id)
                .send()
        })
        .await?;
    Ok(())
}

async fn write_rule(
    cx: &Cx<'_>,
    analyzer: &str,
    name: &str,
    filter: &Filter,
    is_there: bool,
) -> Result<(), UnitError> {
    let client = cx.aws.accessanalyzer();
    let filter = Some(filter.to_live());
    if is_there {
        let update = |c: &aws_sdk_accessanalyzer::Client| {
            c.update_archive_rule().analyzer_name(analyzer).rule_name(name).set_filter(filter.clone()).send()
        };
        client.call("UpdateArchiveRule", update).await?;
    } else {
        let create = |c: &aws_sdk_accessanalyzer::Client| {
            c.create_archive_rule().analyzer_name(analyzer).rule_name(name).set_filter(filter.clone()).send()
        };
        client.call("CreateArchiveRule", create).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use aws_sdk_accessanalyzer::primitives::DateTime;
    use aws_sdk_accessanalyzer::types::Type;

    use super::super::filter::Criterion;
    use super::*;

    fn filter(value: &str) -> Filter {
        let criterion = Criterion { eq: vec![value.to_string()], ..Criterion::default() };
        Filter::new(&BTreeMap::from([("resourceType".to_string(), criterion)]))
    }

    fn want(rules: &[(&str, Option<Filter>)]) -> Desired {
        Desired {
            kind: AnalyzerKind::ExternalAccess,
            name: "orgbase-external-access".into(),
            configuration: Configuration::None,
            archive_rules: rules.iter().map(|(name, filter)| ((*name).to_string(), filter.clone())).collect(),
        }
    }

    fn have(status: &str, rules: &[(&str, Filter)]) -> Actual {
        let archive_rules = rules.iter().map(|(name, filter)| ((*name).to_string(), filter.clone())).collect();
        let found = Found { name: "theirs".into(), status: status.into(), archive_rules, ..Found::default() };
        Actual { analyzer: Some(found), managed_by: None }
    }

    fn paths(d: &Diff) -> Vec<&str> {
        d.changes.iter().map(|c| c.path.as_str()).collect()
    }

    #[test]
    fn one_of_another_name_is_adopted_and_none_is_made() {
        assert!(diff(&want(&[]), &have("ACTIVE", &[])).is_empty());
        let managed = Actual { analyzer: None, managed_by: Some("securityhubv2.amazonaws.com".into()) };
        let d = diff(&want(&[]), &managed);
        assert_eq!((paths(&d), d.notices.len()), (vec!["external_access"], 1));
    }

    #[test]
    fn one_in_creation_is_pending_and_a_broken_one_is_not_deleted() {
        assert!(diff(&want(&[]), &have("CREATING", &[])).pending.is_some());
        let d = diff(&want(&[]), &have("DISABLED", &[]));
        assert_eq!(paths(&d), ["external_access.status"]);
        assert!(d.by_hand.is_some());
    }

    #[test]
    fn only_named_rules_are_compared_and_deleting_one_is_destructive() {
        let wanted = want(&[("ours", Some(filter("AWS::S3::Bucket"))), ("old", None)]);
        let good = have("ACTIVE", &[("ours", filter("AWS::S3::Bucket")), ("foreign", filter("AWS::KMS::Key"))]);
        assert!(diff(&wanted, &good).is_empty());
        let bad = have("ACTIVE", &[("ours", filter("AWS::IAM::Role")), ("old", filter("AWS::KMS::Key"))]);
        let d = diff(&wanted, &bad);
        assert_eq!(paths(&d), ["archive_rules.old", "archive_rules.ours"]);
        assert_eq!(d.risk(), Risk::Destructive);
    }

    #[test]
    fn a_working_one_is_chosen_before_ours_and_never_a_services_own() {
        let summary = |name: &str, status: AnalyzerStatus, managed: Option<&str>| {
            let builder = AnalyzerSummary::builder()
                .arn("arn")
                .name(name)
                .r#type(Type::Organization)
                .created_at(DateTime::from_secs(0))
                .status(status)
                .set_managed_by(managed.map(ToString::to_string));
            builder.build().unwrap()
        };
        let all = vec![
            summary("a-service", AnalyzerStatus::Active, Some("securityhubv2.amazonaws.com")),
            summary("ours", AnalyzerStatus::Disabled, None),
            summary("theirs", AnalyzerStatus::Active, None),
        ];
        assert_eq!(choose(all.clone(), "ours").unwrap().name, "theirs");
        assert_eq!(choose(all[..2].to_vec(), "ours").unwrap().name, "ours");
        assert_eq!(choose(all[..1].to_vec(), "ours"), None);
    }
}
