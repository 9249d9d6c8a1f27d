//! Every recorded file beside the workspace is imported, and nothing of it is lost.

#![allow(clippy::unwrap_used, reason = "every line of it is a test")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use model::Symbol;
use store::catalog::{
    AggTrade, Catalog, Exponents, Kind, Kline, Market, Range, Series, SeriesKey, Source,
};
use tickwright_data::Meter;
use tickwright_data::analyze::{AnalyzeOptions, analyze};
use tickwright_data::import::{FileReport, ImportOptions, import};
use tickwright_data::verify::{Defect, SeriesCheck, mend, to_html, verify, verify_one};

/// The directory of recorded files, if it is there.
#[expect(clippy::explicit_write, reason = "the test harness would keep what eprintln says")]
fn shared() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if path.exists() {
        return Some(path);
    }
    writeln!(std::io::stderr(), "SKIPPED: {} is not there", path.display()).unwrap();
    None
}

fn import_all(catalog: &Catalog, directory: &Path) -> BTreeMap<String, FileReport> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension != "md"));
    let meter = Meter::default();
    let reports = import(catalog, &paths, &ImportOptions::default(), 2, &meter);
    assert_eq!(
        reports.iter().map(|report| &report.file).collect::<Vec<_>>(),
        paths.iter().collect::<Vec<_>>()
    );
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    reports.into_iter().map(|report| (name(&report.file), report)).collect()
}

/// File, records, rows, series as `symbol kind`, and what was passed over.
type Expected<'a> = (&'a str, u64, u64, &'a [&'a str], &'a [(&'a str, u64)]);

#[test]
fn every_file_is_imported_and_adds_up() {
    let Some(directory) = shared() else { return };
    let root = tempfile::tempdir().unwrap();
    let catalog = Catalog::new(root.path());
    let mut reports = import_all(&catalog, &directory);
    for report in reports.values() {
        assert!(report.adds_up() && report.is_complete(), "{report:#?}");
    }
    let expected: &[Expected<'_>] = &[
        ("BTCUSDC-aggTrades-2025-10-04.zip", 140_489, 140_489, &["BTCUSDC agg_trades"], &[]),
        ("kl1h_BTCUSDT_2017-08-17_2024-04-21.csv.gz", 58_419, 58_419, &["BTCUSDT klines-1h"], &[]),
        ("kl1m_BTCUSDT_2019-11-15_2019-12-15.csv.gz", 43_200, 43_200, &["BTCUSDT klines-1m"], &[]),
        ("kl1m_BTCUSDT_2021-04-02_2021-05-14.csv.gz", 61_272, 61_272, &["BTCUSDT klines-1m"], &[]),
        ("kl1m_BTCUSDT_2024-07-26_2024-08-25.csv.gz", 43_209, 43_209, &["BTCUSDT klines-1m"], &[]),
        ("kl1m_ETHUSDT_2021-04-02_2021-05-14.csv.gz", 61_273, 61_273, &["ETHUSDT klines-1m"], &[]),
        ("kl1m_ETHUSDT_2024-07-26_2024-08-25.csv.gz", 43_208, 43_208, &["ETHUSDT klines-1m"], &[]),
        ("kl1m_usdm_AVAXUSDT_2026-02.csv.gz", 40_320, 40_320, &["AVAXUSDT klines-1m"], &[]),
        ("kl1m_usdm_LINKUSDT_2026-02.csv.gz", 40_320, 40_320, &["LINKUSDT klines-1m"], &[]),
        (
            "trades_binance_spot_XRPETH_2019-10-11_13.csv.gz",
            12_477,
            12_477,
            &["XRPETH trades"],
            &[],
        ),
    ];
    for (name, records, rows, series, passed_over) in expected {
        let report = reports.remove(*name).unwrap();
        assert_eq!((report.records, report.rows()), (*records, *rows), "{name}");
        check_series(&report, series);
        let passed: Vec<(&str, u64)> =
            report.passed_over.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
        assert_eq!(passed, *passed_over, "{name}");
    }
    // Captures: messages of each kind as the index of the files counts them.
    let btc = &reports["ws_binance_spot_BTCUSDT_20240808.gz"];
    assert_eq!(btc.records, 41_248 + 1);
    check_series(btc, &["BTCUSDT depth", "BTCUSDT quotes", "BTCUSDT trades"]);
    assert_eq!((rows(btc, Kind::Trades), rows(btc, Kind::Quotes)), (9_757, 28_040));
    let eth = &reports["ws_binance_spot_ETHUSDT_20240808.gz"];
    assert_eq!(eth.records, 33_617 + 1);
    assert_eq!((rows(eth, Kind::Trades), rows(eth, Kind::Quotes)), (6_106, 24_077));
    let usdm: u64 = ["0718", "0719"]
        .iter()
        .map(|day| &reports[&format!("ws_binance_usdm_BTCUSDT_2024{day}.gz")])
        .map(|report| {
            assert!(report.series.iter().all(|series| series.key.market == Market::binance_usdm()));
            report.records
        })
        .sum();
    assert_eq!(usdm, 11_414 + 60_570);
    let info = &reports["cryptofeed_binance_spot_exchangeInfo.txt.gz"];
    assert!(info.instruments > 1_000, "{info:#?}");
    let instruments = catalog.instruments(&Market::binance_spot()).unwrap();
    assert!(instruments.iter().any(|one| one.symbol.as_str() == "BTCUSDT"));
    let snapshots = &reports["cryptofeed_binance_spot_rest_depth.txt.gz"];
    assert_eq!((snapshots.kept, snapshots.series.len()), (4, 4));
    let streams = &reports["cryptofeed_binance_spot_ws.txt.gz"];
    let about_itself = streams.passed_over["lines of the recorder about itself"];
    assert_eq!(streams.records - about_itself, 265);
}

#[track_caller]
fn check_series(report: &FileReport, expected: &[&str]) {
    let name = |key: &SeriesKey| format!("{} {}", key.symbol, key.kind_name());
    let mut found: Vec<String> = report.series.iter().map(|series| name(&series.key)).collect();
    found.sort();
    assert_eq!(found, expected, "{}", report.file.display());
}

fn rows(report: &FileReport, kind: Kind) -> u64 {
    report.series.iter().filter(|series| series.key.kind == kind).map(|series| series.rows).sum()
}

#[test]
fn a_second_import_adds_nothing() {
    let Some(directory) = shared() else { return };
    let root = tempfile::tempdir().unwrap();
    let catalog = Catalog::new(root.path());
    let path = directory.join("BTCUSDC-aggTrades-2025-10-04.zip");
    let options = ImportOptions::default();
    let once = || import(&catalog, std::slice::from_ref(&path), &options, 1, &Meter::default());
    assert!(!once()[0].series[0].was_there);
    assert!(once()[0].series[0].was_there);
    let series = catalog.series().unwrap();
    assert_eq!((series.len(), series[0].segments.len(), series[0].rows()), (1, 1, 140_489));
}

#[test]
fn the_archives_own_totals_are_there() {
    let Some(directory) = shared() else { return };
    let root = tempfile::tempdir().unwrap();
    let catalog = Catalog::new(root.path());
    let path = directory.join("BTCUSDC-aggTrades-2025-10-04.zip");
    drop(import(&catalog, &[path], &ImportOptions::default(), 1, &Meter::default()));
    let symbol = Symbol::new("BTCUSDC").unwrap();
    let key = SeriesKey::new(Market::binance_spot(), symbol, Kind::AggTrades);
    let mut reader = catalog.one(&key).unwrap().read::<AggTrade>(Range::ALL);
    let (mut trades, mut base, mut quote) = (0, 0, 0_i128);
    while let Some((exponents, rows)) = reader.next_block().unwrap() {
        assert_eq!(exponents, Exponents::UNITS);
        for row in rows {
            trades += row.last_trade_id - row.first_trade_id + 1;
            base += row.quantity;
            quote += i128::from(row.price) * i128::from(row.quantity);
        }
    }
    assert_eq!((trades, base), (312_350, 198_753_046_000));
    // 242792588.9564777
    assert_eq!(quote, 2_427_925_889_564_777_000_000_000);
}

fn check_of(catalog: &Catalog, symbol: &str, kind: &str) -> SeriesCheck {
    let series = catalog.series().unwrap();
    let is_it = |one: &&Series| {
        one.key.symbol.as_str() == symbol
            && one.key.kind_name() == kind
            && one.key.market == Market::binance_spot()
    };
    verify_one(series.iter().find(is_it).unwrap(), &Meter::default())
}

fn import_one(catalog: &Catalog, directory: &Path, file: &str) {
    let reports =
        import(catalog, &[directory.join(file)], &ImportOptions::default(), 1, &Meter::default());
    assert!(reports[0].is_complete(), "{:#?}", reports[0]);
}

/// The stretches of a defect, as `from .. to (count)`.
fn stretches(check: &SeriesCheck, defect: Defect) -> Vec<String> {
    let findings = check.findings.findings.iter().filter(|one| one.defect == defect);
    let minute = |at: model::Timestamp| at.to_string()[..16].to_owned();
    findings
        .map(|one| format!("{} .. {} ({})", minute(one.from), minute(one.to), one.count))
        .collect()
}

#[test]
fn the_doubled_minutes_of_2019_are_found_and_mended() {
    let Some(directory) = shared() else { return };
    let root = tempfile::tempdir().unwrap();
    let catalog = Catalog::new(root.path());
    import_one(&catalog, &directory, "kl1m_BTCUSDT_2019-11-15_2019-12-15.csv.gz");
    let check = check_of(&catalog, "BTCUSDT", "klines-1m");
    assert_eq!(check.findings.count(Defect::Duplicate), 120);
    assert_eq!(
        stretches(&check, Defect::Duplicate),
        ["2019-11-25T05:41 .. 2019-11-25T07:40 (120)"]
    );
    assert_eq!(stretches(&check, Defect::Gap), ["2019-11-25T02:00 .. 2019-11-25T04:00 (120)"]);
    assert!(!check.is_sound());
    let series = catalog.series().unwrap();
    let mended = mend(&catalog, &series[0]).unwrap();
    assert_eq!((mended.rows_before, mended.rows_after), (43_200, 43_080));
    assert!(mended.replaced.iter().all(|path| path.exists()));
    let check = check_of(&catalog, "BTCUSDT", "klines-1m");
    assert!(check.is_sound(), "{:?}", check.findings.counts);
    assert_eq!((check.rows, check.segments), (43_080, 1));
    // Mended once, there is nothing to mend.
    let again = mend(&catalog, &catalog.series().unwrap()[0]).unwrap();
    assert_eq!((again.rows_after, again.replaced.len()), (43_080, 0));
}

#[test]
fn the_outages_of_april_2021_are_named() {
    let Some(directory) = shared() else { return };
    for symbol in ["BTCUSDT", "ETHUSDT"] {
        let root = tempfile::tempdir().unwrap();
        let catalog = Catalog::new(root.path());
        import_one(&catalog, &directory, &format!("kl1m_{symbol}_2021-04-02_2021-05-14.csv.gz"));
        let check = check_of(&catalog, symbol, "klines-1m");
        let gaps = stretches(&check, Defect::Gap);
        assert!(check.is_sound(), "{symbol}: {:?}", check.findings.counts);
        let expected = [
            "2021-04-20T02:00 .. 2021-04-20T04:30 (150)",
            "2021-04-25T04:01 .. 2021-04-25T08:45 (284)",
        ];
        assert_eq!(gaps, expected, "{symbol}");
    }
}

#[test]
fn the_long_history_has_its_28_outages() {
    let Some(directory) = shared() else { return };
    let root = tempfile::tempdir().unwrap();
    let catalog = Catalog::new(root.path());
    import_one(&catalog, &directory, "kl1h_BTCUSDT_2017-08-17_2024-04-21.csv.gz");
    let check = check_of(&catalog, "BTCUSDT", "klines-1h");
    assert_eq!(check.findings.stretches[&Defect::Gap], 28);
    assert_eq!(check.findings.count(Defect::ZeroVolume), 4);
    let longest = check.findings.findings.iter().max_by_key(|one| one.count).unwrap();
    assert_eq!(
        (longest.defect, longest.from.utc_day().to_string()[..10].to_owned()),
        (Defect::Gap, "2018-02-08".to_owned())
    );
}

#[test]
fn files_without_defects_have_none_and_overlaps_are_mended() {
    let Some(directory) = shared() else { return };
    let root = tempfile::tempdir().unwrap();
    let catalog = Catalog::new(root.path());
    for file in [
        "BTCUSDC-aggTrades-2025-10-04.zip",
        "trades_binance_spot_XRPETH_2019-10-11_13.csv.gz",
        "kl1m_BTCUSDT_2024-07-26_2024-08-25.csv.gz",
        "ws_binance_spot_BTCUSDT_20240808.gz",
        "ws_binance_usdm_BTCUSDT_20240718.gz",
        "ws_binance_usdm_BTCUSDT_20240719.gz",
    ] {
        import_one(&catalog, &directory, file);
    }
    let series = catalog.series().unwrap();
    let checks = verify(&series, 2, &Meter::default());
    for check in &checks {
        assert!(check.is_sound(), "{}: {:?}", check.key, check.findings.findings);
        assert_eq!(
            check.findings.count(Defect::Gap),
            0,
            "{}: {:?}",
            check.key,
            check.findings.findings
        );
    }
    let page = to_html(&checks);
    assert!(page.matches("<svg").count() == checks.len() && !page.contains("http"), "{page}");

    // The same days again, cut otherwise: all of the overlap is doubled, and goes.
    let mut all = catalog.series().unwrap().into_iter();
    let minutes = all.find(|one| one.key.kind_name() == "klines-1m").unwrap();
    let mut reader = minutes.read::<Kline>(Range::ALL);
    let mut writer = catalog.write::<Kline>(minutes.key.clone(), Exponents::UNITS).unwrap();
    let mut row = 0;
    while let Some((_, rows)) = reader.next_block().unwrap() {
        for kline in rows {
            row += 1;
            if (5_000..15_000).contains(&row) {
                writer.push(*kline).unwrap();
            }
        }
    }
    writer.finish(Source::default()).unwrap();
    let doubled = check_of(&catalog, "BTCUSDT", "klines-1m");
    assert_eq!(doubled.findings.count(Defect::Duplicate), 10_000);
    assert_eq!(stretches(&doubled, Defect::Duplicate).len(), 1);
    let mended = mend(&catalog, &catalog.one(&minutes.key).unwrap()).unwrap();
    assert_eq!((mended.rows_before, mended.rows_after), (53_209, 43_209));
    assert!(check_of(&catalog, "BTCUSDT", "klines-1m").is_sound());
}

#[test]
fn minutes_built_from_the_aggregates_match_the_days_totals() {
    let Some(directory) = shared() else { return };
    let root = tempfile::tempdir().unwrap();
    let catalog = Catalog::new(root.path());
    import_one(&catalog, &directory, "BTCUSDC-aggTrades-2025-10-04.zip");
    let options = AnalyzeOptions { interval: model::Interval::MINUTE, bars: None };
    let analyses = analyze(&catalog.series().unwrap(), &options, 1, &Meter::default());
    let [analysis] = &analyses[..] else { panic!("{analyses:?}") };
    assert_eq!(analysis.error, None);
    assert_eq!((analysis.rows, analysis.bars, analysis.late_trades), (140_489, 1_440, 0));
    assert_eq!((analysis.trades, analysis.volume.as_str()), (312_350, "1987.53046"));
}
