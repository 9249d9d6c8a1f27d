//! What a websocket frame costs: `cargo bench -p tickwright-transport`.
//!
//! Prints, one line each, nanoseconds a received frame (a server sends a burst as fast as it can,
//! the client drains it in batches) and the round trip of an echo over loopback (p50 and p99),
//! beside the same echo over the bare TCP sockets. Client and server are threads of one process,
//! each with a current-thread runtime, as the engine's are.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::future::Future;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickwright_transport::Dialer;
use tickwright_transport::ws::{
    WsEvent, WsFrame, WsOptions, WsReceiver, WsSender, accept, connect,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const FRAMES: usize = 500_000;
const BURST: usize = 500;
const ECHOES: usize = 20_000;
/// As large as a trade event.
const FRAME_BYTES: usize = 160;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Serves one connection on a thread of its own.
fn serve<F, Fut>(serve: F) -> SocketAddr
where
    F: FnOnce(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()>,
{
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        runtime().block_on(async {
            let (stream, _) = TcpListener::from_std(listener).unwrap().accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            serve(stream).await;
        });
    });
    address
}

async fn dial(address: SocketAddr, options: &WsOptions) -> (WsSender, WsReceiver) {
    connect(&Dialer::tcp(None), &format!("ws://{address}/"), options).await.unwrap()
}

async fn receive(read_buffer_bytes: usize, batch: usize) -> Duration {
    let address = serve(|mut stream| async move {
        drop(tokio_tungstenite::accept_async(&mut stream).await.unwrap());
        // The bytes of a text frame, so that the server costs next to nothing.
        let mut frame = vec![0x81, 126, 0, u8::try_from(FRAME_BYTES).unwrap()];
        frame.resize(frame.len() + FRAME_BYTES, b'x');
        let burst = frame.repeat(BURST);
        for _ in 0..FRAMES / BURST {
            stream.write_all(&burst).await.unwrap();
        }
        let _ = stream.read(&mut frame).await;
    });
    let options = WsOptions { read_buffer_bytes, ..WsOptions::default() };
    let (_sender, mut receiver) = dial(address, &options).await;
    let started = Instant::now();
    let mut events = Vec::with_capacity(batch);
    let mut bytes = 0;
    while bytes < FRAMES * FRAME_BYTES {
        assert!(receiver.next_batch(&mut events, batch).await.unwrap() > 0);
        for event in events.drain(..) {
            let WsEvent::Text(text) = event else { unreachable!("only texts are sent") };
            bytes += text.len();
        }
    }
    started.elapsed()
}

async fn echo() -> Vec<Duration> {
    let address = serve(|stream| async move {
        let (mut sender, mut receiver) = accept(stream, &WsOptions::default()).await.unwrap();
        while let Some(Ok(WsEvent::Text(text))) = receiver.next().await {
            sender.send(WsFrame::Text(text)).await.unwrap();
        }
    });
    let (mut sender, mut receiver) = dial(address, &WsOptions::default()).await;
    let frame = WsFrame::text("x".repeat(FRAME_BYTES));
    let mut times = Vec::with_capacity(ECHOES);
    for _ in 0..ECHOES {
        let started = Instant::now();
        sender.send(frame.clone()).await.unwrap();
        receiver.next().await.unwrap().unwrap();
        times.push(started.elapsed());
    }
    times
}

async fn bare_echo() -> Vec<Duration> {
    let address = serve(|mut stream| async move {
        let mut frame = [0; FRAME_BYTES];
        while stream.read_exact(&mut frame).await.is_ok() {
            stream.write_all(&frame).await.unwrap();
        }
    });
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut frame = [0; FRAME_BYTES];
    let mut times = Vec::with_capacity(ECHOES);
    for _ in 0..ECHOES {
        let started = Instant::now();
        stream.write_all(&frame).await.unwrap();
        stream.read_exact(&mut frame).await.unwrap();
        times.push(started.elapsed());
    }
    times
}

fn print_percentiles(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let micros = |part: usize| times[times.len() * part / 100].as_nanos() as f64 / 1e3;
    println!("{name}: p50 {:.1} µs, p99 {:.1} µs", micros(50), micros(99));
}

fn main() {
    // `cargo test --benches` runs it too: there is nothing to measure there.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    for (read_buffer_kib, batch) in
        [(4, 64), (8, 64), (16, 64), (32, 64), (64, 64), (128, 64), (16, 1)]
    {
        let elapsed = runtime().block_on(receive(read_buffer_kib << 10, batch));
        let each = elapsed.as_nanos() / FRAMES as u128;
        println!("receive, buffer {read_buffer_kib} KiB, batch {batch}: {each} ns a frame");
    }
    print_percentiles("echo, websocket", runtime().block_on(echo()));
    print_percentiles("echo, bare TCP", runtime().block_on(bare_echo()));
}
