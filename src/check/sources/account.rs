//! What Account Management knows of an account.

use crate::check::source::{ReadCx, Source};
use crate::compliance::cis::RuleScope;
use crate::error::{Absent as _, CallError};

use aws_sdk_account::types::AlternateContactType;

/// The primary contact: which of its required fields are filled in.
pub(crate) struct Contact {
    /// Names of fields that are empty.
    pub(crate) missing: Vec<&'static str>,
}

/// The management account may not name its own id; every account asks for itself.
impl Source for Contact {
    const SCOPE: RuleScope = RuleScope::Account;
    const READS: &'static [&'static str] = &["account:GetContactInformation"];

    async fn read(cx: &ReadCx<'_>) -> Result<Contact, CallError> {
        let account = cx.aws.account_management();
        let answer = account
            .call("GetContactInformation", |c| c.get_contact_information().send())
            .await
            .absent(&["ResourceNotFoundException"])?;
        let contact = answer.and_then(|a| a.contact_information);
        let fields = contact.map_or([const { None }; 6].map(|_: Option<()>| String::new()), |c| {
            [c.full_name, c.phone_number, c.address_line1, c.city, c.country_code, c.postal_code]
        });
        let names = ["full name", "telephone number", "address", "city", "country", "postal code"];
        let empty = names.into_iter().zip(fields).filter(|(_, value)| value.trim().is_empty());
        Ok(Contact { missing: empty.map(|(name, _)| name).collect() })
    }
}

/// Whether the alternate contact for security is there.
pub(crate) struct SecurityContact(pub(crate) bool);

impl Source for SecurityContact {
    const SCOPE: RuleScope = RuleScope::Account;
    const READS: &'static [&'static str] = &["account:GetAlternateContact"];

    async fn read(cx: &ReadCx<'_>) -> Result<SecurityContact, CallError> {
        let account = cx.aws.account_management();
        let security = AlternateContactType::Security;
        let answer = account
            .call("GetAlternateContact", |c| {
                c.get_alternate_contact().alternate_contact_type(security.clone()).send()
            })
            .await
            .absent(&["ResourceNotFoundException"])?;
        Ok(SecurityContact(answer.is_some_and(|a| a.alternate_contact.is_some())))
    }
}
