//! The town of the crash tests (`kills`), with its hub on AWS: a shop and its endpoints, and the same reckoning.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::{
    aws::{cloud::within, deployed::Deployed},
    kills::{
        Temper, answer,
        audit::{Received, audit, is_up_to_date},
        hub_file,
        shop::{Happening, Shop},
    },
    support::{Bench, Reply, Server, random::Random, state::State},
};

pub(super) const COLLECTIONS: [&str; 2] = ["my-store/orders", "my-store/shipments"];

/// The emulator is one process, and has thousands of deliveries to see through.
const LONGEST: Duration = Duration::from_secs(300);

pub(super) struct Town {
    pub(super) hub: Deployed,
    pub(super) shop: Arc<Shop>,
    pub(super) received: Arc<Mutex<Received>>,
    /// What its endpoints do by chance, and the one that takes nothing.
    pub(super) temper: Arc<Mutex<Temper>>,
    _servers: [Server; 2],
}

impl Town {
    /// Deployed, and read for the first time: whatever is in the shop now is no news.
    pub(super) async fn new(name: &str, random: &mut Random, change: impl FnOnce(String) -> String) -> Self {
        let shop = Arc::new(Shop::new(random.split()));
        let asked = Arc::clone(&shop);
        let shop_server = Server::start(move |request| asked.answer(request)).await;
        let received: Arc<Mutex<Received>> = Arc::default();
        let (book, written) = (Arc::clone(&received), Arc::clone(&shop));
        let temper = Arc::new(Mutex::new(Temper { mood: None, healed: false }));
        let tempered = Arc::clone(&temper);
        let endpoints = Server::start(move |request| {
            let reply = tempered.lock().unwrap().trouble(request).unwrap_or_else(|| answer(&written, request));
            let accepted = matches!(reply, Reply::Answer { status: 200..300, .. });
            book.lock().unwrap().requests.push((request.clone(), accepted));
            reply
        })
        .await;
        let file = change(hub_file(shop_server.url(), endpoints.url(), "1m"));
        let hub = Deployed::new(name, Bench::empty(), &file).await;
        let town = Self { hub, shop, received, temper, _servers: [shop_server, endpoints] };
        town.poll().await;
        assert!(town.received.lock().unwrap().requests.is_empty(), "old orders are no news");
        town
    }

    pub(super) async fn poll(&self) {
        for collection in COLLECTIONS {
            self.hub.poll(collection).await;
        }
    }

    pub(super) fn happen(&self, happening: Happening, times: usize) {
        for _ in 0..times {
            self.shop.happen(happening);
        }
    }

    /// Polls and publishes, as schedules would, until there is nothing left to do; what came of it passes the audit.
    pub(super) async fn reckoning(&self) -> State {
        let quiet = async || {
            // Shipments change by what endpoints answer.
            self.poll().await;
            self.hub.publish().await;
            if self.hub.waiting().await > 0 {
                return None;
            }
            let state = self.hub.state().await;
            (state.idle && is_up_to_date(&self.shop, &state)).then_some(state)
        };
        let settled = within(LONGEST, quiet).await;
        let state = settled.unwrap_or_else(|| panic!("not everything was settled within {LONGEST:?}"));
        audit(&self.shop, &state, &self.received.lock().unwrap());
        state
    }
}
