//! Who asks: signatures, times, keys, log on.

use std::time::Duration;

use binance::decode::{Account, WsLogon, parse};
use binance::encode::{Call, Operation, OrderName, Params, RestAuth, rest_request};
use kernel::wire::HttpRequest;
use model::Timestamp;

use crate::certify::side::Side;
use crate::certify::socket::{PATIENCE, Proof, Socket};
use crate::certify::verdict::{Checked, ensure, failed, skipped};

/// How wrong the comparison of the clocks may be.
const MOST_UNCERTAIN_MS: u128 = 1_000;

/// Anybody answers.
pub async fn ping(side: &mut Side) -> Checked {
    let ping = Call::new(Operation::Ping, 1, Params::new());
    side.rest(&ping).await?.ok()?;
    side.ws(&ping).await?.ok()?;
    Ok(())
}

/// The clock goes forward, and the halved round trip tells how far it is from ours.
pub async fn clock(side: &mut Side) -> Checked {
    let first = side.measure_clock().await?;
    let second = side.measure_clock().await?;
    ensure(second >= first, || "the venue's clock went back".to_owned())?;
    let uncertain = side.clock_uncertainty_ms();
    ensure(uncertain <= MOST_UNCERTAIN_MS, || {
        format!("the round trip leaves {uncertain} ms open: too slow a way to trade on")
    })
}

/// A signed question over REST.
pub async fn signed_rest(side: &mut Side) -> Checked {
    let answer = side.rest(&Call::account()).await?.ok()?;
    let body = answer.to_string();
    parse::<Account<'_>>("account", body.as_bytes()).or_else(|error| failed(error.to_string()))?;
    Ok(())
}

/// A signed question over the WebSocket API, on a connection that is not logged on.
pub async fn signed_ws(side: &mut Side) -> Checked {
    let mut socket = Socket::open(&side.core).await?;
    let answer = socket.call(&side.core, &Call::account(), Proof::Signature).await?.ok()?;
    side.keep("account.status", &answer);
    socket.close().await;
    Ok(())
}

/// A connection is logged on and then says who it is.
pub async fn log_on(side: &mut Side) -> Checked {
    if !side.core.credentials.signer().can_log_on() {
        return skipped("only an Ed25519 key can log a connection on");
    }
    let mut socket = Socket::open(&side.core).await?;
    let logon = socket.call(&side.core, &Call::session_logon(), Proof::Signature).await?.ok()?;
    side.keep("session.logon", &logon);
    let body = logon.to_string();
    let read: WsLogon<'_> =
        parse("logon", body.as_bytes()).or_else(|error| failed(error.to_string()))?;
    let is_ours = read.api_key.as_deref() == Some(side.core.credentials.api_key());
    ensure(is_ours, || "logged on as somebody else".to_owned())?;
    let status = Call::new(Operation::SessionStatus, 2, Params::new());
    let status = socket.call(&side.core, &status, Proof::Session).await?.ok()?;
    side.keep("session.status", &status);
    // Without a signature of its own.
    socket.call(&side.core, &Call::account(), Proof::Session).await?.ok()?;
    socket.close().await;
    Ok(())
}

fn account_at(side: &Side, at: Timestamp) -> HttpRequest {
    let auth = RestAuth {
        credentials: &side.core.credentials,
        timestamp: at,
        recv_window: side.core.recv_window,
    };
    rest_request(&side.core.urls.rest_url, &Call::account(), Some(auth), PATIENCE)
}

/// What was changed after it was signed.
pub async fn wrong_signature(side: &mut Side) -> Checked {
    let mut http = account_at(side, side.core.venue_now());
    http.url = http.url.replace("omitZeroBalances=true", "omitZeroBalances=false");
    let answer = side.send(http).await?;
    answer.refused(-1022, "Signature for this request is not valid.")
}

/// A request that comes too late.
pub async fn too_late(side: &mut Side) -> Checked {
    let at = side.core.venue_now().before(Duration::from_secs(70));
    let answer = side.send(account_at(side, at)).await?;
    answer.refused(-1021, "Timestamp for this request is outside of the recvWindow.")
}

/// A request from the future.
pub async fn too_early(side: &mut Side) -> Checked {
    let at = side.core.venue_now().after(Duration::from_secs(5));
    let answer = side.send(account_at(side, at)).await?;
    answer.refused(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
}

/// A key that has the form of one.
pub async fn unknown_key(side: &mut Side) -> Checked {
    let answer = with_key(side, &"x".repeat(64)).await?;
    answer.refused(-2015, "Invalid API-key, IP, or permissions for action.")
}

/// A key that has not.
pub async fn malformed_key(side: &mut Side) -> Checked {
    with_key(side, "no key!").await?.refused(-2014, "API-key format invalid.")
}

async fn with_key(side: &Side, key: &str) -> Checked<crate::certify::side::Answer> {
    let mut http = account_at(side, side.core.venue_now());
    for (_, value) in &mut http.headers {
        key.clone_into(value);
    }
    side.send(http).await
}

/// What must be encoded is encoded before it is signed over REST, and signed as it stands over
/// the WebSocket API: the signature is accepted, the symbol is not.
pub async fn encoding(side: &mut Side) -> Checked {
    let call = Call::query_order("１２３４５６", OrderName::Client("a/b.c:d"));
    for answer in [side.rest(&call).await?, side.ws(&call).await?] {
        let is_about_the_symbol = matches!(answer.code(), -1121 | -1100);
        ensure(is_about_the_symbol, || {
            format!("expected -1121 or -1100 about the symbol, found {}", answer.code())
        })?;
    }
    Ok(())
}
