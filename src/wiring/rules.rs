//! The venue's rules while the engine runs: filters and states of symbols are read again and again,
//! and what has changed is told to the gate, the strategies and the local venue.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use binance::decode::ExchangeInfo;
use events::log_event;
use model::{InstrumentStatus, Instruments};

use super::assemble::Running;
use super::site::{ExchangeInfoError, Site};

/// Reads the rules now and then, for as long as the engine runs.
pub fn keep_rules(running: &Running, site: &Arc<Site>, symbols: Vec<String>, every: Duration) {
    let (site, engine) = (Arc::clone(site), Rc::clone(&running.engine));
    let mut known = Instruments::clone(&running.instruments);
    tokio::task::spawn_local(async move {
        loop {
            tokio::time::sleep(every).await;
            let Some(info) = read(&site, &symbols).await else { continue };
            let (refreshed, changes) = refresh(&known, &info, &symbols);
            if changes.is_empty() {
                continue;
            }
            if !engine.refresh_instruments(Arc::new(refreshed.clone())) {
                // Somebody is too busy to hear of it, or the engine ends: all are told again.
                continue;
            }
            for change in &changes {
                let (symbol, status) = (change.symbol.as_str(), status_name(change.status));
                let (filters_changed, features_changed) = (change.filters, change.features);
                log_event!(INSTRUMENT_CHANGED, symbol, status, filters_changed, features_changed);
            }
            known = refreshed;
        }
    });
}

/// What the venue says now; of symbols that it does not have any more, nothing.
pub(super) async fn read(site: &Site, symbols: &[String]) -> Option<ExchangeInfo> {
    let all: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let told = match site.exchange_info(&all).await {
        Err(ExchangeInfoError::UnknownSymbols(gone)) => {
            let left: Vec<&str> =
                all.into_iter().filter(|symbol| !gone.iter().any(|name| name == symbol)).collect();
            if left.is_empty() {
                return Some(ExchangeInfo {
                    server_time: model::Timestamp::EPOCH,
                    rate_limits: Vec::new(),
                    symbols: Vec::new(),
                    skipped: Vec::new(),
                });
            }
            site.exchange_info(&left).await
        }
        told => told,
    };
    match told {
        Ok(info) => Some(info),
        Err(error) => {
            log_event!(INSTRUMENT_UNREAD, reason = %error);
            None
        }
    }
}

/// What is another than before.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    symbol: String,
    status: InstrumentStatus,
    filters: bool,
    features: bool,
}

/// The table with what the venue says now. A symbol that it has no more, or that can't be read,
/// is halted: nothing is known of what it would take.
fn refresh(
    known: &Instruments,
    info: &ExchangeInfo,
    symbols: &[String],
) -> (Instruments, Vec<Change>) {
    let mut refreshed = known.clone();
    let mut changes = Vec::new();
    let asked = known.iter().filter(|one| symbols.iter().any(|name| name == one.symbol.as_str()));
    for instrument in asked {
        let told = info.symbol(instrument.symbol.as_str()).map(|symbol| &symbol.instrument);
        let mut now = instrument.clone();
        match told {
            Some(told) => now.take_rules(told),
            None => now.status = InstrumentStatus::Halted,
        }
        if now != *instrument {
            refreshed.refresh(instrument.id, &now);
            changes.push(Change {
                symbol: instrument.symbol.to_string(),
                status: now.status,
                filters: now.filters != instrument.filters,
                features: now.features != instrument.features,
            });
        }
    }
    (refreshed, changes)
}

const fn status_name(status: InstrumentStatus) -> &'static str {
    match status {
        InstrumentStatus::Trading => "trading",
        InstrumentStatus::CancelOnly => "cancel_only",
        InstrumentStatus::Halted => "halted",
    }
}

#[cfg(test)]
mod tests {
    use model::{InstrumentId, VenueId};

    use super::*;

    fn info(status: &str, tick: &str) -> ExchangeInfo {
        info_with("true", status, tick)
    }

    fn info_with(oco: &str, status: &str, tick: &str) -> ExchangeInfo {
        let text = format!(
            r#"{{"timezone":"UTC","serverTime":1,"rateLimits":[],"exchangeFilters":[],"symbols":[{{
            "symbol":"BTCUSDT","status":"{status}","baseAsset":"BTC","baseAssetPrecision":8,
            "quoteAsset":"USDT","quoteAssetPrecision":8,"isSpotTradingAllowed":true,"ocoAllowed":{oco},
            "filters":[{{"filterType":"PRICE_FILTER","minPrice":"0","maxPrice":"0","tickSize":"{tick}"}}]}}]}}"#
        );
        ExchangeInfo::read(text.as_bytes(), VenueId::new("test").unwrap()).unwrap()
    }

    #[test]
    fn what_has_changed_is_told_and_nothing_else() {
        let mut known = Instruments::new();
        known.add(info("TRADING", "0.01").symbols[0].instrument.clone());
        let asked = ["BTCUSDT".to_owned()];
        let told = |info: &ExchangeInfo| -> Vec<(InstrumentStatus, bool)> {
            let (refreshed, changes) = refresh(&known, info, &asked);
            assert_eq!(changes.is_empty(), refreshed == known);
            changes.iter().map(|change| (change.status, change.filters)).collect()
        };
        assert_eq!(told(&info("TRADING", "0.01")), []);
        let (refreshed, changes) = refresh(&known, &info_with("false", "TRADING", "0.01"), &asked);
        let [Change { filters: false, features: true, .. }] = changes[..] else {
            panic!("{changes:?}")
        };
        assert!(!refreshed.get(InstrumentId(0)).features.oco);
        assert_eq!(told(&info("TRADING", "0.1")), [(InstrumentStatus::Trading, true)]);
        assert_eq!(told(&info("CANCEL_ONLY", "0.01")), [(InstrumentStatus::CancelOnly, false)]);
        // A state of a later release stops it, like one that is not listed any more.
        assert_eq!(told(&info("LATER", "0.01")), [(InstrumentStatus::Halted, false)]);
        let gone = ExchangeInfo { symbols: Vec::new(), ..info("TRADING", "0.01") };
        assert_eq!(told(&gone), [(InstrumentStatus::Halted, false)]);
    }
}
