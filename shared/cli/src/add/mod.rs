//! `crossdock add endpoint URL`: an endpoint and its routes, as the endpoint itself proposes them.
//!
//! [`fetch`] asks for what the endpoint says of itself, the core reads it (`hub::offer`), [`propose`] makes entries of a hub
//! file of it, and the core puts them into the file's text ([`edit`]). The result is shown as a diff. It is written only if
//! it is a hub without faults that says what the file said before and the proposal, and nothing else; and only once
//! somebody has said yes.
//!
//! Deliberately absent: changing an endpoint that is there. What was added is the file's, to be gone on with by hand.

mod fetch;
mod propose;

use std::{
    fs,
    io::{self, BufRead, Write},
    path::Path,
};

use crossdock_core::{
    hub::{self, Compiled, Hub, edit},
    id::EndpointName,
    url::shown,
};
use similar::TextDiff;

use self::propose::Proposal;
use crate::{
    args::{Add, AddCommand, AddEndpoint},
    context::{Environment, HubFile, say_notes},
    failure::Failure,
    out, redact,
};

pub(crate) async fn run(args: Add, environment: &Environment) -> Result<(), Failure> {
    let AddCommand::Endpoint(args) = args.command;
    let HubFile::Path(path) = HubFile::own(args.hub.as_deref())? else {
        return Err(Failure::new("the sample cannot be added to"));
    };
    let file = path.display().to_string();
    let text = HubFile::Path(path.clone()).text()?;
    let compile = |text: &str, what: &str| {
        let compiled = hub::compile(&file, text, &|name| environment.variable(name));
        compiled.map_err(|faults| Failure::new(format!("{what}\n{faults}")))
    };
    let before = compile(&text, &format!("{file} has faults; mend them first"))?;
    if let Some((name, _)) = args.url.query_pairs().find(|(name, _)| redact::is_secret(name)) {
        return Err(Failure::new(format!(
            "{name} in the address is a credential, which does not belong into a file: leave it out here, and add it to the \
             file afterwards, as ${{A_VARIABLE}}"
        )));
    }
    let offer = fetch::offer(&args.url, &before.loaded.hub).await?;
    let name = name(&args, &offer.name, &before.loaded.hub)?;
    let proposal = Proposal::of(&offer, &name, &args.url, &before.loaded.hub);

    let patched = edit::add(&text, &proposal.endpoint, &proposal.routes)
        .map_err(|error| Failure::new(format!("{file} cannot be added to: {error}; add this by hand\n\n{proposal}")))?;
    let diff = TextDiff::from_lines(&text, &patched);
    let diff = diff.unified_diff().context_radius(3).header(&file, &file).to_string();
    let what =
        format!("with what {} proposes, {file} would have faults; nothing was written\n{diff}", shown(&args.url));
    let after = compile(&patched, &what)?;
    if !is_addition(&before, &after, &name, &proposal) {
        return Err(Failure::new(format!(
            "{file} is written in a way in which nothing can be added to it safely; add this by hand\n\n{proposal}"
        )));
    }

    out::line(diff.trim_end());
    say_notes(&after.loaded);
    if !args.yes && !is_confirmed(&file)? {
        out::note("nothing was written");
        return Ok(());
    }
    write(&path, &text, &patched)?;
    out::note(&format!("{file} is written"));
    for line in &proposal.to_do {
        out::note(&format!("  {line}"));
    }
    Ok(())
}

fn is_addition(before: &Compiled, after: &Compiled, name: &EndpointName, proposal: &Proposal) -> bool {
    edit::only_adds(&before.text, &after.text, name.as_str(), proposal.routes.len())
}

fn name(args: &AddEndpoint, offered: &EndpointName, hub: &Hub) -> Result<EndpointName, Failure> {
    let name = args.name.as_ref().unwrap_or(offered);
    match hub.endpoints.get(name) {
        None => Ok(name.clone()),
        Some(there) => Err(Failure::new(format!(
            "the hub has an endpoint {name} already, at {}; name this one with --name",
            shown(&there.url)
        ))),
    }
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
