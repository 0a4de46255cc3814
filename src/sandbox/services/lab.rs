//! What the tests of the services share: a world with a caller, and assertions on error codes.

use serde_json::Value;

use crate::sandbox::services;
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
        services::dispatch(&mut self.world, &call)
            .unwrap_or_else(|| panic!("{service}:{operation} has no handler"))
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
