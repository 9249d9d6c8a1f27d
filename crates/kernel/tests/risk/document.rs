//! docs/RISK.md against the table of rules.

use tickwright_kernel::risk::RULES;

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/RISK.md");
    std::fs::read_to_string(path).unwrap()
}

/// The first cells of the table that follows a heading.
fn first_cells(page: &str, heading: &str) -> Vec<String> {
    let section = page.split(heading).nth(1).unwrap();
    let rows = section.lines().skip_while(|line| !line.starts_with('|'));
    let rows = rows.take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.split('|').nth(1).unwrap().trim().trim_matches('`').to_owned()).collect()
}

#[test]
fn the_page_names_every_rule_in_order() {
    let names: Vec<String> = RULES.iter().map(|rule| rule.name().to_owned()).collect();
    assert_eq!(first_cells(&page(), "## The rules"), names);
    let mut unique = names.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), names.len());
}

#[test]
fn the_page_names_every_state_and_trip() {
    assert_eq!(first_cells(&page(), "## The trading state"), ["active", "reduce_only", "halted"]);
    assert_eq!(
        first_cells(&page(), "## What changes it"),
        ["daily_loss", "drawdown", "reconcile", "booking", "engine", "operator"]
    );
}
