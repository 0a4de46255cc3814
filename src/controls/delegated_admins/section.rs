//! The keys of `[delegated_admins]` and their rules.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::named::Named;
use super::services::{self, Enable, Integration};
use crate::baseline::Baseline;
use crate::control::{Cx, Import, ImportCx, key_of};
use crate::diag::Findings;

/// The account or accounts that administer a service for the organization.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admins(pub Vec<String>);

impl Serialize for Admins {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            list => list.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Admins {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Admins, D::Error> {
        deserializer.deserialize_any(AdminsVisitor)
    }
}

struct AdminsVisitor;

impl<'de> Visitor<'de> for AdminsVisitor {
    type Value = Admins;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an account key or an array of account keys")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Admins, E> {
        Ok(Admins(vec![text.to_string()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Admins, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Admins(list))
    }
}

impl JsonSchema for Admins {
    fn schema_name() -> Cow<'static, str> {
        "DelegatedAdministrators".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": "string" }, "minItems": 1, "uniqueItems": true }
            ]
        })
    }
}

/// Key of a service, such as `ram` or `guardduty_malware`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServiceKey(pub String);

impl JsonSchema for ServiceKey {
    fn schema_name() -> Cow<'static, str> {
        "IntegratedService".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": services::keys() })
    }
}

/// Delegated administrators of AWS services, and the trusted access that the services need.
///
/// Each key is a service and its value the key of an account in `[accounts]`. A key that is left out is not managed. An
/// administrator gets the trusted access of its service by itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DelegatedAdmins {
    /// Services that get trusted access without an administrator: they may then act in all accounts. Others keep what
    /// they have.
    pub trusted_access: Vec<ServiceKey>,
    /// IAM Access Analyzer: analyzers that cover the organization.
    #[schemars(with = "Option<String>")]
    pub access_analyzer: Option<Admins>,
    /// Account Management: alternate contacts and regions of member accounts.
    #[schemars(with = "Option<String>")]
    pub account: Option<Admins>,
    /// Audit Manager, in every region.
    #[schemars(with = "Option<String>")]
    pub auditmanager: Option<Admins>,
    /// Backup: monitoring of backups in all accounts.
    #[schemars(with = "Option<String>")]
    pub backup: Option<Admins>,
    /// CloudTrail: at most 3 accounts.
    pub cloudtrail: Option<Admins>,
    /// Compute Optimizer.
    #[schemars(with = "Option<String>")]
    pub compute_optimizer: Option<Admins>,
    /// Config: aggregators, organization rules and conformance packs (both of its service principals).
    #[schemars(with = "Option<String>")]
    pub config: Option<Admins>,
    /// Config: organization rules and conformance packs only, at most 3 accounts. Not together with `config`.
    pub config_multiaccountsetup: Option<Admins>,
    /// Cost Optimization Hub.
    #[schemars(with = "Option<String>")]
    pub cost_optimization_hub: Option<Admins>,
    /// Detective, in every region.
    #[schemars(with = "Option<String>")]
    pub detective: Option<Admins>,
    /// Firewall Manager: the default administrator.
    #[schemars(with = "Option<String>")]
    pub fms: Option<Admins>,
    /// GuardDuty, in every region.
    #[schemars(with = "Option<String>")]
    pub guardduty: Option<Admins>,
    /// Health: the organizational view, at most 5 accounts. Needs a paid support plan.
    pub health: Option<Admins>,
    /// IAM: root access management of member accounts.
    #[schemars(with = "Option<String>")]
    pub iam: Option<Admins>,
    /// Inspector, in every region.
    #[schemars(with = "Option<String>")]
    pub inspector2: Option<Admins>,
    /// VPC IP Address Manager.
    #[schemars(with = "Option<String>")]
    pub ipam: Option<Admins>,
    /// Macie, in every region.
    #[schemars(with = "Option<String>")]
    pub macie: Option<Admins>,
    /// Resource Explorer: search in all accounts.
    #[schemars(with = "Option<String>")]
    pub resource_explorer: Option<Admins>,
    /// Security Hub CSPM, in every region.
    #[schemars(with = "Option<String>")]
    pub securityhub: Option<Admins>,
    /// Security Lake.
    #[schemars(with = "Option<String>")]
    pub securitylake: Option<Admins>,
    /// Systems Manager: Explorer, OpsCenter, Change Manager.
    #[schemars(with = "Option<String>")]
    pub ssm: Option<Admins>,
    /// IAM Identity Center.
    #[schemars(with = "Option<String>")]
    pub sso: Option<Admins>,
    /// CloudFormation StackSets: at most 5 accounts.
    pub stacksets: Option<Admins>,
    /// S3 Storage Lens.
    #[schemars(with = "Option<String>")]
    pub storage_lens: Option<Admins>,
}

/// Asks for every service that has trusted access: without it there is no administrator.
pub(super) fn asking(cx: &ImportCx<'_>) -> Import<DelegatedAdmins> {
    let Some(member) = cx.any_member() else {
        return Import::Nothing("there is no member account that could administer anything".into());
    };
    let trusted = |service: &Integration| {
        service.principals.iter().all(|principal| cx.facts.trusted_services.contains(*principal))
    };
    let mut asked = DelegatedAdmins::default();
    for service in services::SERVICES.iter().filter(|s| trusted(s)) {
        match asked.field(service.key) {
            Some(field) => *field = Some(Admins(vec![member.clone()])),
            None => asked.trusted_access.push(ServiceKey(service.key.into())),
        }
    }
    if asked.config.is_some() {
        asked.config_multiaccountsetup = None;
    }
    if asked == DelegatedAdmins::default() {
        return Import::Nothing("no service has trusted access".into());
    }
    Import::Ask(asked)
}

impl DelegatedAdmins {
    /// Trusted access of one service, without an administrator.
    pub(super) fn trusting(service: &Integration) -> DelegatedAdmins {
        DelegatedAdmins { trusted_access: vec![ServiceKey(service.key.into())], ..DelegatedAdmins::default() }
    }

    /// What one service has, with the accounts' keys. It has trusted access.
    pub(super) fn imported(service: &Integration, admins: &[Named], cx: &Cx<'_>) -> Option<DelegatedAdmins> {
        let key = |admin: &Named| Some(key_of(cx.baseline, cx.facts.accounts.get(&admin.id)?));
        let keys: Vec<String> = admins.iter().filter_map(key).collect();
        if keys.is_empty() {
            return (service.enable != Enable::OnlyWithAdmin).then(|| DelegatedAdmins::trusting(service));
        }
        let mut found = DelegatedAdmins::default();
        *found.field(service.key)? = Some(Admins(keys));
        Some(found)
    }

    /// The key of one service.
    fn field(&mut self, key: &str) -> Option<&mut Option<Admins>> {
        Some(match key {
            "access_analyzer" => &mut self.access_analyzer,
            "account" => &mut self.account,
            "auditmanager" => &mut self.auditmanager,
            "backup" => &mut self.backup,
            "cloudtrail" => &mut self.cloudtrail,
            "compute_optimizer" => &mut self.compute_optimizer,
            "config" => &mut self.config,
            "config_multiaccountsetup" => &mut self.config_multiaccountsetup,
            "cost_optimization_hub" => &mut self.cost_optimization_hub,
            "detective" => &mut self.detective,
            "fms" => &mut self.fms,
            "guardduty" => &mut self.guardduty,
            "health" => &mut self.health,
            "iam" => &mut self.iam,
            "inspector2" => &mut self.inspector2,
            "ipam" => &mut self.ipam,
            "macie" => &mut self.macie,
            "resource_explorer" => &mut self.resource_explorer,
            "securityhub" => &mut self.securityhub,
            "securitylake" => &mut self.securitylake,
            "ssm" => &mut self.ssm,
            "sso" => &mut self.sso,
            "stacksets" => &mut self.stacksets,
            "storage_lens" => &mut self.storage_lens,
            _ => return None,
        })
    }

    /// Services with declared administrators, with the account keys.
    pub(super) fn declared(&self) -> Vec<(&'static Integration, &[String])> {
        let fields = self.fields();
        let some = fields.into_iter().filter_map(|(key, admins)| Some((services::find(key)?, admins.as_ref()?)));
        some.map(|(service, admins)| (service, admins.0.as_slice())).collect()
    }

    /// Services of the list, with their place in it, whose trusted access no other unit sees to: the administrator's, or that
    /// of a service that has the same principals and more.
    pub(super) fn only_trusted(&self) -> Vec<(usize, &'static Integration)> {
        let listed: Vec<(usize, &Integration)> = self
            .trusted_access
            .iter()
            .enumerate()
            .filter_map(|(i, key)| Some((i, services::find(&key.0)?)))
            .collect();
        let declared = self.declared();
        let covers = |more: &Integration, one: &Integration| {
            more.key != one.key && one.principals.iter().all(|p| more.principals.contains(p))
        };
        let elsewhere = |one: &Integration| {
            declared.iter().any(|(d, _)| d.key == one.key || covers(d, one))
                || listed.iter().any(|(_, other)| covers(other, one))
        };
        listed.iter().filter(|(_, service)| !elsewhere(service)).copied().collect()
    }

    fn fields(&self) -> [(&'static str, &Option<Admins>); 24] {
        [
            ("access_analyzer", &self.access_analyzer),
            ("account", &self.account),
            ("auditmanager", &self.auditmanager),
            ("backup", &self.backup),
            ("cloudtrail", &self.cloudtrail),
            ("compute_optimizer", &self.compute_optimizer),
            ("config", &self.config),
            ("config_multiaccountsetup", &self.config_multiaccountsetup),
            ("cost_optimization_hub", &self.cost_optimization_hub),
            ("detective", &self.detective),
            ("fms", &self.fms),
            ("guardduty", &self.guardduty),
            ("health", &self.health),
            ("iam", &self.iam),
            ("inspector2", &self.inspector2),
            ("ipam", &self.ipam),
            ("macie", &self.macie),
            ("resource_explorer", &self.resource_explorer),
            ("securityhub", &self.securityhub),
            ("securitylake", &self.securitylake),
            ("ssm", &self.ssm),
            ("sso", &self.sso),
            ("stacksets", &self.stacksets),
            ("storage_lens", &self.storage_lens),
        ]
    }

    pub(super) fn check_all(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        for (service, accounts) in self.declared() {
            check_accounts(service, accounts, baseline, findings);
        }
        self.check_trusted_access(findings);
        if self.config.is_some() && self.config_multiaccountsetup.is_some() {
            findings.at("config_multiaccountsetup", "`config` already declares the administrator of both principals");
        }
    }

    fn check_trusted_access(&self, findings: &mut Findings<'_>) {
        let only = self.only_trusted();
        for (i, ServiceKey(key)) in self.trusted_access.iter().enumerate() {
            let path = format!("trusted_access[{i}]");
            let Some(service) = services::find(key) else {
                let hint = match crate::diag::nearest(key, services::keys()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("services: {}", services::keys().join(", ")),
                };
                findings.hint(&path, format!("`{key}` is not a service that integrates with Organizations"), hint);
                continue;
            };
            if self.trusted_access.iter().take(i).any(|earlier| earlier.0 == *key) {
                findings.at(&path, format!("`{key}` is listed twice"));
            }
            if service.enable == Enable::OnlyWithAdmin && only.iter().any(|(_, o)| o.key == key) {
                findings.hint(
                    &path,
                    format!("trusted access of `{key}` comes with its administrator only"),
                    format!("declare one: {key} = \"...\""),
                );
            }
        }
    }
}

fn check_accounts(service: &Integration, accounts: &[String], baseline: &Baseline, findings: &mut Findings<'_>) {
    let key = service.key;
    // Where AWS does not say how many there may be, one is declared.
    let most = service.max.unwrap_or(1);
    if accounts.len() > most {
        let plural = if most == 1 { "administrator" } else { "administrators" };
        findings.at(key, format!("{} accounts are listed: `{key}` has at most {most} {plural}", accounts.len()));
    }
    for (i, account) in accounts.iter().enumerate() {
        let path = if accounts.len() > 1 { format!("{key}[{i}]") } else { key.to_string() };
        findings.account(&path, account, baseline);
        if accounts.iter().take(i).any(|earlier| earlier == account) {
            findings.at(&path, format!("`{account}` is listed twice"));
        }
        if baseline.accounts.get(account).is_some_and(|a| a.closed) {
            findings.at(&path, format!("account `{account}` is to be closed: it cannot be a delegated administrator"));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::services::{Admin, SERVICES};
    use super::super::tests::HEAD;
    use super::*;

    fn refused(text: &str) -> String {
        Baseline::parse("t.toml", &format!("{HEAD}[delegated_admins]\n{text}")).unwrap_err().render(false)
    }

    #[test]
    fn every_service_with_an_administrator_has_a_key() {
        let section = DelegatedAdmins::default();
        let fields: Vec<&str> = section.fields().iter().map(|(key, _)| *key).collect();
        let services: Vec<&str> = SERVICES.iter().filter(|s| s.admin != Admin::None).map(|s| s.key).collect();
        assert_eq!(fields, services);
        let schema = serde_json::to_value(schemars::schema_for!(DelegatedAdmins)).unwrap();
        let mut keys: Vec<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        keys.retain(|k| *k != "trusted_access");
        assert_eq!(keys, services);
    }

    #[test]
    fn findings() {
        let table = [
            ("guardduty = \"secrity\"", "did you mean `security`?"),
            ("guardduty = [\"security\", \"log\"]", "expected a string, found an array"),
            ("cloudtrail = [\"security\", \"log\", \"main\", \"new\"]", "has at most 3 administrators"),
            ("cloudtrail = [\"security\", \"security\"]", "listed twice"),
            ("cloudtrail = []", "must not be empty"),
            ("sso = \"gone\"", "is to be closed"),
            ("config = \"log\"\nconfig_multiaccountsetup = \"log\"", "both principals"),
            ("trusted_access = [\"guarduty\"]", "did you mean `guardduty`?"),
            ("trusted_access = [\"ram\", \"ram\"]", "listed twice"),
            ("trusted_access = [\"ipam\"]", "comes with its administrator only"),
        ];
        for (text, message) in table {
            let shown = refused(text);
            assert!(shown.contains(message), "{text}: {shown}");
        }
    }

    #[test]
    fn an_administrator_brings_its_trusted_access() {
        let section = DelegatedAdmins {
            trusted_access: vec![ServiceKey("ram".into()), ServiceKey("guardduty".into())],
            guardduty: Some(Admins(vec!["security".into()])),
            ..DelegatedAdmins::default()
        };
        let only: Vec<(usize, &str)> = section.only_trusted().into_iter().map(|(i, s)| (i, s.key)).collect();
        assert_eq!(only, [(0, "ram")]);
        let both = ["config_multiaccountsetup", "config"].map(|k| ServiceKey(k.into())).to_vec();
        let section = DelegatedAdmins { trusted_access: both, ..DelegatedAdmins::default() };
        assert_eq!(section.only_trusted().iter().map(|(_, s)| s.key).collect::<Vec<_>>(), ["config"]);
    }
}
