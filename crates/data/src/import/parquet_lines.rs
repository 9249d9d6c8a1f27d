//! Tables in Parquet, as lines like those of a text file: what is read from both is then the same.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use parquet::basic::{ConvertedType, Type as PhysicalType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;
use store::Lines;

use super::ImportError;
use super::json_lines::{self, JsonLines};
use crate::{Meter, decimal};

/// Between the cells of a line; no text has it.
pub const SEPARATOR: char = '\u{1f}';
const MAGIC: &[u8; 4] = b"PAR1";

/// Lines of a table, whatever its format.
pub enum TableLines {
    /// Of a text file.
    Text(Lines),
    /// Of a Parquet file.
    Parquet(Box<ParquetLines>),
    /// Of a file of JSON objects.
    Json(Box<JsonLines>),
}

impl TableLines {
    /// Opens a file at its first line.
    pub fn open(path: &Path, meter: &Meter) -> Result<Self, ImportError> {
        if is_parquet(path)? {
            meter.advance(path.metadata().map_or(0, |facts| facts.len()));
            return ParquetLines::open(path).map(|lines| Self::Parquet(Box::new(lines)));
        }
        let names = json_lines::names_of_file(path)?;
        let lines = Lines::open_counting(path, meter.counter())?;
        Ok(match names {
            Some(names) => Self::Json(Box::new(JsonLines::new(path, lines, names))),
            None => Self::Text(lines),
        })
    }

    /// The next line; `None` after the last.
    pub fn next(&mut self) -> Result<Option<&str>, ImportError> {
        match self {
            Self::Text(lines) => Ok(lines.next()?),
            Self::Parquet(lines) => lines.next(),
            Self::Json(lines) => lines.next(),
        }
    }

    /// The number of the last line, from 1. The header is the first.
    pub const fn number(&self) -> u64 {
        match self {
            Self::Text(lines) => lines.number(),
            Self::Parquet(lines) => lines.number,
            Self::Json(lines) => lines.number(),
        }
    }
}

/// Rows of a Parquet file, after a line of their names.
pub struct ParquetLines {
    path: PathBuf,
    header: Option<String>,
    rows: RowIter<'static>,
    line: String,
    number: u64,
}

impl ParquetLines {
    fn open(path: &Path) -> Result<Self, ImportError> {
        let (header, reader) = open(path)?;
        let rows = RowIter::from_file_into(Box::new(reader));
        let (path, line) = (path.to_owned(), String::new());
        Ok(Self { path, header: Some(header), rows, line, number: 0 })
    }

    fn next(&mut self) -> Result<Option<&str>, ImportError> {
        self.line.clear();
        self.number += 1;
        if let Some(header) = self.header.take() {
            self.line = header;
            return Ok(Some(&self.line));
        }
        let Some(row) = self.rows.next() else { return Ok(None) };
        let row = row.map_err(|error| failed(&self.path, &error))?;
        for (place, (_, field)) in row.get_column_iter().enumerate() {
            if place > 0 {
                self.line.push(SEPARATOR);
            }
            push(field, &mut self.line);
        }
        Ok(Some(&self.line))
    }
}

fn failed(path: &Path, error: &ParquetError) -> ImportError {
    ImportError::Parquet { path: path.to_owned(), reason: error.to_string() }
}

/// Whether a file begins as Parquet files do.
pub fn is_parquet(path: &Path) -> Result<bool, ImportError> {
    let io = |source| ImportError::Io { path: path.to_owned(), source };
    let mut start = Vec::new();
    File::open(path).map_err(io)?.take(4).read_to_end(&mut start).map_err(io)?;
    Ok(start == MAGIC)
}

/// The names of a file's columns, as a line.
pub fn header(path: &Path) -> Result<String, ImportError> {
    open(path).map(|(header, _)| header)
}

fn open(path: &Path) -> Result<(String, SerializedFileReader<File>), ImportError> {
    let file =
        File::open(path).map_err(|source| ImportError::Io { path: path.to_owned(), source })?;
    let reader = SerializedFileReader::new(file).map_err(|error| failed(path, &error))?;
    let mut names = Vec::new();
    for column in reader.metadata().file_metadata().schema_descr().columns() {
        let is_plain = column.path().parts().len() == 1;
        if !is_plain || !is_known(column.physical_type(), column.converted_type()) {
            let reason = format!("column {}: a type that is not read here", column.path().string());
            return Err(ImportError::Parquet { path: path.to_owned(), reason });
        }
        names.push(column.name().to_owned());
    }
    let separator = SEPARATOR.to_string();
    Ok((names.join(&separator), reader))
}

/// Types that the library turns into values; others make it panic.
const fn is_known(physical: PhysicalType, converted: ConvertedType) -> bool {
    let is_physical = !matches!(physical, PhysicalType::INT96);
    let is_converted = matches!(
        converted,
        ConvertedType::NONE
            | ConvertedType::UTF8
            | ConvertedType::DECIMAL
            | ConvertedType::TIMESTAMP_MILLIS
            | ConvertedType::TIMESTAMP_MICROS
            | ConvertedType::INT_8
            | ConvertedType::INT_16
            | ConvertedType::INT_32
            | ConvertedType::INT_64
    );
    is_physical && is_converted
}

/// A value as a text file would have it; nothing for null, and for what no column of ours is.
fn push(field: &Field, line: &mut String) {
    let written = match field {
        Field::Bool(value) => write!(line, "{value}"),
        Field::Byte(value) => write!(line, "{value}"),
        Field::Short(value) => write!(line, "{value}"),
        Field::Int(value) => write!(line, "{value}"),
        Field::Long(value) | Field::TimestampMillis(value) | Field::TimestampMicros(value) => {
            write!(line, "{value}")
        }
        Field::UByte(value) => write!(line, "{value}"),
        Field::UShort(value) => write!(line, "{value}"),
        Field::UInt(value) => write!(line, "{value}"),
        Field::ULong(value) => write!(line, "{value}"),
        Field::Float(value) => write!(line, "{value}"),
        Field::Double(value) => write!(line, "{value}"),
        Field::Str(value) => write!(line, "{}", value.replace(SEPARATOR, " ")),
        Field::Decimal(value) => {
            let text = decimal_text(value.data(), value.scale());
            write!(line, "{}", text.unwrap_or_default())
        }
        Field::Null
        | Field::Float16(_)
        | Field::Bytes(_)
        | Field::Date(_)
        | Field::TimeMillis(_)
        | Field::TimeMicros(_)
        | Field::Group(_)
        | Field::ListInternal(_)
        | Field::MapInternal(_) => Ok(()),
    };
    written.expect("a String takes all that is written to it");
}

/// Big-endian two's complement of at most eight significant bytes.
fn decimal_text(bytes: &[u8], scale: i32) -> Option<String> {
    let is_negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let mut value: i64 = if is_negative { -1 } else { 0 };
    for byte in bytes {
        value = value.checked_mul(256)?.checked_add(i64::from(*byte))?;
    }
    let exponent = i8::try_from(-scale).ok()?;
    Some(decimal::text(value, exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_twos_complement() {
        #[track_caller]
        fn check(bytes: &[u8], scale: i32, expected: Option<&str>) {
            assert_eq!(decimal_text(bytes, scale).as_deref(), expected);
        }
        check(&[0, 0, 1, 0], 2, Some("2.56"));
        check(&[0xff, 0xff], 1, Some("-0.1"));
        check(&i64::MAX.to_be_bytes(), 8, Some("92233720368.54775807"));
        check(&i128::from(i64::MAX).to_be_bytes(), 0, Some("9223372036854775807"));
        check(&[0x7f; 16], 0, None);
    }
}
