//! infra/runbook.md is followed. The commands of its `console` blocks are run as they stand there, from the first to the
//! last, against a stack with the trouble that they are for. Those of the AWS command line are not run: each is looked up,
//! service, operation and options, in the models that it is made of (botocore's), what it names must be deployed, and
//! what matters of it is done by the harness's own calls.

use std::{fs, io::Read, path::PathBuf};

use crossdock_stack::names::Names;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::operated::Operated;
use crate::{aws::cloud::until, support::binary::repository_file};

const STACK: &str = "followed";
/// The order of the runbook.
const ORDER: &str = "R123123123";

/// What a `console` command says, at the latest when what was under way is done.
const COMMANDS: &[(&str, &str)] = &[
    ("crossdock show R123123123 --on aws:STACK", "book → accounting: dead_lettered"),
    ("crossdock dlq list --on aws:STACK", "R123123123"),
    ("crossdock dlq redrive accounting --on aws:STACK", "as round 2"),
    ("crossdock endpoint resume accounting --on aws:STACK", "accounting goes on"),
    ("crossdock endpoint list --on aws:STACK", "accounting  0 waiting  0 in the DLQ"),
    ("crossdock poll my-store/orders --on aws:STACK", "0 messages emitted"),
    ("crossdock poll my-store/orders --dry-run --on aws:STACK", "nothing was stored"),
    ("crossdock send infra/examples/message.json --source my-store --on aws:STACK", "accepted: 1"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_runbook_works() {
    let mut operated = Operated::new(STACK).await;
    operated.says(&["poll", "my-store/orders"]).await;
    operated.accounting_answers(410);
    operated.sell(ORDER);
    operated.says(&["poll", "my-store/orders"]).await;
    operated.dead_letters(1).await;
    assert!(operated.says(&["endpoint", "list"]).await.contains("paused since"), "a 410 pauses");
    operated.accounting_answers(200);
    operated.hub.cloud.put_secret(&format!("/{STACK}/push-token"), "a-token").await;
    let (shop, endpoints) = (operated.shop.url().to_owned(), operated.endpoints.url().to_owned());
    operated.operator = operated.operator.variable("STORE_URL", shop).variable("ENDPOINTS_URL", endpoints);
    fs::create_dir(operated.operator.path("infra/examples")).unwrap();
    let message = repository_file("infra/examples/message.json");
    fs::write(operated.operator.path("infra/examples/message.json"), message).unwrap();

    let runbook = repository_file("infra/runbook.md");
    let commands = commands(&runbook, "console");
    let known: Vec<&str> = COMMANDS.iter().map(|(command, _)| *command).collect();
    assert_eq!(commands, known, "infra/runbook.md (left) says what this test does not know, or no longer says it");
    for (command, expected) in COMMANDS {
        let command = command.replace("STACK", STACK);
        let arguments: Vec<&str> = command.split_whitespace().skip(1).collect();
        let works = async || {
            let done = operated.operator.run_exactly(&arguments).await.ok();
            done.stdout.contains(expected).then_some(())
        };
        until(&format!("`{command}` to say {expected:?}"), works).await;
    }

    let hub = &operated.hub;
    let resources: Vec<String> = hub.stack.resources().await.into_iter().map(|one| one.physical).collect();
    let names = Names::new(STACK).unwrap();
    let aws = aws_commands(&runbook);
    assert!(aws.len() >= 12, "{aws:#?}");
    for command in &aws {
        for word in command.words.iter().filter(|word| word.contains("STACK") && !word.starts_with("/STACK/")) {
            let name = word.replace("STACK", STACK);
            // The sample has no bus to lead in; what such a queue is called is known all the same.
            let of_bus = names.webhook_dead_letters(&"WEBHOOK".parse().unwrap());
            let deployed = name.rsplit(':').next() == Some(&of_bus)
                || resources.iter().any(|one| *one == name || one.rsplit(['/', ':']).next() == Some(&name));
            assert!(deployed, "{}: nothing is called {name}: {resources:#?}", command.line);
        }
        command.look_up();
        // Whatever the poller is asked in the runbook it answers.
        if let Some(payload) = command.option("--payload") {
            let event: Value = serde_json::from_str(payload).unwrap();
            let function = command.option("--function-name").unwrap().replace("STACK", STACK);
            let answer = hub.cloud.invoke(&function, &event).await;
            assert!(answer["swept"].is_object(), "{}: {answer}", command.line);
        }
    }
    hub.cloud.invoke_later(&hub.function("poller"), &json!({"task": "none"})).await;
    let failed = async || hub.cloud.peek(&format!("{STACK}-failed-invocations")).await.first().cloned();
    let body = until("the failed invocation", failed).await["Body"].clone();
    assert!(body.as_str().unwrap().contains(r#""task""#), "the task is in the body: {body}");
    let errors = hub.lines().await.into_iter().filter(|(_, line)| line["level"] == "ERROR");
    assert!(errors.count() > 0, "what the runbook's filters look for");
}

/// The lines of all blocks of a kind, one for each command.
fn commands(markdown: &str, kind: &str) -> Vec<String> {
    let fence = format!("\n```{kind}\n");
    let blocks = markdown.split(&fence).skip(1).filter_map(|rest| rest.split("\n```").next());
    let whole: Vec<String> = blocks.map(|block| block.replace("\\\n", " ")).collect();
    whole.iter().flat_map(|block| block.lines()).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[derive(Debug)]
struct AwsCommand {
    line: String,
    /// After `aws`.
    words: Vec<String>,
}

/// Those of blocks, those inside of others, and those in the text.
fn aws_commands(markdown: &str) -> Vec<AwsCommand> {
    let inline = markdown.split('`').filter(|text| text.starts_with("aws ")).map(str::to_owned);
    let mut found = Vec::new();
    for line in commands(markdown, "sh").into_iter().chain(inline) {
        let line = line.replace('\n', " ");
        let start = line.find("$(aws ").map(|at| at + 2).or_else(|| line.starts_with("aws ").then_some(0));
        let start = start.unwrap_or_else(|| panic!("no command of AWS's: {line}"));
        let command = line[start..].trim_end_matches(')');
        // Inside of backquotes only, where the text goes on.
        found.push(AwsCommand { line: line.clone(), words: words(command).into_iter().skip(1).collect() });
    }
    found
}

/// As a shell divides them, as far as the runbook's need it: quotes keep together.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '"' | '\'') => quote = Some(letter),
            (None, ' ') if word.is_empty() => {}
            (None, ' ') => words.push(std::mem::take(&mut word)),
            _ => word.push(letter),
        }
    }
    assert_eq!(quote, None, "{line}");
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

impl AwsCommand {
    fn option(&self, name: &str) -> Option<&str> {
        let place = self.words.iter().position(|word| word == name)?;
        self.words.get(place + 1).map(String::as_str)
    }

    /// The operation and its options are the service's.
    fn look_up(&self) {
        const OF_ALL: [&str; 3] = ["query", "output", "cli-binary-format"];
        let [service, operation, ..] = self.words.as_slice() else { panic!("{}", self.line) };
        let options = self.words.iter().filter_map(|word| word.strip_prefix("--"));
        let mut options: Vec<&str> = options.filter(|option| !OF_ALL.contains(option)).collect();
        let mut operation = operation.as_str();
        if (service.as_str(), operation) == ("logs", "tail") {
            // A command of the AWS command line's own, around this operation; its log group has no option.
            operation = "filter-log-events";
            options.retain(|option| !["since", "follow"].contains(option));
        }
        let model = model(service);
        let operations = model["operations"].as_object().unwrap();
        let found = operations.iter().find(|(name, _)| dashed(name) == operation);
        let (_, found) = found.unwrap_or_else(|| panic!("{service} has no {operation}: {}", self.line));
        let shape = found["input"]["shape"].as_str().unwrap();
        let members = model["shapes"][shape]["members"].as_object().unwrap();
        for option in options {
            // Of a boolean there is the opposite too. Where words end is not asked: `UUID` is one.
            let is_it = |(member, shape): (&String, &Value)| {
                let is_boolean = model["shapes"][shape["shape"].as_str().unwrap()]["type"] == "boolean";
                let is_called = |option: &str| option.replace('-', "") == member.to_ascii_lowercase();
                is_called(option) || is_boolean && option.strip_prefix("no-").is_some_and(is_called)
            };
            let known = members.iter().any(is_it);
            assert!(known, "{service} {operation} has no --{option}: {}", self.line);
        }
    }
}

/// `GetQueueUrl` is `get-queue-url` on the command line.
fn dashed(name: &str) -> String {
    let mut dashed = String::new();
    for (place, letter) in name.chars().enumerate() {
        if letter.is_ascii_uppercase() && place > 0 {
            dashed.push('-');
        }
        dashed.push(letter.to_ascii_lowercase());
    }
    dashed
}

/// The newest description of a service, which is installed along with the emulator.
fn model(service: &str) -> Value {
    let binary = crossdock_testkit::emulator::installed().unwrap();
    let library = binary.parent().unwrap().parent().unwrap().join("lib");
    let entries = |folder: PathBuf| -> Vec<PathBuf> {
        let mut entries: Vec<_> = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.unwrap().path())
            .collect();
        entries.sort();
        entries
    };
    let pythons = entries(library).into_iter().map(|python| python.join("site-packages/botocore/data"));
    let data = pythons.into_iter().find(|data| data.is_dir()).unwrap();
    let newest = entries(data.join(service)).pop().unwrap();
    let mut text = String::new();
    GzDecoder::new(fs::File::open(newest.join("service-2.json.gz")).unwrap()).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn commands_are_read_as_a_shell_reads_them() {
    let markdown = "a `aws sqs purge-queue --queue-url \"$queue\"`.\n```sh\nq=$(aws sqs x --query 'A[].B')\naws y \\\n  --z\n```\n";
    let read: Vec<Vec<String>> = aws_commands(markdown).into_iter().map(|command| command.words).collect();
    let expected: [&[&str]; 3] =
        [&["sqs", "x", "--query", "A[].B"], &["y", "--z"], &["sqs", "purge-queue", "--queue-url", "$queue"]];
    assert_eq!(read, expected);
}
