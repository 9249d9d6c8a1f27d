//! Downloads from a server on this machine that stalls, fails and breaks off.

#![allow(clippy::unwrap_used, reason = "every line of it is a test")]

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::{Interval, Symbol, Timestamp};
use sha2::{Digest as _, Sha256};
use tickwright_data::Meter;
use tickwright_data::fetch::{FetchOptions, Fetched, Outcome, Way, What, fetch};
use transport::Dialer;

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// No answer.
    Stall,
    /// This status.
    Status(u16),
    /// Half of the body.
    BreakOff,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    /// Faults of the next requests whose path ends so.
    faults: Vec<(&'static str, VecDeque<Fault>)>,
    /// Paths, with the first byte that was asked for.
    asked: Vec<(String, Option<u64>)>,
    gives_parts: bool,
}

/// A server of files and of two REST questions.
struct Server {
    url: String,
    state: Arc<Mutex<State>>,
    busiest: Arc<AtomicUsize>,
}

impl Server {
    fn start(state: State) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(state));
        let busiest = Arc::new(AtomicUsize::new(0));
        let busy = Arc::new(AtomicUsize::new(0));
        let (shared, most) = (Arc::clone(&state), Arc::clone(&busiest));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (state, busy, most) =
                    (Arc::clone(&shared), Arc::clone(&busy), Arc::clone(&most));
                std::thread::spawn(move || {
                    // A client that is gone is no failure of the server.
                    let _ = serve(&stream.unwrap(), &state, &busy, &most);
                });
            }
        });
        Self { url, state, busiest }
    }

    fn asked(&self, ending: &str) -> Vec<Option<u64>> {
        let state = self.state.lock().unwrap();
        let asked = state.asked.iter().filter(|(path, _)| path.ends_with(ending));
        asked.map(|(_, first)| *first).collect()
    }
}

fn serve(
    stream: &TcpStream,
    state: &Mutex<State>,
    busy: &AtomicUsize,
    most: &AtomicUsize,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    loop {
        let mut request = String::new();
        if lines.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let mut first = None;
        loop {
            let mut header = String::new();
            lines.read_line(&mut header)?;
            if header == "\r\n" {
                break;
            }
            let lower = header.to_ascii_lowercase();
            if let Some(range) = lower.strip_prefix("range: bytes=") {
                first = range.split('-').next().and_then(|first| first.parse().ok());
            }
        }
        let now = busy.fetch_add(1, Ordering::SeqCst) + 1;
        most.fetch_max(now, Ordering::SeqCst);
        let path = request.split(' ').nth(1).unwrap().to_owned();
        let (mut answer, fault) = respond(&path, first, &mut state.lock().unwrap());
        std::thread::sleep(Duration::from_millis(5));
        match fault {
            // The client gives it up long before it ends here.
            Some(Fault::Stall) => {
                busy.fetch_sub(1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_secs(3));
                return Ok(());
            }
            Some(Fault::BreakOff) => answer.truncate(answer.len() / 2),
            Some(Fault::Status(_)) | None => {}
        }
        // Before the answer: with it the client may ask the next question at once.
        busy.fetch_sub(1, Ordering::SeqCst);
        (&*stream).write_all(&answer)?;
        if fault.is_some() {
            return stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

fn respond(path: &str, first: Option<u64>, state: &mut State) -> (Vec<u8>, Option<Fault>) {
    state.asked.push((path.to_owned(), first));
    let faults = state.faults.iter_mut().find(|(ending, _)| path.ends_with(ending));
    let fault = faults.and_then(|(_, faults)| faults.pop_front());
    if let Some(Fault::Status(status)) = fault {
        let head = format!("HTTP/1.1 {status} X\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n");
        return (head.into_bytes(), fault);
    }
    if path.starts_with("/api/") {
        let body = rest(path);
        let head = format!(
            "HTTP/1.1 200 OK\r\nx-mbx-used-weight-1m: 7\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        return ([head.into_bytes(), body.into_bytes()].concat(), fault);
    }
    let Some(file) = state.files.get(path) else {
        return (b"HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n".to_vec(), fault);
    };
    let answer = match first.filter(|_| state.gives_parts && !path.ends_with("CHECKSUM")) {
        Some(first) if first >= file.len() as u64 => {
            b"HTTP/1.1 416 X\r\ncontent-length: 0\r\n\r\n".to_vec()
        }
        Some(first) => {
            let start = usize::try_from(first).unwrap();
            let end = (start + (4 << 20)).min(file.len());
            let (total, last) = (file.len(), end - 1);
            let head = format!(
                "HTTP/1.1 206 X\r\ncontent-range: bytes {start}-{last}/{total}\r\ncontent-length: {}\r\n\r\n",
                end - start
            );
            [head.as_bytes(), &file[start..end]].concat()
        }
        None => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", file.len());
            [head.as_bytes(), file].concat()
        }
    };
    (answer, fault)
}

/// What was traded: a kline a minute, and seven aggregates a second, on 2024-01-01.
const START_MS: i64 = 1_704_067_200_000;
const NOW_MS: i64 = START_MS + 90 * 60_000 + 30_000;

fn rest(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let value = |key: &str| -> Option<i64> {
        let pair = query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
        pair.and_then(|value| value.parse().ok())
    };
    let limit = usize::try_from(value("limit").unwrap_or(500)).unwrap();
    match path {
        "/api/v3/time" => format!(r#"{{"serverTime":{NOW_MS}}}"#),
        "/api/v3/klines" => {
            let (from, to) = (value("startTime").unwrap(), value("endTime").unwrap().min(NOW_MS));
            let opens =
                (0..).map(|minute| START_MS + minute * 60_000).skip_while(|open| *open < from);
            let rows: Vec<String> = opens
                .take_while(|open| *open <= to)
                .take(limit)
                .map(|open| {
                    let close = open + 59_999;
                    format!(r#"[{open},"1.0","2.0","0.5","1.5","10.0",{close},"15.0",420,"5.0","7.5","0"]"#)
                })
                .collect();
            format!("[{}]", rows.join(","))
        }
        "/api/v3/aggTrades" => {
            let at = |id: i64| START_MS + id * 1_000 / 7;
            let last = (NOW_MS - START_MS) * 7 / 1_000;
            let ids: Vec<i64> = match value("fromId") {
                Some(id) => (id..=last).take(limit).collect(),
                None => {
                    let (from, to) = (value("startTime").unwrap(), value("endTime").unwrap());
                    let is_within = |id: &i64| (from..=to).contains(&at(*id));
                    (0..=last).filter(is_within).take(limit).collect()
                }
            };
            let row = |id: &i64| {
                format!(
                    r#"{{"a":{id},"p":"1.5","q":"0.1","f":{id},"l":{id},"T":{},"m":false,"M":true}}"#,
                    at(*id)
                )
            };
            format!("[{}]", ids.iter().map(row).collect::<Vec<_>>().join(","))
        }
        other => panic!("{other}"),
    }
}

fn options(server: &Server, directory: &std::path::Path, way: Way) -> FetchOptions {
    let date = |text| tickwright_data::date::parse(text).unwrap();
    FetchOptions {
        symbols: vec![Symbol::new("ABCUSDT").unwrap()],
        what: vec![What::Klines(Interval::MINUTE)],
        from: date("2024-01-01"),
        to: date("2024-01-05"),
        way,
        rest_url: server.url.clone(),
        archive_url: server.url.clone(),
        directory: directory.to_owned(),
        concurrency: 2,
        timeout: Duration::from_secs(1),
        retries: 4,
        first_pause: Duration::from_millis(10),
    }
}

fn run(options: &FetchOptions) -> Vec<Fetched> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let now = Timestamp::from_secs(1_800_000_000);
    let began = std::time::Instant::now();
    let clock = Arc::new(move || now.after(began.elapsed()));
    runtime.block_on(fetch(Dialer::tcp(None), options, clock, &Meter::default()))
}

fn content(seed: u8, length: usize) -> Vec<u8> {
    (0..length).map(|place| seed ^ u8::try_from(place * 31 % 251).unwrap()).collect()
}

fn day_path(day: u32) -> String {
    format!("/data/spot/daily/klines/ABCUSDT/1m/ABCUSDT-1m-2024-01-{day:02}.zip")
}

/// Four days, of which the second is nine megabytes; the fourth is not there.
fn archive() -> State {
    let mut files = BTreeMap::new();
    for day in 1..=3_u8 {
        let content = content(day, if day == 2 { 9 << 20 } else { 5_000 });
        let sum: String =
            Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        let path = day_path(u32::from(day));
        files.insert(format!("{path}.CHECKSUM"), format!("{sum}  name.zip\n").into_bytes());
        files.insert(path, content);
    }
    State { files, gives_parts: true, ..State::default() }
}

fn outcomes(results: &[Fetched]) -> Vec<(&str, &Outcome)> {
    results.iter().map(|one| (one.name.as_str(), &one.outcome)).collect()
}

#[test]
fn archive_files_come_whole_whatever_goes_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let mut state = archive();
    state.faults = vec![
        ("01-01.zip.CHECKSUM", [Fault::Status(503)].into()),
        ("01-01.zip", [Fault::Stall, Fault::Status(500)].into()),
        ("01-02.zip", [Fault::BreakOff, Fault::BreakOff, Fault::Status(429)].into()),
    ];
    let server = Server::start(state);
    let options = options(&server, directory.path(), Way::Archive);
    let results = run(&options);
    let sizes: Vec<_> = outcomes(&results);
    assert_eq!(
        sizes,
        [
            ("ABCUSDT-1m-2024-01-01.zip", &Outcome::Fetched { bytes: 5_000 }),
            ("ABCUSDT-1m-2024-01-02.zip", &Outcome::Fetched { bytes: 9 << 20 }),
            ("ABCUSDT-1m-2024-01-03.zip", &Outcome::Fetched { bytes: 5_000 }),
            ("ABCUSDT-1m-2024-01-04.zip", &Outcome::Absent),
        ]
    );
    assert_eq!(std::fs::read(&results[1].path).unwrap(), content(2, 9 << 20));
    assert!(server.busiest.load(Ordering::SeqCst) <= 2, "never more at once than told");
    let before = server.asked(".zip").len();
    let again = run(&options);
    assert!(again[..3].iter().all(|one| one.outcome == Outcome::AlreadyThere), "{again:?}");
    assert_eq!(server.asked(".zip").len(), before, "what is there is not asked for again");
}

#[test]
fn a_download_goes_on_where_it_ended() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(archive());
    let part = directory.path().join("archive/ABCUSDT-1m-2024-01-02.zip.part");
    std::fs::create_dir_all(part.parent().unwrap()).unwrap();
    std::fs::write(&part, &content(2, 9 << 20)[..5_000_000]).unwrap();
    let results = run(&options(&server, directory.path(), Way::Archive));
    assert_eq!(results[1].outcome, Outcome::Fetched { bytes: 9 << 20 });
    assert_eq!(server.asked("01-02.zip"), [Some(5_000_000), Some(5_000_000 + (4 << 20))]);
    assert!(!part.exists());

    // What was there is of another version: once more from the beginning.
    let other = tempfile::tempdir().unwrap();
    let part = other.path().join("archive/ABCUSDT-1m-2024-01-03.zip.part");
    std::fs::create_dir_all(part.parent().unwrap()).unwrap();
    std::fs::write(&part, [7; 3_000]).unwrap();
    let results = run(&options(&server, other.path(), Way::Archive));
    assert_eq!(results[2].outcome, Outcome::Fetched { bytes: 5_000 });
}

#[test]
fn what_its_checksum_denies_is_not_taken() {
    let directory = tempfile::tempdir().unwrap();
    let mut state = archive();
    state.gives_parts = false;
    state.files.insert(day_path(1), content(9, 5_000));
    let server = Server::start(state);
    let results = run(&options(&server, directory.path(), Way::Archive));
    let Outcome::Failed { reason, is_unreachable: false } = &results[0].outcome else {
        panic!("{results:?}")
    };
    assert!(reason.contains("checksum"), "{reason}");
    assert!(!results[0].path.exists());
    assert_eq!(results[1].outcome, Outcome::Fetched { bytes: 9 << 20 }, "in one piece");
}

#[test]
fn a_month_that_is_not_there_is_asked_for_by_days() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(archive());
    let mut options = options(&server, directory.path(), Way::Archive);
    options.to = tickwright_data::date::parse("2024-02-01").unwrap();
    let results = run(&options);
    assert_eq!(results.len(), 31);
    let fetched = results.iter().filter(|one| matches!(one.outcome, Outcome::Fetched { .. }));
    assert_eq!(fetched.count(), 3);
    assert_eq!(server.asked("monthly/klines/ABCUSDT/1m/ABCUSDT-1m-2024-01.zip.CHECKSUM").len(), 1);
}

#[test]
fn nobody_there_is_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(archive());
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut options = options(&server, directory.path(), Way::Rest);
    (options.rest_url, options.retries) = (format!("http://{closed}"), 1);
    let results = run(&options);
    let is_unreachable =
        |one: &Fetched| matches!(one.outcome, Outcome::Failed { is_unreachable: true, .. });
    assert!(results.len() == 1 && is_unreachable(&results[0]), "{results:?}");
}

#[test]
fn rest_pages_make_whole_files() {
    let directory = tempfile::tempdir().unwrap();
    let faults =
        vec![("limit=1000", [Fault::Status(429), Fault::BreakOff, Fault::Status(502)].into())];
    let state = State { faults, ..State::default() };
    let server = Server::start(state);
    let mut options = options(&server, directory.path(), Way::Rest);
    options.what.push(What::AggTrades);
    let results = run(&options);
    assert_eq!(results.len(), 2, "{results:?}");
    let read = |place: usize| std::fs::read_to_string(&results[place].path).unwrap();
    let klines = read(0);
    assert_eq!(klines.lines().count(), 90, "the minute that is not over is left out");
    assert!(
        klines.starts_with("1704067200000,1.0,2.0,0.5,1.5,10.0,1704067259999,15.0,420,5.0,7.5,0\n")
    );
    let trades = read(1);
    let ids: Vec<i64> =
        trades.lines().map(|line| line.split(',').next().unwrap().parse().unwrap()).collect();
    let expected: Vec<i64> = (0..(NOW_MS - START_MS) * 7 / 1_000).collect();
    assert_eq!(ids, expected);
}
