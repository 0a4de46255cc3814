//! EBS encryption by default, in every region of every account.
//!
//! * It holds for volumes and snapshot copies that are made from now on; what is there stays as it is.
//! * The default key is named by its alias and compared as what the alias stands for: AWS answers with the key's ARN, and
//!   with `alias/aws/ebs` for the one that it manages.
//! * `ModifyEbsDefaultKmsKeyId` takes any name and checks it later, so the key is looked up first.
//!   <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyEbsDefaultKmsKeyId.html>

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::Baseline;
use crate::control::{Control, Cx, DesiredCx, Diff, DynControl, Import, ImportCx, Meta, Reference, Risk, Scope, Seat, Section, SectionMeta, Shape, Wanted, control};
use crate::diag::Findings;
use crate::error::{Kind, UnitError};

/// The key that AWS manages in each account.
const AWS_MANAGED: &str = "alias/aws/ebs";

/// EBS encryption by default, in every region of every account, the management account included.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EbsEncryption {
    /// New volumes and snapshot copies are encrypted. `false` turns it off: needs `--allow-destructive`.
    pub enabled: Option<bool>,
    /// Alias of the default key: `alias/aws/ebs` is the one that AWS manages; any other must be there in each account and
    /// region. Whoever launches instances needs the right to use it.
    #[schemars(length(min = 7, max = 256), regex(pattern = r"^alias/[a-zA-Z0-9/_-]+$"))]
    pub key: Option<String>,
}

impl Section for EbsEncryption {
    const META: SectionMeta = SectionMeta {
        id: "ebs_encryption",
        title: "EBS encryption by default",
        summary: "Encrypts new EBS volumes and snapshot copies in every region of every account and the management \
                  account, with the key that AWS manages or with one of your own. Volumes that are there already \
                  stay as they are.",
        shape: Shape::Table,
        references: &[
            Reference::cis("1.4.0", "2.2.1"),
            Reference::cis("1.5.0", "2.2.1"),
            Reference::cis("2.0.0", "2.2.1"),
            Reference::cis("3.0.0", "2.2.1"),
            Reference::cis("4.0.1", "5.1.1"),
            Reference::cis("5.0.0", "5.1.1"),
            Reference::cis("6.0.0", "6.1.1"),
            Reference::cis("7.0.0", "6.1.1"),
        ],
        billed: None,
    };

    fn check(&self, _baseline: &Baseline, findings: &mut Findings<'_>) {
        if let Some(key) = self.key.as_deref().filter(|key| key.starts_with("alias/aws/") && *key != AWS_MANAGED) {
            findings.hint("key", format!("`{key}` is AWS's key for another service"), format!("use `{AWS_MANAGED}`"));
        }
    }

    fn import(_cx: &ImportCx<'_>) -> Import<EbsEncryption> {
        Import::Ask(EbsEncryption { enabled: Some(true), key: Some(AWS_MANAGED.into()) })
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<Encryption>()]
    }
}

/// The only part.
struct Encryption;

/// What is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Actual {
    enabled: bool,
    /// The wanted alias where it stands for the default key, else AWS's answer; `None`: not managed.
    key: Option<String>,
}

impl Control for Encryption {
    type Section = EbsEncryption;
    type Desired = EbsEncryption;
    type Actual = Actual;
    const META: Meta = Meta {
        scope: Scope::AccountRegion,
        seat: Seat::Member,
        reads: &["ec2:GetEbsDefaultKmsKeyId", "ec2:GetEbsEncryptionByDefault", "kms:DescribeKey"],
        writes: &[
            "ec2:DisableEbsEncryptionByDefault",
            "ec2:EnableEbsEncryptionByDefault",
            "ec2:ModifyEbsDefaultKmsKeyId",
            "ec2:ResetEbsDefaultKmsKeyId",
        ],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, EbsEncryption>) -> Vec<Wanted<EbsEncryption>> {
        if *cx.section == EbsEncryption::default() { Vec::new() } else { Wanted::one(cx.section.clone()) }
    }

    async fn read(cx: &Cx<'_>, want: &EbsEncryption) -> Result<Actual, UnitError> {
        let ec2 = cx.aws.ec2();
        let answer = ec2.call("GetEbsEncryptionByDefault", |c| c.get_ebs_encryption_by_default().send()).await?;
        let enabled = answer
            .ebs_encryption_by_default
            .ok_or_else(|| UnitError::missing("whether EBS encrypts by default"))?;
        let key = match &want.key {
            Some(alias) => Some(default_key(cx, alias).await?),
            None => None,
        };
        Ok(Actual { enabled, key })
    }

    /// A key of one's own has an alias that AWS's answer does not name.
    fn import(_cx: &Cx<'_>, _want: &EbsEncryption, have: &Actual) -> Option<EbsEncryption> {
        let key = have.key.clone().filter(|key| key == AWS_MANAGED);
        Some(EbsEncryption { enabled: Some(have.enabled), key })
    }

    fn diff(want: &EbsEncryption, have: &Actual) -> Diff {
        let mut d = Diff::new();
        let risk = if want.enabled == Some(false) { Risk::Destructive } else { Risk::Normal };
        d.risky("enabled", &have.enabled, want.enabled.as_ref(), risk);
        d.optional("key", have.key.as_ref(), want.key.as_ref(), Risk::Disruptive);
        d
    }

    /// The key first: with the switch turned on before, volumes would get the old key in between.
    async fn apply(cx: &Cx<'_>, want: &EbsEncryption, have: &Actual) -> Result<(), UnitError> {
        let ec2 = cx.aws.ec2();
        match want.key.as_deref().filter(|alias| have.key.as_deref() != Some(*alias)) {
            None => {}
            Some(AWS_MANAGED) => {
                ec2.call("ResetEbsDefaultKmsKeyId", |c| c.reset_ebs_default_kms_key_id().send()).await?;
            }
            Some(alias) => {
                let key = usable_key(cx, alias).await?;
                ec2.call("ModifyEbsDefaultKmsKeyId", |c| {
                    c.modify_ebs_default_kms_key_id().kms_key_id(&key).send()
                })
                .await?;
            }
        }
        match want.enabled.filter(|enabled| *enabled != have.enabled) {
            None => {}
            Some(true) => {
                ec2.call("EnableEbsEncryptionByDefault", |c| c.enable_ebs_encryption_by_default().send()).await?;
            }
            Some(false) => {
                ec2.call("DisableEbsEncryptionByDefault", |c| c.disable_ebs_encryption_by_default().send()).await?;
            }
        }
        Ok(())
    }
}

/// The default key as it is compared with `alias`: the alias itself where it stands for that key.
async fn default_key(cx: &Cx<'_>, alias: &str) -> Result<String, UnitError> {
    let answer = cx
        .aws
        .ec2()
        .call("GetEbsDefaultKmsKeyId", |c| c.get_ebs_default_kms_key_id().send())
        .await?;
    let current = answer.kms_key_id.ok_or_else(|| UnitError::missing("EBS's default key"))?;
    if is_aws_managed(&current) {
        return Ok(AWS_MANAGED.to_string());
    }
    if alias == AWS_MANAGED {
        return Ok(current);
    }
    Ok(if usable_key(cx, alias).await? == current { alias.to_string() } else { current })
}

/// AWS writes it as an alias, with or without the beginning of an ARN.
fn is_aws_managed(key: &str) -> bool {
    key == AWS_MANAGED || key.ends_with(":alias/aws/ebs")
}

/// ARN of the key behind an alias of this account and region.
async fn usable_key(cx: &Cx<'_>, alias: &str) -> Result<String, UnitError> {
    let answer = cx.aws.kms().call("DescribeKey", |c| c.describe_key().key_id(alias).send()).await;
    let answer = answer.map_err(|e| {
        let is_absent = e.is(&["NotFoundException"]);
        let error = UnitError::from(e);
        if is_absent { error.hint(format!("make a key with the alias `{alias}` in this account and region")) } else { error }
    })?;
    let key = answer.key_metadata.ok_or_else(|| UnitError::missing("the key"))?;
    if !key.enabled {
        return Err(UnitError::new(Kind::Conflict, format!("the key behind `{alias}` is not enabled"))
            .hint("nothing was changed: volumes could not be made with it"));
    }
    key.arn.ok_or_else(|| UnitError::missing("the key's ARN"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn want(enabled: Option<bool>, key: Option<&str>) -> EbsEncryption {
        EbsEncryption { enabled, key: key.map(ToString::to_string) }
    }

    fn have(enabled: bool, key: &str) -> Actual {
        Actual { enabled, key: Some(key.to_string()) }
    }

    #[test]
    fn only_declared_keys_are_compared_and_turning_it_off_is_destructive() {
        assert!(Encryption::diff(&want(Some(true), None), &have(true, "arn")).is_empty());
        assert!(Encryption::diff(&want(None, Some("alias/k")), &have(false, "alias/k")).is_empty());
        assert_eq!(Encryption::diff(&want(Some(true), None), &have(false, "arn")).risk(), Risk::Normal);
        assert_eq!(Encryption::diff(&want(Some(false), None), &have(true, "arn")).risk(), Risk::Destructive);
        assert_eq!(Encryption::diff(&want(None, Some("alias/k")), &have(true, "arn")).risk(), Risk::Disruptive);
    }

    #[test]
    fn the_managed_key_has_two_names() {
        assert!(is_aws_managed("alias/aws/ebs") && is_aws_managed("arn:aws:kms:eu-west-1:1:alias/aws/ebs"));
        assert!(!is_aws_managed("arn:aws:kms:eu-west-1:1:key/alias/aws/ebs2"));
    }

    #[test]
    fn a_key_is_named_by_an_alias() {
        let text = |key: &str| {
            format!("version = 1\n[organization]\nhome_region = \"eu-west-1\"\n[ebs_encryption]\nkey = \"{key}\"\n")
        };
        assert!(Baseline::parse("t.toml", &text("alias/volumes")).is_ok());
        for bad in ["alias/aws/s3", "1234abcd-12ab-34cd-56ef-1234567890ab"] {
            assert_eq!(Baseline::parse("t.toml", &text(bad)).unwrap_err().findings.len(), 1, "{bad}");
        }
    }
}
