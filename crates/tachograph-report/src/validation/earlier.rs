//! An earlier study beside this one.
//!
//! Owns: which claims of both are about the same, and what became of each verdict.
//!
//! Does not: decide whether the two can be compared; [`contrast`] does.

use tachograph_stats::Verdict;

use super::against::Earlier;
use super::{OwnStudy, ValidationError};
use crate::claim::Claim;
use crate::contrast::{Contrast, ContrastError, Side, Terms, Within, contrast, within};

/// One claim, as both studies state it.
#[derive(Debug, Clone)]
pub(super) struct Twice<'a> {
    pub(super) before: &'a Claim,
    pub(super) after: &'a Claim,
    /// Whether the intervals have a value in common.
    pub(super) overlap: bool,
}

/// What became of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// Better is worse now, or the other way round.
    Reversed,
    /// It says less than before.
    Weaker,
    /// It says more than before.
    Stronger,
    /// It is the same.
    Same,
}

impl Change {
    pub(super) const ALL: [Self; 4] = [Self::Reversed, Self::Weaker, Self::Stronger, Self::Same];

    /// Returns what became of `before`. Of the verdicts, inconclusive says nothing,
    /// equivalent says that no difference matters, better and worse say which way.
    pub(super) fn of(before: Verdict, after: Verdict) -> Self {
        let strength = |verdict| match verdict {
            Verdict::Inconclusive => 0,
            Verdict::Equivalent => 1,
            Verdict::Better | Verdict::Worse => 2,
        };
        match strength(after).cmp(&strength(before)) {
            _ if before == after => Self::Same,
            std::cmp::Ordering::Equal => Self::Reversed,
            std::cmp::Ordering::Less => Self::Weaker,
            std::cmp::Ordering::Greater => Self::Stronger,
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Reversed => "reversed",
            Self::Weaker => "weaker",
            Self::Stronger => "stronger",
            Self::Same => "unchanged",
        }
    }
}

/// The verdicts on one configuration against the baseline of its own study.
#[derive(Debug, Clone)]
pub(super) struct VerdictTwice {
    pub(super) configuration: String,
    pub(super) before: Option<Within>,
    pub(super) after: Option<Within>,
}

impl VerdictTwice {
    /// Returns what became of the verdict; `None` where a study has none.
    pub(super) fn change(&self) -> Option<Change> {
        let verdict = |side: &Option<Within>| Some(side.as_ref()?.judged()?.verdict);
        Some(Change::of(verdict(&self.before)?, verdict(&self.after)?))
    }
}

/// An earlier study compared with this one.
#[derive(Debug, Clone)]
pub(super) struct Comparison<'a> {
    pub(super) earlier: &'a Earlier,
    /// The two against each other, or why that cannot be.
    pub(super) contrast: Result<Box<Contrast>, ContrastError>,
    /// Estimates that both state under one name and in one unit, in the order of this
    /// study.
    pub(super) twice: Vec<Twice<'a>>,
    /// How many claims both state under one name.
    pub(super) n_shared: usize,
    /// How many of these print the same.
    pub(super) n_alike: usize,
    pub(super) n_only_before: usize,
    pub(super) n_only_after: usize,
    pub(super) verdicts: Vec<VerdictTwice>,
}

impl<'a> Comparison<'a> {
    /// Compares.
    pub(super) fn make(earlier: &'a Earlier, own: &OwnStudy<'a>) -> Result<Self, ValidationError> {
        let (before, after) = (&earlier.extract, own.extract);
        if before.study.is_same(&after.study) {
            return Err(ValidationError::of(
                &earlier.path,
                "this is the study itself, or an earlier stage of it; hold it against another one",
            ));
        }
        let side = |name, extract| Side { name, extract, configuration: None };
        let contrast =
            contrast(side("earlier", before), side("this", after), &Terms::default()).map(Box::new);
        let claims = own.rendered.report.ledger.claims();
        let shared: Vec<(&Claim, &Claim)> = claims
            .iter()
            .filter_map(|after| Some((earlier.claims.get(&after.id)?, after)))
            .collect();
        let text = |claim: &Claim| claim.text(crate::claim::Part::Value);
        let twice = shared.iter().filter_map(|&(before, after)| {
            let (a, b) = (before.interval?, after.interval?);
            let overlap = a.low <= b.high && b.low <= a.high;
            (before.unit == after.unit).then_some(Twice { before, after, overlap })
        });
        Ok(Self {
            earlier,
            contrast,
            twice: twice.collect(),
            n_shared: shared.len(),
            n_alike: shared.iter().filter(|(before, after)| text(before) == text(after)).count(),
            n_only_before: earlier.claims.len() - shared.len(),
            n_only_after: claims.len() - shared.len(),
            verdicts: verdicts(within(before), within(after)),
        })
    }

    /// Returns how many verdicts changed in a way.
    pub(super) fn count(&self, change: Change) -> usize {
        self.verdicts.iter().filter(|each| each.change() == Some(change)).count()
    }

    /// Returns whether values before and after can be held against each other.
    pub(super) fn is_comparable(&self) -> bool {
        self.contrast.as_ref().is_ok_and(|contrast| !contrast.is_refused())
    }
}

fn verdicts(before: Vec<Within>, after: Vec<Within>) -> Vec<VerdictTwice> {
    let mut all: Vec<VerdictTwice> = before
        .into_iter()
        .map(|before| VerdictTwice {
            configuration: before.configuration.clone(),
            before: Some(before),
            after: None,
        })
        .collect();
    for after in after {
        match all.iter_mut().find(|each| each.configuration == after.configuration) {
            Some(each) => each.after = Some(after),
            None => all.push(VerdictTwice {
                configuration: after.configuration.clone(),
                before: None,
                after: Some(after),
            }),
        }
    }
    all
}
