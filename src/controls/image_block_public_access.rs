//! Block public access for images (AMIs), in every region of every account.
//!
//! * AWS needs up to ten minutes, and answers with the old state meanwhile; images that are public stay so.
//!   <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EnableImageBlockPublicAccess.html>
//! * Turning it on and off is allowed once in ten seconds per account and region, so it is written only where it differs.
//! * A declarative policy of the organization may own the setting.

use std::time::Duration;

use aws_sdk_ec2::types::ImageBlockPublicAccessEnabledState;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::control::{Control, Cx, DesiredCx, Diff, DynControl, Import, ImportCx, Meta, Reference, Risk, Scope, Seat, Section, SectionMeta, Shape, Wanted, control};
use crate::error::UnitError;
use crate::resource::declarative_policy;

/// Block public access for images, in every region of every account, the management account included.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ImageBlockPublicAccess {
    /// What is blocked.
    pub state: Option<State>,
}

/// What is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing. Needs `--allow-destructive`.
    Unblocked,
    /// Sharing from now on; images that are public stay so.
    BlockNewSharing,
}

impl Section for ImageBlockPublicAccess {
    const META: SectionMeta = SectionMeta {
        id: "image_block_public_access",
        title: "Block public access for images",
        summary: "Keeps images (AMIs) from being shared with everybody, in every region of every account and the \
                  management account. AWS needs up to ten minutes for it. Where a declarative policy of the \
                  organization sets it, the plan says so and nothing is written.",
        shape: Shape::Table,
        references: &[Reference::row("RDM-060").partly("instances and buckets")],
        billed: None,
    };

    fn import(_cx: &ImportCx<'_>) -> Import<ImageBlockPublicAccess> {
        Import::Ask(ImageBlockPublicAccess { state: Some(State::BlockNewSharing) })
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
}

impl Control for Block {
    type Section = ImageBlockPublicAccess;
    type Desired = State;
    type Actual = Actual;
    const META: Meta = Meta {
        scope: Scope::AccountRegion,
        seat: Seat::Member,
        reads: &["ec2:GetImageBlockPublicAccessState"],
        writes: &["ec2:DisableImageBlockPublicAccess", "ec2:EnableImageBlockPublicAccess"],
        settle: Duration::from_mins(10),
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, ImageBlockPublicAccess>) -> Vec<Wanted<State>> {
        cx.section.state.map(Wanted::one).unwrap_or_default()
    }

    async fn read(cx: &Cx<'_>, _want: &State) -> Result<Actual, UnitError> {
        let answer = cx
            .aws
            .ec2()
            .call("GetImageBlockPublicAccessState", |c| c.get_image_block_public_access_state().send())
            .await?;
        let state = match answer.image_block_public_access_state.as_deref() {
            Some("block-new-sharing") => State::BlockNewSharing,
            Some("unblocked") => State::Unblocked,
            _ => return Err(UnitError::missing("a known state of block public access for images")),
        };
        Ok(Actual { state, by_policy: declarative_policy::is_owner(answer.managed_by.as_ref()) })
    }

    fn import(_cx: &Cx<'_>, _want: &State, have: &Actual) -> Option<ImageBlockPublicAccess> {
        (!have.by_policy).then_some(ImageBlockPublicAccess { state: Some(have.state) })
    }

    fn diff(want: &State, have: &Actual) -> Diff {
        let mut d = Diff::new();
        let risk = if *want == State::Unblocked { Risk::Destructive } else { Risk::Normal };
        d.risky("state", &have.state, Some(want), risk);
        if have.by_policy {
            declarative_policy::yield_to(&mut d);
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &State, _have: &Actual) -> Result<(), UnitError> {
        let ec2 = cx.aws.ec2();
        match want {
            State::Unblocked => {
                ec2.call("DisableImageBlockPublicAccess", |c| c.disable_image_block_public_access().send()).await?;
            }
            State::BlockNewSharing => {
                ec2.call("EnableImageBlockPublicAccess", |c| {
                    c.enable_image_block_public_access()
                        .image_block_public_access_state(ImageBlockPublicAccessEnabledState::BlockNewSharing)
                        .send()
                })
                .await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unblocking_is_destructive_and_what_a_policy_sets_is_left_to_it() {
        let have = |state, by_policy| Actual { state, by_policy };
        let block = Block::diff(&State::BlockNewSharing, &have(State::Unblocked, false));
        assert_eq!((block.risk(), block.by_hand.is_some()), (Risk::Normal, false));
        assert_eq!(
            Block::diff(&State::Unblocked, &have(State::BlockNewSharing, false)).risk(),
            Risk::Destructive
        );
        assert!(Block::diff(&State::BlockNewSharing, &have(State::Unblocked, true)).by_hand.is_some());
        assert!(Block::diff(&State::BlockNewSharing, &have(State::BlockNewSharing, false)).is_empty());
    }
}
