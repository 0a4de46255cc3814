//! Detective's administrators by the management account's list, which also has their graphs: two sections read it.

use std::sync::Arc;

use aws_sdk_detective::types::Administrator;

use crate::aws::Clients;
use crate::control::Cx;
use crate::error::{CallError, UnitError};

/// The list in the region of `there`, the management account: `detective:ListOrganizationAdminAccounts`.
///
/// # Errors
/// Those of the call.
pub async fn administrators(there: &Clients) -> Result<Vec<Administrator>, CallError> {
    there
        .detective()
        .pages(
            "ListOrganizationAdminAccounts",
            |c, t| c.list_organization_admin_accounts().set_next_token(t).send(),
            |a| (a.administrators, a.next_token),
        )
        .await
}

/// The same, asked once while planning.
///
/// # Errors
/// Those of the call.
pub async fn administrators_once(cx: &Cx<'_>, there: &Clients) -> Result<Arc<Vec<Administrator>>, UnitError> {
    cx.once_at(there, "detective administrators", administrators(there)).await
}
