//! `orgbase import`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Global, say, say_err};
use crate::apply::files;
use crate::baseline::{Baseline, Organization};
use crate::error::RunError;
use crate::import::Imported;
use crate::report::progress::Bar;
use crate::report::text::safe;
use crate::run::import::{Start, import};

/// Region that is asked first where nothing names one: where AWS Organizations lives.
const DEFAULT_HOME: &str = "us-east-1";

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Folder of the baseline to make; it must not exist, or be empty
    #[arg(long, value_name = "DIR", default_value = "baseline")]
    out: PathBuf,
    /// Role in the member accounts, in place of the baseline's `access_role` and `plan_role`; one of an account's own stays
    #[arg(long, value_name = "NAME")]
    access_role: Option<String>,
}

impl ImportArgs {
    pub(crate) async fn run(&self, global: &Global) -> Result<u8, RunError> {
        refuse_existing(&self.out)?;
        check_place(&self.out)?;
        let place = super::plan::place(global, true);
        let bar = Bar::new("import", 0, global.shows_progress());
        let organization = self.organization(global)?;
        let start = Start {
            place: &place,
            organization,
            home_given: ImportArgs::home_given(global),
            folder: &self.out,
        };
        let imported = Box::pin(import(start, &super::plan::on_ctrl_c(), &bar)).await?;
        drop(bar);
        write(&self.out, &imported)?;
        say(&summary(&self.out, &imported));
        for what in &imported.unread {
            say_err(&format!("not read: {what}"));
        }
        Ok(if imported.unread.is_empty() { 0 } else { 3 })
    }

    /// Whether somebody says which region is home.
    fn home_given(global: &Global) -> bool {
        global.file_given || global.file.is_file() || region_of_environment().is_some()
    }

    /// `[organization]` of the user's baseline where there is one, else the home region of the environment.
    fn organization(&self, global: &Global) -> Result<Organization, RunError> {
        let mut organization = if global.file_given || global.file.is_file() {
            Baseline::load(&global.file)?.organization
        } else {
            let home = region_of_environment().unwrap_or_else(|| DEFAULT_HOME.into());
            let text = format!("version = 1\n[organization]\nhome_region = {}\n", toml::Value::from(home));
            Baseline::parse("import", &text)?.organization
        };
        if let Some(role) = &self.access_role {
            organization.access_role.clone_from(role);
            organization.plan_role = None;
        }
        Ok(organization)
    }
}

fn region_of_environment() -> Option<String> {
    let named = ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|name| std::env::var(name).ok());
    named.filter(|region| !region.is_empty())
}

/// A folder with something in it is never written to.
fn refuse_existing(folder: &Path) -> Result<(), RunError> {
    let name = folder.display();
    let refused = |why: &str| {
        RunError::new(format!("{name} {why}: import overwrites nothing"))
            .hint("name a new folder with --out DIR, or move what is there away")
    };
    match std::fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            Some(_) => Err(refused("is not empty")),
            None => Ok(()),
        },
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(_) if folder.is_file() => Err(refused("is a file")),
        Err(e) => Err(RunError::new(format!("cannot read the folder {name}: {}", e.kind()))),
    }
}

/// Makes the folder before everything is read, and puts it away again: reading may fail.
fn check_place(folder: &Path) -> Result<(), RunError> {
    let is_new = !folder.exists();
    let made = std::fs::create_dir_all(folder).and_then(|()| files::can_write(&folder.join("probe")));
    made.map_err(|e| failed(folder, &e).hint("name a folder that can be made with --out DIR"))?;
    if is_new {
        std::fs::remove_dir(folder).map_err(|e| failed(folder, &e))?;
    }
    Ok(())
}

fn failed(path: &Path, error: &std::io::Error) -> RunError {
    RunError::new(format!("cannot write {}: {}", path.display(), error.kind()))
}

/// Writes the files, none over another one.
fn write(folder: &Path, imported: &Imported) -> Result<(), RunError> {
    for (name, text) in &imported.files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|e| failed(parent, &e))?;
        let mut file = std::fs::File::create_new(&path).map_err(|e| failed(&path, &e))?;
        std::io::Write::write_all(&mut file, text.as_bytes()).map_err(|e| failed(&path, &e))?;
    }
    Ok(())
}

/// What was made, and what was not.
fn summary(folder: &Path, imported: &Imported) -> String {
    let Imported { files, accounts, unmanaged, sections, left_out, notices, .. } = imported;
    let mut text = format!(
        "{}: {} files, {accounts} accounts, {} sections\n  {}\n",
        folder.display(),
        files.len(),
        sections.len(),
        sections.join(", ")
    );
    if !unmanaged.is_empty() {
        let _ = writeln!(text, "not managed, because their role cannot be assumed:");
        for (account, why) in unmanaged {
            let _ = writeln!(text, "  {account}: {}", safe(why));
        }
    }
    if !left_out.is_empty() {
        let _ = writeln!(text, "not imported:");
        for (what, why) in left_out {
            let _ = writeln!(text, "  {}: {}", safe(what), safe(why));
        }
    }
    for notice in notices {
        let _ = writeln!(text, "note: {}", safe(notice));
    }
    let _ = write!(text, "next: orgbase plan -f {}", folder.display());
    text
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_folder_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        assert!(refuse_existing(folder.path()).is_ok());
        assert!(refuse_existing(&folder.path().join("new")).is_ok());
        let file = folder.path().join("x");
        std::fs::write(&file, "").unwrap();
        assert!(refuse_existing(folder.path()).unwrap_err().to_string().contains("overwrites nothing"));
        assert!(refuse_existing(&file).is_err());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_found_out_first() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("new");
        check_place(&new).unwrap();
        assert!(!new.exists());
        let file = folder.path().join("x");
        std::fs::write(&file, "").unwrap();
        let error = check_place(&file.join("new")).unwrap_err();
        assert!(error.hints[0].contains("--out"), "{error:?}");
    }
}
