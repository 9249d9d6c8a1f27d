//! What is done to the engine from one start to its end: drawn from the seed alone.

use std::time::Duration;

use rand::Rng as _;
use rand_pcg::Pcg64Mcg;

/// What a kill is aimed at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aim {
    /// So long after the process was started.
    Start(Duration),
    /// So long after it began to compare itself with the venue.
    Reconcile(Duration),
    /// So long after it was live.
    Trading(Duration),
    /// It is live so long, loses its connections, and so long after that.
    Reconnect(Duration, Duration),
    /// It is live so long, then answers to pairs are held back, and so long after it has decided on
    /// the next pair.
    Pair(Duration, Duration),
    /// It is live so long, is told to stop, and so long after that.
    Shutdown(Duration, Duration),
    /// A disk that takes no more than so many kilobytes a file, until it gives up or so long.
    FullDisk(u32, Duration),
}

impl Aim {
    /// How long the engine will run, about.
    fn life(self, start: Duration) -> Duration {
        match self {
            Self::Start(after) => after,
            Self::Reconcile(after) => start / 2 + after,
            Self::Trading(after) | Self::FullDisk(_, after) => start + after,
            Self::Reconnect(live, after)
            | Self::Pair(live, after)
            | Self::Shutdown(live, after) => start + live + after,
        }
    }
}

/// What happens on the way between engine and exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Every connection of a line is cut in the middle of its next message.
    Cut(usize),
    /// A line takes bytes and hands them on so much later.
    Stall(usize, Duration),
    /// A bit of the next bytes of a line is wrong.
    Garble(usize),
    /// A line takes no new connections and loses those it has, for so long.
    Outage(usize, Duration),
    /// The exchange is told to misbehave, by its control path.
    Venue(&'static str),
}

/// Lines: REST, market streams, WebSocket API.
pub const LINES: usize = 3;

/// How long answers to pairs are held back where a kill is aimed at one.
pub const PAIR_HELD_BACK_MS: u64 = 100;

/// What the exchange is told, each once: answers that do not come, before and after the order was
/// carried out; frames that are lost, repeated, swapped, damaged; limits; a wrong clock.
const VENUE_FAULTS: &[&str] = &[
    "fail?point=before&status=503&matching=order.place",
    "fail?point=after&status=503&matching=order.place",
    "fail?point=after&status=0&matching=order.place",
    "fail?point=before&status=0&matching=order.place",
    "fail?point=after&status=503&matching=order.cancel",
    "fail?point=after&status=504&matching=order",
    "fail?point=before&status=503&matching=orderList",
    "fail?point=after&status=503&matching=orderList",
    "fail?point=after&status=0&matching=orderList",
    "fail?point=after&status=0&matching=cancelReplace",
    "fail?point=before&status=503&matching=cancelReplace",
    "fail?point=before&status=500&matching=account&count=2",
    "fail?point=before&status=503&matching=myTrades&count=2",
    "frames?fault=skip&count=3",
    "frames?fault=duplicate&count=3",
    "frames?fault=swap&count=3",
    "frames?fault=garble&count=2",
    "frames?fault=oversize&count=1",
    "drop_websockets",
    "close_websockets",
    "server_shutdown",
    "skew?ms=300",
    "skew?ms=-300",
];

/// From one start to the next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// How it ends.
    pub aim: Aim,
    /// What happens meanwhile, at these times after the start, in order.
    pub faults: Vec<(Duration, Fault)>,
}

impl Plan {
    /// The next plan of a seed. `start` is how long a start takes on this machine.
    pub fn draw(random: &mut Pcg64Mcg, start: Duration) -> Self {
        let aim = draw_aim(random, start);
        let mut faults = Vec::new();
        if random.random_bool(0.6) {
            let life_ms = aim.life(start).as_millis() as u64;
            for _ in 0..random.random_range(1..=4) {
                faults.push((millis(random, 0, life_ms), draw_fault(random)));
            }
        }
        faults.sort_by_key(|(at, _)| *at);
        Self { aim, faults }
    }
}

fn millis(random: &mut Pcg64Mcg, from: u64, below: u64) -> Duration {
    Duration::from_millis(random.random_range(from..below.max(from + 1)))
}

fn micros(random: &mut Pcg64Mcg, below_ms: u64) -> Duration {
    Duration::from_micros(random.random_range(0..below_ms * 1_000))
}

fn draw_aim(random: &mut Pcg64Mcg, start: Duration) -> Aim {
    let start_ms = start.as_millis() as u64;
    match random.random_range(0..100) {
        0..22 => Aim::Start(micros(random, start_ms + 50)),
        22..36 => Aim::Reconcile(micros(random, 15)),
        36..66 => Aim::Trading(micros(random, 1_500)),
        66..74 => Aim::Reconnect(micros(random, 500), micros(random, 500)),
        74..84 => Aim::Pair(micros(random, 500), micros(random, 2 * PAIR_HELD_BACK_MS)),
        84..95 => Aim::Shutdown(micros(random, 700), micros(random, 150)),
        _ => Aim::FullDisk(random.random_range(16..1_200), Duration::from_secs(6)),
    }
}

fn draw_fault(random: &mut Pcg64Mcg) -> Fault {
    let line = random.random_range(0..LINES);
    match random.random_range(0..10) {
        0..2 => Fault::Cut(line),
        2..4 => Fault::Stall(line, millis(random, 50, 1_200)),
        4..5 => Fault::Garble(line),
        5..6 => Fault::Outage(line, millis(random, 50, 600)),
        _ => Fault::Venue(VENUE_FAULTS[random.random_range(0..VENUE_FAULTS.len())]),
    }
}
