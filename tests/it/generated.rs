//! Files that are generated from the registry are what the code says. `ORGBASE_UPDATE=1 cargo test` writes them anew.

use std::path::Path;

use orgbase::baseline::Baseline;
use orgbase::emit;
use serde_json::Value;

/// Every generated file, by path from the repository's root.
fn generated() -> Vec<(String, String)> {
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap() + "\n";
    let mut files = vec![
        ("docs/reference/controls.md".to_string(), emit::controls::reference()),
        ("docs/reference/coverage.md".to_string(), emit::coverage::coverage()),
        ("docs/reference/baseline.schema.json".to_string(), pretty(&emit::schema::schema())),
    ];
    let cis = Baseline::load(&root().join("baselines/cis.toml")).unwrap();
    let policies = emit::iam::policies(&cis).into_iter();
    files.extend(policies.map(|(name, policy)| (format!("docs/reference/iam/{name}.json"), pretty(&policy))));
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn generated_files_are_current() {
    let update = std::env::var_os("ORGBASE_UPDATE").is_some();
    let generated = generated();
    for (name, text) in &generated {
        let path = root().join(name);
        if update {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            stored == *text,
            "{name} is not current: run `ORGBASE_UPDATE=1 cargo test --test it generated`"
        );
    }
    for entry in std::fs::read_dir(root().join("docs/reference/iam")).unwrap() {
        let name = format!("docs/reference/iam/{}", entry.unwrap().file_name().display());
        assert!(
            generated.iter().any(|(known, _)| *known == name),
            "{name} is not generated any more: delete it"
        );
    }
}
