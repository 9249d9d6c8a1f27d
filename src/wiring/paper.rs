//! The venue of paper trading: local matching on the venue's public streams, with an account that
//! exists in our journal alone.
//!
//! After a restart it goes on from the journal: what it holds, its open orders (at the end of
//! their queues), its numbers. What the journal does not know never happened: nobody else has a
//! record of it.

use std::sync::Arc;

use events::log_event;
use kernel::ledger::{Ledger, LedgerOrder};
use matching::{
    Fees, LatencyModel, LocalVenue, LocalVenueModels, RecordedModels, RestoredOpenOrder,
};
use model::{
    Amount, Asset, Instrument, InstrumentId, Instruments, Timestamp, TradeId, VenueOrderId,
};
use rust_decimal::Decimal;

use super::machines::Foundation;
use crate::config::{Config, PaperConfig};

/// Orders of one start get numbers from its epoch times this on: no start repeats the numbers of
/// another one, and none places so many orders in the second that parts two epochs.
const ORDERS_OF_AN_EPOCH: i64 = 1_000_000;

/// The models that stand in for a venue.
#[must_use]
pub fn paper_models(paper: &PaperConfig, seed: u64) -> LocalVenueModels {
    let micros = |duration: std::time::Duration| {
        u64::try_from(duration.as_micros()).expect("a latency is checked to be short")
    };
    let (min_micros, max_micros) = (micros(paper.latency_min), micros(paper.latency_max));
    let latency = if min_micros == max_micros {
        LatencyModel::Constant { micros: min_micros }
    } else {
        LatencyModel::Uniform { min_micros, max_micros, seed }
    };
    LocalVenueModels {
        latency,
        market: RecordedModels { queue: paper.queue, ..RecordedModels::default() },
    }
}

/// What became of the orders that were open when the last run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeftOpen {
    /// They work on.
    pub restored: u32,
    /// They could not.
    pub expired: u32,
}

/// The venue, as the last run left it.
pub fn paper_venue(config: &Config, foundation: &Foundation) -> (LocalVenue, LeftOpen) {
    let Foundation { ledger, instruments, epoch, now, .. } = foundation;
    let models = paper_models(&config.engine.paper, u64::from(*epoch));
    let fees = |instrument: &Instrument| foundation.fees[usize::from(instrument.id.0)];
    local_venue(models, instruments, ledger, *epoch, fees, now.venue)
}

/// A local venue that goes on where a ledger ends.
pub fn local_venue(
    models: LocalVenueModels,
    instruments: &Arc<Instruments>,
    ledger: &Ledger,
    epoch: u32,
    fees: impl Fn(&Instrument) -> Fees,
    now: Timestamp,
) -> (LocalVenue, LeftOpen) {
    let balances: Vec<(Asset, Amount)> =
        ledger.balances().iter().map(|(asset, amount)| (*asset, *amount)).collect();
    let last_trades: Vec<(InstrumentId, TradeId)> =
        ledger.last_trades().map(|known| (known.instrument, known.trade)).collect();
    let mut venue = LocalVenue::new(Arc::clone(instruments), models, Fees::NONE, &balances)
        .continuing(VenueOrderId(i64::from(epoch) * ORDERS_OF_AN_EPOCH), &last_trades);
    for instrument in instruments.iter() {
        venue = venue.with_fees(instrument.id, fees(instrument));
    }
    let mut left_open = LeftOpen { restored: 0, expired: 0 };
    let other_leg = |order: &LedgerOrder| {
        let other = order.intent.other_leg?;
        ledger.order(other).map(|other| other.intent.client_order_id)
    };
    let known =
        |order| Some(RestoredOpenOrder { other_leg: other_leg(order), ..known_to_venue(order)? });
    for order in ledger.open_orders().filter_map(known) {
        match venue.restore(now, &order) {
            Ok(()) => left_open.restored += 1,
            Err(reason) => {
                left_open.expired += 1;
                venue.expire(now, &order, &reason.to_string());
            }
        }
    }
    (venue, left_open)
}

/// An order that the venue had acknowledged. One that it had not is no order: nothing of it is
/// anywhere.
fn known_to_venue(order: &LedgerOrder) -> Option<RestoredOpenOrder> {
    Some(RestoredOpenOrder {
        client_order_id: order.intent.client_order_id,
        venue_order: order.venue_order?,
        new: order.intent.new,
        executed: order.executed,
        is_triggered: order.triggered,
        other_leg: None,
    })
}

/// Says what paper's venue is made of.
pub fn tell_paper(config: &Config, epoch: u32, dearest_fee: Decimal, left_open: LeftOpen) {
    let names = model_names(&paper_models(&config.engine.paper, u64::from(epoch)));
    log_event!(
        PAPER_STARTED,
        endpoint = config.engine.venue.endpoint.as_str(),
        latency = %names.latency,
        queue = %names.queue,
        fills = %names.fills,
        dearest_fee = %dearest_fee.normalize(),
        orders_restored = left_open.restored,
        orders_expired = left_open.expired
    );
}

/// The models in words, for the log and for reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ModelNames {
    /// How long a command and an answer take.
    pub latency: String,
    /// Where a resting order stands.
    pub queue: String,
    /// What fills an order.
    pub fills: String,
}

/// Names the models.
#[must_use]
pub fn model_names(models: &LocalVenueModels) -> ModelNames {
    let latency = match models.latency {
        LatencyModel::Constant { micros } => format!("constant, {micros} us each way"),
        LatencyModel::Uniform { min_micros, max_micros, seed } => {
            format!("uniform, {min_micros} to {max_micros} us each way, seed {seed}")
        }
    };
    let queue = match models.market.queue {
        matching::QueueModel::Back => "back: others cancel behind us",
        matching::QueueModel::Proportional => "proportional: others cancel on both sides of us",
    };
    let fills = "displayed depth, taken until it changes; trades through the queue; no impact";
    ModelNames { latency, queue: queue.to_owned(), fills: fills.to_owned() }
}
