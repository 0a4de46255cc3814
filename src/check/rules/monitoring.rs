//! Rules about metric filters and alarms: all of one form.

use super::Place;
use crate::check::source::Unread;
use crate::check::sources::alarms::{Alarm, Filter, Monitoring};
use crate::check::verdict::Verdict;
use crate::compliance::cis::filter_patterns;
use crate::metric_filter::same_meaning;

/// Subscriptions by e-mail and https wait for whom they name.
const CONFIRM: &str = "by hand: somebody must subscribe to the alarm's topic, or confirm the subscription that waits; `orgbase \
                       apply --resubscribe` sends those of `[metric_alarms]` their message again";

pub(super) fn alarm(place: &Place<'_>) -> Result<Verdict, Unread> {
    let monitoring = place.get::<Monitoring>()?;
    // What could not be read of one log group does not matter where another has all that the rule asks for.
    let unread = monitoring.trails.iter().find_map(|t| monitoring.unread.get(t.log_group.as_ref()?));
    let Some(trail) = monitoring.trails.first() else {
        let none = "no organization trail logs all management events of all regions";
        return Ok(Verdict::setting("alarm", Some(none.into())));
    };
    if !monitoring.trails.iter().any(|t| t.log_group.is_some()) {
        return Ok(Verdict::setting("alarm", Some(format!("trail {} delivers to no log group", trail.name))));
    }
    let same = |f: &&Filter| filter_patterns(&place.rule.key).any(|p| same_meaning(&f.pattern, p));
    let filters: Vec<&Filter> = monitoring.filters.iter().filter(same).collect();
    if filters.is_empty() {
        let none = "no metric filter of the trail's log group means what the rule asks for";
        return unread
            .map_or_else(|| Ok(Verdict::setting("alarm", Some(none.into()))), |why| Err(why.clone()));
    }
    let metrics = filters.iter().flat_map(|f| &f.metrics);
    let alarms: Vec<&Alarm> = metrics.filter_map(|m| monitoring.alarms.get(m)).flatten().collect();
    let told = |a: &&&Alarm| a.enabled && a.actions.iter().any(|topic| monitoring.confirmed.contains(topic));
    if let Some(alarm) = alarms.iter().find(told) {
        let found = format!("organization trail {}, alarm {}", trail.name, alarm.name);
        return Ok(Verdict::setting("alarm", None).met_by(found));
    }
    let mut topics = alarms.iter().filter(|a| a.enabled).flat_map(|a| &a.actions);
    if let Some(why) = unread.or_else(|| topics.find_map(|topic| monitoring.unread.get(topic))) {
        return Err(why.clone());
    }
    Ok(match alarms.first() {
        Some(alarm) => {
            let nobody =
                format!("alarm {} tells nobody: no topic of it has a confirmed subscription", alarm.name);
            let verdict = Verdict::setting("alarm", Some(nobody));
            if alarms.iter().any(|a| asks_a_topic(a)) { verdict.by_hand(CONFIRM) } else { verdict }
        }
        None => Verdict::setting("alarm", Some("no alarm watches the filter's metric".into())),
    })
}

/// It is on, and goes to a topic: nothing but a subscriber is missing.
fn asks_a_topic(alarm: &Alarm) -> bool {
    alarm.enabled && alarm.actions.iter().any(|action| action.split(':').nth(2) == Some("sns"))
}
