//! What nobody invokes: the schedule of a collection, which comes once a minute at most. All other cases take its turns
//! themselves.

use serde_json::json;

use crate::{
    aws::deployed::Deployed,
    kills::hub_file,
    support::{Bench, Reply, Server},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_is_polled_by_its_schedule() {
    let shop = Server::start(|_| Reply::json(200, &json!({"items": [], "pages": 1}))).await;
    let file = hub_file(shop.url(), "https://endpoints.test", "1m");
    let _hub = Deployed::new("schedules", Bench::empty(), &file).await;
    for path in ["/api/orders", "/api/shipments"] {
        shop.until(path, |seen| seen.iter().any(|request| request.path() == path).then_some(())).await;
    }
}
