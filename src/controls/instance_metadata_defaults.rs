//! Defaults of the instance metadata service (IMDS) for new instances, in every region of every account.
//!
//! * They hold for instances that are launched from now on and do not say otherwise; running ones stay as they are.
//! * AWS does not say whether `ModifyInstanceMetadataDefaults` leaves what the request leaves out, so what is there and not
//!   declared is sent back. "No preference" is how it removes a default, and absence is how it shows one.
//!   <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceMetadataDefaults.html>
//! * A declarative policy of the organization may own all of it.

use aws_sdk_ec2::types::{
    DefaultHttpTokensEnforcedState, DefaultInstanceMetadataEndpointState, DefaultInstanceMetadataTagsState,
    InstanceMetadataDefaultsResponse, MetadataDefaultHttpTokensState,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::Baseline;
use crate::control::{Control, Cx, DesiredCx, Diff, DynControl, Import, ImportCx, Meta, Reference, Risk, Scope, Seat, Section, SectionMeta, Shape, Wanted, control};
use crate::diag::Findings;
use crate::error::UnitError;
use crate::resource::declarative_policy;

/// Defaults of the instance metadata service, in every region of every account, the management account included.
///
/// A key that is left out is not managed: it keeps the value that the account has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InstanceMetadataDefaults {
    /// Whether session tokens (IMDSv2) are required.
    pub http_tokens: Option<Tokens>,
    /// Whether launches that allow IMDSv1 fail. `enabled` may stop launches.
    pub http_tokens_enforced: Option<Switch>,
    /// How many network hops a token may travel; containers need 2. `0`: no preference.
    #[schemars(range(min = 0, max = 64), extend("x-unit" = "hops"))]
    pub http_put_response_hop_limit: Option<i32>,
    /// Whether the service is there at all. `disabled` takes the role's credentials from new instances.
    pub http_endpoint: Option<Switch>,
    /// Whether instances see their tags.
    pub instance_metadata_tags: Option<Switch>,
}

/// Whether session tokens are required.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tokens {
    /// IMDSv2 alone.
    Required,
    /// IMDSv1 too.
    Optional,
    /// The image or the launch decides.
    NoPreference,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Switch {
    /// On.
    Enabled,
    /// Off.
    Disabled,
    /// The image or the launch decides.
    NoPreference,
}

impl Tokens {
    /// AWS's word.
    fn as_str(self) -> &'static str {
        match self {
            Tokens::Required => "required",
            Tokens::Optional => "optional",
            Tokens::NoPreference => "no-preference",
        }
    }

    fn from_live(live: Option<&str>) -> Result<Tokens, UnitError> {
        match live {
            None => Ok(Tokens::NoPreference),
            Some("required") => Ok(Tokens::Required),
            Some("optional") => Ok(Tokens::Optional),
            Some(_) => Err(UnitError::missing("a known default of HttpTokens")),
        }
    }
}

impl Switch {
    /// AWS's word.
    fn as_str(self) -> &'static str {
        match self {
            Switch::Enabled => "enabled",
            Switch::Disabled => "disabled",
            Switch::NoPreference => "no-preference",
        }
    }

    fn from_live(live: Option<&str>) -> Result<Switch, UnitError> {
        match live {
            None => Ok(Switch::NoPreference),
            Some("enabled") => Ok(Switch::Enabled),
            Some("disabled") => Ok(Switch::Disabled),
            Some(_) => Err(UnitError::missing("a known default of the instance metadata service")),
        }
    }
}

impl Section for InstanceMetadataDefaults {
    const META: SectionMeta = SectionMeta {
        id: "instance_metadata_defaults",
        title: "Instance metadata defaults",
        summary: "Sets the defaults of the instance metadata service for new instances, in every region of every \
                  account and the management account: above all that session tokens (IMDSv2) are required. Running \
                  instances stay as they are. Where a declarative policy of the organization sets it, the plan says \
                  so and nothing is written.",
        shape: Shape::Table,
        references: &[
            Reference::cis("2.0.0", "5.6").partly("instances that exist already"),
            Reference::cis("3.0.0", "5.6").partly("instances that exist already"),
            Reference::cis("4.0.1", "5.7").partly("instances that exist already"),
            Reference::cis("5.0.0", "5.7").partly("instances that exist already"),
            Reference::cis("6.0.0", "6.7").partly("instances that exist already"),
            Reference::cis("7.0.0", "6.7").partly("instances that exist already"),
            Reference::row("RDM-064").partly("instances that exist already"),
        ],
        billed: None,
    };

    fn check(&self, _baseline: &Baseline, findings: &mut Findings<'_>) {
        findings.range("http_put_response_hop_limit", self.http_put_response_hop_limit, 0..=64);
        if self.http_tokens_enforced == Some(Switch::Enabled) && self.http_tokens == Some(Tokens::Optional) {
            findings.at("http_tokens_enforced", "tokens cannot be enforced where they are optional");
        }
    }

    fn import(_cx: &ImportCx<'_>) -> Import<InstanceMetadataDefaults> {
        let any = InstanceMetadataDefaults { http_tokens: Some(Tokens::Required), ..Default::default() };
        Import::Ask(any)
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<Defaults>()]
    }
}

/// The only part.
struct Defaults;

/// What is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Actual {
    /// Every key has a value.
    defaults: InstanceMetadataDefaults,
    /// Set by a declarative policy.
    by_policy: bool,
}

impl Control for Defaults {
    type Section = InstanceMetadataDefaults;
    type Desired = InstanceMetadataDefaults;
    type Actual = Actual;
    const META: Meta = Meta {
        scope: Scope::AccountRegion,
        seat: Seat::Member,
        reads: &["ec2:GetInstanceMetadataDefaults"],
        writes: &["ec2:ModifyInstanceMetadataDefaults"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, InstanceMetadataDefaults>) -> Vec<Wanted<InstanceMetadataDefaults>> {
        let nothing = InstanceMetadataDefaults::default();
        if *cx.section == nothing { Vec::new() } else { Wanted::one(cx.section.clone()) }
    }

    async fn read(cx: &Cx<'_>, _want: &InstanceMetadataDefaults) -> Result<Actual, UnitError> {
        let answer = cx
            .aws
            .ec2()
            .call("GetInstanceMetadataDefaults", |c| c.get_instance_metadata_defaults().send())
            .await?;
        // Nothing was ever set: AWS leaves the level empty, or out.
        from_live(&answer.account_level.unwrap_or_else(|| InstanceMetadataDefaultsResponse::builder().build()))
    }

    fn import(_cx: &Cx<'_>, _want: &InstanceMetadataDefaults, have: &Actual) -> Option<InstanceMetadataDefaults> {
        (!have.by_policy).then(|| have.defaults.clone())
    }

    fn diff(want: &InstanceMetadataDefaults, have: &Actual) -> Diff {
        let mut d = Diff::new();
        let live = &have.defaults;
        d.optional("http_tokens", live.http_tokens.as_ref(), want.http_tokens.as_ref(), Risk::Normal);
        let risk = when(want.http_tokens_enforced == Some(Switch::Enabled));
        d.optional("http_tokens_enforced", live.http_tokens_enforced.as_ref(), want.http_tokens_enforced.as_ref(), risk);
        let (hops, wanted) = (live.http_put_response_hop_limit, want.http_put_response_hop_limit);
        d.optional("http_put_response_hop_limit", hops.as_ref(), wanted.as_ref(), when(is_shorter(hops, wanted)));
        let risk = when(want.http_endpoint == Some(Switch::Disabled));
        d.optional("http_endpoint", live.http_endpoint.as_ref(), want.http_endpoint.as_ref(), risk);
        let (tags, wanted) = (live.instance_metadata_tags.as_ref(), want.instance_metadata_tags.as_ref());
        d.optional("instance_metadata_tags", tags, wanted, Risk::Normal);
        if have.by_policy {
            declarative_policy::yield_to(&mut d);
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &InstanceMetadataDefaults, have: &Actual) -> Result<(), UnitError> {
        let all = merge(want, &have.defaults);
        cx.aws
            .ec2()
            .call("ModifyInstanceMetadataDefaults", |c| {
                c.modify_instance_metadata_defaults()
                    .set_http_tokens(all.http_tokens.map(|v| MetadataDefaultHttpTokensState::from(v.as_str())))
                    .set_http_tokens_enforced(
                        all.http_tokens_enforced.map(|v| DefaultHttpTokensEnforcedState::from(v.as_str())),
                    )
                    .set_http_put_response_hop_limit(all.http_put_response_hop_limit.map(hops))
                    .set_http_endpoint(
                        all.http_endpoint.map(|v| DefaultInstanceMetadataEndpointState::from(v.as_str())),
                    )
                    .set_instance_metadata_tags(
                        all.instance_metadata_tags.map(|v| DefaultInstanceMetadataTagsState::from(v.as_str())),
                    )
                    .send()
            })
            .await?;
        Ok(())
    }
}

fn when(disruptive: bool) -> Risk {
    if disruptive { Risk::Disruptive } else { Risk::Normal }
}

/// Containers on new instances may no longer reach the service.
fn is_shorter(have: Option<i32>, want: Option<i32>) -> bool {
    let hops = |limit: Option<i32>| limit.filter(|n| *n > 0).unwrap_or(i32::MAX);
    hops(want) < hops(have)
}

/// AWS's number for no preference.
fn hops(limit: i32) -> i32 {
    if limit == 0 { -1 } else { limit }
}

/// What is declared, else what is there, as long as it is a preference.
fn merge(want: &InstanceMetadataDefaults, have: &InstanceMetadataDefaults) -> InstanceMetadataDefaults {
    let kept = |switch: Option<Switch>| switch.filter(|value| *value != Switch::NoPreference);
    InstanceMetadataDefaults {
        http_tokens: want.http_tokens.or(have.http_tokens.filter(|value| *value != Tokens::NoPreference)),
        http_tokens_enforced: want.http_tokens_enforced.or(kept(have.http_tokens_enforced)),
        http_put_response_hop_limit: want
            .http_put_response_hop_limit
            .or(have.http_put_response_hop_limit.filter(|n| *n > 0)),
        http_endpoint: want.http_endpoint.or(kept(have.http_endpoint)),
        instance_metadata_tags: want.instance_metadata_tags.or(kept(have.instance_metadata_tags)),
    }
}

fn from_live(live: &InstanceMetadataDefaultsResponse) -> Result<Actual, UnitError> {
    let tokens = live.http_tokens.as_ref().map(aws_sdk_ec2::types::HttpTokensState::as_str);
    let enforced = live.http_tokens_enforced.as_ref().map(aws_sdk_ec2::types::HttpTokensEnforcedState::as_str);
    let endpoint = live.http_endpoint.as_ref().map(aws_sdk_ec2::types::InstanceMetadataEndpointState::as_str);
    let tags = live.instance_metadata_tags.as_ref().map(aws_sdk_ec2::types::InstanceMetadataTagsState::as_str);
    Ok(Actual {
        defaults: InstanceMetadataDefaults {
            http_tokens: Some(Tokens::from_live(tokens)?),
            http_tokens_enforced: Some(Switch::from_live(enforced)?),
            http_put_response_hop_limit: Some(live.http_put_response_hop_limit.filter(|n| *n > 0).unwrap_or(0)),
            http_endpoint: Some(Switch::from_live(endpoint)?),
            instance_metadata_tags: Some(Switch::from_live(tags)?),
        },
        by_policy: declarative_policy::is_owner(live.managed_by.as_ref()),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use aws_sdk_ec2::types::{HttpTokensState, ManagedBy};

    use super::*;

    fn live() -> Actual {
        let builder = InstanceMetadataDefaultsResponse::builder();
        from_live(&builder.http_tokens(HttpTokensState::Optional).http_put_response_hop_limit(3).build()).unwrap()
    }

    fn want() -> InstanceMetadataDefaults {
        InstanceMetadataDefaults { http_tokens: Some(Tokens::Required), ..InstanceMetadataDefaults::default() }
    }

    #[test]
    fn only_declared_keys_are_compared_and_absence_is_no_preference() {
        let diff = Defaults::diff(&want(), &live());
        let paths: Vec<&str> = diff.changes.iter().map(|c| c.path.as_str()).collect();
        assert_eq!((paths, diff.risk()), (vec!["http_tokens"], Risk::Normal));
        let nothing = InstanceMetadataDefaults {
            http_endpoint: Some(Switch::NoPreference),
            instance_metadata_tags: Some(Switch::NoPreference),
            ..InstanceMetadataDefaults::default()
        };
        assert!(Defaults::diff(&nothing, &live()).is_empty());
    }

    #[test]
    fn what_may_stop_instances_is_disruptive() {
        let off = InstanceMetadataDefaults { http_endpoint: Some(Switch::Disabled), ..want() };
        let fewer = InstanceMetadataDefaults { http_put_response_hop_limit: Some(1), ..want() };
        let more = InstanceMetadataDefaults { http_put_response_hop_limit: Some(0), ..want() };
        assert_eq!(Defaults::diff(&off, &live()).risk(), Risk::Disruptive);
        assert_eq!(Defaults::diff(&fewer, &live()).risk(), Risk::Disruptive);
        assert_eq!(Defaults::diff(&more, &live()).risk(), Risk::Normal);
    }

    #[test]
    fn preferences_that_are_not_declared_are_sent_back_and_others_left_out() {
        let sent = merge(&want(), &live().defaults);
        assert_eq!((sent.http_tokens, sent.http_put_response_hop_limit), (Some(Tokens::Required), Some(3)));
        assert_eq!((sent.http_endpoint, sent.instance_metadata_tags), (None, None));
        assert_eq!((hops(0), hops(2)), (-1, 2));
    }

    #[test]
    fn a_policys_defaults_are_left_to_it() {
        let owned = InstanceMetadataDefaultsResponse::builder().managed_by(ManagedBy::DeclarativePolicy).build();
        assert!(Defaults::diff(&want(), &from_live(&owned).unwrap()).by_hand.is_some());
    }
}
