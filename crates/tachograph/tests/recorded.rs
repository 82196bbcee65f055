//! A recorded study of a real model on two managed instances: whatever the machine was
//! doing, some things must hold among its numbers.
#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tachograph_model::plan::expand;
use tachograph_model::run::{Arm, Configuration};
use tachograph_report::{CallFacts, RunFacts, analyse, distil, render};
use tachograph_store::Study;

/// Made by `tacho run two-instances.toml`, the plan in it.
fn study() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/two-instances")
}

struct Recorded {
    planned: Vec<Configuration>,
    facts: Vec<RunFacts>,
    claims: BTreeMap<String, f64>,
}

fn recorded() -> Recorded {
    let folder = study();
    let check = tachograph_store::check(&folder).unwrap();
    assert!(!check.is_damaged(), "{check:?}");
    let study = Study::open(&folder).unwrap();
    let head = study.head().clone();
    let facts: Vec<RunFacts> =
        head.sealed().map(|sealed| distil(study.read_run(sealed).unwrap(), &head.plan)).collect();
    let rendered = render(&analyse(&head, &facts));
    let document: serde_json::Value = serde_json::from_str(&rendered.claims_json).unwrap();
    let claims = document["claims"].as_array().unwrap().iter().filter_map(|claim| {
        let value = &claim["value"];
        let value = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
        Some((claim["id"].as_str()?.to_owned(), value))
    });
    Recorded { planned: expand::configurations(&head.plan), claims: claims.collect(), facts }
}

/// What the server says that it worked on a call, in milliseconds.
fn work_ms(call: &CallFacts) -> f64 {
    let output = call.output_tokens as f64 / call.server_decode_rate().unwrap() * 1e3;
    call.prompt_eval_ms().unwrap() + output
}

#[test]
fn the_numbers_of_a_real_study_agree_with_each_other() {
    let Recorded { planned, facts, claims } = recorded();
    let together = planned.iter().filter(|each| each.arm == Arm::Concurrent);
    let mut n_runs = 0;
    for configuration in together {
        for run in facts.iter().filter(|run| run.id.configuration == configuration.id) {
            n_runs += 1;
            assert!(run.is_measured(), "{}", run.id);
            let makespan = run.wall().unwrap().as_millis();
            let longest = run
                .agents
                .iter()
                .map(|agent| agent.wall().unwrap().as_millis())
                .fold(0.0, f64::max);
            assert!(makespan >= longest, "{}: {makespan} below {longest}", run.id);
            for agent in &run.agents {
                // An agent makes one call at a time, within its own wall time.
                let calls: Vec<&CallFacts> = agent.counted_calls().collect();
                let in_calls: f64 = calls.iter().map(|call| call.e2e_ms().unwrap()).sum();
                assert!(in_calls <= agent.wall().unwrap().as_millis(), "{} {}", run.id, agent.name);
                assert!(
                    calls.windows(2).all(|two| two[0].end().unwrap() <= two[1].sent().unwrap())
                );
            }
            // A server with one slot is never busy for longer than the run.
            let mut busy: BTreeMap<&str, f64> = BTreeMap::new();
            for call in run.calls() {
                *busy.entry(&*call.server).or_default() += work_ms(call);
            }
            assert!(busy.values().all(|busy| *busy <= makespan), "{}: {busy:?}", run.id);
            // Work is conserved: the same prompts, the same tokens, as alone.
            for placement in &configuration.placements {
                let solo = placement.solo.as_ref().unwrap();
                let same = |other: &&RunFacts| {
                    other.id.block == run.id.block && other.id.configuration == *solo
                };
                let alone = &facts.iter().find(same).unwrap().agents[0];
                let agent = run.agent(&placement.agent).unwrap();
                assert_eq!(agent.files, alone.files);
                let first = |calls: &[CallFacts]| {
                    calls.iter().find(|call| !call.is_warmup()).map(|call| call.parity_sha256)
                };
                assert_eq!(first(&agent.calls), first(&alone.calls), "{}", run.id);
                assert_eq!(agent.output_tokens(), alone.output_tokens(), "{}", run.id);
            }
        }
        let claim = |what: &str| claims[&format!("together/{}/{what}", configuration.id)];
        let k = configuration.placements.len() as f64;
        for what in ["overlap", "balance", "fairness"] {
            assert!((0.0..=1.0).contains(&claim(what)), "{what}");
        }
        assert!(claim("fairness") >= 1.0 / k);
        assert!((claim("speedup") / k - claim("efficiency")).abs() < 1e-12);
        assert!((claim("speedup") * claim("makespan_ratio") - 1.0).abs() < 1e-12);
    }
    assert!(n_runs >= 4, "{n_runs} concurrent runs");
}
