//! Selectors, exceptions and accounts that match nothing.

use crate::cli::{BASELINE, Desk, json};

/// A slip in a selector would leave out nothing, or too much; what matches nothing of the baseline is told.
#[test]
fn selectors_and_exceptions_that_match_nothing_are_told() {
    let desk = Desk::with(BASELINE);
    let slip = desk.on(&["apply", "--yes", "--exclude", "account=log-archve"]);
    assert_eq!((slip.code, slip.stdout.as_str()), (1, ""), "{}", slip.stderr);
    assert!(slip.stderr.contains("did you mean `log-archive`?"), "{}", slip.stderr);
    assert!(desk.on(&["plan"]).stdout.contains("6 drift"), "nothing was written");
    let ring = desk.on(&["apply", "--yes", "--canary-account", "999999999999"]);
    assert!(
        ring.code == 1 && ring.stderr.contains("999999999999: it is not in the organization"),
        "{}",
        ring.stderr
    );
    let exception = "[[exceptions]]\ncontrol = \"password_policy\"\naccounts = [\"999999999999\"]\nreason = \"r\"\n\
                     [[exceptions]]\ncontrol = \"password_policy\"\naccounts = [\"log-archive\"]\nreason = \"old\"\n\
                     expires = 2020-01-01\n";
    desk.write("baseline.toml", &format!("{BASELINE}{exception}"));
    let said = [
        "--exclude control=scps matches no setting",
        "for account 999999999999, which is not in the organization",
    ];
    let notices = |text: &str| said.iter().all(|notice| text.contains(notice));
    let args = |command| [command, "--exclude", "control=scps"];
    for command in ["plan", "drift"] {
        let human = desk.on(&args(command));
        assert!(notices(&human.stdout), "{}", human.stdout);
        let found = json(&desk.on(&[&args(command)[..], &["--format", "json"]].concat()));
        assert!(notices(&found["summary"]["notices"].to_string()), "{}", found["summary"]);
    }
    for format in ["html", "markdown"] {
        let page = desk.on(&["plan", "--format", format]).stdout.replace('\\', "");
        assert!(page.contains(said[1]), "{page}");
    }
    // In sync by other hands: the exception is of no use any more.
    desk.write("without.toml", BASELINE);
    assert_eq!(desk.on(&["apply", "--yes", "-f", "without.toml"]).code, 0);
    let plan = desk.on(&["plan"]);
    assert!(
        plan.code == 0
            && plan.stdout.contains("note: its exception expired on 2020-01-01: old; it is in sync"),
        "{}",
        plan.stdout
    );
}
