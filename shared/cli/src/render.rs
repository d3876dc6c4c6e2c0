//! `crossdock render`: the hub's stacks as files, and the hub as it goes into a function's package.
//!
//! The folder of renderings is also their memory: an endpoint that was rendered there and is in the hub file no more
//! would lose what waits in its queue, so that is refused until it was drained or is dropped by name.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use crossdock_core::hub::{self, Faults, LoadedHub};
use crossdock_stack::{Index, Rendering, check, is_rendered, render};

use crate::{
    args::Render,
    context::{Environment, HubFile},
    failure::Failure,
    on_aws, out,
};

pub(crate) fn run(args: &Render, environment: &Environment) -> Result<ExitCode, Failure> {
    let file = HubFile::Path(args.hub.clone());
    if let Some(package) = &args.package {
        return write_package(&file, package, environment);
    }
    let loaded = hub::load_outline(&file.name(), &file.text()?, &|name| environment.variable(name))
        .map_err(|faults| unusable(&file, &faults))?;
    let findings = check(&loaded);
    for note in &findings.notes {
        out::note(&format!("note: {note}"));
    }
    if !findings.faults.is_empty() {
        return Err(Failure::new(format!("{} cannot run on AWS\n{}", file.name(), Faults(findings.faults))));
    }
    leave_none_behind(args, &file, &loaded)?;
    let Rendering { files, .. } = render(&loaded.hub);
    let stale = differences(&args.out, &files)?;
    if args.check {
        return Ok(report(&args.out, &file, &stale));
    }
    write(&args.out, &files, &stale)?;
    out::line(&match stale.len() {
        0 => format!("{}: nothing has changed", args.out.display()),
        changed => format!("{}: {changed} of {} files written", args.out.display(), files.len()),
    });
    Ok(ExitCode::SUCCESS)
}

fn unusable(file: &HubFile, faults: &Faults) -> Failure {
    Failure::new(format!("{} cannot be used\n{faults}", file.name()))
}

/// The hub as JSON, every variable expanded; and only one that can run where it goes.
fn write_package(file: &HubFile, package: &Path, environment: &Environment) -> Result<ExitCode, Failure> {
    let compiled = hub::compile(&file.name(), &file.text()?, &|name| environment.variable(name))
        .map_err(|faults| unusable(file, &faults))?;
    let faults = on_aws::findings(&compiled.loaded).faults;
    if !faults.is_empty() {
        return Err(Failure::new(format!("{} cannot run on AWS\n{}", file.name(), Faults(faults))));
    }
    fs::write(package, compiled.text).map_err(|error| cannot("written", package, &error))?;
    Ok(ExitCode::SUCCESS)
}

fn leave_none_behind(args: &Render, file: &HubFile, loaded: &LoadedHub) -> Result<(), Failure> {
    let path = args.out.join(Index::FILE);
    let Some(text) = existing(&path)? else { return Ok(()) };
    let known: Index = serde_json::from_str(&text).map_err(|error| cannot("read", &path, &io::Error::other(error)))?;
    for dropped in &args.drop {
        let why = if loaded.hub.endpoints.contains_key(dropped) {
            "is still in"
        } else if known.endpoints.contains_key(dropped) {
            continue;
        } else {
            "was not rendered before; it is neither there nor in"
        };
        return Err(Failure::new(format!("--drop {dropped}: that endpoint {why} {}", file.name())));
    }
    let left: Vec<&str> =
        known.undrained(&loaded.hub).filter(|name| !args.drop.contains(name)).map(|name| name.as_str()).collect();
    if left.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} has no endpoint {} any more, and it was not drained: what waits in its queue would never be sent. Put it back \
         with `drain: true`, deploy, and remove it once its queue is empty; or give that up with --drop {}",
        file.name(),
        left.join(", "),
        left.join(" --drop ")
    )))
}

/// What the folder has that it should not have, lacks, or has differently: a line for each file, by its name.
fn differences(folder: &Path, files: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Failure> {
    let mut differences = BTreeMap::new();
    for (name, wanted) in files {
        let difference = match existing(&folder.join(name))? {
            None => "is missing".to_owned(),
            Some(found) if found == *wanted => continue,
            Some(found) => first_difference(&found, wanted),
        };
        differences.insert(name.clone(), difference);
    }
    for name in rendered(folder)?.into_iter().filter(|name| !files.contains_key(name)) {
        differences.insert(name, "belongs to no endpoint of the hub any more".to_owned());
    }
    Ok(differences)
}

fn first_difference(found: &str, wanted: &str) -> String {
    let (found, wanted): (Vec<&str>, Vec<&str>) = (found.lines().collect(), wanted.lines().collect());
    let line = found.iter().zip(&wanted).take_while(|(found, wanted)| found == wanted).count();
    let show = |lines: &[&str]| lines.get(line).map_or("its end".to_owned(), |line| line.trim().to_owned());
    format!("line {}: found {}, expected {}", line + 1, show(&found), show(&wanted))
}

/// The renderings in a folder; there may be none.
fn rendered(folder: &Path) -> Result<Vec<String>, Failure> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| cannot("read", folder, &error))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string().ok().filter(|name| is_rendered(name)));
    }
    Ok(names)
}

fn report(folder: &Path, file: &HubFile, stale: &BTreeMap<String, String>) -> ExitCode {
    if stale.is_empty() {
        out::line(&format!("{} is what {} gives", folder.display(), file.name()));
        return ExitCode::SUCCESS;
    }
    for (name, difference) in stale {
        out::line(&format!("{}: {difference}", folder.join(name).display()));
    }
    out::note(&format!("the rendering of {} is stale; run crossdock render and commit what it writes", file.name()));
    ExitCode::FAILURE
}

fn write(folder: &Path, files: &BTreeMap<String, String>, stale: &BTreeMap<String, String>) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| cannot("made", folder, &error))?;
    for name in stale.keys() {
        let path: PathBuf = folder.join(name);
        match files.get(name) {
            Some(text) => fs::write(&path, text).map_err(|error| cannot("written", &path, &error))?,
            None => fs::remove_file(&path).map_err(|error| cannot("removed", &path, &error))?,
        }
    }
    Ok(())
}

/// `None`: there is no such file.
fn existing(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot("read", path, &error)),
    }
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::of(format!("{} cannot be {what}", path.display()), error)
}
