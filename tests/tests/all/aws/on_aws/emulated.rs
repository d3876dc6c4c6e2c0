//! What the emulator has to be good at for the other cases to mean anything, tried without the hub: a template of a few
//! lines, and a function of a few more.

use serde_json::{Value, json};

use crate::aws::cloud::{Cloud, Depth, Stack, Template, until, zipped};

/// Answers with the event, what it knows of itself, and a failure for each record that asks for one.
const BOOTSTRAP: &str = r#"#!/usr/bin/env python3
import json, os, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(api + "next") as answer:
        event, request = json.load(answer), answer.headers["Lambda-Runtime-Aws-Request-Id"]
    print(json.dumps({"seen": event}), flush=True)
    if event.get("die"):
        os._exit(1)
    failed = [r["messageId"] for r in event.get("Records", []) if "bad" in r["body"]]
    body = {"event": event, "setting": os.environ.get("SETTING"), "endpoint": os.environ.get("AWS_ENDPOINT_URL"),
            "batchItemFailures": [{"itemIdentifier": one} for one in failed]}
    if "rawPath" in event:
        body = {"statusCode": 202, "headers": {"x-answer": "yes"}, "body": json.dumps({"path": event["rawPath"]})}
    urllib.request.urlopen(urllib.request.Request(api + request + "/response", json.dumps(body).encode())).read()
"#;

const TEMPLATE: &str = r#"
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Setting: {Type: String}
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub "${AWS::StackName}-echo"
      Runtime: provided.al2023
      Architectures: [arm64]
      Handler: bootstrap
      CodeUri: s3://BUCKET/echo.zip
      Timeout: 10
      Environment: {Variables: {SETTING: !Ref Setting}}
      FunctionUrlConfig: {AuthType: NONE}
      EventInvokeConfig:
        MaximumRetryAttempts: 1
        DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Failed.Arn}}
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: !Ref AWS::StackName}}
  Failed: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub "${AWS::StackName}-failed"}}
  Nested:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: TEMPLATE_URL
      Parameters: {Prefix: !Ref AWS::StackName, Function: !GetAtt Function.Arn, Bus: !Ref Bus}
Outputs:
  Queue: {Value: !GetAtt Nested.Outputs.Queue}
"#;

const NESTED: &str = r#"
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Prefix: {Type: String}
  Function: {Type: String}
  Bus: {Type: String}
Resources:
  Dead: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub "${Prefix}-dead"}}
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub "${Prefix}-to"
      VisibilityTimeout: 2
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {detail-type: [{prefix: "order:"}]}
      Targets:
        - Id: queue
          Arn: !GetAtt Queue.Arn
          InputTransformer: {InputPathsMap: {message: "$.detail"}, InputTemplate: '{"route": "book", "message": <message>}'}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      EventSourceArn: !GetAtt Queue.Arn
      FunctionName: !Ref Function
      FunctionResponseTypes: [ReportBatchItemFailures]
      ScalingConfig: {MaximumConcurrency: 2}
Outputs:
  Queue: {Value: !GetAtt Queue.QueueName}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_small_stack_works_as_aws_documents() {
    let cloud = Cloud::new();
    cloud.make_bucket().await;
    cloud.upload("echo.zip", zipped([("bootstrap", BOOTSTRAP.into())])).await;
    cloud.upload("nested.yaml", NESTED.into()).await;
    let template = |setting: &str| Template {
        text: TEMPLATE.replace("TEMPLATE_URL", &cloud.template_url("nested.yaml")).replace("BUCKET", &cloud.bucket()),
        parameters: [("Setting".to_owned(), setting.to_owned())].into(),
    };
    let stack = Stack::create(&cloud, "small", &template("first")).await;
    assert_eq!(stack.output("Queue").await, "small-to");
    let kinds: Vec<_> = stack.resources().await.into_iter().map(|resource| resource.kind).collect();
    assert!(kinds.contains(&"AWS::Lambda::EventSourceMapping".to_owned()), "{kinds:?}");

    let function = "small-echo";
    let setting = async || cloud.invoke(function, &json!({"some": "event"})).await["setting"].clone();
    assert_eq!(setting().await, "first");
    cloud.set_variables(function, &[("SETTING", Some("second"))]).await;
    assert_eq!(setting().await, "second");
    assert_eq!(cloud.processes(function).len(), 1);

    let url = cloud.function_url(function).await;
    let answer = crate::support::client::call("POST", format!("{url}/push/some")).json(&json!({})).send().await;
    assert_eq!((answer.status, answer.json()), (202, json!({"path": "/push/some"})));

    // Of one batch, what failed comes again, and at last goes to the dead-letter queue; what did not is done with.
    cloud
        .put_events(
            "small",
            &[("order:good", json!({"a": 1})), ("other:good", json!({})), ("order:bad", json!({"bad": 1}))],
        )
        .await;
    let body = until("the dead letter", async || cloud.peek("small-dead").await.first().cloned()).await["Body"].clone();
    assert_eq!(
        serde_json::from_str::<Value>(body.as_str().unwrap()).unwrap(),
        json!({"route": "book", "message": {"bad": 1}})
    );
    assert_eq!(cloud.depth("small-to").await, Depth::default());

    cloud.invoke_later(function, &json!({"die": true})).await;
    until("the failed invocation", async || cloud.peek("small-failed").await.first().cloned()).await;

    stack.update(&template("third")).await;
    assert_eq!(setting().await, "third");
    let seen = cloud.lines(function).await;
    let bodies = |seen: &Value| seen["seen"]["Records"].as_array().map_or(0, Vec::len);
    assert!(seen.iter().map(bodies).sum::<usize>() >= 3, "{seen:?}");

    stack.delete().await;
    assert_eq!(cloud.queues().await, [""; 0]);
}
