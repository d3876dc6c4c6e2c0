//! What a notification is wrapped in.

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Envelope {
    /// The body is the event.
    #[default]
    None,
    /// Whatever it is recognised as; the body itself where it is none of them.
    Auto,
    /// A Pub/Sub push message.
    PubSub,
    /// A CloudEvent, in either content mode.
    CloudEvents,
    /// A commercetools notification, in Platform format.
    Commercetools,
}
