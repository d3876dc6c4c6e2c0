//! Routes: which endpoint they name, and what their filters are as patterns.

use std::collections::{BTreeMap, BTreeSet};

use super::{MONTH, SHORTEST_TERM, aliases, within, words::Words};
use crate::{
    hub::{
        alternatives::{ParameterPart, Pattern},
        decode::{At, AtLeastOne},
        description::{FilterPart, HubFile, OncePerPart, RoutePart},
        fault::{Place, Report, did_you_mean, one_of},
        model::{OncePer, Parameter, Route},
        tree::{Content, Entry, Node},
        values::Span,
    },
    id::{EndpointName, MessageType},
    json::FieldPath,
    pattern::{self, EventPattern, FaultAt, Filter, MOST_WILDCARDS, PatternFault, TypePattern},
};

pub(super) fn routes(
    root: &Node,
    file: &HubFile,
    words: &Words<'_>,
    aliases: &BTreeMap<MessageType, MessageType>,
    report: &mut Report,
) -> Vec<Route> {
    let endpoints = endpoint_names(root, file);
    let draining: BTreeSet<&str> = file
        .endpoints
        .iter()
        .flat_map(|endpoints| &endpoints.0)
        .filter(|(_, part)| part.as_ref().and_then(|part| part.drain.as_ref()).is_some_and(|drain| drain.0))
        .map(|(key, _)| key.text.as_str())
        .collect();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let collections = file.sources.iter().flat_map(|sources| &sources.0).filter_map(|(_, source)| source.as_ref());
    let collections = collections.flat_map(|source| &source.0.collections).flat_map(|collections| &collections.0);
    let remotes = collections.filter_map(|(_, part)| part.as_ref()?.remote.as_ref()?.value.endpoint.as_ref());
    let mut used: BTreeSet<&str> = remotes.map(|endpoint| endpoint.value.as_str()).collect();
    let mut routes = Vec::new();
    let mut wildcards = Vec::new();
    for At { place, value: part, .. } in file.routes.as_deref().unwrap_or_default() {
        if let Some(At { place, value: name, .. }) = &part.name {
            if let Some(line) = seen.get(name.as_str()) {
                report.fault(place, format!("two routes are called {name}; the first is on line {line}"));
            } else {
                seen.insert(name.to_string(), place.line);
            }
        }
        if let Some(to) = &part.to {
            used.insert(&to.value);
            known_endpoint(to, endpoints.as_deref(), report);
        }
        let Some(mut route) = route(place, part, words, aliases, report) else { continue };
        route.enabled &= !draining.contains(route.to.as_str());
        if route.pattern.uses_wildcard() {
            wildcards.push(place);
        }
        routes.push(route);
    }
    if let Some(place) = wildcards.get(MOST_WILDCARDS) {
        let count = wildcards.len();
        let message = format!(
            "{count} routes have a wildcard (like, contains); EventBridge takes {MOST_WILDCARDS} of them on a bus, and this \
             is the first beyond"
        );
        report.fault(place, message);
    }
    for (key, _) in file.endpoints.iter().flat_map(|endpoints| &endpoints.0) {
        if !used.contains(key.text.as_str()) {
            report.note(&key.place, "no route goes to this endpoint, and no collection is read through it", None);
        }
    }
    routes
}

/// `None`: they could not be read at all, which is one fault and not one of everything that names one.
pub(super) fn endpoint_names<'a>(root: &Node, file: &'a HubFile) -> Option<Vec<&'a str>> {
    let endpoints = file.endpoints.as_ref().map(|endpoints| endpoints.names().collect::<Vec<_>>());
    if root.get("endpoints").is_some() { endpoints } else { Some(Vec::new()) }
}

/// What is named must be there.
pub(super) fn known_endpoint(named: &At<String>, endpoints: Option<&[&str]>, report: &mut Report) {
    let Some(endpoints) = endpoints.filter(|endpoints| !endpoints.contains(&named.value.as_str())) else { return };
    let known = match endpoints {
        [] => "there are none".to_owned(),
        names => format!("expected {}", one_of(names)),
    };
    let message = format!("no endpoint is called {}; {known}", named.shown);
    report.suggest(&named.place, message, did_you_mean(&named.value, endpoints.iter().copied()));
}

fn route(
    place: &Place,
    part: &RoutePart,
    words: &Words<'_>,
    aliases: &BTreeMap<MessageType, MessageType>,
    report: &mut Report,
) -> Option<Route> {
    let messages: Option<Vec<TypePattern>> = part.messages.as_ref().map(|AtLeastOne(messages)| {
        messages.iter().for_each(|message| words.look(message, report));
        messages.iter().for_each(|message| aliases::look(message, aliases, report));
        messages.iter().map(|message| aliases::canonical(&message.value, aliases)).collect()
    });
    // Each was a fault of its own already.
    let messages = messages.filter(|messages| !messages.is_empty());
    if let (Some(filters), Some(_)) = (&part.filters, &part.pattern) {
        report.fault(&filters.place, "expected filters or a pattern, found both");
    }
    if let (Some(combine), Some(_), None) = (&part.combine, &part.pattern, &part.filters) {
        report.fault(&combine.place, "match is about filters, and this route has a pattern in their place");
    }
    let pattern = match &part.pattern {
        Some(Pattern(node)) => raw(place, node, messages.as_deref(), report),
        None => filtered(place, part, messages.as_deref(), words, report),
    };
    let parameters = part.parameters.clone().unwrap_or_default();
    let once_per = part.once_per.as_ref().map(|part| once_per(part, words, report));
    Some(Route {
        name: part.name.clone()?.value,
        enabled: part.enabled.is_none_or(|flag| flag.0),
        pattern: pattern?,
        to: EndpointName::new(&part.to.as_ref()?.value).ok()?,
        path: part.path.clone().unwrap_or_default().0,
        parameters: parameters.0.into_iter().filter_map(|(key, value)| Some((key.text, parameter(value?)))).collect(),
        once_per,
    })
}

pub(super) fn parameter(part: ParameterPart) -> Parameter {
    match part {
        ParameterPart::Value(value) => Parameter::Value(value),
        ParameterPart::Secret(secret) => Parameter::Secret(secret),
    }
}

fn once_per(part: &OncePerPart, words: &Words<'_>, report: &mut Report) -> OncePer {
    let mut keys: Vec<FieldPath> = Vec::new();
    for At { place, value, shown } in part.keys.iter().flat_map(|AtLeastOne(keys)| keys) {
        // No key of a collection has a dot in its name.
        let path = if value.contains('.') { value.clone() } else { format!("keys.{value}") };
        let at = At { place: place.clone(), value: path, shown: shown.clone() };
        if !words.check(&at, report) {
            continue;
        }
        match at.value.parse() {
            Ok(path) if keys.contains(&path) => report.fault(place, format!("{shown} is here twice")),
            Ok(path) => keys.push(path),
            Err(_) => {}
        }
    }
    let window = within(part.window.as_ref(), SHORTEST_TERM..=Span::LONGEST, report);
    OncePer { keys, window: window.unwrap_or(MONTH) }
}

fn filtered(
    place: &Place,
    part: &RoutePart,
    messages: Option<&[TypePattern]>,
    words: &Words<'_>,
    report: &mut Report,
) -> Option<EventPattern> {
    let parts = part.filters.as_ref().map(|filters| filters.value.as_slice()).unwrap_or_default();
    let mut places = Vec::new();
    let mut filters = Vec::new();
    for At { place, value: FilterPart { path, operator, value }, .. } in parts {
        let sound = path.as_ref().is_some_and(|path| words.check(path, report));
        if let (true, Some(path), Some(operator)) = (sound, path, operator) {
            places.push(place);
            let value = value.as_ref().map(|value| value.0.clone());
            filters.push(Filter { path: path.value.clone(), operator: *operator, value });
        }
    }
    let combine = part.combine.as_ref().map(|combine| combine.value).unwrap_or_default();
    tell(pattern::compile(messages?, &filters, combine), report, |at| match at {
        FaultAt::Filter(index) => places.get(*index).copied().unwrap_or(place),
        FaultAt::Raw(_) | FaultAt::Route => place,
    })
}

fn raw(place: &Place, node: &Node, messages: Option<&[TypePattern]>, report: &mut Report) -> Option<EventPattern> {
    if refuse_current(node, &mut Vec::new(), report) {
        return None;
    }
    tell(pattern::compile_raw(messages?, &node.to_json()), report, |at| match at {
        FaultAt::Raw(pointer) => &node.pointer(pointer).place,
        FaultAt::Filter(_) | FaultAt::Route => place,
    })
}

fn tell<'a>(
    compiled: Result<EventPattern, Vec<PatternFault>>,
    report: &mut Report,
    place: impl Fn(&FaultAt) -> &'a Place,
) -> Option<EventPattern> {
    match compiled {
        Ok(pattern) => Some(pattern),
        Err(faults) => {
            for PatternFault { at, message } in faults {
                report.fault(place(&at), message);
            }
            None
        }
    }
}

pub(super) const CURRENT: &str = "`current` is only known at the moment of an attempt, so no route can look at it";

/// Whether a pattern looks at `payload.<anything>.current`, through its `$or`s too.
fn refuse_current<'a>(node: &'a Node, way: &mut Vec<&'a str>, report: &mut Report) -> bool {
    let mut refused = false;
    match &node.content {
        Content::Map(entries) => {
            for Entry { key, value } in entries {
                if key.text == "$or" {
                    refused |= refuse_current(value, way, report);
                    continue;
                }
                way.push(&key.text);
                if matches!(way.strip_prefix(&["detail"]).unwrap_or(way), ["payload", _, "current"]) {
                    report.suggest(&key.place, CURRENT, Some("write `actual`".to_owned()));
                    refused = true;
                }
                refused |= refuse_current(value, way, report);
                way.pop();
            }
        }
        Content::List(items) => {
            for item in items {
                refused |= refuse_current(item, way, report);
            }
        }
        Content::Scalar { .. } | Content::Unusable => {}
    }
    refused
}
