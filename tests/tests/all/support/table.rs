//! A list that can be polled: filtered by time, oldest change first, page by page. What a well-made shop offers.

use serde_json::{Value, json};

use super::{Reply, Request};

/// Where the rows' times are, to the millisecond (RFC 3339).
pub(crate) const UPDATED_AT: &str = "updated_at";

/// `rows`, as `{"items": […], "pages": n}`: `updated_at_gte` filters, `page` counts from 1.
pub(crate) fn page(rows: &[Value], page_size: usize, request: &Request) -> Reply {
    let (items, pages) = select(rows, page_size, request);
    Reply::json(200, &json!({"items": items, "pages": pages}))
}

/// The page asked for, and how many there are.
pub(crate) fn select(rows: &[Value], page_size: usize, request: &Request) -> (Vec<Value>, usize) {
    let since: Option<jiff::Timestamp> = request.query("updated_at_gte").map(|text| text.parse().unwrap());
    let number: usize = request.query("page").map_or(1, |text| text.parse().unwrap());
    let mut rows: Vec<(Option<jiff::Timestamp>, &Value)> = rows.iter().map(|row| (time(row), row)).collect();
    rows.retain(|(at, _)| since.is_none_or(|since| at.is_none_or(|at| at >= since)));
    // Stable: rows of one time stay in the order of the list.
    rows.sort_by_key(|(at, _)| *at);
    let pages = rows.len().div_ceil(page_size).max(1);
    let skipped = (number - 1) * page_size;
    (rows.into_iter().skip(skipped).take(page_size).map(|(_, row)| row.clone()).collect(), pages)
}

fn time(row: &Value) -> Option<jiff::Timestamp> {
    row[UPDATED_AT].as_str()?.parse().ok()
}

/// As shops write times.
pub(crate) fn stamp(at: jiff::Timestamp) -> String {
    format!("{at:.3}")
}
