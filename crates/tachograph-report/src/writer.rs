//! A report that is being written: blocks, figures, and claims with their sources.
//!
//! Owns: [`Writer`], which every kind of report is written with, and the names and
//! formats that claims of the same quantity share.
//!
//! Does not: choose words or compute; the kinds of reports do the one,
//! [`Analysis`] the other.

use tachograph_model::plan::{Metric, Order, PromptCache, ServerPolicy};
use tachograph_model::run::Arm;
use tachograph_stats::{Interval, ProportionEstimate};

use crate::analysis::Analysis;
use crate::analysis::configuration::{ConfigurationAnalysis, Estimate};
use crate::analysis::stopping::Stopping;
use crate::claim::{Claim, ClaimRef, Format, Ledger, Number, Source, decimals_for};
use crate::document::{Block, Prose, Table, Tone, code, links_resolve, text};
use crate::formula::Formula;
use crate::report::{Figure, Report};
use crate::svg::Svg;
use crate::validity::Status;

/// A report that is being written.
pub(crate) struct Writer<'a> {
    pub(crate) analysis: &'a Analysis,
    ledger: Ledger,
    blocks: Vec<Block>,
    figures: Vec<Figure>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(analysis: &'a Analysis) -> Self {
        Self { analysis, ledger: Ledger::default(), blocks: Vec::new(), figures: Vec::new() }
    }

    /// Ends the report.
    pub(crate) fn finish(mut self) -> Report {
        let analysis = self.analysis;
        let facts = self.masthead();
        self.into_report(analysis.kind().overline(), &analysis.plan.name, facts)
    }

    /// Ends a page.
    pub(crate) fn into_report(
        self,
        overline: &'static str,
        title: &str,
        facts: Vec<(&'static str, Prose)>,
    ) -> Report {
        debug_assert!(links_resolve(&self.blocks), "a link leads nowhere");
        let analysis = self.analysis;
        let question = &analysis.plan.question;
        Report {
            kind: analysis.kind().name(),
            overline,
            title: title.to_owned(),
            question: (!question.trim().is_empty()).then(|| question.clone()),
            facts,
            blocks: self.blocks,
            figures: self.figures,
            ledger: self.ledger,
            plan_sha256: analysis.plan_sha256,
            runs: analysis.runs.iter().map(|r| (r.id.to_string(), r.events_sha256)).collect(),
            sets: analysis.sets.clone(),
        }
    }

    /// Returns when the study was measured, or imported.
    pub(crate) fn when(&self) -> (&'static str, Prose) {
        let word = if self.analysis.plan.imported.is_some() { "Imported" } else { "Measured" };
        (word, Prose::new().quote(&self.analysis.environment.started_at))
    }

    fn masthead(&mut self) -> Vec<(&'static str, Prose)> {
        let analysis = self.analysis;
        let (_, sealed) = analysis.n_runs();
        let planned = analysis.n_planned;
        let (of, at_most) = match analysis.stopping {
            Some(_) => (" of at most ", "at most "),
            None => (" of ", ""),
        };
        let sealed = self.count("study/runs_sealed", sealed, Source::Journal);
        let planned = self.count("study/runs_planned", planned, Source::Plan);
        let blocks = self.stated_count("plan/blocks", u64::from(analysis.plan.blocks));
        vec![
            self.when(),
            (
                "Runs",
                if analysis.imported.is_some() {
                    Prose::new().value(sealed)
                } else {
                    Prose::new().value(sealed).text(of).value(planned).text(" planned")
                },
            ),
            ("Blocks", Prose::new().text(at_most).value(blocks)),
            (
                if analysis.imported.is_some() { "Metric" } else { "Primary metric" },
                text(analysis.plan.primary.metric.title()),
            ),
            ("Validity", Prose::new().status(analysis.validity.worst())),
            ("Plan digest", code(analysis.plan_sha256.short())),
        ]
    }

    // Blocks.

    pub(crate) fn heading(&mut self, words: &'static str) {
        self.blocks.push(heading(2, words));
    }

    pub(crate) fn subheading(&mut self, words: &'static str) {
        self.blocks.push(heading(3, words));
    }

    pub(crate) fn paragraph(&mut self, prose: Prose) {
        self.blocks.push(Block::Paragraph(prose));
    }

    pub(crate) fn list(&mut self, items: Vec<Prose>) {
        if !items.is_empty() {
            self.blocks.push(Block::List(items));
        }
    }

    pub(crate) fn table(&mut self, table: Table) {
        if !table.rows.is_empty() {
            self.blocks.push(Block::Table(table));
        }
    }

    pub(crate) fn callout(&mut self, tone: Tone, blocks: Vec<Block>) {
        self.blocks.push(Block::Callout(tone, blocks));
    }

    pub(crate) fn push(&mut self, block: Block) {
        self.blocks.push(block);
    }

    pub(crate) fn figure(
        &mut self,
        (name, title): (&'static str, &'static str),
        drawing: Svg,
        description: String,
        caption: Prose,
    ) {
        self.blocks.push(Block::Figure(self.figures.len()));
        self.figures.push(Figure { name, title, description, caption, drawing });
    }

    // Claims.

    /// Returns the claims made so far.
    pub(crate) fn claims(&self) -> &[Claim] {
        self.ledger.claims()
    }

    /// Takes over a claim that was made elsewhere.
    pub(crate) fn adopt(&mut self, claim: Claim) -> ClaimRef {
        self.ledger.add(claim)
    }

    /// Makes a claim whose validity is that of its source.
    pub(crate) fn claim(
        &mut self,
        id: impl Into<String>,
        (value, unit, format): (Number, &str, Format),
        formula: Formula,
        source: Source,
    ) -> ClaimRef {
        let validity = self.validity_of(&source);
        self.ledger.add(Claim {
            id: id.into(),
            value,
            unit: unit.to_owned(),
            format,
            formula,
            n: None,
            interval: None,
            validity,
            source,
        })
    }

    /// Makes a claim with its n and interval.
    pub(crate) fn estimate(
        &mut self,
        id: impl Into<String>,
        (value, unit, format): (f64, &str, Format),
        (n, interval): (u64, Option<Interval>),
        (formula, source): (Formula, Source),
    ) -> ClaimRef {
        let validity = self.validity_of(&source);
        self.ledger.add(Claim {
            id: id.into(),
            value: Number::Real(value),
            unit: unit.to_owned(),
            format,
            formula,
            n: Some(n),
            interval,
            validity,
            source,
        })
    }

    pub(crate) fn count(
        &mut self,
        id: impl Into<String>,
        count: impl TryInto<u64>,
        source: Source,
    ) -> ClaimRef {
        let count = count.try_into().unwrap_or(u64::MAX);
        self.claim(id, (Number::Count(count), "", Format::Count), Formula::Count, source)
    }

    pub(crate) fn stated_count(&mut self, id: impl Into<String>, count: u64) -> ClaimRef {
        let value = (Number::Count(count), "", Format::Count);
        self.claim(id, value, Formula::Stated, Source::Plan)
    }

    pub(crate) fn stated(
        &mut self,
        id: impl Into<String>,
        value: f64,
        unit: &str,
        format: Format,
    ) -> ClaimRef {
        self.claim(id, (Number::Real(value), unit, format), Formula::Stated, Source::Plan)
    }

    /// Makes the claim of a mean over runs.
    pub(crate) fn mean(
        &mut self,
        id: impl Into<String>,
        estimate: &Estimate,
        (unit, format): (&str, Format),
        configuration: &ConfigurationAnalysis,
    ) -> ClaimRef {
        let n = estimate.summary.n as u64;
        let source = Source::Runs(configuration.planned.id.to_string());
        let value = (estimate.summary.mean, unit, format);
        self.estimate(id, value, (n, estimate.interval), (Formula::Mean, source))
    }

    /// Makes the claim of a configuration's mean of a metric, if it has one.
    pub(crate) fn metric_mean(
        &mut self,
        metric: Metric,
        configuration: &ConfigurationAnalysis,
    ) -> Option<ClaimRef> {
        let estimate = configuration.metrics.get(&metric)?;
        let id = format!("{}/{}/mean", metric_id(metric), configuration.planned.id);
        let format = self.metric_format(metric);
        Some(self.mean(id, estimate, (metric.unit(), format), configuration))
    }

    /// Makes the claim of a configuration's ratio to the baseline, if there is one.
    pub(crate) fn ratio(
        &mut self,
        metric: Metric,
        configuration: &ConfigurationAnalysis,
    ) -> Option<ClaimRef> {
        let ratio = configuration.judged(metric)?.ratio;
        let id = format!("{}/{}/ratio", metric_id(metric), configuration.planned.id);
        let source = Source::Runs(with_baseline(configuration));
        let value = (ratio.ratio, "ratio", Format::Change(self.change_decimals()));
        let n = (ratio.n_blocks as u64, Some(ratio.interval));
        let formula = self.sequential(metric).map_or(Formula::PairedRatio, Stopping::formula);
        Some(self.estimate(id, value, n, (formula, source)))
    }

    /// Returns the sequential rule by which comparisons in `metric` were made, if
    /// they were.
    pub(crate) fn sequential(&self, metric: Metric) -> Option<&'a Stopping> {
        self.analysis.stopping.as_ref().filter(|_| metric == self.analysis.plan.primary.metric)
    }

    /// Returns what must be said of figures that a sequential rule does not cover.
    pub(crate) fn looks_note(&self) -> Prose {
        if self.analysis.stopping.is_none() {
            return Prose::new();
        }
        text(" Intervals and p-values here take no account of the looks of the stopping rule.")
    }

    pub(crate) fn proportion(
        &mut self,
        id: impl Into<String>,
        proportion: &ProportionEstimate,
        source: Source,
    ) -> ClaimRef {
        let value = (proportion.fraction, "fraction", Format::Percent(1));
        let n = (proportion.trials, Some(proportion.interval));
        self.estimate(id, value, n, (Formula::Proportion, source))
    }

    pub(crate) fn p_value(
        &mut self,
        id: impl Into<String>,
        p_value: f64,
        formula: Formula,
        source: Source,
    ) -> ClaimRef {
        self.claim(id, (Number::Real(p_value), "", Format::PValue), formula, source)
    }

    /// Returns the format of a metric: four significant digits of its typical
    /// value, the same in every table.
    pub(crate) fn metric_format(&self, metric: Metric) -> Format {
        let values = self.analysis.configurations.iter().filter_map(|c| c.metrics.get(&metric));
        let largest = values.map(|estimate| estimate.summary.mean.abs()).reduce(f64::max);
        Format::Fixed(decimals_for(largest.unwrap_or_default(), 4))
    }

    /// Returns the decimals of changes in percent: one more than the margin asks for.
    pub(crate) fn change_decimals(&self) -> u8 {
        if self.analysis.plan.primary.margin_percent < 1.0 { 2 } else { 1 }
    }

    /// Returns the claim's interval in brackets, or a dash.
    pub(crate) fn bracket(&self, claim: Option<ClaimRef>) -> Prose {
        match claim {
            Some(claim) if self.ledger.get(claim).interval.is_some() => {
                Prose::new().interval(claim)
            }
            _ => text("–"),
        }
    }

    /// Returns what each table must say when the prompt cache was left on.
    pub(crate) fn cache_note(&self) -> Prose {
        if self.analysis.imported.is_some() {
            return Prose::new();
        }
        match self.analysis.plan.prompt_cache {
            PromptCache::On => text(" The server's prompt cache was on."),
            PromptCache::Nonce | PromptCache::Off => Prose::new(),
        }
    }

    /// Returns the margin of the plan as a claim.
    pub(crate) fn margin(&mut self) -> ClaimRef {
        let percent = self.analysis.plan.primary.margin_percent;
        let decimals = crate::claim::percent_decimals(percent / 100.0);
        self.stated("plan/margin", percent, "%", Format::Fixed(decimals))
    }

    pub(crate) fn alpha(&mut self) -> ClaimRef {
        let alpha = self.analysis.plan.primary.alpha;
        let decimals = crate::claim::percent_decimals(alpha);
        self.stated("plan/alpha", alpha, "fraction", Format::Percent(decimals))
    }

    pub(crate) fn confidence(&mut self) -> ClaimRef {
        let level = self.analysis.rule.confidence.level();
        let decimals = crate::claim::percent_decimals(level);
        self.stated("plan/confidence", level, "fraction", Format::Percent(decimals))
    }

    fn validity_of(&self, source: &Source) -> Status {
        match source {
            Source::Plan | Source::Environment | Source::Journal | Source::Against(..) => {
                Status::Valid
            }
            Source::Runs(set) => {
                self.analysis.set_status.get(set).copied().unwrap_or(Status::Valid)
            }
            Source::Line(run, _) => self.analysis.validity.of_run(run),
        }
    }
}

/// Returns the name of a metric in claims, tables and plans.
pub fn metric_id(metric: Metric) -> &'static str {
    match metric {
        Metric::OutputThroughput => "output_throughput",
        Metric::RunWall => "run_wall",
        Metric::E2e => "e2e",
        Metric::TtftWarm => "ttft_warm",
        Metric::TtftCold => "ttft_cold",
        Metric::Tpot => "tpot",
        Metric::ClientDecodeRate => "client_decode_rate",
        Metric::ServerDecodeRate => "server_decode_rate",
    }
}

/// Returns the name of the set of a configuration's and the baseline's runs.
pub(crate) fn with_baseline(configuration: &ConfigurationAnalysis) -> String {
    format!("{} with baseline", configuration.planned.id)
}

/// Returns the words for one and for many.
pub(crate) fn plural(n: usize, one: &'static str, many: &'static str) -> &'static str {
    if n == 1 { one } else { many }
}

pub(crate) fn arm_name(arm: Arm) -> &'static str {
    match arm {
        Arm::Baseline => "baseline",
        Arm::BaselineAa => "baseline again (A/A)",
        Arm::Chimera => "tuned",
        Arm::Solo => "alone",
        Arm::Concurrent => "together",
        Arm::Implementation => "implementation",
    }
}

fn heading(level: u8, words: &'static str) -> Block {
    Block::Heading { level, anchor: anchor(words), text: text(words) }
}

/// Returns the anchor that Markdown viewers give a heading.
pub(crate) fn anchor(words: &str) -> String {
    let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Returns the order of runs in words.
pub(crate) fn order(order: Order) -> &'static str {
    match order {
        Order::RandomizedBlocks => "randomised complete blocks, shuffled from the seed",
        Order::AsWritten => "as written, in each block: order and drift are confounded",
        Order::Abba => "alternating: baseline first in one block, last in the next",
    }
}

/// Returns what happens to servers between runs, in words.
pub(crate) fn policy(policy: ServerPolicy) -> &'static str {
    match policy {
        ServerPolicy::Keep => "left as it is",
        ServerPolicy::Unload => "model evicted before each run, so that first calls are cold",
        ServerPolicy::Restart => "process restarted before each run",
    }
}

/// Returns how the prompt cache is treated, in words.
pub(crate) fn cache(cache: PromptCache) -> &'static str {
    match cache {
        PromptCache::Nonce => "defeated by a nonce at the start of each prompt",
        PromptCache::Off => "switched off at the server",
        PromptCache::On => "left on: repeated prompts are cheaper, and cached tokens are shown",
    }
}
