//! Rules about the source itself.

use std::path::{Path, PathBuf};

use regex::Regex;

/// Longest file.
const MAX_LINES: usize = 500;

/// What `src/controls` may not know: the engine, the command line, and how reports look.
const NOT_FOR_CONTROLS: [&str; 7] = [
    "crate::units",
    "crate::plan",
    "crate::apply",
    "crate::run",
    "crate::cli",
    "crate::report::human",
    "crate::sandbox",
];

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The file without its test module, and without comments.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let end =
        Regex::new(r"(?m)^#\[cfg\(test\)\]\n(#.*\n)*(pub(\(crate\))? )?mod \w+ \{").unwrap().find(&text);
    let text = &text[..end.map_or(text.len(), |m| m.start())];
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn is_test(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.ends_with("tests.rs")
        || name.contains("/tests/")
        || name.ends_with("/lab.rs")
        || name.ends_with("/testing.rs")
}

#[test]
fn controls_do_not_know_the_engine() {
    for path in rust_files("src/controls") {
        let code = code(&path);
        for name in NOT_FOR_CONTROLS {
            assert!(!code.contains(name), "{} uses {name}", path.display());
        }
    }
}

#[test]
fn files_are_short() {
    let long: Vec<String> = ["src", "tests", "examples"]
        .into_iter()
        .flat_map(rust_files)
        .map(|path| (std::fs::read_to_string(&path).unwrap().lines().count(), path))
        .filter(|(lines, _)| *lines >= MAX_LINES)
        .map(|(lines, path)| format!("{} has {lines} lines", path.display()))
        .collect();
    assert_eq!(long, Vec::<String>::new());
}

/// The partition is data.
#[test]
fn no_arn_is_written_out() {
    let literal = "\"arn:aws:";
    for path in rust_files("src").into_iter().filter(|p| !is_test(p)) {
        assert!(!code(&path).contains(literal), "{} has a literal ARN of one partition", path.display());
    }
}
