"""S3, S3 Control and KMS."""

from __future__ import annotations

import json

from harness import HOME_REGION

from . import Caller

HERE = {"LocationConstraint": HOME_REGION}
RULE = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 30}}


def tls_only(bucket: str) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/*",
         "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]})


def bucket_settings(c: Caller) -> None:
    s3, bucket = c("s3", c.log), f"walk-{c.log}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=HERE, ObjectLockEnabledForBucket=True,
                     ObjectOwnership="BucketOwnerPreferred")
    s3.head_bucket(Bucket=bucket)
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] == HOME_REGION
    lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=lock)
    assert s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"] == lock
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [RULE]})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"][0]["Expiration"] == {"Days": 30}
    s3.put_bucket_policy(Bucket=bucket, Policy=tls_only(bucket))
    s3.get_bucket_policy_status(Bucket=bucket)
    s3.delete_bucket_policy(Bucket=bucket)
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    assert s3.get_bucket_acl(Bucket=bucket)["Grants"]
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}})
    s3.get_bucket_notification_configuration(Bucket=bucket)
    other = f"gone-{c.log}"
    s3.create_bucket(Bucket=other, CreateBucketConfiguration=HERE)
    s3.delete_bucket(Bucket=other)


def objects(c: Caller) -> None:
    s3, bucket = c("s3", c.log), f"objects-{c.log}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=HERE)
    s3.put_object(Bucket=bucket, Key="a", Body=b"text")
    s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"})
    assert s3.head_object(Bucket=bucket, Key="b")["ContentLength"] == 4
    assert s3.get_object(Bucket=bucket, Key="b")["Body"].read() == b"text"
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["a", "b"]
    s3.delete_object(Bucket=bucket, Key="a")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="b", Body=b"longer text")
    versions = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert [(v["Key"], v["Size"], v["IsLatest"]) for v in versions] == [("b", 11, True), ("b", 4, False)]


def replication(c: Caller) -> None:
    s3, source, target = c("s3", c.log), f"source-{c.log}", f"target-{c.log}"
    iam = c("iam", c.log)
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName="copies", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    for bucket in (source, target):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=HERE)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    rule = {"ID": "all", "Priority": 1, "Status": "Enabled", "Filter": {"Prefix": ""},
            "DeleteMarkerReplication": {"Status": "Disabled"}, "Destination": {"Bucket": f"arn:aws:s3:::{target}"}}
    s3.put_bucket_replication(Bucket=source, ReplicationConfiguration={"Role": role, "Rules": [rule]})
    assert s3.get_bucket_replication(Bucket=source)["ReplicationConfiguration"]["Rules"][0]["ID"] == "all"
    s3.delete_bucket_replication(Bucket=source)


def account_level(c: Caller) -> None:
    control = c("s3control", c.log)
    block = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}
    control.put_public_access_block(AccountId=c.log, PublicAccessBlockConfiguration=block)
    control.delete_public_access_block(AccountId=c.log)
    lens = {"Id": "walk", "AccountLevel": {"BucketLevel": {}}, "IsEnabled": True}
    control.put_storage_lens_configuration(ConfigId="walk", AccountId=c.log, StorageLensConfiguration=lens)
    control.list_storage_lens_configurations(AccountId=c.log)
    control.list_access_points(AccountId=c.log)


def keys(c: Caller) -> None:
    kms = c("kms", c.log)
    key = kms.create_key(Description="walk")["KeyMetadata"]["KeyId"]
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "b"}])
    kms.create_alias(AliasName="alias/walk", TargetKeyId=key)
    kms.update_alias(AliasName="alias/walk", TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    kms.delete_alias(AliasName="alias/walk")
    data = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    assert kms.decrypt(CiphertextBlob=data["CiphertextBlob"])["Plaintext"] == data["Plaintext"]
    kms.enable_key_rotation(KeyId=key)
    kms.disable_key_rotation(KeyId=key)
    kms.disable_key(KeyId=key)
    kms.enable_key(KeyId=key)
    policy = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert kms.cancel_key_deletion(KeyId=key)["KeyId"]


WALKS = [bucket_settings, objects, replication, account_level, keys]
