//! Tables out of the catalog and back into one, and what is computed from them.

#![allow(clippy::unwrap_used, reason = "every line of it is a test")]

use std::path::PathBuf;

use model::Interval;
use store::catalog::{Catalog, Range};
use tickwright_data::Meter;
use tickwright_data::analyze::{Analysis, AnalyzeOptions, analyze, write_table};
use tickwright_data::export::export;
use tickwright_data::import::{ImportOptions, import};
use tickwright_data::table::Format;

/// Some trades in microseconds, one of them received later, as the venue's file has them.
fn trades_file(directory: &std::path::Path) -> PathBuf {
    let mut text = String::new();
    for id in 0..5_000_i64 {
        let at = 1_735_689_600_000_000 + id * 250_000 + id * id % 1_000;
        let price = 9_400_000 + (id * 7919) % 1_000;
        let maker = id % 3 == 0;
        text.push_str(&format!(
            "{id},{}.{:02},0.{:05},9.4,{at},{maker},true\n",
            price / 100,
            price % 100,
            id % 99_999 + 1
        ));
    }
    let path = directory.join("BTCUSDT-trades-2025-01-01.csv");
    std::fs::write(&path, text).unwrap();
    path
}

fn klines_file(directory: &std::path::Path) -> PathBuf {
    let mut text = String::new();
    for minute in 0..500_i64 {
        let at = 1_735_689_600_000_000 + minute * 60_000_000;
        let close = 100 + minute % 7;
        let volume = 12_000_000_000_000_i64 + minute;
        text.push_str(&format!(
            "{at},100,110,90,{close},{volume}.5,{},1200000000,{minute},6,600,0\n",
            at + 59_999_999
        ));
    }
    let path = directory.join("PEPEUSDT-1m-2025-01-01.csv");
    std::fs::write(&path, text).unwrap();
    path
}

fn import_into(catalog: &Catalog, files: &[PathBuf]) {
    for report in import(catalog, files, &ImportOptions::default(), 2, &Meter::default()) {
        assert!(report.is_complete() && report.adds_up(), "{report:#?}");
    }
}

/// What a backtest reads directly and what an import takes: the same rows, by the same rules.
#[test]
fn the_direct_reader_and_the_import_take_the_same_rows() {
    #[track_caller]
    fn check(row: &str, is_taken: bool) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("BTCUSDT-trades.csv");
        let first = "1,100.5,1.5,150.75,1700000001000,true";
        let text = format!("id,price,qty,quote_qty,time_ms,is_buyer_maker\n{first}\n{row}\n");
        std::fs::write(&path, text).unwrap();
        let catalog = Catalog::new(&directory.path().join("catalog"));
        let paths = std::slice::from_ref(&path);
        let reports = import(&catalog, paths, &ImportOptions::default(), 1, &Meter::default());
        assert_eq!((reports[0].kept, reports[0].refused == 0), (1 + u64::from(is_taken), is_taken));
        let direct: Vec<_> = store::archive::Trades::open(&path).unwrap().collect();
        assert_eq!(direct.len(), 2, "{row}");
        assert_eq!(direct[1].is_ok(), is_taken, "{row}: {:?}", direct[1]);
    }
    check("2,100.5,1.5,150.75,1700000002000,false", true);
    check("2,1.005e2,1e-8,150.75,1700000002000,SELL", true);
    check("2,100.5,1.5,150.75,1700000002000,b", true);
    for price in ["0", "-5", "NaN", "inf", "", "+100.5", "0x10", "1e-9", "100.500000000000000001"] {
        check(&format!("2,{price},1.5,150.75,1700000002000,true"), false);
    }
    for quantity in ["0", "-1", "0.000000001"] {
        check(&format!("2,100.5,{quantity},150.75,1700000002000,true"), false);
    }
    for (at, maker) in [("", "true"), ("-5", "true"), ("1700000002000", "yes")] {
        check(&format!("2,100.5,1.5,150.75,{at},{maker}"), false);
    }
    check("x,100.5,1.5,150.75,1700000002000,true", false);
    check("2,100.5,1.5,150.75,1700000002000", false);
}

#[test]
fn what_is_exported_comes_back_as_it_was() {
    for format in [Format::Csv, Format::Json, Format::Parquet] {
        let directory = tempfile::tempdir().unwrap();
        let catalog = Catalog::new(&directory.path().join("one"));
        import_into(&catalog, &[trades_file(directory.path()), klines_file(directory.path())]);
        let series = catalog.series().unwrap();
        // Twelve trillion do not fit at eight decimals.
        assert_eq!(
            series.iter().map(|one| one.segments[0].1.exponents.quantity).collect::<Vec<_>>(),
            [-8, -4]
        );
        let exported = export(&series, directory.path(), format, Range::ALL, 2, &Meter::default());
        for one in &exported {
            assert_eq!(one.error, None);
        }
        let files: Vec<PathBuf> = exported.iter().map(|one| one.file.clone()).collect();
        let other = Catalog::new(&directory.path().join("two"));
        import_into(&other, &files);
        let digests = |catalog: &Catalog| -> Vec<String> {
            catalog.series().unwrap().iter().map(|one| one.digest()).collect()
        };
        assert_eq!(digests(&catalog), digests(&other), "{format:?}");
    }
}

/// The last value of a column, computed naively over all closes.
fn naive(closes: &[f64], analysis: &Analysis) {
    #[track_caller]
    fn near(found: Option<f64>, expected: f64) {
        let found = found.unwrap();
        assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{found}, {expected}");
    }
    let mean = |count: usize| closes[closes.len() - count..].iter().sum::<f64>() / count as f64;
    let last = &analysis.last;
    near(last.sma_5, mean(5));
    near(last.sma_10, mean(10));
    near(last.sma_20, mean(20));
    near(last.sma_30, mean(30));
    near(last.roc_10, closes[closes.len() - 1] / closes[closes.len() - 11] - 1.0);
    let returns: Vec<f64> = closes.windows(2).map(|pair| (pair[1] / pair[0]).ln()).collect();
    let tail = &returns[returns.len() - 20..];
    let average = tail.iter().sum::<f64>() / 20.0;
    let squares: f64 = tail.iter().map(|value| (value - average).powi(2)).sum();
    near(last.volatility_20, (squares / 19.0).sqrt());
}

#[test]
fn indicators_agree_with_their_definitions() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = Catalog::new(&directory.path().join("catalog"));
    import_into(&catalog, &[klines_file(directory.path())]);
    let bars = directory.path().join("bars");
    std::fs::create_dir(&bars).unwrap();
    let options =
        AnalyzeOptions { interval: Interval::MINUTE, bars: Some((bars.clone(), Format::Csv)) };
    let analyses = analyze(&catalog.series().unwrap(), &options, 2, &Meter::default());
    let [analysis] = &analyses[..] else { panic!("{analyses:?}") };
    assert_eq!((analysis.bars, analysis.error.as_deref()), (500, None));
    assert_eq!(analysis.trades, (0..500).sum::<u64>());
    let closes: Vec<f64> = (0..500).map(|minute| f64::from(100 + minute % 7)).collect();
    naive(&closes, analysis);
    assert_eq!(analysis.evenness.linear, Some(1.0));
    assert_eq!(analysis.evenness.continuity, Some(1.0));
    let text = std::fs::read_to_string(bars.join("binance-spot-PEPEUSDT-klines-1m.csv")).unwrap();
    assert_eq!(text.lines().count(), 501);
    assert!(text.starts_with("open_at,close,sma_5,"), "{text:.99}");
    for format in [Format::Csv, Format::Json, Format::Parquet] {
        let path = directory.path().join(format!("summary.{}", format.extension()));
        write_table(&path, format, &analyses).unwrap();
        assert!(path.metadata().unwrap().len() > 100);
    }
}
