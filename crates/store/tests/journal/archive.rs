//! Old records in files of their own: everything is still found, adds up, and survives any end.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use kernel::journal::{Durability, Journal, JournalError, Record};
use kernel::ledger::Ledger;
use model::{OrderEventKind, OrderId, VenueOrderId};
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{RngCore, SeedableRng};
use tempfile::TempDir;
use tickwright_store::journal::{
    ArchiveTold, Cell, JournalReader, Level, RecordFilter, SqliteJournal, View,
};

use crate::records::{STRATEGY, accepted, at, canceled, equity, filled, intent, persists, start};

const DAY: u32 = 86_400;
const EPOCH: u32 = 1_790_000_000;
/// An order that works for months, and ends.
const PATIENT: u32 = 3 * DAY;
/// One that works still.
const RESTING: u32 = 5 * DAY;

fn order(number: u32) -> OrderId {
    OrderId { epoch: EPOCH, strategy: STRATEGY, number }
}

/// A hundred days, some orders each. Orders carry their time in their number.
fn history() -> Vec<Record> {
    let mut records = start();
    for day in 0..100_u32 {
        for place in 0..20_u32 {
            let number = day * DAY + place * 600;
            records.extend([intent(EPOCH, number), accepted(EPOCH, number)]);
            match number {
                PATIENT | RESTING => {}
                _ if place % 3 == 0 => records.push(canceled(EPOCH, number)),
                _ => records.push(filled(EPOCH, number, i64::from(number), 600_000, true)),
            }
        }
        records.push(equity(i64::from(day * DAY + 12_000), i64::from(day)));
        if day == 80 {
            let mut ends = canceled(EPOCH, PATIENT);
            if let Record::OrderChanged { event, .. } = &mut ends {
                event.received_at = at(i64::from(day * DAY + 12_000));
            }
            records.push(ends);
        }
    }
    records
}

fn fold(records: &[Record]) -> Ledger {
    let mut ledger = Ledger::default();
    for record in records {
        ledger.apply(record).unwrap();
    }
    ledger
}

fn file(dir: &TempDir) -> PathBuf {
    dir.path().join("journal.sqlite")
}

fn written(dir: &TempDir, records: &[Record]) -> SqliteJournal {
    let mut journal = SqliteJournal::open(&file(dir), Level::Process).unwrap();
    journal.append(&persists(records, Durability::Committed)).unwrap();
    journal
}

/// Lets the journal move what is older than `days`, until nothing is left to do.
fn archive(journal: SqliteJournal, days: u64) -> (SqliteJournal, Vec<ArchiveTold>) {
    archive_until_quiet(journal, days, Duration::from_millis(1_500))
}

fn archive_until_quiet(
    journal: SqliteJournal,
    days: u64,
    quiet: Duration,
) -> (SqliteJournal, Vec<ArchiveTold>) {
    let (tell, told) = mpsc::channel();
    let after = Duration::from_secs(days * u64::from(DAY));
    let mut journal = journal.archiving(after, Box::new(move |it| tell.send(it).unwrap()));
    let mut all = Vec::new();
    // A round begins as soon as the one before is told.
    let mut quiet_since = Instant::now();
    while quiet_since.elapsed() < quiet {
        if journal.maintain().unwrap() {
            quiet_since = Instant::now();
        }
        std::thread::sleep(Duration::from_millis(1));
        all.extend(told.try_iter());
    }
    (journal, all)
}

fn rows_of(reader: &JournalReader, view: View) -> Vec<String> {
    let mut rows = Vec::new();
    let mut each = |names: &[String], cells: &[Cell]| -> Result<(), JournalError> {
        rows.push(format!("{names:?} {cells:?}"));
        Ok(())
    };
    reader.view(view, &mut each).unwrap();
    rows.sort();
    rows
}

fn replayed(reader: &JournalReader, after: u64) -> Vec<Record> {
    let mut records = Vec::new();
    reader.replay_after(after, &mut |_, record| records.push(record)).unwrap();
    records
}

fn count(path: &Path) -> usize {
    let connection = rusqlite::Connection::open(path).unwrap();
    let count: i64 =
        connection.query_row("SELECT count(*) FROM record", [], |row| row.get(0)).unwrap();
    usize::try_from(count).unwrap()
}

fn alter(path: &Path, sql: &str) {
    rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn old_records_move_by_month_and_everything_is_still_found() {
    let records = history();
    let (dir, twin) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(written(&twin, &records));
    let (journal, told) = archive(written(&dir, &records), 30);
    let files: Vec<String> = told
        .iter()
        .map(|told| match told {
            ArchiveTold::Moved { file, .. } => {
                file.file_name().unwrap().to_str().unwrap().to_owned()
            }
            ArchiveTold::Failed(reason) => panic!("{reason}"),
        })
        .collect();
    assert_eq!(files, ["2026-09.sqlite", "2026-10.sqlite", "2026-11.sqlite"]);
    let left = count(&file(&dir));
    assert!(left < records.len() / 3, "{left} of {} are left", records.len());
    assert_eq!(*journal.ledger(), fold(&records));
    drop(journal);

    let (reader, whole) =
        (JournalReader::open(&file(&dir)).unwrap(), JournalReader::open(&file(&twin)).unwrap());
    let verified = reader.verify().unwrap();
    assert_eq!((verified.records, verified.elsewhere), (records.len() as u64, 0));
    assert_eq!(verified.ledger, fold(&records));
    assert_eq!(replayed(&reader, 0), records);
    assert_eq!(replayed(&reader, 1_000), records[1_000..]);
    for number in [0, 600, PATIENT, RESTING, 40 * DAY, 99 * DAY, 7] {
        let history = reader.order_history(order(number)).unwrap();
        assert_eq!(history, whole.order_history(order(number)).unwrap(), "{number}");
        assert_eq!(history.is_empty(), number == 7);
    }
    for view in [View::Orders, View::Intents, View::Fills, View::Equity, View::Positions] {
        assert_eq!(rows_of(&reader, view), rows_of(&whole, view), "{view:?}");
    }
    for filter in [
        RecordFilter { newest: Some(10), ..RecordFilter::default() },
        RecordFilter { order: Some(order(600)), ..RecordFilter::default() },
        RecordFilter { kinds: vec!["equity_sampled".into()], ..RecordFilter::default() },
        RecordFilter { after: 500, newest: Some(6_000), ..RecordFilter::default() },
    ] {
        assert_eq!(reader.records(&filter).unwrap(), whole.records(&filter).unwrap(), "{filter:?}");
    }
    // What still works stays in the journal, where the views are.
    let main = rusqlite::Connection::open(file(&dir)).unwrap();
    let open = "SELECT order_id FROM orders WHERE status = 'accepted'";
    let open: String = main.query_row(open, [], |row| row.get(0)).unwrap();
    assert_eq!(open, order(RESTING).to_string());
}

#[test]
fn a_start_needs_no_archive_and_goes_on() {
    let records = history();
    let dir = tempfile::tempdir().unwrap();
    drop(archive(written(&dir, &records), 30));
    let elsewhere = dir.path().join("elsewhere");
    std::fs::rename(dir.path().join("journal.sqlite-archive"), &elsewhere).unwrap();
    let mut journal = SqliteJournal::open(&file(&dir), Level::Process).unwrap();
    assert_eq!(*journal.ledger(), fold(&records));
    let venue_order = VenueOrderId(1);
    let kind = OrderEventKind::Accepted { venue_order };
    let more = [intent(EPOCH, 101 * DAY), crate::records::changed(EPOCH, 101 * DAY, kind)];
    journal.append(&persists(&more, Durability::Committed)).unwrap();
    drop(journal);
    let all = [records.clone(), more.to_vec()].concat();
    let reader = JournalReader::open(&file(&dir)).unwrap();
    let verified = reader.verify().unwrap();
    assert_eq!(verified.ledger, fold(&all));
    assert!(verified.elsewhere > 4_000, "{}", verified.elsewhere);
    let missing = reader.replay_after(0, &mut |_, _| {}).unwrap_err();
    assert!(missing.to_string().contains("missing"), "{missing}");
    // A build that adds up otherwise needs the archive once.
    alter(&file(&dir), "UPDATE archived SET version = 0; DELETE FROM ledger_snapshot");
    SqliteJournal::open(&file(&dir), Level::Process).unwrap_err();
    std::fs::rename(&elsewhere, dir.path().join("journal.sqlite-archive")).unwrap();
    let journal = SqliteJournal::open(&file(&dir), Level::Process).unwrap();
    assert_eq!(*journal.ledger(), fold(&all));
}

#[test]
fn a_record_is_not_deleted_for_another_of_its_number_in_the_archive() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(archive(written(&other, &history()), 30));
    let month = other.path().join("journal.sqlite-archive/2026-09.sqlite");
    // The archive of a journal that was, beside one that is new: the same numbers, other records.
    alter(&month, "UPDATE record SET checksum = checksum + 1 WHERE number = 7");
    let stale = dir.path().join("journal.sqlite-archive");
    std::fs::create_dir(&stale).unwrap();
    std::fs::copy(&month, stale.join("2026-09.sqlite")).unwrap();
    let records = history();
    let (journal, told) = archive(written(&dir, &records), 30);
    let refused = |told: &ArchiveTold| match told {
        ArchiveTold::Failed(reason) => reason.contains("another journal"),
        ArchiveTold::Moved { .. } => false,
    };
    assert!(!told.is_empty() && told.iter().all(refused), "{told:?}");
    drop(journal);
    assert_eq!(count(&file(&dir)), records.len(), "nothing was moved");
}

#[test]
fn a_damaged_base_is_found_by_verify_and_made_up_for_at_a_start() {
    let (dir, records) = (tempfile::tempdir().unwrap(), history());
    drop(archive(written(&dir, &records), 30));
    alter(&file(&dir), "UPDATE archived SET checksum = checksum + 1");
    let damaged = JournalReader::open(&file(&dir)).unwrap().verify().unwrap_err();
    assert!(damaged.to_string().contains("is damaged"), "{damaged}");
    alter(&file(&dir), "DELETE FROM ledger_snapshot");
    let journal = SqliteJournal::open(&file(&dir), Level::Process).unwrap();
    assert_eq!(*journal.ledger(), fold(&records));
}

#[test]
fn damage_in_the_archive_is_found_at_its_record() {
    #[track_caller]
    fn check(sql: &str, number: u64, words: &str) {
        let dir = tempfile::tempdir().unwrap();
        drop(archive(written(&dir, &history()), 30));
        alter(&dir.path().join("journal.sqlite-archive/2026-10.sqlite"), sql);
        match JournalReader::open(&file(&dir)).unwrap().verify() {
            Err(JournalError::Corrupt { number: found, reason }) => {
                assert_eq!(found, number, "{reason}");
                assert!(reason.contains(words), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
    check("UPDATE record SET checksum = 0 WHERE number = 1000", 1_000, "checksum");
    check("DELETE FROM record WHERE number = 1000", 1_000, "missing");
}

const FILE: &str = "TICKWRIGHT_TEST_ARCHIVED_JOURNAL";

/// The record of a number: an hour after the one before.
fn hourly(number: u64) -> Record {
    let number = i64::try_from(number).unwrap();
    equity(number * 3_600, number)
}

/// The process that is killed while it archives; nothing when it runs as a test.
#[test]
fn archiving_process() {
    let Ok(path) = std::env::var(FILE) else { return };
    let mut journal = SqliteJournal::open(Path::new(&path), Level::Process).unwrap();
    if journal.ledger().records() == 0 {
        journal.append(&persists(&start(), Durability::Synced)).unwrap();
    }
    let after = Duration::from_secs(48 * 3_600);
    let tell = |told| writeln!(std::io::stdout(), "{told:?}").unwrap();
    let mut journal = journal.archiving(after, Box::new(tell));
    writeln!(std::io::stdout(), "began").unwrap();
    loop {
        let next = journal.ledger().records() + 1;
        let batch: Vec<Record> = (next..next + 40).map(hourly).collect();
        journal.append(&persists(&batch, Durability::Committed)).unwrap();
        writeln!(std::io::stdout(), "durable {}", next + 39).unwrap();
        journal.maintain().unwrap();
    }
}

#[test]
fn thirty_kills_while_archiving_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir);
    let mut random = Pcg64Mcg::seed_from_u64(5);
    let (mut kills, mut rounds) = (0_u64, 0);
    let begun_at = Instant::now();
    // On a machine that is busy otherwise, few rounds come to their end before a kill.
    while kills < 30 || (rounds < 5 && begun_at.elapsed() < Duration::from_secs(300)) {
        let kill = kills;
        kills += 1;
        let longest = 150 + 10 * kill;
        let delay = Duration::from_millis(u64::from(random.next_u32()) % longest);
        let (told, moved) = run_and_kill(&path, delay);
        rounds += moved;
        let reader = JournalReader::open(&path).unwrap();
        let verified = reader.verify().unwrap();
        assert!(verified.records >= told && verified.elsewhere == 0, "kill {kill}");
        let mut last = 0;
        let mut each = |number, record| {
            last = number;
            let known = start().get(usize::try_from(number).unwrap() - 1).cloned();
            assert_eq!(record, known.unwrap_or_else(|| hourly(number)), "kill {kill}");
        };
        reader.replay_after(0, &mut each).unwrap();
        assert_eq!(last, verified.records, "kill {kill}");
    }
    assert!(rounds >= 5, "hardly anything was moved: {rounds} rounds in {kills} kills");
}

/// The last record told, and how many rounds.
fn run_and_kill(path: &Path, delay: Duration) -> (u64, usize) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "archive::archiving_process", "--nocapture", "--test-threads=1"])
        .env(FILE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let (begin, began) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let (mut last, mut rounds) = (0, 0);
        for line in output.lines().map_while(Result::ok) {
            if line.ends_with("began") {
                begin.send(()).unwrap();
            } else if let Some(number) = line.strip_prefix("durable ") {
                // A line that the kill cut off is no number, or a smaller one.
                last = number.parse().map_or(last, |number: u64| last.max(number));
            }
            rounds += usize::from(line.contains("Moved"));
        }
        (last, rounds)
    });
    began.recv_timeout(Duration::from_secs(60)).unwrap();
    std::thread::sleep(delay);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

/// Whoever reads while records move to the archive sees each of them once.
#[test]
fn a_view_that_is_read_while_records_move_has_each_row_once() {
    let dir = tempfile::tempdir().unwrap();
    let journal = written(&dir, &history());
    let (journal, told) = archive(journal, 60);
    assert!(!told.is_empty());
    let reader = JournalReader::open(&file(&dir)).unwrap();
    let expected = rows_of(&reader, View::Fills);
    let mut journal = Some(journal);
    let mut rows = Vec::new();
    let mut each = |names: &[String], cells: &[Cell]| -> Result<(), JournalError> {
        rows.push(format!("{names:?} {cells:?}"));
        if let Some(journal) = journal.take() {
            // A round that finds a reader at its file waits for it for a while.
            let (_, told) = archive_until_quiet(journal, 20, Duration::from_secs(12));
            assert!(!told.is_empty(), "records moved meanwhile");
        }
        Ok(())
    };
    reader.view(View::Fills, &mut each).unwrap();
    rows.sort();
    assert_eq!(rows, expected);
}
