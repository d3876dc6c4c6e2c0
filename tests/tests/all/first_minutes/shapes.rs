//! A list of each shape: `init` writes a file that `check` finds nothing wrong with, a dry run reads the whole list, and
//! an order that comes in then reaches `listen`.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::listen;
use crate::support::{Bench, Hub, Reply, Request, Server, now, process::Process, table::stamp, until};

/// What the store holds, oldest change first.
#[derive(Debug, Clone, Copy)]
struct Order {
    number: u64,
    created: jiff::Timestamp,
    /// When it last changed.
    at: jiff::Timestamp,
}

struct Shape {
    name: &'static str,
    /// With the query.
    target: &'static str,
    answer: fn(&Request, &[Order]) -> Reply,
    /// The lines about the collection, without comments.
    written: &'static [&'static str],
    /// What is said about pages and about filters.
    said: [&'static str; 2],
}

const ORDERS: u64 = 5;
const PER_PAGE: usize = 2;

fn plain(order: &Order) -> Value {
    json!({"id": order.number, "total": "19.99", "created_at": stamp(order.created), "updated_at": stamp(order.at)})
}

/// One that has not changed since it was created.
fn untouched(order: &Order) -> Value {
    plain(&Order { created: order.at, ..*order })
}

/// All that is from the time on that the request names, if it names one.
fn since(request: &Request, param: &str, time: fn(&Order) -> jiff::Timestamp, orders: &[Order]) -> Vec<Order> {
    let since: Option<jiff::Timestamp> = request.query(param).map(|time| time.parse().unwrap());
    orders.iter().filter(|order| since.is_none_or(|since| time(order) >= since)).copied().collect()
}

/// The page of this number, counted from 1.
fn page<T>(rows: &[T], number: usize) -> &[T] {
    rows.chunks(PER_PAGE).nth(number.saturating_sub(1)).unwrap_or_default()
}

fn number(request: &Request, name: &str) -> usize {
    request.query(name).map_or(1, |number| number.parse().unwrap())
}

/// Of a list with nothing but orders in it.
const PLAIN: &[&str] = &[
    "type: order",
    "request: {path: /orders}",
    "id: id",
    "created: created_at",
    "every: 5s",
    "start: now",
    "volatile: [updated_at]",
];

const SHAPES: &[Shape] = &[
    Shape {
        name: "the answer is the list",
        target: "/api/v1/orders",
        answer: |_, orders| Reply::json(200, &orders.iter().map(plain).collect()),
        written: &[
            "type: order",
            "request: {path: /api/v1/orders}",
            "id: id",
            "created: created_at",
            "every: 5s",
            "start: now",
            "volatile: [updated_at]",
        ],
        said: ["none found", "none of updated_at_gte, updated_since"],
    },
    Shape {
        name: "pages by number, with a filter by time",
        target: "/orders?state=paid",
        answer: |request, orders| {
            let rows: Vec<Value> =
                since(request, "updated_since", |order| order.at, orders).iter().map(plain).collect();
            let number = number(request, "page");
            let pages = rows.len().div_ceil(PER_PAGE);
            Reply::json(
                200,
                &json!({"orders": page(&rows, number), "page": number, "pages": pages, "count": rows.len()}),
            )
        },
        written: &[
            "type: order",
            "request: {path: /orders, query: {state: paid}}",
            "items: orders",
            "id: id",
            "created: created_at",
            "since: {param: updated_since, field: updated_at, format: rfc3339}",
            "pages: {style: page, param: page, total: pages}",
            "every: 5s",
            "start: now",
            "volatile: [updated_at]",
        ],
        said: ["by the parameter page, tried out", "updated_since, tried out"],
    },
    Shape {
        name: "a filter by the time of creation",
        target: "/orders",
        answer: |request, orders| {
            Reply::json(200, &since(request, "since", |order| order.created, orders).iter().map(plain).collect())
        },
        written: PLAIN,
        said: ["none found", "none of updated_at_gte, updated_since"],
    },
    Shape {
        name: "a filter that may be one by the time of creation",
        target: "/orders",
        answer: |request, orders| {
            Reply::json(200, &since(request, "since", |order| order.at, orders).iter().map(untouched).collect())
        },
        written: PLAIN,
        said: ["none found", "since filters by time, but maybe by that of creation"],
    },
    Shape {
        name: "a filter that leaves out what changed at that very time",
        target: "/orders",
        answer: |request, orders| {
            let before = |order: &Order| order.at - jiff::SignedDuration::from_nanos(1);
            Reply::json(200, &since(request, "updated_after", before, orders).iter().map(plain).collect())
        },
        written: PLAIN,
        said: ["none found", "updated_after filters, but not from the very time on"],
    },
    Shape {
        name: "wrapped, with times that are numbers",
        target: "/v2/orders.json",
        answer: |_, orders| {
            let row = |order: &Order| {
                let attributes = json!({"orderNumber": format!("R{}", order.number), "createdAt": order.created.as_second(), "customer": {"id": 7}});
                json!({"type": "order", "attributes": attributes})
            };
            Reply::json(
                200,
                &json!({"data": orders.iter().map(row).collect::<Vec<_>>(), "meta": {"total": orders.len()}}),
            )
        },
        written: &[
            "type: order",
            "request: {path: /v2/orders.json}",
            "items: data",
            "id: attributes.orderNumber",
            "created: {field: attributes.createdAt, format: epoch}",
            "every: 5s",
            "start: now",
        ],
        said: ["none found", "not tried"],
    },
    Shape {
        name: "pages by Link header, with times in milliseconds",
        target: "/orders",
        answer: |request, orders| {
            let row = |order: &Order| json!({"uuid": format!("u-{}", order.number), "created": order.created.as_millisecond()});
            let (number, rows) = (number(request, "p"), orders.iter().map(row).collect::<Vec<_>>());
            let reply = Reply::json(200, &json!(page(&rows, number)));
            match page(&rows, number + 1) {
                [] => reply,
                _ => reply
                    .with("link", format!("</orders?p=1>; rel=\"first\", </orders?p={}>; rel=\"next\"", number + 1)),
            }
        },
        written: &[
            "type: order",
            "request: {path: /orders}",
            "id: uuid",
            "created: {field: created, format: epoch_ms}",
            "pages: {style: link}",
            "every: 5s",
            "start: now",
        ],
        said: ["by the Link header", "not tried"],
    },
    Shape {
        name: "pages by number from 0, without a total, and the parameter in the address",
        target: "/sales/orders/?_page=0&token=t0ps3cr3t",
        answer: |request, orders| {
            if request.query("token").as_deref() != Some("t0ps3cr3t") {
                return Reply::status(401);
            }
            let rows: Vec<Value> = orders.iter().map(plain).collect();
            Reply::json(200, &json!({"result": {"rows": page(&rows, number(request, "_page") + 1)}}))
        },
        written: &[
            "type: order",
            "request: {path: /sales/orders/, query: {token: \"${LOCAL_TOKEN}\"}}",
            "items: result.rows",
            "id: id",
            "created: created_at",
            "pages: {style: page, param: _page, first: 0}",
            "every: 5s",
            "start: now",
            "volatile: [updated_at]",
        ],
        said: ["by the parameter _page, tried out", "none of"],
    },
    Shape {
        name: "pages by number from 0, of which only the answer's own number tells",
        target: "/orders",
        answer: |request, orders| {
            let rows: Vec<Value> = orders.iter().map(plain).collect();
            let number = request.query("page").map_or(0, |number| number.parse().unwrap());
            let pages = rows.len().div_ceil(PER_PAGE);
            Reply::json(
                200,
                &json!({"content": page(&rows, number + 1), "page": {"number": number, "totalPages": pages}}),
            )
        },
        written: &[
            "type: order",
            "request: {path: /orders}",
            "items: content",
            "id: id",
            "created: created_at",
            "pages: {style: page, param: page, first: 0, total: page.totalPages}",
            "every: 5s",
            "start: now",
            "volatile: [updated_at]",
        ],
        said: ["by the parameter page, tried out", "none of"],
    },
    Shape {
        name: "the answer is the list, by pages from 0, of which nothing tells",
        target: "/orders",
        answer: |request, orders| {
            let rows: Vec<Value> = orders.iter().map(plain).collect();
            let number: usize = request.query("page").map_or(0, |number| number.parse().unwrap());
            Reply::json(200, &json!(page(&rows, number + 1)))
        },
        written: &[
            "type: order",
            "request: {path: /orders}",
            "id: id",
            "created: created_at",
            "pages: {style: page, param: page, first: 0}",
            "every: 5s",
            "start: now",
            "volatile: [updated_at]",
        ],
        said: ["by the parameter page, tried out", "none of"],
    },
    Shape {
        name: "pages by offset",
        target: "/orders?limit=2",
        answer: |request, orders| {
            let offset = request.query("offset").map_or(0, |offset| offset.parse().unwrap());
            let limit: usize = request.query("limit").unwrap().parse().unwrap();
            let rows: Vec<Value> = orders.iter().skip(offset).take(limit).map(plain).collect();
            Reply::json(200, &json!({"orders": rows, "total": orders.len(), "offset": offset, "limit": limit}))
        },
        written: &[
            "type: order",
            "request: {path: /orders, query: {limit: \"2\"}}",
            "items: orders",
            "id: id",
            "created: created_at",
            "pages: {style: offset, param: offset}",
            "every: 5s",
            "start: now",
            "volatile: [updated_at]",
        ],
        said: ["by the parameter offset, tried out", "none of"],
    },
    Shape {
        name: "pages by cursor",
        target: "/orders",
        answer: |request, orders| {
            let rows: Vec<Value> = orders.iter().map(plain).collect();
            let number =
                request.query("page_token").map_or(1, |token| token.strip_prefix("t-").unwrap().parse().unwrap());
            let next = (!page(&rows, number + 1).is_empty()).then(|| format!("t-{}", number + 1));
            Reply::json(200, &json!({"orders": page(&rows, number), "next_page_token": next}))
        },
        written: &[
            "type: order",
            "request: {path: /orders}",
            "items: orders",
            "id: id",
            "created: created_at",
            "pages: {style: cursor, param: page_token, next: next_page_token}",
            "every: 5s",
            "start: now",
            "volatile: [updated_at]",
        ],
        said: ["by the parameter page_token with what is at next_page_token, tried out", "none of"],
    },
    Shape {
        name: "pages by a URL in the body",
        target: "/orders",
        answer: |request, orders| {
            let rows: Vec<Value> = orders.iter().map(plain).collect();
            let number = number(request, "p");
            let next = (!page(&rows, number + 1).is_empty()).then(|| format!("/orders?p={}", number + 1));
            Reply::json(200, &json!({"orders": page(&rows, number), "links": {"self": "/orders", "next": next}}))
        },
        written: &[
            "type: order",
            "request: {path: /orders}",
            "items: orders",
            "id: id",
            "created: created_at",
            "pages: {style: link, next: links.next}",
            "every: 5s",
            "start: now",
            "volatile: [updated_at]",
        ],
        said: ["by the URL at links.next", "none of"],
    },
    Shape {
        name: "pages by number while the answer is a 206",
        target: "/orders",
        answer: |request, orders| {
            let rows: Vec<Value> = orders.iter().map(plain).collect();
            let number = number(request, "page");
            let status = if page(&rows, number + 1).is_empty() { 200 } else { 206 };
            Reply::json(status, &json!(page(&rows, number)))
        },
        written: &[
            "type: order",
            "request: {path: /orders}",
            "id: id",
            "created: created_at",
            "pages: {style: status206, param: page}",
            "every: 5s",
            "start: now",
            "volatile: [updated_at]",
        ],
        said: ["by the parameter page, tried out", "none of"],
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn every_shape_of_list_becomes_a_hub_that_works() {
    let mut running = tokio::task::JoinSet::new();
    for shape in SHAPES {
        running.spawn(first_minutes(shape));
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

async fn first_minutes(shape: &'static Shape) {
    let what = shape.name;
    let old = jiff::Timestamp::from_second(1_700_000_000).unwrap();
    let at = |number: u64| old + jiff::SignedDuration::from_secs(number as i64);
    let orders: Vec<Order> = (1..=ORDERS).map(|number| Order { number, created: old, at: at(number) }).collect();
    let orders = Arc::new(Mutex::new(orders));
    let listed = Arc::clone(&orders);
    let shop =
        Server::start(move |request| (shape.answer)(request, &listed.lock().unwrap_or_else(PoisonError::into_inner)))
            .await;

    let ear = Bench::empty();
    let (mut listener, url) = listen(&ear, &["--json"]).await;
    let bench = Bench::empty().variable("MY_SERVICE_URL", &url).variable("LOCAL_TOKEN", "t0ps3cr3t");

    let init = bench.run_exactly(&["init", &format!("{}{}", shop.url(), shape.target)]).await.ok();
    for expected in shape.said.iter().chain(&["crossdock poll local/orders --dry-run --hub hub.yaml"]) {
        assert!(init.stderr.contains(expected), "{what}: {expected:?} is not in\n{init}");
    }
    let file = std::fs::read_to_string(bench.path("hub.yaml")).unwrap();
    let (_, collection) = file.split_once("      orders:\n").unwrap();
    let (collection, _) = collection.split_once("\nendpoints:").unwrap();
    let lines = collection.lines().filter_map(|line| line.split('#').next()).map(str::trim);
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    assert_eq!(lines, shape.written, "{what}:\n{file}");
    assert!(!file.contains("t0ps3cr3t") && !init.stderr.contains("t0ps3cr3t"), "{what}: {file}\n{init}");
    // 21 is the first and all that may follow.
    assert!(shop.seen().len() <= 21, "{what}: {:?}", shop.seen());

    let schema: Value =
        serde_json::from_slice(&std::fs::read(bench.path(".crossdock/hub.schema.json")).unwrap()).unwrap();
    assert!(schema["properties"]["sources"].is_object(), "{what}");
    assert!(file.starts_with("# yaml-language-server: $schema=.crossdock/hub.schema.json\n"), "{what}:\n{file}");

    let check = bench.run_exactly(&["check", "hub.yaml"]).await.ok();
    let fine = " is fine: 1 source with 1 collection, 1 endpoint, 1 route\n";
    assert!(check.stdout.starts_with("hub.yaml: local-") && check.stdout.ends_with(fine), "{what}: {check}");
    assert!(!check.stderr.contains("note:"), "{what}: {check}");
    let dry = bench.run_exactly(&["poll", "local/orders", "--dry-run"]).await.ok();
    assert!(dry.stdout.contains(&format!("{ORDERS} for the silent baseline")), "{what}: {dry}");

    // The reader has no patience.
    std::fs::write(bench.path("hub.yaml"), file.replace("every: 5s", "every: 200ms")).unwrap();
    let hub = bench.start().await;
    let baseline = format!("baseline: {ORDERS} orders stored, nothing emitted");
    hub.event(&format!("{what}: the baseline"), |event| event.reason.as_deref() == Some(&baseline)).await;
    let new = Order { number: ORDERS + 1, created: now(), at: now() };
    orders.lock().unwrap_or_else(PoisonError::into_inner).push(new);
    let got = told(what, &hub, &listener).await;
    assert_eq!(got["request"]["body"]["message"], "order:new", "{what}: {got}");
    assert_eq!(got["request"]["path"], "/orders", "{what}: {got}");
    let id = got["request"]["body"]["object"]["id"].as_str().unwrap();
    assert!(id.ends_with('6'), "{what}: old orders are no news: {got}");
    hub.stop().await;
    assert!(listener.interrupt().await.success(), "{what}: {}", listener.log());
    assert_eq!(listener.lines().len(), 1, "{what}: {:?}", listener.lines());
}

async fn told(what: &str, hub: &Hub, listener: &Process) -> Value {
    let line = until(&format!("{what}: the new order"), || listener.lines().first().cloned(), || hub.story()).await;
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{what}: {error}: {line}"))
}
