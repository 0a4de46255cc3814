//! What members' root users can sign in with: shown, and deleted, in sessions of AssumeRoot.
//!
//! One unit per member, made by the management account. A session may do what its task policy says: reading needs
//! `IAMAuditRootUserCredentials`, deleting `IAMDeleteRootUserCredentials`. In such a session IAM's operations without a user
//! name are about the root user. MFA devices go last, so that a password never stands alone.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user-privileged-task.html>

use serde::Serialize;

use super::{RootAccess, SERVICE, deletes_in, features};
use crate::aws::Clients;
use crate::baseline::Baseline;
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Risk, Want, Wanted};
use crate::error::{Absent, CallError, UnitError};
use crate::facts::Account;

/// AWS's task policies.
const AUDIT: &str = "IAMAuditRootUserCredentials";
const DELETE: &str = "IAMDeleteRootUserCredentials";

/// Part `member_credentials`.
pub(super) struct MemberCredentials;

/// One member whose root user should have nothing to sign in with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Desired {
    account: String,
}

/// What a root user has; absent: sessions cannot be opened yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Actual(Option<Credentials>);

/// Credentials of a root user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Credentials {
    /// It has a password.
    password: bool,
    /// Ids of access keys.
    access_keys: Vec<String>,
    /// Ids of signing certificates.
    signing_certificates: Vec<String>,
    /// Serial numbers or ARNs of MFA devices.
    mfa_devices: Vec<String>,
}

impl Control for MemberCredentials {
    type Section = RootAccess;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "member_credentials",
        // Only a setting of the whole organization holds everybody up: a member that cannot be entered must not.
        after: &["root_access.features", "accounts", "delegated_admins", "log_archive", "metric_alarms", "org_trail"],
        reads: &[
            "iam:GetLoginProfile",
            "iam:ListAccessKeys",
            "iam:ListMFADevices",
            "iam:ListOrganizationsFeatures",
            "iam:ListSigningCertificates",
            "sts:AssumeRoot",
        ],
        writes: &[
            "iam:DeactivateMFADevice",
            "iam:DeleteAccessKey",
            "iam:DeleteLoginProfile",
            "iam:DeleteSigningCertificate",
        ],
        in_root_sessions: &[
            "iam:DeactivateMFADevice",
            "iam:DeleteAccessKey",
            "iam:DeleteLoginProfile",
            "iam:DeleteSigningCertificate",
            "iam:GetLoginProfile",
            "iam:ListAccessKeys",
            "iam:ListMFADevices",
            "iam:ListSigningCertificates",
        ],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, RootAccess>) -> Vec<Wanted<Desired>> {
        let members = cx.facts.accounts.values().filter(|a| a.id != cx.facts.management_account);
        let wanted = members.filter(|account| deletes_in(account, cx.baseline));
        wanted.map(|account| unit(account, cx.baseline)).collect()
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        if !cx.fresh && !cx.facts.trusted_services.contains(SERVICE) {
            return Ok(Actual(None));
        }
        if !features::features(cx).await?.contains(features::SESSIONS) {
            return Ok(Actual(None));
        }
        let root = cx.aws.as_root(&want.account, AUDIT).await?;
        Ok(Actual(Some(credentials(&root).await?)))
    }

    fn diff(_want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        let Some(have) = &have.0 else {
            d.push("credentials", "unknown".into(), "none".into(), Risk::Destructive);
            d.by_hand = Some("central root access is not on yet: once it is, run the command again".into());
            return d;
        };
        for serial in &have.mfa_devices {
            d.delete(&format!("mfa_devices.{}", last(serial)), serial, Risk::Destructive);
        }
        for key in &have.access_keys {
            d.delete(&format!("access_keys.{key}"), key, Risk::Destructive);
        }
        for certificate in &have.signing_certificates {
            d.delete(&format!("signing_certificates.{certificate}"), certificate, Risk::Destructive);
        }
        if have.password {
            d.delete("password", true, Risk::Destructive);
        }
        if !d.is_empty() {
            d.notice(
                "`undo` cannot bring credentials of a root user back: from then on its password can be recovered only after \
                 IAM's central root access allows it for the account",
            );
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        let Some(have) = &have.0 else { return Ok(()) };
        let root = cx.aws.as_root(&want.account, DELETE).await?;
        delete(&root, have).await?;
        Ok(())
    }
}

fn unit(account: &Account, baseline: &Baseline) -> Wanted<Desired> {
    let want = match baseline.unmanaged(account) {
        _ if !account.is_active() => Want::Skipped(format!("the account is {}", account.state)),
        Some(why) => Want::Skipped(why),
        None => Want::Set(Desired { account: account.id.clone() }),
    };
    let about = Some(account.id.clone());
    Wanted { part: account.id.clone(), at: String::new(), about, after: Vec::new(), want }
}

/// The last part of a serial number, which may be an ARN.
fn last(serial: &str) -> &str {
    serial.rsplit('/').next().unwrap_or(serial)
}

/// What the root user has, in a session of its own.
async fn credentials(root: &Clients) -> Result<Credentials, CallError> {
    let iam = root.iam();
    let password =
        iam.call("GetLoginProfile", |c| c.get_login_profile().send()).await.absent(&["NoSuchEntity"])?;
    let access_keys = iam
        .pages(
            "ListAccessKeys",
            |c, marker| c.list_access_keys().set_marker(marker).send(),
            |out| (out.access_key_metadata, out.marker),
        )
        .await?;
    let certificates = iam
        .pages(
            "ListSigningCertificates",
            |c, marker| c.list_signing_certificates().set_marker(marker).send(),
            |out| (out.certificates, out.marker),
        )
        .await?;
    let devices = iam
        .pages(
            "ListMFADevices",
            |c, marker| c.list_mfa_devices().set_marker(marker).send(),
            |out| (out.mfa_devices, out.marker),
        )
        .await?;
    Ok(Credentials {
        password: password.is_some(),
        access_keys: access_keys.into_iter().filter_map(|key| key.access_key_id).collect(),
        signing_certificates: certificates.into_iter().map(|c| c.certificate_id).collect(),
        mfa_devices: devices.into_iter().map(|device| device.serial_number).collect(),
    })
}

/// Deletes it all. What is gone meanwhile is no error.
async fn delete(root: &Clients, have: &Credentials) -> Result<(), CallError> {
    let iam = root.iam();
    if have.password {
        iam.call("DeleteLoginProfile", |c| c.delete_login_profile().send()).await.absent(&["NoSuchEntity"])?;
    }
    for key in &have.access_keys {
        iam.call("DeleteAccessKey", |c| c.delete_access_key().access_key_id(key).send())
            .await
            .absent(&["NoSuchEntity"])?;
    }
    for certificate in &have.signing_certificates {
        iam.call("DeleteSigningCertificate", |c| {
            c.delete_signing_certificate().certificate_id(certificate).send()
        })
        .await
        .absent(&["NoSuchEntity"])?;
    }
    for serial in &have.mfa_devices {
        iam.call("DeactivateMFADevice", |c| c.deactivate_mfa_device().serial_number(serial).send())
            .await
            .absent(&["NoSuchEntity"])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::controls::log_archive::tests::{baseline, facts, messages};
    use crate::resource::declared;

    fn want() -> Desired {
        Desired { account: "222222222222".into() }
    }

    fn units(rest: &str) -> Vec<Wanted<Desired>> {
        let (facts, baseline) = (facts(), baseline("", rest));
        let section = declared::<RootAccess>(&baseline).unwrap();
        let account = &facts.accounts["111111111111"];
        let cx = DesiredCx { section: &section, account, region: "eu-west-1", facts: &facts, baseline: &baseline };
        MemberCredentials::desired(&cx)
    }

    #[test]
    fn members_are_asked_only_where_deletion_is_declared() {
        assert_eq!(units("[root_access]").len(), 0);
        let members = units("[root_access]\ndelete_member_root_credentials = true");
        assert_eq!(members.iter().map(|u| u.about.as_deref()).collect::<Vec<_>>(), [Some("222222222222")]);
        let off = messages("", "[root_access]\nsessions = false\ndelete_member_root_credentials = true");
        assert_eq!(off.len(), 1, "{off:?}");
    }

    #[test]
    fn devices_and_keys_are_shown_first_and_all_of_it_is_destructive() {
        let have = Credentials {
            password: true,
            access_keys: vec!["AKIA1".into()],
            signing_certificates: vec!["CERT".into()],
            mfa_devices: vec!["arn:aws:iam::222222222222:mfa/root-account-mfa-device".into()],
        };
        let d = MemberCredentials::diff(&want(), &Actual(Some(have)));
        let paths: Vec<&str> = d.changes.iter().map(|c| c.path.as_str()).collect();
        let all = ["mfa_devices.root-account-mfa-device", "access_keys.AKIA1", "signing_certificates.CERT", "password"];
        assert_eq!(paths, all);
        assert!(d.changes.iter().all(|c| c.risk == Risk::Destructive) && d.notices[0].contains("undo"));
    }

    #[test]
    fn unknown_is_not_none() {
        assert!(MemberCredentials::diff(&want(), &Actual(Some(Credentials::default()))).is_empty());
        let unknown = MemberCredentials::diff(&want(), &Actual(None));
        assert!(!unknown.is_empty() && unknown.by_hand.is_some());
    }
}
