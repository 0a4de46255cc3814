//! A finding in the baseline, and how it is shown. annotate-snippets lives behind this file alone.

mod source;

use std::fmt::{self, Display};
use std::ops::RangeInclusive;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, normalize_untrusted_str};

pub(crate) use source::{START, Sources, Span};

use crate::baseline::Baseline;
use crate::baseline::tree::{Entry, Found, Item};
use crate::error::RunError;

/// Every code of a finding. `docs/errors.md` explains them.
pub const CODES: [&str; 19] = [
    "document",
    "duplicate_email",
    "duplicate_table",
    "empty",
    "file",
    "invalid_value",
    "length",
    "missing_key",
    "override",
    RANGE,
    "select",
    "syntax",
    "unknown_account",
    "unknown_key",
    "unknown_ou",
    "unknown_section",
    "unknown_value",
    "version",
    "wrong_type",
];

/// One thing that is wrong with the baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable name of the kind of finding, such as `unknown_key`: one of `CODES`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// File as the user named it; empty where the finding is about no file.
    pub file: String,
    /// Line, from 1; 0 where the finding is about a whole file.
    pub line: usize,
    /// Column in characters, from 1; 0 where the finding is about a whole file.
    pub column: usize,
    span: Option<Span>,
    /// A second place with its label.
    also: Option<(Span, String)>,
}

impl Finding {
    /// A finding about a whole file or folder.
    pub(crate) fn of_file(code: &'static str, file: &str, message: impl Into<String>) -> Finding {
        let (message, file) = (message.into(), file.to_string());
        Finding { code, message, hint: None, file, line: 0, column: 0, span: None, also: None }
    }

    pub(crate) fn with_hint(&mut self, hint: impl Into<String>) -> &mut Finding {
        self.hint = Some(hint.into());
        self
    }

    /// Shows a second place.
    pub(crate) fn with_also(&mut self, span: &Span, label: &str) -> &mut Finding {
        self.also = Some((span.clone(), label.to_string()));
        self
    }
}

/// Collects findings over all files.
pub(crate) struct Report {
    sources: Arc<Sources>,
    findings: Vec<Finding>,
    /// So many findings are those of schemas and core tables.
    settled: usize,
    /// OU paths that nothing declares, with what to say where AWS has no such OU either.
    undeclared_ous: Vec<(String, Finding)>,
}

impl Report {
    pub(crate) fn new(sources: Arc<Sources>) -> Report {
        Report { sources, findings: Vec::new(), settled: 0, undeclared_ous: Vec::new() }
    }

    /// Records a finding at a place.
    pub(crate) fn at(&mut self, code: &'static str, span: &Span, message: impl Into<String>) -> &mut Finding {
        let finding = self.placed(code, span, message);
        self.push(finding)
    }

    fn placed(&self, code: &'static str, span: &Span, message: impl Into<String>) -> Finding {
        let mut finding = Finding::of_file(code, "", message);
        if let Some(location) = self.sources.locate(span) {
            finding.file.clone_from(&location.source.name);
            finding.line = location.line;
            finding.column = location.column;
            finding.span = Some(span.clone());
        }
        finding
    }

    /// Records what is wrong with an OU path: at once where its form is wrong, else only once AWS has no such OU.
    pub(crate) fn ou(&mut self, path: &str, span: &Span, problem: OuProblem) {
        let OuProblem { message, hint, is_form } = problem;
        let mut finding = self.placed("unknown_ou", span, message);
        finding.hint = Some(hint);
        if is_form {
            self.push(finding);
        } else {
            self.undeclared_ous.push((path.to_string(), finding));
        }
    }

    /// What to say of OU paths that nothing declares.
    pub(crate) fn take_undeclared_ous(&mut self) -> Vec<(String, Finding)> {
        std::mem::take(&mut self.undeclared_ous)
    }

    pub(crate) fn push(&mut self, finding: Finding) -> &mut Finding {
        debug_assert!(CODES.contains(&finding.code), "`{}` is not in CODES", finding.code);
        self.findings.push(finding);
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }

    pub(crate) fn count(&self) -> usize {
        self.findings.len()
    }

    /// Sections' own rules follow: they say nothing more about a key that has a finding already.
    pub(crate) fn settle(&mut self) {
        self.settled = self.findings.len();
    }

    fn is_settled(&self, span: &Span) -> bool {
        self.findings.iter().take(self.settled).any(|f| f.span.as_ref() == Some(span))
    }

    pub(crate) fn sources(&self) -> &Sources {
        &self.sources
    }

    pub(crate) fn shared_sources(&self) -> Arc<Sources> {
        self.sources.clone()
    }

    /// Records what a value's own type says against it.
    pub(crate) fn typed(&mut self, entry: &Entry, error: &toml::de::Error) {
        let span = error.span().unwrap_or_else(|| entry.key.clone());
        self.at("wrong_type", &span, error.message());
    }

    /// All findings as one error, or success where there is none.
    pub(crate) fn finish(self) -> Result<(), BaselineError> {
        if self.findings.is_empty() { Ok(()) } else { Err(self.error()) }
    }

    /// The findings by place. The same finding at the same place counts once: several variants of a section may have
    /// it.
    pub(crate) fn error(self) -> BaselineError {
        let mut findings = self.findings;
        let order = |f: &Finding| f.span.as_ref().map_or(0, |s| s.start);
        findings.sort_by(|a, b| (order(a), a.code).cmp(&(order(b), b.code)));
        let mut seen = std::collections::BTreeSet::new();
        findings.retain(|f| f.span.is_none() || seen.insert((f.code, order(f), f.message.clone())));
        BaselineError { findings, sources: self.sources }
    }
}

/// What is wrong with an OU path.
pub(crate) struct OuProblem {
    pub(crate) message: String,
    pub(crate) hint: String,
    /// The path has no form of a path; else nothing declares it.
    pub(crate) is_form: bool,
}

/// Code of a number outside its range.
pub(crate) const RANGE: &str = "range";

/// Collects the findings of one section while its rules are checked.
pub struct Findings<'a> {
    report: &'a mut Report,
    /// The section, with overrides merged.
    item: &'a Item,
    /// Where the section is declared.
    key: &'a Span,
}

impl<'a> Findings<'a> {
    pub(crate) fn new(report: &'a mut Report, item: &'a Item, key: &'a Span) -> Findings<'a> {
        Findings { report, item, key }
    }

    /// Records what is wrong with a key. `path` is its path inside the section: `max_age_days`, `rules[0].name`,
    /// `[0].targets[1]` in arrays of tables, empty for the section itself.
    pub fn at(&mut self, path: &str, message: impl Into<String>) {
        self.record("invalid_value", path, message.into(), None);
    }

    /// Like `at`, with what to do about it.
    pub fn hint(&mut self, path: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.record("invalid_value", path, message.into(), Some(hint.into()));
    }

    /// Records a number outside `range`. An absent number is in range.
    pub fn range<T: PartialOrd + Display>(&mut self, path: &str, value: Option<T>, range: RangeInclusive<T>) {
        if let Some(value) = value.filter(|v| !range.contains(v)) {
            self.record(RANGE, path, out_of_range(&value, range.start(), range.end()), None);
        }
    }

    /// Records an account key that `[accounts]` does not declare.
    pub fn account(&mut self, path: &str, key: &str, baseline: &Baseline) {
        if !baseline.is_account_key(key) {
            let hint = baseline.account_hint(key);
            self.record("unknown_account", path, unknown_account(key), Some(hint));
        }
    }

    /// Records a target that is neither an OU path nor a declared account key.
    pub fn target(&mut self, path: &str, target: &str, baseline: &Baseline) {
        if target.starts_with('/') {
            if let Some(problem) = baseline.ou_problem(target) {
                let span = self.item.find(path).map_or_else(|| self.key.clone(), |found| found.shown());
                self.report.ou(target, &span, problem);
            }
        } else {
            self.account(path, target, baseline);
        }
    }

    fn record(&mut self, code: &'static str, path: &str, message: String, hint: Option<String>) {
        let found = self.item.find(path).filter(|_| !path.is_empty());
        let span = found.as_ref().map_or_else(|| self.key.clone(), Found::shown);
        let of_the_key = found.is_some_and(|found| found.exact);
        if !(of_the_key && self.report.is_settled(&span)) {
            self.report.at(code, &span, message).hint = hint;
        }
    }
}

/// Message for a number outside its range.
pub(crate) fn out_of_range(value: &dyn Display, low: &dyn Display, high: &dyn Display) -> String {
    format!("{value} is out of range: it must be between {low} and {high}")
}

/// Message for an account key that nothing declares.
pub(crate) fn unknown_account(key: &str) -> String {
    format!("no account `{key}` is declared")
}

/// The candidate that the user most likely meant.
pub(crate) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = word.to_lowercase();
    let score = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let alike = strsim::jaro_winkler(&word, &candidate);
        // Short words: one wrong letter of three weighs too much in the score above.
        let slips = strsim::damerau_levenshtein(&word, &candidate);
        (alike > 0.8 || slips <= candidate.chars().count() / 3).then_some(alike)
    };
    let scored = candidates.into_iter().filter_map(|c| Some((score(c)?, c)));
    scored.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, c)| c)
}

/// A question that offers the nearest candidate, else the list of all, where it is short.
pub(crate) fn suggestion<'c>(
    word: &str,
    what: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<String> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    if let Some(near) = nearest(word, candidates.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let listed = candidates.iter().map(|c| format!("`{c}`")).collect::<Vec<_>>().join(", ");
    (!candidates.is_empty() && listed.len() <= 300).then(|| format!("{what}: {listed}"))
}

/// Everything that is wrong with a baseline, by file and place.
#[derive(Debug, Clone)]
pub struct BaselineError {
    /// At least one.
    pub findings: Vec<Finding>,
    sources: Arc<Sources>,
}

impl BaselineError {
    /// The findings as text: message, `file:line:column`, the line with a mark, what to do.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let texts: Vec<String> = self.findings.iter().map(|f| self.one(f, &renderer)).collect();
        texts.join("\n\n")
    }

    fn one(&self, finding: &Finding, renderer: &Renderer) -> String {
        // A finding without a place names its file in the message.
        let message = normalize_untrusted_str(&finding.message);
        let mut group = Group::with_title(Level::ERROR.primary_title(message));
        if let Some(span) = &finding.span {
            group = self.snippet(group, span, AnnotationKind::Primary, None);
        }
        if let Some((span, label)) = &finding.also {
            group = self.snippet(group, span, AnnotationKind::Context, Some(label));
        }
        if let Some(hint) = &finding.hint {
            group = group.element(Level::HELP.message(normalize_untrusted_str(hint)));
        }
        renderer.render(&[group])
    }

    fn snippet<'s>(
        &'s self,
        group: Group<'s>,
        span: &Span,
        kind: AnnotationKind,
        label: Option<&'s str>,
    ) -> Group<'s> {
        let Some(location) = self.sources.locate(span) else { return group };
        let mark = kind.span(location.within).label(label);
        let snippet = Snippet::source(location.excerpt)
            .line_start(location.line)
            .path(location.source.name.as_str())
            .annotation(mark);
        group.element(snippet)
    }
}

impl fmt::Display for BaselineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for BaselineError {}

impl From<BaselineError> for RunError {
    fn from(error: BaselineError) -> RunError {
        // Whoever prints a RunError begins with `error: `, as each finding does.
        let text = error.render(false);
        RunError::new(text.strip_prefix("error: ").unwrap_or(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::CODES;

    #[test]
    fn the_documents_explain_every_code() {
        assert_eq!(crate::error::documented("Findings in the baseline"), CODES);
    }
}
