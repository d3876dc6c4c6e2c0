//! Which routes a message takes.
//!
//! The writer stores the answer with the message, and the bus copies by it; both match the event that EventBridge would
//! see, against the same patterns. No pattern looks at the message's own `routes` (the compiler refuses it), so that the
//! answer is the same before and after it is written into the message.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::{
    hub::Hub,
    id::{EndpointName, MessageId, MessageType, RouteName},
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
    /// Places in `routes`.
    by_name: HashMap<RouteName, usize>,
    aliases: BTreeMap<MessageType, MessageType>,
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
        let by_name = hub.routes.iter().enumerate().map(|(place, route)| (route.name.clone(), place));
        Self {
            matcher: Matcher::new(patterns),
            routes: targets.collect(),
            by_name: by_name.collect(),
            aliases: hub.aliases.clone(),
        }
    }

    /// The message with its routes, and beside it the disabled ones that match; both in the hub's order. Every message is
    /// stored as this, so here a type that is an alias becomes the one that it stands for. The id stays what it was made
    /// of: an alias that is added later gives no fact a second id.
    ///
    /// # Errors
    /// The message cannot be written as an event.
    pub fn record(&self, mut message: Message) -> Result<MessageRecord, RouteError> {
        if let Some(canonical) = self.aliases.get(&message.message) {
            message.message = canonical.clone();
        }
        let matching = self.matching(&message)?;
        let (enabled, disabled): (Vec<_>, Vec<_>) = self.at(&matching).partition(|target| target.enabled);
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
        let mut places = self.matching(message)?;
        places.extend(message.routes.iter().filter_map(|promised| self.by_name.get(promised)));
        places.sort_unstable();
        places.dedup();
        let enabled = self.at(&places).filter(|target| target.enabled);
        Ok(enabled.map(|target| (target.route.clone(), target.endpoint.clone())).collect())
    }

    /// What is left of an event when every field goes that no route, enabled or not, looks at. All routes match it as
    /// they match the whole.
    pub fn looked_at(&self, event: &Value) -> Value {
        self.matcher.looked_at(event)
    }

    /// Places in the hub's order.
    fn matching(&self, message: &Message) -> Result<Vec<usize>, RouteError> {
        let event = message.bus_event().map_err(|source| RouteError { message: message.message_id, source })?;
        Ok(self.matcher.matches(&event))
    }

    #[cfg(test)]
    pub(crate) fn matching_event(&self, event: &Value) -> Vec<usize> {
        self.matcher.matches(event)
    }

    fn at(&self, places: &[usize]) -> impl Iterator<Item = &Target> {
        places.iter().filter_map(|place| self.routes.get(*place))
    }
}

#[cfg(test)]
mod tests;
