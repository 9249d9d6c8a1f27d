//! A scripted market for the tests: a strategy in its host, told what happens step by step.

use std::collections::BTreeMap;
use std::sync::Arc;

use kernel::messages::{Intent, SubmitIntent};
use kernel::parameters::Parameters;
use kernel::strategy::{
    HostInput, HostOutput, HostSetup, OpenOrder, StrategyEntry, StrategyHost, StrategySetup,
};
use model::*;

/// The only instrument, unless a test wants a second.
pub(crate) const ID: InstrumentId = InstrumentId(0);

/// What happens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// So many milliseconds pass; a timer that is due fires.
    Pass(i64),
    /// A trade at a price.
    Trade(&'static str),
    /// A new best bid and ask.
    Quote(&'static str, &'static str),
    /// A minute's bar closes at a price.
    Bar(&'static str),
    /// The venue has an order.
    Accept(u32),
    /// An order executes: quantity, price.
    Fill(u32, &'static str, &'static str),
    Deny(u32),
    Reject(u32),
    Expire(u32),
    /// An order is gone because the strategy asked.
    Cancel(u32),
    /// The venue refuses a cancel.
    RefuseCancel(u32),
    Unknown(u32),
    Absent(u32),
    Pause,
    Resume,
    Stop,
}

/// What the market knows of an order.
#[derive(Clone, Copy)]
struct Known {
    side: Side,
    quantity: Quantity,
    filled: Quantity,
}

/// The scripted market.
pub(crate) struct Market {
    pub host: StrategyHost,
    pub now: Timestamp,
    sequence: u64,
    orders: BTreeMap<u32, Known>,
    /// Every fill pays a thousandth of it in the base asset if it is a buy.
    pub fee_in_base: bool,
}

pub(crate) fn instruments() -> Arc<Instruments> {
    let mut instruments = Instruments::new();
    for symbol in ["BTCUSDT", "ETHUSDT"] {
        instruments.add(Instrument {
            id: ID,
            venue: VenueId::new("test:1").unwrap(),
            symbol: symbol.parse().unwrap(),
            base: symbol[..3].parse().unwrap(),
            quote: "USDT".parse().unwrap(),
            base_decimals: 8,
            quote_decimals: 8,
            contract: Contract::Spot,
            features: model::Features::ALL,
            status: InstrumentStatus::Trading,
            filters: Filters {
                price: PriceFilter { tick: "0.01".parse().unwrap(), ..PriceFilter::default() },
                lot_size: SizeFilter {
                    min: "0.001".parse().unwrap(),
                    max: Quantity::ZERO,
                    step: "0.001".parse().unwrap(),
                },
                notional: Some(NotionalFilter {
                    min: "5".parse().unwrap(),
                    min_applies_to_market: true,
                    max: None,
                    max_applies_to_market: false,
                    average_mins: 0,
                }),
                ..Filters::default()
            },
        });
    }
    Arc::new(instruments)
}

fn entry(kind: &str) -> &'static StrategyEntry {
    crate::ALL.iter().find(|entry| entry.kind() == kind).unwrap()
}

/// Checked parameters of a kind, or the first error in words.
pub(crate) fn parameters(kind: &str, given: &[(&str, &str)]) -> Result<Parameters, String> {
    let given = given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let set = entry(kind).parameters;
    let parameters =
        Parameters::new(set.keys, &given.collect()).map_err(|errors| errors[0].to_string())?;
    (set.check)(&parameters).map_err(|error| error.to_string())?;
    Ok(parameters)
}

impl Market {
    /// A started strategy that holds nothing.
    pub fn new(kind: &str, given: &[(&str, &str)]) -> Self {
        let mut market = Self::not_started(kind, given, BTreeMap::new(), Vec::new());
        assert_eq!(market.give(HostInput::Start), Vec::<String>::new());
        market
    }

    /// A strategy before its start, with what a ledger knows of it.
    pub fn not_started(
        kind: &str,
        given: &[(&str, &str)],
        positions: BTreeMap<InstrumentId, kernel::portfolio::Position>,
        open_orders: Vec<OpenOrder>,
    ) -> Self {
        Self::trading(vec![ID], kind, given, positions, open_orders)
    }

    /// The same for several instruments.
    pub fn trading(
        traded: Vec<InstrumentId>,
        kind: &str,
        given: &[(&str, &str)],
        positions: BTreeMap<InstrumentId, kernel::portfolio::Position>,
        open_orders: Vec<OpenOrder>,
    ) -> Self {
        let instruments = instruments();
        let parameters = parameters(kind, given).unwrap();
        let setup = StrategySetup {
            instruments: &instruments,
            traded: &traded,
            capital: Amount::ONE,
            parameters: &parameters,
        };
        let machine = (entry(kind).build)(&setup).unwrap();
        let orders = open_orders.iter().map(|open| (open.order.number, known(&open.new)));
        let orders = orders.collect();
        let setup = HostSetup {
            strategy: StrategyId(0),
            epoch: 1,
            last_number: open_orders.iter().map(|open| open.order.number).max().unwrap_or(0),
            instruments: Arc::clone(&instruments),
            traded,
            capital: Amount::ONE,
            positions,
            open_orders,
            effects_per_step: 200,
        };
        Self {
            host: StrategyHost::new(machine, setup),
            now: Timestamp::from_secs(1_000_000),
            sequence: 0,
            orders,
            fee_in_base: false,
        }
    }

    /// Hands an input over and says what the strategy wants, in words.
    pub fn give(&mut self, input: HostInput) -> Vec<String> {
        let mut outputs = Vec::new();
        self.host.step(self.now, input, &mut outputs).unwrap();
        outputs.into_iter().map(|output| self.describe(output)).collect()
    }

    fn describe(&mut self, output: HostOutput) -> String {
        let intent = match output {
            HostOutput::Note(text) => return format!("note: {text}"),
            HostOutput::Intent(SubmitIntent { intent, .. }) => intent,
        };
        match intent {
            Intent::Submit { order, new } => {
                self.orders.insert(order.number, known(&new));
                format!("{}: {}", order.number, words(&new))
            }
            Intent::Cancel { order } => format!("cancel {}", order.number),
            Intent::Replace { old, order, new } => {
                self.orders.insert(order.number, known(&new));
                format!("{} for {}: {}", order.number, old.number, words(&new))
            }
        }
    }

    pub fn market(&mut self, event: MarketEvent) -> Vec<String> {
        self.sequence += 1;
        let (sequence, correlation) = (self.sequence, CorrelationId(self.sequence));
        self.give(HostInput::Market { sequence, event, correlation })
    }

    pub fn trade(&self, price: Price) -> MarketEvent {
        MarketEvent::Trade(Trade {
            instrument: ID,
            id: TradeId(i64::try_from(self.sequence).unwrap() + 1),
            price,
            quantity: Quantity::ONE,
            aggressor: Side::Buy,
            event_at: self.now,
            received_at: self.now,
        })
    }

    pub fn bar(&self, close: Price) -> MarketEvent {
        MarketEvent::from(Bar {
            instrument: ID,
            interval: Interval::MINUTE,
            open_at: Timestamp::from_secs(60 * (1 + i64::try_from(self.sequence).unwrap())),
            open: close,
            high: close,
            low: close,
            close,
            volume: Quantity::ZERO,
            quote_volume: Amount::ZERO,
            taker_buy_volume: Quantity::ZERO,
            trade_count: 0,
            received_at: self.now,
        })
    }

    pub fn quote(&self, bid: &str, ask: &str) -> MarketEvent {
        let level = |price: &str| Level { price: price.parse().unwrap(), quantity: Quantity::ONE };
        MarketEvent::Quote(Quote {
            instrument: ID,
            update_id: i64::try_from(self.sequence).unwrap(),
            bid: level(bid),
            ask: level(ask),
            received_at: self.now,
        })
    }

    /// Lets a step happen and says what the strategy wants, in words.
    pub fn step(&mut self, step: Step) -> Vec<String> {
        let reason = RejectReason { code: -2010, message: "no".to_owned() };
        match step {
            Step::Pass(millis) => {
                self.now = Timestamp::from_nanos(self.now.as_nanos() + millis * 1_000_000);
                let due = self.host.wake_at().is_some_and(|at| at <= self.now);
                if due { self.give(HostInput::Wake) } else { Vec::new() }
            }
            Step::Trade(price) => self.market(self.trade(price.parse().unwrap())),
            Step::Quote(bid, ask) => self.market(self.quote(bid, ask)),
            Step::Bar(close) => self.market(self.bar(close.parse().unwrap())),
            Step::Accept(number) => {
                let mut wants =
                    self.order(number, OrderEventKind::Submitted { quantity: None, price: None });
                let venue_order = VenueOrderId(i64::from(number));
                wants.extend(self.order(number, OrderEventKind::Accepted { venue_order }));
                wants
            }
            Step::Fill(number, quantity, price) => {
                self.fill(number, quantity.parse().unwrap(), price.parse().unwrap())
            }
            Step::Deny(number) => {
                let [rule, detail, limit, actual] = ["rule", "no", "1", "2"].map(str::to_owned);
                let reason = DenialReason { rule, detail, limit, actual };
                self.order(number, OrderEventKind::Denied { reason })
            }
            Step::Reject(number) => self.order(number, OrderEventKind::Rejected { reason }),
            Step::Expire(number) => {
                let reason = String::new();
                self.order(number, OrderEventKind::Expired { reason, in_match: false })
            }
            Step::Cancel(number) => {
                let reason = CancelReason::Requested;
                self.order(number, OrderEventKind::Canceled { reason })
            }
            Step::RefuseCancel(number) => {
                self.order(number, OrderEventKind::CancelRejected { reason })
            }
            Step::Unknown(number) => {
                self.order(number, OrderEventKind::OutcomeUnknown { reason: String::new() })
            }
            Step::Absent(number) => {
                self.order(number, OrderEventKind::Absent { reason: String::new() })
            }
            Step::Pause => self.give(HostInput::Pause),
            Step::Resume => self.give(HostInput::Resume),
            Step::Stop => self.give(HostInput::Stop),
        }
    }

    pub fn fill(&mut self, number: u32, quantity: Quantity, price: Price) -> Vec<String> {
        let base = instruments().get(ID).base;
        let known = self.orders.get_mut(&number).unwrap();
        known.filled += quantity;
        let Known { side, quantity: wanted, filled: cumulative_quantity } = *known;
        let in_base = self.fee_in_base && side == Side::Buy;
        let fee = if in_base { quantity } else { Quantity::ZERO }.to_decimal();
        let thousandth = "0.001".parse::<Amount>().unwrap().to_decimal();
        let fill = Fill {
            key: FillKey { instrument: ID, trade: TradeId(1), venue_order: VenueOrderId(1) },
            side,
            price,
            quantity,
            fee: Amount::new(fee * thousandth).truncated(8),
            fee_asset: base,
            liquidity: Liquidity::Taker,
            event_at: self.now,
        };
        let complete = cumulative_quantity >= wanted;
        self.order(number, OrderEventKind::Filled { fill, cumulative_quantity, complete })
    }

    pub fn order(&mut self, number: u32, kind: OrderEventKind) -> Vec<String> {
        let event = OrderEvent {
            order: OrderId { epoch: 1, strategy: StrategyId(0), number },
            instrument: ID,
            received_at: self.now,
            correlation: CorrelationId(1),
            kind,
        };
        self.give(HostInput::Order { event, fee_in_quote: Amount::ZERO })
    }
}

fn known(new: &NewOrder) -> Known {
    let OrderQuantity::Base(quantity) = new.quantity else { panic!("by quantity only") };
    // As the risk gate does it.
    let quantity = instruments().get(ID).quantise_quantity(&new.kind, quantity);
    Known { side: new.side, quantity, filled: Quantity::ZERO }
}

fn words(new: &NewOrder) -> String {
    let OrderQuantity::Base(quantity) = new.quantity else { panic!("by quantity only") };
    let quantity = quantity.to_decimal().normalize();
    let tail = match new.kind {
        OrderKind::Limit { price, time_in_force: TimeInForce::GoodTilCanceled } => {
            format!("at {price:.2}")
        }
        OrderKind::Limit { price, .. } => format!("at {price:.2} at once"),
        OrderKind::LimitMaker { price } => format!("resting at {price:.2}"),
        OrderKind::Market
        | OrderKind::StopLoss { .. }
        | OrderKind::StopLossLimit { .. }
        | OrderKind::TakeProfit { .. }
        | OrderKind::TakeProfitLimit { .. } => new.kind.name().to_owned(),
    };
    format!("{} {quantity} {tail}", new.side.name())
}

/// Runs a script and compares what the strategy wants after each step.
#[track_caller]
pub(crate) fn check(mut market: Market, script: &[(Step, &[&str])]) {
    for (index, (step, expected)) in script.iter().enumerate() {
        assert_eq!(&market.step(*step), expected, "step {index}: {step:?}");
    }
}

/// A position that was bought at a price, without a fee.
pub(crate) fn held(
    quantity: &str,
    price: &str,
) -> BTreeMap<InstrumentId, kernel::portfolio::Position> {
    let mut position = kernel::portfolio::Position::default();
    let fill = Fill {
        key: FillKey { instrument: ID, trade: TradeId(1), venue_order: VenueOrderId(1) },
        side: Side::Buy,
        price: price.parse().unwrap(),
        quantity: quantity.parse().unwrap(),
        fee: Amount::ZERO,
        fee_asset: "USDT".parse().unwrap(),
        liquidity: Liquidity::Taker,
        event_at: Timestamp::EPOCH,
    };
    let (base, quote) = ("BTC".parse().unwrap(), "USDT".parse().unwrap());
    position.apply(&fill, base, quote, Amount::ZERO).unwrap();
    BTreeMap::from([(ID, position)])
}

/// A limit order that a restart finds.
pub(crate) fn found(number: u32, side: Side, quantity: &str, price: &str) -> OpenOrder {
    OpenOrder {
        order: OrderId { epoch: 1, strategy: StrategyId(0), number },
        new: NewOrder::limit(ID, side, quantity.parse().unwrap(), price.parse().unwrap()),
        status: OrderStatus::Accepted,
        filled_quantity: Quantity::ZERO,
        cancel_pending: false,
        replaces: None,
    }
}
