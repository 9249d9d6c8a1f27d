//! The catalog: what is written is read, in blocks, within a range, and damage is named.

use std::path::Path;

use model::{Interval, Symbol, Timestamp};
use tickwright_store::catalog::{
    ABSENT, Catalog, CatalogError, Exponents, Kind, Kline, LevelChange, LevelFlags, Market, Range,
    Record, SegmentInfo, Series, SeriesKey, Source, Trade, Written,
};

fn key(kind: Kind) -> SeriesKey {
    SeriesKey::new(Market::binance_spot(), Symbol::new("BTCUSDT").unwrap(), kind)
}

fn trade(second: i64) -> Trade {
    let at = Timestamp::from_secs(1_700_000_000 + second);
    let price = 6_000_000_000_000 + second;
    Trade { received_at: at, event_at: at, id: second, price, quantity: 5, is_buyer_maker: true }
}

fn write<R: Record>(root: &Path, key: &SeriesKey, rows: &[R]) -> Written {
    let mut writer = Catalog::new(root).write(key.clone(), Exponents::UNITS).unwrap();
    for row in rows {
        writer.push(*row).unwrap();
    }
    assert_eq!(writer.count(), rows.len() as u64);
    writer.finish(Source { name: "test".to_owned(), ..Source::default() }).unwrap()
}

fn read<R: Record>(series: &Series, range: Range) -> Vec<R> {
    let mut reader = series.read(range);
    let mut all = Vec::new();
    while let Some((exponents, rows)) = reader.next_block().unwrap() {
        assert!(exponents.are_units() && !rows.is_empty());
        all.extend_from_slice(rows);
    }
    all
}

#[test]
fn segments_are_read_in_the_order_of_time_and_within_a_range() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = Catalog::new(directory.path());
    assert!(catalog.series().unwrap().is_empty());
    let rows: Vec<Trade> = (0..20_000).map(trade).collect();
    let key = key(Kind::Trades);
    let (early, late) = rows.split_at(9_000);
    assert!(matches!(write(directory.path(), &key, late), Written::Added(_)));
    assert!(matches!(write(directory.path(), &key, early), Written::Added(_)));
    assert!(matches!(write(directory.path(), &key, early), Written::AlreadyThere(_)));
    assert_eq!(write::<Trade>(directory.path(), &key, &[]), Written::Empty);

    let series = catalog.series().unwrap();
    let [series] = &series[..] else { panic!("{series:?}") };
    assert_eq!((&series.key, series.rows(), series.is_ordered()), (&key, 20_000, true));
    assert_eq!(series.span(), Some((rows[0].received_at, rows[19_999].received_at)));
    assert_eq!(read::<Trade>(series, Range::ALL), rows);
    for (from, to) in [(0, 20_000), (5, 6), (4_095, 4_097), (8_999, 13_000), (7, 7)] {
        let range = Range { from: trade(from).received_at, to: trade(to).received_at };
        let expected = &rows[usize::try_from(from).unwrap()..usize::try_from(to).unwrap()];
        assert_eq!(read::<Trade>(series, range), expected, "{from}..{to}");
    }
}

#[test]
fn disorder_and_overlap_are_kept_and_told() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = Catalog::new(directory.path());
    let rows = [trade(3), trade(1), trade(1), trade(2)];
    write(directory.path(), &key(Kind::Trades), &rows);
    let series = catalog.one(&key(Kind::Trades)).unwrap();
    assert!(!series.is_ordered());
    assert_eq!(read::<Trade>(&series, Range::ALL), rows);
    assert_eq!(series.span(), Some((trade(1).received_at, trade(3).received_at)));

    let other = tempfile::tempdir().unwrap();
    write(other.path(), &key(Kind::Trades), &[trade(1), trade(5)]);
    write(other.path(), &key(Kind::Trades), &[trade(4), trade(6)]);
    assert!(!Catalog::new(other.path()).one(&key(Kind::Trades)).unwrap().is_ordered());
}

#[test]
fn every_kind_is_kept_apart() {
    let directory = tempfile::tempdir().unwrap();
    let symbol = Symbol::new("BTCUSDT").unwrap();
    let minutes = SeriesKey::klines(Market::binance_spot(), symbol, Interval::MINUTE);
    let hours = SeriesKey::klines(Market::binance_spot(), symbol, Interval::HOUR);
    let kline =
        Kline { open: 1, high: 4, low: 1, close: 2, quote_volume: ABSENT, ..Kline::default() };
    let level = LevelChange {
        price: 7,
        flags: LevelFlags::new(true, true).as_last(),
        ..LevelChange::default()
    };
    write(directory.path(), &minutes, &[kline]);
    write(directory.path(), &hours, &[Kline { close: 3, ..kline }]);
    write(directory.path(), &key(Kind::Depth), &[level]);
    let catalog = Catalog::new(directory.path());
    let names: Vec<String> =
        catalog.series().unwrap().iter().map(|series| series.key.kind_name()).collect();
    assert_eq!(names, ["klines-1m", "klines-1h", "depth"]);
    assert_eq!(read::<Kline>(&catalog.one(&hours).unwrap(), Range::ALL)[0].close, 3);
    let level = read::<LevelChange>(&catalog.one(&key(Kind::Depth)).unwrap(), Range::ALL)[0];
    let flags = level.flags;
    assert!(flags.is_ask() && flags.is_last() && flags.is_snapshot() && !flags.is_empty());
    let wrong = catalog.one(&hours).unwrap().read::<Trade>(Range::ALL).next_block().map(|_| ());
    assert!(matches!(wrong, Err(CatalogError::Kind { .. })), "{wrong:?}");
}

#[test]
fn a_damaged_file_is_named_and_never_read_as_something_else() {
    let directory = tempfile::tempdir().unwrap();
    let rows: Vec<Trade> = (0..90).map(|second| trade(second * second % 991)).collect();
    write(directory.path(), &key(Kind::Trades), &rows);
    let catalog = Catalog::new(directory.path());
    let path = catalog.one(&key(Kind::Trades)).unwrap().segments[0].0.clone();
    let good = std::fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&path, &bytes).unwrap();
        let Ok(series) = catalog.one(&key(Kind::Trades)) else { continue };
        let mut reader = series.read::<Trade>(Range::ALL);
        let mut read = Vec::new();
        let end = loop {
            match reader.next_block() {
                Ok(Some((_, rows))) => read.extend_from_slice(rows),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        assert!(end.is_err(), "byte {at} changed and nobody saw it");
        assert!(rows.starts_with(&read));
    }
    for length in [0, 7, 35, good.len() / 2, good.len() - 1] {
        std::fs::write(&path, &good[..length]).unwrap();
        let error = catalog.series().unwrap_err();
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn an_unfinished_segment_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = Catalog::new(directory.path());
    let mut writer = catalog.write(key(Kind::Trades), Exponents::UNITS).unwrap();
    writer.push(trade(1)).unwrap();
    drop(writer);
    assert!(catalog.series().unwrap().is_empty());
    let path = directory.path().join(key(Kind::Trades).directory());
    assert_eq!(std::fs::read_dir(path).unwrap().count(), 0);
}

#[test]
fn equal_rows_have_equal_digests() {
    let digest = |rows: &[Trade]| -> SegmentInfo {
        let directory = tempfile::tempdir().unwrap();
        let written = write(directory.path(), &key(Kind::Trades), rows);
        let Written::Added(info) = written else { panic!("{written:?}") };
        info
    };
    let rows = [trade(1), trade(2)];
    assert_eq!(digest(&rows), digest(&rows));
    assert_ne!(digest(&rows).digest, digest(&[trade(1), trade(3)]).digest);
}
