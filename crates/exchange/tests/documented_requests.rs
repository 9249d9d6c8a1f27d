//! Every request in the venue's own documents is understood: answered as asked, or refused for what
//! it asks, never for its form.

#![allow(clippy::unwrap_used, reason = "a test that fails here has found something")]

mod common;

use std::path::PathBuf;

use common::{Ws, config, sign_ed25519, start, venue_ms};
use serde_json::{Value, json};

/// Requests by the page that shows them; empty without documents.
fn requests(page: &str) -> Vec<(String, Value)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/docs");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: no documented payloads at {}", folder.display());
        return Vec::new();
    };
    let mut all: Vec<_> = entries
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .filter(|(name, _)| name.starts_with(page))
        .map(|(name, path)| {
            (name, serde_json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap())
        })
        .filter(|(_, json)| json.get("method").is_some())
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// What a request is refused for that is well formed but asks what can't be here: filters, a dead
/// order, what this exchange leaves out, a reference price that no symbol has; and in the documents'
/// OTOCO, a stop loss above a sell's limit.
const REASONS: [i64; 14] = [
    -1013, -1020, -1111, -1197, -2010, -2011, -2013, -2018, -2021, -2022, -2036, -2038, -2039,
    -2043,
];

#[tokio::test]
async fn requests_of_the_websocket_api_are_understood() {
    let all = requests("web-socket-api");
    let handle = start(config()).await;
    let mut answered = 0;
    for (name, mut request) in all.clone() {
        let mut ws = Ws::open(&handle, "/ws-api/v3").await;
        let at = venue_ms(&handle).await;
        let method = request["method"].as_str().unwrap().to_owned();
        if method == "userDataStream.subscribe" {
            ws.call("session.logon", sign_ed25519(&handle.credentials, json!({}), at)).await;
        }
        // The documents' keys, times and symbols are theirs.
        if let Some(params) = request.get_mut("params") {
            for (name, ours) in [("symbol", json!("BTCUSDT")), ("symbols", json!(["BTCUSDT"]))] {
                if params.get(name).is_some() {
                    params[name] = ours;
                }
            }
            // A history that the documents' venue has and this one has not.
            for name in ["startTime", "endTime"] {
                if params.get(name).is_some() {
                    params[name] = json!(at - 60_000);
                }
            }
            if params.get("signature").is_some() {
                params.as_object_mut().unwrap().remove("signature");
                params.as_object_mut().unwrap().remove("recvWindow");
                *params = sign_ed25519(&handle.credentials, params.take(), at);
            }
        }
        let id = request["id"].clone();
        ws.send(request.to_string()).await;
        let answer = ws.find(|answer| answer.get("status").is_some()).await;
        assert_eq!(answer["id"], id, "{name}: {request} {answer}");
        if answer["status"] == 200 {
            answered += 1;
            continue;
        }
        let code = answer["error"]["code"].as_i64().unwrap();
        assert!(REASONS.contains(&code), "{name}: {request} is answered with {answer}");
    }
    assert!(all.is_empty() || answered >= 40, "only {answered} of {} were answered", all.len());
}

#[tokio::test]
async fn requests_on_market_streams_are_understood() {
    let handle = start(config()).await;
    for (name, request) in requests("web-socket-streams") {
        let mut ws = Ws::open(&handle, "/stream").await;
        ws.send(request.to_string()).await;
        let answer = ws.find(|answer| answer.get("stream").is_none()).await;
        assert_eq!(answer["id"], request["id"], "{name}: {answer}");
        assert!(answer.get("result").is_some(), "{name}: {answer}");
    }
}
