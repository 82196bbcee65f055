//! A list of claims against the claims of a study.
//!
//! Owns: the verdict on each listed claim.
//!
//! Does not: put it into words.

use tachograph_model::claimed::{ListedClaim, PrintedNumber};
use tachograph_model::plan::parse::nearest;

use super::ValidationError;
use super::against::Listed;
use super::decision::Standing;
use super::quantity::{Found, in_unit, named};
use super::relation::Bounds;
use crate::claim::{Claim, Part};

/// What became of a listed claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// The honest definition's value rounds to it.
    Reproduced,
    /// Only the value under another definition rounds to it.
    UnderDefinition,
    /// The list names no claim of the study; one of all that were compared rounds to it.
    Searched,
    /// There are data about it, and nothing rounds to it.
    Contradicted,
    /// Its stated calculation cannot give it, whatever its rounded parts were.
    Inconsistent,
    /// No claim of the study is about it.
    WithoutData,
}

impl Verdict {
    pub(super) const ALL: [Self; 6] = [
        Self::Reproduced,
        Self::UnderDefinition,
        Self::Searched,
        Self::Contradicted,
        Self::Inconsistent,
        Self::WithoutData,
    ];

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Reproduced => "reproduced",
            Self::UnderDefinition => "reproduced only under another definition",
            Self::Searched => "matched by a search only",
            Self::Contradicted => "contradicted",
            Self::Inconsistent => "internally inconsistent",
            Self::WithoutData => "without data",
        }
    }

    /// Returns the name used in claims.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Reproduced => "reproduced",
            Self::UnderDefinition => "under_definition",
            Self::Searched => "searched",
            Self::Contradicted => "contradicted",
            Self::Inconsistent => "inconsistent",
            Self::WithoutData => "without_data",
        }
    }
}

/// What searching all claims gave.
#[derive(Debug, Clone)]
pub(super) struct Search<'a> {
    /// Claims with a compatible unit.
    pub(super) n_compared: usize,
    /// Those that round to the listed one.
    pub(super) matches: Vec<Found<'a>>,
    /// How many would by chance; absent where that cannot be said, of zero.
    pub(super) expected: Option<f64>,
}

/// A listed claim with everything that was found about it.
#[derive(Debug, Clone)]
pub(super) struct Judged<'a> {
    pub(super) listed: &'a ListedClaim,
    pub(super) verdict: Verdict,
    /// The study's value under the honest definition.
    pub(super) honest: Option<Found<'a>>,
    /// Its values under the other definitions.
    pub(super) definitions: Vec<Found<'a>>,
    /// What the stated calculation can give, if one is stated and it is bounded.
    pub(super) bounds: Option<Bounds>,
    /// What was found by searching, if the list names no claim.
    pub(super) search: Option<Search<'a>>,
    /// What became of the decision that rests on it, if one does.
    pub(super) standing: Option<Standing>,
}

impl<'a> Judged<'a> {
    /// Returns the definition under which the claim is reproduced.
    pub(super) fn fitting(&self) -> Option<&Found<'a>> {
        self.definitions.iter().find(|found| self.listed.value.covers(found.value))
    }
}

/// A list of claims, judged.
#[derive(Debug, Clone)]
pub(super) struct Document<'a> {
    pub(super) listed: &'a Listed,
    pub(super) claims: Vec<Judged<'a>>,
}

impl<'a> Document<'a> {
    /// Judges every claim of a list by the claims of a study.
    pub(super) fn judge(listed: &'a Listed, claims: &'a [Claim]) -> Result<Self, ValidationError> {
        let mut judged: Vec<Judged<'a>> = Vec::new();
        for claim in &listed.list.claims {
            judged.push(judge(listed, claim, claims)?);
        }
        let standings: Vec<Option<Standing>> =
            judged.iter().map(|each| Standing::of(each, &judged)).collect();
        for (each, standing) in judged.iter_mut().zip(standings) {
            each.standing = standing;
        }
        Ok(Self { listed, claims: judged })
    }

    /// Returns how many claims have a verdict.
    pub(super) fn count(&self, verdict: Verdict) -> usize {
        self.claims.iter().filter(|each| each.verdict == verdict).count()
    }
}

fn judge<'a>(
    listed: &'a Listed,
    claim: &'a ListedClaim,
    claims: &'a [Claim],
) -> Result<Judged<'a>, ValidationError> {
    let resolve = |name: &String| resolve(listed, claim, name, claims);
    let honest = claim.claim.as_ref().map(resolve).transpose()?;
    let definitions: Vec<Found<'a>> =
        claim.definitions.iter().map(resolve).collect::<Result<_, _>>()?;
    let bounds = claim.from.as_ref().and_then(|from| {
        let parts: Vec<PrintedNumber> =
            from.of.iter().map(|&at| listed.list.claims[at].value).collect();
        Bounds::of(from.rule, &parts)
    });
    let names_none = honest.is_none() && definitions.is_empty();
    let search = names_none.then(|| search(claim, claims));
    let covers = |found: &Found<'_>| claim.value.covers(found.value);
    let verdict = if bounds.is_some_and(|bounds| !bounds.meet(claim.value)) {
        Verdict::Inconsistent
    } else if honest.as_ref().is_some_and(covers) {
        Verdict::Reproduced
    } else if definitions.iter().any(covers) {
        Verdict::UnderDefinition
    } else {
        match &search {
            None => Verdict::Contradicted,
            Some(search) if search.matches.is_empty() => Verdict::WithoutData,
            Some(_) => Verdict::Searched,
        }
    };
    Ok(Judged { listed: claim, verdict, honest, definitions, bounds, search, standing: None })
}

/// Finds the claim of the study that a listed claim names.
fn resolve<'a>(
    listed: &Listed,
    claim: &ListedClaim,
    name: &str,
    claims: &'a [Claim],
) -> Result<Found<'a>, ValidationError> {
    let refused = |message: String, help: Option<String>| ValidationError {
        path: listed.path.clone(),
        message: format!("claim `{}`: {message}", claim.id),
        span: Some(claim.span.clone()),
        help,
    };
    let (found, part) = named(claims, name).ok_or_else(|| {
        let help = nearest(name, claims.iter().map(|claim| &*claim.id)).map_or_else(
            || "claims.json of the study's report lists all; leave the name away if none is about it".to_owned(),
            |meant| format!("did you mean `{meant}`?"),
        );
        refused(format!("the study has no claim `{name}`"), Some(help))
    })?;
    in_unit(found, part, &claim.unit).ok_or_else(|| {
        let message = format!(
            "the study states `{name}` in `{}`, which is not compatible with `{}`",
            found.unit, claim.unit
        );
        refused(message, None)
    })
}

/// Compares a listed claim with every claim of a compatible unit.
fn search<'a>(listed: &ListedClaim, claims: &'a [Claim]) -> Search<'a> {
    let printed = listed.value;
    let compared: Vec<Found<'a>> =
        claims.iter().filter_map(|claim| in_unit(claim, Part::Value, &listed.unit)).collect();
    let claimed = printed.value();
    // The range within a factor of two of the claimed value.
    let (low, high) =
        if claimed < 0.0 { (2.0 * claimed, claimed / 2.0) } else { (claimed / 2.0, 2.0 * claimed) };
    let near = compared.iter().filter(|found| low <= found.value && found.value <= high).count();
    let share = ((printed.high() - printed.low()) / (high - low)).min(1.0);
    Search {
        n_compared: compared.len(),
        matches: compared.into_iter().filter(|found| printed.covers(found.value)).collect(),
        expected: (high > low).then_some(near as f64 * share),
    }
}
