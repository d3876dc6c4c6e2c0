//! Which routes a message takes.
//!
//! The writer stores the answer with the message, and the bus copies by it; both match the event that EventBridge would
//! see, against the same patterns. No pattern looks at the message's own `routes` (the compiler refuses it), so that the
//! answer is the same before and after it is written into the message.

use crate::{
    hub::Hub,
    id::{EndpointName, RouteName},
    message::{Message, MessageRecord},
    pattern::{Matcher, MatcherError},
};

/// The hub's routes cannot be matched, or a message cannot.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    #[error("the hub's routes cannot be matched")]
    Routes(#[source] MatcherError),
    #[error("message {message} cannot be routed")]
    Message { message: String, source: MatcherError },
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
    /// # Errors
    /// A pattern is too large to be matched in process; `check` refuses such a hub.
    pub fn new(hub: &Hub) -> Result<Self, RouteError> {
        let patterns = hub.routes.iter().map(|route| &route.pattern).enumerate();
        let targets = hub.routes.iter().map(|route| Target {
            route: route.name.clone(),
            endpoint: route.to.clone(),
            enabled: route.enabled,
        });
        Ok(Self { matcher: Matcher::new(patterns).map_err(RouteError::Routes)?, routes: targets.collect() })
    }

    /// The message with its routes, and beside it the disabled ones that match; both in the hub's order.
    ///
    /// # Errors
    /// The message cannot be matched.
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
    /// The message cannot be matched.
    pub fn targets(&self, message: &Message) -> Result<Vec<(RouteName, EndpointName)>, RouteError> {
        let matching: Vec<&RouteName> = self.matching(message)?.map(|target| &target.route).collect();
        let promised = |target: &&Target| matching.contains(&&target.route) || message.routes.contains(&target.route);
        let enabled = self.routes.iter().filter(|target| target.enabled).filter(promised);
        Ok(enabled.map(|target| (target.route.clone(), target.endpoint.clone())).collect())
    }

    fn matching(&self, message: &Message) -> Result<impl Iterator<Item = &Target>, RouteError> {
        let event = message.bus_event().to_string();
        let places = self
            .matcher
            .matches(event.as_bytes())
            .map_err(|source| RouteError::Message { message: message.message_id.to_string(), source })?;
        Ok(places.into_iter().filter_map(|place| self.routes.get(place)))
    }
}

#[cfg(test)]
mod tests;
