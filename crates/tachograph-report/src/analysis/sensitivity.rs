//! What the factors do.
//!
//! Owns: main effects on the primary metric, the judgement of each pair of
//! levels, and the evidence that a server treated two levels alike.

use std::collections::{BTreeMap, BTreeSet};

use tachograph_model::event::Stage;
use tachograph_model::options::Options;
use tachograph_model::plan::{Metric, Plan};
use tachograph_model::run::Configuration;
use tachograph_stats::{
    Comparison, DecisionRule, Effect, Factorial, FactorialAnalysis, FactorialRun, Pairs, Sample,
    compare_family,
};

use super::comparison::pairs;
use super::{RunRow, direction};
use crate::facts::RunFacts;

/// Options that change what a server samples: equal answers at different
/// levels of these are a sign that the server ignored them.
const SAMPLING: [&str; 8] = [
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "typical_p",
    "repeat_penalty",
    "presence_penalty",
    "frequency_penalty",
];

/// What the factors of the plan do.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sensitivity {
    /// Factors with two or more levels, in order.
    pub(crate) factors: Vec<Factor>,
    /// Blocks that hold every combination.
    pub(crate) n_blocks: usize,
    /// The analysis of the primary metric; absent with fewer than two complete
    /// blocks.
    pub(crate) primary: Option<FactorialAnalysis>,
    /// The run means that it rests on: those of the complete blocks.
    pub(crate) primary_runs: Vec<FactorialRun>,
    /// Every other metric that could be analysed.
    pub(crate) others: BTreeMap<Metric, FactorialAnalysis>,
}

/// One factor.
#[derive(Debug, Clone)]
pub(crate) struct Factor {
    pub(crate) name: String,
    pub(crate) levels: Vec<String>,
    /// The judgement of each pair of levels, the first as the baseline.
    pub(crate) pairs: Vec<LevelPair>,
}

/// Two levels of a factor.
#[derive(Debug, Clone)]
pub(crate) struct LevelPair {
    pub(crate) first: usize,
    pub(crate) second: usize,
    /// The second against the first, Holm-adjusted over the factor's pairs.
    pub(crate) comparison: Option<Comparison>,
    /// Matched runs (same block, all other levels equal) whose first answers
    /// have one digest, and how many matched runs there are.
    pub(crate) equal_answers: (u64, u64),
    /// Whether the server's context length was the same at both levels
    /// although `num_ctx` differed.
    pub(crate) same_context: bool,
}

impl Factor {
    /// Returns whether the factor should change the answers.
    pub(crate) fn is_sampling(&self) -> bool {
        SAMPLING.contains(&self.name.as_str())
    }
}

impl LevelPair {
    /// Returns whether the evidence says that the server treated both alike.
    pub(crate) fn looks_ignored(&self, factor: &Factor) -> bool {
        let (equal, matched) = self.equal_answers;
        self.same_context || (factor.is_sampling() && matched > 0 && equal == matched)
    }
}

pub(crate) fn analyse(
    plan: &Plan,
    planned: &[Configuration],
    facts: &[&RunFacts],
    rows: &[RunRow],
    rule: &DecisionRule,
) -> Sensitivity {
    let varied = varied(plan);
    if varied.is_empty() {
        return Sensitivity::default();
    }
    let places = places(plan, planned, &varied);
    let place = |row: &RunRow| places[row.configuration?].as_ref();
    let n_combinations = places.iter().flatten().count();

    let mut sensitivity = Sensitivity::default();
    let mut primary_runs = Vec::new();
    for metric in Metric::ALL {
        let runs = complete(rows, &place, metric, n_combinations);
        let analysis = Factorial::new(&runs).ok().map(|design| design.analyse(rule.confidence));
        if metric == plan.primary.metric {
            sensitivity.n_blocks = runs.iter().map(|run| run.block).collect::<BTreeSet<_>>().len();
            sensitivity.primary = analysis;
            primary_runs = runs;
        } else if let Some(analysis) = analysis {
            sensitivity.others.insert(metric, analysis);
        }
    }
    let rule = DecisionRule { direction: direction(plan.primary.metric), ..*rule };
    for (at, &name) in varied.iter().enumerate() {
        let levels: Vec<String> = plan.factors[name].iter().map(ToString::to_string).collect();
        let mut level_pairs: Vec<LevelPair> = (0..levels.len())
            .flat_map(|first| (first + 1..levels.len()).map(move |second| (first, second)))
            .map(|(first, second)| LevelPair {
                first,
                second,
                comparison: None,
                equal_answers: equal_answers(facts, rows, &place, (at, first, second)),
                same_context: name == "num_ctx"
                    && same_context(facts, rows, &place, (at, first, second)),
            })
            .collect();
        judge(&mut level_pairs, &primary_runs, at, &rule);
        sensitivity.factors.push(Factor { name: name.clone(), levels, pairs: level_pairs });
    }
    sensitivity.primary_runs = primary_runs;
    sensitivity
}

/// Returns the factors with two or more levels, in order.
fn varied(plan: &Plan) -> Vec<&String> {
    plan.factors.iter().filter(|(_, levels)| levels.len() > 1).map(|(name, _)| name).collect()
}

/// Returns the place of each configuration in the factorial, if it is part of it.
fn places(plan: &Plan, planned: &[Configuration], varied: &[&String]) -> Vec<Option<Vec<usize>>> {
    let level_of = |levels: &Options, factor: &String| {
        let value = levels.get(factor)?;
        plan.factors[factor].iter().position(|level| level == value)
    };
    planned
        .iter()
        .map(|each| varied.iter().map(|factor| level_of(&each.levels, factor)).collect())
        .collect()
}

/// Judges each pair of levels of each factor on `metric`, without the evidence of
/// answers.
pub(crate) fn pairs_on(
    metric: Metric,
    plan: &Plan,
    (planned, rows): (&[Configuration], &[RunRow]),
    rule: &DecisionRule,
) -> Vec<Vec<LevelPair>> {
    let varied = varied(plan);
    let places = places(plan, planned, &varied);
    let place = |row: &RunRow| places[row.configuration?].as_ref();
    let runs = complete(rows, &place, metric, places.iter().flatten().count());
    let rule = DecisionRule { direction: direction(metric), ..*rule };
    let judged = varied.iter().enumerate().map(|(at, &name)| {
        let n_levels = plan.factors[name].len();
        let mut pairs: Vec<LevelPair> = (0..n_levels)
            .flat_map(|first| (first + 1..n_levels).map(move |second| (first, second)))
            .map(|(first, second)| LevelPair {
                first,
                second,
                comparison: None,
                equal_answers: (0, 0),
                same_context: false,
            })
            .collect();
        judge(&mut pairs, &runs, at, &rule);
        pairs
    });
    judged.collect()
}

/// Returns the run means of the blocks that hold every combination.
fn complete<'a>(
    rows: &'a [RunRow],
    place: &dyn Fn(&'a RunRow) -> Option<&'a Vec<usize>>,
    metric: Metric,
    n_combinations: usize,
) -> Vec<FactorialRun> {
    let mut by_block: BTreeMap<u32, Vec<FactorialRun>> = BTreeMap::new();
    for row in rows {
        if let (Some(levels), Some(&value)) = (place(row), row.metrics.get(&metric)) {
            let run = FactorialRun { block: row.id.block as usize, levels: levels.clone(), value };
            by_block.entry(row.id.block).or_default().push(run);
        }
    }
    by_block.into_values().filter(|runs| runs.len() == n_combinations).flatten().collect()
}

/// Judges each pair of levels from the level's mean in each block.
fn judge(level_pairs: &mut [LevelPair], runs: &[FactorialRun], factor: usize, rule: &DecisionRule) {
    let mut values: BTreeMap<(usize, u32), Vec<f64>> = BTreeMap::new();
    for run in runs {
        let block = u32::try_from(run.block).expect("blocks are numbered in 32 bits");
        values.entry((run.levels[factor], block)).or_default().push(run.value);
    }
    let mut means: BTreeMap<usize, BTreeMap<u32, f64>> = BTreeMap::new();
    for ((level, block), values) in values {
        if let Ok(sample) = Sample::new(&values) {
            means.entry(level).or_default().insert(block, sample.mean());
        }
    }
    let family: Option<Vec<Pairs>> = level_pairs
        .iter()
        .map(|pair| pairs(means.get(&pair.second)?, means.get(&pair.first)?).ok())
        .collect();
    if let Some(Ok(comparisons)) = family.map(|family| compare_family(&family, rule)) {
        for (pair, comparison) in level_pairs.iter_mut().zip(comparisons) {
            pair.comparison = Some(comparison);
        }
    }
}

/// Runs of two levels of a factor that share block and all other levels.
fn matched<'a>(
    facts: &'a [&'a RunFacts],
    rows: &'a [RunRow],
    place: &dyn Fn(&'a RunRow) -> Option<&'a Vec<usize>>,
    (factor, first, second): (usize, usize, usize),
) -> Vec<(&'a RunFacts, &'a RunFacts)> {
    let mut sides: BTreeMap<(u32, Vec<usize>), [Option<&RunFacts>; 2]> = BTreeMap::new();
    for (row, run) in rows.iter().zip(facts) {
        let Some(levels) = place(row) else { continue };
        let side = if levels[factor] == first {
            0
        } else if levels[factor] == second {
            1
        } else {
            continue;
        };
        let mut others = levels.clone();
        others.remove(factor);
        sides.entry((row.id.block, others)).or_default()[side] = Some(run);
    }
    sides.into_values().filter_map(|[first, second]| Some((first?, second?))).collect()
}

fn equal_answers<'a>(
    facts: &'a [&'a RunFacts],
    rows: &'a [RunRow],
    place: &dyn Fn(&'a RunRow) -> Option<&'a Vec<usize>>,
    levels: (usize, usize, usize),
) -> (u64, u64) {
    // The first call's prompt is the same at both levels; the second builds on
    // the first answer.
    let answer = |run: &'a RunFacts| {
        let first = run.calls().find(|call| call.stage == Stage::Analysis && call.is_completed());
        first.filter(|call| call.n_content_chunks > 0).map(|call| call.output_sha256)
    };
    let mut counts = (0, 0);
    for (one, other) in matched(facts, rows, place, levels) {
        if let (Some(one), Some(other)) = (answer(one), answer(other)) {
            counts.1 += 1;
            counts.0 += u64::from(one == other);
        }
    }
    counts
}

fn same_context<'a>(
    facts: &'a [&'a RunFacts],
    rows: &'a [RunRow],
    place: &dyn Fn(&'a RunRow) -> Option<&'a Vec<usize>>,
    levels: (usize, usize, usize),
) -> bool {
    let context = |run: &RunFacts| -> Vec<u64> {
        run.servers.values().filter_map(|server| server.context_length).collect()
    };
    let pairs = matched(facts, rows, place, levels);
    let known: Vec<bool> = pairs
        .iter()
        .map(|(one, other)| (context(one), context(other)))
        .filter(|(one, other)| !one.is_empty() && !other.is_empty())
        .map(|(one, other)| one == other)
        .collect();
    !known.is_empty() && known.iter().all(|&same| same)
}

/// Returns the effect of a factor on a metric.
pub(crate) fn effect(analysis: &FactorialAnalysis, factor: usize) -> Option<&Effect> {
    analysis.main.get(factor).map(|main| &main.effect)
}
