//! The hub as a whole: the `crossdock` binary in a process of its own, between sources and endpoints that the tests play.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod aws;
#[cfg(test)]
mod check;
#[cfg(test)]
mod conversation;
#[cfg(test)]
mod cost;
#[cfg(test)]
mod dependencies;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod draining;
#[cfg(test)]
mod endpoints;
#[cfg(test)]
mod expiry;
#[cfg(test)]
mod first_minutes;
#[cfg(test)]
mod functions;
#[cfg(test)]
mod incoming;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod json_server;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod layout;
#[cfg(test)]
mod marketplacer;
#[cfg(test)]
mod ordered;
#[cfg(test)]
mod patterns;
#[cfg(test)]
mod paused;
#[cfg(test)]
mod presets;
#[cfg(test)]
mod push;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod render;
#[cfg(test)]
mod routing;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod soak;
#[cfg(test)]
mod source_shapes;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod support;
#[cfg(test)]
mod template;
#[cfg(test)]
mod told;
#[cfg(test)]
mod two_hubs;
#[cfg(test)]
mod waiting;
#[cfg(test)]
mod webhooks;
