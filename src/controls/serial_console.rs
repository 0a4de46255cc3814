//! Access to the serial console of EC2 instances, in every region of every account.
//!
//! AWS's default is off. A declarative policy of the organization may own the setting.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configure-access-to-serial-console.html>

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::control::{Control, Cx, DesiredCx, Diff, DynControl, Import, ImportCx, Meta, Risk, Scope, Seat, Section, SectionMeta, Shape, Wanted, control};
use crate::error::UnitError;
use crate::resource::declarative_policy;

/// Access to the serial console, in every region of every account, the management account included.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SerialConsole {
    /// Principals with the right to it may use the serial console of instances. `false` may cut people off.
    pub enabled: Option<bool>,
}

impl Section for SerialConsole {
    const META: SectionMeta = SectionMeta {
        id: "serial_console",
        title: "EC2 serial console",
        summary: "Sets whether the serial console of instances may be used, in every region of every account and the \
                  management account. It works without a network, and so around network controls. Where a \
                  declarative policy of the organization sets it, the plan says so and nothing is written.",
        shape: Shape::Table,
        references: &[],
        billed: None,
    };

    fn import(_cx: &ImportCx<'_>) -> Import<SerialConsole> {
        Import::Ask(SerialConsole { enabled: Some(true) })
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<Console>()]
    }
}

/// The only part.
struct Console;

/// What is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Actual {
    enabled: bool,
    /// Set by a declarative policy.
    by_policy: bool,
}

impl Control for Console {
    type Section = SerialConsole;
    type Desired = bool;
    type Actual = Actual;
    const META: Meta = Meta {
        scope: Scope::AccountRegion,
        seat: Seat::Member,
        reads: &["ec2:GetSerialConsoleAccessStatus"],
        writes: &["ec2:DisableSerialConsoleAccess", "ec2:EnableSerialConsoleAccess"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, SerialConsole>) -> Vec<Wanted<bool>> {
        cx.section.enabled.map(Wanted::one).unwrap_or_default()
    }

    async fn read(cx: &Cx<'_>, _want: &bool) -> Result<Actual, UnitError> {
        let answer = cx
            .aws
            .ec2()
            .call("GetSerialConsoleAccessStatus", |c| c.get_serial_console_access_status().send())
            .await?;
        let enabled = answer
            .serial_console_access_enabled
            .ok_or_else(|| UnitError::missing("whether the serial console may be used"))?;
        Ok(Actual { enabled, by_policy: declarative_policy::is_owner(answer.managed_by.as_ref()) })
    }

    fn import(_cx: &Cx<'_>, _want: &bool, have: &Actual) -> Option<SerialConsole> {
        (!have.by_policy).then_some(SerialConsole { enabled: Some(have.enabled) })
    }

    fn diff(want: &bool, have: &Actual) -> Diff {
        let mut d = Diff::new();
        let risk = if *want { Risk::Normal } else { Risk::Disruptive };
        d.risky("enabled", &have.enabled, Some(want), risk);
        if have.by_policy {
            declarative_policy::yield_to(&mut d);
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &bool, _have: &Actual) -> Result<(), UnitError> {
        let ec2 = cx.aws.ec2();
        if *want {
            ec2.call("EnableSerialConsoleAccess", |c| c.enable_serial_console_access().send()).await?;
        } else {
            ec2.call("DisableSerialConsoleAccess", |c| c.disable_serial_console_access().send()).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_it_off_may_cut_people_and_a_policy_keeps_its_setting() {
        let have = |enabled, by_policy| Actual { enabled, by_policy };
        assert_eq!(Console::diff(&false, &have(true, false)).risk(), Risk::Disruptive);
        assert_eq!(Console::diff(&true, &have(false, false)).risk(), Risk::Normal);
        assert!(Console::diff(&false, &have(false, false)).is_empty());
        assert!(Console::diff(&false, &have(true, true)).by_hand.is_some());
    }
}
