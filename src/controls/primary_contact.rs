//! The primary contact of every account: to whom AWS writes about the account.
//!
//! * Each account makes the calls for itself, without `AccountId`, as `alternate_contacts` does and for the same reasons.
//! * `PutContactInformation` replaces the whole, and six of its members are required: keys that the baseline does not
//!   declare are read and sent back. <https://docs.aws.amazon.com/accounts/latest/reference/API_PutContactInformation.html>
//! * Every member is marked sensitive in the API model: only the country is written down as it is.

use std::collections::BTreeMap;

use aws_sdk_account::types::ContactInformation as Live;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::baseline::Baseline;
use crate::control::{Control, Cx, DesiredCx, Diff, DynControl, Import, ImportCx, Meta, Reference, Risk, Scope, Seat, Section, SectionMeta, Shape, Wanted, control};
use crate::diag::Findings;
use crate::error::{Absent, Kind, UnitError};
use crate::mask;

/// The primary contact of every account, the management account included.
///
/// A key that is left out is not managed: it keeps what the account has. Keys that AWS does not require may be an empty
/// text, which takes them away.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PrimaryContact {
    /// Full name of the contact.
    #[schemars(length(min = 1, max = 50))]
    pub full_name: Option<String>,
    /// Name of the company.
    #[schemars(length(max = 50))]
    pub company_name: Option<String>,
    /// First line of the address.
    #[schemars(length(min = 1, max = 60))]
    pub address_line_1: Option<String>,
    /// Second line of the address.
    #[schemars(length(max = 60))]
    pub address_line_2: Option<String>,
    /// Third line of the address.
    #[schemars(length(max = 60))]
    pub address_line_3: Option<String>,
    /// City.
    #[schemars(length(min = 1, max = 50))]
    pub city: Option<String>,
    /// State or region. AWS asks for it in US, CA, GB, DE, JP, IN and BR.
    #[schemars(length(max = 50))]
    pub state_or_region: Option<String>,
    /// District or county.
    #[schemars(length(max = 50))]
    pub district_or_county: Option<String>,
    /// Postal code.
    #[schemars(length(min = 1, max = 20))]
    pub postal_code: Option<String>,
    /// Country: two letters of ISO 3166, such as `IE`.
    #[schemars(regex(pattern = r"^[A-Z]{2}$"))]
    pub country_code: Option<String>,
    /// Telephone number with the country's code: `+`, digits, spaces and `( ) -`.
    #[schemars(length(min = 1, max = 20), regex(pattern = r"^[+][\s0-9()-]+$"))]
    pub phone: Option<String>,
    /// Address of the company's web site.
    #[schemars(length(max = 256))]
    pub website_url: Option<String>,
}

/// Countries in which AWS wants a state or region (API reference, `ContactInformation`).
const WITH_STATE: [&str; 7] = ["US", "CA", "GB", "DE", "JP", "IN", "BR"];

/// Keys that AWS does not take a contact without.
const REQUIRED: [&str; 6] =
    ["full_name", "address_line_1", "city", "postal_code", "country_code", "phone"];

impl PrimaryContact {
    /// The declared keys with their texts.
    fn declared(&self) -> Contact {
        let keys = [
            ("full_name", &self.full_name),
            ("company_name", &self.company_name),
            ("address_line_1", &self.address_line_1),
            ("address_line_2", &self.address_line_2),
            ("address_line_3", &self.address_line_3),
            ("city", &self.city),
            ("state_or_region", &self.state_or_region),
            ("district_or_county", &self.district_or_county),
            ("postal_code", &self.postal_code),
            ("country_code", &self.country_code),
            ("phone", &self.phone),
            ("website_url", &self.website_url),
        ];
        Contact(keys.into_iter().filter_map(|(key, text)| Some((key, text.clone()?))).collect())
    }
}

impl Section for PrimaryContact {
    const META: SectionMeta = SectionMeta {
        id: "primary_contact",
        title: "Primary contact",
        summary: "Sets name, address and telephone number to which AWS writes about an account, in every account and \
                  the management account. A new account takes them from the management account once, and then keeps them.",
        shape: Shape::Table,
        references: &[
            Reference::cis("1.2.0", "1.17"),
            Reference::cis("1.4.0", "1.1"),
            Reference::cis("1.5.0", "1.1"),
            Reference::cis("2.0.0", "1.1"),
            Reference::cis("3.0.0", "1.1"),
            Reference::cis("4.0.1", "1.1"),
            Reference::cis("5.0.0", "1.1"),
            Reference::cis("6.0.0", "2.1"),
            Reference::cis("7.0.0", "2.2"),
            Reference::row("AXN-017"),
            Reference::row("QST-015").partly("alternate contacts, which are another section; the root user's address"),
            Reference::row("RDM-022").partly("payment"),
        ],
        billed: None,
    };

    fn check(&self, _baseline: &Baseline, findings: &mut Findings<'_>) {
        let country = self.country_code.as_deref().unwrap_or_default();
        if WITH_STATE.contains(&country) && self.state_or_region.as_deref().unwrap_or_default().is_empty() {
            findings.hint(
                "country_code",
                format!("AWS asks for a state or region in {country}"),
                "declare `state_or_region` as well",
            );
        }
    }

    fn import(_cx: &ImportCx<'_>) -> Import<PrimaryContact> {
        Import::Ask(PrimaryContact { full_name: Some("x".into()), ..PrimaryContact::default() })
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<Primary>()]
    }
}

/// A contact by key of the section. Masked wherever it is written down.
#[derive(Debug, Clone, Default, PartialEq)]
struct Contact(BTreeMap<&'static str, String>);

impl Contact {
    fn get(&self, key: &str) -> Option<String> {
        self.0.get(key).filter(|text| !text.is_empty()).cloned()
    }
}

impl Serialize for Contact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, text)| (key, masked(key, text))))
    }
}

fn masked(key: &str, text: &str) -> String {
    match key {
        "country_code" => text.to_string(),
        "phone" => mask::phone(text),
        _ => mask::text(text),
    }
}

/// The only part.
struct Primary;

impl Control for Primary {
    type Section = PrimaryContact;
    type Desired = Contact;
    /// Absent: the account has none.
    type Actual = Option<Contact>;
    const META: Meta = Meta {
        scope: Scope::Account,
        seat: Seat::Member,
        reads: &["account:GetContactInformation"],
        writes: &["account:PutContactInformation"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, PrimaryContact>) -> Vec<Wanted<Contact>> {
        let contact = cx.section.declared();
        if contact.0.is_empty() { Vec::new() } else { Wanted::one(contact) }
    }

    async fn read(cx: &Cx<'_>, _want: &Contact) -> Result<Option<Contact>, UnitError> {
        let answer = cx
            .aws
            .account_management()
            .call("GetContactInformation", |c| c.get_contact_information().send())
            .await
            .absent(&["ResourceNotFoundException"])?;
        let Some(answer) = answer else { return Ok(None) };
        let live = answer.contact_information.ok_or_else(|| UnitError::missing("the primary contact"))?;
        Ok(Some(from_live(live)))
    }

    fn import(_cx: &Cx<'_>, _want: &Contact, have: &Option<Contact>) -> Option<PrimaryContact> {
        let have = have.as_ref()?;
        Some(PrimaryContact {
            full_name: have.get("full_name"),
            company_name: have.get("company_name"),
            address_line_1: have.get("address_line_1"),
            address_line_2: have.get("address_line_2"),
            address_line_3: have.get("address_line_3"),
            city: have.get("city"),
            state_or_region: have.get("state_or_region"),
            district_or_county: have.get("district_or_county"),
            postal_code: have.get("postal_code"),
            country_code: have.get("country_code"),
            phone: have.get("phone"),
            website_url: have.get("website_url"),
        })
    }

    fn diff(want: &Contact, have: &Option<Contact>) -> Diff {
        let mut d = Diff::new();
        let none = Contact::default();
        let have = have.as_ref().unwrap_or(&none);
        for key in want.0.keys() {
            let shown = |contact: &Contact| contact.get(key).map(|text| masked(key, &text));
            d.risky(key, &shown(have), Some(&shown(want)), Risk::Normal);
        }
        let lacks = missing(want, have);
        if !d.is_empty() && !lacks.is_empty() {
            d.by_hand = Some(format!(
                "the account has no primary contact yet, and the baseline does not declare all of one: {}",
                lacks.join(", ")
            ));
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Contact, have: &Option<Contact>) -> Result<(), UnitError> {
        let contact = to_live(&merge(want, have.as_ref()))?;
        cx.aws
            .account_management()
            .call("PutContactInformation", |c| {
                c.put_contact_information().contact_information(contact.clone()).send()
            })
            .await?;
        Ok(())
    }
}

/// What is declared, else what is there.
fn merge(want: &Contact, have: Option<&Contact>) -> Contact {
    let mut merged = have.cloned().unwrap_or_default();
    merged.0.extend(want.0.iter().map(|(key, text)| (*key, text.clone())));
    merged
}

/// Required keys that neither of the two has.
fn missing(want: &Contact, have: &Contact) -> Vec<&'static str> {
    let merged = merge(want, Some(have));
    REQUIRED.into_iter().filter(|key| merged.get(key).is_none()).collect()
}

fn from_live(live: Live) -> Contact {
    let keys = [
        ("full_name", Some(live.full_name)),
        ("company_name", live.company_name),
        ("address_line_1", Some(live.address_line1)),
        ("address_line_2", live.address_line2),
        ("address_line_3", live.address_line3),
        ("city", Some(live.city)),
        ("state_or_region", live.state_or_region),
        ("district_or_county", live.district_or_county),
        ("postal_code", Some(live.postal_code)),
        ("country_code", Some(live.country_code)),
        ("phone", Some(live.phone_number)),
        ("website_url", live.website_url),
    ];
    Contact(keys.into_iter().filter_map(|(key, text)| Some((key, text?))).collect())
}

fn to_live(contact: &Contact) -> Result<Live, UnitError> {
    Live::builder()
        .set_full_name(contact.get("full_name"))
        .set_company_name(contact.get("company_name"))
        .set_address_line1(contact.get("address_line_1"))
        .set_address_line2(contact.get("address_line_2"))
        .set_address_line3(contact.get("address_line_3"))
        .set_city(contact.get("city"))
        .set_state_or_region(contact.get("state_or_region"))
        .set_district_or_county(contact.get("district_or_county"))
        .set_postal_code(contact.get("postal_code"))
        .set_country_code(contact.get("country_code"))
        .set_phone_number(contact.get("phone"))
        .set_website_url(contact.get("website_url"))
        .build()
        .map_err(|e| UnitError::new(Kind::Rejected, format!("the primary contact is not complete: {e}")))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn contact(keys: &[(&'static str, &str)]) -> Contact {
        Contact(keys.iter().map(|(key, text)| (*key, (*text).to_string())).collect())
    }

    fn whole() -> Contact {
        contact(&[
            ("full_name", "Jo Doe"),
            ("address_line_1", "1 Example Street"),
            ("address_line_2", "Floor 2"),
            ("city", "Dublin"),
            ("postal_code", "D02 XY00"),
            ("country_code", "IE"),
            ("phone", "+353 1 555 0100"),
        ])
    }

    fn paths(d: &Diff) -> Vec<&str> {
        d.changes.iter().map(|c| c.path.as_str()).collect()
    }

    #[test]
    fn only_declared_keys_are_compared_and_the_others_are_sent_back() {
        let want = contact(&[("full_name", "Al Roe"), ("city", "Dublin")]);
        assert_eq!(paths(&Primary::diff(&want, &Some(whole()))), ["full_name"]);
        let sent = to_live(&merge(&want, Some(&whole()))).unwrap();
        assert_eq!((sent.full_name.as_str(), sent.postal_code.as_str()), ("Al Roe", "D02 XY00"));
        assert_eq!(from_live(to_live(&whole()).unwrap()), whole());
    }

    #[test]
    fn an_empty_text_takes_a_key_away() {
        let want = contact(&[("address_line_2", "")]);
        let d = Primary::diff(&want, &Some(whole()));
        assert_eq!((paths(&d), d.changes[0].after.is_null()), (vec!["address_line_2"], true));
        let sent = to_live(&merge(&want, Some(&whole()))).unwrap();
        assert_eq!(sent.address_line2, None);
        assert!(Primary::diff(&want, &Some(from_live(sent))).is_empty());
    }

    #[test]
    fn an_account_without_a_contact_needs_all_that_aws_requires() {
        let d = Primary::diff(&contact(&[("city", "Dublin")]), &None);
        assert!(d.by_hand.unwrap().contains("full_name, address_line_1, postal_code"));
        assert_eq!(Primary::diff(&whole(), &None).by_hand, None);
    }

    #[test]
    fn people_are_not_written_down() {
        let text = serde_json::to_string(&(whole(), Primary::diff(&whole(), &None))).unwrap();
        for secret in ["Jo", "Example", "Dublin", "D02", "555"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }

    #[test]
    fn a_state_is_asked_for_where_aws_does() {
        let head = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n[primary_contact]\n";
        let parse = |keys: &str| Baseline::parse("t.toml", &format!("{head}{keys}"));
        assert!(parse("country_code = \"DE\"").is_err());
        assert!(parse("country_code = \"DE\"\nstate_or_region = \"Berlin\"").is_ok());
        assert!(parse("country_code = \"IE\"\nphone = \"+353 1 555 0100\"").is_ok());
        assert!(parse("phone = \"01 555\"").is_err());
    }
}
