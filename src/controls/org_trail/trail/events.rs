//! What a trail logs, compared by meaning.
//!
//! CloudTrail keeps basic or advanced event selectors, and both can say the same. They are read into one form, and what
//! has to be written is written as advanced selectors, because only those can leave the trail's own objects out: each file that
//! it delivers would be an event of the next one. Nothing else is left out, since the benchmark asks for all buckets.
//! Selectors of others, and what they exclude, are kept.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html>

use aws_sdk_cloudtrail::types::{AdvancedEventSelector, AdvancedFieldSelector, EventSelector, ReadWriteType};
use serde::Serialize;

use crate::control::{Diff, Risk};
use crate::controls::org_trail::ManagementEvents;
use crate::error::{Kind, UnitError};

/// Resource type of S3 objects.
const S3: &str = "AWS::S3::Object";
/// Resource type of Lambda functions.
const LAMBDA: &str = "AWS::Lambda::Function";

/// The name that CloudTrail's console gives to the selector of management events. Scanners (Prowler) know it by that.
const MANAGEMENT_NAME: &str = "Management events selector";

/// What should be logged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Desired {
    /// Management events.
    pub(super) management: ManagementEvents,
    /// All S3 objects; `None`: not managed.
    pub(super) s3: Option<bool>,
    /// All Lambda functions; `None`: not managed.
    pub(super) lambda: Option<bool>,
    /// ARN prefix of the objects that are left out: those of the trail's own bucket.
    pub(super) own_objects: String,
}

/// The selectors that are there, in advanced form.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Actual(Vec<Selector>);

/// One advanced selector: all of its fields must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Selector {
    name: Option<String>,
    fields: Vec<Field>,
}

/// A condition on one field of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
struct Field {
    name: String,
    equals: Vec<String>,
    starts_with: Vec<String>,
    ends_with: Vec<String>,
    not_equals: Vec<String>,
    not_starts_with: Vec<String>,
    not_ends_with: Vec<String>,
}

/// What a selector is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Topic {
    Management,
    Data(&'static str),
}

/// How much of a topic is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Coverage {
    None,
    ReadOnly,
    WriteOnly,
    All,
    /// Only some resources.
    Some,
}

impl Actual {
    /// What a trail without selectors of its own logs: all management events.
    #[cfg(test)]
    pub(super) fn of_new_trail() -> Actual {
        Actual(vec![Selector { name: None, fields: Topic::Management.fields() }])
    }

    /// Takes in AWS's answer.
    pub(super) fn from_live(basic: &[EventSelector], advanced: &[AdvancedEventSelector]) -> Actual {
        let advanced = advanced.iter().map(from_advanced);
        Actual(basic.iter().flat_map(from_basic).chain(advanced).collect())
    }

    /// Which management events are logged; `None`: none, or some.
    pub(super) fn management(&self) -> Option<ManagementEvents> {
        match self.coverage(Topic::Management) {
            Coverage::All => Some(ManagementEvents::All),
            Coverage::ReadOnly => Some(ManagementEvents::ReadOnly),
            Coverage::WriteOnly => Some(ManagementEvents::WriteOnly),
            Coverage::None | Coverage::Some => None,
        }
    }

    /// Whether all S3 objects and all Lambda functions are logged; `None`: some.
    pub(super) fn data(&self) -> (Option<bool>, Option<bool>) {
        let whole = |kind| match self.coverage(Topic::Data(kind)) {
            Coverage::All => Some(true),
            Coverage::None => Some(false),
            _ => None,
        };
        (whole(S3), whole(LAMBDA))
    }

    fn coverage(&self, topic: Topic) -> Coverage {
        let about: Vec<&Selector> = self.0.iter().filter(|s| s.is_about(topic)).collect();
        let whole = about.iter().filter(|s| s.is_whole(topic));
        let read_only: Vec<Option<bool>> = whole.map(|s| s.read_only()).collect();
        let reads = read_only.iter().any(|r| *r != Some(false));
        let writes = read_only.iter().any(|r| *r != Some(true));
        match (reads, writes) {
            (true, true) => Coverage::All,
            (true, false) => Coverage::ReadOnly,
            (false, true) => Coverage::WriteOnly,
            (false, false) if about.is_empty() => Coverage::None,
            (false, false) => Coverage::Some,
        }
    }
}

impl Desired {
    /// Each topic that differs, with how much of it is logged and how much should be.
    fn differing(&self, have: &Actual) -> Vec<(Topic, Coverage, Coverage)> {
        let management = match self.management {
            ManagementEvents::All => Coverage::All,
            ManagementEvents::ReadOnly => Coverage::ReadOnly,
            ManagementEvents::WriteOnly => Coverage::WriteOnly,
        };
        let data = |on: bool| if on { Coverage::All } else { Coverage::None };
        let wanted = [
            (Topic::Management, Some(management)),
            (Topic::Data(S3), self.s3.map(data)),
            (Topic::Data(LAMBDA), self.lambda.map(data)),
        ];
        let pairs = wanted.into_iter().filter_map(|(topic, want)| Some((topic, have.coverage(topic), want?)));
        pairs.filter(|(_, have, want)| have != want).collect()
    }

    /// Compares.
    pub(super) fn diff(&self, d: &mut Diff, have: &Actual) {
        for (topic, have, want) in self.differing(have) {
            // Anything but "all" drops events that are logged now.
            let risk = if want == Coverage::All || have == Coverage::None { Risk::Normal } else { Risk::Destructive };
            d.risky(topic.path(), &have, Some(&want), risk);
        }
    }

    /// The selectors to store.
    pub(super) fn merged_into(&self, have: &Actual) -> Result<Vec<AdvancedEventSelector>, UnitError> {
        let mut selectors = have.0.clone();
        for (topic, _, want) in self.differing(have) {
            let excluded = exclusions(&selectors, topic);
            let goes = |s: &Selector| s.is_about(topic) && (want == Coverage::None || s.is_whole(topic) || topic == Topic::Management);
            selectors.retain(|s| !goes(s));
            if want != Coverage::None {
                selectors.push(self.whole(topic, want, excluded));
            }
        }
        selectors.iter().map(Selector::to_live).collect()
    }

    /// A selector of ours for all of a topic.
    fn whole(&self, topic: Topic, coverage: Coverage, excluded: Vec<Field>) -> Selector {
        let mut fields = topic.fields();
        match coverage {
            Coverage::ReadOnly => fields.push(Field::equals("readOnly", "true")),
            Coverage::WriteOnly => fields.push(Field::equals("readOnly", "false")),
            Coverage::None | Coverage::All | Coverage::Some => {}
        }
        if topic == Topic::Data(S3) && excluded.is_empty() {
            let name = "resources.ARN".to_string();
            fields.push(Field { name, not_starts_with: vec![self.own_objects.clone()], ..Field::default() });
        }
        fields.extend(excluded);
        Selector { name: Some(topic.name().to_string()), fields }
    }
}

/// What the selectors of a topic leave out on purpose; kept when they are replaced.
fn exclusions(selectors: &[Selector], topic: Topic) -> Vec<Field> {
    let whole = selectors.iter().find(|s| s.is_about(topic) && s.is_whole(topic));
    let fields = whole.into_iter().flat_map(|s| &s.fields);
    fields.filter(|f| f.name == topic.excludable()).cloned().collect()
}

impl Topic {
    fn path(self) -> &'static str {
        match self {
            Topic::Management => "management_events",
            Topic::Data(S3) => "s3_data_events",
            Topic::Data(_) => "lambda_data_events",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Topic::Management => MANAGEMENT_NAME,
            Topic::Data(S3) => "orgbase S3 object events",
            Topic::Data(_) => "orgbase Lambda invocations",
        }
    }

    /// The field by which parts of the topic may be left out.
    fn excludable(self) -> &'static str {
        if self == Topic::Management { "eventSource" } else { "resources.ARN" }
    }

    fn fields(self) -> Vec<Field> {
        match self {
            Topic::Management => vec![Field::equals("eventCategory", "Management")],
            Topic::Data(kind) => {
                vec![Field::equals("eventCategory", "Data"), Field::equals("resources.type", kind)]
            }
        }
    }
}

impl Field {
    fn equals(name: &str, value: &str) -> Field {
        Field { name: name.to_string(), equals: vec![value.to_string()], ..Field::default() }
    }

    fn only_excludes(&self) -> bool {
        self.equals.is_empty() && self.starts_with.is_empty() && self.ends_with.is_empty()
    }
}

impl Selector {
    fn has(&self, wanted: &Field) -> bool {
        self.fields.iter().any(|f| f.name == wanted.name && f.equals == wanted.equals)
    }

    fn is_about(&self, topic: Topic) -> bool {
        topic.fields().iter().all(|f| self.has(f))
    }

    /// Whether it covers the topic but for what it leaves out on purpose; reads or writes alone count as covering.
    fn is_whole(&self, topic: Topic) -> bool {
        let heads = ["eventCategory", "resources.type", "readOnly"];
        self.fields.iter().all(|f| {
            heads.contains(&f.name.as_str()) || (f.name == topic.excludable() && f.only_excludes())
        })
    }

    fn read_only(&self) -> Option<bool> {
        let field = self.fields.iter().find(|f| f.name == "readOnly")?;
        match (field.equals.first(), field.not_equals.first()) {
            (Some(value), _) => Some(value == "true"),
            (None, Some(value)) => Some(value != "true"),
            (None, None) => None,
        }
    }

    fn to_live(&self) -> Result<AdvancedEventSelector, UnitError> {
        let some = |values: &Vec<String>| (!values.is_empty()).then(|| values.clone());
        let fields = self.fields.iter().map(|f| {
            AdvancedFieldSelector::builder()
                .field(&f.name)
                .set_equals(some(&f.equals))
                .set_starts_with(some(&f.starts_with))
                .set_ends_with(some(&f.ends_with))
                .set_not_equals(some(&f.not_equals))
                .set_not_starts_with(some(&f.not_starts_with))
                .set_not_ends_with(some(&f.not_ends_with))
                .build()
                .map_err(|e| defect(&e))
        });
        AdvancedEventSelector::builder()
            .set_name(self.name.clone())
            .set_field_selectors(Some(fields.collect::<Result<_, _>>()?))
            .build()
            .map_err(|e| defect(&e))
    }
}

fn from_advanced(live: &AdvancedEventSelector) -> Selector {
    let list = |values: &Option<Vec<String>>| values.clone().unwrap_or_default();
    let fields = live.field_selectors.iter().map(|f| Field {
        name: f.field.clone(),
        equals: list(&f.equals),
        starts_with: list(&f.starts_with),
        ends_with: list(&f.ends_with),
        not_equals: list(&f.not_equals),
        not_starts_with: list(&f.not_starts_with),
        not_ends_with: list(&f.not_ends_with),
    });
    Selector { name: live.name.clone(), fields: fields.collect() }
}

/// One selector per thing that the basic one speaks of.
fn from_basic(live: &EventSelector) -> Vec<Selector> {
    let read_only = match live.read_write_type {
        Some(ReadWriteType::ReadOnly) => Some(Field::equals("readOnly", "true")),
        Some(ReadWriteType::WriteOnly) => Some(Field::equals("readOnly", "false")),
        _ => None,
    };
    let mut selectors = Vec::new();
    if live.include_management_events.unwrap_or(true) {
        let mut fields = Topic::Management.fields();
        fields.extend(read_only.clone());
        let excluded = live.exclude_management_event_sources.clone().unwrap_or_default();
        if !excluded.is_empty() {
            fields.push(Field { name: "eventSource".to_string(), not_equals: excluded, ..Field::default() });
        }
        selectors.push(Selector { name: Some(MANAGEMENT_NAME.to_string()), fields });
    }
    for resource in live.data_resources.iter().flatten() {
        let values = resource.values.clone().unwrap_or_default();
        let Some(kind) = resource.r#type.as_deref().filter(|_| !values.is_empty()) else { continue };
        let mut fields = vec![Field::equals("eventCategory", "Data"), Field::equals("resources.type", kind)];
        fields.extend(read_only.clone());
        if !values.iter().any(|v| is_every_resource(v)) {
            let field = Field { name: "resources.ARN".to_string(), ..Field::default() };
            // The basic form gives S3 objects by prefix and everything else by its whole ARN.
            fields.push(if kind == S3 {
                Field { starts_with: values, ..field }
            } else {
                Field { equals: values, ..field }
            });
        }
        selectors.push(Selector { name: None, fields });
    }
    selectors
}

/// `arn:aws:s3`, `arn:aws:s3:::`, `arn:aws:lambda`: every resource of the service.
fn is_every_resource(arn: &str) -> bool {
    arn.split(':').filter(|part| !part.is_empty()).count() <= 3
}

fn defect(e: &dyn std::fmt::Display) -> UnitError {
    UnitError::new(Kind::Bug, format!("an event selector could not be built: {e}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use aws_sdk_cloudtrail::types::DataResource;

    use super::*;

    fn want(s3: Option<bool>) -> Desired {
        Desired { management: ManagementEvents::All, s3, lambda: None, own_objects: "arn:aws:s3:::logs/".into() }
    }

    fn paths(want: &Desired, have: &Actual) -> Vec<(String, Risk)> {
        let mut d = Diff::new();
        want.diff(&mut d, have);
        d.changes.into_iter().map(|c| (c.path, c.risk)).collect()
    }

    fn basic(kind: ReadWriteType, resources: Vec<(&str, &str)>) -> Actual {
        let resources = resources.into_iter().map(|(kind, arn)| DataResource::builder().r#type(kind).values(arn).build());
        let selector = EventSelector::builder()
            .read_write_type(kind)
            .include_management_events(true)
            .set_data_resources(Some(resources.collect()))
            .build();
        Actual::from_live(&[selector], &[])
    }

    fn stored(want: &Desired, have: &Actual) -> Actual {
        Actual::from_live(&[], &want.merged_into(have).unwrap())
    }

    #[test]
    fn both_forms_are_understood() {
        assert!(paths(&want(None), &Actual::of_new_trail()).is_empty());
        assert!(paths(&want(None), &basic(ReadWriteType::All, vec![])).is_empty());
        assert!(paths(&want(Some(true)), &basic(ReadWriteType::All, vec![(S3, "arn:aws:s3")])).is_empty());
        let one_bucket = basic(ReadWriteType::All, vec![(S3, "arn:aws:s3:::only-this/")]);
        assert_eq!(one_bucket.coverage(Topic::Data(S3)), Coverage::Some);
        assert_eq!(paths(&want(Some(true)), &one_bucket), [("s3_data_events".to_string(), Risk::Normal)]);
    }

    #[test]
    fn reads_and_writes_of_two_selectors_add_up() {
        let both = basic(ReadWriteType::ReadOnly, vec![]).0.into_iter().chain(basic(ReadWriteType::WriteOnly, vec![]).0);
        assert_eq!(Actual(both.collect()).coverage(Topic::Management), Coverage::All);
        let found = paths(&want(None), &basic(ReadWriteType::WriteOnly, vec![]));
        assert_eq!(found, [("management_events".to_string(), Risk::Normal)]);
    }

    #[test]
    fn what_is_stored_has_no_diff_and_leaves_the_own_bucket_out() {
        let stored = stored(&want(Some(true)), &basic(ReadWriteType::ReadOnly, vec![(LAMBDA, "arn:aws:lambda:x:1:f")]));
        assert!(paths(&want(Some(true)), &stored).is_empty());
        let ours = stored.0.iter().find(|s| s.name.as_deref() == Some("orgbase S3 object events")).unwrap();
        assert_eq!(ours.fields[2].not_starts_with, ["arn:aws:s3:::logs/"]);
        assert_eq!(stored.coverage(Topic::Data(LAMBDA)), Coverage::Some, "the selector of others is kept");
        assert!(stored.0.iter().any(|s| s.is_about(Topic::Management) && s.name.as_deref() == Some(MANAGEMENT_NAME)));
    }

    #[test]
    fn exclusions_of_others_are_kept_and_count_as_all() {
        let selector = EventSelector::builder()
            .read_write_type(ReadWriteType::WriteOnly)
            .exclude_management_event_sources("kms.amazonaws.com")
            .build();
        let have = Actual::from_live(&[selector], &[]);
        let stored = stored(&want(None), &have);
        assert!(paths(&want(None), &stored).is_empty());
        assert_eq!(stored.0[0].fields[1].not_equals, ["kms.amazonaws.com"]);
    }

    #[test]
    fn logging_less_is_destructive() {
        let on = basic(ReadWriteType::All, vec![(S3, "arn:aws:s3")]);
        assert_eq!(paths(&want(Some(false)), &on), [("s3_data_events".to_string(), Risk::Destructive)]);
        assert_eq!(stored(&want(Some(false)), &on).coverage(Topic::Data(S3)), Coverage::None);
        let less = Desired { management: ManagementEvents::WriteOnly, ..want(None) };
        assert_eq!(paths(&less, &on), [("management_events".to_string(), Risk::Destructive)]);
        assert!(paths(&less, &stored(&less, &on)).is_empty());
    }
}
