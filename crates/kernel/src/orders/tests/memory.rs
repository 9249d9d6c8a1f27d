//! Months of orders in flat memory.

use model::OrderStatus;

use super::desk::{Desk, instruments};
use super::on::On::{
    AccountRead, Cancel, CancelRejected, Connected, Fill, NotFound, OpenOrdersRead, Persisted,
    Report, Submit, TradesRead,
};
use crate::orders::{ExecutionPolicy, RestoredExecution};

#[test]
fn old_orders_are_forgotten_and_late_news_of_them_is_harmless() {
    let policy = ExecutionPolicy { final_orders_kept: 10, ..ExecutionPolicy::default() };
    let mut desk = Desk::restored(policy, instruments(1), RestoredExecution::default());
    for on in [Connected, AccountRead, OpenOrdersRead(&[]), TradesRead(&[])] {
        desk.on(on);
    }
    for number in 1..=40 {
        desk.on(Submit(number));
        desk.on(Persisted);
        desk.on(Report(number, OrderStatus::Accepted, "0"));
        desk.on(Fill(number, i64::from(number), "1"));
        assert!(desk.machine.remembered_count() <= 10, "after {number}");
    }
    assert_eq!(desk.machine.working_orders().count(), 0);
    for late in [
        Fill(1, 1, "1"),
        Report(1, OrderStatus::Filled, "1"),
        Report(1, OrderStatus::Accepted, "0"),
        CancelRejected(1),
        NotFound(1),
        Cancel(1),
        TradesRead(&[(1, 1, "1"), (2, 2, "1")]),
    ] {
        assert_eq!(desk.on(late), "", "{late:?}");
    }
    assert_eq!(desk.machine.remembered_count(), 10);
}
