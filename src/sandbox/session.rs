//! Credentials that the sandbox's AssumeRole issues, and the way back from them to the caller.
//!
//! Nothing is stored: the access key carries the account and the session token the rest, so that a state file needs
//! no table of keys and a key works in any process that opens the same organization.
//!
//! ```text
//! access key     ASIAORGB + 8 characters (account, 40 bits) + 4 characters (check of the token, 20 bits)
//! session token  base64url of account, role, session name, expiry and, where there is one, session policy (base64url),
//!                one per line
//! ```
//!
//! The secrets guard nothing (this is a simulation on the user's own machine); they are derived, so that strict mode
//! can recompute a signature.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::world::{Fault, Principal};

const PREFIX: &str = "ASIAORGB";
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Temporary credentials, as AssumeRole returns them.
#[derive(Debug, Clone, PartialEq)]
pub struct Credentials {
    /// 20 characters, beginning with `ASIA`.
    pub access_key_id: String,
    /// 40 characters.
    pub secret_access_key: String,
    /// Opaque to the caller.
    pub session_token: String,
    /// Seconds since 1970, UTC.
    pub expiration: f64,
}

/// Makes the credentials of a role session that ends at `expiration` (seconds since 1970).
///
/// Pure: the same arguments give the same credentials. `account` is 12 digits; `role` has no path.
pub fn issue(account: &str, role: &str, session: &str, expiration: f64) -> Credentials {
    issue_with(account, role, session, expiration, None)
}

/// The same, with a session policy (JSON).
pub fn issue_with(
    account: &str,
    role: &str,
    session: &str,
    expiration: f64,
    policy: Option<&str>,
) -> Credentials {
    let policy = policy.map(|text| format!("\n{}", URL_SAFE_NO_PAD.encode(text))).unwrap_or_default();
    let session_token = URL_SAFE_NO_PAD.encode(format!("{account}\n{role}\n{session}\n{expiration}{policy}"));
    let number = account.parse::<u64>().unwrap_or_default();
    let access_key_id = format!("{PREFIX}{}{}", base32(number, 8), base32(check(&session_token), 4));
    Credentials { secret_access_key: secret(&access_key_id), access_key_id, session_token, expiration }
}

/// The secret that belongs to an access key that the sandbox issued.
pub fn secret(access_key_id: &str) -> String {
    let digest = Sha256::digest(format!("orgbase sandbox {access_key_id}"));
    STANDARD.encode(digest).chars().take(40).collect()
}

/// Who signed with `access_key_id` and `token`: the account and the role session, or `None` where the sandbox did not
/// issue the key (then the caller is the management account).
///
/// # Errors
/// `InvalidClientTokenId` where the key is ours but the token is missing or another one's; `ExpiredToken` where the
/// session is over at `now`. Codes and messages as STS sends them.
pub fn identify(
    access_key_id: &str,
    token: Option<&str>,
    now: f64,
) -> Result<Option<(String, Principal)>, Fault> {
    if !access_key_id.starts_with(PREFIX) {
        return Ok(None);
    }
    let invalid = || {
        Fault::new("InvalidClientTokenId", "The security token included in the request is invalid.")
            .status(403)
    };
    let token = token.ok_or_else(invalid)?;
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
    let text = String::from_utf8(bytes).map_err(|_| invalid())?;
    let mut lines = text.split('\n');
    let (Some(account), Some(role), Some(session), Some(expiry)) =
        (lines.next(), lines.next(), lines.next(), lines.next())
    else {
        return Err(invalid());
    };
    let expiration: f64 = expiry.parse().map_err(|_| invalid())?;
    let policy = policy_of(&mut lines);
    if issue_with(account, role, session, expiration, policy.as_deref()).access_key_id != access_key_id {
        return Err(invalid());
    }
    if now >= expiration {
        return Err(
            Fault::new("ExpiredToken", "The security token included in the request is expired").status(403)
        );
    }
    Ok(Some((account.to_owned(), Principal::Role { role: role.to_owned(), session: session.to_owned() })))
}

/// The session policy that a token carries.
pub(super) fn policy(token: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    policy_of(&mut text.split('\n').skip(4))
}

fn policy_of<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(lines.next()?).ok()?).ok()
}

/// The low `5 * length` bits of `number`, most significant first.
fn base32(number: u64, length: u32) -> String {
    (0..length)
        .rev()
        .filter_map(|position| ALPHABET.get((number >> (5 * position)) as usize & 31))
        .map(|letter| char::from(*letter))
        .collect()
}

fn check(token: &str) -> u64 {
    Sha256::digest(token).iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_was_issued_is_identified() {
        let made = issue("123456789012", "OrganizationAccountAccessRole", "orgbase-run", 2000.0);
        assert_eq!(made.access_key_id.len(), 20);
        assert_eq!(made.secret_access_key.len(), 40);
        let caller = identify(&made.access_key_id, Some(&made.session_token), 1000.0).unwrap();
        let principal =
            Principal::Role { role: "OrganizationAccountAccessRole".into(), session: "orgbase-run".into() };
        assert_eq!(caller, Some(("123456789012".into(), principal)));
    }

    #[test]
    fn other_keys_are_nobody_special() {
        assert_eq!(identify("AKIAIOSFODNN7EXAMPLE", None, 0.0).unwrap(), None);
        assert_eq!(identify("ASIAIOSFODNN7EXAMPLE", Some("x"), 0.0).unwrap(), None);
    }

    #[test]
    fn a_key_without_its_token_is_refused() {
        let made = issue("123456789012", "r", "s", 2000.0);
        let other = issue("123456789012", "admin", "s", 2000.0);
        for token in [None, Some("!"), Some(other.session_token.as_str())] {
            assert_eq!(identify(&made.access_key_id, token, 0.0).unwrap_err().code, "InvalidClientTokenId");
        }
        let late = identify(&made.access_key_id, Some(&made.session_token), 2000.0);
        assert_eq!(late.unwrap_err().code, "ExpiredToken");
    }
}
