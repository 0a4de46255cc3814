//! How many calls a plan of `baselines/full.toml` makes where nothing differs: counted on the sandbox, kind by kind, so that
//! what grew is named.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use orgbase::control::Scope;
use orgbase::controls::SECTIONS;
use orgbase::sandbox::spec::{REGIONS, Spec};

use crate::support::org::{Done, How, Org};

/// What the bounds are functions of.
struct Size {
    /// Accounts, the management account included.
    accounts: u64,
    regions: u64,
    ous: u64,
    policies: u64,
    /// Services that can be delegated and are.
    services: u64,
}

/// What a call is about: how often it may be made follows from that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Facts, and controls of the organization.
    Organization,
    /// One region of a central account.
    Region,
    /// One account: its session, its regions, what it has once.
    Account,
    /// One region of one account.
    AccountRegion,
}

const ALL: [Kind; 4] = [Kind::Organization, Kind::Region, Kind::Account, Kind::AccountRegion];

/// Calls by kind, and by control and operation.
type Counts = BTreeMap<Kind, BTreeMap<String, u64>>;

/// Calls that ask for many places at once, whichever control asks.
const SURVEYS: [&str; 3] = [
    "DescribeConfigurationAggregatorSourcesStatus",
    "DescribeConfigurationAggregators",
    "SelectAggregateResourceConfig",
];

fn kind(control: &str, operation: &str) -> Kind {
    match (control, operation) {
        ("session", _) => Kind::Account,
        ("facts", _) => Kind::Organization,
        // Shared with the unit of the account and region: whoever comes first makes it.
        (_, "DescribeConfigurationRecorders" | "ListAnalyzers") => Kind::AccountRegion,
        _ if SURVEYS.contains(&operation) => Kind::Organization,
        _ => scope(control),
    }
}

/// The kind of a control `section.part`.
fn scope(control: &str) -> Kind {
    let named = |section: &str, part: &str| {
        control == if part.is_empty() { section.to_owned() } else { format!("{section}.{part}") }
    };
    let mut all = SECTIONS.iter().flat_map(|s| s.controls());
    let found = all.find(|c| named(c.section().id, c.meta().part));
    match found.map(|c| c.meta().scope) {
        Some(Scope::Account) => Kind::Account,
        Some(Scope::AccountRegion) => Kind::AccountRegion,
        Some(Scope::OrganizationRegion) => Kind::Region,
        Some(Scope::Organization) => Kind::Organization,
        None => panic!("no control {control}"),
    }
}

fn counts(done: &Done) -> Counts {
    let mut counts = Counts::new();
    for call in &done.calls {
        let name = format!("{} {}:{}", call.control, call.service, call.operation);
        let of_kind = counts.entry(kind(&call.control, &call.operation)).or_default();
        *of_kind.entry(name).or_default() += call.count;
    }
    counts
}

fn sum(counts: &Counts, kinds: &[Kind]) -> u64 {
    kinds.iter().filter_map(|kind| counts.get(kind)).flat_map(BTreeMap::values).sum()
}

/// Every kind of call, the most frequent first.
fn table(counts: &Counts) -> String {
    let mut text = String::new();
    for (kind, of_kind) in counts {
        let _ = writeln!(text, "{kind:?}: {}", of_kind.values().sum::<u64>());
        let mut rows: Vec<(&String, &u64)> = of_kind.iter().collect();
        rows.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), *name));
        for (name, count) in rows {
            let _ = writeln!(text, "  {count:6} {name}");
        }
    }
    text
}

/// `baselines/full.toml` in the first `regions` regions.
fn full(regions: usize) -> String {
    let text = include_str!("../../baselines/full.toml");
    let line = text.lines().find(|line| line.starts_with("regions = ")).unwrap();
    text.replace(line, &format!("regions = {:?}", REGIONS.iter().take(regions).collect::<Vec<_>>()))
}

/// An organization that meets the baseline.
async fn converged(accounts: usize, regions: usize) -> (Org, String, Size) {
    let spec = format!("accounts={accounts},ous=4,regions={regions},foreign=2,seed=3");
    let (org, text) = (Org::of(&Spec::parse(&spec).unwrap()), full(regions));
    org.converge(&text, &How::default()).await;
    let size = org.sandbox.inspect(|world| {
        let state = &world.organizations;
        Size {
            accounts: state.accounts.len() as u64,
            regions: regions as u64,
            ous: state.units.len() as u64,
            // AWS's own beside them.
            policies: state.policies.len() as u64 + 1,
            services: 8,
        }
    });
    (org, text, size)
}

/// Fails where `calls` are more than `most`, with the table.
fn holds(what: &str, calls: u64, most: u64, counts: &Counts) {
    assert!(calls <= most, "{what}: {calls} calls, {most} allowed\n{}", table(counts));
}

/// An operation that is called more often than once in every region of every account, or in every account, is named here.
fn each_is_called_once(size: &Size, counts: &Counts) {
    for (kind, places) in
        [(Kind::AccountRegion, size.accounts * size.regions), (Kind::Account, size.accounts)]
    {
        for (name, count) in counts.get(&kind).into_iter().flatten() {
            let most = places * if name.ends_with(":GetAlternateContact") { 3 } else { 1 };
            assert!(*count <= most, "{name}: {count} calls for {places} places\n{}", table(counts));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_plan_stays_in_its_budget() {
    for (accounts, regions) in [(4, 2), (24, 3)] {
        let (org, text, size) = converged(accounts, regions).await;
        let done = org.plan(&text, &How::default()).await.unwrap();
        assert_eq!(done.report.summary.exit_code(), 0, "{}", done.problems());
        let counts = counts(&done);
        let Size { accounts: n, regions: r, ous, policies, services } = size;
        eprint_table(&format!("N {n}, R {r}, O {ous}, P {policies}"), &counts);
        each_is_called_once(&size, &counts);
        assert_eq!(sum(&counts, &[Kind::AccountRegion]), 17 * n * r, "{}", table(&counts));
        assert_eq!(sum(&counts, &[Kind::Account]), 13 * n, "{}", table(&counts));
        holds("regions of central accounts", sum(&counts, &[Kind::Region]), 44 * r + r * n / 20, &counts);
        let organization = 104 + (ous + 1) + 2 * policies + services + n / 20;
        holds("organization", sum(&counts, &[Kind::Organization]), organization, &counts);
        // What was asked for, and what is over it: `docs/decisions.md`.
        let bound =
            80 + (ous + 1) + 2 * policies + services + n / 20 + 30 * r + r * n / 20 + n * (13 + 16 * r);
        holds("all", sum(&counts, &ALL), bound + 24 + 14 * r + n * r, &counts);
    }
}

/// What AWS can tell only account by account is read there; `docs/decisions.md` says what that is. Config's rows come 100 a
/// page: one for each recorder, default group, VPC, flow log and block of a place.
#[tokio::test(start_paused = true)]
async fn a_central_plan_stays_in_its_budget() {
    for (accounts, regions) in [(4, 2), (24, 3)] {
        let (org, text, size) = converged(accounts, regions).await;
        let done = org.plan(&text, &How::default().central()).await.unwrap();
        assert_eq!(done.report.summary.exit_code(), 0, "{}", done.problems());
        let counts = counts(&done);
        let Size { accounts: n, regions: r, .. } = size;
        eprint_table(&format!("central: N {n}, R {r}"), &counts);
        each_is_called_once(&size, &counts);
        assert_eq!(sum(&counts, &[Kind::AccountRegion]), 15 * n * r, "{}", table(&counts));
        assert_eq!(sum(&counts, &[Kind::Account]), 12 * n, "{}", table(&counts));
        holds("regions of central accounts", sum(&counts, &[Kind::Region]), 44 * r + r * n / 20, &counts);
        let organization = 200 + 5 * (n * r / 100 + 1);
        holds("organization", sum(&counts, &[Kind::Organization]), organization, &counts);
        assert!(sum(&counts, &ALL) <= 200 + 44 * r + n * (12 + 15 * r) + n * r / 10, "{}", table(&counts));
    }
}

#[expect(clippy::print_stderr, reason = "a test says what it counted")]
fn eprint_table(title: &str, counts: &Counts) {
    eprintln!("{title}\n{}", table(counts));
}
