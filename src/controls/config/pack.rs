//! Conformance packs of the organization, per region.
//!
//! AWS never gives a template back. So that a changed file is found, its digest is a tag of the pack; a template that
//! somebody else puts under the same name is not. A pack is deployed into the accounts one after the other; until that is
//! done nothing can be changed. An account without a recorder makes it fail, so packs come last, when every account has
//! its outcome; putting one again deploys it again.
//! <https://docs.aws.amazon.com/config/latest/developerguide/conformance-pack-organization-apis.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_config::types::{ConformancePackInputParameter, OrganizationConformancePack, Tag};
use serde::Serialize;

use super::{Config, ConformancePack};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Risk, Scope, Seat, Section as _, Want, Wanted};
use crate::digest::sha256_hex;
use crate::error::{Absent, Kind, UnitError};
use crate::names::OWNER_TAG;

/// Tag with the digest of the template.
const TEMPLATE_TAG: &str = "orgbase-template";

/// Codes that mean that there is no pack. The second one is for an account that is no administrator and so has none: while
/// planning, the baseline itself may be what will make it one.
const NONE: [&str; 2] = ["NoSuchOrganizationConformancePackException", "OrganizationAccessDeniedException"];

/// Part `conformance_pack`: one unit per pack and region.
pub(super) struct Pack;

/// What one pack should be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Desired {
    name: String,
    /// SHA-256 of the template, hexadecimal.
    template: String,
    #[serde(skip)]
    body: String,
    /// `None`: not managed.
    parameters: Option<BTreeMap<String, String>>,
    /// Account ids; `None`: not managed.
    excluded_accounts: Option<BTreeSet<String>>,
    /// It is declared in `[[removed]]`.
    removed: bool,
}

/// A pack that is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Found {
    arn: String,
    /// Digest of the template that orgbase put; `None`: somebody else's.
    template: Option<String>,
    parameters: BTreeMap<String, String>,
    excluded_accounts: BTreeSet<String>,
    /// Such as `CREATE_SUCCESSFUL`.
    status: String,
    /// Why it failed.
    error: Option<String>,
    /// Not managed, and sent back.
    #[serde(skip)]
    delivery: (Option<String>, Option<String>),
}

impl Control for Pack {
    type Section = Config;
    type Desired = Desired;
    /// `None`: no pack has the name.
    type Actual = Option<Found>;
    const META: Meta = Meta {
        part: "conformance_pack",
        scope: Scope::OrganizationRegion,
        seat: Seat::DelegatedAdmin("config"),
        optional_seat: true,
        after: &["delegated_admins.admin", "config.recorder"],
        denies: true,
        reads: &[
            "config:DescribeOrganizationConformancePackStatuses",
            "config:DescribeOrganizationConformancePacks",
            "config:ListTagsForResource",
        ],
        writes: &[
            "config:DeleteOrganizationConformancePack",
            "config:PutOrganizationConformancePack",
            "config:TagResource",
        ],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, Config>) -> Vec<Wanted<Desired>> {
        let packs = cx.section.conformance_packs.iter().enumerate();
        let here = packs.filter(|(_, pack)| pack.regions.as_ref().is_none_or(|all| all.iter().any(|r| r == cx.region)));
        let mut units: Vec<Wanted<Desired>> = here.map(|(at, pack)| unit(cx, at, pack)).collect();
        let removed = cx.baseline.removed.iter().filter(|r| r.control == Config::META.id);
        units.extend(removed.map(|r| Wanted::set(r.name.clone(), "", removal(&r.name))));
        units
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Option<Found>, UnitError> {
        let config = cx.aws.config_service();
        let name = &want.name;
        let answer = config
            .call("DescribeOrganizationConformancePacks", |c| {
                c.describe_organization_conformance_packs().organization_conformance_pack_names(name).send()
            })
            .await
            .absent(NONE.get(..if cx.fresh { 1 } else { 2 }).unwrap_or_default())?;
        let packs = answer.and_then(|a| a.organization_conformance_packs).unwrap_or_default();
        let Some(live) = packs.into_iter().find(|pack| pack.organization_conformance_pack_name == *name) else {
            return Ok(None);
        };
        let mut found = found(live);
        found.template = template(cx, &found.arn).await?;
        status(cx, name, &mut found).await?;
        Ok(Some(found))
    }

    fn diff(want: &Desired, have: &Option<Found>) -> Diff {
        let mut d = Diff::new();
        match (have, want.removed) {
            (None, true) => {}
            (None, false) => d.create("conformance_pack", want),
            (Some(found), removed) => {
                if found.status.ends_with("_IN_PROGRESS") {
                    d.pending = Some(format!("conformance pack {} {}", want.name, found.status));
                }
                if removed {
                    d.delete("conformance_pack", found, Risk::Destructive);
                } else {
                    compare(&mut d, want, found);
                }
            }
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Option<Found>) -> Result<(), UnitError> {
        if want.removed { delete(cx, &want.name).await } else { put(cx, want, have.as_ref()).await }
    }
}

fn unit(cx: &DesiredCx<'_, Config>, at: usize, pack: &ConformancePack) -> Wanted<Desired> {
    let want = match wanted(cx, pack) {
        Ok(want) => Want::Set(want),
        Err(why) => Want::Blocked(why),
    };
    let at = format!("conformance_packs[{at}]");
    Wanted { part: pack.name.clone(), at, about: None, after: Vec::new(), want }
}

fn wanted(cx: &DesiredCx<'_, Config>, pack: &ConformancePack) -> Result<Desired, String> {
    let file = &pack.file;
    let body = cx.baseline.document(file).ok_or_else(|| format!("the document `{file}` was not read"))?;
    let id = |key: &String| {
        let missing = || format!("account `{key}` does not exist yet: run `orgbase vend {key}`");
        cx.baseline.account_id(key, cx.facts).ok_or_else(missing)
    };
    let excluded = pack.excluded_accounts.as_ref().map(|keys| keys.iter().map(id).collect()).transpose()?;
    Ok(Desired {
        name: pack.name.clone(),
        template: sha256_hex(body.as_bytes()),
        body: body.to_string(),
        parameters: pack.parameters.clone(),
        excluded_accounts: excluded,
        removed: false,
    })
}

fn removal(name: &str) -> Desired {
    Desired {
        name: name.to_string(),
        template: String::new(),
        body: String::new(),
        parameters: None,
        excluded_accounts: None,
        removed: true,
    }
}

fn compare(d: &mut Diff, want: &Desired, found: &Found) {
    d.field("file", &found.template.as_ref(), Some(&Some(&want.template)));
    d.field("parameters", &found.parameters, want.parameters.as_ref());
    d.field("excluded_accounts", &found.excluded_accounts, want.excluded_accounts.as_ref());
    if found.status.ends_with("_FAILED") {
        let error = found.error.as_deref().unwrap_or("AWS does not say why");
        d.push("status", found.status.clone().into(), "deployed again".into(), Risk::Normal);
        d.notice(format!("conformance pack {} could not be deployed everywhere: {error}", want.name));
    }
}

fn found(live: OrganizationConformancePack) -> Found {
    let parameters = live.conformance_pack_input_parameters.unwrap_or_default();
    Found {
        arn: live.organization_conformance_pack_arn,
        parameters: parameters.into_iter().map(|p| (p.parameter_name, p.parameter_value)).collect(),
        excluded_accounts: live.excluded_accounts.unwrap_or_default().into_iter().collect(),
        delivery: (live.delivery_s3_bucket, live.delivery_s3_key_prefix),
        ..Found::default()
    }
}

/// The digest that the pack's tag holds.
async fn template(cx: &Cx<'_>, arn: &str) -> Result<Option<String>, UnitError> {
    let tags = cx
        .aws
        .config_service()
        .pages(
            "ListTagsForResource",
            |c, token| c.list_tags_for_resource().resource_arn(arn).set_next_token(token).send(),
            |out| (out.tags, out.next_token),
        )
        .await?;
    Ok(tags.into_iter().find(|tag| tag.key.as_deref() == Some(TEMPLATE_TAG)).and_then(|tag| tag.value))
}

async fn status(cx: &Cx<'_>, name: &str, found: &mut Found) -> Result<(), UnitError> {
    let answer = cx
        .aws
        .config_service()
        .call("DescribeOrganizationConformancePackStatuses", |c| {
            c.describe_organization_conformance_pack_statuses().organization_conformance_pack_names(name).send()
        })
        .await
        .absent(&["NoSuchOrganizationConformancePackException"])?;
    let all = answer.and_then(|a| a.organization_conformance_pack_statuses).unwrap_or_default();
    if let Some(status) = all.into_iter().find(|s| s.organization_conformance_pack_name == name) {
        found.status = status.status.as_str().to_string();
        let texts = [status.error_code, status.error_message];
        let text = texts.into_iter().flatten().collect::<Vec<_>>().join(": ");
        found.error = (!text.is_empty()).then_some(text);
    }
    Ok(())
}

/// Deploys the pack, then writes down which template it was: a run that ends in between puts it again.
async fn put(cx: &Cx<'_>, want: &Desired, have: Option<&Found>) -> Result<(), UnitError> {
    let config = cx.aws.config_service();
    let kept = have.map(|found| &found.parameters).cloned().unwrap_or_default();
    let mut parameters = Vec::new();
    for (name, value) in want.parameters.as_ref().unwrap_or(&kept) {
        let parameter = ConformancePackInputParameter::builder().parameter_name(name).parameter_value(value).build();
        let bug = |e| UnitError::new(Kind::Bug, format!("a parameter could not be built: {e}"));
        parameters.push(parameter.map_err(bug)?);
    }
    let excluded = want.excluded_accounts.as_ref().or(have.map(|found| &found.excluded_accounts));
    let excluded: Vec<String> = excluded.into_iter().flatten().cloned().collect();
    let (bucket, prefix) = have.map(|found| found.delivery.clone()).unwrap_or_default();
    let answer = config
        .call("PutOrganizationConformancePack", |c| {
            c.put_organization_conformance_pack()
                .organization_conformance_pack_name(&want.name)
                .template_body(&want.body)
                .set_conformance_pack_input_parameters(Some(parameters.clone()))
                .set_excluded_accounts(Some(excluded.clone()))
                .set_delivery_s3_bucket(bucket.clone())
                .set_delivery_s3_key_prefix(prefix.clone())
                .send()
        })
        .await?;
    let arn = answer.organization_conformance_pack_arn;
    let arn = arn.ok_or_else(|| UnitError::missing("the conformance pack's ARN"))?;
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    let tags = vec![tag(OWNER_TAG, Config::META.id), tag(TEMPLATE_TAG, &want.template)];
    config
        .call("TagResource", |c| c.tag_resource().resource_arn(&arn).set_tags(Some(tags.clone())).send())
        .await?;
    Ok(())
}

async fn delete(cx: &Cx<'_>, name: &str) -> Result<(), UnitError> {
    cx.aws
        .config_service()
        .call("DeleteOrganizationConformancePack", |c| {
            c.delete_organization_conformance_pack().organization_conformance_pack_name(name).send()
        })
        .await
        .absent(&["NoSuchOrganizationConformancePackException"])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want() -> Desired {
        Desired { removed: false, template: "digest".into(), ..removal("pack") }
    }

    #[expect(clippy::unnecessary_wraps, reason = "what may be there")]
    fn have(status: &str) -> Option<Found> {
        Some(Found { template: Some("digest".into()), status: status.into(), ..Found::default() })
    }

    fn paths(d: &Diff) -> Vec<&str> {
        d.changes.iter().map(|c| c.path.as_str()).collect()
    }

    #[test]
    fn a_changed_file_is_found_by_its_digest() {
        assert!(Pack::diff(&want(), &have("CREATE_SUCCESSFUL")).is_empty());
        let changed = Desired { template: "other".into(), ..want() };
        assert_eq!(paths(&Pack::diff(&changed, &have("UPDATE_SUCCESSFUL"))), ["file"]);
        let theirs = have("CREATE_SUCCESSFUL").map(|found| Found { template: None, ..found });
        assert_eq!(paths(&Pack::diff(&want(), &theirs)), ["file"]);
    }

    #[test]
    fn what_is_being_deployed_is_pending_and_what_failed_is_deployed_again() {
        assert!(Pack::diff(&want(), &have("CREATE_IN_PROGRESS")).pending.is_some());
        let d = Pack::diff(&want(), &have("CREATE_FAILED"));
        assert_eq!((paths(&d), d.notices.len()), (vec!["status"], 1));
    }

    #[test]
    fn taking_one_away_is_destructive() {
        let d = Pack::diff(&removal("pack"), &have("CREATE_SUCCESSFUL"));
        assert_eq!(d.risk(), Risk::Destructive);
        assert!(Pack::diff(&removal("pack"), &None).is_empty());
    }
}
