//! Services whose own call makes an account their administrator: one row each.

use serde_json::{Value, json};

use crate::sandbox::services::{detective, guardduty, iam, inspector2, macie2, organizations, securityhub};
use crate::sandbox::world::{Call, Fault, Reply, World};

use super::{Administrator, Code, fault, is_management};

/// How one service does it.
struct Service {
    /// Key of the API model.
    key: &'static str,
    /// Service principal in Organizations.
    principal: &'static str,
    /// Operation that sets the administrator, and its input member.
    enable: (&'static str, &'static str),
    /// Operation that takes it away, and its input member; empty where it has none.
    disable: (&'static str, &'static str),
    /// Operation that lists it, and its members: list, id, status.
    list: Option<(&'static str, &'static str, &'static str, &'static str)>,
    /// One administrator per region rather than one in all.
    regional: bool,
    /// The caller is not the management account.
    not_management: Code,
    /// The account cannot be an administrator.
    invalid: Code,
    /// It is the administrator already; `None` where that is no error.
    repeated: Option<Code>,
    /// Another account is the administrator.
    other: Code,
}

const BAD_REQUEST: Code = ("BadRequestException", 400);
const CONFLICT: Code = ("ConflictException", 409);
const DENIED: Code = ("AccessDeniedException", 403);
const VALIDATION: Code = ("ValidationException", 400);
const INVALID_INPUT: Code = ("InvalidInputException", 400);

/// Codes: GuardDuty and Security Hub as `service-principals.toml` reports them (`general.idempotence`); Guess: the
/// others take the code of their model that fits, and a repeated call is refused where the model has a conflict.
const SERVICES: &[Service] = &[
    Service {
        key: "guardduty",
        principal: "guardduty.amazonaws.com",
        enable: ("EnableOrganizationAdminAccount", "AdminAccountId"),
        disable: ("DisableOrganizationAdminAccount", "AdminAccountId"),
        list: Some(("ListOrganizationAdminAccounts", "AdminAccounts", "AdminAccountId", "AdminStatus")),
        regional: true,
        not_management: BAD_REQUEST,
        invalid: BAD_REQUEST,
        repeated: Some(BAD_REQUEST),
        other: BAD_REQUEST,
    },
    Service {
        key: "securityhub",
        principal: "securityhub.amazonaws.com",
        enable: ("EnableOrganizationAdminAccount", "AdminAccountId"),
        disable: ("DisableOrganizationAdminAccount", "AdminAccountId"),
        list: Some(("ListOrganizationAdminAccounts", "AdminAccounts", "AccountId", "Status")),
        regional: true,
        not_management: ("InvalidAccessException", 401),
        invalid: INVALID_INPUT,
        repeated: Some(INVALID_INPUT),
        other: ("InvalidAccessException", 401),
    },
    Service {
        key: "macie2",
        principal: "macie.amazonaws.com",
        enable: ("EnableOrganizationAdminAccount", "adminAccountId"),
        disable: ("DisableOrganizationAdminAccount", "adminAccountId"),
        list: Some(("ListOrganizationAdminAccounts", "adminAccounts", "accountId", "status")),
        regional: true,
        not_management: DENIED,
        invalid: VALIDATION,
        repeated: Some(CONFLICT),
        other: CONFLICT,
    },
    Service {
        key: "inspector2",
        principal: "inspector2.amazonaws.com",
        enable: ("EnableDelegatedAdminAccount", "delegatedAdminAccountId"),
        disable: ("DisableDelegatedAdminAccount", "delegatedAdminAccountId"),
        list: Some(("ListDelegatedAdminAccounts", "delegatedAdminAccounts", "accountId", "status")),
        regional: true,
        not_management: DENIED,
        invalid: VALIDATION,
        repeated: Some(CONFLICT),
        other: CONFLICT,
    },
    Service {
        key: "detective",
        principal: "detective.amazonaws.com",
        enable: ("EnableOrganizationAdminAccount", "AccountId"),
        disable: ("DisableOrganizationAdminAccount", ""),
        list: Some(("ListOrganizationAdminAccounts", "Administrators", "AccountId", "")),
        regional: true,
        not_management: DENIED,
        invalid: VALIDATION,
        repeated: None,
        other: VALIDATION,
    },
    Service {
        key: "auditmanager",
        principal: "auditmanager.amazonaws.com",
        enable: ("RegisterOrganizationAdminAccount", "adminAccountId"),
        disable: ("DeregisterOrganizationAdminAccount", "adminAccountId"),
        list: None,
        regional: true,
        not_management: DENIED,
        invalid: VALIDATION,
        repeated: None,
        other: VALIDATION,
    },
    Service {
        key: "securitylake",
        principal: "securitylake.amazonaws.com",
        enable: ("RegisterDataLakeDelegatedAdministrator", "accountId"),
        disable: ("DeregisterDataLakeDelegatedAdministrator", ""),
        list: None,
        regional: false,
        not_management: DENIED,
        invalid: BAD_REQUEST,
        repeated: None,
        other: CONFLICT,
    },
    Service {
        key: "ec2",
        principal: "ipam.amazonaws.com",
        enable: ("EnableIpamOrganizationAdminAccount", "DelegatedAdminAccountId"),
        disable: ("DisableIpamOrganizationAdminAccount", "DelegatedAdminAccountId"),
        list: None,
        regional: false,
        not_management: ("UnauthorizedOperation", 403),
        invalid: ("InvalidParameterValue", 400),
        repeated: None,
        other: ("OperationNotPermitted", 400),
    },
];

pub(super) fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    let service = SERVICES.iter().find(|service| service.key == call.service)?;
    let operation = call.operation.as_str();
    if operation == service.enable.0 {
        return Some(enable(world, call, service));
    }
    if operation == service.disable.0 {
        return Some(disable(world, call, service));
    }
    if service.list.is_some_and(|(list, ..)| list == operation) {
        return Some(list(world, call, service));
    }
    match (service.key, operation) {
        ("inspector2", "GetDelegatedAdminAccount") => Some(get_inspector(world, call, service)),
        ("auditmanager", "GetOrganizationAdminAccount") => Some(get_audit_manager(world, call, service)),
        ("securitylake", "GetDataLakeOrganizationConfiguration") => Some(Err(fault(
            ("ResourceNotFoundException", 404),
            "The data lake is not enabled in this Region.",
        ))),
        _ => None,
    }
}

fn place(call: &Call, service: &Service) -> String {
    format!("{}/{}", service.key, if service.regional { &call.region } else { "global" })
}

fn enable(world: &mut World, call: &Call, service: &Service) -> Reply {
    let account = call.required(service.enable.1).to_owned();
    if !is_management(world, call) {
        return Err(fault(
            service.not_management,
            "The request failed because the current account is not the management account of an organization.",
        ));
    }
    delegate(world, call, service, &account)?;
    let place = place(call, service);
    world
        .integrations
        .administrators
        .insert(place, Administrator { account: account.clone(), since: call.now });
    match service.key {
        "guardduty" => guardduty::administrator_enabled(world, &account, call),
        "detective" => detective::administrator_enabled(world, &account, call),
        "macie2" => macie2::administrator_enabled(world, &account, call),
        "securityhub" => securityhub::administrator_named(world, &account, call),
        _ => {}
    }
    let organization = organizations::organization(world).map(|o| o.id.clone()).unwrap_or_default();
    Ok(match service.key {
        "securityhub" => json!({"AdminAccountId": account}),
        "inspector2" => json!({"delegatedAdminAccountId": account}),
        "auditmanager" => json!({"adminAccountId": account, "organizationId": organization}),
        "ec2" => json!({"Success": true}),
        _ => json!({}),
    })
}

/// Checks the account against the service's list and Organizations' list, then registers it there with trusted
/// access, as the services do.
fn delegate(world: &mut World, call: &Call, service: &Service, account: &str) -> Result<(), Fault> {
    if let Some(current) = world.integrations.administrators.get(&place(call, service)) {
        let (code, message) = if current.account == account {
            match service.repeated {
                None => return Ok(()),
                Some(code) => {
                    (code, "The account is already the delegated administrator of the organization.")
                }
            }
        } else {
            (service.other, "The organization already has another delegated administrator.")
        };
        return Err(fault(code, message));
    }
    let registered = world.organizations.delegated.get(service.principal);
    if registered.is_some_and(|accounts| !accounts.is_empty() && !accounts.contains_key(account)) {
        return Err(fault(
            service.other,
            "Another account is registered as the delegated administrator of this service in AWS Organizations.",
        ));
    }
    let had_access = organizations::access_enabled(world, service.principal);
    if organizations::is_delegated(world, service.principal, account) {
        organizations::enable_access(world, service.principal, call.now);
        return Ok(());
    }
    organizations::enable_access(world, service.principal, call.now);
    if let Err(refused) = organizations::register_delegated_admin(world, service.principal, account, call.now)
    {
        if !had_access {
            organizations::disable_access(world, service.principal);
        }
        return Err(fault(service.invalid, refused.message));
    }
    let management = call.account.clone();
    for place in [management.as_str(), account] {
        iam::ensure_service_linked_role(world, place, service.principal, call.now);
    }
    Ok(())
}

/// What deregistering an administrator in Organizations does in its service: Security Hub and Detective remove it in every
/// region by themselves (<https://docs.aws.amazon.com/securityhub/latest/userguide/remove-admin-overview.html>,
/// <https://docs.aws.amazon.com/detective/latest/userguide/accounts-remove-admin-overview.html>), the others keep it.
pub(super) fn left(world: &mut World, principal: &str, account: &str) {
    let follows = |service: &&Service| {
        service.principal == principal && matches!(service.key, "securityhub" | "detective")
    };
    let Some(service) = SERVICES.iter().find(follows) else { return };
    if service.key == "securityhub" {
        securityhub::administrator_left(world);
    }
    let places = format!("{}/", service.key);
    if service.key == "detective" {
        world.detective.retain(|place, _| place.split('/').next() != Some(account));
    }
    world
        .integrations
        .administrators
        .retain(|place, admin| !(place.starts_with(&places) && admin.account == account));
}

/// Takes the administrator away in this region, or everywhere where the service has one for all.
///
/// GuardDuty keeps its registration in Organizations: DeregisterDelegatedAdministrator takes that away
/// (`service-principals.toml`, guardduty, `undo`). IPAM and Security Lake deregister it themselves, as they registered it
/// (<https://docs.aws.amazon.com/vpc/latest/ipam/enable-integ-ipam.html>). Guess: the others do as GuardDuty does.
fn disable(world: &mut World, call: &Call, service: &Service) -> Reply {
    if !is_management(world, call) {
        return Err(fault(service.not_management, "The current account is not the management account."));
    }
    let place = place(call, service);
    let current = world.integrations.administrators.get(&place).map(|admin| admin.account.clone());
    let named = call.str(service.disable.1).map(ToString::to_string);
    let account = match (current, named) {
        (Some(current), named) if named.as_ref().is_none_or(|named| *named == current) => current,
        _ => {
            let message = "The account is not the delegated administrator of the organization.";
            return Err(fault(not_administrator(service), message));
        }
    };
    match service.key {
        "guardduty" => {
            guardduty::administrator_may_leave(world, &account, &call.region)?;
            guardduty::administrator_disabled(world, &account, &call.region);
        }
        "detective" => detective::administrator_disabled(world, &account, &call.region),
        "macie2" => macie2::administrator_disabled(world, &account, &call.region),
        "securityhub" => {
            if securityhub::holds_administrator(world) {
                // The beginning of the text is AWS's (terraform-provider-aws, test of the organization configuration).
                let text = "You must disable central configuration in order to remove or change the delegated Security Hub \
                            administrator.";
                return Err(fault(service.invalid, text));
            }
            securityhub::administrator_removed(world, &call.region);
        }
        "inspector2" => inspector2::administrator_removed(world, &call.region),
        _ => {}
    }
    world.integrations.administrators.remove(&place);
    if matches!(service.key, "ec2" | "securitylake") {
        organizations::deregister_delegated_admin(world, service.principal, &account);
    }
    Ok(match service.key {
        "inspector2" => json!({"delegatedAdminAccountId": account}),
        "ec2" => json!({"Success": true}),
        _ => json!({}),
    })
}

/// Guess: a service whose model has "not found" answers that, the others refuse the account.
fn not_administrator(service: &Service) -> Code {
    match service.key {
        "macie2" | "inspector2" | "auditmanager" | "securitylake" => ("ResourceNotFoundException", 404),
        _ => service.invalid,
    }
}

fn administrators(world: &World, call: &Call, service: &Service) -> Result<Vec<Administrator>, Fault> {
    let current: Vec<Administrator> =
        world.integrations.administrators.get(&place(call, service)).cloned().into_iter().collect();
    if is_management(world, call) || current.iter().any(|admin| admin.account == call.account) {
        return Ok(current);
    }
    Err(fault(
        service.not_management,
        "The current account is neither the management account nor the delegated administrator.",
    ))
}

fn list(world: &mut World, call: &Call, service: &Service) -> Reply {
    let all = administrators(world, call, service)?;
    let Some((_, member, id, status)) = service.list else { return Ok(json!({})) };
    // JSON members begin with a small letter in some services and with a capital in others.
    let lower = member.starts_with(char::is_lowercase);
    let (token, max) = if lower { ("nextToken", "maxResults") } else { ("NextToken", "MaxResults") };
    let bad = || fault(service.invalid, "The token is not valid.");
    let (page, next) = world.page(&all, call.int(max), 10, call.str(token), &bad)?;
    let shown: Vec<Value> = page
        .iter()
        .map(|admin| {
            if service.key == "detective" {
                let graph = detective::graph_arn(world, &admin.account, &call.region);
                return json!({id: admin.account, "GraphArn": graph, "DelegationTime": admin.since});
            }
            json!({id: admin.account, status: "ENABLED"})
        })
        .collect();
    let mut reply = json!({ member: shown });
    if let Some(next) = next {
        reply[token] = json!(next);
    }
    Ok(reply)
}

fn get_inspector(world: &World, call: &Call, service: &Service) -> Reply {
    let admin = administrators(world, call, service)?.pop().ok_or_else(|| {
        fault(("ResourceNotFoundException", 404), "The organization has no delegated administrator.")
    })?;
    Ok(json!({"delegatedAdmin": {"accountId": admin.account, "relationshipStatus": "ENABLED"}}))
}

fn get_audit_manager(world: &World, call: &Call, service: &Service) -> Reply {
    let admin = administrators(world, call, service)?.pop().ok_or_else(|| {
        fault(("ResourceNotFoundException", 404), "The organization has no delegated administrator.")
    })?;
    let organization = organizations::organization(world)?.id.clone();
    Ok(json!({"adminAccountId": admin.account, "organizationId": organization}))
}
