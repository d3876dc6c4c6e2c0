//! What an endpoint was asked about a delivery that it accepted and did not finish. Nothing in the store lists these
//! messages; their ids follow from the delivery (contract §2).

use crossdock_core::{
    dispatch::MOST_POLLS,
    id::MessageId,
    port::{Delivery, Home, Ledger, Outbox, VersionStore},
};

use crate::{failure::Failure, show::readable};

/// Each `remote:poll` by its number, with its own deliveries, in order.
pub(crate) async fn of<H: Home>(
    home: &H,
    delivery: &Delivery,
) -> Result<Vec<(u32, MessageId, Vec<Delivery>)>, Failure> {
    if delivery.answer.as_ref().is_none_or(|answer| answer.update_url.is_none()) {
        return Ok(Vec::new());
    }
    let (epoch, key) = (home.store().epoch().await?, &delivery.key);
    let id = |poll| MessageId::of_remote_poll(epoch, key.message, &key.route, key.round, poll);
    let ids: Vec<MessageId> = (1..=MOST_POLLS).map(id).collect();
    let known = home.store().messages(&ids).await?;
    let mut polls = Vec::new();
    for ((poll, id), known) in (1..).zip(ids).zip(known) {
        // One that cannot be read was asked all the same.
        if !matches!(known, Ok(None)) {
            let mut deliveries = readable(id, home.store().deliveries_of(id).await?);
            deliveries.sort_by_key(|one| one.key.round);
            polls.push((poll, id, deliveries));
        }
    }
    Ok(polls)
}
