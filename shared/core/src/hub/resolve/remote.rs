//! A collection that is read through an endpoint. Everything about asking the source itself then stands for nothing.

use std::collections::BTreeMap;

use super::{
    request::Request,
    route::{known_endpoint, parameter},
};
use crate::{
    hub::{
        decode::At,
        description::{CollectionPart, RemotePart},
        fault::Report,
        model::{Pages, Remote},
    },
    id::EndpointName,
    json::FieldPath,
    port::Method,
};

pub(super) fn remote(
    At { place, value: part, .. }: &At<RemotePart>,
    of: &CollectionPart,
    endpoints: Option<&[&str]>,
    report: &mut Report,
) -> Option<Remote> {
    let others = [
        ("request", of.request.is_some()),
        ("items", of.items.is_some()),
        ("since", of.since.is_some()),
        ("pages", of.pages.is_some()),
    ];
    for (name, _) in others.iter().filter(|(_, is_there)| *is_there) {
        report.fault(place, format!("expected either `remote` or `{name}`, found both: the endpoint asks the source"));
    }
    let endpoint = part.endpoint.as_ref()?;
    known_endpoint(endpoint, endpoints, report);
    let parameters = part.parameters.clone().unwrap_or_default();
    Some(Remote {
        endpoint: EndpointName::new(&endpoint.value).ok()?,
        path: part.path.clone().unwrap_or_default().0,
        parameters: parameters.0.into_iter().filter_map(|(key, value)| Some((key.text, parameter(value?)))).collect(),
    })
}

/// The answer's parameters are a cursor to come back to.
pub(super) fn request() -> Request {
    Request {
        path: String::new(),
        query: BTreeMap::new(),
        method: Method::Post,
        body: None,
        since: None,
        pages: Pages::Cursor { param: None, next: FieldPath::root(), more: None, resume: true },
    }
}
