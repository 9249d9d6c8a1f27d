//! Records for the tests: a small trading day that is valid in every prefix, from a seed.

use kernel::journal::{Durability, IntentRecord, Persist, Record};
use kernel::messages::Cause;
use kernel::risk::TradingState;
use model::{
    Amount, CancelReason, CorrelationId, Fill, FillKey, InstanceId, InstrumentId, Level, Liquidity,
    MarketEvent, NewOrder, OrderEvent, OrderEventKind, OrderId, Price, Quantity, Quote, Side,
    StrategyId, Timestamp, TradeId, VenueId, VenueOrderId,
};
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{RngCore, SeedableRng};

pub const INSTRUMENT: InstrumentId = InstrumentId(0);
pub const STRATEGY: StrategyId = StrategyId(0);

pub fn instance() -> InstanceId {
    InstanceId::new("4f9k2a").unwrap()
}

pub fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_790_000_000 + secs)
}

pub fn epoch(epoch: u32) -> Record {
    Record::EpochStarted {
        epoch,
        instance: instance(),
        venue: VenueId::new("sim:7f3a").unwrap(),
        config_hash: "9b1c".into(),
        at: at(0),
    }
}

/// What stands at the beginning of every journal.
pub fn start() -> Vec<Record> {
    vec![
        epoch(1_790_000_000),
        Record::InstrumentRegistered {
            instrument: INSTRUMENT,
            symbol: "BTCUSDT".parse().unwrap(),
            base: "BTC".parse().unwrap(),
            quote: "USDT".parse().unwrap(),
        },
        Record::StrategyRegistered { strategy: STRATEGY, name: "dip_btc".into() },
        Record::BalancesOpened {
            balances: vec![("USDT".parse().unwrap(), "100000".parse().unwrap())],
            at: at(0),
        },
    ]
}

pub fn intent(epoch: u32, number: u32) -> Record {
    let order = OrderId { epoch, strategy: STRATEGY, number };
    let price = Price::from_units(6_183_763_000_000 + i64::from(number) * 1_000_000);
    let quantity = Quantity::from_units(1_000_000);
    let new = NewOrder::limit(INSTRUMENT, Side::Buy, quantity, price);
    let level = |price| Level { price, quantity };
    let quote = Quote {
        instrument: INSTRUMENT,
        update_id: 50_093_239_189 + i64::from(number),
        bid: level(price),
        ask: level(price),
        received_at: at(i64::from(number)),
    };
    Record::OrderIntended(Box::new(IntentRecord {
        order,
        client_order_id: order.to_client_order_id(instance(), new.role),
        strategy: STRATEGY,
        new,
        replaces: None,
        other_leg: None,
        cause: Cause::Market {
            sequence: u64::from(number),
            event: MarketEvent::Quote(quote).into(),
        },
        correlation: CorrelationId(u64::from(number)),
        caused_at: at(i64::from(number)),
        decided_at: at(i64::from(number)),
        approved_at: at(i64::from(number)),
        judged_on_sequence: u64::from(number),
        checks: Vec::new(),
    }))
}

pub fn changed(epoch: u32, number: u32, kind: OrderEventKind) -> Record {
    let event = OrderEvent {
        order: OrderId { epoch, strategy: STRATEGY, number },
        instrument: INSTRUMENT,
        received_at: at(i64::from(number)),
        correlation: CorrelationId(u64::from(number)),
        kind,
    };
    Record::OrderChanged { strategy: STRATEGY, event }
}

pub fn accepted(epoch: u32, number: u32) -> Record {
    let venue_order = VenueOrderId(i64::from(number) + 7_000_000);
    changed(epoch, number, OrderEventKind::Accepted { venue_order })
}

pub fn filled(epoch: u32, number: u32, trade: i64, units: i64, complete: bool) -> Record {
    let fill = Fill {
        key: FillKey {
            instrument: INSTRUMENT,
            trade: TradeId(trade),
            venue_order: VenueOrderId(i64::from(number) + 7_000_000),
        },
        side: if number.is_multiple_of(2) { Side::Sell } else { Side::Buy },
        price: Price::from_units(6_183_763_000_000),
        quantity: Quantity::from_units(units),
        fee: "0.00123".parse().unwrap(),
        fee_asset: "USDT".parse().unwrap(),
        liquidity: Liquidity::Maker,
        event_at: at(i64::from(number)),
    };
    let cumulative_quantity = Quantity::from_units(units);
    changed(epoch, number, OrderEventKind::Filled { fill, cumulative_quantity, complete })
}

pub fn external_fill(trade: i64) -> Record {
    let key =
        FillKey { instrument: INSTRUMENT, trade: TradeId(trade), venue_order: VenueOrderId(1) };
    let fill = Fill {
        key,
        side: Side::Sell,
        price: Price::from_units(6_183_763_000_000),
        quantity: Quantity::from_units(25_000_000),
        fee: Amount::ZERO,
        fee_asset: "USDT".parse().unwrap(),
        liquidity: Liquidity::Taker,
        event_at: at(1),
    };
    Record::ExternalFill { fill }
}

pub fn canceled(epoch: u32, number: u32) -> Record {
    changed(epoch, number, OrderEventKind::Canceled { reason: CancelReason::Requested })
}

pub fn equity(secs: i64, amount: i64) -> Record {
    Record::EquitySampled {
        strategy: None,
        equity: Amount::from(Quantity::from_units(amount)),
        capital: Amount::ONE,
        at: at(secs),
    }
}

/// `count` records after [`start`]: orders that are accepted, filled or canceled, states,
/// snapshots and equity between them.
pub fn day(seed: u64, epoch: u32, count: usize) -> Vec<Record> {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut records = Vec::with_capacity(count + 4);
    let mut number = 0;
    let mut trade = i64::from(epoch) * 1_000_000;
    while records.len() < count {
        number += 1;
        records.push(intent(epoch, number));
        let order = OrderId { epoch, strategy: STRATEGY, number };
        records.push(Record::OrderSent { order, signed_at: at(i64::from(number)) });
        records.push(accepted(epoch, number));
        trade += 1;
        match random.next_u32() % 8 {
            0 => records.push(canceled(epoch, number)),
            1 => {
                records.push(filled(epoch, number, trade, 400_000, false));
                records.push(canceled(epoch, number));
            }
            2 => {
                records.push(changed(
                    epoch,
                    number,
                    OrderEventKind::OutcomeUnknown { reason: String::new() },
                ));
                records.push(canceled(epoch, number));
            }
            3 => records.push(equity(i64::from(number), i64::from(random.next_u32()))),
            4 => records.push(Record::StrategySnapshot {
                strategy: STRATEGY,
                state: serde_json::json!({ "fast": f64::from(random.next_u32()) / 7.0 }),
                at: at(i64::from(number)),
            }),
            5 => records.push(Record::TradingStateChanged {
                state: TradingState::ReduceOnly,
                reason: "daily loss".into(),
                at: at(i64::from(number)),
            }),
            _ => {}
        }
        // Few orders stay open, as in life.
        if !number.is_multiple_of(500) {
            trade += 1;
            records.push(filled(epoch, number, trade, 600_000, true));
        }
    }
    records.truncate(count);
    records
}

/// Numbers the records from 1.
pub fn persists(records: &[Record], durability: Durability) -> Vec<Persist> {
    let numbered = (1..).zip(records);
    numbered
        .map(|(sequence, record)| Persist { sequence, record: record.clone(), durability })
        .collect()
}
