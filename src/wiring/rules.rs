//! The venue's rules while the engine runs: filters and states of symbols are read again and again,
//! and what has changed is told to the gate, the strategies and the local venue.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use binance::decode::ExchangeInfo;
use events::log_event;
use model::{Instrument, InstrumentStatus, Instruments};

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
                log_event!(
                    INSTRUMENT_CHANGED,
                    symbol,
                    status,
                    filters_changed,
                    features_changed,
                    changes = %change.what
                );
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
    /// Each part, with its value before and after.
    what: String,
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
                what: changes_in_words(instrument, &now),
            });
        }
    }
    (refreshed, changes)
}

/// Every part that is another one now: `tick_size 0.01 → 0.5; oco true → false`.
fn changes_in_words(before: &Instrument, after: &Instrument) -> String {
    let parts = |one: &Instrument| -> Vec<(&'static str, String)> {
        let (filters, features) = (&one.filters, &one.features);
        let mut parts = vec![
            ("status", status_name(one.status).to_owned()),
            ("min_price", filters.price.min.to_string()),
            ("max_price", filters.price.max.to_string()),
            ("tick_size", filters.price.tick.to_string()),
            ("min_qty", filters.lot_size.min.to_string()),
            ("max_qty", filters.lot_size.max.to_string()),
            ("step_size", filters.lot_size.step.to_string()),
            ("market_min_qty", filters.market_lot_size.min.to_string()),
            ("market_max_qty", filters.market_lot_size.max.to_string()),
            ("market_step_size", filters.market_lot_size.step.to_string()),
            ("max_open_orders", shown(filters.max_open_orders)),
            ("max_open_stop_orders", shown(filters.max_open_stop_orders)),
            ("max_position", shown(filters.max_position)),
            ("max_iceberg_parts", shown(filters.max_iceberg_parts)),
            ("oco", features.oco.to_string()),
            ("oto", features.oto.to_string()),
            ("cancel_replace", features.cancel_replace.to_string()),
            ("amend", features.amend.to_string()),
            ("iceberg", features.iceberg.to_string()),
            ("trailing_stop", features.trailing_stop.to_string()),
            ("quote_quantity", features.quote_quantity.to_string()),
            ("order_types", format!("{:?}", features.order_types)),
        ];
        let notional = filters.notional;
        parts.push(("min_notional", shown(notional.map(|notional| notional.min))));
        parts.push(("max_notional", shown(notional.and_then(|notional| notional.max))));
        let applies = |notional: model::NotionalFilter| {
            (notional.min_applies_to_market, notional.max_applies_to_market, notional.average_mins)
        };
        parts.push(("notional_of_market_orders", format!("{:?}", notional.map(applies))));
        let percent = filters.percent_price.map(|percent| {
            let model::PercentPrice { bid_down, bid_up, ask_down, ask_up, average_mins } = percent;
            format!("bid {bid_down}..{bid_up} ask {ask_down}..{ask_up} over {average_mins} min")
        });
        parts.push(("percent_price", shown(percent)));
        parts
    };
    let pairs = parts(before).into_iter().zip(parts(after));
    let changed = pairs.filter(|((_, before), (_, after))| before != after);
    let words = changed.map(|((name, before), (_, after))| format!("{name} {before} → {after}"));
    words.collect::<Vec<_>>().join("; ")
}

fn shown(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
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
        assert_eq!(changes[0].what, "oco true → false");
        let both = refresh(&known, &info("CANCEL_ONLY", "0.1"), &asked).1;
        assert_eq!(both[0].what, "status trading → cancel_only; tick_size 0.01000000 → 0.10000000");
        assert_eq!(told(&info("TRADING", "0.1")), [(InstrumentStatus::Trading, true)]);
        assert_eq!(told(&info("CANCEL_ONLY", "0.01")), [(InstrumentStatus::CancelOnly, false)]);
        // A state of a later release stops it, like one that is not listed any more.
        assert_eq!(told(&info("LATER", "0.01")), [(InstrumentStatus::Halted, false)]);
        let gone = ExchangeInfo { symbols: Vec::new(), ..info("TRADING", "0.01") };
        assert_eq!(told(&gone), [(InstrumentStatus::Halted, false)]);
    }
}
