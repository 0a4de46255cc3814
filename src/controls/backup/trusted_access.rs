//! Trusted access, without which nothing is copied between accounts. Where `delegated_admins` lists Backup, it is its business.
//! <https://docs.aws.amazon.com/aws-backup/latest/devguide/manage-cross-account.html>

use super::Backup;
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Wanted};
use crate::controls::delegated_admins::DelegatedAdmins;
use crate::error::UnitError;
use crate::resource::{declared, trusted_access};

/// Service principal.
const SERVICE: &str = "backup.amazonaws.com";

/// Part `trusted_access`: one unit, where backups may be copied into other accounts.
pub(super) struct TrustedAccess;

impl Control for TrustedAccess {
    type Section = Backup;
    type Desired = ();
    /// Whether it is on.
    type Actual = bool;
    const META: Meta = Meta {
        part: "trusted_access",
        after: &["delegated_admins.trusted_access:backup", "delegated_admins.admin:backup"],
        reads: &["organizations:ListAWSServiceAccessForOrganization"],
        writes: &["organizations:EnableAWSServiceAccess"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, Backup>) -> Vec<Wanted<()>> {
        let elsewhere = declared::<DelegatedAdmins>(cx.baseline).is_some_and(|section| {
            section.backup.is_some() || section.trusted_access.iter().any(|key| key.0 == "backup")
        });
        let wanted = cx.section.cross_account_backup == Some(true) && !elsewhere;
        if wanted { Wanted::one(()) } else { Vec::new() }
    }

    async fn read(cx: &Cx<'_>, _want: &()) -> Result<bool, UnitError> {
        Ok(trusted_access::is_on(cx, SERVICE).await?)
    }

    fn diff(_want: &(), have: &bool) -> Diff {
        let mut d = Diff::new();
        d.field("cross_account_backup", have, Some(&true));
        d
    }

    async fn apply(cx: &Cx<'_>, _want: &(), _have: &bool) -> Result<(), UnitError> {
        Ok(trusted_access::switch_on(cx, SERVICE).await?)
    }
}
