//! Services that deliver into a bucket: what its policy and a key's must allow them. CloudTrail and Config look before
//! they take a bucket.

use super::documents;
use super::kms::Key;
use crate::sandbox::world::World;

/// A service that delivers on behalf of a resource of an account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender<'a> {
    /// Service principal.
    pub(super) service: &'a str,
    /// The account that owns the resource.
    pub(super) account: &'a str,
    /// ARN of the resource.
    pub(super) arn: &'a str,
}

impl Sender<'_> {
    /// Whether a bucket's policy lets the service do `action` on the bucket itself.
    pub(super) fn may(&self, world: &World, policy: &str, bucket: &str, action: &str) -> bool {
        let arn = world.arn("s3", "", "", bucket);
        let source = (self.account, self.arn);
        documents::allows(policy, &documents::service_request(world, self.service, action, &arn, source))
    }

    /// Whether it may write under these keys, as services do: the bucket's owner gets the objects.
    pub(super) fn may_write(&self, world: &World, policy: &str, bucket: &str, keys: &[String]) -> bool {
        keys.iter().all(|key| {
            let object = world.arn("s3", "", "", &format!("{bucket}/{key}"));
            let source = (self.account, self.arn);
            let request = documents::service_request(world, self.service, "s3:PutObject", &object, source);
            documents::allows(policy, &request.with("s3:x-amz-acl", "bucket-owner-full-control"))
        })
    }

    /// Whether a key's policy lets the service do all of `actions`. `context` is the encryption context, by key.
    pub(super) fn may_use(
        &self,
        world: &World,
        key: &Key,
        actions: &[&str],
        context: &[(&str, &str)],
    ) -> bool {
        actions.iter().all(|action| {
            let source = (self.account, self.arn);
            let mut request = documents::service_request(world, self.service, action, &key.arn, source);
            for (name, value) in context {
                request = request.with(&format!("kms:EncryptionContext:{name}"), value);
            }
            let names: Vec<&str> = context.iter().map(|(name, _)| *name).collect();
            if !names.is_empty() {
                request = request.with_all("kms:EncryptionContextKeys", &names);
            }
            documents::allows(&key.policy, &request)
        })
    }
}
