use super::*;

const PACED: Limits = Limits { paced: true, in_flight: 64, per_account: 4 };

fn call<'a>(service: &'static str, operation: &'static str, account: &'a str) -> Operation<'a> {
    let write = !operation.starts_with("List") && !operation.starts_with("Get");
    Operation { service, name: operation, write, account, region: "eu-west-1" }
}

/// Seconds (of the paused clock) that `n` calls one after the other take.
async fn seconds(pace: &Pace, call: Operation<'_>, n: u32) -> f64 {
    let started = Instant::now();
    for _ in 0..n {
        drop(pace.admit(&call).await);
    }
    started.elapsed().as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn published_rate_with_half_the_burst() {
    let pace = Pace::new(PACED, true);
    // 8 a second, burst 12: 6 at once, the other 80 in 10 seconds.
    let took = seconds(&pace, call("organizations", "ListAccounts", "1"), 86).await;
    assert!((9.9..10.2).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn unpaced_calls_do_not_wait() {
    let pace = Pace::new(PACED, false);
    assert!(seconds(&pace, call("organizations", "ListAccounts", "1"), 500).await < 0.001);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_account_slows_itself_only() {
    let pace = Pace::new(PACED, true);
    let (slow, other) =
        (call("ec2", "GetEbsDefaultKmsKeyId", "1"), call("ec2", "GetEbsDefaultKmsKeyId", "2"));
    for _ in 0..20 {
        pace.answered(&slow, true);
        tokio::time::advance(Duration::from_secs(2)).await;
    }
    // 20 a second at first, 1 a second (the floor) now.
    let took = seconds(&pace, slow, 100).await;
    assert!(took > 40.0, "{took}");
    assert!(seconds(&pace, other, 100).await < 5.0);
}

#[tokio::test(start_paused = true)]
async fn good_answers_give_the_rate_back_up_to_the_published_one() {
    let pace = Pace::new(PACED, true);
    let list = call("organizations", "ListAccounts", "1");
    for _ in 0..5 {
        pace.answered(&list, true);
        tokio::time::advance(Duration::from_secs(2)).await;
    }
    for _ in 0..100 {
        pace.answered(&list, false);
    }
    tokio::time::advance(Duration::from_secs(10)).await;
    let took = seconds(&pace, list, 86).await;
    assert!((9.9..10.2).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn throttles_of_calls_in_flight_together_count_once() {
    let mut bucket = Bucket::new(Quota { rate: 10.0, burst: 10.0, published: true });
    for _ in 0..50 {
        bucket.answered(true);
    }
    assert!((bucket.rate - 7.0).abs() < 1e-9, "{}", bucket.rate);
}

#[tokio::test(start_paused = true)]
async fn an_estimate_starts_at_half_and_may_grow() {
    let mut bucket = Bucket::new(Quota { rate: 5.0, burst: 10.0, published: false });
    assert!((bucket.rate - 2.5).abs() < 1e-9);
    for _ in 0..100 {
        bucket.answered(false);
    }
    assert!((bucket.rate - 20.0).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn one_account_holds_no_more_than_its_share_and_organizations_writes_go_singly() {
    let pace = Arc::new(Pace::new(PACED, false));
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(pace.admit(&call("iam", "GetRole", "1")).await);
    }
    let waits = Duration::from_secs(1);
    assert!(tokio::time::timeout(waits, pace.admit(&call("iam", "GetRole", "1"))).await.is_err());
    assert!(tokio::time::timeout(waits, pace.admit(&call("iam", "GetRole", "2"))).await.is_ok());
    assert!(tokio::time::timeout(waits, pace.admit(&call("sts", "AssumeRole", "1"))).await.is_ok());
    held.clear();
    // A call that holds the last permit may renew its session.
    let one = Arc::new(Pace::new(Limits { in_flight: 1, ..PACED }, false));
    let last = one.admit(&call("iam", "GetRole", "1")).await;
    assert!(tokio::time::timeout(waits, one.admit(&call("sts", "AssumeRole", "2"))).await.is_ok());
    drop(last);
    let write = pace.admit(&call("organizations", "AttachPolicy", "1")).await;
    assert!(
        tokio::time::timeout(waits, pace.admit(&call("organizations", "MoveAccount", "1"))).await.is_err()
    );
    assert!(tokio::time::timeout(waits, pace.admit(&call("organizations", "ListRoots", "1"))).await.is_ok());
    drop(write);
    assert!(
        tokio::time::timeout(waits, pace.admit(&call("organizations", "MoveAccount", "1"))).await.is_ok()
    );
}
