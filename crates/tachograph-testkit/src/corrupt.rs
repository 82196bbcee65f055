//! Damage, planted on purpose.
//!
//! Owns: one flipped bit in a file, and the choice of where.
//!
//! Does not: know what the files mean.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Returns every file under `folder`, by path relative to it, in order.
///
/// # Errors
///
/// What the system says of a folder that cannot be listed.
pub fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(relative) = folders.pop() {
        for entry in fs::read_dir(folder.join(&relative))? {
            let entry = entry?;
            let path = relative.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Flips bit `bit` (0 to 7) of the byte at `offset` of a file, in place.
/// Doing it twice restores the file.
///
/// # Errors
///
/// What the system says; an offset behind the end is `InvalidInput`.
pub fn flip_bit(path: &Path, offset: usize, bit: u8) -> io::Result<()> {
    let mut bytes = fs::read(path)?;
    let byte = bytes.get_mut(offset).ok_or(io::ErrorKind::InvalidInput)?;
    *byte ^= 1 << (bit % 8);
    fs::write(path, bytes)
}

/// Returns offsets into a file of `length` bytes: the first, the middle, the
/// last, and `n_random` that follow from `seed`; in order, none twice.
pub fn offsets(length: usize, n_random: usize, seed: u64) -> Vec<usize> {
    if length == 0 {
        return Vec::new();
    }
    let mut random = Random(seed);
    let mut offsets = vec![0, length / 2, length - 1];
    offsets.extend((0..n_random).map(|_| random.below(length)));
    offsets.sort_unstable();
    offsets.dedup();
    offsets
}

/// Numbers that look random and follow from a seed (`SplitMix64`).
///
/// # Source
///
/// Steele, Lea & Flood (2014), *Fast Splittable Pseudorandom Number Generators*.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    /// Returns the next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `bound`, which is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.number() % bound as u64).expect("it is below a usize")
    }

    /// Returns a number in `0..1`.
    pub fn fraction(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_cover_both_ends_and_short_files() {
        assert!(offsets(0, 3, 1).is_empty());
        assert_eq!(offsets(1, 3, 1), [0]);
        let many = offsets(1000, 5, 1);
        assert!(many.len() > 5 && many[0] == 0 && many[many.len() - 1] == 999);
        assert_eq!(many, offsets(1000, 5, 1));
    }

    #[test]
    fn generator_gives_the_published_numbers() {
        let mut random = Random(1_234_567);
        assert_eq!(random.number(), 6_457_827_717_110_365_317);
        assert_eq!(random.number(), 3_203_168_211_198_807_973);
    }
}
