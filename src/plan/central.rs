//! `--refresh central`: organization-wide answers in place of a read of every target.
//!
//! Such an answer is an answer of AWS about each target that it states; a target of which it states less than the control
//! reads, or something else than is wanted, is read by itself. So nothing is ever in sync that nobody was asked about.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::{Refresh, Shared, planned_row};
use crate::aws::Guard;
use crate::control::{Answers, Cx, DynUnit, Survey};
use crate::error::UnitError;
use crate::report::UnitReport;
use crate::units::{Unit, seat_account};

/// One question: asked once, however many units wait for the answer. `None`: there was no answer.
type Question = Arc<OnceCell<Option<Answers>>>;

/// Answers by the control's position and the region that was asked.
#[derive(Default)]
pub(super) struct Surveys(Mutex<HashMap<(usize, String), Question>>);

impl Surveys {
    fn question(&self, unit: &Unit, region: &str) -> Question {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry((unit.control, region.to_owned())).or_default().clone()
    }
}

/// The row of a unit that an organization-wide answer shows to be in sync; `None`: it must be read.
pub(super) async fn row(shared: &Shared, unit: &Unit, task: &dyn DynUnit) -> Option<UnitReport> {
    let survey = unit.meta.survey.filter(|_| shared.refresh == Refresh::Central)?;
    let home = &shared.baseline.organization.home_region;
    let region = if survey.regional { &unit.id.region } else { home };
    let question = shared.asked.surveys.question(unit, region);
    let answers = question.get_or_init(|| ask(shared, unit, task, &survey, region)).await.as_ref()?;
    let planned = task.vouched(answers, &unit.id.account, &unit.id.region, unit.name())?;
    Some(UnitReport { vouched_by: Some(survey.evidence.to_owned()), ..planned_row(shared, unit, planned) })
}

/// Without an answer every target is read: that is slower, and as true.
async fn ask(
    shared: &Shared,
    unit: &Unit,
    task: &dyn DynUnit,
    survey: &Survey,
    region: &str,
) -> Option<Answers> {
    let account = match seat_account(&shared.baseline, &shared.facts, survey.seat) {
        Ok(account) => account,
        // Nobody could tell: that is no failure, many baselines have nobody.
        Err(why) => {
            tracing::debug!(control = unit.id.control, region, why, "nobody to ask: {}", survey.evidence);
            return None;
        }
    };
    let answer = answer(shared, unit, task, survey, &account.id, region).await;
    if let Err(why) = &answer {
        let why = why.to_string();
        tracing::warn!(control = unit.id.control, region, why, "{} gave no answer", survey.evidence);
    }
    answer.ok()
}

async fn answer(
    shared: &Shared,
    unit: &Unit,
    task: &dyn DynUnit,
    survey: &Survey,
    account: &str,
    region: &str,
) -> Result<Answers, UnitError> {
    let guard = Guard { reads: survey.reads, writes: &[], ..shared.guard(unit) };
    let clients = shared.aws.clients(account, region, guard).await?;
    let (facts, baseline) = (&shared.facts, &shared.baseline);
    let once = &shared.asked.reads;
    task.survey(&Cx { aws: &clients, facts, baseline, region, once, canary: None, fresh: false }).await
}
