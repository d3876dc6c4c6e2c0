//! What went wrong, found at the root of the client's nested errors and said without the URL they carry, whose query and
//! user part may hold credentials.

use std::{error::Error, io, iter, time::Duration};

use crossdock_core::port::HttpError;
use url::Url;

use crate::{resolve::ResolveError, target::authority};

/// `connect_timeout` is the one limit of time that is the client's own; the exchange's deadline is kept outside of it.
pub(crate) fn explain(error: &reqwest::Error, url: &Url, connect_timeout: Duration) -> HttpError {
    for cause in causes(error) {
        if let Some(found) = cause.downcast_ref::<ResolveError>() {
            return match found.clone() {
                ResolveError::Failed { host, why } => HttpError::Dns { host, why },
                refused @ ResolveError::Refused { .. } => HttpError::AddressRefused(refused.to_string()),
            };
        }
        if let Some(why) = cause.downcast_ref::<rustls::Error>() {
            return HttpError::Tls { host: authority(url), why: why.to_string() };
        }
        if let Some(io) = cause.downcast_ref::<io::Error>()
            && io.kind() == io::ErrorKind::ConnectionRefused
        {
            return HttpError::Refused(authority(url));
        }
    }
    if error.is_connect() && error.is_timeout() {
        return HttpError::Timeout(connect_timeout);
    }
    if error.is_builder() {
        return HttpError::Invalid("the URL is not one that HTTP can carry".into());
    }
    let root = causes(error).last().map_or_else(|| "no reason given".to_owned(), ToString::to_string);
    match error.is_connect() {
        true => HttpError::Broken(format!("no connection to {}: {root}", authority(url))),
        false => HttpError::Broken(root),
    }
}

/// The causes below the error itself, outermost first. An `io::Error` that wraps another error names as its source that
/// one's source, so the wrapped one has to be asked for.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    iter::successors(error.source(), |&cause| match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner as &(dyn Error + 'static)),
        None => cause.source(),
    })
}
