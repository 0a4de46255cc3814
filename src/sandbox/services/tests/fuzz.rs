//! Valid requests with odd contents to every operation that has a handler: no panic, and every good answer is of the model's
//! shape. What is not valid is refused before a handler sees it (`wire/properties.rs`).

#![expect(clippy::cast_sign_loss, reason = "bounds of lengths are not negative")]

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Map, Value, json};

use super::super::dispatch;
use super::super::lab::{HOME, Lab, MANAGEMENT, MEMBER, conforms};
use crate::sandbox::models::{self, Api, Kind, Member, Shape};
use crate::sandbox::wire::{Protocol, validate};
use crate::sandbox::world::{Call, Principal};

/// How often each operation is called with each seed.
const CALLS: usize = 12;
const SEEDS: u64 = 4;
/// Nested structures are left out from here on.
const DEPTH: usize = 6;

/// Numbers by chance (splitmix64), and texts that are in the world: names, ids and ARNs of what is there.
struct Dice(u64, Vec<String>);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % sides.max(1) as u64).unwrap_or_default()
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.roll(list.len()))
    }
}

/// Texts that mean something somewhere, and texts that should not.
const TEXTS: &[&str] = &[
    "a",
    "name",
    "orgbase-x",
    MEMBER,
    MANAGEMENT,
    "999999999999",
    "o-a1b2c3d4e5",
    "r-ab12",
    "ou-ab12-abcdefgh",
    "p-FullAWSAccess",
    "page-1",
    "page-18446744073709551615",
    "page--1",
    "eu-west-1",
    "us-east-1",
    "nowhere-1",
    "guardduty.amazonaws.com",
    "aws:SourceArn",
    "jo@example.com",
    "*",
    "/",
    "//",
    "/a/b/",
    "..",
    "alias/x",
    "alias/aws/s3",
    "arn:aws:iam::222222222222:role/x",
    "arn:aws:iam::222222222222:role/OrganizationAccountAccessRole",
    "arn:aws:sns:eu-west-1:222222222222:x",
    "arn:aws:kms:eu-west-1:222222222222:key/00000000-0000-0000-0000-000000000000",
    "arn:aws:kms:eu-west-1:222222222222:alias/x",
    "arn:aws:s3:::orgbase-x",
    "arn:aws:logs:eu-west-1:222222222222:log-group:x:*",
    "arn:aws:organizations::111111111111:policy/o-a1b2c3d4e5/service_control_policy/p-12345678",
    "arn:",
    "arn:aws:::::",
    "https://example.com/x",
    "{}",
    "[]",
    "{",
    "null",
    r#"{"Version":"2012-10-17","Statement":[]}"#,
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#,
    r#"{"Version":"2012-10-17","Statement":[{"Sid":"S","Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#,
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}}"#,
    r"{ $.eventName = ConsoleLogin }",
    "((((((((",
    "0",
    "-1",
    "9223372036854775807",
    "1e400",
    "2026-11-25T00:00:00Z",
    "P30D",
    "10.0.0.0/8",
    "sg-0123456789abcdef0",
    "vpc-0123456789abcdef0",
    "0123456789abcdef0123456789abcdef",
    "00000000-0000-0000-0000-000000000000",
    "\u{e9}\u{4e16}\u{1f600}",
    "\u{202e}x",
    "%00",
    "a b",
    "",
];

fn text(dice: &mut Dice, shape: &Shape) -> String {
    if let Some(value) = dice.of(&shape.values) {
        return value.clone();
    }
    let longest = shape.max.map_or(300, |max| max as usize).min(300);
    let fits = |text: &str| {
        let length = text.chars().count() as f64;
        shape.min.is_none_or(|min| length >= min)
            && shape.max.is_none_or(|max| length <= max)
            && shape.pattern_matches(text)
    };
    if dice.roll(2) == 0 {
        let at = dice.roll(dice.1.len());
        let known = dice.1.iter().skip(at).chain(dice.1.iter().take(at));
        if let Some(found) = known.take(200).find(|t| fits(t)) {
            return found.clone();
        }
    }
    let at = dice.roll(TEXTS.len());
    let turned = TEXTS.iter().skip(at).chain(TEXTS.iter().take(at)).map(ToString::to_string);
    let filled = ["a", "0", "A", "/a"].map(|c| c.repeat(shape.min.unwrap_or(1.0).max(1.0) as usize));
    let longest = ["x".repeat(longest), "7".repeat(longest)];
    let first = if dice.roll(12) == 0 { longest.to_vec() } else { Vec::new() };
    first.into_iter().chain(turned).chain(filled).find(|t| fits(t)).unwrap_or_default()
}

fn number(dice: &mut Dice, shape: &Shape) -> f64 {
    let (low, high) = (shape.min.unwrap_or(-5.0), shape.max.unwrap_or(1e9));
    let all = [low, high, 0.0, 1.0, 2.0, 7.0, 60.0, 365.0, -1.0];
    dice.of(&all).copied().unwrap_or_default().clamp(low, high)
}

fn value(dice: &mut Dice, api: &Api, member: &Member, depth: usize) -> Value {
    let shape = api.of(member);
    if shape.document {
        return json!({"a": 1});
    }
    let count = |dice: &mut Dice| {
        let low = shape.min.unwrap_or(0.0) as usize;
        (low + dice.roll(3)).min(shape.max.map_or(usize::MAX, |max| max as usize))
    };
    match shape.kind {
        Kind::Structure => {
            let mut members = Map::new();
            for (name, member) in &shape.members {
                let needed = shape.required.contains(name);
                if needed || (depth < DEPTH && dice.roll(3) == 0) {
                    members.insert(name.clone(), value(dice, api, member, depth + 1));
                }
            }
            Value::Object(members)
        }
        Kind::List => {
            let n = if depth < DEPTH { count(dice) } else { shape.min.unwrap_or(0.0) as usize };
            (0..n).map(|_| value(dice, api, &shape.member, depth + 1)).collect()
        }
        Kind::Map => {
            let n = count(dice);
            let entry =
                |dice: &mut Dice| (text(dice, api.of(&shape.key)), value(dice, api, &shape.value, depth + 1));
            Value::Object((0..n).map(|_| entry(dice)).collect())
        }
        Kind::String => Value::from(text(dice, shape)),
        Kind::Integer | Kind::Long => Value::from(number(dice, shape) as i64),
        Kind::Float | Kind::Double => json!(number(dice, shape)),
        Kind::Boolean => Value::from(dice.roll(2) == 0),
        Kind::Timestamp => json!(1_800_000_000.0 + number(dice, &Shape::default())),
        Kind::Blob => Value::from("AAAA"),
    }
}

/// Every short text in a value.
fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() < 200 => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Value::Object(members) => members.iter().for_each(|(key, value)| {
            found.push(key.clone());
            strings(value, found);
        }),
        _ => {}
    }
}

/// Calls of one seed on one world; what went wrong, and operations that were answered, refused, or that no handler has.
#[derive(Default)]
struct Seen {
    wrong: BTreeMap<String, String>,
    good: BTreeSet<String>,
    refused: BTreeSet<String>,
    missing: BTreeSet<String>,
}

fn call_all(seed: u64, seen: &mut Seen) {
    let mut dice = Dice(seed, Vec::new());
    let mut lab = Lab::with_organization();
    let root = lab.world.organizations.organization.as_ref().map(|o| o.root.clone()).unwrap_or_default();
    for account in lab.world.organizations.accounts.values_mut() {
        account.parent.clone_from(&root);
    }
    for round in 0..CALLS {
        dice.1.clear();
        strings(&serde_json::to_value(&lab.world).unwrap_or_default(), &mut dice.1);
        for (service, _) in models::services() {
            let Some(api) = models::api(service) else { continue };
            for (operation, shapes) in &api.operations {
                let name = format!("{service}:{operation}");
                let input = match &shapes.input {
                    Some(member) => value(&mut dice, api, member, 0),
                    None => json!({}),
                };
                if validate::check(api, shapes, Protocol::Json, &input).is_err() {
                    continue;
                }
                let (account, principal) = match dice.roll(2) {
                    0 => (MANAGEMENT, Principal::Management),
                    _ => (MEMBER, Principal::Role { role: "R".into(), session: "s".into() }),
                };
                let now = lab.now + round as f64;
                let call = Call {
                    service: service.into(),
                    operation: operation.clone(),
                    account: account.into(),
                    region: HOME.into(),
                    principal,
                    input,
                    now,
                };
                let reply = catch_unwind(AssertUnwindSafe(|| {
                    let reply = dispatch(&mut lab.world, &call);
                    if let (Some(Ok(output)), Some(shape)) = (&reply, &shapes.output) {
                        conforms(api, shape, output, &format!("{operation} output"));
                    }
                    reply
                }));
                match reply {
                    Ok(Some(Ok(_))) => drop(seen.good.insert(name)),
                    Ok(Some(Err(_))) => drop(seen.refused.insert(name)),
                    Ok(None) => drop(seen.missing.insert(name)),
                    Err(panic) => {
                        let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                        seen.wrong.entry(name).or_insert(format!("{text} at {}", call.input));
                    }
                }
            }
        }
    }
}

#[test]
fn no_valid_request_panics_and_every_answer_is_of_its_shape() {
    let mut seen = Seen::default();
    for seed in 0..SEEDS {
        call_all(seed, &mut seen);
    }
    let Seen { wrong, good, refused, missing } = seen;
    let lines: Vec<String> = wrong.iter().map(|(name, text)| format!("{name}: {text}")).collect();
    assert!(lines.is_empty(), "{} operations:\n{}", lines.len(), lines.join("\n"));
    let reached = good.union(&refused).count();
    // The generator reaches the handlers, rather than failing the validation.
    assert!(reached > 300 && good.len() > 120, "{reached} operations were reached, {} answered", good.len());
    let lacking: Vec<&String> = missing.iter().filter(|name| name.starts_with("organizations:")).collect();
    assert!(lacking.is_empty(), "Organizations is simulated whole, but for {lacking:?}");
}
