//! What the gate compared before it let an order through: kept with the order's intent, so that
//! `explain` can show it for ever after.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::portfolio::Value;

/// One comparison that an order passed.
///
/// Written as `["max_order_notional","account","5000","34.2"]`: there are about a dozen in each
/// intent, for which an order waits.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "Row", into = "Row")]
pub struct RiskCheck {
    /// The rule.
    pub rule: Cow<'static, str>,
    /// Whose limit: `account` or `strategy`.
    pub scope: Cow<'static, str>,
    /// The bound: money in the engine's currency, an amount of the asset that the order pays with,
    /// a price, a count or milliseconds, as the rule has it.
    pub limit: Value,
    /// What was held against it, this order included.
    pub actual: Value,
}

type Row = (Cow<'static, str>, Cow<'static, str>, Value, Value);

impl From<Row> for RiskCheck {
    fn from((rule, scope, limit, actual): Row) -> Self {
        Self { rule, scope, limit, actual }
    }
}

impl From<RiskCheck> for Row {
    fn from(check: RiskCheck) -> Self {
        (check.rule, check.scope, check.limit, check.actual)
    }
}

/// Collects what the rules compare, where somebody wants to know.
#[derive(Debug)]
pub struct Checks {
    rule: &'static str,
    /// `None` where nobody does.
    passed: Option<Vec<RiskCheck>>,
}

impl Checks {
    /// What most orders pass; together less than a kilobyte, up to which allocating is cheap.
    const USUAL: usize = 12;

    pub(super) fn new(are_wanted: bool) -> Self {
        Self { rule: "", passed: are_wanted.then(|| Vec::with_capacity(Self::USUAL)) }
    }

    /// What follows is the comparisons of this rule.
    pub(super) const fn begin(&mut self, rule: &'static str) {
        self.rule = rule;
    }

    /// Notes a comparison that came out well.
    pub(super) fn note(&mut self, scope: &'static str, limit: Value, actual: Value) {
        let Some(passed) = &mut self.passed else { return };
        let (rule, scope) = (Cow::Borrowed(self.rule), Cow::Borrowed(scope));
        passed.push(RiskCheck { rule, scope, limit, actual });
    }

    pub(super) fn into_passed(self) -> Vec<RiskCheck> {
        self.passed.unwrap_or_default()
    }
}
