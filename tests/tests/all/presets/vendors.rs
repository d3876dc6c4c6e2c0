//! How each vendor's shop answers. The fields are a choice of those that the documentation shows; its address stands at
//! each vendor.

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Order, SIZE};
use crate::support::{Reply, Request};

pub(super) struct Vendor {
    pub(super) preset: &'static str,
    /// Keys of the source besides the preset; `{base}` is where the server is.
    pub(super) source: &'static str,
    /// Keys of the orders over the preset's: pages of [`SIZE`].
    pub(super) collection: &'static str,
    /// The name of the preset's secret.
    pub(super) secret: &'static str,
    pub(super) answer: fn(&[Order], &Request) -> Reply,
    /// Which page a request without a bookmark is for.
    pub(super) page: fn(&Request) -> Option<String>,
    /// Whether a request asks for changes only.
    pub(super) since: fn(&Request) -> bool,
    /// How the object of an order is named.
    pub(super) id: fn(usize) -> String,
    /// Where its total is.
    pub(super) total: &'static str,
    /// What comes of a cancelled one.
    pub(super) canceled: &'static str,
}

pub(super) const VENDORS: &[Vendor] = &[
    Vendor {
        preset: "spree",
        source: "url: \"{base}\"",
        collection: "pages: {size: {value: 2}}",
        secret: "spree-token",
        answer: spree,
        page: |request| request.query("page"),
        since: |request| request.query("filter[updated_at_gteq]").is_some(),
        id: |number| format!("R{number}"),
        total: "/attributes/total",
        canceled: "order:canceled",
    },
    Vendor {
        preset: "shopify",
        source: "url: \"{base}/admin/api/2025-10\"",
        collection: "request: {query: {limit: \"2\"}}",
        secret: "shopify-token",
        answer: shopify,
        page: |request| Some(request.query("page_info").unwrap_or_default()),
        since: |request| request.query("updated_at_min").is_some(),
        id: |number| (450_789_469 + number).to_string(),
        total: "/total_price",
        canceled: "order:canceled",
    },
    Vendor {
        preset: "woocommerce",
        source: "url: \"{base}\", auth: {basic: {user: ck_1}}",
        collection: "pages: {size: {value: 2}}",
        secret: "woocommerce-secret",
        answer: woocommerce,
        page: |request| request.query("page"),
        since: |request| request.query("modified_after").is_some(),
        id: |number| (720 + number).to_string(),
        total: "/total",
        canceled: "order:canceled",
    },
    Vendor {
        preset: "commercetools",
        source: "url: \"{base}/my-project\", auth: {oauth2: {token_url: \"{base}/oauth/token\", client_id: me, \
                 scope: \"view_orders:my-project\"}}",
        collection: "pages: {size: {value: 2}}",
        secret: "commercetools-secret",
        answer: commercetools,
        page: |request| request.query("offset"),
        since: |request| request.query("where").is_some(),
        id: |number| format!("0000000{number}-aaaa-4bbb-8ccc-dddddddddddd"),
        total: "/totalPrice/centAmount",
        canceled: "order:canceled",
    },
    Vendor {
        preset: "marketplacer",
        source: "url: \"{base}\"",
        collection: "",
        secret: "marketplacer-key",
        answer: marketplacer,
        page: |request| Some(request.json()["variables"]["after"].to_string()),
        since: |request| request.json()["variables"]["updatedSince"].is_string(),
        id: |number| STANDARD.encode(format!("Order-{number}")),
        total: "/metadata/0/value",
        canceled: "order:updated",
    },
];

/// The page of this number, counted from 0, and how many there are.
fn page(orders: &[Order], number: usize) -> (&[Order], usize) {
    (orders.chunks(SIZE).nth(number).unwrap_or_default(), orders.len().div_ceil(SIZE))
}

fn from(orders: &[Order], is_asked: impl Fn(Timestamp) -> bool) -> Vec<Order> {
    orders.iter().filter(|order| is_asked(order.updated)).cloned().collect()
}

fn number(request: &Request, name: &str) -> usize {
    request.query(name).and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Nothing here is asked by a stranger, or for a page of another size.
fn refusal(request: &Request, header: &str, expected: &str, size: &str) -> Option<Reply> {
    if request.header(header) != Some(expected) {
        return Some(Reply::status(401));
    }
    (!size.is_empty() && number(request, size) != SIZE).then(|| Reply::status(400))
}

/// https://spreecommerce.org/docs/api-reference/platform/orders/return-a-list-of-orders
fn spree(orders: &[Order], request: &Request) -> Reply {
    let asked = request.query("sort").as_deref() == Some("updated_at")
        && request.query("filter[completed_at_not_null]").as_deref() == Some("1");
    if request.path() != "/api/v2/platform/orders" || !asked {
        return Reply::status(404);
    }
    if let Some(refusal) = refusal(request, "authorization", "Bearer s3cret", "per_page") {
        return refusal;
    }
    let since = request.query("filter[updated_at_gteq]").map(|text| text.parse::<Timestamp>().unwrap());
    let changed = from(orders, |updated| since.is_none_or(|since| millis(updated) >= since));
    let (page, pages) = page(&changed, number(request, "page") - 1);
    let data: Vec<Value> = page
        .iter()
        .map(|order| {
            let at = |time: Timestamp| format!("{:.3}", millis(time));
            json!({
                "id": (39 + order.number).to_string(), "type": "order",
                "attributes": {
                    "number": format!("R{}", order.number), "item_total": "0.0", "total": order.total,
                    "state": if order.canceled { "canceled" } else { "complete" }, "completed_at": at(order.created),
                    "shipment_state": null, "payment_state": null, "email": "murray_harber@strosin.ca",
                    "created_at": at(order.created), "updated_at": at(order.updated), "currency": "USD",
                    "item_count": 0, "state_lock_version": order.updated.as_second() % 100, "public_metadata": {},
                },
                "relationships": {"user": {"data": {"id": "41", "type": "user"}}, "line_items": {"data": []}},
            })
        })
        .collect();
    let meta = json!({"count": data.len(), "total_count": changed.len(), "total_pages": pages});
    Reply::json(200, &json!({"data": data, "meta": meta, "links": {"self": request.target}}))
}

fn millis(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap()
}

/// https://shopify.dev/docs/api/admin-rest/latest/resources/order and …/docs/api/usage/pagination-rest: a link may have
/// `page_info`, `limit` and `fields` in it, and a request with `page_info` may have nothing else.
fn shopify(orders: &[Order], request: &Request) -> Reply {
    if request.path() != "/admin/api/2025-10/orders.json" {
        return Reply::status(404);
    }
    if let Some(refusal) = refusal(request, "x-shopify-access-token", "s3cret", "limit") {
        return refusal;
    }
    let (since, place) = match request.query("page_info") {
        Some(info) => {
            let others = ["status", "order", "updated_at_min"];
            if others.iter().any(|name| request.query(name).is_some()) {
                return Reply::json(400, &json!({"errors": {"page_info": "cannot be sent with other filters"}}));
            }
            let info = String::from_utf8(STANDARD.decode(info).unwrap()).unwrap();
            let (since, place) = info.split_once(' ').unwrap();
            (since.parse::<Timestamp>().ok(), place.parse().unwrap())
        }
        None if request.query("status").as_deref() != Some("any") => return Reply::status(400),
        None => (request.query("updated_at_min").map(|text| text.parse().unwrap()), 0),
    };
    let seconds = |time: Timestamp| Timestamp::from_second(time.as_second()).unwrap();
    let changed = from(orders, |updated| since.is_none_or(|since| seconds(updated) >= since));
    let (page, pages) = page(&changed, place);
    let shown: Vec<Value> = page
        .iter()
        .map(|order| {
            let zoned = |time: Timestamp| {
                let there = time.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(-5)));
                there.strftime("%Y-%m-%dT%H:%M:%S-05:00").to_string()
            };
            json!({
                "id": 450_789_469 + order.number, "name": format!("#{}", 1000 + order.number),
                "email": "bob.norman@mail.example.com", "created_at": zoned(order.created),
                "updated_at": zoned(order.updated), "cancelled_at": order.canceled.then(|| zoned(order.updated)),
                "cancel_reason": order.canceled.then_some("customer"), "currency": "USD",
                "financial_status": "partially_refunded", "fulfillment_status": null, "total_price": order.total,
                "customer": {"id": 207_119_551, "updated_at": zoned(order.updated)},
                "line_items": [{"id": 466_157_049, "sku": "IPOD2008GREEN", "quantity": 1, "price": "199.00"}],
                "fulfillments": [], "refunds": [],
            })
        })
        .collect();
    let reply = Reply::json(200, &json!({"orders": shown}));
    if place + 1 >= pages {
        return reply;
    }
    let since = since.map_or_else(|| "always".to_owned(), |since| since.to_string());
    let mut next = url::Url::parse("http://shop").unwrap().join(request.path()).unwrap();
    let info = STANDARD.encode(format!("{since} {}", place + 1));
    next.query_pairs_mut().append_pair("limit", &SIZE.to_string()).append_pair("page_info", &info);
    let next = next.as_str().trim_start_matches("http://shop");
    reply.with("link", format!("<{next}>; rel=\"next\""))
}

/// https://woocommerce.github.io/woocommerce-rest-api-docs/#list-all-orders, …#pagination. `modified_after` is WordPress's
/// `after`, which leaves out the time itself; times have neither fractions nor a zone.
fn woocommerce(orders: &[Order], request: &Request) -> Reply {
    let is = |name: &str, value: &str| request.query(name).as_deref() == Some(value);
    if request.path() != "/wp-json/wc/v3/orders" || !is("orderby", "modified") || !is("order", "asc") {
        return Reply::status(404);
    }
    let expected = format!("Basic {}", STANDARD.encode("ck_1:s3cret"));
    if let Some(refusal) = refusal(request, "authorization", &expected, "per_page") {
        return refusal;
    }
    let since = request.query("modified_after").map(|text| {
        assert!(is("dates_are_gmt", "true"), "{}", request.target);
        format!("{}Z", text.trim_end_matches('Z')).parse::<Timestamp>().unwrap().as_second()
    });
    let changed = from(orders, |updated| since.is_none_or(|since| updated.as_second() > since));
    let (page, pages) = page(&changed, number(request, "page") - 1);
    let shown: Vec<Value> = page
        .iter()
        .map(|order| {
            let bare = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S").to_string();
            let status = if order.canceled { "cancelled" } else { "pending" };
            json!({
                "id": 720 + order.number, "parent_id": 0, "number": (720 + order.number).to_string(),
                "status": status, "currency": "USD", "date_created": bare(order.created),
                "date_created_gmt": bare(order.created), "date_modified": bare(order.updated),
                "date_modified_gmt": bare(order.updated), "total": order.total,
                "billing": {"first_name": "John", "email": "john.doe@example.com"},
                "line_items": [{"id": 315, "name": "Woo Single #1", "quantity": 2, "total": "6.00"}], "refunds": [],
                "_links": {"self": [{"href": format!("https://example.com/wp-json/wc/v3/orders/{}", 720 + order.number)}]},
            })
        })
        .collect();
    let reply = Reply::json(200, &json!(shown)).with("x-wp-total", changed.len().to_string());
    reply.with("x-wp-totalpages", pages.to_string())
}

/// https://docs.commercetools.com/api/projects/orders#query-orders, …/api/general-concepts#pagination (an offset of more
/// than 10,000 is refused), …/api/authorization#client-credentials-flow
fn commercetools(orders: &[Order], request: &Request) -> Reply {
    if request.path() == "/oauth/token" {
        let expected = format!("Basic {}", STANDARD.encode("me:s3cret"));
        return match request.header("authorization") == Some(&expected) {
            true => {
                Reply::json(200, &json!({"access_token": "vkFuQ6oTwj8", "expires_in": 172_800, "token_type": "Bearer"}))
            }
            false => Reply::status(401),
        };
    }
    let sorted = request.query("sort").as_deref() == Some("lastModifiedAt asc");
    if request.path() != "/my-project/orders" || !sorted {
        return Reply::status(404);
    }
    if let Some(refusal) = refusal(request, "authorization", "Bearer vkFuQ6oTwj8", "limit") {
        return refusal;
    }
    let since = request.query("where").map(|predicate| {
        let time = predicate.strip_prefix("lastModifiedAt >= \"").and_then(|rest| rest.strip_suffix('"'));
        time.unwrap_or_else(|| panic!("{predicate}")).parse::<Timestamp>().unwrap()
    });
    let changed = from(orders, |updated| since.is_none_or(|since| millis(updated) >= since));
    let offset = number(request, "offset");
    if offset > 10_000 {
        return Reply::status(400);
    }
    let shown: Vec<Value> = changed
        .iter()
        .skip(offset)
        .take(SIZE)
        .map(|order| {
            let at = |time: Timestamp| format!("{:.3}", millis(time));
            let cents: u64 = order.total.replace('.', "").parse().unwrap();
            json!({
                "type": "Order", "id": format!("0000000{}-aaaa-4bbb-8ccc-dddddddddddd", order.number),
                "version": order.updated.as_second(), "createdAt": at(order.created),
                "lastModifiedAt": at(order.updated), "orderNumber": format!("O-{}", order.number),
                "totalPrice": {"type": "centPrecision", "currencyCode": "EUR", "centAmount": cents, "fractionDigits": 2},
                "orderState": if order.canceled { "Cancelled" } else { "Open" }, "syncInfo": [], "returnInfo": [],
                "lineItems": [{"id": "9c3c3e1c", "productId": "a1", "name": {"en": "Mug"}, "quantity": 1}],
                "lastMessageSequenceNumber": order.updated.as_second(),
            })
        })
        .collect();
    Reply::json(200, &json!({"limit": SIZE, "offset": offset, "count": shown.len(), "results": shown}))
}

/// https://api.marketplacer.com/docs/operator-api/reference/queries/updatedorders, and Relay's connections
fn marketplacer(orders: &[Order], request: &Request) -> Reply {
    let body = request.json();
    let query = body["query"].as_str().unwrap_or_default();
    if request.method != "POST" || request.path() != "/graphql" || !query.contains("updatedOrders(") {
        return Reply::status(404);
    }
    if let Some(refusal) = refusal(request, "authorization", "Bearer s3cret", "") {
        return refusal;
    }
    let variables = &body["variables"];
    let since = variables["updatedSince"].as_str().map(|text| text.parse::<Timestamp>().unwrap().as_second());
    let changed = from(orders, |updated| since.is_none_or(|since| updated.as_second() >= since));
    let after = variables["after"]
        .as_str()
        .map_or(0, |cursor| String::from_utf8(STANDARD.decode(cursor).unwrap()).unwrap().parse::<usize>().unwrap());
    let rest = changed.get(after..).unwrap_or_default();
    let nodes: Vec<Value> = rest
        .iter()
        .take(SIZE)
        .map(|order| {
            let at = |time: Timestamp| format!("{time:.0}");
            json!({
                "id": STANDARD.encode(format!("Order-{}", order.number)), "legacyId": order.number.to_string(),
                "createdAt": at(order.created), "updatedAt": at(order.updated),
                "status": "COMPLETE", "messageToSeller": null,
                "aggregateInvoiceStatus": if order.canceled { "CANCELLED" } else { "PAID" },
                "externalIds": [], "metadata": [{"key": "total", "value": order.total}],
                "invoices": {"edges": []},
            })
        })
        .collect();
    let end = (!nodes.is_empty()).then(|| STANDARD.encode((after + nodes.len()).to_string()));
    let more = json!({"hasNextPage": rest.len() > SIZE, "endCursor": end});
    Reply::json(200, &json!({"data": {"updatedOrders": {"pageInfo": more, "nodes": nodes}}}))
}
