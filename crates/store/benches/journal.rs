//! How long an order waits for its intent to be durable, and how fast a journal is read.
//!
//! `cargo bench -p tickwright-store`: prints figures, asserts nothing.

#[path = "../tests/journal/records.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "helpers of the tests, which use the rest")]
mod records;

use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use kernel::journal::{Durability, Journal, Persist, Record};
use model::OrderId;
use records::{accepted, day, filled, intent, persists, start};
use tickwright_store::journal::{JournalReader, Level, SqliteJournal};

const EPOCH: u32 = 1_790_000_000;
const ROUNDS: u32 = 5_000;

fn main() {
    let dir = tempfile::tempdir_in(".").expect("a directory on the disk to be measured");
    println!("{:<44} {:>9} {:>9} {:>9}", "", "p50 µs", "p99 µs", "max µs");
    for level in [Level::Process, Level::Power] {
        commit_latency(dir.path(), level);
        handover_latency(dir.path(), level, Duration::ZERO);
        handover_latency(dir.path(), level, Duration::from_millis(1));
    }
    bare_sync(dir.path());
    throughput_and_replay(dir.path());
}

fn print(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
    println!("{what:<44} {:>9.1} {:>9.1} {:>9.1}", at(0.5), at(0.99), at(1.0));
}

/// An order's records in turn: intent, acceptance, fill.
fn record(round: u32) -> Record {
    let number = round / 3 + 1;
    match round % 3 {
        0 => intent(EPOCH, number),
        1 => accepted(EPOCH, number),
        _ => filled(EPOCH, number, i64::from(number), 1_000_000, true),
    }
}

fn fresh(dir: &Path, name: &str, level: Level) -> SqliteJournal {
    let mut journal = SqliteJournal::open(&dir.join(name), level).expect("opens");
    journal.append(&persists(&start(), Durability::Lazy)).expect("writes");
    journal
}

fn commit_latency(dir: &Path, level: Level) {
    let mut journal = fresh(dir, &format!("commit-{level:?}"), level);
    let (mut intents, mut fills) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let record = record(round);
        let persist = Persist { sequence: 1, record, durability: Durability::Committed };
        let began = Instant::now();
        journal.append(&[persist]).expect("writes");
        match round % 3 {
            0 => intents.push(began.elapsed()),
            2 => fills.push(began.elapsed()),
            _ => {}
        }
    }
    print(&format!("{level:?}: commit of an intent"), intents);
    print(&format!("{level:?}: commit of a fill"), fills);
}

fn handover_latency(dir: &Path, level: Level, pause: Duration) {
    let mut journal = fresh(dir, &format!("handover-{level:?}-{pause:?}"), level);
    let (sender, queue) = sync_channel::<Persist>(16);
    let (told, outcomes) = sync_channel(16);
    let thread = std::thread::spawn(move || {
        for persist in queue {
            journal.append(&[persist]).expect("writes");
            told.send(()).expect("the bench listens");
        }
    });
    let mut times = Vec::new();
    for round in 0..if pause.is_zero() { ROUNDS } else { ROUNDS / 3 } {
        let (record, durability) = (record(round), Durability::Committed);
        std::thread::sleep(pause);
        let began = Instant::now();
        sender.send(Persist { sequence: 1, record, durability }).expect("the thread runs");
        outcomes.recv().expect("told");
        times.push(began.elapsed());
    }
    print(&format!("{level:?}: handed over to told, every {pause:?}"), times);
    drop(sender);
    thread.join().expect("ends");
}

/// What the disk itself takes: a page written at a moving place and synced.
fn bare_sync(dir: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(dir.join("bare")).expect("creates");
    let mut times = Vec::new();
    for _ in 0..ROUNDS / 3 {
        let began = Instant::now();
        file.write_all(&[7; 4_096]).expect("writes");
        file.sync_data().expect("syncs");
        times.push(began.elapsed());
    }
    print("bare: write of 4 KiB and fdatasync", times);
}

fn throughput_and_replay(dir: &Path) {
    const COUNT: usize = 1_000_000;
    let path = dir.join("million");
    let mut journal = fresh(dir, "million", Level::Process);
    let records = persists(&day(1, EPOCH, COUNT), Durability::Committed);
    let began = Instant::now();
    for batch in records.chunks(100) {
        journal.append(batch).expect("writes");
    }
    let rate = COUNT as f64 / began.elapsed().as_secs_f64();
    println!("append, 100 a commit: {rate:.0} records/s");
    drop(journal);
    let megabytes = std::fs::metadata(&path).expect("there").len() >> 20;
    let open = |what: &str| {
        let began = Instant::now();
        let journal = SqliteJournal::open(&path, Level::Process).expect("opens");
        println!("{what}: {:.3} s", began.elapsed().as_secs_f64());
        journal
    };
    let mut journal = open("start over a million records, all of them read");
    let began = Instant::now();
    journal.store_ledger().expect("writes");
    println!(
        "storing the ledger: {:.3} s; {megabytes} MiB of journal",
        began.elapsed().as_secs_f64()
    );
    drop(journal);
    drop(open("start over a million records, from the stored ledger"));
    let began = Instant::now();
    let reader = JournalReader::open(&path).expect("opens");
    reader.verify().expect("is whole");
    println!("verify: {:.3} s", began.elapsed().as_secs_f64());
    for sql in [
        "SELECT count(*) FROM orders WHERE status = 'canceled'",
        "SELECT count(*) FROM fills",
        "SELECT count(*) FROM (SELECT * FROM fills ORDER BY record DESC LIMIT 100)",
        "SELECT count(*) FROM (SELECT * FROM orders ORDER BY record DESC LIMIT 100)",
        "SELECT count(*) FROM (SELECT * FROM equity ORDER BY record DESC LIMIT 100)",
    ] {
        let began = Instant::now();
        let count: i64 = reader.connection().query_row(sql, [], |row| row.get(0)).expect("runs");
        println!("{sql}: {count} in {:.6} s", began.elapsed().as_secs_f64());
    }
    let order = OrderId { epoch: EPOCH, strategy: records::STRATEGY, number: 1_000 };
    let began = Instant::now();
    let records = reader.order_history(order).expect("reads").len();
    println!("history of one order: {records} records in {:.6} s", began.elapsed().as_secs_f64());
}
