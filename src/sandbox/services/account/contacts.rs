//! Alternate contacts, the primary contact and the e-mail address.

#![expect(clippy::unnecessary_wraps, reason = "a handler's signature, whether it can refuse or not")]

use serde_json::{Value, json};

use crate::sandbox::services::organizations;
use crate::sandbox::world::{Call, Fault, Reply, World};

use super::{edit, view};

fn not_found(message: &str) -> Fault {
    Fault::new("ResourceNotFoundException", message).status(404)
}

fn no_alternate() -> Fault {
    not_found("No contact of the inputted alternate contact type found.")
}

pub(super) fn get_alternate(world: &mut World, call: &Call, account: &str) -> Reply {
    let kind = call.required("AlternateContactType");
    let contact =
        view(world, account).and_then(|state| state.alternate.get(kind)).ok_or_else(no_alternate)?;
    Ok(json!({"AlternateContact": contact}))
}

pub(super) fn put_alternate(world: &mut World, call: &Call, account: &str) -> Reply {
    let kind = call.required("AlternateContactType");
    let contact = json!({
        "Name": call.required("Name"),
        "Title": call.required("Title"),
        "EmailAddress": call.required("EmailAddress"),
        "PhoneNumber": call.required("PhoneNumber"),
        "AlternateContactType": kind,
    });
    edit(world, account).alternate.insert(kind.to_owned(), contact);
    Ok(json!({}))
}

pub(super) fn delete_alternate(world: &mut World, call: &Call, account: &str) -> Reply {
    let kind = call.required("AlternateContactType");
    let known = view(world, account).is_some_and(|state| state.alternate.contains_key(kind));
    if !known {
        return Err(no_alternate());
    }
    edit(world, account).alternate.remove(kind);
    Ok(json!({}))
}

/// An account has a contact from its first day.
pub(super) fn get(world: &mut World, _call: &Call, account: &str) -> Reply {
    let own = view(world, account).and_then(|state| state.contact.clone());
    Ok(json!({"ContactInformation": own.unwrap_or_else(at_sign_up)}))
}

/// A created account takes the management account's contact once ("Creating a member account", CreateAccount: the
/// account "automatically inherits" its contact information).
pub fn inherit_contact(world: &mut World, account: &str) {
    let management = organizations::management(world).unwrap_or_default();
    if let Some(contact) = view(world, management).and_then(|state| state.contact.clone()) {
        edit(world, account).contact = Some(contact);
    }
}

fn at_sign_up() -> Value {
    json!({
        "FullName": "Example Corp",
        "AddressLine1": "1 Example Street",
        "City": "Dublin",
        "PostalCode": "D02 XY00",
        "CountryCode": "IE",
        "PhoneNumber": "+353 1 555 0100",
    })
}

/// Countries in which StateOrRegion is required (API reference, ContactInformation).
const WITH_STATE: [&str; 7] = ["US", "CA", "GB", "DE", "JP", "IN", "BR"];

/// Replaces the whole contact.
pub(super) fn put(world: &mut World, call: &Call, account: &str) -> Reply {
    let contact = call.input.get("ContactInformation").cloned().unwrap_or_default();
    let country = contact.get("CountryCode").and_then(Value::as_str).unwrap_or_default();
    if WITH_STATE.contains(&country) && contact.get("StateOrRegion").is_none() {
        // Guess: the wording.
        return Err(super::validation(format!("StateOrRegion is required for country code {country}.")));
    }
    edit(world, account).contact = Some(contact);
    Ok(json!({}))
}

pub(super) fn get_email(world: &mut World, _call: &Call, account: &str) -> Reply {
    let member = world.organizations.accounts.get(account);
    let member = member.ok_or_else(|| not_found("The account does not exist."))?;
    Ok(json!({"PrimaryEmail": member.email}))
}

/// The new address waits for a one-time password that only its reader gets, so nothing changes.
pub(super) fn start_email_update(world: &mut World, call: &Call, account: &str) -> Reply {
    let wanted = call.required("PrimaryEmail");
    let taken = world
        .organizations
        .accounts
        .values()
        .any(|a| a.id != account && a.email.eq_ignore_ascii_case(wanted));
    if taken {
        return Err(
            Fault::new("ConflictException", "The email address is in use by another account.").status(409)
        );
    }
    Ok(json!({"Status": "PENDING"}))
}
