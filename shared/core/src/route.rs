//! stand-in
use crate::{
    hub::Hub,
    id::{EndpointName, RouteName},
    message::{Message, MessageRecord},
};
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RouteError(String);
pub struct Router {
    matcher: quamina::Quamina<usize>,
    routes: Vec<(RouteName, EndpointName, bool)>,
}
impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Router")
    }
}
impl Router {
    pub fn new(hub: &Hub) -> Result<Self, RouteError> {
        let mut matcher = quamina::Quamina::new();
        for (place, route) in hub.routes.iter().enumerate() {
            matcher.add_pattern(place, route.pattern.as_str()).map_err(|error| RouteError(error.to_string()))?;
        }
        Ok(Self {
            matcher,
            routes: hub.routes.iter().map(|route| (route.name.clone(), route.to.clone(), route.enabled)).collect(),
        })
    }
    fn matching(&self, message: &Message) -> Result<Vec<usize>, RouteError> {
        let mut found = self
            .matcher
            .matches_for_event(message.bus_event().to_string().as_bytes())
            .map_err(|error| RouteError(error.to_string()))?;
        found.sort_unstable();
        Ok(found)
    }
    pub fn record(&self, mut message: Message) -> Result<MessageRecord, RouteError> {
        let (enabled, disabled): (Vec<_>, Vec<_>) =
            self.matching(&message)?.into_iter().map(|place| &self.routes[place]).partition(|route| route.2);
        message.routes = enabled.into_iter().map(|route| route.0.clone()).collect();
        Ok(MessageRecord { message, disabled_routes: disabled.into_iter().map(|route| route.0.clone()).collect() })
    }
    pub fn targets(&self, message: &Message) -> Result<Vec<(RouteName, EndpointName)>, RouteError> {
        Ok(self
            .matching(message)?
            .into_iter()
            .map(|place| &self.routes[place])
            .filter(|route| route.2)
            .map(|route| (route.0.clone(), route.1.clone()))
            .collect())
    }
}
