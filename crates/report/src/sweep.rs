//! Many runs side by side: the table of a sweep, as text and as CSV. The page is in
//! [`crate::html`].

use std::fmt::Write as _;

use crate::metrics::DeflatedSharpe;

/// Runs with other settings over the same history.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SweepTable {
    /// What was swept: lines of name and value.
    pub facts: Vec<(String, String)>,
    /// What a reader must know before the numbers.
    pub warnings: Vec<String>,
    /// Names of the settings.
    pub axes: Vec<String>,
    /// Name of the figure that the best is chosen by; more is better.
    pub figure: String,
    /// Names of the other columns.
    pub columns: Vec<String>,
    /// Names of the columns of numbers in the CSV file.
    pub value_columns: Vec<String>,
    /// One run each, in the order of the sweep.
    pub rows: Vec<SweepRow>,
    /// What came of the best on the time after it, window by window; empty without a walk forward.
    pub walk: Vec<WalkRow>,
}

/// One run.
#[derive(Clone, PartialEq, Debug)]
pub struct SweepRow {
    /// Number of its window, for a walk forward.
    pub window: Option<usize>,
    /// The settings, one for each axis.
    pub point: Vec<String>,
    /// What is compared; `None` if the run gave none.
    pub figure: Option<f64>,
    /// The other columns; empty for a run that was refused.
    pub cells: Vec<String>,
    /// The same as bare numbers with all their digits.
    pub values: Vec<String>,
    /// Why there was no run.
    pub refused: Option<String>,
}

/// A window of a walk forward.
#[derive(Clone, PartialEq, Debug)]
pub struct WalkRow {
    /// From when to when settings were compared, and until when the best was tried.
    pub train_from: String,
    /// The instant at which one ends and the other begins.
    pub test_from: String,
    /// The end.
    pub test_to: String,
    /// The best settings; `None` if no run gave a figure.
    pub best: Option<SweepRow>,
    /// The same settings on the time after.
    pub test: Option<SweepRow>,
}

impl SweepTable {
    /// The places of the rows that have a figure, best first, ties in the order of the sweep.
    #[must_use]
    pub fn ranking(&self) -> Vec<usize> {
        let figure = |place: &usize| self.rows[*place].figure.unwrap_or(f64::NEG_INFINITY);
        let mut places: Vec<usize> =
            (0..self.rows.len()).filter(|place| self.rows[*place].figure.is_some()).collect();
        places.sort_by(|left, right| figure(right).total_cmp(&figure(left)));
        places
    }

    /// Every run as CSV, in the order of the sweep: numbers only, and nothing rounded.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let mut head: Vec<&str> = vec!["window"];
        head.extend(self.axes.iter().map(String::as_str));
        head.extend(self.value_columns.iter().map(String::as_str));
        head.push("refused");
        let mut out = csv_line(head.into_iter());
        for row in &self.rows {
            let window = row.window.map(|window| window.to_string()).unwrap_or_default();
            let blank = String::new();
            let values = 0..self.value_columns.len();
            let cells = values.map(|at| row.values.get(at).unwrap_or(&blank));
            let refused = row.refused.as_ref().unwrap_or(&blank);
            let cells = [&window].into_iter().chain(&row.point).chain(cells).chain([refused]);
            out.push_str(&csv_line(cells.map(String::as_str)));
        }
        out
    }

    /// The best runs, and the windows, for a terminal.
    #[must_use]
    pub fn to_text(&self, best: usize) -> String {
        let mut out = String::new();
        for warning in &self.warnings {
            writeln!(out, "warning: {warning}").expect("a text takes all");
        }
        let mut head: Vec<String> = vec!["#".to_owned()];
        if self.rows.iter().any(|row| row.window.is_some()) {
            head.push("window".to_owned());
        }
        head.extend(self.axes.iter().chain(&self.columns).cloned());
        let ranking = self.ranking();
        let lines = ranking.iter().take(best).enumerate().map(|(rank, place)| {
            let row = &self.rows[*place];
            let mut line = vec![(rank + 1).to_string()];
            line.extend(row.window.map(|window| window.to_string()));
            line.extend(row.point.iter().chain(&row.cells).cloned());
            line
        });
        out.push_str(&aligned(&head, &lines.collect::<Vec<_>>()));
        if ranking.len() > best {
            let more = ranking.len() - best;
            writeln!(out, "… and {more} more").expect("a text takes all");
        }
        if !self.walk.is_empty() {
            out.push('\n');
            out.push_str(&aligned(&self.walk_head(), &self.walk_lines()));
        }
        out
    }

    /// Names of the columns of [`Self::walk_lines`].
    #[must_use]
    pub fn walk_head(&self) -> Vec<String> {
        let mut head = vec!["train from".to_owned(), "test from".to_owned(), "to".to_owned()];
        head.extend(self.axes.iter().cloned());
        head.push(format!("{} in train", self.figure));
        head.push(format!("{} in test", self.figure));
        head.extend(self.columns.iter().map(|column| format!("{column} in test")));
        head
    }

    /// The windows, a line each.
    #[must_use]
    pub fn walk_lines(&self) -> Vec<Vec<String>> {
        let line = |walk: &WalkRow| {
            let mut line =
                vec![walk.train_from.clone(), walk.test_from.clone(), walk.test_to.clone()];
            let point = walk.best.as_ref().map(|best| best.point.clone());
            line.extend(point.unwrap_or_else(|| vec![String::new(); self.axes.len()]));
            for row in [&walk.best, &walk.test] {
                let figure = row.as_ref().and_then(|row| row.figure);
                line.push(figure.map_or_else(|| "n/a".to_owned(), shown));
            }
            let cells = walk.test.as_ref().map(|row| row.cells.clone()).unwrap_or_default();
            line.extend(
                (0..self.columns.len()).map(|at| cells.get(at).cloned().unwrap_or_default()),
            );
            line
        };
        self.walk.iter().map(line).collect()
    }
}

/// What is to be said of the best of so many trials.
#[must_use]
pub fn selection_warning(
    trials: usize,
    deflated: Option<&DeflatedSharpe>,
    returns: &str,
) -> String {
    let told = "the best of many looks better than it is";
    match deflated {
        Some(deflated) => format!(
            "best of {trials} trials: {told}. As many trials without any worth are expected to \
             show a Sharpe ratio of {:.4} a {returns} return at best; the probability that the \
             best one's true ratio ({:.4} measured) is above that is {:.1} % (deflated Sharpe \
             ratio, Bailey and López de Prado 2014; below 95 % it may well be chance)",
            deflated.expected_best,
            deflated.sharpe,
            deflated.probability * 100.0,
        ),
        None => format!(
            "best of {trials} trials: {told}, and there are too few returns for its deflated \
             Sharpe ratio"
        ),
    }
}

/// A figure with four significant digits, more only where it is whole.
pub(crate) fn shown(value: f64) -> String {
    let digits = if value == 0.0 { 0.0 } else { value.abs().log10().floor() };
    let decimals = (3.0 - digits).clamp(0.0, 8.0);
    format!("{value:.*}", decimals as usize)
}

fn csv_line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let mut line: Vec<String> = Vec::new();
    for cell in cells {
        let is_plain = !cell.contains([',', '"', '\n', '\r']);
        line.push(if is_plain {
            cell.to_owned()
        } else {
            format!("\"{}\"", cell.replace('"', "\"\""))
        });
    }
    line.join(",") + "\n"
}

fn aligned(head: &[String], lines: &[Vec<String>]) -> String {
    let width = |at: usize| {
        let cells = lines.iter().filter_map(|line| line.get(at)).chain([&head[at]]);
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut out = String::new();
    for line in [head].into_iter().chain(lines.iter().map(Vec::as_slice)) {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}"));
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(fast: &str, slow: &str, figure: Option<f64>) -> SweepRow {
        let cells = figure.map(|figure| vec![shown(figure)]).unwrap_or_default();
        let refused = figure.is_none().then(|| "fast, not below slow".to_owned());
        let point = vec![fast.to_owned(), slow.to_owned()];
        let values = figure.map(|figure| vec![figure.to_string()]).unwrap_or_default();
        SweepRow { window: None, point, figure, cells, values, refused }
    }

    fn table() -> SweepTable {
        SweepTable {
            axes: vec!["fast".to_owned(), "slow".to_owned()],
            figure: "profit".to_owned(),
            columns: vec!["profit".to_owned()],
            value_columns: vec!["profit".to_owned()],
            rows: vec![
                row("5", "20", Some(-3.0)),
                row("20", "20", None),
                row("5", "30", Some(12.5)),
                row("10", "30", Some(12.5)),
            ],
            ..SweepTable::default()
        }
    }

    #[test]
    fn the_best_comes_first_and_ties_keep_their_order() {
        assert_eq!(table().ranking(), [2, 3, 0]);
        let text = table().to_text(2);
        assert_eq!(
            text,
            "#  fast  slow  profit\n1     5    30   12.50\n2    10    30   12.50\n… and 1 more\n"
        );
    }

    #[test]
    fn csv_has_every_run() {
        let expected = "window,fast,slow,profit,refused\n,5,20,-3,\n\
                        ,20,20,,\"fast, not below slow\"\n,5,30,12.5,\n,10,30,12.5,\n";
        assert_eq!(table().to_csv(), expected);
    }

    #[test]
    fn figures_show_what_counts() {
        let shown: Vec<String> =
            [0.0, 1234.5, -0.012_345, 99.999, 1e-12].map(super::shown).to_vec();
        assert_eq!(shown, ["0.000", "1234", "-0.01235", "100.00", "0.00000000"]);
    }
}
