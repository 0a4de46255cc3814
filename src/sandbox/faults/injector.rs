//! What happens to each call.

use std::collections::HashMap;
use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use http::{Request, Response};
use tokio::sync::watch;

use super::codes;
use super::rates::Buckets;
use super::{End, Faults, Hits, Lag};
use crate::sandbox::store::{self, is_write};
use crate::sandbox::wire::{self, Parsed};
use crate::sandbox::world::{Call, Fault, World};
use crate::sandbox::{Sandbox, enforce, session, signature};

/// The connection broke: no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped;

/// The faults, and how far they are.
#[derive(Debug)]
pub(in crate::sandbox) struct Injector {
    faults: Faults,
    lag: Option<Mutex<Lag>>,
    /// How often each kind of call was made.
    made: Mutex<HashMap<String, u64>>,
    /// How many calls each of `Faults::nth` has seen.
    counted: Mutex<Vec<u64>>,
    buckets: Mutex<Buckets>,
    writes: AtomicU64,
    hits: Mutex<Hits>,
    dead: watch::Sender<bool>,
}

/// Who asks for what.
struct Seen<'a> {
    parsed: &'a Parsed,
    account: String,
    /// The account whose role is assumed.
    target: Option<String>,
}

impl Injector {
    /// Nothing has happened yet.
    pub(in crate::sandbox) fn new(faults: &Faults, world: &World) -> Injector {
        Injector {
            lag: (faults.delay > 0).then(|| Mutex::new(Lag::new(world.clone()))),
            faults: faults.clone(),
            made: Mutex::default(),
            counted: Mutex::new(vec![0; faults.nth.len()]),
            buckets: Mutex::default(),
            writes: AtomicU64::new(0),
            hits: Mutex::default(),
            dead: watch::channel(false).0,
        }
    }

    /// Reads that do not see everything, and what decides for how many calls a write stays unseen.
    pub(in crate::sandbox) fn lag(&self) -> Option<&Mutex<Lag>> {
        self.lag.as_ref()
    }

    /// How often something went wrong.
    pub(in crate::sandbox) fn hits(&self) -> Hits {
        let late = self.lag.as_ref().map_or(0, |lag| store::lock(lag).late());
        Hits { late, ..*store::lock(&self.hits) }
    }

    /// Everything is seen.
    pub(in crate::sandbox) fn settle(&self, world: &World) {
        if let Some(lag) = &self.lag {
            *store::lock(lag) = Lag::new(world.clone());
        }
    }

    /// Whether AWS's published rates are kept up.
    pub(in crate::sandbox) fn is_rated(&self) -> bool {
        self.faults.rates.is_some() || !self.faults.slow.is_empty()
    }

    /// For how many calls a write stays unseen.
    pub(in crate::sandbox) fn unseen_for(&self, call: &Call) -> u32 {
        let key = format!("lag {} {} {} {}", call.service, call.operation, call.account, call.region);
        let least = self.faults.delay.min(2);
        let span = u64::from(self.faults.delay - least) + 1;
        least + (self.dice(&key).next() % span) as u32
    }

    /// Ready when the process is to end.
    pub(in crate::sandbox) async fn died(&self) {
        drop(self.dead.subscribe().wait_for(|dead| *dead).await);
    }

    /// Answers a request, or what else happens to it.
    pub(in crate::sandbox) async fn serve(
        &self,
        sandbox: &Sandbox,
        request: &Request<Vec<u8>>,
    ) -> Result<Response<Vec<u8>>, Dropped> {
        let Ok(parsed) = wire::read(request) else { return Ok(sandbox.handle(request)) };
        let seen = Seen::of(sandbox, &parsed);
        let mut dice = self.dice(&seen.key());
        if !self.faults.latency.is_zero() {
            let share = 0.5 + dice.share();
            tokio::time::sleep(self.faults.latency.mul_f64(share)).await;
        }
        self.alive().await;
        if let Some(fault) = self.refusal(&seen, request, &mut dice) {
            return Ok(wire::write(&parsed.dialect, &Err(fault), &sandbox.request_id()));
        }
        let end = self.end(&seen, &mut dice);
        match end {
            Some(End::Error) => {
                let fault = codes::failed(parsed.service);
                return Ok(wire::write(&parsed.dialect, &Err(fault), &sandbox.request_id()));
            }
            Some(End::Break) => return Err(Dropped),
            Some(End::Lose) | None => {}
        }
        let write = is_write(parsed.operation);
        drop(seen);
        if write && self.faults.exit_before == Some(self.writes.load(Ordering::SeqCst) + 1) {
            self.die().await;
        }
        let response = sandbox.answer(parsed, request);
        if write && response.status().is_success() {
            let number = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
            if self.faults.exit_after == Some(number) {
                self.die().await;
            }
        }
        if end.is_some() { Err(Dropped) } else { Ok(response) }
    }

    /// How a call that is not refused ends, where that is not well.
    fn end(&self, seen: &Seen<'_>, dice: &mut Dice) -> Option<End> {
        let mut hit = None;
        let mut counted = store::lock(&self.counted);
        for (nth, count) in
            self.faults.nth.iter().zip(counted.iter_mut()).filter(|(nth, _)| seen.is(&nth.calls))
        {
            *count += 1;
            hit = hit.or((*count == nth.number).then_some(nth.end));
        }
        drop(counted);
        let mut hits = store::lock(&self.hits);
        hits.nth += u64::from(hit.is_some());
        let breaks = dice.share() < self.faults.drop;
        hits.dropped += u64::from(breaks);
        let by_chance = breaks.then(|| if dice.next().is_multiple_of(2) { End::Break } else { End::Lose });
        hit.or(by_chance)
    }

    /// Never returns where the process is dead.
    async fn alive(&self) {
        if *self.dead.borrow() {
            pending::<()>().await;
        }
    }

    async fn die(&self) {
        self.dead.send_replace(true);
        pending::<()>().await;
    }

    fn refusal(&self, seen: &Seen<'_>, request: &Request<Vec<u8>>, dice: &mut Dice) -> Option<Fault> {
        let Parsed { service, operation, region, dialect, .. } = seen.parsed;
        let protocol = dialect.protocol;
        if self.faults.skew != 0 {
            let stamp = request.headers().get("x-amz-date").and_then(|stamp| stamp.to_str().ok());
            let now = store::now() + self.faults.skew as f64;
            if let Some(fault) = stamp.and_then(|stamp| signature::skewed(service, protocol, stamp, now)) {
                return Some(fault);
            }
        }
        if dice.share() < self.faults.throttle || self.is_over_a_rate(seen, region) {
            store::lock(&self.hits).throttled += 1;
            return Some(codes::throttled(service, operation, protocol));
        }
        if self.faults.deny.iter().any(|denied| seen.is(denied)) {
            store::lock(&self.hits).denied += 1;
            let (code, status) = enforce::denied_code(service);
            let message = format!("User is not authorized to perform: {service}:{operation} (--faults deny)");
            return Some(Fault::new(code, message).status(status));
        }
        None
    }

    fn is_over_a_rate(&self, seen: &Seen<'_>, region: &str) -> bool {
        let Parsed { service, operation, .. } = seen.parsed;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let slow = self.faults.slow.iter().find(|(account, _)| *account == seen.account);
        if slow.is_some_and(|(account, rate)| !buckets.admits_slow(account, *rate)) {
            return true;
        }
        self.faults.rates.is_some_and(|f| !buckets.admits(f, &seen.account, region, (service, operation)))
    }

    /// Dice for the next call of this kind.
    fn dice(&self, key: &str) -> Dice {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let count = made.entry(key.to_owned()).or_default();
        *count += 1;
        Dice::new(self.faults.seed, key, *count)
    }
}

impl<'a> Seen<'a> {
    fn of(sandbox: &Sandbox, parsed: &'a Parsed) -> Seen<'a> {
        let named = session::identify(&parsed.access_key, parsed.token.as_deref(), 0.0).ok().flatten();
        let account = named.map_or_else(|| sandbox.management(), |(account, _)| account);
        let role = parsed.input.get("RoleArn").or_else(|| parsed.input.get("TargetPrincipal"));
        let role = role.filter(|_| parsed.service == "sts").and_then(serde_json::Value::as_str);
        let target = role.map(|arn| arn.split(':').nth(4).unwrap_or(arn).to_owned());
        Seen { parsed, account, target }
    }

    fn key(&self) -> String {
        let Parsed { service, operation, region, .. } = self.parsed;
        let target = self.target.as_deref().unwrap_or_default();
        format!("{service} {operation} {} {region} {target}", self.account)
    }

    fn is(&self, denied: &super::Denied) -> bool {
        let fits = |wanted: &str, have: &str| wanted == "*" || wanted == have;
        let of = |account: &String| *account == self.account || Some(account) == self.target.as_ref();
        fits(&denied.service, self.parsed.service)
            && fits(&denied.operation, self.parsed.operation)
            && denied.account.as_ref().is_none_or(of)
    }
}

/// Numbers by chance that follow from a seed, a kind of call and how often it was made.
struct Dice(u64);

impl Dice {
    fn new(seed: u64, key: &str, count: u64) -> Dice {
        // FNV-1a over the key, then mixed with the rest.
        let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut dice = Dice(hash ^ seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ count.rotate_left(32));
        dice.next();
        dice
    }

    /// 64 bits (splitmix64).
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
