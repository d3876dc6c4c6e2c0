//! What a call to DynamoDB was charged, in read or write units: it says so when it is asked to.

use aws_sdk_dynamodb::{
    operation as dynamodb,
    types::{ConsumedCapacity, ReturnConsumedCapacity},
};
use aws_smithy_runtime_api::client::interceptors::context::{Input, Output};

macro_rules! operations {
    ($one_or_many:ident) => {
        $one_or_many!(
            one dynamodb::get_item::{GetItemInput, GetItemOutput},
            one dynamodb::put_item::{PutItemInput, PutItemOutput},
            one dynamodb::update_item::{UpdateItemInput, UpdateItemOutput},
            one dynamodb::delete_item::{DeleteItemInput, DeleteItemOutput},
            one dynamodb::query::{QueryInput, QueryOutput},
            many dynamodb::batch_get_item::{BatchGetItemInput, BatchGetItemOutput},
            many dynamodb::batch_write_item::{BatchWriteItemInput, BatchWriteItemOutput},
            many dynamodb::transact_write_items::{TransactWriteItemsInput, TransactWriteItemsOutput},
        )
    };
}

/// Has the call tell.
pub(super) fn ask(input: &mut Input) {
    macro_rules! each {
        ($($_count:ident $($path:ident)::+::{$input:ident, $_output:ident}),+ $(,)?) => {
            $(if let Some(input) = input.downcast_mut::<$($path)::+::$input>() {
                input.return_consumed_capacity = Some(ReturnConsumedCapacity::Total);
            })+
        };
    }
    operations!(each);
}

/// `None` where it does not say.
pub(super) fn charged(output: &Output) -> Option<f64> {
    macro_rules! told {
        (one $output:expr) => {
            $output.consumed_capacity().and_then(ConsumedCapacity::capacity_units)
        };
        (many $output:expr) => {
            sum($output.consumed_capacity())
        };
    }
    macro_rules! each {
        ($($count:ident $($path:ident)::+::{$_input:ident, $output:ident}),+ $(,)?) => {
            $(if let Some(output) = output.downcast_ref::<$($path)::+::$output>() {
                return told!($count output);
            })+
        };
    }
    operations!(each);
    None
}

fn sum(tables: &[ConsumedCapacity]) -> Option<f64> {
    (!tables.is_empty()).then(|| tables.iter().filter_map(ConsumedCapacity::capacity_units).sum())
}
