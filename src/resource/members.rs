//! The accounts that a service's administrator should have as members.

use std::collections::BTreeMap;

use super::regions::is_opt_in;
use crate::baseline::Baseline;
use crate::facts::{Account, Facts};

/// Accounts by id, with the e-mail address that some services want to be told.
///
/// Not among them: the administrator itself, accounts that are not ACTIVE, that the baseline leaves alone (`managed =
/// false`, or an `[[exceptions]]` of the section, which even when it has expired is not corrected from here), or that do
/// not have the region as far as is known.
pub fn expected(
    baseline: &Baseline,
    facts: &Facts,
    section: &str,
    administrator: &str,
    region: &str,
) -> BTreeMap<String, String> {
    let wanted = |account: &&Account| {
        account.id != administrator
            && account.is_active()
            && baseline.unmanaged(account).is_none()
            && baseline.exception(section, account, region).is_none()
            && has_region(facts, account, region)
    };
    let accounts = facts.accounts.values().filter(wanted);
    accounts.map(|account| (account.id.clone(), account.email.clone())).collect()
}

/// How many accounts a service may count in a region when all are in it: every ACTIVE one that has the region.
pub fn countable(facts: &Facts, region: &str) -> usize {
    facts
        .accounts
        .values()
        .filter(|account| account.is_active() && has_region(facts, account, region))
        .count()
}

/// Whether an account has a region. Where nobody asked the account, it has those of every account and no other.
fn has_region(facts: &Facts, account: &Account, region: &str) -> bool {
    if account.id == facts.management_account {
        return facts.management_regions.contains(region);
    }
    match facts.regions.get(&account.id) {
        Some(known) => known.as_ref().is_ok_and(|regions| regions.contains(region)),
        None => !is_opt_in(facts, region),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    const TEXT: &str = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\nregions = [\"eu-west-1\"]\n\
        [accounts.old]\nname = \"Old\"\nemail = \"3@example.com\"\nou = \"/\"\nmanaged = false\nreason = \"sold\"\n\
        [guardduty]\nauto_enable = \"ALL\"\n[delegated_admins]\nguardduty = \"old\"\n\
        [[exceptions]]\ncontrol = \"guardduty\"\naccounts = [\"400000000004\"]\nreason = \"lab\"\n";

    #[test]
    fn who_is_left_alone_is_not_expected_but_may_be_counted() {
        let account = |n: u64, state: &str| {
            let account = Account {
                id: format!("{n}0000000000{n}"),
                email: format!("{n}@example.com"),
                state: state.into(),
                ..Account::default()
            };
            (account.id.clone(), account)
        };
        let states =
            [(1, "ACTIVE"), (2, "ACTIVE"), (3, "ACTIVE"), (4, "ACTIVE"), (5, "SUSPENDED"), (6, "ACTIVE")];
        let facts = Facts {
            partition: "aws".into(),
            management_account: "100000000001".into(),
            management_regions: ["eu-west-1".to_string(), "me-south-1".to_string()].into(),
            accounts: states.into_iter().map(|(n, state)| account(n, state)).collect(),
            regions: [("600000000006".to_string(), Ok(["me-south-1".to_string()].into()))].into(),
            ..Facts::default()
        };
        let baseline = Baseline::parse("t.toml", TEXT).unwrap();
        let of = |region: &str| -> Vec<String> {
            expected(&baseline, &facts, "guardduty", "200000000002", region).into_keys().collect()
        };
        assert_eq!(of("eu-west-1"), ["100000000001"]);
        assert_eq!(of("me-south-1"), ["100000000001", "600000000006"]);
        assert_eq!((countable(&facts, "eu-west-1"), countable(&facts, "me-south-1")), (4, 2));
    }
}
