//! One unit per declared policy: document, description, attachments.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_organizations::types::{PolicySummary, PolicyType, Tag};
use serde::Serialize;
use serde_json::json;

use super::{KIND, Scps, document, trial};
use crate::baseline::Baseline;
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Risk, Want, Wanted};
use crate::controls::ous::lookup;
use crate::error::{Absent as _, Kind, UnitError};
use crate::facts::discover::{describe_policy, policy_targets};
use crate::names::{self, OWNER_TAG};
use crate::policy::{Document, presets, same_meaning};

/// The only part.
pub(super) struct Policy;

/// What one policy should be.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Desired {
    pub(super) name: String,
    /// `None`: not managed.
    description: Option<String>,
    /// Minified JSON.
    pub(super) document: String,
    /// Name of the policy by which it is tried in one account.
    pub(super) trial: String,
    /// OU paths, and account ids.
    pub(super) targets: BTreeSet<String>,
    /// Section id, for the owner tag.
    owner: String,
    /// The policy is declared in `[[removed]]`.
    removed: bool,
}

/// What it is.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Actual {
    found: Option<Found>,
    /// A trial that a run left behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    trial: Option<Found>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Found {
    pub(super) id: String,
    pub(super) aws_managed: bool,
    pub(super) description: String,
    pub(super) document: String,
    /// OU path or account id -> target id.
    pub(super) targets: BTreeMap<String, String>,
}

impl Control for Policy {
    type Section = Scps;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        after: &["ous", "accounts", "policy_types", "scps.policy_type"],
        denies: true,
        reads: &[
            "organizations:DescribePolicy",
            "organizations:ListOrganizationalUnitsForParent",
            "organizations:ListPolicies",
            "organizations:ListTargetsForPolicy",
        ],
        writes: &[
            "organizations:AttachPolicy",
            "organizations:CreatePolicy",
            "organizations:DeletePolicy",
            "organizations:DetachPolicy",
            "organizations:UpdatePolicy",
        ],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, Scps>) -> Vec<Wanted<Desired>> {
        let mut wanted: Vec<Wanted<Desired>> =
            (0..cx.section.0.len()).filter_map(|index| want_one(cx, index)).collect();
        let removed = cx.baseline.removed.iter().filter(|r| r.control == "scps");
        wanted.extend(removed.map(|r| Wanted::set(r.name.clone(), "", removal(&r.name, cx.baseline))));
        wanted
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        let names = [want.name.as_str(), want.trial.as_str()];
        let [found, trial] =
            if cx.fresh { read_fresh(cx, names).await? } else { names.map(|name| from_facts(cx, name)) };
        let trial = trial.map(|(trial, ids)| Found { targets: ids.into_iter().map(|id| (id.clone(), id)).collect(), ..trial });
        let trial = trial.filter(trial::is_ours);
        let Some((mut found, ids)) = found else { return Ok(Actual { found: None, trial }) };
        found.targets = name_targets(cx, want, ids).await?;
        Ok(Actual { found: Some(found), trial })
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        match (&have.found, want.removed) {
            (None, true) => {}
            (Some(found), true) => d.delete("", &found.document, Risk::Destructive),
            (None, false) => {
                d.create("document", &want.document);
                want.targets.iter().for_each(|target| d.create(&format!("targets.{target}"), "attached"));
            }
            (Some(found), false) => compare(&mut d, want, found),
        }
        if let Some(trial) = &have.trial {
            d.push("trial", json!(trial.document), json!(null), Risk::Normal);
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        refuse_foreign(want, have)?;
        if let Some(trial) = &have.trial {
            delete(cx, trial).await?;
        }
        match &have.found {
            Some(found) if want.removed => delete(cx, found).await,
            None if want.removed => Ok(()),
            Some(found) => converge(cx, want, found).await,
            None => {
                let text = want.description.as_deref().unwrap_or_default();
                let id = create(cx, &want.name, text, want).await?;
                let (document, targets) = (want.document.clone(), BTreeMap::new());
                let found = Found { id, aws_managed: false, description: text.into(), document, targets };
                converge(cx, want, &found).await
            }
        }
    }
}

/// From a policy that is there to what it should be, by way of the canary account where there is one. What is attached to it for
/// the trial alone is detached at the end.
async fn converge(cx: &Cx<'_>, want: &Desired, found: &Found) -> Result<(), UnitError> {
    let tried = trial::run(cx, want, found).await?;
    update(cx, want, found).await?;
    let mut attached = found.targets.clone();
    attached.extend(tried.map(|account| (account.clone(), account)));
    attach(cx, want, &found.id, &attached).await?;
    detach(cx, want, &found.id, &attached).await
}

fn want_one(cx: &DesiredCx<'_, Scps>, index: usize) -> Option<Wanted<Desired>> {
    let scp = cx.section.0.get(index)?;
    let at = format!("[{index}]");
    let blocked = |why: String| {
        Some(Wanted { want: Want::Blocked(why), ..Wanted::set(scp.name.clone(), at.clone(), removal(&scp.name, cx.baseline)) })
    };
    let document = match document::render(scp, cx.baseline, &cx.facts.partition) {
        Ok(document) => document.minified(),
        Err(why) => return blocked(why),
    };
    let mut targets = BTreeSet::new();
    for target in &scp.targets {
        if target.starts_with('/') {
            targets.insert(target.clone());
        } else if let Some(id) = cx.baseline.account_id(target, cx.facts) {
            targets.insert(id);
        } else {
            return blocked(format!("account `{target}` does not exist yet: run `orgbase vend {target}`"));
        }
    }
    let preset = scp.preset.as_deref().and_then(presets::get);
    let description = scp.description.clone().or_else(|| preset.map(|p| p.title.to_string()));
    let owner = "scps".to_string();
    let trial = names::trial_policy(cx.baseline, &scp.name);
    let want = Desired { name: scp.name.clone(), description, document, trial, targets, owner, removed: false };
    Some(Wanted::set(scp.name.clone(), at, want))
}

fn removal(name: &str, baseline: &Baseline) -> Desired {
    let trial = names::trial_policy(baseline, name);
    let (name, document, owner) = (name.to_string(), String::new(), String::new());
    Desired { name, description: None, document, trial, targets: BTreeSet::new(), owner, removed: true }
}

fn from_facts(cx: &Cx<'_>, name: &str) -> Option<Attached> {
    let policy = cx.facts.policies.values().find(|p| p.kind == KIND && p.name == name)?;
    let found = Found {
        id: policy.id.clone(),
        aws_managed: policy.aws_managed,
        description: policy.description.clone(),
        document: policy.content.clone().unwrap_or_default(),
        targets: BTreeMap::new(),
    };
    Some((found, policy.targets.clone()))
}

/// A policy, and the ids of what it is attached to.
type Attached = (Found, BTreeSet<String>);

async fn read_fresh(cx: &Cx<'_>, names: [&str; 2]) -> Result<[Option<Attached>; 2], UnitError> {
    let summaries = cx
        .aws
        .organizations()
        .pages(
            "ListPolicies",
            |c, t| c.list_policies().filter(PolicyType::ServiceControlPolicy).set_next_token(t).send(),
            |a| (a.policies, a.next_token),
        )
        .await?;
    let [own, trial] = names.map(|name| summaries.iter().find(|p| p.name.as_deref() == Some(name)).cloned());
    Ok([read_one(cx, own).await?, read_one(cx, trial).await?])
}

async fn read_one(cx: &Cx<'_>, summary: Option<PolicySummary>) -> Result<Option<Attached>, UnitError> {
    let Some(summary) = summary else { return Ok(None) };
    let id = summary.id.ok_or_else(|| UnitError::missing("a policy id"))?;
    let found = Found {
        aws_managed: summary.aws_managed,
        description: summary.description.unwrap_or_default(),
        document: describe_policy(cx.aws, &id).await?.unwrap_or_default(),
        targets: BTreeMap::new(),
        id: id.clone(),
    };
    Ok(Some((found, policy_targets(cx.aws, &id).await?)))
}

/// Gives each target id the name that the baseline uses for it.
async fn name_targets(
    cx: &Cx<'_>,
    want: &Desired,
    ids: BTreeSet<String>,
) -> Result<BTreeMap<String, String>, UnitError> {
    let mut named = BTreeMap::new();
    for id in ids {
        let path = cx.facts.path_of(&id).map(|path| lookup::settled_path(path, cx.facts, cx.baseline));
        named.insert(path.unwrap_or_else(|| id.clone()), id);
    }
    // An OU that this run made is not among the facts: it is known by its path only after a look-up.
    if cx.fresh && named.keys().any(|name| name.starts_with("ou-")) {
        for path in want.targets.iter().filter(|t| t.starts_with('/')) {
            if let Some(id) = lookup::id_now(cx, path).await?
                && named.remove(&id).is_some()
            {
                named.insert(path.clone(), id);
            }
        }
    }
    Ok(named)
}

fn compare(d: &mut Diff, want: &Desired, found: &Found) {
    if !same_document(&want.document, &found.document) {
        d.push("document", json!(found.document), json!(want.document), Risk::Normal);
    }
    d.field("description", &found.description, want.description.as_ref());
    for target in &want.targets {
        if !found.targets.contains_key(target) {
            d.create(&format!("targets.{target}"), "attached");
        }
    }
    for target in found.targets.keys().filter(|t| !want.targets.contains(*t)) {
        d.delete(&format!("targets.{target}"), "attached", Risk::Normal);
    }
}

/// Equal in meaning; where the stored text cannot be understood, equal as text.
pub(super) fn same_document(want: &str, have: &str) -> bool {
    match (Document::parse(want), Document::parse(have)) {
        (Ok(want), Ok(have)) => same_meaning(&want, &have),
        _ => want == have,
    }
}

/// What another product owns is never touched.
/// Whether a policy is another product's, by its name.
pub(super) fn is_foreign(name: &str) -> bool {
    crate::resource::owner::of(name).is_some()
}

fn refuse_foreign(want: &Desired, have: &Actual) -> Result<(), UnitError> {
    let foreign = is_foreign(&want.name);
    if have.found.as_ref().is_some_and(|found| found.aws_managed || foreign) {
        let message = format!("policy `{}` is owned by AWS or by another product", want.name);
        return Err(UnitError::new(Kind::Conflict, message).hint("give your policy another name"));
    }
    Ok(())
}

/// Makes a policy with the wanted document; returns its id.
pub(super) async fn create(cx: &Cx<'_>, name: &str, description: &str, want: &Desired) -> Result<String, UnitError> {
    let tag = Tag::builder().key(OWNER_TAG).value(&want.owner).build();
    let tag = tag.map_err(|e| UnitError::new(Kind::Bug, e.to_string()))?;
    let answer = cx
        .aws
        .organizations()
        .call("CreatePolicy", |c| {
            c.create_policy()
                .name(name)
                .description(description)
                .content(&want.document)
                .r#type(PolicyType::ServiceControlPolicy)
                .tags(tag.clone())
                .send()
        })
        .await?;
    let id = answer.policy.and_then(|p| p.policy_summary).and_then(|s| s.id);
    id.ok_or_else(|| UnitError::missing("the id of the new policy"))
}

async fn update(cx: &Cx<'_>, want: &Desired, found: &Found) -> Result<(), UnitError> {
    let document = (!same_document(&want.document, &found.document)).then(|| want.document.clone());
    let description = want.description.clone().filter(|d| *d != found.description);
    if document.is_none() && description.is_none() {
        return Ok(());
    }
    cx.aws
        .organizations()
        .call("UpdatePolicy", |c| {
            c.update_policy()
                .policy_id(&found.id)
                .set_content(document.clone())
                .set_description(description.clone())
                .send()
        })
        .await?;
    Ok(())
}

async fn attach(
    cx: &Cx<'_>,
    want: &Desired,
    policy: &str,
    attached: &BTreeMap<String, String>,
) -> Result<(), UnitError> {
    for target in want.targets.iter().filter(|t| !attached.contains_key(*t)) {
        let id = if target.starts_with('/') { lookup::id_now(cx, target).await? } else { Some(target.clone()) };
        let Some(id) = id else {
            let message = format!("there is no OU {target}");
            return Err(UnitError::new(Kind::Vanished, message).hint("declare it under [ous]"));
        };
        attach_one(cx, policy, &id).await?;
    }
    Ok(())
}

pub(super) async fn attach_one(cx: &Cx<'_>, policy: &str, target: &str) -> Result<(), UnitError> {
    cx.aws
        .organizations()
        .call("AttachPolicy", |c| c.attach_policy().policy_id(policy).target_id(target).send())
        .await
        .absent(&["DuplicatePolicyAttachmentException"])?;
    Ok(())
}

/// Detaching comes last: a target is never without any of the policies that it is to have.
async fn detach(
    cx: &Cx<'_>,
    want: &Desired,
    policy: &str,
    attached: &BTreeMap<String, String>,
) -> Result<(), UnitError> {
    for (_, id) in attached.iter().filter(|(target, _)| !want.targets.contains(*target)) {
        detach_one(cx, policy, id).await?;
    }
    Ok(())
}

pub(super) async fn detach_one(cx: &Cx<'_>, policy: &str, target: &str) -> Result<(), UnitError> {
    cx.aws
        .organizations()
        .call("DetachPolicy", |c| c.detach_policy().policy_id(policy).target_id(target).send())
        .await
        .absent(&["PolicyNotAttachedException"])?;
    Ok(())
}

pub(super) async fn delete(cx: &Cx<'_>, found: &Found) -> Result<(), UnitError> {
    for id in found.targets.values() {
        detach_one(cx, &found.id, id).await?;
    }
    cx.aws.organizations().call("DeletePolicy", |c| c.delete_policy().policy_id(&found.id).send()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const OURS: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["a:B"],"Resource":"*"}]}"#;
    const SAME: &str =
        r#"{ "Version": "2012-10-17", "Statement": { "Effect": "Deny", "Action": "a:B", "Resource": ["*"] } }"#;

    fn want(targets: &[&str]) -> Desired {
        let targets = targets.iter().map(ToString::to_string).collect();
        Desired { document: OURS.into(), targets, removed: false, ..gone() }
    }

    fn gone() -> Desired {
        let baseline = Baseline::parse("b.toml", "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n");
        removal("p", &baseline.unwrap())
    }

    fn have(document: &str, targets: &[&str]) -> Actual {
        let targets = targets.iter().map(|t| (t.to_string(), format!("id-{t}"))).collect();
        let (id, description) = ("p-1".into(), "text".into());
        let found = Found { id, aws_managed: false, description, document: document.into(), targets };
        Actual { found: Some(found), trial: None }
    }

    fn paths(diff: &Diff) -> Vec<&str> {
        diff.changes.iter().map(|c| c.path.as_str()).collect()
    }

    #[test]
    fn another_spelling_of_the_document_is_no_change() {
        assert!(Policy::diff(&want(&["/"]), &have(SAME, &["/"])).is_empty());
    }

    #[test]
    fn targets_are_attached_and_detached() {
        let diff = Policy::diff(&want(&["/", "/A"]), &have(OURS, &["/", "/B"]));
        assert_eq!(paths(&diff), ["targets./A", "targets./B"]);
    }

    #[test]
    fn a_missing_policy_is_created_with_its_targets() {
        let diff = Policy::diff(&want(&["/"]), &Actual { found: None, trial: None });
        assert_eq!(paths(&diff), ["document", "targets./"]);
    }

    #[test]
    fn removing_is_destructive_and_absence_is_done() {
        assert_eq!(Policy::diff(&gone(), &have(OURS, &[])).risk(), Risk::Destructive);
        assert!(Policy::diff(&gone(), &Actual { found: None, trial: None }).is_empty());
    }

    #[test]
    fn a_trial_that_was_left_behind_goes_away() {
        let Actual { found, .. } = have(OURS, &["/"]);
        let left = Actual { trial: found.clone(), found };
        assert_eq!(paths(&Policy::diff(&want(&["/"]), &left)), ["trial"]);
    }

    #[test]
    fn what_others_own_is_refused() {
        let mut guardrail = want(&[]);
        guardrail.name = "aws-guardrails-abc".into();
        assert_eq!(refuse_foreign(&guardrail, &have(OURS, &[])).err().map(|e| e.kind), Some(Kind::Conflict));
        assert!(refuse_foreign(&want(&[]), &have(OURS, &[])).is_ok());
    }
}
