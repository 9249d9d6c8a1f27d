//! What stands ahead of the database: found by a start and by a reader, whatever tears it.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use kernel::journal::{Durability, Journal as _, JournalAhead, JournalError, Persist, Record};
use model::OrderId;
use tickwright_store::journal::{JournalReader, Level, SqliteJournal};

use crate::records::{STRATEGY, accepted, at, filled, intent, persists, start};

const EPOCH: u32 = 1_790_000_000;

fn flow(number: u64) -> Record {
    Record::ExternalFlow {
        asset: "USDT".parse().unwrap(),
        delta: "0.01".parse().unwrap(),
        reason: number.to_string(),
        lots: None,
        at: at(0),
    }
}

struct Desk {
    dir: tempfile::TempDir,
    journal: SqliteJournal,
    ahead: Box<dyn JournalAhead>,
    records: Vec<Record>,
    sequence: u64,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = SqliteJournal::open(&file(dir.path()), Level::Process).unwrap();
        journal.append(&persists(&start(), Durability::Synced)).unwrap();
        let ahead = journal.ahead().unwrap().unwrap();
        Self { dir, journal, ahead, records: start(), sequence: 0 }
    }

    /// Writes ahead only, as if the journal's thread had no turn any more.
    fn ahead(&mut self, record: Record, durability: Durability) -> bool {
        self.sequence += 1;
        self.records.push(record.clone());
        self.ahead.write(&Persist { sequence: self.sequence, record, durability }).unwrap()
    }

    /// The journal catches up, but for the last few records.
    fn commit_but(&mut self, left: usize) {
        let committed = usize::try_from(self.journal.ledger().records()).unwrap();
        let upto = self.records.len() - left;
        let batch = persists(&self.records[committed..upto], Durability::Lazy);
        self.journal.append(&batch).unwrap();
    }

    fn path(&self) -> PathBuf {
        file(self.dir.path())
    }

    fn ahead_files(&self) -> [PathBuf; 2] {
        ["journal.sqlite-ahead0", "journal.sqlite-ahead1"].map(|name| self.dir.path().join(name))
    }

    /// What a reader finds and what a start finds.
    fn found(&self) -> Vec<Record> {
        let reader = JournalReader::open(&self.path()).unwrap();
        let mut read = Vec::new();
        reader
            .replay_after(0, &mut |number, record| {
                assert_eq!(number, read.len() as u64 + 1);
                read.push(record);
            })
            .unwrap();
        assert_eq!(reader.ledger().unwrap().records(), read.len() as u64);
        let mut last_two = Vec::new();
        let after = (read.len() as u64).saturating_sub(2);
        reader.replay_after(after, &mut |number, record| last_two.push((number, record))).unwrap();
        let expected = (after + 1..).zip(read[read.len().saturating_sub(2)..].iter().cloned());
        assert_eq!(last_two, expected.collect::<Vec<_>>());
        let copy = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(self.dir.path()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
        let mut started = SqliteJournal::open(&file(copy.path()), Level::Power).unwrap();
        let mut replayed = Vec::new();
        started.replay(&mut |_, record| replayed.push(record)).unwrap();
        assert_eq!(replayed, read, "a start and a reader find the same");
        // What was taken over is the database's now, and is not taken again.
        drop(started);
        let again = SqliteJournal::open(&file(copy.path()), Level::Process).unwrap();
        assert_eq!(again.ledger().records(), read.len() as u64);
        read
    }
}

fn file(dir: &Path) -> PathBuf {
    dir.join("journal.sqlite")
}

#[test]
fn what_is_only_ahead_is_found() {
    let mut desk = Desk::new();
    assert!(!desk.ahead(flow(1), Durability::Lazy), "nobody waits for it");
    assert!(desk.ahead(intent(EPOCH, 1), Durability::Committed));
    assert!(!desk.ahead(accepted(EPOCH, 1), Durability::Lazy));
    let written = desk.records.len() - 1;
    assert_eq!(desk.found(), desk.records[..written], "a line that nobody waits for may be lost");
    desk.commit_but(1);
    assert_eq!(desk.found(), desk.records[..written]);
    desk.commit_but(0);
    assert_eq!(desk.found(), desk.records);
    assert!(desk.ahead(intent(EPOCH, 2), Durability::Committed));
    let id = OrderId { epoch: EPOCH, strategy: STRATEGY, number: 2 };
    let reader = JournalReader::open(&desk.path()).unwrap();
    let history = reader.order_history(id).unwrap();
    assert_eq!(history, [(desk.records.len() as u64, intent(EPOCH, 2))]);
    desk.ahead(filled(EPOCH, 1, 1, 1_000_000, true), Durability::Lazy);
    desk.ahead(flow(2), Durability::Committed);
    assert_eq!(desk.found(), desk.records);
}

/// An order must not leave before a halt is on the disk, whoever asked for it first.
#[test]
fn nothing_is_durable_before_what_must_be_synced_is() {
    let mut desk = Desk::new();
    assert!(desk.ahead(flow(1), Durability::Committed));
    assert!(!desk.ahead(flow(2), Durability::Synced));
    assert!(!desk.ahead(intent(EPOCH, 1), Durability::Committed));
    desk.commit_but(0);
    assert!(desk.ahead(intent(EPOCH, 2), Durability::Committed));
}

#[test]
fn a_torn_line_ends_the_reading() {
    let mut desk = Desk::new();
    let before = desk.records.len();
    let mut ends = Vec::new();
    for number in 1..=3 {
        desk.ahead(flow(number), Durability::Committed);
        ends.push(std::fs::metadata(&desk.ahead_files()[0]).unwrap().len());
    }
    let whole = std::fs::read(&desk.ahead_files()[0]).unwrap();
    for length in 0..=whole.len() {
        std::fs::write(&desk.ahead_files()[0], &whole[..length]).unwrap();
        let lines = ends.iter().filter(|end| **end <= length as u64).count();
        let mut number = 0;
        let reader = JournalReader::open(&desk.path()).unwrap();
        reader.replay_after(0, &mut |_, _| number += 1).unwrap();
        assert_eq!(number, before + lines, "{length}");
    }
    for position in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[position] ^= 0x04;
        std::fs::write(&desk.ahead_files()[0], &damaged).unwrap();
        let lines = ends.iter().filter(|end| **end <= position as u64).count();
        let mut found = Vec::new();
        let reader = JournalReader::open(&desk.path()).unwrap();
        reader.replay_after(0, &mut |_, record| found.push(record)).unwrap();
        assert_eq!(found, desk.records[..before + lines], "{position}");
    }
}

/// After a power cut the database may have lost more than the files ahead of it.
#[test]
fn a_gap_ends_the_reading_for_ever() {
    let mut desk = Desk::new();
    let before = desk.records.len();
    let lost = desk.dir.path().join("lost");
    std::fs::create_dir(&lost).unwrap();
    desk.ahead(flow(1), Durability::Lazy);
    desk.commit_but(0);
    // The first is in the database and needs no line.
    desk.ahead(flow(2), Durability::Committed);
    let [ahead, _] = desk.ahead_files();
    std::fs::copy(&ahead, lost.join("journal.sqlite-ahead0")).unwrap();
    let mut journal = SqliteJournal::open(&file(&lost), Level::Process).unwrap();
    assert_eq!(journal.ledger().records(), 0);
    // As many records as were lost, and one more: the old line is no continuation of theirs.
    journal.append(&persists(&start(), Durability::Synced)).unwrap();
    journal.append(&persists(&[flow(9)], Durability::Synced)).unwrap();
    drop(journal);
    let journal = SqliteJournal::open(&file(&lost), Level::Process).unwrap();
    assert_eq!(journal.ledger().records(), before as u64 + 1);
}

/// Past a megabyte the other file is taken, when the database has what it held.
#[test]
fn the_files_take_turns_and_stay_small() {
    let mut desk = Desk::new();
    let sizes = |desk: &Desk| {
        desk.ahead_files().map(|path| std::fs::metadata(path).map_or(0, |data| data.len()))
    };
    let line = "x".repeat(10_000);
    for round in 0..500_u64 {
        let mut record = flow(round);
        if let Record::ExternalFlow { reason, .. } = &mut record {
            reason.push_str(&line);
        }
        assert!(desk.ahead(record, Durability::Committed));
        if round % 7 == 0 {
            desk.commit_but(3.min(usize::try_from(round).unwrap()));
        }
        if round % 100 == 99 {
            assert_eq!(desk.found(), desk.records, "{round}");
        }
    }
    let [one, other] = sizes(&desk);
    assert!(one < 2 << 20 && other < 2 << 20, "{one} {other}");
    assert!(one > 0 && other > 0, "{one} {other}");
}

#[test]
fn a_file_that_cannot_be_written_is_an_error() {
    let desk = Desk::new();
    let [ahead, _] = desk.ahead_files();
    drop(desk.ahead);
    drop(desk.journal);
    std::fs::remove_file(&ahead).unwrap();
    std::fs::create_dir(&ahead).unwrap();
    assert!(OpenOptions::new().append(true).open(&ahead).is_err());
    SqliteJournal::open(&file(desk.dir.path()), Level::Process).unwrap_err();
}

/// A start that meets what cannot follow leaves every file as it found it: the log does not move
/// to the database when it gives up.
#[test]
fn what_cannot_follow_is_left_as_it_was_found() {
    let mut desk = Desk::new();
    assert!(desk.ahead(intent(EPOCH, 1), Durability::Committed));
    // The same order again: no ledger takes it.
    assert!(desk.ahead(intent(EPOCH, 1), Durability::Committed));
    let copy = tempfile::tempdir().unwrap();
    let files = |dir: &Path| {
        let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        // The index is made anew at each opening.
        let kept = entries.filter(|path| !path.to_str().unwrap().ends_with("-shm"));
        let mut found: Vec<(PathBuf, Vec<u8>)> =
            kept.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
        found.sort();
        found
    };
    for (path, bytes) in files(desk.dir.path()) {
        std::fs::write(copy.path().join(path.file_name().unwrap()), bytes).unwrap();
    }
    let before = files(copy.path());
    assert!(
        before
            .iter()
            .any(|(path, bytes)| path.ends_with("journal.sqlite-wal") && !bytes.is_empty())
    );
    let refused = SqliteJournal::open(&file(copy.path()), Level::Process).unwrap_err();
    assert!(!matches!(refused, JournalError::Io(_)), "{refused}");
    assert!(files(copy.path()) == before, "nothing was moved or written");
}
