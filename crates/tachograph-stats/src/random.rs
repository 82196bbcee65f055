//! Seeded choices for resampling.
//!
//! Owns: how a seed becomes indices and signs. The generator's stream is
//! promised (`ChaCha8`), and so is what is drawn from it: a recorded seed replays
//! bit for bit on any machine.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// A source of indices and signs that a seed determines.
#[derive(Debug)]
pub(crate) struct Chooser {
    generator: ChaCha8Rng,
}

impl Chooser {
    pub(crate) fn new(seed: u64) -> Self {
        Self { generator: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// Draws one of `0..n`, each with the same probability; `n` is at least 1 and
    /// below 2^32.
    ///
    /// # Source
    ///
    /// Lemire (2019), *Fast Random Integer Generation in an Interval*, ACM
    /// TOMACS 29(1).
    pub(crate) fn index(&mut self, n: usize) -> usize {
        let n = u32::try_from(n).expect("a sample of fewer than 2^32 values");
        let mut product = u64::from(self.generator.next_u32()) * u64::from(n);
        if low(product) < n {
            let threshold = n.wrapping_neg() % n;
            while low(product) < threshold {
                product = u64::from(self.generator.next_u32()) * u64::from(n);
            }
        }
        (product >> 32) as usize
    }

    /// Draws 64 fair coins.
    pub(crate) fn coins(&mut self) -> u64 {
        self.generator.next_u64()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is what is wanted")]
fn low(product: u64) -> u32 {
    product as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Old results replay only while this stream stays: never change it.
    #[test]
    fn the_stream_is_promised() {
        let mut chooser = Chooser::new(42);
        let drawn: Vec<usize> = (0..12).map(|_| chooser.index(10)).collect();
        assert_eq!(drawn, [2, 6, 1, 9, 7, 4, 3, 6, 7, 2, 6, 1]);
    }

    #[test]
    fn indices_are_even() {
        let mut chooser = Chooser::new(1);
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[chooser.index(7)] += 1;
        }
        // Five standard deviations of a binomial count.
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 463), "{counts:?}");
    }
}
