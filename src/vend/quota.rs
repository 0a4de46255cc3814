//! What AWS lets an organization do, as far as it can be known beforehand, and how long it takes.

use std::time::Duration;

use super::Vendor;
use super::candidates::{Candidate, Stage};
use crate::controls::delegated_admins::global_region;
use crate::error::RunError;
use crate::facts::Facts;
use crate::report::text::count;

/// Accounts in creation at once. This and the next four: "Quotas and service limits for AWS Organizations", read on 2026-11-21
/// (`aws-limits.md` 1.1 and 1.2).
pub(super) const CREATIONS_AT_ONCE: usize = 5;
/// CreateAccount: one request in so many seconds, after a burst.
const CREATION_SECONDS: u64 = 10;
const CREATION_BURST: usize = 3;
/// Accounts that an organization may have unless AWS raised it.
const ACCOUNTS: usize = 10;
/// Closures in progress at once.
pub(super) const CLOSURES_AT_ONCE: usize = 3;
/// CloseAccount: one request in so many seconds.
const CLOSURE_SECONDS: u64 = 20;
/// Closures in 30 days: so many, or a fifth of the accounts up to the second number.
const CLOSURES: usize = 250;
const MOST_CLOSURES: usize = 1_000;

/// How long AWS takes for one account. Guess: minutes; AWS says only that it is asynchronous.
const ONE_CREATION: Duration = Duration::from_mins(3);

/// "Default maximum number of accounts" of AWS Organizations in Service Quotas. Guess: the code, which no document at hand
/// has; where it is wrong the quota counts as unknown.
const ACCOUNT_QUOTA: &str = "L-E619E033";

impl Vendor<'_> {
    /// Refuses what a quota that can be read does not allow, and says how long the rest takes.
    pub(super) async fn check_quotas(&mut self, all: &[Candidate]) -> Result<(), RunError> {
        let at = |stage: Stage| all.iter().filter(|c| c.stage == stage).count();
        let (new, closing) = (at(Stage::Absent), at(Stage::Closing));
        if new > 0 {
            let there = self.opened.facts().accounts.len() + at(Stage::Creating);
            self.check_accounts(new, there).await?;
            let time = minutes(creation_time(new));
            self.notices
                .push(format!("creating {} takes about {time}, at AWS's pace", count(new, "account")));
        }
        if closing > 0 {
            let facts = self.opened.facts();
            let quota = closures(facts.accounts.len());
            let lately = facts.accounts.values().filter(|a| is_closed(&a.state)).count();
            self.notices.push(format!(
                "closing {} takes at least {}; AWS closes at most {quota} accounts of this organization in 30 days \
                 ({lately} are closed or closing)",
                count(closing, "account"),
                minutes(closure_time(closing)),
            ));
        }
        Ok(())
    }

    async fn check_accounts(&mut self, new: usize, there: usize) -> Result<(), RunError> {
        let needed = there + new;
        match self.account_quota().await {
            Some(quota) if needed > quota => Err(RunError::new(format!(
                "the organization may have {quota} accounts and has {there}: {} more do not fit",
                count(new, "account")
            ))
            .hint("nothing was changed; ask for a higher quota: Service Quotas, AWS Organizations, in us-east-1")),
            Some(_) => Ok(()),
            None => {
                if needed > ACCOUNTS {
                    self.notices.push(format!(
                        "the quota of accounts could not be read: unless AWS raised it, it is {ACCOUNTS}, and {needed} are \
                         needed"
                    ));
                }
                Ok(())
            }
        }
    }

    /// How many accounts the organization may have; `None` where it cannot be read.
    async fn account_quota(&self) -> Option<usize> {
        let Facts { management_account, partition, .. } = self.opened.facts();
        let clients = self.clients(management_account, global_region(partition)).await.ok()?;
        let answer = clients
            .service_quotas()
            .call("GetServiceQuota", |c| {
                c.get_service_quota().service_code("organizations").quota_code(ACCOUNT_QUOTA).send()
            })
            .await
            .ok()?;
        let value = answer.quota?.value?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of accounts")]
        (value >= 1.0).then_some(value as usize)
    }
}

/// An account that counts against the quota of closures, as far as the list of accounts shows: AWS lists it for 90 days.
fn is_closed(state: &str) -> bool {
    matches!(state, "CLOSED" | "PENDING_CLOSURE")
}

/// How many accounts an organization of this size may close in 30 days.
fn closures(accounts: usize) -> usize {
    (accounts / 5).clamp(CLOSURES, MOST_CLOSURES)
}

/// How long so many creations take at least: by the rate, and by how many AWS makes at once.
fn creation_time(accounts: usize) -> Duration {
    let by_rate = CREATION_SECONDS * accounts.saturating_sub(CREATION_BURST) as u64;
    let rounds = u32::try_from(accounts.div_ceil(CREATIONS_AT_ONCE)).unwrap_or(u32::MAX);
    Duration::from_secs(by_rate).max(ONE_CREATION.saturating_mul(rounds))
}

/// How long so many closures take at least, by the rate.
fn closure_time(accounts: usize) -> Duration {
    Duration::from_secs(CLOSURE_SECONDS * accounts.saturating_sub(1) as u64)
}

fn minutes(time: Duration) -> String {
    let minutes = time.as_secs().div_ceil(60).max(1);
    if minutes < 120 {
        count(usize::try_from(minutes).unwrap_or(usize::MAX), "minute")
    } else {
        format!("{} hours", minutes / 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closures_grow_with_the_organization_within_bounds() {
        for (accounts, quota) in [(4, 250), (1_250, 250), (2_000, 400), (50_000, 1_000)] {
            assert_eq!(closures(accounts), quota, "{accounts}");
        }
    }

    #[test]
    fn times_follow_the_rate_and_the_places() {
        assert_eq!(creation_time(1), ONE_CREATION);
        assert_eq!(creation_time(6), ONE_CREATION * 2);
        assert_eq!(minutes(creation_time(1_000)), "10 hours");
        assert_eq!(minutes(closure_time(1)), "1 minute");
        assert_eq!(closure_time(4), Duration::from_mins(1));
    }
}
