//! `kill -9` at random moments, and a disk that is full: what was told as durable is found, in
//! order, and nothing else.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::records::{at, start};
use kernel::journal::{Durability, Journal, Persist, Record};
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{RngCore, SeedableRng};
use tickwright_store::journal::{JournalReader, Level, SqliteJournal};

const FILE: &str = "TICKWRIGHT_TEST_JOURNAL";
const RUN: &str = "TICKWRIGHT_TEST_RUN";
const AHEAD: &str = "TICKWRIGHT_TEST_AHEAD";

fn line(run: u64, sequence: u64) -> Record {
    Record::ExternalFlow {
        asset: "USDT".parse().unwrap(),
        delta: "0.01".parse().unwrap(),
        reason: format!("{run} {sequence}"),
        lots: None,
        at: at(0),
    }
}

/// The process that is killed; nothing when it runs as a test.
#[test]
fn writer_process() {
    let (Ok(path), Ok(run)) = (std::env::var(FILE), std::env::var(RUN)) else { return };
    let run: u64 = run.parse().unwrap();
    let level = if run.is_multiple_of(2) { Level::Process } else { Level::Power };
    let mut journal = SqliteJournal::open(Path::new(&path), level).unwrap();
    if journal.ledger().records() == 0 {
        journal.append(&crate::records::persists(&start(), Durability::Synced)).unwrap();
    }
    if run.is_multiple_of(3) {
        journal.store_ledger().unwrap();
    }
    if level == Level::Process && std::env::var_os(AHEAD).is_some() {
        write_ahead(journal, run);
    }
    writeln!(std::io::stdout(), "began").unwrap();
    let mut sequence = 0;
    loop {
        // Batches of different lengths are torn.
        let batch: Vec<Persist> = (0..=sequence % 5)
            .map(|_| {
                sequence += 1;
                let durability = Durability::Committed;
                Persist { sequence, record: line(run, sequence), durability }
            })
            .collect();
        if let Err(error) = journal.append(&batch) {
            writeln!(std::io::stdout(), "failed {error}").unwrap();
            journal.append(&batch).unwrap_err();
            return;
        }
        // Not println: the test harness would keep it.
        writeln!(std::io::stdout(), "durable {sequence}").unwrap();
    }
}

/// As the engine writes: an intent is told as durable once it is ahead of the database, which
/// follows on another thread, and behind.
fn write_ahead(mut journal: SqliteJournal, run: u64) -> ! {
    let mut ahead = journal.ahead().unwrap().expect("the level is `process`");
    let (sender, queue) = std::sync::mpsc::sync_channel::<Persist>(100_000);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(2));
            let batch: Vec<Persist> = queue.try_iter().collect();
            journal.append(&batch).unwrap();
        }
    });
    let mut output = std::io::stdout();
    writeln!(output, "began").unwrap();
    for sequence in 1.. {
        let is_intent = sequence % 3 == 0;
        let durability = if is_intent { Durability::Committed } else { Durability::Lazy };
        let persist = Persist { sequence, record: line(run, sequence), durability };
        assert_eq!(ahead.write(&persist).unwrap(), is_intent);
        sender.send(persist).unwrap();
        if is_intent {
            writeln!(output, "durable {sequence}").unwrap();
        }
    }
    unreachable!("it is killed")
}

/// The runs in the journal with the last sequence of each. Within a run the sequences count up
/// from 1, and runs follow each other.
fn found(reader: &JournalReader, runs: usize) -> Vec<u64> {
    let mut found = vec![0; runs];
    let mut place = (0, 0);
    reader
        .replay_after(0, &mut |number, record| {
            let Record::ExternalFlow { reason, .. } = &record else {
                assert_eq!(record, start()[usize::try_from(number).unwrap() - 1]);
                return;
            };
            let (run, sequence) = reason.split_once(' ').unwrap();
            let (run, sequence): (usize, u64) = (run.parse().unwrap(), sequence.parse().unwrap());
            assert_eq!(sequence, if run == place.0 { place.1 + 1 } else { 1 }, "{place:?}");
            assert!(run >= place.0, "{place:?}");
            place = (run, sequence);
            found[run] = sequence;
        })
        .unwrap();
    found
}

/// Runs the writer, kills it after `delay`, and gives the last sequence that it told. The delay
/// counts from the first record on, but for one run in four: that one may be killed before.
fn run_and_kill(path: &Path, run: u64, delay: Duration, is_ahead: bool) -> u64 {
    let mut command = Command::new(std::env::current_exe().unwrap());
    if is_ahead {
        command.env(AHEAD, "1");
    }
    let mut child = command
        .args(["--exact", "kill::writer_process", "--nocapture", "--test-threads=1"])
        .env(FILE, path)
        .env(RUN, run.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let (begin, began) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let lines = output.lines().map_while(Result::ok);
        let lines = lines.inspect(|line| {
            // The harness begins the first line.
            if line.ends_with("began") {
                // Nobody waits for it in one run of four.
                let _ = begin.send(());
            }
        });
        let told = lines.filter_map(|line| line.strip_prefix("durable ")?.parse().ok());
        told.last().unwrap_or(0)
    });
    if !run.is_multiple_of(4) {
        began.recv_timeout(Duration::from_secs(60)).unwrap();
    }
    std::thread::sleep(delay);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), None, "it was killed, it did not end by itself");
    reader.join().unwrap()
}

#[test]
fn twenty_kills_lose_nothing_that_was_told() {
    kill_twenty_times(20, false);
}

/// Every other run is at `process` and writes ahead; those between write without.
#[test]
fn twenty_kills_lose_nothing_that_was_told_ahead_of_the_database() {
    kill_twenty_times(21, true);
}

fn kill_twenty_times(seed: u64, is_ahead: bool) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.sqlite");
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut told = Vec::new();
    for run in 0..20_u64 {
        let delay = Duration::from_millis(u64::from(random.next_u32() % 120));
        told.push(run_and_kill(&path, run, delay, is_ahead));
        if !path.exists() {
            continue;
        }
        let Ok(reader) = JournalReader::open(&path) else {
            assert!(told.iter().all(|&last| last == 0), "run {run} left no journal");
            continue;
        };
        let found = found(&reader, told.len());
        for (run, (found, told)) in found.iter().zip(&told).enumerate() {
            assert!(found >= told, "run {run}: told {told}, found {found}");
        }
        reader.verify().unwrap();
    }
    assert!(told.iter().filter(|&&last| last > 0).count() >= 5, "hardly anything ran: {told:?}");
}

#[test]
fn a_full_disk_fails_once_and_loses_nothing_that_was_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.sqlite");
    // A limit on the size of files, as full as a disk can be made without being root: writes
    // past it fail, since the signal for it is ignored.
    let limited = "trap '' XFSZ; ulimit -f 1024; exec \"$0\" \"$@\"";
    let output = Command::new("sh")
        .args(["-c", limited])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "kill::writer_process", "--nocapture", "--test-threads=1"])
        .env(FILE, &path)
        .env(RUN, "0")
        .output()
        .unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    assert!(output.contains("failed journal input or output failed: "), "{output}");
    let mut lines = output.lines().filter_map(|line| line.strip_prefix("durable "));
    let told: u64 = lines.next_back().unwrap().parse().unwrap();
    let reader = JournalReader::open(&path).unwrap();
    assert_eq!(found(&reader, 1), [told], "the batch that failed is not there");
    reader.verify().unwrap();
    drop(reader);
    // With room again, the next start goes on.
    let mut journal = SqliteJournal::open(&path, Level::Process).unwrap();
    let persist =
        Persist { sequence: 1, record: line(0, told + 1), durability: Durability::Synced };
    journal.append(&[persist]).unwrap();
    assert_eq!(found(&JournalReader::open(&path).unwrap(), 1), [told + 1]);
}
