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
    /// Words that were drawn ahead, little-endian: those from `next` on.
    words: [[u8; 8]; WORDS],
    next: usize,
}

/// The most values that [`Chooser::sum_of_drawn`] takes.
pub(crate) const TABLE_VALUES_MAX: usize = 32_768;
/// How many 64-bit words are drawn at once; part of the promised stream.
const WORDS: usize = 256;

impl Chooser {
    pub(crate) fn new(seed: u64) -> Self {
        Self { generator: ChaCha8Rng::seed_from_u64(seed), words: [[0; 8]; WORDS], next: WORDS }
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

    /// Fills `indices` with draws from `0..n`, each with the same probability; `n` is
    /// at least 1 and below 2^32.
    ///
    /// One 64-bit word gives [`draws_per_word`] draws or is rejected. Each call starts
    /// with a fresh word, and what its last word gives too much is left out.
    ///
    /// # Source
    ///
    /// Brackett-Rozinsky and Lemire (2024), *Batched Ranged Random Integer
    /// Generation*, Software: Practice and Experience, algorithm 2.
    pub(crate) fn fill(&mut self, n: usize, indices: &mut [u32]) {
        let range = range(n);
        match draws_per_word(range) {
            12 => self.fill_by::<12>(range, indices),
            10 => self.fill_by::<10>(range, indices),
            8 => self.fill_by::<8>(range, indices),
            6 => self.fill_by::<6>(range, indices),
            5 => self.fill_by::<5>(range, indices),
            4 => self.fill_by::<4>(range, indices),
            3 => self.fill_by::<3>(range, indices),
            2 => self.fill_by::<2>(range, indices),
            _ => self.fill_by::<1>(range, indices),
        }
    }

    fn fill_by<const DRAWS: usize>(&mut self, range: u64, indices: &mut [u32]) {
        let threshold = threshold::<DRAWS>(range);
        let (batches, rest) = indices.as_chunks_mut::<DRAWS>();
        for batch in batches {
            *batch = self.batch(range, threshold);
        }
        if !rest.is_empty() {
            let last = self.batch::<DRAWS>(range, threshold);
            rest.copy_from_slice(&last[..rest.len()]);
        }
    }

    /// Returns the sum of `n` values drawn from the first `n` of `table`: those that
    /// [`Chooser::fill`] would have drawn.
    ///
    /// The draws of one word are added to as many partial sums, in order, and these
    /// from first to last: the order of addition is part of the result.
    pub(crate) fn sum_of_drawn(&mut self, n: usize, table: &Table) -> f64 {
        let range = range(n);
        match draws_per_word(range) {
            12 => self.sum_by::<12>(range, n, table),
            10 => self.sum_by::<10>(range, n, table),
            8 => self.sum_by::<8>(range, n, table),
            6 => self.sum_by::<6>(range, n, table),
            5 => self.sum_by::<5>(range, n, table),
            _ => self.sum_by::<4>(range, n, table),
        }
    }

    fn sum_by<const DRAWS: usize>(&mut self, range: u64, n: usize, table: &Table) -> f64 {
        let threshold = threshold::<DRAWS>(range);
        let mut sums = [0.0; DRAWS];
        let mut left = n;
        while left >= DRAWS {
            if self.next == WORDS {
                self.draw_ahead();
            }
            // No call in here, so that the sums stay in registers.
            for &word in &self.words[self.next..] {
                self.next += 1;
                let (batch, rest) = draws::<DRAWS>(u64::from_le_bytes(word), range);
                if rest < threshold {
                    continue;
                }
                for (sum, index) in sums.iter_mut().zip(batch) {
                    *sum += table[at(index)];
                }
                left -= DRAWS;
                if left < DRAWS {
                    break;
                }
            }
        }
        if left > 0 {
            let last = self.batch::<DRAWS>(range, threshold);
            for (sum, &index) in sums.iter_mut().zip(&last[..left]) {
                *sum += table[at(index)];
            }
        }
        sums.iter().sum()
    }

    #[inline]
    fn batch<const DRAWS: usize>(&mut self, range: u64, threshold: u64) -> [u32; DRAWS] {
        loop {
            let (batch, rest) = draws(self.word(), range);
            if rest >= threshold {
                return batch;
            }
        }
    }

    #[inline]
    fn word(&mut self) -> u64 {
        if self.next == WORDS {
            self.draw_ahead();
        }
        let word = self.words[self.next];
        self.next += 1;
        u64::from_le_bytes(word)
    }

    #[inline(never)]
    fn draw_ahead(&mut self) {
        self.generator.fill_bytes(self.words.as_flattened_mut());
        self.next = 0;
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

/// Values to draw from, as many as there are 16-bit numbers: no index needs a check.
pub(crate) type Table = [f64; 1 << 16];

/// Returns how many draws from `0..range` one 64-bit word gives: as many of 12, 10, 8,
/// 6, 5, 4, 3, 2 and 1 as keep `range` to their power within 2^60, so that at most one
/// word in sixteen is rejected.
fn draws_per_word(range: u64) -> usize {
    match range {
        0..=32 => 12,
        33..=64 => 10,
        65..=181 => 8,
        182..=1024 => 6,
        1025..=4096 => 5,
        4097..=32_768 => 4,
        32_769..=1_048_576 => 3,
        1_048_577..=1_073_741_824 => 2,
        _ => 1,
    }
}

fn range(n: usize) -> u64 {
    u32::try_from(n).expect("a sample of fewer than 2^32 values").into()
}

/// What remains of a word must be at least this, or the word is rejected.
fn threshold<const DRAWS: usize>(range: u64) -> u64 {
    let product = (0..DRAWS).fold(1, |product, _| product * range);
    product.wrapping_neg() % product
}

#[expect(clippy::cast_possible_truncation, reason = "a table has 2^16 places")]
fn at(index: u32) -> usize {
    usize::from(index as u16)
}

/// Returns what one word draws from `0..range`, and what remains of it.
#[inline]
fn draws<const DRAWS: usize>(mut word: u64, range: u64) -> ([u32; DRAWS], u64) {
    let batch = [0; DRAWS].map(|_: u32| {
        let product = u128::from(word) * u128::from(range);
        word = low_word(product);
        high_half(product)
    });
    (batch, word)
}

#[expect(clippy::cast_possible_truncation, reason = "the low word is what is wanted")]
fn low_word(product: u128) -> u64 {
    product as u64
}

#[expect(clippy::cast_possible_truncation, reason = "a 32-bit range has a 32-bit high word")]
fn high_half(product: u128) -> u32 {
    (product >> 64) as u32
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

    /// As above: twelve to one draws of a 64-bit word.
    #[test]
    fn the_stream_of_batches_is_promised() {
        let drawn = |n: usize| {
            let mut indices = [0; 7];
            Chooser::new(42).fill(n, &mut indices);
            indices
        };
        let ranges = [1, 10, 50, 100, 1000, 4000, 30_000, 1_000_000, 4_000_000_000];
        let expected = [
            [0; 7],
            [6, 8, 1, 8, 9, 6, 1],
            [34, 4, 37, 1, 10, 4, 39],
            [68, 18, 96, 19, 23, 6, 67],
            [681, 896, 192, 306, 671, 472, 950],
            [2727, 2339, 307, 2507, 3588, 3801, 406],
            [20_456, 26_573, 2280, 3893, 28_508, 7866, 27_157],
            [681_896, 192_306, 671_472, 950_275, 407_672, 483_995, 427_516],
            [
                2_727_584_769,
                3_801_101_630,
                1_710_065_611,
                2_509_442_084,
                1_154_375_516,
                599_835_481,
                1_232_162_238,
            ],
        ];
        assert_eq!(ranges.map(drawn), expected);
    }

    /// The draws are those of the method written out in whole numbers, word by word:
    /// the leading digits of the word as a fraction, in the base of the range.
    #[test]
    fn draws_are_those_of_the_published_method() {
        for (n, draws) in
            [(3_u128, 12), (32, 12), (64, 10), (181, 8), (1000, 6), (4095, 5), (9999, 4)]
        {
            let mut generator = ChaCha8Rng::seed_from_u64(5);
            let mut expected = Vec::new();
            let product = n.pow(draws);
            while expected.len() < 3000 {
                let mut bytes = [0; 8];
                generator.fill_bytes(&mut bytes);
                let scaled = u128::from(u64::from_le_bytes(bytes)) * product;
                if scaled % (1 << 64) >= (1 << 64) % product {
                    let number = scaled >> 64;
                    let digit = |place: u32| number / n.pow(draws - 1 - place) % n;
                    expected
                        .extend((0..draws).map(digit).map(|digit| u32::try_from(digit).unwrap()));
                }
            }
            let mut drawn = [0; 3000];
            Chooser::new(5).fill(usize::try_from(n).unwrap(), &mut drawn);
            assert_eq!(drawn[..], expected[..3000], "{n}");
        }
    }

    /// The product of the ranges stays within 2^60, and a larger batch would not.
    #[test]
    fn batches_are_as_large_as_they_may_be() {
        let sizes = [1, 2, 3, 4, 5, 6, 8, 10, 12];
        for n in [2_u64, 32, 33, 64, 65, 181, 182, 1024, 1025, 4096, 4097, 32_768, 32_769] {
            let draws = draws_per_word(n);
            let fits = |size: &&usize| {
                u128::from(n)
                    .checked_pow(u32::try_from(**size).unwrap())
                    .is_some_and(|p| p <= 1 << 60)
            };
            assert_eq!(sizes.iter().filter(fits).max(), Some(&draws), "{n}");
        }
        assert_eq!(
            [1 << 20, (1 << 20) + 1, 1 << 30, (1 << 30) + 1].map(draws_per_word),
            [3, 2, 2, 1]
        );
    }

    /// A sum is that of the values at the indices.
    #[test]
    fn sums_are_of_the_values_drawn() {
        for n in [3, 40, 100, 1000, 4096, 4097, TABLE_VALUES_MAX] {
            let mut table = vec![f64::NAN; 1 << 16];
            for (place, value) in table[..n].iter_mut().enumerate() {
                *value = f64::from(u32::try_from(place).unwrap());
            }
            let table: Box<Table> = table.try_into().unwrap();
            let mut indices = vec![0; n];
            let (mut one, mut other) = (Chooser::new(3), Chooser::new(3));
            for _ in 0..3 {
                one.fill(n, &mut indices);
                let sum: f64 = indices.iter().copied().map(f64::from).sum();
                assert_eq!(other.sum_of_drawn(n, &table).to_bits(), sum.to_bits(), "{n}");
            }
        }
    }

    #[test]
    fn batches_are_even() {
        for (n, bins) in
            [(7, 7), (1000, 10), (4095, 9), (65_536, 8), (100_000, 10), (3_000_000_000, 6)]
        {
            let mut indices = vec![0; 70_001];
            Chooser::new(1).fill(n, &mut indices);
            let mut counts = vec![0_u32; bins];
            for index in indices {
                counts[usize::try_from(index).unwrap() * bins / n] += 1;
            }
            // Five standard deviations of a binomial count.
            let expected = 70_001.0 / f64::from(u32::try_from(bins).unwrap());
            let allowance = 5.0 * expected.sqrt();
            let even = |count: &u32| (f64::from(*count) - expected).abs() < allowance;
            assert!(counts.iter().all(even), "{n}: {counts:?}");
        }
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
