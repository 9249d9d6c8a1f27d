//! The books: lots, fees, equity in one currency, marks after a restart, samples.

use model::{Amount, OrderEventKind, OrderId, Side};
use tickwright_kernel::portfolio::{
    Exposure, Position, RestoredEquity, RestoredOrder, RestoredPortfolio, RestoredPosition,
};
use tickwright_kernel::risk::{RestoredRisk, RiskConfig, RiskEffect, RiskInput, TradingState};

use super::desk::{
    BNB, BTC, Desk, ETH, ETHBTC, FIRST, SECOND, amount, buy, config, price, quantity, secs, sell,
};

fn equity(desk: &Desk) -> Amount {
    desk.machine.portfolio().equity().equity().to_amount()
}

/// Closed trades of a desk's effects: quantity, entry, exit, profit, fees.
fn closed(desk: &mut Desk) -> Vec<[String; 5]> {
    desk.take()
        .into_iter()
        .filter_map(|effect| match effect {
            RiskEffect::TradeClosed(trade) => Some([
                format!("{:.3}", trade.quantity),
                trade.entry_price.to_string(),
                format!("{:.0}", trade.exit_price),
                trade.profit.to_string(),
                trade.fees.to_string(),
            ]),
            _ => None,
        })
        .collect()
}

#[test]
fn lots_close_first_in_first_out() {
    let mut desk = Desk::new(config());
    let mut trade = |side, size: &str, at: &str, fee: &str| {
        let order = match side {
            Side::Buy => desk.place(FIRST, buy(BTC, size, at)),
            Side::Sell => desk.place(FIRST, sell(BTC, size, at)),
        };
        let fill = desk.fill_with_fee(BTC, side, size, at, fee, "USDT");
        desk.filled(order, fill, size, true);
        closed(&mut desk)
    };
    assert!(trade(Side::Buy, "1", "100", "0.1").is_empty());
    assert!(trade(Side::Buy, "2", "110", "0.2").is_empty());
    let rows = |rows: &[[&str; 5]]| -> Vec<[String; 5]> {
        rows.iter().map(|row| row.map(str::to_owned)).collect()
    };
    // All of the first lot and half of the second; the fee of the sale in proportion.
    assert_eq!(
        trade(Side::Sell, "2", "120", "0.4"),
        rows(&[["1.000", "100.1", "120", "19.7", "0.3"], ["1.000", "110.1", "120", "9.7", "0.3"],])
    );
    assert_eq!(
        trade(Side::Sell, "1", "100", "0"),
        rows(&[["1.000", "110.1", "100", "-10.1", "0.1"]])
    );
    let holding = desk.machine.portfolio().holding(FIRST, BTC).unwrap();
    assert_eq!(holding.lots.iter().count(), 0);
    // Flat: by lots or at average cost, the profit is the same.
    assert_eq!(holding.position.realised(), amount("19.3"));
}

#[test]
fn fills_of_one_order_are_one_lot() {
    let mut desk = Desk::new(config());
    let order = desk.place(FIRST, buy(BTC, "2", "100"));
    for (size, at, cumulative, complete) in [("1", "90", "1", false), ("1", "100", "2", true)] {
        let fill = desk.fill(BTC, Side::Buy, size, at);
        desk.filled(order, fill, cumulative, complete);
    }
    let holding = desk.machine.portfolio().holding(FIRST, BTC).unwrap();
    let lots: Vec<_> = holding.lots.iter().collect();
    assert_eq!((lots.len(), lots[0].order, lots[0].unit_cost()), (1, order, amount("95")));
}

#[test]
fn fees_are_part_of_the_position_whatever_they_are_paid_in() {
    #[track_caller]
    fn check(fee: &str, asset: &str, held: &str, cost: &str, fees: &str, unvalued: bool) {
        let mut desk = Desk::new(config());
        let order = desk.place(FIRST, buy(BTC, "1", "100"));
        let fill = desk.fill_with_fee(BTC, Side::Buy, "1", "100", fee, asset);
        desk.filled(order, fill, "1", true);
        let position = desk.machine.portfolio().position(FIRST, BTC);
        let actual = (position.quantity(), position.cost(), position.fees());
        assert_eq!(actual, (quantity(held), amount(cost), amount(fees)));
        let complained =
            desk.take().iter().any(|effect| matches!(effect, RiskEffect::FeeUnvalued { .. }));
        assert_eq!(complained, unvalued);
        // Capital less the fee, whatever it was paid in.
        let loss = amount("200000") - equity(&desk);
        assert_eq!(loss, amount(fees));
    }
    check("0.001", "BTC", "0.999", "100", "0.1", false);
    check("0.1", "USDT", "1", "100.1", "0.1", false);
    check("0.0002", "BNB", "1", "100.1", "0.1", false);
    check("7", "DOGE", "1", "100", "0", true);
}

#[test]
fn a_fee_is_valued_over_a_third_asset_where_there_is_no_direct_price() {
    let mut desk = Desk::new(config());
    let order = desk.place(FIRST, buy(ETHBTC, "10", "0.1"));
    // 0.002 BNB at 500 USDT, at 100 USDT a bitcoin.
    let fill = desk.fill_with_fee(ETHBTC, Side::Buy, "10", "0.1", "0.002", "BNB");
    desk.filled(order, fill, "10", true);
    assert_eq!(desk.machine.portfolio().position(FIRST, ETHBTC).fees(), amount("0.01"));
}

#[test]
fn a_fee_without_a_price_is_valued_with_the_first_one() {
    let mut desk = Desk::restored(config(), RestoredRisk::default());
    desk.step(RiskInput::ExecutionHealth { is_live: true });
    desk.balances(&[("USDT", "1000")]);
    desk.trade(BTC, "100");
    let order = desk.place(FIRST, buy(BTC, "1", "100"));
    let fill = desk.fill_with_fee(BTC, Side::Buy, "1", "100", "0.001", "BNB");
    desk.filled(order, fill, "1", true);
    let cost = |desk: &Desk| desk.machine.portfolio().position(FIRST, BTC).cost();
    assert_eq!((cost(&desk), equity(&desk)), (amount("100"), amount("200000")));
    desk.trade(ETH, "10");
    desk.take();
    desk.trade(BNB, "500");
    assert_eq!((cost(&desk), equity(&desk)), (amount("100.5"), amount("199999.5")));
    assert_eq!(desk.take(), [RiskEffect::FeeValued { key: fill.key, in_quote: amount("0.5") }]);
    desk.trade(BNB, "600");
    assert_eq!((cost(&desk), desk.take()), (amount("100.5"), vec![]));
}

#[test]
fn equity_is_in_one_currency() {
    let mut desk = Desk::new(config());
    desk.own(FIRST, ETHBTC, "10", "0.1");
    assert_eq!(equity(&desk), amount("200000"));
    // 10 ETH at 0.12 BTC at 100 USDT, bought for 1 BTC.
    desk.trade(ETHBTC, "0.12");
    assert_eq!(equity(&desk), amount("200020"));
    // Both what is held and what was paid are worth more when the quote asset is.
    desk.trade(BTC, "200");
    assert_eq!(equity(&desk), amount("200040"));
    desk.own(SECOND, BTC, "1", "150");
    assert_eq!(equity(&desk), amount("200090"));
    let portfolio = desk.machine.portfolio();
    let of = |strategy| portfolio.equity_of(strategy).unwrap().equity().to_amount();
    assert_eq!((of(FIRST), of(SECOND)), (amount("100040"), amount("100050")));
    let exposure = portfolio.exposure(ETHBTC);
    assert_eq!(exposure, Exposure { ours: amount("240"), external: Amount::ZERO });
}

#[test]
fn what_others_do_is_exposure_and_no_profit() {
    let mut desk = Desk::new(config());
    let fill = desk.fill(BTC, Side::Buy, "2", "50");
    desk.step(RiskInput::ExternalFill(&fill));
    desk.step(RiskInput::ExternalFlow { asset: "ETH".parse().unwrap(), delta: amount("3") });
    desk.step(RiskInput::ExternalFlow { asset: "USDT".parse().unwrap(), delta: amount("999") });
    desk.trade(BTC, "110");
    assert_eq!(equity(&desk), amount("200000"));
    let exposure = |id| desk.machine.portfolio().exposure(id).external;
    assert_eq!(
        (exposure(BTC), exposure(ETH), exposure(BNB)),
        (amount("220"), amount("30"), Amount::ZERO)
    );
}

/// A machine that owned one bitcoin, bought at 100, before it was restarted.
fn restart(config: RiskConfig, peak: &str) -> Desk {
    let mut position = Position::default();
    let fill = Desk::new(config.clone()).fill(BTC, Side::Buy, "1", "100");
    let (base, quote) = ("BTC".parse().unwrap(), "USDT".parse().unwrap());
    position.apply(&fill, base, quote, Amount::ZERO).unwrap();
    let portfolio = RestoredPortfolio {
        positions: vec![RestoredPosition {
            strategy: FIRST,
            instrument: BTC,
            position,
            lots: Vec::new(),
        }],
        equity: vec![RestoredEquity {
            strategy: None,
            day_base: None,
            peak: Some(amount(peak)),
            capital: Some(amount("200000")),
        }],
        ..RestoredPortfolio::default()
    };
    Desk::restored(config, RestoredRisk { portfolio, ..RestoredRisk::default() })
}

#[test]
fn losses_are_not_judged_before_positions_have_prices() {
    let limited = || {
        let mut config = config();
        config.limits.max_drawdown = Some(amount("50"));
        config
    };
    // The peak was at a price of 300: at cost it would look like a fall of 200.
    let mut desk = restart(limited(), "200200");
    desk.step(RiskInput::Wake);
    desk.trade(ETH, "10");
    assert_eq!(desk.machine.state(), TradingState::Active);
    assert_eq!(desk.take(), [], "no sample at cost either");
    desk.trade(BTC, "300");
    assert_eq!(desk.machine.state(), TradingState::Active);
    desk.trade(BTC, "249");
    assert_eq!(desk.machine.state(), TradingState::Halted);
    // A symbol that never speaks does not switch the rule off for ever.
    let mut desk = restart(limited(), "200200");
    desk.step(RiskInput::Wake);
    desk.wait(60_000);
    desk.step(RiskInput::Wake);
    assert_eq!(desk.machine.state(), TradingState::Halted);
}

#[test]
fn a_restored_position_without_lots_is_one_lot() {
    let desk = restart(config(), "0");
    let holding = desk.machine.portfolio().holding(FIRST, BTC).unwrap();
    let lots: Vec<_> = holding.lots.iter().map(|lot| (lot.quantity, lot.unit_cost())).collect();
    assert_eq!(lots, [(quantity("1"), amount("100"))]);
}

#[test]
fn a_change_of_capital_is_neither_profit_nor_loss() {
    let mut config = config();
    config.limits.max_drawdown = Some(amount("50"));
    // Half the capital of the last run, whose peak was 10 above its capital.
    config.strategies.remove(&SECOND);
    let mut desk = restart(config, "200010");
    desk.trade(BTC, "100");
    assert_eq!(desk.machine.portfolio().equity().drawdown().to_amount(), amount("10"));
    assert_eq!(desk.machine.state(), TradingState::Active);
}

#[test]
fn restored_orders_reserve() {
    let order = OrderId { epoch: 1, strategy: FIRST, number: 1 };
    let restored = |new| RestoredOrder {
        order,
        strategy: FIRST,
        new,
        filled_quantity: quantity("0.5"),
        is_acknowledged: false,
        is_triggered: false,
        replaces: None,
        other_leg: None,
    };
    let reserved = |new| {
        let portfolio =
            RestoredPortfolio { orders: vec![restored(new)], ..RestoredPortfolio::default() };
        let restored = RestoredRisk { portfolio, ..RestoredRisk::default() };
        let mut desk = Desk::restored(config(), restored);
        let of = |desk: &Desk, asset: &str| {
            desk.machine.portfolio().reservations().reserved(asset.parse().unwrap()).to_amount()
        };
        let before = of(&desk, "USDT");
        desk.trade(BTC, "100");
        (before, of(&desk, "USDT"), of(&desk, "BTC"))
    };
    let limit = reserved(buy(BTC, "2", "90"));
    assert_eq!(limit, (amount("135"), amount("135"), Amount::ZERO));
    let exit = reserved(sell(BTC, "2", "90"));
    assert_eq!(exit, (Amount::ZERO, Amount::ZERO, amount("1.5")));
    // Without any price a market order may cost everything; with one it is known.
    let market = reserved(model::NewOrder::market(BTC, Side::Buy, quantity("2")));
    assert!(market.0 > amount("1000000000"));
    assert_eq!((market.1, market.2), (amount("150"), Amount::ZERO));
}

#[test]
fn an_absent_order_reserves_again_if_the_venue_has_it_after_all() {
    let mut desk = Desk::new(config());
    let order = desk.place(FIRST, buy(BTC, "1", "90"));
    let reserved = |desk: &Desk| {
        desk.machine.portfolio().reservations().reserved("USDT".parse().unwrap()).to_amount()
    };
    assert_eq!(reserved(&desk), amount("90"));
    desk.tell(order, BTC, OrderEventKind::OutcomeUnknown { reason: String::new() });
    assert_eq!(reserved(&desk), amount("90"));
    desk.tell(order, BTC, OrderEventKind::Absent { reason: String::new() });
    assert_eq!(reserved(&desk), Amount::ZERO);
    let fill = desk.fill(BTC, Side::Buy, "0.4", "90");
    desk.filled(order, fill, "0.4", false);
    assert_eq!(reserved(&desk), amount("54"));
    assert_eq!(desk.machine.portfolio().position(FIRST, BTC).quantity(), quantity("0.4"));
    desk.cancel(order, BTC);
    assert_eq!(reserved(&desk), Amount::ZERO);
    // And a fill after the end is booked all the same.
    let fill = desk.fill(BTC, Side::Buy, "0.6", "90");
    desk.filled(order, fill, "1", true);
    assert_eq!(desk.machine.portfolio().position(FIRST, BTC).quantity(), quantity("1"));
    assert_eq!(reserved(&desk), Amount::ZERO);
}

#[test]
fn a_replacement_reserves_what_the_old_order_does_not() {
    let mut desk = Desk::new(config());
    let reserved = |desk: &Desk| {
        desk.machine.portfolio().reservations().reserved("USDT".parse().unwrap()).to_amount()
    };
    let old = desk.place(FIRST, buy(BTC, "1", "90"));
    let (new, judged) = desk.replace(FIRST, old, buy(BTC, "1", "95"));
    judged.unwrap();
    assert_eq!(reserved(&desk), amount("95"));
    let fill = desk.fill(BTC, Side::Buy, "0.5", "90");
    desk.filled(old, fill, "0.5", false);
    assert_eq!(reserved(&desk), amount("95"));
    desk.cancel(old, BTC);
    assert_eq!(reserved(&desk), amount("95"));
    desk.cancel(new, BTC);
    assert_eq!(reserved(&desk), Amount::ZERO);
}

#[test]
fn equity_is_sampled_on_time_with_the_peaks_between() {
    let samples = |desk: &mut Desk| -> Vec<(bool, String, i64)> {
        let of_account = |effect| match effect {
            RiskEffect::EquitySampled { strategy, equity, at, capital } => {
                let expected = if strategy.is_none() { "200000" } else { "100000" };
                assert_eq!(capital, amount(expected));
                Some((strategy.is_none(), equity.to_string(), at.as_secs()))
            }
            _ => None,
        };
        desk.take().into_iter().filter_map(of_account).collect()
    };
    let mut desk = Desk::new(config());
    desk.own(FIRST, BTC, "1", "100");
    desk.now = secs(1_010);
    desk.trade(BTC, "150");
    desk.now = secs(1_019);
    desk.trade(BTC, "120");
    assert!(samples(&mut desk).is_empty());
    assert_eq!(desk.machine.wake_at(), Some(secs(1_020)));
    desk.now = secs(1_020);
    desk.step(RiskInput::Wake);
    let row = |account, equity: &str, at| (account, equity.to_owned(), at);
    assert_eq!(
        samples(&mut desk),
        [
            row(true, "200050", 1_010),
            row(true, "200020", 1_020),
            row(false, "100050", 1_010),
            row(false, "100020", 1_020),
            row(false, "100000", 1_020),
        ]
    );
    desk.now = secs(1_080);
    desk.trade(BTC, "130");
    assert_eq!(
        samples(&mut desk),
        [row(true, "200020", 1_080), row(false, "100020", 1_080), row(false, "100000", 1_080)]
    );
}

#[test]
fn a_mark_is_the_last_trade_where_there_are_trades() {
    let mut desk = Desk::new(config());
    let mark = |desk: &Desk, id| desk.machine.portfolio().marks().mark(id);
    desk.quote(BTC, "150", "160");
    assert_eq!(mark(&desk, BTC), Some(price("100")));
    let mut desk = Desk::restored(config(), RestoredRisk::default());
    assert_eq!(mark(&desk, BTC), None);
    desk.quote(BTC, "150", "160");
    assert_eq!(mark(&desk, BTC), Some(price("155")));
    desk.trade(BTC, "151");
    assert_eq!(mark(&desk, BTC), Some(price("151")));
}
