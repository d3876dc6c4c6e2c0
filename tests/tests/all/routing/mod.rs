//! What a hub file says of routes beyond who gets what: `once_per`, aliases, secrets in parameters, routes that are
//! disabled; the commands that look at what became of promises; and an endpoint that describes itself.

mod adding;
mod claims;
mod looking;
