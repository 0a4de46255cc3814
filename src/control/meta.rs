//! What a section and a control say about themselves: documents, permissions and order are functions of it.

use std::time::Duration;

/// What a section says about itself.
#[derive(Debug, Clone, Copy)]
pub struct SectionMeta {
    /// Section name in the baseline = control id = file name.
    pub id: &'static str,
    /// A few words.
    pub title: &'static str,
    /// What it does and why a baseline wants it, for the reference. Several sentences.
    pub summary: &'static str,
    /// How it is written in TOML.
    pub shape: Shape,
    /// Rules and requirement rows that it meets.
    pub references: &'static [Reference],
    /// What AWS bills for it, per what; `None`: nothing.
    pub billed: Option<&'static str>,
}

/// How a section is written in TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `[id]`
    Table,
    /// `[[id]]`
    ArrayOfTables,
}

/// A rule of a framework that a section meets.
#[derive(Debug, Clone, Copy)]
pub struct Reference {
    /// `cis` or `requirement`.
    pub framework: &'static str,
    /// Benchmark version; empty for requirement rows.
    pub version: &'static str,
    /// Rule number or row id.
    pub id: &'static str,
    /// Empty: all of it. Else what is not covered, in one line.
    pub not_covered: &'static str,
}

impl Reference {
    /// A CIS AWS Foundations Benchmark rule.
    pub const fn cis(version: &'static str, id: &'static str) -> Reference {
        Reference { framework: "cis", version, id, not_covered: "" }
    }

    /// A row of the requirements.
    pub const fn row(id: &'static str) -> Reference {
        Reference { framework: "requirement", version: "", id, not_covered: "" }
    }

    /// Says what is not covered.
    #[must_use]
    pub const fn partly(mut self, not_covered: &'static str) -> Reference {
        self.not_covered = not_covered;
        self
    }
}

/// What a control says about itself.
#[derive(Debug, Clone, Copy)]
pub struct Meta {
    /// Name of the part; empty where the section has only one.
    pub part: &'static str,
    /// What one unit is.
    pub scope: Scope,
    /// Who makes the calls.
    pub seat: Seat,
    /// Where the baseline names no account for the seat, nothing is asked: the control belongs to another section's account.
    pub optional_seat: bool,
    /// Controls (`section` or `section.part`) that must be done first where the baseline declares them; `:unit` behind it:
    /// only the units of that name (`:=`: of the waiting unit's own); `@region` at the end: only those of the same region.
    pub after: &'static [&'static str],
    /// Operations that `read` calls, as `service:Operation`.
    pub reads: &'static [&'static str],
    /// Further operations that `apply` calls.
    pub writes: &'static [&'static str],
    /// Those of `reads` and `writes` that are called as a member's root user, in sessions of `sts:AssumeRoot`: the caller
    /// itself needs no right to them.
    pub in_root_sessions: &'static [&'static str],
    /// Those of `reads` and `writes` that are called in the account of another seat (`Clients::elsewhere`): its policy must
    /// allow them too. `Seat::Member`: in any account.
    pub elsewhere: &'static [(Seat, &'static [&'static str])],
    /// Those of `writes` that are called only in the account of an administrator that is replaced: the policies of delegated
    /// administrators must allow them, those of the seat need not.
    pub as_outgoing_admin: &'static [&'static str],
    /// It may deny other calls (a service control policy), or works only where every account is done (a conformance pack):
    /// runs when every other unit has an outcome.
    pub denies: bool,
    /// The question that `--refresh central` asks in place of reading every target.
    pub survey: Option<Survey>,
    /// How long AWS may answer with the old value after a write, before that is a failure.
    pub settle: Duration,
}

impl Meta {
    /// A control of one part, with nothing before it. Fields are set with struct update syntax.
    pub const DEFAULT: Meta = Meta {
        part: "",
        scope: Scope::Organization,
        seat: Seat::Management,
        optional_seat: false,
        after: &[],
        reads: &[],
        writes: &[],
        in_root_sessions: &[],
        elsewhere: &[],
        as_outgoing_admin: &[],
        denies: false,
        survey: None,
        settle: Duration::from_mins(1),
    };
}

/// One organization-wide question whose answer states what `read` would find in many targets.
#[derive(Debug, Clone, Copy)]
pub struct Survey {
    /// Which account is asked; not `Seat::Member`.
    pub seat: Seat,
    /// Asked once in each region, about that region; else once, in the home region, about all of them.
    pub regional: bool,
    /// Operations that it calls, as `service:Operation`.
    pub reads: &'static [&'static str],
    /// Whose answer it is, as reports name it: `GuardDuty's list of members`.
    pub evidence: &'static str,
}

/// What one unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The organization.
    Organization,
    /// One region of the seat's account.
    OrganizationRegion,
    /// One account.
    Account,
    /// One region of one account.
    AccountRegion,
}

/// Which account makes the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    /// The management account.
    Management,
    /// The account that `log_archive.account` names.
    LogArchive,
    /// The account that `log_archive.replication.account` names.
    LogReplica,
    /// The account that `delegated_admins` names for this key.
    DelegatedAdmin(&'static str),
    /// The account that the unit is about.
    Member,
}
