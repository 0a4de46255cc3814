//! What an organization needs once before orgbase runs unattended: roles for `plan` and `apply` in the management account,
//! and the same roles in every other account through a StackSet, invited ones included. CloudFormation, in YAML.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-orgs-enable-trusted-access.html>
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html>

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::iam::{self, SEATS};
use super::yaml;
use crate::baseline::{Baseline, Organization};

/// What can be asked for.
pub const KINDS: [&str; 4] = ["management", "member", "github-actions", "kubernetes"];

/// Issuer of GitHub's tokens.
/// <https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws>
const GITHUB: &str = "token.actions.githubusercontent.com";

/// Bytes of a template that is sent as a text, in a call or in a StackSet.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
const LARGEST: usize = 51_200;

const TOO_LARGE: &str = "# This template is longer than a call takes: add `--s3-bucket BUCKET` (a bucket of yours in the same region).\n";

/// The runs that need a role each.
const PURPOSES: [&str; 2] = ["plan", "apply"];

/// The template of one kind; nothing where there is no such kind. Without a kind: `management`.
pub fn bootstrap(baseline: &mut Baseline, kind: Option<&str>, further: &[Value]) -> Option<String> {
    let kind = kind.unwrap_or("management");
    if !KINDS.contains(&kind) {
        return None;
    }
    let organization = &mut baseline.organization;
    let undeclared = organization.plan_role.is_none() || organization.apply_role.is_none();
    for (role, purpose) in [(&mut organization.plan_role, "plan"), (&mut organization.apply_role, "apply")] {
        role.get_or_insert_with(|| format!("{}-{purpose}", organization.prefix));
    }
    let policies = iam::policies_with(baseline, further);
    let notices = iam::plan_notices(baseline);
    let template =
        Template { organization: &baseline.organization, policies: &policies, undeclared, notices };
    let (head, value) = match kind {
        "member" => (template.member_head(), template.member(&PURPOSES)),
        _ => (template.management_head(kind), template.management(kind)),
    };
    let text = yaml::render(&value);
    let note = if text.len() > LARGEST { TOO_LARGE } else { "" };
    Some(format!("{head}{note}{text}"))
}

struct Template<'a> {
    organization: &'a Organization,
    policies: &'a BTreeMap<String, Value>,
    /// The baseline does not name one of the roles yet.
    undeclared: bool,
    /// Comments: what the plan role may do beyond reading.
    notices: Vec<String>,
}

impl Template<'_> {
    fn role(&self, purpose: &str) -> &str {
        let role =
            if purpose == "plan" { &self.organization.plan_role } else { &self.organization.apply_role };
        role.as_deref().unwrap_or_default()
    }

    fn management_head(&self, kind: &str) -> String {
        let mut text = format!(
            "# Roles of orgbase in the management account, and StackSets that make them in every other account.\n\
             # In the management account, in the home region:\n\
             #   aws organizations enable-aws-service-access --service-principal member.org.stacksets.cloudformation.amazonaws.com\n\
             #   aws cloudformation deploy --stack-name {prefix}-bootstrap --template-file FILE \\\n\
             #     --capabilities CAPABILITY_NAMED_IAM --parameter-overrides RootId=r-....\n\
             # Then name the roles in the baseline:\n\
             #   [organization]\n\
             #   plan_role = \"{plan}\"\n\
             #   apply_role = \"{apply}\"\n\
             # The policies are those of `orgbase emit iam-policy`: print this again when the baseline declares more.\n",
            prefix = self.organization.prefix,
            plan = self.role("plan"),
            apply = self.role("apply"),
        );
        if self.undeclared {
            let _ = writeln!(
                text,
                "# Warning: this baseline does not name both of them yet. Until it does, a run assumes {} in place of the one that \
                 is missing, which these policies do not allow: the run is denied.",
                self.organization.access_role,
            );
        }
        for notice in &self.notices {
            let _ = writeln!(text, "# Warning: {notice}");
        }
        if kind == "github-actions" {
            text.push_str(
                "# GitHub Actions: any run of the repository may plan, only runs of the environment may apply.\n",
            );
        }
        if kind == "kubernetes" {
            text.push_str("# Kubernetes: the service account of the CronJob may plan. It needs the cluster's OIDC provider in IAM.\n");
        }
        text
    }

    fn member_head(&self) -> String {
        format!(
            "# Roles of orgbase in a member account: `{}` and `{}`. For accounts that the StackSet of `emit bootstrap` does\n\
             # not reach, such as one that was just invited: deploy it there with CAPABILITY_NAMED_IAM.\n",
            self.role("plan"),
            self.role("apply"),
        )
    }

    /// The template of the management account.
    fn management(&self, kind: &str) -> Value {
        let mut parameters = json!({
            "OrganizationId": self.organization_parameter(),
            "RootId": {
                "Type": "String",
                "Description": "Id of the organization's root, or of the OU under which accounts get the roles",
                "AllowedPattern": "^(r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[a-z0-9]{8,32})$",
            },
            "LogArchiveAccount": log_archive_parameter(),
            "AdministratorAccount": administrator_parameter(),
            "LogReplicaAccount": log_replica_parameter(),
        });
        let (extra, provider, trust) = match kind {
            "github-actions" => github(),
            "kubernetes" => kubernetes(),
            _ => (json!({}), None, [None, None]),
        };
        extend(&mut parameters, extra);
        let mut resources = Map::new();
        resources.extend(provider);
        for (purpose, web) in PURPOSES.into_iter().zip(trust) {
            let mut statements = vec![self.by_management()];
            statements.extend(web);
            self.role_resources(purpose, &statements, &["management"], &mut resources);
        }
        for purpose in PURPOSES {
            resources.insert(format!("Member{}Roles", capital(purpose)), self.stack_set(purpose));
        }
        json!({
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": "Roles of orgbase in the management account and in every other account",
            "Parameters": parameters,
            "Resources": resources,
            "Outputs": {
                "PlanRole": { "Value": { "Fn::GetAtt": ["PlanRole", "Arn"] } },
                "ApplyRole": { "Value": { "Fn::GetAtt": ["ApplyRole", "Arn"] } },
            },
        })
    }

    /// The template of every other account, with the roles of these purposes.
    fn member(&self, purposes: &[&str]) -> Value {
        let mut resources = Map::new();
        for purpose in purposes {
            let seats: Vec<&str> = SEATS.into_iter().filter(|seat| *seat != "management").collect();
            self.role_resources(purpose, &self.by_organization(purpose), &seats, &mut resources);
        }
        let conditions = Template::conditions(&resources);
        let mut template = json!({
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": "Roles of orgbase in a member account",
            "Parameters": {
                "OrganizationId": self.organization_parameter(),
                "ManagementAccount": {
                    "Type": "String",
                    "Description": "Id of the management account",
                    "AllowedPattern": "^[0-9]{12}$",
                },
                "LogArchiveAccount": log_archive_parameter(),
                "AdministratorAccount": administrator_parameter(),
                "LogReplicaAccount": log_replica_parameter(),
            },
            "Resources": resources,
        });
        if !conditions.as_object().is_some_and(Map::is_empty) {
            extend(&mut template, json!({ "Conditions": conditions }));
        }
        template
    }

    /// Conditions that some resource names.
    fn conditions(resources: &Map<String, Value>) -> Value {
        let all = [
            ("LogArchive", "LogArchiveAccount"),
            ("DelegatedAdmin", "AdministratorAccount"),
            ("LogReplica", "LogReplicaAccount"),
        ];
        let text = Value::Object(resources.clone()).to_string();
        let used = all.into_iter().filter(|(name, _)| text.contains(&format!("\"{name}\"")));
        let equal =
            |parameter: &str| json!({ "Fn::Equals": [{ "Ref": "AWS::AccountId" }, { "Ref": parameter }] });
        Value::Object(used.map(|(name, parameter)| (name.to_string(), equal(parameter))).collect())
    }

    fn organization_parameter(&self) -> Value {
        let mut parameter = json!({
            "Type": "String",
            "Description": "Id of the organization",
            "AllowedPattern": "^o-[a-z0-9]{10,32}$",
        });
        if let Some(id) = &self.organization.id {
            extend(&mut parameter, json!({ "Default": id }));
        }
        parameter
    }

    /// One role with its policies. Those of a seat that the account may not have hang on a condition.
    fn role_resources(
        &self,
        purpose: &str,
        trust: &[Value],
        seats: &[&str],
        resources: &mut Map<String, Value>,
    ) {
        let logical = capital(purpose);
        let mut arns = Vec::new();
        for seat in seats {
            let whole = format!("{seat}-{purpose}");
            for (name, document) in self.policies.iter().filter(|(name, _)| is_part(name, &whole)) {
                let id = format!("{}Policy", name.split('-').map(capital).collect::<String>());
                let mut policy = json!({
                    "Type": "AWS::IAM::ManagedPolicy",
                    "Properties": {
                        "Description": format!("orgbase: {name}"),
                        "ManagedPolicyName": format!("{}-{name}", self.organization.prefix),
                        "PolicyDocument": document,
                    },
                });
                let reference = json!({ "Ref": id });
                match condition(seat) {
                    None => arns.push(reference),
                    Some(condition) => {
                        extend(&mut policy, json!({ "Condition": condition }));
                        arns.push(json!({ "Fn::If": [condition, reference, { "Ref": "AWS::NoValue" }] }));
                    }
                }
                resources.insert(id, policy);
            }
        }
        resources.insert(
            format!("{logical}Role"),
            json!({
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "RoleName": self.role(purpose),
                    "Description": format!("orgbase {purpose}"),
                    "AssumeRolePolicyDocument": { "Version": "2012-10-17", "Statement": trust },
                    "ManagedPolicyArns": arns,
                },
            }),
        );
    }

    /// Principals of the management account whose own permissions allow it.
    fn by_management(&self) -> Value {
        json!({
            "Effect": "Allow",
            "Principal": { "AWS": { "Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root" } },
            "Action": self.actions(),
            "Condition": { "StringEquals": { "aws:PrincipalOrgID": { "Ref": "OrganizationId" } } },
        })
    }

    /// The role of the same name in the management account, and nobody else.
    fn by_organization(&self, purpose: &str) -> Vec<Value> {
        let role = format!("arn:${{AWS::Partition}}:iam::${{ManagementAccount}}:role/{}", self.role(purpose));
        let mut equals = json!({ "aws:PrincipalOrgID": { "Ref": "OrganizationId" } });
        let mut condition = json!({ "ArnEquals": { "aws:PrincipalArn": { "Fn::Sub": role } } });
        let mut statements = Vec::new();
        let principal =
            json!({ "AWS": { "Fn::Sub": "arn:${AWS::Partition}:iam::${ManagementAccount}:root" } });
        if self.organization.source_identity {
            // Of its own: the external id is no key of `sts:SetSourceIdentity`.
            let mut only = condition.clone();
            extend(&mut only, json!({ "StringEquals": equals.clone() }));
            statements.push(json!({
                "Effect": "Allow", "Principal": principal.clone(), "Action": "sts:SetSourceIdentity", "Condition": only,
            }));
        }
        if let Some(id) = &self.organization.external_id {
            extend(&mut equals, json!({ "sts:ExternalId": id }));
        }
        extend(&mut condition, json!({ "StringEquals": equals }));
        statements.insert(
            0,
            json!({ "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", "Condition": condition }),
        );
        statements
    }

    fn actions(&self) -> Vec<&'static str> {
        let mut actions = vec!["sts:AssumeRole"];
        if self.organization.source_identity {
            actions.push("sts:SetSourceIdentity");
        }
        actions
    }

    /// The role of a purpose, in every account under the root, those that join later included. A StackSet each: together the
    /// policies of a large baseline are longer than a template may be.
    fn stack_set(&self, purpose: &str) -> Value {
        let value = |key: &str, value: Value| json!({ "ParameterKey": key, "ParameterValue": value });
        json!({
            "Type": "AWS::CloudFormation::StackSet",
            "Properties": {
                "StackSetName": format!("{}-bootstrap-{purpose}", self.organization.prefix),
                "Description": format!("Role of orgbase {purpose} in every account"),
                "PermissionModel": "SERVICE_MANAGED",
                "AutoDeployment": { "Enabled": true, "RetainStacksOnAccountRemoval": false },
                "Capabilities": ["CAPABILITY_NAMED_IAM"],
                "OperationPreferences": { "FailureTolerancePercentage": 100, "MaxConcurrentPercentage": 100 },
                "Parameters": [
                    value("OrganizationId", json!({ "Ref": "OrganizationId" })),
                    value("ManagementAccount", json!({ "Ref": "AWS::AccountId" })),
                    value("LogArchiveAccount", json!({ "Ref": "LogArchiveAccount" })),
                    value("AdministratorAccount", json!({ "Ref": "AdministratorAccount" })),
                    value("LogReplicaAccount", json!({ "Ref": "LogReplicaAccount" })),
                ],
                "StackInstancesGroup": [{
                    "DeploymentTargets": { "OrganizationalUnitIds": [{ "Ref": "RootId" }] },
                    "Regions": [{ "Ref": "AWS::Region" }],
                }],
                "TemplateBody": self.member(&[purpose]).to_string(),
            },
        })
    }
}

/// Parameters, the provider, and the trust of `plan` and `apply`.
type Web = (Value, Option<(String, Value)>, [Option<Value>; 2]);

fn github() -> Web {
    let parameters = json!({
        "GitHubRepository": {
            "Type": "String",
            "Description": "Repository with the baseline: OWNER/NAME",
            "AllowedPattern": "^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$",
        },
        "GitHubEnvironment": {
            "Type": "String",
            "Description": "Environment of the repository whose runs may apply: give it required reviewers",
            "Default": "production",
            "AllowedPattern": "^[A-Za-z0-9._-]+$",
        },
    });
    let provider = json!({
        "Type": "AWS::IAM::OIDCProvider",
        "Properties": { "Url": format!("https://{GITHUB}"), "ClientIdList": ["sts.amazonaws.com"] },
    });
    let trust = |operator: &str, subject: &str| {
        let mut condition = json!({ "StringEquals": { (format!("{GITHUB}:aud")): "sts.amazonaws.com" } });
        let subject = json!({ (format!("{GITHUB}:sub")): { "Fn::Sub": subject } });
        match condition.get_mut(operator) {
            Some(have) => extend(have, subject),
            None => extend(&mut condition, json!({ operator: subject })),
        }
        Some(web_identity(&json!({ "Ref": "GitHubProvider" }), &condition))
    };
    let trusts = [
        trust("StringLike", "repo:${GitHubRepository}:*"),
        trust("StringEquals", "repo:${GitHubRepository}:environment:${GitHubEnvironment}"),
    ];
    (parameters, Some(("GitHubProvider".into(), provider)), trusts)
}

/// The condition's keys begin with the issuer, which a template cannot put together: it is a parameter of a text.
/// <https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html>
fn kubernetes() -> Web {
    let parameters = json!({
        "ClusterProviderArn": {
            "Type": "String",
            "Description": "ARN of the cluster's OIDC provider in IAM of the management account",
            "AllowedPattern": "^arn:[a-z-]+:iam::[0-9]{12}:oidc-provider/.+$",
        },
    });
    let condition = json!({ "StringEquals": {
        "oidc.eks.REGION.amazonaws.com/id/CLUSTER:aud": "sts.amazonaws.com",
        "oidc.eks.REGION.amazonaws.com/id/CLUSTER:sub": "system:serviceaccount:orgbase:orgbase",
    } });
    let trust = web_identity(&json!({ "Ref": "ClusterProviderArn" }), &condition);
    (parameters, None, [Some(trust), None])
}

fn web_identity(provider: &Value, condition: &Value) -> Value {
    json!({
        "Effect": "Allow",
        "Principal": { "Federated": provider },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    })
}

fn log_archive_parameter() -> Value {
    account_parameter("Id of the account of the log archive; empty where there is none")
}

fn administrator_parameter() -> Value {
    account_parameter("Id of the delegated administrator of the security services; empty where there is none")
}

fn log_replica_parameter() -> Value {
    account_parameter("Id of the account of the log archive's copy; empty where there is none")
}

fn account_parameter(description: &str) -> Value {
    json!({
        "Type": "String", "Default": "", "Description": description, "AllowedPattern": "^([0-9]{12})?$",
    })
}

/// What decides whether an account has a seat.
fn condition(seat: &str) -> Option<&'static str> {
    match seat {
        "log-archive" => Some("LogArchive"),
        "delegated-admin" => Some("DelegatedAdmin"),
        "log-replica" => Some("LogReplica"),
        _ => None,
    }
}

/// `member-apply`, `member-apply-2`, ...
fn is_part(name: &str, whole: &str) -> bool {
    let rest = name.strip_prefix(whole);
    rest.is_some_and(|rest| {
        rest.is_empty() || rest.strip_prefix('-').is_some_and(|n| n.parse::<u32>().is_ok())
    })
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

fn extend(value: &mut Value, more: Value) {
    if let (Value::Object(value), Value::Object(more)) = (value, more) {
        value.extend(more);
    }
}

#[cfg(test)]
mod tests;
