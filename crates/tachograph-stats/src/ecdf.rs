//! The empirical distribution of a sample, with a band for the true one.

use crate::{Confidence, Sample};

/// One step of an empirical distribution function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EcdfStep {
    /// The value at which it steps, in the sample's unit.
    pub value: f64,
    /// The share of values at or below it.
    pub fraction: f64,
    /// The band's lower edge, at least 0.
    pub low: f64,
    /// The band's upper edge, at most 1.
    pub high: f64,
}

/// An empirical distribution function with its simultaneous band.
#[derive(Debug, Clone, PartialEq)]
pub struct Ecdf {
    /// How many values.
    pub n: usize,
    /// Half the height of the band before it is cut to `0..=1`.
    pub band: f64,
    /// The confidence of the whole band at once.
    pub confidence: f64,
    /// One step per distinct value, ascending. Below the first the function is 0
    /// and its band reaches up to `band`.
    pub steps: Vec<EcdfStep>,
}

impl Ecdf {
    /// Computes the function and its band.
    ///
    /// The band holds the whole true distribution function with at least the
    /// given confidence, for independent values of any distribution.
    ///
    /// # Source
    ///
    /// Dvoretzky, Kiefer and Wolfowitz (1956) with the constant of Massart (1990):
    /// `band = sqrt(ln(2 / alpha) / (2 n))`.
    pub fn of(sample: &Sample, confidence: Confidence) -> Self {
        let n = sample.n();
        let band = ((2.0 / confidence.alpha()).ln() / (2.0 * n as f64)).sqrt();
        let sorted = sample.sorted();
        let mut steps = Vec::new();
        for (index, &value) in sorted.iter().enumerate() {
            if sorted.get(index + 1).is_some_and(|&next| next <= value) {
                continue;
            }
            let fraction = (index + 1) as f64 / n as f64;
            steps.push(EcdfStep {
                value,
                fraction,
                low: (fraction - band).max(0.0),
                high: (fraction + band).min(1.0),
            });
        }
        Self { n, band, confidence: confidence.level(), steps }
    }
}
