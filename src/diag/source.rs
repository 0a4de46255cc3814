//! The texts of all files of a baseline in one space of byte positions, so that one span names file and place.

use std::ops::Range;

/// Byte positions in the common space of all files.
pub(crate) type Span = Range<usize>;

/// The start of the first file: the place of what is missing in all of them.
pub(crate) const START: Span = 0..0;

/// One file.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Path as the user wrote it.
    pub(crate) name: String,
    /// The text.
    text: String,
    base: usize,
    /// Position in `text` of the start of each line.
    lines: Vec<usize>,
}

/// All files, in the order in which they were read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources(Vec<Source>);

/// A span in its file.
pub(crate) struct Location<'a> {
    pub(crate) source: &'a Source,
    /// From 1.
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
    /// The text of the lines that the span touches, without the last line's end.
    pub(crate) excerpt: &'a str,
    /// The span inside `excerpt`.
    pub(crate) within: Range<usize>,
}

impl Sources {
    /// Adds a file and returns the position of its first byte.
    pub(crate) fn add(&mut self, name: String, text: String) -> usize {
        // One position more than the text has bytes: the end of a file is a place of its own.
        let base = self.0.last().map_or(0, |s| s.base + s.text.len() + 1);
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        self.0.push(Source { name, text, base, lines });
        base
    }

    /// Each text with the position of its first byte.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, usize)> {
        self.0.iter().map(|s| (s.text.as_str(), s.base))
    }

    /// File names without their folders, and texts.
    pub(crate) fn names_and_texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|s| (s.name.rsplit('/').next().unwrap_or(&s.name), s.text.as_str()))
    }

    /// Where a span is. `None` only for a position that no file has.
    pub(crate) fn locate(&self, span: &Span) -> Option<Location<'_>> {
        let index = self.0.partition_point(|s| s.base <= span.start).checked_sub(1)?;
        let source = self.0.get(index)?;
        let text = source.text.as_str();
        let start = floor(text, span.start - source.base);
        let end = floor(text, span.end.saturating_sub(source.base)).max(start);
        let line = source.lines.partition_point(|l| *l <= start);
        let line_start = source.lines.get(line.checked_sub(1)?).copied()?;
        let column = text.get(line_start..start)?.chars().count() + 1;
        let excerpt_end = text.get(end..)?.find('\n').map_or(text.len(), |n| end + n);
        let excerpt = text.get(line_start..excerpt_end)?;
        let within = start - line_start..end - line_start;
        Some(Location { source, line, column, excerpt, within })
    }

    /// `file:line` of a span.
    pub(crate) fn file_line(&self, span: &Span) -> Option<String> {
        self.locate(span).map(|l| format!("{}:{}", l.source.name, l.line))
    }
}

/// The nearest position at or before `at` where a character begins.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}
