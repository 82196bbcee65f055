//! An interval that may be looked at after every block.

use super::StoppingError;
use crate::distribution::t_two_sided;
use crate::sample::power_of_two_scale;
use crate::{Confidence, Interval, Sample};

/// An interval of a normal mean with unknown variance that holds at all sample
/// sizes at once: the probability that it ever misses is at most `1 - confidence`.
///
/// Supposes that the values (log ratios of blocks) are independent and normal with
/// one mean and one variance, both unknown; then the promise is exact at every
/// size and for every way of stopping. For other values it is approximate, as a t
/// interval is: a simulation in the documentation shows by how much.
///
/// # Source
///
/// The t mixture: at each mean `m`, the likelihood ratio of the t statistic when
/// the standardised effect is normal with mean 0 and standard deviation
/// `effect_sd`, against no effect, is a nonnegative martingale; Ville's inequality
/// bounds its supremum. Robbins (1970), *Statistical Methods Related to the Law of
/// the Iterated Logarithm*, Annals of Mathematical Statistics 41, 1397-1409; Lai
/// (1976), *On Confidence Sequences*, Annals of Statistics 4, 265-280; Howard,
/// Ramdas, `McAuliffe` and Sekhon (2021), Annals of Statistics 49, 1055-1080; Wang
/// and Ramdas (2025), *Anytime-valid t-tests and confidence sequences for Gaussian
/// means with unknown variance*, Sequential Analysis 44. The ratio in closed form:
/// Rouder et al. (2009), Psychonomic Bulletin and Review 16, 225-237.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConfidenceSequence {
    effect_sd: f64,
    confidence: Confidence,
}

impl ConfidenceSequence {
    /// Makes the rule. `effect_sd` is the spread of the effects that the mixture
    /// weighs, in standard deviations of a single log ratio: 0.001 to 1000. It
    /// decides at which sizes the interval is tight, never whether it is valid.
    ///
    /// # Errors
    ///
    /// [`StoppingError::EffectSd`] outside that range;
    /// [`StoppingError::Confidence`] outside 0.8 to 0.9999.
    pub fn new(effect_sd: f64, confidence: Confidence) -> Result<Self, StoppingError> {
        let level = confidence.level();
        if !(0.8..=0.9999).contains(&level) {
            return Err(StoppingError::Confidence { level });
        }
        if !(0.001..=1000.0).contains(&effect_sd) {
            return Err(StoppingError::EffectSd { effect_sd });
        }
        Ok(Self { effect_sd, confidence })
    }

    /// Makes the rule whose interval is narrowest at `n_blocks` blocks, 2 to
    /// 1,000,000; outside, the nearer of the two.
    ///
    /// # Errors
    ///
    /// [`StoppingError::Confidence`] outside 0.8 to 0.9999.
    pub fn tuned_for(n_blocks: usize, confidence: Confidence) -> Result<Self, StoppingError> {
        let n = n_blocks.clamp(2, 1_000_000);
        let width = |ln_sd: f64| {
            let rule = Self { effect_sd: ln_sd.exp(), confidence };
            rule.critical_squared(n).unwrap_or(f64::MAX)
        };
        // Coarse steps find the valley, golden sections its bottom.
        let (first, last) = (0.001_f64.ln(), 1000.0_f64.ln());
        let step = (last - first) / 200.0;
        let mut best = first;
        for index in 0..=200_i32 {
            let at = first + step * f64::from(index);
            if width(at) < width(best) {
                best = at;
            }
        }
        let (mut low, mut high) = ((best - step).max(first), (best + step).min(last));
        let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
        for _ in 0..40 {
            let (a, b) = (high - golden * (high - low), low + golden * (high - low));
            if width(a) < width(b) { high = b } else { low = a }
        }
        Self::new(f64::midpoint(low, high).exp().clamp(0.001, 1000.0), confidence)
    }

    /// Returns the spread of the effects that the mixture weighs.
    pub fn effect_sd(&self) -> f64 {
        self.effect_sd
    }

    /// Returns the confidence of all intervals together.
    pub fn confidence(&self) -> Confidence {
        self.confidence
    }

    /// Returns the interval of the mean after all values of `sample`, in its unit.
    ///
    /// `None` while no value of the mean can be excluded: below 2 values, and for
    /// the first few where `effect_sd` is small.
    pub fn interval(&self, sample: &Sample) -> Option<Interval> {
        self.interval_at(sample.n(), sample.mean(), sample.standard_error()?)
    }

    fn interval_at(&self, n: usize, mean: f64, standard_error: f64) -> Option<Interval> {
        let half_width = self.critical_squared(n)?.sqrt() * standard_error;
        half_width.is_finite().then(|| Interval::around(mean, half_width, self.confidence.level()))
    }

    /// Returns the two-sided p-value that a t test of `n` values must not exceed for
    /// the interval to exclude its null: the boundary of a look at `n`. `None` while
    /// no value of the mean can be excluded.
    pub fn nominal_p(&self, n: usize) -> Option<f64> {
        Some(t_two_sided(self.critical_squared(n)?.sqrt(), (n - 1) as f64))
    }

    /// Returns the evidence against the mean `mean0` after all values: under it,
    /// the probability that it ever reaches `1 / alpha` is at most `alpha`.
    ///
    /// 1 for a single value; infinite for a constant other than `mean0`.
    pub fn e_value(&self, sample: &Sample, mean0: f64) -> f64 {
        sample
            .standard_error()
            .map_or(1.0, |error| self.e_value_at(sample.n(), sample.mean() - mean0, error))
    }

    fn e_value_at(&self, n: usize, gap: f64, standard_error: f64) -> f64 {
        let (count, shrink) = (n as f64, self.shrink(n));
        if standard_error == 0.0 {
            // All values at the null: as little evidence as n values can give.
            return if gap == 0.0 { shrink.sqrt() } else { f64::INFINITY };
        }
        let ratio = (gap / standard_error).powi(2) / (count - 1.0);
        let gain =
            if ratio.is_finite() { (1.0 + ratio) / (1.0 + shrink * ratio) } else { 1.0 / shrink };
        (0.5 * shrink.ln() + 0.5 * count * gain.ln()).exp()
    }

    /// Returns the always-valid p-value of "the mean is `mean0`": the reciprocal of
    /// the largest evidence over all sizes so far, at most 1.
    pub fn p_value(&self, sample: &Sample, mean0: f64) -> f64 {
        let evidence =
            running(sample).skip(1).map(|(n, mean, error)| self.e_value_at(n, mean - mean0, error));
        1.0 / evidence.fold(1.0, f64::max)
    }

    /// Returns the interval after each value; entry `i` has seen `i + 1` values.
    pub fn intervals(&self, sample: &Sample) -> Vec<Option<Interval>> {
        running(sample).map(|(n, mean, error)| self.interval_at(n, mean, error)).collect()
    }

    /// `1 / (1 + n effect_sd^2)`.
    fn shrink(&self, n: usize) -> f64 {
        1.0 / (1.0 + n as f64 * self.effect_sd * self.effect_sd)
    }

    /// The square of the t statistic at which the evidence is `1 / alpha`.
    fn critical_squared(&self, n: usize) -> Option<f64> {
        if n < 2 {
            return None;
        }
        let (count, shrink) = (n as f64, self.shrink(n));
        // With x = t^2 / (n - 1): ((1 + x) / (1 + r x))^(n/2) sqrt r = 1 / alpha.
        let ln_k = -(2.0 * self.confidence.alpha().ln() + shrink.ln()) / count;
        let reach = -(ln_k + shrink.ln()).exp_m1();
        (reach > 0.0).then(|| (count - 1.0) * ln_k.exp_m1() / reach)
    }
}

/// Size, mean and standard error after each value.
///
/// # Source
///
/// Welford (1962), *Note on a Method for Calculating Corrected Sums of Squares and
/// Products*, Technometrics 4, 419-420, on scaled values.
fn running(sample: &Sample) -> impl Iterator<Item = (usize, f64, f64)> + '_ {
    let scale = power_of_two_scale(sample.min().abs().max(sample.max().abs()));
    let (mut mean, mut squares) = (0.0, 0.0);
    sample.values().iter().enumerate().map(move |(index, value)| {
        let (n, count) = (index + 1, (index + 1) as f64);
        let gap = value * scale - mean;
        mean += gap / count;
        squares += gap * (value * scale - mean);
        let error = if n < 2 { 0.0 } else { (squares / (count - 1.0) / count).sqrt() };
        (n, mean / scale, error / scale)
    })
}
