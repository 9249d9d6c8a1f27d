//! Serves a synthetic market until the process ends: `cargo run -p tickwright-exchange --example
//! serve -- 127.0.0.1:8080 7`. Prints where, and the keys of its account, as one JSON line.

use std::path::Path;

use tickwright_exchange::{ExchangeConfig, bind};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned()).parse()?;
    let seed = arguments.next().map_or(Ok(1), |seed| seed.parse())?;
    let handle = bind(ExchangeConfig::synthetic(seed), address).await?;
    let mut announcement = handle.announcement(Path::new("-"));
    announcement["ed25519_private_key_pem"] =
        handle.credentials.ed25519_private_key_pem.clone().into();
    println!("{announcement}");
    std::future::pending().await
}
