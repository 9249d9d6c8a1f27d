use std::path::Path;

use model::{Amount, Quantity, Side, Timestamp, TradeId};
use tickwright_store::SourceError;
use tickwright_store::archive::{AggregateTrade, AggregateTrades, Klines, Trades};
use zip::CompressionMethod;

use crate::{gzip, shared, zip};

fn written(bytes: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

const AGGREGATES: &str = "\
184359103,122335.79000000,0.00084000,243254795,243254804,1759536000061015,False,True
184359104,122336.26000000,0.00005000,243254805,243254805,1759536000061016,True,True
";

#[test]
fn a_file_reads_the_same_in_every_wrapping() {
    #[track_caller]
    fn check(bytes: &[u8]) {
        let file = written(bytes);
        let rows: Vec<AggregateTrade> =
            AggregateTrades::open(file.path()).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(rows.len(), 2);
        let expected = AggregateTrade {
            id: 184_359_104,
            price: "122336.26".parse().unwrap(),
            quantity: "0.00005".parse().unwrap(),
            first: TradeId(243_254_805),
            last: TradeId(243_254_805),
            event_at: Timestamp::from_micros(1_759_536_000_061_016),
            aggressor: Side::Sell,
        };
        assert_eq!((rows[1], rows[0].aggressor), (expected, Side::Buy));
    }
    check(AGGREGATES.as_bytes());
    check(AGGREGATES.replace('\n', "\r\n").as_bytes());
    check(AGGREGATES.trim_end().as_bytes());
    check(&gzip(AGGREGATES.as_bytes()));
    check(&[gzip(&AGGREGATES.as_bytes()[..90]), gzip(&AGGREGATES.as_bytes()[90..])].concat());
    check(&zip(&[("a.csv", AGGREGATES)], CompressionMethod::Deflated));
    check(&zip(&[("a.csv", AGGREGATES)], CompressionMethod::Stored));
    let header =
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker,x\n";
    check(format!("{header}{AGGREGATES}").as_bytes());
    check(format!("\u{feff}{header}\n{AGGREGATES}\n\n").as_bytes());
}

#[test]
fn trades_of_every_tool_are_the_same() {
    #[track_caller]
    fn check(text: &str) {
        let file = written(text.as_bytes());
        let rows: Vec<_> = Trades::open(file.path()).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 2, "{text}");
        assert_eq!(rows[0].id, TradeId(7));
        assert_eq!(rows.clone().map_aggressors(), [Side::Sell, Side::Buy], "{text}");
        assert_eq!(rows[1].event_at, Timestamp::from_millis(1_570_752_011_621), "{text}");
        assert_eq!(rows[1].quantity, "54".parse().unwrap());
    }
    check(
        "7,0.00141342,23,0.03250866,1570752011620,true,true\n\
         8,0.00141266,54,0.07628364,1570752011621,false,true\n",
    );
    check("7,0.00141342,23,0.0325,1570752011620,True\n8,0.00141266,54,0.0762,1570752011621,False");
    check(
        "id,price,qty,quote_qty,time,is_buyer_maker\n\
         7,0.00141342,23,0.0325,1570752011620000,1\n8,0.00141266,54,0.0762,1570752011621000,0\n",
    );
    check(
        "timestamp_ms,id,side,price,amount\n\
         1570752011620,7,sell,0.00141342,23\n1570752011621,8,buy,0.00141266,54\n",
    );
}

trait Aggressors {
    fn map_aggressors(self) -> Vec<Side>;
}

impl Aggressors for Vec<tickwright_store::archive::ArchiveTrade> {
    fn map_aggressors(self) -> Vec<Side> {
        self.into_iter().map(|trade| trade.aggressor).collect()
    }
}

#[test]
fn klines_have_six_columns_or_twelve() {
    let long_line = "1769904000000,10.1130,10.1300,10.1090,10.1280,38521,1769904059999,389800.3310,\
                1077,28754,290983.0070,0";
    let short =
        "open_time_ms,open,high,low,close,volume\n1769904000000,10.113,10.13,10.109,10.128,38521";
    let read = |text: &str| {
        let file = written(text.as_bytes());
        Klines::open(file.path()).unwrap().map(Result::unwrap).collect::<Vec<_>>()
    };
    let (long, short) = (read(long_line)[0], read(short)[0]);
    assert_eq!(long.quote_volume, Some("389800.331".parse().unwrap()));
    assert_eq!(long.trade_count, Some(1_077));
    assert_eq!(long.taker_buy_volume, Some("28754".parse().unwrap()));
    assert_eq!(long.close_at, Some(Timestamp::from_millis(1_769_904_059_999)));
    assert_eq!((short.quote_volume, short.trade_count, short.close_at), (None, None, None));
    let tools =
        long_line.replace("389800.3310", "3.89800331E+5").replace("290983.0070", "2.90983007e5");
    assert_eq!(read(&tools)[0], long, "a tool's exponents say the same");
    assert_eq!((short.open, short.close, short.volume), (long.open, long.close, long.volume));
    assert_eq!(short.open_at, long.open_at);
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    #[track_caller]
    fn check(bytes: &[u8], good: usize, says: &str) {
        let file = written(bytes);
        let mut read = 0;
        let errors: Vec<String> = match AggregateTrades::open(file.path()) {
            Ok(rows) => rows
                .filter_map(|row| row.map(|_| read += 1).err().map(|error| error.to_string()))
                .collect(),
            Err(error) => vec![error.to_string()],
        };
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].contains(says), "{errors:?}");
        assert!(errors[0].contains(file.path().to_str().unwrap()), "{errors:?}");
        assert_eq!(read, good, "{errors:?}");
    }
    let with = |line: &str| format!("{AGGREGATES}{line}\n{AGGREGATES}").into_bytes();
    check(&with("1,2,3,4,5,six,True,True"), 4, "line 3: `six` is no unix time");
    check(&with("1,2,3,4,5,6,True"), 4, "line 3: 8 columns are expected");
    check(&with("1,2,3,4,5,6,True,True,True"), 4, "line 3: 8 columns are expected");
    check(&with("1,x,3,4,5,6,True,True"), 4, "line 3: price `x`: not a decimal number");
    check(&with("1,2,3,4,5,6,maybe,True"), 4, "line 3: `maybe` says neither");
    check(b"open,high\n1,2\n", 0, "line 1: the header has no column for aggtradeid");
    check(b"1,2,3\n1,2,3\n", 0, "line 1: the line has no column for firsttradeid");
    check(b"\xff\xfe\n", 0, "line 1: not UTF-8");
    let two = [("a.csv", AGGREGATES), ("b.csv", AGGREGATES)];
    check(&zip(&two, CompressionMethod::Deflated), 0, "holds 2 files");
    let mut spoilt = zip(&[("a.csv", AGGREGATES)], CompressionMethod::Stored);
    let place = spoilt.windows(4).position(|bytes| bytes == b"2335").unwrap();
    spoilt[place] = b'3';
    check(&spoilt, 2, "checksum");
    let cut = gzip(AGGREGATES.repeat(2_000).as_bytes());
    let file = written(&cut[..cut.len() / 2]);
    let last = AggregateTrades::open(file.path()).unwrap().last().unwrap();
    assert!(matches!(last, Err(SourceError::CutOff { line, .. }) if line > 100), "{last:?}");
    let missing = AggregateTrades::open(Path::new("/nowhere/a.csv")).unwrap_err();
    assert!(missing.to_string().starts_with("/nowhere/a.csv: "), "{missing}");
}

#[test]
fn the_exchanges_own_aggregates_add_up() {
    let Some(path) = shared("BTCUSDC-aggTrades-2025-10-04.zip") else { return };
    let (mut rows, mut trades, mut volume, mut quote) = (0, 0, Quantity::ZERO, Amount::ZERO);
    let mut last: Option<AggregateTrade> = None;
    for row in AggregateTrades::open(&path).unwrap() {
        let row = row.unwrap();
        rows += 1;
        trades += row.last.0 - row.first.0 + 1;
        volume = volume.checked_add(row.quantity).unwrap();
        quote += Amount::notional(row.price, row.quantity).unwrap();
        if let Some(last) = last.replace(row) {
            assert_eq!((row.id, row.first.0), (last.id + 1, last.last.0 + 1));
            assert!(row.event_at >= last.event_at);
        }
    }
    assert_eq!((rows, trades), (140_489, 312_350));
    assert_eq!(volume, "1987.53046".parse().unwrap());
    assert_eq!(quote, "242792588.9564777".parse().unwrap());
}

#[test]
fn every_real_kline_file_is_read_whole() {
    #[track_caller]
    fn check(file: &str, count: usize, minute: i64) {
        let Some(path) = shared(file) else { return };
        let rows: Vec<_> = Klines::open(&path).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.len(), count, "{file}");
        for row in &rows {
            assert!(row.low <= row.open && row.open <= row.high, "{file}: {row:?}");
            assert!(row.low <= row.close && row.close <= row.high, "{file}: {row:?}");
            assert_eq!(row.open_at.as_millis() % (minute * 60_000), 0, "{file}: {row:?}");
        }
    }
    check("kl1m_BTCUSDT_2021-04-02_2021-05-14.csv.gz", 61_272, 1);
    check("kl1m_ETHUSDT_2021-04-02_2021-05-14.csv.gz", 61_273, 1);
    check("kl1m_BTCUSDT_2024-07-26_2024-08-25.csv.gz", 43_209, 1);
    check("kl1m_ETHUSDT_2024-07-26_2024-08-25.csv.gz", 43_208, 1);
    check("kl1m_BTCUSDT_2019-11-15_2019-12-15.csv.gz", 43_200, 1);
    check("kl1h_BTCUSDT_2017-08-17_2024-04-21.csv.gz", 58_419, 60);
    check("kl1m_usdm_LINKUSDT_2026-02.csv.gz", 40_320, 1);
    check("kl1m_usdm_AVAXUSDT_2026-02.csv.gz", 40_320, 1);
}

#[test]
fn real_trades_are_read_whole() {
    let Some(path) = shared("trades_binance_spot_XRPETH_2019-10-11_13.csv.gz") else { return };
    let rows: Vec<_> = Trades::open(&path).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 12_477);
    assert!(rows.windows(2).all(|pair| pair[1].id.0 == pair[0].id.0 + 1));
    assert_eq!(rows[0].aggressor, Side::Sell);
}
