//! [`Switches`] on DynamoDB: one item, with an attribute for each that is off. So whoever throws one leaves the others
//! alone, and a batch of deliveries reads it with all else that it reads.

use crossdock_core::{
    Timestamp,
    port::{Off, PortError, Read, Switch, Switches},
};

use super::{
    DynamoStore,
    failure::failure,
    item::{Item, Reader, time},
    keys,
};

/// What the attributes begin with; the switch follows, and the value is since when it is off.
const OFF: &str = "off:";
const WHAT: &str = "switch";

impl Switches for DynamoStore {
    async fn off(&self) -> Result<Off, PortError> {
        let item = self.read_one(keys::switches()).await?.unwrap_or_default();
        Ok(all(&item)?)
    }

    async fn switch(&self, switch: &Switch, off: Option<Timestamp>) -> Result<(), PortError> {
        let update = self.client().update_item().table_name(self.table());
        let update = update
            .set_key(Some(keys::switches().attributes()))
            .expression_attribute_names("#switch", attribute(switch));
        let update = match off {
            Some(since) => update
                .update_expression("SET #switch = if_not_exists(#switch, :since)")
                .expression_attribute_values(":since", time(since)),
            None => update.update_expression("REMOVE #switch"),
        };
        update.send().await.map(drop).map_err(|error| failure("UpdateItem", &error))
    }
}

fn attribute(switch: &Switch) -> String {
    format!("{OFF}{switch}")
}

fn all(item: &Item) -> Read<Off> {
    let reader = Reader { what: WHAT, item };
    let names = item.keys().filter_map(|name| Some((name, name.strip_prefix(OFF)?)));
    names.map(|(name, switch)| Ok((switch.parse().map_err(|_| reader.wrong(name))?, reader.time(name)?))).collect()
}

/// Of the item of all switches.
pub(super) fn hub_off(item: &Item) -> Read<Option<Timestamp>> {
    Reader { what: WHAT, item }.optional_time(&attribute(&Switch::Hub))
}
