//! `crossdock render` and `crossdock check --target aws`: a hub on its way to AWS.

use crate::support::{
    Bench,
    binary::{repository, repository_file},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_committed_rendering_is_fresh() {
    let bench = Bench::empty();
    let (hub, out) = (repository().join("infra/hub.yaml"), repository().join("infra/generated"));
    let checked =
        bench.run(&["render", "--check", "--hub", hub.to_str().unwrap(), "--out", out.to_str().unwrap()]).await;
    assert!(checked.status.success(), "{checked}");
    // It is what AWS can do, whatever its URLs.
    let sample = Bench::empty().run(&["check", "--target", "aws"]).await.ok();
    assert!(sample.stdout.contains("my-shop is fine for AWS"), "{sample}");
    assert_eq!(sample.stderr, "", "{sample}");
}

const HUB: &str = r#"hub: shop
endpoints:
  mail: {url: "${MAIL_URL}"}
  book: {url: "https://book.example"}
routes:
  - {name: mail, messages: ["*"], to: mail}
  - {name: book, messages: ["*"], to: book}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_rendering_is_told_and_an_endpoint_leaves_only_when_told_to() {
    let bench = Bench::empty();
    let hub = |text: &str| std::fs::write(bench.path("hub.yaml"), text).unwrap();
    let render = async |more: &[&str]| {
        let arguments = [&["render", "--hub", "hub.yaml", "--out", "made"], more].concat();
        bench.run_exactly(&arguments).await
    };
    hub(HUB);
    let missing = render(&["--check"]).await;
    assert_eq!(missing.status.code(), Some(1), "{missing}");
    assert!(missing.stdout.contains("made/hub.yaml: is missing"), "{missing}");
    assert!(!bench.path("made").exists());
    render(&[]).await.ok();
    render(&["--check"]).await.ok();
    // What is not ours stays.
    std::fs::write(bench.path("made/README.md"), "mine").unwrap();

    hub(&HUB.replace("name: book", "enabled: false, name: book"));
    let stale = render(&["--check"]).await;
    assert_eq!(stale.status.code(), Some(1), "{stale}");
    assert!(stale.stdout.contains("found State: ENABLED, expected State: DISABLED"), "{stale}");
    let written = render(&[]).await.ok();
    assert!(written.stdout.contains("1 of 5 files written"), "{written}");

    let gone = HUB.lines().filter(|line| !line.contains("book")).map(|line| format!("{line}\n")).collect::<String>();
    for arguments in [&[][..], &["--check"], &["--drop", "mail"], &["--drop", "nobody"]] {
        hub(&gone);
        let refused = render(arguments).await;
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}: {refused}");
        let expected = match arguments {
            ["--drop", "mail"] => "--drop mail: that endpoint is still in hub.yaml",
            ["--drop", _] => "--drop nobody: that endpoint was not rendered before",
            _ => "no endpoint book any more, and it was not drained",
        };
        assert!(refused.stderr.contains(expected), "{arguments:?}: {refused}");
    }
    // By draining it first, which leaves its queue and takes its rule,
    hub(&HUB.replace("\"https://book.example\"", "\"https://book.example\", drain: true"));
    render(&[]).await.ok();
    let files = std::fs::read_dir(bench.path("made")).unwrap();
    let text: String =
        files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect::<Vec<_>>().join("\n");
    assert!(text.contains("BookQueue:") && text.contains("BookMapping:") && !text.contains("BookRule:"), "{text}");
    hub(&gone);
    render(&[]).await.ok();
    render(&["--check"]).await.ok();
    // or by saying so.
    hub("hub: shop\nendpoints: {other: {url: 'https://other.example'}}\n");
    let refused = render(&[]).await;
    assert!(refused.stderr.contains("--drop mail"), "{refused}");
    render(&["--drop", "mail"]).await.ok();
    render(&["--check"]).await.ok();
    assert_eq!(std::fs::read_to_string(bench.path("made/README.md")).unwrap(), "mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_holds_the_hub_and_only_one_that_can_run_there() {
    let text = HUB.replace("\"*\"", "\"order:*\"");
    let package = async |url: Option<&str>, text: &str| {
        let mut bench = Bench::empty();
        if let Some(url) = url {
            bench = bench.variable("MAIL_URL", url);
        }
        std::fs::write(bench.path("hub.yaml"), text).unwrap();
        let run = bench.run_exactly(&["render", "--hub", "hub.yaml", "--package", "hub.json"]).await;
        (run, std::fs::read_to_string(bench.path("hub.json")).ok())
    };
    let (made, json) = package(Some("https://mail.example"), &text).await;
    made.ok();
    let json: serde_json::Value = serde_json::from_str(&json.unwrap()).unwrap();
    assert_eq!(json["endpoints"]["mail"]["url"], "https://mail.example");

    for (url, text, expected) in [
        (None, text.clone(), "hub.yaml:3:15: endpoints.mail.url: the environment variable MAIL_URL is not set"),
        (Some("http://localhost:1"), text.clone(), "hub.yaml:3:15: endpoints.mail.url: expected a URL"),
        (Some("http://[::1]"), text.clone(), "opens only in `crossdock dev`"),
        (Some("http://10.1.2.3"), text.clone(), "10.1.2.3 is"),
        (Some("http://2852039166"), text.clone(), "169.254.169.254 is"),
        (Some("http://metadata.google.internal"), text.clone(), "metadata service"),
        (
            Some("https://mail.example"),
            text.replace("\"https://book.example\"", "\"https://book.example\", concurrency: 1"),
            "hub.yaml:4:52: endpoints.book.concurrency: ",
        ),
    ] {
        let (refused, json) = package(url, &text).await;
        assert_eq!(refused.status.code(), Some(1), "{url:?}: {refused}");
        assert!(refused.stderr.contains(expected), "{url:?}, {expected}: {refused}");
        assert_eq!(json, None, "{url:?}");
    }
    let named = format!("networks: [10.1.0.0/16]\n{text}");
    package(Some("http://10.1.2.3"), &named).await.0.ok();
}

/// The renderings are held to the letter where they are made; here only that both commands say the same of one file.
#[tokio::test(flavor = "multi_thread")]
async fn what_aws_cannot_do_is_refused_by_both_commands() {
    let url = "https://somewhere.example";
    let bench = Bench::empty().variable("SHOP_URL", url).variable("MAIL_URL", url);
    let text = repository_file("infra/examples/quickstart.yaml");
    let often = text.replace("every: ", "every: 10s # ");
    assert_ne!(text, often);
    std::fs::write(bench.path("hub.yaml"), &often).unwrap();
    bench.run(&["check", "hub.yaml"]).await.ok();
    let checked = bench.run(&["check", "hub.yaml", "--target", "aws"]).await;
    let fault = "every: a schedule of AWS has an interval of whole minutes, from 1m: found 10s";
    assert_eq!(checked.status.code(), Some(1), "{checked}");
    assert!(checked.stdout.contains(fault), "{checked}");
    let rendered = bench.run_exactly(&["render", "--hub", "hub.yaml"]).await;
    assert_eq!(rendered.status.code(), Some(1), "{rendered}");
    assert!(rendered.stderr.contains(fault), "{rendered}");
}
