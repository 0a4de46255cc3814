//! What a bucket of the archive says about the section's keys, for `import`.

use crate::control::{Adjusted, Cx, ImportCx, key_of};
use crate::controls::log_archive::readers::{OWN, READERS};
use crate::controls::log_archive::{LockMode, LogArchive};
use crate::names::{self, LogBucket};
use crate::policy::{Element, Principal, PrincipalType, Statement};
use crate::resource::bucket::Present;

/// Key of the account in whose archive the organization trail writes.
pub(in crate::controls::log_archive) fn of_trail(cx: &ImportCx<'_>) -> Option<String> {
    let bucket = &cx.seen.trail.as_ref()?.bucket;
    let holds = |id: &str| names::log_bucket(cx.baseline, LogBucket::Trail, id) == *bucket;
    let account = cx.facts.accounts.values().find(|account| holds(&account.id))?;
    cx.baseline.account_key(account).map(ToString::to_string)
}

/// Takes over periods, lock and readers.
pub(super) fn adjust(section: &mut LogArchive, cx: &Cx<'_>, kind: LogBucket, have: &Present) -> Adjusted {
    let mut said = vec!["lifecycle.".to_string()];
    let periods = have.lifecycle.periods();
    let days = periods.expire_days;
    match kind {
        LogBucket::Trail => {
            section.retention_days = days;
            section.noncurrent_retention_days = periods.noncurrent_days.filter(|own| Some(*own) != days);
            section.transition_to_glacier_days = periods.glacier_days;
            section.object_lock_days = have.object_lock.as_ref().map(|lock| lock.days);
            let compliance = |mode: &str| mode == LockMode::Compliance.as_str();
            section.object_lock_mode = have.object_lock.as_ref().map(|lock| {
                if compliance(&lock.mode) { LockMode::Compliance } else { LockMode::Governance }
            });
            said.push("object_lock_days".into());
            readers(section, cx, have);
        }
        LogBucket::AccessLogs => section.access_log_retention_days = days,
        LogBucket::Config => section.config_retention_days = days,
        LogBucket::Findings => section.findings_retention_days = days,
        LogBucket::FlowLogs => section.flow_logs_retention_days = days,
        LogBucket::Sessions => section.sessions_retention_days = days,
        LogBucket::Exports => section.exports_retention_days = days,
    }
    // The other buckets have the same readers.
    said.extend(OWN.into_iter().chain(READERS).map(|sid| format!("policy.{sid}")));
    Adjusted::Said(said)
}

fn readers(section: &mut LogArchive, cx: &Cx<'_>, have: &Present) {
    section.accounts_read_own_logs = Some(have.policy.statement(OWN[1]).is_some());
    let roots = have.policy.statement(READERS[1]).map(roots).unwrap_or_default();
    let key = |root: &String| {
        let id = root.split(':').nth(4).unwrap_or(root);
        Some(key_of(cx.baseline, cx.facts.accounts.get(id)?))
    };
    section.reader_accounts = Some(roots.iter().filter_map(key).collect());
}

fn roots(statement: &Statement) -> Vec<String> {
    let Some(Element::Is(Principal::Named(named))) = &statement.principal else { return Vec::new() };
    named.get(&PrincipalType::Aws).cloned().unwrap_or_default()
}
