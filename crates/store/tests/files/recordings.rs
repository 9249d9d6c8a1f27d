use std::path::Path;
use std::time::Duration;

use model::Timestamp;
use tickwright_store::SourceError;
use tickwright_store::recordings::{
    LineKind, RecordedLine, RecordingReader, RecordingWriter, Rotation,
};

use crate::shared;

fn frame(number: u64) -> String {
    format!(r#"{{"stream":"btcusdt@trade","data":{{"t":{number},"p":"61837.63000000"}}}}"#)
}

fn midnight() -> Timestamp {
    Timestamp::from_secs(1_723_161_600)
}

fn read(path: &Path) -> Vec<RecordedLine> {
    RecordingReader::open(path).unwrap().collect::<Result<_, _>>().unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_was_written_is_read_back_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = RecordingWriter::create(dir.path(), "spot", Rotation::default()).unwrap();
    let at = midnight().after(Duration::from_nanos(1_234_567));
    let url = "https://venue/api/v3/depth?symbol=BTCUSDT&limit=1000";
    let mut expected = Vec::new();
    for number in 0..3_000 {
        let at = at.after(Duration::from_millis(number));
        if number % 1_000 == 500 {
            let text = r#"{"lastUpdateId":1,"bids":[],"asks":[]}"#.to_owned();
            writer.write_answer(at, url, &text).unwrap();
            let kind = LineKind::Answer { url: Some(url.to_owned()) };
            expected.push(RecordedLine { received_at: at, kind, text });
        } else {
            writer.write_frame(at, &frame(number)).unwrap();
            let (kind, text) = (LineKind::Frame, frame(number));
            expected.push(RecordedLine { received_at: at, kind, text });
        }
    }
    writer.finish().unwrap();
    assert_eq!(names(dir.path()), ["spot-2024-08-09.txt.gz"]);
    assert_eq!(read(&dir.path().join("spot-2024-08-09.txt.gz")), expected);
}

#[test]
fn files_turn_at_midnight_and_past_their_size_and_are_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let rotation = Rotation { max_bytes: 200 };
    let before = midnight().before(Duration::from_secs(1));
    let mut writer = RecordingWriter::create(dir.path(), "spot", rotation).unwrap();
    writer.write_frame(before, &frame(1)).unwrap();
    for number in 2..6 {
        writer.write_frame(midnight(), &frame(number)).unwrap();
    }
    // A clock that steps back begins no file of the day before.
    writer.write_frame(before, &frame(6)).unwrap();
    drop(writer);
    let mut writer = RecordingWriter::create(dir.path(), "spot", rotation).unwrap();
    writer.write_frame(midnight(), &frame(7)).unwrap();
    drop(writer);
    let expected = [
        ("spot-2024-08-08.txt.gz", vec![1]),
        ("spot-2024-08-09.2.txt.gz", vec![5, 6]),
        ("spot-2024-08-09.3.txt.gz", vec![7]),
        ("spot-2024-08-09.txt.gz", vec![2, 3, 4]),
    ];
    assert_eq!(names(dir.path()), expected.each_ref().map(|(name, _)| *name));
    for (name, numbers) in expected {
        let texts: Vec<_> =
            read(&dir.path().join(name)).into_iter().map(|line| line.text).collect();
        assert_eq!(texts, numbers.into_iter().map(frame).collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn what_was_flushed_survives_a_cut() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = RecordingWriter::create(dir.path(), "spot", Rotation::default()).unwrap();
    for number in 0..100 {
        writer.write_frame(midnight(), &frame(number)).unwrap();
    }
    writer.flush().unwrap();
    let path = dir.path().join("spot-2024-08-09.txt.gz");
    let lines: Vec<_> = RecordingReader::open(&path).unwrap().collect();
    assert_eq!(lines.len(), 101);
    assert!(lines[..100].iter().all(Result::is_ok));
    assert!(matches!(lines[100], Err(SourceError::CutOff { line: 100, .. })), "{:?}", lines[100]);
}

#[test]
fn connections_are_marked_and_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer =
        RecordingWriter::create(directory.path(), "spot", Rotation::default()).unwrap();
    writer.write_connection(midnight(), "wss://venue/stream?streams=a").unwrap();
    writer.write_frame(midnight(), &frame(1)).unwrap();
    writer.sync().unwrap();
    // Readable before the end, as after a power cut.
    let mut reader = RecordingReader::open(&writer.files()[0]).unwrap();
    assert_eq!(reader.next().unwrap().unwrap().text, frame(1));
    assert_eq!((reader.passed_over(), reader.line_number()), (1, 2));
    assert!(matches!(reader.next(), Some(Err(SourceError::CutOff { .. }))));
    writer.finish().unwrap();
    assert_eq!(read(&writer.files()[0]).len(), 1);
}

#[test]
fn a_text_of_two_lines_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = RecordingWriter::create(dir.path(), "spot", Rotation::default()).unwrap();
    for text in ["{}\n{}", "{}\r"] {
        let error = writer.write_frame(midnight(), text).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
    drop(writer);
    assert!(names(dir.path()).is_empty());
}

#[test]
fn a_bad_line_is_named_and_reading_goes_on() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = format!("1723161253937085768 {}\n\nnonsense\n1723161253937085769 {{}}\n", frame(1));
    std::fs::write(file.path(), text).unwrap();
    let lines: Vec<_> = RecordingReader::open(file.path()).unwrap().collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0].as_ref().unwrap().kind, LineKind::Frame);
    let malformed = matches!(lines[1], Err(SourceError::Malformed { line: 3, .. }));
    assert!(malformed, "{:?}", lines[1]);
    assert_eq!(lines[2].as_ref().unwrap().kind, LineKind::Answer { url: None });
}

#[test]
fn real_captures_are_read_whole() {
    #[track_caller]
    fn check(file: &str, frames: usize, answers: &[usize]) {
        let Some(path) = shared(file) else { return };
        let lines = read(&path);
        let is_answer = |line: &RecordedLine| line.kind != LineKind::Frame;
        let found: Vec<usize> = (1..)
            .zip(&lines)
            .filter(|(_, line)| is_answer(line))
            .map(|(number, _)| number)
            .collect();
        assert_eq!(found, answers, "{file}");
        assert_eq!(lines.len() - answers.len(), frames, "{file}");
        for line in &lines {
            serde_json::from_str::<serde::de::IgnoredAny>(&line.text).unwrap();
        }
    }
    check("ws_binance_spot_BTCUSDT_20240808.gz", 41_248, &[8]);
    check("ws_binance_spot_ETHUSDT_20240808.gz", 33_617, &[6]);
}

#[test]
fn captures_of_another_recorder_are_read_whole() {
    #[track_caller]
    fn check(file: &str, frames: usize, answers: usize, url: &str) {
        let Some(path) = shared(file) else { return };
        let lines = read(&path);
        let (answered, framed): (Vec<_>, Vec<_>) =
            lines.iter().partition(|line| matches!(line.kind, LineKind::Answer { .. }));
        assert_eq!((framed.len(), answered.len()), (frames, answers), "{file}");
        for line in answered {
            let LineKind::Answer { url: Some(found) } = &line.kind else { panic!("{line:?}") };
            assert!(found.starts_with(url), "{found}");
        }
    }
    check("cryptofeed_binance_spot_ws.txt.gz", 265, 0, "");
    let api = "https://api.binance.com/api/v3/";
    check("cryptofeed_binance_spot_rest_depth.txt.gz", 0, 4, api);
    check("cryptofeed_binance_spot_exchangeInfo.txt.gz", 0, 1, api);
}
