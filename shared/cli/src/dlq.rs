//! `crossdock dlq`.

use crossdock_core::{
    Timestamp,
    id::{EndpointName, MessageId},
    port::Home,
    redrive::{self, DeadLetter, Redriven, Replayed},
};
use serde_json::{Value, json};

#[cfg(feature = "aws")]
use crate::remote;
use crate::{
    args::{Dlq, DlqCommand, On},
    context::{Environment, Opened},
    failure::Failure,
    out, resting,
};

pub(crate) async fn run(args: Dlq, environment: Environment) -> Result<(), Failure> {
    let (DlqCommand::List { place, .. } | DlqCommand::Redrive { place, .. } | DlqCommand::Replay { place, .. }) =
        &args.command;
    match &place.on {
        On::Local => {
            let opened = Opened::existing(&place.which, environment).await?;
            dlq(&opened, &args.command).await?;
            opened.close().await;
            Ok(())
        }
        #[cfg(feature = "aws")]
        On::Aws(stack) => Box::pin(dlq(&remote::open(&place.which, stack, &environment).await?, &args.command)).await,
    }
}

async fn dlq<H: Home>(opened: &Opened<H>, command: &DlqCommand) -> Result<(), Failure> {
    match command {
        DlqCommand::List { endpoint, json, .. } => {
            let letters = letters(opened, endpoint.as_deref(), None).await?;
            if *json {
                out::json(&letters.iter().map(as_json).collect::<Value>());
            } else {
                list(&letters, opened.home.clock().now());
            }
            resting::say_why(opened, &letters.iter().map(|letter| letter.endpoint.clone()).collect()).await;
        }
        DlqCommand::Redrive { endpoint, message, dry_run, .. } => {
            let message = message.as_deref().map(parse).transpose()?;
            if *dry_run {
                for letter in letters(opened, endpoint.as_deref(), message).await? {
                    out::line(&format!("would send {}", line(&letter)));
                }
            } else {
                redrive_all(opened, endpoint.as_deref(), message).await?;
                resting::say_why(opened, &opened.endpoints(endpoint.as_deref())?.into_iter().collect()).await;
            }
        }
        DlqCommand::Replay { message, endpoint, .. } => replay(opened, parse(message)?, endpoint.as_deref()).await?,
    }
    Ok(())
}

/// Fails where something could not be sent, and where there was nothing to send.
async fn replay<H: Home>(opened: &Opened<H>, message: MessageId, endpoint: Option<&str>) -> Result<(), Failure> {
    let only = match endpoint {
        Some(name) => opened.endpoints(Some(name))?.pop(),
        None => None,
    };
    let replayed = redrive::replay(&opened.home, &opened.hub, message, only.as_ref()).await?;
    if replayed.is_empty() {
        let at = only.map(|endpoint| format!(" to {endpoint}")).unwrap_or_default();
        return Err(Failure::new(format!(
            "the ledger knows of no delivery of {message}{at}: there never was one, or it was forgotten \
             (retention.deliveries)"
        )));
    }
    let endpoints = replayed.values().map(|(endpoint, _)| endpoint.clone()).collect();
    let mut failed = 0;
    for (route, (endpoint, became)) in replayed {
        let said = match became {
            Replayed::FromStore(key) => format!("sent as round {}, from the store", key.round),
            Replayed::FromQueue(Redriven::Sent(key)) => format!("sent as round {}", key.round),
            Replayed::FromQueue(Redriven::Finishing(key)) => {
                format!("sent as round {}, to finish what its answer asked for", key.round)
            }
            Replayed::FromQueue(Redriven::Done(_)) => "cleared: it has been sent again or delivered before".to_owned(),
            Replayed::Alive(state) => format!("left alone: no dead letter, but {}", state.as_str()),
            Replayed::FromQueue(Redriven::Left { why }) | Replayed::Left { why } => {
                failed += 1;
                format!("left: {why}")
            }
        };
        out::line(&format!("{message}  {route} → {endpoint}  {said}"));
    }
    resting::say_why(opened, &endpoints).await;
    match failed {
        0 => Ok(()),
        _ => Err(Failure::new(format!("{failed} of its dead letters could not be sent again"))),
    }
}

fn parse(id: &str) -> Result<MessageId, Failure> {
    id.parse().map_err(|_| Failure::new(format!("{id:?} is no message id; crossdock dlq list shows them")))
}

async fn letters<H: Home>(
    opened: &Opened<H>,
    endpoint: Option<&str>,
    message: Option<MessageId>,
) -> Result<Vec<DeadLetter>, Failure> {
    let mut all = Vec::new();
    for endpoint in opened.endpoints(endpoint)? {
        all.extend(redrive::list(&opened.home, &endpoint).await?);
    }
    if let Some(message) = message {
        all.retain(|letter| letter.delivery.as_ref().is_some_and(|key| key.message == message));
    }
    Ok(all)
}

async fn redrive_all<H: Home>(
    opened: &Opened<H>,
    endpoint: Option<&str>,
    message: Option<MessageId>,
) -> Result<(), Failure> {
    let mut sent = 0;
    let endpoints: Vec<EndpointName> = opened.endpoints(endpoint)?;
    for endpoint in endpoints {
        for (letter, outcome) in redrive::redrive(&opened.home, &endpoint, message).await? {
            match outcome {
                Redriven::Sent(key) => {
                    sent += 1;
                    out::line(&format!("sent {} as round {}", line(&letter), key.round));
                }
                Redriven::Finishing(key) => {
                    sent += 1;
                    out::line(&format!(
                        "sent {} as round {}, to finish what its answer asked for",
                        line(&letter),
                        key.round
                    ));
                }
                Redriven::Done(_) => {
                    out::line(&format!("cleared {}: it has been sent again or delivered before", line(&letter)));
                }
                Redriven::Left { why } => out::line(&format!("left {}: {why}", line(&letter))),
            }
        }
    }
    if sent == 0 {
        out::line("nothing to send");
    }
    Ok(())
}

fn list(letters: &[DeadLetter], now: Timestamp) {
    if letters.is_empty() {
        out::line("no dead letters");
        return;
    }
    for letter in letters {
        let age = now.duration_since(letter.sent_at).as_secs();
        out::line(&format!("{}  {}  dead for {}", line(letter), out::plain(&letter.reason), spoken(age)));
    }
}

fn spoken(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn line(letter: &DeadLetter) -> String {
    let message = letter.message.as_ref().map_or_else(|| "(unreadable)".to_owned(), ToString::to_string);
    let object = letter.object.as_deref().map(out::plain).unwrap_or_default().into_owned();
    let route = letter.delivery.as_ref().map(|key| key.route.to_string()).unwrap_or_default();
    let id = letter.delivery.as_ref().map(|key| key.message.to_string()).unwrap_or_default();
    [id, message, object, format!("{route} → {}", letter.endpoint)]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("  ")
}

fn as_json(letter: &DeadLetter) -> Value {
    json!({
        "endpoint": letter.endpoint,
        "message_id": letter.delivery.as_ref().map(|key| key.message),
        "route": letter.delivery.as_ref().map(|key| &key.route),
        "round": letter.delivery.as_ref().map(|key| key.round),
        "message": letter.message,
        "object": letter.object,
        "reason": letter.reason,
        "status": letter.status.as_ref().and_then(|status| status.parse::<u16>().ok()),
        "attempts": letter.attempts.as_ref().and_then(|attempts| attempts.parse::<u32>().ok()),
        "sent_at": letter.sent_at,
    })
}
