//! The feed protocol: what is asked for, and what frames become.

#![allow(clippy::unwrap_used, reason = "a test stops where its input is not as expected")]

use kernel::feed::{DecodeError, FeedMessage, FeedProtocol, Stream, StreamKind};
use model::{
    Contract, Filters, Instrument, InstrumentId, InstrumentStatus, Instruments, Interval, Side,
    Timestamp,
};
use tickwright_binance::{BinanceFeed, EndpointUrls};

fn instruments(symbols: &[&str]) -> Instruments {
    let mut instruments = Instruments::new();
    for symbol in symbols {
        instruments.add(Instrument {
            id: InstrumentId(0),
            venue: "test".parse().unwrap(),
            symbol: symbol.parse().unwrap(),
            base: "BTC".parse().unwrap(),
            quote: "USDT".parse().unwrap(),
            base_decimals: 8,
            quote_decimals: 8,
            contract: Contract::Spot,
            features: model::Features::ALL,
            status: InstrumentStatus::Trading,
            filters: Filters::default(),
        });
    }
    instruments
}

fn feed() -> BinanceFeed {
    let urls = EndpointUrls::new("http://rest", "ws://streams", "ws://api");
    BinanceFeed::new(urls, &instruments(&["BTCUSDT", "ETHUSDT"]), 1_000)
}

const BITCOIN: InstrumentId = InstrumentId(0);
const ETHER: InstrumentId = InstrumentId(1);
const NOW: Timestamp = Timestamp::from_nanos(77);

#[test]
fn streams_are_subscribed_by_name() {
    let streams = [
        Stream { instrument: BITCOIN, kind: StreamKind::Trade },
        Stream { instrument: ETHER, kind: StreamKind::Quote },
        Stream { instrument: ETHER, kind: StreamKind::Depth },
        Stream { instrument: BITCOIN, kind: StreamKind::Bar(Interval::MINUTE) },
    ];
    assert_eq!(feed().url(&streams), "ws://streams/stream");
    assert_eq!(
        feed().subscribe(&streams, 5),
        ["{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@trade\",\"ethusdt@bookTicker\",\
          \"ethusdt@depth@100ms\",\"btcusdt@kline_1m\"],\"id\":5}"]
    );
    let many = vec![streams[0]; 250];
    let requests = feed().subscribe(&many, 7);
    assert_eq!(requests.len(), 3);
    assert!(requests[2].ends_with("\"id\":9}"), "{}", requests[2]);
}

#[test]
fn frames_become_messages() {
    let read = |text: &str| feed().decode(text, NOW);
    let FeedMessage::Trade(trade) = read(
        r#"{"stream":"ethusdt@trade","data":{"e":"trade","E":1723161255343,"s":"ETHUSDT","t":3,"p":"2600.5","q":"0.02","T":1723161255342,"m":true,"M":true}}"#,
    )
    .unwrap() else {
        panic!("no trade");
    };
    assert_eq!((trade.instrument, trade.aggressor), (ETHER, Side::Sell));
    assert_eq!(trade.event_at, Timestamp::from_millis(1_723_161_255_342));
    assert_eq!(trade.received_at, NOW);
    assert_eq!(trade.price, "2600.5".parse().unwrap());

    let kline = r#"{"e":"kline","E":1672515782136,"s":"BTCUSDT","k":{"t":1672515780000,"T":1672515839999,"s":"BTCUSDT","i":"1m","f":100,"L":200,"o":"10","c":"20","h":"25","l":"10","v":"1000","n":100,"x":true,"q":"1.0","V":"500","Q":"0.5","B":"1"}}"#;
    let FeedMessage::Bar { bar, is_closed: true } = read(kline).unwrap() else {
        panic!("no closed bar");
    };
    assert_eq!(bar.close_at(), Timestamp::from_millis(1_672_515_840_000));

    assert_eq!(read(r#"{"result":null,"id":9}"#), Ok(FeedMessage::ControlDone { id: 9 }));
    for refusal in [
        r#"{"code":2,"msg":"Invalid request","id":9}"#,
        r#"{"error":{"code":2,"msg":"Invalid request"},"id":9}"#,
    ] {
        let FeedMessage::ControlRefused(refused) = read(refusal).unwrap() else {
            panic!("no refusal");
        };
        assert_eq!((refused.id, refused.code), (Some(9), 2));
    }
    assert_eq!(
        read(r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}"#),
        Ok(FeedMessage::ShutdownAnnounced)
    );
    // A book with an empty side has no quote.
    assert_eq!(
        read(r#"{"u":1,"s":"BTCUSDT","b":"0.0","B":"0.0","a":"1.0","A":"1.0"}"#),
        Ok(FeedMessage::Ignored)
    );
}

#[test]
fn impossible_frames_are_refused_by_name() {
    #[track_caller]
    fn check(text: &str, words: &str) {
        match feed().decode(text, NOW) {
            Err(DecodeError::Malformed(reason)) => assert!(reason.contains(words), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
    let trade = |price: &str, quantity: &str| {
        format!(
            r#"{{"e":"trade","E":1,"s":"BTCUSDT","t":3,"p":"{price}","q":"{quantity}","T":1,"m":true,"M":true}}"#
        )
    };
    check(&trade("0.00", "1.0"), "price");
    check(&trade("-1.0", "1.0"), "price");
    check(&trade("1.0", "0.0"), "quantity");
    check(&trade("99999999999999999999", "1.0"), "out of range");
    check(&trade("NaN", "1.0"), "decimal");
    check(r#"{"u":1,"s":"BTCUSDT","b":"2.0","B":"1.0","a":"1.0","A":"1.0"}"#, "bid and ask");
    check(r#"{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":5,"u":4,"b":[],"a":[]}"#, "update ids");
    check(
        r#"{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":4,"u":5,"b":[["0.0","1.0"]],"a":[]}"#,
        "level",
    );
    check("{}", "no known key");
    check("", "EOF");
    assert_eq!(
        feed().decode(&trade("1.0", "1.0").replace("BTCUSDT", "DOGEUSDT"), NOW),
        Err(DecodeError::UnknownSymbol("DOGEUSDT".to_owned()))
    );
}

#[test]
fn requests_are_the_documented_ones() {
    let feed = feed();
    assert_eq!(
        feed.snapshot_request(ETHER).url,
        "http://rest/api/v3/depth?symbol=ETHUSDT&limit=1000"
    );
    assert_eq!(
        feed.bars_request(ETHER, Interval::MINUTE, 5_000, Some(Timestamp::from_millis(9))).url,
        "http://rest/api/v3/klines?symbol=ETHUSDT&interval=1m&limit=1000&endTime=9"
    );
    assert_eq!(
        feed.trades_request(BITCOIN, 10).url,
        "http://rest/api/v3/trades?symbol=BTCUSDT&limit=10"
    );
}

#[test]
fn history_is_read() {
    let row = r#"[[1499040000000,"0.01634790","0.80000000","0.01575800","0.01577100","148976.11427815",1499644799999,"2434.19055334",308,"1756.87402397","28.46694368","0"]]"#;
    let bars = feed().decode_bars(BITCOIN, Interval::MINUTE, row.as_bytes(), NOW).unwrap();
    assert_eq!(bars[0].trade_count, 308);
    assert_eq!(bars[0].taker_buy_volume, "1756.87402397".parse().unwrap());
    let rows = r#"[{"id":28457,"price":"4.00000100","qty":"12.00000000","quoteQty":"48.000012","time":1499865549590,"isBuyerMaker":true,"isBestMatch":true}]"#;
    let trades = feed().decode_trades(BITCOIN, rows.as_bytes(), NOW).unwrap();
    assert_eq!(trades[0].id.0, 28_457);
    let body = r#"{"lastUpdateId":160,"bids":[["0.0024","10"]],"asks":[["0.0026","100"]]}"#;
    let snapshot = feed().decode_snapshot(BITCOIN, body.as_bytes(), NOW).unwrap();
    assert!(snapshot.is_snapshot && snapshot.last_update_id == 160);
    assert!(feed().decode_snapshot(BITCOIN, b"<html>", NOW).is_err());
}
