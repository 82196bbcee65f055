//! Balanced designs: every combination of levels exactly once in every block.
//!
//! Owns: the check. A [`Factorial`] that exists is complete and finite, so that
//! its analysis cannot fail.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Sample, SampleError};

/// One run mean of a one-factor design.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// The block's number; any numbering.
    pub block: usize,
    /// The level's number; any numbering.
    pub level: usize,
    /// The run mean.
    pub value: f64,
}

/// One run mean of a factorial.
#[derive(Debug, Clone, PartialEq)]
pub struct FactorialRun {
    /// The block's number; any numbering.
    pub block: usize,
    /// The level's number of each factor, in the order of the factors.
    pub levels: Vec<usize>,
    /// The run mean.
    pub value: f64,
}

/// Why run means do not make a balanced design.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DesignError {
    /// A value is unusable, or there are none.
    #[error("the run means are not a sample")]
    Values {
        /// What is wrong; positions are those of the runs as given.
        source: SampleError,
    },
    /// There are no factors, or not the same number in each run.
    #[error("run {run} has {found} factor levels, the first run has {expected}; give one or more")]
    Ragged {
        /// The run's position, from 0.
        run: usize,
        /// How many levels it has.
        found: usize,
        /// How many the first run has.
        expected: usize,
    },
    /// Error needs replication.
    #[error("a block design needs at least 2 blocks, there is 1; run more blocks")]
    OneBlock,
    /// A factor does not vary.
    #[error("factor {factor} has the level {level} only; leave it out")]
    OneLevel {
        /// The factor's position.
        factor: usize,
        /// Its only level.
        level: usize,
    },
    /// A block lacks a combination: the design is unbalanced.
    #[error(
        "block {block} has no run of levels {levels:?}; repeat that run or leave the block out"
    )]
    Missing {
        /// The block's number.
        block: usize,
        /// The combination of levels.
        levels: Vec<usize>,
    },
    /// A block has a combination twice.
    #[error(
        "block {block} has levels {levels:?} more than once; average the repeats to one run mean"
    )]
    Repeated {
        /// The block's number.
        block: usize,
        /// The combination of levels.
        levels: Vec<usize>,
    },
}

/// A one-factor randomised complete block design: each level once per block.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockDesign(Factorial);

/// A full factorial in complete blocks: each combination once per block.
#[derive(Debug, Clone, PartialEq)]
pub struct Factorial {
    n_blocks: usize,
    /// The levels' numbers of each factor, ascending.
    labels: Vec<Vec<usize>>,
    n_levels: Vec<usize>,
    n_combinations: usize,
    /// Block after block, combinations in odometer order (last factor fastest).
    values: Vec<f64>,
}

impl BlockDesign {
    /// Checks the run means of a one-factor design.
    ///
    /// # Errors
    ///
    /// [`DesignError`]: fewer than 2 blocks or levels, a missing or repeated cell,
    /// a value that no [`Sample`] takes.
    pub fn new(cells: &[Cell]) -> Result<Self, DesignError> {
        let runs: Vec<FactorialRun> = cells
            .iter()
            .map(|cell| FactorialRun {
                block: cell.block,
                levels: vec![cell.level],
                value: cell.value,
            })
            .collect();
        Factorial::new(&runs).map(Self)
    }

    pub(super) fn factorial(&self) -> &Factorial {
        &self.0
    }
}

impl Factorial {
    /// Checks the run means of a full factorial in blocks.
    ///
    /// Blocks and levels may be numbered in any way. A baseline that is not a
    /// combination of levels stays outside.
    ///
    /// # Errors
    ///
    /// [`DesignError`]: fewer than 2 blocks, a factor with 1 level, a missing or
    /// repeated combination, runs that differ in their number of factors, a value
    /// that no [`Sample`] takes.
    pub fn new(runs: &[FactorialRun]) -> Result<Self, DesignError> {
        let given: Vec<f64> = runs.iter().map(|run| run.value).collect();
        Sample::new(&given).map_err(|source| DesignError::Values { source })?;
        let expected = runs[0].levels.len();
        let mut blocks = BTreeSet::new();
        let mut labels = vec![BTreeSet::new(); expected];
        let mut cells = BTreeMap::new();
        for (index, run) in runs.iter().enumerate() {
            let found = run.levels.len();
            if found != expected || found == 0 {
                return Err(DesignError::Ragged { run: index, found, expected });
            }
            blocks.insert(run.block);
            for (factor, &level) in run.levels.iter().enumerate() {
                labels[factor].insert(level);
            }
            if cells.insert((run.block, run.levels.as_slice()), run.value).is_some() {
                return Err(DesignError::Repeated { block: run.block, levels: run.levels.clone() });
            }
        }
        let labels: Vec<Vec<usize>> =
            labels.into_iter().map(|levels| levels.into_iter().collect()).collect();
        for (factor, levels) in labels.iter().enumerate() {
            if let [level] = levels[..] {
                return Err(DesignError::OneLevel { factor, level });
            }
        }
        if blocks.len() < 2 {
            return Err(DesignError::OneBlock);
        }
        let mut values = Vec::with_capacity(runs.len());
        for &block in &blocks {
            let mut odometer = vec![0; expected];
            loop {
                let levels: Vec<usize> =
                    odometer.iter().zip(&labels).map(|(&at, levels)| levels[at]).collect();
                match cells.get(&(block, levels.as_slice())) {
                    Some(&value) => values.push(value),
                    None => return Err(DesignError::Missing { block, levels }),
                }
                if !advance(&mut odometer, &labels) {
                    break;
                }
            }
        }
        let n_levels: Vec<usize> = labels.iter().map(Vec::len).collect();
        let n_combinations = values.len() / blocks.len();
        Ok(Self { n_blocks: blocks.len(), labels, n_levels, n_combinations, values })
    }

    pub(super) fn n_blocks(&self) -> usize {
        self.n_blocks
    }

    pub(super) fn n_levels(&self) -> &[usize] {
        &self.n_levels
    }

    pub(super) fn n_combinations(&self) -> usize {
        self.n_combinations
    }

    pub(super) fn labels(&self, factor: usize) -> &[usize] {
        &self.labels[factor]
    }

    pub(super) fn value(&self, block: usize, combination: usize) -> f64 {
        self.values[block * self.n_combinations + combination]
    }

    /// Which level of `factor`, from 0, a combination has.
    pub(super) fn level_of(&self, combination: usize, factor: usize) -> usize {
        let stride: usize = self.n_levels[factor + 1..].iter().product();
        combination / stride % self.n_levels[factor]
    }

    pub(super) fn sample(&self) -> Sample {
        Sample::from_finite(self.values.clone())
    }
}

/// Moves to the next combination; false after the last.
fn advance(odometer: &mut [usize], labels: &[Vec<usize>]) -> bool {
    for (at, levels) in odometer.iter_mut().zip(labels).rev() {
        *at += 1;
        if *at < levels.len() {
            return true;
        }
        *at = 0;
    }
    false
}
