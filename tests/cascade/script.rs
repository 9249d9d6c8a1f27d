//! `ema_cross` on every trade, filled at the last price, against a script that knows nothing of
//! our machines: the same orders, fees and equity, to the last digit.

use std::io::Read;
use std::sync::Arc;

use kernel::cascade::CascadeOutput;
use matching::{
    FeePolicy, Fees, LatencyModel, LocalVenue, LocalVenueModels, RecordedModels, TakerVolume,
};
use model::*;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use rust_decimal::Decimal;

use crate::rig::{Run, cascade, instrument, parameters};

const CASH: i64 = 100_000;

/// One execution: number of the trade that led to it, sign of the side, price, quantity, fee.
type Executed = (usize, i64, Decimal, Decimal, Decimal);

/// How the two are to trade.
#[derive(Clone, Copy)]
struct Rules {
    fast: usize,
    slow: usize,
    quantity: Decimal,
    /// Zero: any quantity.
    step: Decimal,
    fee_in_base: bool,
}

/// What both give: executions, cash and coins at the end.
#[derive(PartialEq, Debug)]
struct Outcome {
    executed: Vec<Executed>,
    cash: Decimal,
    coins: Decimal,
}

/// The script. Averages in floats, money in decimals; fees cut to eight decimals.
fn script(prices: &[Price], rules: Rules) -> Outcome {
    let (mut cash, mut coins) = (Decimal::from(CASH), Decimal::ZERO);
    let (mut fast, mut slow) = (prices[0].to_f64(), prices[0].to_f64());
    let mut executed = Vec::new();
    let fee_rate = Decimal::new(1, 3);
    let cut = |value: Decimal| value.trunc_with_scale(8);
    let whole_steps = |value: Decimal| {
        if rules.step.is_zero() { value } else { (value / rules.step).floor() * rules.step }
    };
    for (index, price) in prices.iter().enumerate() {
        if index > 0 {
            fast += 2.0 / (rules.fast as f64 + 1.0) * (price.to_f64() - fast);
            slow += 2.0 / (rules.slow as f64 + 1.0) * (price.to_f64() - slow);
        }
        if index + 1 < rules.slow {
            continue;
        }
        let (price, sellable) = (price.to_decimal(), whole_steps(coins));
        if fast > slow && sellable.is_zero() {
            let fee = if rules.fee_in_base { rules.quantity } else { price * rules.quantity };
            let fee = cut(fee * fee_rate);
            let (base, quote) =
                if rules.fee_in_base { (fee, Decimal::ZERO) } else { (Decimal::ZERO, fee) };
            coins += rules.quantity - base;
            cash -= price * rules.quantity + quote;
            executed.push((index, 1, price, rules.quantity, fee));
        } else if fast < slow && !sellable.is_zero() {
            let fee = cut(price * sellable * fee_rate);
            coins -= sellable;
            cash += price * sellable - fee;
            executed.push((index, -1, price, sellable, fee));
        }
    }
    Outcome { executed, cash, coins }
}

/// The same through strategy host, risk gate, execution and local venue.
fn engine(prices: &[Price], rules: Rules) -> Outcome {
    let mut traded = instrument("XRPETH", "XRP", "ETH");
    traded.filters.lot_size.step = Quantity::from_decimal(rules.step).unwrap();
    let (base, quote) = (traded.base, traded.quote);
    let mut instruments = Instruments::new();
    let id = instruments.add(traded);
    let instruments = Arc::new(instruments);
    let taker = Decimal::new(1, 3);
    let policy = if rules.fee_in_base { FeePolicy::ReceivedAsset } else { FeePolicy::Quote };
    let models = LocalVenueModels {
        latency: LatencyModel::NONE,
        market: RecordedModels {
            half_spread_bps: Decimal::ZERO,
            slippage_bps: Decimal::ZERO,
            takers: TakerVolume::All,
            ..RecordedModels::default()
        },
    };
    let cash = Amount::new(Decimal::from(CASH));
    let fees = Fees { maker: taker, taker, policy };
    let venue = LocalVenue::new(Arc::clone(&instruments), models, fees, &[(quote, cash)]);
    let [fast, slow] = [rules.fast.to_string(), rules.slow.to_string()];
    let quantity = rules.quantity.to_string();
    let given = [
        ("source", "trades"),
        ("fast", &fast),
        ("slow", &slow),
        ("quantity", &quantity),
        ("warm_up", "0"),
    ];
    let parameters = parameters("ema_cross", &given);
    let run = Run { kind: "ema_cross".to_owned(), instrument: id, capital: cash, parameters };
    let mut cascade = cascade(&[run], &instruments, venue, quote.as_str());
    let (mut out, mut executed) = (Vec::new(), Vec::new());
    let at = |index: usize| Timestamp::from_millis(1_000_000 + i64::try_from(index).unwrap());
    cascade.start(at(0), &mut out).unwrap();
    for (index, price) in prices.iter().enumerate() {
        let trade = Trade {
            instrument: id,
            id: TradeId(i64::try_from(index).unwrap()),
            price: *price,
            quantity: Quantity::ONE,
            aggressor: Side::Buy,
            event_at: at(index),
            received_at: at(index),
        };
        cascade.market(&MarketEvent::Trade(trade), &mut out).unwrap();
        for output in out.drain(..) {
            let CascadeOutput::Order { event, .. } = output else { continue };
            if let OrderEventKind::Filled { fill, .. } = event.kind {
                let (price, quantity) = (fill.price.to_decimal(), fill.quantity.to_decimal());
                let fee = fill.fee.to_decimal();
                executed.push((index, fill.side.sign(), price, quantity, fee));
            }
        }
    }
    let balances = cascade.venue().balances();
    let held = |asset: Asset| {
        let found = balances.iter().find(|balance| balance.asset == asset);
        found.map_or(Decimal::ZERO, |balance| (balance.free + balance.locked).to_decimal())
    };
    let position = cascade.risk().portfolio().position(StrategyId(0), id);
    assert_eq!(position.quantity().to_decimal(), held(base));
    assert_eq!(cascade.hosts().next().unwrap().position(id), position);
    Outcome { executed, cash: held(quote), coins: held(base) }
}

#[track_caller]
fn compare(prices: &[Price], rules: Rules) -> usize {
    let (expected, actual) = (script(prices, rules), engine(prices, rules));
    for (expected, actual) in expected.executed.iter().zip(&actual.executed) {
        assert_eq!(expected, actual);
    }
    assert_eq!(actual, expected);
    actual.executed.len()
}

fn both_rules(quantity: Decimal, step: Decimal) -> [Rules; 2] {
    let quote = Rules { fast: 10, slow: 30, quantity, step: Decimal::ZERO, fee_in_base: false };
    [quote, Rules { step, fee_in_base: true, ..quote }]
}

#[test]
fn random_walks_give_what_the_script_gives() {
    for seed in 0..5 {
        let mut random = Pcg64::seed_from_u64(seed);
        let mut price = 60_000.0;
        let prices: Vec<Price> = (0..3_000)
            .map(|_| {
                price *= 1.0 + 0.002 * (random.random::<f64>() - 0.5);
                Price::from_units((price * 100.0) as i64 * 1_000_000)
            })
            .collect();
        for rules in both_rules(Decimal::new(1, 2), Decimal::new(1, 5)) {
            assert!(compare(&prices, rules) > 50, "seed {seed}");
        }
    }
}

#[test]
fn real_trades_give_what_the_script_gives() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/data/trades_binance_spot_XRPETH_2019-10-11_13.csv.gz"
    );
    let Ok(file) = std::fs::File::open(path) else {
        eprintln!("SKIPPED: {path} is not there; results on real trades are not compared");
        return;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let prices: Vec<Price> =
        text.lines().skip(1).map(|line| line.split(',').nth(3).unwrap().parse().unwrap()).collect();
    for rules in both_rules(Decimal::from(100), Decimal::ONE) {
        assert!(compare(&prices, rules) > 100);
    }
}
