//! What the ledger's instruments cost before the first market event: one question for all of them.
//!
//! Streams give prices of what strategies trade. What is held of anything else, by others of the
//! account or by a strategy that is not there any more, would count at its cost or as nothing.

use std::collections::VecDeque;
use std::time::Duration;

use binance::decode::{ApiError, BookTickerRow, parse};
use binance::encode::{Call, SYMBOLS_PER_REQUEST, batches, split};
use events::log_event;
use model::{InstrumentId, Instruments, Price, Timestamp};

use super::rest::{RestError, SignedRest};
use super::site::Site;

/// How long a start waits for these prices: it can do without.
const PATIENCE: Duration = Duration::from_secs(2);

/// The middle of the book of every instrument that the venue lists and that has one. Where they
/// can't be had in time, the log says so.
pub async fn opening_prices(site: &Site, instruments: &Instruments) -> Vec<(InstrumentId, Price)> {
    let mut prices = Vec::with_capacity(instruments.len());
    let asking = ask(site, instruments, &mut prices);
    if tokio::time::timeout(PATIENCE, asking).await.is_err() {
        let reason = format!("no answer within {} s", PATIENCE.as_secs());
        log_event!(INSTRUMENT_PRICES_UNREAD, reason = %reason);
    }
    prices
}

/// What was told of some of them counts, whatever becomes of the rest.
async fn ask(site: &Site, instruments: &Instruments, prices: &mut Vec<(InstrumentId, Price)>) {
    let symbols: Vec<&str> = instruments.iter().map(|one| one.symbol.as_str()).collect();
    let mut waiting: VecDeque<_> = batches(&symbols, SYMBOLS_PER_REQUEST).into();
    let (mut requests, mut weight) = (0_u32, 0);
    while let Some(list) = waiting.pop_front() {
        let call = Call::ticker_books(&list);
        requests += 1;
        weight += call.weight;
        let rest = SignedRest { credentials: None, ..site.rest() };
        let reason = match rest.ask(&call, Timestamp::EPOCH).await {
            Ok(body) => match read(&body, instruments) {
                Ok(read) => {
                    prices.extend(read);
                    continue;
                }
                Err(error) => error.to_string(),
            },
            Err(RestError::Refused { error, .. }) if error.code == ApiError::INVALID_SYMBOL => {
                waiting.extend(split(&list));
                continue;
            }
            Err(error) => error.to_string(),
        };
        log_event!(INSTRUMENT_PRICES_UNREAD, reason = %reason);
        return;
    }
    let (asked, found) = (symbols.len(), prices.len());
    log_event!(INSTRUMENT_PRICES_READ, asked, found, requests, weight);
}

fn read(
    body: &[u8],
    instruments: &Instruments,
) -> Result<Vec<(InstrumentId, Price)>, binance::decode::DecodeError> {
    let rows: Vec<BookTickerRow<'_>> = parse("bookTicker", body)?;
    let priced = rows.iter().filter_map(|row| {
        let instrument = instruments.by_symbol(&row.symbol)?;
        let (bid, ask) = (row.bid_price, row.ask_price);
        let middle = Price::from_units(bid.units().midpoint(ask.units()));
        (bid.is_positive() && ask.is_positive()).then_some((instrument.id, middle))
    });
    Ok(priced.collect())
}

#[cfg(test)]
mod tests {
    use model::Symbol;

    use super::*;

    #[test]
    fn the_middle_of_each_known_book() {
        let mut instruments = Instruments::new();
        for symbol in ["AUSDT", "BUSDT", "CUSDT"] {
            let config = exchange::SymbolConfig::named(symbol).unwrap();
            let listed = config.instrument(model::VenueId::new("test").unwrap());
            assert_eq!(listed.symbol, Symbol::new(symbol).unwrap());
            instruments.add(listed);
        }
        let row = |symbol: &str, bid: &str, ask: &str| {
            format!(
                r#"{{"symbol":"{symbol}","bidPrice":"{bid}","bidQty":"1","askPrice":"{ask}","askQty":"1"}}"#
            )
        };
        let rows = [
            row("CUSDT", "1", "2"),
            row("XUSDT", "1", "2"),
            row("AUSDT", "0.5", "0"),
            row("BUSDT", "7", "7"),
        ];
        let body = format!("[{}]", rows.join(","));
        let prices = read(body.as_bytes(), &instruments).unwrap();
        let expected = [(InstrumentId(2), "1.5"), (InstrumentId(1), "7")];
        assert_eq!(prices, expected.map(|(id, price)| (id, price.parse().unwrap())));
        assert!(read(b"{}", &instruments).is_err());
    }
}
