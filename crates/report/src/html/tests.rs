//! Pages as a whole.

use model::{Amount, Asset, Instruments, StrategyId, Timestamp};

use super::render;
use crate::latency::LatencyHistogram;
use crate::metrics::{SampleRule, TradeMethod};
use crate::run::{ModelName, RunIdentity, RunReport, RunReportBuilder, StrategySetup};

const HOSTILE: &str = "</script><script>alert(1)</script>\"'&<img src=x onerror=y>\u{202e}\u{7}";

fn amount(value: f64) -> Amount {
    format!("{value:.4}").parse().unwrap()
}

/// A run of some days with hourly equity, whose every text is hostile.
fn report(days: i64, strategies: usize) -> RunReport {
    let identity = RunIdentity {
        mode: HOSTILE.to_owned(),
        version: HOSTILE.to_owned(),
        seed: Some(7),
        config_hash: Some(HOSTILE.to_owned()),
        data_hash: Some(HOSTILE.to_owned()),
        data: vec![HOSTILE.to_owned()],
        models: vec![ModelName::new(HOSTILE, HOSTILE)],
        warnings: vec![HOSTILE.to_owned()],
        command: Some(HOSTILE.to_owned()),
    };
    let start = Timestamp::from_secs(1_704_067_200);
    let currency = Asset::new("</script><b>\"&'").unwrap();
    let mut builder =
        RunReportBuilder::new(identity, currency, Instruments::new(), start, amount(1e4));
    for number in 0..strategies {
        builder.add_strategy(StrategySetup {
            name: format!("{HOSTILE}{number}"),
            kind: HOSTILE.to_owned(),
            capital: amount(1e3),
            trade_method: TradeMethod::FifoLots,
            parameters: vec![(HOSTILE.to_owned(), HOSTILE.to_owned())],
        });
    }
    for hour in 0..days * 24 {
        let at = Timestamp::from_secs(start.as_secs() + hour * 3_600);
        let equity = amount(1e4 + 300.0 * (hour as f64 / 31.0).sin() + hour as f64);
        builder.push_equity(at, equity);
        builder.push_exposure(at, amount(500.0));
        for number in 0..strategies {
            let id = StrategyId(u16::try_from(number).unwrap());
            builder.push_strategy_equity(id, at, equity).unwrap();
        }
    }
    let mut histogram = LatencyHistogram::new();
    for us in 1..200 {
        histogram.record(std::time::Duration::from_micros(us));
    }
    builder.merge_latency(HOSTILE, &histogram);
    builder.finish(SampleRule::Enforced)
}

#[test]
fn a_page_says_when_equity_was_looked_at() {
    let start = Timestamp::from_secs(1_704_067_200);
    let page = |is_sampled: bool| {
        let identity = RunIdentity::default();
        let currency = Asset::new("USDT").unwrap();
        let mut builder =
            RunReportBuilder::new(identity, currency, Instruments::new(), start, amount(1e4));
        if is_sampled {
            builder.sample_equity();
        }
        for hour in 0..48 {
            let at = Timestamp::from_secs(start.as_secs() + hour * 3_600);
            builder.push_equity(at, amount(1e4 + (hour % 7) as f64));
        }
        render(&builder.finish(SampleRule::Enforced))
    };
    let times = |page: &str| ["every event", "every sample"].map(|text| page.matches(text).count());
    let ([events, none], [no_events, samples]) = (times(&page(false)), times(&page(true)));
    assert!(events > 2 && none == 0, "{events} {none}");
    assert!(samples == events && no_events == 0, "{samples} {no_events}");
}

/// Names of the elements in order, closing ones with a slash. Fails on anything unclosed.
fn check_nesting(page: &str) {
    const VOID: [&str; 3] = ["meta", "br", "!doctype"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let end = rest.find('>').expect("a tag ends");
        let (tag, self_closing) = (&rest[..end], rest[..end].ends_with('/'));
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap_or_default();
        rest = &rest[end + 1..];
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "closed out of order before {:.80}", rest);
        } else if !self_closing && !VOID.contains(&name) {
            open.push(name);
            if name == "script" || name == "style" {
                let close = format!("</{name}>");
                rest = &rest[rest.find(&close).expect("raw text elements are closed")..];
            }
        }
    }
    assert!(open.is_empty(), "never closed: {open:?}");
}

#[test]
fn pages_are_well_formed_and_nothing_becomes_markup() {
    #[track_caller]
    fn check(days: i64, strategies: usize) {
        let page = render(&report(days, strategies));
        check_nesting(&page);
        assert!(!page.contains("alert(1)</script>"), "a script got in");
        assert!(!page.contains("<img"), "an element got in");
        assert!(!page.contains("<b>\""), "an asset's name became markup");
        assert!(!page.contains('\u{202e}') && !page.contains('\u{7}'));
        assert!(!page.contains("NaN") && !page.contains("inf,"), "a coordinate is no number");
    }
    check(0, 0);
    check(1, 1);
    check(100, 3);
    check(800, 20);
}

/// On a narrow page the letters of a wide chart are 23 of its units high, about 13 wide.
#[test]
fn labels_that_stay_on_a_narrow_page_do_not_touch() {
    for days in [1, 2, 9, 40, 100, 400, 800] {
        let page = render(&report(days, 1));
        let chart = &page[page.find(r#"<svg id="equity""#).unwrap()..];
        let chart = &chart[..chart.find("</svg>").unwrap()];
        let number = |text: &str, name: &str| -> f64 {
            let text = &text[text.find(name).unwrap() + name.len()..];
            text[..text.find('"').unwrap()].parse().unwrap()
        };
        let (mut times, mut values): (Vec<(f64, f64)>, Vec<f64>) = (Vec::new(), Vec::new());
        for label in chart.split("<text").skip(1).filter(|text| !text.starts_with(" class")) {
            let (x, y) = (number(label, " x=\""), number(label, " y=\""));
            let text = &label[label.find('>').unwrap() + 1..label.find('<').unwrap()];
            if label.contains("text-anchor") {
                times.push((x, text.chars().count() as f64 * 13.0));
            } else if y > 290.0 {
                values.push(y);
            }
        }
        assert!(times.len() > 1 && values.len() > 1, "{days} days: {times:?} {values:?}");
        let is_apart = |pair: &[(f64, f64)]| pair[1].0 - pair[0].0 >= (pair[0].1 + pair[1].1) / 2.0;
        assert!(times.windows(2).all(is_apart), "{days} days: {times:?}");
        let is_below = |pair: &[f64]| (pair[1] - pair[0]).abs() >= 23.0;
        assert!(values.windows(2).all(is_below), "{days} days: {values:?}");
    }
}

#[test]
fn pages_load_nothing() {
    let page = render(&report(100, 3));
    for word in ["http:", "https:", "src=", "@import", "url(", "href="] {
        let clean = page.replace("<img src=x", "").replace("&lt;img src=x", "");
        assert!(!clean.contains(word), "the page refers to something outside: {word}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    assert_eq!(render(&report(90, 4)), render(&report(90, 4)));
}

#[test]
fn sections_appear_with_their_data() {
    #[track_caller]
    fn check(days: i64, strategies: usize, title: &str, expected: bool) {
        assert_eq!(render(&report(days, strategies)).contains(title), expected, "{title}");
    }
    check(1, 1, "<h2>Equity and drawdown</h2>", true);
    check(1, 0, "<h2>Strategies</h2>", false);
    check(1, 1, "<h2>Strategies</h2>", true);
    check(20, 1, "<h2>Monthly returns</h2>", false);
    check(100, 1, "<h2>Monthly returns</h2>", true);
    check(100, 1, "of the last 30 days", true);
    check(500, 1, "of the last 90 days", true);
    check(20, 1, "other definitions", false);
    check(100, 1, "other definitions", true);
}

#[test]
fn charts_say_in_words_what_they_show() {
    let page = render(&report(100, 1));
    let charts = page.matches(r#"role="img" aria-labelledby"#).count();
    assert!(charts >= 4);
    assert_eq!(page.matches("<desc ").count(), charts);
}
