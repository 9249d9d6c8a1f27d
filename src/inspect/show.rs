//! One record as one line.

use model::Timestamp;
use serde_json::{Value, json};
use store::journal::RecordRow;

/// For a person.
#[must_use]
pub fn line(row: &RecordRow) -> String {
    let at = row.at_ns.map_or_else(String::new, |at| Timestamp::from_nanos(at).to_string());
    let RecordRow { number, kind, order, status, body, .. } = row;
    let (order, status) = (order.as_deref().unwrap_or("-"), status.as_deref().unwrap_or("-"));
    format!("{number:>8} {at:<27} {kind:<21} {order:<18} {status:<16} {body}")
}

/// For a program.
#[must_use]
pub fn object(row: &RecordRow) -> Value {
    // What cannot be read as JSON is shown as it stands: `verify` says what is wrong with it.
    let body = serde_json::from_str(&row.body).unwrap_or_else(|_| Value::from(row.body.as_str()));
    json!({
        "record": row.number,
        "at_ns": row.at_ns,
        "kind": row.kind,
        "order": row.order,
        "status": row.status,
        "body": body,
    })
}
