//! Alternate contacts of every account: whom AWS asks about bills, operations and security.
//!
//! * Each account makes the calls for itself, without `AccountId`: the central form is paced for the whole organization
//!   (10 reads per second) and refuses the management account.
//!   <https://docs.aws.amazon.com/accounts/latest/reference/API_GetAlternateContact.html>
//! * `PutAlternateContact` replaces the contact; all four members are required, so a contact is declared whole.
//! * A contact that does not exist is `ResourceNotFoundException`.

use std::collections::BTreeMap;

use aws_sdk_account::types::{AlternateContact, AlternateContactType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::baseline::Baseline;
use crate::control::{Control, Cx, DesiredCx, Diff, DynControl, Import, ImportCx, Meta, Reference, Risk, Scope, Seat, Section, SectionMeta, Shape, Wanted, control};
use crate::diag::Findings;
use crate::error::{Absent, UnitError};
use crate::mask;

/// The alternate contacts of every account, the management account included.
///
/// A contact that is left out is not managed. One is deleted only through `[[removed]]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AlternateContacts {
    /// Who gets questions about bills.
    pub billing: Option<Contact>,
    /// Who gets questions about operations.
    pub operations: Option<Contact>,
    /// Who gets reports of abuse and security notices.
    pub security: Option<Contact>,
}

/// A person or, better, a team with a mailing list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Name.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Job title.
    #[schemars(length(min = 1, max = 50))]
    pub title: String,
    /// E-mail address.
    #[schemars(length(min = 1, max = 254), regex(pattern = r"^[\w+=.#|!&-]+@[\w.-]+\.\w+$"))]
    pub email: String,
    /// Telephone number: digits, spaces and `( ) + -`.
    #[schemars(length(min = 1, max = 25), regex(pattern = r"^[0-9()+-][0-9 ()+-]*$"))]
    pub phone: String,
}

impl AlternateContacts {
    fn get(&self, kind: Kind) -> Option<&Contact> {
        match kind {
            Kind::Billing => self.billing.as_ref(),
            Kind::Operations => self.operations.as_ref(),
            Kind::Security => self.security.as_ref(),
        }
    }
}

impl Section for AlternateContacts {
    const META: SectionMeta = SectionMeta {
        id: "alternate_contacts",
        title: "Alternate contacts",
        summary: "Sets whom AWS asks about bills, operations and security beside the root user, in every account and \
                  the management account. Reports of abuse go to the security contact.",
        shape: Shape::Table,
        references: &[
            Reference::cis("1.2.0", "1.18"),
            Reference::cis("1.4.0", "1.2"),
            Reference::cis("1.5.0", "1.2"),
            Reference::cis("2.0.0", "1.2"),
            Reference::cis("3.0.0", "1.2"),
            Reference::cis("4.0.1", "1.2"),
            Reference::cis("5.0.0", "1.2"),
            Reference::cis("6.0.0", "2.2"),
            Reference::cis("7.0.0", "2.3"),
            Reference::row("AXN-018"),
            Reference::row("FXL-025").partly("whether an address is a mailing list"),
            Reference::row("QST-015").partly("the primary contact and the root user's e-mail address"),
        ],
        billed: None,
    };

    fn check(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        for removed in baseline.removed.iter().filter(|r| r.control == Self::META.id) {
            let (name, place) = (&removed.name, &removed.declared_at);
            match Kind::from_name(name) {
                None => findings.hint(
                    "",
                    format!("`[[removed]]` at {place}: `{name}` is no contact"),
                    "the contacts are: `billing`, `operations`, `security`",
                ),
                Some(kind) if self.get(kind).is_some() => {
                    findings.at(name, format!("`{name}` is declared here and removed by `[[removed]]` at {place}"));
                }
                Some(_) => {}
            }
        }
    }

    fn import(_cx: &ImportCx<'_>) -> Import<AlternateContacts> {
        let any = || {
            let [name, title, email, phone] = ["x", "x", "x@example.com", "0"].map(String::from);
            Some(Contact { name, title, email, phone })
        };
        Import::Ask(AlternateContacts { billing: any(), operations: any(), security: any() })
    }

    const TAKES_REMOVED: bool = true;

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<Contacts>()]
    }
}

/// The three contacts that an account can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Billing,
    Operations,
    Security,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Billing, Kind::Operations, Kind::Security];

    /// The key in the baseline.
    fn name(self) -> &'static str {
        match self {
            Kind::Billing => "billing",
            Kind::Operations => "operations",
            Kind::Security => "security",
        }
    }

    fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    fn live(self) -> AlternateContactType {
        match self {
            Kind::Billing => AlternateContactType::Billing,
            Kind::Operations => AlternateContactType::Operations,
            Kind::Security => AlternateContactType::Security,
        }
    }
}

/// A contact as it is written down: enough to tell two apart.
#[derive(Debug, Clone, PartialEq)]
struct Masked(Contact);

impl Serialize for Masked {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Contact { name, title, email, phone } = &self.0;
        let text = format!("{name}, {title} <{}> {}", mask::email(email), mask::phone(phone));
        serializer.serialize_str(&text)
    }
}

/// The managed contacts; `None`: there should be none.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Desired(BTreeMap<Kind, Option<Masked>>);

/// The contacts that were asked for; `None`: the account has none.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Actual(BTreeMap<Kind, Option<Masked>>);

/// The only part.
struct Contacts;

impl Control for Contacts {
    type Section = AlternateContacts;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        scope: Scope::Account,
        seat: Seat::Member,
        reads: &["account:GetAlternateContact"],
        writes: &["account:DeleteAlternateContact", "account:PutAlternateContact"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, AlternateContacts>) -> Vec<Wanted<Desired>> {
        let removed = cx.baseline.removed.iter().filter(|r| r.control == AlternateContacts::META.id);
        let mut contacts: BTreeMap<Kind, Option<Masked>> =
            removed.filter_map(|r| Some((Kind::from_name(&r.name)?, None))).collect();
        let declared = Kind::ALL.into_iter().filter_map(|kind| Some((kind, cx.section.get(kind)?)));
        contacts.extend(declared.map(|(kind, contact)| (kind, Some(Masked(contact.clone())))));
        if contacts.is_empty() { Vec::new() } else { Wanted::one(Desired(contacts)) }
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        let account = cx.aws.account_management();
        let mut found = BTreeMap::new();
        for kind in want.0.keys() {
            let answer = account
                .call("GetAlternateContact", |c| {
                    c.get_alternate_contact().alternate_contact_type(kind.live()).send()
                })
                .await
                .absent(&["ResourceNotFoundException"])?;
            let contact = match answer {
                None => None,
                Some(answer) => Some(from_live(answer.alternate_contact)?),
            };
            found.insert(*kind, contact);
        }
        Ok(Actual(found))
    }

    fn import(_cx: &Cx<'_>, _want: &Desired, have: &Actual) -> Option<AlternateContacts> {
        let of = |kind| have.0.get(&kind).and_then(Option::as_ref).map(|masked| masked.0.clone());
        let found = AlternateContacts {
            billing: of(Kind::Billing),
            operations: of(Kind::Operations),
            security: of(Kind::Security),
        };
        (found != AlternateContacts::default()).then_some(found)
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        for (kind, want) in &want.0 {
            let path = kind.name();
            match (want, have.0.get(kind).and_then(Option::as_ref)) {
                (None, None) => {}
                (None, Some(have)) => d.delete(path, have, Risk::Destructive),
                (Some(want), None) => d.create(path, want),
                (Some(Masked(want)), Some(Masked(have))) => fields(&mut d, path, want, have),
            }
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        for (kind, contact) in &want.0 {
            let found = have.0.get(kind).and_then(Option::as_ref);
            match contact {
                Some(contact) if found != Some(contact) => put(cx, *kind, &contact.0).await?,
                None if found.is_some() => delete(cx, *kind).await?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// What differs between two contacts, key by key.
fn fields(d: &mut Diff, path: &str, want: &Contact, have: &Contact) {
    let at = |key: &str| format!("{path}.{key}");
    d.field(&at("name"), &have.name, Some(&want.name));
    d.field(&at("title"), &have.title, Some(&want.title));
    d.field(&at("email"), &mask::email(&have.email), Some(&mask::email(&want.email)));
    d.field(&at("phone"), &mask::phone(&have.phone), Some(&mask::phone(&want.phone)));
}

async fn put(cx: &Cx<'_>, kind: Kind, contact: &Contact) -> Result<(), UnitError> {
    cx.aws
        .account_management()
        .call("PutAlternateContact", |c| {
            c.put_alternate_contact()
                .alternate_contact_type(kind.live())
                .name(&contact.name)
                .title(&contact.title)
                .email_address(&contact.email)
                .phone_number(&contact.phone)
                .send()
        })
        .await?;
    Ok(())
}

async fn delete(cx: &Cx<'_>, kind: Kind) -> Result<(), UnitError> {
    cx.aws
        .account_management()
        .call("DeleteAlternateContact", |c| {
            c.delete_alternate_contact().alternate_contact_type(kind.live()).send()
        })
        .await
        .absent(&["ResourceNotFoundException"])?;
    Ok(())
}

fn from_live(live: Option<AlternateContact>) -> Result<Masked, UnitError> {
    let live = live.ok_or_else(|| UnitError::missing("the alternate contact"))?;
    let member = |value: Option<String>, name: &str| {
        value.ok_or_else(|| UnitError::missing(&format!("{name} of the alternate contact")))
    };
    Ok(Masked(Contact {
        name: member(live.name, "the name")?,
        title: member(live.title, "the title")?,
        email: member(live.email_address, "the e-mail address")?,
        phone: member(live.phone_number, "the telephone number")?,
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const HEAD: &str = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n";
    const SECURITY: &str = "[alternate_contacts.security]\nname = \"Sec Ops\"\ntitle = \"Team\"\n\
                            email = \"secops@example.com\"\nphone = \"+44 20 7946 0000\"\n";

    #[expect(clippy::unnecessary_wraps, reason = "the tests compare options")]
    fn contact(name: &str, email: &str) -> Option<Masked> {
        let (title, phone) = ("Team".to_string(), "+44 20 7946 0000".to_string());
        Some(Masked(Contact { name: name.into(), title, email: email.into(), phone }))
    }

    fn diff(want: Option<Masked>, have: Option<Masked>) -> Diff {
        Contacts::diff(&Desired([(Kind::Security, want)].into()), &Actual([(Kind::Security, have)].into()))
    }

    fn refused(text: &str) -> String {
        Baseline::parse("t.toml", &format!("{HEAD}{text}")).unwrap_err().render(false)
    }

    #[test]
    fn only_what_differs_is_named() {
        let ours = || contact("Sec Ops", "secops@example.com");
        assert!(diff(ours(), ours()).is_empty());
        assert!(diff(None, None).is_empty());
        let other = diff(ours(), contact("Alex", "alex@example.com"));
        let paths: Vec<&str> = other.changes.iter().map(|c| c.path.as_str()).collect();
        assert_eq!(paths, ["security.name", "security.email"]);
        assert_eq!(diff(None, ours()).risk(), Risk::Destructive);
    }

    #[test]
    fn addresses_and_numbers_are_not_written_down() {
        let changes = [diff(contact("A", "a@example.com"), None), diff(None, contact("B", "b@example.com"))];
        let text = serde_json::to_string(&changes).unwrap();
        assert!(text.contains("A, Team <...@example.com#") && text.contains("B, Team <...@"), "{text}");
        assert!(!text.contains("a@example") && !text.contains("b@example") && !text.contains("7946"), "{text}");
    }

    #[test]
    fn a_contact_is_declared_whole_and_in_aws_form() {
        let short = SECURITY.replace("title = \"Team\"\n", "");
        assert!(refused(&short).contains("missing key `title`"), "{}", refused(&short));
        for (good, bad) in [("secops@example.com", "secops"), ("+44 20 7946 0000", "extension 12")] {
            assert!(refused(&SECURITY.replace(good, bad)).contains("does not have the form"), "{bad}");
        }
    }

    #[test]
    fn a_contact_is_either_declared_or_removed() {
        let gone = |name: &str| format!("[[removed]]\ncontrol = \"alternate_contacts\"\nname = \"{name}\"\n");
        let both = refused(&format!("{SECURITY}{}", gone("security")));
        assert!(both.contains("removed by `[[removed]]`"), "{both}");
        let unknown = refused(&format!("{SECURITY}{}", gone("legal")));
        assert!(unknown.contains("`legal` is no contact"), "{unknown}");
    }
}
