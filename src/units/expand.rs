//! Baseline x facts -> units. Pure.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::graph::{self, Listed, Placed};
use super::{Exempt, OutcomeKind, Task, Unit, UnitId};
use time::{Date, Duration};

use crate::baseline::{Baseline, Bound, Place, Regions};
use crate::control::{self, DynControl, DynUnit, Seat, Want, Wanted};
use crate::controls::SECTIONS;
use crate::diag::BaselineError;
use crate::facts::{Account, Facts};
use crate::selector::{Selection, Target as Subject};

/// What a run covers.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// What is wanted.
    pub baseline: &'a Baseline,
    /// What is there.
    pub facts: &'a Facts,
    /// `--only` and `--exclude`.
    pub selection: &'a Selection,
    /// Today, UTC.
    pub today: Date,
}

impl Scope<'_> {
    /// What selectors are held against; `control` as `control_of` says it.
    pub(super) fn subject<'s>(&'s self, id: &'s UnitId, control: &'s str) -> Subject<'s> {
        let account = self.facts.accounts.get(&id.account);
        let account_key = account.and_then(|a| self.baseline.account_key(a));
        let ou = account.map_or("/", |a| a.ou.as_str());
        Subject { control, account: &id.account, account_key, ou, region: &id.region }
    }
}

/// `section` or `section.part`, as selectors name it.
pub(super) fn control_of(id: &UnitId) -> String {
    if id.part.is_empty() { id.control.clone() } else { format!("{}.{}", id.control, id.part) }
}

/// All units of the run, in a stable order: sections as registered, then accounts, then regions.
///
/// # Errors
/// Findings in an override that could be judged only with the accounts at hand.
pub fn expand(scope: &Scope<'_>) -> Result<Vec<Unit>, BaselineError> {
    let mut builder = Builder { scope, units: Vec::new(), placed: Vec::new(), controls: Vec::new() };
    for section in SECTIONS {
        if !scope.baseline.declares(section.meta().id) {
            continue;
        }
        for control in section.controls() {
            builder.control(control.as_ref())?;
        }
    }
    let Builder { mut units, placed, controls, .. } = builder;
    graph::link(&mut units, &placed, &controls);
    Ok(units)
}

/// The account that makes the calls of a control with this seat, where it is not the one that the unit is about.
///
/// # Errors
/// Why there is none: nobody is named, or the account does not exist or is not managed.
pub fn seat_account<'a>(baseline: &Baseline, facts: &'a Facts, seat: Seat) -> Result<&'a Account, String> {
    let id = match seat {
        Seat::Management | Seat::Member => facts.management_account.clone(),
        Seat::LogArchive | Seat::LogReplica | Seat::DelegatedAdmin(_) => {
            let key = seat_key(baseline, seat).ok_or("the baseline names no account for it")?;
            baseline
                .account_id(&key, facts)
                .ok_or_else(|| format!("account `{key}` does not exist yet: run `orgbase vend {key}`"))?
        }
    };
    let account =
        facts.accounts.get(&id).ok_or_else(|| format!("account {id} is not in the organization"))?;
    match unmanaged(baseline, account) {
        None => Ok(account),
        Some(why) => Err(format!("account {id} is not managed: {why}")),
    }
}

/// The account key that some declared section names for a seat.
fn seat_key(baseline: &Baseline, seat: Seat) -> Option<String> {
    SECTIONS.iter().find_map(|section| {
        let bound = baseline.section(section.meta().id, None).ok()??;
        section.seat(bound.value.as_ref(), seat)
    })
}

/// Why nothing is managed in an account.
pub(super) fn unmanaged(baseline: &Baseline, account: &Account) -> Option<String> {
    if !account.is_active() {
        return Some(format!("the account is {}", account.state));
    }
    baseline.unmanaged(account)
}

/// Ids of the accounts in which a control wants something in one of their regions: which regions they have must be known
/// before its units can be spread.
pub fn regional_accounts(control: &dyn DynControl, baseline: &Baseline, facts: &Facts) -> BTreeSet<String> {
    let regions: Vec<&String> = match &baseline.organization.regions {
        Regions::List(list) => list.iter().collect(),
        Regions::Enabled => facts.management_regions.iter().collect(),
    };
    let wants = |account: &&Account| {
        let place = Place { key: baseline.account_key(account), id: &account.id, ou: &account.ou };
        let wants_in = |region: &&String| match baseline.section_in(control.section().id, &place, region) {
            Ok(None) => false,
            Ok(Some(bound)) => {
                !control.desired(bound.value.as_ref(), account, region, facts, baseline).is_empty()
            }
            // The findings are reported when the units are spread.
            Err(_) => true,
        };
        regions.iter().any(wants_in)
    };
    let managed = facts.accounts.values().filter(|a| unmanaged(baseline, a).is_none());
    managed.filter(wants).map(|a| a.id.clone()).collect()
}

struct Builder<'a> {
    scope: &'a Scope<'a>,
    units: Vec<Unit>,
    placed: Vec<Placed>,
    controls: Vec<Listed>,
}

/// One account and region that a control is asked about.
struct Target<'a> {
    account: &'a Account,
    region: String,
    /// Known outcome, where nothing is to be asked.
    settled: Option<(OutcomeKind, String)>,
}

impl Builder<'_> {
    fn control(&mut self, control: &dyn DynControl) -> Result<(), BaselineError> {
        let position = self.controls.len();
        self.controls.push(Listed { section: control.section().id, meta: control.meta() });
        match control.meta().scope {
            control::Scope::Organization | control::Scope::OrganizationRegion => {
                self.organization_wide(control, position)
            }
            control::Scope::Account | control::Scope::AccountRegion => self.per_account(control, position),
        }
    }

    fn organization_wide(&mut self, control: &dyn DynControl, position: usize) -> Result<(), BaselineError> {
        let scope = self.scope;
        let id = control.section().id;
        let Some(bound) = scope.baseline.section(id, None)? else { return Ok(()) };
        let account = match seat_account(scope.baseline, scope.facts, control.meta().seat) {
            Ok(account) => account,
            Err(_)
                if control.meta().optional_seat
                    && seat_key(scope.baseline, control.meta().seat).is_none() =>
            {
                return Ok(());
            }
            Err(why) => {
                self.settle(control, position, &bound, OutcomeKind::Blocked, why);
                return Ok(());
            }
        };
        let home = scope.baseline.organization.home_region.clone();
        let regions = match control.meta().scope {
            control::Scope::OrganizationRegion => self.regions_of(account),
            _ => vec![(home, None)],
        };
        for (region, settled) in regions {
            self.target(control, position, &bound, &Target { account, region, settled });
        }
        Ok(())
    }

    fn per_account(&mut self, control: &dyn DynControl, position: usize) -> Result<(), BaselineError> {
        let scope = self.scope;
        for account in scope.facts.accounts.values() {
            let key = scope.baseline.account_key(account);
            let place = Place { key, id: &account.id, ou: &account.ou };
            let id = control.section().id;
            let regional = control.meta().scope == control::Scope::AccountRegion;
            let home = scope.baseline.organization.home_region.clone();
            let regions = if let Some(why) = unmanaged(scope.baseline, account) {
                vec![(home, Some((OutcomeKind::Skipped, why)))]
            } else if regional {
                self.regions_of(account)
            } else {
                vec![(home, None)]
            };
            for (region, settled) in regions {
                let bound = if regional {
                    scope.baseline.section_in(id, &place, &region)?
                } else {
                    scope.baseline.section(id, Some(&place))?
                };
                let Some(bound) = bound else { continue };
                self.target(control, position, &bound, &Target { account, region, settled });
            }
        }
        Ok(())
    }

    /// The regions of an account that the baseline covers, each with its known outcome if it has one.
    fn regions_of(&self, account: &Account) -> Vec<(String, Option<(OutcomeKind, String)>)> {
        let Scope { baseline, facts, .. } = self.scope;
        let own: Option<Result<&BTreeSet<String>, String>> = if account.id == facts.management_account {
            Some(Ok(&facts.management_regions))
        } else {
            facts.regions.get(&account.id).map(|r| r.as_ref().map_err(ToString::to_string))
        };
        match (&baseline.organization.regions, own) {
            (Regions::Enabled, Some(Ok(own))) => own.iter().map(|r| (r.clone(), None)).collect(),
            (Regions::Enabled, Some(Err(why))) => {
                vec![(baseline.organization.home_region.clone(), Some((OutcomeKind::Failed, why)))]
            }
            (Regions::Enabled, None) => facts.management_regions.iter().map(|r| (r.clone(), None)).collect(),
            (Regions::List(list), own) => list
                .iter()
                .map(|region| {
                    let off = matches!(own, Some(Ok(own)) if !own.contains(region));
                    let why =
                        || (OutcomeKind::Skipped, format!("region {region} is not enabled in the account"));
                    (region.clone(), off.then(why))
                })
                .collect(),
        }
    }

    fn target(&mut self, control: &dyn DynControl, position: usize, bound: &Arc<Bound>, target: &Target<'_>) {
        let Scope { baseline, facts, .. } = self.scope;
        let value: &(dyn Any + Send + Sync) = bound.value.as_ref();
        for wanted in control.desired(value, target.account, &target.region, facts, baseline) {
            self.unit(control, position, bound, target, wanted);
        }
    }

    fn unit(
        &mut self,
        control: &dyn DynControl,
        position: usize,
        bound: &Arc<Bound>,
        target: &Target<'_>,
        wanted: Wanted<Box<dyn DynUnit>>,
    ) {
        let meta = control.meta();
        let per_account = matches!(meta.scope, control::Scope::Account | control::Scope::AccountRegion);
        let in_ring = per_account || wanted.about.is_some();
        let about = wanted.about.clone().unwrap_or_else(|| target.account.id.clone());
        let id = UnitId {
            control: control.section().id.to_string(),
            part: join(meta.part, &wanted.part),
            account: about,
            region: target.region.clone(),
        };
        if !self.is_selected(&id) {
            return;
        }
        let task = match (&target.settled, wanted.want) {
            (Some((outcome, why)), _) => Task::Settled(*outcome, why.clone()),
            (None, Want::Set(unit)) => Task::Do(unit),
            (None, Want::NotApplicable(why)) => Task::Settled(OutcomeKind::NotApplicable, why),
            (None, Want::Skipped(why)) => Task::Settled(OutcomeKind::Skipped, why),
            (None, Want::Blocked(why)) => Task::Settled(OutcomeKind::Blocked, why),
        };
        let seat = match meta.seat {
            Seat::Management => self.scope.facts.management_account.clone(),
            _ => target.account.id.clone(),
        };
        let exception = self.exempt(&id);
        let bound = Some(Arc::clone(bound));
        let ring = if in_ring { self.ring(&id) } else { None };
        let protected = self.is_protected(&id);
        self.units.push(Unit {
            id,
            seat,
            meta,
            task,
            bound,
            at: wanted.at,
            exception,
            ring,
            protected,
            control: position,
            after: Vec::new(),
        });
        self.placed.push(Placed { control: position, part: wanted.part, after_parts: wanted.after });
    }

    /// One unit that ends without being asked.
    fn settle(
        &mut self,
        control: &dyn DynControl,
        position: usize,
        bound: &Arc<Bound>,
        outcome: OutcomeKind,
        why: String,
    ) {
        let Scope { baseline, facts, .. } = self.scope;
        let id = UnitId {
            control: control.section().id.to_string(),
            part: control.meta().part.to_string(),
            account: facts.management_account.clone(),
            region: baseline.organization.home_region.clone(),
        };
        if !self.is_selected(&id) {
            return;
        }
        self.units.push(Unit {
            seat: id.account.clone(),
            id,
            meta: control.meta(),
            task: Task::Settled(outcome, why),
            bound: Some(Arc::clone(bound)),
            at: String::new(),
            exception: None,
            ring: None,
            protected: false,
            control: position,
            after: Vec::new(),
        });
        self.placed.push(Placed { control: position, part: String::new(), after_parts: Vec::new() });
    }

    fn is_selected(&self, id: &UnitId) -> bool {
        self.scope.selection.matches(&self.scope.subject(id, &control_of(id)))
    }

    /// The ring of the account that a unit is about.
    fn ring(&self, id: &UnitId) -> Option<usize> {
        let Scope { baseline, facts, .. } = self.scope;
        let account = facts.accounts.get(&id.account).filter(|_| !baseline.rings.is_empty())?;
        Some(baseline.ring_of(account))
    }

    /// Whether the account that a unit is about is protected, and the run does not name it.
    fn is_protected(&self, id: &UnitId) -> bool {
        let Scope { baseline, facts, selection, .. } = self.scope;
        let Some(account) = facts.accounts.get(&id.account) else { return false };
        baseline.is_protected(account) && !selection.names(&account.id, baseline.account_key(account))
    }

    fn exempt(&self, id: &UnitId) -> Option<Exempt> {
        let Scope { baseline, facts, today, .. } = self.scope;
        let account = facts.accounts.get(&id.account)?;
        let found = baseline.exception(&id.control, account, &id.region)?;
        let expired = found.expires.is_some_and(|day| day < *today);
        let expires_soon = !expired && found.expires.is_some_and(|day| day <= *today + Duration::days(30));
        let expires = found.expires.map(|day| day.to_string());
        Some(Exempt { reason: found.reason.clone(), expires, expired, expires_soon })
    }
}

/// `part` of a control and name of a unit in it, as the JSON shows them.
fn join(part: &str, unit: &str) -> String {
    match (part.is_empty(), unit.is_empty()) {
        (true, _) => unit.to_string(),
        (false, true) => part.to_string(),
        (false, false) => format!("{part}:{unit}"),
    }
}
