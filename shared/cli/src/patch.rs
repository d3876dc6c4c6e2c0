//! Changing a hub file: what is proposed is shown as a diff, and is written once somebody has said yes.
//!
//! It is written only if it is a hub without faults that says what the file said before and the proposal, and nothing else.
//! Every byte that is not part of the proposal stays.

use std::{
    fs,
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
};

use crossdock_core::hub::{self, Compiled, edit::EditError};
use similar::TextDiff;

use crate::{
    context::{Environment, HubFile, say_notes},
    failure::Failure,
    out,
};

/// A hub file without faults, that is to be changed.
pub(crate) struct Patch<'a> {
    path: PathBuf,
    pub(crate) text: String,
    pub(crate) before: Compiled,
    environment: &'a Environment,
}

impl<'a> Patch<'a> {
    pub(crate) fn of(hub: Option<&Path>, environment: &'a Environment) -> Result<Self, Failure> {
        let HubFile::Path(path) = HubFile::own(hub)? else {
            return Err(Failure::new("the sample cannot be changed"));
        };
        let text = HubFile::Path(path.clone()).text()?;
        let what = format!("{} has faults; mend them first", path.display());
        let before = compile(&path, &text, environment, &what)?;
        Ok(Self { path, text, before, environment })
    }

    pub(crate) fn file(&self) -> String {
        self.path.display().to_string()
    }

    /// Shows what is proposed, asks, and writes; whether it was written. `by_hand` is what to write where a program cannot.
    pub(crate) fn propose(
        self,
        proposed: Result<String, EditError>,
        by_hand: &str,
        is_as_meant: impl FnOnce(&Compiled, &Compiled) -> bool,
        yes: bool,
    ) -> Result<bool, Failure> {
        let file = self.file();
        let proposed = proposed.map_err(|error| {
            Failure::new(format!("{file} cannot be changed: {error}; do this by hand\n\n{by_hand}"))
        })?;
        let diff = TextDiff::from_lines(&self.text, &proposed);
        let diff = diff.unified_diff().context_radius(3).header(&file, &file).to_string();
        let what = format!("with what is proposed, {file} would have faults; nothing was written\n{diff}");
        let after = compile(&self.path, &proposed, self.environment, &what)?;
        if !is_as_meant(&self.before, &after) {
            return Err(Failure::new(format!(
                "{file} is written in a way in which it cannot be changed safely; do this by hand\n\n{by_hand}"
            )));
        }
        out::line(diff.trim_end());
        say_notes(&after.loaded);
        if !yes && !is_confirmed(&file)? {
            out::note("nothing was written");
            return Ok(false);
        }
        write(&self.path, &self.text, &proposed)?;
        out::note(&format!("{file} is written"));
        Ok(true)
    }
}

fn compile(path: &Path, text: &str, environment: &Environment, what: &str) -> Result<Compiled, Failure> {
    let compiled = hub::compile(&path.display().to_string(), text, &|name| environment.variable(name));
    compiled.map_err(|faults| Failure::new(format!("{what}\n{faults}")))
}

/// Who says nothing has not said yes.
fn is_confirmed(file: &str) -> Result<bool, Failure> {
    let asked = |error: io::Error| Failure::of("nobody could be asked", &error);
    let mut terminal = io::stderr().lock();
    write!(terminal, "Write this to {file}? [y/N] ").and_then(|()| terminal.flush()).map_err(asked)?;
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer).map_err(asked)?;
    if read == 0 {
        writeln!(terminal, "(nobody answers; --yes says yes)").map_err(asked)?;
    }
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// The whole file or nothing, and only over what was looked at.
fn write(path: &Path, before: &str, after: &str) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::of(format!("{} cannot be written", path.display()), &error);
    // A link stays one.
    let path = fs::canonicalize(path).map_err(failed)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.new"));
    let permissions = fs::metadata(&path).map_err(failed)?.permissions();
    let written = || {
        let mut file = fs::File::create(&beside)?;
        file.set_permissions(permissions)?;
        file.write_all(after.as_bytes())?;
        file.sync_all()
    };
    if let Err(error) = written() {
        // What is left of it is of no use, and there is no more to say than why.
        let _ = fs::remove_file(&beside);
        return Err(failed(error));
    }
    if fs::read_to_string(&path).map_err(failed)? != before {
        let _ = fs::remove_file(&beside);
        return Err(Failure::new(format!("{} has changed in the meantime; nothing was written", path.display())));
    }
    fs::rename(&beside, &path).map_err(failed)
}
