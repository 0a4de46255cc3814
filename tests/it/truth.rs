//! Permissions are what they are declared to be: the calls of every control, over making, keeping, repairing and taking
//! away, equal its declared reads and writes.

use std::collections::{BTreeMap, BTreeSet};

use orgbase::controls::SECTIONS;

use crate::converge::{converged, prepared};
use crate::support::org::{Done, How, Org};
use crate::support::snippets::{self, Snippet};

/// Declared, and called on paths that no snippet takes: control, operation.
const RARE: &[(&str, &str)] = &[
    // The account has a detector of its own and is not the administrator yet.
    ("guardduty.organization", "guardduty:ListOrganizationAdminAccounts"),
    ("macie", "macie2:ListOrganizationAdminAccounts"),
    // More administrators than CloudTrail takes: the organization of the suite has too few accounts for it.
    ("delegated_admins.admin", "cloudtrail:DeregisterOrganizationDelegatedAdmin"),
    // These services remove it by themselves when it is deregistered in Organizations; called where AWS did not.
    ("delegated_admins.handover", "detective:DisableOrganizationAdminAccount"),
    ("delegated_admins.handover", "securityhub:DisableOrganizationAdminAccount"),
    // An administrator of one region that is not Organizations' own: AWS does not let it come to be any more.
    ("delegated_admins.regional_admin", "auditmanager:DeregisterOrganizationAdminAccount"),
    ("delegated_admins.regional_admin", "detective:DisableOrganizationAdminAccount"),
    ("delegated_admins.regional_admin", "inspector2:DisableDelegatedAdminAccount"),
    ("delegated_admins.regional_admin", "macie2:DisableOrganizationAdminAccount"),
    ("delegated_admins.regional_admin", "guardduty:DisableOrganizationAdminAccount"),
    ("delegated_admins.regional_admin", "securityhub:DisableOrganizationAdminAccount"),
    ("delegated_admins.regional_admin", "guardduty:DeleteMembers"),
    ("delegated_admins.regional_admin", "guardduty:DescribeOrganizationConfiguration"),
    ("delegated_admins.regional_admin", "guardduty:DisassociateMembers"),
    ("delegated_admins.regional_admin", "guardduty:ListDetectors"),
    ("delegated_admins.regional_admin", "guardduty:ListMembers"),
    ("delegated_admins.regional_admin", "guardduty:UpdateOrganizationConfiguration"),
    ("delegated_admins.regional_admin", "macie2:DeleteMember"),
    ("delegated_admins.regional_admin", "macie2:DisassociateMember"),
    ("delegated_admins.regional_admin", "macie2:ListMembers"),
    // AWS enables Security Hub in an account that becomes the administrator, and refuses to disable it there.
    ("securityhub.administrator", "securityhub:EnableSecurityHub"),
    // Standards that somebody enabled before; `securityhub.rs` has them.
    ("securityhub.account", "securityhub:BatchDisableStandards"),
];

type Calls = BTreeMap<String, BTreeSet<String>>;

fn note(calls: &mut Calls, done: &Done) {
    for call in &done.calls {
        calls.entry(call.control.clone()).or_default().insert(format!("{}:{}", call.service, call.operation));
    }
}

/// All calls of a section's controls.
async fn record(snippet: &Snippet, calls: &mut Calls) {
    let how = snippet.how();
    let org = prepared(Org::fresh(), snippet).await;
    note(calls, &org.plan(&snippet.baseline, &how).await.unwrap());
    note(calls, &org.converge(&snippet.baseline, &how).await);
    note(calls, &org.plan(&snippet.baseline, &how).await.unwrap());
    note(calls, &org.plan(&snippet.baseline, &how.clone().central()).await.unwrap());
    snippets::make(&org.sandbox, &snippet.calls.drift);
    note(calls, &org.converge(&snippet.baseline, &how).await);
    snippets::make(&org.sandbox, &snippet.calls.drift);
    snippets::make(&org.sandbox, &snippet.calls.vanish);
    note(calls, &org.converge(&snippet.baseline, &how).await);
    // Nothing is there yet, of what it needs neither: what one unit makes, another finds only by asking.
    note(calls, &Org::fresh().converge(&snippet.baseline, &How { only: None, ..snippet.how() }).await);
    if let Some(other) = &snippet.other {
        let org = prepared(Org::fresh(), snippet).await;
        note(calls, &org.converge(other, &how).await);
    }
    if let Some(later) = &snippet.later {
        let org = converged(snippet).await;
        snippets::make(&org.sandbox, &snippet.calls.before_later);
        let how = how.destructive();
        note(calls, &org.plan(later, &how).await.unwrap());
        note(calls, &org.converge(later, &how).await);
    }
}

#[tokio::test(start_paused = true)]
async fn calls_equal_the_declaration() {
    let mut calls = Calls::new();
    for snippet in snippets::all() {
        record(&snippet, &mut calls).await;
    }
    let mut wrong = Vec::new();
    let only = std::env::var("ORGBASE_SECTION").ok();
    for section in SECTIONS.iter().filter(|s| only.as_deref().is_none_or(|o| o == s.meta().id)) {
        for control in section.controls() {
            let meta = control.meta();
            let name = if meta.part.is_empty() {
                section.meta().id.into()
            } else {
                format!("{}.{}", section.meta().id, meta.part)
            };
            let made = calls.remove(&name).unwrap_or_default();
            let surveys = meta.survey.map(|s| s.reads).unwrap_or_default();
            let declared: BTreeSet<String> =
                meta.reads.iter().chain(meta.writes).chain(surveys).map(ToString::to_string).collect();
            let rare = |operation: &&String| RARE.iter().any(|(c, o)| *c == name && o == operation);
            wrong.extend(
                declared
                    .difference(&made)
                    .filter(|o| !rare(o))
                    .map(|o| format!("{name} declares {o} and never calls it")),
            );
            wrong.extend(
                made.intersection(&declared)
                    .filter(rare)
                    .map(|o| format!("{name} does call {o}: it is not rare")),
            );
            wrong.extend(
                made.difference(&declared).map(|o| format!("{name} calls {o} and does not declare it")),
            );
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}
