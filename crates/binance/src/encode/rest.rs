//! Calls as REST requests: every parameter in the query.

use std::time::Duration;

use kernel::wire::HttpRequest;
use model::Timestamp;

use super::call::{Call, Security};
use super::params::encode_value;
use crate::sign::Credentials;

/// Who sends a request, when, and for how long it may be under way.
#[derive(Debug, Clone, Copy)]
pub struct RestAuth<'a> {
    /// The key.
    pub credentials: &'a Credentials,
    /// The venue's time.
    pub timestamp: Timestamp,
    /// How old the request may be when it gets to the engine.
    pub recv_window: Duration,
}

/// Writes a call as a REST request. Its URL holds a signature: never log it.
///
/// # Panics
/// For an operation that REST does not have, and for a signed one without `auth`: both are
/// mistakes of the caller, not of input.
#[must_use]
pub fn rest_request(
    rest_url: &str,
    call: &Call,
    auth: Option<RestAuth<'_>>,
    timeout: Duration,
) -> HttpRequest {
    let (method, path) = call.operation.rest().expect("the operation exists on REST");
    let mut headers = Vec::new();
    let query = match call.operation.security() {
        Security::Public => call.params.to_query(),
        Security::Signed | Security::Session => {
            let auth = auth.expect("a signed operation is called with a key");
            headers.push(("x-mbx-apikey", auth.credentials.api_key().to_owned()));
            signed_query(call, auth)
        }
    };
    let separator = if query.is_empty() { "" } else { "?" };
    HttpRequest {
        method,
        url: format!("{rest_url}{path}{separator}{query}"),
        headers,
        body: String::new(),
        timeout,
    }
}

fn signed_query(call: &Call, auth: RestAuth<'_>) -> String {
    let params = call
        .params
        .clone()
        .integer("recvWindow", whole_millis(auth.recv_window))
        .integer("timestamp", auth.timestamp.as_millis());
    let query = params.to_query();
    let signature = encode_value(&auth.credentials.signer().sign(query.as_bytes()));
    format!("{query}&signature={signature}")
}

pub(super) fn whole_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::pkcs8::EncodePrivateKey;
    use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
    use ed25519_dalek::{Signature, SigningKey, Verifier};
    use kernel::wire::Method;

    use super::super::call::OrderName;
    use super::*;

    fn auth(credentials: &Credentials) -> RestAuth<'_> {
        RestAuth {
            credentials,
            timestamp: Timestamp::from_millis(1_499_827_319_559),
            recv_window: Duration::from_secs(5),
        }
    }

    #[test]
    fn public_requests_carry_no_key() {
        let call = Call::depth("BTCUSDT", 1_000);
        let request = rest_request("http://host", &call, None, Duration::from_secs(1));
        assert_eq!(request.url, "http://host/api/v3/depth?symbol=BTCUSDT&limit=1000");
        assert!(request.headers.is_empty());
        let request = rest_request("http://host", &Call::time(), None, Duration::from_secs(1));
        assert_eq!(request.url, "http://host/api/v3/time");
    }

    #[test]
    fn an_encoded_query_is_what_is_signed() {
        let credentials = Credentials::new("key".into(), "secret".into()).unwrap();
        let call = Call::cancel("币USDT", OrderName::Client("a/b"));
        let request =
            rest_request("http://host", &call, Some(auth(&credentials)), Duration::from_secs(1));
        let payload = "symbol=%E5%B8%81USDT&origClientOrderId=a%2Fb&recvWindow=5000\
                       &timestamp=1499827319559";
        let signature = credentials.signer().sign(payload.as_bytes());
        assert_eq!(
            request.url,
            format!("http://host/api/v3/order?{payload}&signature={signature}")
        );
        assert_eq!(request.method, Method::Delete);
        assert_eq!(request.headers, [("x-mbx-apikey", "key".to_owned())]);
    }

    #[test]
    fn base64_signatures_are_encoded_too() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let pem = key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string();
        let credentials = Credentials::new("key".into(), pem.into()).unwrap();
        let request = rest_request(
            "http://host",
            &Call::account(),
            Some(auth(&credentials)),
            Duration::from_secs(1),
        );
        let query = request.url.split_once('?').unwrap().1;
        let (payload, signature) = query.split_once("&signature=").unwrap();
        assert!(!signature.contains(['+', '/', '=']), "{signature}");
        let base64 = percent_encoding::percent_decode_str(signature).decode_utf8().unwrap();
        let bytes =
            base64::Engine::decode(&base64::engine::general_purpose::STANDARD, base64.as_bytes())
                .unwrap();
        let signature = Signature::from_slice(&bytes).unwrap();
        key.verifying_key().verify(payload.as_bytes(), &signature).unwrap();
    }
}
