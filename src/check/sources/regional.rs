//! Settings and resources of one region: instances, recorders, keys, analyzers, databases, file systems.

use std::collections::BTreeMap;

use aws_sdk_kms::types::{KeyManagerType, KeySpec, KeyState, OriginType};

use crate::check::source::{ReadCx, Source, Unread};
use crate::compliance::cis::RuleScope;
use crate::error::{Absent as _, CallError, Kind};

/// An EC2 instance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) has_profile: bool,
    /// IMDSv2 is demanded, or there is no metadata service at all.
    pub(crate) imds_v2: bool,
    /// It runs or could run again.
    pub(crate) alive: bool,
}

/// The region's instances.
pub(crate) struct Instances(pub(crate) Vec<Instance>);

impl Source for Instances {
    const SCOPE: RuleScope = RuleScope::AccountRegion;
    const READS: &'static [&'static str] = &["ec2:DescribeInstances"];

    async fn read(cx: &ReadCx<'_>) -> Result<Instances, CallError> {
        let reservations = cx
            .aws
            .ec2()
            .pages(
                "DescribeInstances",
                |c, t| c.describe_instances().max_results(1000).set_next_token(t).send(),
                |a| (a.reservations, a.next_token),
            )
            .await?;
        let instance = |i: aws_sdk_ec2::types::Instance| {
            let state = i.state.and_then(|s| s.name).map(|n| n.as_str().to_string()).unwrap_or_default();
            let imds_v2 = i.metadata_options.is_some_and(|m| {
                let required = m.http_tokens.is_some_and(|t| t.as_str() == "required");
                required || m.http_endpoint.is_some_and(|e| e.as_str() == "disabled")
            });
            Instance {
                id: i.instance_id.unwrap_or_default(),
                has_profile: i.iam_instance_profile.is_some(),
                imds_v2,
                alive: !matches!(state.as_str(), "terminated" | "shutting-down"),
            }
        };
        Ok(Instances(
            reservations.into_iter().flat_map(|r| r.instances.unwrap_or_default()).map(instance).collect(),
        ))
    }
}

/// What encrypts new EBS volumes.
pub(crate) struct EbsEncryption(pub(crate) bool);

impl Source for EbsEncryption {
    const SCOPE: RuleScope = RuleScope::AccountRegion;
    const READS: &'static [&'static str] = &["ec2:GetEbsEncryptionByDefault"];

    async fn read(cx: &ReadCx<'_>) -> Result<EbsEncryption, CallError> {
        let answer = cx
            .aws
            .ec2()
            .call("GetEbsEncryptionByDefault", |c| c.get_ebs_encryption_by_default().send())
            .await?;
        Ok(EbsEncryption(answer.ebs_encryption_by_default.unwrap_or_default()))
    }
}

/// The Config recorder of the region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "what a rule asks of it")]
pub(crate) struct Recorder {
    pub(crate) exists: bool,
    pub(crate) recording: bool,
    pub(crate) last_failed: bool,
    pub(crate) all_resources: bool,
    pub(crate) global_resources: bool,
    pub(crate) delivers: bool,
}

impl Source for Recorder {
    const SCOPE: RuleScope = RuleScope::AccountRegion;
    const READS: &'static [&'static str] = &[
        "config:DescribeConfigurationRecorders",
        "config:DescribeConfigurationRecorderStatus",
        "config:DescribeDeliveryChannels",
    ];

    async fn read(cx: &ReadCx<'_>) -> Result<Recorder, CallError> {
        let config = cx.aws.config_service();
        let recorders = config
            .call("DescribeConfigurationRecorders", |c| c.describe_configuration_recorders().send())
            .await?
            .configuration_recorders
            .unwrap_or_default();
        // A service-linked recorder records what one service needs, and counts for nothing here.
        let own = recorders.into_iter().find(|r| r.service_principal.is_none());
        let Some(own) = own else { return Ok(Recorder::default()) };
        let name = own.name.unwrap_or_default();
        let status = config
            .call("DescribeConfigurationRecorderStatus", |c| {
                c.describe_configuration_recorder_status().configuration_recorder_names(&name).send()
            })
            .await
            .absent(&["NoSuchConfigurationRecorderException"])?
            .and_then(|a| a.configuration_recorders_status)
            .and_then(|list| list.into_iter().next());
        let channels = config
            .call("DescribeDeliveryChannels", |c| c.describe_delivery_channels().send())
            .await?
            .delivery_channels
            .unwrap_or_default();
        let group = own.recording_group;
        let strategy =
            group.as_ref().and_then(|g| g.recording_strategy.as_ref()).and_then(|s| s.use_only.as_ref());
        let everything = strategy.is_some_and(|s| s.as_str() == "ALL_SUPPORTED_RESOURCE_TYPES");
        Ok(Recorder {
            exists: true,
            recording: status.as_ref().is_some_and(|s| s.recording),
            last_failed: status.and_then(|s| s.last_status).is_some_and(|s| s.as_str() == "Failure"),
            all_resources: everything || group.as_ref().is_some_and(|g| g.all_supported),
            global_resources: group.is_some_and(|g| g.include_global_resource_types),
            delivers: !channels.is_empty(),
        })
    }
}

/// Customer keys that could rotate, by ARN, with whether they do; and by id those that could not be read: a key's own policy may
/// let nobody look.
pub(crate) struct RotatingKeys(pub(crate) BTreeMap<String, Result<bool, Unread>>);

impl Source for RotatingKeys {
    const SCOPE: RuleScope = RuleScope::AccountRegion;
    const READS: &'static [&'static str] = &["kms:ListKeys", "kms:DescribeKey", "kms:GetKeyRotationStatus"];

    async fn read(cx: &ReadCx<'_>) -> Result<RotatingKeys, CallError> {
        let kms = cx.aws.kms();
        let keys = kms
            .pages("ListKeys", |c, t| c.list_keys().set_marker(t).send(), |a| (a.keys, a.next_marker))
            .await?;
        let mut rotating = BTreeMap::new();
        for id in keys.into_iter().filter_map(|k| k.key_id) {
            match rotates(&kms, &id).await {
                Ok(Some((arn, rotates))) => drop(rotating.insert(arn, Ok(rotates))),
                Ok(None) => {}
                Err(error) => drop(rotating.insert(id, Err(error.into()))),
            }
        }
        Ok(RotatingKeys(rotating))
    }
}

/// ARN of a key, and whether it rotates; `None`: it cannot, is AWS's, or is gone meanwhile.
async fn rotates(
    kms: &crate::aws::Service<aws_sdk_kms::Client>,
    id: &str,
) -> Result<Option<(String, bool)>, CallError> {
    let gone = ["NotFoundException"];
    let answer = kms.call("DescribeKey", |c| c.describe_key().key_id(id).send()).await.absent(&gone)?;
    let Some(key) = answer.and_then(|a| a.key_metadata) else { return Ok(None) };
    let counts = key.key_manager == Some(KeyManagerType::Customer)
        && key.key_state == Some(KeyState::Enabled)
        && key.key_spec == Some(KeySpec::SymmetricDefault)
        && key.origin == Some(OriginType::AwsKms);
    if !counts {
        return Ok(None);
    }
    let status = kms
        .call("GetKeyRotationStatus", |c| c.get_key_rotation_status().key_id(id).send())
        .await
        .absent(&gone)?;
    Ok(status.map(|status| (key.arn.unwrap_or_else(|| id.to_string()), status.key_rotation_enabled)))
}

/// Names of the account's own active analyzers for external access.
pub(crate) struct Analyzers(pub(crate) Vec<String>);

impl Source for Analyzers {
    const SCOPE: RuleScope = RuleScope::AccountRegion;
    const READS: &'static [&'static str] = &["accessanalyzer:ListAnalyzers"];

    async fn read(cx: &ReadCx<'_>) -> Result<Analyzers, CallError> {
        list_analyzers(cx.aws, &["ACCOUNT", "ORGANIZATION"]).await.map(Analyzers)
    }
}

/// Active analyzers of these types in the clients' account and region.
pub(super) async fn list_analyzers(
    aws: &crate::aws::Clients,
    types: &[&str],
) -> Result<Vec<String>, CallError> {
    let found = aws
        .accessanalyzer()
        .pages(
            "ListAnalyzers",
            |c, t| c.list_analyzers().set_next_token(t).send(),
            |a| (a.analyzers, a.next_token),
        )
        .await?;
    let good = |a: &aws_sdk_accessanalyzer::types::AnalyzerSummary| {
        a.status.as_str() == "ACTIVE" && types.contains(&a.r#type.as_str())
    };
    Ok(found.into_iter().filter(good).map(|a| a.name).collect())
}

/// Whether Security Hub is on.
pub(crate) struct Hub(pub(crate) bool);

impl Source for Hub {
    const SCOPE: RuleScope = RuleScope::AccountRegion;
    const READS: &'static [&'static str] = &["securityhub:DescribeHub"];

    async fn read(cx: &ReadCx<'_>) -> Result<Hub, CallError> {
        let answer = cx.aws.securityhub().call("DescribeHub", |c| c.describe_hub().send()).await;
        // "not subscribed to AWS Security Hub": the code that the model gives for a hub that is off
        let answer = answer.absent(&["InvalidAccessException", "ResourceNotFoundException"])?;
        Ok(Hub(answer.is_some()))
    }
}

/// Whether Macie is on.
pub(crate) struct Macie(pub(crate) bool);

impl Source for Macie {
    const SCOPE: RuleScope = RuleScope::AccountRegion;
    const READS: &'static [&'static str] = &["macie2:GetMacieSession"];

    async fn read(cx: &ReadCx<'_>) -> Result<Macie, CallError> {
        let answer = cx.aws.macie2().call("GetMacieSession", |c| c.get_macie_session().send()).await;
        match answer {
            Ok(session) => Ok(Macie(session.status.is_some_and(|s| s.as_str() == "ENABLED"))),
            // Macie answers AccessDeniedException with this text where it is off; any other denial is one.
            Err(e)
                if e.kind == Kind::Denied
                    && e.message.as_deref().is_some_and(|m| m.contains("Macie is not enabled")) =>
            {
                Ok(Macie(false))
            }
            Err(e) => Err(e),
        }
    }
}

/// An RDS instance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "what rules ask of it")]
pub(crate) struct Database {
    pub(crate) id: String,
    pub(crate) encrypted: bool,
    pub(crate) minor_upgrades: bool,
    pub(crate) public: bool,
    pub(crate) multi_az: bool,
}

/// The region's RDS instances.
pub(crate) struct Databases(pub(crate) Vec<Database>);

impl Source for Databases {
    const SCOPE: RuleScope = RuleScope::AccountRegion;
    const READS: &'static [&'static str] = &["rds:DescribeDBInstances"];

    async fn read(cx: &ReadCx<'_>) -> Result<Databases, CallError> {
        let found = cx
            .aws
            .rds()
            .pages(
                "DescribeDBInstances",
                |c, t| c.describe_db_instances().max_records(100).set_marker(t).send(),
                |a| (a.db_instances, a.marker),
            )
            .await?;
        let database = |d: aws_sdk_rds::types::DbInstance| Database {
            id: d.db_instance_identifier.unwrap_or_default(),
            encrypted: d.storage_encrypted.unwrap_or_default(),
            minor_upgrades: d.auto_minor_version_upgrade.unwrap_or_default(),
            public: d.publicly_accessible.unwrap_or_default(),
            multi_az: d.multi_az.unwrap_or_default(),
        };
        Ok(Databases(found.into_iter().map(database).collect()))
    }
}

/// EFS file systems by id, with whether they are encrypted.
pub(crate) struct FileSystems(pub(crate) BTreeMap<String, bool>);

impl Source for FileSystems {
    const SCOPE: RuleScope = RuleScope::AccountRegion;
    const READS: &'static [&'static str] = &["efs:DescribeFileSystems"];

    async fn read(cx: &ReadCx<'_>) -> Result<FileSystems, CallError> {
        let found = cx
            .aws
            .efs()
            .pages(
                "DescribeFileSystems",
                |c, t| c.describe_file_systems().max_items(100).set_marker(t).send(),
                |a| (a.file_systems, a.next_marker),
            )
            .await?;
        let encrypted = |f: aws_sdk_efs::types::FileSystemDescription| {
            (f.file_system_id, f.encrypted.unwrap_or_default())
        };
        Ok(FileSystems(found.into_iter().map(encrypted).collect()))
    }
}
