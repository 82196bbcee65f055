//! What follows: summary, success of tuning, recommendations, limits.

use tachograph_model::run::Arm;
use tachograph_stats::{Comparison, ExtremeBound, Verdict};

use super::stopping;
use crate::analysis::comparison::{Compared, Refusal, blocks_needed};
use crate::analysis::configuration::ConfigurationAnalysis;
use crate::analysis::{ALL_RUNS, Analysis, MEASURED_RUNS};
use crate::claim::{Format, Number, Source};
use crate::document::{Block, Prose, Tone, code, comma_separated, text};
use crate::formula::Formula;
use crate::sections::standing;
use crate::validity::Status;
use crate::writer::{Writer, plural};

/// The answer to the plan's question, sentence by sentence.
pub(super) fn summary(writer: &mut Writer<'_>) {
    writer.heading("Executive summary");
    let mut answer = vec![Block::Paragraph(verdicts(writer))];
    if let Some(best) = best(writer.analysis) {
        answer.push(Block::Paragraph(best_sentence(writer, best)));
    }
    writer.callout(Tone::Answer, answer);
    stopping::warning(writer);
    let mut points = vec![baseline_sentence(writer)];
    points.extend(stopping::sentence(writer));
    points.extend(noise_sentence(writer));
    points.extend(levels_sentence(writer));
    points.push(standing::failures(writer));
    points.push(standing::validity(writer));
    writer.list(points.into_iter().filter(|point| !point.is_empty()).collect());
}

fn verdicts(writer: &mut Writer<'_>) -> Prose {
    let analysis = writer.analysis;
    let metric = analysis.plan.primary.metric;
    let n_tuned = analysis.tuned().count();
    if n_tuned == 0 {
        return text(
            "The plan has no tuned configuration, so there is nothing to compare with the \
             baseline; the report describes the baseline alone.",
        );
    }
    let counts = [Verdict::Better, Verdict::Worse, Verdict::Equivalent, Verdict::Inconclusive]
        .map(|verdict| (verdict, analysis.with_verdict(verdict).len()));
    let n_judged: usize = counts.iter().map(|(_, count)| count).sum();
    if n_judged == 0 {
        return Prose::new()
            .text(
                "The data do not answer the question: no tuned configuration could be compared \
                   with the baseline in ",
            )
            .text(metric.title())
            .text(". ")
            .then(refusal(writer));
    }
    let source = || Source::Runs(ALL_RUNS.to_owned());
    let total = writer.count("summary/judged", n_judged, source());
    let mut line = Prose::new()
        .text("In ")
        .text(metric.title())
        .text(", of ")
        .value(total)
        .text(plural(n_judged, " tuned configuration ", " tuned configurations "))
        .text("judged against the baseline, ");
    let parts: Vec<Prose> = counts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(verdict, count)| {
            let id = format!("summary/{}", crate::render::html::verdict_name(verdict));
            let number = (Number::Count(count as u64), "", Format::Count);
            let claim = writer.claim(id, number, Formula::Verdicts, source());
            let verb = plural(count, " is ", " are ");
            Prose::new().value(claim).text(verb).verdict(verdict)
        })
        .collect();
    line = line.then(comma_separated(parts));
    let margin = writer.margin();
    line = line.text(" (equivalent means within ±").value(margin).text(" %).");
    if counts[3].1 == n_judged {
        line = line.text(
            " All comparisons are inconclusive: the data neither show a difference nor rule one \
             out. More blocks are needed before any configuration is preferred.",
        );
    } else if counts[3].1 > 0 {
        line = line
            .text(" Inconclusive means that the data neither show a difference nor rule one out.");
    }
    let n_refused = n_tuned - n_judged;
    if n_refused > 0 {
        let refused = writer.count("summary/refused", n_refused, source());
        line =
            line.text(" ").value(refused).text(" more could not be judged. ").then(refusal(writer));
    }
    line
}

/// Says why comparisons were refused.
fn refusal(writer: &mut Writer<'_>) -> Prose {
    let analysis = writer.analysis;
    let metric = analysis.plan.primary.metric;
    let refusals: Vec<&Refusal> = analysis
        .tuned()
        .filter_map(|each| match each.compared.get(&metric) {
            Some(Compared::Refused(refusal)) => Some(refusal),
            _ => None,
        })
        .collect();
    if refusals.contains(&&Refusal::BeforeFirstLook) {
        return text("The stopping rule has not looked at the data yet.");
    }
    if refusals.contains(&&Refusal::Unbounded) {
        return text("At this look the stopping rule cannot bound the ratio yet.");
    }
    let n_blocks = refusals.iter().filter_map(|refusal| match refusal {
        Refusal::TooFewBlocks(n) => Some(*n),
        _ => None,
    });
    match n_blocks.max() {
        Some(n) => {
            let most = writer.count("summary/blocks_at_most", n, Source::Runs(ALL_RUNS.to_owned()));
            Prose::new()
                .text(
                    "A comparison needs the configuration and the baseline in at least two \
                       blocks; there ",
                )
                .text(plural(n, "is ", "are at most "))
                .value(most)
                .text(".")
        }
        None if refusals.is_empty() => {
            text("There is no measured run of it, or none of the baseline.")
        }
        None => text("A ratio needs values above zero."),
    }
}

/// Returns the tuned configuration with the largest gain that was shown.
pub(super) fn best(analysis: &Analysis) -> Option<(&ConfigurationAnalysis, &Comparison)> {
    let metric = analysis.plan.primary.metric;
    let shown = analysis.tuned().filter_map(|each| Some((each, each.judged(metric)?)));
    let gain = |comparison: &Comparison| {
        let log = comparison.ratio.log_mean;
        if metric.higher_is_better() { log } else { -log }
    };
    shown
        .filter(|(each, judged)| {
            judged.verdict == Verdict::Better && each.status != Status::Invalid
        })
        .max_by(|(_, one), (_, other)| gain(one).total_cmp(&gain(other)))
}

fn best_sentence(
    writer: &mut Writer<'_>,
    (best, _): (&ConfigurationAnalysis, &Comparison),
) -> Prose {
    let metric = writer.analysis.plan.primary.metric;
    let Some(ratio) = writer.ratio(metric, best) else { return Prose::new() };
    let line = Prose::new()
        .text("The largest gain that was shown is that of ")
        .code(&best.planned.id)
        .text(": ")
        .strong(Prose::new().value(ratio))
        .text(" ")
        .interval(ratio)
        .text(" against the baseline, over ")
        .part(ratio, crate::claim::Part::N)
        .text(" blocks.");
    let line = suspicion(line, best);
    if writer.analysis.tuned().count() > 1 {
        line.text(
            " It is the best of several, and the best of several looks better than it is; measure \
             it again in fresh blocks before relying on its size.",
        )
    } else {
        line
    }
}

/// Adds that a configuration's evidence is not above suspicion, if it is not.
fn suspicion(line: Prose, configuration: &ConfigurationAnalysis) -> Prose {
    if configuration.status == Status::Valid {
        return line;
    }
    line.text(" Its evidence is ").status(configuration.status).text(".")
}

fn baseline_sentence(writer: &mut Writer<'_>) -> Prose {
    let analysis = writer.analysis;
    let metric = analysis.plan.primary.metric;
    let Some(baseline) = analysis.baseline() else { return Prose::new() };
    let Some(mean) = writer.metric_mean(metric, baseline) else {
        return text("The baseline has no measured run, so it has no mean.");
    };
    let line = Prose::new()
        .text("The baseline has a mean ")
        .text(metric.title())
        .text(" of ")
        .value(mean)
        .text(" ")
        .text(metric.unit());
    let runs = Prose::new().part(mean, crate::claim::Part::N);
    let n = baseline.metrics.get(&metric).map_or(0, |estimate| estimate.summary.n);
    let line = match writer.bracket(Some(mean)) {
        bracket if n > 1 => line.text(" ").then(bracket),
        _ => line.text(" (a single run has no interval)"),
    };
    line.text(" over ").then(runs).text(plural(n, " run.", " runs."))
}

fn noise_sentence(writer: &mut Writer<'_>) -> Option<Prose> {
    let analysis = writer.analysis;
    let metric = analysis.plan.primary.metric;
    let again = analysis.configurations.iter().find(|each| each.planned.arm == Arm::BaselineAa)?;
    let verdict = again.judged(metric)?.verdict;
    let ratio = writer.ratio(metric, again)?;
    Some(
        Prose::new()
            .text("The baseline against itself (A/A) differs by ")
            .value(ratio)
            .text(" ")
            .interval(ratio)
            .text(": ")
            .verdict(verdict)
            .text(". Any difference of that size is noise."),
    )
}

fn levels_sentence(writer: &mut Writer<'_>) -> Option<Prose> {
    let sensitivity = &writer.analysis.sensitivity;
    let dead: Vec<Prose> = sensitivity
        .factors
        .iter()
        .filter(|factor| {
            !factor.pairs.is_empty()
                && factor
                    .pairs
                    .iter()
                    .all(|pair| pair.comparison.is_some_and(|c| c.verdict == Verdict::Equivalent))
        })
        .map(|factor| code(&factor.name))
        .collect();
    (!dead.is_empty()).then(|| {
        Prose::new()
            .text("All levels of these factors were shown to be ")
            .verdict(Verdict::Equivalent)
            .text(": ")
            .then(comma_separated(dead))
            .text(".")
    })
}

/// How often tuning helped.
pub(super) fn success(writer: &mut Writer<'_>) {
    writer.heading("Optimisation success rate");
    let success = writer.analysis.success.clone();
    let (Some(configurations), Some(runs)) = (success.configurations, success.runs) else {
        writer.paragraph(text(
            "No tuned configuration could be judged, so there is no rate to give.",
        ));
        return;
    };
    let source = || Source::Runs(MEASURED_RUNS.to_owned());
    let rate = writer.proportion("success/configurations", &configurations, source());
    let number = (Number::Count(configurations.successes), "", Format::Count);
    let better = writer.claim("success/better", number, Formula::Verdicts, source());
    let n_judged = usize::try_from(configurations.trials).unwrap_or(usize::MAX);
    let line = Prose::new()
        .text("The verdict is ")
        .verdict(Verdict::Better)
        .text(" for ")
        .value(better)
        .text(" of ")
        .part(rate, crate::claim::Part::N)
        .text(plural(n_judged, " tuned configuration judged: ", " tuned configurations judged: "))
        .strong(Prose::new().value(rate))
        .text(" ")
        .interval(rate)
        .text(
            ". The interval treats configurations as draws from a population of such settings, \
             which a factorial is not; read it as a scale, not as a forecast.",
        );
    writer.paragraph(line);
    let rate = writer.proportion("success/runs", &runs, source());
    let won = writer.count("success/runs_won", runs.successes, source());
    let mut line = Prose::new()
        .text("Run by run, ")
        .value(won)
        .text(" of ")
        .part(rate, crate::claim::Part::N)
        .text(" tuned runs beat the baseline of their own block: ")
        .strong(Prose::new().value(rate))
        .text(" ")
        .interval(rate)
        .text(
            ". This counts any difference, however small. If tuning did nothing, about half would \
             win. Runs of one block share their baseline, so the true uncertainty is larger.",
        );
    if let Some(bound) = runs.bound {
        let (words, value) = match bound {
            ExtremeBound::AtMost(value) => {
                (" With the confidence stated, the rate is at most ", value)
            }
            ExtremeBound::AtLeast(value) => {
                (" With the confidence stated, the rate is at least ", value)
            }
        };
        let bound = writer.claim(
            "success/runs_bound",
            (Number::Real(value), "fraction", Format::Percent(1)),
            Formula::OneSidedBound,
            source(),
        );
        line = line.text(words).value(bound).text(".");
    }
    writer.paragraph(line);
}

/// What to do, as far as the data say.
pub(super) fn recommendations(writer: &mut Writer<'_>) {
    writer.heading("Recommendations");
    let analysis = writer.analysis;
    let metric = analysis.plan.primary.metric;
    let mut items = Vec::new();
    items.extend(stopping::advice(writer));
    let n_remarks = items.len();
    if analysis.validity.of_study() == Status::Invalid {
        items.push(text(standing::NOTHING_FOLLOWS));
    } else if let Some((best, _)) = best(analysis) {
        if let Some(ratio) = writer.ratio(metric, best) {
            items.push(
                Prose::new()
                    .text("Prefer ")
                    .code(&best.planned.id)
                    .text(" over the baseline for ")
                    .text(metric.title())
                    .text(" on this machine and model: verdict ")
                    .verdict(Verdict::Better)
                    .text(", ")
                    .value(ratio)
                    .text(" ")
                    .interval(ratio)
                    .text(
                        ". First measure it and the baseline again in fresh blocks, since it was \
                           selected",
                    )
                    .then(fresh_blocks(writer, best))
                    .text("."),
            );
        }
    } else if analysis.tuned().next().is_some() {
        items.push(text(
            "The data do not support preferring any tuned configuration over the baseline.",
        ));
    }
    let names = |configurations: Vec<&ConfigurationAnalysis>| {
        comma_separated(configurations.into_iter().map(|each| code(&each.planned.id)))
    };
    let worse = analysis.with_verdict(Verdict::Worse);
    if !worse.is_empty() {
        items.push(
            Prose::new()
                .text("Avoid: ")
                .then(names(worse))
                .text(" (verdict ")
                .verdict(Verdict::Worse)
                .text(")."),
        );
    }
    let equivalent = analysis.with_verdict(Verdict::Equivalent);
    if !equivalent.is_empty() {
        items.push(
            Prose::new()
                .text("Choose freely by other criteria: ")
                .then(names(equivalent))
                .text(" (verdict ")
                .verdict(Verdict::Equivalent)
                .text(")."),
        );
    }
    items.extend(undecided(writer));
    if items.len() == n_remarks {
        items.push(text("The data do not support a recommendation."));
    }
    writer.list(items);
}

/// Says how many fresh blocks would confirm a configuration, if it is the best one.
fn fresh_blocks(writer: &mut Writer<'_>, best: &ConfigurationAnalysis) -> Prose {
    let analysis = writer.analysis;
    let alone = analysis.depth.selection.confirmations.first().filter(|each| {
        matches!(each.arms[..], [at] if analysis.configurations[at].planned.id == best.planned.id)
    });
    let blocks = alone.and_then(|each| super::selection::blocks(writer, each));
    blocks.map_or_else(Prose::new, |(blocks, _)| {
        Prose::new()
            .text("; ")
            .value(blocks)
            .text(" blocks show a change as large as the margin with a power of four in five")
    })
}

/// What inconclusive comparisons would take.
fn undecided(writer: &mut Writer<'_>) -> Option<Prose> {
    let analysis = writer.analysis;
    let metric = analysis.plan.primary.metric;
    let open = analysis.with_verdict(Verdict::Inconclusive);
    if open.is_empty() {
        return None;
    }
    let names = comma_separated(open.iter().map(|each| code(&each.planned.id)));
    let needed =
        open.iter().filter_map(|each| blocks_needed(each.judged(metric)?, &analysis.rule)).max();
    let judged = open.iter().filter_map(|each| each.judged(metric));
    let n_judged = judged.map(|judged| judged.ratio.n_blocks).max().unwrap_or(0);
    let mut line = Prose::new()
        .text("Run more blocks before deciding on: ")
        .then(names)
        .text(" (verdict ")
        .verdict(Verdict::Inconclusive)
        .text(").");
    if let Some(n_needed) = needed {
        let number = (Number::Count(n_needed as u64), "", Format::Count);
        let source = Source::Runs(MEASURED_RUNS.to_owned());
        let needed = writer.claim("recommendations/blocks", number, Formula::BlocksNeeded, source);
        let enough = n_judged >= n_needed;
        line = line.text(" From the spread seen, ").value(needed).text(if enough {
            " blocks settle a change as large as the margin, or none at all, with a power \
                 of four in five. That many were run, so the true changes probably lie between \
                 the two; to settle those takes many more."
        } else {
            " blocks would settle each of them with a power of four in five, if its true \
                 change is as large as the margin or none at all; a change in between takes more."
        });
    }
    Some(line)
}

/// What the study cannot say.
pub(super) fn limitations(writer: &mut Writer<'_>) {
    writer.heading("Risks and limitations");
    let host = writer.analysis.environment.host.as_ref();
    let mut items = vec![
        text(
            "Everything was measured on one machine, with one model and one set of input files. \
             Nothing here says how it would be elsewhere.",
        ),
        text(
            "The length of an answer is the model's choice and moves wall time; compare wall times \
             only beside output tokens.",
        ),
        text(
            "Token counts and the server's own durations are what the server reports. The decode \
             rate of the server is a property of the server, not of the agent.",
        ),
        text(
            "Quantiles pool calls of all runs of a configuration; calls of one run are not \
             independent, so their intervals are too narrow rather than too wide.",
        ),
        text(
            "Only differences in the primary metric were planned. All other comparisons are \
             exploratory.",
        ),
        text("Quality of the answers was not judged; only degenerate ones are flagged."),
    ];
    if writer.analysis.stopping.is_some() {
        items.push(text(
            "A study that ends when something is shown tends to overstate its size. The interval of \
             the stopping rule holds whenever the study ends; the single figure beside it is not \
             corrected.",
        ));
    }
    if host.is_some_and(|host| host.virtualised == Some(true)) {
        items.push(text("The machine is a virtual one; its neighbours are unknown."));
    }
    if host.is_some_and(|host| !host.kernel_stamps) {
        items.push(text(
            "The kernel gave no receive stamps, so the client's own delay is part of each latency.",
        ));
    }
    writer.list(items);
}
