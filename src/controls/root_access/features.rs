//! Trusted access of IAM, and the two features of central root access.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{RootAccess, SERVICE};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Wanted};
use crate::controls::delegated_admins::DelegatedAdmins;
use crate::error::{CallError, UnitError};
use crate::resource::{declared, trusted_access};

/// AWS's words for the features.
const CREDENTIALS: &str = "RootCredentialsManagement";
pub(super) const SESSIONS: &str = "RootSessions";

/// Part `features`.
pub(super) struct Features;

/// What is wanted; `None`: not managed here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Desired {
    trusted_access: Option<bool>,
    credentials_management: Option<bool>,
    sessions: Option<bool>,
}

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Actual {
    trusted_access: bool,
    features: BTreeSet<String>,
}

impl Control for Features {
    type Section = RootAccess;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "features",
        after: &["delegated_admins.trusted_access", "delegated_admins.admin"],
        reads: &["iam:ListOrganizationsFeatures", "organizations:ListAWSServiceAccessForOrganization"],
        writes: &[
            "iam:EnableOrganizationsRootCredentialsManagement",
            "iam:EnableOrganizationsRootSessions",
            "organizations:EnableAWSServiceAccess",
        ],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, RootAccess>) -> Vec<Wanted<Desired>> {
        let RootAccess { credentials_management, sessions, .. } = *cx.section;
        let elsewhere = declared::<DelegatedAdmins>(cx.baseline).is_some_and(|section| {
            section.iam.is_some() || section.trusted_access.iter().any(|key| key.0 == "iam")
        });
        Wanted::one(Desired {
            trusted_access: (!elsewhere).then_some(true),
            credentials_management: credentials_management.then_some(true),
            sessions: sessions.then_some(true),
        })
    }

    async fn read(cx: &Cx<'_>, _want: &Desired) -> Result<Actual, UnitError> {
        let trusted_access = trusted_access::is_on(cx, SERVICE).await?;
        let features = if trusted_access { features(cx).await? } else { BTreeSet::new() };
        Ok(Actual { trusted_access, features })
    }

    fn import(_cx: &Cx<'_>, _want: &Desired, have: &Actual) -> Option<RootAccess> {
        let is_on = |feature: &str| have.features.contains(feature);
        let (credentials_management, sessions) = (is_on(CREDENTIALS), is_on(SESSIONS));
        let found = RootAccess { credentials_management, sessions, delete_member_root_credentials: false };
        (credentials_management || sessions).then_some(found)
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        d.field("trusted_access", &have.trusted_access, want.trusted_access.as_ref());
        let is_on = |feature: &str| have.features.contains(feature);
        d.field("credentials_management", &is_on(CREDENTIALS), want.credentials_management.as_ref());
        d.field("sessions", &is_on(SESSIONS), want.sessions.as_ref());
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        if want.trusted_access.is_some() && !have.trusted_access {
            trusted_access::switch_on(cx, SERVICE).await?;
        }
        let iam = cx.aws.iam();
        if want.credentials_management.is_some() && !have.features.contains(CREDENTIALS) {
            iam.call("EnableOrganizationsRootCredentialsManagement", |c| {
                c.enable_organizations_root_credentials_management().send()
            })
            .await?;
        }
        if want.sessions.is_some() && !have.features.contains(SESSIONS) {
            iam.call("EnableOrganizationsRootSessions", |c| c.enable_organizations_root_sessions().send())
                .await?;
        }
        Ok(())
    }
}

/// The features that are on. AWS refuses the question where IAM has no trusted access.
pub(super) async fn features(cx: &Cx<'_>) -> Result<BTreeSet<String>, CallError> {
    let answer = cx
        .aws
        .iam()
        .call("ListOrganizationsFeatures", |c| c.list_organizations_features().send())
        .await?;
    Ok(answer.enabled_features.unwrap_or_default().iter().map(|f| f.as_str().to_string()).collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::controls::log_archive::tests::{baseline, facts, set};

    fn want(rest: &str) -> Desired {
        let (facts, baseline) = (facts(), baseline("", rest));
        let section = declared::<RootAccess>(&baseline).unwrap();
        let account = &facts.accounts["111111111111"];
        let cx = DesiredCx { section: &section, account, region: "eu-west-1", facts: &facts, baseline: &baseline };
        set(Features::desired(&cx)).remove(0)
    }

    #[test]
    fn everything_is_on_unless_it_is_left_out() {
        let off = Actual { trusted_access: false, features: BTreeSet::new() };
        let paths = |want: &Desired| {
            Features::diff(want, &off).changes.into_iter().map(|c| c.path).collect::<Vec<_>>()
        };
        assert_eq!(paths(&want("[root_access]")), ["trusted_access", "credentials_management", "sessions"]);
        assert_eq!(
            paths(&want("[root_access]\nsessions = false")),
            ["trusted_access", "credentials_management"]
        );
        let left = want("[root_access]\n[delegated_admins]\ntrusted_access = [\"iam\"]");
        assert_eq!(left.trusted_access, None);
        let on = [CREDENTIALS.to_string(), SESSIONS.to_string()].into();
        assert!(Features::diff(&left, &Actual { trusted_access: true, features: on }).is_empty());
    }
}
