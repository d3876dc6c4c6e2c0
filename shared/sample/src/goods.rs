//! What the sample store sells, and to whom: orders and shipments made up from a seed.
//!
//! The same seed gives the same orders on every machine. They are made to look like a shop's, traps included: names in
//! many scripts, amounts as text (`"199.99"`) beside true numbers, nulls, lists of records, and a block of old orders
//! that an import gave one and the same `updated_at`, more of them than fit on a page.

use serde_json::{Map, Value, json};

use crate::clock;

/// How many orders the store has had before anybody looks.
pub(crate) const OLD_ORDERS: u64 = 500;
/// How many of those an import touched at one moment; more than a page.
const IMPORTED: u64 = 150;
/// Shipments of older orders have been archived.
const KEPT_SHIPMENTS: u64 = 120;
/// The first order's number is `R` and this plus one.
pub(crate) const NUMBERS: u64 = 100_000_000;

const FIRST_ORDER_AT: i64 = 1_685_606_400_000; // 2023-06-01T08:00:00Z
const IMPORTED_AT: i64 = 1_701_399_600_000; // 2023-12-01T03:00:00Z
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

type Body = Map<String, Value>;

/// An object as it was made up, with the time it was last changed at (milliseconds since 1970).
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) updated_at: i64,
    pub(crate) body: Body,
}

/// The orders and shipments of the time before, oldest first.
pub(crate) fn past(seed: u64) -> (Vec<Made>, Vec<Made>) {
    let mut orders = Vec::new();
    let mut shipments = Vec::new();
    for place in 0..OLD_ORDERS {
        let mut dice = Dice::new(seed, place);
        let number = order_number(place + 1);
        let created_at = FIRST_ORDER_AT + 26 * HOUR * place.cast_signed() + dice.milliseconds(20 * HOUR);
        let shipped_at = created_at + 12 * HOUR + dice.milliseconds(96 * HOUR);
        let updated_at = if place < IMPORTED { IMPORTED_AT } else { shipped_at };

        let mut body = order(&mut dice, &number, created_at);
        settle(&mut body, "completed");
        body.insert("payment_state".to_owned(), json!("paid"));
        if place + KEPT_SHIPMENTS >= OLD_ORDERS {
            let mut shipment = shipment(&body, created_at);
            let id = shipment_number(&number);
            shipment.insert("state".to_owned(), json!("shipped"));
            shipment.insert("carrier".to_owned(), json!("Nordpost"));
            shipment.insert("tracking".to_owned(), json!(format!("NP{}", 7_000_000_000 + place)));
            shipments.push(Made { id, updated_at, body: shipment });
        }
        orders.push(Made { id: number, updated_at, body });
    }
    (orders, shipments)
}

/// A new order in which everything but its number and time is left to chance.
pub(crate) fn fresh_order(seed: u64, place: u64, number: &str, created_at: i64) -> Body {
    order(&mut Dice::new(seed, place), number, created_at)
}

/// The shipment that an order's goods will travel in.
pub(crate) fn shipment(order: &Body, created_at: i64) -> Body {
    let of = |name: &str| order.get(name).cloned().unwrap_or(Value::Null);
    let number = order.get("number").and_then(Value::as_str).unwrap_or_default();
    let lines = order.get("line_items").and_then(Value::as_array);
    let items: Vec<Value> =
        lines.into_iter().flatten().map(|line| json!({"sku": line["sku"], "quantity": line["quantity"]})).collect();
    body(json!({
        "number": shipment_number(number),
        "order_number": number,
        "state": "pending",
        "carrier": null,
        "tracking": null,
        "email": of("email"),
        "address": of("shipping_address"),
        "items": items,
        "created_at": clock::text(clock::time(created_at)),
    }))
}

pub(crate) fn order_number(count: u64) -> String {
    format!("R{}", NUMBERS + count)
}

/// `R100000501` travels as `H100000501`.
pub(crate) fn shipment_number(order: &str) -> String {
    format!("H{}", order.strip_prefix('R').unwrap_or(order))
}

/// Puts every payment of an order into one state.
pub(crate) fn settle(order: &mut Body, state: &str) {
    for payment in order.get_mut("payments").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(payment) = payment.as_object_mut() {
            payment.insert("state".to_owned(), json!(state));
        }
    }
}

fn order(dice: &mut Dice, number: &str, created_at: i64) -> Body {
    let customer = dice.pick(&CUSTOMERS);
    let mut items = 0;
    let mut count = 0;
    let mut grams = 0;
    let lines: Vec<Value> = (0..1 + dice.below(3))
        .map(|_| {
            let product = dice.pick(&PRODUCTS);
            let quantity = 1 + dice.below(3);
            items += product.cents * quantity;
            grams += product.grams * quantity;
            count += quantity;
            json!({"sku": product.sku, "name": product.name, "quantity": quantity, "price": money(product.cents)})
        })
        .collect();
    let delivery = if items >= 10_000 { 0 } else { 490 };
    let total = items + delivery;
    let address = json!({
        "name": customer.name,
        "street": customer.street,
        "postcode": customer.postcode,
        "city": customer.city,
        "country": customer.country,
        "phone": null,
    });
    body(json!({
        "number": number,
        "state": "complete",
        "payment_state": "balance_due",
        "email": format!("{}@example.com", customer.mailbox),
        "currency": "EUR",
        "line_items": lines,
        "item_count": count,
        "item_total": money(items),
        "delivery_total": money(delivery),
        "total": money(total),
        "weight_kg": f64::from(u32::try_from(grams).unwrap_or(u32::MAX)) / 1000.0,
        "billing_address": address.clone(),
        "shipping_address": address,
        "payments": [{
            "id": format!("P{}", number.strip_prefix('R').unwrap_or(number)),
            "method": *dice.pick(&["card", "invoice", "bank transfer"]),
            "state": "pending",
            "amount": money(total),
        }],
        "gift_wrap": false,
        "note": null,
        "created_at": clock::text(clock::time(created_at)),
    }))
}

fn body(value: Value) -> Body {
    match value {
        Value::Object(body) => body,
        _ => Body::new(),
    }
}

/// `19999` is `"199.99"`: shops send amounts as text, so that nobody's floating point gets at them.
fn money(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// SplitMix64 (Steele, Lea and Flood 2014): small, and good enough to make up orders with.
struct Dice(u64);

impl Dice {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

    fn new(seed: u64, place: u64) -> Self {
        let mut dice = Self(seed ^ place.wrapping_mul(Self::STEP));
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(Self::STEP);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn milliseconds(&mut self, limit: i64) -> i64 {
        self.below(limit.unsigned_abs()).cast_signed()
    }

    fn pick<'a, T, const N: usize>(&mut self, from: &'a [T; N]) -> &'a T {
        &from[self.below(N as u64) as usize]
    }
}

struct Customer {
    mailbox: &'static str,
    name: &'static str,
    street: &'static str,
    postcode: &'static str,
    city: &'static str,
    country: &'static str,
}

const fn customer(
    mailbox: &'static str,
    name: &'static str,
    street: &'static str,
    postcode: &'static str,
    city: &'static str,
    country: &'static str,
) -> Customer {
    Customer { mailbox, name, street, postcode, city, country }
}

const CUSTOMERS: [Customer; 12] = [
    customer("zoe", "Zoë Ångström", "Västra Hamngatan 7", "411 17", "Göteborg", "SE"),
    customer("lukasz", "Łukasz Wójcik", "ul. Świętokrzyska 12", "00-044", "Warszawa", "PL"),
    customer("soren", "Søren Kjærgaard", "Nørrebrogade 40, 2. tv.", "2200", "København N", "DK"),
    customer("maria", "María José Núñez", "Calle de la Peña 3, 4º", "28012", "Madrid", "ES"),
    customer("jiri", "Jiří Dvořák", "Příkopy 9", "110 00", "Praha 1", "CZ"),
    customer("siobhan", "Siobhán O'Dowd", "The \"Old\" Mill, Main St.", "V94 E8N1", "Limerick", "IE"),
    customer("hanako", "佐藤 花子", "神南1丁目2-3", "150-0041", "渋谷区", "JP"),
    customer("hong", "Nguyễn Thị Hồng", "12 Hàng Bạc", "100000", "Hà Nội", "VN"),
    customer("eleni", "Ελένη Παπαδοπούλου", "Ερμού 28", "105 63", "Αθήνα", "GR"),
    customer("omar", "عمر الحسن", "شارع الحمرا ١٥", "1103", "بيروت", "LB"),
    customer("juergen", "Jürgen Groß & Söhne", "Straße des 17. Juni 1", "10785", "Berlin", "DE"),
    customer("flora", "Flora 🌻 Lévêque", "3 bis, rue de l'Église", "35000", "Rennes", "FR"),
];

struct Product {
    sku: &'static str,
    name: &'static str,
    cents: u64,
    grams: u64,
}

const PRODUCTS: [Product; 8] = [
    Product { sku: "BEAN-1KG", name: "Coffee beans, 1 kg", cents: 2_490, grams: 1_000 },
    Product { sku: "MUG-BLUE", name: "Mug, cobalt blue", cents: 1_250, grams: 380 },
    Product { sku: "GRINDER-58", name: "Hand grinder 58 mm", cents: 18_900, grams: 1_450 },
    Product { sku: "KETTLE-SN", name: "Gooseneck kettle", cents: 7_995, grams: 1_120 },
    Product { sku: "FILTER-100", name: "Paper filters, 100 pieces", cents: 595, grams: 150 },
    Product { sku: "SCALE-01G", name: "Scale, 0.1 g", cents: 4_900, grams: 420 },
    Product { sku: "CAFÉ-BOOK", name: "“Café”, a book", cents: 2_999, grams: 890 },
    Product { sku: "PRESS-8", name: "French press, 8 cups", cents: 3_450, grams: 960 },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const SEED: u64 = 7;

    #[test]
    fn the_same_seed_makes_the_same_past() {
        let bodies = |seed| past(seed).0.into_iter().map(|made| made.body).collect::<Vec<_>>();
        assert_eq!(bodies(SEED), bodies(SEED));
        assert_ne!(bodies(SEED), bodies(SEED + 1));
    }

    #[test]
    fn the_past_is_past_and_holds_the_traps() {
        let (orders, shipments) = past(SEED);
        assert_eq!(orders.len() as u64, OLD_ORDERS);
        assert_eq!(shipments.len() as u64, KEPT_SHIPMENTS);

        let year_2025 = 1_735_689_600_000;
        let mut at_once = BTreeMap::new();
        for order in &orders {
            let created = order.body["created_at"].as_str().unwrap();
            let updated = clock::text(clock::time(order.updated_at));
            assert!(*created < *updated, "{} was changed before it was made", order.id);
            assert!(order.updated_at < year_2025);
            *at_once.entry(order.updated_at).or_insert(0) += 1;
        }
        assert!(at_once.values().any(|count| *count > 100), "no block of one timestamp is longer than a page");

        let text = serde_json::to_string(&orders.iter().map(|order| &order.body).collect::<Vec<_>>()).unwrap();
        assert!(!text.is_ascii());
        assert!(orders.iter().all(|order| order.body["total"].is_string() && order.body["weight_kg"].is_number()));
    }

    #[test]
    fn an_order_adds_up() {
        let cents = |amount: &Value| amount.as_str().unwrap().replace('.', "").parse::<u64>().unwrap();
        for order in past(SEED).0 {
            let body = order.body;
            let lines = body["line_items"].as_array().unwrap();
            let items: u64 = lines.iter().map(|line| cents(&line["price"]) * line["quantity"].as_u64().unwrap()).sum();
            assert_eq!(cents(&body["item_total"]), items);
            assert_eq!(cents(&body["total"]), items + cents(&body["delivery_total"]));
            assert_eq!(body["payments"][0]["amount"], body["total"]);
        }
    }

    #[test]
    fn money_is_text_with_two_decimals() {
        let check = |cents, expected: &str| assert_eq!(money(cents), expected);
        check(19_999, "199.99");
        check(490, "4.90");
        check(5, "0.05");
    }
}
