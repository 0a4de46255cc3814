//! `orgbase emit`

use clap::{Args, ValueEnum};

use super::{Global, json, say, say_err};
use crate::apply::store;
use crate::baseline::Baseline;
use crate::emit;
use crate::error::RunError;

/// What to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// The IAM policies that the baseline's controls need, per seat, for plan and for apply
    IamPolicy,
    /// What an organization needs once, CloudFormation: roles for plan and apply in the management account and, by a
    /// StackSet, in every other one. `--for` management, member, github-actions or kubernetes
    Bootstrap,
    /// A schedule of `orgbase drift` with its role: `--for` github-actions, systemd, kubernetes, eventbridge-ecs or
    /// eventbridge-lambda
    Schedule,
    /// The JSON schema of the baseline, for editors
    Schema,
    /// The reference of every section and key, Markdown
    Controls,
    /// Which section meets which requirement and which CIS rule of every version, and what none meets yet, Markdown
    Coverage,
}

#[derive(Debug, Args)]
pub(crate) struct EmitArgs {
    /// What to print
    what: What,
    /// Of `iam-policy` only this one, such as `management-plan` or `member-apply`; of `bootstrap` and `schedule` where it runs
    #[arg(long = "for", value_name = "NAME")]
    only: Option<String>,
}

impl EmitArgs {
    pub(crate) fn run(&self, global: &Global) -> Result<u8, RunError> {
        let text = match self.what {
            What::Schema => json(&emit::schema::schema())?,
            What::Controls => emit::controls::reference(),
            What::Coverage => emit::coverage::coverage(),
            What::Bootstrap => {
                let further = store::statements(&global.run_dir)?;
                let kind = self.only.as_deref();
                emit::bootstrap::bootstrap(&mut Baseline::load(&global.file)?, kind, &further)
                    .ok_or_else(|| self.unknown("bootstrap", &emit::bootstrap::KINDS))?
            }
            What::Schedule => {
                let further = store::statements(&global.run_dir)?;
                let kind = self.only.as_deref().unwrap_or_default();
                emit::schedule::schedule(&mut Baseline::load(&global.file)?, kind, &further)
                    .ok_or_else(|| self.unknown("schedule", &emit::schedule::KINDS))?
            }
            What::IamPolicy => self.iam_policy(&Baseline::load(&global.file)?, global)?,
        };
        say(&text);
        Ok(0)
    }

    fn unknown(&self, what: &str, known: &[&str]) -> RunError {
        let message = match &self.only {
            Some(kind) => format!("there is no {what} for `{kind}`"),
            None => format!("a {what} needs --for"),
        };
        RunError::new(message).hint(format!("--for takes one of: {}", known.join(", ")))
    }

    fn iam_policy(&self, baseline: &Baseline, global: &Global) -> Result<String, RunError> {
        let policies = emit::iam::policies_with(baseline, &store::statements(&global.run_dir)?);
        if self.only.as_deref().is_none_or(|name| name.starts_with("management-plan")) {
            for notice in emit::iam::plan_notices(baseline) {
                say_err(&format!("warning: {notice}"));
            }
        }
        let Some(name) = &self.only else { return json(&policies) };
        let Some(policy) = policies.get(name) else {
            let names: Vec<&str> = policies.keys().map(String::as_str).collect();
            return Err(RunError::new(format!("there is no policy `{name}` for this baseline"))
                .hint(format!("--for takes one of: {}", names.join(", "))));
        };
        if policies.contains_key(&format!("{name}-2")) {
            let more = policies.keys().filter(|key| key.starts_with(&format!("{name}-"))).cloned();
            say_err(&format!(
                "IAM takes no longer policy: attach {} too",
                more.collect::<Vec<_>>().join(", ")
            ));
        }
        json(policy)
    }
}
