//! What is measured of one execution of the workflow by one implementation.
//!
//! Owns: the list of quantities, their units, who can influence them, and how each
//! follows from the facts of a run.

use tachograph_model::event::ProcessResources;
use tachograph_model::event::Stage;
use tachograph_model::plan::Metric;
use tachograph_model::units::DurationNs;

use crate::analysis::direction;
use crate::facts::{AgentFacts, CallFacts, RunFacts};
use crate::writer::metric_id;
use tachograph_stats::{Direction, Sample};

/// Who decides a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Influence {
    /// The implementation, alone or with the server.
    Client,
    /// The server alone: no client can change it.
    Server,
}

/// Something measured of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Quantity {
    /// A metric that single-agent reports know too.
    Metric(Metric),
    /// From spawn to readiness.
    Startup,
    /// Duration of the stage.
    Stage(Stage),
    /// Wall time less the time in which a call was under way.
    OutsideCalls,
    /// The part of the calling stages in which no call was under way, per call.
    OverheadPerCall,
    /// The same per output token.
    OverheadPerToken,
    /// The agent's own TTFT less the instrument's, mean over calls.
    OwnTtftExcess,
    /// The agent's own latency less the instrument's, mean over calls.
    OwnE2eExcess,
    /// CPU time, user and system together.
    Cpu,
    UserCpu,
    SystemCpu,
    /// CPU time, user and system, per output token.
    CpuPerToken,
    PeakRss,
    Threads,
    VoluntarySwitches,
    InvoluntarySwitches,
    /// What the server reports for the whole request, less the load.
    PromptEval,
    PromptTokens,
    OutputTokens,
}

impl Quantity {
    /// Returns every quantity, in the order of the tables.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        [
            Self::Metric(Metric::RunWall),
            Self::Metric(Metric::OutputThroughput),
            Self::Startup,
            Self::Stage(Stage::Ingest),
            Self::Stage(Stage::Analysis),
            Self::Stage(Stage::Report),
            Self::OutsideCalls,
            Self::OverheadPerCall,
            Self::OverheadPerToken,
            Self::Metric(Metric::TtftWarm),
            Self::Metric(Metric::TtftCold),
            Self::OwnTtftExcess,
            Self::OwnE2eExcess,
            Self::Cpu,
            Self::UserCpu,
            Self::SystemCpu,
            Self::CpuPerToken,
            Self::PeakRss,
            Self::Threads,
            Self::VoluntarySwitches,
            Self::InvoluntarySwitches,
            Self::Metric(Metric::ServerDecodeRate),
            Self::PromptEval,
            Self::Metric(Metric::E2e),
            Self::Metric(Metric::Tpot),
            Self::Metric(Metric::ClientDecodeRate),
            Self::PromptTokens,
            Self::OutputTokens,
        ]
        .into_iter()
    }

    /// Returns who decides it.
    ///
    /// Latency, time per token and decode rate are those that the instrument saw
    /// between client and server: they follow the server's pace, unless a client reads
    /// so slowly that the server must wait.
    pub(crate) fn influence(self) -> Influence {
        match self {
            Self::Metric(
                Metric::ServerDecodeRate | Metric::E2e | Metric::Tpot | Metric::ClientDecodeRate,
            )
            | Self::PromptEval
            | Self::PromptTokens
            | Self::OutputTokens => Influence::Server,
            _ => Influence::Client,
        }
    }

    /// Returns the name used in claims and tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Metric(metric) => metric_id(metric),
            Self::Startup => "startup",
            Self::Stage(stage) => match stage {
                Stage::Ingest => "stage_ingest",
                Stage::Analysis => "stage_analysis",
                Stage::Report => "stage_report",
                Stage::Warmup | Stage::Other => "stage_other",
            },
            Self::OutsideCalls => "outside_calls",
            Self::OverheadPerCall => "overhead_per_call",
            Self::OverheadPerToken => "overhead_per_token",
            Self::OwnTtftExcess => "own_ttft_excess",
            Self::OwnE2eExcess => "own_e2e_excess",
            Self::Cpu => "cpu",
            Self::UserCpu => "user_cpu",
            Self::SystemCpu => "system_cpu",
            Self::CpuPerToken => "cpu_per_token",
            Self::PeakRss => "peak_rss",
            Self::Threads => "threads",
            Self::VoluntarySwitches => "voluntary_switches",
            Self::InvoluntarySwitches => "involuntary_switches",
            Self::PromptEval => "prompt_eval",
            Self::PromptTokens => "prompt_tokens",
            Self::OutputTokens => "output_tokens",
        }
    }

    /// Returns the words of tables.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Metric(Metric::RunWall) => "wall time of the workflow",
            Self::Metric(Metric::TtftWarm) => "warm TTFT, from one instrument",
            Self::Metric(Metric::TtftCold) => "cold TTFT, from one instrument",
            Self::Metric(Metric::E2e) => "latency of calls on the wire",
            Self::Metric(Metric::Tpot) => "time per output token on the wire",
            Self::Metric(Metric::ClientDecodeRate) => "decode rate on the wire",
            Self::Metric(metric) => metric.title(),
            Self::Startup => "start-up, spawn to ready",
            Self::Stage(stage) => match stage {
                Stage::Ingest => "stage: reading the files",
                Stage::Analysis => "stage: analysis",
                Stage::Report => "stage: report",
                Stage::Warmup | Stage::Other => "stage",
            },
            Self::OutsideCalls => "time outside calls",
            Self::OverheadPerCall => "client overhead per call",
            Self::OverheadPerToken => "client overhead per output token",
            Self::OwnTtftExcess => "agent's own TTFT less the instrument's",
            Self::OwnE2eExcess => "agent's own latency less the instrument's",
            Self::Cpu => "CPU time",
            Self::UserCpu => "CPU time in user mode",
            Self::SystemCpu => "CPU time in the kernel",
            Self::CpuPerToken => "CPU time per output token",
            Self::PeakRss => "peak memory",
            Self::Threads => "threads",
            Self::VoluntarySwitches => "voluntary context switches",
            Self::InvoluntarySwitches => "involuntary context switches",
            Self::PromptEval => "prompt evaluation per call",
            Self::PromptTokens => "prompt tokens per run",
            Self::OutputTokens => "output tokens per run",
        }
    }

    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Metric(metric) => metric.unit(),
            Self::OverheadPerToken | Self::CpuPerToken => "µs",
            Self::PeakRss => "MB",
            Self::Threads | Self::VoluntarySwitches | Self::InvoluntarySwitches => "",
            Self::PromptTokens | Self::OutputTokens => "tokens",
            _ => "ms",
        }
    }

    pub(crate) fn direction(self) -> Direction {
        match self {
            Self::Metric(metric) => direction(metric),
            _ => Direction::LowerIsBetter,
        }
    }

    /// Returns the run's value; `agent` is its one agent.
    pub(crate) fn of(self, run: &RunFacts, agent: &AgentFacts) -> Option<f64> {
        let resources = agent.process.as_ref().and_then(|process| process.resources.as_ref());
        let used = |value: &dyn Fn(&ProcessResources) -> f64| resources.map(value);
        match self {
            Self::Metric(metric) => run.metric(metric),
            Self::Startup => agent.startup.map(DurationNs::as_millis),
            Self::Stage(stage) => agent.stages.get(&stage).map(|took| took.as_millis()),
            Self::OutsideCalls => Some(agent.wall()?.as_millis() - in_calls(agent, None)?),
            Self::OverheadPerCall => Some(overhead(agent)? / agent.counted_calls().count() as f64),
            Self::OverheadPerToken => {
                Some(overhead(agent)? * 1e3 / positive(agent.output_tokens())?)
            }
            Self::OwnTtftExcess => excess(agent, CallFacts::ttft_ms),
            Self::OwnE2eExcess => excess(agent, CallFacts::e2e_ms),
            Self::Cpu => used(&|it| it.user_cpu_ns.as_millis() + it.system_cpu_ns.as_millis()),
            Self::UserCpu => used(&|it| it.user_cpu_ns.as_millis()),
            Self::SystemCpu => used(&|it| it.system_cpu_ns.as_millis()),
            Self::CpuPerToken => {
                let tokens = positive(agent.output_tokens())?;
                used(&|it| {
                    (it.user_cpu_ns.as_millis() + it.system_cpu_ns.as_millis()) * 1e3 / tokens
                })
            }
            Self::PeakRss => used(&|it| it.peak_rss_bytes as f64 / 1e6),
            Self::Threads => Some(f64::from(resources?.threads_seen?)),
            Self::VoluntarySwitches => used(&|it| it.voluntary_switches as f64),
            Self::InvoluntarySwitches => used(&|it| it.involuntary_switches as f64),
            Self::PromptEval => mean(agent, CallFacts::prompt_eval_ms),
            Self::PromptTokens => {
                let tokens: Option<Vec<u64>> =
                    agent.counted_calls().map(CallFacts::prompt_tokens).collect();
                Some(tokens?.iter().sum::<u64>() as f64)
            }
            Self::OutputTokens => Some(agent.output_tokens() as f64),
        }
    }
}

fn positive(count: u64) -> Option<f64> {
    (count > 0).then_some(count as f64)
}

/// Returns for how long calls of the stage (of all, without one) were under way, in
/// milliseconds: from the first byte that came from the client to the answer's end.
fn in_calls(agent: &AgentFacts, stage: Option<Stage>) -> Option<f64> {
    let calls = agent.counted_calls().filter(|call| stage.is_none_or(|stage| call.stage == stage));
    let spans: Option<Vec<f64>> =
        calls.map(|call| Some(call.end()?.since(call.planned()?)?.as_millis())).collect();
    Some(spans?.iter().sum())
}

/// Returns the time of the calling stages in which no call was under way, in
/// milliseconds.
fn overhead(agent: &AgentFacts) -> Option<f64> {
    let mut total = 0.0;
    let mut n_calls = 0;
    for stage in [Stage::Analysis, Stage::Report] {
        let n = agent.counted_calls().filter(|call| call.stage == stage).count();
        if n > 0 {
            n_calls += n;
            total += agent.stages.get(&stage)?.as_millis() - in_calls(agent, Some(stage))?;
        }
    }
    (n_calls > 0 && n_calls == agent.counted_calls().count()).then_some(total)
}

fn mean(agent: &AgentFacts, value: impl Fn(&CallFacts) -> Option<f64>) -> Option<f64> {
    let values: Option<Vec<f64>> = agent.counted_calls().map(value).collect();
    Sample::new(&values?).ok().map(|sample| sample.mean())
}

/// Returns what the agent says less what the instrument saw, mean over the calls; `None`
/// if they do not tell of the same number of calls.
fn excess(agent: &AgentFacts, value: impl Fn(&CallFacts) -> Option<f64>) -> Option<f64> {
    let own = agent.own_calls.as_ref()?;
    if own.len() != agent.calls.len() {
        return None;
    }
    let both = own.iter().zip(&agent.calls).filter(|(_, seen)| !seen.is_warmup());
    let values: Option<Vec<f64>> =
        both.map(|(own, seen)| Some(value(own)? - value(seen)?)).collect();
    Sample::new(&values?).ok().map(|sample| sample.mean())
}
