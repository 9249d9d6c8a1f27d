//! Tables of typed columns, written as CSV, as JSON lines or as Parquet, a batch of rows at a time.
//!
//! Exact numbers stay exact: a mantissa is a decimal in all three. In Parquet instants are
//! `TIMESTAMP(NANOS, UTC)` and mantissas `DECIMAL(18, s)`, both on 64-bit integers, and money
//! that may be any `DECIMAL(38, 18)`, which pandas, polars and DuckDB read as what they are; pages
//! are compressed with Snappy.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::Timestamp;
use parquet::basic::Compression;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType,
    Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::decimal;

/// Rows of a Parquet row group.
const GROUP_ROWS: usize = 1 << 17;
/// The largest mantissa of a decimal of 18 digits.
const MAX_MANTISSA: u64 = 999_999_999_999_999_999;

/// Decimals of [`ColumnType::Exact`].
pub const EXACT_SCALE: u32 = 18;
/// The same as an exponent.
const EXACT_EXPONENT: i8 = -18;
/// The largest mantissa of a decimal of 38 digits.
const MAX_EXACT: u128 = 99_999_999_999_999_999_999_999_999_999_999_999_999;

/// A decimal text as a mantissa of [`EXACT_SCALE`] decimals; `None` if it is none, or does not fit.
#[must_use]
pub fn exact(text: &str) -> Option<i128> {
    let mantissa = decimal::wide_mantissa(text, EXACT_EXPONENT).ok()?;
    (mantissa.unsigned_abs() <= MAX_EXACT).then_some(mantissa)
}

/// A mantissa at another exponent as one of [`EXACT_SCALE`] decimals; `None` if it does not fit.
#[must_use]
pub fn exact_of(mantissa: i128, exponent: i8) -> Option<i128> {
    let shift = u32::try_from(i32::from(exponent) - i32::from(EXACT_EXPONENT)).ok()?;
    let mantissa = mantissa.checked_mul(10_i128.checked_pow(shift)?)?;
    (mantissa.unsigned_abs() <= MAX_EXACT).then_some(mantissa)
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ColumnType {
    /// Text.
    Text,
    /// A whole number, or nothing.
    Integer,
    /// A float, or nothing.
    Float,
    /// An exact decimal, or nothing: mantissas at this exponent.
    Decimal(i8),
    /// The same for any amount of money, or nothing: 38 digits, [`EXACT_SCALE`] of them behind the
    /// point, whatever the values.
    Exact,
    /// An instant.
    Instant,
    /// True or false.
    Truth,
}

/// One cell.
#[derive(Clone, PartialEq, Debug)]
pub enum Cell {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A float.
    Float(f64),
    /// The mantissa of a decimal.
    Decimal(i64),
    /// A mantissa of [`EXACT_SCALE`] decimals.
    Exact(i128),
    /// An instant.
    Instant(Timestamp),
    /// True or false.
    Truth(bool),
    /// Nothing.
    Missing,
}

impl From<Option<f64>> for Cell {
    fn from(value: Option<f64>) -> Self {
        value.filter(|value| value.is_finite()).map_or(Self::Missing, Self::Float)
    }
}

/// A format of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Comma-separated, with a header.
    Csv,
    /// One JSON object a line.
    Json,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// The ending of its files.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Parquet => "parquet",
        }
    }
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "csv" => Ok(Self::Csv),
            "json" | "jsonl" => Ok(Self::Json),
            "parquet" => Ok(Self::Parquet),
            _ => Err("expected csv, json or parquet".to_owned()),
        }
    }
}

/// Why a table can't be written.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// From the file system.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// From Parquet.
    #[error("{}: {source}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ParquetError,
    },
    /// A mantissa of more than 18 digits.
    #[error("{}: {column}: {mantissa} does not fit in a decimal of 18 digits: write CSV", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The mantissa.
        mantissa: i64,
    },
}

/// Writes one table. Without [`Self::finish`] the file is not complete.
pub struct TableWriter {
    path: PathBuf,
    columns: Vec<(String, ColumnType)>,
    sink: Sink,
    rows: u64,
}

enum Sink {
    Text { file: BufWriter<File>, is_json: bool, line: String },
    Parquet { file: Box<SerializedFileWriter<File>>, pending: Vec<Vec<Cell>> },
}

impl TableWriter {
    /// Begins a file; one that is there is replaced.
    ///
    /// # Errors
    /// See [`TableError`].
    pub fn create(
        path: &Path,
        format: Format,
        columns: Vec<(String, ColumnType)>,
    ) -> Result<Self, TableError> {
        let io = |source| TableError::Io { path: path.to_owned(), source };
        let file = File::create(path).map_err(io)?;
        let sink = match format {
            Format::Csv | Format::Json => {
                let mut file = BufWriter::with_capacity(1 << 18, file);
                let is_json = format == Format::Json;
                if !is_json {
                    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
                    writeln!(file, "{}", names.join(",")).map_err(io)?;
                }
                Sink::Text { file, is_json, line: String::new() }
            }
            Format::Parquet => Sink::Parquet {
                file: Box::new(parquet_writer(path, file, &columns)?),
                pending: Vec::new(),
            },
        };
        Ok(Self { path: path.to_owned(), columns, sink, rows: 0 })
    }

    /// Rows written.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes one row, with a cell for each column.
    ///
    /// # Errors
    /// See [`TableError`].
    pub fn push(&mut self, row: Vec<Cell>) -> Result<(), TableError> {
        debug_assert_eq!(row.len(), self.columns.len(), "a cell for each column");
        self.rows += 1;
        match &mut self.sink {
            Sink::Text { file, is_json, line } => {
                line.clear();
                if *is_json {
                    json_line(&self.columns, &row, line);
                } else {
                    csv_line(&self.columns, &row, line);
                }
                file.write_all(line.as_bytes())
                    .map_err(|source| TableError::Io { path: self.path.clone(), source })
            }
            Sink::Parquet { pending, .. } => {
                pending.push(row);
                if pending.len() == GROUP_ROWS { self.write_group() } else { Ok(()) }
            }
        }
    }

    /// Completes the file.
    ///
    /// # Errors
    /// See [`TableError`].
    pub fn finish(mut self) -> Result<(), TableError> {
        self.write_group()?;
        match self.sink {
            Sink::Text { mut file, .. } => {
                file.flush().map_err(|source| TableError::Io { path: self.path, source })
            }
            Sink::Parquet { file, .. } => {
                let closed = file.close().map(|_| ());
                closed.map_err(|source| TableError::Parquet { path: self.path, source })
            }
        }
    }

    fn write_group(&mut self) -> Result<(), TableError> {
        let Sink::Parquet { file, pending } = &mut self.sink else { return Ok(()) };
        if pending.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(pending);
        check_mantissas(&self.path, &self.columns, &rows)?;
        let written = write_group(file, &self.columns, &rows);
        written.map_err(|source| TableError::Parquet { path: self.path.clone(), source })
    }
}

fn parquet_writer(
    path: &Path,
    file: File,
    columns: &[(String, ColumnType)],
) -> Result<SerializedFileWriter<File>, TableError> {
    let mut schema = String::from("message table {\n");
    for (name, column_type) in columns {
        let declared = match column_type {
            ColumnType::Text => format!("REQUIRED BYTE_ARRAY {name} (STRING)"),
            ColumnType::Integer => format!("OPTIONAL INT64 {name}"),
            ColumnType::Float => format!("OPTIONAL DOUBLE {name}"),
            ColumnType::Decimal(exponent) => {
                let scale = exponent.min(&0).unsigned_abs();
                format!("OPTIONAL INT64 {name} (DECIMAL(18,{scale}))")
            }
            ColumnType::Exact => {
                format!("OPTIONAL FIXED_LEN_BYTE_ARRAY(16) {name} (DECIMAL(38,{EXACT_SCALE}))")
            }
            ColumnType::Instant => format!("REQUIRED INT64 {name} (TIMESTAMP(NANOS,true))"),
            ColumnType::Truth => format!("REQUIRED BOOLEAN {name}"),
        };
        let _ = writeln!(schema, "{declared};");
    }
    schema.push('}');
    let parquet = |source| TableError::Parquet { path: path.to_owned(), source };
    let schema = parse_message_type(&schema).map_err(parquet)?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties)).map_err(parquet)
}

fn check_mantissas(
    path: &Path,
    columns: &[(String, ColumnType)],
    rows: &[Vec<Cell>],
) -> Result<(), TableError> {
    for row in rows {
        for (cell, (column, column_type)) in row.iter().zip(columns) {
            if let (Cell::Decimal(mantissa), ColumnType::Decimal(exponent)) = (cell, column_type)
                && shifted(*mantissa, *exponent).is_none()
            {
                let (path, column) = (path.to_owned(), column.clone());
                return Err(TableError::TooLarge { path, column, mantissa: *mantissa });
            }
        }
    }
    Ok(())
}

/// A mantissa at an exponent that a Parquet decimal can have, which is none above zero.
fn shifted(mantissa: i64, exponent: i8) -> Option<i64> {
    let power = 10_i64.checked_pow(u32::from(exponent.max(0).unsigned_abs()))?;
    mantissa.checked_mul(power).filter(|value| value.unsigned_abs() <= MAX_MANTISSA)
}

fn write_group(
    file: &mut SerializedFileWriter<File>,
    columns: &[(String, ColumnType)],
    rows: &[Vec<Cell>],
) -> Result<(), ParquetError> {
    let mut group = file.next_row_group()?;
    for (place, (_, column_type)) in columns.iter().enumerate() {
        let cells = || rows.iter().map(move |row| &row[place]);
        let levels: Vec<i16> = cells().map(|cell| i16::from(*cell != Cell::Missing)).collect();
        let Some(mut column) = group.next_column()? else { break };
        match column_type {
            ColumnType::Text => {
                let values: Vec<ByteArray> = cells().filter_map(as_text).collect();
                column.typed::<ByteArrayType>().write_batch(&values, None, None)?;
            }
            ColumnType::Float => {
                let values: Vec<f64> = cells().filter_map(as_float).collect();
                column.typed::<DoubleType>().write_batch(&values, Some(&levels), None)?;
            }
            ColumnType::Truth => {
                let values: Vec<bool> =
                    cells().map(|cell| matches!(cell, Cell::Truth(true))).collect();
                column.typed::<BoolType>().write_batch(&values, None, None)?;
            }
            ColumnType::Integer => {
                let values: Vec<i64> = cells().filter_map(|cell| as_integer(cell, 0)).collect();
                column.typed::<Int64Type>().write_batch(&values, Some(&levels), None)?;
            }
            ColumnType::Decimal(exponent) => {
                let values: Vec<i64> =
                    cells().filter_map(|cell| as_integer(cell, *exponent)).collect();
                column.typed::<Int64Type>().write_batch(&values, Some(&levels), None)?;
            }
            ColumnType::Exact => {
                let values: Vec<FixedLenByteArray> = cells().filter_map(as_exact).collect();
                column.typed::<FixedLenByteArrayType>().write_batch(
                    &values,
                    Some(&levels),
                    None,
                )?;
            }
            ColumnType::Instant => {
                let values: Vec<i64> = cells().filter_map(|cell| as_integer(cell, 0)).collect();
                column.typed::<Int64Type>().write_batch(&values, None, None)?;
            }
        }
        column.close()?;
    }
    group.close()?;
    Ok(())
}

fn as_text(cell: &Cell) -> Option<ByteArray> {
    match cell {
        Cell::Text(text) => Some(text.as_str().into()),
        Cell::Missing => Some("".into()),
        Cell::Integer(_)
        | Cell::Float(_)
        | Cell::Decimal(_)
        | Cell::Exact(_)
        | Cell::Instant(_)
        | Cell::Truth(_) => None,
    }
}

/// Most significant byte first, as Parquet wants it.
fn as_exact(cell: &Cell) -> Option<FixedLenByteArray> {
    match cell {
        Cell::Exact(mantissa) => Some(ByteArray::from(mantissa.to_be_bytes().to_vec()).into()),
        Cell::Text(_)
        | Cell::Integer(_)
        | Cell::Float(_)
        | Cell::Decimal(_)
        | Cell::Instant(_)
        | Cell::Truth(_)
        | Cell::Missing => None,
    }
}

fn as_float(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Float(value) => Some(*value),
        Cell::Text(_)
        | Cell::Integer(_)
        | Cell::Decimal(_)
        | Cell::Exact(_)
        | Cell::Instant(_)
        | Cell::Truth(_)
        | Cell::Missing => None,
    }
}

fn as_integer(cell: &Cell, exponent: i8) -> Option<i64> {
    match cell {
        Cell::Integer(value) => Some(*value),
        Cell::Decimal(mantissa) => shifted(*mantissa, exponent),
        Cell::Instant(at) => Some(at.as_nanos()),
        Cell::Text(_) | Cell::Float(_) | Cell::Exact(_) | Cell::Truth(_) | Cell::Missing => None,
    }
}

fn csv_line(columns: &[(String, ColumnType)], row: &[Cell], line: &mut String) {
    for (place, (cell, (_, column_type))) in row.iter().zip(columns).enumerate() {
        if place > 0 {
            line.push(',');
        }
        match cell {
            Cell::Text(text) if text.contains([',', '"', '\n']) => {
                let _ = write!(line, "\"{}\"", text.replace('"', "\"\""));
            }
            Cell::Text(text) => line.push_str(text),
            Cell::Integer(_)
            | Cell::Float(_)
            | Cell::Decimal(_)
            | Cell::Exact(_)
            | Cell::Instant(_)
            | Cell::Truth(_)
            | Cell::Missing => push_plain(cell, *column_type, line),
        }
    }
    line.push('\n');
}

fn json_line(columns: &[(String, ColumnType)], row: &[Cell], line: &mut String) {
    for (place, (cell, (name, column_type))) in row.iter().zip(columns).enumerate() {
        let _ = write!(line, "{}\"{name}\":", if place == 0 { '{' } else { ',' });
        match cell {
            Cell::Text(text) => line.push_str(&serde_json::Value::from(text.as_str()).to_string()),
            Cell::Missing => line.push_str("null"),
            // Exact, and as the venue itself writes them: in quotes.
            Cell::Decimal(_) | Cell::Exact(_) | Cell::Instant(_) => {
                line.push('"');
                push_plain(cell, *column_type, line);
                line.push('"');
            }
            Cell::Integer(_) | Cell::Float(_) | Cell::Truth(_) => {
                push_plain(cell, *column_type, line);
            }
        }
    }
    line.push_str("}\n");
}

fn push_plain(cell: &Cell, column_type: ColumnType, line: &mut String) {
    let _ = match cell {
        Cell::Integer(value) => write!(line, "{value}"),
        Cell::Float(value) => write!(line, "{value}"),
        Cell::Truth(value) => write!(line, "{value}"),
        Cell::Decimal(mantissa) => {
            let exponent =
                if let ColumnType::Decimal(exponent) = column_type { exponent } else { 0 };
            write!(line, "{}", decimal::text(*mantissa, exponent))
        }
        Cell::Exact(mantissa) => line.write_str(&decimal::wide_text(*mantissa, EXACT_EXPONENT)),
        Cell::Instant(at) => push_instant(*at, line),
        Cell::Text(_) | Cell::Missing => Ok(()),
    };
}

/// RFC 3339 with nine decimals where microseconds do not tell all.
fn push_instant(at: Timestamp, line: &mut String) -> std::fmt::Result {
    let nanos = at.as_nanos().rem_euclid(1_000);
    let text = at.to_string();
    match nanos {
        0 => write!(line, "{text}"),
        _ => write!(line, "{}{nanos:03}Z", text.trim_end_matches('Z')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_their_digits() {
        #[track_caller]
        fn check(text: &str, expected: Option<&str>) {
            let shown = exact(text).map(|mantissa| decimal::wide_text(mantissa, EXACT_EXPONENT));
            assert_eq!(shown.as_deref(), expected, "{text}");
        }
        check("0", Some("0"));
        check("-0.5", Some("-0.5"));
        check("100000.0000000000000001", Some("100000.0000000000000001"));
        check("1.500000000000000000000", Some("1.5"));
        check(
            "99999999999999999999.999999999999999999",
            Some("99999999999999999999.999999999999999999"),
        );
        check("100000000000000000000", None);
        check("0.1234567890123456789", None);
        for wrong in ["", "-", "+1", "1.-5", "x"] {
            check(wrong, None);
        }
        assert_eq!(exact_of(198_753_046, -5), exact("1987.53046"));
        assert_eq!(exact_of(7, 2), exact("700"));
        assert_eq!(
            (exact_of(1, -19), exact_of(1, 20), exact_of(i128::MAX, -18)),
            (None, None, None)
        );
    }
}
