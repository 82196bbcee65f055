//! What a report states about numbers together.
//!
//! Owns: [`Rule`], the kinds of relations, and [`Relation`], one of them with its
//! outcome.

use serde::Serialize;

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Possible, but only at the edge of rounding: worth a look.
    Note,
    /// The printed digits contradict each other.
    Inconsistent,
    /// The contradiction changes what is concluded: a sign, a winner, a
    /// significance.
    Decision,
}

impl Severity {
    /// Returns the name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Inconsistent => "inconsistent",
            Self::Decision => "decision",
        }
    }
}

/// The rules of the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A percentage against the two values beside it.
    PercentChange,
    /// A factor against the two values beside it.
    Ratio,
    /// Percentage points against the two percentages beside them.
    PercentagePoints,
    /// A word such as "faster" or "reduced" against the numbers.
    Direction,
    /// A total against its parts.
    Sum,
    /// A product against its factors, an equation against its sides.
    Equation,
    /// Runs per configuration against runs and configurations.
    RunsPerConfiguration,
    /// A percentage of a count that no whole number gives.
    Granularity,
    /// Shares that do not add up to a hundred percent.
    Shares,
    /// A range whose ends are swapped, or a value outside its own range.
    Range,
    /// Minimum, quantiles, mean and maximum out of order.
    Order,
    /// A best or worst value that is not.
    Best,
    /// A coefficient of variation against standard deviation and mean.
    Variation,
    /// The half-width of an interval against standard deviation and n.
    IntervalWidth,
    /// An interval that does not hold its estimate.
    Interval,
    /// Words of significance against p-value or interval.
    Significance,
    /// The average of values that are listed.
    Average,
    /// One quantity with two values.
    TwoValues,
    /// One amount in two units.
    Conversion,
    /// An amount per month against the amount per year; a break-even time.
    Period,
    /// A cell against the other cells of its table.
    Table,
    /// A number against the claim that it is bound to.
    Claim,
    /// A number against a study.
    Study,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 23] = [
        Self::PercentChange,
        Self::Ratio,
        Self::PercentagePoints,
        Self::Direction,
        Self::Sum,
        Self::Equation,
        Self::RunsPerConfiguration,
        Self::Granularity,
        Self::Shares,
        Self::Range,
        Self::Order,
        Self::Best,
        Self::Variation,
        Self::IntervalWidth,
        Self::Interval,
        Self::Significance,
        Self::Average,
        Self::TwoValues,
        Self::Conversion,
        Self::Period,
        Self::Table,
        Self::Claim,
        Self::Study,
    ];

    /// Returns the rule's identifier.
    pub fn id(self) -> &'static str {
        match self {
            Self::PercentChange => "percent-change",
            Self::Ratio => "ratio",
            Self::PercentagePoints => "percentage-points",
            Self::Direction => "direction",
            Self::Sum => "sum",
            Self::Equation => "equation",
            Self::RunsPerConfiguration => "runs-per-configuration",
            Self::Granularity => "granularity",
            Self::Shares => "shares",
            Self::Range => "range",
            Self::Order => "order",
            Self::Best => "best",
            Self::Variation => "variation",
            Self::IntervalWidth => "interval-width",
            Self::Interval => "interval",
            Self::Significance => "significance",
            Self::Average => "average",
            Self::TwoValues => "two-values",
            Self::Conversion => "conversion",
            Self::Period => "period",
            Self::Table => "table",
            Self::Claim => "claim",
            Self::Study => "study",
        }
    }

    /// Returns what the rule says, in a sentence.
    pub fn description(self) -> &'static str {
        match self {
            Self::PercentChange => {
                "A percentage agrees with the two values it is stated for, in a reading that its words allow."
            }
            Self::Ratio => "A factor is the quotient of the two values it is stated for.",
            Self::PercentagePoints => {
                "Percentage points are the difference of the two percentages they are stated for."
            }
            Self::Direction => "More, less, faster, slower and signs agree with the numbers.",
            Self::Sum => "A total is the sum of the parts that are stated with it.",
            Self::Equation => "Both sides of a stated calculation are equal.",
            Self::RunsPerConfiguration => "Runs are configurations times runs per configuration.",
            Self::Granularity => "A percentage of a count comes from a whole number.",
            Self::Shares => "Shares of one whole add up to a hundred percent.",
            Self::Range => "A range ascends, and holds the values that are stated to lie in it.",
            Self::Order => "Minimum, ascending quantiles, mean and maximum are in order.",
            Self::Best => {
                "What is called best, worst, fastest or slowest is so among the stated values."
            }
            Self::Variation => "A coefficient of variation is standard deviation over mean.",
            Self::IntervalWidth => {
                "The half-width of a confidence interval is possible for its standard deviation and n."
            }
            Self::Interval => "An interval ascends and holds its estimate.",
            Self::Significance => "Words of significance agree with the p-value and the interval.",
            Self::Average => "An average agrees with the values that it is stated for.",
            Self::TwoValues => "One quantity has one value.",
            Self::Conversion => "One amount in two units is one amount.",
            Self::Period => "Amounts per month, year and day, and break-even times, agree.",
            Self::Table => "A cell agrees with the cells that it is computed from.",
            Self::Claim => "A number bound to a claim is what the claim prints.",
            Self::Study => "A number agrees with the study that it is about.",
        }
    }
}

/// Why a relation does not hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Broken {
    /// How grave it is.
    pub(crate) severity: Severity,
    /// What was computed, and what is printed.
    pub(crate) message: String,
    /// What the first number would have to be, as it would be printed.
    pub(crate) corrected: Option<String>,
}

/// Numbers that a report relates to each other.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Relation {
    /// The rule.
    pub(crate) rule: Rule,
    /// The numbers; the first is the one that a finding is about.
    pub(crate) numbers: Vec<usize>,
    /// `None` if it holds.
    pub(crate) broken: Option<Broken>,
}

impl Relation {
    /// Makes a relation that holds.
    pub(crate) fn holds(rule: Rule, numbers: Vec<usize>) -> Self {
        Self { rule, numbers, broken: None }
    }

    /// Makes a relation that does not hold.
    pub(crate) fn broken(
        rule: Rule,
        numbers: Vec<usize>,
        severity: Severity,
        message: String,
    ) -> Self {
        Self { rule, numbers, broken: Some(Broken { severity, message, corrected: None }) }
    }

    /// Adds what the first number would have to be.
    pub(crate) fn corrected(mut self, text: Option<String>) -> Self {
        if let Some(broken) = &mut self.broken {
            broken.corrected = text;
        }
        self
    }
}
