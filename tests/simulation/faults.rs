//! What goes wrong, and when: drawn from the seed alone.

use std::time::Duration;

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
    /// The engine is killed, and started again so much later.
    Kill(Duration),
    /// The same, and of what was not synced only so many commits are left.
    PowerLoss(Duration, usize),
    /// The next write of the journal fails: the engine ends.
    DiskFailure,
    /// For so long, each commit takes so long.
    SlowDisk(Duration, Duration),
    /// A strategy panics at its next event.
    Panic(&'static str),
    /// The exchange is told to misbehave; and after a while, to stop it.
    Venue(&'static str, Option<(Duration, &'static str)>),
}

/// What the exchange is told.
const VENUE: &[(&str, Option<(u64, &str)>)] = &[
    ("fail?point=before&status=503&matching=order.place&count=3", None),
    ("fail?point=after&status=503&matching=order.place&count=3", None),
    ("fail?point=after&status=0&matching=order.place&count=2", None),
    ("fail?point=before&status=0&matching=order.place&count=2", None),
    ("fail?point=after&status=504&matching=order.cancel&count=2", None),
    ("fail?point=before&status=500&matching=account&count=3", None),
    ("fail?point=before&status=503&matching=myTrades&count=3", None),
    ("delay?ms=3000&matching=order.place", Some((4, "delay?ms=0"))),
    ("frames?fault=skip&count=5", None),
    ("frames?fault=duplicate&count=5", None),
    ("frames?fault=swap&count=5", None),
    ("frames?fault=garble&count=3", None),
    ("frames?fault=oversize&count=1", None),
    ("drop_websockets", None),
    ("close_websockets", None),
    ("server_shutdown", None),
    ("silence?on=true", Some((15, "silence?on=false"))),
    ("skew?ms=700", Some((20, "skew?ms=-700"))),
    ("memory_lag?ms=3000", Some((15, "memory_lag?ms=0"))),
    ("exhaust_weight", None),
    ("halt?symbol=SOLUSDT&status=HALT", Some((20, "halt?symbol=SOLUSDT&status=TRADING"))),
];

/// Names of all classes, as they are counted.
pub const NAMES: [&str; 16] = [
    "partition",
    "one way",
    "slow disk",
    "panic",
    "hold",
    "kill",
    "power loss",
    "disk failure",
    "fail",
    "delay",
    "frames",
    "websockets",
    "silence",
    "lagging reads",
    "clock and limits",
    "symbol",
];

impl Fault {
    /// The class that it is counted as.
    pub fn name(self) -> &'static str {
        match self {
            Self::Partition(_) => "partition",
            Self::Mute(_) | Self::Deaf(_) => "one way",
            Self::SlowDisk(..) => "slow disk",
            Self::Panic(_) => "panic",
            Self::Hold(_) => "hold",
            Self::Kill(_) => "kill",
            Self::PowerLoss(..) => "power loss",
            Self::DiskFailure => "disk failure",
            Self::Venue(command, _) => match command.split(['?', '_']).next() {
                Some("fail") => "fail",
                Some("delay") => "delay",
                Some("frames") => "frames",
                Some("drop" | "close" | "server") => "websockets",
                Some("silence") => "silence",
                Some("memory") => "lagging reads",
                Some("skew" | "exhaust") => "clock and limits",
                _ => "symbol",
            },
        }
    }

    fn draw(random: &mut Pcg64Mcg) -> Self {
        let mut millis = |from: u64, to: u64| Duration::from_millis(random.random_range(from..to));
        let (short, long) = (millis(100, 4_000), millis(100, 20_000));
        match random.random_range(0..25) {
            20 => Self::Mute(long),
            21 => Self::Deaf(long),
            22..24 => Self::SlowDisk(long, Duration::from_millis(random.random_range(5..400))),
            24 => Self::Panic(["grid", "market_maker"][random.random_range(0..2)]),
            0..2 => Self::Partition(long),
            2..5 => Self::Hold(short),
            5..7 => Self::Kill(short),
            7..9 => Self::PowerLoss(short, random.random_range(0..4)),
            9 => Self::DiskFailure,
            _ => {
                let (command, end) = VENUE[random.random_range(0..VENUE.len())];
                Self::Venue(command, end.map(|(secs, end)| (Duration::from_secs(secs), end)))
            }
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
