//! Endpoints as people write them: the programs of docs/endpoints.md, each started as its first line says and put behind
//! a hub ([`programs`]), and the page itself, which shows them and one real request ([`page`]).
//!
//! `./test` installs Ruby and PHP. Where a language is missing its test is skipped, except with `CI=true`. What servers do
//! to the hub beside that is in `answers`, answer by answer.

mod page;
mod programs;

use crate::support::{Bench, Server};

/// A shop that is polled, the reservations that are asked for, and the warehouse that hears of them.
fn bench(shop: &Server, reserve: &str, warehouse: &Server) -> Bench {
    let (shop, warehouse) = (shop.url(), warehouse.url());
    Bench::new(&format!(
        r#"
hub: my-shop
limits: {{timeout: 20s}}
sources:
  my-store:
    url: "{shop}"
    collections:
      orders:
        type: order
        request: {{path: /orders}}
        id: number
        every: 200ms
        start: all
        keys: {{order_number: number}}
endpoints:
  stock: {{url: "{reserve}", require_ack: true, retries: [100ms]}}
  warehouse: {{url: "{warehouse}"}}
routes:
  - {{name: reserve, messages: ["order:*"], to: stock, path: /reserve, parameters: {{warehouse: "3"}}}}
  - {{name: pick, messages: ["stock:reserved"], to: warehouse, path: /pick}}
"#
    ))
}
