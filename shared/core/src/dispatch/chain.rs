//! How answers went in circles: the messages that led to one, and the routes whose answers made them. Read from the store
//! when it is asked for, which is seldom; what has expired there is left out.

use super::dispatcher::Dispatcher;
use crate::{
    id::{DeliveryKey, MessageId, MessageType, RouteName},
    message::Envelope,
    port::{Home, Outbox, PortError},
};

/// So many messages are named; of a longer chain the last ones.
const NAMED: usize = 20;

struct Link {
    message: MessageType,
    id: MessageId,
    /// Whose answer made the next one.
    route: RouteName,
}

impl<H: Home> Dispatcher<H> {
    /// Why a message has gone too far, with all that led to it.
    pub(super) async fn loop_of(&self, key: &DeliveryKey, message: &Envelope) -> Result<String, PortError> {
        let last = Link { message: message.message.clone(), id: message.message_id, route: key.route.clone() };
        let mut links = vec![last];
        let mut parent = message.parent_id.zip(message.parent_route.clone());
        while let Some((id, route)) = parent.take_if(|_| links.len() < NAMED) {
            // One that cannot be read is told of as one that is gone: the chain is for reading.
            let found = self.home.store().messages(&[id]).await?.pop().and_then(Result::ok);
            let Some(found) = found.flatten() else {
                parent = Some((id, route));
                break;
            };
            let message = found.message;
            links.push(Link { message: message.message, id, route });
            parent = message.parent_id.zip(message.parent_route);
        }
        let before = if parent.is_some() { "… → " } else { "" };
        let links: Vec<String> =
            links.iter().rev().map(|Link { message, id, route }| format!("{message} {id} → {route}")).collect();
        Ok(format!(
            "loop: {} answers led here, the limit is {}: {before}{}",
            message.hops,
            self.hub.limits.hops,
            links.join(" → ")
        ))
    }
}
