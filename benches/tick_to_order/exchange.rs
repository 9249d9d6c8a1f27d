//! The exchange in a process of its own: this program again, told so by its environment.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};

use exchange::{ExchangeConfig, MarketConfig, SymbolConfig, SyntheticConfig};
use serde::{Deserialize, Serialize};

/// Set in the child, to how lively the market is.
const ACTIVITY: &str = "TICKWRIGHT_BENCH_EXCHANGE_ACTIVITY";

/// What the exchange says when it is ready.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ready {
    pub rest_url: String,
    pub ws_url: String,
    pub ws_api_url: String,
    pub api_key: String,
    pub private_key_pem: String,
}

/// Whether this process is to be the exchange.
pub fn is_child() -> bool {
    std::env::var_os(ACTIVITY).is_some()
}

/// Is the exchange until its parent is gone.
pub fn serve() {
    let activity = std::env::var(ACTIVITY).ok().and_then(|text| text.parse().ok());
    let config = config(activity.expect("the parent gives a number"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let handle = exchange::bind(config, address).await.expect("loopback takes a listener");
        let ready = Ready {
            rest_url: handle.rest_url(),
            ws_url: handle.ws_url(),
            ws_api_url: handle.ws_api_url(),
            api_key: handle.credentials.ed25519_api_key.clone(),
            private_key_pem: handle.credentials.ed25519_private_key_pem.clone(),
        };
        println!("{}", serde_json::to_string(&ready).expect("texts are JSON"));
        let parent_is_gone = tokio::task::spawn_blocking(|| {
            // Ends when the other side of the pipe is closed, by exit or by crash.
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
        });
        parent_is_gone.await.expect("reading does not panic");
    });
}

fn config(activity: f64) -> ExchangeConfig {
    let mut config = ExchangeConfig::default();
    let mut symbol = SymbolConfig::named("BTCUSDT").expect("in the table");
    symbol.activity = activity;
    config.market = MarketConfig::Synthetic(SyntheticConfig {
        symbols: vec![symbol],
        ..SyntheticConfig::default()
    });
    // The venue's own limits would make it a benchmark of waiting.
    config.limits.orders_per_10_secs = 1_000_000;
    config.limits.orders_per_day = 100_000_000;
    config.limits.weight_per_minute = 100_000_000;
    config.limits.raw_requests_per_5_mins = 100_000_000;
    config
}

/// A running exchange; ends with this value.
pub struct Exchange {
    child: Child,
    pub ready: Ready,
}

impl Exchange {
    /// `activity` is a multiple of the usual.
    pub fn start(activity: f64) -> Self {
        let program = std::env::current_exe().expect("the system knows this program");
        let mut child = Command::new(program)
            .env(ACTIVITY, activity.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts again");
        let stdout = child.stdout.take().expect("piped above");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("the exchange says where it is");
        let ready = serde_json::from_str(&line).expect("the exchange says where it is");
        Self { child, ready }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // Closes its standard input, which ends it.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
