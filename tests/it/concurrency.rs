//! Several processes on one organization: one waits, refuses or takes over; none corrupts what another does.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::cli::{Desk, Ended, ended, json, masked};

const BASELINE: &str = r#"version = 1
[organization]
id = "o-a1b2c3d4e5"
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"]

[ous]
"/Security" = {}

[accounts.log-archive]
name = "Log Archive"
email = "aws+log@example.com"
ou = "/Security"

[accounts.shop]
name = "Shop"
email = "aws+shop@example.com"
ou = "/Security"

[password_policy]
minimum_length = 14
"#;

fn start(desk: &Desk, args: &[&str]) -> Child {
    let mut all = args.to_vec();
    all.push("--sandbox=org.json");
    desk.command(&all).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn wait(child: Child) -> Ended {
    ended(&child.wait_with_output().unwrap())
}

/// How many accounts with the address `aws+shop@example.com` there are, by the state file.
fn shops(desk: &Desk) -> usize {
    let out = desk.on(&["plan", "--format", "json", "--only", "control=accounts"]);
    let report = json(&out);
    let units = report["units"].as_array().unwrap();
    let shop = units.iter().filter(|u| u["part"] == "shop").collect::<Vec<_>>();
    assert_eq!(shop.len(), 1);
    usize::from(shop[0]["account_name"] == "Shop")
}

#[test]
fn the_steps_of_vend_for_people() {
    let desk = Desk::with(BASELINE);
    let dry = desk.on(&["vend", "--all", "--dry-run"]);
    assert_eq!(dry.code, 2, "{}", dry.stderr);
    insta::assert_snapshot!(masked(&dry.stdout), @r"
    log-archive  to do  Log Archive (222222222222)
        1. wait until its role can be assumed and its services answer
        2. enable the regions that are off in it, of eu-west-1, us-east-1
        3. apply the baseline in it, contacts included
        4. move it to /Security
        5. verify it under the policies of /Security
    shop  to do  Shop
        1. create it: CreateAccount with role OrganizationAccountAccessRole, and its tags
        2. wait until its role can be assumed and its services answer
        3. enable the regions that are off in it, of eu-west-1, us-east-1
        4. apply the baseline in it, contacts included
        5. move it to /Security
        6. verify it under the policies of /Security
    note: creating 1 account takes about 3 minutes, at AWS's pace

    2 accounts: 2 drift
    ");
    assert!(desk.on(&["vend"]).code == 1 && desk.on(&["vend", "--all", "shop"]).code == 1);
    let nobody = desk.on(&["vend", "--all"]);
    assert!(nobody.code == 1 && nobody.stderr.contains("stdin is not a terminal"), "{}", nobody.stderr);
    let none = desk.on(&["vend", "shpo", "--yes"]);
    assert!(none.code == 1 && none.stderr.contains("did you mean `shop`?"), "{}", none.stderr);
    let done = desk.on(&["vend", "shop", "--yes"]);
    assert_eq!(done.code, 0, "{} {}", done.stdout, done.stderr);
    assert_eq!(desk.on(&["vend", "--all", "--yes"]).code, 0, "the log archive waited in the root");
    let again = desk.on(&["vend", "--all", "--yes"]);
    assert_eq!(
        (again.code, again.stdout.as_str()),
        (0, "no declared account is missing, waits in the landing place, or is to be closed\n")
    );
}

/// Two at once: the second waits for the first or refuses; one account is made.
#[test]
fn two_vends_at_once_make_one_account() {
    let desk = Desk::with(BASELINE);
    let args = ["vend", "--all", "--yes", "--format", "json"];
    let both = [start(&desk, &args), start(&desk, &args)].map(wait);
    let mut codes = both.iter().map(|e| e.code).collect::<Vec<_>>();
    codes.sort_unstable();
    assert!(codes == [0, 0] || codes == [0, 1], "{codes:?} {} {}", both[0].stderr, both[1].stderr);
    assert_eq!(shops(&desk), 1);
    let state = std::fs::read_to_string(desk.path("org.json")).unwrap();
    assert!(state.matches("aws+shop@example.com").count() >= 1);
    assert_eq!(desk.on(&["vend", "--all", "--yes"]).code, 0);
}

#[test]
fn vend_and_apply_do_not_mix() {
    let desk = Desk::with(BASELINE);
    let vend = start(&desk, &["vend", "shop", "--yes"]);
    let apply = start(&desk, &["apply", "--yes"]);
    let (vend, apply) = (wait(vend), wait(apply));
    assert!([0, 1].contains(&vend.code), "{} {}", vend.stdout, vend.stderr);
    // Where it came first, the account does not exist yet.
    assert!([0, 1, 2].contains(&apply.code), "{} {}", apply.stdout, apply.stderr);
    assert_eq!(desk.on(&["vend", "--all", "--yes"]).code, 0);
    assert_eq!(desk.on(&["apply", "--yes"]).code, 0);
    assert_eq!(desk.on(&["plan"]).code, 0);
}

/// A process that was killed leaves its lock; the next one of the same machine does not wait for the lease.
#[test]
fn the_lock_of_a_killed_process_is_taken_over_at_once() {
    let desk = Desk::with(BASELINE);
    for command in [["vend", "--all", "--yes"].as_slice(), &["apply", "--yes"]] {
        let lock = desk.path(".orgbase/o-a1b2c3d4e5.lock");
        let mut child = start(&desk, command);
        let patience = Instant::now();
        while !lock.exists() && patience.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        drop(child.wait_with_output().unwrap());
        let started = Instant::now();
        let next = desk.on(command);
        assert!([0, 2].contains(&next.code), "{} {}", next.stdout, next.stderr);
        assert!(started.elapsed() < Duration::from_secs(50), "it waited for the lease");
    }
    assert_eq!(desk.on(&["plan"]).code, 0);
    assert_eq!(shops(&desk), 1);
}

#[test]
fn a_canary_account_is_named_by_key_or_id() {
    let desk = Desk::with(BASELINE);
    let wrong = desk.on(&["apply", "--yes", "--canary-account", "log-archiv"]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.stderr.contains("did you mean `log-archive`?"), "{}", wrong.stderr);
    let done = desk.on(&["apply", "--yes", "--canary-account", "log-archive"]);
    // The account that does not exist yet is for `vend`.
    assert_eq!(done.code, 2, "{} {}", done.stdout, done.stderr);
    assert_eq!(desk.on(&["vend", "--all", "--yes"]).code, 0);
    assert_eq!(desk.on(&["apply", "--yes", "--canary-account", "222222222222"]).code, 0);
}
