//! What is generated from the registry: permissions, the schema, the reference. All of it is pure.

pub mod actions;
pub mod controls;
pub mod iam;
pub mod schema;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::path::Path;

    /// `docs/reference/` holds what `emit` prints. With `ORGBASE_WRITE_DOCS=1` this writes it instead of comparing.
    #[test]
    fn generated_documents_are_current() {
        let schema = serde_json::to_string_pretty(&super::schema::schema()).unwrap() + "\n";
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference");
        let write = std::env::var_os("ORGBASE_WRITE_DOCS").is_some();
        for (name, text) in [("controls.md", super::controls::reference()), ("baseline.schema.json", schema)]
        {
            let path = folder.join(name);
            if write {
                std::fs::write(&path, text).unwrap();
            } else {
                let stored = std::fs::read_to_string(&path).unwrap_or_default();
                let again = "ORGBASE_WRITE_DOCS=1 cargo test --lib emit";
                assert!(stored == text, "docs/reference/{name} is out of date: run `{again}`");
            }
        }
    }
}
