//! Reads the files of a baseline, parses them, and puts them together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use toml::de::DeTable;

use super::tree::{Entry, Item, Node, Table, table_from_toml};
use crate::diag::{BaselineError, Finding, Report, Sources};

/// Most syntax errors of one file that are shown: the later ones mostly follow from the first.
const SYNTAX_ERRORS: usize = 5;
/// Largest document that a section may name, in bytes; the largest policy that AWS takes has 20 KiB.
const LARGEST_DOCUMENT: u64 = 1 << 20;

/// The texts of a baseline.
pub(super) struct Files {
    /// As the user gave it.
    pub(super) path: PathBuf,
    /// Folder of the files; `None`: the text is in memory and names no documents.
    pub(super) directory: Option<PathBuf>,
    /// Documents in memory by their path; `None`: they are read from the directory.
    pub(super) documents: Option<BTreeMap<String, String>>,
    pub(super) sources: Arc<Sources>,
}

/// Reads a file, or all `*.toml` of a folder in the order of their names.
pub(super) fn read(path: &Path) -> Result<Files, BaselineError> {
    let mut report = Report::new(Arc::default());
    let folder = path.is_dir();
    let paths = if folder { listing(path, &mut report) } else { vec![path.to_path_buf()] };
    let mut sources = Sources::default();
    for file in paths {
        match text(&file, u64::MAX) {
            Ok(text) => {
                sources.add(file.display().to_string(), text);
            }
            Err(message) => {
                let finding = report.push(Finding::of_file("file", &file.display().to_string(), message));
                if !file.exists() {
                    finding.with_hint("name the baseline, a file or a folder, with `-f PATH`");
                }
            }
        }
    }
    report.finish()?;
    let directory = if folder { path } else { path.parent().unwrap_or(Path::new("")) };
    Ok(Files {
        path: path.into(),
        directory: Some(directory.into()),
        documents: None,
        sources: Arc::new(sources),
    })
}

fn listing(folder: &Path, report: &mut Report) -> Vec<PathBuf> {
    let name = folder.display().to_string();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) => {
            report.push(Finding::of_file(
                "file",
                &name,
                format!("cannot read the folder `{name}`: {}", e.kind()),
            ));
            return Vec::new();
        }
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|p| p.extension().is_some_and(|x| x == "toml") && p.is_file())
        .collect();
    files.sort();
    if files.is_empty() {
        let message = format!("the folder `{name}` has no `*.toml` file");
        report.push(Finding::of_file("file", &name, message));
    }
    files
}

/// The text of a file, or why there is none.
fn text(path: &Path, largest: u64) -> Result<String, String> {
    let name = path.display();
    let read = |path: &Path| {
        if std::fs::metadata(path)?.len() > largest {
            return Err(std::io::Error::other(format!("it has more than {largest} bytes")));
        }
        std::fs::read(path)
    };
    let bytes = read(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => format!("`{name}` does not exist"),
        std::io::ErrorKind::Other => format!("cannot read `{name}`: {e}"),
        kind => format!("cannot read `{name}`: {kind}"),
    })?;
    let text = String::from_utf8(bytes).map_err(|e| {
        let line =
            e.as_bytes().iter().take(e.utf8_error().valid_up_to()).filter(|b| **b == b'\n').count() + 1;
        format!("`{name}` is not UTF-8: line {line} has other bytes")
    })?;
    // An editor's byte order mark is no part of the text.
    Ok(text.strip_prefix('\u{feff}').map(ToString::to_string).unwrap_or(text))
}

/// One text in memory.
pub(super) fn memory(name: &str, text: &str) -> Files {
    let mut sources = Sources::default();
    sources.add(name.into(), text.into());
    Files { path: name.into(), directory: None, documents: None, sources: Arc::new(sources) }
}

/// Texts in memory by their path in a folder: those that end in `.toml` are the files, the others the documents.
pub(super) fn folder_in_memory(path: &Path, texts: &BTreeMap<String, String>) -> Files {
    let mut sources = Sources::default();
    let mut documents = BTreeMap::new();
    for (name, text) in texts {
        if Path::new(name).extension().is_some_and(|x| x == "toml") {
            sources.add(path.join(name).display().to_string(), text.clone());
        } else {
            documents.insert(name.clone(), text.clone());
        }
    }
    Files {
        path: path.into(),
        directory: Some(path.into()),
        documents: Some(documents),
        sources: Arc::new(sources),
    }
}

/// Parses all files and puts them together. Fails where a file is not TOML: what is left of it misses whole tables.
pub(super) fn parse(files: &Files) -> Result<(Table, Report), BaselineError> {
    let mut report = Report::new(files.sources.clone());
    let mut tables = Vec::new();
    for (source, base) in files.sources.iter() {
        let (table, mut errors) = DeTable::parse_recoverable(source);
        errors.sort_by_key(|e| e.span().map_or(0, |s| s.start));
        let mut lines = Vec::new();
        for error in errors {
            let span = error.span().unwrap_or_default();
            let line = source.bytes().take(span.start).filter(|b| *b == b'\n').count();
            if !lines.contains(&line) && lines.len() < SYNTAX_ERRORS {
                lines.push(line);
                report.at("syntax", &(span.start + base..span.end + base), error.message());
            }
        }
        tables.push(table_from_toml(table.get_ref(), base));
    }
    if report.count() > 0 {
        return Err(report.error());
    }
    let mut whole = Table::new();
    for table in tables {
        join(&mut whole, table, &mut report);
    }
    if whole.is_empty() {
        let message = format!("`{}` is empty", files.path.display());
        let finding = Finding::of_file("empty", &files.path.display().to_string(), message);
        report.push(finding).with_hint("begin with `version = 1` and an `[organization]` table");
        return Err(report.error());
    }
    Ok((whole, report))
}

/// Adds the tables of a further file.
fn join(whole: &mut Table, further: Table, report: &mut Report) {
    for (name, entry) in further {
        let Some(have) = whole.get_mut(&name) else {
            whole.insert(name, entry);
            continue;
        };
        match (&mut have.value.node, entry.value.node) {
            (Node::Array(have), Node::Array(more)) if tables_only(have) && tables_only(&more) => {
                have.extend(more);
            }
            // `[accounts.a]` in one file and `[accounts.b]` in another are two tables.
            (Node::Table(have), Node::Table(more)) if name == "accounts" || name == "ous" => {
                for (key, entry) in more {
                    match have.get(&key) {
                        Some(first) => twice(report, &format!("{name}.{key}"), first, &entry),
                        None => drop(have.insert(key, entry)),
                    }
                }
            }
            // Every file may say it; each value is checked.
            (Node::Integer(have), Node::Integer(more)) if name == "version" && *have == more => {}
            (_, node) => {
                let entry = Entry { key: entry.key, value: Item { span: entry.value.span, node } };
                twice(report, &name, have, &entry);
            }
        }
    }
}

fn tables_only(items: &[Item]) -> bool {
    items.iter().all(Item::is_table)
}

fn twice(report: &mut Report, name: &str, first: &Entry, second: &Entry) {
    let place = report.sources().file_line(&first.key).unwrap_or_default();
    let message = format!("`{name}` is defined twice, first at {place}");
    report.at("duplicate_table", &second.key, message).with_also(&first.key, "first defined here");
}

/// Reads the documents that sections name by the key `file`, by the name that they are given there.
pub(super) fn documents<'t>(
    directory: &Path,
    entries: impl IntoIterator<Item = &'t Entry>,
    report: &mut Report,
) -> BTreeMap<String, String> {
    let mut named = Vec::new();
    for entry in entries {
        file_keys(&entry.value, &mut named);
    }
    let mut documents = BTreeMap::new();
    for (name, item) in named {
        if documents.contains_key(name) {
            continue;
        }
        match text(&directory.join(name), LARGEST_DOCUMENT) {
            Ok(text) => {
                documents.insert(name.to_string(), text);
            }
            Err(message) => {
                let finding = report.at("document", &item.span, message);
                finding.with_hint("the path is relative to the folder of the baseline file");
            }
        }
    }
    documents
}

fn file_keys<'t>(item: &'t Item, named: &mut Vec<(&'t str, &'t Item)>) {
    for item in item.array() {
        file_keys(item, named);
    }
    for (name, entry) in item.table().into_iter().flatten() {
        match entry.value.text() {
            Some(text) if name == "file" => named.push((text, &entry.value)),
            _ => file_keys(&entry.value, named),
        }
    }
}

/// SHA-256 over names and contents of all files and documents, hexadecimal. Folders of the files do not count.
pub(super) fn digest(sources: &Sources, documents: &BTreeMap<String, String>) -> String {
    let mut sha = Sha256::new();
    let files = sources.names_and_texts().chain(documents.iter().map(|(n, t)| (n.as_str(), t.as_str())));
    for (name, text) in files {
        // Lengths first: no two different sets of files make the same bytes.
        sha.update((name.len() as u64).to_le_bytes());
        sha.update(name);
        sha.update((text.len() as u64).to_le_bytes());
        sha.update(text);
    }
    crate::digest::hex(&sha.finalize())
}
