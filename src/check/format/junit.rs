//! For CI servers: a suite per rule, a case per place. What an exception of the baseline makes hold says so in the case's output.

use std::fmt::Write as _;

use super::{CheckReport, benchmark, evidence, place};
use crate::check::report::{Row, RuleText, Status};
use crate::report::text::safe;

/// The whole report: FAIL is a failure, ERROR an error, MANUAL and NOT_APPLICABLE are skipped.
pub fn render(report: &CheckReport) -> String {
    let rows: Vec<&Row> = report.rows.iter().collect();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites name=\"{}\" {}>", xml(&benchmark(report)), counts(&rows));
    for rule in &report.rules {
        let rows: Vec<&Row> = report.rows.iter().filter(|row| row.rule == rule.rule).collect();
        if !rows.is_empty() {
            suite(&mut out, report, rule, &rows);
        }
    }
    out.push_str("</testsuites>\n");
    out
}

fn counts(rows: &[&Row]) -> String {
    let count = |statuses: &[Status]| rows.iter().filter(|row| statuses.contains(&row.status)).count();
    format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
        rows.len(),
        count(&[Status::Fail]),
        count(&[Status::Error]),
        count(&[Status::Manual, Status::NotApplicable])
    )
}

fn suite(out: &mut String, report: &CheckReport, rule: &RuleText, rows: &[&Row]) {
    let name = xml(&format!("{} {}", rule.rule, rule.title));
    let _ = writeln!(
        out,
        "  <testsuite name=\"{name}\" timestamp=\"{}\" {}>",
        xml(&report.generated_at),
        counts(rows)
    );
    for row in rows {
        let _ = write!(out, "    <testcase classname=\"{}\" name=\"{}\"", xml(&rule.rule), xml(&place(row)));
        let inner = match row.status {
            Status::Pass => row
                .exception
                .as_ref()
                .and(row.met_by.as_ref())
                .map(|exception| format!("<system-out>met by an {}</system-out>", xml(exception))),
            Status::Fail => Some(format!(
                "<failure message=\"{}\">{}</failure>",
                xml(&evidence(row)),
                xml(row.remedy.as_ref().unwrap_or(&rule.remediation))
            )),
            Status::Error => Some(format!("<error message=\"{}\"/>", xml(&row.evidence))),
            Status::Manual | Status::NotApplicable => {
                Some(format!("<skipped message=\"{}\"/>", xml(&row.evidence)))
            }
        };
        let _ = match inner {
            None => writeln!(out, "/>"),
            Some(inner) => writeln!(out, ">{inner}</testcase>"),
        };
    }
    out.push_str("  </testsuite>\n");
}

/// Text in XML: control characters, which XML 1.0 does not have, are shown as escapes.
fn xml(text: &str) -> String {
    let mut out = String::new();
    for c in safe(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use quick_xml::Reader;
    use quick_xml::events::Event;

    use super::*;
    use crate::check::format::tests::report;

    #[test]
    fn it_is_xml_with_one_case_per_row() {
        let text = render(&report());
        let mut reader = Reader::from_str(&text);
        let mut cases = 0;
        loop {
            match reader.read_event().unwrap() {
                Event::Start(tag) | Event::Empty(tag) if tag.name().as_ref() == "testcase" => cases += 1,
                Event::Start(tag) | Event::Empty(tag) => assert_ne!(tag.name().as_ref(), "script"),
                Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!(cases, 5);
        assert!(text.contains("tests=\"5\" failures=\"1\" errors=\"1\" skipped=\"2\""));
    }
}
