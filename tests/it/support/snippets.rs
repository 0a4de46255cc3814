//! The baselines and API calls of `snippets/`: what the suite runs every section on. `snippets/README.md` says how.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use orgbase::controls::SECTIONS;
use orgbase::sandbox::Sandbox;
use orgbase::sandbox::services;
use orgbase::sandbox::world::{Call, Principal, World};
use serde::Deserialize;
use serde_json::Value;

use super::org::How;
use super::shape;

/// Of every composed baseline.
const HEAD: &str = "version = 1\n[organization]\nid = \"o-a1b2c3d4e5\"\nhome_region = \"eu-west-1\"\nregions = [\"eu-west-1\", \"us-east-1\"]\n";
/// One section with what it needs.
pub(crate) struct Snippet {
    /// Section id.
    pub(crate) id: &'static str,
    /// Other sections must be converged before.
    pub(crate) needs: bool,
    /// What it needs and the section, as a whole baseline.
    pub(crate) baseline: String,
    /// The section as it is later, as a whole baseline.
    pub(crate) later: Option<String>,
    /// Another form of the section, as a whole baseline.
    pub(crate) other: Option<String>,
    /// Calls on the converged organization.
    pub(crate) calls: Calls,
    /// All that the section does needs `--allow-destructive`.
    destructive: bool,
}

impl Snippet {
    /// A run of the section alone.
    pub(crate) fn how(&self) -> How {
        let how = How::only(self.id);
        if self.destructive { how.destructive() } else { how }
    }
}

/// `SECTION.calls.toml`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Calls {
    pub(crate) foreign: Vec<OneCall>,
    pub(crate) drift: Vec<OneCall>,
    pub(crate) vanish: Vec<OneCall>,
    pub(crate) before_later: Vec<OneCall>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneCall {
    account: Option<String>,
    region: Option<String>,
    service: String,
    operation: String,
    input: Value,
}

/// The snippets of all registered sections, or of the one that `ORGBASE_SECTION` names.
pub(crate) fn all() -> Vec<Snippet> {
    let only = std::env::var("ORGBASE_SECTION").ok();
    let ids = SECTIONS.iter().map(|s| s.meta().id).filter(|id| only.as_deref().is_none_or(|o| o == *id));
    ids.map(snippet).collect()
}

fn snippet(id: &'static str) -> Snippet {
    let mut order = Vec::new();
    collect(id, &mut order);
    order.pop();
    let needs: String = order.iter().map(|name| own(name)).collect();
    let whole = |name: String| optional(&name).map(|text| format!("{HEAD}{needs}{text}"));
    let calls = optional(&format!("{id}.calls.toml"));
    let calls = calls.map(|text| toml::from_str(&text).unwrap_or_else(|e| panic!("{id}.calls.toml: {e}")));
    Snippet {
        id,
        baseline: format!("{HEAD}{needs}{}", own(id)),
        needs: !needs.is_empty(),
        later: whole(format!("{id}.2.toml")),
        other: whole(format!("{id}.other.toml")),
        calls: calls.unwrap_or_default(),
        destructive: own(id).lines().nth(1) == Some("# destructive"),
    }
}

/// The needs of a section, their needs before them, and the section itself.
fn collect(id: &str, order: &mut Vec<String>) {
    if order.iter().any(|name| name == id) {
        return;
    }
    let text = own(id);
    let first = text.lines().next().unwrap_or_default();
    let needs =
        first.strip_prefix("# needs: ").unwrap_or_else(|| panic!("{id}.toml begins with `# needs: `"));
    for need in needs.split(", ").filter(|n| *n != "-") {
        collect(need, order);
    }
    order.push(id.to_string());
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/snippets")
}

fn own(id: &str) -> String {
    optional(&format!("{id}.toml"))
        .unwrap_or_else(|| panic!("section `{id}` has no tests/it/snippets/{id}.toml: see the README there"))
}

fn optional(name: &str) -> Option<String> {
    std::fs::read_to_string(folder().join(name)).ok()
}

/// The calls of a snippet are made now, as the runs are: waiting periods of AWS begin with them.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Makes the calls; each must succeed.
pub(crate) fn make(sandbox: &Sandbox, calls: &[OneCall]) {
    for call in calls {
        if let Some(answer) = try_to(sandbox, call) {
            panic!("{}:{}: {answer}", call.service, call.operation);
        }
    }
}

/// Makes a call; what refused it, where it did not succeed: some need those before them.
pub(crate) fn try_to(sandbox: &Sandbox, call: &OneCall) -> Option<String> {
    let mut input = call.input.clone();
    sandbox.inspect(|world| resolve(world, &mut input));
    let account = call.account.as_deref().unwrap_or("111122223333");
    let region = call.region.as_deref().unwrap_or("eu-west-1");
    attempt(sandbox, (account, region), &call.service, &call.operation, input)
}

/// Makes one call in an account and region; it must succeed.
pub(crate) fn one(
    sandbox: &Sandbox,
    (account, region): (&str, &str),
    service: &str,
    operation: &str,
    input: Value,
) {
    if let Some(answer) = attempt(sandbox, (account, region), service, operation, input) {
        panic!("{service}:{operation}: {answer}");
    }
}

/// The same; what refused it, where it did not succeed.
pub(crate) fn attempt(
    sandbox: &Sandbox,
    (account, region): (&str, &str),
    service: &str,
    operation: &str,
    input: Value,
) -> Option<String> {
    let call = Call {
        service: service.into(),
        operation: operation.into(),
        account: account.into(),
        region: region.into(),
        principal: Principal::Management,
        input,
        now: now(),
    };
    match sandbox.modify(|world| services::dispatch(world, &call)) {
        Some(Ok(_)) => None,
        answer => Some(format!("{answer:?}")),
    }
}

/// `PATH:/Workloads` becomes the OU's id, `POLICY:name` the policy's, `KEY:account/region/alias/name` the KMS key's,
/// `DETECTOR:account/region` that of a GuardDuty detector (`DETECTOR-ARN:` its ARN), `DESTINATION:account/region` that of
/// its export, `GRAPH:account/region` the ARN of Detective's graph.
/// `HUB:name` the id of that configuration policy of Security Hub, `AGGREGATOR:account` its finding aggregator's ARN.
/// `NEWKEY:account/region` that of the newest key there, `ASK:account/region/service/Operation#/pointer` what a call
/// without input answers there.
fn resolve(world: &World, value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(|value| resolve(world, value)),
        Value::Array(items) => items.iter_mut().for_each(|value| resolve(world, value)),
        Value::String(text) => {
            if let Some(path) = text.strip_prefix("PATH:") {
                *text = shape::ou_id(world, path);
            } else if let Some(name) = text.strip_prefix("POLICY:") {
                *text = shape::policy_id(world, name);
            } else if let Some(place) = text.strip_prefix("GRAPH:") {
                *text = world.detective[place].arn.clone();
            } else if let Some(place) = text.strip_prefix("DETECTOR:") {
                *text = world.guardduty[place].id.clone();
            } else if let Some(place) = text.strip_prefix("DETECTOR-ARN:") {
                let (account, region) = place.split_once('/').unwrap();
                let id = format!("detector/{}", world.guardduty[place].id);
                *text = world.arn("guardduty", region, account, &id);
            } else if let Some(place) = text.strip_prefix("DESTINATION:") {
                *text = world.guardduty[place].destinations.keys().next().unwrap().clone();
            } else if let Some(name) = text.strip_prefix("HUB:") {
                let policies = &world.securityhub.policies;
                let found = policies.values().find(|policy| policy.name == name);
                *text = found.unwrap_or_else(|| panic!("no configuration policy {name}")).id.clone();
            } else if let Some(account) = text.strip_prefix("AGGREGATOR:") {
                let own = &world.securityhub.aggregators[account];
                let resource = format!("finding-aggregator/{}", own.id);
                *text = world.arn("securityhub", &own.home, account, &resource);
            } else if let Some(place) = text.strip_prefix("NEWKEY:") {
                let newest = world.kms[place].keys.values().max_by(|a, b| a.created.total_cmp(&b.created));
                *text = newest.unwrap().id.clone();
            } else if let Some(question) = text.strip_prefix("ASK:") {
                *text = ask(world, question);
            } else if let Some((account, region, alias)) = key_parts(text) {
                let keys = &world.kms[&format!("{account}/{region}")];
                *text = keys.aliases[alias].target.clone();
            }
        }
        _ => {}
    }
}

/// The text at a pointer into the answer of a read.
fn ask(world: &World, question: &str) -> String {
    let (call, pointer) = question.split_once('#').unwrap();
    let parts: Vec<&str> = call.split('/').collect();
    let [account, region, service, operation] = parts.as_slice() else { panic!("{question}") };
    let call = Call {
        service: (*service).into(),
        operation: (*operation).into(),
        account: (*account).into(),
        region: (*region).into(),
        principal: Principal::Management,
        input: serde_json::json!({}),
        now: now(),
    };
    let answer = services::dispatch(&mut world.clone(), &call).unwrap().unwrap();
    let found = answer.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("{question}: {answer}")).to_string()
}

fn key_parts(text: &str) -> Option<(&str, &str, &str)> {
    let (account, rest) = text.strip_prefix("KEY:")?.split_once('/')?;
    let (region, alias) = rest.split_once('/')?;
    Some((account, region, alias))
}
