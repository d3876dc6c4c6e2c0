# The everyday commands; `./test` is the one that counts.

_default:
    @just --list

# A hub at work: the sample, or `just dev --hub hub.yaml`
dev *arguments:
    cargo run -- dev {{arguments}}

# Every check; `just test --quick` leaves the end-to-end tests out
test *arguments:
    ./test {{arguments}}

# What the compiler and clippy say
check:
    cargo clippy --workspace --all-targets --features crossdock-cli/aws,crossdock-cli/faults,crossdock-aws/faults -- -D warnings

fmt:
    cargo fmt --all

# Licences, sources, duplicates and advisories, by cargo-deny
deny:
    cargo deny check

# Writes golden files anew; read the difference before you commit it
update-golden:
    UPDATE_EXPECT=1 cargo test --workspace --exclude crossdock-tests --features crossdock-cli/aws,crossdock-cli/faults,crossdock-aws/faults

# Seconds from `git clone` to the first delivery, with nothing downloaded or compiled before
cold-start *arguments:
    tests/tools/cold-start {{arguments}}

# Measures the hub under load; TOOL is a load generator as tests/load/run describes it. A few minutes, on a quiet machine
load TOOL:
    cargo build --release --locked -p crossdock-cli
    tests/load/run {{quote(trim_start_match(TOOL, "TOOL="))}} "${CARGO_TARGET_DIR:-target}/release/crossdock" "${CARGO_TARGET_DIR:-target}/load"

# How long orders take while 100,000 products are polled, beside without; six minutes, on a quiet machine
lanes: (_measure "lanes")

# How many orders a second come in by push and by webhook, beside a bare server; two minutes, on a quiet machine
incoming: (_measure "incoming")

_measure WHAT:
    cargo build --release --locked -p crossdock-cli
    target="$(realpath "${CARGO_TARGET_DIR:-target}")" && \
        cargo bench --locked -p crossdock-tests --bench load -- {{WHAT}} "$target/release/crossdock" "$target/load"

# How soon each function asks for its first event, beside a bare one, as they are deployed; a few minutes to build
start:
    cargo build --locked --profile function -p crossdock-poller -p crossdock-dispatcher -p crossdock-ingest
    cargo build --locked --profile function -p crossdock-aws --example bare
    env STORE_URL=https://shop.example.com EMAIL_URL=https://mail.example.com ACCOUNTING_URL=https://books.example.com \
        ANALYTICS_URL=https://track.example.com FULFILMENT_URL=https://ship.example.com LOYALTY_URL=https://points.example.com \
        cargo run --quiet -p crossdock-cli -- render --package "${CARGO_TARGET_DIR:-target}/hub.json"
    cd "${CARGO_TARGET_DIR:-target}" && "{{justfile_directory()}}/tests/load/start" hub.json function/examples/bare \
        function/crossdock-poller function/crossdock-dispatcher function/crossdock-ingest
