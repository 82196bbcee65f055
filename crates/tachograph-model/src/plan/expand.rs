//! From a plan to its configurations and runs.
//!
//! Owns: the full factorial of one agent, randomised complete blocks, the seed of a
//! block. Configurations of several agents come from [`super::concurrent`].
//!
//! Does not: execute anything.

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::imported::Imported;
use super::{AgentSpec, Order, Plan, concurrent, implementations};
use crate::options::{OptionValue, Options, slug};
use crate::run::{Arm, Configuration, ConfigurationId, Placement, Run, RunId};

/// Returns the plan's configurations.
///
/// Of one agent: baseline, A/A arm, factorial, extras; the factorial varies the last
/// factor (by name) fastest. Of several implementations: each of these once for each
/// server and implementation. Of a plan with phases: each concurrent configuration
/// behind the solo configurations that it needs and that are not there yet; where a
/// plan has both, implementations first.
pub fn configurations(plan: &Plan) -> Vec<Configuration> {
    if let Some(imported) = &plan.imported {
        return imported.configurations.clone();
    }
    let mut all = Vec::new();
    if let Some(parts) = &plan.implementations {
        all.extend(implementations::configurations(plan, parts));
    } else if !plan.is_concurrent() {
        let one =
            |(id, arm, own, levels): Member| Configuration { levels, ..alone(plan, id, arm, &own) };
        all.extend(arms(plan).into_iter().map(one));
    }
    if plan.is_concurrent() {
        all.extend(concurrent::configurations(plan));
    }
    all
}

/// A configuration of one agent: its name, what it is compared as, its own options,
/// and those of them that are levels of factors.
pub(super) type Member = (ConfigurationId, Arm, Options, Options);

/// Returns the configurations of one agent.
pub(super) fn arms(plan: &Plan) -> Vec<Member> {
    let named = |name: &str| ConfigurationId(name.to_owned());
    let of_baseline =
        |name: &str, arm| (named(name), arm, plan.baseline.options.clone(), Options::new());
    let mut all = vec![of_baseline(ConfigurationId::BASELINE, Arm::Baseline)];
    if plan.baseline.aa {
        all.push(of_baseline(ConfigurationId::BASELINE_AA, Arm::BaselineAa));
    }
    let combinations = combinations(plan).into_iter();
    all.extend(
        combinations.map(|levels| (named(&slug(&levels)), Arm::Chimera, levels.clone(), levels)),
    );
    all.extend(
        plan.configurations
            .iter()
            .map(|extra| (named(&extra.name), Arm::Chimera, extra.options.clone(), Options::new())),
    );
    all
}

/// Returns what an agent sends: the common options, its own, and those of the
/// configuration.
pub(super) fn sent(plan: &Plan, agent: Option<&AgentSpec>, own: &Options) -> Options {
    let mut options = plan.options.clone();
    options.extend(agent.map(|agent| agent.options.clone()).unwrap_or_default());
    options.extend(own.clone());
    options
}

/// Returns a configuration of the plan's one agent.
fn alone(plan: &Plan, id: ConfigurationId, arm: Arm, own: &Options) -> Configuration {
    let options = sent(plan, plan.agents.first(), own);
    let placement = |agent: &AgentSpec| {
        let server = agent.server.clone().unwrap_or_default();
        Placement::alone(agent.name.clone(), server, options.clone())
    };
    Configuration {
        id,
        arm,
        levels: Options::new(),
        placements: plan.agents.iter().map(placement).collect(),
        options,
        together: None,
        implementation: None,
    }
}

/// Returns every combination of the factors' levels, none if there is no factor.
fn combinations(plan: &Plan) -> Vec<Options> {
    if plan.factors.is_empty() {
        return Vec::new();
    }
    let mut all = vec![Options::new()];
    for (factor, levels) in &plan.factors {
        all = all
            .into_iter()
            .flat_map(|partial| {
                levels.iter().map(move |level| {
                    let mut full = partial.clone();
                    full.insert(factor.clone(), level.clone());
                    full
                })
            })
            .collect();
    }
    all
}

/// Returns the plan's runs in the order of execution, block after block.
///
/// Each block holds every configuration once. With
/// [`Order::RandomizedBlocks`] the order inside a block is a Fisher-Yates
/// shuffle driven by `ChaCha20` with the plan's seed and the block's number as
/// its stream, so it is the same on every machine and for every subset of
/// blocks. With [`Order::Abba`] odd blocks run the baseline first and even ones
/// last. All runs of a block carry the same `seed` option (unless the plan sets
/// `seed` itself), so that a deterministic server answers alike.
pub fn runs(plan: &Plan) -> Vec<Run> {
    let configurations = configurations(plan);
    if let Some(imported) = &plan.imported {
        return imported_runs(imported, &configurations);
    }
    let mut all = Vec::with_capacity(configurations.len() * plan.blocks as usize);
    for block in 1..=plan.blocks {
        let mut rng = ChaCha20Rng::seed_from_u64(plan.seed);
        rng.set_stream(u64::from(block));
        let server_seed = i64::from(rng.next_u32() >> 1);
        let mut order: Vec<&Configuration> = configurations.iter().collect();
        match plan.order {
            Order::RandomizedBlocks => shuffle(&mut order, &mut rng),
            Order::Abba if block % 2 == 0 => order.reverse(),
            Order::Abba | Order::AsWritten => {}
        }
        for configuration in order {
            let mut placements = configuration.placements.clone();
            for placement in &mut placements {
                let seed = OptionValue::Integer(server_seed);
                placement.options.entry("seed".to_owned()).or_insert(seed);
            }
            let index = u32::try_from(all.len()).expect("parse bounds the number of runs");
            all.push(Run {
                index,
                id: RunId { configuration: configuration.id.clone(), block },
                arm: configuration.arm,
                placements,
            });
        }
    }
    all
}

/// Returns the runs that an imported study says it has.
fn imported_runs(imported: &Imported, configurations: &[Configuration]) -> Vec<Run> {
    let by_id: BTreeMap<_, _> = configurations.iter().map(|each| (&each.id, each)).collect();
    let known = imported.runs.iter().filter_map(|id| Some((id, *by_id.get(&id.configuration)?)));
    let run = |(index, (id, configuration)): (u32, (&RunId, &Configuration))| Run {
        index,
        id: id.clone(),
        arm: configuration.arm,
        placements: configuration.placements.clone(),
    };
    (0..).zip(known).map(run).collect()
}

/// Returns how many runs the plan asks for; under a sequential stopping rule, the most.
pub fn n_runs(plan: &Plan) -> usize {
    match &plan.imported {
        Some(imported) => imported.runs.len(),
        None => configurations(plan).len() * plan.blocks as usize,
    }
}

/// Shuffles `items` (Fisher and Yates), without bias.
fn shuffle<T>(items: &mut [T], rng: &mut ChaCha20Rng) {
    for last in (1..items.len()).rev() {
        let bound = last as u64 + 1;
        // Draws above the largest multiple of `bound` would favour small values.
        let zone = u64::MAX - u64::MAX % bound;
        let draw = loop {
            let draw = rng.next_u64();
            if draw < zone {
                break draw % bound;
            }
        };
        items.swap(last, usize::try_from(draw).expect("a draw is below the slice's length"));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::parse::parse;
    use super::*;

    fn plan(extra: &str) -> Plan {
        let text = format!(
            "schema = 'tachograph-plan/1'\nname = 't'\nblocks = 5\nseed = 111\n{extra}\n\
             [[servers]]\nname = 'main'\nmodel = 'm'\nurl = 'http://127.0.0.1:1'\n\
             [[agents]]\nname = 'analyst'\nserver = 'main'\n\
             [baseline]\naa = true\n\
             [factors]\nnum_gpu = [60, 80, 120]\nnum_ctx = [256, 512, 1024]\ntemperature = [0.6, 0.8]\n"
        );
        parse(&text).unwrap().plan
    }

    #[test]
    fn each_block_holds_each_configuration_once_and_one_seed() {
        let plan = plan("");
        let runs = runs(&plan);
        assert_eq!(runs.len(), 5 * (2 + 18));
        for block in 1..=5 {
            let of_block: Vec<&Run> = runs.iter().filter(|run| run.id.block == block).collect();
            let ids: BTreeSet<_> = of_block.iter().map(|run| &run.id.configuration).collect();
            assert_eq!(ids.len(), 20);
            assert!(
                of_block.iter().all(|run| run.options()["seed"] == of_block[0].options()["seed"])
            );
        }
        assert_ne!(runs[0].options()["seed"], runs[99].options()["seed"]);
        assert!(runs.iter().enumerate().all(|(at, run)| run.index as usize == at));
    }

    #[test]
    fn order_follows_the_seed_and_differs_between_blocks() {
        let order = |plan: &Plan| -> Vec<String> {
            runs(plan).iter().map(|run| run.id.configuration.0.clone()).collect()
        };
        let first = plan("");
        assert_eq!(order(&first), order(&first));
        assert_ne!(order(&first)[..20], order(&first)[20..40]);
        let other = Plan { seed: 112, ..first.clone() };
        assert_ne!(order(&first), order(&other));
        let written = Plan { order: Order::AsWritten, ..first };
        assert_eq!(order(&written)[..20], order(&written)[20..40]);
    }

    #[test]
    fn two_arms_alternate_who_comes_first() {
        let mut plan = plan("");
        plan.factors = [("top_k".to_owned(), vec![OptionValue::Integer(5)])].into();
        plan.baseline.aa = false;
        plan.order = Order::Abba;
        let order: Vec<String> =
            runs(&plan).iter().map(|run| run.id.configuration.0.clone()).collect();
        let (a, b) = ("baseline_default", "topk5");
        assert_eq!(order, [a, b, b, a, a, b, b, a, a, b]);
    }

    #[test]
    fn fewer_blocks_are_a_prefix_of_more_blocks() {
        let long = plan("");
        let short = Plan { blocks: 2, ..long.clone() };
        assert_eq!(runs(&short)[..], runs(&long)[..40]);
    }

    #[test]
    fn a_planned_seed_is_kept() {
        let mut plan = plan("");
        plan.options.insert("seed".to_owned(), OptionValue::Integer(7));
        assert!(runs(&plan).iter().all(|run| run.options()["seed"] == OptionValue::Integer(7)));
    }

    #[test]
    fn the_baseline_sends_common_options_only() {
        let mut plan = plan("");
        plan.options.insert("num_predict".to_owned(), OptionValue::Integer(64));
        let all = configurations(&plan);
        assert_eq!(all[0].options.keys().collect::<Vec<_>>(), ["num_predict"]);
        assert_eq!(all[0].options, all[1].options);
        assert_eq!(all[2].id.0, "gpu60_ctx256_temp0p6");
        assert_eq!(all[2].options.len(), 4);
    }
}
