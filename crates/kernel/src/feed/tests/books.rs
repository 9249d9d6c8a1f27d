//! Books: synchronised, lost, found again.

use super::desk::On::{Answer, Closed, Opened, RequestFailed, Start, Text, Wait};
use super::desk::{Desk, On, play};
use crate::feed::StreamKind;

const CONNECTED: [(On<'_>, &str); 3] =
    [(Start, "open 1"), (Opened(1), "subscribe 1 on 1"), (Text(1, "done 1"), "connected 1 with 2")];
const SYNCED: [(On<'_>, &str); 2] =
    [(Text(1, "depth 0 5 7"), "ask 1 snapshot 0"), (Answer(1, "6"), "synced 7, book 7")];

#[track_caller]
fn check(name: &str, then: &[(On<'_>, &str)]) -> Desk {
    let desk = Desk::of(&[StreamKind::Depth, StreamKind::Quote], false);
    play(name, desk, &[&CONNECTED[..], then].concat())
}

#[test]
fn a_book_is_synchronised_by_snapshot_and_changes() {
    check("in step", &[SYNCED[0], SYNCED[1], (Text(1, "depth 0 8 9"), "book 9")]);
    check(
        "the snapshot is older than the first change: another one",
        &[
            SYNCED[0],
            (Answer(1, "4"), ""),
            (Text(1, "depth 0 8 9"), ""),
            (Wait(500), "+500 ask 2 snapshot 0"),
            (Answer(2, "8"), "synced 9, book 9"),
        ],
    );
    check(
        "changes that the book holds are dropped",
        &[SYNCED[0], SYNCED[1], (Text(1, "depth 0 5 7"), "")],
    );
}

#[test]
fn a_gap_starts_over() {
    check(
        "changes are missing",
        &[
            SYNCED[0],
            SYNCED[1],
            (Text(1, "depth 0 9 9"), "book lost, ask 2 snapshot 0"),
            (Text(1, "depth 0 10 10"), ""),
            (Answer(2, "9"), "synced 10, book 10"),
        ],
    );
    check(
        "changes are missing while the snapshot is under way",
        &[
            SYNCED[0],
            (Text(1, "depth 0 9 9"), ""),
            (Answer(1, "6"), "book lost"),
            (Wait(500), "+500 ask 2 snapshot 0"),
            (Answer(2, "9"), "synced 9, book 9"),
        ],
    );
}

#[test]
fn a_failed_snapshot_is_asked_for_again_with_growing_pauses() {
    check(
        "no answer, then nonsense",
        &[
            SYNCED[0],
            (RequestFailed(1), "request failed"),
            (Wait(500), "+500 ask 2 snapshot 0"),
            (Answer(2, "<html>"), "request failed"),
            (Wait(1_000), "+1000 ask 3 snapshot 0"),
            (RequestFailed(3), "request failed"),
            (Wait(2_000), "+2000 ask 4 snapshot 0"),
            (Answer(4, "6"), "synced 7, book 7"),
            (Text(1, "depth 0 9 9"), "book lost, ask 5 snapshot 0"),
            (RequestFailed(5), "request failed"),
            (Wait(500), "+500 ask 6 snapshot 0"),
        ],
    );
}

#[test]
fn a_new_connection_begins_a_new_book() {
    let desk = check(
        "the old snapshot does not count",
        &[
            SYNCED[0],
            (Closed(1), "disconnected 1, again later"),
            (Wait(250), "+232 open 2"),
            (Opened(2), "subscribe 2 on 2"),
            (Text(2, "done 2"), "connected 2 with 2"),
            (Answer(1, "6"), ""),
            (Text(2, "depth 0 20 21"), "ask 2 snapshot 0"),
            (Answer(2, "20"), "synced 21, book 21"),
        ],
    );
    assert!(desk.machine.books_are_synchronised());
}

#[test]
fn the_best_prices_are_compared_at_each_change() {
    let desk = check(
        "before and after the snapshot",
        &[
            (Text(1, "quote 0 6"), "quote 6"),
            (Text(1, "quote 0 6"), ""),
            (Text(1, "quote 0 5"), ""),
            SYNCED[0],
            SYNCED[1],
            (Text(1, "quote 0 9"), "quote 9"),
            (Text(1, "depth 0 8 8"), "book 8"),
            (Text(1, "depth 0 9 9"), "book 9"),
        ],
    );
    let stats = desk.machine.stats();
    assert_eq!((stats.depth_applied, stats.books_compared, stats.books_agreed), (3, 3, 3));
    assert_eq!((stats.duplicates, stats.depth_updates), (2, 3));
}
