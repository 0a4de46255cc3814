//! Roles that people of another account of the organization use: whom they trust, and what their names may be.
//!
//! The trust policy names the account, and its principals only by a condition on `aws:PrincipalArn`: a principal that is
//! named and deleted turns into its id (`AROA...`) in the stored policy, which would differ for ever, and one that is not
//! made yet is refused. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>

use super::access_role::foreign_name;
use super::statements::{Ours, Stored, allow_aws};
use crate::baseline::Baseline;
use crate::diag::Findings;
use crate::facts::Facts;
use crate::policy::{Element, Principal, PrincipalType};

/// Who may assume a role.
#[derive(Debug, Clone, Copy)]
pub struct Trusted<'a> {
    /// Key of the account; `None`: the management account.
    pub account: Option<&'a str>,
    /// Patterns of the ARNs of its principals; `None`: whoever the account's own policies allow.
    pub principals: Option<&'a [String]>,
    /// What must be sent with AssumeRole.
    pub external_id: Option<&'a str>,
}

/// The trust policy.
///
/// # Errors
/// The account does not exist yet.
pub fn policy(trusted: Trusted<'_>, baseline: &Baseline, facts: &Facts) -> Result<Ours, String> {
    let account = match trusted.account {
        None => facts.management_account.clone(),
        Some(key) => baseline
            .account_id(key, facts)
            .ok_or_else(|| format!("account `{key}` does not exist yet: run `orgbase vend {key}`"))?,
    };
    let root = facts.arn("iam", "", &account, "root");
    let mut statement = allow_aws("OrgbaseTrust", &root, &["sts:AssumeRole"]);
    if let Some(id) = trusted.external_id {
        statement = statement.equals("sts:ExternalId", id);
    }
    if let Some(principals) = trusted.principals {
        statement = statement.arn_like("aws:PrincipalArn", principals);
    }
    Ok(Ours(vec![statement.done()]))
}

/// Whom a trust policy trusts, in the words of a baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusting {
    /// Key of the account; `None`: the management account.
    pub account: Option<String>,
    /// As in [`Trusted`].
    pub principals: Option<Vec<String>>,
    /// As in [`Trusted`].
    pub external_id: Option<String>,
}

/// What [`policy`] would make this policy of; `None`: nothing.
pub fn trusting(trust: &Stored, baseline: &Baseline, facts: &Facts) -> Option<Trusting> {
    let [statement] = trust.0.as_ref()?.statements.as_slice() else { return None };
    let Some(Element::Is(Principal::Named(named))) = &statement.principal else { return None };
    let [root] = named.get(&PrincipalType::Aws)?.as_slice() else { return None };
    let id = root.split(':').nth(4).unwrap_or(root);
    let account = facts.accounts.get(id)?;
    let key = baseline.account_key(account).map(ToString::to_string);
    let mut found = Trusting { account: key, principals: None, external_id: None };
    if found.account.is_none() && *id != facts.management_account {
        return None;
    }
    for condition in &statement.conditions {
        match condition.key.to_ascii_lowercase().as_str() {
            "aws:principalarn" => found.principals = Some(condition.values.clone()),
            "sts:externalid" => found.external_id = condition.values.first().cloned(),
            _ => return None,
        }
    }
    Some(found)
}

/// Findings in the keys `name` and `trusted_account` of a section.
pub fn check(name: Option<&str>, account: Option<&str>, baseline: &Baseline, findings: &mut Findings<'_>) {
    if let Some((name, owner)) = name.and_then(|name| Some((name, foreign_name(name)?))) {
        findings.at("name", format!("roles named like `{name}` are {owner}"));
    }
    if let Some(key) = account {
        findings.account("trusted_account", key, baseline);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::*;
    use crate::controls::log_archive::tests::{baseline, facts};

    #[test]
    fn the_account_is_trusted_and_its_principals_by_a_condition() {
        let (facts, baseline) = (facts(), baseline("", ""));
        let principals = ["arn:aws:iam::*:role/Support*".to_string()];
        let trusted =
            Trusted { account: Some("log-archive"), principals: Some(&principals), external_id: Some("x-1") };
        assert_eq!(
            policy(trusted, &baseline, &facts).unwrap().0[0].to_value(),
            json!({
                "Sid": "OrgbaseTrust", "Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": {"AWS": "arn:aws:iam::222222222222:root"},
                "Condition": {
                    "StringEquals": {"sts:ExternalId": "x-1"},
                    "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/Support*"}
                }
            })
        );
        let management = Trusted { account: None, principals: None, external_id: None };
        let plain = policy(management, &baseline, &facts).unwrap().0[0].to_value();
        assert_eq!(plain["Principal"]["AWS"], "arn:aws:iam::111111111111:root");
        assert_eq!(plain.get("Condition"), None);
        assert!(policy(Trusted { account: Some("nobody"), ..management }, &baseline, &facts).is_err());
    }

    #[test]
    fn what_is_made_is_read_back() {
        let (facts, baseline) = (facts(), baseline("", ""));
        let principals = ["arn:aws:iam::*:role/Support*".to_string()];
        for (account, external_id) in [(Some("log-archive"), Some("x-1")), (None, None)] {
            let trusted = Trusted { account, principals: Some(&principals), external_id };
            let stored = Stored(Some(policy(trusted, &baseline, &facts).unwrap().alone()));
            let found = trusting(&stored, &baseline, &facts).unwrap();
            assert_eq!((found.account.as_deref(), found.external_id.as_deref()), (account, external_id));
            assert_eq!(found.principals.as_deref(), Some(principals.as_slice()));
        }
        assert_eq!(trusting(&Stored(None), &baseline, &facts), None);
    }
}
