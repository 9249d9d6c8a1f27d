//! The exported CSV files once more as Parquet, for pandas, polars and DuckDB.
//!
//! Instants become timestamps; prices, quantities and amounts exact decimals of 38 digits, 18 of
//! them behind the point: the same columns in every run, so that runs can be put below each other.
//! Made from the CSV files when those are complete, so that both say the same; the same run gives the
//! same bytes.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use data::table::{Cell, ColumnType, Format, TableWriter, exact};
use model::Timestamp;

use crate::cli::{Exit, Failure};

/// The files, by the names of their columns.
const FILES: [&str; 4] = ["orders", "fills", "equity", "indicators"];
/// Columns of exact numbers.
const NUMBERS: [&str; 6] = ["price", "stop_price", "quantity", "fee", "equity", "holdings"];

/// Writes a `.parquet` beside each `.csv` of an export.
///
/// # Errors
/// From the file system.
pub fn write(directory: &Path) -> Result<(), Failure> {
    FILES.iter().try_for_each(|name| convert(directory, name))
}

fn convert(directory: &Path, name: &str) -> Result<(), Failure> {
    let csv = directory.join(format!("{name}.csv"));
    let storage = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Storage, format!("{}: {error}", csv.display()))
    };
    let columns = columns(&csv).map_err(|error| storage(&error))?;
    let path = directory.join(format!("{name}.parquet"));
    let mut table = TableWriter::create(&path, Format::Parquet, columns.clone())
        .map_err(|error| storage(&error))?;
    for line in rows(&csv).map_err(|error| storage(&error))? {
        let line = line.map_err(|error| storage(&error))?;
        let row = columns.iter().zip(cells(&line, columns.len())).map(|((_, kind), text)| {
            cell(*kind, text).ok_or_else(|| storage(&format!("`{text}` does not fit in Parquet")))
        });
        table.push(row.collect::<Result<_, _>>()?).map_err(|error| storage(&error))?;
    }
    table.finish().map_err(|error| storage(&error))
}

/// The lines below the header.
fn rows(csv: &Path) -> std::io::Result<std::iter::Skip<std::io::Lines<BufReader<File>>>> {
    Ok(BufReader::new(File::open(csv)?).lines().skip(1))
}

/// Only the last cell may be quoted, or hold a comma.
fn cells(line: &str, count: usize) -> impl Iterator<Item = &str> {
    line.splitn(count, ',').map(|cell| cell.trim_matches('"'))
}

/// The columns, by their names.
fn columns(csv: &Path) -> std::io::Result<Vec<(String, ColumnType)>> {
    let mut header = String::new();
    BufReader::new(File::open(csv)?).read_line(&mut header)?;
    let column = |name: &str| match name {
        "at_ns" => ("at".to_owned(), ColumnType::Instant),
        "value" => ("value".to_owned(), ColumnType::Float),
        name if NUMBERS.contains(&name) => (name.to_owned(), ColumnType::Exact),
        name => (name.to_owned(), ColumnType::Text),
    };
    Ok(header.trim_end().split(',').map(column).collect())
}

/// `None` for what the column can't hold.
fn cell(kind: ColumnType, text: &str) -> Option<Cell> {
    match kind {
        ColumnType::Instant => text.parse().ok().map(|at| Cell::Instant(Timestamp::from_nanos(at))),
        ColumnType::Exact if text.is_empty() => Some(Cell::Missing),
        ColumnType::Exact => exact(text).map(Cell::Exact),
        ColumnType::Float => text.parse().ok().map(Cell::Float),
        ColumnType::Text | ColumnType::Integer | ColumnType::Truth | ColumnType::Decimal(_) => {
            Some(Cell::Text(text.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_twice_with_the_same_bytes() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        let texts = [
            "at_ns,strategy,symbol,order,event,price,reason\n1,a,BTCUSDT,1-0-1,denied,,\"x, y\"\n\
             2,a,BTCUSDT,1-0-2,decided,60000.5,\"\"\n",
            "at_ns,strategy,symbol,order,side,price,quantity,fee,fee_asset,liquidity\n\
             5,a,BTCUSDT,1-0-1,buy,60000.01,0.5,0.0005,BTC,taker\n",
            "at_ns,equity,holdings\n1,100000,0\n2,100000.0000000000000001,5.5\n",
            "at_ns,strategy,symbol,name,value\n1,a,BTCUSDT,fast,60000.125\n",
        ];
        for (name, text) in FILES.iter().zip(texts) {
            std::fs::write(path(&format!("{name}.csv")), text).expect("written");
        }
        let read =
            || FILES.map(|name| std::fs::read(path(&format!("{name}.parquet"))).expect("read"));
        write(directory.path()).expect("converted");
        let first = read();
        assert!(first.iter().all(|bytes| bytes.starts_with(b"PAR1")));
        write(directory.path()).expect("converted again");
        assert!(first == read());
        // The columns do not depend on what is in them.
        let exact = |name: &str| (name.to_owned(), ColumnType::Exact);
        let columns = |name: &str| super::columns(&path(name)).expect("columns");
        assert_eq!(columns("equity.csv")[1..], [exact("equity"), exact("holdings")]);
        assert_eq!(columns("orders.csv")[5], exact("price"));
        let long = "at_ns,equity,holdings\n1,0.1234567890123456789,0\n";
        std::fs::write(path("equity.csv"), long).expect("written");
        assert!(write(directory.path()).is_err(), "what does not fit is not cut");
    }
}
