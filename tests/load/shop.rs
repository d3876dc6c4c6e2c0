//! A shop with many products and a few returns, as a hub polls it.
//!
//! Of the products a page is answered only while the gate is open, so that a poll of them can be held up in its midst and
//! let go on: what is measured with it and without it takes turns within one poll. Of the returns each request gets one
//! that is new, while anybody asks for them.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use axum::{
    Router,
    extract::{Query, State},
    response::IntoResponse,
    routing::get,
};
use tokio::sync::watch;

use crate::{arrivals::Clocked, listen, listen_elsewhere};

pub(crate) const PRODUCTS: u64 = 100_000;
/// What large shops give at most: Shopify 250, commercetools 500.
const PAGE: u64 = 250;

struct Inner {
    gate: watch::Sender<bool>,
    revision: AtomicU64,
    /// Products given, and how often the last of them.
    given: AtomicU64,
    lists: AtomicU64,
    returns: AtomicBool,
    returned: AtomicU64,
    /// How often returns were asked for.
    asked: AtomicU64,
    /// When each return was given.
    clocked: Arc<Clocked>,
}

#[derive(Clone)]
pub(crate) struct Shop {
    inner: Arc<Inner>,
    /// Of the returns.
    pub(crate) url: String,
    /// Of the products. Making pages of them takes no processor time from what is measured, as if it were another machine's.
    pub(crate) catalogue: String,
}

#[derive(serde::Deserialize)]
struct Asked {
    #[serde(default)]
    cursor: u64,
}

impl Shop {
    /// With its gate closed.
    pub(crate) async fn start(clocked: Arc<Clocked>) -> Self {
        let inner = Arc::new(Inner {
            gate: watch::Sender::new(false),
            revision: AtomicU64::new(0),
            given: AtomicU64::new(0),
            lists: AtomicU64::new(0),
            returns: AtomicBool::new(false),
            returned: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            clocked,
        });
        let routes = Router::new().route("/returns", get(returns));
        let routes = routes.route("/orders", get(|| async { ([("content-type", "application/json")], "[]") }));
        let url = listen(routes.with_state(inner.clone())).await;
        let catalogue = listen_elsewhere(Router::new().route("/products", get(products)).with_state(inner.clone()));
        Self { inner, url, catalogue }
    }

    pub(crate) fn open(&self, open: bool) {
        self.inner.gate.send_replace(open);
    }

    /// While true, each poll of the returns finds a new one.
    pub(crate) fn take_returns(&self, take: bool) {
        self.inner.returns.store(take, Ordering::Relaxed);
    }

    /// A second poll of the returns means that the first one has made its baseline.
    pub(crate) fn returns_asked(&self) -> u64 {
        self.inner.asked.load(Ordering::Relaxed)
    }

    /// From the next page on.
    pub(crate) fn change_all(&self) {
        self.inner.revision.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn given(&self) -> u64 {
        self.inner.given.load(Ordering::Relaxed)
    }

    /// How often all products have been given.
    pub(crate) fn lists(&self) -> u64 {
        self.inner.lists.load(Ordering::Relaxed)
    }
}

async fn products(State(shop): State<Arc<Inner>>, Query(asked): Query<Asked>) -> impl IntoResponse {
    // An error would mean that the shop is gone.
    let _ = shop.gate.subscribe().wait_for(|open| *open).await;
    let end = (asked.cursor + PAGE).min(PRODUCTS);
    let revision = shop.revision.load(Ordering::Relaxed);
    let mut page = String::with_capacity(PAGE as usize * 1_600);
    page.push_str(r#"{"products":["#);
    for number in asked.cursor..end {
        let comma = if number == asked.cursor { "" } else { "," };
        let _ = write!(
            page,
            r#"{comma}{{"sku":"SKU-{number:06}","revision":{revision},"name":"Kaffeemühle № {number}","price":"129.00","weight_kg":1.10,"#
        );
        page.push_str(DESCRIPTION);
        page.push('}');
    }
    page.push(']');
    shop.given.fetch_add(end - asked.cursor, Ordering::Relaxed);
    if end < PRODUCTS {
        let _ = write!(page, r#","next":{end}}}"#);
    } else {
        shop.lists.fetch_add(1, Ordering::Relaxed);
        page.push('}');
    }
    ([("content-type", "application/json")], page)
}

async fn returns(State(shop): State<Arc<Inner>>) -> impl IntoResponse {
    shop.asked.fetch_add(1, Ordering::Relaxed);
    let mut page = Vec::new();
    if shop.returns.load(Ordering::Relaxed) {
        let newest = shop.returned.fetch_add(1, Ordering::Relaxed);
        // With a few that were there before: a poll that fails after this answer loses none.
        for number in newest.saturating_sub(4)..=newest {
            page.push(format!(r#"{{"number":"B{number}","state":"requested",{DESCRIPTION}}}"#));
        }
        shop.clocked.sent(format!("B{newest}"));
    }
    ([("content-type", "application/json")], format!("[{}]", page.join(",")))
}

/// Some 1.3 KB, as it is in real products and orders: nested, with numbers, texts and nulls.
pub(crate) const DESCRIPTION: &str = concat!(
    r#""currency":"SEK","note":null,"meta":{},"tags":["kitchen","coffee","steel","röd"],"options":["#,
    r#"{"name":"colour","value":"röd","price":"0.00","position":1},{"name":"engraving","value":null,"price":"49.00","position":2},"#,
    r#"{"name":"grinder","value":"cone","price":"0.00","position":3},{"name":"plug","value":"EU","price":"0.00","position":4}],"#,
    r#""tax":{"rate":0.25,"included":true,"category":"standard"},"dimensions":{"width_mm":180,"height_mm":420,"depth_mm":210},"#,
    r#""images":[{"id":9007199254740993,"src":"https://img.shop.test/p/9007199254740993-large.jpg","alt":"from the front"},"#,
    r#"{"id":9007199254740994,"src":"https://img.shop.test/p/9007199254740994-large.jpg","alt":"from the side"}],"#,
    r#""description":"A conical grinder of hardened steel, forty settings from Turkish to French press, a lid that stays shut "#,
    r#"and a drawer that does not spill. Zoë Ångström of Rue de l’Abbé-de-l’Épée 9 has used hers for twelve years and has it "#,
    r#"serviced once in four. Spare parts are kept for ten years after the last one was sold, and sent within the day.","#,
    r#""stock":[{"place":"Göteborg","count":12,"reserved":3},{"place":"Lyon","count":0,"reserved":0},{"place":"Porto","count":7,"reserved":1}],"#,
    r#""created_at":"2024-05-02T08:30:00Z","vendor":{"id":77120,"name":"Moulins Réunis","country":"FR","terms":{"days":30,"discount":0.02}}"#
);
