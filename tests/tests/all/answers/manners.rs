//! What servers do besides answering well, and what the operator reads of it in `crossdock show`. The table of
//! docs/endpoints.md says it, row by row; this plays the server of each row and holds the page to it.

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;

use super::{TOKEN, ends, hub_file, push};
use crate::support::{Bench, Reply, Request, Server, binary::repository_file};

struct Manner {
    /// The first column of its row: what the server does.
    does: &'static str,
    /// Keys of the endpoint.
    endpoint: &'static str,
    answer: fn(&Request) -> Reply,
}

const fn manner(does: &'static str, answer: fn(&Request) -> Reply) -> Manner {
    Manner { does, endpoint: "retries: none", answer }
}

impl Manner {
    const fn endpoint(mut self, keys: &'static str) -> Self {
        self.endpoint = keys;
        self
    }
}

const HTTP_1_0: &[u8] = b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n{\"summary\": \"booked\"}";
const CUT_OFF: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 400\r\n\r\n{\"summary\": \"boo";

const MANNERS: &[Manner] = &[
    manner("answers `200` with JSON", |_| booked()),
    manner("answers with text", |_| Reply::text(200, "text/plain", "thanks")),
    manner("calls its JSON `text/html`", |_| Reply::text(200, "text/html", r#"{"summary": "booked"}"#)),
    manner("speaks HTTP/1.0, without a length", |_| Reply::Bytes(HTTP_1_0.to_vec())),
    manner("answers byte by byte, within the timeout", |_| booked().slowly(Duration::from_millis(20))),
    manner("answers byte by byte, beyond the timeout (2 s here)", |_| booked().slowly(Duration::from_millis(400)))
        .endpoint("retries: none, timeout: 2s"),
    manner("answers 10 MB of text", |_| Reply::text(200, "text/plain", &ten_megabytes())),
    manner("answers 10 MB of JSON, with messages", |_| {
        Reply::json(200, &json!({"messages": [{"message": "next:one", "payload": {"pad": ten_megabytes()}}]}))
    }),
    manner("answers `200` without the id, with `require_ack: true`", |_| Reply::json(200, &json!({"ok": true})))
        .endpoint("retries: none, require_ack: true"),
    manner("answers `202` with a `delay` of an hour", |_| Reply::json(202, &json!({"delay": "1h"}))),
    manner("answers `500`", |_| Reply::json(500, &json!({"summary": "no disk"}))),
    manner("hangs up in the middle of its answer", |_| Reply::Bytes(CUT_OFF.to_vec())),
    manner("hangs up without a word", |_| Reply::Bytes(Vec::new())),
];

fn booked() -> Reply {
    Reply::json(200, &json!({"summary": "booked"}))
}

const WORD: &str = "long";

fn ten_megabytes() -> String {
    WORD.repeat((10 << 20) / WORD.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_reads_what_servers_do() {
    let names: Vec<String> = (0..MANNERS.len()).map(|place| format!("case-{place}")).collect();
    let server = Server::start(|request| {
        let place: usize = request.path().trim_start_matches("/case-").parse().unwrap();
        (MANNERS[place].answer)(request)
    })
    .await;
    let endpoints: Vec<(&str, String)> = std::iter::zip(&names, MANNERS)
        .map(|(name, manner)| (name.as_str(), format!("url: \"{}\", {}", server.url(), manner.endpoint)))
        .collect();
    let types: Vec<String> = (0..MANNERS.len()).map(|place| format!("case:n{place}")).collect();
    let routes: Vec<_> = std::iter::zip(&names, &types).map(|(name, kind)| (&**name, &**kind, &**name)).collect();
    let bench = Bench::new(&hub_file(&endpoints, &routes)).secret(TOKEN, TOKEN);
    let hub = bench.start().await;
    let messages: Vec<_> = types.iter().map(|kind| json!({"message": kind, "payload": {"word": {}}})).collect();
    let ids = push(&hub, &json!(messages)).await;
    let mut read = BTreeMap::new();
    for ((name, manner), id) in std::iter::zip(std::iter::zip(&names, MANNERS), &ids) {
        ends(&hub, id, 1).await;
        let shown = bench.run(&["show", id]).await.ok().stdout.replace(id, "MESSAGE_ID");
        read.insert(manner.does.to_owned(), told(&shown, &format!("{name} → {name}: ")));
    }
    assert_eq!(rows(&repository_file("docs/endpoints.md")), read, "docs/endpoints.md says otherwise");
}

/// The first round's line, and the lines below it that tell of the answer.
fn told(shown: &str, delivery: &str) -> [String; 2] {
    let (_, deliveries) = shown.split_once("\ndeliveries\n").unwrap();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = deliveries.lines().skip_while(|line| !line.trim_start().starts_with(delivery));
    let first = lines.next().unwrap_or_default();
    let below = lines.take_while(|line| indent(line) > indent(first)).map(str::trim);
    // An attempt begins with its time.
    let kept: Vec<&str> = below.filter(|line| !line.starts_with(|c: char| c.is_ascii_digit())).collect();
    [first.trim().trim_start_matches(delivery).to_owned(), shortened(kept.join("; "))]
}

/// Without what repeats itself.
fn shortened(mut text: String) -> String {
    let twice = WORD.repeat(2);
    while text.contains(&twice) {
        text = text.replace(&twice, WORD);
    }
    text
}

/// What the page says, by what a server does.
fn rows(page: &str) -> BTreeMap<String, [String; 2]> {
    let (_, table) = page.split_once("| your server |").unwrap();
    let lines = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [does, delivery, kept] = cells[..] else { panic!("three columns: {line}") };
            (does.to_owned(), [delivery, kept].map(|cell| cell.trim_matches('`').to_owned()))
        })
        .collect()
}
