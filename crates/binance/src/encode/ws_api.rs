//! Calls as frames of the WebSocket API.

use std::time::Duration;

use model::Timestamp;

use super::call::{Call, Security};
use super::params::Params;
use super::rest::whole_millis;
use crate::sign::Credentials;

/// How a frame proves who sends it.
#[derive(Debug, Clone, Copy)]
pub enum WsAuth<'a> {
    /// Not at all: a public operation.
    None,
    /// By the connection, which is logged on.
    Session {
        /// The venue's time.
        timestamp: Timestamp,
        /// How old the request may be when it gets to the engine.
        recv_window: Duration,
    },
    /// By a signature of its own.
    Signed {
        /// The key.
        credentials: &'a Credentials,
        /// The venue's time.
        timestamp: Timestamp,
        /// How old the request may be when it gets to the engine.
        recv_window: Duration,
    },
}

/// Writes a call as a frame. It may hold a signature: never log it.
///
/// # Panics
/// For an operation that the WebSocket API does not have, and for a signed one without proof:
/// both are mistakes of the caller, not of input.
#[must_use]
pub fn ws_api_request(id: i64, call: &Call, auth: WsAuth<'_>) -> String {
    let method = call.operation.ws_api().expect("the operation exists on the WebSocket API");
    let added = match (call.operation.security(), auth) {
        (Security::Public | Security::Session, _) => Params::new(),
        (Security::Signed, WsAuth::Session { timestamp, recv_window }) => Params::new()
            .integer("recvWindow", whole_millis(recv_window))
            .integer("timestamp", timestamp.as_millis()),
        (Security::Signed, WsAuth::Signed { credentials, timestamp, recv_window }) => {
            let added = Params::new()
                .text("apiKey", credentials.api_key())
                .integer("recvWindow", whole_millis(recv_window))
                .integer("timestamp", timestamp.as_millis());
            let payload = call.params.to_sorted_payload(&added);
            added.text("signature", credentials.signer().sign(payload.as_bytes()))
        }
        (Security::Signed, WsAuth::None) => {
            unreachable!("a signed operation is called with a key or on a session")
        }
    };
    let mut frame = String::with_capacity(512);
    frame.push_str("{\"id\":");
    frame.push_str(itoa::Buffer::new().format(id));
    frame.push_str(",\"method\":\"");
    frame.push_str(method);
    frame.push_str("\",\"params\":");
    call.params.write_json(&added, &mut frame);
    frame.push('}');
    frame
}

#[cfg(test)]
mod tests {
    use super::super::call::Operation;
    use super::*;

    const KEY: &str = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
    const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";

    /// The documents' two samples of the WebSocket API.
    #[test]
    fn signatures_are_the_documented_ones() {
        #[track_caller]
        fn check(params: Params, recv_window_ms: u64, expected: &str) {
            let credentials = Credentials::new(KEY.into(), SECRET.into()).unwrap();
            let call = Call::new(Operation::PlaceOrder, 1, params);
            let auth = WsAuth::Signed {
                credentials: &credentials,
                timestamp: Timestamp::from_millis(1_645_423_376_532),
                recv_window: Duration::from_millis(recv_window_ms),
            };
            let frame = ws_api_request(1, &call, auth);
            let frame: serde_json::Value = serde_json::from_str(&frame).unwrap();
            assert_eq!(frame["method"], "order.place");
            assert_eq!(frame["params"]["signature"], expected);
        }
        check(
            Params::new()
                .text("symbol", "BTCUSDT")
                .text("side", "SELL")
                .text("type", "LIMIT")
                .text("timeInForce", "GTC")
                .text("quantity", "0.01000000")
                .text("price", "52000.00"),
            100,
            "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
        );
        check(
            Params::new()
                .text("symbol", "１２３４５６")
                .text("side", "BUY")
                .text("type", "LIMIT")
                .text("timeInForce", "GTC")
                .text("quantity", "1.00000000")
                .text("price", "0.10000000"),
            5_000,
            "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd",
        );
    }

    #[test]
    fn a_session_spares_the_signature() {
        let auth = WsAuth::Session {
            timestamp: Timestamp::from_millis(5),
            recv_window: Duration::from_secs(2),
        };
        assert_eq!(
            ws_api_request(7, &Call::account(), auth),
            "{\"id\":7,\"method\":\"account.status\",\"params\":{\"omitZeroBalances\":true,\
             \"recvWindow\":2000,\"timestamp\":5}}"
        );
        assert_eq!(
            ws_api_request(8, &Call::subscribe_user_data(), auth),
            "{\"id\":8,\"method\":\"userDataStream.subscribe\",\"params\":{}}"
        );
        assert_eq!(
            ws_api_request(9, &Call::time(), WsAuth::None),
            "{\"id\":9,\"method\":\"time\",\"params\":{}}"
        );
    }
}
