//! Whether two studies can be compared, aspect by aspect.
//!
//! Owns: what must be alike, and the list of what is not, of what nobody can
//! tell, and of what is only worth knowing.
//!
//! Does not: decide what follows; the caller refuses or goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use tachograph_model::digest::Digest;
use tachograph_model::environment::Host;
use tachograph_model::event::Stage;

use super::extract::{AgentIdentity, Asked, Cell, Extract, ServerFacts, ServerWord};

/// Something in which two studies must be alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// The version of the metrics' definitions.
    MetricDefinitions,
    /// The model's digest.
    ModelDigest,
    /// The model's name.
    Model,
    /// The model's quantisation.
    Quantization,
    /// The prompt template.
    PromptTemplate,
    /// The server's product.
    ServerProduct,
    /// The server's version.
    ServerVersion,
    /// The protocol, and the settings of a server that Tachograph starts.
    ServerSettings,
    /// The names of the servers.
    Servers,
    /// What was asked.
    Requests,
    /// The options of a matched configuration.
    Options,
    /// The context length in which a matched configuration ran.
    ContextLength,
    /// The files that agents read.
    InputFiles,
    /// How the prompt cache was treated.
    PromptCache,
    /// Whether calls shared a connection.
    Connection,
    /// What happened to the server before each run.
    ServerPolicy,
    /// Calls before the workflow.
    WarmupCalls,
    /// The load above which a call is cold.
    ColdThreshold,
    /// How many agents there are, and which.
    Agents,
    /// The processor.
    Cpu,
    /// How many processors the program could use.
    CpuCount,
    /// The GPUs.
    Gpus,
    /// Whether instants are the kernel's or the client's.
    ReceiveStamps,
}

impl Aspect {
    /// Every aspect, in the order in which they are listed.
    pub const ALL: [Self; 23] = [
        Self::MetricDefinitions,
        Self::ModelDigest,
        Self::Model,
        Self::Quantization,
        Self::PromptTemplate,
        Self::ServerProduct,
        Self::ServerVersion,
        Self::ServerSettings,
        Self::Servers,
        Self::Requests,
        Self::Options,
        Self::ContextLength,
        Self::InputFiles,
        Self::PromptCache,
        Self::Connection,
        Self::ServerPolicy,
        Self::WarmupCalls,
        Self::ColdThreshold,
        Self::Agents,
        Self::Cpu,
        Self::CpuCount,
        Self::Gpus,
        Self::ReceiveStamps,
    ];

    /// Returns the name used on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::MetricDefinitions => "metric-definitions",
            Self::ModelDigest => "model-digest",
            Self::Model => "model",
            Self::Quantization => "quantization",
            Self::PromptTemplate => "prompt-template",
            Self::ServerProduct => "server-product",
            Self::ServerVersion => "server-version",
            Self::ServerSettings => "server-settings",
            Self::Servers => "servers",
            Self::Requests => "requests",
            Self::Options => "options",
            Self::ContextLength => "context-length",
            Self::InputFiles => "input-files",
            Self::PromptCache => "prompt-cache",
            Self::Connection => "connection",
            Self::ServerPolicy => "server-policy",
            Self::WarmupCalls => "warmup-calls",
            Self::ColdThreshold => "cold-threshold",
            Self::Agents => "agents",
            Self::Cpu => "cpu",
            Self::CpuCount => "cpu-count",
            Self::Gpus => "gpus",
            Self::ReceiveStamps => "receive-stamps",
        }
    }

    /// Returns the aspect of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|aspect| aspect.name() == name)
    }
}

/// Two studies are not alike in something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlike {
    /// In what.
    pub aspect: Aspect,
    /// Of whom: `server main`; empty for the study as a whole.
    pub subject: String,
    /// What it is in the reference.
    pub reference: String,
    /// What it is in the candidate.
    pub candidate: String,
}

/// Nobody can tell whether two studies are alike in something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// In what.
    pub aspect: Aspect,
    /// Of whom.
    pub subject: String,
    /// Why it cannot be told.
    pub reason: String,
}

/// Something that is not alike and is no reason to refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// What.
    pub what: &'static str,
    /// What it is in the reference.
    pub reference: String,
    /// What it is in the candidate.
    pub candidate: String,
}

/// What two studies have in common, and what not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparability {
    /// What is not alike.
    pub unlike: Vec<Unlike>,
    /// What cannot be told.
    pub untold: Vec<Untold>,
    /// What is not alike and is no reason to refuse.
    pub remarks: Vec<Remark>,
}

/// Files of one agent that are listed one by one.
const FILES_LISTED: usize = 10;

impl Comparability {
    /// Compares two studies, and the configurations `matched` of them.
    pub(crate) fn of(
        reference: &Extract,
        candidate: &Extract,
        matched: &[(String, String)],
    ) -> Self {
        let mut found = Self::default();
        found.study(reference, candidate);
        found.servers(&reference.servers, &candidate.servers);
        found.agents(&reference.agents, &candidate.agents);
        let cells: Vec<(&str, &Cell, &Cell)> = matched
            .iter()
            .filter_map(|(a, b)| {
                Some((&**a, reference.configurations.get(a)?, candidate.configurations.get(b)?))
            })
            .collect();
        found.options(&cells);
        for (id, a, b) in &cells {
            let told = |cell: &Cell| joined(cell.context_lengths.iter());
            let subject = format!("configuration {id}");
            found.told(Aspect::ContextLength, &subject, &told(a), &told(b));
        }
        found.requests(&cells);
        found.unlike.sort_by(|a, b| (a.aspect, &a.subject).cmp(&(b.aspect, &b.subject)));
        found.untold.sort_by(|a, b| (a.aspect, &a.subject).cmp(&(b.aspect, &b.subject)));
        found
    }

    /// Compares two readings of one study: they may have been computed by programs
    /// that define metrics differently.
    pub(crate) fn of_one(reference: &Extract, candidate: &Extract) -> Self {
        let mut found = Self::default();
        found.definitions(reference, candidate);
        found
    }

    fn definitions(&mut self, a: &Extract, b: &Extract) {
        let definitions = |side: &Extract| side.metric_definitions.to_string();
        self.alike(Aspect::MetricDefinitions, "", &definitions(a), &definitions(b));
    }

    /// Lists a difference unless both texts are equal.
    fn alike(&mut self, aspect: Aspect, subject: &str, reference: &str, candidate: &str) {
        if reference != candidate {
            self.unlike.push(Unlike {
                aspect,
                subject: subject.to_owned(),
                reference: reference.to_owned(),
                candidate: candidate.to_owned(),
            });
        }
    }

    /// As [`Self::alike`], where an empty text means that nobody said it.
    fn told(&mut self, aspect: Aspect, subject: &str, reference: &str, candidate: &str) {
        let reason = match (reference.is_empty(), candidate.is_empty()) {
            (false, false) => return self.alike(aspect, subject, reference, candidate),
            (true, true) => "neither study tells".to_owned(),
            (true, false) => format!("only the candidate tells: {candidate}"),
            (false, true) => format!("only the reference tells: {reference}"),
        };
        self.untold.push(Untold { aspect, subject: subject.to_owned(), reason });
    }

    fn remark(&mut self, what: &'static str, reference: &impl Display, candidate: &impl Display) {
        let (reference, candidate) = (reference.to_string(), candidate.to_string());
        if reference != candidate {
            self.remarks.push(Remark { what, reference, candidate });
        }
    }

    /// What machines may differ in.
    fn hosts(&mut self, host: &Host, its: &Host) {
        self.remark("operating system", &host.os, &its.os);
        let governor = |name: &Option<String>| name.clone().unwrap_or_else(|| "unknown".to_owned());
        self.remark("frequency governor", &governor(&host.governor), &governor(&its.governor));
        let memory = |bytes: Option<u64>| {
            bytes.map_or_else(|| "unknown".to_owned(), |bytes| format!("{bytes} bytes"))
        };
        self.remark("memory", &memory(host.memory_bytes), &memory(its.memory_bytes));
    }

    fn study(&mut self, a: &Extract, b: &Extract) {
        self.definitions(a, b);
        let (one, other) = (&a.setting, &b.setting);
        self.alike(Aspect::PromptCache, "", &word(&one.prompt_cache), &word(&other.prompt_cache));
        self.alike(Aspect::Connection, "", &word(&one.connection), &word(&other.connection));
        self.alike(
            Aspect::ServerPolicy,
            "",
            &word(&one.server_policy),
            &word(&other.server_policy),
        );
        let calls = |n: u32| n.to_string();
        self.alike(Aspect::WarmupCalls, "", &calls(one.warmup_calls), &calls(other.warmup_calls));
        let threshold = |ms: u64| format!("{ms} ms");
        self.alike(
            Aspect::ColdThreshold,
            "",
            &threshold(one.cold_load_threshold_ms),
            &threshold(other.cold_load_threshold_ms),
        );
        let cpu = |side: &Extract| side.host.as_ref().and_then(|host| host.cpu_model.clone());
        let cpu = |side: &Extract| cpu(side).unwrap_or_default();
        self.told(Aspect::Cpu, "", &cpu(a), &cpu(b));
        let of = |side: &Extract, say: &dyn Fn(&Host) -> String| {
            side.host.as_ref().map(say).unwrap_or_default()
        };
        let cpus = |side: &Extract| of(side, &|host| host.n_cpus.to_string());
        self.told(Aspect::CpuCount, "", &cpus(a), &cpus(b));
        let gpus = |side: &Extract| match side.gpus.as_slice() {
            [] => "none seen".to_owned(),
            gpus => joined(gpus.iter().map(|gpu| &gpu.name)),
        };
        self.alike(Aspect::Gpus, "", &gpus(a), &gpus(b));
        let stamps = |host: &Host| if host.kernel_stamps { "kernel" } else { "client" }.to_owned();
        self.told(Aspect::ReceiveStamps, "", &of(a, &stamps), &of(b, &stamps));
        if let (Some(host), Some(its)) = (&a.host, &b.host) {
            self.hosts(host, its);
        }
        let (harness, its) = (&a.study.harness, &b.study.harness);
        self.remark("version of tacho that measured", &harness.version, &its.version);
        self.remark("build of tacho that measured", &harness.profile, &its.profile);
        self.remark("blocks planned", &one.blocks, &other.blocks);
        self.remark("seed of the plan", &one.seed, &other.seed);
        self.remark("stopping rule", &one.stopping.name(), &other.stopping.name());
        self.remark("order inside a block", &word(&one.order), &word(&other.order));
    }

    fn servers(&mut self, a: &BTreeMap<String, ServerFacts>, b: &BTreeMap<String, ServerFacts>) {
        let (pairs, unpaired) = paired(a, b);
        for (name, one, other) in pairs {
            let subject = format!("server {name}");
            let (mine, its) = (settings(one), settings(other));
            for (key, one, other) in unlike_entries(&mine, &its) {
                self.alike(Aspect::ServerSettings, &format!("{subject}, {key}"), &one, &other);
            }
            for (word, aspect) in [
                (ServerWord::Product, Aspect::ServerProduct),
                (ServerWord::Version, Aspect::ServerVersion),
                (ServerWord::Model, Aspect::Model),
                (ServerWord::ModelDigest, Aspect::ModelDigest),
                (ServerWord::Quantization, Aspect::Quantization),
                (ServerWord::PromptTemplate, Aspect::PromptTemplate),
            ] {
                let said = |side: &ServerFacts| side.said.get(&word).map(|all| joined(all.iter()));
                let (one, other) = (said(one).unwrap_or_default(), said(other).unwrap_or_default());
                self.told(aspect, &subject, &one, &other);
            }
        }
        if unpaired {
            self.alike(Aspect::Servers, "", &joined(a.keys()), &joined(b.keys()));
        }
    }

    fn agents(&mut self, a: &BTreeMap<String, AgentIdentity>, b: &BTreeMap<String, AgentIdentity>) {
        let kinds = |side: &BTreeMap<String, AgentIdentity>| {
            let kind = |agent: &AgentIdentity| {
                let names = agent.implementations.iter().map(|name| product(name));
                let names = joined(names.collect::<BTreeSet<_>>());
                let kind = if agent.is_native { "native" } else { "a command" };
                if names.is_empty() { kind.to_owned() } else { format!("{kind}, {names}") }
            };
            joined(side.values().map(kind))
        };
        self.alike(Aspect::Agents, "", &kinds(a), &kinds(b));
        let implementations = |side: &BTreeMap<String, AgentIdentity>| -> String {
            joined(side.values().flat_map(|agent| &agent.implementations))
        };
        self.remark("version of the agents", &implementations(a), &implementations(b));
        let (pairs, _) = paired(a, b);
        for (name, one, other) in pairs {
            self.inputs(name, &one.inputs, &other.inputs);
        }
    }

    fn inputs(&mut self, agent: &str, a: &BTreeMap<String, Digest>, b: &BTreeMap<String, Digest>) {
        if a.is_empty() || b.is_empty() {
            let count = |files: &BTreeMap<String, Digest>| match files.len() {
                0 => String::new(),
                n => format!("{n} files"),
            };
            return self.told(Aspect::InputFiles, &format!("agent {agent}"), &count(a), &count(b));
        }
        let paths: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
        let other: Vec<&String> =
            paths.into_iter().filter(|&path| a.get(path) != b.get(path)).collect();
        let side = |files: &BTreeMap<String, Digest>, path: &String| {
            files.get(path).map_or_else(|| "not read".to_owned(), ToString::to_string)
        };
        for path in other.iter().take(FILES_LISTED) {
            let subject = format!("agent {agent}, {path}");
            self.alike(Aspect::InputFiles, &subject, &side(a, path), &side(b, path));
        }
        if other.len() > FILES_LISTED {
            let more = format!("agent {agent}, {} more files", other.len() - FILES_LISTED);
            self.alike(Aspect::InputFiles, &more, "as read", "other or not read");
        }
    }

    /// Lists the options that differ, configurations with the same difference
    /// together.
    fn options(&mut self, cells: &[(&str, &Cell, &Cell)]) {
        let mut found: BTreeMap<(String, String, String), Vec<&str>> = BTreeMap::new();
        for (id, a, b) in cells {
            for entry in unlike_entries(&a.options, &b.options) {
                found.entry(entry).or_default().push(id);
            }
        }
        for ((name, one, other), ids) in found {
            let subject = format!("{name} in {}", ids.join(", "));
            self.alike(Aspect::Options, &subject, &one, &other);
        }
    }

    /// Compares what was asked, over the blocks that both cells have.
    ///
    /// A request that follows unlike answers may contain them, so nothing can be
    /// told about it.
    fn requests(&mut self, cells: &[(&str, &Cell, &Cell)]) {
        type Found = (usize, usize, usize, Option<(Asked, Asked)>);
        let mut stages: BTreeMap<(String, Stage), Found> = BTreeMap::new();
        for (_, a, b) in cells {
            for (name, one, other) in paired(&a.requests, &b.requests).0 {
                for (stage, blocks) in one {
                    let (n, n_unlike, n_untold, first) =
                        stages.entry((name.to_owned(), *stage)).or_default();
                    let theirs = other.get(stage);
                    for (block, asked) in blocks {
                        let Some(their) = theirs.and_then(|blocks| blocks.get(block)) else {
                            continue;
                        };
                        *n += 1;
                        if asked.requests == their.requests {
                            continue;
                        }
                        if asked.after == their.after {
                            *n_unlike += 1;
                            first.get_or_insert((*asked, *their));
                        } else {
                            *n_untold += 1;
                        }
                    }
                }
            }
        }
        let mut n_all = 0;
        for ((agent, stage), (n, n_unlike, n_untold, first)) in stages {
            n_all += n;
            let subject = format!("agent {agent}, stage {}", stage.name());
            if let Some((one, other)) = first {
                self.alike(
                    Aspect::Requests,
                    &format!("{subject}, {n_unlike} of {n} runs that match"),
                    &one.requests.to_string(),
                    &other.requests.to_string(),
                );
            }
            if n_untold > 0 {
                let reason = format!(
                    "in {n_untold} of {n} runs that match they follow unlike answers of the \
                     model, which they may contain"
                );
                self.untold.push(Untold { aspect: Aspect::Requests, subject, reason });
            }
        }
        if n_all == 0 {
            let reason = "no measured runs of one configuration and block on both sides".to_owned();
            self.untold.push(Untold { aspect: Aspect::Requests, subject: String::new(), reason });
        }
    }
}

/// Pairs entries by name; single ones are paired whatever their names. Returns
/// whether some have no partner.
fn paired<'a, T>(
    a: &'a BTreeMap<String, T>,
    b: &'a BTreeMap<String, T>,
) -> (Vec<(&'a str, &'a T, &'a T)>, bool) {
    if let (Some((name, one)), 1, Some((_, other)), 1) =
        (a.first_key_value(), a.len(), b.first_key_value(), b.len())
    {
        return (vec![(name, one, other)], false);
    }
    let pairs: Vec<_> =
        a.iter().filter_map(|(name, one)| Some((&**name, one, b.get(name)?))).collect();
    let unpaired = pairs.len() < a.len().max(b.len());
    (pairs, unpaired)
}

fn product(implementation: &str) -> &str {
    implementation.split_once('/').map_or(implementation, |(name, _)| name)
}

/// The protocol and, of a server that Tachograph starts, its settings.
fn settings(server: &ServerFacts) -> BTreeMap<String, String> {
    let mut all = server.managed.clone().unwrap_or_default();
    let by = if server.managed.is_some() { "tacho" } else { "somebody else" };
    all.insert("started by".to_owned(), by.to_owned());
    all.insert("route".to_owned(), server.api.path().to_owned());
    all
}

/// Returns the keys whose values differ, with both.
fn unlike_entries(
    a: &BTreeMap<String, impl Display>,
    b: &BTreeMap<String, impl Display>,
) -> Vec<(String, String, String)> {
    fn text(value: Option<&impl Display>) -> String {
        value.map_or_else(|| "not set".to_owned(), ToString::to_string)
    }
    let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    keys.into_iter()
        .map(|key| (key.clone(), text(a.get(key)), text(b.get(key))))
        .filter(|(_, one, other)| one != other)
        .collect()
}

fn joined(parts: impl IntoIterator<Item = impl ToString>) -> String {
    parts.into_iter().map(|part| part.to_string()).collect::<Vec<_>>().join(", ")
}

/// Returns the word by which a plan names a choice.
fn word(choice: &impl serde::Serialize) -> String {
    match serde_json::to_value(choice) {
        Ok(serde_json::Value::String(word)) => word,
        other => panic!("a choice of a plan is one word, not {other:?}"),
    }
}
