//! How fast the sandbox answers: handler calls without the SDK, calls through the SDK's client in process, and how long a
//! large organization takes to be ready.
//!
//! ```text
//! cargo run --release --example bench_sandbox
//! ```

use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_sdk_iam::config::{BehaviorVersion, Region};
use orgbase::sandbox::Sandbox;
use orgbase::sandbox::spec::Spec;

const TIME: Duration = Duration::from_secs(3);
const THREADS: usize = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    let begun = Instant::now();
    let sandbox = Sandbox::open(None, &Spec::parse("accounts=1000,ous=60,regions=17,drift=0.3")?)?;
    writeln!(
        out,
        "1,000 accounts x 17 regions ready in {:.2} s, {} MiB",
        begun.elapsed().as_secs_f64(),
        memory_mib()
    )?;
    drop(sandbox);

    let sandbox = Sandbox::open(None, &Spec::default())?;
    let requests = requests()?;
    for (name, request) in &requests {
        let response = sandbox.handle(request);
        if !response.status().is_success() && response.status() != 404 {
            return Err(format!("{name}: {}", String::from_utf8_lossy(response.body())).into());
        }
        let rate = parallel(&|| drop(sandbox.handle(request)));
        writeln!(out, "{name:32} {rate:>8.0} calls/s")?;
    }
    let mixed = parallel(&|| requests.iter().for_each(|(_, request)| drop(sandbox.handle(request))));
    writeln!(out, "{:32} {:>8.0} calls/s", "mixed, without the SDK", mixed * requests.len() as f64)?;

    let rate = tokio::runtime::Runtime::new()?.block_on(through_the_sdk(&sandbox));
    writeln!(out, "{:32} {rate:>8.0} calls/s", "through the SDK")?;
    Ok(())
}

/// Repetitions per second of `work` on two threads.
fn parallel(work: &(dyn Fn() + Sync)) -> f64 {
    let begun = Instant::now();
    let count: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let mut count = 0;
                    while begun.elapsed() < TIME {
                        work();
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(0)).sum()
    });
    count as f64 / begun.elapsed().as_secs_f64()
}

async fn through_the_sdk(sandbox: &Sandbox) -> f64 {
    let config = aws_sdk_iam::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::from_keys("AKIAX", "secret", None))
        .http_client(sandbox.http_client())
        .build();
    let client = aws_sdk_iam::Client::from_conf(config);
    let begun = Instant::now();
    let tasks: Vec<_> = (0..THREADS)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                let mut count = 0_u64;
                while begun.elapsed() < TIME {
                    if client.list_roles().send().await.is_ok() {
                        count += 1;
                    }
                }
                count
            })
        })
        .collect();
    let mut count = 0;
    for task in tasks {
        count += task.await.unwrap_or(0);
    }
    count as f64 / begun.elapsed().as_secs_f64()
}

type Named = (&'static str, http::Request<Vec<u8>>);

fn requests() -> Result<Vec<Named>, http::Error> {
    let request = |method: &str, uri: &str, scope: &str, header: (&str, &str), body: &str| {
        http::Request::builder()
            .method(method)
            .uri(uri)
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential=AKIAX/20260101/{scope}/aws4_request, SignedHeaders=host, Signature=0"),
            )
            .header(header.0, header.1)
            .body(body.as_bytes().to_vec())
    };
    let form = ("content-type", "application/x-www-form-urlencoded");
    let policy = "Action=UpdateAccountPasswordPolicy&MinimumPasswordLength=14&RequireSymbols=true";
    let accounts = ("x-amz-target", "AWSOrganizationsV20161128.ListAccounts");
    Ok(vec![
        (
            "iam ListRoles (query)",
            request("POST", "https://iam/", "us-east-1/iam", form, "Action=ListRoles")?,
        ),
        ("iam UpdateAccountPasswordPolicy", request("POST", "https://iam/", "us-east-1/iam", form, policy)?),
        (
            "organizations ListAccounts",
            request("POST", "https://o/", "us-east-1/organizations", accounts, "{}")?,
        ),
        (
            "s3 GetBucketPolicy (404)",
            request("GET", "https://b-1.s3.amazonaws.com/?policy", "us-east-1/s3", ("a", "b"), "")?,
        ),
    ])
}

/// Resident memory of this process.
fn memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / 1024
}
