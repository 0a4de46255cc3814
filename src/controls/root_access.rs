//! Central root access: members' root users are managed by the management account, and need no credentials of their own.
//!
//! * Trusted access of IAM comes first, then the two features, then, only where that is asked for, the deletion of what
//!   members' root users still have. Without the first AWS refuses the second with `ServiceAccessNotEnabledException`.
//! * Credentials are deleted in sessions of `sts:AssumeRoot` with AWS's task policies, which is why no role in the member is
//!   needed: accounts that were invited are covered. The management account's root user is nobody's business but its owner's.
//!   <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-enable-root-access.html>

mod credentials;
mod features;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::{Baseline, Place};
use crate::control::{DynControl, Import, ImportCx, Overridable, Reference, Section, SectionMeta, Shape, control};
use crate::diag::Findings;
use crate::facts::Account;

/// IAM's service principal.
const SERVICE: &str = "iam.amazonaws.com";

/// Central root access of the organization.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RootAccess {
    /// Root users of members can be without credentials, and nobody recovers their passwords: new accounts have none.
    /// `false`: not managed.
    pub credentials_management: bool,
    /// Single tasks of members' root users can be done from the management account. `false`: not managed.
    pub sessions: bool,
    /// Deletes password, access keys, signing certificates and MFA devices of every member's root user. `undo` cannot
    /// bring them back; needs `--allow-destructive`. May differ by account in `[[overrides]]`.
    pub delete_member_root_credentials: bool,
}

impl Default for RootAccess {
    fn default() -> RootAccess {
        RootAccess { credentials_management: true, sessions: true, delete_member_root_credentials: false }
    }
}

impl Section for RootAccess {
    const META: SectionMeta = SectionMeta {
        id: "root_access",
        title: "Central root access",
        summary: "Switches on central management of members' root users: new accounts have no root credentials, and what \
                  only a root user can do is done in short sessions from the management account. As an explicit last \
                  step it deletes the credentials that members' root users still have, after showing each of them.",
        shape: Shape::Table,
        references: &[
            Reference::cis("7.0.0", "2.1.1"),
            Reference::cis("1.2.0", "1.12").partly("the management account's root user"),
            Reference::cis("1.2.0", "1.13").partly("the management account's root user"),
            Reference::cis("1.2.0", "1.14").partly("the management account's root user"),
            Reference::cis("1.4.0", "1.4").partly("the management account's root user"),
            Reference::cis("1.4.0", "1.5").partly("the management account's root user"),
            Reference::cis("1.4.0", "1.6").partly("the management account's root user"),
            Reference::cis("1.5.0", "1.4").partly("the management account's root user"),
            Reference::cis("1.5.0", "1.5").partly("the management account's root user"),
            Reference::cis("1.5.0", "1.6").partly("the management account's root user"),
            Reference::cis("2.0.0", "1.4").partly("the management account's root user"),
            Reference::cis("2.0.0", "1.5").partly("the management account's root user"),
            Reference::cis("2.0.0", "1.6").partly("the management account's root user"),
            Reference::cis("3.0.0", "1.4").partly("the management account's root user"),
            Reference::cis("3.0.0", "1.5").partly("the management account's root user"),
            Reference::cis("3.0.0", "1.6").partly("the management account's root user"),
            Reference::cis("4.0.1", "1.4").partly("the management account's root user"),
            Reference::cis("4.0.1", "1.5").partly("the management account's root user"),
            Reference::cis("4.0.1", "1.6").partly("the management account's root user"),
            Reference::cis("5.0.0", "1.3").partly("the management account's root user"),
            Reference::cis("5.0.0", "1.4").partly("the management account's root user"),
            Reference::cis("5.0.0", "1.5").partly("the management account's root user"),
            Reference::cis("6.0.0", "2.3").partly("the management account's root user"),
            Reference::cis("6.0.0", "2.4").partly("the management account's root user"),
            Reference::cis("6.0.0", "2.5").partly("the management account's root user"),
            Reference::cis("7.0.0", "2.4").partly("the management account's root user"),
            Reference::cis("7.0.0", "2.5").partly("the management account's root user"),
            Reference::cis("7.0.0", "2.6").partly("the management account's root user"),
            Reference::row("RDM-003").partly("the management account's root user"),
            Reference::row("FXL-002"),
            Reference::row("QST-014").partly("the management account's root user; members need none without credentials"),
        ],
        billed: None,
    };

    fn check(&self, _baseline: &Baseline, findings: &mut Findings<'_>) {
        if self.delete_member_root_credentials && !(self.sessions && self.credentials_management) {
            findings.hint(
                "delete_member_root_credentials",
                "credentials are deleted through both features",
                "leave `credentials_management` and `sessions` at `true`",
            );
        }
    }

    fn import(_cx: &ImportCx<'_>) -> Import<RootAccess> {
        Import::Ask(RootAccess::default())
    }

    fn overridable(_base: Option<&RootAccess>) -> Option<Overridable> {
        let keys = &["delete_member_root_credentials"];
        Some(Overridable { keys, instead: "declare it in `[root_access]` itself" })
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<features::Features>(), control::<credentials::MemberCredentials>()]
    }
}

/// Whether the section, as it holds for an account, wants its root credentials deleted.
fn deletes_in(account: &Account, baseline: &Baseline) -> bool {
    let key = baseline.account_key(account);
    let place = Place { key, id: &account.id, ou: &account.ou };
    let bound = baseline.section(RootAccess::META.id, Some(&place)).ok().flatten();
    let section = bound.as_ref().and_then(|bound| bound.value.downcast_ref::<RootAccess>());
    section.is_some_and(|section| section.delete_member_root_credentials)
}
