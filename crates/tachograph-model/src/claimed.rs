//! What another document claims: the file `claims.toml`.
//!
//! Owns: [`ClaimsList`], every rule that such a file must obey, with errors that name
//! line and column; and [`PrintedNumber`], a number as it was printed somewhere.
//!
//! Does not: know any study; whether a claim holds is the validation report's to say.

mod check;
mod printed;

pub use printed::PrintedNumber;

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::plan::parse::{PlanError, at, with_nearest_name};

/// The version of the format of `claims.toml`.
pub const CLAIMS_LIST_SCHEMA: &str = "tachograph-claims-list/1";

/// Why a text is no list of claims: what is wrong, and where.
pub type ClaimsListError = PlanError;

/// The claims of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimsList {
    /// What the claims are from, in words.
    pub title: Option<String>,
    /// The claims, in the order of the file; there is at least one.
    pub claims: Vec<ListedClaim>,
}

/// A number that a document states.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedClaim {
    /// Its name, which no other claim of the file has: the given one, else its
    /// position in the file, from 1.
    pub id: String,
    /// What is claimed, in words.
    pub statement: String,
    /// The number.
    pub value: PrintedNumber,
    /// Its unit; empty for counts and bare ratios.
    pub unit: String,
    /// Document and place.
    pub place: String,
    /// The study's claim that states the same quantity under the honest definition.
    pub claim: Option<String>,
    /// The study's claims that state it under other definitions.
    pub definitions: Vec<String>,
    /// How it follows from other claims of the file, if the document says so.
    pub from: Option<Relation>,
    /// What was decided because of it.
    pub decision: Option<Decision>,
    /// Where in the file it begins, in bytes.
    pub span: Range<usize>,
}

/// How a claim follows from others of the same file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// The calculation.
    pub rule: RelationRule,
    /// Positions of its parts in the file, from 0.
    pub of: Vec<usize>,
}

/// A calculation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationRule {
    /// By how many percent of the first the second is larger.
    PercentChange,
    /// The first divided by the second.
    Ratio,
    /// The first minus the second.
    Difference,
    /// All of them together.
    Sum,
    /// Their arithmetic mean.
    Mean,
}

impl RelationRule {
    /// Returns the name used in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::PercentChange => "percent_change",
            Self::Ratio => "ratio",
            Self::Difference => "difference",
            Self::Sum => "sum",
            Self::Mean => "mean",
        }
    }
}

/// What was decided because of a claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The decision, in words.
    pub words: String,
    /// What must hold for it; absent if the file does not say.
    pub condition: Option<Condition>,
}

/// What must hold for a decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// On which side of the bound the quantity must be.
    pub side: BoundSide,
    /// The bound.
    pub bound: Bound,
}

/// On which side of a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundSide {
    /// Above it.
    Above,
    /// Below it.
    Below,
}

/// What a quantity is held against.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    /// A number, in the claim's unit.
    Threshold(PrintedNumber),
    /// Another claim of the file, by its position from 0: the quantity is better.
    Claim(usize),
}

impl ClaimsList {
    /// Parses and checks the text of a `claims.toml`.
    ///
    /// # Errors
    ///
    /// [`ClaimsListError`] names the first place that is not TOML, has an unknown name
    /// or a wrong type, or breaks a rule (two claims of one name, a relation between
    /// claims of unlike units, a value that is no number, …).
    pub fn parse(text: &str) -> Result<Self, ClaimsListError> {
        let written: Written = toml::from_str(text).map_err(|error| {
            let span = error.span().unwrap_or(0..text.len().min(1));
            at(text, span, with_nearest_name(error.message()))
        })?;
        check::list(text, &written)
    }

    /// Returns the line and the column of a claim in the text that it was parsed from,
    /// both from 1.
    pub fn line_and_column(text: &str, claim: &ListedClaim) -> (usize, usize) {
        let error = at(text, claim.span.clone(), String::new());
        (error.line, error.column)
    }
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    schema: Spanned<String>,
    title: Option<String>,
    #[serde(default)]
    claims: Vec<Spanned<WrittenClaim>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenClaim {
    id: Option<Spanned<String>>,
    statement: Spanned<String>,
    value: Spanned<toml::Value>,
    #[serde(default)]
    unit: String,
    r#where: Spanned<String>,
    claim: Option<String>,
    #[serde(default)]
    definitions: Vec<String>,
    from: Option<Spanned<WrittenRelation>>,
    decision: Option<Spanned<String>>,
    holds_if: Option<Spanned<BoundSide>>,
    threshold: Option<Spanned<toml::Value>>,
    better_than: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRelation {
    rule: RelationRule,
    of: Vec<Spanned<String>>,
}

#[cfg(test)]
mod tests;
