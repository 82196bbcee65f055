//! From the file as it is written to a list that cannot be wrong.
//!
//! Owns: the rules of `claims.toml` and the words of its errors.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;

use super::{
    Bound, CLAIMS_LIST_SCHEMA, ClaimsList, ClaimsListError, Condition, Decision, ListedClaim,
    PrintedNumber, Relation, RelationRule, Written, WrittenClaim,
};
use crate::plan::parse::{at, nearest};

/// The positions of the claims by their names.
type Names = BTreeMap<String, usize>;

/// Checks a whole file.
pub(super) fn list(text: &str, written: &Written) -> Result<ClaimsList, ClaimsListError> {
    let schema = written.schema.get_ref();
    if schema != CLAIMS_LIST_SCHEMA {
        let message = format!(
            "this program reads lists of claims of schema `{CLAIMS_LIST_SCHEMA}`, not `{schema}`; a \
             newer schema needs a newer tacho"
        );
        return Err(at(text, written.schema.span(), message));
    }
    if written.claims.is_empty() {
        let message = "the file lists no claim; a claim begins with `[[claims]]`".to_owned();
        return Err(at(text, 0..0, message));
    }
    let names = names(text, &written.claims)?;
    let units: Vec<&str> = written.claims.iter().map(|claim| claim.get_ref().unit.trim()).collect();
    let mut claims = Vec::new();
    for (index, claim) in written.claims.iter().enumerate() {
        claims.push(Checker { text, names: &names, units: &units, index }.claim(claim)?);
    }
    Ok(ClaimsList { title: written.title.clone(), claims })
}

fn names(text: &str, claims: &[Spanned<WrittenClaim>]) -> Result<Names, ClaimsListError> {
    let mut names = Names::new();
    for (index, claim) in claims.iter().enumerate() {
        let (name, span) = match &claim.get_ref().id {
            Some(id) => (id.get_ref().clone(), id.span()),
            None => ((index + 1).to_string(), claim.span()),
        };
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
        if name.is_empty() || !name.chars().all(is_allowed) {
            let message = format!(
                "the id of a claim has letters, digits, hyphens, underscores, points and slashes \
                 only, not `{name}`"
            );
            return Err(at(text, span, message));
        }
        if names.insert(name.clone(), index).is_some() {
            return Err(at(text, span, format!("two claims are called `{name}`")));
        }
    }
    Ok(names)
}

/// One claim, and what is known of the others.
struct Checker<'a> {
    text: &'a str,
    names: &'a Names,
    units: &'a [&'a str],
    index: usize,
}

impl Checker<'_> {
    fn claim(&self, written: &Spanned<WrittenClaim>) -> Result<ListedClaim, ClaimsListError> {
        let claim = written.get_ref();
        let words = |name: &str, given: &Spanned<String>| match given.get_ref().trim() {
            "" => Err(self.error(given.span(), format!("`{name}` is empty"))),
            words => Ok(words.to_owned()),
        };
        let own = self.names.iter().find(|(_, index)| **index == self.index);
        Ok(ListedClaim {
            id: own.map(|(name, _)| name.clone()).unwrap_or_default(),
            statement: words("statement", &claim.statement)?,
            value: self.number(&claim.value)?,
            unit: self.units[self.index].to_owned(),
            place: words("where", &claim.r#where)?,
            claim: claim.claim.clone(),
            definitions: claim.definitions.clone(),
            from: claim.from.as_ref().map(|_| self.relation(claim)).transpose()?,
            decision: self.decision(claim)?,
            span: written.span(),
        })
    }

    fn error(&self, span: Range<usize>, message: impl Into<String>) -> ClaimsListError {
        at(self.text, span, message.into())
    }

    /// Reads a number as it is written: `114.50` keeps its last zero.
    fn number(&self, given: &Spanned<toml::Value>) -> Result<PrintedNumber, ClaimsListError> {
        let written = match given.get_ref() {
            toml::Value::String(text) => text.as_str(),
            toml::Value::Integer(_) | toml::Value::Float(_) => {
                self.text.get(given.span()).unwrap_or_default()
            }
            other => {
                let message = format!(
                    "a value is a number, or a text that holds one as it is printed, not a {}",
                    other.type_str()
                );
                return Err(self.error(given.span(), message));
            }
        };
        PrintedNumber::parse(written).map_err(|message| self.error(given.span(), message))
    }

    /// Returns the position of another claim of the file.
    fn other(&self, name: &Spanned<String>) -> Result<usize, ClaimsListError> {
        let wanted = name.get_ref();
        match self.names.get(wanted) {
            Some(&index) if index == self.index => {
                Err(self.error(name.span(), "a claim cannot refer to itself"))
            }
            Some(&index) => Ok(index),
            None => {
                let known = self.names.keys().map(String::as_str);
                let hint = nearest(wanted, known)
                    .map_or(String::new(), |meant| format!("; did you mean `{meant}`?"));
                let message = format!("no claim of this file is called `{wanted}`{hint}");
                Err(self.error(name.span(), message))
            }
        }
    }

    fn relation(&self, claim: &WrittenClaim) -> Result<Relation, ClaimsListError> {
        let given = claim.from.as_ref().expect("the caller saw it");
        let (rule, span) = (given.get_ref().rule, given.span());
        let of: Vec<usize> =
            given.get_ref().of.iter().map(|name| self.other(name)).collect::<Result<_, _>>()?;
        let is_pair = !matches!(rule, RelationRule::Sum | RelationRule::Mean);
        if of.len() < 2 || (is_pair && of.len() > 2) {
            let wanted = if is_pair { "two claims" } else { "two claims or more" };
            let message = format!("`{}` is made of {wanted}, not {}", rule.name(), of.len());
            return Err(self.error(span, message));
        }
        let first = self.units[of[0]];
        if let Some(&other) = of.iter().find(|&&index| self.units[index] != first) {
            let message = format!(
                "the parts have unlike units, `{first}` and `{}`; state all of them in one",
                self.units[other]
            );
            return Err(self.error(span, message));
        }
        let own = self.units[self.index];
        let (fits, wanted) = match rule {
            RelationRule::PercentChange => (own == "%", "%".to_owned()),
            RelationRule::Ratio => (["", "x", "×", "ratio"].contains(&own), "x".to_owned()),
            RelationRule::Difference if first == "%" => (["%", "pp"].contains(&own), "pp".into()),
            _ => (own == first, first.to_owned()),
        };
        if !fits {
            let message = format!("a `{}` has the unit `{wanted}` here, not `{own}`", rule.name());
            return Err(self.error(span, message));
        }
        Ok(Relation { rule, of })
    }

    fn decision(&self, claim: &WrittenClaim) -> Result<Option<Decision>, ClaimsListError> {
        let Some(decision) = &claim.decision else {
            let stray = [
                ("holds_if", claim.holds_if.as_ref().map(Spanned::span)),
                ("threshold", claim.threshold.as_ref().map(Spanned::span)),
                ("better_than", claim.better_than.as_ref().map(Spanned::span)),
            ];
            return match stray.into_iter().find_map(|(name, span)| Some((name, span?))) {
                Some((name, span)) => Err(self.error(
                    span,
                    format!("`{name}` says when a decision holds, and there is no `decision`"),
                )),
                None => Ok(None),
            };
        };
        let words = decision.get_ref().trim();
        if words.is_empty() {
            return Err(self.error(decision.span(), "`decision` is empty"));
        }
        let condition = self.condition(claim, decision.span())?;
        Ok(Some(Decision { words: words.to_owned(), condition }))
    }

    fn condition(
        &self,
        claim: &WrittenClaim,
        decision: Range<usize>,
    ) -> Result<Option<Condition>, ClaimsListError> {
        let bound = match (&claim.threshold, &claim.better_than) {
            (Some(_), Some(other)) => {
                let message = "give `threshold` or `better_than`, not both";
                return Err(self.error(other.span(), message));
            }
            (Some(threshold), None) => Some(Bound::Threshold(self.number(threshold)?)),
            (None, Some(name)) => {
                let other = self.other(name)?;
                if self.units[other] != self.units[self.index] {
                    let message = format!(
                        "`{}` has the unit `{}`, this claim `{}`",
                        name.get_ref(),
                        self.units[other],
                        self.units[self.index]
                    );
                    return Err(self.error(name.span(), message));
                }
                Some(Bound::Claim(other))
            }
            (None, None) => None,
        };
        match (&claim.holds_if, bound) {
            (None, None) => Ok(None),
            (Some(side), Some(bound)) => Ok(Some(Condition { side: *side.get_ref(), bound })),
            (Some(side), None) => {
                let message = "`holds_if` needs a `threshold`, or `better_than` another claim";
                Err(self.error(side.span(), message))
            }
            (None, Some(_)) => {
                let message = "say with `holds_if = \"above\"` or \"below\" on which side of it the \
                               decision holds";
                Err(self.error(decision, message))
            }
        }
    }
}
