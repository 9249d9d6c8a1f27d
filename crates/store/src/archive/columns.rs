//! Which cell of a line is what.

use super::cell::CellError;

/// A column that a row knows.
pub struct Column {
    /// Its names in headers, in lower case without `_`.
    pub names: &'static [&'static str],
    /// Its place in a file without a header.
    pub place: usize,
    /// Whether a file may do without it.
    pub is_optional: bool,
}

/// The place of each column in one file.
#[derive(Debug)]
pub(super) struct Columns {
    places: Vec<Option<usize>>,
    /// Cells of a line.
    width: usize,
}

/// The cells of one line, in the order of the row's columns; empty where the file has none.
pub type Cells<'a> = [&'a str; MAX_COLUMNS];

/// No row has more columns.
const MAX_COLUMNS: usize = 11;
/// No file has more.
const MAX_WIDTH: usize = 64;

impl Columns {
    /// From the first line of a file, which may be a header: one that starts with a letter.
    pub fn of(line: &str, columns: &[Column]) -> Result<(Self, bool), CellError> {
        let cells: Vec<&str> = line.split(',').map(|cell| cell.trim().trim_matches('"')).collect();
        let width = cells.len();
        if width > MAX_WIDTH {
            return Err(CellError::TooWide(width));
        }
        let is_header = cells[0].starts_with(|first: char| first.is_ascii_alphabetic());
        let plain: Vec<String> =
            cells.iter().map(|cell| cell.to_ascii_lowercase().replace(['_', ' '], "")).collect();
        let mut places = Vec::with_capacity(columns.len());
        for column in columns {
            let place = if is_header {
                plain.iter().position(|cell| column.names.contains(&cell.as_str()))
            } else {
                (column.place < width).then_some(column.place)
            };
            if place.is_none() && !column.is_optional {
                let line = if is_header { "header" } else { "line" };
                return Err(CellError::NoColumn { line, column: column.names[0] });
            }
            places.push(place);
        }
        Ok((Self { places, width }, is_header))
    }

    /// The cells of a line.
    pub fn split<'a>(&self, line: &'a str) -> Result<Cells<'a>, CellError> {
        let mut all = [""; MAX_WIDTH];
        let mut count = 0;
        for cell in line.split(',') {
            if count == self.width {
                count += 1;
                break;
            }
            all[count] = cell;
            count += 1;
        }
        if count != self.width {
            return Err(CellError::Width(self.width));
        }
        let mut cells = [""; MAX_COLUMNS];
        for (cell, place) in cells.iter_mut().zip(&self.places) {
            if let Some(place) = place {
                *cell = all[*place].trim().trim_matches('"');
            }
        }
        Ok(cells)
    }
}
