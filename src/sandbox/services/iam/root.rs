//! What IAM does for the root user itself: in sessions of AssumeRoot, and for calls of an organization file or a test that
//! name a member account and no role, which stand for somebody who is signed in there as root.
//!
//! Sources: IAM user guide "Perform a privileged task on an AWS Organizations member account", API reference (operations
//! without a user name are about the root user in such a session). An account made by Organizations has no root password,
//! one that was invited has one.

#![expect(clippy::unnecessary_wraps, reason = "a handler's signature, whether it can refuse or not")]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sandbox::caller;
use crate::sandbox::services::organizations;
use crate::sandbox::world::{Call, Fault, Principal, Reply, World};

use super::state::{AccessKey, SigningCertificate};
use super::{Handler, State, account, edit, list as page, no_such, view};

/// The handler of the operation, where the root user calls it for itself.
pub(super) fn handler(world: &World, call: &Call) -> Option<Handler> {
    if call.str("UserName").is_some() || !is_root(world, call) {
        return None;
    }
    Some(match call.operation.as_str() {
        "CreateAccessKey" => create_key,
        "ListAccessKeys" => list_keys,
        "UpdateAccessKey" => update_key,
        "DeleteAccessKey" => delete_key,
        "CreateLoginProfile" => create_password,
        "GetLoginProfile" => get_password,
        "DeleteLoginProfile" => delete_password,
        "UploadSigningCertificate" => upload_certificate,
        "ListSigningCertificates" => list_certificates,
        "DeleteSigningCertificate" => delete_certificate,
        "EnableMFADevice" => enable_mfa,
        "ListMFADevices" => list_mfa,
        "DeactivateMFADevice" => deactivate_mfa,
        _ => return None,
    })
}

fn is_root(world: &World, call: &Call) -> bool {
    let signed_in = call.principal == Principal::Management
        && organizations::management(world).is_some_and(|management| management != call.account);
    signed_in || caller::is_root_session(call)
}

/// Whether the root user has a password.
pub(super) fn has_password(world: &World, account: &str) -> bool {
    let made = world.organizations.accounts.get(account).is_some_and(|a| a.created)
        && organizations::management(world) != Some(account);
    view(world, account).root.password.unwrap_or(!made)
}

/// What the credential report says of it. Guess: as for users where root credentials are managed centrally, else
/// `not_supported` ("Get credential reports").
pub(super) fn password_in_report(world: &World, account: &str) -> &'static str {
    let management = organizations::management(world).unwrap_or_default();
    if !view(world, management).features.contains(account::ROOT_CREDENTIALS) {
        return "not_supported";
    }
    if has_password(world, account) { "true" } else { "false" }
}

fn no_key(id: &str) -> Fault {
    no_such(format!("The Access Key with id {id} cannot be found."))
}

fn create_key(world: &mut World, call: &Call) -> Reply {
    if view(world, &call.account).root.keys.len() >= 2 {
        return Err(super::limit("Cannot exceed quota for AccessKeysPerUser: 2"));
    }
    let id = format!("AKIA{}", world.id(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"));
    let secret = world.id(40, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    let key = AccessKey { id: id.clone(), status: "Active".into(), created: call.now, used: None };
    edit(world, call).root.keys.push(key);
    Ok(json!({"AccessKey": {
        "UserName": "root",
        "AccessKeyId": id,
        "Status": "Active",
        "SecretAccessKey": secret,
        "CreateDate": call.now,
    }}))
}

fn list_keys(world: &mut World, call: &Call) -> Reply {
    let keys = view(world, &call.account).root.keys.clone();
    page(
        world,
        call,
        "AccessKeyMetadata",
        &keys,
        |key| json!({"AccessKeyId": key.id, "Status": key.status, "CreateDate": key.created}),
    )
}

fn update_key(world: &mut World, call: &Call) -> Reply {
    let id = call.required("AccessKeyId");
    let key = edit(world, call).root.keys.iter_mut().find(|key| key.id == id).ok_or_else(|| no_key(id))?;
    call.required("Status").clone_into(&mut key.status);
    Ok(json!({}))
}

fn delete_key(world: &mut World, call: &Call) -> Reply {
    let id = call.required("AccessKeyId");
    remove(world, call, |root| &mut root.keys, |key| key.id == id, || no_key(id))
}

/// Takes one thing of the root user away.
fn remove<T>(
    world: &mut World,
    call: &Call,
    of: fn(&mut super::RootUser) -> &mut Vec<T>,
    is_it: impl Fn(&T) -> bool,
    missing: impl Fn() -> Fault,
) -> Reply {
    let State { root, .. } = world.iam.get_mut(&call.account).ok_or_else(&missing)?;
    let list = of(root);
    let at = list.iter().position(is_it).ok_or_else(missing)?;
    list.remove(at);
    Ok(json!({}))
}

fn no_password() -> Fault {
    no_such("Login Profile for User root cannot be found.")
}

fn create_password(world: &mut World, call: &Call) -> Reply {
    if has_password(world, &call.account) {
        return Err(super::already_exists("Login Profile for user root already exists."));
    }
    // The root user then sets its password by recovering it.
    edit(world, call).root.password = Some(true);
    Ok(json!({"LoginProfile": {"UserName": "root", "CreateDate": call.now, "PasswordResetRequired": false}}))
}

fn get_password(world: &mut World, call: &Call) -> Reply {
    if !has_password(world, &call.account) {
        return Err(no_password());
    }
    let since = world.organizations.accounts.get(&call.account).map_or(0.0, |a| a.joined);
    Ok(json!({"LoginProfile": {"UserName": "root", "CreateDate": since, "PasswordResetRequired": false}}))
}

fn delete_password(world: &mut World, call: &Call) -> Reply {
    if !has_password(world, &call.account) {
        return Err(no_password());
    }
    edit(world, call).root.password = Some(false);
    Ok(json!({}))
}

fn upload_certificate(world: &mut World, call: &Call) -> Reply {
    let id = world.id(24, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    let certificate = SigningCertificate {
        id,
        body: call.required("CertificateBody").to_owned(),
        status: "Active".into(),
        created: call.now,
    };
    let shown = certificate_value(&certificate);
    edit(world, call).root.certificates.push(certificate);
    Ok(json!({ "Certificate": shown }))
}

fn certificate_value(certificate: &SigningCertificate) -> Value {
    json!({
        "UserName": "root",
        "CertificateId": certificate.id,
        "CertificateBody": certificate.body,
        "Status": certificate.status,
        "UploadDate": certificate.created,
    })
}

fn list_certificates(world: &mut World, call: &Call) -> Reply {
    let all = view(world, &call.account).root.certificates.clone();
    page(world, call, "Certificates", &all, certificate_value)
}

fn delete_certificate(world: &mut World, call: &Call) -> Reply {
    let id = call.required("CertificateId");
    let missing = || no_such(format!("The Certificate with id {id} cannot be found."));
    remove(world, call, |root| &mut root.certificates, |certificate| certificate.id == id, missing)
}

fn enable_mfa(world: &mut World, call: &Call) -> Reply {
    let (serial, now) = (call.required("SerialNumber").to_owned(), call.now);
    edit(world, call).root.mfa.insert(serial, now);
    Ok(json!({}))
}

fn list_mfa(world: &mut World, call: &Call) -> Reply {
    let devices: BTreeMap<String, f64> = view(world, &call.account).root.mfa.clone();
    let devices: Vec<(String, f64)> = devices.into_iter().collect();
    page(
        world,
        call,
        "MFADevices",
        &devices,
        |(serial, since)| json!({"UserName": "root", "SerialNumber": serial, "EnableDate": since}),
    )
}

fn deactivate_mfa(world: &mut World, call: &Call) -> Reply {
    let serial = call.required("SerialNumber");
    let known = view(world, &call.account).root.mfa.contains_key(serial);
    if !known {
        return Err(no_such(format!("MFA Device with serial number {serial} does not exist.")));
    }
    edit(world, call).root.mfa.remove(serial);
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use serde_json::{Value, json};

    use crate::sandbox::caller::ROOT_SESSION;
    use crate::sandbox::enforce;
    use crate::sandbox::services;
    use crate::sandbox::services::lab::{Lab, MANAGEMENT, MEMBER};
    use crate::sandbox::world::{Call, Principal, Reply};

    /// A call of the root user of the member: signed in, or in a session with this task policy.
    fn call(lab: &mut Lab, task: Option<&str>, operation: &str, input: Value) -> Reply {
        let session = |task: &str| Principal::Role { role: ROOT_SESSION.into(), session: task.into() };
        let call = Call {
            service: "iam".into(),
            operation: operation.into(),
            account: MEMBER.into(),
            region: "eu-west-1".into(),
            principal: task.map_or(Principal::Management, session),
            input,
            now: lab.now,
        };
        enforce::check(&lab.world, &call)?;
        services::dispatch(&mut lab.world, &call).unwrap()
    }

    fn summary(lab: &mut Lab, member: &str) -> i64 {
        lab.at(MEMBER, "eu-west-1").ok("iam", "GetAccountSummary", json!({}))["SummaryMap"][member]
            .as_i64()
            .unwrap()
    }

    #[test]
    fn an_invited_account_has_a_password_and_a_created_one_has_none() {
        let mut lab = Lab::organized();
        assert_eq!(summary(&mut lab, "AccountPasswordPresent"), 0);
        lab.world.organizations.accounts.get_mut(MEMBER).unwrap().created = false;
        assert_eq!(summary(&mut lab, "AccountPasswordPresent"), 1);
        let management = lab.at(MANAGEMENT, "eu-west-1").ok("iam", "GetAccountSummary", json!({}));
        assert_eq!(management["SummaryMap"]["AccountPasswordPresent"], 1);
    }

    #[test]
    fn a_session_does_its_task_and_nothing_else() {
        let mut lab = Lab::organized();
        lab.world.organizations.accounts.get_mut(MEMBER).unwrap().created = false;
        let serial = format!("arn:aws:iam::{MEMBER}:mfa/root-account-mfa-device");
        let device = json!({"SerialNumber": serial});
        let key =
            call(&mut lab, None, "CreateAccessKey", json!({})).unwrap()["AccessKey"]["AccessKeyId"].clone();
        call(&mut lab, None, "EnableMFADevice", device.clone()).unwrap();
        let body = json!({"CertificateBody": "pem"});
        let uploaded = call(&mut lab, None, "UploadSigningCertificate", body).unwrap();
        let certificate = json!({"CertificateId": uploaded["Certificate"]["CertificateId"]});
        for present in ["AccountAccessKeysPresent", "AccountMFAEnabled", "AccountSigningCertificatesPresent"]
        {
            assert_eq!(summary(&mut lab, present), 1, "{present}");
        }

        let (audit, delete) = (Some("IAMAuditRootUserCredentials"), Some("IAMDeleteRootUserCredentials"));
        let listed = call(&mut lab, audit, "ListAccessKeys", json!({})).unwrap();
        assert_eq!(listed["AccessKeyMetadata"][0]["AccessKeyId"], key);
        let key = json!({"AccessKeyId": key});
        let refused = call(&mut lab, audit, "DeleteAccessKey", key.clone()).unwrap_err();
        assert_eq!((refused.code.as_str(), refused.status), ("AccessDenied", Some(403)));
        for (operation, input) in [
            ("DeleteLoginProfile", json!({})),
            ("DeleteAccessKey", key),
            ("DeleteSigningCertificate", certificate),
            ("DeactivateMFADevice", device),
        ] {
            call(&mut lab, delete, operation, input.clone()).unwrap();
            assert_eq!(
                call(&mut lab, delete, operation, input).unwrap_err().code,
                "NoSuchEntity",
                "{operation}"
            );
        }
        assert_eq!(call(&mut lab, delete, "CreateAccessKey", json!({})).unwrap_err().code, "AccessDenied");
        for gone in ["AccountAccessKeysPresent", "AccountMFAEnabled", "AccountPasswordPresent"] {
            assert_eq!(summary(&mut lab, gone), 0, "{gone}");
        }
    }
}
