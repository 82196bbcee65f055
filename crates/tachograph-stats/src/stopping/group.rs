//! Planned looks that share one error rate.

use super::StoppingError;
use crate::distribution::{GAUSS_16, normal_upper_quantile, normal_upper_tail};
use crate::dunnett::falling_root;
use crate::{Confidence, PairedDesign};

/// How the error rate is shared out over the looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spending {
    /// Next to nothing early, nearly all at the last look: the O'Brien-Fleming
    /// type `4 - 4 Phi(z(alpha / 4) / sqrt t)`.
    OBrienFleming,
    /// About evenly: the Pocock type `alpha ln(1 + (e - 1) t)`.
    Pocock,
}

impl Spending {
    /// Returns the two-sided error spent when the share `t` of the blocks is in;
    /// `t` lies in 0..=1.
    ///
    /// # Source
    ///
    /// Lan and `DeMets` (1983), *Discrete Sequential Boundaries for Clinical
    /// Trials*, Biometrika 70, 659-663; each side spends half.
    pub fn spent(self, t: f64, confidence: Confidence) -> f64 {
        let alpha = confidence.alpha();
        if t <= 0.0 {
            return 0.0;
        }
        match self {
            Self::OBrienFleming => {
                4.0 * normal_upper_tail(normal_upper_quantile(alpha / 4.0) / t.min(1.0).sqrt())
            }
            Self::Pocock => alpha * ((std::f64::consts::E - 1.0) * t.min(1.0)).ln_1p(),
        }
    }
}

/// One planned look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// After how many blocks.
    pub n_blocks: usize,
    /// The error that this and all earlier looks may spend together.
    pub spent: f64,
    /// Stop when the normal score of the difference is at least this far from 0.
    pub boundary: f64,
    /// The boundary as a two-sided p-value, which is compared with that of the
    /// paired t test.
    pub nominal_p: f64,
}

/// What a plan does for a true effect.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Operating {
    /// The probability of finding a difference, at any look.
    pub power: f64,
    /// How many blocks the study is expected to take.
    pub n_blocks_expected: f64,
}

/// A study of a few planned looks.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupSequential {
    spending: Spending,
    confidence: Confidence,
    looks: Vec<Look>,
}

/// Increments of the spent error below this take the boundary that ignores earlier
/// looks, which can only spend less.
const INCREMENT_MIN: f64 = 1e-13;

impl GroupSequential {
    /// Plans looks after the given numbers of blocks; the last one ends the study.
    ///
    /// # Errors
    ///
    /// [`StoppingError::Looks`] unless the counts ascend from at least 2 and there
    /// are 1 to 100; [`StoppingError::Confidence`] outside 0.8 to 0.9999.
    ///
    /// # Source
    ///
    /// The error spent so far fixes each boundary; the law of the score between
    /// the boundaries is carried from look to look by numerical integration:
    /// Armitage, `McPherson` and Rowe (1969), JRSS A 132, 235-244; Jennison and
    /// Turnbull (2000), *Group Sequential Methods*, chapter 19. The quadrature is
    /// Gauss and Legendre's.
    pub fn new(
        looks: &[usize],
        spending: Spending,
        confidence: Confidence,
    ) -> Result<Self, StoppingError> {
        let level = confidence.level();
        if !(0.8..=0.9999).contains(&level) {
            return Err(StoppingError::Confidence { level });
        }
        let Some(&last) = looks.last() else {
            return Err(StoppingError::Looks { look: 0, n_blocks: 0 });
        };
        let mut before = 1;
        for (look, &n_blocks) in looks.iter().enumerate() {
            if n_blocks <= before || look >= 100 {
                return Err(StoppingError::Looks { look, n_blocks });
            }
            before = n_blocks;
        }
        let mut path = Path::start(0.0);
        let mut planned: Vec<Look> = Vec::with_capacity(looks.len());
        let mut spent_before = 0.0;
        for &n_blocks in looks {
            let t = n_blocks as f64 / last as f64;
            let spent = spending.spent(t, confidence).max(spent_before);
            let increment = spent - spent_before;
            let boundary = path.boundary(t, increment);
            path = path.advance(t, boundary);
            let nominal_p = 2.0 * normal_upper_tail(boundary);
            planned.push(Look { n_blocks, spent, boundary, nominal_p });
            spent_before = spent;
        }
        Ok(Self { spending, confidence, looks: planned })
    }

    /// Returns the looks in order, at least one.
    pub fn looks(&self) -> &[Look] {
        &self.looks
    }

    /// Returns how the error is shared out.
    pub fn spending(&self) -> Spending {
        self.spending
    }

    /// Returns the confidence that all looks have together.
    pub fn confidence(&self) -> Confidence {
        self.confidence
    }

    /// Returns the number of blocks of the last look.
    pub fn n_blocks_most(&self) -> usize {
        self.looks[self.looks.len() - 1].n_blocks
    }

    pub(super) fn look_after(&self, n_blocks: usize) -> Option<&Look> {
        self.looks.iter().find(|look| look.n_blocks == n_blocks)
    }

    /// Returns power and expected length when the true ratio is `ratio` and log
    /// ratios spread like the design's.
    ///
    /// By normal theory: a little optimistic below about ten blocks. A ratio that
    /// is not above 0 gives the power of an infinite effect.
    pub fn operating(&self, design: &PairedDesign, ratio: f64) -> Operating {
        let effect = ratio.max(f64::MIN_POSITIVE).ln().abs() / design.log_sd();
        self.operating_at(effect)
    }

    /// [`GroupSequential::operating`] for an effect in standard deviations.
    fn operating_at(&self, effect: f64) -> Operating {
        let most = self.n_blocks_most() as f64;
        // A drift beyond 40 is certain at the first look that can stop at all.
        let mut path = Path::start((effect * most.sqrt()).min(40.0));
        let (mut power, mut going, mut expected) = (0.0, 1.0, 0.0);
        let mut before = 0.0;
        for look in &self.looks {
            let n_blocks = look.n_blocks as f64;
            let t = n_blocks / most;
            expected += going * (n_blocks - before);
            before = n_blocks;
            let crossed = path.beyond(t, look.boundary) + path.below(t, look.boundary);
            power += crossed;
            going = (going - crossed).max(0.0);
            path = path.advance(t, look.boundary);
        }
        Operating { power: power.min(1.0), n_blocks_expected: expected }
    }
}

/// The law of the score `S(t) = Z sqrt t` on the paths that have not stopped:
/// nodes with their probabilities. `S` has the mean `drift * t` and the variance
/// `t`.
struct Path {
    t: f64,
    drift: f64,
    nodes: Vec<(f64, f64)>,
}

impl Path {
    fn start(drift: f64) -> Self {
        Self { t: 0.0, drift, nodes: vec![(0.0, 1.0)] }
    }

    /// The probability of an upward crossing at `t`, never having stopped before.
    fn beyond(&self, t: f64, boundary: f64) -> f64 {
        let (step, limit) = (t - self.t, boundary * t.sqrt());
        let tail = |s: f64| normal_upper_tail((limit - s - self.drift * step) / step.sqrt());
        self.nodes.iter().map(|&(s, p)| p * tail(s)).sum()
    }

    /// The same downward.
    fn below(&self, t: f64, boundary: f64) -> f64 {
        let (step, limit) = (t - self.t, boundary * t.sqrt());
        let tail = |s: f64| normal_upper_tail((limit + s + self.drift * step) / step.sqrt());
        self.nodes.iter().map(|&(s, p)| p * tail(s)).sum()
    }

    /// The boundary at `t` that both sides cross with probability `spent`.
    fn boundary(&self, t: f64, spent: f64) -> f64 {
        let half = spent / 2.0;
        let alone = normal_upper_quantile(half.max(1e-300));
        if spent < INCREMENT_MIN {
            return alone;
        }
        // On logarithms, where the tail is nearly a parabola and a tiny target keeps
        // all its digits.
        falling_root(|z| (self.beyond(t, z) / half).max(1e-300).ln())
    }

    /// Goes on to `t` between the boundaries.
    fn advance(&self, t: f64, boundary: f64) -> Self {
        let step = t - self.t;
        let sd = step.sqrt();
        let limit = boundary * t.sqrt();
        // Beyond twelve standard deviations there is nothing to carry.
        let centre = self.drift * t;
        let (low, high) =
            ((-limit).max(centre - 12.0 * t.sqrt()), limit.min(centre + 12.0 * t.sqrt()));
        if low >= high {
            return Self { t, drift: self.drift, nodes: Vec::new() };
        }
        let panels = ((high - low) / (2.0 * sd)).ceil().clamp(1.0, 4000.0);
        let half = (high - low) / panels / 2.0;
        let mut nodes = Vec::new();
        let mut panel = 0.0;
        while panel < panels {
            let middle = low + half * (2.0 * panel + 1.0);
            for (x, weight) in GAUSS_16 {
                for s in [middle - half * x, middle + half * x] {
                    let density =
                        |from: f64| (-0.5 * ((s - from - self.drift * step) / sd).powi(2)).exp();
                    let mass: f64 = self.nodes.iter().map(|&(from, p)| p * density(from)).sum();
                    nodes.push((s, mass * weight * half / (std::f64::consts::TAU.sqrt() * sd)));
                }
            }
            panel += 1.0;
        }
        Self { t, drift: self.drift, nodes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without an effect, power is the error rate.
    #[test]
    fn looks_spend_what_they_may() {
        for spending in [Spending::OBrienFleming, Spending::Pocock] {
            for looks in [&[10][..], &[5, 10], &[3, 4, 9, 30], &[2, 3, 4, 5, 6, 7, 8, 9, 10, 60]] {
                let plan = GroupSequential::new(looks, spending, Confidence::NINETY_FIVE).unwrap();
                let error = plan.operating_at(0.0).power;
                assert!((error - 0.05).abs() < 1e-12, "{spending:?} {looks:?}: {error}");
            }
        }
    }
}
