//! What goes wrong, and when: drawn from the seed alone. Each class begins with its number in
//! docs/RELIABILITY.md.

use std::time::Duration;

use model::Side;
use rand::Rng as _;
use rand_pcg::Pcg64Mcg;

/// Something that goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// What is sent is lost, for so long; connections do not survive it, and nobody is told.
    Partition(Duration),
    /// What the engine sends is lost, for so long; what the exchange sends arrives.
    Mute(Duration),
    /// What the exchange sends is lost, for so long; what the engine sends arrives.
    Deaf(Duration),
    /// What is sent arrives so much later.
    Hold(Duration),
    /// For so long, no name of a host is resolved: what breaks off meanwhile stays broken off.
    NoNames(Duration),
    /// The engine is killed, and started again so much later.
    Kill(Duration),
    /// It is stopped in good order, whatever works, and started again.
    Stop,
    /// It is killed, and of what was not synced only so many commits are left.
    PowerLoss(Duration, usize),
    /// The next write of the journal fails: the engine ends.
    DiskFailure,
    /// For so long, each commit takes so long.
    SlowDisk(Duration, Duration),
    /// A strategy panics at its next event.
    Panic(&'static str),
    /// The exchange is told to misbehave; and after a while, to stop it.
    Venue(&'static VenueFault),
    /// Somebody moves money of the account.
    Moved(Movement),
    /// Somebody trades on the account, at the market.
    Traded(ManualTrade),
}

/// A misbehaviour of the exchange.
#[derive(PartialEq, Eq, Debug)]
pub struct VenueFault {
    class: &'static str,
    /// What it is told.
    pub begin: &'static str,
    /// What it is told so many seconds later.
    pub end: Option<(u64, &'static str)>,
}

/// Money that comes, or goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Movement {
    /// Of what.
    pub asset: &'static str,
    /// How much; below zero for a withdrawal.
    pub amount: i64,
    /// Whether the user data tell of it. It may be lost all the same.
    pub is_told: bool,
}

/// A trade by hand, of one unit of the base asset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ManualTrade {
    /// Of what.
    pub symbol: &'static str,
    /// Bought or sold.
    pub side: Side,
}

const fn fault(class: &'static str, begin: &'static str) -> VenueFault {
    VenueFault { class, begin, end: None }
}

const fn lasting(
    class: &'static str,
    begin: &'static str,
    secs: u64,
    end: &'static str,
) -> VenueFault {
    VenueFault { class, begin, end: Some((secs, end)) }
}

/// What the exchange is told.
static VENUE: [VenueFault; 25] = [
    fault("F1 websockets cut", "drop_websockets"),
    fault("F2 websockets closed", "close_websockets"),
    fault("F2 websockets closed", "server_shutdown"),
    lasting("F3 silence", "silence?on=true", 15, "silence?on=false"),
    fault("F4 gap", "frames?fault=skip&count=5"),
    fault("F5 duplicate", "frames?fault=duplicate&count=5"),
    fault("F6 out of order", "frames?fault=swap&count=5"),
    fault("F7 malformed", "frames?fault=garble&count=3"),
    fault("F7 oversize", "frames?fault=oversize&count=1"),
    lasting("F8 clock", "skew?ms=700", 20, "skew?ms=-700"),
    fault("F10 no answer", "fail?point=after&status=0&matching=order.place&count=2"),
    lasting("F10 late answer", "delay?ms=3000&matching=order.place", 4, "delay?ms=0"),
    fault("F11 5xx before", "fail?point=before&status=503&matching=order.place&count=3"),
    fault("F11 5xx before", "fail?point=before&status=0&matching=order.place&count=2"),
    fault("F11 reads fail", "fail?point=before&status=500&matching=account&count=3"),
    fault("F11 reads fail", "fail?point=before&status=503&matching=myTrades&count=3"),
    fault("F12 5xx after", "fail?point=after&status=503&matching=order.place&count=3"),
    fault("F12 5xx after", "fail?point=after&status=504&matching=order.cancel&count=2"),
    fault("F13 429", "exhaust_weight"),
    fault("F14 418", "fail?point=before&status=418&matching=order.place&count=2"),
    lasting(
        "F19 filters",
        "rules?symbol=SOLUSDT&tickSize=0.05",
        15,
        "rules?symbol=SOLUSDT&tickSize=0.01",
    ),
    lasting(
        "F19 filters",
        "rules?symbol=BNBUSDT&minNotional=150",
        15,
        "rules?symbol=BNBUSDT&minNotional=5",
    ),
    lasting(
        "F20 symbol halted",
        "halt?symbol=SOLUSDT&status=HALT",
        20,
        "halt?symbol=SOLUSDT&status=TRADING",
    ),
    lasting("F38 lagging reads", "memory_lag?ms=3000", 15, "memory_lag?ms=0"),
    lasting("F38 lagging reads", "memory_lag?ms=1500", 40, "memory_lag?ms=0"),
];

/// All classes, as they are counted. docs/RELIABILITY.md says where the others are injected.
pub const CLASSES: [&str; 33] = [
    "F1 websockets cut",
    "F2 websockets closed",
    "F3 silence",
    "F3 partition",
    "F3 one way",
    "F3 hold",
    "F4 gap",
    "F5 duplicate",
    "F6 out of order",
    "F7 malformed",
    "F7 oversize",
    "F8 clock",
    "F10 no answer",
    "F10 late answer",
    "F11 5xx before",
    "F11 reads fail",
    "F12 5xx after",
    "F13 429",
    "F14 418",
    "F19 filters",
    "F20 symbol halted",
    "F21 no names",
    "F23 F25 failed write",
    "F24 slow disk",
    "F28 kill",
    "F29 stop",
    "F30 panic",
    "F38 lagging reads",
    "F39 deposit",
    "F39 withdrawal",
    "F39 unheard",
    "F39 manual trade",
    "F40 power loss",
];

impl Fault {
    /// The class that it is counted as.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Partition(_) => "F3 partition",
            Self::Mute(_) | Self::Deaf(_) => "F3 one way",
            Self::Hold(_) => "F3 hold",
            Self::NoNames(_) => "F21 no names",
            Self::Kill(_) => "F28 kill",
            Self::Stop => "F29 stop",
            Self::PowerLoss(..) => "F40 power loss",
            Self::DiskFailure => "F23 F25 failed write",
            Self::SlowDisk(..) => "F24 slow disk",
            Self::Panic(_) => "F30 panic",
            Self::Venue(fault) => fault.class,
            Self::Moved(Movement { is_told: false, .. }) => "F39 unheard",
            Self::Moved(Movement { amount, .. }) if amount < 0 => "F39 withdrawal",
            Self::Moved(_) => "F39 deposit",
            Self::Traded(_) => "F39 manual trade",
        }
    }

    fn draw(random: &mut Pcg64Mcg) -> Self {
        let mut millis = |from: u64, to: u64| Duration::from_millis(random.random_range(from..to));
        let (short, long) = (millis(100, 4_000), millis(100, 20_000));
        match random.random_range(0..32) {
            0..2 => Self::Partition(long),
            2..5 => Self::Hold(short),
            5 => Self::Mute(long),
            6 => Self::Deaf(long),
            7 => Self::NoNames(long),
            8..10 => Self::Kill(short),
            10..12 => Self::PowerLoss(short, random.random_range(0..4)),
            12 => Self::DiskFailure,
            13..15 => Self::SlowDisk(long, Duration::from_millis(random.random_range(5..400))),
            15 => Self::Panic(["grid", "market_maker"][random.random_range(0..2)]),
            16 => Self::Stop,
            17..19 => Self::Moved(Movement::draw(random)),
            19 => Self::Traded(ManualTrade::draw(random)),
            _ => Self::Venue(&VENUE[random.random_range(0..VENUE.len())]),
        }
    }
}

impl Movement {
    /// Much money comes, so that it shows if it counted as profit or were traded; little goes.
    fn draw(random: &mut Pcg64Mcg) -> Self {
        const MOVED: [(&str, i64); 6] = [
            ("USDT", 20_000),
            ("USDT", 20_000),
            ("USDT", -500),
            ("SOL", 2),
            ("SOL", -1),
            ("BNB", -1),
        ];
        let (asset, amount) = MOVED[random.random_range(0..MOVED.len())];
        Self { asset, amount, is_told: random.random_range(0..3) > 0 }
    }
}

impl ManualTrade {
    fn draw(random: &mut Pcg64Mcg) -> Self {
        Self {
            symbol: ["SOLUSDT", "BNBUSDT"][random.random_range(0..2)],
            side: [Side::Buy, Side::Sell][random.random_range(0..2)],
        }
    }
}

/// Faults with their times, in order, until `busy` is over.
pub fn plan(random: &mut Pcg64Mcg, busy: Duration) -> Vec<(Duration, Fault)> {
    let mut at = Duration::from_secs(3);
    let mut faults = Vec::new();
    loop {
        at += Duration::from_millis(random.random_range(500..9_000));
        if at >= busy {
            return faults;
        }
        faults.push((at, Fault::draw(random)));
    }
}
