//! The journal and its simulated twin, driven through the same tables.

use std::path::Path;

use crate::records::{accepted, canceled, day, epoch, filled, intent, persists, start};
use kernel::journal::{Durability, Journal, JournalError, Record};
use kernel::ledger::{Ledger, LedgerError};
use model::OrderId;
use tempfile::TempDir;
use tickwright_store::journal::{
    JournalReader, Level, MemoryDisk, MemoryJournal, SNAPSHOT_EVERY, SqliteJournal,
};

/// A place on which journals are opened again and again.
enum Disk {
    Sqlite(TempDir),
    Memory(MemoryDisk),
}

/// Either kind, opened.
enum Opened {
    Sqlite(Box<SqliteJournal>),
    Memory(Box<MemoryJournal>),
}

impl Disk {
    fn both() -> [Self; 2] {
        [Self::Sqlite(tempfile::tempdir().unwrap()), Self::Memory(MemoryDisk::default())]
    }

    fn open(&self, level: Level) -> Opened {
        match self {
            Self::Sqlite(dir) => {
                Opened::Sqlite(Box::new(SqliteJournal::open(&file(dir), level).unwrap()))
            }
            Self::Memory(disk) => {
                Opened::Memory(Box::new(MemoryJournal::open(disk, level).unwrap()))
            }
        }
    }
}

impl Opened {
    fn journal(&mut self) -> &mut dyn Journal {
        match self {
            Self::Sqlite(journal) => journal.as_mut(),
            Self::Memory(journal) => journal.as_mut(),
        }
    }

    fn ledger(&self) -> &Ledger {
        match self {
            Self::Sqlite(journal) => journal.ledger(),
            Self::Memory(journal) => journal.ledger(),
        }
    }

    fn records(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        let mut expected = 0;
        self.journal()
            .replay(&mut |number, record| {
                expected += 1;
                assert_eq!(number, expected);
                records.push(record);
            })
            .unwrap();
        records
    }
}

fn file(dir: &TempDir) -> std::path::PathBuf {
    dir.path().join("journal.sqlite")
}

fn fold(records: &[Record]) -> Ledger {
    let mut ledger = Ledger::default();
    for record in records {
        ledger.apply(record).unwrap();
    }
    ledger
}

/// A journal on a real file, closed again.
fn written(records: &[Record]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = SqliteJournal::open(&file(&dir), Level::Process).unwrap();
    journal.append(&persists(records, Durability::Committed)).unwrap();
    dir
}

fn alter(path: &Path, sql: &str) {
    rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn what_was_written_comes_back() {
    #[track_caller]
    fn check(name: &str, records: &[Record], batch: usize) {
        for level in [Level::Power, Level::Process] {
            for disk in Disk::both() {
                let mut opened = disk.open(level);
                for part in persists(records, Durability::Committed).chunks(batch) {
                    opened.journal().append(part).unwrap();
                }
                assert_eq!(opened.records(), records, "{name}");
                drop(opened);
                let mut again = disk.open(level);
                assert_eq!(again.records(), records, "{name}: opened again");
                assert_eq!(*again.ledger(), fold(records), "{name}: ledger");
            }
        }
    }
    check("nothing", &[], 1);
    check("the start", &start(), 1);
    check("the start at once", &start(), 4);
    check("a day", &[start(), day(1, 1_790_000_000, 500)].concat(), 7);
    check("a day in one commit", &[start(), day(2, 1_790_000_000, 500)].concat(), 1_000);
}

#[test]
fn every_durability_is_written() {
    for durability in [Durability::Lazy, Durability::Committed, Durability::Synced] {
        for level in [Level::Power, Level::Process] {
            for disk in Disk::both() {
                let mut opened = disk.open(level);
                for part in persists(&start(), durability).chunks(1) {
                    opened.journal().append(part).unwrap();
                }
                drop(opened);
                assert_eq!(disk.open(level).records(), start(), "{level:?} {durability:?}");
            }
        }
    }
}

#[test]
fn a_contradiction_is_refused_whole_and_ends_the_journal() {
    for disk in Disk::both() {
        let mut opened = disk.open(Level::Process);
        opened.journal().append(&persists(&start(), Durability::Committed)).unwrap();
        let bad = [intent(1_790_000_000, 1), epoch(5)];
        let error = opened.journal().append(&persists(&bad, Durability::Committed)).unwrap_err();
        let expected = LedgerError::EpochWentBack { last: 1_790_000_000, new: 5 };
        assert!(matches!(error, JournalError::Refused(found) if found == expected), "{error}");
        let next = persists(&[intent(1_790_000_000, 2)], Durability::Committed);
        let error = opened.journal().append(&next).unwrap_err();
        assert!(matches!(error, JournalError::Io(_)), "{error}");
        drop(opened);
        assert_eq!(disk.open(Level::Process).records(), start(), "nothing of the batch stays");
    }
}

#[test]
fn a_power_cut_takes_only_what_was_not_synced() {
    use Durability::{Committed, Lazy, Synced};
    #[track_caller]
    fn check(level: Level, durabilities: &[Durability], kept_commits: usize, remaining: usize) {
        let disk = MemoryDisk::default();
        let mut journal = MemoryJournal::open(&disk, level).unwrap();
        for (durability, record) in durabilities.iter().zip(day(3, 1, 100)) {
            // The day needs its registrations: they go with the first commit.
            let mut records = if disk.records() == 0 { start()[1..].to_vec() } else { vec![] };
            records.push(record);
            journal.append(&persists(&records, *durability)).unwrap();
        }
        disk.lose_power(kept_commits);
        let registrations = if remaining == 0 { 0 } else { start().len() - 1 };
        assert_eq!(disk.records(), remaining + registrations, "{level:?} {durabilities:?}");
        MemoryJournal::open(&disk, level).unwrap();
    }
    check(Level::Power, &[Committed, Committed], 0, 2);
    check(Level::Power, &[Committed, Lazy, Lazy], 0, 1);
    check(Level::Power, &[Committed, Lazy, Lazy], 1, 2);
    check(Level::Power, &[Lazy, Lazy, Committed], 0, 3);
    check(Level::Process, &[Committed, Committed], 0, 0);
    check(Level::Process, &[Committed, Synced, Committed], 0, 2);
    check(Level::Process, &[Committed, Synced, Committed], 9, 3);
}

#[test]
fn an_injected_failure_loses_the_batch_and_no_more() {
    let disk = MemoryDisk::default();
    let mut journal = MemoryJournal::open(&disk, Level::Power).unwrap();
    disk.fail_at_append(2);
    let records = start();
    journal.append(&persists(&records[..1], Durability::Committed)).unwrap();
    journal.append(&persists(&records[1..2], Durability::Committed)).unwrap_err();
    journal.append(&persists(&records[2..3], Durability::Committed)).unwrap_err();
    let mut again = MemoryJournal::open(&disk, Level::Power).unwrap();
    again.append(&persists(&records[1..2], Durability::Committed)).unwrap();
    assert_eq!(disk.records(), 2);
    disk.corrupt(2);
    let error = MemoryJournal::open(&disk, Level::Power).unwrap_err();
    assert!(matches!(error, JournalError::Corrupt { number: 2, .. }), "{error}");
}

#[test]
fn damage_in_the_middle_is_found_at_its_record() {
    #[track_caller]
    fn check(sql: &str, number: u64, says: &str) {
        let dir = written(&[start(), day(4, 1_790_000_000, 50)].concat());
        alter(&file(&dir), sql);
        let reader = JournalReader::open(&file(&dir)).unwrap();
        for error in [
            SqliteJournal::open(&file(&dir), Level::Process).unwrap_err(),
            reader.verify().unwrap_err(),
            reader.ledger().unwrap_err(),
        ] {
            assert!(
                matches!(error, JournalError::Corrupt { number: found, .. } if found == number),
                "{sql}: {error}"
            );
            assert!(error.to_string().contains(says), "{sql}: {error}");
        }
        let mut read = 0;
        reader.replay_after(0, &mut |number, _| read = number).unwrap_err();
        assert_eq!(read, number - 1, "what stands before it can be inspected");
    }
    let spoil = "UPDATE record SET body = replace(body, '1', '2') WHERE number = 20";
    check(spoil, 20, "checksum");
    check("UPDATE record SET status = 'filled' WHERE number = 20", 20, "checksum");
    check("UPDATE record SET checksum = checksum + 1 WHERE number = 54", 54, "checksum");
    check("DELETE FROM record WHERE number = 20", 20, "missing");
    check("DELETE FROM record WHERE number = 1", 1, "missing");
    check(
        "UPDATE record SET number = -1 WHERE number = 5;
         UPDATE record SET number = 5 WHERE number = 6;
         UPDATE record SET number = 6 WHERE number = -1;",
        5,
        "checksum",
    );
}

#[test]
fn damage_to_the_file_itself_is_told_and_never_a_panic() {
    let records = [start(), day(5, 1_790_000_000, 3_000)].concat();
    let dir = written(&records);
    let whole = std::fs::read(file(&dir)).unwrap();
    assert!(whole.len() > 1 << 20, "checkpointed when it was closed: {}", whole.len());
    let mut told = 0;
    for page in (1..whole.len() / 4_096).step_by(7) {
        let mut bytes = whole.clone();
        bytes[page * 4_096..][..4_096].fill(0xa5);
        std::fs::write(file(&dir), &bytes).unwrap();
        let verified = JournalReader::open(&file(&dir)).and_then(|reader| reader.verify());
        match verified {
            Ok(verified) => assert_eq!(verified.ledger, fold(&records), "page {page}"),
            Err(JournalError::Corrupt { .. } | JournalError::Io(_)) => told += 1,
            Err(error) => panic!("page {page}: {error}"),
        }
    }
    assert!(told > 20, "{told}");
}

#[test]
fn a_torn_log_leaves_a_prefix() {
    let records = [start(), day(6, 1_790_000_000, 400)].concat();
    let dir = tempfile::tempdir().unwrap();
    let mut journal = SqliteJournal::open(&file(&dir), Level::Process).unwrap();
    for part in persists(&records, Durability::Committed).chunks(4) {
        journal.append(part).unwrap();
    }
    let database = std::fs::read(file(&dir)).unwrap();
    let log_name = dir.path().join("journal.sqlite-wal");
    let log = std::fs::read(&log_name).unwrap();
    let mut lengths = std::collections::BTreeSet::new();
    for step in 0..40 {
        let copy = tempfile::tempdir().unwrap();
        std::fs::write(file(&copy), &database).unwrap();
        let cut = log.len() * step / 40 + step;
        let mut torn = log[..cut].to_vec();
        if let Some(last) = torn.last_mut() {
            *last ^= 0x10;
        }
        std::fs::write(copy.path().join("journal.sqlite-wal"), torn).unwrap();
        let mut reopened = SqliteJournal::open(&file(&copy), Level::Process).unwrap();
        let mut prefix = Vec::new();
        reopened.replay(&mut |_, record| prefix.push(record)).unwrap();
        assert!(prefix.len() % 4 == 0, "whole batches: {}", prefix.len());
        assert_eq!(prefix, records[..prefix.len()]);
        reopened.append(&persists(&records[prefix.len()..], Durability::Committed)).unwrap();
        assert_eq!(*reopened.ledger(), *journal.ledger());
        lengths.insert(prefix.len());
    }
    assert!(lengths.len() > 20, "{lengths:?}");
}

#[test]
fn a_start_goes_on_from_the_stored_ledger() {
    let records = [start(), day(7, 1_790_000_000, 300)].concat();
    let dir = tempfile::tempdir().unwrap();
    let mut journal = SqliteJournal::open(&file(&dir), Level::Process).unwrap();
    journal.append(&persists(&records[..200], Durability::Committed)).unwrap();
    journal.store_ledger().unwrap();
    journal.append(&persists(&records[200..], Durability::Committed)).unwrap();
    drop(journal);
    let reader = JournalReader::open(&file(&dir)).unwrap();
    assert_eq!(reader.verify().unwrap().ledger, fold(&records));
    // What stands before the stored ledger is not read again at a start.
    alter(&file(&dir), "UPDATE record SET checksum = 0 WHERE number = 150");
    assert_eq!(*SqliteJournal::open(&file(&dir), Level::Process).unwrap().ledger(), fold(&records));
    reader.verify().unwrap_err();
    alter(&file(&dir), "UPDATE record SET checksum = 0 WHERE number = 250");
    SqliteJournal::open(&file(&dir), Level::Process).unwrap_err();
}

/// `cargo test --release -p tickwright-store -- --ignored --nocapture a_million`
#[test]
#[ignore = "writes a million records: run it by name"]
fn a_start_with_a_million_records_takes_less_than_two_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = SqliteJournal::open(&file(&dir), Level::Process).unwrap();
    journal.append(&persists(&start(), Durability::Lazy)).unwrap();
    const EPOCH: u32 = 1_790_000_000;
    for batch in 0..1_000 {
        let numbers = batch * 334 + 1..=batch * 334 + 334;
        let orders = numbers.flat_map(|number| {
            let fill = filled(EPOCH, number, i64::from(number) * 7, 1_000_000, true);
            [intent(EPOCH, number), accepted(EPOCH, number), fill]
        });
        let records: Vec<Record> = orders.collect();
        journal.append(&persists(&records, Durability::Lazy)).unwrap();
        // As the journal's thread does when nothing waits; the last is some way back.
        if batch < 990 {
            journal.maintain().unwrap();
        }
    }
    let records = journal.ledger().records();
    drop(journal);
    let began_at = std::time::Instant::now();
    let journal = SqliteJournal::open(&file(&dir), Level::Process).unwrap();
    let took = began_at.elapsed();
    eprintln!("{records} records: open in {took:?}");
    assert!(records > 1_000_000 && journal.ledger().records() == records);
    assert!(took < std::time::Duration::from_secs(2), "{took:?}");
}

#[test]
fn a_stored_ledger_that_cannot_be_used_is_passed_over() {
    #[track_caller]
    fn check(sql: &str) {
        let records = [start(), day(8, 1_790_000_000, 100)].concat();
        let dir = tempfile::tempdir().unwrap();
        let mut journal = SqliteJournal::open(&file(&dir), Level::Process).unwrap();
        journal.append(&persists(&records, Durability::Committed)).unwrap();
        journal.store_ledger().unwrap();
        drop(journal);
        alter(&file(&dir), sql);
        let journal = SqliteJournal::open(&file(&dir), Level::Process).unwrap();
        assert_eq!(*journal.ledger(), fold(&records), "{sql}");
    }
    check("UPDATE ledger_snapshot SET version = 999");
    check("UPDATE ledger_snapshot SET body = replace(body, '0', '1')");
    check("UPDATE ledger_snapshot SET checksum = 1");
    check("DELETE FROM ledger_snapshot");
}

#[test]
fn records_missing_before_the_stored_ledger_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = SqliteJournal::open(&file(&dir), Level::Process).unwrap();
    journal.append(&persists(&start(), Durability::Committed)).unwrap();
    journal.store_ledger().unwrap();
    drop(journal);
    alter(&file(&dir), "DELETE FROM record WHERE number = 4");
    let error = SqliteJournal::open(&file(&dir), Level::Process).unwrap_err();
    assert!(matches!(error, JournalError::Corrupt { number: 4, .. }), "{error}");
}

#[test]
fn upkeep_stores_the_ledger_now_and_then() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = SqliteJournal::open(&file(&dir), Level::Process).unwrap();
    let count = usize::try_from(SNAPSHOT_EVERY).unwrap();
    let records = [start(), day(9, 1_790_000_000, count)].concat();
    let stored = || -> Vec<i64> {
        let connection = rusqlite::Connection::open(file(&dir)).unwrap();
        let mut statement = connection.prepare("SELECT number FROM ledger_snapshot").unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    journal.append(&persists(&records[..count - 1], Durability::Committed)).unwrap();
    journal.maintain().unwrap();
    assert_eq!(stored(), [] as [i64; 0]);
    journal.append(&persists(&records[count - 1..], Durability::Committed)).unwrap();
    journal.maintain().unwrap();
    journal.maintain().unwrap();
    assert_eq!(stored(), [i64::try_from(records.len()).unwrap()]);
}

#[test]
fn a_newer_schema_is_left_alone() {
    let dir = written(&start());
    alter(&file(&dir), "INSERT INTO schema_version (version, what) VALUES (99, 'the future')");
    for error in [
        SqliteJournal::open(&file(&dir), Level::Process).unwrap_err(),
        JournalReader::open(&file(&dir)).unwrap_err(),
    ] {
        assert!(matches!(error, JournalError::TooNew { found: 99, known: 2 }), "{error}");
    }
}

#[test]
fn a_reader_beside_the_writer_sees_whole_batches_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    assert!(JournalReader::open(&file(&dir)).is_err(), "a reader creates nothing");
    let mut journal = SqliteJournal::open(&file(&dir), Level::Process).unwrap();
    let reader = JournalReader::open(&file(&dir)).unwrap();
    let records = [start(), day(10, 1_790_000_000, 90)].concat();
    for (batches, part) in (1..).zip(persists(&records, Durability::Committed).chunks(10)) {
        journal.append(part).unwrap();
        let ledger = reader.ledger().unwrap();
        assert_eq!(ledger, fold(&records[..(batches * 10).min(records.len())]));
    }
    let wrote = reader.connection().execute("DELETE FROM record", []);
    assert!(wrote.unwrap_err().to_string().contains("readonly"));
}

#[test]
fn an_order_is_found_with_all_its_records() {
    let e = 1_790_000_000;
    let sent = Record::OrderSent { order: order(2), signed_at: crate::records::at(1) };
    let records = [
        start(),
        vec![intent(e, 1), intent(e, 2), crate::records::accepted(e, 1), sent],
        vec![canceled(e, 1), crate::records::accepted(e, 2), intent(e, 3)],
    ]
    .concat();
    let dir = written(&records);
    let reader = JournalReader::open(&file(&dir)).unwrap();
    #[track_caller]
    fn check(reader: &JournalReader, records: &[Record], number: u32, expected: &[usize]) {
        let history = reader.order_history(order(number)).unwrap();
        let expected: Vec<_> = expected
            .iter()
            .map(|&number| (u64::try_from(number).unwrap(), records[number - 1].clone()))
            .collect();
        assert_eq!(history, expected);
    }
    check(&reader, &records, 1, &[5, 7, 9]);
    check(&reader, &records, 2, &[6, 8, 10]);
    check(&reader, &records, 3, &[11]);
    check(&reader, &records, 4, &[]);
}

fn order(number: u32) -> OrderId {
    OrderId { epoch: 1_790_000_000, strategy: crate::records::STRATEGY, number }
}

fn show(cell: rusqlite::types::ValueRef<'_>) -> String {
    use rusqlite::types::ValueRef;
    match cell {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
        ValueRef::Real(_) | ValueRef::Blob(_) => panic!("money is text: {cell:?}"),
    }
}

#[test]
fn views_tell_what_the_ledger_knows() {
    let e = 1_790_000_000;
    let records = [
        start(),
        vec![
            intent(e, 1),
            crate::records::accepted(e, 1),
            filled(e, 1, 1, 400_000, false),
            filled(e, 1, 1, 400_000, false),
            canceled(e, 1),
            filled(e, 1, 2, 100_000, false),
            intent(e, 3),
            crate::records::equity(5, 10_000_000_000_000),
            crate::records::external_fill(77),
            Record::ExternalFlow {
                asset: "USDT".parse().unwrap(),
                delta: "5".parse().unwrap(),
                reason: "deposit".into(),
                lots: None,
                at: crate::records::at(9),
            },
        ],
    ]
    .concat();
    let dir = written(&records);
    let reader = JournalReader::open(&file(&dir)).unwrap();
    let rows = |sql: &str| -> Vec<String> {
        let mut statement = reader.connection().prepare(sql).unwrap();
        let columns = statement.column_count();
        let line = |row: &rusqlite::Row<'_>| -> Result<String, rusqlite::Error> {
            let cells = (0..columns).map(|column| row.get_ref(column).map(show));
            Ok(cells.collect::<Result<Vec<_>, _>>()?.join("|"))
        };
        statement.query_map([], line).unwrap().collect::<Result<_, _>>().unwrap()
    };
    #[track_caller]
    fn check(actual: &[String], expected: &[&str]) {
        assert_eq!(actual, expected);
    }
    check(
        &rows("SELECT order_id, strategy, symbol, side, type, status, executed FROM orders"),
        &[
            "1790000000-0-1|dip_btc|BTCUSDT|buy|limit|canceled|0.00500000",
            "1790000000-0-3|dip_btc|BTCUSDT|buy|limit|intended|0.00000000",
        ],
    );
    check(
        &rows("SELECT order_id, price, quantity, fee, fee_asset, liquidity FROM fills"),
        &[
            "1790000000-0-1|61837.63000000|0.00400000|0.00123|USDT|maker",
            "1790000000-0-1|61837.63000000|0.00100000|0.00123|USDT|maker",
        ],
    );
    check(
        &rows("SELECT symbol, side, quantity, trade_id FROM external_fills"),
        &["BTCUSDT|sell|0.25000000|77"],
    );
    let ledger = fold(&records);
    let position = ledger.position(crate::records::STRATEGY, crate::records::INSTRUMENT);
    let expected = format!(
        "dip_btc|BTCUSDT|0.00500000|{}|{}|{}",
        position.cost(),
        position.realised(),
        position.fees()
    );
    check(
        &rows("SELECT strategy, symbol, quantity, cost, realised, fees FROM positions"),
        &[&expected],
    );
    check(&rows("SELECT strategy, equity FROM equity"), &["|100000.00000000"]);
    check(
        &rows("SELECT order_id, cause, cause_event ->> '$.event' FROM intents"),
        &["1790000000-0-1|market|quote", "1790000000-0-3|market|quote"],
    );
}
