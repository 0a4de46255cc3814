//! Contacts in what is written down: plans, journals, logs and reports show enough to tell them apart, and no more.

use crate::digest::sha256_hex;

/// Hexadecimal digits of the hash that tells two masked texts apart.
const DIGITS: usize = 8;

/// A URL as `https://host/...#hash`: paths of webhooks are secrets.
pub fn url(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // User and password may stand before the host.
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}/...#{}", hash(url))
}

/// An e-mail address as `...@example.com#hash`.
pub fn email(address: &str) -> String {
    let domain = address.rsplit('@').next().unwrap_or_default();
    format!("...@{domain}#{}", hash(address))
}

/// A telephone number as `tel:...#hash`.
pub fn phone(number: &str) -> String {
    format!("tel:...#{}", hash(number))
}

/// A name, an address or the like as `...#hash`.
pub fn text(text: &str) -> String {
    format!("...#{}", hash(text))
}

fn hash(text: &str) -> String {
    sha256_hex(text.as_bytes()).chars().take(DIGITS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_and_different_contacts_stay_apart() {
        let hook = url("https://user:pw@hooks.example.com/services/T0/B0/secret?token=x");
        assert!(hook.starts_with("https://hooks.example.com/...#"), "{hook}");
        assert!(!hook.contains("secret") && !hook.contains("pw"));
        assert_ne!(hook, url("https://hooks.example.com/services/T0/B0/other"));

        let mail = email("secops@example.com");
        assert!(mail.starts_with("...@example.com#"), "{mail}");
        assert_ne!(mail, email("other@example.com"));

        let number = phone("+44 20 7946 0000");
        assert!(number.starts_with("tel:...#") && !number.contains("7946"), "{number}");
        assert_ne!(number, phone("+44 20 7946 0001"));

        let name = text("Jo Doe");
        assert!(name.starts_with("...#") && !name.contains("Doe"), "{name}");
        assert_ne!(name, text("Al Doe"));
    }
}
