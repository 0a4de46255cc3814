//! Resource types of every account and region.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Backup;
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Risk, Scope, Seat, Wanted};
use crate::error::UnitError;

/// Part `region`.
pub(super) struct RegionSettings;

/// Settings by resource type. As what is wanted: the managed ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Settings {
    opt_in: BTreeMap<String, bool>,
    full_management: BTreeMap<String, bool>,
}

impl Control for RegionSettings {
    type Section = Backup;
    type Desired = Settings;
    type Actual = Settings;
    const META: Meta = Meta {
        part: "region",
        scope: Scope::AccountRegion,
        seat: Seat::Member,
        reads: &["backup:DescribeRegionSettings"],
        writes: &["backup:UpdateRegionSettings"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, Backup>) -> Vec<Wanted<Settings>> {
        let Backup { opt_in, full_management, .. } = cx.section.clone();
        if opt_in.is_empty() && full_management.is_empty() {
            return Vec::new();
        }
        Wanted::one(Settings { opt_in, full_management })
    }

    async fn read(cx: &Cx<'_>, _want: &Settings) -> Result<Settings, UnitError> {
        let backup = cx.aws.backup();
        let answer = backup.call("DescribeRegionSettings", |c| c.describe_region_settings().send()).await?;
        Ok(Settings {
            opt_in: answer.resource_type_opt_in_preference.unwrap_or_default().into_iter().collect(),
            full_management: answer.resource_type_management_preference.unwrap_or_default().into_iter().collect(),
        })
    }

    fn diff(want: &Settings, have: &Settings) -> Diff {
        let mut d = Diff::new();
        compare(&mut d, "opt_in", &want.opt_in, &have.opt_in);
        compare(&mut d, "full_management", &want.full_management, &have.full_management);
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Settings, have: &Settings) -> Result<(), UnitError> {
        let opt_in = merged(&want.opt_in, &have.opt_in);
        let full_management = merged(&want.full_management, &have.full_management);
        let map = |map: &Option<BTreeMap<String, bool>>| map.clone().map(|map| map.into_iter().collect());
        cx.aws
            .backup()
            .call("UpdateRegionSettings", |c| {
                c.update_region_settings()
                    .set_resource_type_opt_in_preference(map(&opt_in))
                    .set_resource_type_management_preference(map(&full_management))
                    .send()
            })
            .await?;
        Ok(())
    }
}

/// Without opt-in, plans that choose by tag back the type up no more.
fn compare(d: &mut Diff, table: &str, want: &BTreeMap<String, bool>, have: &BTreeMap<String, bool>) {
    for (name, wanted) in want {
        match have.get(name) {
            None => d.notice(format!("{table}: the region does not offer `{name}`")),
            Some(have) => {
                let risk = if *wanted { Risk::Normal } else { Risk::Disruptive };
                d.risky(&format!("{table}.{name}"), have, Some(wanted), risk);
            }
        }
    }
}

/// What AWS answered, with what is declared of the types that it offers; `None`: nothing differs.
fn merged(want: &BTreeMap<String, bool>, have: &BTreeMap<String, bool>) -> Option<BTreeMap<String, bool>> {
    let mut all = have.clone();
    for (name, value) in &mut all {
        *value = want.get(name).copied().unwrap_or(*value);
    }
    (all != *have).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, bool)]) -> BTreeMap<String, bool> {
        pairs.iter().map(|(name, value)| ((*name).to_string(), *value)).collect()
    }

    #[test]
    fn a_type_that_the_region_does_not_offer_is_told_and_left() {
        let want = Settings { opt_in: map(&[("S3", true), ("Timestream", true)]), ..Settings::default() };
        let have = Settings { opt_in: map(&[("S3", true), ("RDS", false)]), ..Settings::default() };
        let d = RegionSettings::diff(&want, &have);
        assert_eq!((d.is_empty(), d.notices.len()), (true, 1));
        assert_eq!(merged(&want.opt_in, &have.opt_in), None);
    }

    #[test]
    fn what_is_not_declared_is_sent_back() {
        let (want, have) = (map(&[("S3", true)]), map(&[("S3", false), ("RDS", true)]));
        assert_eq!(merged(&want, &have), Some(map(&[("S3", true), ("RDS", true)])));
    }

    #[test]
    fn leaving_a_type_out_is_disruptive() {
        let want = Settings { opt_in: map(&[("RDS", false)]), ..Settings::default() };
        let have = Settings { opt_in: map(&[("RDS", true)]), ..Settings::default() };
        assert_eq!(RegionSettings::diff(&want, &have).risk(), Risk::Disruptive);
    }
}
