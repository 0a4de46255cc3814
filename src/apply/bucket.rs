//! Journals and locks under a prefix of an S3 bucket, by conditional writes.
//!
//! ```text
//! PREFIX/o-a1b2c3d4e5.lock                     the lease (see `lease`)
//! PREFIX/runs/RUN/journal/000001.jsonl         one object per flush, never written twice
//! ```
//!
//! An object per flush: S3 cannot append, and a rewritten journal could lose a line to a writer that is late. Every
//! object is written with `If-None-Match: *`; answers that got lost are told from somebody else's object by its content.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>

mod lease;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_s3::primitives::ByteStream;

use super::journal::{Head, Journal, Lines};
use super::store::{Held, RunStore};
use crate::aws::{Aws, Clients, Guard};
use crate::control::BoxFuture;
use crate::error::{Absent as _, CallError, Kind, RunError};
use crate::policy::is_account_id;
use crate::units::Cancel;

/// The calls of this file. All of them also on a read-only run: what they write is no change of the organization.
const CALLS: &[&str] = &["s3:GetObject", "s3:ListObjectsV2", "s3:PutObject"];
/// How often a line is written where S3 answers that somebody writes the object at this moment.
const CONFLICTS: u32 = 5;
/// Who makes them, in the record of calls.
const WHO: &str = "run_dir";
/// What S3 answers where the condition of a write does not hold: it exists, it is another one, it is gone, or somebody
/// writes it at this moment.
const REFUSED: &[&str] = &["PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"];

/// `s3://BUCKET/PREFIX`, and `?owner=ACCOUNT` where the bucket is not the caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    bucket: String,
    /// Without slashes at its ends; may be empty.
    prefix: String,
    owner: Option<String>,
}

impl Address {
    /// `None` for a local path.
    pub(super) fn parse(path: &Path) -> Result<Option<Address>, RunError> {
        let text = path.to_string_lossy();
        let Some(rest) = text.strip_prefix("s3://") else { return Ok(None) };
        let wrong = || {
            RunError::new(format!("{text} is not an address in S3"))
                .hint("write s3://BUCKET/PREFIX, or s3://BUCKET/PREFIX?owner=ACCOUNT_ID for another account's bucket")
        };
        let (place, owner) = match rest.split_once("?owner=") {
            Some((place, owner)) => (place, Some(owner.to_owned())),
            None => (rest, None),
        };
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        if !(3..=63).contains(&bucket.len())
            || !bucket.chars().all(is_name)
            || !owner.as_deref().is_none_or(is_account_id)
        {
            return Err(wrong());
        }
        Ok(Some(Address { bucket: bucket.to_owned(), prefix: prefix.trim_matches('/').to_owned(), owner }))
    }
}

impl Address {
    /// What the caller must be allowed: just the calls of this file, on this prefix.
    pub(super) fn statements(&self) -> Vec<serde_json::Value> {
        let bucket = format!("arn:*:s3:::{}", self.bucket);
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        let objects = format!("{bucket}/{}{slash}*", self.prefix);
        vec![
            serde_json::json!({
                "Sid": "RunFolder",
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject"],
                "Resource": objects,
            }),
            serde_json::json!({
                "Sid": "RunFolderList",
                "Effect": "Allow",
                "Action": "s3:ListBucket",
                "Resource": bucket,
                "Condition": { "StringLikeIfExists": { "s3:prefix": format!("{}{slash}*", self.prefix) } },
            }),
        ]
    }
}

/// A prefix of a bucket, seen by the caller.
#[derive(Clone)]
pub(super) struct Bucket {
    clients: Clients,
    address: Address,
    owner: String,
}

/// On which condition an object is written.
#[derive(Clone, Copy)]
enum If<'a> {
    /// There is none.
    Absent,
    /// It still has this ETag.
    Unchanged(&'a str),
    /// Whatever is there.
    Anyhow,
}

impl Bucket {
    pub(super) async fn connect(address: Address, aws: &Aws, region: &str) -> Result<Bucket, RunError> {
        let account = aws.caller().account.clone();
        let guard = Guard { control: WHO.into(), reads: CALLS, writes: &[] };
        let clients = aws.clients(&account, region, guard).await?;
        let owner = address.owner.clone().unwrap_or(account);
        Ok(Bucket { clients, address, owner })
    }

    fn key(&self, name: &str) -> String {
        let prefix = &self.address.prefix;
        if prefix.is_empty() || name.is_empty() {
            format!("{prefix}{name}")
        } else {
            format!("{prefix}/{name}")
        }
    }

    fn url(&self, name: &str) -> String {
        format!("s3://{}/{}", self.address.bucket, self.key(name))
    }

    /// Writes an object and returns its ETag; `None` where the condition does not hold.
    async fn put(&self, name: &str, body: &[u8], condition: If<'_>) -> Result<Option<String>, CallError> {
        let key = self.key(name);
        let (none, same) = match condition {
            If::Absent => (Some("*".to_owned()), None),
            If::Unchanged(etag) => (None, Some(etag.to_owned())),
            If::Anyhow => (None, None),
        };
        let send = |c: &aws_sdk_s3::Client| {
            c.put_object()
                .bucket(&self.address.bucket)
                .key(&key)
                .expected_bucket_owner(&self.owner)
                .set_if_none_match(none.clone())
                .set_if_match(same.clone())
                .content_type("application/json")
                .body(ByteStream::from(body.to_vec()))
                .send()
        };
        let answer = self.clients.s3().call("PutObject", send).await.absent(REFUSED)?;
        Ok(answer.map(|a| a.e_tag.unwrap_or_default()))
    }

    /// An object and its ETag.
    async fn get(&self, name: &str) -> Result<Option<(Vec<u8>, String)>, CallError> {
        let key = self.key(name);
        let send = |c: &aws_sdk_s3::Client| {
            c.get_object().bucket(&self.address.bucket).key(&key).expected_bucket_owner(&self.owner).send()
        };
        let answer = self.clients.s3().call("GetObject", send).await.absent(&["NoSuchKey"])?;
        let Some(answer) = answer else { return Ok(None) };
        let etag = answer.e_tag.unwrap_or_default();
        let body = answer.body.collect().await.map_err(|e| self.cut_off(&e.to_string()))?;
        Ok(Some((body.to_vec(), etag)))
    }

    /// The body of an answer did not arrive whole.
    fn cut_off(&self, why: &str) -> CallError {
        CallError {
            service: "s3".into(),
            operation: "GetObject".into(),
            account: self.clients.account().into(),
            region: self.clients.region().into(),
            code: None,
            message: Some(format!("the connection broke: {why}")),
            status: None,
            request_id: None,
            kind: Kind::TimedOut,
            maybe_done: false,
            session: false,
        }
    }

    /// Names under `folder`, sorted; with `one_level`, the names of its folders.
    async fn list(&self, folder: &str, one_level: bool) -> Result<Vec<String>, CallError> {
        let prefix = format!("{}/", self.key(folder));
        let delimiter = one_level.then(|| "/".to_owned());
        let send = |c: &aws_sdk_s3::Client, token: Option<String>| {
            c.list_objects_v2()
                .bucket(&self.address.bucket)
                .prefix(&prefix)
                .expected_bucket_owner(&self.owner)
                .set_delimiter(delimiter.clone())
                .set_continuation_token(token)
                .send()
        };
        let found = self
            .clients
            .s3()
            .pages("ListObjectsV2", send, |a| {
                let keys = a.contents.unwrap_or_default().into_iter().filter_map(|o| o.key);
                let folders = a.common_prefixes.unwrap_or_default().into_iter().filter_map(|p| p.prefix);
                let all: Vec<String> = if one_level { folders.collect() } else { keys.collect() };
                (all, a.next_continuation_token)
            })
            .await?;
        let mut names: Vec<String> = found
            .iter()
            .filter_map(|k| k.strip_prefix(&prefix))
            .map(|k| k.trim_end_matches('/').to_owned())
            .collect();
        names.sort();
        Ok(names)
    }

    pub(super) async fn read_whole(&self) -> Result<Vec<u8>, RunError> {
        let found = self.get("").await.map_err(|e| self.cannot("read", "", &e))?;
        found.map(|(body, _)| body).ok_or_else(|| RunError::new(format!("there is no {}", self.url(""))))
    }

    pub(super) async fn write_whole(&self, body: &[u8]) -> Result<(), RunError> {
        self.put("", body, If::Anyhow).await.map(|_| ()).map_err(|e| self.cannot("write", "", &e))
    }

    /// What failed, where, and what to do about it.
    fn cannot(&self, verb: &str, name: &str, error: &CallError) -> RunError {
        let Bucket { owner, address, clients } = self;
        let hint = match (error.code.as_deref(), error.status) {
            (Some("NoSuchBucket"), _) => {
                format!(
                    "make the bucket {} in {} first; orgbase makes none for itself",
                    address.bucket,
                    clients.region()
                )
            }
            (
                Some(
                    "PermanentRedirect"
                    | "AuthorizationHeaderMalformed"
                    | "IllegalLocationConstraintException",
                ),
                _,
            )
            | (_, Some(301)) => {
                format!("the bucket of --run-dir must be in the home region, which is {}", clients.region())
            }
            (_, Some(403)) => format!(
                "the bucket must belong to account {owner} (another one: s3://BUCKET/PREFIX?owner=ACCOUNT_ID), and the \
                 caller needs s3:GetObject and s3:PutObject on the prefix, s3:ListBucket on the bucket"
            ),
            (Some("NotImplemented"), _) | (_, Some(501)) => {
                "this endpoint has no conditional writes".to_owned()
            }
            _ => "nothing was changed; name another place with --run-dir".to_owned(),
        };
        RunError::new(format!("cannot {verb} {}: {error}", self.url(name))).hint(hint)
    }
}

impl RunStore for Bucket {
    fn lock<'a>(
        &'a self,
        organization_id: &'a str,
        run: &'a str,
        cancel: &'a Cancel,
    ) -> BoxFuture<'a, Result<Box<dyn Held>, RunError>> {
        Box::pin(lease::take(self, organization_id, run, cancel))
    }

    fn journal<'a>(&'a self, head: &'a Head<'a>) -> BoxFuture<'a, Result<Journal, RunError>> {
        Box::pin(async move {
            let folder = format!("runs/{}/journal", head.run);
            let pages = Pages { bucket: self.clone(), folder, next: AtomicUsize::new(1) };
            let journal = Journal::on(Box::new(pages));
            journal.begin(head).await?;
            Ok(journal)
        })
    }

    fn runs(&self) -> BoxFuture<'_, Result<Vec<String>, RunError>> {
        Box::pin(async move { self.list("runs", true).await.map_err(|e| self.cannot("list", "runs", &e)) })
    }

    fn read_journal<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<String, RunError>> {
        Box::pin(async move {
            let folder = format!("runs/{run}/journal");
            let names = self.list(&folder, false).await.map_err(|e| self.cannot("list", &folder, &e))?;
            if names.is_empty() {
                return Err(RunError::new(format!("there is no journal {}", self.url(&folder))));
            }
            let mut text = String::new();
            for name in names {
                let name = format!("{folder}/{name}");
                let page = self.get(&name).await.map_err(|e| self.cannot("read", &name, &e))?;
                // What it told of would be left out of an undo.
                let gone = || RunError::new(format!("a page of the journal is gone: {}", self.url(&name)));
                let (body, _) = page.ok_or_else(gone)?;
                text.push_str(&String::from_utf8_lossy(&body));
            }
            Ok(text)
        })
    }
}

/// The pages of a journal.
struct Pages {
    bucket: Bucket,
    folder: String,
    /// Number of the next one; a number is used once, whatever came of it.
    next: AtomicUsize,
}

impl Lines for Pages {
    fn append(&self, lines: String) -> BoxFuture<'_, Result<(), RunError>> {
        Box::pin(async move {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let name = format!("{}/{number:06}.jsonl", self.folder);
            let cannot = |e: &CallError| self.bucket.cannot("write the journal", &name, e);
            for _ in 0..CONFLICTS {
                let written = self.bucket.put(&name, lines.as_bytes(), If::Absent).await;
                if written.map_err(|e| cannot(&e))?.is_some() {
                    return Ok(());
                }
                match self.bucket.get(&name).await.map_err(|e| cannot(&e))? {
                    // The answer to the first attempt got lost.
                    Some((body, _)) if body == lines.as_bytes() => return Ok(()),
                    Some(_) => break,
                    // 409: S3 asks for another attempt.
                    None => {}
                }
            }
            Err(RunError::new(format!(
                "cannot write the journal: somebody else wrote {}",
                self.bucket.url(&name)
            )))
        })
    }
}

#[cfg(test)]
mod tests;
