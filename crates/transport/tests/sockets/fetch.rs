//! Many requests at once, some of which fail.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use tickwright_transport::Dialer;
use tickwright_transport::http::{
    FetchLimits, HttpClient, HttpError, HttpOptions, Request, Response, fetch_many,
};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::support::{Server, read_request, reset, respond, soon};

const DELAY: Duration = Duration::from_millis(50);

/// Answers after a delay, never for `/stalled`, with a reset for `/broken`.
async fn prices(mut stream: TcpStream, _number: usize) {
    while let Some(request) = read_request(&mut stream).await {
        let path = request.split(' ').nth(1).unwrap().to_owned();
        if path == "/stalled" {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(DELAY).await;
        if path == "/broken" {
            return reset(stream);
        }
        respond(&mut stream, "200 OK", &path).await;
    }
}

async fn fetch(
    server: &Server,
    names: &[String],
    limits: &FetchLimits,
) -> (BTreeMap<String, Result<Response, HttpError>>, Duration) {
    let client = HttpClient::new(Dialer::tcp(None), HttpOptions::default());
    let requests = names.iter().map(|name| {
        let url = server.url("http", &format!("/{name}"));
        (name.clone(), Request::get(url).timeout(Duration::from_millis(500)))
    });
    let started = Instant::now();
    let results = soon(fetch_many(&client, requests, limits).collect::<Vec<_>>()).await;
    assert_eq!(results.len(), names.len(), "one result for each request");
    (results.into_iter().collect(), started.elapsed())
}

fn names(extra: &[&str]) -> Vec<String> {
    let good = (extra.len()..20).map(|n| format!("symbol{n}"));
    extra.iter().map(|name| (*name).to_owned()).chain(good).collect()
}

#[tokio::test]
async fn one_stalled_and_one_broken_peer_leave_the_rest() {
    let server = Server::start(prices).await;
    let limits = FetchLimits { concurrency: 10, total_timeout: Duration::from_secs(5) };
    let (results, _) = fetch(&server, &names(&["stalled", "broken"]), &limits).await;
    let (good, failed): (Vec<_>, Vec<_>) = results.iter().partition(|(_, result)| result.is_ok());
    assert_eq!((good.len(), failed.len()), (18, 2));
    for (name, result) in good {
        assert_eq!(result.as_ref().unwrap().body, format!("/{name}"));
    }
    let stalled = results["stalled"].as_ref().unwrap_err();
    assert!(stalled.is_timeout() && stalled.may_have_left(), "{stalled:?}");
    let broken = results["broken"].as_ref().unwrap_err();
    assert!(!broken.is_timeout() && broken.may_have_left(), "{broken:?}");
}

#[tokio::test]
async fn concurrency_is_bounded_and_worth_it() {
    let server = Server::start(prices).await;
    let limits = FetchLimits { concurrency: 10, total_timeout: Duration::from_secs(5) };
    let (results, elapsed) = fetch(&server, &names(&[]), &limits).await;
    assert!(results.values().all(Result::is_ok), "{results:?}");
    assert!(server.accepted() <= 10, "{}", server.accepted());
    assert!(elapsed >= DELAY * 2, "20 requests, 10 at a time, took only {elapsed:?}");
    assert!(elapsed < DELAY * 10, "in sequence it would take {:?}: {elapsed:?}", DELAY * 20);
}

#[tokio::test]
async fn the_time_for_all_ends_the_slow_and_the_waiting_alike() {
    let server = Server::start(prices).await;
    let limits = FetchLimits { concurrency: 2, total_timeout: DELAY * 5 / 2 };
    let (results, elapsed) = fetch(&server, &names(&[]), &limits).await;
    assert!(elapsed < DELAY * 6, "{elapsed:?}");
    let in_time = results.values().filter(|result| result.is_ok()).count();
    assert!((2..=4).contains(&in_time), "two rounds of two: {in_time}");
    let never_begun = results.values().filter(
        |result| matches!(result, Err(error) if error.is_timeout() && !error.may_have_left()),
    );
    assert!(never_begun.count() >= 14, "{results:#?}");
    assert!(results.values().all(|result| match result {
        Ok(_) => true,
        Err(error) => error.is_timeout(),
    }));
}
