//! Validity, consistency, the noise floor, drift.

use tachograph_model::run::Arm;

use super::Writer;
use super::results::describe;
use crate::analysis::configuration::FENCE_RUNS_MIN;
use crate::analysis::{ALL_RUNS, MEASURED_RUNS};
use crate::claim::{ClaimRef, Format, Number, Source};
use crate::document::{Align, Block, Prose, Table, cell, code, comma_separated, text};
use crate::figure;
use crate::formula::Formula;
use crate::validity::{Check, Finding, Measured, Scope, Status};

/// Places named in a row before the rest is only counted.
const NAMED_MAX: usize = 3;

pub(super) fn section(writer: &mut Writer<'_>) {
    writer.heading("Validity");
    let validity = &writer.analysis.validity;
    writer.paragraph(
        Prose::new().text("As a whole, the evidence is ").status(validity.worst()).text(
            ". Each check looks at runs or at the study; “suspect” means that something may \
                   have spoiled it, “invalid” that it did. Nothing is removed.",
        ),
    );
    let rows = Check::ALL.into_iter().map(|check| check_row(writer, check)).collect();
    writer.table(Table {
        caption: text("What was checked."),
        columns: vec![
            (text("check"), Align::Left),
            (text("looked at"), Align::Right),
            (text("findings"), Align::Right),
            (text("outcome"), Align::Left),
        ],
        rows,
    });
    let groups = grouped(&validity.findings);
    let rows =
        groups.iter().enumerate().map(|(index, group)| finding_row(writer, index, group)).collect();
    writer.table(Table {
        caption: text("What was found, the most telling value of each kind."),
        columns: vec![
            (text("what was seen"), Align::Left),
            (text("status"), Align::Left),
            (text("where"), Align::Left),
            (text("value"), Align::Right),
            (text("against"), Align::Right),
        ],
        rows,
    });
    every_finding(writer, &groups);
}

/// Returns findings of one kind together, in the order of their first.
fn grouped(findings: &[Finding]) -> Vec<Vec<&Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in findings {
        let like = |group: &Vec<&Finding>| {
            let first = group[0];
            first.check == finding.check
                && first.status == finding.status
                && first.words == finding.words
                && first.quote == finding.quote
        };
        match groups.iter_mut().find(|group| like(group)) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups
}

/// Lists the places of each finding that stands for several.
fn every_finding(writer: &mut Writer<'_>, groups: &[Vec<&Finding>]) {
    let items: Vec<Prose> = groups
        .iter()
        .filter(|group| group.len() > NAMED_MAX)
        .map(|group| {
            let places = group.iter().map(|finding| place(&finding.scope));
            text(group[0].words).text(": ").then(comma_separated(places))
        })
        .collect();
    if !items.is_empty() {
        let summary = text("Every place of the findings above");
        writer.push(Block::Details(summary, vec![Block::List(items)]));
    }
}

fn place(scope: &Scope) -> Prose {
    match scope {
        Scope::Study => text("study"),
        Scope::Configuration(name) => code(name),
        Scope::Run(run) => code(run),
    }
}

fn check_row(writer: &mut Writer<'_>, check: Check) -> Vec<Prose> {
    let outcome = writer.analysis.validity.outcome(check);
    let id = format!("validity/{}", super::anchor(check.title()));
    let source = || Source::Runs(ALL_RUNS.to_owned());
    let looked = writer.count(format!("{id}/looked"), outcome.n_checked, source());
    let found = writer.count(format!("{id}/found"), outcome.n_findings, source());
    let verdict = if outcome.n_checked == 0 && outcome.n_findings == 0 {
        text("not checked: no data for it")
    } else if outcome.worst == Status::Valid && outcome.n_findings > 0 {
        text("valid, with a remark")
    } else {
        Prose::new().status(outcome.worst)
    };
    vec![text(check.title()), Prose::new().value(looked), Prose::new().value(found), verdict]
}

fn finding_row(writer: &mut Writer<'_>, index: usize, group: &[&Finding]) -> Vec<Prose> {
    let departure = |finding: &Finding| match (finding.seen, finding.against) {
        (Some(seen), Some(against)) => (seen.value - against.value).abs(),
        (Some(seen), None) => seen.value,
        _ => 0.0,
    };
    // The first of equals, so that the choice does not depend on sorting.
    let finding = group.iter().copied().fold(group[0], |worst, finding| {
        if departure(finding) > departure(worst) { finding } else { worst }
    });
    let mut places =
        comma_separated(group.iter().take(NAMED_MAX).map(|finding| place(&finding.scope)));
    if group.len() > NAMED_MAX {
        let id = format!("validity/finding/{index}/places");
        let n = writer.count(id, group.len(), Source::Runs(ALL_RUNS.to_owned()));
        places = places.text(", … (").value(n).text(" in all)");
    }
    let source = match &finding.scope {
        Scope::Configuration(name) if writer.analysis.sets.contains_key(name) => {
            Source::Runs(name.clone())
        }
        Scope::Run(run) => Source::Runs(run.configuration.to_string()),
        _ => Source::Runs(ALL_RUNS.to_owned()),
    };
    let mut measured = |name: &str, measured: Option<Measured>| {
        let measured = measured?;
        let formula = match finding.check {
            Check::SchedulingDelay => Formula::DelayPercentile,
            _ => Formula::Recorded,
        };
        // A count is whole by construction; the other formats take any number.
        let value = (Number::Real(measured.value), measured.unit, measured.format);
        let id = format!("validity/finding/{index}/{name}");
        let claim: ClaimRef = writer.claim(id, value, formula, source.clone());
        let line = Prose::new().value(claim);
        Some(if measured.unit.is_empty() { line } else { line.text(" ").text(measured.unit) })
    };
    let seen = measured("seen", finding.seen).unwrap_or_else(|| text("–"));
    let against = measured("against", finding.against).unwrap_or_else(|| text("–"));
    let mut words = text(finding.words);
    if let Some(quote) = &finding.quote {
        words = words.text(" (").quote(quote).text(")");
    }
    vec![words, Prose::new().status(finding.status), places, seen, against]
}

pub(super) fn consistency(writer: &mut Writer<'_>) {
    writer.heading("Consistency");
    let metric = writer.analysis.plan.primary.metric;
    let analysis = writer.analysis;
    let with_bca = analysis
        .configurations
        .iter()
        .any(|each| each.metrics.get(&metric).is_some_and(|estimate| estimate.bca.is_some()));
    let mut rows = Vec::new();
    for each in &analysis.configurations {
        let Some(estimate) = each.metrics.get(&metric) else { continue };
        let described = describe(writer, metric, each, estimate);
        let cv = estimate.cv.map(|cv| {
            let id = format!("{}/{}/cv", super::metric_id(metric), each.planned.id);
            let source = Source::Runs(each.planned.id.to_string());
            let value = (cv.cv, "fraction", Format::Percent(2));
            let n = (cv.n as u64, cv.interval);
            writer.estimate(id, value, n, (Formula::CoefficientOfVariation, source))
        });
        let mut row = vec![
            code(&each.planned.id),
            cell(described.sd),
            cell(cv),
            writer.bracket(cv),
            Prose::new().value(described.median),
            Prose::new().value(described.min),
            Prose::new().value(described.max),
        ];
        if with_bca {
            let bca = estimate.bca.map(|interval| {
                let id = format!("{}/{}/mean_bca", super::metric_id(metric), each.planned.id);
                let value = (estimate.summary.mean, metric.unit(), writer.metric_format(metric));
                let n = (estimate.summary.n as u64, Some(interval));
                let source = Source::Runs(each.planned.id.to_string());
                writer.estimate(id, value, n, (Formula::Bca, source))
            });
            row.push(writer.bracket(bca));
        }
        rows.push(row);
    }
    if rows.is_empty() {
        writer.paragraph(text("No run was measured, so there is no spread to describe."));
        return;
    }
    writer.paragraph(text(
        "Over runs of one configuration, never over pooled calls. Spread includes what blocks do; \
         comparisons within blocks are sharper than these figures suggest.",
    ));
    let mut columns = vec![
        (text("configuration"), Align::Left),
        (text("sd"), Align::Right),
        (text("CV"), Align::Right),
        (text("interval of CV"), Align::Right),
        (text("median"), Align::Right),
        (text("smallest"), Align::Right),
        (text("largest"), Align::Right),
    ];
    if with_bca {
        columns.push((text("mean, bootstrap (BCa)"), Align::Right));
    }
    writer.table(Table {
        caption: Prose::new()
            .text("Spread of ")
            .text(metric.title())
            .text(" over runs, in ")
            .text(metric.unit())
            .text("; CV is standard deviation over mean."),
        columns,
        rows,
    });
    super::variation::equal_spread(writer);
    outliers(writer);
    super::variation::section(writer);
}

/// Names runs beyond Tukey's fences; nothing is dropped.
fn outliers(writer: &mut Writer<'_>) {
    let analysis = writer.analysis;
    let metric = analysis.plan.primary.metric;
    let mut rows = Vec::new();
    for (at, each) in analysis.configurations.iter().enumerate() {
        let Some(estimate) = each.metrics.get(&metric) else { continue };
        let Some((outside, without)) = estimate.outliers() else { continue };
        let runs = analysis.runs.iter().filter(|run| run.configuration == Some(at));
        let measured: Vec<_> =
            runs.filter(|run| run.metrics.contains_key(&metric)).map(|run| &run.id).collect();
        let names = comma_separated(outside.iter().filter_map(|&at| measured.get(at)).map(code));
        let mean = writer.metric_mean(metric, each);
        let id = format!("{}/{}/mean_without", super::metric_id(metric), each.planned.id);
        let value = (Number::Real(without), metric.unit(), writer.metric_format(metric));
        let source = Source::Runs(each.planned.id.to_string());
        let without = writer.claim(id, value, Formula::LeftOut, source);
        rows.push(vec![names, cell(mean), Prose::new().value(without)]);
    }
    if rows.is_empty() {
        let largest = analysis.configurations.iter().filter_map(|each| each.metrics.get(&metric));
        let n = largest.map(|estimate| estimate.summary.n).max().unwrap_or_default();
        writer.paragraph(if n < FENCE_RUNS_MIN {
            text(
                "Outliers are not classified: with fewer than eight runs of a configuration, \
                 Tukey's fences find them in noise. Nothing is dropped.",
            )
        } else {
            text(
                "No run lies beyond Tukey's inner fences of its configuration. Nothing would be \
                 dropped if one did.",
            )
        });
        return;
    }
    writer.table(Table {
        caption: Prose::new()
            .text(
                "Runs beyond Tukey's inner fences of their configuration. They stay in; the \
                   last column shows what leaving them out would do. In ",
            )
            .text(metric.unit())
            .text("."),
        columns: vec![
            (text("runs"), Align::Left),
            (text("mean with"), Align::Right),
            (text("mean without"), Align::Right),
        ],
        rows,
    });
}

pub(super) fn noise_floor(writer: &mut Writer<'_>) {
    writer.heading("Noise floor");
    if let Some(ratio) = writer.analysis.detectable {
        let format = Format::Change(writer.change_decimals());
        let source = Source::Runs(MEASURED_RUNS.to_owned());
        let value = (Number::Real(ratio), "ratio", format);
        let claim = writer.claim("noise/detectable", value, Formula::DetectableRatio, source);
        writer.paragraph(
            Prose::new()
                .text(
                    "With its blocks and the spread that was seen, this study tells a true \
                       change of ",
                )
                .strong(Prose::new().value(claim))
                .text(
                    " from none in four of five cases, in the typical comparison taken alone. \
                       Smaller changes usually stay inconclusive.",
                ),
        );
    }
    let analysis = writer.analysis;
    let metric = analysis.plan.primary.metric;
    super::power::table(writer, metric);
    let again = analysis.configurations.iter().find(|each| each.planned.arm == Arm::BaselineAa);
    let Some(again) = again else {
        writer.paragraph(
            Prose::new()
                .text("The plan has no A/A arm (")
                .code("baseline.aa")
                .text("), so the size of a difference between equal things is not known."),
        );
        return;
    };
    let (Some(judged), Some(ratio)) = (again.judged(metric), writer.ratio(metric, again)) else {
        writer.paragraph(text(
            "The plan has an A/A arm, but too few blocks hold both of its halves.",
        ));
        return;
    };
    let line = Prose::new()
        .text("The baseline was run twice in each block. The second differs from the first by ")
        .strong(Prose::new().value(ratio))
        .text(" ")
        .interval(ratio)
        .text(" over ")
        .part(ratio, crate::claim::Part::N)
        .text(" blocks: ")
        .verdict(judged.verdict)
        .text(". ");
    writer.paragraph(match judged.verdict {
        tachograph_stats::Verdict::Equivalent if !judged.ratio.interval.contains(1.0) => line.text(
            "The difference is smaller than the margin, but it is there, between equal things: do \
             not rely on changes of this size.",
        ),
        tachograph_stats::Verdict::Equivalent => {
            line.text("The design can tell equal things from different ones at this margin.")
        }
        tachograph_stats::Verdict::Inconclusive => line.text(
            "Equal things could not be shown to be equal: the study is too small, or the machine \
             too noisy, for this margin.",
        ),
        _ => line.text(
            "Equal things were judged different. Treat every verdict of this study with suspicion.",
        ),
    });
}

pub(super) fn drift(writer: &mut Writer<'_>) {
    writer.heading("Drift over the study");
    let analysis = writer.analysis;
    let metric = analysis.plan.primary.metric;
    let source = || Source::Runs(MEASURED_RUNS.to_owned());
    match analysis.block_effect {
        None => writer.paragraph(text(
            "Fewer than two complete blocks, so it cannot be told whether the level of the study \
             moved.",
        )),
        Some(effect) => {
            let p = writer.p_value("drift/p", effect.p_value, Formula::BlockF, source());
            let moved = effect.p_value <= analysis.plan.primary.alpha;
            let line =
                Prose::new().text("Between complete blocks, the level of ").text(metric.title());
            let line = if moved {
                line.text(" moved by more than chance explains (p ").value(p).text(
                    "). Comparisons within blocks are not touched by it; means over blocks are.",
                )
            } else {
                line.text(" was not shown to move (p ")
                    .value(p)
                    .text("). That is no proof that it did not.")
            };
            writer.paragraph(line);
        }
    }
    if let Some(trend) = analysis.trend {
        let p = writer.p_value("drift/trend_p", trend.p_value, Formula::MannKendall, source());
        let mut line = text("Over the order of execution, a trend was ");
        line = line.text(if trend.p_value <= analysis.plan.primary.alpha {
            "found"
        } else {
            "not shown"
        });
        line = line.text(" (Mann-Kendall p ").value(p);
        if let Some(tau) = trend.tau {
            let value = (tau, "", Format::Fixed(2));
            let n = (trend.n as u64, None);
            let what = (Formula::MannKendall, source());
            let tau = writer.estimate("drift/trend_tau", value, n, what);
            line = line.text(", τ ").value(tau);
        }
        writer.paragraph(line.text(")."));
    }
    super::order::section(writer);
    let format = writer.metric_format(metric);
    let rows: Vec<Vec<Prose>> = analysis
        .block_means
        .iter()
        .map(|(block, mean)| {
            let value = (Number::Real(*mean), metric.unit(), format);
            let id = format!("drift/block/{block}");
            let claim = writer.claim(id, value, Formula::Mean, source());
            vec![code(block), Prose::new().value(claim)]
        })
        .collect();
    writer.table(Table {
        caption: Prose::new()
            .text("Mean over all configurations of each complete block, in order, in ")
            .text(metric.unit())
            .text("."),
        columns: vec![(text("block"), Align::Left), (text("mean"), Align::Right)],
        rows,
    });
    if let Some((drawing, description)) = figure::drift::draw(analysis, metric) {
        let caption = text(
            "Each run's departure from the mean of its configuration, in the order of execution; \
             vertical lines separate blocks, horizontal bars are their means.",
        );
        writer.figure(("drift", "Runs in order of execution"), drawing, description, caption);
    }
}
