//! Short ways to say prices, orders and events in this crate's tests.

use model::{
    Asset, Contract, Filters, Instrument, InstrumentId, InstrumentStatus, NewOrder, OrderKind,
    OrderQuantity, Price, Quantity, Side, Symbol, TimeInForce, VenueId,
};

use crate::{Fees, MatchEvent, Party, PreventedMatch};

pub(crate) fn px(text: &str) -> Price {
    text.parse().unwrap()
}

pub(crate) fn qty(text: &str) -> Quantity {
    text.parse().unwrap()
}

pub(crate) fn instrument() -> Instrument {
    Instrument {
        id: InstrumentId(0),
        venue: VenueId::new("test").unwrap(),
        symbol: Symbol::new("BTCUSDT").unwrap(),
        base: Asset::new("BTC").unwrap(),
        quote: Asset::new("USDT").unwrap(),
        base_decimals: 8,
        quote_decimals: 8,
        contract: Contract::Spot,
        features: model::Features::ALL,
        status: InstrumentStatus::Trading,
        filters: Filters {
            lot_size: model::SizeFilter { min: qty("0.001"), max: qty("1000"), step: qty("0.001") },
            price: model::PriceFilter { tick: px("0.01"), ..model::PriceFilter::default() },
            ..Filters::default()
        },
    }
}

pub(crate) fn fees(maker: &str, taker: &str) -> Fees {
    Fees { maker: maker.parse().unwrap(), taker: taker.parse().unwrap(), ..Fees::NONE }
}

/// Reads `buy 2 @ 100 gtc`, `sell 1 market`, `buy quote 50 market`, `sell 1 @ 100 maker`,
/// `sell 1 stop 95`, `buy 1 stop 105 @ 106 gtc`, `sell 1 target 110`.
pub(crate) fn order(text: &str) -> NewOrder {
    let mut words = text.split(' ');
    let mut word = || words.next();
    let side = if word() == Some("buy") { Side::Buy } else { Side::Sell };
    let quantity = match word().unwrap() {
        "quote" => OrderQuantity::Quote(word().unwrap().parse().unwrap()),
        amount => OrderQuantity::Base(qty(amount)),
    };
    let (mut trigger, mut price, mut last) = (None, None, None);
    while let Some(next) = word() {
        match next {
            "@" => price = Some(px(word().unwrap())),
            "stop" | "target" => trigger = Some((next, px(word().unwrap()))),
            end => last = Some(end),
        }
    }
    let time_in_force = match last {
        Some("ioc") => TimeInForce::ImmediateOrCancel,
        Some("fok") => TimeInForce::FillOrKill,
        _ => TimeInForce::GoodTilCanceled,
    };
    let kind = match (trigger, price, last) {
        (None, None, _) => OrderKind::Market,
        (None, Some(price), Some("maker")) => OrderKind::LimitMaker { price },
        (None, Some(price), _) => OrderKind::Limit { price, time_in_force },
        (Some(("stop", stop_price)), None, _) => OrderKind::StopLoss { stop_price },
        (Some(("stop", stop_price)), Some(price), _) => {
            OrderKind::StopLossLimit { stop_price, price, time_in_force }
        }
        (Some((_, stop_price)), None, _) => OrderKind::TakeProfit { stop_price },
        (Some((_, stop_price)), Some(price), _) => {
            OrderKind::TakeProfitLimit { stop_price, price, time_in_force }
        }
    };
    NewOrder::new(InstrumentId(0), side, kind, quantity)
}

fn short(value: Quantity) -> String {
    value.to_decimal().normalize().to_string()
}

fn party(party: Option<Party>) -> String {
    party.map_or("market".to_owned(), |party| {
        format!("{}({} left)", party.key.0, short(party.remaining))
    })
}

/// One line an event, without level changes.
pub(crate) fn told(events: &[MatchEvent]) -> Vec<String> {
    let line = |event: &MatchEvent| match event {
        MatchEvent::Accepted { key, .. } => Some(format!("{} accepted", key.0)),
        MatchEvent::Triggered { key, last_price, .. } => {
            Some(format!("{} triggered at {last_price:.2}", key.0))
        }
        MatchEvent::Traded(trade) => Some(format!(
            "{} took {} @ {:.2} from {}",
            party(trade.taker),
            short(trade.quantity),
            trade.price,
            party(trade.maker)
        )),
        MatchEvent::Expired { key, reason, .. } => {
            Some(format!("{} expired {}", key.0, reason.venue_name()))
        }
        MatchEvent::Canceled { key, .. } => Some(format!("{} canceled", key.0)),
        MatchEvent::Tracking { key, .. } => Some(format!("{} follows", key.0)),
        MatchEvent::Prevented(PreventedMatch { taker, maker, price, .. }) => Some(format!(
            "{}({} left) kept from {}({} left) @ {price:.2}",
            taker.key.0,
            short(taker.remaining),
            maker.key.0,
            short(maker.remaining)
        )),
        MatchEvent::LevelChanged(_) => None,
    };
    events.iter().filter_map(line).collect()
}
