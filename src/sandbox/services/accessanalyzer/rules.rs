//! Archive rules.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Rule, conflict, find, find_mut, missing, page, quota, validation};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// Most archive rules of an analyzer (user guide, "IAM Access Analyzer quotas").
const MOST: usize = 100;

/// The rules that come with a new analyzer.
pub(super) fn inline(list: &[Value], now: f64) -> Result<BTreeMap<String, Rule>, Fault> {
    let mut rules = BTreeMap::new();
    for rule in list {
        let name = rule.get("ruleName").and_then(Value::as_str).unwrap_or_default();
        let filter = checked(rule.get("filter"))?;
        if rules.insert(name.to_owned(), Rule { filter, created: now, updated: now }).is_some() {
            return Err(conflict("archiveRule", name));
        }
    }
    if rules.len() > MOST { Err(quota("archiveRule", "")) } else { Ok(rules) }
}

/// Guess: an empty filter, and a criterion without a condition, are refused.
fn checked(filter: Option<&Value>) -> Result<Value, Fault> {
    let criteria = filter.and_then(Value::as_object);
    let empty = |criterion: &Value| criterion.as_object().is_none_or(serde_json::Map::is_empty);
    if criteria.is_none_or(|criteria| criteria.is_empty() || criteria.values().any(empty)) {
        return Err(validation(
            "The filter of an archive rule needs a criterion, and a criterion a condition.",
        ));
    }
    Ok(filter.cloned().unwrap_or_default())
}

pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let name = call.required("ruleName");
    let filter = checked(call.input.get("filter"))?;
    let analyzer = find_mut(world, call, call.required("analyzerName"))?;
    if analyzer.rules.contains_key(name) {
        return Err(conflict("archiveRule", name));
    }
    if analyzer.rules.len() >= MOST {
        return Err(quota("archiveRule", name));
    }
    analyzer.rules.insert(name.to_owned(), Rule { filter, created: call.now, updated: call.now });
    Ok(json!({}))
}

pub(super) fn update(world: &mut World, call: &Call) -> Reply {
    let name = call.required("ruleName");
    let filter = checked(call.input.get("filter"))?;
    let analyzer = find_mut(world, call, call.required("analyzerName"))?;
    let rule = analyzer.rules.get_mut(name).ok_or_else(|| missing("archiveRule", name))?;
    (rule.filter, rule.updated) = (filter, call.now);
    Ok(json!({}))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    let name = call.required("ruleName");
    let analyzer = find_mut(world, call, call.required("analyzerName"))?;
    analyzer.rules.remove(name).map(|_| json!({})).ok_or_else(|| missing("archiveRule", name))
}

pub(super) fn get(world: &mut World, call: &Call) -> Reply {
    let name = call.required("ruleName");
    let analyzer = find(world, call, call.required("analyzerName"))?;
    let rule = analyzer.rules.get(name).ok_or_else(|| missing("archiveRule", name))?;
    Ok(json!({"archiveRule": shown(name, rule)}))
}

pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    let analyzer = find(world, call, call.required("analyzerName"))?;
    let all: Vec<Value> = analyzer.rules.iter().map(|(name, rule)| shown(name, rule)).collect();
    page(world, call, "archiveRules", &all)
}

fn shown(name: &str, rule: &Rule) -> Value {
    json!({"ruleName": name, "filter": rule.filter, "createdAt": rule.created, "updatedAt": rule.updated})
}
