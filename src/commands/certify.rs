//! `tickwright certify`.

use std::io::Write as _;
use std::path::Path;

use binance::EndpointUrls;
use kernel::strategy::StrategyEntry;

use crate::certify::{CertifyReport, Target, certify};
use crate::cli::certify::CertifyArgs;
use crate::cli::{Exit, Failure};
use crate::wiring::configured_credentials;

/// Where money is real.
const REAL_MONEY: [&str; 2] = ["binance.com", "binance.us"];
/// Hosts below it where it is not.
const PLAY_MONEY: &str = "demo-";

/// Certifies a venue.
///
/// # Errors
/// When nothing could be checked. What single checks found is output, and an exit code.
pub fn execute(args: &CertifyArgs, kinds: &'static [StrategyEntry]) -> Result<Exit, Failure> {
    let target = target(args, kinds)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Internal, error))?;
    let mut text = String::new();
    let report = runtime.block_on(certify(target, |check| {
        let lines = check.to_text();
        // Whoever closed the pipe has seen enough; the report is written all the same.
        let _ = std::io::stdout().write_all(lines.as_bytes());
        text.push_str(&lines);
    }))?;
    print!("{}", report.summary());
    for file in &args.reports {
        write(file, &report, &text)?;
    }
    Ok(if report.failed == 0 { Exit::Ok } else { Exit::Partial })
}

fn target(args: &CertifyArgs, kinds: &'static [StrategyEntry]) -> Result<Target, Failure> {
    let config = args.config.load_engine(args.overrides(), kinds)?;
    let venue = &config.engine.venue;
    let urls = venue.urls().expect("checked with the configuration");
    for url in [&urls.rest, &urls.ws, &urls.ws_api] {
        refuse_real_money(url)?;
    }
    let credentials = configured_credentials(&config.engine.venue)?;
    let credentials = credentials.expect("checked with the configuration");
    let kind = if credentials.signer().can_log_on() { "Ed25519" } else { "HMAC or RSA" };
    let name = args.endpoint.as_str();
    let format = args.format.as_str();
    Ok(Target {
        description: format!("{name} at {}, {kind} key, {format}", urls.rest),
        urls: EndpointUrls::new(&urls.rest, &urls.ws, &urls.ws_api),
        credentials,
        symbol: args.symbol,
        format: args.format,
    })
}

/// Its orders are small, but they are orders.
fn refuse_real_money(url: &str) -> Result<(), Failure> {
    let parsed = url::Url::parse(url).map_err(|error| Failure::new(Exit::Usage, error))?;
    let host = parsed.host_str().unwrap_or_default();
    let is_real = REAL_MONEY.iter().any(|domain| {
        host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    });
    if is_real && !host.starts_with(PLAY_MONEY) {
        let message = format!("{host} is traded on with real money: certify places orders");
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(())
}

fn write(file: &Path, report: &CertifyReport, text: &str) -> Result<(), Failure> {
    let written = match file.extension().and_then(|extension| extension.to_str()) {
        Some("json") => {
            serde_json::to_string_pretty(report).expect("plain data always serialises") + "\n"
        }
        Some("html") => report.to_html(),
        Some(_) | None => format!("{text}{}", report.summary()),
    };
    std::fs::write(file, written)
        .map_err(|error| Failure::new(Exit::Storage, format!("{}: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_money_is_refused() {
        #[track_caller]
        fn check(url: &str, is_accepted: bool) {
            assert_eq!(refuse_real_money(url).is_ok(), is_accepted, "{url}");
        }
        check("https://api.binance.com", false);
        check("wss://stream.binance.com:9443", false);
        check("https://api-gcp.binance.com", false);
        check("https://demo-api.binance.com", true);
        check("wss://demo-ws-api.binance.com/ws-api/v3", true);
        check("https://testnet.binance.vision", true);
        check("http://127.0.0.1:8080", true);
        check("https://notbinance.com", true);
    }
}
