//! S3 Block Public Access of every account.
//!
//! * `PutPublicAccessBlock` replaces the whole: a flag that the request leaves out is off. So flags that the baseline
//!   does not declare are read and sent back. An account that never had a configuration answers
//!   `NoSuchPublicAccessBlockConfiguration`: all four are off.
//! * Switching a flag on may cut readers of public buckets, so it is disruptive in an account that has buckets, the log
//!   archive's own left out. Whether one of them is public is not asked: that would be three calls for each bucket, where
//!   one `ListBuckets` says that there are none. Switching one off may make objects public: destructive.
//! * An S3 policy of the organization overrides the account: the answer is then the policy's, and writing is refused.
//!   <https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_PutPublicAccessBlock.html>,
//!   <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_s3.html>

use std::collections::BTreeMap;

use aws_sdk_s3control::types::PublicAccessBlockConfiguration as Live;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::control::{Control, Cx, DesiredCx, Diff, DynControl, Import, ImportCx, Meta, Reference, Removal, Risk, Scope, Seat, Section, SectionMeta, Shape, Surveyed, Wanted, control};
use crate::error::{Absent, UnitError};
use crate::facts::{Account, Facts, is_under};
use crate::names;
use crate::resource::aggregated::{self, Item};

/// The type of the organization's policies that set this for accounts.
pub const POLICY_TYPE: &str = "S3_POLICY";

/// S3 Block Public Access of every account, the management account included: for all buckets that there are and will be.
///
/// A key that is left out is not managed: it keeps the value that the account has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct S3BlockPublicAccess {
    /// Requests that would give a bucket or object a public ACL are refused.
    pub block_public_acls: Option<bool>,
    /// Public ACLs that exist have no effect.
    pub ignore_public_acls: Option<bool>,
    /// Bucket policies that would make a bucket public are refused.
    pub block_public_policy: Option<bool>,
    /// Buckets with a public policy can be used by AWS services and the account's own principals only.
    pub restrict_public_buckets: Option<bool>,
}

/// A flag: its key, and where it is.
type Flag = (&'static str, fn(&S3BlockPublicAccess) -> Option<bool>);

const FLAGS: [Flag; 4] = [
    ("block_public_acls", |s| s.block_public_acls),
    ("ignore_public_acls", |s| s.ignore_public_acls),
    ("block_public_policy", |s| s.block_public_policy),
    ("restrict_public_buckets", |s| s.restrict_public_buckets),
];

impl Section for S3BlockPublicAccess {
    const META: SectionMeta = SectionMeta {
        id: "s3_block_public_access",
        title: "S3 Block Public Access",
        summary: "Keeps every bucket of every account from being public, those that will be made included, whatever \
                  its ACLs and its policy say. Accounts with a static site that S3 itself serves need an exception. \
                  Where an S3 policy of the organization sets it, nothing is written, and the policy is named.",
        shape: Shape::Table,
        references: &[
            Reference::cis("1.4.0", "2.1.5"),
            Reference::cis("1.5.0", "2.1.5"),
            Reference::cis("2.0.0", "2.1.4"),
            Reference::cis("3.0.0", "2.1.4"),
            Reference::cis("4.0.1", "2.1.4"),
            Reference::cis("5.0.0", "2.1.4"),
            Reference::cis("6.0.0", "3.1.4"),
            Reference::cis("7.0.0", "3.1.4"),
            Reference::row("QST-027"),
            Reference::row("QST-028"),
            Reference::row("RDM-016"),
            Reference::row("RDM-060").partly("EC2, snapshots and images; nothing public is reported"),
            Reference::row("FXL-018").partly("the SCP that keeps it on is the preset protect-s3-bpa of scps"),
        ],
        billed: None,
    };

    fn import(_cx: &ImportCx<'_>) -> Import<S3BlockPublicAccess> {
        Import::Ask(S3BlockPublicAccess::default())
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<Block>()]
    }
}

/// The only part.
struct Block;

/// What one account should have.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Desired {
    flags: S3BlockPublicAccess,
    /// The organization's S3 policies over the account, which decide in its place.
    policies: Vec<String>,
    /// What the names of orgbase's own buckets in the account begin and end with: they are certainly not public, and the
    /// same run may make them.
    own: (String, String),
}

/// What it has.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Actual {
    /// All four flags; absent where the account has no configuration of its own.
    flags: Option<S3BlockPublicAccess>,
    /// It has buckets that may be public. Asked only where a flag is to be switched on.
    has_buckets: bool,
}

impl Control for Block {
    type Section = S3BlockPublicAccess;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        scope: Scope::Account,
        seat: Seat::Member,
        reads: &["s3:ListBuckets", "s3control:GetPublicAccessBlock"],
        writes: &["s3control:PutPublicAccessBlock"],
        survey: Some(aggregated::SURVEY),
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, S3BlockPublicAccess>) -> Vec<Wanted<Desired>> {
        Wanted::one(Desired {
            flags: cx.section.clone(),
            policies: policies_over(cx.facts, cx.account),
            own: names::own_buckets(cx.baseline, &cx.account.id),
        })
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        let account = cx.aws.account();
        let answer = cx
            .aws
            .s3control()
            .call("GetPublicAccessBlock", |c| c.get_public_access_block().account_id(account).send())
            .await
            .absent(&["NoSuchPublicAccessBlockConfiguration"])?;
        let flags = match answer {
            None => None,
            Some(answer) => {
                let live = answer.public_access_block_configuration;
                Some(from_live(&live.ok_or_else(|| UnitError::missing("the public access block"))?))
            }
        };
        let have = Actual { flags, has_buckets: false };
        let goes_on = Block::diff(want, &have).changes.iter().any(|c| c.after == true);
        let has_buckets = goes_on && has_buckets(cx, &want.own).await?;
        Ok(Actual { has_buckets, ..have })
    }

    /// Config records it in every region: they must agree. Guess: where the organization has an S3 policy, what Config
    /// recorded may be the account's own setting, which is not in force: such accounts are left out.
    async fn survey(cx: &Cx<'_>) -> Result<Vec<Surveyed<Actual>>, UnitError> {
        let recorded = aggregated::items(cx, &["AWS::S3::AccountPublicAccessBlock"], None).await?;
        let mut accounts: BTreeMap<String, Vec<Option<S3BlockPublicAccess>>> = BTreeMap::new();
        for ((account, _), items) in recorded {
            accounts.entry(account).or_default().extend(items.iter().map(from_recorded));
        }
        let stated = accounts.into_iter().filter_map(|(account, mut all)| {
            all.dedup();
            let [Some(flags)] = all.as_slice() else { return None };
            if !policies_over(cx.facts, cx.facts.accounts.get(&account)?).is_empty() {
                return None;
            }
            let have = Actual { flags: Some(flags.clone()), has_buckets: false };
            Some(Surveyed::at((account, cx.region.to_owned()), have))
        });
        Ok(stated.collect())
    }

    /// Without a configuration of its own an account blocks nothing.
    const REMOVAL: Option<Removal> = Some(Removal {
        writes: &["s3control:DeletePublicAccessBlock"],
        risk: Risk::Destructive,
        absent: |before| before["flags"].is_null(),
    });

    async fn remove(cx: &Cx<'_>, _want: &Desired, _have: &Actual) -> Result<(), UnitError> {
        let account = cx.aws.account();
        cx.aws
            .s3control()
            .call("DeletePublicAccessBlock", |c| c.delete_public_access_block().account_id(account).send())
            .await
            .absent(&["NoSuchPublicAccessBlockConfiguration"])?;
        Ok(())
    }

    fn import(_cx: &Cx<'_>, _want: &Desired, have: &Actual) -> Option<S3BlockPublicAccess> {
        have.flags.clone()
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        let on = if have.has_buckets { Risk::Disruptive } else { Risk::Normal };
        for (key, get) in FLAGS {
            let now = have.flags.as_ref().and_then(get).unwrap_or(false);
            let wanted = get(&want.flags);
            d.risky(key, &now, wanted.as_ref(), if wanted == Some(true) { on } else { Risk::Destructive });
        }
        if !want.policies.is_empty() {
            let named = want.policies.join(", ");
            d.notice(format!("set by the organization's S3 policy {named}, whatever the account itself has"));
            if !d.is_empty() {
                d.by_hand = Some(format!(
                    "change the organization's S3 policy {named}, or take the account out of it: it overrides the account"
                ));
            }
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        let account = cx.aws.account();
        let merged = merge(&want.flags, have.flags.as_ref());
        cx.aws
            .s3control()
            .call("PutPublicAccessBlock", |c| {
                c.put_public_access_block()
                    .account_id(account)
                    .public_access_block_configuration(merged.clone())
                    .send()
            })
            .await?;
        Ok(())
    }
}

/// Names and ids of the organization's S3 policies that are attached to the account or above it.
fn policies_over(facts: &Facts, account: &Account) -> Vec<String> {
    let reaches = |target: &String| {
        *target == account.id || facts.path_of(target).is_some_and(|path| is_under(&account.ou, path))
    };
    let of_type = facts.policies.values().filter(|p| p.kind == POLICY_TYPE);
    of_type.filter(|p| p.targets.iter().any(reaches)).map(|p| format!("`{}` ({})", p.name, p.id)).collect()
}

/// Whether the account has a bucket beside its own. Page by page, as an account with more than 10,000 must be asked.
async fn has_buckets(cx: &Cx<'_>, (prefix, suffix): &(String, String)) -> Result<bool, UnitError> {
    let buckets = cx
        .aws
        .s3()
        .pages(
            "ListBuckets",
            |c, token| c.list_buckets().max_buckets(1000).set_continuation_token(token).send(),
            |page| (page.buckets, page.continuation_token),
        )
        .await?;
    let is_own = |name: &String| name.starts_with(prefix) && name.ends_with(suffix);
    Ok(buckets.iter().any(|b| !b.name.as_ref().is_some_and(is_own)))
}

/// What is declared, else what is there.
fn merge(want: &S3BlockPublicAccess, have: Option<&S3BlockPublicAccess>) -> Live {
    let flag = |get: fn(&S3BlockPublicAccess) -> Option<bool>| get(want).or_else(|| have.and_then(get)).unwrap_or(false);
    Live::builder()
        .block_public_acls(flag(|s| s.block_public_acls))
        .ignore_public_acls(flag(|s| s.ignore_public_acls))
        .block_public_policy(flag(|s| s.block_public_policy))
        .restrict_public_buckets(flag(|s| s.restrict_public_buckets))
        .build()
}

/// `None` where Config does not show all of it.
fn from_recorded(item: &Item) -> Option<S3BlockPublicAccess> {
    Some(S3BlockPublicAccess {
        block_public_acls: Some(item.flag("/blockPublicAcls")?),
        ignore_public_acls: Some(item.flag("/ignorePublicAcls")?),
        block_public_policy: Some(item.flag("/blockPublicPolicy")?),
        restrict_public_buckets: Some(item.flag("/restrictPublicBuckets")?),
    })
}

fn from_live(live: &Live) -> S3BlockPublicAccess {
    S3BlockPublicAccess {
        block_public_acls: Some(live.block_public_acls.unwrap_or(false)),
        ignore_public_acls: Some(live.ignore_public_acls.unwrap_or(false)),
        block_public_policy: Some(live.block_public_policy.unwrap_or(false)),
        restrict_public_buckets: Some(live.restrict_public_buckets.unwrap_or(false)),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::controls::log_archive::tests::{baseline, facts, set};
    use crate::facts::Policy;
    use crate::resource::declared;

    fn flags(on: &[&str]) -> S3BlockPublicAccess {
        let flag = |key: &str| Some(on.contains(&key));
        S3BlockPublicAccess {
            block_public_acls: flag("block_public_acls"),
            ignore_public_acls: flag("ignore_public_acls"),
            block_public_policy: flag("block_public_policy"),
            restrict_public_buckets: flag("restrict_public_buckets"),
        }
    }

    fn want(flags: S3BlockPublicAccess) -> Desired {
        Desired { flags, policies: Vec::new(), own: ("orgbase-".into(), "-222222222222".into()) }
    }

    fn all() -> S3BlockPublicAccess {
        flags(&FLAGS.map(|(key, _)| key))
    }

    #[test]
    fn an_account_without_a_configuration_has_all_four_off() {
        let none = Actual { flags: None, has_buckets: false };
        let diff = Block::diff(&want(all()), &none);
        assert_eq!((diff.changes.len(), diff.risk()), (4, Risk::Normal));
        assert!(Block::diff(&want(flags(&[])), &none).is_empty());
    }

    #[test]
    fn on_is_disruptive_where_there_are_buckets_and_off_is_destructive() {
        let buckets = |flags| Actual { flags: Some(flags), has_buckets: true };
        assert_eq!(Block::diff(&want(all()), &buckets(flags(&["block_public_acls"]))).risk(), Risk::Disruptive);
        assert_eq!(Block::diff(&want(flags(&[])), &buckets(all())).risk(), Risk::Destructive);
        assert!(Block::diff(&want(all()), &buckets(all())).is_empty());
    }

    #[test]
    fn flags_that_are_not_declared_are_sent_back() {
        let declared = S3BlockPublicAccess { block_public_acls: Some(true), ..S3BlockPublicAccess::default() };
        let sent = from_live(&merge(&declared, Some(&flags(&["restrict_public_buckets"]))));
        assert_eq!(sent, flags(&["block_public_acls", "restrict_public_buckets"]));
        assert_eq!(Block::diff(&want(declared), &Actual { flags: None, has_buckets: false }).changes.len(), 1);
    }

    #[test]
    fn a_policy_of_the_organization_is_named_and_not_fought() {
        let baseline = baseline("", "[s3_block_public_access]\nblock_public_acls = true");
        let mut facts = facts();
        facts.root_id = "r-abcd".into();
        let policy = Policy {
            id: "p-12345678".into(),
            arn: String::new(),
            name: "no-public".into(),
            description: String::new(),
            kind: POLICY_TYPE.into(),
            aws_managed: false,
            content: None,
            targets: ["r-abcd".to_string()].into(),
        };
        facts.policies.insert(policy.id.clone(), policy);
        let section = declared::<S3BlockPublicAccess>(&baseline).unwrap();
        let account = &facts.accounts["222222222222"];
        let cx = DesiredCx { section: &section, account, region: "eu-west-1", facts: &facts, baseline: &baseline };
        let want = set(Block::desired(&cx)).remove(0);
        assert_eq!(want.own, ("orgbase-".to_string(), "-222222222222".to_string()));
        let differs = Block::diff(&want, &Actual { flags: None, has_buckets: false });
        assert!(differs.by_hand.unwrap().contains("`no-public` (p-12345678)"));
        let same = Block::diff(&want, &Actual { flags: Some(all()), has_buckets: false });
        assert!(same.is_empty() && same.by_hand.is_none() && same.notices.len() == 1);
    }
}
