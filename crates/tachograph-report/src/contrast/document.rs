//! The forms in which a comparison is handed out.
//!
//! Owns: [`Form`], and the JSON form, `tachograph-comparison/1`, which holds
//! every number at full precision with its n, interval and formula.

use serde_json::{Value, json};
use tachograph_stats::{Direction, Interval};

use super::{Contrast, Design, Gate, Identity, Row, Sampled, Spread, junit, words};

/// The version of a comparison's JSON form.
pub(crate) const COMPARISON_SCHEMA: &str = "tachograph-comparison/1";

/// A form in which a comparison is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Plain text.
    Text,
    /// Markdown, for a comment on a change.
    Markdown,
    /// One JSON document.
    Json,
    /// `JUnit` XML, as continuous integration reads it.
    Junit,
}

/// How a gate treats what is undecided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gating {
    /// Whether an inconclusive comparison lets the gate pass.
    pub allow_inconclusive: bool,
}

impl Contrast {
    /// Returns the comparison in one of its forms, with a newline at its end.
    pub fn print(&self, form: Form, gating: Option<Gating>) -> String {
        let gate = gating.map(|gating| words::gate(self, gating.allow_inconclusive));
        match form {
            Form::Text => words::page(self, gate.as_deref()).to_text(),
            Form::Markdown => words::page(self, gate.as_deref()).to_markdown(),
            Form::Json => format!("{:#}\n", self.as_json(gating)),
            Form::Junit => junit::print(self, gating),
        }
    }

    fn as_json(&self, gating: Option<Gating>) -> Value {
        let unlike: Vec<Value> = self
            .comparability
            .unlike
            .iter()
            .map(|it| {
                json!({
                    "aspect": it.aspect.name(), "subject": it.subject,
                    "reference": it.reference, "candidate": it.candidate,
                    "accepted": self.force || self.accept.contains(&it.aspect),
                })
            })
            .collect();
        let untold: Vec<Value> = self
            .comparability
            .untold
            .iter()
            .map(|it| json!({"aspect": it.aspect.name(), "subject": it.subject, "reason": it.reason}))
            .collect();
        let remarks: Vec<Value> = self
            .comparability
            .remarks
            .iter()
            .map(
                |it| json!({"what": it.what, "reference": it.reference, "candidate": it.candidate}),
            )
            .collect();
        json!({
            "schema": COMPARISON_SCHEMA,
            "reference": identity(&self.reference),
            "candidate": identity(&self.candidate),
            "design": match self.design {
                Design::Paired => "paired within blocks",
                Design::Independent => "independent samples",
            },
            "warning": (self.design == Design::Independent).then_some(words::CONFOUNDED),
            "warning_of_looks": self.has_looks().then_some(words::LOOKED),
            "metric": self.metric,
            "unit": self.metric.unit(),
            "better": match self.rule.direction {
                Direction::HigherIsBetter => "higher",
                Direction::LowerIsBetter => "lower",
            },
            "margin": self.rule.margin.fraction(),
            "alpha": self.rule.confidence.alpha(),
            "replaced": self.replaced.iter().map(|(name, plan)| json!({"term": name, "plan": plan}))
                .collect::<Vec<_>>(),
            "comparable": !self.is_refused(),
            "forced": self.force,
            "unlike": unlike,
            "not_known_to_be_alike": untold,
            "also_different": remarks,
            "only_reference": self.only_reference,
            "only_candidate": self.only_candidate,
            "comparisons": self.list(&self.rows),
            "drift": self.drift.as_ref().map(|row| as_json(row, Design::Independent)),
            "noise": self.noise.iter().map(|row| as_json(row, Design::Paired)).collect::<Vec<_>>(),
            "relative_to_baseline": self.list(&self.relative),
            "exploratory": self.list(&self.others),
            "summary": words::summary(self),
            "blocks_needed": self.blocks_needed(),
            "gate": gating.map(|gating| self.gate_as_json(gating)),
        })
    }

    fn list(&self, rows: &[Row]) -> Vec<Value> {
        rows.iter().map(|row| as_json(row, self.design)).collect()
    }

    fn gate_as_json(&self, gating: Gating) -> Value {
        let outcome = match self.gate() {
            _ if self.is_refused() => "not judged",
            Gate::Passed => "passed",
            Gate::Worse => "worse",
            Gate::NotJudged => "not judged",
            Gate::Inconclusive => "inconclusive",
        };
        json!({"outcome": outcome, "allow_inconclusive": gating.allow_inconclusive})
    }
}

fn identity(side: &Identity) -> Value {
    json!({
        "name": side.name,
        "configuration": side.configuration,
        "study": side.extract.study,
        "validity": side.extract.validity,
    })
}

fn sampled(side: &Sampled) -> Value {
    json!({
        "n": side.n, "n_sealed": side.n_sealed, "n_measured": side.n_measured,
        "geometric_mean": side.mean, "validity": side.validity,
    })
}

fn interval(interval: Interval) -> Value {
    json!({"low": interval.low, "high": interval.high, "confidence": interval.confidence})
}

fn as_json(row: &Row, design: Design) -> Value {
    let judged = row.outcome.ok().map(|judged| {
        json!({
            "ratio": judged.ratio,
            "interval": interval(judged.interval),
            "df": judged.df,
            "p_difference": judged.p_difference,
            "p_difference_holm": judged.p_difference_adjusted,
            "p_equivalence": judged.p_equivalence,
            "p_equivalence_holm": judged.p_equivalence_adjusted,
            "equivalence_interval": interval(judged.equivalence_interval),
            "family_size": judged.family_size,
            "log_sds": match judged.spread {
                Spread::Paired(ratio) => json!({"ratio": ratio}),
                Spread::Independent(candidate, reference) => {
                    json!({"candidate": candidate, "reference": reference})
                }
            },
            "blocks_needed": judged.blocks_needed,
        })
    });
    json!({
        "configuration": row.label,
        "metric": row.metric,
        "reference": sampled(&row.reference),
        "candidate": sampled(&row.candidate),
        "formula": match design {
            Design::Paired => "exp of the mean log ratio within blocks, t interval",
            Design::Independent => "exp of the difference of mean logarithms, Welch's interval",
        },
        "estimate": judged,
        "verdict": row.verdict().map(|_| words::verdict(row)),
        "not_judged": row.outcome.err().map(|why| words::refusal(row, why, design)),
    })
}
