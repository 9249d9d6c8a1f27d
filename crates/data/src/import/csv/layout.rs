//! Which column of a file is what.

use std::fmt;
use std::path::Path;

use store::catalog::Kind;

use super::super::parquet_lines::SEPARATOR;
use super::super::{ImportError, ImportOptions};
use super::Field;

/// Found by its name alone.
const NOWHERE: usize = usize::MAX;
/// No file has more columns.
const MAX_WIDTH: usize = 64;

/// The places of the columns in one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    /// What a row is.
    pub kind: Kind,
    /// Whether the first line names the columns.
    pub has_header: bool,
    /// Columns that are not kept.
    pub not_kept: Vec<String>,
    separator: char,
    places: [Option<usize>; Field::COUNT],
    width: usize,
}

/// The cells of one line.
#[derive(Clone, Copy, Debug)]
pub struct Cells<'a> {
    cells: [&'a str; Field::COUNT],
}

impl<'a> Cells<'a> {
    /// The cell of a field; `None` where the file has no such column or the cell is empty.
    pub fn get(&self, field: Field) -> Option<&'a str> {
        Some(self.cells[field as usize]).filter(|cell| !cell.is_empty())
    }
}

/// Fields with their places.
type Places = &'static [(Field, usize)];

/// Fields that a row cannot do without, and others that it has, with their places in files without
/// a header.
const fn fields_of(kind: Kind) -> (Places, Places) {
    use Field::{
        Close, CloseTime, FirstTradeId, High, Id, LastTradeId, Low, Open, Price, Quantity,
        QuoteVolume, ReceivedAt, Side, TakerBuyQuoteVolume, TakerBuyVolume, Time, TradeCount,
        Volume,
    };
    match kind {
        Kind::Klines => (
            &[(Time, 0), (Open, 1), (High, 2), (Low, 3), (Close, 4), (Volume, 5)],
            &[
                (CloseTime, 6),
                (QuoteVolume, 7),
                (TradeCount, 8),
                (TakerBuyVolume, 9),
                (TakerBuyQuoteVolume, 10),
            ],
        ),
        Kind::AggTrades => (
            &[
                (Id, 0),
                (Price, 1),
                (Quantity, 2),
                (FirstTradeId, 3),
                (LastTradeId, 4),
                (Time, 5),
                (Side, 6),
            ],
            &[(ReceivedAt, NOWHERE)],
        ),
        Kind::Trades => {
            (&[(Id, 0), (Price, 1), (Quantity, 2), (Time, 4), (Side, 5)], &[(ReceivedAt, NOWHERE)])
        }
        // Read from captures alone.
        Kind::Quotes | Kind::Depth => (&[], &[]),
    }
}

impl Layout {
    /// From the first line of a file.
    ///
    /// # Errors
    /// [`ImportError::Unknown`] where nothing tells what the rows are, and errors about columns.
    pub fn of(line: &str, path: &Path, options: &ImportOptions) -> Result<Self, ImportError> {
        let separators = [SEPARATOR, ',', ';', '\t'].into_iter();
        let separator = { separators }.find(|c| line.contains(*c)).unwrap_or(',');
        let cells: Vec<&str> =
            line.split(separator).map(|cell| cell.trim().trim_matches('"')).collect();
        let is_number = |cell: &&str| cell.parse::<f64>().is_ok_and(f64::is_finite);
        let has_header = !cells.iter().any(is_number);
        let unknown =
            |hint: &str| ImportError::Unknown { path: path.to_owned(), hint: hint.to_owned() };
        if cells.len() > MAX_WIDTH {
            return Err(unknown("it has more than 64 columns"));
        }
        let header: Vec<String> = cells.iter().map(|cell| plain(cell)).collect();
        let known = options.kind.or_else(|| {
            if has_header { kind_of_header(&header, options) } else { kind_of_cells(&cells) }
        });
        let kind = known.ok_or_else(|| unknown("say --kind and, for unusual columns, --map"))?;
        if matches!(kind, Kind::Quotes | Kind::Depth) {
            return Err(unknown("quotes and depth are read from captures"));
        }
        let mut layout = Self {
            kind,
            has_header,
            not_kept: Vec::new(),
            separator,
            places: [None; Field::COUNT],
            width: cells.len(),
        };
        layout.place(path, options, &header, &cells)?;
        Ok(layout)
    }

    fn place(
        &mut self,
        path: &Path,
        options: &ImportOptions,
        header: &[String],
        cells: &[&str],
    ) -> Result<(), ImportError> {
        let (needed, optional) = fields_of(self.kind);
        // With a map, places that nobody named are not guessed at.
        let is_mapped = !options.map.0.is_empty();
        for (field, place) in needed.iter().chain(optional) {
            self.places[*field as usize] = if self.has_header {
                header.iter().position(|cell| field.header_names().contains(&cell.as_str()))
            } else {
                Some(*place).filter(|place| *place < self.width && !is_mapped)
            };
        }
        for (field, column) in &options.map.0 {
            let by_name = cells.iter().position(|cell| self.has_header && cell == column);
            let by_number = || column.parse().ok().and_then(|number: usize| number.checked_sub(1));
            let place = by_name.or_else(by_number).filter(|place| *place < self.width);
            let missing = || ImportError::NoSuchColumn {
                path: path.to_owned(),
                field: *field,
                column: column.clone(),
            };
            self.places[*field as usize] = Some(place.ok_or_else(missing)?);
        }
        // A trade without a number gets that of its row.
        let is_missing =
            |field: &Field| *field != Field::Id && self.places[*field as usize].is_none();
        if let Some((field, _)) = needed.iter().find(|(field, _)| is_missing(field)) {
            return Err(ImportError::NoColumn { path: path.to_owned(), field: *field });
        }
        for (place, cell) in cells.iter().enumerate() {
            if !self.places.contains(&Some(place)) {
                let number = || format!("column {}", place + 1);
                self.not_kept.push(if self.has_header { (*cell).to_owned() } else { number() });
            }
        }
        Ok(())
    }

    /// The cells of a line.
    ///
    /// # Errors
    /// When it has another number of them than the first one.
    pub fn split<'a>(&self, line: &'a str) -> Result<Cells<'a>, String> {
        let mut all = [""; MAX_WIDTH];
        let mut count = 0;
        for cell in line.split(self.separator) {
            if count < self.width {
                all[count] = cell;
            }
            count += 1;
        }
        if count != self.width {
            return Err(format!("{count} columns where {} are expected", self.width));
        }
        let mut cells = [""; Field::COUNT];
        for (cell, place) in cells.iter_mut().zip(&self.places) {
            if let Some(place) = place {
                *cell = all[*place].trim().trim_matches('"');
            }
        }
        Ok(Cells { cells })
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = if self.has_header { "with" } else { "without" };
        write!(out, "{}, {} columns, {header} header", self.kind, self.width)
    }
}

fn plain(cell: &str) -> String {
    cell.to_ascii_lowercase().replace(['_', ' ', '-'], "")
}

/// The first kind whose needed columns are all named.
fn kind_of_header(header: &[String], options: &ImportOptions) -> Option<Kind> {
    let has = |field: &Field| {
        header.iter().any(|cell| field.header_names().contains(&cell.as_str()))
            || options.map.0.iter().any(|(mapped, _)| mapped == field)
    };
    let kinds = [Kind::Klines, Kind::AggTrades, Kind::Trades];
    kinds.into_iter().find(|kind| {
        let (needed, _) = fields_of(*kind);
        needed.iter().all(|(field, _)| *field == Field::Id || has(field))
    })
}

/// Told by where the venue's files have a truth: the sixth column of trades, the seventh of
/// aggregates; klines have none.
fn kind_of_cells(cells: &[&str]) -> Option<Kind> {
    let is_truth = |place: usize| {
        let cell = cells.get(place).map(|cell| cell.to_ascii_lowercase());
        cell.is_some_and(|cell| cell == "true" || cell == "false")
    };
    let is_number = |cell: &&str| cell.parse::<f64>().is_ok();
    if is_truth(5) {
        Some(Kind::Trades)
    } else if is_truth(6) {
        Some(Kind::AggTrades)
    } else {
        (cells.len() >= 6 && cells.iter().all(is_number)).then_some(Kind::Klines)
    }
}
