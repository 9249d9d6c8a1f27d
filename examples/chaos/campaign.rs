//! The loop itself: start, disturb, kill, and now and then compare.

use std::fmt;
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand_pcg::Pcg64Mcg;
use tempfile::TempDir;

use super::arguments::Arguments;
use super::audit::{Audit, Journaled, compare};
use super::desk::{Desk, FENCE_MARGIN_MS, Program, RECV_WINDOW_MS};
use super::engine::Engine;
use super::plan::{Aim, Fault, LINES, PAIR_HELD_BACK_MS, Plan};
use super::proxy::{Injected, Proxy};
use super::record::{Error, VenueRecord};
use super::tally::{Phase, Tally};
use super::venue::Venue;

/// How often the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// How long an engine may take for a step, whatever was done to it: after it the run fails.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long an engine goes by a clock that stands by now, at most, with room.
const CLOCK_HEARD: Duration = Duration::from_millis(1_500);
/// Stops for one comparison.
const RESTS: u32 = 5;
/// What an engine says that could not protect all it holds before its end.
const UNPROTECTED: &str = "positions are left without a protective order";
/// How long a pair is waited for.
const PAIR_PATIENCE: Duration = Duration::from_secs(5);
/// Exit codes that an engine may end with by itself: the venue could not be reached at the start.
const MAY_EXIT: [i32; 1] = [6];
/// Those on a full disk.
const MAY_EXIT_ON_FULL_DISK: [i32; 2] = [6, 7];
/// And where a byte on its way was another: a start whose key arrives as none is refused like one
/// with a wrong key, since nobody can tell the two apart.
const MAY_EXIT_ON_GARBLED: [i32; 2] = [6, 2];

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    tally: Tally,
    injected: Injected,
    venue_faults: u64,
    audits: u32,
    /// The last comparison: of everything since the beginning.
    pub audit: Audit,
    slow: usize,
    limit: Duration,
    took: Duration,
}

impl Outcome {
    /// Nothing lost, nothing doubled, nothing wrong, and live again in time.
    pub fn is_right(&self) -> bool {
        self.audit.is_right() && self.slow == 0
    }

    /// How often it was killed with protective orders on their way.
    pub const fn kills_in_pairs(&self) -> u64 {
        self.tally.kills_in_pairs
    }

    /// How often the engine was killed.
    pub fn kills(&self) -> u64 {
        self.tally.kills()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Audit { orders, fills, pairs, pairs_filled, assets, records, .. } = &self.audit;
        writeln!(out, "{} kills in {} s", self.kills(), self.took.as_secs())?;
        write!(out, "{}", self.tally)?;
        let Injected { cuts, stalls, garbled, refused } = self.injected;
        writeln!(
            out,
            "lines: {cuts} cut, {stalls} pieces stalled, {garbled} garbled, {refused} refused; \
             exchange: {} faults",
            self.venue_faults
        )?;
        writeln!(
            out,
            "compared {} times: {orders} orders, {fills} fills, {assets} assets, {records} records",
            self.audits
        )?;
        writeln!(
            out,
            "pairs of stop and target: {pairs} placed, {pairs_filled} of them filled; {} kills with \
             protective orders on their way",
            self.tally.kills_in_pairs
        )?;
        writeln!(
            out,
            "fills lost {}, fills wrong {}, orders doubled {}, orders wrong {}, pairs wrong {}, \
             positions wrong {}",
            self.audit.fills_lost.len(),
            self.audit.fills_wrong.len(),
            self.audit.orders_doubled.len(),
            self.audit.orders_wrong.len(),
            self.audit.pairs_wrong.len(),
            self.audit.positions_wrong.len()
        )?;
        for difference in self.audit.differences() {
            writeln!(out, "  {difference}")?;
        }
        let limit = self.limit.as_millis();
        write!(out, "undisturbed restarts slower than {limit} ms: {}", self.slow)
    }
}

/// Runs until all kills are done or something is wrong.
///
/// # Errors
/// What went wrong around the comparison: an engine that ended as it must not, or does not come
/// back. The directory is kept then.
pub fn run(program: &Program, arguments: &Arguments) -> Result<Outcome, Error> {
    let began_at = Instant::now();
    let mut campaign = Campaign::new(program, arguments)?;
    let done = campaign.all();
    let keeps = !matches!(&done, Ok(audit) if audit.is_right());
    if keeps {
        campaign.directory.disable_cleanup(true);
        eprintln!("chaos: kept {}", campaign.directory.path().display());
    }
    let audit = done?;
    let speed = u64::from(arguments.speed.max(1));
    let fence = Duration::from_millis((RECV_WINDOW_MS + FENCE_MARGIN_MS) / speed);
    let limit = Duration::from_millis(arguments.live_within_ms) + fence;
    let mut injected = Injected::default();
    for line in &campaign.lines {
        let Injected { cuts, stalls, garbled, refused } = line.injected();
        injected.cuts += cuts;
        injected.stalls += stalls;
        injected.garbled += garbled;
        injected.refused += refused;
    }
    Ok(Outcome {
        slow: campaign.tally.quiet.iter().filter(|time| **time > limit).count(),
        injected,
        venue_faults: campaign.venue_faults,
        audits: campaign.audits,
        tally: campaign.tally,
        audit,
        limit,
        took: began_at.elapsed(),
    })
}

struct Campaign<'a> {
    program: &'a Program,
    arguments: &'a Arguments,
    directory: TempDir,
    lines: Vec<Proxy>,
    desk: Desk,
    venue: Venue,
    record: VenueRecord,
    random: Pcg64Mcg,
    tally: Tally,
    venue_faults: u64,
    audits: u32,
}

impl<'a> Campaign<'a> {
    fn new(program: &'a Program, arguments: &'a Arguments) -> Result<Self, Error> {
        let directory = tempfile::tempdir()?;
        let venue = Venue::start(program, arguments.seed, arguments.speed)?;
        let lines: Result<Vec<Proxy>, _> = (0..LINES).map(|_| Proxy::to(venue.address())).collect();
        let lines = lines?;
        let desk = Desk::new(directory.path(), &venue, &lines, arguments)?;
        let random = Pcg64Mcg::seed_from_u64(arguments.seed);
        Ok(Self {
            program,
            arguments,
            directory,
            lines,
            desk,
            venue,
            record: VenueRecord::default(),
            random,
            tally: Tally::default(),
            venue_faults: 0,
            audits: 0,
        })
    }

    fn all(&mut self) -> Result<Audit, Error> {
        // The first start is left alone: it says how long one takes here.
        self.compare()?;
        let mut last = Audit::default();
        while self.tally.kills() < u64::from(self.arguments.kills) {
            let start = super::tally::median(&self.tally.quiet);
            let plan = Plan::draw(&mut self.random, start);
            let before = self.tally.kills();
            let killed = self.once(&plan);
            killed.map_err(|error| format!("{plan:?}: {error}: {}", self.errors()))?;
            let kills = self.tally.kills();
            let is_due = kills.is_multiple_of(u64::from(self.arguments.audit_every.max(1)))
                || kills >= u64::from(self.arguments.kills);
            if kills > before && is_due {
                last = self.compare()?;
                eprintln!("{kills} kills: {} orders, {} fills", last.orders, last.fills);
                if !last.is_right() {
                    break;
                }
            }
        }
        Ok(last)
    }

    fn errors(&self) -> String {
        std::fs::read_to_string(self.desk.errors()).unwrap_or_default()
    }

    /// Starts an engine and ends it as planned.
    fn once(&mut self, plan: &Plan) -> Result<(), Error> {
        let is_disk_full = matches!(plan.aim, Aim::FullDisk(..));
        let command = match plan.aim {
            Aim::FullDisk(kilobytes, _) => self.program.command_on_full_disk(kilobytes),
            Aim::Start(_)
            | Aim::Reconcile(_)
            | Aim::Trading(_)
            | Aim::Reconnect(..)
            | Aim::Pair(..)
            | Aim::Shutdown(..) => self.program.command(),
        };
        let engine = self.desk.start(command)?;
        let mut watch = Watch { engine, plan, next_fault: 0, ended: None };
        self.lead_to_the_moment(&mut watch)?;
        if matches!(plan.aim, Aim::Pair(..)) {
            self.venue.control("delay?ms=0")?;
        }
        if let Some(code) = watch.ended {
            let is_garbled = plan.faults.iter().any(|(_, fault)| matches!(fault, Fault::Garble(_)));
            let allowed: &[i32] = match (is_disk_full, is_garbled) {
                (true, _) => &MAY_EXIT_ON_FULL_DISK,
                (false, true) => &MAY_EXIT_ON_GARBLED,
                (false, false) => &MAY_EXIT,
            };
            let is_stop = code == 0 && matches!(plan.aim, Aim::Shutdown(..));
            if !is_stop && !allowed.contains(&code) {
                return Err(format!("the engine ended with code {code}").into());
            }
            *self.tally.exits.entry(code).or_default() += 1;
        } else {
            watch.engine.kill()?;
            watch.engine.read(&mut self.tally)?;
            let phase = if is_disk_full { Phase::FullDisk } else { watch.engine.told.phase };
            self.tally.of(phase).kills += 1;
            self.tally.kills_in_pairs += u64::from(watch.engine.told.protecting.len() >= 2);
            if self.arguments.verbose {
                eprintln!("{}: {plan:?} in {phase:?}", self.tally.kills());
            }
        }
        // That the order path is broken is just what a full disk is to bring about.
        if let Some(alarm) = watch.engine.told.alarms.first().filter(|_| !is_disk_full) {
            return Err(alarm.clone().into());
        }
        if let Some(time) = watch.engine.told.live_after {
            let times = if watch.next_fault == 0 {
                &mut self.tally.quiet
            } else {
                &mut self.tally.disturbed
            };
            times.push(time);
        }
        Ok(())
    }

    fn lead_to_the_moment(&mut self, watch: &mut Watch<'_>) -> Result<(), Error> {
        match watch.plan.aim {
            Aim::Start(after) => self.wait(watch, after),
            Aim::FullDisk(_, after) => self.wait(watch, after),
            Aim::Reconcile(after) => {
                self.wait_until(watch, |engine| engine.told.has_reconciled)?;
                self.wait(watch, after)
            }
            Aim::Trading(after) => {
                self.wait_until(watch, |engine| engine.told.live_after.is_some())?;
                self.wait(watch, after)
            }
            Aim::Reconnect(live, after) => {
                self.wait_until(watch, |engine| engine.told.live_after.is_some())?;
                self.wait(watch, live)?;
                self.lines.iter().for_each(Proxy::cut);
                self.wait(watch, after)
            }
            Aim::Pair(live, after) => {
                self.wait_until(watch, |engine| engine.told.live_after.is_some())?;
                self.wait(watch, live)?;
                let held_back = format!("delay?ms={PAIR_HELD_BACK_MS}&matching=orderList");
                self.venue.control(&held_back)?;
                self.wait_for_pair(watch)?;
                self.wait(watch, after)
            }
            Aim::Shutdown(live, after) => {
                self.wait_until(watch, |engine| engine.told.live_after.is_some())?;
                self.wait(watch, live)?;
                if watch.ended.is_none() {
                    watch.engine.terminate()?;
                }
                self.wait(watch, after)
            }
        }
    }

    fn wait(&mut self, watch: &mut Watch<'_>, time: Duration) -> Result<(), Error> {
        let until = Instant::now() + time;
        while Instant::now() < until && self.look(watch)? {
            // The last stretch is short, so that the instant is met and not the next look.
            let left = until.saturating_duration_since(Instant::now());
            std::thread::sleep(left.min(LOOK_EVERY));
        }
        Ok(())
    }

    fn wait_until(
        &mut self,
        watch: &mut Watch<'_>,
        is_so: impl Fn(&Engine) -> bool,
    ) -> Result<(), Error> {
        let give_up_at = Instant::now() + PATIENCE;
        while !is_so(&watch.engine) && self.look(watch)? {
            if Instant::now() > give_up_at {
                let phase = watch.engine.told.phase;
                return Err(format!("the engine does not get on from {phase:?}").into());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Waits until a pair is on its way; not for ever, since the market may give no cause.
    fn wait_for_pair(&mut self, watch: &mut Watch<'_>) -> Result<(), Error> {
        let until = Instant::now() + PAIR_PATIENCE;
        while watch.engine.told.protecting.len() < 2 && Instant::now() < until {
            if !self.look(watch)? {
                break;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Does what is due and looks at the engine; false when it has ended.
    fn look(&mut self, watch: &mut Watch<'_>) -> Result<bool, Error> {
        while let Some((at, fault)) = watch.plan.faults.get(watch.next_fault)
            && *at <= watch.engine.age()
        {
            watch.next_fault += 1;
            self.inject(*fault)?;
        }
        // Looked at before the log, so that the last lines of a process that ends are seen.
        let ended = watch.engine.ended()?;
        watch.engine.read(&mut self.tally)?;
        if let Some(status) = ended {
            watch.ended = Some(status.code().unwrap_or(-1));
        }
        Ok(watch.ended.is_none())
    }

    fn inject(&mut self, fault: Fault) -> Result<(), Error> {
        match fault {
            Fault::Cut(line) => self.lines[line].cut(),
            Fault::Stall(line, time) => self.lines[line].stall(time),
            Fault::Garble(line) => self.lines[line].garble(),
            Fault::Outage(line, time) => self.lines[line].close(time),
            Fault::Venue(command) => {
                self.venue.control(command)?;
                self.venue_faults += 1;
            }
        }
        Ok(())
    }

    /// Ends the faults, lets the engine come to rest, stops it in good order and compares.
    fn compare(&mut self) -> Result<Audit, Error> {
        self.lines.iter().for_each(Proxy::clear);
        self.venue.control("clear")?;
        let mut tries_left = RESTS;
        while !self.rest()? {
            tries_left -= 1;
            if tries_left == 0 {
                return Err(format!("no rest in {RESTS} tries: {}", self.errors()).into());
            }
        }
        self.audits += 1;
        let ours = Journaled::of_file(&self.desk.journal()?)?;
        self.venue.read(&ours.symbols(), &mut self.record)?;
        self.venue.control("resume")?;
        Ok(compare(&ours, &self.record))
    }

    /// Starts an engine and stops it in good order, its market standing still; false if the venue's
    /// clock stopped while a protective order was on its way.
    fn rest(&mut self) -> Result<bool, Error> {
        let engine = self.desk.start(self.program.command())?;
        let plan = Plan { aim: Aim::Trading(Duration::ZERO), faults: Vec::new() };
        let mut watch = Watch { engine, plan: &plan, next_fault: 0, ended: None };
        let done = self.come_to_rest(&mut watch);
        done.map_err(|error| format!("before a comparison: {error}: {}", self.errors()))?;
        self.tally.quiet.extend(watch.engine.told.live_after);
        match watch.ended {
            Some(0) => Ok(true),
            // Between the stop of its clock and the next look at it the venue refuses what is
            // signed later than that clock shows, and what is tried again by it waits for ever.
            Some(5) if self.errors().contains(UNPROTECTED) => {
                self.tally.caught += 1;
                self.venue.control("resume")?;
                Ok(false)
            }
            code => {
                let errors = self.errors();
                Err(format!("before a comparison: the engine ended with code {code:?}: {errors}")
                    .into())
            }
        }
    }

    fn come_to_rest(&mut self, watch: &mut Watch<'_>) -> Result<(), Error> {
        self.wait_until(watch, |engine| engine.told.live_after.is_some())?;
        self.wait_until(watch, |engine| engine.told.is_settled)?;
        // What protects positions outlives the engine: its market must stand still for both records
        // to be of the same instant. The engine hears of it within a second.
        self.venue.control("pause")?;
        self.wait(watch, CLOCK_HEARD)?;
        if watch.ended.is_none() {
            watch.engine.terminate()?;
        }
        self.wait_until(watch, |_| false)?;
        if let Some(alarm) = watch.engine.told.alarms.first() {
            return Err(alarm.clone().into());
        }
        Ok(())
    }
}

/// An engine on the way to its end.
struct Watch<'a> {
    engine: Engine,
    plan: &'a Plan,
    next_fault: usize,
    /// The exit code, once it ended by itself; -1 for a signal.
    ended: Option<i32>,
}
