//! What the machine alone takes for what an order cannot do without.

use std::io::Write as _;
use std::time::Instant;

use actors::latency::Histogram;
use binance::sign::Signer;
use transport::Dialer;
use transport::ws::{WsEvent, WsFrame, WsOptions, accept, connect};

const SYNCS: usize = 1_000;
const ECHOES: usize = 10_000;
const SIGNATURES: usize = 5_000;
/// As large as an order.
const FRAME_BYTES: usize = 300;

/// Each with its name.
pub fn measure() -> Vec<(&'static str, Histogram)> {
    vec![
        ("append of 700 bytes, not synced", appends()),
        ("write of 4 KiB and fdatasync", syncs()),
        ("wake another thread and be woken", handovers()),
        ("websocket echo, round trip", echoes()),
        ("Ed25519 signature of a request", signatures()),
    ]
}

fn times(count: usize, mut once: impl FnMut()) -> Histogram {
    let mut histogram = Histogram::default();
    for _ in 0..count {
        let began = Instant::now();
        once();
        histogram.record(began.elapsed());
    }
    histogram
}

/// An intent given to the operating system.
fn appends() -> Histogram {
    let mut file = tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR")).expect("a file");
    times(ECHOES, || file.write_all(&[7; 700]).expect("the disk has room"))
}

fn syncs() -> Histogram {
    let mut file = tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR")).expect("a file");
    times(SYNCS, || {
        file.write_all(&[7; 4_096]).expect("the disk has room");
        file.sync_data().expect("the disk takes it");
    })
}

/// Two threads that sleep in turn: what handing a record to the journal's thread and being told
/// costs at least.
fn handovers() -> Histogram {
    let (ask, asked) = std::sync::mpsc::sync_channel::<()>(1);
    let (answer, answered) = std::sync::mpsc::sync_channel::<()>(1);
    let thread = std::thread::spawn(move || {
        while asked.recv().is_ok() {
            answer.send(()).expect("the other end waits");
        }
    });
    let histogram = times(ECHOES, || {
        ask.send(()).expect("the thread listens");
        answered.recv().expect("the thread answers");
    });
    drop(ask);
    thread.join().expect("ends with its sender");
    histogram
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// There and back over loopback, between two threads.
fn echoes() -> Histogram {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback takes a listener");
    listener.set_nonblocking(true).expect("a fresh socket");
    let address = listener.local_addr().expect("a bound socket");
    std::thread::spawn(move || {
        runtime().block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let (stream, _) = listener.accept().await.expect("a client");
            stream.set_nodelay(true).expect("a fresh socket");
            let accepted = accept(stream, &WsOptions::default()).await;
            let (mut sender, mut receiver) = accepted.expect("a handshake");
            while let Some(Ok(WsEvent::Text(text))) = receiver.next().await {
                sender.send(WsFrame::Text(text)).await.expect("the client reads");
            }
        });
    });
    runtime().block_on(async {
        let url = format!("ws://{address}/");
        let connected = connect(&Dialer::tcp(None), &url, &WsOptions::default()).await;
        let (mut sender, mut receiver) = connected.expect("the server is there");
        let frame = WsFrame::text("x".repeat(FRAME_BYTES));
        let mut histogram = Histogram::default();
        for _ in 0..ECHOES {
            let began = Instant::now();
            sender.send(frame.clone()).await.expect("the server reads");
            receiver.next().await.expect("an echo").expect("an echo");
            histogram.record(began.elapsed());
        }
        histogram
    })
}

/// What a connection that is not logged on pays for each order.
fn signatures() -> Histogram {
    let keys = exchange::Credentials::generate(&mut rand_pcg::Pcg64Mcg::new(7));
    let signer = Signer::from_secret(keys.ed25519_private_key_pem.into()).expect("a fresh key");
    let payload = "x".repeat(FRAME_BYTES);
    times(SIGNATURES, || {
        std::hint::black_box(signer.sign(std::hint::black_box(payload.as_bytes())));
    })
}
