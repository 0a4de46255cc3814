//! Who changed a setting, and when: CloudTrail's event history of 90 days, best effort.
//!
//! One account and region answers two requests a second (`aws/quota.rs`), so the newest writes are read once for all units of
//! a place, and only for units that are not among them each event name is asked for. Nothing here can fail a run: what is not
//! known is `None`. Events of services with one endpoint are in one region of the partition.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html#cloudtrail-concepts-global-service-events>

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_cloudtrail::types::{self, LookupAttribute, LookupAttributeKey};
use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::events::{self, Event, Wanted};
use crate::aws::{Clients, Guard, is_in_one_region};
use crate::error::CallError;
use crate::facts::Facts;
use crate::plan::Shared;
use crate::report::UnitReport;
use crate::units::{OutcomeKind, Unit};

/// The one call.
pub const READS: &[&str] = &["cloudtrail:LookupEvents"];
/// Newest writes of a place, 50 a page.
const PAGES: usize = 2;
/// Event names that one place is asked for after that.
const NAMES: usize = 16;
/// Places that are asked at once; each has a pace of its own.
const AT_ONCE: usize = 64;
/// Nobody waits longer for names: what is not known by then stays unknown.
const PATIENCE: Duration = Duration::from_mins(2);

/// The last write that CloudTrail has of a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangedBy {
    /// ARN of the caller; the service's name where a service did it.
    pub actor: String,
    /// When, RFC 3339, UTC.
    pub at: String,
    /// Event name, such as `UpdateAccountPasswordPolicy`.
    pub event: String,
    /// Event source, such as `iam.amazonaws.com`.
    pub source: String,
    /// Id of the event.
    pub event_id: String,
    /// The event names the very resource, or there is only one of its kind. Else it may have been about another.
    pub certain: bool,
}

/// Account and region.
type Place = (String, String);

/// Who changed the units that drift, by position; those of whom nothing is known are missing.
pub async fn actors(shared: &Arc<Shared>, rows: &[UnitReport]) -> BTreeMap<usize, ChangedBy> {
    let mut places: BTreeMap<Place, Vec<(usize, Wanted)>> = BTreeMap::new();
    for (at, (unit, row)) in shared.units.iter().zip(rows).enumerate() {
        if row.outcome != OutcomeKind::Drift || unit.meta.writes.is_empty() {
            continue;
        }
        let wanted = Wanted { names: events::names(unit.meta.writes), words: words(unit, &shared.facts) };
        for place in places_of(unit, &shared.facts.partition) {
            places.entry(place).or_default().push((at, wanted.clone()));
        }
    }
    let found: Mutex<BTreeMap<usize, (Event, bool)>> = Mutex::default();
    let failures: Mutex<Vec<CallError>> = Mutex::default();
    let ask = |(place, units): (Place, Vec<(usize, Wanted)>)| {
        let (found, failures) = (&found, &failures);
        async move {
            if let Err(error) = ask_place(shared, &place, &units, found).await {
                failures.lock().unwrap_or_else(PoisonError::into_inner).push(error);
            }
        }
    };
    let all = stream::iter(places).for_each_concurrent(AT_ONCE, ask);
    if tokio::time::timeout(PATIENCE, all).await.is_err() {
        tracing::warn!(
            "CloudTrail was asked for {PATIENCE:?}: for the other settings it is not known who changed them"
        );
    }
    warn(&failures.into_inner().unwrap_or_else(PoisonError::into_inner));
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let theirs = found.into_iter().filter(|(_, (event, _))| !event.own);
    theirs.map(|(at, (event, certain))| (at, changed_by(event, certain))).collect()
}

/// Said once, however many places refuse.
fn warn(failures: &[CallError]) {
    let Some(first) = failures.first() else { return };
    let places = failures.len();
    tracing::warn!(error = %first, places, "it is not known who changed some settings");
}

fn changed_by(event: Event, certain: bool) -> ChangedBy {
    let at = OffsetDateTime::from_unix_timestamp(event.at).ok().and_then(|at| at.format(&Rfc3339).ok());
    ChangedBy {
        actor: event.actor,
        at: at.unwrap_or_default(),
        event: event.name,
        source: event.source,
        event_id: event.id,
        certain,
    }
}

/// Where a unit's events are: in the accounts that call and that it is about, in its region and, for global services, in
/// that of their endpoint. The console sets some account-wide settings of S3 there too.
fn places_of(unit: &Unit, partition: &str) -> BTreeSet<Place> {
    let services = || unit.meta.writes.iter().filter_map(|write| write.split(':').next());
    let global = services().any(|service| is_in_one_region(service) || service == "s3control");
    let regional = services().any(|service| !is_in_one_region(service));
    let mut regions = BTreeSet::new();
    if global {
        regions.insert(global_region(partition).to_owned());
    }
    if regional {
        regions.insert(unit.id.region.clone());
    }
    let accounts = BTreeSet::from([unit.seat.clone(), unit.id.account.clone()]);
    let place =
        |account: &String| regions.iter().map(|region| (account.clone(), region.clone())).collect::<Vec<_>>();
    accounts.iter().flat_map(place).collect()
}

/// Where global services of a partition record their events.
fn global_region(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    }
}

/// Names and ids that tell a unit's resource from others of its control: the unit's own name, and what the organization has
/// under it. A unit that is about another account than the caller's is told by that account's id.
fn words(unit: &Unit, facts: &Facts) -> Vec<String> {
    let name = unit.name();
    let mut words = Vec::new();
    if !name.is_empty() {
        words.push(name.to_owned());
        words.extend(facts.policies.values().filter(|p| p.name == name).map(|p| p.id.clone()));
        words.extend(facts.ous.get(name).map(|ou| ou.id.clone()));
    }
    if unit.seat != unit.id.account {
        words.push(unit.id.account.clone());
    }
    words
}

async fn ask_place(
    shared: &Shared,
    (account, region): &Place,
    units: &[(usize, Wanted)],
    found: &Mutex<BTreeMap<usize, (Event, bool)>>,
) -> Result<(), CallError> {
    let guard = Guard { control: "drift".into(), reads: READS, writes: &[] };
    let clients = shared.aws.clients(account, region, guard).await?;
    let mut known = newest(&clients).await?;
    note(units, &known, found);
    let open = units.iter().filter(|(_, wanted)| events::culprit(wanted, known.iter()).is_none());
    let names: BTreeSet<String> =
        open.flat_map(|(_, wanted)| wanted.names.iter().map(|(_, name)| name.clone())).collect();
    for name in names.iter().take(NAMES) {
        known.extend(page(&clients, LookupAttributeKey::EventName, name, None).await?.0);
    }
    note(units, &known, found);
    Ok(())
}

/// Remembers the best event of each unit over all places.
fn note(units: &[(usize, Wanted)], known: &[Event], found: &Mutex<BTreeMap<usize, (Event, bool)>>) {
    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
    for (at, wanted) in units {
        let Some((event, certain)) = events::culprit(wanted, known.iter()) else { continue };
        let better = found.get(at).is_none_or(|(best, sure)| (certain, event.at) > (*sure, best.at));
        if better {
            found.insert(*at, (event.clone(), certain));
        }
    }
}

/// The newest events that wrote something.
async fn newest(clients: &Clients) -> Result<Vec<Event>, CallError> {
    let mut all = Vec::new();
    let mut token = None;
    for _ in 0..PAGES {
        let (events, next) = page(clients, LookupAttributeKey::ReadOnly, "false", token).await?;
        all.extend(events);
        token = next;
        if token.is_none() {
            break;
        }
    }
    Ok(all)
}

async fn page(
    clients: &Clients,
    key: LookupAttributeKey,
    value: &str,
    token: Option<String>,
) -> Result<(Vec<Event>, Option<String>), CallError> {
    let attribute = LookupAttribute::builder().attribute_key(key).attribute_value(value).build().ok();
    let answer = clients
        .cloudtrail()
        .call("LookupEvents", |c| {
            c.lookup_events()
                .set_lookup_attributes(attribute.clone().map(|a| vec![a]))
                .max_results(50)
                .set_next_token(token.clone())
                .send()
        })
        .await?;
    let next = answer.next_token.filter(|token| !token.is_empty());
    Ok((answer.events.unwrap_or_default().iter().filter_map(read).collect(), next))
}

fn read(event: &types::Event) -> Option<Event> {
    let resources: Vec<&str> = event.resources().iter().filter_map(|r| r.resource_name()).collect();
    let at = event.event_time()?.secs();
    Event::new(event.event_id()?, at, event.username(), &resources, event.cloud_trail_event()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Meta;
    use crate::units::{Task, UnitId};

    fn unit(meta: &'static Meta, part: &str, about: &str) -> Unit {
        let id = UnitId {
            control: "c".into(),
            part: part.into(),
            account: about.into(),
            region: "eu-west-1".into(),
        };
        Unit::alone(id, "1".into(), meta, Task::Settled(OutcomeKind::Drift, String::new()))
    }

    fn regions(meta: &'static Meta, partition: &str) -> Vec<String> {
        places_of(&unit(meta, "", "1"), partition).into_iter().map(|(_, region)| region).collect()
    }

    #[test]
    fn global_services_are_asked_in_their_region() {
        const IAM: Meta = Meta { writes: &["iam:UpdateAccountPasswordPolicy"], ..Meta::DEFAULT };
        const S3: Meta = Meta { writes: &["s3control:PutPublicAccessBlock"], ..Meta::DEFAULT };
        const KMS: Meta = Meta { writes: &["kms:PutKeyPolicy"], ..Meta::DEFAULT };
        assert_eq!(regions(&IAM, "aws"), ["us-east-1"]);
        assert_eq!(regions(&IAM, "aws-us-gov"), ["us-gov-west-1"]);
        assert_eq!(regions(&S3, "aws"), ["eu-west-1", "us-east-1"]);
        assert_eq!(regions(&KMS, "aws"), ["eu-west-1"]);
    }

    #[test]
    fn a_unit_is_told_from_others_by_its_name_and_the_account_that_it_is_about() {
        const META: Meta = Meta { part: "unit", ..Meta::DEFAULT };
        let facts = Facts::default();
        assert_eq!(words(&unit(&META, "unit:deny", "1"), &facts), ["deny"]);
        assert_eq!(words(&unit(&META, "unit", "2"), &facts), ["2"]);
        assert_eq!(words(&unit(&META, "unit", "1"), &facts), Vec::<String>::new());
        assert_eq!(places_of(&unit(&META, "unit", "2"), "aws"), BTreeSet::new(), "it writes nothing");
    }
}
