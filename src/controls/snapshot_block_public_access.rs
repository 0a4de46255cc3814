//! Block public access for EBS snapshots, in every region of every account.
//!
//! * Turning it on and off is allowed once in ten seconds per account and region, so it is written only where it differs.
//!   <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>
//! * `block-all-sharing` makes snapshots that are public private as long as it holds; only then are they looked for.
//!   <https://docs.aws.amazon.com/ebs/latest/userguide/block-public-access-snapshots.html>
//! * A declarative policy of the organization may own the setting.

use aws_sdk_ec2::types::SnapshotBlockPublicAccessState as Live;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::control::{Control, Cx, DesiredCx, Diff, DynControl, Import, ImportCx, Meta, Reference, Risk, Scope, Seat, Section, SectionMeta, Shape, Wanted, control};
use crate::error::UnitError;
use crate::resource::declarative_policy;

/// Block public access for EBS snapshots, in every region of every account, the management account included.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SnapshotBlockPublicAccess {
    /// What is blocked.
    pub state: Option<State>,
}

/// What is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing. Needs `--allow-destructive`.
    Unblocked,
    /// Sharing from now on; what is public stays so. After `block-all-sharing` it needs `--allow-destructive`, because
    /// snapshots become public again.
    BlockNewSharing,
    /// Public snapshots too: nobody outside can use them any more.
    BlockAllSharing,
}

impl State {
    fn from_live(live: Option<&Live>) -> Result<State, UnitError> {
        match live {
            Some(Live::BlockAllSharing) => Ok(State::BlockAllSharing),
            Some(Live::BlockNewSharing) => Ok(State::BlockNewSharing),
            Some(Live::Unblocked) => Ok(State::Unblocked),
            _ => Err(UnitError::missing("a known state of block public access for snapshots")),
        }
    }

    fn live(self) -> Live {
        match self {
            State::Unblocked => Live::Unblocked,
            State::BlockNewSharing => Live::BlockNewSharing,
            State::BlockAllSharing => Live::BlockAllSharing,
        }
    }
}

impl Section for SnapshotBlockPublicAccess {
    const META: SectionMeta = SectionMeta {
        id: "snapshot_block_public_access",
        title: "Block public access for snapshots",
        summary: "Keeps EBS snapshots from being shared with everybody, in every region of every account and the \
                  management account. Where a declarative policy of the organization sets it, the plan says so and \
                  nothing is written.",
        shape: Shape::Table,
        references: &[Reference::row("RDM-060").partly("instances and buckets")],
        billed: None,
    };

    fn import(_cx: &ImportCx<'_>) -> Import<SnapshotBlockPublicAccess> {
        Import::Ask(SnapshotBlockPublicAccess { state: Some(State::BlockNewSharing) })
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<Block>()]
    }
}

/// The only part.
struct Block;

/// What is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Actual {
    state: State,
    /// Set by a declarative policy.
    by_policy: bool,
    /// There are public snapshots; looked for only where all sharing is about to be blocked.
    public_snapshots: bool,
}

impl Control for Block {
    type Section = SnapshotBlockPublicAccess;
    type Desired = State;
    type Actual = Actual;
    const META: Meta = Meta {
        scope: Scope::AccountRegion,
        seat: Seat::Member,
        reads: &["ec2:DescribeSnapshots", "ec2:GetSnapshotBlockPublicAccessState"],
        writes: &["ec2:DisableSnapshotBlockPublicAccess", "ec2:EnableSnapshotBlockPublicAccess"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, SnapshotBlockPublicAccess>) -> Vec<Wanted<State>> {
        cx.section.state.map(Wanted::one).unwrap_or_default()
    }

    async fn read(cx: &Cx<'_>, want: &State) -> Result<Actual, UnitError> {
        let ec2 = cx.aws.ec2();
        let answer = ec2
            .call("GetSnapshotBlockPublicAccessState", |c| c.get_snapshot_block_public_access_state().send())
            .await?;
        let state = State::from_live(answer.state.as_ref())?;
        let by_policy = declarative_policy::is_owner(answer.managed_by.as_ref());
        let cuts = *want == State::BlockAllSharing && state != State::BlockAllSharing && !by_policy;
        let public_snapshots = cuts && has_public_snapshots(cx).await?;
        Ok(Actual { state, by_policy, public_snapshots })
    }

    fn import(_cx: &Cx<'_>, _want: &State, have: &Actual) -> Option<SnapshotBlockPublicAccess> {
        (!have.by_policy).then_some(SnapshotBlockPublicAccess { state: Some(have.state) })
    }

    fn diff(want: &State, have: &Actual) -> Diff {
        let mut d = Diff::new();
        let risk = match want {
            looser if *looser < have.state => Risk::Destructive,
            State::BlockAllSharing if have.public_snapshots => Risk::Disruptive,
            _ => Risk::Normal,
        };
        d.risky("state", &have.state, Some(want), risk);
        if have.by_policy {
            declarative_policy::yield_to(&mut d);
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &State, _have: &Actual) -> Result<(), UnitError> {
        let ec2 = cx.aws.ec2();
        if *want == State::Unblocked {
            ec2.call("DisableSnapshotBlockPublicAccess", |c| c.disable_snapshot_block_public_access().send()).await?;
            return Ok(());
        }
        ec2.call("EnableSnapshotBlockPublicAccess", |c| {
            c.enable_snapshot_block_public_access().state(want.live()).send()
        })
        .await?;
        Ok(())
    }
}

/// Whether the account has snapshots that everybody may use.
async fn has_public_snapshots(cx: &Cx<'_>) -> Result<bool, UnitError> {
    let snapshots = cx
        .aws
        .ec2()
        .pages(
            "DescribeSnapshots",
            |c, token| {
                let request = c.describe_snapshots().owner_ids("self").restorable_by_user_ids("all");
                request.max_results(1000).set_next_token(token).send()
            },
            |page| (page.snapshots, page.next_token),
        )
        .await?;
    Ok(!snapshots.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn have(state: State) -> Actual {
        Actual { state, by_policy: false, public_snapshots: false }
    }

    #[test]
    fn loosening_is_destructive_and_taking_snapshots_away_disruptive() {
        use State::{BlockAllSharing, BlockNewSharing, Unblocked};
        for (want, from, risk) in [
            (BlockAllSharing, Unblocked, Risk::Normal),
            (BlockNewSharing, Unblocked, Risk::Normal),
            (BlockAllSharing, BlockNewSharing, Risk::Normal),
            (BlockNewSharing, BlockAllSharing, Risk::Destructive),
            (Unblocked, BlockNewSharing, Risk::Destructive),
        ] {
            assert_eq!(Block::diff(&want, &have(from)).risk(), risk, "{from:?} -> {want:?}");
        }
        let public = Actual { public_snapshots: true, ..have(Unblocked) };
        assert_eq!(Block::diff(&BlockAllSharing, &public).risk(), Risk::Disruptive);
        assert_eq!(Block::diff(&BlockNewSharing, &public).risk(), Risk::Normal);
    }

    #[test]
    fn what_a_policy_sets_is_left_to_it() {
        let owned = Actual { by_policy: true, ..have(State::BlockNewSharing) };
        let differs = Block::diff(&State::BlockAllSharing, &owned);
        assert!(!differs.is_empty() && differs.by_hand.is_some());
        let same = Block::diff(&State::BlockNewSharing, &owned);
        assert!(same.is_empty() && same.by_hand.is_none() && same.notices.len() == 1);
    }
}
