//! S3 buckets: an account's own with their settings, and the buckets of trails wherever they are.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};

use crate::aws::Clients;
use crate::check::source::{ReadCx, Source, Unread};
use crate::compliance::cis::RuleScope;
use crate::error::{Absent as _, CallError};

use super::trails::{OrganizationTrails, OwnTrails, Trail};

/// Buckets of one account that are read at a time.
const WIDTH: usize = 8;

/// The four switches of Block Public Access.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "AWS's own switches")]
pub(crate) struct PublicAccessBlock {
    pub(crate) block_acls: bool,
    pub(crate) ignore_acls: bool,
    pub(crate) block_policy: bool,
    pub(crate) restrict: bool,
}

impl PublicAccessBlock {
    /// From AWS's four members, in their order in the API: S3 and S3 Control have a type each. Left out means off.
    fn of([block_acls, ignore_acls, block_policy, restrict]: [Option<bool>; 4]) -> PublicAccessBlock {
        PublicAccessBlock {
            block_acls: block_acls.unwrap_or_default(),
            ignore_acls: ignore_acls.unwrap_or_default(),
            block_policy: block_policy.unwrap_or_default(),
            restrict: restrict.unwrap_or_default(),
        }
    }

    /// Each switch of the two that is on: the stricter of bucket and account holds.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html>
    pub(crate) fn with(self, other: PublicAccessBlock) -> PublicAccessBlock {
        PublicAccessBlock {
            block_acls: self.block_acls || other.block_acls,
            ignore_acls: self.ignore_acls || other.ignore_acls,
            block_policy: self.block_policy || other.block_policy,
            restrict: self.restrict || other.restrict,
        }
    }

    /// Neither an ACL nor a policy lets everybody in, whatever it says.
    pub(crate) fn closes(self) -> bool {
        self.ignore_acls && self.restrict
    }

    /// All four are on.
    pub(crate) fn is_complete(self) -> bool {
        self.block_acls && self.ignore_acls && self.block_policy && self.restrict
    }
}

/// The account's own Block Public Access.
pub(crate) struct AccountPublicAccess(pub(crate) PublicAccessBlock);

impl Source for AccountPublicAccess {
    const SCOPE: RuleScope = RuleScope::Account;
    const READS: &'static [&'static str] = &["s3control:GetPublicAccessBlock"];

    async fn read(cx: &ReadCx<'_>) -> Result<AccountPublicAccess, CallError> {
        account_public_access(cx.aws).await.map(AccountPublicAccess)
    }
}

/// The switches of the clients' account.
async fn account_public_access(aws: &Clients) -> Result<PublicAccessBlock, CallError> {
    let account = aws.account();
    let answer = aws
        .s3control()
        .call("GetPublicAccessBlock", |c| c.get_public_access_block().account_id(account).send())
        .await
        .absent(&["NoSuchPublicAccessBlockConfiguration"])?;
    let block = answer.and_then(|a| a.public_access_block_configuration).map(|b| {
        PublicAccessBlock::of([
            b.block_public_acls,
            b.ignore_public_acls,
            b.block_public_policy,
            b.restrict_public_buckets,
        ])
    });
    Ok(block.unwrap_or_default())
}

/// One bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    /// The bucket policy; absent where it has none.
    pub(crate) policy: Option<String>,
    pub(crate) mfa_delete: bool,
    pub(crate) public_access: PublicAccessBlock,
}

/// The account's buckets by name, with what the storage rules look at, or why it could not be read: a bucket's own policy may let
/// nobody look.
pub(crate) struct Buckets(pub(crate) BTreeMap<String, Result<Bucket, Unread>>);

impl Source for Buckets {
    const SCOPE: RuleScope = RuleScope::Account;
    const READS: &'static [&'static str] =
        &["s3:ListBuckets", "s3:GetBucketPolicy", "s3:GetBucketVersioning", "s3:GetPublicAccessBlock"];

    async fn read(cx: &ReadCx<'_>) -> Result<Buckets, CallError> {
        let read = |(name, region): (String, String)| async move {
            let found = bucket(cx.aws, name.clone(), region).await.map_err(Unread::from);
            found.transpose().map(|found| (name, found))
        };
        let buckets = stream::iter(list(cx.aws).await?).map(read).buffered(WIDTH);
        Ok(Buckets(buckets.filter_map(async |found| found).collect().await))
    }
}

/// Names and regions of the account's buckets: regions come only in pages.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html>
async fn list(aws: &Clients) -> Result<Vec<(String, String)>, CallError> {
    let found = aws
        .s3()
        .pages(
            "ListBuckets",
            |c, t| c.list_buckets().max_buckets(1000).set_continuation_token(t).send(),
            |a| (a.buckets, a.continuation_token),
        )
        .await?;
    let home = aws.region();
    Ok(found
        .into_iter()
        .filter_map(|b| Some((b.name?, b.bucket_region.unwrap_or_else(|| home.to_string()))))
        .collect())
}

/// `None`: somebody deleted it meanwhile.
async fn bucket(aws: &Clients, name: String, region: String) -> Result<Option<Bucket>, CallError> {
    let owner = aws.account();
    let s3 = aws.elsewhere(owner, &region).await?.s3();
    let (bucket, gone) = (name.as_str(), ["NoSuchBucket"]);
    let versioning = s3
        .call("GetBucketVersioning", |c| {
            c.get_bucket_versioning().bucket(bucket).expected_bucket_owner(owner).send()
        })
        .await
        .absent(&gone)?;
    let Some(versioning) = versioning else { return Ok(None) };
    let policy = s3
        .call("GetBucketPolicy", |c| c.get_bucket_policy().bucket(bucket).expected_bucket_owner(owner).send())
        .await
        .absent(&["NoSuchBucketPolicy", "NoSuchBucket"])?;
    let block = public_access_block(&s3, bucket, owner).await?;
    Ok(Some(Bucket {
        policy: policy.and_then(|a| a.policy),
        mfa_delete: versioning.mfa_delete.is_some_and(|m| m.as_str() == "Enabled"),
        public_access: block,
        name,
    }))
}

async fn public_access_block(
    s3: &crate::aws::Service<aws_sdk_s3::Client>,
    bucket: &str,
    owner: &str,
) -> Result<PublicAccessBlock, CallError> {
    let answer = s3
        .call("GetPublicAccessBlock", |c| {
            c.get_public_access_block().bucket(bucket).expected_bucket_owner(owner).send()
        })
        .await
        .absent(&["NoSuchPublicAccessBlockConfiguration", "NoSuchBucket"])?;
    let block = answer.and_then(|a| a.public_access_block_configuration).map(|b| {
        PublicAccessBlock::of([
            b.block_public_acls,
            b.ignore_public_acls,
            b.block_public_policy,
            b.restrict_public_buckets,
        ])
    });
    Ok(block.unwrap_or_default())
}

/// The bucket of a trail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TrailBucket {
    /// 12-digit id of the account that has it.
    pub(crate) account: String,
    pub(crate) access_logging: bool,
    /// The bucket's own; where it matters, with the account's.
    pub(crate) public_access: PublicAccessBlock,
    /// The ACL names everybody, or every AWS account.
    pub(crate) public_acl: bool,
    /// `GetBucketPolicyStatus` says so.
    pub(crate) public_policy: bool,
}

/// The buckets of the organization's trails, by name, or why one could not be read. A bucket that no account of the organization
/// has is absent.
pub(crate) struct OrganizationTrailBuckets(pub(crate) TrailBuckets);

type TrailBuckets = BTreeMap<String, Result<TrailBucket, Unread>>;

impl Source for OrganizationTrailBuckets {
    const SCOPE: RuleScope = RuleScope::Org;
    const READS: &'static [&'static str] = &[
        "cloudtrail:DescribeTrails",
        "cloudtrail:GetEventSelectors",
        "cloudtrail:GetTrailStatus",
        "s3:GetBucketAcl",
        "s3:GetBucketLogging",
        "s3:GetBucketPolicyStatus",
        "s3:GetPublicAccessBlock",
        "s3:ListBuckets",
        "s3control:GetPublicAccessBlock",
    ];
    const ELSEWHERE: &'static [&'static str] = OwnTrailBuckets::READS;

    async fn read(cx: &ReadCx<'_>) -> Result<OrganizationTrailBuckets, CallError> {
        let trails = cx.read::<OrganizationTrails>().await?;
        Ok(OrganizationTrailBuckets(find_all(cx, &trails.0, FURTHER_ACCOUNTS).await))
    }
}

/// The buckets of an account's own trails, by name, where the account has them itself.
pub(crate) struct OwnTrailBuckets(pub(crate) TrailBuckets);

impl Source for OwnTrailBuckets {
    const SCOPE: RuleScope = RuleScope::Account;
    const READS: &'static [&'static str] = &[
        "cloudtrail:DescribeTrails",
        "cloudtrail:ListTrails",
        "cloudtrail:GetEventSelectors",
        "cloudtrail:GetTrailStatus",
        "s3:GetBucketAcl",
        "s3:GetBucketLogging",
        "s3:GetBucketPolicyStatus",
        "s3:GetPublicAccessBlock",
        "s3:ListBuckets",
        "s3control:GetPublicAccessBlock",
    ];

    async fn read(cx: &ReadCx<'_>) -> Result<OwnTrailBuckets, CallError> {
        Ok(OwnTrailBuckets(find_all(cx, &cx.read::<OwnTrails>().await?.0, LIKELY_ACCOUNTS).await))
    }
}

/// The buckets of these trails, each looked for once, in at most so many accounts.
async fn find_all(cx: &ReadCx<'_>, trails: &[Trail], accounts: usize) -> TrailBuckets {
    let mut found = BTreeMap::new();
    for name in trails.iter().map(|trail| &trail.bucket).collect::<BTreeSet<_>>() {
        if let Some(bucket) = find(cx, name, accounts).await.transpose() {
            found.insert(name.clone(), bucket.map_err(Unread::from));
        }
    }
    found
}

/// Most accounts that are asked for a bucket that is nowhere near.
const FURTHER_ACCOUNTS: usize = 25;
/// The same for an account's own trail, of which every account may have one: itself, and those that are likely.
const LIKELY_ACCOUNTS: usize = 3;

/// Looks for a bucket: in the clients' account, in the account whose id stands in its name, in those that are named like
/// log archives, then in some others. An account that could not be asked counts where no other has the bucket.
async fn find(cx: &ReadCx<'_>, name: &str, most: usize) -> Result<Option<TrailBucket>, CallError> {
    let likely = |a: &crate::facts::Account| {
        let words = a.name.to_ascii_lowercase();
        (
            !name.contains(&a.id),
            !(words.contains("log") || words.contains("archive") || words.contains("audit")),
        )
    };
    let mut accounts: Vec<&crate::facts::Account> =
        cx.facts.accounts.values().filter(|a| a.is_active()).collect();
    accounts.sort_by_key(|a| (a.id != cx.aws.account(), likely(a)));
    let mut unread = None;
    for account in accounts.into_iter().take(most) {
        match owned(cx.aws, &account.id, name).await {
            Ok(Some((there, region))) => return trail_bucket(&there, name, &region).await.map(Some),
            Ok(None) => {}
            Err(error) => unread = unread.or(Some(error)),
        }
    }
    unread.map_or(Ok(None), Err)
}

/// Clients of an account, and the region of its bucket of this name.
async fn owned(aws: &Clients, account: &str, name: &str) -> Result<Option<(Clients, String)>, CallError> {
    let there = aws.elsewhere(account, aws.region()).await?;
    let found = list(&there).await?.into_iter().find(|(bucket, _)| bucket == name);
    Ok(found.map(|(_, region)| (there, region)))
}

async fn trail_bucket(aws: &Clients, name: &str, region: &str) -> Result<TrailBucket, CallError> {
    let owner = aws.account();
    let s3 = aws.elsewhere(owner, region).await?.s3();
    let logging = s3
        .call("GetBucketLogging", |c| c.get_bucket_logging().bucket(name).expected_bucket_owner(owner).send())
        .await?;
    let acl = s3
        .call("GetBucketAcl", |c| c.get_bucket_acl().bucket(name).expected_bucket_owner(owner).send())
        .await?;
    let policy = s3
        .call("GetBucketPolicyStatus", |c| {
            c.get_bucket_policy_status().bucket(name).expected_bucket_owner(owner).send()
        })
        .await
        .absent(&["NoSuchBucketPolicy"])?;
    let everybody =
        |uri: &str| uri.ends_with("/groups/global/AllUsers") || uri.ends_with("/AuthenticatedUsers");
    let grants = acl.grants.unwrap_or_default();
    let public_acl = grants.iter().any(|g| g.grantee().and_then(|g| g.uri()).is_some_and(everybody));
    let public_policy = policy.and_then(|a| a.policy_status).and_then(|s| s.is_public).unwrap_or_default();
    let mut public_access = public_access_block(&s3, name, owner).await?;
    if (public_acl || public_policy) && !public_access.closes() {
        public_access = public_access.with(account_public_access(aws).await?);
    }
    let access_logging = logging.logging_enabled.is_some();
    Ok(TrailBucket { account: owner.to_string(), access_logging, public_access, public_acl, public_policy })
}
