//! The shipped service control policies, as templates with parameters.
//!
//! Sources and remarks per policy: `facts/scps.md` of the design. A template is a JSON file in `presets/`; `${name}` in
//! it stands for a parameter. A list parameter stands in a list and is replaced by its elements; what becomes empty by
//! that, such as the condition of an empty exemption list, is left out.

mod table;

use serde_json::{Map, Value};

use super::document::{Document, PolicyError};

/// A shipped service control policy.
#[derive(Debug)]
pub struct Preset {
    /// The name in the baseline, such as `deny-leave-org`.
    pub name: &'static str,
    /// A short title.
    pub title: &'static str,
    /// What it does and what to know before attaching it.
    pub summary: &'static str,
    /// The parameters that its template uses.
    pub parameters: &'static [Parameter],
    /// Whether it spares roles: then the provisioner's role must be among [`Parameters::exempt_role_arns`], and
    /// `protect-baseline-roles` must be attached to the same targets, else anyone who can create such a role walks
    /// through.
    pub needs_exempt_roles: bool,
    template: &'static str,
}

/// A placeholder of the templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// `${partition}`
    Partition,
    /// `${exempt_role_arns}`, a list that may be empty
    ExemptRoleArns,
    /// `${allowed_regions}`, a list
    AllowedRegions,
    /// `${approved_services}`, a list
    ApprovedServices,
    /// `${prefix}`
    Prefix,
    /// `${access_role}`
    AccessRole,
    /// `${protected_roles}`, a list that may be empty
    ProtectedRoles,
    /// `${trail_name}`
    TrailName,
    /// `${log_bucket_prefix}`
    LogBucketPrefix,
    /// `${log_key_alias}`
    LogKeyAlias,
}

/// The values of the parameters. What a preset does not use may stay empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// The partition: `aws`, `aws-us-gov`, `aws-cn`.
    pub partition: String,
    /// ARNs of roles that the policy spares, usually with `*` for the account.
    pub exempt_role_arns: Vec<String>,
    /// Regions that may be used, such as `eu-west-1`.
    pub allowed_regions: Vec<String>,
    /// IAM service prefixes that may be used, such as `ec2`.
    pub approved_services: Vec<String>,
    /// Name prefix of what the baseline creates.
    pub prefix: String,
    /// Name of the role by which members are entered, such as `OrganizationAccountAccessRole`.
    pub access_role: String,
    /// Further roles that `protect-baseline-roles` guards: names (with their path, without a leading `/`) or ARNs.
    pub protected_roles: Vec<String>,
    /// Name of the trail, `*` for all.
    pub trail_name: String,
    /// Name prefix of the log archive's buckets.
    pub log_bucket_prefix: String,
    /// Alias of the log archive's key, with `alias/`.
    pub log_key_alias: String,
}

/// Why a preset could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PresetError {
    /// There is no such preset.
    #[error("there is no preset `{0}`")]
    Unknown(String),
    /// The preset needs a parameter that is empty.
    #[error("preset `{preset}` needs `{parameter}`: {summary}")]
    Missing {
        /// The preset.
        preset: &'static str,
        /// Name of the parameter.
        parameter: &'static str,
        /// What the parameter is.
        summary: &'static str,
    },
    /// A value is of the wrong form.
    #[error("`{parameter}`: `{value}` is {problem}")]
    Invalid {
        /// Name of the parameter.
        parameter: &'static str,
        /// The value.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The filled template is no policy document.
    #[error("preset template is broken: {0}")]
    Template(#[from] PolicyError),
}

/// The names of all presets, in the order of the reference.
pub fn names() -> impl Iterator<Item = &'static str> {
    table::PRESETS.iter().map(|preset| preset.name)
}

/// A preset by its name.
pub fn get(name: &str) -> Option<&'static Preset> {
    table::PRESETS.iter().find(|preset| preset.name == name)
}

/// Fills a preset's template.
pub fn render(name: &str, parameters: &Parameters) -> Result<Document, PresetError> {
    let preset = get(name).ok_or_else(|| PresetError::Unknown(name.to_owned()))?;
    let mut values = Vec::new();
    for &parameter in preset.parameters {
        let given = parameters.values(parameter)?;
        if given.is_empty() && !parameter.may_be_empty() {
            let (parameter, summary) = (parameter.name(), parameter.summary());
            return Err(PresetError::Missing { preset: preset.name, parameter, summary });
        }
        values.push((format!("${{{}}}", parameter.name()), given));
    }
    let template = super::parse::json(preset.template)?;
    Ok(Document::from_value(&fill(&template, &values))?)
}

impl Parameter {
    /// The name in templates and messages.
    pub fn name(self) -> &'static str {
        match self {
            Parameter::Partition => "partition",
            Parameter::ExemptRoleArns => "exempt_role_arns",
            Parameter::AllowedRegions => "allowed_regions",
            Parameter::ApprovedServices => "approved_services",
            Parameter::Prefix => "prefix",
            Parameter::AccessRole => "access_role",
            Parameter::ProtectedRoles => "protected_roles",
            Parameter::TrailName => "trail_name",
            Parameter::LogBucketPrefix => "log_bucket_prefix",
            Parameter::LogKeyAlias => "log_key_alias",
        }
    }

    /// One line for the reference.
    pub fn summary(self) -> &'static str {
        match self {
            Parameter::Partition => "the AWS partition",
            Parameter::ExemptRoleArns => "ARNs of the roles that the policy spares",
            Parameter::AllowedRegions => "the regions that may be used",
            Parameter::ApprovedServices => "the IAM service prefixes that may be used",
            Parameter::Prefix => "name prefix of what the baseline creates",
            Parameter::AccessRole => "name of the role by which member accounts are entered",
            Parameter::ProtectedRoles => "further roles to protect, by name or ARN",
            Parameter::TrailName => "name of the trail to protect, `*` for all",
            Parameter::LogBucketPrefix => "name prefix of the log archive's buckets",
            Parameter::LogKeyAlias => "alias of the log archive's key",
        }
    }

    /// Whether a preset that uses the parameter can do without a value.
    pub fn may_be_empty(self) -> bool {
        matches!(self, Parameter::ExemptRoleArns | Parameter::ProtectedRoles)
    }
}

impl Parameters {
    /// The values of one parameter, checked: a wrong ARN would spare nobody, and an operator's mistake must not lock out.
    fn values(&self, parameter: Parameter) -> Result<Vec<String>, PresetError> {
        let one = |text: &String| if text.is_empty() { Vec::new() } else { vec![text.clone()] };
        let values = match parameter {
            Parameter::Partition => one(&self.partition),
            Parameter::ExemptRoleArns => self.exempt_role_arns.clone(),
            Parameter::AllowedRegions => self.allowed_regions.clone(),
            Parameter::ApprovedServices => self.approved_services.clone(),
            Parameter::Prefix => one(&self.prefix),
            Parameter::AccessRole => one(&self.access_role),
            Parameter::ProtectedRoles => {
                self.protected_roles.iter().map(|role| self.role_arn(role)).collect()
            }
            Parameter::TrailName => one(&self.trail_name),
            Parameter::LogBucketPrefix => one(&self.log_bucket_prefix),
            Parameter::LogKeyAlias => one(&self.log_key_alias),
        };
        let (accepts, problem): (fn(&str) -> bool, _) = match parameter {
            Parameter::ExemptRoleArns | Parameter::ProtectedRoles => (is_role_arn, "not the ARN of a role"),
            Parameter::ApprovedServices => (is_service_prefix, "not a service prefix such as `ec2`"),
            Parameter::AllowedRegions => (is_service_prefix, "not a region such as `eu-west-1`"),
            Parameter::LogKeyAlias => {
                (|alias| alias.strip_prefix("alias/").is_some_and(|name| !name.is_empty()), "not `alias/...`")
            }
            _ => (|_| true, ""),
        };
        match values.iter().find(|value| !accepts(value)) {
            None => Ok(values),
            Some(value) => {
                Err(PresetError::Invalid { parameter: parameter.name(), value: value.clone(), problem })
            }
        }
    }

    fn role_arn(&self, role: &str) -> String {
        if role.starts_with("arn:") {
            role.into()
        } else {
            format!("arn:{}:iam::*:role/{}", self.partition, role.trim_start_matches('/'))
        }
    }
}

fn is_role_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", partition, "iam", "", account, name] => {
            !partition.is_empty()
                && !account.is_empty()
                && name.strip_prefix("role/").is_some_and(|name| !name.is_empty())
        }
        _ => false,
    }
}

fn is_service_prefix(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(plain)
}

/// Replaces the placeholders of a template, and leaves out members that become empty by it.
fn fill(template: &Value, values: &[(String, Vec<String>)]) -> Value {
    match template {
        Value::String(text) => fill_text(text, values).into_iter().next().unwrap_or_default().into(),
        Value::Array(items) => {
            let mut filled = Vec::new();
            for item in items {
                match item {
                    Value::String(text) => {
                        // A role that is named twice (the access role is often a protected one) stands once.
                        for text in fill_text(text, values).into_iter().map(Value::from) {
                            if !filled.contains(&text) {
                                filled.push(text);
                            }
                        }
                    }
                    other => filled.push(fill(other, values)),
                }
            }
            Value::Array(filled)
        }
        Value::Object(members) => {
            let filled = members.iter().map(|(key, value)| (key.clone(), fill(value, values)));
            Value::Object(filled.filter(|(_, value)| !is_empty(value)).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

/// One text per value of the list parameter in it; exactly one where there is none.
fn fill_text(text: &str, values: &[(String, Vec<String>)]) -> Vec<String> {
    let mut texts = vec![text.to_owned()];
    for (placeholder, given) in values.iter().filter(|(placeholder, _)| text.contains(placeholder)) {
        texts = given
            .iter()
            .flat_map(|value| texts.iter().map(move |text| text.replace(placeholder, value)))
            .collect();
    }
    texts
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
