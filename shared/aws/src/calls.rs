//! Tells of every call to AWS: which operation of which service on which resource, how long it took, in how many
//! attempts, for how many units. One line per operation at debug level, target [`TARGET`]; the end-to-end test compares
//! these lines with what the functions' roles allow. Nothing of what is sent or answered is in them but the resource's name.

mod units;

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use aws_sdk_dynamodb::operation as dynamodb;
use aws_sdk_eventbridge::operation as eventbridge;
use aws_sdk_sqs::operation as sqs;
use aws_sdk_ssm::operation as ssm;
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{
                BeforeSerializationInterceptorContextMut, BeforeSerializationInterceptorContextRef,
                FinalizerInterceptorContextRef, Input,
            },
        },
        orchestrator::Metadata,
        retries::RequestAttempts,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};

/// Of the log lines.
pub const TARGET: &str = "crossdock::aws_call";

/// On every client of this crate, and on those that a command has besides.
#[derive(Debug)]
pub struct LogCalls;

/// What is known of a call when it begins.
#[derive(Debug)]
struct Begun {
    at: SystemTime,
    resource: String,
    /// What a transaction is made of: IAM knows no action of the transaction's own.
    parts: String,
}

impl Storable for Begun {
    type Storer = StoreReplace<Self>;
}

impl Intercept for LogCalls {
    fn name(&self) -> &'static str {
        "LogCalls"
    }

    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if wanted() {
            let resource = resource(context.input()).unwrap_or_default().into_owned();
            let parts = parts(context.input());
            config.interceptor_state().store_put(Begun { at: now(components), resource, parts });
        }
        Ok(())
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if wanted() {
            units::ask(context.input_mut());
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (Some(begun), Some(metadata)) = (config.load::<Begun>(), config.load::<Metadata>()) else { return Ok(()) };
        let took = now(components).duration_since(begun.at).unwrap_or(Duration::ZERO);
        tracing::debug!(
            target: TARGET,
            call = format!("{}:{}", prefix(metadata.service()), metadata.name()),
            resource = begun.resource,
            parts = begun.parts,
            units = context.output_or_error().and_then(|result| units::charged(result.ok()?)),
            took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            attempts = config.load::<RequestAttempts>().map_or(1, RequestAttempts::attempts),
            failed = context.output_or_error().is_none_or(|result| result.is_err()),
        );
        Ok(())
    }
}

fn wanted() -> bool {
    tracing::enabled!(target: TARGET, tracing::Level::DEBUG)
}

/// The SDK's clock, so that this module reads none of its own.
fn now(components: &RuntimeComponents) -> SystemTime {
    components.time_source().unwrap_or_default().now()
}

/// A service as IAM calls it in the names of actions.
fn prefix(service: &str) -> Cow<'static, str> {
    match service {
        "DynamoDB" => "dynamodb".into(),
        "EventBridge" => "events".into(),
        "SQS" => "sqs".into(),
        "SSM" => "ssm".into(),
        other => other.to_lowercase().into(),
    }
}

/// The table (with the index, as in its ARN), queue, bus or parameter that an operation is about.
fn resource(input: &Input) -> Option<Cow<'_, str>> {
    macro_rules! of {
        ($($operation:ty => |$input:ident| $resource:expr),+ $(,)?) => {
            $(if let Some($input) = input.downcast_ref::<$operation>() { return $resource; })+
        };
    }
    of!(
        dynamodb::get_item::GetItemInput => |of| of.table_name().map(Cow::from),
        dynamodb::put_item::PutItemInput => |of| of.table_name().map(Cow::from),
        dynamodb::update_item::UpdateItemInput => |of| of.table_name().map(Cow::from),
        dynamodb::delete_item::DeleteItemInput => |of| of.table_name().map(Cow::from),
        dynamodb::query::QueryInput => |of| table(of.table_name(), of.index_name()),
        dynamodb::scan::ScanInput => |of| table(of.table_name(), of.index_name()),
        dynamodb::batch_get_item::BatchGetItemInput => |of| of.request_items()?.keys().next().map(Cow::from),
        dynamodb::batch_write_item::BatchWriteItemInput => |of| of.request_items()?.keys().next().map(Cow::from),
        dynamodb::transact_write_items::TransactWriteItemsInput => |of| written(of.transact_items()).map(Cow::from),
        eventbridge::put_events::PutEventsInput => |of| of.entries().first()?.event_bus_name().map(Cow::from),
        sqs::send_message_batch::SendMessageBatchInput => |of| queue(of.queue_url()),
        sqs::receive_message::ReceiveMessageInput => |of| queue(of.queue_url()),
        sqs::change_message_visibility::ChangeMessageVisibilityInput => |of| queue(of.queue_url()),
        sqs::delete_message::DeleteMessageInput => |of| queue(of.queue_url()),
        ssm::get_parameter::GetParameterInput => |of| of.name().map(Cow::from),
    );
    None
}

fn table<'a>(table: Option<&'a str>, index: Option<&str>) -> Option<Cow<'a, str>> {
    let table = table?;
    Some(index.map_or(Cow::from(table), |index| format!("{table}/index/{index}").into()))
}

fn queue(url: Option<&str>) -> Option<Cow<'_, str>> {
    Some(url?.rsplit('/').next()?.into())
}

/// The actions that a transaction needs, each once.
fn parts(input: &Input) -> String {
    let Some(transaction) = input.downcast_ref::<dynamodb::transact_write_items::TransactWriteItemsInput>() else {
        return String::new();
    };
    let items = transaction.transact_items();
    let kinds = [
        ("PutItem", items.iter().any(|item| item.put().is_some())),
        ("UpdateItem", items.iter().any(|item| item.update().is_some())),
        ("DeleteItem", items.iter().any(|item| item.delete().is_some())),
        ("ConditionCheckItem", items.iter().any(|item| item.condition_check().is_some())),
    ];
    let used: Vec<&str> = kinds.iter().filter(|(_, used)| *used).map(|(kind, _)| *kind).collect();
    used.join(" ")
}

/// The table of a transaction's first write; all are in one.
fn written(items: &[aws_sdk_dynamodb::types::TransactWriteItem]) -> Option<&str> {
    let item = items.first()?;
    item.put()
        .map(|put| put.table_name())
        .or_else(|| item.update().map(|update| update.table_name()))
        .or_else(|| item.delete().map(|delete| delete.table_name()))
        .or_else(|| item.condition_check().map(|check| check.table_name()))
}
