//! Custom parameters of security controls.
//! <https://docs.aws.amazon.com/securityhub/latest/userguide/custom-control-parameters.html>

use std::collections::BTreeMap;

use aws_sdk_securityhub::types::{
    ParameterConfiguration, ParameterValue as Live, ParameterValueType, SecurityControlCustomParameter,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::is_control_id;
use crate::diag::Findings;

/// Control id, such as `IAM.7`, and its parameters by name.
pub(super) type Parameters = BTreeMap<String, BTreeMap<String, ParameterValue>>;

/// A parameter's value: exactly one of the kinds. The reference of the control says which one it takes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ParameterValue {
    /// `true` or `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boolean: Option<bool>,
    /// A number with a fraction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub double: Option<f64>,
    /// One of the values that the control knows.
    #[serde(rename = "enum", skip_serializing_if = "Option::is_none")]
    pub choice: Option<String>,
    /// Several of the values that the control knows.
    #[serde(rename = "enum_list", skip_serializing_if = "Option::is_none")]
    pub choices: Option<Vec<String>>,
    /// A whole number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integer: Option<i32>,
    /// Whole numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integer_list: Option<Vec<i32>>,
    /// A text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub string: Option<String>,
    /// Texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub string_list: Option<Vec<String>>,
}

impl ParameterValue {
    fn live(&self) -> Option<Live> {
        let kinds = [
            self.boolean.map(Live::Boolean),
            self.double.map(Live::Double),
            self.choice.clone().map(Live::Enum),
            self.choices.clone().map(Live::EnumList),
            self.integer.map(Live::Integer),
            self.integer_list.clone().map(Live::IntegerList),
            self.string.clone().map(Live::String),
            self.string_list.clone().map(Live::StringList),
        ];
        let mut given = kinds.into_iter().flatten();
        given.next().filter(|_| given.next().is_none())
    }

    fn from_live(live: &Live) -> ParameterValue {
        let none = ParameterValue::default();
        match live {
            Live::Boolean(value) => ParameterValue { boolean: Some(*value), ..none },
            Live::Double(value) => ParameterValue { double: Some(*value), ..none },
            Live::Enum(value) => ParameterValue { choice: Some(value.clone()), ..none },
            Live::EnumList(value) => ParameterValue { choices: Some(value.clone()), ..none },
            Live::Integer(value) => ParameterValue { integer: Some(*value), ..none },
            Live::IntegerList(value) => ParameterValue { integer_list: Some(value.clone()), ..none },
            Live::String(value) => ParameterValue { string: Some(value.clone()), ..none },
            Live::StringList(value) => ParameterValue { string_list: Some(value.clone()), ..none },
            _ => none,
        }
    }
}

/// Checks declared parameters.
pub(super) fn check(path: &str, declared: Option<&Parameters>, findings: &mut Findings<'_>) {
    for (control, parameters) in declared.into_iter().flatten() {
        if !is_control_id(control) {
            findings.at(path, format!("`{control}` is no id of a control, such as `IAM.7`"));
        }
        for (name, value) in parameters {
            if value.live().is_none() {
                findings.hint(
                    path,
                    format!("parameter `{name}` of {control} needs exactly one value"),
                    "for example: \"IAM.7\".MaxPasswordAge = { integer = 90 }",
                );
            }
        }
    }
}

/// As a policy lists them.
pub(super) fn to_live(declared: &Parameters) -> Vec<SecurityControlCustomParameter> {
    let custom = |value: &ParameterValue| {
        let value_type = ParameterValueType::Custom;
        ParameterConfiguration::builder().value_type(value_type).set_value(value.live()).build()
    };
    let one = |(control, parameters): (&String, &BTreeMap<String, ParameterValue>)| {
        let named = parameters.iter().map(|(name, value)| (name.clone(), custom(value))).collect();
        SecurityControlCustomParameter::builder().security_control_id(control).set_parameters(Some(named)).build()
    };
    declared.iter().map(one).collect()
}

/// What a policy lists. Parameters with AWS's own value are left out.
pub(super) fn from_live(live: &[SecurityControlCustomParameter]) -> Parameters {
    let mut all = Parameters::new();
    for entry in live {
        for (name, configuration) in entry.parameters().into_iter().flatten() {
            let Some(value) = configuration.value() else { continue };
            if configuration.value_type() == Some(&ParameterValueType::Custom) {
                let control = entry.security_control_id().unwrap_or_default().to_owned();
                all.entry(control).or_default().insert(name.clone(), ParameterValue::from_live(value));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_survive_the_way_to_aws_and_back() {
        let none = ParameterValue::default;
        let values = [
            ParameterValue { boolean: Some(true), ..none() },
            ParameterValue { double: Some(1.5), ..none() },
            ParameterValue { choice: Some("A".into()), ..none() },
            ParameterValue { choices: Some(vec!["A".into()]), ..none() },
            ParameterValue { integer: Some(90), ..none() },
            ParameterValue { integer_list: Some(vec![22]), ..none() },
            ParameterValue { string: Some("x".into()), ..none() },
            ParameterValue { string_list: Some(vec!["x".into()]), ..none() },
        ];
        let named = values.into_iter().enumerate().map(|(n, value)| (format!("p{n}"), value)).collect();
        let declared = Parameters::from([("IAM.7".to_owned(), named)]);
        assert_eq!(from_live(&to_live(&declared)), declared);
    }

    #[test]
    fn a_value_is_of_one_kind() {
        assert!(ParameterValue::default().live().is_none());
        let both = ParameterValue { integer: Some(1), boolean: Some(true), ..ParameterValue::default() };
        assert!(both.live().is_none());
    }
}
