//! Which routes a message takes.
//!
//! The writer stores the answer with the message, and the bus copies by it; both match the event that EventBridge would
//! see, against the same patterns. No pattern looks at the message's own `routes` (the compiler refuses it), so that the
//! answer is the same before and after it is written into the message.

use crate::{
    hub::Hub,
    id::{EndpointName, MessageId, RouteName},
    message::{Message, MessageRecord},
    pattern::Matcher,
};

/// A message cannot be written as an event.
#[derive(Debug, thiserror::Error)]
#[error("message {message} cannot be routed")]
pub struct RouteError {
    message: MessageId,
    source: serde_json::Error,
}

/// The routes of a hub, ready to match.
#[derive(Debug)]
pub struct Router {
    matcher: Matcher,
    /// In the hub's order; the matcher's numbers are places in it.
    routes: Vec<Target>,
}

#[derive(Debug)]
struct Target {
    route: RouteName,
    endpoint: EndpointName,
    enabled: bool,
}

impl Router {
    pub fn new(hub: &Hub) -> Self {
        let patterns = hub.routes.iter().map(|route| &route.pattern).enumerate();
        let targets = hub.routes.iter().map(|route| Target {
            route: route.name.clone(),
            endpoint: route.to.clone(),
            enabled: route.enabled,
        });
        Self { matcher: Matcher::new(patterns), routes: targets.collect() }
    }

    /// The message with its routes, and beside it the disabled ones that match; both in the hub's order.
    ///
    /// # Errors
    /// The message cannot be written as an event.
    pub fn record(&self, mut message: Message) -> Result<MessageRecord, RouteError> {
        let (enabled, disabled): (Vec<_>, Vec<_>) = self.matching(&message)?.partition(|target| target.enabled);
        let names = |targets: Vec<&Target>| targets.into_iter().map(|target| target.route.clone()).collect();
        message.routes = names(enabled);
        Ok(MessageRecord { message, disabled_routes: names(disabled) })
    }

    /// The enabled routes that match, with their endpoints, in the hub's order: what the bus copies a message to. A route
    /// that matched when the message was stored, and has been changed since, still gets it: it was promised.
    ///
    /// # Errors
    /// The message cannot be written as an event.
    pub fn targets(&self, message: &Message) -> Result<Vec<(RouteName, EndpointName)>, RouteError> {
        let matching: Vec<&RouteName> = self.matching(message)?.map(|target| &target.route).collect();
        let promised = |target: &&Target| matching.contains(&&target.route) || message.routes.contains(&target.route);
        let enabled = self.routes.iter().filter(|target| target.enabled).filter(promised);
        Ok(enabled.map(|target| (target.route.clone(), target.endpoint.clone())).collect())
    }

    fn matching(&self, message: &Message) -> Result<impl Iterator<Item = &Target>, RouteError> {
        let event = message.bus_event().map_err(|source| RouteError { message: message.message_id, source })?;
        let places = self.matcher.matches(&event);
        Ok(places.into_iter().filter_map(|place| self.routes.get(place)))
    }
}

#[cfg(test)]
mod tests;
