// cargo run --package crossdock-sample --example reserve 3005; it needs axum, serde_json and tokio
use axum::{Json, Router, http::StatusCode, routing::post};
use serde_json::{Value, json};

async fn reserve(Json(message): Json<Value>) -> Result<Json<Value>, StatusCode> {
    let order = &message["payload"]["order"]["current"];
    let lines = order["lines"].as_array().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    let reserved = message["parameters"].as_array().into_iter().flatten().find(|one| one["name"] == "reserved");
    let reserved = reserved.and_then(|one| one["value"].as_u64()).unwrap_or(0) + lines.len() as u64;
    let skus: Vec<&Value> = lines.iter().map(|line| &line["sku"]).collect();
    let reservation = json!({"order": order["number"], "skus": skus});
    Ok(Json(json!({"message_id": message["message_id"],
        "messages": [{"message": "stock:reserved", "payload": {"reservation": reservation}}],
        "parameters": {"reserved": reserved}})))
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "3005".to_owned());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    axum::serve(listener, Router::new().route("/reserve", post(reserve))).await
}
