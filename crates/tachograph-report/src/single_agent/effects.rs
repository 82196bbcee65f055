//! Configuration sensitivity: what each factor does.

use tachograph_model::plan::Metric;
use tachograph_stats::{Effect, Verdict};

use crate::analysis::FACTORIAL_RUNS;
use crate::analysis::sensitivity::{Factor, LevelPair, effect};
use crate::claim::{ClaimRef, Format, Number, Source};
use crate::document::{Align, Block, Prose, Table, cell, code, text};
use crate::figure;
use crate::formula::Formula;
use crate::writer::{Writer, plural};

fn source() -> Source {
    Source::Runs(FACTORIAL_RUNS.to_owned())
}

pub(super) fn section(writer: &mut Writer<'_>) {
    writer.heading("Configuration sensitivity");
    let sensitivity = &writer.analysis.sensitivity;
    if sensitivity.factors.is_empty() {
        writer.paragraph(text("The plan varies no factor with two or more levels."));
        return;
    }
    let blocks = writer.count("sensitivity/blocks", sensitivity.n_blocks, source());
    let line = Prose::new()
        .text("Main effects on the primary metric, from the ")
        .value(blocks)
        .text(plural(
            sensitivity.n_blocks,
            " block in which every combination was measured",
            " blocks in which every combination was measured",
        ));
    let line = if sensitivity.primary.is_some() {
        line.text(". Baselines are outside it. The F tests are not adjusted for their number.")
            .then(writer.looks_note())
    } else {
        line.text(": fewer than two, so no effect can be estimated.")
    };
    writer.paragraph(line);
    anova(writer);
    levels(writer);
    if let Some((drawing, description)) = figure::effects::draw(writer.analysis) {
        let caption = text(
            "Mean of each level over blocks with its interval; the dashed line is the mean of all. \
             Intervals include what blocks have in common: judge differences by the verdicts above.",
        );
        writer.figure(("effects", "Main effects"), drawing, description, caption);
    }
    if let Some((drawing, description)) = figure::interaction::draw(writer.analysis) {
        let caption = text(
            "The pair of factors whose interaction explains most. Parallel lines: the effect of one \
             does not depend on the other. Means over the complete blocks; the frame is at least as \
             high as the margin.",
        );
        writer.figure(("interaction", "Interaction"), drawing, description, caption);
    }
    pairs(writer);
    other_metrics(writer);
}

struct Line {
    f: Option<ClaimRef>,
    df: ClaimRef,
    df_residual: ClaimRef,
    p: ClaimRef,
    eta: Option<ClaimRef>,
    partial: Option<ClaimRef>,
}

fn line(writer: &mut Writer<'_>, id: &str, effect: &Effect) -> Line {
    let partial = effect.partial_eta_squared.map(|partial| {
        let n = (writer.analysis.sensitivity.n_blocks as u64, effect.partial_eta_squared_interval);
        let id = format!("sensitivity/{id}/partial_eta_squared");
        let value = (partial, "", Format::Fixed(3));
        writer.estimate(id, value, n, (Formula::PartialEta, source()))
    });
    let mut claim = |name: &str, value: f64, format, formula| {
        let value = (Number::Real(value), "", format);
        writer.claim(format!("sensitivity/{id}/{name}"), value, formula, source())
    };
    Line {
        partial,
        f: effect.f.map(|f| claim("f", f, Format::Fixed(2), Formula::FactorF)),
        df: claim("df", effect.df, Format::Fixed(0), Formula::DegreesOfFreedom),
        df_residual: claim(
            "df_residual",
            effect.df_residual,
            Format::Fixed(0),
            Formula::DegreesOfFreedom,
        ),
        p: claim("p", effect.p_value, Format::PValue, Formula::FactorF),
        eta: effect
            .eta_squared
            .map(|eta| claim("eta_squared", eta, Format::Fixed(3), Formula::EtaSquared)),
    }
}

fn anova(writer: &mut Writer<'_>) {
    let sensitivity = &writer.analysis.sensitivity;
    let Some(primary) = &sensitivity.primary else { return };
    let name = |at: usize| sensitivity.factors[at].name.as_str();
    let mut effects: Vec<(Prose, String, Effect)> = Vec::new();
    for main in &primary.main {
        let name = name(main.factor);
        effects.push((code(name), name.to_owned(), main.effect));
    }
    for pair in &primary.two_way {
        let (first, second) = (name(pair.factors.0), name(pair.factors.1));
        let title = Prose::new().code(first).text(" × ").code(second);
        effects.push((title, format!("{first}*{second}"), pair.effect));
    }
    if let Some(higher) = primary.higher_order {
        effects.push((text("higher interactions"), "higher".to_owned(), higher));
    }
    effects.push((text("blocks"), "block_effect".to_owned(), primary.blocks));
    let rows = effects
        .into_iter()
        .map(|(title, id, effect)| {
            let line = line(writer, &id, &effect);
            vec![
                title,
                cell(line.f),
                Prose::new().value(line.df).text(", ").value(line.df_residual),
                Prose::new().value(line.p),
                cell(line.eta),
                cell(line.partial),
                writer.bracket(line.partial),
            ]
        })
        .collect();
    writer.table(Table {
        caption: text(
            "Analysis of variance on run means, blocks taken out. Eta squared is the share of all \
             variation, blocks included; partial eta squared the share of what other effects and \
             blocks leave over, with the interval of its true value.",
        ),
        columns: vec![
            (text("effect"), Align::Left),
            (text("F"), Align::Right),
            (text("df"), Align::Right),
            (text("p"), Align::Right),
            (text("η²"), Align::Right),
            (text("partial η²"), Align::Right),
            (text("interval"), Align::Right),
        ],
        rows,
    });
}

fn levels(writer: &mut Writer<'_>) {
    let metric = writer.analysis.plan.primary.metric;
    let sensitivity = &writer.analysis.sensitivity;
    let Some(primary) = &sensitivity.primary else { return };
    let format = writer.metric_format(metric);
    let mut rows = Vec::new();
    for main in &primary.main {
        let factor = &sensitivity.factors[main.factor];
        for level in &main.levels {
            let words = &factor.levels[level.level];
            let id = format!("sensitivity/{}={words}/mean", factor.name);
            let estimate = &level.estimate;
            let n = (estimate.n as u64, Some(estimate.interval));
            let value = (estimate.mean, metric.unit(), format);
            let claim = writer.estimate(id, value, n, (Formula::LevelMean, source()));
            rows.push(vec![
                code(&factor.name),
                code(words),
                Prose::new().value(claim),
                writer.bracket(Some(claim)),
            ]);
        }
    }
    writer.table(Table {
        caption: Prose::new()
            .text("Level means of ")
            .text(metric.title())
            .text(" in ")
            .text(metric.unit())
            .text(".")
            .then(writer.cache_note()),
        columns: vec![
            (text("factor"), Align::Left),
            (text("level"), Align::Left),
            (text("mean"), Align::Right),
            (text("interval"), Align::Right),
        ],
        rows,
    });
}

fn pairs(writer: &mut Writer<'_>) {
    writer.subheading("Levels against each other");
    let sensitivity = &writer.analysis.sensitivity;
    let mut rows = Vec::new();
    let mut ignored = Vec::new();
    for factor in &sensitivity.factors {
        for pair in &factor.pairs {
            rows.push(pair_row(writer, factor, pair));
            if pair.looks_ignored(factor) {
                ignored.push(
                    Prose::new()
                        .code(&factor.name)
                        .text(": levels ")
                        .code(&factor.levels[pair.first])
                        .text(" and ")
                        .code(&factor.levels[pair.second])
                        .text(if pair.same_context {
                            " had the same context length at the server."
                        } else {
                            " gave byte-identical answers in every matched pair of runs."
                        }),
                );
            }
        }
    }
    writer.table(Table {
        caption: text(
            "The second level against the first, within blocks, Holm-adjusted over the factor's \
             pairs. “Same answers” counts matched runs (same block, all other levels equal) whose \
             first answers are byte for byte equal.",
        ),
        columns: vec![
            (text("factor"), Align::Left),
            (text("levels"), Align::Left),
            (text("change"), Align::Right),
            (text("interval"), Align::Right),
            (text("verdict"), Align::Left),
            (text("same answers"), Align::Right),
        ],
        rows,
    });
    verdict_sentences(writer);
    if !ignored.is_empty() {
        writer.callout(
            crate::document::Tone::Warning,
            vec![
                Block::Paragraph(text(
                    "The evidence says that the server treated these levels alike. Whatever is \
                     printed about them is noise.",
                )),
                Block::List(ignored),
            ],
        );
    }
}

fn pair_row(writer: &mut Writer<'_>, factor: &Factor, pair: &LevelPair) -> Vec<Prose> {
    let (first, second) = (&factor.levels[pair.first], &factor.levels[pair.second]);
    let id = format!("sensitivity/{}={second}:{first}", factor.name);
    let ratio = pair.comparison.map(|comparison| {
        let ratio = comparison.ratio;
        let n = (ratio.n_blocks as u64, Some(ratio.interval));
        let value = (ratio.ratio, "ratio", Format::Change(writer.change_decimals()));
        writer.estimate(format!("{id}/ratio"), value, n, (Formula::PairedRatio, source()))
    });
    let (equal, matched) = pair.equal_answers;
    let same = if matched > 0 {
        let equal = writer.count(format!("{id}/equal_answers"), equal, source());
        let matched = writer.count(format!("{id}/matched"), matched, source());
        Prose::new().value(equal).text(" of ").value(matched)
    } else {
        text("–")
    };
    vec![
        code(&factor.name),
        Prose::new().code(first).text(" → ").code(second),
        cell(ratio),
        writer.bracket(ratio),
        pair.comparison.map_or_else(|| text("none"), |judged| Prose::new().verdict(judged.verdict)),
        same,
    ]
}

/// Names, for each factor, levels without effect and levels that are open.
fn verdict_sentences(writer: &mut Writer<'_>) {
    let sensitivity = &writer.analysis.sensitivity;
    let mut items = Vec::new();
    for factor in &sensitivity.factors {
        let verdicts: Vec<Verdict> = factor
            .pairs
            .iter()
            .filter_map(|pair| pair.comparison.map(|comparison| comparison.verdict))
            .collect();
        if verdicts.is_empty() {
            continue;
        }
        let all = |verdict| verdicts.iter().all(|&own| own == verdict);
        let any = |verdict| verdicts.contains(&verdict);
        let start = Prose::new().code(&factor.name);
        items.push(if all(Verdict::Equivalent) {
            start.text(": no effect. All its levels were shown to be equivalent within the margin.")
        } else if any(Verdict::Better) || any(Verdict::Worse) {
            start.text(": levels differ; see the verdicts above.")
        } else if all(Verdict::Inconclusive) {
            start.text(": inconclusive. The data neither show an effect nor rule one out.")
        } else {
            start.text(
                ": some levels are equivalent, the rest inconclusive; none was shown to differ.",
            )
        });
    }
    writer.list(items);
}

fn other_metrics(writer: &mut Writer<'_>) {
    let sensitivity = &writer.analysis.sensitivity;
    if sensitivity.others.is_empty() {
        return;
    }
    let mut columns = vec![(text("metric"), Align::Left)];
    columns.extend(sensitivity.factors.iter().map(|f| (code(&f.name), Align::Right)));
    let metrics = Metric::ALL.into_iter().filter_map(|m| Some((m, sensitivity.others.get(&m)?)));
    let rows = metrics
        .map(|(metric, analysis)| {
            let mut row = vec![text(metric.title())];
            for (at, factor) in sensitivity.factors.iter().enumerate() {
                let Some(effect) = effect(analysis, at) else {
                    row.push(text("–"));
                    continue;
                };
                let id = format!("{}@{}", factor.name, crate::writer::metric_id(metric));
                let line = line(writer, &id, effect);
                row.push(cell(line.eta).text(" (p ").value(line.p).text(")"));
            }
            row
        })
        .collect();
    let table = Table {
        caption: text("Eta squared of each factor (and p of its F test, not adjusted)."),
        columns,
        rows,
    };
    let summary = text("Other metrics (exploratory)");
    writer.push(Block::Details(summary, vec![Block::Table(table)]));
}
