//! IAM password policy of every account.
//!
//! `UpdateAccountPasswordPolicy` replaces the whole policy: what the request leaves out goes back to AWS's default.
//! So keys that the baseline does not declare are read and sent back.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccountPasswordPolicy.html>

use aws_sdk_iam::types::PasswordPolicy as Live;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::Baseline;
use crate::control::{Control, Cx, DesiredCx, Diff, DynControl, Import, ImportCx, Meta, Reference, Removal, Risk, Scope, Seat, Section, SectionMeta, Shape, Wanted, control};
use crate::diag::Findings;
use crate::error::{Absent, UnitError};

/// The IAM password policy of every account, the management account included.
///
/// A key that is left out is not managed: it keeps the value that the account has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PasswordPolicy {
    /// Fewest characters of a password.
    #[schemars(range(min = 6, max = 128), extend("x-unit" = "characters"))]
    pub minimum_length: Option<i32>,
    /// A password needs an upper-case letter (A to Z).
    pub require_uppercase: Option<bool>,
    /// A password needs a lower-case letter (a to z).
    pub require_lowercase: Option<bool>,
    /// A password needs a digit.
    pub require_numbers: Option<bool>,
    /// A password needs one of `! @ # $ % ^ & * ( ) _ + - = [ ] { } | '`.
    pub require_symbols: Option<bool>,
    /// IAM users may change their own password.
    pub allow_users_to_change: Option<bool>,
    /// Passwords expire after this many days; `0`: never. Shortening it may lock out users with old passwords.
    #[schemars(range(min = 0, max = 1095), extend("x-unit" = "days"))]
    pub max_age_days: Option<i32>,
    /// A new password must differ from this many old ones; `0`: may repeat.
    #[schemars(range(min = 0, max = 24), extend("x-unit" = "passwords"))]
    pub reuse_prevention: Option<i32>,
    /// A user with an expired password needs an administrator to set a new one.
    pub hard_expiry: Option<bool>,
}

impl Section for PasswordPolicy {
    const META: SectionMeta = SectionMeta {
        id: "password_policy",
        title: "IAM password policy",
        summary: "Sets the account-wide rules for the passwords of IAM users, in every account and the management \
                  account. There is no organization-wide setting for it.",
        shape: Shape::Table,
        references: &[
            Reference::cis("1.2.0", "1.5"),
            Reference::cis("1.2.0", "1.6"),
            Reference::cis("1.2.0", "1.7"),
            Reference::cis("1.2.0", "1.8"),
            Reference::cis("1.2.0", "1.9"),
            Reference::cis("1.2.0", "1.10"),
            Reference::cis("1.2.0", "1.11"),
            Reference::row("STX-055"),
            Reference::row("STX-056"),
            Reference::row("STX-057"),
            Reference::row("STX-058"),
            Reference::row("STX-059"),
            Reference::row("STX-060"),
            Reference::row("STX-061"),
            Reference::row("STX-062"),
            Reference::row("RDM-041"),
            Reference::row("FXL-008"),
        ],
        billed: None,
    };

    fn check(&self, _baseline: &Baseline, findings: &mut Findings<'_>) {
        findings.range("minimum_length", self.minimum_length, 6..=128);
        findings.range("max_age_days", self.max_age_days, 0..=1095);
        findings.range("reuse_prevention", self.reuse_prevention, 0..=24);
    }

    fn import(_cx: &ImportCx<'_>) -> Import<PasswordPolicy> {
        Import::Ask(PasswordPolicy::default())
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<Policy>()]
    }
}

/// The only part.
struct Policy;

/// AWS's answer; absent where the account has no policy of its own.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Actual(Option<PasswordPolicy>);

impl Control for Policy {
    type Section = PasswordPolicy;
    type Desired = PasswordPolicy;
    type Actual = Actual;
    const META: Meta = Meta {
        scope: Scope::Account,
        seat: Seat::Member,
        reads: &["iam:GetAccountPasswordPolicy"],
        writes: &["iam:UpdateAccountPasswordPolicy"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, PasswordPolicy>) -> Vec<Wanted<PasswordPolicy>> {
        Wanted::one(cx.section.clone())
    }

    async fn read(cx: &Cx<'_>, _want: &PasswordPolicy) -> Result<Actual, UnitError> {
        let iam = cx.aws.iam();
        let answer = iam
            .call("GetAccountPasswordPolicy", |c| c.get_account_password_policy().send())
            .await
            .absent(&["NoSuchEntity"])?;
        Ok(Actual(answer.and_then(|a| a.password_policy).as_ref().map(from_live)))
    }

    /// The account goes back to AWS's default rules; nothing is lost by it.
    const REMOVAL: Option<Removal> = Some(Removal {
        writes: &["iam:DeleteAccountPasswordPolicy"],
        risk: Risk::Disruptive,
        absent: serde_json::Value::is_null,
    });

    async fn remove(cx: &Cx<'_>, _want: &PasswordPolicy, _have: &Actual) -> Result<(), UnitError> {
        cx.aws
            .iam()
            .call("DeleteAccountPasswordPolicy", |c| c.delete_account_password_policy().send())
            .await
            .absent(&["NoSuchEntity"])?;
        Ok(())
    }

    fn import(_cx: &Cx<'_>, _want: &PasswordPolicy, have: &Actual) -> Option<PasswordPolicy> {
        have.0.clone()
    }

    fn diff(want: &PasswordPolicy, have: &Actual) -> Diff {
        let mut d = Diff::new();
        let none = PasswordPolicy::default();
        let have = have.0.as_ref().unwrap_or(&none);
        d.optional("minimum_length", have.minimum_length.as_ref(), want.minimum_length.as_ref(), Risk::Normal);
        d.optional("require_uppercase", have.require_uppercase.as_ref(), want.require_uppercase.as_ref(), Risk::Normal);
        d.optional("require_lowercase", have.require_lowercase.as_ref(), want.require_lowercase.as_ref(), Risk::Normal);
        d.optional("require_numbers", have.require_numbers.as_ref(), want.require_numbers.as_ref(), Risk::Normal);
        d.optional("require_symbols", have.require_symbols.as_ref(), want.require_symbols.as_ref(), Risk::Normal);
        d.optional("allow_users_to_change", have.allow_users_to_change.as_ref(), want.allow_users_to_change.as_ref(), Risk::Normal);
        let risk = age_risk(have.max_age_days, want.max_age_days);
        d.optional("max_age_days", have.max_age_days.as_ref(), want.max_age_days.as_ref(), risk);
        d.optional("reuse_prevention", have.reuse_prevention.as_ref(), want.reuse_prevention.as_ref(), Risk::Normal);
        d.optional("hard_expiry", have.hard_expiry.as_ref(), want.hard_expiry.as_ref(), Risk::Disruptive);
        d
    }

    async fn apply(cx: &Cx<'_>, want: &PasswordPolicy, have: &Actual) -> Result<(), UnitError> {
        let merged = merge(want, have.0.as_ref());
        cx.aws
            .iam()
            .call("UpdateAccountPasswordPolicy", |c| {
                c.update_account_password_policy()
                    .set_minimum_password_length(merged.minimum_length)
                    .set_require_uppercase_characters(merged.require_uppercase)
                    .set_require_lowercase_characters(merged.require_lowercase)
                    .set_require_numbers(merged.require_numbers)
                    .set_require_symbols(merged.require_symbols)
                    .set_allow_users_to_change_password(merged.allow_users_to_change)
                    .set_max_password_age(merged.max_age_days.filter(|d| *d > 0))
                    .set_password_reuse_prevention(merged.reuse_prevention.filter(|n| *n > 0))
                    // Left out it is off: an account that never had it gets no word of it.
                    .set_hard_expiry(merged.hard_expiry.filter(|on| *on || want.hard_expiry.is_some()))
                    .send()
            })
            .await?;
        Ok(())
    }
}

/// A shorter life of passwords locks out users whose password is older.
fn age_risk(have: Option<i32>, want: Option<i32>) -> Risk {
    let days = |age: Option<i32>| age.filter(|d| *d > 0).unwrap_or(i32::MAX);
    if want.is_some() && days(want) < days(have) { Risk::Disruptive } else { Risk::Normal }
}

/// What is declared, else what is there.
fn merge(want: &PasswordPolicy, have: Option<&PasswordPolicy>) -> PasswordPolicy {
    let none = PasswordPolicy::default();
    let have = have.unwrap_or(&none);
    PasswordPolicy {
        minimum_length: want.minimum_length.or(have.minimum_length),
        require_uppercase: want.require_uppercase.or(have.require_uppercase),
        require_lowercase: want.require_lowercase.or(have.require_lowercase),
        require_numbers: want.require_numbers.or(have.require_numbers),
        require_symbols: want.require_symbols.or(have.require_symbols),
        allow_users_to_change: want.allow_users_to_change.or(have.allow_users_to_change),
        max_age_days: want.max_age_days.or(have.max_age_days),
        reuse_prevention: want.reuse_prevention.or(have.reuse_prevention),
        hard_expiry: want.hard_expiry.or(have.hard_expiry),
    }
}

fn from_live(live: &Live) -> PasswordPolicy {
    PasswordPolicy {
        minimum_length: live.minimum_password_length,
        require_uppercase: Some(live.require_uppercase_characters),
        require_lowercase: Some(live.require_lowercase_characters),
        require_numbers: Some(live.require_numbers),
        require_symbols: Some(live.require_symbols),
        allow_users_to_change: Some(live.allow_users_to_change_password),
        max_age_days: Some(live.max_password_age.unwrap_or(0)),
        reuse_prevention: Some(live.password_reuse_prevention.unwrap_or(0)),
        hard_expiry: Some(live.hard_expiry.unwrap_or(false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(max_age_days: i32) -> PasswordPolicy {
        PasswordPolicy { minimum_length: Some(14), max_age_days: Some(max_age_days), ..PasswordPolicy::default() }
    }

    #[test]
    fn absent_policy_differs_in_declared_keys_only() {
        let diff = Policy::diff(&want(90), &Actual(None));
        let paths: Vec<&str> = diff.changes.iter().map(|c| c.path.as_str()).collect();
        assert_eq!(paths, ["minimum_length", "max_age_days"]);
    }

    #[test]
    fn wanted_state_has_no_diff() {
        let have = PasswordPolicy { require_symbols: Some(true), ..want(90) };
        assert!(Policy::diff(&want(90), &Actual(Some(have))).is_empty());
    }

    #[test]
    fn zero_days_is_never_and_equals_an_absent_age() {
        let live = Live::builder().minimum_password_length(14).build();
        assert!(Policy::diff(&want(0), &Actual(Some(from_live(&live)))).is_empty());
    }

    #[test]
    fn shortening_the_age_is_disruptive_and_lengthening_is_not() {
        assert_eq!(Policy::diff(&want(90), &Actual(Some(want(0)))).risk(), Risk::Disruptive);
        assert_eq!(Policy::diff(&want(0), &Actual(Some(want(90)))).risk(), Risk::Normal);
    }

    #[test]
    fn undeclared_keys_are_sent_back() {
        let have = PasswordPolicy { require_symbols: Some(true), reuse_prevention: Some(5), ..want(30) };
        let merged = merge(&want(90), Some(&have));
        assert_eq!((merged.require_symbols, merged.reuse_prevention, merged.max_age_days), (Some(true), Some(5), Some(90)));
    }
}
