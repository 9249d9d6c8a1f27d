//! Requests, the pool, and the verdict on requests without a response.

use std::time::Duration;

use tickwright_transport::http::{
    HeaderName, HeaderValue, HttpClient, HttpError, HttpOptions, MaybeSent, Method, NotSent,
    Request,
};
use tickwright_transport::{ConnectError, ConnectPhase, Dialer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Server, closed_port, read_request, reset, respond, soon};

fn client(options: HttpOptions) -> HttpClient {
    HttpClient::new(Dialer::tcp(None), options)
}

/// Answers every request with what it got, until the client closes.
async fn mirror(mut stream: TcpStream, _number: usize) {
    while let Some(request) = read_request(&mut stream).await {
        respond(&mut stream, "200 OK", &request).await;
    }
}

#[tokio::test]
async fn a_request_goes_out_as_given() {
    let server = Server::start(mirror).await;
    let agent = HeaderValue::from_static("tickwright-test");
    let client = client(HttpOptions { user_agent: Some(agent), ..HttpOptions::default() });
    let url = server.url("http", "/api/v3/order?symbol=%E5%B8%81USDT&x=a%2fb&signature=00ff");
    let request = Request::new(Method::POST, url)
        .header(HeaderName::from_static("x-mbx-apikey"), HeaderValue::from_static("key"))
        .body("side=BUY");
    let response = soon(client.request(request)).await.unwrap();
    assert_eq!(response.status, 200);
    let seen = std::str::from_utf8(&response.body).unwrap();
    let line = "POST /api/v3/order?symbol=%E5%B8%81USDT&x=a%2fb&signature=00ff HTTP/1.1\r\n";
    assert!(seen.starts_with(line), "{seen}");
    let host = format!("\r\nhost: localhost:{}\r\n", server.address.port());
    for part in [&host, "\r\nx-mbx-apikey: key\r\n", "\r\nuser-agent: tickwright-test\r\n"] {
        assert!(seen.contains(part), "{part} in {seen}");
    }
    assert!(seen.ends_with("\r\n\r\nside=BUY"), "{seen}");
}

#[tokio::test]
async fn any_status_is_a_response_and_no_redirect_is_followed() {
    let server = Server::start(|mut stream, number| async move {
        read_request(&mut stream).await.unwrap();
        let status = ["302 Found", "418 I'm a teapot", "429 Slow", "503 No"][number - 1];
        let head = format!("HTTP/1.1 {status}\r\nlocation: /x\r\nretry-after: 9\r\n");
        let rest = "connection: close\r\ncontent-length: 2\r\n\r\n{}";
        stream.write_all(format!("{head}{rest}").as_bytes()).await.unwrap();
    })
    .await;
    let client = client(HttpOptions::default());
    for status in [302, 418, 429, 503] {
        let response = soon(client.request(Request::get(server.url("http", "/")))).await.unwrap();
        assert_eq!(response.status, status);
        assert_eq!(response.headers["retry-after"], "9");
        assert_eq!(&response.body[..], b"{}");
    }
    assert_eq!(server.accepted(), 4, "the server asked to close each connection");
}

#[tokio::test]
async fn requests_one_after_another_share_a_connection() {
    let server = Server::start(mirror).await;
    let client = client(HttpOptions::default());
    for n in 0..200 {
        let url = server.url("http", &format!("/{n}"));
        let response = soon(client.request(Request::get(url))).await.unwrap();
        assert!(response.body.starts_with(format!("GET /{n} ").as_bytes()));
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_requests_open_no_more_connections_than_allowed() {
    let server = Server::start(mirror).await;
    let client = client(HttpOptions { max_concurrent_per_host: 3, ..HttpOptions::default() });
    let requests = (0..100).map(|n| {
        let (client, url) = (client.clone(), server.url("http", &format!("/{n}")));
        tokio::spawn(async move { client.request(Request::get(url)).await })
    });
    for request in requests.collect::<Vec<_>>() {
        assert_eq!(soon(request).await.unwrap().unwrap().status, 200);
    }
    assert!(server.accepted() <= 3, "{}", server.accepted());
}

#[tokio::test]
async fn idle_connections_are_dropped_by_age_and_by_number() {
    let server = Server::start(mirror).await;
    let idle_timeout = Duration::from_millis(50);
    let aging = client(HttpOptions { idle_timeout, ..HttpOptions::default() });
    for expected in 1..=2 {
        soon(aging.request(Request::get(server.url("http", "/")))).await.unwrap();
        assert_eq!(server.accepted(), expected);
        tokio::time::sleep(idle_timeout * 2).await;
    }
    let hoarding_none = client(HttpOptions { max_idle_per_host: 0, ..HttpOptions::default() });
    for expected in 3..=5 {
        soon(hoarding_none.request(Request::get(server.url("http", "/")))).await.unwrap();
        assert_eq!(server.accepted(), expected);
    }
}

#[tokio::test]
async fn one_waiting_request_too_many_is_refused_as_busy() {
    let server = Server::start(|mut stream, _| async move {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let client = client(HttpOptions {
        max_concurrent_per_host: 1,
        max_waiting_per_host: 1,
        ..HttpOptions::default()
    });
    let request = |path| {
        let request = Request::get(server.url("http", path)).timeout(Duration::from_millis(300));
        let client = client.clone();
        tokio::spawn(async move { client.request(request).await.unwrap_err() })
    };
    let running = request("/running");
    tokio::time::sleep(Duration::from_millis(50)).await;
    let waiting = request("/waiting");
    tokio::time::sleep(Duration::from_millis(50)).await;
    let refused = soon(request("/refused")).await.unwrap();
    assert!(matches!(refused, HttpError::NotSent(NotSent::Busy { waiting: 1 })), "{refused:?}");
    let running = soon(running).await.unwrap();
    assert!(matches!(running, HttpError::MaybeSent(MaybeSent::TimedOut { .. })), "{running:?}");
    let waiting = soon(waiting).await.unwrap();
    assert!(waiting.is_timeout(), "{waiting:?}");
}

#[tokio::test]
async fn what_fails_before_the_request_leaves_is_not_sent() {
    let silent = Server::start(|_stream, _| std::future::pending()).await;
    let closed = closed_port().await;
    type Expected = fn(&NotSent) -> bool;
    let cases: [(&str, String, Expected); 6] = [
        ("refused", format!("http://{closed}/"), |error| {
            matches!(error, NotSent::Connect(ConnectError::Refused { .. }))
        }),
        ("no such name", "http://no-such-host.invalid/".to_owned(), |error| {
            matches!(
                error,
                NotSent::Connect(
                    ConnectError::Dns { .. }
                        | ConnectError::TimedOut { phase: ConnectPhase::Dns, .. }
                )
            )
        }),
        ("no TLS", silent.url("https", "/"), |error| {
            matches!(error, NotSent::Connect(ConnectError::TlsNotConfigured { .. }))
        }),
        ("a raw character", silent.url("http", "/币"), |error| {
            matches!(error, NotSent::Connect(ConnectError::InvalidUrl { .. }))
        }),
        ("a space", silent.url("http", "/a b"), |error| {
            matches!(error, NotSent::Connect(ConnectError::InvalidUrl { .. }))
        }),
        ("a path alone", "/api/v3/time".to_owned(), |error| {
            matches!(error, NotSent::Connect(ConnectError::InvalidUrl { .. }))
        }),
    ];
    let client = client(HttpOptions::default());
    for (label, url, expected) in cases {
        match soon(client.request(Request::get(url))).await {
            Err(HttpError::NotSent(error)) => assert!(expected(&error), "{label}: {error:?}"),
            other => panic!("{label}: {other:?}"),
        }
    }
    assert_eq!(silent.accepted(), 0);
}

/// Each server takes the request and then fails in its way.
#[tokio::test]
async fn what_fails_after_the_request_left_is_maybe_sent() {
    let answers: [(&str, &str, Option<u16>); 6] = [
        ("reset without an answer", "", None),
        ("reset within the head", "HTTP/1.1 200 O", None),
        ("reset within the body", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", Some(200)),
        (
            "reset within a chunk",
            "HTTP/1.1 503 No\r\ntransfer-encoding: chunked\r\n\r\n9\r\nabc",
            Some(503),
        ),
        ("no HTTP", "SSH-2.0-OpenSSH_9.6\r\n\r\n", None),
        (
            "a bad chunk",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n",
            Some(200),
        ),
    ];
    for (label, answer, expected_status) in answers {
        let server = Server::start(move |mut stream, _| async move {
            read_request(&mut stream).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            // The answer must arrive before the reset does away with it.
            tokio::time::sleep(Duration::from_millis(50)).await;
            reset(stream);
        })
        .await;
        let client = client(HttpOptions::default());
        let request = Request::new(Method::POST, server.url("http", "/order")).body("side=BUY");
        let status = match soon(client.request(request)).await {
            Err(HttpError::MaybeSent(MaybeSent::Disconnected { status, .. })) => status,
            Err(HttpError::MaybeSent(MaybeSent::Malformed { status, .. }))
                if answer.starts_with("SSH") =>
            {
                status
            }
            other => panic!("{label}: {other:?}"),
        };
        assert_eq!(status.map(|status| status.as_u16()), expected_status, "{label}");
        assert_eq!(server.accepted(), 1, "{label}: nothing is sent twice");
    }
}

#[tokio::test]
async fn a_server_that_stops_talking_is_a_timeout() {
    for (answer, expected_status) in
        [("", None), ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", Some(200))]
    {
        let server = Server::start(move |mut stream, _| async move {
            read_request(&mut stream).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            std::future::pending().await
        })
        .await;
        let request = Request::get(server.url("http", "/")).timeout(Duration::from_millis(100));
        let error = soon(client(HttpOptions::default()).request(request)).await.unwrap_err();
        let HttpError::MaybeSent(MaybeSent::TimedOut { after, status }) = error else {
            panic!("{answer}: {error:?}")
        };
        assert_eq!(after, Duration::from_millis(100));
        assert_eq!(status.map(|status| status.as_u16()), expected_status);
    }
}

#[tokio::test]
async fn a_body_over_the_bound_is_refused() {
    let bodies = [
        ("announced", "content-length: 11\r\n\r\n01234567890"),
        ("chunked", "transfer-encoding: chunked\r\n\r\n6\r\n012345\r\n6\r\n012345\r\n0\r\n\r\n"),
    ];
    for (label, rest) in bodies {
        let server = Server::start(move |mut stream, _| async move {
            read_request(&mut stream).await.unwrap();
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{rest}").as_bytes()).await.unwrap();
        })
        .await;
        let strict = client(HttpOptions { max_body_bytes: 10, ..HttpOptions::default() });
        let error = soon(strict.request(Request::get(server.url("http", "/")))).await.unwrap_err();
        assert!(
            matches!(error, HttpError::MaybeSent(MaybeSent::BodyTooLarge { max_bytes: 10, .. })),
            "{label}: {error:?}"
        );
        let wide = client(HttpOptions { max_body_bytes: 12, ..HttpOptions::default() });
        let response = soon(wide.request(Request::get(server.url("http", "/")))).await.unwrap();
        assert!(matches!(&response.body[..], b"01234567890" | b"012345012345"), "{label}");
    }
}

/// The server ends an idle connection; the next request takes another one, or says that nothing
/// was sent.
#[tokio::test]
async fn a_connection_the_server_closed_is_not_used_again() {
    let server = Server::start(|mut stream, _| async move {
        read_request(&mut stream).await.unwrap();
        respond(&mut stream, "200 OK", "once").await;
    })
    .await;
    let client = client(HttpOptions::default());
    for expected in 1..=5 {
        let response = soon(client.request(Request::get(server.url("http", "/")))).await.unwrap();
        assert_eq!(&response.body[..], b"once");
        assert_eq!(server.accepted(), expected);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
