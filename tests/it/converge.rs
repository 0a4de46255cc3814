//! Every section converges: from nothing, from drift, beside what others own, and when things vanish meanwhile.

use orgbase::report::UnitReport;
use orgbase::sandbox::services::s3::Version;
use orgbase::sandbox::spec::Spec;
use orgbase::units::OutcomeKind;

use crate::support::org::{Done, How, Org};
use crate::support::{for_each_section, shape, snippets};

/// An organization in which what a section needs is done, as it is wanted where the section is declared as well (the log
/// archive has a bucket for each section that writes logs).
pub(crate) async fn prepared(org: Org, snippet: &snippets::Snippet) -> Org {
    if snippet.needs {
        org.converge(&snippet.baseline, &How::without(snippet.id)).await;
    }
    org
}

/// An organization in which a section is done.
pub(crate) async fn converged(snippet: &snippets::Snippet) -> Org {
    let org = prepared(Org::fresh(), snippet).await;
    org.converge(&snippet.baseline, &snippet.how()).await;
    org
}

fn assert_in_sync(done: &Done) {
    use OutcomeKind::{InSync, NotApplicable, Skipped};
    let off = |r: &&UnitReport| !matches!(r.outcome, InSync | NotApplicable | Skipped);
    assert_eq!(done.report.units.iter().filter(off).count(), 0, "not in sync:\n{}", done.problems());
    assert!(done.report.units.iter().any(|r| r.outcome == InSync), "nothing is in sync: nothing was asked");
}

/// Absent -> plan has drift -> apply -> in sync; a second apply writes nothing.
async fn converges_once(org: Org, snippet: &snippets::Snippet) {
    let org = prepared(org, snippet).await;
    let how = snippet.how();
    let planned = org.plan(&snippet.baseline, &how).await.unwrap();
    assert_eq!(planned.report.summary.exit_code(), 2, "nothing to do:\n{}", planned.problems());
    assert_eq!(planned.writes(), Vec::<String>::new(), "a plan wrote");
    org.converge(&snippet.baseline, &how).await;
    assert_in_sync(&org.plan(&snippet.baseline, &how).await.unwrap());
    let state = shape::lines(&org.sandbox);
    let again = org.converge(&snippet.baseline, &how).await;
    assert_eq!(again.writes(), Vec::<String>::new(), "the second apply wrote");
    assert_eq!(
        shape::difference(&state, &shape::lines(&org.sandbox)),
        "",
        "the second apply changed something"
    );
    assert_eq!(org.sandbox.unimplemented(), Vec::<String>::new(), "the sandbox lacks operations");
}

#[tokio::test(start_paused = true)]
async fn a_fresh_organization_converges_and_stays() {
    for_each_section(async |snippet| converges_once(Org::fresh(), snippet).await).await;
}

#[tokio::test(start_paused = true)]
async fn a_drifted_organization_converges_and_stays() {
    for_each_section(async |snippet| {
        for seed in [1, 2] {
            let spec = Spec::parse(&format!("accounts=4,ous=3,regions=2,drift=0.5,seed={seed}")).unwrap();
            converges_once(Org::of(&spec), snippet).await;
        }
    })
    .await;
}

/// Settings that were changed behind our back are found and repaired, and what others put beside them stays.
#[tokio::test(start_paused = true)]
async fn drift_is_repaired_and_foreign_content_survives() {
    for_each_section(async |snippet| {
        let org = converged(snippet).await;
        let how = snippet.how();
        snippets::make(&org.sandbox, &snippet.calls.foreign);
        assert_in_sync(&org.plan(&snippet.baseline, &how).await.unwrap());
        snippets::make(&org.sandbox, &snippet.calls.drift);
        let foreign = shape::count(&org.sandbox, "foreign");
        let found = org.plan(&snippet.baseline, &how).await.unwrap();
        let expected = if snippet.calls.drift.is_empty() { 0 } else { 2 };
        assert_eq!(found.report.summary.exit_code(), expected, "{}", found.problems());
        org.converge(&snippet.baseline, &how).await;
        assert_in_sync(&org.plan(&snippet.baseline, &how).await.unwrap());
        assert_eq!(shape::count(&org.sandbox, "foreign"), foreign, "foreign content is gone or doubled");
    })
    .await;
}

/// Something goes away after the plan was made: the unit is stale, or converges all the same; the next run repairs it.
#[tokio::test(start_paused = true)]
async fn what_vanishes_after_the_plan_ends_stale_or_converges() {
    for_each_section(async |snippet| {
        let org = converged(snippet).await;
        let how = snippet.how();
        snippets::make(&org.sandbox, &snippet.calls.drift);
        let vanish = |sandbox: &_| snippets::make(sandbox, &snippet.calls.vanish);
        let done = org.apply_after(&snippet.baseline, &how, vanish).await.unwrap();
        for row in &done.report.units {
            use OutcomeKind::{Applied, Blocked, InSync, NotApplicable, Skipped, Stale};
            let fine = matches!(row.outcome, InSync | Applied | Stale | Blocked | NotApplicable | Skipped);
            assert!(fine, "{}", done.problems());
        }
        org.converge(&snippet.baseline, &how).await;
        assert_in_sync(&org.plan(&snippet.baseline, &how).await.unwrap());
    })
    .await;
}

/// A later form of the section takes things away; then nothing is left to do.
#[tokio::test(start_paused = true)]
async fn a_later_form_of_the_section_converges() {
    for_each_section(async |snippet| {
        let Some(later) = &snippet.later else { return };
        let org = converged(snippet).await;
        snippets::make(&org.sandbox, &snippet.calls.before_later);
        let how = snippet.how().destructive();
        let done = org.converge(later, &how).await;
        assert!(done.report.summary.count(OutcomeKind::Applied) > 0, "nothing changed");
        assert_in_sync(&org.plan(later, &how).await.unwrap());
    })
    .await;
}

/// `--refresh central` says of every unit what reading it says: nothing is in sync only because nobody looked.
#[tokio::test(start_paused = true)]
async fn central_answers_agree_with_what_is_there() {
    for_each_section(async |snippet| {
        let org = converged(snippet).await;
        let how = snippet.how();
        snippets::make(&org.sandbox, &snippet.calls.foreign);
        let told = async |state: &str| {
            let full = org.plan(&snippet.baseline, &how).await.unwrap();
            let central = org.plan(&snippet.baseline, &how.clone().central()).await.unwrap();
            for (read, asked) in full.report.units.iter().zip(&central.report.units) {
                let asked = UnitReport { vouched_by: None, ..asked.clone() };
                let fingerprint = asked.fingerprint.clone();
                assert_eq!(&UnitReport { fingerprint, ..read.clone() }, &asked, "{state}");
            }
            assert_eq!(full.report.summary, central.report.summary, "{state}");
        };
        told("converged").await;
        snippets::make(&org.sandbox, &snippet.calls.drift);
        told("drifted").await;
    })
    .await;
}

/// Somebody switched off a rule that deletes logs in time. What is old enough by now would be gone at once.
#[tokio::test(start_paused = true)]
async fn a_rule_that_would_delete_old_logs_waits_for_a_person() {
    let Some(snippet) = snippets::all().into_iter().find(|snippet| snippet.id == "log_archive") else {
        return;
    };
    let org = converged(&snippet).await;
    let bucket = "orgbase-access-logs-222222222222";
    org.sandbox.modify(|world| world.s3.buckets.get_mut(bucket).unwrap().lifecycle = None);
    let repaired = org.converge(&snippet.baseline, &snippet.how()).await;
    assert_eq!(repaired.writes(), ["s3:PutBucketLifecycleConfiguration"], "nothing is in the bucket");
    org.sandbox.modify(|world| {
        let bucket = world.s3.buckets.get_mut(bucket).unwrap();
        bucket.lifecycle = None;
        let old = Version { id: "null".into(), modified: 1.0, ..Version::default() };
        bucket.objects.insert("logs/1970".into(), vec![old]);
    });
    let waits = org.apply(&snippet.baseline, &snippet.how()).await.unwrap();
    assert_eq!(waits.writes(), Vec::<String>::new());
    let row = waits.report.units.iter().find(|row| !row.changes.is_empty()).unwrap();
    assert!(row.notices.iter().any(|notice| notice.contains("older than 365 days")), "{:?}", row.notices);
    org.converge(&snippet.baseline, &snippet.how().destructive()).await;
}
