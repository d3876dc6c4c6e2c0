//! `crossdock check`.

use std::process::ExitCode;

use crossdock_core::hub;

use crate::{
    args::Check,
    context::{Environment, HubFile, SampleSettings, say_notes},
    failure::Failure,
    out,
};

pub(crate) fn run(args: &Check, environment: &Environment) -> Result<ExitCode, Failure> {
    let file = HubFile::of(args.file.as_deref());
    let environment = match file {
        HubFile::Path(_) => environment.clone(),
        HubFile::Sample => environment.with(&placeholders()),
    };
    let text = file.text()?;
    match hub::load(&file.name(), &text, &|name| environment.variable(name)) {
        Ok(loaded) => {
            say_notes(&loaded);
            let hub = &loaded.hub;
            let collections: usize = hub.sources.values().map(|source| source.collections.len()).sum();
            out::line(&format!(
                "{}: {} is fine: {} with {}, {}, {}",
                file.name(),
                hub.name,
                counted(hub.sources.len(), "source"),
                counted(collections, "collection"),
                counted(hub.endpoints.len(), "endpoint"),
                counted(hub.routes.len(), "route"),
            ));
            Ok(ExitCode::SUCCESS)
        }
        Err(faults) => {
            for fault in &faults.0 {
                out::line(&fault.to_string());
            }
            out::note(&format!("{}: {}", file.name(), counted(faults.0.len(), "fault")));
            Ok(ExitCode::FAILURE)
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The sample's servers need not run for its file to be checked.
fn placeholders() -> SampleSettings {
    let names = crossdock_sample::HUB_FILE.split("${").skip(1).filter_map(|rest| rest.split(['}', ':']).next());
    SampleSettings {
        environment: names.map(|name| (name.to_owned(), "http://127.0.0.1".to_owned())).collect(),
        ..SampleSettings::default()
    }
}
