//! Identity providers and server certificates.

#![expect(clippy::unnecessary_wraps, reason = "a handler's signature, whether it can refuse or not")]

use serde_json::{Value, json};

use crate::sandbox::world::{Call, Fault, Reply, World};

use super::state::{OidcProvider, SamlProvider};
use super::{already_exists, arn, edit, list as page, no_such, tag_list, tags, view};

fn strings(call: &Call, member: &str) -> Vec<String> {
    let list = call.input.get(member).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(super) fn create_oidc(world: &mut World, call: &Call) -> Reply {
    let url = call.required("Url");
    let Some(host) = url.strip_prefix("https://") else {
        return Err(Fault::new("ValidationError", "Invalid Open ID Connect Provider URL").status(400));
    };
    let arn = arn(world, &call.account, "oidc-provider", "/", host.trim_end_matches('/'));
    if view(world, &call.account).oidc.contains_key(&arn) {
        return Err(already_exists(format!("Provider with url {url} already exists.")));
    }
    let tags = tags(call, &std::collections::BTreeMap::new())?;
    let provider = OidcProvider {
        clients: strings(call, "ClientIDList").into_iter().collect(),
        thumbprints: strings(call, "ThumbprintList"),
    };
    edit(world, call).oidc.insert(arn.clone(), provider);
    Ok(json!({"OpenIDConnectProviderArn": arn, "Tags": tag_list(&tags)}))
}

fn oidc<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut OidcProvider, Fault> {
    let arn = call.required("OpenIDConnectProviderArn");
    world
        .iam
        .get_mut(&call.account)
        .and_then(|iam| iam.oidc.get_mut(arn))
        .ok_or_else(|| no_such(format!("OpenIDConnect Provider not found for arn {arn}")))
}

/// Deleting a provider that is not there is no error (API reference).
pub(super) fn delete_oidc(world: &mut World, call: &Call) -> Reply {
    edit(world, call).oidc.remove(call.required("OpenIDConnectProviderArn"));
    Ok(json!({}))
}

pub(super) fn add_client(world: &mut World, call: &Call) -> Reply {
    oidc(world, call)?.clients.insert(call.required("ClientID").to_owned());
    Ok(json!({}))
}

pub(super) fn remove_client(world: &mut World, call: &Call) -> Reply {
    oidc(world, call)?.clients.remove(call.required("ClientID"));
    Ok(json!({}))
}

pub(super) fn update_thumbprint(world: &mut World, call: &Call) -> Reply {
    oidc(world, call)?.thumbprints = strings(call, "ThumbprintList");
    Ok(json!({}))
}

pub(super) fn create_saml(world: &mut World, call: &Call) -> Reply {
    let arn = arn(world, &call.account, "saml-provider", "/", call.required("Name"));
    if view(world, &call.account).saml.contains_key(&arn) {
        return Err(already_exists(format!("SAMLProvider {} already exists.", call.required("Name"))));
    }
    let tags = tags(call, &std::collections::BTreeMap::new())?;
    let provider =
        SamlProvider { metadata: call.required("SAMLMetadataDocument").to_owned(), created: call.now };
    edit(world, call).saml.insert(arn.clone(), provider);
    Ok(json!({"SAMLProviderArn": arn, "Tags": tag_list(&tags)}))
}

fn no_saml(call: &Call) -> Fault {
    no_such(format!("SAMLProvider {} does not exist.", call.required("SAMLProviderArn")))
}

pub(super) fn update_saml(world: &mut World, call: &Call) -> Reply {
    let arn = call.required("SAMLProviderArn");
    let known = world.iam.get_mut(&call.account).and_then(|iam| iam.saml.get_mut(arn));
    let provider = known.ok_or_else(|| no_saml(call))?;
    if let Some(metadata) = call.str("SAMLMetadataDocument") {
        metadata.clone_into(&mut provider.metadata);
    }
    Ok(json!({"SAMLProviderArn": arn}))
}

pub(super) fn delete_saml(world: &mut World, call: &Call) -> Reply {
    let arn = call.required("SAMLProviderArn");
    let gone = world.iam.get_mut(&call.account).and_then(|iam| iam.saml.remove(arn));
    gone.map(|_| json!({})).ok_or_else(|| no_saml(call))
}

pub(super) fn list_saml(world: &mut World, call: &Call) -> Reply {
    let providers: Vec<Value> = view(world, &call.account)
        .saml
        .iter()
        .map(|(arn, provider)| json!({"Arn": arn, "CreateDate": provider.created}))
        .collect();
    Ok(json!({"SAMLProviderList": providers}))
}

pub(super) fn list_certificates(world: &mut World, call: &Call) -> Reply {
    let certificates: Vec<Value> = view(world, &call.account)
        .certificates
        .iter()
        .map(|(name, certificate)| {
            json!({
                "Path": certificate.path,
                "ServerCertificateName": name,
                "ServerCertificateId": certificate.id,
                "Arn": arn(world, &call.account, "server-certificate", &certificate.path, name),
                "UploadDate": certificate.uploaded,
                "Expiration": certificate.expires,
            })
        })
        .collect();
    page(world, call, "ServerCertificateMetadataList", &certificates, Clone::clone)
}

pub(super) fn delete_certificate(world: &mut World, call: &Call) -> Reply {
    let name = call.required("ServerCertificateName");
    let gone = world.iam.get_mut(&call.account).and_then(|iam| iam.certificates.remove(name));
    gone.map(|_| json!({}))
        .ok_or_else(|| no_such(format!("The Server Certificate with name {name} cannot be found.")))
}
