//! What the user typed for the commands that compare and plan.
//!
//! Owns: their help texts, and how a percentage, a metric and an aspect are
//! written on a command line.

#![expect(clippy::doc_markdown, reason = "doc comments are help texts, shown as they are")]

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tachograph_model::plan::Metric;
use tachograph_report::Aspect;

/// Arguments of `tacho compare`.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 compared (with --gate: everything better or equivalent); \
                        1 --gate: something is worse; 2 wrong usage; 3 not comparable, or not \
                        judged; 4 --gate: nothing worse, something inconclusive.")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct CompareArgs {
    /// The reference: a study, STUDY#CONFIGURATION, or a baseline file
    #[arg(value_name = "REFERENCE")]
    pub(crate) reference: String,
    /// The candidate: a study, STUDY#CONFIGURATION, or a baseline file
    #[arg(value_name = "CANDIDATE")]
    pub(crate) candidate: String,
    /// What is compared (else as the reference's plan says)
    #[arg(long, value_name = "NAME", value_parser = parse_metric)]
    pub(crate) metric: Option<Metric>,
    /// The smallest relative difference that matters: 2% (else the plan's)
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    pub(crate) margin: Option<f64>,
    /// The error rate of all verdicts together: 0.05 or 5% (else the plan's)
    #[arg(long, value_name = "RATE", value_parser = parse_fraction)]
    pub(crate) alpha: Option<f64>,
    /// Compare sides that are not alike in this, since it changed on purpose
    #[arg(long, value_name = "ASPECT", value_parser = parse_aspect)]
    pub(crate) accept: Vec<Aspect>,
    /// Compare sides that are not alike, whatever it is; the differences are listed
    #[arg(long)]
    pub(crate) force: bool,
    /// The form of the result
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: FormChoice,
    /// Write the result to this file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Let the exit code say whether something became worse
    #[arg(long)]
    pub(crate) gate: bool,
    /// Let the gate pass where something is inconclusive
    #[arg(long, requires = "gate")]
    pub(crate) allow_inconclusive: bool,
}

/// The form of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormChoice {
    /// Plain text
    Text,
    /// Markdown, for a comment on a change
    Markdown,
    /// One JSON document
    Json,
    /// JUnit XML, for continuous integration
    Junit,
}

/// Arguments of `tacho baseline`.
#[derive(Debug, Args)]
pub(crate) struct BaselineArgs {
    /// The study
    pub(crate) study: PathBuf,
    /// Where the baseline goes; an older one is replaced
    #[arg(short, long, value_name = "FILE", default_value = "baseline.json")]
    pub(crate) output: PathBuf,
}

/// Arguments of `tacho power`.
#[derive(Debug, Args)]
pub(crate) struct PowerArgs {
    /// The pilot: a small study, or a baseline file
    pub(crate) pilot: PathBuf,
    /// The smallest relative difference that matters: 2% (else the plan's)
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    pub(crate) margin: Option<f64>,
    /// How probable it shall be that the question is decided: 80%
    #[arg(long, value_name = "PERCENT", default_value = "80%", value_parser = parse_fraction)]
    pub(crate) power: f64,
    /// What will be compared (else as the plan says)
    #[arg(long, value_name = "NAME", value_parser = parse_metric)]
    pub(crate) metric: Option<Metric>,
    /// The error rate of all verdicts together: 0.05 or 5% (else the plan's)
    #[arg(long, value_name = "RATE", value_parser = parse_fraction)]
    pub(crate) alpha: Option<f64>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn parse_metric(text: &str) -> Result<Metric, String> {
    let name = |metric: &Metric| match serde_json::to_value(metric) {
        Ok(serde_json::Value::String(name)) => name,
        other => panic!("a metric's name is a text, not {other:?}"),
    };
    let found = Metric::ALL.into_iter().find(|metric| name(metric) == text);
    found.ok_or_else(|| {
        let names: Vec<String> = Metric::ALL.iter().map(name).collect();
        format!("there is no such metric; there are {}", names.join(", "))
    })
}

fn parse_aspect(text: &str) -> Result<Aspect, String> {
    Aspect::named(text).ok_or_else(|| {
        let names: Vec<&str> = Aspect::ALL.into_iter().map(Aspect::name).collect();
        format!("there is no such aspect; there are {}", names.join(", "))
    })
}

/// Reads a percentage with its sign, so that 2 % cannot be taken for 200 %.
fn parse_percent(text: &str) -> Result<f64, String> {
    if !text.trim_end().ends_with('%') {
        return Err("write a percentage with its sign, as in 2%".to_owned());
    }
    let fraction = parse_fraction(text)?;
    if fraction > 0.0 && fraction < 1.0 {
        Ok(fraction)
    } else {
        Err("it must lie between 0 % and 100 %, both excluded".to_owned())
    }
}

/// Reads a fraction, or a percentage with its sign.
fn parse_fraction(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let (number, divisor) = match text.strip_suffix('%') {
        Some(percent) => (percent.trim_end(), 100.0),
        None => (text, 1.0),
    };
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value / divisor),
        _ => Err("expected a fraction as in 0.05, or a percentage as in 5%".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_need_their_sign() {
        assert_eq!(parse_percent("2%"), Ok(0.02));
        assert_eq!(parse_percent("2.5 %"), Ok(0.025));
        for text in ["2", "0.02", "%", "x%", "-1%", "0%", "100%", "NaN%", "inf%"] {
            assert!(parse_percent(text).is_err(), "{text}");
        }
        assert_eq!(parse_fraction("0.05"), Ok(0.05));
        assert_eq!(parse_fraction("5%"), Ok(0.05));
    }

    #[test]
    fn names_are_those_of_plans() {
        assert_eq!(parse_metric("ttft_warm"), Ok(Metric::TtftWarm));
        assert!(parse_metric("speed").unwrap_err().contains("output_throughput"));
        assert_eq!(parse_aspect("server-version"), Ok(Aspect::ServerVersion));
        assert!(parse_aspect("luck").unwrap_err().contains("model-digest"));
    }
}
