//! Whether a decision that rested on a claim still holds.
//!
//! Owns: the condition of a decision under what was printed and under what was measured.

use tachograph_model::claimed::{Bound, BoundSide};

use super::document::Judged;

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Yes,
    No,
    /// The intervals do not decide it.
    Open,
}

/// A decision's condition, as printed and as measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// Under what the document prints; `None` if the list states no condition.
    pub(super) printed: Option<bool>,
    /// Under what the study measured; `None` where it states no value under the honest
    /// definition.
    pub(super) measured: Option<Holds>,
}

impl Standing {
    /// Returns what became of the decision of a claim, if one rests on it. `all` are
    /// the judged claims of the list.
    pub(super) fn of(judged: &Judged<'_>, all: &[Judged<'_>]) -> Option<Self> {
        let decision = judged.listed.decision.as_ref()?;
        let Some(condition) = &decision.condition else {
            return Some(Self { printed: None, measured: None });
        };
        let claimed = judged.listed.value.value();
        let (bound_printed, bound_measured) = match condition.bound {
            Bound::Threshold(number) => (number.value(), Some((number.value(), number.value()))),
            Bound::Claim(at) => {
                let measured = all[at].honest.as_ref().map(super::quantity::Found::ends);
                (all[at].listed.value.value(), measured)
            }
        };
        let printed = match condition.side {
            BoundSide::Above => claimed > bound_printed,
            BoundSide::Below => claimed < bound_printed,
        };
        let measured =
            judged.honest.as_ref().zip(bound_measured).map(|(found, bound)| match condition.side {
                BoundSide::Above => above(found.ends(), bound),
                BoundSide::Below => above(bound, found.ends()),
            });
        Some(Self { printed: Some(printed), measured })
    }

    /// Returns whether the decision held as printed and does not as measured.
    pub(super) fn is_reversed(self) -> bool {
        self.printed == Some(true) && self.measured == Some(Holds::No)
    }

    pub(super) fn words(self) -> &'static str {
        match (self.printed, self.measured) {
            (None, _) => "no condition is stated",
            (Some(_), None) => "cannot be told: the study states no value for it",
            (Some(true), Some(Holds::Yes)) => "still holds",
            (Some(true), Some(Holds::No)) => "reversed",
            (Some(true), Some(Holds::Open)) => "weaker: the intervals do not decide it",
            (Some(false), Some(Holds::Yes)) => "holds, though not as printed",
            (Some(false), Some(Holds::No)) => "does not hold, nor did it as printed",
            (Some(false), Some(Holds::Open)) => {
                "did not hold as printed; the intervals do not decide it"
            }
        }
    }
}

/// Returns whether the first interval lies above the second.
fn above(first: (f64, f64), second: (f64, f64)) -> Holds {
    if first.0 > second.1 {
        Holds::Yes
    } else if first.1 <= second.0 {
        Holds::No
    } else {
        Holds::Open
    }
}
