//! What listens, given the bytes of a connection.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actors::api::{ApiListener, ApiSources, ReadToken, Recent, starting};
use actors::control::{Answering, ControlAnswer, ControlRequest, ControlSocket, SOCKET};
use exchange::server::listener::Listener;
use exchange::{ExchangeConfig, ExchangeHandle, MarketConfig};
use model::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

use super::{NOW, market};

/// Connections that are made of inputs.
struct Inputs(mpsc::UnboundedReceiver<DuplexStream>);

const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

impl Listener for Inputs {
    type Io = DuplexStream;

    async fn accept(&mut self) -> std::io::Result<(DuplexStream, SocketAddr)> {
        match self.0.recv().await {
            Some(stream) => Ok((stream, LOCAL)),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(LOCAL)
    }
}

/// An exchange with its server.
struct Served {
    runtime: Runtime,
    _exchange: ExchangeHandle,
    connections: mpsc::UnboundedSender<DuplexStream>,
    wall: Arc<AtomicI64>,
    inputs: u32,
}

impl Served {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime without a network");
        let (connections, waiting) = mpsc::unbounded_channel();
        let wall = Arc::new(AtomicI64::new(NOW.as_nanos()));
        let clock = Arc::clone(&wall);
        let config = ExchangeConfig {
            market: MarketConfig::Synthetic(market()),
            ..ExchangeConfig::default()
        };
        let exchange = {
            let _guard = runtime.enter();
            let clock = move || Timestamp::from_nanos(clock.load(Ordering::Relaxed));
            exchange::serve(config, Inputs(waiting), Arc::new(clock)).expect("it starts")
        };
        Self { runtime, _exchange: exchange, connections, wall, inputs: 0 }
    }

    /// One connection, from the first byte to the end of what is answered. `ends`: after the bytes
    /// there is nothing more to read for the server, which then may end it without an answer.
    fn connection(&mut self, bytes: &[u8], ends: bool) -> Vec<u8> {
        const PATIENCE: Duration = Duration::from_secs(5);
        self.wall.fetch_add(50_000_000, Ordering::Relaxed);
        self.inputs += 1;
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        self.connections.send(theirs).expect("the exchange is there");
        self.runtime.block_on(async {
            let (mut reading, mut writing) = tokio::io::split(ours);
            let mut answered = Vec::new();
            let all = async {
                let sending = async {
                    let _ = writing.write_all(bytes).await;
                    if ends {
                        let _ = writing.shutdown().await;
                    }
                };
                let _ = tokio::join!(sending, reading.read_to_end(&mut answered));
            };
            // What is held back on purpose need not be waited for.
            let _ = tokio::time::timeout(PATIENCE, all).await;
            answered
        })
    }
}

/// A request that is always answered, unless something inside has broken.
const ASK: &[u8] = b"GET /control/clock HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// The text of a handshake, and each line behind it as a masked frame.
fn websocket(path: &str, lines: &str) -> Vec<u8> {
    let mut bytes = format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes();
    for line in lines.lines().take(20) {
        let text = &line.as_bytes()[..line.len().min(60_000)];
        // A whole text, masked with zeroes (RFC 6455, 5.2).
        bytes.push(0x81);
        match u16::try_from(text.len()).expect("cut before") {
            short @ 0..126 => bytes.push(0x80 | short.to_le_bytes()[0]),
            long => {
                bytes.push(0x80 | 126);
                bytes.extend(long.to_be_bytes());
            }
        }
        bytes.extend([0; 4]);
        bytes.extend(text);
    }
    bytes
}

thread_local! {
    static SERVED: std::cell::RefCell<Option<Served>> = const { std::cell::RefCell::new(None) };
}

/// A connection to the exchange: the bytes as they are or, behind a first line `WS PATH`, lines
/// as frames. The control path, REST, the streams and the WebSocket API are all behind it.
pub fn exchange_connections(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).ok().and_then(|text| text.strip_prefix("WS "));
    let connection = match text.and_then(|text| text.split_once('\n')) {
        Some((path, lines)) => websocket(path, lines),
        None => bytes.to_vec(),
    };
    SERVED.with_borrow_mut(|slot| {
        // A fresh one now and then, or one input would depend on all before it.
        let served = match slot {
            Some(served) if served.inputs < 1_000 => served,
            _ => slot.insert(Served::new()),
        };
        served.connection(&connection, true);
        let answer = served.connection(ASK, false);
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "it answers: {}", answer.escape_ascii());
    });
}

/// Answers nothing but that it heard.
#[derive(Clone)]
struct Deaf;

impl Answering for Deaf {
    async fn answer(&self, _: ControlRequest) -> ControlAnswer {
        ControlAnswer::Refused { reason: "heard".to_owned(), is_usage: false }
    }
}

/// The engine's two ways in, served as in an engine.
struct Engine {
    directory: tempfile::TempDir,
    api: SocketAddr,
    _control: ControlSocket,
    /// What the API reads is there as long as these are.
    _sources: (watch::Sender<Arc<Recent>>, watch::Sender<serde_json::Value>),
}

impl Engine {
    fn get() -> &'static Self {
        static ENGINE: OnceLock<Engine> = OnceLock::new();
        ENGINE.get_or_init(|| {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let control = actors::control::listen(directory.path(), Deaf).expect("a socket");
            let recent = watch::channel(Arc::new(Recent::default()));
            let instead = watch::channel(starting());
            let sources = ApiSources {
                token: Some(ReadToken::new("token")),
                snapshot: watch::channel(None).1,
                recent: recent.1,
                instead: instead.1,
                last_beat: actors::api::LastBeat::default(),
            };
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let listener = ApiListener::bind(any).expect("a free port");
            let api = listener.serve(sources).expect("a thread");
            Self { directory, api, _control: control, _sources: (recent.0, instead.0) }
        })
    }
}

/// Sends bytes, and reads until the other side is done.
fn converse(
    mut stream: impl std::io::Read + std::io::Write,
    bytes: &[u8],
    end: impl FnOnce(),
) -> Vec<u8> {
    let mut answered = Vec::new();
    // It may have hung up in the middle.
    let _ = stream.write_all(bytes);
    end();
    let _ = stream.read_to_end(&mut answered);
    answered
}

/// Always answered: there is no snapshot yet.
const HEALTH: &[u8] =
    b"GET /health HTTP/1.1\r\nauthorization: Bearer token\r\nhost: x\r\nconnection: close\r\n\r\n";

/// What operators and guards are told and say: the control socket, the API, the heartbeat, the
/// exchange's clock.
pub fn operators(bytes: &[u8]) {
    const PATIENCE: Option<Duration> = Some(Duration::from_secs(5));
    let _ = serde_json::from_slice::<ControlAnswer>(bytes);
    let _ = serde_json::from_slice::<tickwright::guard::Beat>(bytes);
    tickwright::wiring::follow(&actors::clock::Clock::starting_at(NOW), bytes);
    let engine = Engine::get();
    let control = |bytes: &[u8]| {
        let stream = UnixStream::connect(engine.directory.path().join(SOCKET)).expect("it listens");
        stream.set_read_timeout(PATIENCE).expect("above zero");
        let other = stream.try_clone().expect("a handle more");
        converse(stream, bytes, || drop(other.shutdown(std::net::Shutdown::Write)))
    };
    // A server may end a connection without an answer once there is nothing more to read.
    let api = |bytes: &[u8], ends: bool| {
        let stream = TcpStream::connect(engine.api).expect("it listens");
        stream.set_read_timeout(PATIENCE).expect("above zero");
        let other = stream.try_clone().expect("a handle more");
        let end = || {
            if ends {
                drop(other.shutdown(std::net::Shutdown::Write))
            }
        };
        converse(stream, bytes, end)
    };
    if bytes.contains(&b'\r') {
        api(bytes, true);
        let answer = api(HEALTH, false);
        assert!(answer.starts_with(b"HTTP/1.1 503 "), "it answers: {}", answer.escape_ascii());
    } else {
        control(bytes);
        let answer = control(b"{\"command\":\"status\"}\n");
        assert!(answer.ends_with(b"\n"), "it answers: {}", answer.escape_ascii());
    }
}
