//! A local server that behaves as AWS under load: answers after a latency, without blocking, and throttles each (account,
//! region, service) by the published rates, with the whole published burst.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use orgbase::sandbox::Sandbox;
use tokio::net::{TcpListener, TcpStream};

use super::load_answers::{self as answers, Asked, MANAGEMENT};

/// Rate and burst per second by service of the signature and operations (a first part where it ends in `*`). Each row is one
/// bucket. Source: `reference/aws-limits.md` 1.1 and 1.3, read 2026-11-21.
const ROWS: &[(&str, &[&str], f64, f64)] = &[
    ("organizations", &["ListAccounts"], 8.0, 12.0),
    (
        "organizations",
        &["ListParents", "ListAccountsForParent", "ListOrganizationalUnitsForParent"],
        5.0,
        8.0,
    ),
    ("organizations", &["ListRoots", "DescribeOrganization"], 1.0, 2.0),
    ("organizations", &["ListTagsForResource"], 10.0, 15.0),
    ("organizations", &["ListPolicies", "ListPoliciesForTarget", "ListTargetsForPolicy"], 5.0, 8.0),
    ("organizations", &["DescribePolicy"], 2.0, 2.0),
    ("organizations", &["ListAWSServiceAccessForOrganization", "ListDelegatedServicesForAccount"], 1.0, 3.0),
    ("organizations", &["ListDelegatedAdministrators"], 5.0, 8.0),
    ("sts", &["*"], 600.0, 600.0),
    ("cloudtrail", &["Describe*", "Get*", "List*"], 10.0, 10.0),
    ("monitoring", &["DescribeAlarms"], 9.0, 9.0),
    ("monitoring", &["ListTagsForResource"], 10.0, 10.0),
    ("logs", &["DescribeLogGroups"], 10.0, 10.0),
    ("logs", &["DescribeMetricFilters"], 5.0, 5.0),
    ("logs", &["ListTagsForResource"], 5.0, 5.0),
    ("securityhub", &["*"], 10.0, 30.0),
    ("ec2", &["Describe*", "Get*"], 20.0, 100.0),
    ("kms", &["*"], 500.0, 500.0),
    ("sns", &["*"], 30.0, 30.0),
];
/// Services without published rates (IAM, S3, GuardDuty).
/// Guess: twice what `aws-limits.md` 1.3 proposes to begin with.
const UNPUBLISHED: (f64, f64) = (10.0, 20.0);

/// Account, region, service, row.
type Key = (String, String, String, Option<usize>);

struct Bucket {
    rate: f64,
    burst: f64,
    tokens: f64,
    filled: Instant,
    answered: u64,
}

/// What a target saw.
#[derive(Default)]
struct Seen {
    buckets: HashMap<Key, Bucket>,
    accounts: HashMap<String, String>,
    calls: BTreeMap<(String, String), (u64, u64)>,
    in_flight: usize,
    most_in_flight: usize,
    connections: usize,
}

/// The server.
pub(crate) struct LoadTarget {
    latency: Duration,
    /// Answers where it is there; else the canned ones.
    sandbox: Option<Sandbox>,
    seen: Mutex<Seen>,
}

/// What a target saw, in numbers.
pub(crate) struct Summary {
    /// Answered and throttled calls by service of the signature and operation.
    pub(crate) calls: BTreeMap<(String, String), (u64, u64)>,
    pub(crate) most_in_flight: usize,
    pub(crate) connections: usize,
    /// The least time in which the calls of the busiest bucket can be made, and which bucket that is.
    pub(crate) busiest: (f64, String),
}

impl Summary {
    /// Calls that got an answer other than a throttle.
    pub(crate) fn answered(&self) -> u64 {
        self.calls.values().map(|(answered, _)| answered).sum()
    }

    /// Calls that were throttled.
    pub(crate) fn throttled(&self) -> u64 {
        self.calls.values().map(|(_, throttled)| throttled).sum()
    }
}

impl LoadTarget {
    /// Listens on a free loopback port until the runtime ends.
    pub(crate) async fn start(
        latency: Duration,
        sandbox: Option<Sandbox>,
    ) -> std::io::Result<(Arc<LoadTarget>, SocketAddr)> {
        let socket = TcpListener::bind("127.0.0.1:0").await?;
        let address = socket.local_addr()?;
        let target = Arc::new(LoadTarget { latency, sandbox, seen: Mutex::default() });
        let server = Arc::clone(&target);
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                server.seen().connections += 1;
                tokio::spawn(Arc::clone(&server).connection(stream));
            }
        });
        Ok((target, address))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connection(self: Arc<LoadTarget>, stream: TcpStream) {
        // Without it the kernel holds small answers back for 40 ms.
        let _ = stream.set_nodelay(true);
        let service = service_fn(move |request| {
            let target = Arc::clone(&self);
            async move { Ok::<_, Infallible>(target.answer(request).await) }
        });
        // A client that goes away is no error.
        let _ =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let arrived = tokio::time::Instant::now();
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(|b| b.to_bytes().to_vec()).unwrap_or_default();
        let request = Request::from_parts(parts, body);
        let answer = self.decide(&request);
        tokio::time::sleep_until(arrived + self.latency).await;
        self.seen().in_flight -= 1;
        answer.map(|body| Full::new(Bytes::from(body)))
    }

    fn decide(&self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let Some(asked) = answers::asked(request) else {
            self.seen().arrives();
            return Response::new(b"the load target takes signed requests only\n".to_vec());
        };
        if !self.seen().admits(&asked) {
            return answers::throttled(asked.protocol);
        }
        let answer = match &self.sandbox {
            Some(sandbox) => sandbox.handle(request),
            None => answers::canned(&asked, request.body()),
        };
        if asked.operation == "AssumeRole" {
            self.seen().learn(request.body(), answer.body());
        }
        answer
    }

    /// What was seen so far.
    pub(crate) fn summary(&self) -> Summary {
        let seen = self.seen();
        let floor = |b: &Bucket| ((b.answered as f64 - b.burst) / b.rate).max(0.0);
        let busiest = seen.buckets.iter().max_by(|a, b| floor(a.1).total_cmp(&floor(b.1)));
        Summary {
            calls: seen.calls.clone(),
            most_in_flight: seen.most_in_flight,
            connections: seen.connections,
            busiest: busiest.map(|(key, bucket)| (floor(bucket), name(key, bucket))).unwrap_or_default(),
        }
    }
}

fn name((account, region, service, row): &Key, bucket: &Bucket) -> String {
    let operations = row.and_then(|n| ROWS.get(n)).map_or("all".to_owned(), |row| row.1.join(", "));
    format!(
        "{service} {operations} in {account} {region}: {} calls at {}/s, burst {}",
        bucket.answered, bucket.rate, bucket.burst
    )
}

impl Seen {
    fn arrives(&mut self) {
        self.in_flight += 1;
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
    }

    /// Counts a call and takes a token for it.
    fn admits(&mut self, asked: &Asked) -> bool {
        self.arrives();
        let account = self.accounts.get(&asked.access_key).map_or(MANAGEMENT, String::as_str).to_owned();
        let (row, rate, burst) = quota(asked);
        let key = (account, asked.region.clone(), asked.service.clone(), row);
        let full = || Bucket { rate, burst, tokens: burst, filled: Instant::now(), answered: 0 };
        let bucket = self.buckets.entry(key).or_insert_with(full);
        let now = Instant::now();
        bucket.tokens = (bucket.tokens + (now - bucket.filled).as_secs_f64() * rate).min(burst);
        bucket.filled = now;
        let admitted = bucket.tokens >= 1.0;
        let calls = self.calls.entry((asked.service.clone(), asked.operation.clone())).or_default();
        if admitted {
            bucket.tokens -= 1.0;
            bucket.answered += 1;
            calls.0 += 1;
        } else {
            calls.1 += 1;
        }
        admitted
    }

    /// Whose the access key in an answer to `AssumeRole` is.
    fn learn(&mut self, request: &[u8], answer: &[u8]) {
        let role = answers::form(request, "RoleArn").unwrap_or_default();
        let answer = String::from_utf8_lossy(answer);
        let key = answer.split_once("<AccessKeyId>").and_then(|(_, rest)| rest.split_once('<'));
        if let (Some(account), Some((key, _))) = (role.split(':').nth(4), key) {
            self.accounts.insert(key.to_owned(), account.to_owned());
        }
    }
}

fn quota(asked: &Asked) -> (Option<usize>, f64, f64) {
    let fits = |name: &str| match name.strip_suffix('*') {
        Some(first) => asked.operation.starts_with(first),
        None => asked.operation == name,
    };
    let row = ROWS
        .iter()
        .position(|(service, names, ..)| *service == asked.service && names.iter().any(|n| fits(n)));
    match row.and_then(|n| ROWS.get(n)) {
        Some((_, _, rate, burst)) => (row, *rate, *burst),
        None => (None, UNPUBLISHED.0, UNPUBLISHED.1),
    }
}
