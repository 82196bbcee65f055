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
    /// The range that [`Chooser::fill_short`] draws from.
    range: u16,
    /// The words last drawn, and the index that each gives.
    bytes: [u8; 2 * WORDS],
    mapped: [u16; WORDS],
    /// The draws that were made ahead: those from `next` to `kept`.
    ready: [u16; WORDS],
    next: usize,
    kept: usize,
}

/// The largest range that [`Chooser::fill_short`] takes.
pub(crate) const SHORT_MAX: u64 = 4096;
/// How many 16-bit words are drawn at once; part of the promised stream.
const WORDS: usize = 1024;

impl Chooser {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            generator: ChaCha8Rng::seed_from_u64(seed),
            range: 0,
            bytes: [0; 2 * WORDS],
            mapped: [0; WORDS],
            ready: [0; WORDS],
            next: 0,
            kept: 0,
        }
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
    /// Up to [`SHORT_MAX`] as [`Chooser::fill_short`]. Beyond, one 64-bit word gives
    /// several draws, as many as keep the product of the ranges below 2^48, so that
    /// a word is rejected with probability below 2^-16; each call starts with a
    /// fresh word.
    ///
    /// # Source
    ///
    /// Brackett-Rozinsky and Lemire (2024), *Batched Ranged Random Integer
    /// Generation*, Software: Practice and Experience, algorithm 2.
    pub(crate) fn fill(&mut self, n: usize, indices: &mut [u32]) {
        let range = u64::from(u32::try_from(n).expect("a sample of fewer than 2^32 values"));
        match range {
            0..=SHORT_MAX => {
                let mut short = [0; 256];
                for part in indices.chunks_mut(short.len()) {
                    self.fill_short(n, &mut short[..part.len()]);
                    for (index, &drawn) in part.iter_mut().zip(&short) {
                        *index = drawn.into();
                    }
                }
            }
            4097..=65_536 => self.fill_by::<3>(range, indices),
            65_537..=16_777_216 => self.fill_by::<2>(range, indices),
            _ => self.fill_by::<1>(range, indices),
        }
    }

    /// Fills `indices` with draws from `0..n`; `n` is at least 1 and at most
    /// [`SHORT_MAX`].
    ///
    /// Each 16-bit word of the stream gives one draw or is rejected, in order; up to
    /// this size at most one in sixteen is. How the draws are divided over calls
    /// changes nothing; another range starts with fresh words.
    ///
    /// # Source
    ///
    /// Lemire (2019), as [`Chooser::index`], on 16-bit words.
    pub(crate) fn fill_short(&mut self, n: usize, indices: &mut [u16]) {
        let range = u16::try_from(n).expect("at most SHORT_MAX values");
        if range != self.range {
            (self.range, self.next, self.kept) = (range, 0, 0);
        }
        let mut filled = 0;
        while filled < indices.len() {
            if self.next == self.kept {
                self.refill();
            }
            let count = (indices.len() - filled).min(self.kept - self.next);
            indices[filled..filled + count]
                .copy_from_slice(&self.ready[self.next..self.next + count]);
            filled += count;
            self.next += count;
        }
    }

    /// Draws ahead: at least one index, at most one per word.
    fn refill(&mut self) {
        let range = self.range;
        let threshold = range.wrapping_neg() % range;
        self.generator.fill_bytes(&mut self.bytes);
        let words = self.bytes.as_chunks::<2>().0;
        map_words(words, range, &mut self.mapped);
        let mut kept = 0;
        for (words, mapped) in words.as_chunks::<16>().0.iter().zip(self.mapped.as_chunks::<16>().0)
        {
            // As numbers, which the compiler compares side by side.
            let low = words.map(|word| u16::from_le_bytes(word).wrapping_mul(range));
            let rejected = low.map(|low| u16::from(low < threshold));
            if rejected.iter().fold(0, |any, one| any | one) == 0 {
                self.ready[kept..kept + 16].copy_from_slice(mapped);
                kept += 16;
            } else {
                for (index, no) in mapped.iter().zip(rejected) {
                    self.ready[kept] = *index;
                    kept += usize::from(1 - no);
                }
            }
        }
        (self.next, self.kept) = (0, kept);
    }

    fn fill_by<const DRAWS: usize>(&mut self, range: u64, indices: &mut [u32]) {
        let product = (0..DRAWS).fold(1, |product, _| product * range);
        let threshold = product.wrapping_neg() % product;
        let (batches, rest) = indices.as_chunks_mut::<DRAWS>();
        for batch in batches {
            *batch = self.batch(range, threshold);
        }
        if !rest.is_empty() {
            let last = self.batch::<DRAWS>(range, threshold);
            rest.copy_from_slice(&last[..rest.len()]);
        }
    }

    #[inline]
    fn batch<const DRAWS: usize>(&mut self, range: u64, threshold: u64) -> [u32; DRAWS] {
        loop {
            let mut word = self.generator.next_u64();
            let batch = [0; DRAWS].map(|_: u32| {
                let product = u128::from(word) * u128::from(range);
                word = low_word(product);
                high_half(product)
            });
            if word >= threshold {
                return batch;
            }
        }
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

/// A plain loop of its own, so that the compiler handles many words at once.
#[inline(never)]
fn map_words(words: &[[u8; 2]], range: u16, mapped: &mut [u16; WORDS]) {
    for (word, index) in words.iter().zip(mapped) {
        *index = high_word(u16::from_le_bytes(*word), range);
    }
}

fn high_word(word: u16, range: u16) -> u16 {
    ((u32::from(word) * u32::from(range)) >> 16) as u16
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

    /// As above: 16-bit words, then three, two and one draws of a 64-bit word.
    #[test]
    fn the_stream_of_batches_is_promised() {
        let drawn = |n: usize| {
            let mut indices = [0; 7];
            Chooser::new(42).fill(n, &mut indices);
            indices
        };
        let ranges = [1, 10, 1000, 50_000, 1_000_000, 4_000_000_000];
        let expected = [
            [0; 7],
            [3, 2, 7, 6, 5, 1, 2],
            [357, 224, 748, 681, 568, 146, 249],
            [34_094, 40_480, 38_333, 47_513, 38_519, 9060, 21_375],
            [681_896, 192_306, 950_275, 407_672, 427_516, 402_856, 627_360],
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

    /// The bulk draws are those of the method written out, word by word.
    #[test]
    fn short_draws_are_lemires() {
        for n in [3_u32, 1000, 2731, 4095] {
            let mut generator = ChaCha8Rng::seed_from_u64(5);
            let mut expected = Vec::new();
            while expected.len() < 3000 {
                let mut pair = [0; 2 * WORDS];
                generator.fill_bytes(&mut pair);
                for word in pair.as_chunks::<2>().0 {
                    let product = u32::from(u16::from_le_bytes(*word)) * n;
                    if product % 65_536 >= 65_536 % n {
                        expected.push(u16::try_from(product / 65_536).unwrap());
                    }
                }
            }
            let mut drawn = [0; 3000];
            Chooser::new(5).fill_short(usize::try_from(n).unwrap(), &mut drawn);
            assert_eq!(drawn[..], expected[..3000], "{n}");
        }
    }

    /// Draws do not depend on how they are divided over calls.
    #[test]
    fn short_draws_come_in_order() {
        for n in [1, 2, 7, 1000, 4095, 4096] {
            let mut whole = [0; 5000];
            Chooser::new(9).fill_short(n, &mut whole);
            let mut parts = [0; 5000];
            let mut chooser = Chooser::new(9);
            let (head, tail) = parts.split_at_mut(777);
            chooser.fill_short(n, head);
            for part in tail.chunks_mut(19) {
                chooser.fill_short(n, part);
            }
            assert_eq!(whole, parts, "{n}");
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
