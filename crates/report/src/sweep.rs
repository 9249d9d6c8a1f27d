//! Many runs side by side: the table of a sweep, as text and as CSV. The page is in
//! [`crate::html`].

use std::fmt::Write as _;

use crate::calendar::date_time;
use crate::metrics::DeflatedSharpe;
use crate::run::Halt;

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
    /// What stopped it before its end: such a run is ranked behind those that were not stopped.
    pub halted: Option<Halt>,
}

/// The column of what stopped a run.
pub(crate) const HALTED: &str = "halted";

/// The same in files.
const HALT_COLUMNS: [&str; 2] = ["halted_at", "halted_by"];

impl SweepRow {
    /// When and by what it was stopped; empty for a run that was not.
    #[must_use]
    pub fn halted_in_words(&self) -> String {
        let words = |halt: &Halt| format!("{}, {}", halt.rule, date_time(halt.at));
        self.halted.as_ref().map(words).unwrap_or_default()
    }

    /// The same for a file: the instant in nanoseconds, and the rule.
    fn halted_cells(&self) -> [String; 2] {
        let cells = |halt: &Halt| [halt.at.as_nanos().to_string(), halt.rule.clone()];
        self.halted.as_ref().map(cells).unwrap_or_default()
    }
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
    /// The places of the rows that have a figure, best first, ties in the order of the sweep; those
    /// that were stopped before their end behind all others.
    #[must_use]
    pub fn ranking(&self) -> Vec<usize> {
        let figure = |place: &usize| self.rows[*place].figure.unwrap_or(f64::NEG_INFINITY);
        let is_halted = |place: &usize| self.rows[*place].halted.is_some();
        let mut places: Vec<usize> =
            (0..self.rows.len()).filter(|place| self.rows[*place].figure.is_some()).collect();
        places.sort_by(|left, right| {
            let halted = is_halted(left).cmp(&is_halted(right));
            halted.then_with(|| figure(right).total_cmp(&figure(left)))
        });
        places
    }

    /// Whether any run was stopped before its end.
    #[must_use]
    pub fn has_halted(&self) -> bool {
        let walked = self.walk.iter().flat_map(|walk| [&walk.best, &walk.test]).flatten();
        self.rows.iter().chain(walked).any(|row| row.halted.is_some())
    }

    /// Every run as CSV, in the order of the sweep: numbers only, and nothing rounded.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let mut head: Vec<&str> = vec!["window"];
        head.extend(self.axes.iter().map(String::as_str));
        head.extend(self.value_columns.iter().map(String::as_str));
        head.extend(HALT_COLUMNS);
        head.push("refused");
        let mut out = csv_line(head.into_iter());
        for row in &self.rows {
            let window = row.window.map(|window| window.to_string()).unwrap_or_default();
            let blank = String::new();
            let values = 0..self.value_columns.len();
            let cells = values.map(|at| row.values.get(at).unwrap_or(&blank));
            let refused = row.refused.as_ref().unwrap_or(&blank);
            let halted = row.halted_cells();
            let cells = [&window].into_iter().chain(&row.point).chain(cells).chain(&halted);
            out.push_str(&csv_line(cells.chain([refused]).map(String::as_str)));
        }
        out
    }

    /// The windows of a walk forward as CSV: what was chosen, what it came to where it was chosen
    /// (`in_`) and on the time after (`out_`).
    #[must_use]
    pub fn walk_to_csv(&self) -> String {
        let mut head = ["window", "train_from", "test_from", "test_to"].map(str::to_owned).to_vec();
        head.extend(self.axes.iter().cloned());
        for side in ["in", "out"] {
            let columns = self.value_columns.iter().map(String::as_str).chain(HALT_COLUMNS);
            head.extend(columns.map(|column| format!("{side}_{column}")));
        }
        let mut out = csv_line(head.iter().map(String::as_str));
        for (number, walk) in self.walk.iter().enumerate() {
            let mut line = vec![number.to_string()];
            line.extend([&walk.train_from, &walk.test_from, &walk.test_to].map(Clone::clone));
            let point = walk.best.as_ref().map(|best| best.point.clone());
            line.extend(point.unwrap_or_else(|| vec![String::new(); self.axes.len()]));
            for row in [&walk.best, &walk.test] {
                let values = row.as_ref().map(|row| row.values.clone()).unwrap_or_default();
                line.extend(
                    (0..self.value_columns.len())
                        .map(|at| values.get(at).cloned().unwrap_or_default()),
                );
                line.extend(row.as_ref().map_or_else(Default::default, SweepRow::halted_cells));
            }
            out.push_str(&csv_line(line.iter().map(String::as_str)));
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
        let has_halted = self.has_halted();
        head.extend(has_halted.then(|| HALTED.to_owned()));
        let ranking = self.ranking();
        let lines = ranking.iter().take(best).enumerate().map(|(rank, place)| {
            let row = &self.rows[*place];
            let mut line = vec![(rank + 1).to_string()];
            line.extend(row.window.map(|window| window.to_string()));
            line.extend(row.point.iter().chain(&row.cells).cloned());
            line.extend(has_halted.then(|| row.halted_in_words()));
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
        if self.has_halted() {
            head.extend(["train", "test"].map(|span| format!("{HALTED} in {span}")));
        }
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
            if self.has_halted() {
                let halted = |row: &Option<SweepRow>| {
                    row.as_ref().map(SweepRow::halted_in_words).unwrap_or_default()
                };
                line.extend([&walk.best, &walk.test].map(halted));
            }
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

/// What must be known of runs that were stopped before their end; `None` if none was.
#[must_use]
pub fn halted_warning(table: &SweepTable) -> Option<String> {
    let halted: Vec<&Halt> = table.rows.iter().filter_map(|row| row.halted.as_ref()).collect();
    let runs = table.rows.iter().filter(|row| row.refused.is_none()).count();
    let tests = table.walk.iter().filter_map(|walk| walk.test.as_ref());
    let tests = tests.filter(|test| test.halted.is_some()).count();
    if halted.is_empty() && tests == 0 {
        return None;
    }
    let mut rules: Vec<&str> = halted.iter().map(|halt| halt.rule.as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    let mut text = format!(
        "{} of {runs} runs were stopped before their end ({}): they are marked, and ranked behind          all others",
        halted.len(),
        rules.join(", ")
    );
    if tests > 0 {
        write!(text, "; so were {tests} of {} tests", table.walk.len()).expect("a text takes all");
    }
    Some(text)
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
    use model::Timestamp;

    use super::*;
    use crate::run::HaltState;

    fn row(fast: &str, slow: &str, figure: Option<f64>) -> SweepRow {
        let cells = figure.map(|figure| vec![shown(figure)]).unwrap_or_default();
        let refused = figure.is_none().then(|| "fast, not below slow".to_owned());
        let point = vec![fast.to_owned(), slow.to_owned()];
        let values = figure.map(|figure| vec![figure.to_string()]).unwrap_or_default();
        SweepRow { window: None, point, figure, cells, values, refused, halted: None }
    }

    fn halt() -> Halt {
        Halt {
            at: Timestamp::from_secs(1_704_067_200),
            state: HaltState::Halted,
            strategy: None,
            symbol: None,
            rule: "drawdown".to_owned(),
            reason: "it fell".to_owned(),
        }
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
        let expected = "window,fast,slow,profit,halted_at,halted_by,refused\n,5,20,-3,,,\n\
                        ,20,20,,,,\"fast, not below slow\"\n,5,30,12.5,,,\n,10,30,12.5,,,\n";
        assert_eq!(table().to_csv(), expected);
    }

    #[test]
    fn a_run_that_was_halted_is_marked_and_comes_last() {
        let mut table = table();
        table.rows[2].halted = Some(halt());
        assert_eq!(table.ranking(), [3, 0, 2], "in spite of its profit");
        let text = table.to_text(9);
        assert!(text.contains("3     5    30   12.50  drawdown, 2024-01-01 00:00:00"), "{text}");
        assert!(table.to_csv().contains("\n,5,30,12.5,1704067200000000000,drawdown,\n"));
        let words = halted_warning(&table).unwrap();
        assert!(words.starts_with("1 of 3 runs were stopped before their end (drawdown)"));
        assert_eq!(halted_warning(&self::table()), None);
    }

    #[test]
    fn windows_are_a_file_of_their_own() {
        let walk = |best: SweepRow, test: SweepRow| WalkRow {
            train_from: "a".to_owned(),
            test_from: "b".to_owned(),
            test_to: "c".to_owned(),
            best: Some(best),
            test: Some(test),
        };
        let mut table = table();
        let halted = SweepRow { halted: Some(halt()), ..row("5", "30", Some(-1.5)) };
        table.walk = vec![walk(row("5", "30", Some(12.5)), halted)];
        let expected = "window,train_from,test_from,test_to,fast,slow,in_profit,in_halted_at,\
                        in_halted_by,out_profit,out_halted_at,out_halted_by\n\
                        0,a,b,c,5,30,12.5,,,-1.5,1704067200000000000,drawdown\n";
        assert_eq!(table.walk_to_csv(), expected);
        assert!(halted_warning(&table).unwrap().ends_with("; so were 1 of 1 tests"));
    }

    #[test]
    fn figures_show_what_counts() {
        let shown: Vec<String> =
            [0.0, 1234.5, -0.012_345, 99.999, 1e-12].map(super::shown).to_vec();
        assert_eq!(shown, ["0.000", "1234", "-0.01235", "100.00", "0.00000000"]);
    }
}
