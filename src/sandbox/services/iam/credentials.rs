//! Credentials of users for single services (CodeCommit, Keyspaces, Bedrock), and their SSH public keys.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::sandbox::services::documents;
use crate::sandbox::world::{Call, Fault, Reply, World};

use super::{limit, list as page, no_such, users};

/// Of each service per user (API Reference, CreateServiceSpecificCredential), and SSH keys per user (IAM quotas).
const CREDENTIALS: usize = 2;
const SSH_KEYS: usize = 5;
/// Services that have such credentials (API Reference, CreateServiceSpecificCredential).
const SERVICES: &[&str] =
    &["bedrock.amazonaws.com", "cassandra.amazonaws.com", "codecommit.amazonaws.com", "logs.amazonaws.com"];
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A service-specific credential, or an SSH public key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Credential {
    /// `ACCA...` or `APKA...`.
    pub id: String,
    /// Service principal; empty for an SSH key.
    pub service: String,
    /// Text of an SSH key.
    pub body: String,
    /// `Active` or `Inactive`.
    pub status: String,
    /// When it was made.
    pub created: f64,
}

impl Credential {
    fn is_ssh(&self) -> bool {
        self.service.is_empty()
    }
}

/// CreateServiceSpecificCredential.
pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let service = call.required("ServiceName").to_owned();
    if !SERVICES.contains(&service.as_str()) {
        let message = format!("No such service {service} is supported for Service Specific Credentials");
        return Err(Fault::new("NotSupportedService", message).status(404));
    }
    let user = users::find(world, call)?;
    if user.credentials.iter().filter(|c| c.service == service).count() >= CREDENTIALS {
        return Err(limit(format!(
            "Cannot exceed quota for ServiceSpecificCredentialsPerUser: {CREDENTIALS}"
        )));
    }
    let id = format!("ACCA{}", world.id(17, LETTERS));
    let password = world.id(44, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
    let credential =
        Credential { id, service, body: String::new(), status: "Active".into(), created: call.now };
    let mut shown = specific(call, &credential);
    shown["ServicePassword"] = json!(password);
    users::change(world, call)?.credentials.push(credential);
    Ok(json!({ "ServiceSpecificCredential": shown }))
}

fn specific(call: &Call, credential: &Credential) -> Value {
    let user = call.required("UserName");
    json!({
        "UserName": user,
        "Status": credential.status,
        "CreateDate": credential.created,
        "ServiceName": credential.service,
        "ServiceUserName": format!("{user}-at-{}", call.account),
        "ServiceSpecificCredentialId": credential.id,
    })
}

/// ListServiceSpecificCredentials.
pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    let all = of_user(world, call, false)?;
    let wanted = call.str("ServiceName");
    let all: Vec<Credential> =
        all.into_iter().filter(|c| wanted.is_none_or(|name| c.service == name)).collect();
    page(world, call, "ServiceSpecificCredentials", &all, |credential| specific(call, credential))
}

/// UploadSSHPublicKey. The body is not looked into beyond its first word.
pub(super) fn upload(world: &mut World, call: &Call) -> Reply {
    let body = call.required("SSHPublicKeyBody").to_owned();
    if !body.starts_with("ssh-rsa ") && !body.starts_with("-----BEGIN PUBLIC KEY-----") {
        return Err(Fault::new("InvalidPublicKey", "Invalid Public Key encoding").status(400));
    }
    let user = users::find(world, call)?;
    let mut keys = user.credentials.iter().filter(|c| c.is_ssh());
    if keys.clone().any(|key| key.body == body) {
        return Err(Fault::new("DuplicateSSHPublicKey", "The SSH public key already exists").status(400));
    }
    if keys.by_ref().count() >= SSH_KEYS {
        return Err(limit(format!("Cannot exceed quota for SSHPublicKeysPerUser: {SSH_KEYS}")));
    }
    let id = format!("APKA{}", world.id(17, LETTERS));
    let key = Credential {
        id,
        service: String::new(),
        body: body.clone(),
        status: "Active".into(),
        created: call.now,
    };
    let mut shown = ssh(call, &key);
    shown["SSHPublicKeyBody"] = json!(body);
    // 16 bytes in pairs, as an MD5 fingerprint looks; a text of 47 characters, and the model asks for 48.
    shown["Fingerprint"] = json!(format!("{}:", fingerprint(&body)));
    users::change(world, call)?.credentials.push(key);
    Ok(json!({ "SSHPublicKey": shown }))
}

fn fingerprint(body: &str) -> String {
    let hex = documents::digest_hex(body.as_bytes(), 16);
    let pairs: Vec<&str> = (0..16).filter_map(|n| hex.get(2 * n..2 * n + 2)).collect();
    pairs.join(":")
}

fn ssh(call: &Call, key: &Credential) -> Value {
    json!({
        "UserName": call.required("UserName"),
        "SSHPublicKeyId": key.id,
        "Status": key.status,
        "UploadDate": key.created,
    })
}

/// ListSSHPublicKeys.
pub(super) fn list_ssh(world: &mut World, call: &Call) -> Reply {
    let all = of_user(world, call, true)?;
    page(world, call, "SSHPublicKeys", &all, |key| ssh(call, key))
}

/// Without a user name it is the caller, who is no user here.
fn of_user(world: &World, call: &Call, is_ssh: bool) -> Result<Vec<Credential>, Fault> {
    if call.str("UserName").is_none() {
        return Ok(Vec::new());
    }
    Ok(users::find(world, call)?.credentials.iter().filter(|c| c.is_ssh() == is_ssh).cloned().collect())
}

fn id(call: &Call) -> &str {
    call.str("ServiceSpecificCredentialId").or(call.str("SSHPublicKeyId")).unwrap_or_default()
}

fn missing(id: &str) -> Fault {
    no_such(format!("The credential with id {id} cannot be found."))
}

/// UpdateServiceSpecificCredential and UpdateSSHPublicKey.
pub(super) fn update(world: &mut World, call: &Call) -> Reply {
    let user = users::change(world, call)?;
    let found = user.credentials.iter_mut().find(|c| c.id == id(call));
    call.required("Status").clone_into(&mut found.ok_or_else(|| missing(id(call)))?.status);
    Ok(json!({}))
}

/// DeleteServiceSpecificCredential and DeleteSSHPublicKey.
pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    let user = users::change(world, call)?;
    let before = user.credentials.len();
    user.credentials.retain(|c| c.id != id(call));
    if user.credentials.len() == before { Err(missing(id(call))) } else { Ok(json!({})) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sandbox::services::lab::Lab;

    #[test]
    fn credentials_and_keys_are_made_listed_and_deleted() {
        let mut lab = Lab::new();
        lab.ok("iam", "CreateUser", json!({"UserName": "jo"}));
        let made = json!({"UserName": "jo", "ServiceName": "codecommit.amazonaws.com"});
        let first =
            lab.ok("iam", "CreateServiceSpecificCredential", made.clone())["ServiceSpecificCredential"]
                .clone();
        lab.ok("iam", "CreateServiceSpecificCredential", made.clone());
        let key = |n: u32| json!({"UserName": "jo", "SSHPublicKeyBody": format!("ssh-rsa AAAA{n} jo")});
        let uploaded = lab.ok("iam", "UploadSSHPublicKey", key(0))["SSHPublicKey"].clone();
        for n in 1..5 {
            lab.ok("iam", "UploadSSHPublicKey", key(n));
        }
        lab.table(
            "iam",
            &[
                ("CreateServiceSpecificCredential", made, "LimitExceeded"),
                (
                    "CreateServiceSpecificCredential",
                    json!({"UserName": "jo", "ServiceName": "s3.amazonaws.com"}),
                    "NotSupportedService",
                ),
                ("UploadSSHPublicKey", key(0), "DuplicateSSHPublicKey"),
                ("UploadSSHPublicKey", key(9), "LimitExceeded"),
                (
                    "UploadSSHPublicKey",
                    json!({"UserName": "jo", "SSHPublicKeyBody": "none"}),
                    "InvalidPublicKey",
                ),
                (
                    "UploadSSHPublicKey",
                    json!({"UserName": "al", "SSHPublicKeyBody": "ssh-rsa A"}),
                    "NoSuchEntity",
                ),
            ],
        );
        let id =
            json!({"UserName": "jo", "ServiceSpecificCredentialId": first["ServiceSpecificCredentialId"]});
        lab.ok("iam", "DeleteServiceSpecificCredential", id.clone());
        assert_eq!(lab.fails("iam", "DeleteServiceSpecificCredential", id).code, "NoSuchEntity");
        let off =
            json!({"UserName": "jo", "SSHPublicKeyId": uploaded["SSHPublicKeyId"], "Status": "Inactive"});
        lab.ok("iam", "UpdateSSHPublicKey", off);
        let user = json!({"UserName": "jo"});
        let listed = lab.ok("iam", "ListServiceSpecificCredentials", user.clone());
        assert_eq!(listed["ServiceSpecificCredentials"].as_array().map(Vec::len), Some(1));
        let keys = lab.ok("iam", "ListSSHPublicKeys", user)["SSHPublicKeys"].clone();
        assert_eq!((keys.as_array().map(Vec::len), &keys[0]["Status"]), (Some(5), &json!("Inactive")));
    }
}
