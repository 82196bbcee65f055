//! `tacho plan`: what a plan will do, before it does it.

use serde_json::json;
use tachograph_model::options::{OptionValue, Options};
use tachograph_model::plan::concurrent::Role;
use tachograph_model::plan::stopping::{Rule, Spending};
use tachograph_model::plan::{Plan, ServerPolicy, expand};
use tachograph_model::run::{Arm, Configuration, Placement, Run};
use tachograph_report::{PlannedLook, SequentialRule};

use crate::args::PlanArgs;
use crate::failure::{Exit, Failure};
use crate::loaded_plan::{self, LoadedPlan};
use crate::rehearsal::{self, Rehearsed};
use crate::terminal::{duration, out};

/// Calls that the native workflow makes in a run, warm-up aside.
const CALLS_PER_WORKFLOW: u64 = 2;

/// Carries the command out.
pub(crate) fn execute(args: &PlanArgs) -> Result<Exit, Failure> {
    let loaded = loaded_plan::load(&args.plan, &args.overrides)?;
    let runs = expand::runs(&loaded.plan);
    let rule = SequentialRule::of(&loaded.plan);
    if args.json {
        let looks: Vec<_> = rule
            .iter()
            .flat_map(SequentialRule::looks)
            .map(|look| json!({"n_blocks": look.n_blocks, "nominal_p": look.nominal_p}))
            .collect();
        let document = json!({
            "plan": loaded.plan,
            "overrides": loaded.overrides,
            "configurations": expand::configurations(&loaded.plan),
            "runs": runs,
            "looks": looks,
        });
        out(format!("{document:#}"));
        return Ok(Exit::Done);
    }
    out(summary(&loaded));
    out(matrix(&expand::configurations(&loaded.plan)));
    out(order(&runs, rule.is_some()));
    if let Some(rule) = &rule {
        out(stopping(&loaded.plan, rule));
    }
    out(load_bounds(&loaded.plan, &runs));
    if args.rehearse {
        let rehearsed = rehearsal::rehearse(&loaded, args.cache.as_deref())?;
        out(estimate(&loaded.plan, &runs, &rehearsed));
    } else if loaded.plan.is_concurrent() {
        out(
            "time      `--rehearse` makes unrecorded runs of the first concurrent configuration and of\n\
             \u{20}         its agents alone, and says how long the plan will take on these servers",
        );
    } else {
        out("time      `--rehearse` makes one unrecorded run of the baseline and says how long\n\
             \u{20}         the plan will take on this server");
    }
    Ok(Exit::Done)
}

fn summary(loaded: &LoadedPlan) -> String {
    let plan = &loaded.plan;
    let mut lines = Vec::new();
    let mut line = |name: &str, value: String| lines.push(format!("{name:<9} {value}"));
    line("plan", plan.name.clone());
    if !plan.question.is_empty() {
        line("question", plan.question.clone());
    }
    line("digest", tachograph_model::digest::Digest::of(&plan.lock_bytes()).to_string());
    for change in &loaded.overrides {
        line("override", change.clone());
    }
    let policy = match plan.server_policy {
        ServerPolicy::Keep => "the server is left as it is between runs",
        ServerPolicy::Unload => "the model is evicted before each run",
        ServerPolicy::Restart => "the server is restarted before each run",
    };
    for server in &plan.servers {
        let place = match (&server.url, &server.managed) {
            (Some(url), _) => url.clone(),
            (None, Some(managed)) => {
                let engine = managed.engine.name();
                let played = managed.cassette.as_ref().map(|file| format!(", {file}"));
                format!("a server started by tacho ({engine} engine{})", played.unwrap_or_default())
            }
            (None, None) => String::new(),
        };
        line("server", format!("{}: {} at {place}; {policy}", server.name, server.model));
    }
    for agent in &plan.agents {
        let mut words = format!("{} reads {}", agent.name, agent.input);
        if let Some(server) = &agent.server {
            words = format!("{words} and calls {server}");
        }
        if agent.role != Role::Analyst {
            words = format!("{words}, as {}", agent.role.name());
        }
        line("agent", words);
    }
    for topology in &plan.topologies {
        let kind = if topology.exclusive { ", one agent each" } else { "" };
        line("topology", format!("{}: {}{kind}", topology.name, topology.servers.join(", ")));
    }
    for phase in &plan.phases {
        let n = phase.matrices.len();
        let matrices = if n == 1 { "matrix" } else { "matrices" };
        line("phase", format!("{}: {n} {matrices}", phase.name));
    }
    line(
        "primary",
        format!(
            "{}, margin {} %, family-wise error {}",
            plan.primary.metric.title(),
            plan.primary.margin_percent,
            plan.primary.alpha
        ),
    );
    lines.push(String::new());
    lines.join("\n")
}

fn matrix(configurations: &[Configuration]) -> String {
    let width = configurations.iter().map(|c| c.id.0.len()).max().unwrap_or(0);
    let row = |configuration: &Configuration| {
        let arm = match configuration.arm {
            Arm::Baseline => "baseline",
            Arm::BaselineAa => "baseline again (A/A)",
            Arm::Chimera => "tuned",
            Arm::Solo => "alone",
            Arm::Concurrent => "together",
            Arm::Implementation => "implementation",
        };
        let what = match configuration.arm {
            Arm::Concurrent => {
                let placed = |each: &Placement| format!("{} on {}", each.agent, each.server);
                configuration.placements.iter().map(placed).collect::<Vec<_>>().join(", ")
            }
            _ => list(&configuration.options),
        };
        let colon = if what.is_empty() { "" } else { ": " };
        format!("  {:width$}  {arm}{colon}{what}\n", configuration.id.0)
    };
    let rows: String = configurations.iter().map(row).collect();
    format!("{} configurations\n{rows}", configurations.len())
}

fn list(options: &Options) -> String {
    let pair = |(name, value): (&String, &OptionValue)| format!("{name} = {value}");
    options.iter().map(pair).collect::<Vec<_>>().join(", ")
}

fn order(runs: &[Run], is_sequential: bool) -> String {
    let row = |block: &[Run]| {
        let ids: Vec<&str> = block.iter().map(|run| &*run.id.configuration.0).collect();
        let seed = block[0].options().get("seed").map_or_else(String::new, OptionValue::to_string);
        let ids = ids.join(", ");
        format!("  block {} (seed {seed}): {ids}\n", block[0].id.block)
    };
    let blocks = runs.chunk_by(|left, right| left.id.block == right.id.block);
    let rows: String = blocks.map(row).collect();
    let at_most = if is_sequential { "at most " } else { "" };
    format!("{at_most}{} runs, in this order\n{rows}", runs.len())
}

/// Looks listed before the middle ones are left out.
const LOOKS_SHOWN_MAX: usize = 12;

/// Says what ends the study, and what each look needs to state a difference.
fn stopping(plan: &Plan, rule: &SequentialRule) -> String {
    let looks = rule.looks();
    let how = match (plan.stopping.rule, plan.stopping.spending()) {
        (Rule::GroupSequential, Spending::ObrienFleming) => {
            "group-sequential, O'Brien-Fleming type spending".to_owned()
        }
        (Rule::GroupSequential, Spending::Pocock) => {
            "group-sequential, Pocock type spending".to_owned()
        }
        _ => format!("always-valid, narrowest at {} blocks", plan.stopping.tuned_for(plan.blocks)),
    };
    let row = |look: &PlannedLook| {
        let p = look.nominal_p.map_or("nothing can be stated".to_owned(), |p| match p {
            p if p < 0.000_01 => format!("p <= {p:.1e}"),
            p => format!("p <= {p:.5}"),
        });
        format!("  after {:>3} blocks  {p}\n", look.n_blocks)
    };
    let n_left_out = looks.len().saturating_sub(LOOKS_SHOWN_MAX);
    let rows: String = if n_left_out == 0 {
        looks.iter().map(row).collect()
    } else {
        let (first, last) = (&looks[..LOOKS_SHOWN_MAX - 1], &looks[looks.len() - 1..]);
        let first: String = first.iter().map(row).collect();
        let last: String = last.iter().map(row).collect();
        format!("{first}  ... {n_left_out} more\n{last}")
    };
    format!(
        "{} look(s), {how}\n{rows}  The study ends when every tuned configuration is better, worse \
         or equivalent, at the\n  latest after {} blocks. p is that of one configuration's paired t \
         test; alpha {} is shared\n  out over {} tuned configuration(s), {:.2} % each over all looks. \
         Equivalence is stated when\n  the interval of the look lies inside the margin. Calls, tokens \
         and time below are those of all blocks.\n",
        looks.len(),
        plan.blocks,
        plan.primary.alpha,
        rule.n_tuned(),
        rule.confidence().alpha() * 100.0,
    )
}

/// Says how many calls and at most how many tokens the plan will cost.
fn load_bounds(plan: &Plan, runs: &[Run]) -> String {
    let n_agents: u64 = runs.iter().map(|run| run.placements.len() as u64).sum();
    let n_calls = (CALLS_PER_WORKFLOW + u64::from(plan.warmup_calls)) * n_agents;
    let limits = |name: &str| -> Option<u64> {
        let sent = runs.iter().flat_map(|run| &run.placements);
        let all = sent.filter_map(|placement| placement.options.get(name));
        all.filter_map(|value| match value {
            OptionValue::Integer(limit) => u64::try_from(*limit).ok(),
            _ => None,
        })
        .max()
    };
    let tokens = match limits("num_predict").or_else(|| limits("max_tokens")) {
        Some(limit) => format!("at most {} output tokens", n_calls.saturating_mul(limit)),
        None => "no token limit: the length of each answer is the model's choice, and so is the \
                 time (set num_predict)"
            .to_owned(),
    };
    format!("cost      {n_calls} calls, {tokens}")
}

/// Says what was rehearsed, and how long all runs like it take.
fn estimate(plan: &Plan, runs: &[Run], rehearsed: &[Rehearsed]) -> String {
    let note = match (plan.factors.is_empty() && !plan.is_concurrent(), plan.server_policy) {
        (true, ServerPolicy::Keep) => "",
        _ => "; reloading the model between configurations comes on top",
    };
    let is_together = |arm: Arm| arm == Arm::Concurrent;
    let (together, alone): (Vec<_>, Vec<_>) =
        rehearsed.iter().partition(|each| is_together(each.arm));
    let mean = |of: &[&Rehearsed]| {
        of.iter().map(|each| each.seconds).sum::<f64>() / (of.len() as f64).max(1.0)
    };
    let (Some(first), false) = (together.first(), alone.is_empty()) else {
        let seconds = mean(&rehearsed.iter().collect::<Vec<_>>());
        let name = match rehearsed.first().map(|each| (each.arm, &each.configuration)) {
            Some((Arm::Baseline, _)) | None => "the baseline".to_owned(),
            Some((_, id)) => id.to_string(),
        };
        return format!(
            "time      one rehearsal run of {name} took {}; {} runs like it take {}{note}",
            duration(seconds),
            runs.len(),
            duration(seconds * runs.len() as f64)
        );
    };
    let n_together = runs.iter().filter(|run| is_together(run.arm)).count();
    let n_alone = runs.len() - n_together;
    let of_together = mean(&together) * n_together as f64;
    let of_alone = mean(&alone) * n_alone as f64;
    let each: Vec<String> = alone
        .iter()
        .map(|each| format!("{} {}", each.configuration, duration(each.seconds)))
        .collect();
    format!(
        "time      the first concurrent configuration was rehearsed, and its agents alone:\n\
         \u{20}         {} took {}; {}\n\
         \u{20}         {n_together} runs together like it take {}, {n_alone} runs alone {}: {} in \
         all{note}",
        first.configuration,
        duration(first.seconds),
        each.join(", "),
        duration(of_together),
        duration(of_alone),
        duration(of_together + of_alone)
    )
}

#[cfg(test)]
mod tests {
    use tachograph_model::plan::parse;
    use tachograph_model::run::ConfigurationId;

    use super::*;

    fn check(parts: &str, rehearsed: &[(&str, Arm, f64)], expected: &str) {
        let text = format!(
            "schema = 'tachograph-plan/1'\nname = 't'\nblocks = 2\n\
             [[servers]]\nname = 'main'\nmodel = 'm'\nurl = 'http://127.0.0.1:1'\n{parts}"
        );
        let plan = parse::parse(&text).unwrap().plan;
        let rehearsed: Vec<Rehearsed> = rehearsed
            .iter()
            .map(|(id, arm, seconds)| Rehearsed {
                configuration: ConfigurationId((*id).to_owned()),
                arm: *arm,
                seconds: *seconds,
            })
            .collect();
        assert_eq!(estimate(&plan, &expand::runs(&plan), &rehearsed), expected);
    }

    #[test]
    fn runs_together_and_alone_are_estimated_apart() {
        check(
            "[[topologies]]\nname = 'shared'\nservers = ['main']\n\
             [[agents]]\nname = 'a'\n[[agents]]\nname = 'b'\n[[phases]]\nname = 'p'\n\
             [[phases.matrices]]\nscenarios = ['chimera-homo']\ntopologies = ['shared']\n\
             factors = { top_k = [1, 2] }\n",
            &[("x", Arm::Concurrent, 30.0), ("sa", Arm::Solo, 10.0), ("sb", Arm::Solo, 20.0)],
            "time      the first concurrent configuration was rehearsed, and its agents alone:\n\
             \u{20}         x took 30 s; sa 10 s, sb 20 s\n\
             \u{20}         4 runs together like it take 2 min 0 s, 8 runs alone 2 min 0 s: 4 min 0 s \
             in all; reloading the model between configurations comes on top",
        );
        check(
            "[[agents]]\nname = 'a'\nserver = 'main'\n",
            &[("baseline_default", Arm::Baseline, 30.0)],
            "time      one rehearsal run of the baseline took 30 s; 2 runs like it take 1 min 0 s",
        );
    }
}
