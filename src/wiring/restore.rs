//! From the ledger to the machines: what each continues from.

use std::collections::BTreeMap;

use kernel::ledger::Ledger;
use kernel::portfolio::Rate;
use kernel::protection::ProtectionPolicy;
use kernel::risk::{RiskConfig, RiskLimits, StrategyRisk};
use kernel::strategy::OpenOrder;
use model::{InstrumentId, StrategyId};
use rust_decimal::Decimal;

use crate::config::{Config, StrategyConfig, StrategyProtection};

/// The gate's settings. The fee that is reserved is the dearest that the account can pay.
#[must_use]
pub fn risk_config(config: &Config, ledger: &Ledger, fee_rate: Decimal) -> RiskConfig {
    let risk = &config.engine.risk;
    let limits = engine_limits(config);
    let strategies = enabled(config).filter_map(|strategy| {
        let id = ledger.strategy_id(&strategy.id)?;
        let (capital, limits) = (strategy.capital, strategy_limits(strategy));
        let protection = strategy_protection(strategy);
        Some((id, StrategyRisk { capital, limits, protection }))
    });
    RiskConfig {
        limits,
        strategies: strategies.collect(),
        fee_rate,
        ..RiskConfig::new(risk.currency)
    }
}

/// The limits of the whole account.
#[must_use]
pub fn engine_limits(config: &Config) -> RiskLimits {
    let risk = &config.engine.risk;
    RiskLimits {
        max_order_notional: Some(risk.max_order_notional),
        max_position_notional: Some(risk.max_position_notional),
        max_total_notional: Some(risk.max_total_notional),
        max_open_orders: Some(risk.max_open_orders),
        max_orders_per_10s: Some(risk.max_orders_per_10s),
        price_collar_bps: Some(Decimal::from(risk.price_collar_bps)),
        stale_after: Some(risk.stale_after),
        daily_loss: Some(risk.daily_loss),
        max_drawdown: Some(risk.max_drawdown),
    }
}

/// Strategies that are to run, in config order.
pub fn enabled(config: &Config) -> impl Iterator<Item = &StrategyConfig> {
    config.strategies.iter().filter(|strategy| strategy.enabled)
}

/// A strategy's own limits.
#[must_use]
pub fn strategy_limits(strategy: &StrategyConfig) -> RiskLimits {
    let own = &strategy.risk;
    RiskLimits {
        max_order_notional: own.max_order_notional,
        max_position_notional: own.max_position_notional,
        max_total_notional: None,
        max_open_orders: own.max_open_orders,
        max_orders_per_10s: own.max_orders_per_10s,
        price_collar_bps: None,
        stale_after: None,
        daily_loss: own.daily_loss,
        max_drawdown: own.max_drawdown,
    }
}

/// How what a strategy holds is protected at the venue.
#[must_use]
pub fn strategy_protection(strategy: &StrategyConfig) -> Option<ProtectionPolicy> {
    let bps = |bps: u32| Rate::from_bps(Decimal::from(bps));
    let StrategyProtection { stop_loss_bps, stop_limit_bps, take_profit_bps } = strategy.protection;
    stop_loss_bps.map(|stop_loss| ProtectionPolicy {
        stop_loss: bps(stop_loss),
        stop_limit: stop_limit_bps.map(bps),
        take_profit: take_profit_bps.map(bps),
    })
}

/// What a strategy's host continues from: its positions and open orders.
#[must_use]
pub fn host_books(
    ledger: &Ledger,
    strategy: StrategyId,
) -> (BTreeMap<InstrumentId, kernel::portfolio::Position>, Vec<OpenOrder>) {
    let own = ledger.positions().filter(|(owner, _, _)| *owner == strategy);
    let positions = own.map(|(_, instrument, position)| (instrument, *position)).collect();
    let own = ledger.open_orders().filter(|order| order.intent.strategy == strategy);
    let open_orders = own.map(|order| OpenOrder {
        order: order.intent.order,
        new: order.intent.new,
        status: order.status.after_restart(),
        filled_quantity: order.executed,
        cancel_pending: order.cancel.is_some(),
        replaces: order.intent.replaces,
    });
    (positions, open_orders.collect())
}
