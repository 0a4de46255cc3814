//! AWS Config: a recorder and a delivery channel in every account and region, and the organization's aggregator.
//!
//! * An account has one recorder of its own and one delivery channel per region: what is there is adopted under its own
//!   name. Order that AWS asks for: service-linked role, recorder, channel, start.
//!   <https://docs.aws.amazon.com/config/latest/developerguide/stop-start-recorder.html>
//! * The global IAM types would be recorded in every region, each billed: they are recorded in the home region alone.
//!   <https://docs.aws.amazon.com/config/latest/developerguide/select-resources.html>
//! * `PutConfigurationRecorder` and `PutDeliveryChannel` replace the whole, so what is not declared is sent back.
//! * Config refuses a bucket with Object Lock's default retention; the archive's bucket for it has none. Its objects are
//!   encrypted by the bucket's default, with the archive's key: the channel names no key.

mod aggregator;
mod aggregator_role;
mod pack;
mod recorder;
mod role;
mod section;

pub use section::{
    Config, ConformancePack, DeliveryFrequency, RecordingFrequency, RecordingOverride,
};

use crate::baseline::Baseline;
use crate::control::{DynControl, Overridable, Reference, Section, SectionMeta, Shape, control};
use crate::diag::Findings;

/// Config's service principal.
const SERVICE: &str = "config.amazonaws.com";

impl Section for Config {
    const META: SectionMeta = SectionMeta {
        id: "config",
        title: "AWS Config",
        summary: "Records the configuration of all resources in every account and region, global ones in the home region \
                  alone, and delivers it to the log archive. Collects it for the whole organization in the account of the \
                  delegated administrator, and deploys conformance packs. Recorders and channels that are there are \
                  adopted; those of Control Tower and the Landing Zone Accelerator, and recorders that services made \
                  for themselves, are left alone. A recorder is never stopped.",
        shape: Shape::Table,
        references: &[
            Reference::cis("1.2.0", "2.5"),
            Reference::cis("1.4.0", "3.5"),
            Reference::cis("1.5.0", "3.5"),
            Reference::cis("2.0.0", "3.5"),
            Reference::cis("3.0.0", "3.3"),
            Reference::cis("4.0.1", "3.3"),
            Reference::cis("5.0.0", "3.3"),
            Reference::cis("6.0.0", "4.3"),
            Reference::cis("7.0.0", "4.3"),
            Reference::row("STX-010"),
            Reference::row("STX-011"),
            Reference::row("STX-012"),
            Reference::row("STX-013"),
            Reference::row("STX-014").partly("the bucket is log_archive's"),
            Reference::row("STX-015").partly("the bucket and its key are log_archive's"),
            Reference::row("STX-081"),
            Reference::row("RDM-036").partly("conformance packs; what they find is not read"),
            Reference::row("AXN-027"),
            Reference::row("AXN-065").partly("the aggregator; queries are the user's"),
            Reference::row("AXN-066").partly("the aggregator; GuardDuty and Security Hub are sections of their own"),
        ],
        billed: Some(
            "per configuration item recorded, per account and region; conformance packs per rule evaluation; storage in \
             the log archive",
        ),
    };

    fn check(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        self.check_all(baseline, findings);
    }

    const TAKES_REMOVED: bool = true;

    fn overridable(_base: Option<&Config>) -> Option<Overridable> {
        let keys = &["all_resource_types", "exclude_resource_types", "recording_frequency", "recording_override", "delivery_frequency", "retention_days"];
        Some(Overridable { keys, instead: "declare it in `[config]` itself" })
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![
            control::<role::ServiceLinkedRole>(),
            control::<recorder::Recorder>(),
            control::<aggregator_role::AggregatorRole>(),
            control::<aggregator::Aggregator>(),
            control::<pack::Pack>(),
        ]
    }
}

/// Who made a recorder, channel or aggregator of this name, where it is a product that manages it.
fn owner_of(name: &str) -> Option<&'static str> {
    crate::resource::owner::of(name)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::control::{Control, DesiredCx};
    use crate::controls::log_archive::tests as archive;
    use crate::resource::declared;

    /// The log archive's account is the delegated administrator too.
    pub(super) const ADMIN: &str = "[delegated_admins]\nconfig = \"log-archive\"\n";

    /// What a control of the section wants of the log archive's account in a region.
    pub(super) fn desired<C>(keys: &str, region: &str) -> Vec<C::Desired>
    where
        C: Control<Section = Config>,
    {
        let facts = archive::facts();
        let baseline = archive::baseline("", &format!("{ADMIN}[config]\n{keys}"));
        let section = declared::<Config>(&baseline).unwrap();
        let account = &facts.accounts["222222222222"];
        let cx = DesiredCx { section: &section, account, region, facts: &facts, baseline: &baseline };
        archive::set(C::desired(&cx))
    }

    fn messages(keys: &str) -> Vec<String> {
        archive::messages("", &format!("{ADMIN}[config]\n{keys}"))
    }

    #[test]
    fn the_aggregator_and_packs_need_an_administrator_and_the_channel_an_archive() {
        let alone = archive::messages("", "[config]\n");
        assert_eq!(alone.len(), 1, "{alone:?}");
        let head = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n[config]\naggregator = false\n";
        let text = Baseline::parse("t.toml", head).unwrap_err().render(false);
        assert!(text.contains("log archive"), "{text}");
    }

    #[test]
    fn keys_that_contradict_each_other_are_found() {
        assert_eq!(messages("all_resource_types = false\nexclude_resource_types = [\"AWS::EC2::Volume\"]\n").len(), 1);
        assert_eq!(messages("recording_override.frequency = \"DAILY\"\nrecording_override.resource_types = [\"AWS::Config::ResourceCompliance\"]\n").len(), 1);
        assert_eq!(messages("retention_days = 29\n").len(), 1);
        assert_eq!(messages("exclude_resource_types = [\"volumes\"]\n").len(), 1);
    }

    #[test]
    fn names_say_who_owns_what() {
        assert_eq!(owner_of("aws-controltower-BaselineConfigRecorder"), Some("AWS Control Tower"));
        assert_eq!(owner_of("default"), None);
    }
}
