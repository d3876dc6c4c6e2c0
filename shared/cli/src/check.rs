//! `crossdock check`.

use std::{path::Path, process::ExitCode};

use crossdock_core::hub::{self, Channel, Fault, Faults, LoadedHub};

use crate::{
    args::{Check, STATE, Target},
    context::{Environment, HubFile, say_missing, say_notes},
    failure::Failure,
    on_aws, out,
};

pub(crate) async fn run(args: &Check, environment: &Environment) -> Result<ExitCode, Failure> {
    let file = HubFile::of(args.file.as_deref());
    let text = file.text()?;
    let loaded = match file {
        HubFile::Path(_) => hub::load(&file.name(), &text, &|name| environment.variable(name)),
        // Its servers need not run for their file to be checked.
        HubFile::Sample => hub::load_outline(&file.name(), &text, &|_| None),
    };
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(Faults(faults)) => return Ok(refuse(&file, &faults)),
    };
    say_notes(&loaded);
    if args.target == Target::Local {
        for note in only_on_aws(&loaded) {
            out::note(&format!("note: {note}"));
        }
        // The sample brings its own.
        if let HubFile::Path(_) = file {
            let state = Path::new(STATE).join(loaded.hub.name.as_str());
            say_missing(&loaded, &environment.secrets(&state)).await;
        }
    }
    if args.target == Target::Aws {
        let findings = on_aws::findings(&loaded);
        for note in &findings.notes {
            out::note(&format!("note: {note}"));
        }
        if !findings.faults.is_empty() {
            return Ok(refuse(&file, &findings.faults));
        }
    }
    if args.expand {
        let whole = hub::effective(&file.name(), &text, &|name| environment.variable(name));
        out::line(&whole.map_err(|faults| Failure::new(faults.to_string()))?);
        return Ok(ExitCode::SUCCESS);
    }
    let hub = &loaded.hub;
    let collections: usize = hub.sources.values().map(|source| source.collections.len()).sum();
    out::line(&format!(
        "{}: {} is fine{}: {} with {}, {}, {}",
        file.name(),
        hub.name,
        if args.target == Target::Aws { " for AWS" } else { "" },
        counted(hub.sources.len(), "source"),
        counted(collections, "collection"),
        counted(hub.endpoints.len(), "endpoint"),
        counted(hub.routes.len(), "route"),
    ));
    for webhook in hub.webhooks.values() {
        let way = match &webhook.from {
            Channel::Http => format!("POST /webhooks/{}", webhook.id),
            Channel::Queue(arn) => format!("the queue {arn}"),
            Channel::Bus(name) => format!("the bus {name}"),
        };
        let (id, provider, source) = (&webhook.id, webhook.provider.as_str(), &webhook.source);
        out::line(&format!("webhook {id}: {way}, {provider}, for {source}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Ways in that are AWS's own. The rest of such a hub works here all the same.
fn only_on_aws(loaded: &LoadedHub) -> Vec<Fault> {
    let ways = loaded.hub.webhooks.iter().filter_map(|(id, webhook)| {
        let (key, message) = match &webhook.from {
            Channel::Http => return None,
            Channel::Queue(_) => ("queue", "a queue is read on AWS only; here nothing comes through it"),
            Channel::Bus(_) => ("bus", "a bus is listened to on AWS only; here nothing comes through it"),
        };
        let try_it = "try it out on a webhook without `from`, with crossdock send FILE --to ID".to_owned();
        Some(loaded.places.fault(&format!("webhooks.{id}.from.{key}"), message.to_owned(), Some(try_it)))
    });
    ways.collect()
}

fn refuse(file: &HubFile, faults: &[Fault]) -> ExitCode {
    for fault in faults {
        out::line(&fault.to_string());
    }
    out::note(&format!("{}: {}", file.name(), counted(faults.len(), "fault")));
    ExitCode::FAILURE
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
