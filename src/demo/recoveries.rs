//! What a person is told of strategies that panicked and came back.

use std::collections::BTreeMap;

use actors::monitor::StrategyReading;

/// What was seen of each strategy last.
#[derive(Debug, Default)]
pub struct Recoveries {
    seen: BTreeMap<String, Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    failures: u32,
    is_down: bool,
}

impl Recoveries {
    /// What is new since the last look.
    pub fn look(&mut self, strategies: &[StrategyReading]) -> Vec<String> {
        let states = strategies.iter().map(|one| (one.name.as_str(), one.failures, one.stage));
        states.filter_map(|(name, failures, stage)| self.note(name, failures, stage)).collect()
    }

    fn note(&mut self, name: &str, failures: u32, stage: &str) -> Option<String> {
        let seen = self.seen.entry(name.to_owned()).or_default();
        let (has_failed, was_down) = (failures > seen.failures, seen.is_down);
        let is_down = (has_failed || was_down) && stage != "running";
        *seen = Seen { failures, is_down };
        match (has_failed, is_down) {
            (true, true) => Some(format!("{name} panicked: {stage}")),
            (true, false) => Some(format!("{name} panicked and came back")),
            (false, false) if was_down => Some(format!("{name} came back")),
            (false, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_and_a_return_are_told_once_each() {
        #[track_caller]
        fn check(looks: &[(u32, &str)], expected: &[&str]) {
            let mut recoveries = Recoveries::default();
            let told = looks
                .iter()
                .filter_map(|(failures, stage)| recoveries.note("grid", *failures, stage));
            assert_eq!(told.collect::<Vec<_>>(), expected);
        }
        check(&[(0, "warming"), (0, "running"), (0, "running")], &[]);
        check(&[(0, "running"), (1, "running"), (1, "running")], &["grid panicked and came back"]);
        check(
            &[(0, "running"), (1, "waiting"), (1, "warming"), (1, "running"), (0, "running")],
            &["grid panicked: waiting", "grid came back"],
        );
        check(&[(0, "running"), (1, "quarantined")], &["grid panicked: quarantined"]);
        let twice = ["grid panicked and came back", "grid panicked and came back"];
        check(&[(1, "running"), (2, "running")], &twice);
    }
}
