//! Everything that can be said about a study, as tables.
//!
//! Owns: [`Detail`], which tables there are and in which order, and the document
//! `tachograph-analysis/1`; see `docs/analysis.md`.
//!
//! Does not: compute a statistic itself; it takes them from [`Analysis`], from
//! what lies below it, and from `tachograph_stats`.

mod choice;
mod comparisons;
mod contest;
mod estimates;
mod factors;
mod order;
mod spread;
mod together;
mod unpaired;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tachograph_model::plan::Metric;
use tachograph_model::study::StudyHead;

use crate::analysis::Analysis;
use crate::analysis::stopping::Stopping;
use crate::claim::{Format, decimals_for};
use crate::depth::{Depth, Inputs, sessions};
use crate::facts::RunFacts;
use crate::formula::Formula;
use crate::sheet::{self, Sheet};
use crate::writer::metric_id;

/// The version of the document.
const ANALYSIS_SCHEMA: &str = "tachograph-analysis/1";

/// A study's tables, for a terminal, for programs, and for spreadsheets.
#[derive(Debug, Clone)]
pub struct Detail {
    study: Value,
    rule: Value,
    /// What the tables are about, in words, with the tables.
    sections: Vec<Section>,
}

#[derive(Debug, Clone)]
struct Section {
    /// `None` for tables about the whole study.
    metric: Option<Metric>,
    title: String,
    sheets: Vec<Sheet>,
}

/// One metric of a study.
struct Topic<'a> {
    analysis: &'a Analysis,
    inputs: Inputs<'a>,
    depth: &'a Depth,
    /// How values of the metric are printed: four significant digits.
    format: Format,
    /// How changes in percent are printed.
    change: Format,
}

impl Topic<'_> {
    /// Returns the unit and the format of the metric.
    fn scale(&self) -> (&'static str, Format) {
        (self.inputs.metric.unit(), self.format)
    }

    /// Returns the unit of the metric and the format of its spreads and differences:
    /// three significant digits of the largest spread.
    fn spread_scale(&self) -> (&'static str, Format) {
        let means = self.analysis.configurations.iter();
        let spreads = means.filter_map(|each| each.metrics.get(&self.inputs.metric)?.summary.sd);
        let decimals = decimals_for(spreads.fold(0.0, f64::max), 3);
        (self.inputs.metric.unit(), Format::Fixed(decimals))
    }

    /// Returns the sequential rule by which comparisons in the metric were made, if
    /// they were.
    fn sequential(&self) -> Option<&Stopping> {
        self.analysis.stopping.as_ref().filter(|_| self.is_primary())
    }

    /// Returns the unit and the format of ratios to the baseline.
    fn ratio(&self) -> (&'static str, Format) {
        ("ratio", self.change)
    }

    /// Returns the slug of the configuration at a position.
    fn name(&self, at: usize) -> String {
        self.analysis.configurations[at].planned.id.to_string()
    }

    fn is_primary(&self) -> bool {
        self.inputs.metric == self.analysis.plan.primary.metric
    }
}

impl Detail {
    /// Lists what follows from a study about `metrics`.
    ///
    /// `head` and `facts` are those that `analysis` was made of. A method that
    /// cannot be used has its reason in its place.
    pub fn of(
        head: &StudyHead,
        facts: &[RunFacts],
        analysis: &Analysis,
        metrics: &[Metric],
    ) -> Self {
        let mut facts: Vec<&RunFacts> = facts.iter().collect();
        facts.sort_by_key(|run| (run.index, run.id.clone()));
        let sessions = sessions(head);
        let mut sections: Vec<Section> = metrics
            .iter()
            .map(|&metric| {
                let inputs = Inputs {
                    plan: &analysis.plan,
                    rule: &analysis.rule,
                    metric,
                    configurations: &analysis.configurations,
                    runs: &analysis.runs,
                    facts: &facts,
                    sessions: &sessions,
                };
                section(analysis, inputs)
            })
            .collect();
        if let Some(contest) = &analysis.contest {
            sections.push(Section {
                metric: None,
                title: "Implementations".to_owned(),
                sheets: contest::sheets(analysis, contest),
            });
        }
        if let Some(concurrency) = &analysis.concurrency {
            let together = Section {
                metric: None,
                title: "Agents at once".to_owned(),
                sheets: together::sheets(analysis, concurrency),
            };
            sections.push(together);
        }
        sections.push(Section {
            metric: None,
            title: "Calls of the study".to_owned(),
            sheets: vec![estimates::failures(analysis), estimates::gaps(analysis)],
        });
        let (planned, sealed) = analysis.n_runs();
        let primary = &analysis.plan.primary;
        Self {
            study: json!({
                "name": analysis.plan.name,
                "plan_sha256": analysis.plan_sha256,
                "runs_planned": planned,
                "runs_sealed": sealed,
                "validity": analysis.validity().name(),
            }),
            rule: json!({
                "primary_metric": metric_id(primary.metric),
                "alpha": analysis.rule.confidence.alpha(),
                "confidence": analysis.rule.confidence.level(),
                "margin": analysis.rule.margin.fraction(),
                "seed": analysis.plan.seed,
            }),
            sections,
        }
    }

    /// Returns the tables for a terminal that is `width` characters wide.
    pub fn terminal(&self, width: usize) -> String {
        let mut out = String::new();
        for section in &self.sections {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(&section.title);
            out.push('\n');
            out.push_str(&"═".repeat(section.title.chars().count()));
            out.push('\n');
            for sheet in &section.sheets {
                out.push('\n');
                out.push_str(&sheet::terminal(sheet, width));
            }
        }
        out
    }

    /// Returns the document `tachograph-analysis/1`.
    pub fn json(&self) -> Value {
        let mut formulas: BTreeSet<Formula> = BTreeSet::new();
        let mut tables = Vec::new();
        for section in &self.sections {
            for sheet in &section.sheets {
                formulas.extend(sheet.columns.iter().filter_map(|column| column.formula));
                let mut table = sheet::json(sheet);
                table["metric"] = json!(section.metric.map(metric_id));
                tables.push(table);
            }
        }
        let formulas: BTreeMap<&str, &str> =
            formulas.into_iter().map(|formula| (formula.name(), formula.text())).collect();
        json!({
            "schema": ANALYSIS_SCHEMA,
            "study": self.study,
            "rule": self.rule,
            "formulas": formulas,
            "tables": tables,
        })
    }

    /// Returns a CSV file for each table, by name: `output_throughput.estimates.csv`,
    /// or `failures.csv` for a table about the whole study.
    pub fn csv(&self) -> BTreeMap<String, String> {
        let files = self.sections.iter().flat_map(|section| {
            section.sheets.iter().map(|sheet| {
                let metric = section.metric.map(|metric| format!("{}.", metric_id(metric)));
                let name = format!("{}{}.csv", metric.unwrap_or_default(), sheet.name);
                (name, sheet::csv(sheet))
            })
        });
        files.collect()
    }
}

fn section(analysis: &Analysis, inputs: Inputs<'_>) -> Section {
    let metric = inputs.metric;
    let own;
    let depth = if metric == analysis.plan.primary.metric {
        &analysis.depth
    } else {
        own = Depth::of(&inputs);
        &own
    };
    let means = analysis.configurations.iter().filter_map(|each| each.metrics.get(&metric));
    let largest = means.map(|estimate| estimate.summary.mean.abs()).fold(0.0, f64::max);
    let decimals = if analysis.plan.primary.margin_percent < 1.0 { 2 } else { 1 };
    let topic = Topic {
        analysis,
        inputs,
        depth,
        format: Format::Fixed(decimals_for(largest, 4)),
        change: Format::Change(decimals),
    };
    let role = if topic.is_primary() { "primary metric" } else { "exploratory" };
    let better = if metric.higher_is_better() { "more is better" } else { "less is better" };
    Section {
        metric: Some(metric),
        title: format!("{} in {} ({role}; {better})", capitalised(metric.title()), metric.unit()),
        sheets: vec![
            estimates::means(&topic),
            estimates::robust(&topic),
            estimates::calls(&topic),
            comparisons::comparisons(&topic),
            comparisons::companions(&topic),
            comparisons::equal_length(&topic),
            unpaired::tests(&topic),
            unpaired::sizes(&topic),
            factors::effects(&topic),
            factors::levels(&topic),
            factors::pairs(&topic),
            spread::spread(&topic),
            spread::components(&topic),
            spread::nested(&topic),
            order::series(&topic),
            order::changes(&topic),
            order::noise(&topic),
            choice::selection(&topic),
            choice::confirmation(&topic),
            choice::power(&topic),
        ],
    }
}

fn capitalised(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
