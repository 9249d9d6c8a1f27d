//! A walk forward for other programs: what was chosen in each window, what it came to where it was
//! chosen and on the time after, and the equity of these times, joined.

use std::fmt::Write as _;

use backtest::plan::RunPlan;
use backtest::sweep::Outcome;
use model::{Amount, Timestamp};
use report::metrics::SharpeSample;
use serde_json::{Value, json};

use super::table::Swept;

/// Fewest returns that a ratio is given for.
const MIN_RETURNS: usize = 30;

/// Of a sweep with windows.
pub struct Walk {
    header: Value,
    windows: Vec<Value>,
    joined: Joined,
}

/// The tests end to end. Each begins with the same cash and nothing held; what it came to is added
/// to what those before did.
#[derive(Default)]
struct Joined {
    start: Amount,
    profit: Amount,
    /// Window, instant, equity.
    equity: Vec<(usize, Timestamp, Amount)>,
    /// From one look at equity to the next within a window.
    returns: Vec<f64>,
    events: u64,
    orders: u64,
    denied: u64,
    rejected: u64,
    fills: u64,
    fees: Amount,
    halted: u64,
    /// Whether returns are from one daily close to the next.
    is_daily: bool,
}

impl Walk {
    /// `None` for a sweep without windows.
    pub fn of(swept: &Swept<'_>, header: &Value) -> Option<Self> {
        let field = swept.field;
        if field.windows.is_empty() {
            return None;
        }
        let is_daily = field.sampling.is_daily();
        let mut joined = Joined { is_daily, ..Joined::default() };
        let mut windows = Vec::new();
        for (number, window) in field.windows.iter().enumerate() {
            let tested = swept.tests.iter().position(|job| job.window == Some(number));
            let point = tested.map(|place| swept.tests[place].point);
            let train = point
                .and_then(|point| swept.trained[number * field.points.len() + point].outcome());
            let test = tested.and_then(|place| swept.tested[place].outcome());
            let chosen = point.map(|point| &field.points[point]);
            if let (Some(test), Some(Ok(plan))) = (test, chosen.map(|chosen| &chosen.plan)) {
                joined.add(number, test, plan);
            }
            let axes = swept.args.params.iter().map(|axis| axis.name.clone());
            let parameters = chosen.map(|chosen| {
                axes.zip(chosen.values.iter().map(|value| json!(value)))
                    .collect::<serde_json::Map<_, _>>()
            });
            windows.push(json!({
                "window": number,
                "train_from": window.train.from.to_string(),
                "test_from": window.test.from.to_string(),
                "test_to": window.test.to.to_string(),
                "parameters": parameters,
                "in_sample": train.map(without_curve),
                "out_of_sample": test.map(without_curve),
            }));
        }
        let mut header = header.clone();
        if let Some(header) = header.as_object_mut() {
            header.remove("points");
        }
        Some(Self { header, windows, joined })
    }

    /// All of it.
    pub fn to_json(&self) -> String {
        let equity = self.joined.equity.iter();
        let equity = equity.map(|(window, at, equity)| {
            json!({ "at_ns": at.as_nanos(), "window": window, "equity": equity.to_string() })
        });
        let all = json!({
            "sweep": self.header,
            "windows": self.windows,
            "out_of_sample": self.joined.figures(),
            "equity": equity.collect::<Vec<_>>(),
        });
        all.to_string() + "\n"
    }

    /// The joined equity, a line for each look at it.
    pub fn equity_to_csv(&self) -> String {
        let mut out = "at_ns,window,equity\n".to_owned();
        for (window, at, equity) in &self.joined.equity {
            writeln!(out, "{},{window},{equity}", at.as_nanos()).expect("a text takes all");
        }
        out
    }
}

/// The figures of a run; its equity stands with that of the others.
fn without_curve(outcome: &Outcome) -> Value {
    let mut value = json!(outcome);
    if let Some(fields) = value.as_object_mut() {
        fields.remove("curve");
    }
    value
}

impl Joined {
    fn add(&mut self, window: usize, test: &Outcome, plan: &RunPlan) {
        let before = self.profit;
        if self.equity.is_empty() {
            self.start = plan.cash();
        }
        let points = test.curve.iter();
        let points = points.map(|(at, profit)| (window, *at, self.start + before + *profit));
        let points: Vec<(usize, Timestamp, Amount)> = points.collect();
        // The first is where it began, which is no close of a day.
        let closes: Vec<f64> = points.iter().map(|(_, _, equity)| equity.to_f64()).collect();
        let closes = &closes[usize::from(self.is_daily).min(closes.len())..];
        let returns = closes.windows(2).map(|pair| pair[1] / pair[0] - 1.0);
        self.returns.extend(returns.filter(|change| change.is_finite()));
        self.equity.extend(points);
        self.profit += test.profit;
        self.events += test.events;
        self.orders += test.orders;
        self.denied += test.denied;
        self.rejected += test.rejected;
        self.fills += test.fills;
        self.fees += test.fees;
        self.halted += u64::from(!test.is_complete());
    }

    fn figures(&self) -> Value {
        let sample = SharpeSample::of(&self.returns).filter(|_| self.returns.len() >= MIN_RETURNS);
        let scale = if self.is_daily { 365.0_f64.sqrt() } else { 1.0 };
        let start = self.start.to_f64();
        json!({
            "equity_start": self.start.to_string(),
            "equity_end": (self.start + self.profit).to_string(),
            "profit": self.profit.to_string(),
            "total_return": if start > 0.0 { self.profit.to_f64() / start } else { 0.0 },
            "max_drawdown": self.deepest_fall(),
            "sharpe": sample.map(|sample| sample.sharpe * scale),
            "returns": self.returns.len(),
            "events": self.events,
            "orders": self.orders,
            "denied": self.denied,
            "rejected": self.rejected,
            "fills": self.fills,
            "fees": self.fees.to_string(),
            "windows_halted": self.halted,
        })
    }

    fn deepest_fall(&self) -> f64 {
        let (mut peak, mut deepest) = (f64::MIN_POSITIVE, 0.0_f64);
        for (_, _, equity) in &self.equity {
            peak = peak.max(equity.to_f64());
            deepest = deepest.max(1.0 - equity.to_f64() / peak);
        }
        deepest
    }
}
