//! "Not sent" against an oracle: a stream that fails or stalls at a random byte and keeps a record
//! of every byte that passed it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg32;
use tickwright_transport::http::{HttpClient, HttpOptions, Method, Request};
use tickwright_transport::ws::{WsFrame, WsOptions, connect};
use tickwright_transport::{ByteStream, Connecting, Connector, Dialer, Target, TcpConnector};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::support::{Authority, Server, read_request, respond, soon};

/// What the stream does once `budget` bytes have passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    FailWrite,
    StallWrite,
}

#[derive(Debug)]
struct Wire {
    passed: Vec<u8>,
    budget: usize,
    fault: Fault,
    chunk: usize,
}

#[derive(Clone)]
struct FaultyConnector(Arc<Mutex<Wire>>);

impl FaultyConnector {
    fn new(budget: usize, fault: Fault, chunk: usize) -> Self {
        Self(Arc::new(Mutex::new(Wire { passed: Vec::new(), budget, fault, chunk })))
    }

    /// Lets this many more bytes pass.
    fn allow(&self, bytes: usize) {
        let mut wire = self.0.lock().unwrap();
        wire.budget = wire.passed.len() + bytes;
    }

    fn passed(&self) -> Vec<u8> {
        self.0.lock().unwrap().passed.clone()
    }
}

impl Connector for FaultyConnector {
    fn connect<'a>(&'a self, target: &'a Target) -> Connecting<'a> {
        Box::pin(async move {
            let inner = TcpConnector::default().connect(target).await?;
            Ok(Box::new(Faulty { inner, wire: Arc::clone(&self.0) }) as ByteStream)
        })
    }
}

struct Faulty {
    inner: ByteStream,
    wire: Arc<Mutex<Wire>>,
}

impl AsyncRead for Faulty {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Faulty {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wire = Arc::clone(&self.wire);
        let mut wire = wire.lock().unwrap();
        let left = wire.budget.saturating_sub(wire.passed.len());
        if left == 0 {
            return match wire.fault {
                Fault::FailWrite => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                Fault::StallWrite => Poll::Pending,
            };
        }
        let part = &buf[..buf.len().min(left).min(wire.chunk)];
        let written = Pin::new(&mut self.inner).poll_write(cx, part);
        if let Poll::Ready(Ok(count)) = &written {
            wire.passed.extend_from_slice(&part[..*count]);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

fn fault(rng: &mut Pcg32) -> Fault {
    if rng.random_bool(0.5) { Fault::FailWrite } else { Fault::StallWrite }
}

/// Requests in a row on one pooled connection until the fault strikes.
#[tokio::test]
async fn an_http_request_said_not_to_be_sent_was_not() {
    let server = Server::start(|mut stream, _| async move {
        while let Some(_request) = read_request(&mut stream).await {
            respond(&mut stream, "200 OK", "ok").await;
        }
    })
    .await;
    let (mut not_sent, mut maybe_sent) = (0, 0);
    for seed in 0..60 {
        let mut rng = Pcg32::seed_from_u64(seed);
        // Two requests are some 220 bytes; now and then the fault lies right between them.
        let request = || Request::new(Method::POST, server.url("http", "/order")).body("side=BUY");
        let probe = FaultyConnector::new(usize::MAX, Fault::FailWrite, usize::MAX);
        let client = HttpClient::new(Dialer::plain(probe.clone()), HttpOptions::default());
        soon(client.request(request())).await.unwrap();
        let size = probe.passed().len();
        let budget = if rng.random_bool(0.3) { size } else { rng.random_range(0..=2 * size) };
        let faulty = FaultyConnector::new(budget, fault(&mut rng), rng.random_range(1..200));
        let client = HttpClient::new(Dialer::plain(faulty.clone()), HttpOptions::default());
        for _ in 0..3 {
            let before = faulty.passed().len();
            let request = request().timeout(Duration::from_millis(30));
            let Err(error) = soon(client.request(request)).await else { continue };
            tokio::time::sleep(Duration::from_millis(5)).await;
            let after = faulty.passed().len();
            if error.may_have_left() {
                maybe_sent += 1;
                assert!(
                    after > before,
                    "seed {seed}: on plain TCP the verdict is exact: {error:?}"
                );
            } else {
                not_sent += 1;
                assert_eq!(before, after, "seed {seed}: {error:?}");
            }
        }
    }
    assert!(not_sent > 20 && maybe_sent > 20, "{not_sent} and {maybe_sent}");
}

/// The same below TLS, where a write that fails may have passed a part on.
#[tokio::test]
async fn over_tls_a_request_said_not_to_be_sent_was_not() {
    let authority = Authority::new();
    let acceptor = authority.acceptor.clone();
    let server = Server::start(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            while let Some(_request) = read_request(&mut stream).await {
                respond(&mut stream, "200 OK", "ok").await;
            }
        }
    })
    .await;
    let (mut not_sent, mut maybe_sent) = (0, 0);
    for seed in 0..60 {
        let mut rng = Pcg32::seed_from_u64(seed);
        let faulty = FaultyConnector::new(usize::MAX, fault(&mut rng), rng.random_range(1..9_000));
        let dialer = Dialer::with_tls(faulty.clone(), authority.trusted());
        let client = HttpClient::new(dialer, HttpOptions::default());
        // A body of two TLS records, so that the fault may fall between them.
        let body = Bytes::from(vec![b'x'; 20_000]);
        let request =
            || Request::new(Method::POST, server.url("https", "/order")).body(body.clone());
        soon(client.request(request())).await.unwrap();
        let before = faulty.passed().len();
        let cut = [0, 1, 16_406, 16_407, rng.random_range(0..20_000)];
        faulty.allow(cut[rng.random_range(0..cut.len())]);
        let request = request().timeout(Duration::from_millis(30));
        let error = soon(client.request(request)).await.unwrap_err();
        tokio::time::sleep(Duration::from_millis(5)).await;
        let after = faulty.passed().len();
        assert_eq!(error.may_have_left(), before != after, "seed {seed}: {error:?}");
        if before == after { not_sent += 1 } else { maybe_sent += 1 }
    }
    assert!(not_sent > 5 && maybe_sent > 20, "{not_sent} and {maybe_sent}");
}

/// Frames and batches on one websocket until the fault strikes, then a few more.
#[tokio::test]
async fn a_frame_said_not_to_be_sent_was_not() {
    let server = Server::websocket(WsOptions::default(), |_sender, mut receiver| async move {
        while let Some(Ok(_)) = receiver.next().await {}
    })
    .await;
    let (mut not_sent, mut maybe_sent) = (0, 0);
    for seed in 0..60 {
        let mut rng = Pcg32::seed_from_u64(seed);
        let probe = FaultyConnector::new(usize::MAX, Fault::FailWrite, usize::MAX);
        let options = WsOptions { send_timeout: Duration::from_millis(25), ..WsOptions::default() };
        let url = server.url("ws", "/");
        drop(soon(connect(&Dialer::plain(probe.clone()), &url, &options)).await.unwrap());
        let handshake = probe.passed().len();
        // A frame of 14 bytes has a header and a mask of 6 more.
        let budget = handshake
            + if rng.random_bool(0.3) {
                20 * rng.random_range(0..4)
            } else {
                rng.random_range(0..60)
            };
        let faulty = FaultyConnector::new(budget, fault(&mut rng), rng.random_range(1..100));
        let (mut sender, _receiver) =
            soon(connect(&Dialer::plain(faulty.clone()), &url, &options)).await.unwrap();
        for _ in 0..6 {
            let before = faulty.passed().len();
            let frames = (0..rng.random_range(1..3)).map(|_| {
                let payload = Bytes::from_static(b"order to place");
                if rng.random_bool(0.8) { WsFrame::Binary(payload) } else { WsFrame::Ping(payload) }
            });
            let frames = frames.collect::<Vec<_>>();
            let Err(error) = soon(sender.send_all(frames)).await else { continue };
            tokio::time::sleep(Duration::from_millis(5)).await;
            let after = faulty.passed().len();
            if error.may_have_left() {
                maybe_sent += 1;
                assert!(after > before, "seed {seed}: nothing else was queued: {error:?}");
            } else {
                not_sent += 1;
                assert_eq!(before, after, "seed {seed}: {error:?}");
            }
        }
    }
    assert!(not_sent > 60 && maybe_sent > 20, "{not_sent} and {maybe_sent}");
}
