//! AWS Systems Manager, per account and region: documents and service settings. No nodes, parameters or commands.
//!
//! Sources: the API reference (codes of each operation), user guide "Session document schema", "Blocking public sharing for
//! SSM documents", "Using the Default Host Management Configuration setting", the API model.

mod documents;
mod settings;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::sandbox::world::{Call, Fault, Reply, World, cell};

/// What is stored for one account and region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Documents of the account by name.
    pub documents: BTreeMap<String, Document>,
    /// Service settings that were changed, by id.
    pub settings: BTreeMap<String, Setting>,
}

/// A document.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Document {
    /// Type, such as `Session`.
    pub kind: String,
    /// Versions by number, from 1.
    pub versions: BTreeMap<u32, Version>,
    /// Number of the default version.
    pub default: u32,
    /// Accounts that it is shared with; `all`: everybody.
    pub shared: BTreeSet<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A version of a document.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Version {
    /// As it was sent.
    pub content: String,
    /// Its own name.
    pub name: Option<String>,
    /// When it was made.
    pub created: f64,
}

/// A service setting.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Setting {
    /// Its value.
    pub value: String,
    /// When it was changed, and by whom.
    pub since: f64,
    /// ARN of who changed it.
    pub user: String,
}

type Handler = fn(&mut World, &Call) -> Reply;

/// Runs one call. `None` where the operation has no handler.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    let run: Handler = match call.operation.as_str() {
        "CreateDocument" => documents::create,
        "UpdateDocument" => documents::update,
        "UpdateDocumentDefaultVersion" => documents::set_default,
        "GetDocument" => documents::get,
        "DescribeDocument" => documents::describe,
        "DeleteDocument" => documents::delete,
        "ListDocuments" => documents::list,
        "DescribeDocumentPermission" => documents::permission,
        "ModifyDocumentPermission" => documents::share,
        "GetServiceSetting" => settings::get,
        "UpdateServiceSetting" => settings::update,
        "ResetServiceSetting" => settings::reset,
        "DescribeInstanceInformation" => nodes,
        _ => return None,
    };
    Some(run(world, call))
}

/// No account has managed nodes.
#[expect(clippy::unnecessary_wraps, reason = "the signature of a handler")]
fn nodes(_world: &mut World, _call: &Call) -> Reply {
    Ok(json!({"InstanceInformationList": []}))
}

fn view<'w>(world: &'w World, call: &Call) -> Option<&'w State> {
    world.ssm.get(&cell(&call.account, &call.region))
}

fn edit<'w>(world: &'w mut World, call: &Call) -> &'w mut State {
    world.ssm.entry(cell(&call.account, &call.region)).or_default()
}

fn fault(code: &str, message: impl Into<String>) -> Fault {
    Fault::new(code, message).status(400)
}
