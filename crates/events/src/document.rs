//! LOGS.md, written from the table.

use std::fmt::Write as _;

use crate::table::{ALL, LogEvent};

const PREFACE: &str = "\
# The log: how a running engine is watched

<!-- Written from crates/events/src/table.rs. To change it, change the table and run
     TICKWRIGHT_BLESS=1 cargo test -p tickwright-events -->

The engine writes JSON lines to a file that rotates by size (`[logs]` in `config/engine.toml`) and
human lines to the terminal. Every line is one event: a stable name, and fields. Values are never
baked into text, so a script can rely on names and fields.

```json
{\"at\":\"2026-01-31T09:30:00.123456Z\",\"level\":\"info\",\"event\":\"feed.synced\",\"symbol\":\"BTCUSDT\",\"update_id\":50012,\"took_ms\":81}
```

- `at` is when the line was written: UTC, with microseconds. `level` is `trace`, `debug`, `info`,
  `warn` or `error`. `event` is a name of the tables below.
- A field without a value is left out. Money, prices and quantities are decimal texts, so that no
  reader turns them into floats. Units stand last in a name (`age_ms`).
- `correlation` is the same on every line that one market event caused, from the tick to the fill:
  `grep '\"correlation\":\"1790000000-23154\"'` tells the story of an order. It begins with the epoch, so
  that no two runs share one; what no market event began is named after its order, `…-2.7`.
- Lines about orders (`order.…`) are written by a thread of their own up to 10 ms after the event, in
  order among each other: a line of another part may stand before them.
- A line is never waited for: when the disk is full or too slow, lines are dropped and counted, and
  `log.dropped` says how many as soon as it can. Trading goes on.
- `tickwright logs summary FILE` rebuilds orders, fills, fees and profit from the file alone. Each start
  writes down what the journal holds (`position.restored`, `order.restored`), and the summary goes on
  from there: a fill whose line a `kill -9` took is in the profit from the next start on. Where the
  lines do not suffice for an exact profit, the summary says why, prints none and ends with code 5.
";

/// The page that explains every event: level, fields, meaning and what to do.
#[must_use]
pub fn to_markdown() -> String {
    let mut page = String::from(PREFACE);
    let mut group = "";
    for event in ALL {
        if event.group() != group {
            group = event.group();
            let _ =
                write!(page, "\n## {group}\n\n| event | level | fields | meaning | what to do |\n");
            page.push_str("|---|---|---|---|---|\n");
        }
        page.push_str(&row(event));
    }
    page
}

fn row(event: &LogEvent) -> String {
    let fields: Vec<String> = event.fields.iter().map(|field| format!("`{field}`")).collect();
    format!(
        "| `{}` | {} | {} | {} | {} |\n",
        event.name,
        event.level.as_str().to_ascii_lowercase(),
        fields.join(", "),
        event.meaning,
        event.action,
    )
}
