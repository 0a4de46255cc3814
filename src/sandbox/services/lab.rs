//! What the tests of the services share: a world with a caller, and assertions on error codes.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "test code that unit tests share")]
#![allow(clippy::needless_pass_by_value, reason = "tables and json! read better by value")]

use serde_json::Value;

use crate::sandbox::models::{self, Api, Kind, Member};
use crate::sandbox::services;
use crate::sandbox::services::organizations::{self, Account, AccountState};
use crate::sandbox::world::{Call, Fault, Principal, Reply, World};

/// The management account of the tests.
pub(crate) const MANAGEMENT: &str = "111111111111";
/// A member account of the tests.
pub(crate) const MEMBER: &str = "222222222222";
/// Another account.
pub(crate) const OTHER: &str = "333333333333";
/// The home region of the tests.
pub(crate) const HOME: &str = "eu-west-1";

/// A world, and who calls it from where.
pub(crate) struct Lab {
    pub(crate) world: World,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) now: f64,
}

impl Lab {
    /// An empty world, called by the management account in its home region.
    pub(crate) fn new() -> Lab {
        let world = World { partition: "aws".into(), seed: 7, ..World::default() };
        Lab { world, account: MANAGEMENT.into(), region: HOME.into(), now: 1_800_000_000.0 }
    }

    /// A world with an organization of the three accounts, all features on.
    pub(crate) fn with_organization() -> Lab {
        let mut lab = Lab::new();
        let account = |id: &str| Account {
            id: id.into(),
            name: id.into(),
            email: format!("aws+{id}@example.com"),
            parent: String::new(),
            created: true,
            joined: 0.0,
            state: AccountState::Active,
            closing_at: None,
        };
        organizations::found(&mut lab.world, Some("o-a1b2c3d4e5"), &account(MANAGEMENT), true);
        for id in [MEMBER, OTHER] {
            lab.world.organizations.accounts.insert(id.into(), account(id));
        }
        lab
    }

    /// The next calls come from this account and region.
    pub(crate) fn at(&mut self, account: &str, region: &str) -> &mut Lab {
        self.account = account.into();
        self.region = region.into();
        self
    }

    /// Runs one call.
    pub(crate) fn call(&mut self, service: &str, operation: &str, input: Value) -> Reply {
        let principal = if self.account == MANAGEMENT {
            Principal::Management
        } else {
            Principal::Role { role: "OrganizationAccountAccessRole".into(), session: "test".into() }
        };
        let call = Call {
            service: service.into(),
            operation: operation.into(),
            account: self.account.clone(),
            region: self.region.clone(),
            principal,
            input,
            now: self.now,
        };
        let api = models::api(service).unwrap_or_else(|| panic!("no model of {service}"));
        let shapes = &api.operations[operation];
        if let Some(input) = &shapes.input {
            conforms(api, input, &call.input, &format!("{operation} input"));
        }
        // What falls due with time does so whoever looks; only the rest counts as a change.
        organizations::settle(&mut self.world, self.now);
        let before = serde_json::to_value(&self.world).unwrap_or_default();
        let reply = services::dispatch(&mut self.world, &call)
            .unwrap_or_else(|| panic!("{service}:{operation} has no handler"));
        match (&reply, &shapes.output) {
            (Ok(output), Some(shape)) => conforms(api, shape, output, &format!("{operation} output")),
            (Ok(output), None) => assert_eq!(output, &serde_json::json!({}), "{operation} has no output"),
            (Err(_), _) => {}
        }
        // The log of the store holds successful writes only: nothing else may change the world, not even by an id.
        let reads =
            ["Get", "List", "Describe", "Head", "Lookup"].iter().any(|verb| operation.starts_with(verb));
        // The store logs this read, because reading the status is what completes a creation.
        let logged = operation == "DescribeCreateAccountStatus";
        if (reads && !logged) || reply.is_err() {
            let after = serde_json::to_value(&self.world).unwrap_or_default();
            assert_eq!(before, after, "{operation} changed the world");
        }
        reply
    }

    /// Runs one call that must succeed.
    pub(crate) fn ok(&mut self, service: &str, operation: &str, input: Value) -> Value {
        match self.call(service, operation, input.clone()) {
            Ok(output) => output,
            Err(fault) => panic!("{service}:{operation} {input} failed: {fault:?}"),
        }
    }

    /// Runs one call that must fail, and returns its fault.
    pub(crate) fn fails(&mut self, service: &str, operation: &str, input: Value) -> Fault {
        match self.call(service, operation, input.clone()) {
            Ok(output) => panic!("{service}:{operation} {input} succeeded: {output}"),
            Err(fault) => fault,
        }
    }

    /// Runs a table of calls that must fail: operation, input, code.
    pub(crate) fn table(&mut self, service: &str, rows: &[(&str, Value, &str)]) {
        for (operation, input, code) in rows {
            let fault = self.fails(service, operation, input.clone());
            assert_eq!(&fault.code, code, "{service}:{operation} {input}: {}", fault.message);
        }
    }
}

/// Asserts that a value is of the shape: no member that the model does not know, and every value of its kind.
pub(crate) fn conforms(api: &Api, member: &Member, value: &Value, path: &str) {
    let shape = api.of(member);
    match (shape.kind, value) {
        (Kind::Structure, Value::Object(members)) => {
            for name in shape.required.iter().filter(|_| path.contains("output")) {
                assert!(members.contains_key(name), "{path} lacks the required {name}");
            }
            for (name, value) in members {
                let known = shape.members.get(name);
                let member = known.unwrap_or_else(|| panic!("{path}.{name} is not in the model"));
                conforms(api, member, value, &format!("{path}.{name}"));
            }
        }
        (Kind::List, Value::Array(list)) => {
            for value in list {
                conforms(api, &shape.member, value, &format!("{path}[]"));
            }
        }
        (Kind::Map, Value::Object(map)) => {
            for (key, value) in map {
                conforms(api, &shape.value, value, &format!("{path}.{key}"));
            }
        }
        (Kind::String, Value::String(text)) if path.contains("output") => {
            // An attached internet gateway is "available", which the model's list lacks (API reference says so).
            let attached = member.shape == "AttachmentStatus" && text == "available";
            let listed = shape.values.is_empty() || shape.values.contains(text) || attached;
            // Organizations' ids of policies have 8 characters; the model's pattern of their ARN wants 10.
            let matches = member.shape == "PolicyArn" || shape.pattern_matches(text);
            assert!(listed && matches, "{path} is {text:?}, which {} refuses", member.shape);
        }
        (kind, value) => {
            let fits = match kind {
                Kind::String | Kind::Blob => value.is_string(),
                Kind::Boolean => value.is_boolean(),
                Kind::Integer | Kind::Long => value.is_i64() || value.is_u64(),
                Kind::Float | Kind::Double | Kind::Timestamp => value.is_number(),
                Kind::Structure | Kind::List | Kind::Map => false,
            };
            assert!(fits, "{path} is {value}, not {kind:?}");
        }
    }
}
