//! What the host keeps of orders and positions.

use super::*;

/// Starts a host, lets it place order 1, then runs inputs; compares the open orders after each.
#[track_caller]
fn check(steps: &[(HostInput, &[Do], &str)]) {
    let mut stage = Stage::new(WarmUp::None);
    stage.step(0, HostInput::Start, &[Do::Buy("1", "100")]);
    assert_eq!(stage.open(), "1 intended");
    for (input, then, expected) in steps {
        stage.step(0, input.clone(), then);
        assert_eq!(&stage.open(), expected, "after {input:?}");
    }
}

#[test]
fn open_orders_follow_their_events() {
    use Was::*;
    check(&[
        (order(1, Submitted), &[], "1 submitted"),
        (order(1, Accepted), &[], "1 accepted"),
        (order(1, Filled("0.4", "0.4", false)), &[], "1 partially_filled"),
        (order(1, Filled("0.6", "1", true)), &[], ""),
    ]);
    // Fills outrun the acceptance, and come after the end.
    check(&[
        (order(1, Filled("0.4", "0.4", false)), &[], "1 partially_filled"),
        (order(1, Accepted), &[], "1 partially_filled"),
        (order(1, Submitted), &[], "1 partially_filled"),
        (order(1, Canceled), &[], ""),
        (order(1, Filled("0.1", "0.5", false)), &[], ""),
    ]);
    check(&[(order(1, Denied), &[], "")]);
    check(&[(order(1, Rejected), &[], "")]);
    check(&[(order(1, Expired), &[], "")]);
    check(&[
        (order(1, Accepted), &[Do::Cancel(1)], "1 accepted leaving"),
        (order(1, CancelRejected), &[], "1 accepted"),
    ]);
    // An order that never arrived did arrive.
    check(&[
        (order(1, Submitted), &[], "1 submitted"),
        (order(1, Unknown), &[], "1 unknown"),
        (order(1, Absent), &[], ""),
        (order(1, Accepted), &[], "1 accepted"),
        (order(1, Filled("1", "1", true)), &[], ""),
    ]);
    check(&[
        (order(1, Unknown), &[], "1 unknown"),
        (order(1, Absent), &[], ""),
        (order(1, Filled("1", "1", true)), &[], ""),
    ]);
}

#[test]
fn replacements_hold_the_old_order_until_they_are_denied() {
    use Was::*;
    let replace: &[Do] = &[Do::Replace(1, "90")];
    check(&[
        (order(1, Accepted), replace, "1 accepted leaving, 2 intended"),
        (order(1, Canceled), &[], "2 intended"),
        (order(2, Submitted), &[], "2 submitted"),
    ]);
    check(&[
        (order(1, Accepted), replace, "1 accepted leaving, 2 intended"),
        (order(2, Denied), &[], "1 accepted"),
        (order(1, Accepted), replace, "1 accepted leaving, 3 intended"),
    ]);
    // The old one fills first: the new one is dropped.
    check(&[
        (order(1, Accepted), replace, "1 accepted leaving, 2 intended"),
        (order(1, Filled("1", "1", true)), &[], "2 intended"),
        (order(2, Canceled), &[], ""),
    ]);
    // No second replacement and no cancel of what is leaving, nor of what has ended.
    let twice: &[Do] = &[Do::Replace(1, "90"), Do::Replace(1, "80"), Do::Cancel(1)];
    check(&[
        (order(1, Accepted), twice, "1 accepted leaving, 2 intended"),
        (order(1, Canceled), replace, "2 intended"),
    ]);
}

#[test]
fn rounding_is_taken_over() {
    let mut stage = Stage::new(WarmUp::None);
    stage.step(0, HostInput::Start, &[Do::Buy("1.237", "100.55")]);
    let quantity = Some("1.23".parse().unwrap());
    let kind = OrderEventKind::Submitted { quantity, price: Some("100.5".parse().unwrap()) };
    let event = HostInput::Order { event: order_event(1, kind), fee_in_quote: Amount::ZERO };
    stage.step(0, event, &[]);
    let open = stage.host.open_orders().next().unwrap();
    assert_eq!(open.remaining(), quantity);
    assert_eq!(open.price(), Some("100.5".parse().unwrap()));
}

#[test]
fn a_stop_waits_for_its_trigger() {
    let stop = OpenOrder {
        order: order_id(1),
        new: NewOrder::new(
            ID,
            Side::Sell,
            OrderKind::StopLoss { stop_price: Price::ONE },
            OrderQuantity::Base(Quantity::ONE),
        ),
        status: OrderStatus::Unknown,
        filled_quantity: Quantity::ZERO,
        cancel_pending: false,
        replaces: None,
    };
    let mut stage = Stage::restored(WarmUp::None, BTreeMap::new(), vec![stop]);
    stage.step(0, order(1, Was::Accepted), &[]);
    assert_eq!(stage.open(), "1 pending_new");
    let triggered = order_event(1, OrderEventKind::Triggered);
    let input = HostInput::Order { event: triggered, fee_in_quote: Amount::ZERO };
    stage.step(0, input, &[]);
    assert_eq!(stage.open(), "1 accepted");
}

/// What a strategy reads of its position.
struct Reader(Arc<Mutex<String>>);

impl Strategy for Reader {
    fn requirements(&self) -> Requirements {
        Requirements::default()
    }
    fn on_start(&mut self, context: &mut Context<'_>) -> StrategyResult {
        let (flat, sellable) = (context.is_flat(ID), context.sellable(ID));
        *self.0.lock().unwrap() = format!("flat {flat}, sellable {sellable}");
        Ok(())
    }
}

#[test]
fn dust_counts_as_flat_and_open_sells_are_not_sold_twice() {
    // At 100, with a step of 0.01 and a notional of at least 5, the smallest sale is 0.05.
    #[track_caller]
    fn check(quantity: &str, sells: &[(&str, &str)], knows_price: bool, expected: &str) {
        let mut position = crate::portfolio::Position::default();
        let (base, quote) = ("BTC".parse().unwrap(), "USDT".parse().unwrap());
        let bought = fill(Side::Buy, quantity.parse().unwrap(), Decimal::ZERO, "USDT");
        position.apply(&bought, base, quote, Amount::ZERO).unwrap();
        let sell = |(index, (quantity, filled)): (usize, &(&str, &str))| OpenOrder {
            order: order_id(index as u32 + 1),
            new: NewOrder::limit(ID, Side::Sell, quantity.parse().unwrap(), Price::ONE),
            status: OrderStatus::Unknown,
            filled_quantity: filled.parse().unwrap(),
            cancel_pending: false,
            replaces: None,
        };
        let seen = Arc::new(Mutex::new(String::new()));
        let setup = HostSetup {
            strategy: StrategyId(2),
            epoch: 9,
            last_number: 0,
            instruments: instruments(),
            traded: vec![ID],
            capital: Amount::ONE,
            positions: BTreeMap::from([(ID, position)]),
            open_orders: sells.iter().enumerate().map(sell).collect(),
            effects_per_step: 10,
        };
        let mut host = StrategyHost::new(Box::new(Reader(Arc::clone(&seen))), setup);
        if knows_price {
            host.step(Timestamp::EPOCH, live(1, trade(1)), &mut Vec::new()).unwrap();
        }
        host.step(Timestamp::EPOCH, HostInput::Start, &mut Vec::new()).unwrap();
        assert_eq!(*seen.lock().unwrap(), expected);
    }
    check("0", &[], true, "flat true, sellable 0.00000000");
    check("0.049", &[], true, "flat true, sellable 0.00000000");
    check("0.049", &[], false, "flat false, sellable 0.04000000");
    check("0.059", &[], true, "flat false, sellable 0.05000000");
    check("1", &[("0.6", "0")], true, "flat false, sellable 0.40000000");
    check("1", &[("0.6", "0.2")], true, "flat false, sellable 0.60000000");
    check("1", &[("0.6", "0"), ("0.38", "0")], true, "flat false, sellable 0.00000000");
    check("0.5", &[("0.6", "0")], true, "flat false, sellable 0.00000000");
}
