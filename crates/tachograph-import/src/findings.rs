//! Where something stands in a source, and what is wrong there.
//!
//! Owns: [`Place`] with the reading of single numbers, [`Findings`], and what counts as
//! agreement of a stated number with the records. A stated mean is never used: it is
//! computed again from the records wherever they are there.

use std::collections::BTreeMap;

use tachograph_model::plan::imported::Defect;
use tachograph_model::units::DurationNs;

use crate::read::{millis, seconds};
use crate::snapshot::ImportError;

/// More tokens than any call has.
pub(crate) const TOKENS_MAX: f64 = 1e9;

/// What is done about a derived number.
pub(crate) const NOT_USED: &str = "not used: such numbers are computed again from the records";

/// How many files a defect names when many have the same.
const NAMED_MAX: usize = 3;

/// A place in a file, for errors and defects.
#[derive(Debug, Clone)]
pub(crate) struct Place<'a> {
    pub(crate) path: &'a str,
    pub(crate) pointer: String,
}

impl<'a> Place<'a> {
    pub(crate) fn new(path: &'a str, pointer: impl Into<String>) -> Self {
        Self { path, pointer: pointer.into() }
    }

    pub(crate) fn at(&self, step: impl std::fmt::Display) -> Self {
        Self { path: self.path, pointer: format!("{}/{step}", self.pointer) }
    }

    pub(crate) fn error(&self, message: impl Into<String>) -> ImportError {
        ImportError::new(self.path, &*self.pointer, message)
    }

    /// Returns milliseconds as a duration.
    pub(crate) fn millis(&self, name: &str, value: f64) -> Result<DurationNs, ImportError> {
        millis(value).ok_or_else(|| self.no_duration(name, value, "ms"))
    }

    /// Returns seconds as a duration.
    pub(crate) fn seconds(&self, name: &str, value: f64) -> Result<DurationNs, ImportError> {
        seconds(value).ok_or_else(|| self.no_duration(name, value, "s"))
    }

    fn no_duration(&self, name: &str, value: f64, unit: &str) -> ImportError {
        self.at(name)
            .error(format!("{value} {unit} is no duration: give the file as its program wrote it"))
    }

    /// Returns a whole number that is not negative.
    pub(crate) fn count(&self, name: &str, value: f64) -> Result<u64, ImportError> {
        if !(0.0..=TOKENS_MAX).contains(&value) || value.fract().abs() > 0.0 {
            return Err(self
                .at(name)
                .error(format!("{value} is no count: give the file as its program wrote it")));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
        Ok(value as u64)
    }

    /// Returns the number of a run, from 1.
    pub(crate) fn run_number(&self, name: &str, value: f64) -> Result<u32, ImportError> {
        let number = self.count(name, value)?;
        match u32::try_from(number) {
            Ok(number @ 1..=100_000) => Ok(number),
            _ => Err(self
                .at(name)
                .error(format!("{number} is no number of a run, which begin at 1"))),
        }
    }

    /// Returns a rate, which is finite and not negative.
    pub(crate) fn rate(&self, name: &str, value: f64) -> Result<f64, ImportError> {
        if (0.0..=TOKENS_MAX).contains(&value) {
            return Ok(value);
        }
        Err(self
            .at(name)
            .error(format!("{value} is no rate: give the file as its program wrote it")))
    }
}

/// What was found wrong.
#[derive(Debug, Clone, Default)]
pub(crate) struct Findings(Vec<Defect>);

impl Findings {
    pub(crate) fn add(
        &mut self,
        place: &Place<'_>,
        what: impl Into<String>,
        treatment: impl Into<String>,
    ) {
        self.0.push(Defect {
            path: place.path.to_owned(),
            place: place.pointer.clone(),
            what: what.into(),
            treatment: treatment.into(),
        });
    }

    /// Adds a defect if both numbers are there and disagree.
    pub(crate) fn compare(
        &mut self,
        place: &Place<'_>,
        name: &str,
        stated: Option<f64>,
        computed: Option<f64>,
    ) {
        if let (Some(stated), Some(computed)) = (stated, computed)
            && !agree(stated, computed)
        {
            let what = format!("{stated} is stated, and the records give {computed}");
            self.add(&place.at(name), what, NOT_USED);
        }
    }

    pub(crate) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the defects in the order of their paths; what many files have alike is one
    /// defect, which names a few of them.
    pub(crate) fn merged(self) -> Vec<Defect> {
        let mut groups: BTreeMap<(String, String), Vec<Defect>> = BTreeMap::new();
        for defect in self.0 {
            let key = (defect.what.clone(), defect.treatment.clone());
            groups.entry(key).or_default().push(defect);
        }
        let mut merged: Vec<Defect> = groups.into_values().filter_map(one_of).collect();
        merged.sort();
        merged
    }
}

/// What was found wrong with many records of one file: the first of each kind is named,
/// the others are counted.
#[derive(Debug, Default)]
pub(crate) struct Repeated(BTreeMap<(String, String), (Defect, usize)>);

impl Repeated {
    /// Takes what was found with one record; the last step of a place tells its kind.
    pub(crate) fn take(&mut self, findings: Findings) {
        for defect in findings.0 {
            let step = defect.place.rsplit('/').next().unwrap_or_default();
            let key = (step.to_owned(), defect.treatment.clone());
            self.0.entry(key).and_modify(|(_, n)| *n += 1).or_insert((defect, 0));
        }
    }

    /// Adds what was found to what was found elsewhere.
    pub(crate) fn into_findings(self, findings: &mut Findings) {
        for (mut defect, n) in self.0.into_values() {
            if n > 0 {
                defect.what = format!("{}; so it is with {n} further records", defect.what);
            }
            findings.0.push(defect);
        }
    }
}

/// Returns one defect for several that say the same.
fn one_of(mut all: Vec<Defect>) -> Option<Defect> {
    all.sort();
    all.dedup();
    let mut others: Vec<String> = all.iter().skip(1).map(|it| it.path.clone()).collect();
    others.dedup();
    let mut first = all.into_iter().next()?;
    others.retain(|path| *path != first.path);
    if !others.is_empty() {
        let named = others.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
        let more = if others.len() > NAMED_MAX { ", …" } else { "" };
        first.what =
            format!("{} (so in {} further files: {named}{more})", first.what, others.len());
    }
    Some(first)
}

/// Returns whether two numbers are the same but for rounding in the last places.
pub(crate) fn agree(stated: f64, computed: f64) -> bool {
    (stated - computed).abs() <= 1e-6 * stated.abs().max(computed.abs()).max(1e-3)
}

/// Returns the mean; `None` of nothing.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
