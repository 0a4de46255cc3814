//! Settings of the organization, in the management account.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Backup;
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Risk, Wanted};
use crate::error::UnitError;

/// Part `organization`.
pub(super) struct GlobalSettings;

/// Managed settings: key of the section, AWS's name, value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Desired(Vec<(&'static str, &'static str, bool)>);

/// Settings as AWS has them: strings, by AWS's names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Actual(BTreeMap<String, String>);

impl Actual {
    /// What was never set is off.
    fn is_on(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

impl Control for GlobalSettings {
    type Section = Backup;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "organization",
        after: &["backup.trusted_access", "delegated_admins.trusted_access:backup", "delegated_admins.admin:backup"],
        reads: &["backup:DescribeGlobalSettings"],
        writes: &["backup:UpdateGlobalSettings"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, Backup>) -> Vec<Wanted<Desired>> {
        let section = cx.section;
        let all = [
            ("cross_account_backup", "isCrossAccountBackupEnabled", section.cross_account_backup),
            ("multi_party_approval", "isMpaEnabled", section.multi_party_approval),
            ("delegated_administrators", "isDelegatedAdministratorEnabled", section.delegated_administrators),
        ];
        let managed: Vec<_> = all.into_iter().filter_map(|(key, name, value)| Some((key, name, value?))).collect();
        if managed.is_empty() { Vec::new() } else { Wanted::one(Desired(managed)) }
    }

    async fn read(cx: &Cx<'_>, _want: &Desired) -> Result<Actual, UnitError> {
        let backup = cx.aws.backup();
        let answer = backup.call("DescribeGlobalSettings", |c| c.describe_global_settings().send()).await?;
        Ok(Actual(answer.global_settings.unwrap_or_default().into_iter().collect()))
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        for (key, name, wanted) in &want.0 {
            // Copies that are made already would fail from then on.
            let risk = if *wanted { Risk::Normal } else { Risk::Disruptive };
            d.risky(key, &have.is_on(name), Some(wanted), risk);
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        let merged = merged(want, have);
        let backup = cx.aws.backup();
        backup
            .call("UpdateGlobalSettings", |c| {
                c.update_global_settings().set_global_settings(Some(merged.clone().into_iter().collect())).send()
            })
            .await?;
        Ok(())
    }
}

/// What AWS answered, with what is declared.
fn merged(want: &Desired, have: &Actual) -> BTreeMap<String, String> {
    let mut all = have.0.clone();
    all.extend(want.0.iter().map(|(_, name, value)| ((*name).to_string(), value.to_string())));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(value: bool) -> Desired {
        Desired(vec![("cross_account_backup", "isCrossAccountBackupEnabled", value)])
    }

    fn have(value: &str) -> Actual {
        let pairs = [("isCrossAccountBackupEnabled", value), ("isMpaEnabled", "true")];
        Actual(pairs.map(|(name, value)| (name.to_string(), value.to_string())).into())
    }

    #[test]
    fn what_was_never_set_is_off_and_switching_off_is_disruptive() {
        assert_eq!(GlobalSettings::diff(&want(true), &Actual::default()).changes.len(), 1);
        assert!(GlobalSettings::diff(&want(false), &Actual::default()).is_empty());
        assert!(GlobalSettings::diff(&want(true), &have("true")).is_empty());
        assert_eq!(GlobalSettings::diff(&want(false), &have("true")).risk(), Risk::Disruptive);
    }

    #[test]
    fn other_settings_are_sent_back() {
        assert_eq!(merged(&want(true), &have("false")), have("true").0);
    }
}
