//! Alias of every account: the name in the address of its sign-in page.
//!
//! * An account has one alias. `CreateAccountAlias` puts a new one in the place of an old one, and the old sign-in address
//!   stops working; somebody else can then take it. So an existing alias is replaced only where the baseline says so.
//! * Aliases are unique in the whole partition: one that another AWS account has is `EntityAlreadyExists`.
//!   <https://docs.aws.amazon.com/IAM/latest/UserGuide/console-account-alias.html>

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::Baseline;
use crate::control::{Control, Cx, DesiredCx, Diff, DynControl, Import, ImportCx, Meta, Risk, Scope, Seat, Section, SectionMeta, Shape, Want, Wanted, control};
use crate::diag::Findings;
use crate::error::{CallError, Kind, UnitError};
use crate::facts::Account;
use crate::resource::declared;

/// Placeholders of the template.
const KEY: &str = "{key}";
const NAME: &str = "{name}";
const ID: &str = "{id}";

/// The alias of every account, the management account included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountAlias {
    /// The alias, with `{key}` (the account's key under `[accounts]`), `{name}` (its name) or `{id}` (its 12 digits) in it,
    /// such as `acme-{key}`. Key and name in small letters, and everything but letters and digits as `-`.
    pub alias: String,
    /// Replaces another alias that an account has. Its sign-in address changes with it. `false`: it stays, and a notice
    /// names it.
    #[serde(default)]
    pub replace_existing: bool,
}

impl Section for AccountAlias {
    const META: SectionMeta = SectionMeta {
        id: "account_alias",
        title: "Account alias",
        summary: "Gives every account a sign-in address with a readable name in place of its 12 digits, which the \
                  console shows as well. An alias is public, and no two AWS accounts in the world have the same.",
        shape: Shape::Table,
        references: &[],
        billed: None,
    };

    fn check(&self, _baseline: &Baseline, findings: &mut Findings<'_>) {
        let mut rest = self.alias.clone();
        for placeholder in [KEY, NAME, ID] {
            rest = rest.replace(placeholder, "x");
        }
        if let Some(wrong) = wrong(&pad(&rest)) {
            findings.hint(
                "alias",
                format!("`{}` gives no aliases: {wrong}", self.alias),
                "write it such as `acme-{key}`; the placeholders are `{key}`, `{name}` and `{id}`",
            );
        }
    }

    /// The id in it stands for any: an alias that differs from account to account in its id only is one template.
    fn import(_cx: &ImportCx<'_>) -> Import<AccountAlias> {
        Import::Ask(AccountAlias { alias: format!("x-{ID}"), replace_existing: true })
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<Alias>()]
    }
}

/// A template that is short only because its placeholders are.
fn pad(rest: &str) -> String {
    if rest.len() < 3 { format!("{rest}xxx") } else { rest.to_string() }
}

/// Why a text is no alias (API reference, `AccountAlias`).
fn wrong(alias: &str) -> Option<&'static str> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !(3..=63).contains(&alias.len()) {
        Some("an alias has 3 to 63 characters")
    } else if !alias.chars().all(|c| is_plain(c) || c == '-') {
        Some("an alias has small letters, digits and `-` only")
    } else if !alias.starts_with(is_plain) || !alias.ends_with(is_plain) || alias.contains("--") {
        Some("an alias begins and ends with a letter or digit, and has no `--`")
    } else {
        None
    }
}

/// Small letters and digits; whatever lies between them is one `-`.
fn plain(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

/// The alias of one account, or why it has none.
fn alias_of(template: &str, account: &Account, baseline: &Baseline) -> Result<String, String> {
    let key = baseline.account_key(account);
    if template.contains(KEY) && key.is_none() {
        return Err(format!(
            "`{template}` needs the account's key, and `[accounts]` does not declare it: declare it, or use {NAME} or {ID}"
        ));
    }
    let alias = template
        .replace(KEY, &plain(key.unwrap_or_default()))
        .replace(NAME, &plain(&account.name))
        .replace(ID, &account.id);
    match wrong(&alias) {
        None => Ok(alias),
        Some(why) => Err(format!("`{alias}` is no alias: {why}")),
    }
}

/// Whether the alias is meant for all accounts, and is the same in all of them.
fn is_shared(alias: &str, cx: &DesiredCx<'_, AccountAlias>) -> bool {
    let of_all = declared::<AccountAlias>(cx.baseline).is_some_and(|base| base.alias == cx.section.alias);
    of_all && *alias == cx.section.alias && cx.facts.accounts.len() > 1
}

/// What one account should have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Desired {
    alias: String,
    replace_existing: bool,
}

/// The only part.
struct Alias;

impl Control for Alias {
    type Section = AccountAlias;
    type Desired = Desired;
    /// The alias that the account has.
    type Actual = Option<String>;
    const META: Meta = Meta {
        scope: Scope::Account,
        seat: Seat::Member,
        reads: &["iam:ListAccountAliases"],
        writes: &["iam:CreateAccountAlias"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, AccountAlias>) -> Vec<Wanted<Desired>> {
        let want = match alias_of(&cx.section.alias, cx.account, cx.baseline) {
            Ok(alias) if is_shared(&alias, cx) => Want::Blocked(format!(
                "every account would have the alias `{alias}`, and AWS gives it to one: put {KEY}, {NAME} or {ID} into it"
            )),
            Ok(alias) => Want::Set(Desired { alias, replace_existing: cx.section.replace_existing }),
            Err(why) => Want::NotApplicable(why),
        };
        vec![Wanted { part: String::new(), at: String::new(), about: None, after: Vec::new(), want }]
    }

    async fn read(cx: &Cx<'_>, _want: &Desired) -> Result<Option<String>, UnitError> {
        let aliases = cx
            .aws
            .iam()
            .pages(
                "ListAccountAliases",
                |c, marker| c.list_account_aliases().set_marker(marker).send(),
                |out| (out.account_aliases, out.marker),
            )
            .await?;
        Ok(aliases.into_iter().next())
    }

    fn import(cx: &Cx<'_>, _want: &Desired, have: &Option<String>) -> Option<AccountAlias> {
        let alias = have.as_ref()?.replace(cx.aws.account(), ID);
        Some(AccountAlias { alias, replace_existing: true })
    }

    fn diff(want: &Desired, have: &Option<String>) -> Diff {
        let mut d = Diff::new();
        match have {
            Some(other) if *other != want.alias && !want.replace_existing => d.notice(format!(
                "the account has the alias `{other}`, which stays: `replace_existing = true` replaces it"
            )),
            Some(_) => d.optional("alias", have.as_ref(), Some(&want.alias), Risk::Disruptive),
            None => d.create("alias", &want.alias),
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, _have: &Option<String>) -> Result<(), UnitError> {
        cx.aws
            .iam()
            .call("CreateAccountAlias", |c| c.create_account_alias().account_alias(&want.alias).send())
            .await
            .map_err(|e| taken(&want.alias, e))?;
        Ok(())
    }
}

/// Says whose fault it is that an alias cannot be made.
fn taken(alias: &str, error: CallError) -> UnitError {
    if !error.is(&["EntityAlreadyExists"]) {
        return error.into();
    }
    let message = format!("alias `{alias}` belongs to another AWS account: aliases are unique in all of AWS");
    let failed = UnitError { call: Some(error), ..UnitError::new(Kind::Conflict, message) };
    failed.hint("declare another `alias`, for all accounts or for this one in `[[overrides]]`")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::controls::log_archive::tests::{baseline, facts, messages};

    fn of(template: &str, id: &str) -> Result<String, String> {
        let mut facts = facts();
        facts.accounts.get_mut(id).unwrap().name = "Big Corp. (EU)".into();
        alias_of(template, &facts.accounts[id], &baseline("", ""))
    }

    #[test]
    fn templates_are_filled_in() {
        assert_eq!(of("acme-{key}", "222222222222").unwrap(), "acme-log-archive");
        assert_eq!(of("{name}", "111111111111").unwrap(), "big-corp-eu");
        assert_eq!(of("a-{id}", "111111111111").unwrap(), "a-111111111111");
        assert!(of("acme-{key}", "111111111111").unwrap_err().contains("does not declare it"));
        assert!(of(&format!("{}-{{name}}", "x".repeat(60)), "111111111111").unwrap_err().contains("63 characters"));
    }

    #[test]
    fn templates_that_give_no_alias_are_found() {
        let found = |template: &str| messages("", &format!("[account_alias]\nalias = \"{template}\"")).len();
        for bad in ["Acme-{key}", "-{key}", "acme--{key}", "acme-{mail}", "acme-", "{key}_x"] {
            assert_eq!(found(bad), 1, "{bad}");
        }
    }

    #[test]
    fn an_existing_alias_is_replaced_only_where_that_is_declared() {
        let want = |replace_existing| Desired { alias: "acme-web".into(), replace_existing };
        let other = Some("team".to_string());
        let kept = Alias::diff(&want(false), &other);
        assert!(kept.is_empty() && kept.notices[0].contains("`team`"), "{kept:?}");
        assert_eq!(Alias::diff(&want(true), &other).risk(), Risk::Disruptive);
        assert_eq!(Alias::diff(&want(false), &None).risk(), Risk::Normal);
        assert!(Alias::diff(&want(true), &Some("acme-web".into())).is_empty());
    }
}
