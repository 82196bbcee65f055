//! Files of two agents at once.
//!
//! Owns: the three shapes that such a file has, and the numbers derived in them.

use serde_json::Value;
use tachograph_model::event::{CallReported, CallStatus, Stage};
use tachograph_model::options::Options;
use tachograph_model::plan::concurrent::Scenario;

use super::{AGENTS, Joint};
use crate::chimeraforge::call::{
    Texts, bare, implementation, is_failed, is_impossible, options, reported, stage, stated,
    workflow,
};
use crate::chimeraforge::check;
use crate::chimeraforge::layout::Layout;
use crate::chimeraforge::shape::{
    JointAgent, JointFile, Measures, Numbers, PythonJointFile, PythonPairAgent, PythonPairFile,
    number,
};
use crate::chimeraforge::single::{failed, further, means};
use crate::chimeraforge::{Refused, place, words};
use crate::findings::{Findings, Place};
use crate::read::json;
use crate::reported::{Measured, Part, run_reported};
use crate::snapshot::{ImportError, SourceFile};

/// The numbers that a file derives from its run, kept as they are stated.
const STATED: [&str; 14] = [
    "sequential_estimated_s",
    "sequential_estimated_time",
    "sequential_estimate_ms",
    "concurrency_speedup",
    "efficiency_percent",
    "throughput_delta",
    "ttft_delta_ms",
    "collector_throughput",
    "insight_throughput",
    "collector_ttft_ms",
    "insight_ttft_ms",
    "baseline_throughput",
    "chimera_throughput",
    "baseline_ttft_ms",
];

/// Reads a file of two agents in Rust.
///
/// # Errors
///
/// The file is not what its layout promises; a file that is no measurement is refused.
pub(in crate::chimeraforge) fn rust(
    file: &SourceFile,
    layout: Layout,
) -> Result<Result<Joint, Refused>, ImportError> {
    let parsed: JointFile = json(file)?;
    let root = Place::new(&file.path, "");
    let agents = [&parsed.collector, &parsed.insight];
    if agents.into_iter().flat_map(measures).any(is_impossible) {
        return Ok(Err(Refused::impossible()));
    }
    let mut findings = Findings::default();
    let mut parts = Vec::new();
    for (name, agent) in AGENTS.into_iter().zip(agents) {
        parts.push(agent_of(&mut findings, &root.at(name), name, agent)?);
    }
    let options_of = |name: &str, agent: &JointAgent| {
        options(&root.at(name).at("config/options"), agent.config.options.as_ref())
    };
    let options = [options_of(AGENTS[0], agents[0])?, options_of(AGENTS[1], agents[1])?];
    let summary = root.at("summary");
    let [first, second] = agents.map(|agent| check::means(&measures(agent)));
    let walls = agents.map(|agent| agent.execution_time_s);
    let means = [first, second];
    derived(&mut findings, &summary, &parsed.summary, &Derived { names: RUST, walls, means });
    let times = agents.map(|agent| agent.result.timestamp.clone());
    let at = times.into_iter().flatten().max();
    let mut run = run(&summary, &parsed.summary, parts, RUST)?;
    run.reported.at_is =
        at.as_ref().map(|_| "the later of both agents' timestamps, UTC".to_owned());
    run.reported.at.clone_from(&at);
    let head = Head {
        layout,
        scenario: scenario(&root, &parsed.scenario)?,
        number: root.run_number("run_number", parsed.run_number)?,
        options,
        urls: agents.map(|agent| agent.config.base_url.clone()),
        models: agents.map(|agent| agent.config.model.clone()),
        at: at.unwrap_or_default().trim_end_matches('Z').to_owned(),
    };
    Ok(Ok(head.joint(file, run, parsed.summary, findings)))
}

fn measures(agent: &JointAgent) -> Vec<&Measures> {
    match &agent.result.llm_calls {
        Some(calls) => calls.iter().map(|call| &call.metrics).collect(),
        None => agent.result.individual_runs.iter().collect(),
    }
}

fn agent_of(
    findings: &mut Findings,
    place: &Place<'_>,
    name: &str,
    agent: &JointAgent,
) -> Result<Part, ImportError> {
    let result = &agent.result;
    let of_result = place.at("result");
    let measures = measures(agent);
    if measures.is_empty() {
        return Err(
            of_result.error("the agent has no calls: give the file as its program wrote it")
        );
    }
    let mut calls: Vec<CallReported> = Vec::new();
    for (at, measures) in measures.iter().enumerate() {
        let call = result.llm_calls.as_ref().and_then(|calls| calls.get(at));
        let (place, stage, texts) = if let Some(call) = call {
            let place = of_result.at("llm_calls").at(at).at("metrics");
            (place, stage(call.stage.as_deref()), Texts::of(call))
        } else {
            // The only request that such a file knows is the prompt of the role.
            let request = agent.config.prompt.as_deref();
            let place = of_result.at("individual_runs").at(at);
            (place, Stage::Other, Texts { request, answer: None })
        };
        if is_failed(measures) {
            failed(findings, &place, texts.answer);
        }
        calls.push(reported(&place, at, stage, measures, texts)?);
    }
    if let Some(copies) = result.llm_calls.as_ref().filter(|_| !result.individual_runs.is_empty())
        && !copies.iter().map(|call| &call.metrics).eq(&result.individual_runs)
    {
        findings.add(
            &of_result.at("individual_runs"),
            "its copy of the calls' measures is not equal to `llm_calls`",
            "`llm_calls` is imported",
        );
    }
    if let (Some(sent), Some(said)) = (&agent.config.options, &result.configuration)
        && options(place, Some(sent))? != options(place, Some(said))?
    {
        findings.add(
            &of_result.at("configuration"),
            "it is not equal to the options that the agent was set up with",
            "the options of `config` are imported",
        );
    }
    check::aggregate(findings, &of_result, &result.aggregate_metrics, &measures);
    let mut part = Part::new(name, calls);
    part.reported.implementation = implementation("rust", result.system_info.as_ref());
    part.reported.wall_ns = Some(place.seconds("execution_time_s", agent.execution_time_s)?);
    part.reported.stages = workflow(&of_result.at("workflow"), &result.workflow)?.1;
    if let Some(count) = result.benchmark_data_count {
        part.reported.stated.insert("benchmark_data_count".to_owned(), count);
    }
    Ok(part)
}

/// Reads a file of two agents in Python of which only means are left.
///
/// # Errors
///
/// As [`rust`].
pub(in crate::chimeraforge) fn python(
    file: &SourceFile,
) -> Result<Result<Joint, Refused>, ImportError> {
    let parsed: PythonJointFile = json(file)?;
    let root = Place::new(&file.path, "");
    let agents = [&parsed.collector, &parsed.insight];
    let walls = [parsed.collector_execution_time, parsed.insight_execution_time];
    let worked = |at: usize| number(&agents[at].aggregate_metrics, "total_duration_ms");
    for (at, wall) in walls.into_iter().enumerate() {
        if matches!((worked(at), wall), (Some(worked), Some(wall)) if worked > wall * 1050.0) {
            return Ok(Err(Refused::impossible()));
        }
    }
    let mut findings = Findings::default();
    let mut parts = Vec::new();
    let mut sent = Vec::new();
    for (at, name) in AGENTS.into_iter().enumerate() {
        let place = root.at(name);
        let mut part = Part::new(name, Vec::new());
        means(&mut findings, &place, &mut part, agents[at])?;
        part.reported.stated = further(agents[at]);
        part.reported.wall_ns =
            walls[at].map(|it| root.seconds(&format!("{name}_execution_time"), it)).transpose()?;
        parts.push(part);
        sent.push(options(&place.at("configuration"), agents[at].configuration.as_ref())?);
    }
    let [Some(first), Some(second)] = [sent.pop(), sent.pop()] else {
        return Err(root.error("the file does not have two agents"));
    };
    let options = [second, first];
    let summary = root.at("summary");
    let of = |at: usize, name: &str| number(&agents[at].aggregate_metrics, name);
    let means =
        [0, 1].map(|at| ["average_tokens_per_second", "average_ttft_ms"].map(|it| of(at, it)));
    if let [Some(one), Some(other)] = walls {
        let walls = [one, other];
        derived(&mut findings, &summary, &parsed.summary, &Derived { names: PYTHON, walls, means });
    }
    let run = run(&summary, &parsed.summary, parts, PYTHON)?;
    let url = |name: &str| Some(parsed.summary.get(name)?.as_str()?.to_owned());
    let run_number = number(&parsed.summary, "run_number")
        .ok_or_else(|| summary.error("the run has no `run_number`"))?;
    let head = Head {
        layout: Layout::PythonJoint,
        scenario: scenario_of(&options),
        number: summary.run_number("run_number", run_number)?,
        options,
        urls: [url("collector_ollama_url"), url("insight_ollama_url")],
        models: agents.map(|agent| agent.model.clone()),
        at: String::new(),
    };
    Ok(Ok(head.joint(file, run, parsed.summary, findings)))
}

/// Reads a file of two agents in Python with one call each.
///
/// # Errors
///
/// As [`rust`].
pub(in crate::chimeraforge) fn pair(
    file: &SourceFile,
) -> Result<Result<Joint, Refused>, ImportError> {
    let parsed: PythonPairFile = json(file)?;
    let root = Place::new(&file.path, "");
    let agents = [&parsed.collector, &parsed.insight];
    if agents.iter().any(|it| it.metrics.total_duration_ms > it.metrics.wall_clock_ms * 1.05) {
        return Ok(Err(Refused::impossible()));
    }
    let mut findings = Findings::default();
    let mut parts = Vec::new();
    let mut sent = Vec::new();
    for (name, agent) in AGENTS.into_iter().zip(agents) {
        let place = root.at(name);
        parts.push(pair_agent(&mut findings, &place, name, agent)?);
        sent.push(options(&place.at("options"), agent.options.as_ref())?);
    }
    let [Some(first), Some(second)] = [sent.pop(), sent.pop()] else {
        return Err(root.error("the file does not have two agents"));
    };
    let options = [second, first];
    let walls = agents.map(|agent| agent.metrics.total_duration_ms);
    let means =
        agents.map(|agent| [Some(agent.metrics.throughput_tokens_per_sec), agent.metrics.ttft_ms]);
    derived(&mut findings, &root, &parsed.rest, &Derived { names: PAIR, walls, means });
    findings.add(
        &Place::new(&file.path, "/sequential_estimate_ms"),
        "the estimate adds what the server says that it worked, without loading, and not what the \
         agents took: the speedup made of it is too small",
        "kept as stated, not used",
    );
    let run = run(&root, &parsed.rest, parts, PAIR)?;
    // The files do not name the model; the folder two above the runs does.
    let folder = place::joint(&file.path);
    let model = folder.results.last().cloned().unwrap_or_else(|| "unknown".to_owned());
    let head = Head {
        layout: Layout::PythonPair,
        scenario: scenario(&root, &parsed.scenario)?,
        number: root.run_number("run_number", parsed.run_number)?,
        options,
        urls: agents.map(|agent| agent.base_url.clone()),
        models: [model.clone(), model],
        at: String::new(),
    };
    Ok(Ok(head.joint(file, run, parsed.rest, findings)))
}

fn pair_agent(
    findings: &mut Findings,
    place: &Place<'_>,
    name: &str,
    agent: &PythonPairAgent,
) -> Result<Part, ImportError> {
    let measures = &agent.metrics;
    let place = place.at("metrics");
    let rate = place.rate("throughput_tokens_per_sec", measures.throughput_tokens_per_sec)?;
    let tokens = place.count("tokens_generated", measures.tokens_generated)?;
    let texts = Texts { request: None, answer: agent.response.as_deref() };
    let mut call = bare(0, Stage::Other, texts);
    if rate < 1.0 {
        failed(findings, &place, texts.answer);
        call.status = CallStatus::Truncated;
        call.error = Some("no final record: tokens and rate are zero in the source".to_owned());
    } else {
        call.usage.output_tokens = Some(tokens);
    }
    place.millis("total_duration_ms", measures.total_duration_ms)?;
    call.stated.insert("throughput_tokens_per_sec".to_owned(), rate);
    call.stated.insert("total_duration_ms".to_owned(), measures.total_duration_ms);
    call.stated.extend(measures.ttft_ms.map(|ttft| ("ttft_ms".to_owned(), ttft)));
    let mut part = Part::new(name, vec![call]);
    part.reported.wall_ns = Some(place.millis("wall_clock_ms", measures.wall_clock_ms)?);
    if rate >= 1.0 {
        part.reported.means = Some(tachograph_model::event::CallMeans {
            n_calls: 1,
            ttft_ms: None,
            server_decode_rate: Some(rate),
            output_tokens: Some(tokens),
        });
    }
    Ok(part)
}

/// What a file says of a run before anything was measured.
struct Head {
    layout: Layout,
    scenario: Scenario,
    number: u32,
    options: [Options; 2],
    urls: [Option<String>; 2],
    models: [String; 2],
    at: String,
}

impl Head {
    fn joint(
        self,
        file: &SourceFile,
        mut run: Measured,
        numbers: Numbers,
        mut findings: Findings,
    ) -> Joint {
        let place = Place::new(&file.path, "");
        let folder = place::joint(&file.path);
        run.reported.session.clone_from(&folder.session);
        about_options(&mut findings, &place, self.scenario, &self.options);
        if let Some(name) = &folder.name {
            let options: Vec<&Options> = self.options.iter().collect();
            words::name_agrees(&mut findings, &place, name, &options);
        }
        if let [only] = folder.runs[..]
            && only != self.number
        {
            let what = format!("the folder is run {only}, and the file says {}", self.number);
            findings.add(&place.at("run_number"), what, "the file's number is imported");
        }
        if let Some(spelt) = folder.scenario.as_ref().filter(|it| it.contains('_')) {
            let what = format!("the folder of the scenario is spelt `{spelt}`");
            findings.add(&place, what, format!("read as `{}`", self.scenario));
        }
        Joint {
            source: file.listed(),
            beside: Vec::new(),
            layout: self.layout,
            folder,
            scenario: self.scenario,
            options: self.options,
            urls: self.urls,
            models: self.models,
            at: self.at,
            number: self.number,
            run,
            numbers,
            findings,
        }
    }
}

fn scenario(root: &Place<'_>, text: &str) -> Result<Scenario, ImportError> {
    place::scenario(text).ok_or_else(|| {
        root.at("scenario").error(format!(
            "`{text}` is no scenario: baseline_vs_chimera, chimera_hetero or chimera_homo is"
        ))
    })
}

/// Returns the scenario that two agents' options make.
fn scenario_of(options: &[Options; 2]) -> Scenario {
    let [first, second] = options;
    if first == second {
        Scenario::ChimeraHomo
    } else if first.is_empty() {
        Scenario::BaselineVsChimera
    } else {
        Scenario::ChimeraHetero
    }
}

fn about_options(
    findings: &mut Findings,
    place: &Place<'_>,
    scenario: Scenario,
    options: &[Options; 2],
) {
    let made = scenario_of(options);
    if made != scenario {
        let what = format!("the scenario is {scenario}, and the options of both agents are {made}");
        findings.add(&place.at("scenario"), what, "the file's scenario is kept");
    }
    let [first, second] = options;
    if let (Scenario::ChimeraHetero, Some(one), Some(other)) =
        (scenario, first.get("temperature"), second.get("temperature"))
        && one != other
    {
        let what = format!(
            "the agents differ in temperature too, {one} and {other}: its effect cannot be told \
             from that of layers and context"
        );
        findings.add(place, what, "imported with the options that the file states");
    }
}

/// The names under which a layout states what it derives.
#[derive(Clone, Copy)]
struct Names {
    wall: &'static str,
    /// How many of the wall's unit a second has.
    per_second: f64,
    sum: &'static str,
    rates: [&'static str; 2],
    ttfts: [&'static str; 2],
}

const RUST: Names = Names {
    wall: "concurrent_wall_time_s",
    per_second: 1.0,
    sum: "sequential_estimated_s",
    rates: ["collector_throughput", "insight_throughput"],
    ttfts: ["collector_ttft_ms", "insight_ttft_ms"],
};
const PYTHON: Names = Names {
    wall: "concurrent_wall_time",
    per_second: 1.0,
    sum: "sequential_estimated_time",
    rates: ["baseline_throughput", "chimera_throughput"],
    ttfts: ["baseline_ttft_ms", "chimera_ttft_ms"],
};
const PAIR: Names = Names {
    wall: "concurrent_wall_time_ms",
    per_second: 1000.0,
    sum: "sequential_estimate_ms",
    rates: ["", ""],
    ttfts: ["", ""],
};

/// What a file's derived numbers are held against.
struct Derived {
    names: Names,
    /// What is added for the sequential estimate.
    walls: [f64; 2],
    /// Rate and time to first token of each agent.
    means: [[Option<f64>; 2]; 2],
}

fn derived(findings: &mut Findings, place: &Place<'_>, stated: &Numbers, from: &Derived) {
    let Derived { names, walls, means } = from;
    let sum = walls[0] + walls[1];
    let wall = number(stated, names.wall).filter(|wall| *wall > 0.0);
    let speedup = wall.map(|wall| sum / wall);
    let difference = |at: usize| Some(means[1][at]? - means[0][at]?);
    // Agents in Rust are subtracted the other way round than those with one call each.
    let sign = if names.per_second > 1.0 { 1.0 } else { -1.0 };
    let mut all = vec![
        (names.sum, Some(sum)),
        ("concurrency_speedup", speedup),
        ("efficiency_percent", speedup.map(|it| 50.0 * it)),
        ("throughput_delta", difference(0)),
        ("ttft_delta_ms", difference(1).map(|it| sign * it)),
    ];
    for (at, means) in means.iter().enumerate() {
        all.extend([(names.rates[at], means[0]), (names.ttfts[at], means[1])]);
    }
    for (name, computed) in all {
        findings.compare(place, name, number(stated, name), computed);
    }
    let flag = stated.get("resource_contention_detected").and_then(Value::as_bool);
    if let (Some(flag), Some(speedup)) = (flag, speedup)
        && flag != (speedup < 1.5)
    {
        let what = format!("the flag is {flag} at a speedup of {speedup}");
        findings.add(&place.at("resource_contention_detected"), what, "kept as stated");
    }
}

fn run(
    place: &Place<'_>,
    numbers: &Numbers,
    parts: Vec<Part>,
    names: Names,
) -> Result<Measured, ImportError> {
    let mut reported = run_reported(place.path, String::new());
    let wall = number(numbers, names.wall);
    let seconds = |wall: f64| place.seconds(names.wall, wall / names.per_second);
    reported.wall_ns = wall.map(seconds).transpose()?;
    reported.legacy_flag = numbers.get("resource_contention_detected").and_then(Value::as_bool);
    reported.stated = stated(numbers, &STATED);
    Ok(Measured { reported, parts })
}
