//! Equal spread, and where variation comes from.

use crate::analysis::MEASURED_RUNS;
use crate::analysis::configuration::ConfigurationAnalysis;
use crate::claim::{Format, Number, Source, decimals_for};
use crate::depth::variation::{Components, Nested};
use crate::document::{Align, Prose, Table, cell, code, comma_separated, text};
use crate::formula::Formula;
use crate::writer::Writer;

fn source() -> Source {
    Source::Runs(MEASURED_RUNS.to_owned())
}

/// Says whether the spreads of the configurations differ.
pub(super) fn equal_spread(writer: &mut Writer<'_>) {
    let analysis = writer.analysis;
    let Ok(test) = &analysis.depth.variation.spread else { return };
    let p = writer.p_value("spread/p", test.p_value, Formula::BrownForsythe, source());
    let differ = test.p_value <= analysis.rule.confidence.alpha();
    let line = if differ {
        text("The spreads of the configurations differ by more than chance explains")
    } else {
        text("The spreads of the configurations were not shown to differ")
    };
    let line = line.text(" (Brown-Forsythe p ").value(p).text(").");
    let noisiest = analysis
        .configurations
        .iter()
        .filter_map(|each| {
            let estimate = each.metrics.get(&analysis.plan.primary.metric)?;
            Some((each, estimate.summary.sd?))
        })
        .max_by(|(_, one), (_, other)| one.total_cmp(other));
    writer.paragraph(match noisiest {
        Some((each, _)) if differ => {
            line.text(" The widest is that of ").code(&each.planned.id).text(
                ". Comparisons within blocks do not suppose equal spreads; Dunnett's test and \
                 the choice of the best do.",
            )
        }
        _ => line,
    });
}

/// Runs against calls, and what that says about repetitions.
pub(super) fn section(writer: &mut Writer<'_>) {
    let analysis = writer.analysis;
    let variation = &analysis.depth.variation;
    let found: Vec<(&ConfigurationAnalysis, &Components)> = analysis
        .configurations
        .iter()
        .zip(&variation.components)
        .filter_map(|(each, found)| Some((each, found.as_ref().ok()?)))
        .collect();
    writer.subheading("Runs against calls");
    if found.is_empty() {
        writer.paragraph(text(
            "What runs vary by and what calls vary by cannot be told apart: that takes at least \
             two runs of a configuration with two calls each.",
        ));
        return;
    }
    let splits = found.iter().map(|(_, own)| own.split.sd_between.max(own.split.sd_within));
    let format = Format::Fixed(decimals_for(splits.fold(0.0, f64::max), 3));
    let rows = found.iter().map(|(each, own)| row(writer, (each, own), format)).collect();
    writer.table(Table {
        caption: Prose::new()
            .text("Where ")
            .text(variation.of.title())
            .text(" varies, in ")
            .text(variation.of.unit())
            .text(
                ": between runs, and between calls of one run after what its stages differ by is \
                 taken out. The intraclass correlation (ICC) is the share of variance between \
                 runs.",
            ),
        columns: vec![
            (text("configuration"), Align::Left),
            (text("calls per run"), Align::Right),
            (text("sd of runs"), Align::Right),
            (text("sd of calls"), Align::Right),
            (text("ICC"), Align::Right),
            (text("interval"), Align::Right),
            (text("best calls per run"), Align::Right),
        ],
        rows,
    });
    repetitions(writer, &found);
    if let Ok(nested) = &variation.nested {
        starts(writer, nested);
    }
}

fn row(
    writer: &mut Writer<'_>,
    (each, own): (&ConfigurationAnalysis, &Components),
    format: Format,
) -> Vec<Prose> {
    let id = &each.planned.id;
    let unit = writer.analysis.depth.variation.of.unit();
    let source = || Source::Runs(id.to_string());
    let name = |name: &str| format!("variation/{id}/{name}");
    let n_calls = writer.count(name("calls_per_run"), own.calls_per_run, source());
    let mut sd = |what: &str, value: f64, formula| {
        writer.claim(name(what), (Number::Real(value), unit, format), formula, source())
    };
    let between = sd("sd_between", own.split.sd_between, Formula::SdBetween);
    let within = sd("sd_within", own.split.sd_within, Formula::SdWithin);
    let icc = own.split.icc.map(|icc| {
        let value = (icc, "fraction", Format::Fixed(2));
        let n = (own.split.n_runs as u64, own.split.icc_interval);
        writer.estimate(name("icc"), value, n, (Formula::Icc, source()))
    });
    let best = own.best_calls.map(|best| {
        let value = (Number::Real(best), "", Format::Fixed(0));
        writer.claim(name("best_calls"), value, Formula::BestRepetitions, source())
    });
    vec![
        code(id),
        Prose::new().value(n_calls),
        Prose::new().value(between),
        Prose::new().value(within),
        cell(icc),
        writer.bracket(icc),
        match best {
            Some(best) => Prose::new().value(best),
            None if own.run_cost.is_some() => text("any: runs do not vary"),
            None => text("–"),
        },
    ]
}

/// Says what the components imply for the next plan.
fn repetitions(writer: &mut Writer<'_>, found: &[(&ConfigurationAnalysis, &Components)]) {
    let would_gain = found.iter().filter(|(_, own)| {
        own.best_calls.map_or(own.run_cost.is_some(), |best| best > own.calls_per_run as f64)
    });
    let names: Vec<Prose> = would_gain.map(|(each, _)| code(&each.planned.id)).collect();
    let line = text(
        "Best calls per run is the number that gives the most precise mean for the time, from both \
         spreads and from what a run costs beside its calls; from few runs it is rough. ",
    );
    writer.paragraph(if names.is_empty() {
        line.text(
            "No configuration makes fewer calls per run than that: more blocks, not more calls, \
             narrow the intervals.",
        )
    } else if names.len() == found.len() {
        line.text("Every configuration would gain from more calls per run.")
    } else {
        line.text("More calls per run would help ")
            .then(comma_separated(names))
            .text("; elsewhere more blocks are what narrows the intervals.")
    });
}

/// Server starts, where the study has several.
fn starts(writer: &mut Writer<'_>, nested: &[Nested; 2]) {
    let [_, likelihood] = nested;
    let split = &likelihood.split;
    let mut share = |what: &str, sd: f64| {
        let value = (Number::Real(sd), "fraction", Format::Percent(2));
        writer.claim(format!("variation/starts/{what}"), value, Formula::NestedSd, source())
    };
    let start = share("sd_start", split.sd_start);
    let run = share("sd_run", split.sd_run);
    let call = share("sd_call", split.sd_call);
    let n_starts = writer.count("variation/starts/n", split.n_starts, source());
    writer.paragraph(
        Prose::new()
            .text("The study was interrupted and taken up again, so that its servers were started ")
            .value(n_starts)
            .text(" times. Relative to its mean a call varies by ")
            .value(start)
            .text(" between server starts, ")
            .value(run)
            .text(" between runs of one start and ")
            .value(call)
            .text(" within a run (restricted maximum likelihood)."),
    );
}
