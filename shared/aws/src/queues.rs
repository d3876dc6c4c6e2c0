//! The queues on SQS, standard ones.
//!
//! Everything that SQS would refuse a whole call for is found before it is sent, entry by entry: too long, characters
//! that it does not take, a delay past its limit. Times are rounded up to its whole seconds: an entry never comes early.
//!
//! Receiving waits for a second at most. Without any wait SQS asks a few of its servers only, and what lies on the others
//! looks like an empty queue.

use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc, time::Duration};

use aws_sdk_sqs::{
    Client,
    types::{
        Message, MessageAttributeValue, MessageSystemAttributeName, MessageSystemAttributeNameForSends,
        MessageSystemAttributeValue, QueueAttributeName, SendMessageBatchRequestEntry,
    },
};
use aws_smithy_types::error::operation::BuildError;
use crossdock_core::{
    Timestamp,
    port::{Entry, PortError, QueueCounts, QueueName, Queues, Random, Received},
};
use crossdock_stack::names::Names;
use serde::Deserialize;

use crate::{
    batch::{Answer, Limits, Weighed, send_all},
    failure::{coded, failure},
    trace::Sampling,
};

/// `SendMessageBatch`: 1 MiB for an entry, and for all entries of a call.
const LIMITS: Limits = Limits { entries: 10, bytes: 1_048_576 };
/// `SendMessage`, `DelaySeconds`.
const LONGEST_DELAY: Duration = Duration::from_secs(15 * 60);
/// `ChangeMessageVisibility`.
const LONGEST_VISIBILITY: Duration = Duration::from_secs(12 * 60 * 60);
/// `ReceiveMessage`, seconds.
const LONG_POLL: i32 = 1;

/// Codes that find fault with an entry or a receipt.
const PERMANENT: &[&str] = &[
    "BatchRequestTooLong",
    "InvalidMessageContents",
    "InvalidParameterValue",
    "MessageNotInflight",
    "ReceiptHandleIsInvalid",
    "UnsupportedOperation",
];
/// `DeleteMessage` on a receipt that is none.
const UNKNOWN_RECEIPT: &[&str] = &["ReceiptHandleIsInvalid"];

/// The queues of one stack.
#[derive(Clone)]
pub struct SqsQueues {
    client: Client,
    names: Names,
    urls: String,
    random: Arc<dyn Random>,
    sampling: Sampling,
}

impl fmt::Debug for SqsQueues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqsQueues").field("urls", &self.urls).finish_non_exhaustive()
    }
}

impl SqsQueues {
    /// A queue's URL is `urls` and its name.
    pub fn new(client: Client, names: Names, urls: &str, random: Arc<dyn Random>) -> Self {
        Self { client, names, urls: urls.to_owned(), random, sampling: Sampling::default() }
    }

    #[must_use]
    pub fn sampled_as(self, sampling: Sampling) -> Self {
        Self { sampling, ..self }
    }

    fn url(&self, queue: &QueueName) -> String {
        format!("{}{}", self.urls, self.names.queue(queue))
    }

    /// About how many entries there are: SQS says it a minute late, and of some not at all for a while.
    ///
    /// # Errors
    /// SQS could not be asked.
    pub async fn counts(&self, queue: &QueueName) -> Result<QueueCounts, PortError> {
        const COUNTS: [QueueAttributeName; 3] = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let call = self.client.get_queue_attributes().queue_url(self.url(queue));
        let answer = call.set_attribute_names(Some(COUNTS.to_vec())).send().await.map_err(|error| {
            failure(format!("counting the entries of the queue {}", self.names.queue(queue)), &error, PERMANENT)
        })?;
        let counts = answer.attributes.unwrap_or_default();
        let [visible, hidden, delayed] =
            COUNTS.map(|name| counts.get(&name).and_then(|count| count.parse().ok()).unwrap_or_default());
        Ok(QueueCounts { visible, hidden, delayed })
    }

    async fn send_batch(
        &self,
        queue: &QueueName,
        entries: Vec<SendMessageBatchRequestEntry>,
    ) -> Result<Vec<Answer>, PortError> {
        let tried = format!("sending to the queue {}", self.names.queue(queue));
        // The place in this call is the entry's id.
        let entries: Vec<_> = entries
            .into_iter()
            .enumerate()
            .map(|(place, mut entry)| {
                entry.id = place.to_string();
                entry
            })
            .collect();
        let count = entries.len();
        let call = self.client.send_message_batch().queue_url(self.url(queue)).set_entries(Some(entries));
        let answer = call.send().await.map_err(|error| failure(&tried, &error, PERMANENT))?;
        let unanswered =
            || Answer::Refused(PortError::transient(format!("{tried}: SQS gave no answer for this entry")));
        let mut answers: Vec<Answer> = (0..count).map(|_| unanswered()).collect();
        let accepted = answer.successful.iter().map(|entry| (&entry.id, Answer::Accepted));
        let failed = answer.failed.iter().map(|entry| {
            let error = coded(&tried, Some(&entry.code), entry.message.as_deref(), PERMANENT);
            (&entry.id, if entry.sender_fault { Answer::Refused(error) } else { Answer::Busy(error) })
        });
        for (id, answer) in accepted.chain(failed) {
            if let Some(known) = id.parse::<usize>().ok().and_then(|place| answers.get_mut(place)) {
                *known = answer;
            }
        }
        Ok(answers)
    }
}

impl Queues for SqsQueues {
    async fn send(&self, queue: &QueueName, entries: Vec<Entry>) -> Vec<Result<(), PortError>> {
        let entries = entries.into_iter().map(|entry| prepare(entry, &self.sampling)).collect();
        send_all(entries, LIMITS, &*self.random, |batch| self.send_batch(queue, batch)).await
    }

    async fn receive(&self, queue: &QueueName, max: usize, visibility: Duration) -> Result<Vec<Received>, PortError> {
        let received = self
            .client
            .receive_message()
            .queue_url(self.url(queue))
            .max_number_of_messages(i32::try_from(max.clamp(1, LIMITS.entries)).unwrap_or(1))
            .visibility_timeout(seconds(visibility, LONGEST_VISIBILITY, "visibility timeout")?)
            .wait_time_seconds(LONG_POLL)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .send()
            .await
            .map_err(|error| {
                failure(format!("receiving from the queue {}", self.names.queue(queue)), &error, PERMANENT)
            })?;
        let read = |message| {
            let read = read(message);
            if read.is_none() {
                tracing::error!(queue = self.names.queue(queue), "SQS gave an entry without body, receipt or counts");
            }
            read
        };
        Ok(received.messages.unwrap_or_default().into_iter().filter_map(read).collect())
    }

    async fn change_visibility(&self, queue: &QueueName, receipt: &str, after: Duration) -> Result<(), PortError> {
        let call = self
            .client
            .change_message_visibility()
            .queue_url(self.url(queue))
            .receipt_handle(receipt)
            .visibility_timeout(seconds(after, LONGEST_VISIBILITY, "visibility timeout")?);
        let tried = || format!("changing a visibility timeout in the queue {}", self.names.queue(queue));
        call.send().await.map(drop).map_err(|error| failure(tried(), &error, PERMANENT))
    }

    async fn delete(&self, queue: &QueueName, receipt: &str) -> Result<(), PortError> {
        let call = self.client.delete_message().queue_url(self.url(queue)).receipt_handle(receipt);
        let Err(error) = call.send().await else { return Ok(()) };
        let error = failure(format!("deleting from the queue {}", self.names.queue(queue)), &error, UNKNOWN_RECEIPT);
        if error.transient { Err(error) } else { Ok(()) }
    }
}

fn seconds(duration: Duration, most: Duration, what: &str) -> Result<i32, PortError> {
    if duration > most {
        let most = most.as_secs();
        return Err(PortError::permanent(format!("a {what} of {duration:?} is more than SQS takes, {most} s")));
    }
    let whole = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    i32::try_from(whole).map_err(|error| PortError::permanent(error.to_string()))
}

/// What SQS takes of Unicode (`SendMessage`): what XML 1.0 does.
fn is_taken(one: char) -> bool {
    matches!(one, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn prepare(entry: Entry, sampling: &Sampling) -> Result<Weighed<SendMessageBatchRequestEntry>, PortError> {
    let delay = seconds(entry.delay, LONGEST_DELAY, "delay")?;
    if entry.body.is_empty() {
        return Err(PortError::permanent("an entry without a body is nothing that SQS takes"));
    }
    if let Some(bad) = entry.body.chars().find(|one| !is_taken(*one)) {
        return Err(PortError::permanent(format!("a body with {bad:?} in it is nothing that SQS takes")));
    }
    let attributes: BTreeMap<_, _> =
        entry.attributes.iter().filter_map(|(name, text)| Some((name, attribute(text)?))).collect();
    let bytes =
        attributes.iter().fold(entry.body.len(), |sum, (name, text)| sum + name.len() + STRING.len() + text.len());
    if bytes > LIMITS.bytes {
        let most = LIMITS.bytes;
        return Err(PortError::permanent(format!("an entry of {bytes} bytes is more than SQS takes, {most}")));
    }
    let mut request = SendMessageBatchRequestEntry::builder().id("0").delay_seconds(delay);
    for (name, text) in attributes {
        let value = MessageAttributeValue::builder().data_type(STRING).string_value(text);
        request = request.message_attributes(name, value.build().map_err(unbuilt)?);
    }
    if let Some(header) = trace_of(&entry.body).and_then(|trace| sampling.header(&trace)) {
        let value = MessageSystemAttributeValue::builder().data_type(STRING).string_value(header);
        request = request.message_system_attributes(
            MessageSystemAttributeNameForSends::AwsTraceHeader,
            value.build().map_err(unbuilt)?,
        );
    }
    Ok(Weighed { item: request.message_body(entry.body).build().map_err(unbuilt)?, bytes })
}

const STRING: &str = "String";

/// Attributes are for people: a character that SQS does not take becomes U+FFFD, and one without any text is left out.
fn attribute(text: &str) -> Option<String> {
    let text: String = text.chars().map(|one| if is_taken(one) { one } else { char::REPLACEMENT_CHARACTER }).collect();
    (!text.is_empty()).then_some(text)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn unbuilt(error: BuildError) -> PortError {
    PortError::permanent(error.to_string())
}

/// The trace of the message in a queue's entry.
fn trace_of(body: &str) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        message: Traced<'a>,
    }
    #[derive(Deserialize)]
    struct Traced<'a> {
        #[serde(borrow)]
        trace_id: Cow<'a, str>,
    }
    serde_json::from_str(body).ok().map(|body: Body<'_>| body.message.trace_id)
}

fn read(message: Message) -> Option<Received> {
    let system = message.attributes?;
    let number = |name| system.get(&name)?.parse::<i64>().ok();
    let attributes = message.message_attributes.unwrap_or_default();
    Some(Received {
        receipt: message.receipt_handle?,
        body: message.body?,
        attributes: attributes.into_iter().filter_map(|(name, value)| Some((name, value.string_value?))).collect(),
        receive_count: u32::try_from(number(MessageSystemAttributeName::ApproximateReceiveCount)?).ok()?,
        sent_at: Timestamp::from_millisecond(number(MessageSystemAttributeName::SentTimestamp)?).ok()?,
    })
}

#[cfg(test)]
mod tests;
