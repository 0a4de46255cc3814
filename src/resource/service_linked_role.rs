//! Service-linked roles: IAM is asked by path, as emulators give the roles other names than AWS does.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/using-service-linked-roles.html>

use crate::aws::Clients;
use crate::error::{Absent, CallError};

/// Whether the account has the role of a service principal. `iam:ListRoles`.
///
/// # Errors
/// Those of the call.
pub async fn exists(aws: &Clients, service: &str) -> Result<bool, CallError> {
    let path = format!("/aws-service-role/{service}/");
    let roles = aws
        .iam()
        .pages(
            "ListRoles",
            |c, marker| c.list_roles().path_prefix(&path).set_marker(marker).send(),
            |out| (Some(out.roles), out.marker),
        )
        .await?;
    Ok(!roles.is_empty())
}

/// Makes the role of a service principal; there already is a success. `iam:CreateServiceLinkedRole`.
///
/// # Errors
/// Those of the call.
pub async fn create(aws: &Clients, service: &str) -> Result<(), CallError> {
    // "Service role name ... has been taken in this account": the service made it in the meantime. Emulators have a
    // code of their own.
    aws.iam()
        .call("CreateServiceLinkedRole", |c| c.create_service_linked_role().aws_service_name(service).send())
        .await
        .absent(&["InvalidInput", "EntityAlreadyExists"])?;
    Ok(())
}
