//! `crossdock dev` with nobody at an endpoint: it says what it wanted to send and how to receive it. The endpoint that it
//! prints is run as it is printed.

use std::process::Stdio;

use crossdock_core::event::EventName;
use serde_json::json;
use tokio::{net::TcpStream, process::Command};

use crate::support::{Bench, client::call, process::Process, server::Refusing, terminal::Terminal, until};

fn hub_file(endpoint: &str) -> String {
    format!(
        "hub: h\nsources: {{shop: {{url: \"http://127.0.0.1:9\", push: {{secret: t}}}}}}\n\
         endpoints: {{ear: {{url: \"{endpoint}\", token: {{secret: t}}, retries: [1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s]}}}}\n\
         routes:\n  - {{name: tell, messages: [\"*\"], to: ear, path: /in}}\n"
    )
}

async fn push(url: &str) {
    let message = json!({"message": "word:said", "payload": {"word": {"text": "p4yl0ad"}}});
    let answer = call("POST", format!("{url}/push/shop")).bearer("t0k3n").json(&message).send().await;
    assert_eq!(answer.status, 202, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_endpoint_that_is_printed_works() {
    if Command::new("node").arg("--version").stdout(Stdio::null()).status().await.is_err() {
        return crate::support::say("skipped: there is no node");
    }
    let nobody = Refusing::new();
    let bench = Bench::new(&hub_file(&nobody.url)).secret("t", "t0k3n");
    let hub = bench.start().await;
    push(&hub.url().await).await;
    let log =
        until("the hint", || Some(hub.log()).filter(|log| log.lines().any(|line| line == "END")), || hub.log()).await;
    for expected in [
        &format!("Nobody listens at {}/, which is the endpoint ear.", nobody.url),
        &format!("POST {}/in", nobody.url),
        "content-type: application/json",
        "x-hub-token: (redacted)",
        "crossdock listen --route tell --hub hub.yaml",
    ] {
        assert!(log.contains(expected), "{expected:?} is not in\n{log}");
    }
    // Here the log goes to a pipe, and what is in one may end up in a file.
    assert!(!log.contains("p4yl0ad") && !log.contains("t0k3n"), "{log}");
    // Told once, however often it is tried.
    let failed = |name: EventName| move |event: &&crossdock_core::event::HubEvent| event.event == name;
    hub.until("three attempts", |events| {
        (events.iter().filter(failed(EventName::DeliveryAttempted)).count() >= 3).then_some(())
    })
    .await;
    assert_eq!(hub.log().matches("Nobody listens").count(), 1, "{}", hub.log());

    let from = log.find("node - <<'END'").unwrap();
    let (program, _) = log[from..].split_once("\nEND").unwrap();
    let address = nobody.url.trim_start_matches("http://").to_owned();
    drop(nobody);
    let mut command = Command::new("sh");
    // In the place of the shell, so that what is killed is the endpoint itself.
    command.args(["-c", &format!("exec {program}\nEND\n")]).kill_on_drop(true);
    let mut endpoint = Process::spawn({
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    });
    let heard = || endpoint.lines().iter().any(|line| line.contains("word:said")).then_some(());
    until("the printed endpoint to hear of it", heard, || format!("{}\n{}", endpoint.log(), hub.story())).await;
    hub.event("the delivery", |event| event.event == EventName::DeliverySucceeded).await;
    hub.stop().await;
    endpoint.kill().await;
    assert!(TcpStream::connect(&address).await.is_err(), "the endpoint outlives the test at {address}");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_terminal_the_message_is_shown() {
    let nobody = Refusing::new();
    let bench = Bench::new(&hub_file(&nobody.url));
    let secrets = bench.path("state/secrets");
    std::fs::create_dir_all(&secrets).unwrap();
    std::fs::write(secrets.join("t"), "t0k3n\n").unwrap();
    let arguments = ["dev", "--hub", "hub.yaml", "--state", "state", "--listen", "127.0.0.1:0"];
    let mut terminal = Terminal::start(&bench.path("."), &arguments);
    let listens = || {
        let text = terminal.text();
        let (_, rest) = text.split_once("listens on ")?;
        Some(rest.split(|c: char| c.is_control() || c.is_whitespace()).next()?.to_owned())
            .filter(|_| rest.contains('\n'))
    };
    let url = until("the hub to listen", listens, || terminal.text()).await;
    push(&url).await;
    for expected in ["Nobody listens at", "p4yl0ad", "x-hub-token: (redacted)", "crossdock listen --route tell"] {
        terminal.shows(expected).await;
    }
    assert!(!terminal.text().contains("t0k3n"), "{}", terminal.text());
    terminal.interrupt().await;
    terminal.shows("exit status 0").await;
}
