//! The crossdock commands that the documents tell for AWS are taken by the command line: known, with options and values
//! that it reads. What they do is tried in `readme` and `aws::on_aws`.

use crate::support::{Bench, binary::repository_file};

/// How the documents begin a command.
const BEGINNINGS: [&str; 3] = ["crossdock ", "cargo run -- ", "cargo run --features aws -- "];

#[tokio::test(flavor = "multi_thread")]
async fn every_command_that_the_documents_tell_is_one() {
    let bench = Bench::empty();
    for (document, at_least) in
        [("README.md", 10), ("docs/deploying.md", 6), ("infra/runbook.md", 8), ("infra/iam.md", 0)]
    {
        let commands = commands(&repository_file(document));
        assert!(commands.len() >= at_least, "{document}: {commands:?}");
        for command in commands {
            // Everything before it is read first, and what is missing is not asked for.
            let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
            let done = bench.run_exactly(&arguments).await;
            assert!(done.status.success(), "{document}: {done}");
        }
    }
}

/// The arguments of each, of blocks and of the text, in which a line may end anywhere.
fn commands(markdown: &str) -> Vec<String> {
    let mut commands = Vec::new();
    for (place, text) in markdown.split("```").enumerate() {
        let pieces: Vec<String> = match place % 2 {
            0 => text.split('`').skip(1).step_by(2).map(|code| code.replace('\n', " ")).collect(),
            _ => text.lines().map(|line| line.split(" #").next().unwrap_or_default().to_owned()).collect(),
        };
        for piece in pieces {
            let rest = BEGINNINGS.iter().find_map(|beginning| piece.trim().strip_prefix(beginning));
            commands.extend(rest.map(|rest| rest.trim().to_owned()));
        }
    }
    commands
}

#[test]
fn commands_are_found_wherever_they_stand() {
    let markdown =
        "Say `crossdock dlq\nlist` or `no command`.\n```sh\ncargo run -- dev   # why\nls\n```\n`crossdock show X`";
    assert_eq!(commands(markdown), ["dlq list", "dev", "show X"]);
}
