//! The exported CSV files once more as Parquet, for pandas, polars and DuckDB.
//!
//! Instants become timestamps; prices and amounts exact decimals, at as many places as the column
//! needs, or floats where 18 digits are not enough. Made from the CSV files when those are complete,
//! so that both say the same; the same run gives the same bytes.

use std::io::{BufRead as _, BufReader};
use std::path::Path;

use data::table::{Cell, ColumnType, Format, TableWriter};
use model::Timestamp;

use crate::cli::{Exit, Failure};

/// The files, by the names of their columns.
const FILES: [&str; 4] = ["orders", "fills", "equity", "indicators"];
/// Columns of exact numbers.
const NUMBERS: [&str; 6] = ["price", "stop_price", "quantity", "fee", "equity", "holdings"];
/// The largest mantissa of a decimal of 18 digits.
const MAX_MANTISSA: i128 = 999_999_999_999_999_999;

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
        let cells = columns.iter().zip(cells(&line, columns.len()));
        let row = cells.map(|((_, kind), text)| cell(*kind, text)).collect();
        table.push(row).map_err(|error| storage(&error))?;
    }
    table.finish().map_err(|error| storage(&error))
}

type Rows = std::iter::Skip<std::io::Lines<BufReader<std::fs::File>>>;

/// The lines below the header.
fn rows(csv: &Path) -> std::io::Result<Rows> {
    Ok(BufReader::new(std::fs::File::open(csv)?).lines().skip(1))
}

/// Only the last cell may be quoted, or hold a comma.
fn cells(line: &str, count: usize) -> impl Iterator<Item = &str> {
    line.splitn(count, ',').map(|cell| cell.trim_matches('"'))
}

/// The columns, each as exact as its values.
fn columns(csv: &Path) -> std::io::Result<Vec<(String, ColumnType)>> {
    let mut header = String::new();
    BufReader::new(std::fs::File::open(csv)?).read_line(&mut header)?;
    let names: Vec<&str> = header.trim_end().split(',').collect();
    let mut places = vec![0_u32; names.len()];
    let mut fits = vec![true; names.len()];
    for line in rows(csv)? {
        for (place, text) in cells(&line?, names.len()).enumerate() {
            places[place] = places[place].max(decimals(text));
        }
    }
    for line in rows(csv)? {
        for (place, text) in cells(&line?, names.len()).enumerate() {
            fits[place] &= text.is_empty() || mantissa(text, places[place]).is_some();
        }
    }
    let column = |(place, name): (usize, &&str)| match *name {
        "at_ns" => ("at".to_owned(), ColumnType::Instant),
        "value" => ("value".to_owned(), ColumnType::Float),
        name if NUMBERS.contains(&name) => match i8::try_from(places[place]) {
            Ok(places) if fits[place] => (name.to_owned(), ColumnType::Decimal(-places)),
            Ok(_) | Err(_) => (name.to_owned(), ColumnType::Float),
        },
        name => (name.to_owned(), ColumnType::Text),
    };
    Ok(names.iter().enumerate().map(column).collect())
}

fn decimals(text: &str) -> u32 {
    let behind = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    u32::try_from(behind).unwrap_or(u32::MAX)
}

/// A number's digits with so many behind the point, if they are 18 at most.
fn mantissa(text: &str, places: u32) -> Option<i64> {
    let number: i128 = text.replace('.', "").parse().ok()?;
    let missing = places.checked_sub(decimals(text))?;
    let scaled = number.checked_mul(10_i128.checked_pow(missing)?)?;
    if scaled.abs() <= MAX_MANTISSA { i64::try_from(scaled).ok() } else { None }
}

fn cell(kind: ColumnType, text: &str) -> Cell {
    match kind {
        ColumnType::Instant => {
            text.parse().map_or(Cell::Missing, |at| Cell::Instant(Timestamp::from_nanos(at)))
        }
        ColumnType::Decimal(exponent) => {
            let places = u32::from(exponent.unsigned_abs());
            mantissa(text, places).map_or(Cell::Missing, Cell::Decimal)
        }
        ColumnType::Float => text.parse().map_or(Cell::Missing, Cell::Float),
        ColumnType::Text | ColumnType::Integer | ColumnType::Truth => Cell::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits() {
        #[track_caller]
        fn check(text: &str, places: u32, expected: Option<i64>) {
            assert_eq!(mantissa(text, places), expected, "{text}");
        }
        check("1.50", 2, Some(150));
        check("-0.001", 8, Some(-100_000));
        check("100000", 8, Some(10_000_000_000_000));
        check("100000", 16, None);
        check("1.234", 2, None);
    }

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
        let columns = columns(&path("equity.csv")).expect("columns");
        assert_eq!(columns[1], ("equity".to_owned(), ColumnType::Float));
        assert_eq!(columns[2], ("holdings".to_owned(), ColumnType::Decimal(-1)));
        // An empty cell is no number.
        let columns = super::columns(&path("orders.csv")).expect("columns");
        assert_eq!(columns[5], ("price".to_owned(), ColumnType::Decimal(-1)));
    }
}
