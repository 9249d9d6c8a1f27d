//! A table as CSV (RFC 4180) or as JSON lines.

use std::io::{self, Write};

use serde_json::{Map, Value};
use store::journal::Cell;

use crate::cli::journal::Format;

/// Writes rows as they come.
#[derive(Debug)]
pub struct TableWriter<W> {
    output: W,
    format: Format,
    has_names: bool,
    /// Rows written.
    pub rows: u64,
}

impl<W: Write> TableWriter<W> {
    /// Writes to an output.
    pub const fn new(output: W, format: Format) -> Self {
        Self { output, format, has_names: false, rows: 0 }
    }

    /// Writes a row.
    ///
    /// # Errors
    /// The output's.
    pub fn write(&mut self, names: &[String], cells: &[Cell]) -> io::Result<()> {
        self.rows += 1;
        match self.format {
            Format::Csv => {
                if !self.has_names {
                    self.has_names = true;
                    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
                    write!(self.output, "{}\r\n", names.join(","))?;
                }
                let cells: Vec<String> = cells.iter().map(plain).collect();
                write!(self.output, "{}\r\n", cells.join(","))
            }
            Format::Jsonl => {
                let pairs = names.iter().cloned().zip(cells.iter().map(value));
                writeln!(self.output, "{}", Value::Object(pairs.collect::<Map<_, _>>()))
            }
        }
    }

    /// Hands on what is buffered.
    ///
    /// # Errors
    /// The output's.
    pub fn finish(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

fn plain(cell: &Cell) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Integer(number) => number.to_string(),
        Cell::Text(text) => quoted(text),
    }
}

fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Empty => Value::Null,
        Cell::Integer(number) => Value::from(*number),
        Cell::Text(text) => Value::from(text.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(format: Format, expected: &str) {
        let mut writer = TableWriter::new(Vec::new(), format);
        let names = ["record", "reason", "price"].map(str::to_owned);
        let rows = [
            [Cell::Integer(7), Cell::Text("a \"b\", c".to_owned()), Cell::Empty],
            [Cell::Integer(-8), Cell::Text("plain".to_owned()), Cell::Text("0.10".to_owned())],
        ];
        for row in &rows {
            writer.write(&names, row).unwrap();
        }
        assert_eq!(String::from_utf8(writer.output).unwrap(), expected);
    }

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        check(Format::Csv, "record,reason,price\r\n7,\"a \"\"b\"\", c\",\r\n-8,plain,0.10\r\n");
        check(
            Format::Jsonl,
            "{\"price\":null,\"reason\":\"a \\\"b\\\", c\",\"record\":7}\n\
             {\"price\":\"0.10\",\"reason\":\"plain\",\"record\":-8}\n",
        );
    }
}
