//! Which accounts a run is about, and where each of them stands.

use super::calls::{Creation, CreationState};
use super::ready::{NOT_BY_AWS, missing_role};
use super::report::Row;
use super::{Vendor, Which, wanted_regions};
use crate::baseline::{AccountDecl, Baseline};
use crate::error::RunError;
use crate::facts::{Account, Facts};
use crate::units::OutcomeKind;

/// Where an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It does not exist, and no request for it is in progress.
    Absent,
    /// AWS is making it.
    Creating,
    /// It exists.
    There,
    /// It exists, and is to be closed.
    Closing,
    /// Nothing further happens to it in this run.
    Over,
}

/// An account of the run.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// As the baseline declares it; absent for one that is only adopted.
    pub(super) declared: Option<AccountDecl>,
    /// It was invited: AWS made no role in it.
    pub(super) invited: bool,
    /// CreateAccount request that may be making it.
    pub(super) creation: Option<String>,
    /// CreateAccount requests that this run sent for it.
    pub(super) attempts: u32,
    /// AWS took this run's request to close it. Guess: lists may show it as active for some time.
    pub(super) closing: bool,
    pub(super) stage: Stage,
    /// What holds it up, as AWS shows it.
    pub(super) held: Option<String>,
    pub(super) row: Row,
}

impl Candidate {
    fn new(key: Option<&str>, declared: Option<&AccountDecl>, account: Option<&Account>) -> Candidate {
        let name = account.map(|a| &a.name).or(declared.map(|d| &d.name)).cloned().unwrap_or_default();
        let row = Row {
            key: key.map(str::to_owned),
            account: None,
            name,
            outcome: OutcomeKind::InSync,
            steps: Vec::new(),
            done: Vec::new(),
            reason: None,
            hint: None,
        };
        let (declared, stage) = (declared.cloned(), Stage::Absent);
        let mut new = Candidate {
            declared,
            invited: false,
            creation: None,
            attempts: 0,
            closing: false,
            stage,
            held: None,
            row,
        };
        if let Some(account) = account {
            new.is(account);
        }
        new
    }

    /// It is an account that exists.
    pub(super) fn is(&mut self, account: &Account) {
        self.row.account = Some(account.id.clone());
        self.invited = account.joined_method == "INVITED";
        self.stage = Stage::There;
    }

    /// 12-digit id; empty while the account does not exist.
    pub(super) fn id(&self) -> &str {
        self.row.account.as_deref().unwrap_or_default()
    }

    /// How messages name it.
    pub(super) fn label(&self) -> String {
        self.row.key.clone().or_else(|| self.row.account.clone()).unwrap_or_default()
    }

    /// Nothing further happens to it.
    pub(super) fn end(&mut self, outcome: OutcomeKind, reason: Option<String>) {
        self.stage = Stage::Over;
        self.row.outcome = outcome;
        self.row.reason = reason;
    }

    /// It failed.
    pub(super) fn fail(&mut self, reason: String, hint: Option<String>) {
        self.end(OutcomeKind::Failed, Some(reason));
        self.row.hint = hint;
    }

    /// A step was done.
    pub(super) fn did(&mut self, step: impl Into<String>) {
        self.row.done.push(step.into());
        self.held = None;
    }

    /// What is waited for, for messages; `None`: nothing.
    pub(super) fn waiting(&self) -> Option<String> {
        let what = match (self.stage, &self.held) {
            (Stage::Over, _) => return None,
            (_, Some(held)) => held.clone(),
            (Stage::Absent, None) => "waits for its turn".into(),
            (Stage::Creating, None) => "is being created".into(),
            (Stage::There, None) => "is being prepared".into(),
            (Stage::Closing, None) => "is being closed".into(),
        };
        Some(format!("{} {what}", self.label()))
    }

    /// The run ends before the account is done.
    pub(super) fn leave(&mut self, cancelled: bool) {
        let why = self.waiting();
        match self.stage {
            Stage::Over => {}
            Stage::Absent if cancelled => {
                self.end(OutcomeKind::NotRun, Some("the run was stopped before its turn".into()));
            }
            Stage::Absent => self.end(OutcomeKind::NotRun, why),
            _ => self.end(OutcomeKind::Pending, why),
        }
        if self.row.outcome.is_incomplete() && self.row.hint.is_none() {
            self.row.hint = Some("run the same command again: it goes on from what is there".into());
        }
    }
}

/// What `choose` looks at.
struct View<'a> {
    baseline: &'a Baseline,
    facts: &'a Facts,
    creations: &'a [Creation],
}

impl Vendor<'_> {
    /// The accounts of the run, with the steps that each of them needs.
    pub(super) async fn choose(&self) -> Result<Vec<Candidate>, RunError> {
        let creations = self.creations(false).await?;
        let (baseline, facts) = (self.opened.baseline(), self.opened.facts());
        let view = View { baseline, facts, creations: &creations };
        let mut all = match &self.request.which {
            Which::Key(key) => vec![view.by_key(key)?],
            Which::All => baseline.accounts.iter().filter_map(|(key, d)| view.of_all(key, d)).collect(),
            Which::Adopt(id) => match facts.accounts.get(id) {
                Some(account) => vec![view.adopted(account)],
                None => vec![self.outsider(id).await?],
            },
        };
        for candidate in &mut all {
            view.check_name(candidate)?;
            if let Some((outcome, why)) = self.refusal(candidate) {
                candidate.end(outcome, Some(why));
            }
            candidate.row.steps = self.steps(candidate);
        }
        Ok(all)
    }

    /// An account to adopt that is not in the organization.
    async fn outsider(&self, id: &str) -> Result<Candidate, RunError> {
        let mut candidate = Candidate::new(None, None, None);
        candidate.row.account = Some(id.to_owned());
        if self.is_invited(id).await? {
            candidate.end(OutcomeKind::Pending, Some("its invitation has not been accepted yet".into()));
            return Ok(candidate);
        }
        Err(RunError::new(format!("account {id} is not in the organization, and not invited")).hint(format!(
            "invite it: aws organizations invite-account-to-organization --target Id={id},Type=ACCOUNT; then accept the \
             invitation in that account"
        )))
    }

    /// What has to be done with an account, in words.
    fn steps(&self, candidate: &Candidate) -> Vec<String> {
        let baseline = self.opened.baseline();
        let role = candidate.declared.as_ref().and_then(|d| d.access_role.clone());
        let role = role.unwrap_or_else(|| baseline.organization.access_role.clone());
        let mut steps = Vec::new();
        match candidate.stage {
            Stage::Over => return steps,
            Stage::Closing => {
                return vec![
                    "deregister it as delegated administrator, where it is one".into(),
                    "close it: CloseAccount, which can be taken back for 90 days by AWS Support only".into(),
                ];
            }
            Stage::Absent => steps.push(format!("create it: CreateAccount with role {role}, and its tags")),
            Stage::Creating => steps.push("wait until AWS has created it".into()),
            Stage::There => {}
        }
        let here = self.opened.facts().accounts.get(candidate.id()).map_or("/", |a| a.ou.as_str());
        let target = candidate.declared.as_ref().map_or(here, |d| d.ou.as_str());
        let landing = &baseline.vend.landing_ou;
        if lands(here, target, landing) {
            steps.push(format!("move it to the landing place {landing}"));
        }
        let missing = missing_role(baseline, candidate.declared.as_ref()).filter(|_| !candidate.invited);
        steps.push(match missing {
            Some(role) => format!("wait until {role} can be assumed ({NOT_BY_AWS}) and its services answer"),
            None => "wait until its role can be assumed and its services answer".into(),
        });
        let regions = wanted_regions(self.opened);
        if !regions.is_empty() {
            let regions = regions.into_iter().collect::<Vec<_>>().join(", ");
            steps.push(format!("enable the regions that are off in it, of {regions}"));
        }
        steps.push("apply the baseline in it, contacts included".into());
        if here != target || candidate.stage != Stage::There {
            steps.push(format!("move it to {target}"));
        }
        steps.push(format!("verify it under the policies of {target}"));
        steps
    }
}

/// Whether an account goes to the landing place first: it is where AWS makes accounts, and belongs somewhere else.
pub(super) fn lands(here: &str, target: &str, landing: &str) -> bool {
    here == "/" && target != "/" && landing != "/" && target != landing
}

impl View<'_> {
    fn by_key(&self, key: &str) -> Result<Candidate, RunError> {
        match self.baseline.accounts.get(key) {
            Some(declared) => Ok(self.declared(key, declared)),
            None => Err(RunError::new(format!("the baseline declares no account `{key}`"))
                .hint(self.baseline.account_hint(key))),
        }
    }

    /// A declared account where it stands.
    fn declared(&self, key: &str, declared: &AccountDecl) -> Candidate {
        let account = self.facts.account_by_email(&declared.email);
        let mut candidate = Candidate::new(Some(key), Some(declared), account);
        if !declared.managed {
            let reason = declared.reason.as_deref().unwrap_or("no reason is given");
            candidate.end(OutcomeKind::Skipped, Some(format!("the account is not managed: {reason}")));
            return candidate;
        }
        match account {
            Some(account) => self.existing(&mut candidate, account, declared),
            None if declared.closed => {
                candidate
                    .end(OutcomeKind::NotApplicable, Some("it is to be closed, and does not exist".into()));
            }
            None => {
                candidate.creation = self.creation_of(&declared.name);
                if candidate.creation.is_some() {
                    candidate.stage = Stage::Creating;
                }
            }
        }
        candidate
    }

    fn existing(&self, candidate: &mut Candidate, account: &Account, declared: &AccountDecl) {
        let leaving = matches!(account.state.as_str(), "ACTIVE" | "PENDING_ACTIVATION" | "PENDING_CLOSURE");
        if account.id == self.facts.management_account {
            let why = "it is the management account: `orgbase apply` keeps it";
            candidate.end(OutcomeKind::NotApplicable, Some(why.into()));
        } else if declared.closed && leaving {
            candidate.stage = Stage::Closing;
        } else if !matches!(account.state.as_str(), "ACTIVE" | "PENDING_ACTIVATION") {
            candidate.end(OutcomeKind::Skipped, Some(format!("the account is {}", account.state)));
        }
    }

    /// The request that may be making an account of this name: AWS shows no e-mail address of requests.
    fn creation_of(&self, name: &str) -> Option<String> {
        let may = |c: &&Creation| match &c.state {
            CreationState::InProgress => true,
            CreationState::Succeeded { account, lately } => {
                *lately && !self.facts.accounts.contains_key(account)
            }
            CreationState::Failed(_) => false,
        };
        self.creations.iter().filter(|c| c.name == name).find(may).map(|c| c.id.clone())
    }

    /// A declared account, where `--all` is about it.
    fn of_all(&self, key: &str, declared: &AccountDecl) -> Option<Candidate> {
        let candidate = self.declared(key, declared);
        let account = self.facts.accounts.get(candidate.id());
        let wanted = match candidate.stage {
            Stage::Absent | Stage::Creating | Stage::Closing => true,
            Stage::There => account.is_some_and(|a| !candidate.invited && self.waits(a, declared)),
            Stage::Over => false,
        };
        wanted.then_some(candidate)
    }

    /// Whether an account is where new ones wait. One that belongs there cannot be told from one that waits.
    fn waits(&self, account: &Account, declared: &AccountDecl) -> bool {
        let landing = &self.baseline.vend.landing_ou;
        account.ou == *landing || (account.ou == "/" && declared.ou != "/")
    }

    fn adopted(&self, account: &Account) -> Candidate {
        let key = self.baseline.account_key(account);
        if let Some((key, declared)) = key.and_then(|key| Some((key, self.baseline.accounts.get(key)?))) {
            return self.declared(key, declared);
        }
        let mut candidate = Candidate::new(None, None, Some(account));
        self.existing(&mut candidate, account, &AccountDecl { managed: true, ..AccountDecl::default() });
        candidate.row.hint = Some(format!(
            "declare it, so that it is placed and tagged: [accounts.KEY] with name, email and ou = \"{}\"",
            account.ou
        ));
        candidate
    }

    /// AWS creates accounts with short ASCII names only (API model: `CreateAccountName`).
    fn check_name(&self, candidate: &Candidate) -> Result<(), RunError> {
        let name = &candidate.row.name;
        let fits = name.chars().count() <= 50 && name.chars().all(|c| (' '..='~').contains(&c));
        if candidate.stage == Stage::Absent && !fits {
            return Err(RunError::new(format!(
                "account `{}` cannot be created: AWS takes names of at most 50 printable ASCII characters",
                candidate.label()
            ))
            .hint("shorten `name`; it can be changed in the account later"));
        }
        let organization = &self.baseline.organization;
        let own = candidate.declared.as_ref().and_then(|d| d.access_role.as_ref());
        let role = own.unwrap_or(&organization.access_role);
        if candidate.stage == Stage::Absent && role.contains('/') {
            return Err(RunError::new(format!(
                "account `{}` cannot be created: CreateAccount makes no role with a path, such as `{role}`",
                candidate.label()
            ))
            .hint("name an `access_role` without a path for it"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const TEXT: &str = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n[ous]\n\"/Landing\" = {}\n\"/A\" = {}\n\
                        [vend]\nlanding_ou = \"/Landing\"\n\
                        [accounts.a]\nname = \"A\"\nemail = \"a@example.com\"\nou = \"/A\"\n";

    fn baseline(more: &str) -> Baseline {
        Baseline::parse("t.toml", &format!("{TEXT}{more}")).map_err(|e| e.render(false)).unwrap()
    }

    fn account(email: &str, ou: &str, state: &str) -> Account {
        Account {
            id: "200000000002".into(),
            name: "A".into(),
            email: email.into(),
            state: state.into(),
            ou: ou.into(),
            joined_method: "CREATED".into(),
            ..Account::default()
        }
    }

    fn facts(accounts: &[Account]) -> Facts {
        Facts {
            management_account: "111111111111".into(),
            accounts: accounts.iter().map(|a| (a.id.clone(), a.clone())).collect(),
            ..Facts::default()
        }
    }

    fn creation(name: &str, state: CreationState) -> Creation {
        Creation { id: "car-1".into(), name: name.into(), state }
    }

    fn stage_of(facts: &Facts, creations: &[Creation], baseline: &Baseline) -> (Stage, bool) {
        let view = View { baseline, facts, creations };
        let declared = &baseline.accounts["a"];
        (view.declared("a", declared).stage, view.of_all("a", declared).is_some())
    }

    #[test]
    fn an_account_is_looked_up_by_address_and_then_among_the_requests() {
        let baseline = baseline("");
        let in_progress = [creation("A", CreationState::InProgress)];
        let other = [creation("B", CreationState::InProgress)];
        let failed = [creation("A", CreationState::Failed("INTERNAL_FAILURE".into()))];
        let made =
            |id: &str, lately| [creation("A", CreationState::Succeeded { account: id.into(), lately })];
        let nobody = facts(&[]);
        assert_eq!(stage_of(&nobody, &[], &baseline).0, Stage::Absent);
        assert_eq!(stage_of(&nobody, &in_progress, &baseline).0, Stage::Creating);
        assert_eq!(stage_of(&nobody, &other, &baseline).0, Stage::Absent);
        assert_eq!(stage_of(&nobody, &failed, &baseline).0, Stage::Absent);
        // Made a moment ago, and not in the list of accounts yet.
        assert_eq!(stage_of(&nobody, &made("300000000003", true), &baseline).0, Stage::Creating);
        assert_eq!(stage_of(&nobody, &made("300000000003", false), &baseline).0, Stage::Absent);
        // Another account of the same name.
        let namesake = facts(&[account("other@example.com", "/A", "ACTIVE")]);
        assert_eq!(stage_of(&namesake, &made("200000000002", true), &baseline).0, Stage::Absent);
        let there = facts(&[account("A@example.com", "/", "ACTIVE")]);
        assert_eq!(stage_of(&there, &in_progress, &baseline).0, Stage::There);
    }

    #[test]
    fn all_means_what_waits_and_what_is_missing() {
        let baseline = baseline("");
        for (ou, wanted) in [("/", true), ("/Landing", true), ("/A", false), ("/B", false)] {
            let facts = facts(&[account("a@example.com", ou, "ACTIVE")]);
            assert_eq!(stage_of(&facts, &[], &baseline), (Stage::There, wanted), "{ou}");
        }
        let gone = facts(&[account("a@example.com", "/", "SUSPENDED")]);
        assert_eq!(stage_of(&gone, &[], &baseline), (Stage::Over, false));
    }

    #[test]
    fn what_is_to_be_closed_is_never_created() {
        let baseline = baseline("closed = true\n");
        assert_eq!(stage_of(&facts(&[]), &[], &baseline), (Stage::Over, false));
        for (state, stage) in
            [("ACTIVE", Stage::Closing), ("PENDING_CLOSURE", Stage::Closing), ("CLOSED", Stage::Over)]
        {
            let facts = facts(&[account("a@example.com", "/A", state)]);
            assert_eq!(stage_of(&facts, &[], &baseline).0, stage, "{state}");
        }
    }

    #[test]
    fn an_account_that_is_found_later_is_known_as_invited() {
        let mut found = Candidate::new(Some("a"), Some(&baseline("").accounts["a"]), None);
        assert_eq!((found.stage, found.id(), found.invited), (Stage::Absent, "", false));
        let invited = Account { joined_method: "INVITED".into(), ..account("a@example.com", "/", "ACTIVE") };
        found.is(&invited);
        assert_eq!((found.stage, found.id(), found.invited), (Stage::There, "200000000002", true));
    }

    #[test]
    fn only_accounts_from_the_root_land() {
        assert!(lands("/", "/A", "/Landing"));
        assert!(!lands("/", "/A", "/") && !lands("/B", "/A", "/Landing"));
        assert!(!lands("/", "/", "/Landing") && !lands("/", "/Landing", "/Landing"));
    }
}
