//! Where the venue is.

use std::borrow::Cow;

/// An environment of the venue, or a server that speaks its protocol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Endpoint {
    /// Real money.
    BinanceLive,
    /// Test money on the test network; reset about monthly without notice.
    BinanceTestnet,
    /// Test money, live features, realistic prices.
    BinanceDemo,
    /// Any other server, such as the simulated exchange on loopback.
    Custom(EndpointUrls),
}

/// The three base addresses of an environment, without a trailing slash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndpointUrls {
    /// REST, without `/api/v3`.
    pub rest_url: Cow<'static, str>,
    /// Market streams, without `/ws` or `/stream`.
    pub ws_url: Cow<'static, str>,
    /// WebSocket API, complete.
    pub ws_api_url: Cow<'static, str>,
}

impl EndpointUrls {
    /// Addresses of a server of one's own; trailing slashes are cut.
    #[must_use]
    pub fn new(rest_url: &str, ws_url: &str, ws_api_url: &str) -> Self {
        let clean = |url: &str| Cow::Owned(url.trim_end_matches('/').to_owned());
        Self { rest_url: clean(rest_url), ws_url: clean(ws_url), ws_api_url: clean(ws_api_url) }
    }

    const fn fixed(rest_url: &'static str, ws_url: &'static str, ws_api_url: &'static str) -> Self {
        Self {
            rest_url: Cow::Borrowed(rest_url),
            ws_url: Cow::Borrowed(ws_url),
            ws_api_url: Cow::Borrowed(ws_api_url),
        }
    }
}

impl Endpoint {
    /// The environment of a name in config: `binance-live`, `binance-testnet`, `binance-demo`.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::BinanceLive, Self::BinanceTestnet, Self::BinanceDemo]
            .into_iter()
            .find(|endpoint| endpoint.name() == name)
    }

    /// Stable name for config, logs and the ledger's identity.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::BinanceLive => "binance-live",
            Self::BinanceTestnet => "binance-testnet",
            Self::BinanceDemo => "binance-demo",
            Self::Custom(_) => "custom",
        }
    }

    /// The base addresses.
    #[must_use]
    pub fn urls(&self) -> EndpointUrls {
        match self {
            Self::BinanceLive => EndpointUrls::fixed(
                "https://api.binance.com",
                "wss://stream.binance.com:9443",
                "wss://ws-api.binance.com:443/ws-api/v3",
            ),
            Self::BinanceTestnet => EndpointUrls::fixed(
                "https://testnet.binance.vision",
                "wss://stream.testnet.binance.vision",
                "wss://ws-api.testnet.binance.vision/ws-api/v3",
            ),
            Self::BinanceDemo => EndpointUrls::fixed(
                "https://demo-api.binance.com",
                "wss://demo-stream.binance.com",
                "wss://demo-ws-api.binance.com/ws-api/v3",
            ),
            Self::Custom(urls) => urls.clone(),
        }
    }

    /// Whether the environment has the `/sapi` paths, which tell a key's rights.
    #[must_use]
    pub const fn has_sapi(&self) -> bool {
        match self {
            Self::BinanceLive => true,
            Self::BinanceTestnet | Self::BinanceDemo | Self::Custom(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for endpoint in [Endpoint::BinanceLive, Endpoint::BinanceTestnet, Endpoint::BinanceDemo] {
            assert_eq!(Endpoint::by_name(endpoint.name()), Some(endpoint));
        }
        assert_eq!(Endpoint::by_name("binance"), None);
    }

    #[test]
    fn own_addresses_lose_their_trailing_slash() {
        let urls =
            EndpointUrls::new("http://127.0.0.1:1/", "ws://127.0.0.1:2", "ws://h/ws-api/v3/");
        assert_eq!(urls.rest_url, "http://127.0.0.1:1");
        assert_eq!(urls.ws_api_url, "ws://h/ws-api/v3");
    }
}
