//! A recorded run, fed to bare machines again.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use kernel::replay::{DifferenceKind, Machine};
use kernel::strategy::{
    Context, Requirements, SetupError, Strategy, StrategyEntry, StrategyResult, StrategySetup,
};
use model::{OrderEvent, Trade};
use serde_json::Value;
use tickwright::commands::replay::replay;

use crate::support::{Desk, Signal, Venue, Within};

fn recorded_on_paper(venue: &Venue) -> Desk {
    let desk = Desk::public(venue).set("mode=paper").set("paper.maker_fee=0.0002");
    desk.with_busy_strategies().set("recording.enabled=true")
}

fn recorded() -> Desk {
    Desk::embedded(60).with_busy_strategies().set("recording.enabled=true")
}

/// Runs until so many fills, and gives the recording.
fn run(desk: &Desk, fills: usize, end: impl FnOnce(&mut crate::support::Engine)) -> PathBuf {
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(fills, |_| true);
    end(&mut engine);
    PathBuf::from(engine.events("recording.started")[0]["directory"].as_str().unwrap())
}

#[test]
fn a_recorded_run_comes_out_the_same_to_every_effect_and_state() {
    check_all_the_same(&recorded());
}

#[test]
fn a_recorded_paper_run_comes_out_the_same_with_its_venue() {
    let venue = Venue::start(1);
    check_all_the_same(&recorded_on_paper(&venue));
}

/// Every request of this session is signed; the replay has no key.
#[test]
fn a_recorded_run_with_a_key_that_signs_each_request_comes_out_the_same() {
    let venue = Venue::start(1);
    for desk in [Desk::with_hmac_key(&venue), Desk::with_rsa_key(&venue)] {
        check_all_the_same(&desk.with_busy_strategies().set("recording.enabled=true"));
    }
}

#[track_caller]
fn check_all_the_same(desk: &Desk) {
    let directory = run(desk, 40, |engine| engine.stop());
    let (code, out, errors) = desk.command_with_settings(&["replay", "--json"]);
    assert_eq!((code, errors.as_str()), (0, ""), "{out}");
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&told["difference"], &told["ending"]), (&Value::Null, &"complete".into()));
    let machines = told["machines"].as_array().unwrap();
    let names: Vec<&str> = machines.iter().map(|it| it["machine"].as_str().unwrap()).collect();
    let expected = ["feed", "risk", "execution", "venue", "strategy grid", "strategy market_maker"];
    assert_eq!(names, expected);
    assert_eq!(told["not_checked"], serde_json::json!([]));
    for machine in machines {
        assert!(machine["inputs"].as_u64().unwrap() > 100, "{machine}");
        assert!(machine["states"].as_u64().unwrap() > 0, "{machine}");
    }
    eprintln!("{told:#}");
    // The text for people says it too.
    let (code, out, _) = desk.command_with_settings(&["replay", directory.to_str().unwrap()]);
    assert!(code == 0 && out.contains("all the same"), "{out}");
}

#[test]
fn a_recording_of_a_killed_run_is_replayed_as_far_as_it_goes() {
    let desk = recorded();
    run(&desk, 10, |engine| {
        // What was written is handed over every second.
        engine.wait_for_many(4, "engine.heartbeat", |_| true, Within::secs(30));
        engine.signal(Signal::Kill);
        assert_eq!(engine.exit(Within::secs(10)), None);
    });
    let (code, out, _) = desk.command_with_settings(&["replay", "--json"]);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &told["ending"]), (0, &"cut_off".into()), "{told}");
    assert!(told["inputs"].as_u64().unwrap() > 100, "{told}");
}

/// Changes the number after `what` in the first input of the venue that has it, after `skipped` of
/// them. Gives its place among all inputs, from 1.
fn change_input(directory: &Path, what: &str, skipped: usize) -> u64 {
    let path = directory.join("inputs.jsonl.gz");
    let text = decompressed(&path);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let is_meant = |line: &String| line.contains("\"input\":{\"venue\":") && line.contains(what);
    let found = lines.iter().enumerate().filter(|(_, line)| is_meant(line)).nth(skipped);
    let index = found.expect("an input like that").0;
    let number = lines[index].find(what).unwrap() + what.len();
    lines[index].insert(number, '9');
    compress(&path, &(lines.join("\n") + "\n"));
    index as u64
}

#[track_caller]
fn check_the_venue_is_named(desk: &Desk, input: u64) {
    let (code, out, _) = desk.command_with_settings(&["replay", "--json"]);
    let told: Value = serde_json::from_str(&out).unwrap();
    let found = &told["difference"];
    assert_eq!((code, &found["machine"], &found["input"]), (5, &"venue".into(), &input.into()));
}

#[test]
fn a_number_that_the_session_reads_differently_is_named() {
    let desk = recorded();
    let directory = run(&desk, 10, |engine| engine.stop());
    // The venue's number of an order, in a report.
    let changed = change_input(&directory, "\\\"i\\\":", 5);
    check_the_venue_is_named(&desk, changed);
    let inputs = decompressed(&directory.join("inputs.jsonl.gz"));
    assert!(inputs.contains("apiKey\\\":\\\"***\\\""), "the answer to the log on tells the key");
}

#[test]
fn a_market_event_that_paper_s_venue_did_not_see_is_named() {
    let venue = Venue::start(1);
    let desk = recorded_on_paper(&venue);
    let directory = run(&desk, 10, |engine| engine.stop());
    let changed = change_input(&directory, "{\"market\":", 50);
    check_the_venue_is_named(&desk, changed);
}

fn decompressed(path: &Path) -> String {
    let mut text = String::new();
    let file = std::fs::File::open(path).unwrap();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    text
}

fn compress(path: &Path, text: &str) {
    let file = std::fs::File::create(path).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap();
}

/// Changes a digit of the price of the last trade at or before the middle of the frames. Gives
/// the number of the frame, from 1.
fn flip(directory: &Path) -> usize {
    let files = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    let mut frames: Vec<PathBuf> =
        files.filter(|path| path.to_str().unwrap().contains("frames-")).collect();
    assert_eq!(frames.len(), 1, "a short run has one file: {frames:?}");
    let path = frames.pop().unwrap();
    let text = decompressed(&path);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let middle = lines.len() / 2;
    let index = (0..middle).rev().find(|index| lines[*index].contains("@trade")).unwrap();
    let price = lines[index].find("\"p\":\"").unwrap() + "\"p\":\"".len();
    let digit = lines[index].as_bytes()[price];
    let other = if digit == b'1' { "2" } else { "1" };
    lines[index].replace_range(price..=price, other);
    compress(&path, &(lines.join("\n") + "\n"));
    index + 1
}

/// The place among all inputs of a frame, from 1.
fn input_of_frame(directory: &Path, frame: usize) -> u64 {
    let inputs = decompressed(&directory.join("inputs.jsonl.gz"));
    let is_frame =
        |line: &str| line.contains("{\"feed\":{\"frame\":") && !line.contains("\"text\"");
    let mut frames = inputs.lines().enumerate().filter(|(_, line)| is_frame(line));
    // The first line is what the run began with.
    frames.nth(frame - 1).unwrap().0 as u64
}

#[test]
fn a_flipped_digit_and_a_changed_strategy_are_found_at_the_first_input_that_differs() {
    let desk = recorded();
    let directory = run(&desk, 20, |engine| engine.stop());

    let config = desk.config(mutants());
    let changed = replay(&directory, &config, mutants()).unwrap().difference.unwrap();
    assert!(matches!(changed.machine, Machine::Strategy(_)), "{changed}");
    assert_eq!(changed.kind, DifferenceKind::Effects, "{changed}");
    // The machine is the original's until its first own order event, which it does not hear.
    assert!(changed.input.contains("Order"), "{changed:?}");

    let frame = flip(&directory);
    let expected = input_of_frame(&directory, frame);
    let config = desk.config(tickwright::STRATEGIES);
    let flipped = replay(&directory, &config, tickwright::STRATEGIES).unwrap().difference.unwrap();
    assert_eq!((flipped.number, flipped.machine), (expected, Machine::Feed), "{flipped}");
    let (code, out, _) = desk.command_with_settings(&["replay"]);
    assert!(code == 5 && out.contains(&format!("DIFFERS at input {expected}")), "{out}");

    // With other settings it is another run.
    let (code, _, errors) =
        desk.command_with_settings(&["replay", "--set", "risk.daily_loss=1999"]);
    assert!(code == 2 && errors.contains("recorded with other settings"), "{errors}");
    assert!(errors.contains("risk.daily_loss is `1999`, in the run `"), "{errors}");
    // What no effect depends on may be set otherwise: it gets as far as the frame.
    let cosmetic = ["replay", "--set", "logs.level=warn", "--set", "shutdown.drain_timeout_ms=1"];
    let (code, out, errors) = desk.command_with_settings(&cosmetic);
    assert!(code == 5 && out.contains(&format!("DIFFERS at input {expected}")), "{out}{errors}");
}

#[test]
fn without_a_recording_it_says_what_it_cannot_check() {
    let desk = Desk::embedded(10).with_busy_strategies();
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.stop();
    let (code, out, _) = desk.command_with_settings(&["replay", "--json"]);
    let told: Value = serde_json::from_str(&out).unwrap();
    let unchecked =
        ["feed", "risk", "execution", "venue", "strategy grid", "strategy market_maker"];
    assert_eq!((code, &told["not_checked"]), (5, &serde_json::json!(unchecked)));
    assert!(told["journals"][0]["records"].as_u64().unwrap() > 0, "{told}");
}

/// The built-in grid, deaf to what becomes of its orders.
struct Deaf(Box<dyn Strategy>);

impl Strategy for Deaf {
    fn requirements(&self) -> Requirements {
        self.0.requirements()
    }

    fn on_start(&mut self, context: &mut Context<'_>) -> StrategyResult {
        self.0.on_start(context)
    }

    fn on_trade(&mut self, context: &mut Context<'_>, trade: &Trade) -> StrategyResult {
        self.0.on_trade(context, trade)
    }

    fn on_timer(&mut self, context: &mut Context<'_>, timer: u32) -> StrategyResult {
        self.0.on_timer(context, timer)
    }

    fn on_order(&mut self, context: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        context.note(format!("not heard: {}", event.order));
        Ok(())
    }

    fn snapshot(&self) -> Option<Value> {
        self.0.snapshot()
    }
}

fn deaf_grid(setup: &StrategySetup<'_>) -> Result<Box<dyn Strategy>, SetupError> {
    let grid = tickwright::STRATEGIES.iter().find(|entry| entry.kind() == "grid").unwrap();
    Ok(Box::new(Deaf((grid.build)(setup)?)))
}

/// The built-in strategies, one of them changed.
fn mutants() -> &'static [StrategyEntry] {
    let change = |entry: &StrategyEntry| match entry.kind() {
        "grid" => StrategyEntry { build: deaf_grid, ..*entry },
        _ => *entry,
    };
    tickwright::STRATEGIES.iter().map(change).collect::<Vec<_>>().leak()
}
