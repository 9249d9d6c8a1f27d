//! A gate with a market, a venue that obeys, and short names for what tests say.

use std::sync::Arc;

use model::{
    Amount, CancelReason, Contract, CorrelationId, DenialReason, Fill, FillKey, Filters,
    Instrument, InstrumentId, InstrumentStatus, Instruments, Level, Liquidity, MarketEvent,
    NewOrder, OrderEvent, OrderEventKind, OrderId, Price, Quantity, Quote, Side, StrategyId,
    Timestamp, Trade, TradeId, VenueId, VenueOrderId,
};
use tickwright_kernel::messages::{Cause, ExecutionRequest, Intent, SubmitIntent};
use tickwright_kernel::risk::{
    Authority, RestoredRisk, RiskConfig, RiskEffect, RiskInput, RiskMachine, StrategyRisk,
    TradingState,
};
use tickwright_kernel::venue::Balance;

pub const BTC: InstrumentId = InstrumentId(0);
pub const ETH: InstrumentId = InstrumentId(1);
pub const BNB: InstrumentId = InstrumentId(2);
/// Ether quoted in bitcoin: its amounts need BTCUSDT to be worth anything in the currency.
pub const ETHBTC: InstrumentId = InstrumentId(3);
pub const FIRST: StrategyId = StrategyId(0);
pub const SECOND: StrategyId = StrategyId(1);

pub fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

pub fn price(text: &str) -> Price {
    text.parse().unwrap()
}

pub fn quantity(text: &str) -> Quantity {
    text.parse().unwrap()
}

pub fn secs(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

pub fn instruments() -> Instruments {
    let mut instruments = Instruments::new();
    for (symbol, base, quote) in [
        ("BTCUSDT", "BTC", "USDT"),
        ("ETHUSDT", "ETH", "USDT"),
        ("BNBUSDT", "BNB", "USDT"),
        ("ETHBTC", "ETH", "BTC"),
    ] {
        instruments.add(Instrument {
            id: InstrumentId(0),
            venue: VenueId::new("sim:7f3a").unwrap(),
            symbol: symbol.parse().unwrap(),
            base: base.parse().unwrap(),
            quote: quote.parse().unwrap(),
            base_decimals: 8,
            quote_decimals: 8,
            contract: Contract::Spot,
            features: model::Features::ALL,
            status: InstrumentStatus::Trading,
            filters: Filters::default(),
        });
    }
    instruments
}

/// Two strategies with 100,000 USDT each, no limits, no margins.
pub fn config() -> RiskConfig {
    let strategy = StrategyRisk { capital: amount("100000"), ..StrategyRisk::default() };
    RiskConfig {
        strategies: [(FIRST, strategy.clone()), (SECOND, strategy)].into(),
        fee_rate: "0".parse().unwrap(),
        slippage_bps: "0".parse().unwrap(),
        ..RiskConfig::new("USDT".parse().unwrap())
    }
}

pub fn buy(id: InstrumentId, size: &str, at: &str) -> NewOrder {
    NewOrder::limit(id, Side::Buy, quantity(size), price(at))
}

pub fn sell(id: InstrumentId, size: &str, at: &str) -> NewOrder {
    NewOrder::limit(id, Side::Sell, quantity(size), price(at))
}

/// What the gate said to an intent.
pub type Judged = Result<NewOrder, DenialReason>;

pub struct Desk {
    pub machine: RiskMachine,
    pub now: Timestamp,
    /// Everything since the last [`Desk::take`].
    pub effects: Vec<RiskEffect>,
    next_order: u32,
    next_trade: i64,
    sequence: u64,
}

impl Desk {
    /// A connected gate at second 1,000 with prices of 100, 10, 500 and 0.1, and a rich account.
    pub fn new(config: RiskConfig) -> Self {
        let mut desk = Self::restored(config, RestoredRisk::default());
        desk.open_market();
        desk.take();
        desk
    }

    pub fn restored(config: RiskConfig, restored: RestoredRisk) -> Self {
        Self {
            machine: RiskMachine::new(config, Arc::new(instruments()), restored),
            now: secs(1_000),
            effects: Vec::new(),
            next_order: 0,
            next_trade: 0,
            sequence: 0,
        }
    }

    pub fn open_market(&mut self) {
        self.step(RiskInput::ExecutionHealth { is_live: true });
        self.balances(&[("USDT", "1000000"), ("BTC", "1000"), ("ETH", "1000"), ("BNB", "1000")]);
        for (id, at) in [(BTC, "100"), (ETH, "10"), (BNB, "500"), (ETHBTC, "0.1")] {
            self.trade(id, at);
        }
    }

    pub fn step(&mut self, input: RiskInput<'_>) {
        self.machine.step(self.now, input, &mut self.effects);
    }

    pub fn take(&mut self) -> Vec<RiskEffect> {
        std::mem::take(&mut self.effects)
    }

    pub fn wait(&mut self, millis: i64) {
        self.now = Timestamp::from_nanos(self.now.as_nanos() + millis * 1_000_000);
    }

    pub fn balances(&mut self, free: &[(&str, &str)]) {
        let balances: Vec<Balance> = free
            .iter()
            .map(|(asset, free)| Balance {
                asset: asset.parse().unwrap(),
                free: amount(free),
                locked: Amount::ZERO,
            })
            .collect();
        let event_at = self.now;
        self.step(RiskInput::Balances { balances: &balances, is_complete: true, event_at });
    }

    pub fn market(&mut self, event: &MarketEvent) {
        self.sequence += 1;
        let sequence = self.sequence;
        self.step(RiskInput::Market { sequence, event });
    }

    pub fn trade(&mut self, id: InstrumentId, at: &str) {
        self.trade_at(id, price(at));
    }

    pub fn trade_at(&mut self, instrument: InstrumentId, at: Price) {
        self.market(&MarketEvent::Trade(Trade {
            instrument,
            id: TradeId(1),
            price: at,
            quantity: Quantity::ONE,
            aggressor: Side::Buy,
            event_at: self.now,
            received_at: self.now,
        }));
    }

    pub fn quote(&mut self, instrument: InstrumentId, bid: &str, ask: &str) {
        let level = |at: &str| Level { price: price(at), quantity: Quantity::ONE };
        self.market(&MarketEvent::Quote(Quote {
            instrument,
            update_id: 1,
            bid: level(bid),
            ask: level(ask),
            received_at: self.now,
        }));
    }

    pub fn next_order(&mut self, strategy: StrategyId) -> OrderId {
        self.next_order += 1;
        OrderId { epoch: 1, strategy, number: self.next_order }
    }

    pub fn intend(&mut self, strategy: StrategyId, intent: Intent) {
        self.step(RiskInput::Intent(SubmitIntent {
            strategy,
            intent,
            cause: Cause::Lifecycle,
            correlation: CorrelationId(7),
            caused_at: self.now,
            decided_at: self.now,
        }));
    }

    /// Submits and says what came of it; nothing else may come of it.
    #[track_caller]
    pub fn submit(&mut self, strategy: StrategyId, new: NewOrder) -> (OrderId, Judged) {
        let order = self.next_order(strategy);
        let before = self.effects.len();
        self.intend(strategy, Intent::Submit { order, new });
        (order, self.judged(before, order))
    }

    #[track_caller]
    pub fn replace(
        &mut self,
        strategy: StrategyId,
        old: OrderId,
        new: NewOrder,
    ) -> (OrderId, Judged) {
        let order = self.next_order(strategy);
        let before = self.effects.len();
        self.intend(strategy, Intent::Replace { old, order, new });
        (order, self.judged(before, order))
    }

    #[track_caller]
    fn judged(&mut self, before: usize, order: OrderId) -> Judged {
        let said: Vec<&RiskEffect> = self.effects[before..]
            .iter()
            .filter(|effect| !matches!(effect, RiskEffect::EquitySampled { .. }))
            .collect();
        let [said] = said[..] else { panic!("one answer, not {said:?}") };
        match said {
            RiskEffect::Execute(
                ExecutionRequest::Submit(approved)
                | ExecutionRequest::Replace { new: approved, .. },
            ) => {
                assert_eq!(approved.get().order, order);
                Ok(approved.get().new)
            }
            RiskEffect::TellStrategy { event, .. } => {
                let OrderEventKind::Denied { reason } = &event.kind else { panic!("{event:?}") };
                assert_eq!(event.order, order);
                Err(reason.clone())
            }
            other => panic!("neither approved nor denied: {other:?}"),
        }
    }

    /// Submits what must pass.
    #[track_caller]
    pub fn place(&mut self, strategy: StrategyId, new: NewOrder) -> OrderId {
        let (order, judged) = self.submit(strategy, new);
        judged.unwrap();
        order
    }

    pub fn tell(&mut self, order: OrderId, instrument: InstrumentId, kind: OrderEventKind) {
        let event = OrderEvent {
            order,
            instrument,
            received_at: self.now,
            correlation: CorrelationId(7),
            kind,
        };
        self.step(RiskInput::Order { strategy: order.strategy, event: Box::new(event) });
    }

    pub fn accept(&mut self, order: OrderId, instrument: InstrumentId) {
        self.tell(order, instrument, OrderEventKind::Accepted { venue_order: VenueOrderId(1) });
    }

    pub fn cancel(&mut self, order: OrderId, instrument: InstrumentId) {
        let reason = CancelReason::Requested;
        self.tell(order, instrument, OrderEventKind::Canceled { reason });
    }

    /// A fill without a fee.
    pub fn fill(&mut self, id: InstrumentId, side: Side, size: &str, at: &str) -> Fill {
        self.fill_with_fee(id, side, size, at, "0", "USDT")
    }

    pub fn fill_with_fee(
        &mut self,
        instrument: InstrumentId,
        side: Side,
        size: &str,
        at: &str,
        fee: &str,
        fee_asset: &str,
    ) -> Fill {
        self.next_trade += 1;
        Fill {
            key: FillKey {
                instrument,
                trade: TradeId(self.next_trade),
                venue_order: VenueOrderId(1),
            },
            side,
            price: price(at),
            quantity: quantity(size),
            fee: amount(fee),
            fee_asset: fee_asset.parse().unwrap(),
            liquidity: Liquidity::Taker,
            event_at: self.now,
        }
    }

    /// Books a fill of an order.
    pub fn filled(&mut self, order: OrderId, fill: Fill, cumulative: &str, complete: bool) {
        let cumulative_quantity = quantity(cumulative);
        let kind = OrderEventKind::Filled { fill, cumulative_quantity, complete };
        self.tell(order, fill.key.instrument, kind);
    }

    /// Buys with a limit order that fills at once, and leaves no trace but the position.
    #[track_caller]
    pub fn own(&mut self, strategy: StrategyId, id: InstrumentId, size: &str, at: &str) {
        let order = self.place(strategy, buy(id, size, at));
        let fill = self.fill(id, Side::Buy, size, at);
        self.filled(order, fill, size, true);
        self.take();
    }

    pub fn set_state(&mut self, state: TradingState, by: Authority) {
        self.step(RiskInput::SetState { state, by, reason: "test".to_owned() });
    }
}
