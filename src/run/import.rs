//! Reads a live organization for `import`: what the management account knows first, then what every account has; then plans
//! what was made of it, and leaves out what does not hold.

mod rounds;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use aws_sdk_iam::types::EntityType;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{
    Place, banner, check_organization, connect, name_unimplemented, open_sandbox, read_regions, roles,
};
use crate::aws::{Aws, Clients, Endpoint, Guard};
use crate::baseline::{Baseline, Organization};
use crate::control::{DynSection, Scope, Seat, Seen, SeenTrail, key_of, without_null};
use crate::error::{Kind, RunError};
use crate::facts::{self, Facts, Needs};
use crate::import::fold::Target;
use crate::import::{Document, Imported, Residue, accounts};
use crate::plan::{self, Refresh, Shared};
use crate::report::UnitReport;
use crate::report::text::safe;
use crate::resource::access_role::foreign_name;
use crate::selector::Selection;
use crate::units::{self, Bounds, Cancel, OutcomeKind, Progress, Task, Unit};

/// How often what does not hold is taken out before that is a defect.
const ROUNDS: usize = 5;

/// Where to work, and who may be asked.
pub struct Start<'a> {
    /// Where.
    pub place: &'a Place,
    /// `[organization]` of the baseline to make: the user's own where there is one.
    pub organization: Organization,
    /// The user named its home region; otherwise that of an organization trail wins.
    pub home_given: bool,
    /// Folder of the baseline to make, for messages.
    pub folder: &'a Path,
}

/// Reads the organization and makes a baseline of it. Nothing is written anywhere.
///
/// # Errors
/// The organization could not be read at all.
pub async fn import(
    start: Start<'_>,
    cancel: &Cancel,
    progress: &dyn Progress,
) -> Result<Imported, RunError> {
    let Start { place, organization, home_given, folder } = start;
    let endpoint = Endpoint::from_env()?;
    let sandbox = open_sandbox(place.sandbox.as_deref(), endpoint.as_ref())?;
    let door = sandbox.as_ref().map(crate::sandbox::Sandbox::http_client);
    let head = Document { organization: table(&organization)?, ..Document::default() };
    let baseline = Baseline::from_texts(folder, &head.files())?;
    let opened = connect(place, baseline, endpoint, door).await?;
    banner(&opened);
    let imported = Box::pin(from_opened(opened, organization, home_given, folder, cancel, progress)).await;
    name_unimplemented(sandbox.as_ref());
    imported
}

/// The same through a door that answers in process.
///
/// # Errors
/// As `import`.
pub async fn import_through(
    door: aws_smithy_runtime_api::client::http::SharedHttpClient,
    start: Start<'_>,
    cancel: &Cancel,
    progress: &dyn Progress,
) -> Result<Imported, RunError> {
    let Start { place, organization, home_given, folder } = start;
    let head = Document { organization: table(&organization)?, ..Document::default() };
    let baseline = Baseline::from_texts(folder, &head.files())?;
    let opened = connect(place, baseline, None, Some(door)).await?;
    Box::pin(from_opened(opened, organization, home_given, folder, cancel, progress)).await
}

async fn from_opened(
    opened: super::Opened,
    mut organization: Organization,
    home_given: bool,
    folder: &Path,
    cancel: &Cancel,
    progress: &dyn Progress,
) -> Result<Imported, RunError> {
    let super::Opened { mut baseline, aws, facts, .. } = opened;
    let mut facts = facts::further(&aws, &organization.home_region, &needs(), facts).await?;
    let seen = seen(&aws, &facts, &organization.home_region).await;
    let of_trail = seen.trail.as_ref().map(|trail| trail.home_region.clone());
    if let Some(region) = of_trail.filter(|region| !home_given && facts.management_regions.contains(region)) {
        organization.home_region.clone_from(&region);
        baseline.organization.home_region = region;
    }
    let home = organization.home_region.clone();
    check_organization(&baseline, &facts)?;
    organization.id = Some(facts.organization_id.clone());
    aws.set_roles(roles(&baseline, Some(&facts), true));
    let members = facts.accounts.values().filter(|a| a.is_active() && a.id != facts.management_account);
    let members: BTreeSet<String> = members.map(|a| a.id.clone()).collect();
    read_regions(&aws, &home, members, &mut facts).await;
    let mut reader = Reader { seen, aws, facts, folder, cancel, progress, unread: BTreeSet::new() };
    let (document, unmanaged) = reader.begin(&organization)?;
    let mut document = reader.sections(document).await?;
    document.base.entry("accounts").and_modify(without_usual);
    let document = reader.settled(document).await?;
    Ok(reader.finish(document, unmanaged))
}

/// Managed policies of AWS by which roles of people are known.
const POLICIES: [&str; 2] = ["policy/AWSSupportAccess", "policy/SecurityAudit"];

/// What gives other things their names; nothing where there is none, or where nobody may ask.
async fn seen(aws: &Aws, facts: &Facts, region: &str) -> Seen {
    let reads = &["cloudtrail:DescribeTrails", "iam:ListEntitiesForPolicy"];
    let guard = Guard { control: "import".into(), reads, writes: &[] };
    let Ok(clients) = aws.clients(&facts.management_account, region, guard).await else {
        return Seen::default();
    };
    let mut seen = Seen { trail: organization_trail(&clients).await, ..Seen::default() };
    for policy in POLICIES {
        let arn = facts.arn("iam", "", "aws", policy);
        let iam = clients.iam();
        let roles = iam.call("ListEntitiesForPolicy", |c| {
            c.list_entities_for_policy().policy_arn(&arn).entity_filter(EntityType::Role).send()
        });
        let roles = roles.await.ok().and_then(|found| found.policy_roles).unwrap_or_default();
        let names = roles.into_iter().filter_map(|role| role.role_name);
        seen.roles.insert(policy, names.filter(|name| foreign_name(name).is_none()).collect());
    }
    seen
}

async fn organization_trail(clients: &Clients) -> Option<SeenTrail> {
    let trails = clients.cloudtrail();
    let trails = trails.call("DescribeTrails", |c| c.describe_trails().include_shadow_trails(true).send());
    let trails = trails.await.ok()?.trail_list.unwrap_or_default();
    let found = trails.into_iter().find(|t| t.is_organization_trail == Some(true))?;
    let bucket = found.s3_bucket_name.unwrap_or_default();
    Some(SeenTrail { name: found.name?, home_region: found.home_region?, bucket })
}

/// A value as a table without nulls.
fn table<T: serde::Serialize>(value: &T) -> Result<Value, RunError> {
    let json = serde_json::to_value(value).map_err(|e| RunError::new(format!("cannot write TOML: {e}")))?;
    Ok(without_null(&json))
}

/// All that a section may look at.
fn needs() -> Needs {
    Needs {
        policy_types: vec!["SERVICE_CONTROL_POLICY".into()],
        policy_types_in_force: vec!["S3_POLICY".into()],
        trusted_services: true,
    }
}

/// Whether the management account alone tells of the whole section.
fn is_first(section: &dyn DynSection) -> bool {
    section.controls().iter().all(|c| is_central(c.meta().scope) && c.meta().seat == Seat::Management)
}

struct Reader<'a> {
    seen: Seen,
    aws: Aws,
    facts: Facts,
    folder: &'a Path,
    cancel: &'a Cancel,
    progress: &'a dyn Progress,
    unread: BTreeSet<String>,
}

impl Reader<'_> {
    /// The organization, its OUs and accounts; and the accounts that are not managed, with the reason.
    fn begin(
        &mut self,
        organization: &Organization,
    ) -> Result<(Document, BTreeMap<String, String>), RunError> {
        let facts = &self.facts;
        let mut closed = BTreeMap::new();
        for (id, answer) in &facts.regions {
            let Err(error) = answer else { continue };
            if error.session && error.kind == Kind::Denied {
                closed.insert(id.clone(), error.code.clone().unwrap_or_else(|| "AccessDenied".into()));
            } else {
                self.unread.insert(format!("account {id}: {}", safe(&error.to_string())));
            }
        }
        let (declared, undeclared) = accounts(facts, &closed);
        let mut document = Document { organization: table(organization)?, ..Document::default() };
        if let Value::Object(keys) = &mut document.organization {
            keys.retain(|key, value| (key.as_str(), &*value) != ("source_identity", &json!(false)));
        }
        for (key, account) in &declared {
            let found = facts.account_by_email(&account.email);
            let state = found.map(|a| if a.is_active() { String::new() } else { format!(", {}", a.state) });
            let id = found.map(|a| a.id.clone()).unwrap_or_default();
            document.ids.insert(key.clone(), format!("{id}{}", state.unwrap_or_default()));
        }
        let units = facts.ous.keys().map(|path| (path.clone(), json!({})));
        document.base.insert("ous", Value::Object(units.collect()));
        document.base.insert("accounts", declarations(&declared)?);
        for (id, why) in undeclared {
            document.left_out.insert(format!("account {id}"), why);
        }
        Ok((document, closed))
    }

    fn spread(&self, baseline: Baseline, only: &[&str]) -> Result<Arc<Shared>, RunError> {
        let only: Vec<String> = only.iter().map(|id| format!("control={id}")).collect();
        let selection = Selection::parse(&only, &[])?;
        let today = OffsetDateTime::now_utc().date();
        let scope = units::Scope { baseline: &baseline, facts: &self.facts, selection: &selection, today };
        let units = units::expand(&scope)?;
        self.aws.set_roles(roles(&baseline, Some(&self.facts), true));
        Ok(Arc::new(Shared::new(units, self.aws.clone(), self.facts.clone(), baseline, Refresh::Full)))
    }

    fn target(&self, unit: &Unit, scope: Scope, baseline: &Baseline) -> Target {
        let account = self.facts.accounts.get(&unit.id.account);
        let account = account.map_or_else(|| unit.id.account.clone(), |a| key_of(baseline, a));
        let regional = matches!(scope, Scope::AccountRegion | Scope::OrganizationRegion);
        let region = if regional { unit.id.region.clone() } else { String::new() };
        Target { account, region }
    }

    /// The OU of each account, by what the file calls it.
    fn homes(&self, baseline: &Baseline) -> BTreeMap<String, String> {
        self.facts.accounts.values().map(|a| (key_of(baseline, a), a.ou.clone())).collect()
    }

    /// Remembers what could not be read.
    fn note(&mut self, row: &UnitReport) {
        if row.outcome.is_incomplete() && row.outcome != OutcomeKind::Pending {
            let why = row.error.as_ref().map(ToString::to_string).or_else(|| row.reason.clone());
            self.unread.insert(format!("{}: {}", row.id, safe(&why.unwrap_or_default())));
        }
    }

    /// Plans the document until nothing differs: what cannot be declared is left out, or becomes an exception.
    async fn settled(&mut self, mut document: Document) -> Result<Document, RunError> {
        for _ in 0..ROUNDS {
            let baseline = self.parsed(&mut document)?;
            let shared = self.spread(baseline, &[])?;
            if let Err(refused) = crate::lockout::check(&shared) {
                leave_policy_out(&mut document, &refused);
                continue;
            }
            let rows = plan::plan(&shared, Bounds::default(), self.cancel, self.progress).await;
            if !self.leave_out(&mut document, &shared, &rows) {
                return Ok(document);
            }
        }
        Err(RunError::new("orgbase has a defect: what it imported does not settle")
            .hint("please report it, with the sections of `orgbase plan` that differ"))
    }

    /// The document as a baseline. A section that its own rules refuse is left out.
    fn parsed(&self, document: &mut Document) -> Result<Baseline, RunError> {
        loop {
            let refused = match Baseline::from_texts(self.folder, &document.files()) {
                Ok(baseline) => return Ok(baseline),
                Err(error) => (self.refused(document), error),
            };
            let (refused, error) = refused;
            if refused.is_empty() {
                return Err(error.into());
            }
            for (id, why) in refused {
                document.drop_section(id);
                let why = format!("what is there breaks a rule of the section: {why}");
                document.left_out.insert(id.into(), why);
            }
        }
    }

    /// Sections that break rules, with the first that each breaks. Nothing, although the document is none: it is not about
    /// sections.
    fn refused(&self, document: &Document) -> BTreeMap<&'static str, String> {
        let files = document.files();
        let mut refused = BTreeMap::new();
        let Err(error) = Baseline::from_texts(self.folder, &files) else { return refused };
        for finding in error.findings {
            let text =
                files.iter().find(|(name, _)| finding.file.ends_with(name.as_str())).map(|(_, text)| text);
            if let Some(id) = text.and_then(|text| section_at(text, finding.line)) {
                refused.entry(id).or_insert(safe(&finding.message));
            }
        }
        refused
    }

    /// Takes out what a plan shows as different. `false`: nothing did.
    fn leave_out(&mut self, document: &mut Document, shared: &Shared, rows: &[UnitReport]) -> bool {
        let mut changed = false;
        let mut differing: BTreeMap<&'static str, BTreeMap<String, String>> = BTreeMap::new();
        for (unit, row) in shared.units.iter().zip(rows) {
            let settled = matches!(unit.task, Task::Settled(OutcomeKind::Blocked, _));
            if let Some(section) = crate::controls::section(&unit.id.control).filter(|_| settled) {
                // It needs another section, which is not imported.
                let why = row.reason.clone().unwrap_or_default();
                document.drop_section(section.meta().id);
                document.left_out.insert(section.meta().id.into(), safe(&why));
                changed = true;
                continue;
            }
            self.note(row);
            if row.outcome != OutcomeKind::Drift {
                continue;
            }
            let Some(section) = crate::controls::section(&unit.id.control) else { continue };
            let id = section.meta().id;
            changed = true;
            let elsewhere =
                unit.meta.scope == Scope::OrganizationRegion && holds_in_another_region(row, rows);
            if is_central(unit.meta.scope) && !elsewhere {
                let places = differing.entry(id).or_default();
                places.extend(document.places(id, &unit.at, row).into_iter().map(|place| (place, why(row))));
                continue;
            }
            let Target { account, region } = self.target(unit, unit.meta.scope, &shared.baseline);
            let residue = document.exceptions.entry((id, account)).or_insert_with(|| Residue {
                regions: BTreeSet::new(),
                reason: "import: what it has cannot be declared".into(),
            });
            if !region.is_empty() {
                residue.regions.insert(region);
            }
        }
        for (id, places) in differing {
            document.drop_places(id, &places);
        }
        changed
    }

    fn finish(self, mut document: Document, unmanaged: BTreeMap<String, String>) -> Imported {
        let count = document.base.get("accounts").and_then(Value::as_object).map_or(0, serde_json::Map::len);
        document.head = format!(
            "Made by `orgbase import` of {}. Every setting that is here is managed from now on: `orgbase plan` shows \
             what differs from it.\nWhat is not here is left alone. Comments are the reference of the keys.",
            self.facts.organization_id
        );
        let sections = document.sections();
        document.left_out.retain(|what, _| !sections.contains(&what.as_str()));
        Imported {
            files: document.files(),
            accounts: count,
            unmanaged,
            sections,
            keys: document.keys(),
            left_out: document.left_out,
            notices: Vec::new(),
            unread: self.unread.into_iter().collect(),
        }
    }
}

/// The section whose table a line, from 1, is in.
fn section_at(text: &str, line: usize) -> Option<&'static str> {
    let headers = text.lines().take(line).filter(|line| line.starts_with('['));
    let last = headers.last()?.trim_matches(['[', ']']);
    let id = last.strip_prefix("overrides.").unwrap_or(last).split('.').next()?;
    crate::controls::section(id).map(|section| section.meta().id)
}

fn is_central(scope: Scope) -> bool {
    matches!(scope, Scope::Organization | Scope::OrganizationRegion)
}

/// Whether the same unit is in sync in another region.
fn holds_in_another_region(row: &UnitReport, rows: &[UnitReport]) -> bool {
    let same = |other: &&UnitReport| other.id.control == row.id.control && other.id.part == row.id.part;
    rows.iter().filter(same).any(|other| other.outcome == OutcomeKind::InSync)
}

/// What a row would change.
fn why(row: &UnitReport) -> String {
    let paths: Vec<&str> = row.changes.iter().map(|c| c.path.as_str()).collect();
    format!("it cannot be declared as it is: {} would be changed", paths.join(", "))
}

/// `[accounts]`, without the keys that are as when they are left out.
fn declarations(declared: &BTreeMap<String, crate::baseline::AccountDecl>) -> Result<Value, RunError> {
    let mut accounts = table(declared)?;
    without_usual(&mut accounts);
    Ok(accounts)
}

/// Takes keys of accounts out that are as when they are left out.
fn without_usual(accounts: &mut Value) {
    let usual = [("managed", json!(true)), ("closed", json!(false)), ("protected", json!(false))];
    for account in accounts.as_object_mut().into_iter().flatten().filter_map(|(_, a)| a.as_object_mut()) {
        account.retain(|key, value| !usual.iter().any(|(name, value_of)| name == key && value_of == value));
    }
}

/// A policy that would deny orgbase's own calls cannot be declared; where its name is not told, none is.
fn leave_policy_out(document: &mut Document, refused: &RunError) {
    let why = safe(&refused.message);
    let Some(Value::Array(policies)) = document.base.get_mut("scps") else { return };
    let name = |policy: &Value| policy.get("name").and_then(Value::as_str).map(ToString::to_string);
    let before = policies.len();
    policies.retain(|p| !name(p).is_some_and(|n| why.contains(&format!("`{}`", safe(&n)))));
    let some = policies.len() < before && !policies.is_empty();
    if !some {
        document.drop_section("scps");
    }
    document.left_out.insert(if some { "a policy of scps".into() } else { "scps".to_string() }, why);
}
