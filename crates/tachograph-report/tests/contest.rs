//! Implementations against each other: stated costs must come out as they went in, and
//! whoever does something else, or says what cannot be true, must be caught.
#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

#[path = "support/claims.rs"]
mod claims_of;
#[path = "support/contest.rs"]
mod contest;
#[path = "support/fake.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod fake;
#[path = "support/together.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod together;

use tachograph_model::event::{Event, ProcessResources};
use tachograph_model::plan::Plan;
use tachograph_model::plan::parse::parse;
use tachograph_model::run::{Run, RunId};
use tachograph_model::study::StudyHead;
use tachograph_model::units::DurationNs;
use tachograph_report::{
    Detail, Difference, Rendered, RunFacts, Status, analyse, distil, render, verify,
};

use claims_of::Claims;
use contest::{BACK_MS, Breach, ON_THE_WAY_MS, TOKENS, TWO, Traits};

fn derive(
    plan: &Plan,
    traits: &dyn Fn(&Run) -> Option<Traits>,
) -> (StudyHead, Vec<RunFacts>, Rendered) {
    let (head, evidence) = contest::study(plan, traits);
    let facts: Vec<RunFacts> = evidence.iter().map(|run| distil(run, plan)).collect();
    let rendered = render(&analyse(&head, &facts));
    (head, facts, rendered)
}

/// Traits that vary from block to block, for both alike.
fn native(block: u32) -> Traits {
    let shift = f64::from(block);
    Traits { ingest_ms: 2.0 + 0.1 * shift, pace_ms: 10.0 + 0.2 * shift, ..Traits::default() }
}

fn is_python(run: &Run) -> bool {
    run.placements[0].agent.starts_with("python")
}

/// The native agent, and a Python agent made of it.
fn both(change: impl Fn(Traits) -> Traits) -> impl Fn(&Run) -> Option<Traits> {
    move |run| {
        let traits = native(run.id.block);
        Some(if is_python(run) { change(traits) } else { traits })
    }
}

/// Returns what verification finds wrong with the published report.
fn faults(head: &StudyHead, facts: &[RunFacts], rendered: &Rendered) -> Vec<Difference> {
    verify(head, facts, &rendered.files()).differences
}

fn status(rendered: &Rendered, claim: &str) -> String {
    let claims = Claims::of(rendered);
    claims.0[claim]["validity"].as_str().unwrap().to_owned()
}

#[test]
fn stated_costs_come_out_as_they_went_in() {
    let plan = contest::plan(6, TWO, "[factors]\ntemperature = [0.2, 0.8]\n");
    let change = |traits: Traits| Traits {
        startup_ms: 204.0,
        ingest_ms: traits.ingest_ms + 30.0,
        call_ms: 2.5,
        token_ms: 5.01,
        user_cpu_ms: 60.0,
        system_cpu_ms: 20.0,
        rss_mb: 58.0,
        threads: 4,
        ..traits
    };
    let (head, facts, rendered) = derive(&plan, &both(change));
    let claims = Claims::of(&rendered);
    let name = |what: &str| format!("contest/live/python/{what}");
    let n_tokens = f64::from(TOKENS[0] + TOKENS[1]);
    for (quantity, difference) in [
        ("startup", 200.0),
        ("stage_ingest", 30.0),
        ("stage_analysis", 2.0 + 5.0 * f64::from(TOKENS[0])),
        ("stage_report", 2.0 + 5.0 * f64::from(TOKENS[1])),
        ("overhead_per_call", 2.0 + 5.0 * n_tokens / 2.0),
        ("overhead_per_token", (4.0 / n_tokens + 5.0) * 1e3),
        ("outside_calls", 30.0 + 4.0 + 5.0 * n_tokens),
        ("peak_rss", 50.0),
        ("cpu", 72.0),
        ("user_cpu", 54.0),
        ("system_cpu", 18.0),
        ("threads", 3.0),
        ("own_ttft_excess", 0.0),
    ] {
        claims.assert(&name(&format!("{quantity}/difference")), difference);
    }
    // Before the request, its way to the instrument, and after the answer.
    claims.assert(
        &name("overhead_per_call/mean/native"),
        0.5 + ON_THE_WAY_MS + 0.01 * n_tokens / 2.0,
    );
    claims.assert(&name("run_wall/difference"), (30.0 + 4.0 + 5.0 * n_tokens) / 1e3);
    claims.assert(&name("peak_rss/ratio"), 58.0 / 8.0);
    claims.assert(&name("cpu_per_token/ratio"), 10.0);
    claims.assert(&name("cpu_per_token/mean/python"), 80.0 * 1e3 / n_tokens);
    // The agent's request goes over two stretches before the instrument's stamp.
    claims.assert(&name("own_ttft_excess/mean/native"), 2.0 * ON_THE_WAY_MS + BACK_MS);
    // What only the server decides is the same for both.
    for quantity in ["server_decode_rate", "prompt_eval", "e2e", "output_tokens", "tpot"] {
        claims.assert(&name(&format!("{quantity}/difference")), 0.0);
    }
    assert!(rendered.report_md.contains("no result about a language"));
    assert_eq!(faults(&head, &facts, &rendered), []);
}

#[test]
fn calls_are_those_of_the_tap() {
    let plan = contest::plan(2, TWO, "");
    let (head, evidence) = contest::study(&plan, &both(|traits| traits));
    let facts: Vec<RunFacts> = evidence.iter().map(|run| distil(run, &plan)).collect();
    for run in &facts {
        let agent = &run.agents[0];
        let own = agent.own_calls.as_ref().unwrap();
        assert_eq!((agent.calls.len(), own.len()), (2, 2));
        assert_eq!(agent.calls[1].stage, own[1].stage, "stages follow the agent's marks");
        let (seen, own) = (&agent.calls[0], &own[0]);
        let apart = seen.sent().unwrap().since(own.sent().unwrap()).unwrap();
        assert!((apart.as_millis() - 2.0 * ON_THE_WAY_MS).abs() < 1e-9);
        assert!(seen.line > 0 && seen.line != own.line);
    }
    assert_eq!(analyse(&head, &facts).validity(), Status::Valid);
}

#[test]
fn the_same_request_in_another_spelling_is_the_same() {
    let plan = contest::plan(3, TWO, "");
    let change = |traits| Traits { breach: Breach::Spelling, ..traits };
    let claims = Claims::of(&derive(&plan, &both(change)).2);
    claims.assert("contest/live/python/parity/breaches", 0.0);
    claims.assert("contest/live/python/parity/requests", 6.0);
    claims.assert("contest/live/python/parity/files", 6.0);
    claims.assert("contest/live/python/run_wall/ratio", 1.0);
}

#[test]
fn every_breach_of_parity_is_caught_shown_and_blocks_the_claims() {
    let plan = contest::plan(3, TWO, "");
    for (breach, title, place, shown) in [
        (Breach::PromptByte, "another prompt", "/prompt", "Tell ma of"),
        (Breach::Option, "another option", "/options/seed", "`8`"),
        (Breach::OtherModel, "another model", "/model", "\"n\""),
        (Breach::MissingFile, "other files", "notes.md", "nothing"),
        (Breach::OtherFile, "other files", "notes.md", "100 bytes"),
        (Breach::ExtraCall, "another number of calls", "calls", "`3`"),
        (Breach::OtherStage, "calls of other stages", "stage", "analysis"),
        (Breach::OtherServer, "another server", "model digest", "sha256:b"),
    ] {
        let change = move |traits| Traits { breach, ..traits };
        let (head, facts, rendered) = derive(&plan, &both(change));
        let claims = Claims::of(&rendered);
        assert!(claims.value("contest/live/python/parity/breaches") > 0.0, "{breach:?}");
        for shown in [title, place, shown] {
            assert!(rendered.report_md.contains(shown), "{breach:?} lacks {shown:?}");
        }
        let compared = |id: &&String| {
            id.starts_with("contest/") && (id.ends_with("/ratio") || id.ends_with("/difference"))
        };
        assert_eq!(claims.0.keys().find(compared), None, "{breach:?} claims something");
        assert!(!claims.0.keys().any(|id| id.contains("spread_p")), "{breach:?}");
        assert!(rendered.report_md.contains("nothing is claimed"));
        let advice = match breach {
            // A server that changed makes the whole study invalid.
            Breach::OtherServer => "Do not decide anything from this study",
            _ => "until it does the same work",
        };
        assert!(rendered.report_md.contains(advice), "{breach:?}");
        // Means stay, and are marked.
        assert_eq!(status(&rendered, "contest/live/python/run_wall/mean/python"), "invalid");
        assert_eq!(faults(&head, &facts, &rendered), []);
    }
}

#[test]
fn prompts_that_quote_other_answers_are_compared_apart_from_these() {
    let plan = contest::plan(3, TWO, "");
    // Each run has an answer of its own, and quotes it in its second prompt.
    let quoting = |fixed: &dyn Fn(bool) -> &'static str| {
        let (head, mut evidence) = contest::study(&plan, &both(|traits| traits));
        for (number, run) in evidence.iter_mut().enumerate() {
            let is_python = run.sealed.run.configuration.0.starts_with("python");
            let said = format!("figure{number} rises.");
            for recorded in &mut run.events {
                match &mut recorded.event {
                    Event::Chunk(chunk) if chunk.call == 0 && chunk.text.is_some() => {
                        chunk.text = Some(format!("**{said}** "));
                    }
                    Event::CallSent(sent) if sent.call == 1 => {
                        let prompt = format!("{} Summary: {said} Use it.", fixed(is_python));
                        sent.request =
                            serde_json::json!({"model": "m", "prompt": prompt}).to_string();
                    }
                    _ => {}
                }
            }
        }
        let facts: Vec<RunFacts> = evidence.iter().map(|run| distil(run, &plan)).collect();
        render(&analyse(&head, &facts))
    };
    let same = quoting(&|_| "Write from notes.");
    let claims = Claims::of(&same);
    claims.assert("contest/live/python/parity/breaches", 0.0);
    claims.assert("contest/live/python/parity/apart_from_answers", 3.0);
    assert!(same.report_md.contains("apart from the words of the answers"));
    let other =
        quoting(&|is_python| if is_python { "Write to notes." } else { "Write from notes." });
    assert!(other.report_md.contains("another prompt"));
    assert!(!Claims::of(&other).0.contains_key("contest/live/python/run_wall/ratio"));
}

#[test]
fn a_breach_on_one_server_leaves_the_other() {
    let agents = TWO.replace("agents = [", "servers = ['live', 'tape']\nagents = [");
    let plan = contest::plan(3, &agents, "");
    let traits = |run: &Run| {
        let breach = is_python(run) && run.placements[0].server == "live";
        let traits = native(run.id.block);
        Some(if breach { Traits { breach: Breach::Option, ..traits } } else { traits })
    };
    let claims = Claims::of(&derive(&plan, &traits).2);
    claims.assert("contest/tape/python/parity/breaches", 0.0);
    claims.assert("contest/tape/python/run_wall/ratio", 1.0);
    assert!(!claims.0.contains_key("contest/live/python/run_wall/ratio"));
}

#[test]
fn a_breach_in_one_block_is_a_breach() {
    let plan = contest::plan(4, TWO, "");
    let traits = |run: &Run| {
        let breach =
            if is_python(run) && run.id.block == 3 { Breach::Option } else { Breach::None };
        Some(Traits { breach, ..native(run.id.block) })
    };
    let claims = Claims::of(&derive(&plan, &traits).2);
    claims.assert("contest/live/python/parity/breach/0/pairs", 1.0);
    claims.assert("contest/live/python/parity/pairs", 4.0);
    assert!(!claims.0.contains_key("contest/live/python/run_wall/ratio"));
}

#[test]
fn an_agent_that_lies_about_its_timings_is_flagged() {
    let plan = contest::plan(3, TWO, "");
    let lie = |lie_ms: f64| both(move |traits| Traits { lie_ms, ..traits });
    let (head, facts, rendered) = derive(&plan, &lie(5.0));
    assert_eq!(analyse(&head, &facts).validity(), Status::Invalid);
    assert!(rendered.report_md.contains("had the first token before it came"));
    assert_eq!(status(&rendered, "contest/live/python/run_wall/ratio"), "invalid");
    // Half a millisecond lies within what reading two clocks may cost.
    let (head, facts, _) = derive(&plan, &lie(0.5));
    assert_eq!(analyse(&head, &facts).validity(), Status::Valid);
}

#[test]
fn what_an_agent_leaves_out_or_dates_outside_its_life_is_flagged() {
    let plan = contest::plan(2, TWO, "");
    let (head, mut evidence) = contest::study(&plan, &both(|traits| traits));
    let run = evidence.iter_mut().find(|run| run.sealed.run.configuration.0.starts_with("py"));
    let run = run.unwrap();
    let name = run.sealed.run.to_string();
    let is_second = |event: &Event| match event {
        Event::CallSent(sent) => sent.call == 1,
        Event::Chunk(chunk) => chunk.call == 1,
        Event::CallFinished(finished) => finished.call == 1,
        _ => false,
    };
    run.events.retain(|recorded| recorded.source != "python" || !is_second(&recorded.event));
    let facts: Vec<RunFacts> = evidence.iter().map(|run| distil(run, &plan)).collect();
    let rendered = render(&analyse(&head, &facts));
    let text = &rendered.report_md;
    assert!(text.contains("another number of calls than the instrument saw"), "{name}");
    let excess = "contest/live/python/own_ttft_excess/difference";
    assert!(!Claims::of(&rendered).0.contains_key(excess), "one of two blocks is left");

    let (head, mut evidence) = contest::study(&plan, &both(|traits| traits));
    for recorded in &mut evidence[0].events {
        if let Event::Done(done) = &mut recorded.event {
            done.at_ns.0 += 1_000_000_000;
        }
    }
    let facts: Vec<RunFacts> = evidence.iter().map(|run| distil(run, &plan)).collect();
    let analysis = analyse(&head, &facts);
    assert_eq!(analysis.validity(), Status::Invalid);
    assert!(render(&analysis).report_md.contains("of something after it had ended"));
}

#[test]
fn an_agent_without_the_protocol_is_compared_by_what_can_be_seen() {
    let agents = TWO.replace(
        "implementation = 'python-httpx'",
        "command = ['mine', '{url}']\nprotocol = 'none'",
    );
    let plan = contest::plan(4, &agents, "");
    let (head, facts, rendered) = derive(&plan, &both(|traits| Traits { rss_mb: 16.0, ..traits }));
    let python = facts.iter().find(|run| run.id.configuration.0.starts_with("py")).unwrap();
    let agent = &python.agents[0];
    assert_eq!((agent.calls.len(), agent.own_calls.as_ref()), (2, None));
    assert!(agent.wall().is_some() && agent.startup.is_none());
    let claims = Claims::of(&rendered);
    claims.assert("contest/live/python/peak_rss/ratio", 2.0);
    claims.assert("contest/live/python/ttft_warm/difference", 0.0);
    assert!(!claims.0.contains_key("contest/live/python/startup/difference"));
    assert!(rendered.report_md.contains("the requests alone were compared"));
    assert_eq!(faults(&head, &facts, &rendered), []);
}

#[test]
fn cells_that_one_implementation_lacks_enter_no_comparison() {
    let agents = TWO.replace(
        "implementation = 'python-httpx'",
        "implementation = 'python-httpx'\nwithout = ['temp0p8']",
    );
    let plan = contest::plan(3, &agents, "[factors]\ntemperature = [0.2, 0.8]\n");
    let traits = |run: &Run| {
        let slow = run.id.configuration.0.ends_with("temp0p8");
        let traits = native(run.id.block);
        Some(if slow { Traits { pace_ms: 90.0, ..traits } } else { traits })
    };
    let (_, _, rendered) = derive(&plan, &traits);
    let claims = Claims::of(&rendered);
    claims.assert("contest/live/python/run_wall/ratio", 1.0);
    assert!(rendered.report_md.contains("is executed by `native` only"));
}

#[test]
fn a_block_counts_if_both_have_every_run() {
    let plan = contest::plan(4, TWO, "");
    let traits = |run: &Run| {
        let lost = is_python(run) && run.id.block == 2;
        let traits = native(run.id.block);
        let slow = Traits { call_ms: 100.5, ..traits.clone() };
        (!lost).then(|| if is_python(run) { slow } else { traits })
    };
    let claims = Claims::of(&derive(&plan, &traits).2);
    let n = |id: &str| claims.0[id]["n"].as_u64();
    assert_eq!(n("contest/live/python/run_wall/difference"), Some(3));
    claims.assert("contest/live/python/run_wall/difference", 0.2);
}

#[test]
fn configurations_of_a_recording_are_not_held_against_each_other() {
    let mut plan = contest::plan(5, TWO, "[factors]\nnum_ctx = [256]\n");
    let live = plan.servers.iter_mut().find(|server| server.name == "live").unwrap();
    live.url = None;
    live.managed = Some(
        serde_json::from_value(serde_json::json!({"engine": "cassette", "cassette": "x"})).unwrap(),
    );
    let claims = Claims::of(&derive(&plan, &|run| Some(native(run.id.block))).2);
    assert!(claims.0.keys().all(|id| !id.starts_with("tuning/")));
    claims.assert("contest/live/python/run_wall/ratio", 1.0);
}

#[test]
fn tuned_options_are_judged_within_each_implementation() {
    let plan = contest::plan(5, TWO, "[factors]\nnum_ctx = [256]\n");
    let traits = |run: &Run| {
        let tuned = run.id.configuration.0.ends_with("ctx256");
        let mut traits = native(run.id.block);
        if tuned {
            // Half the pace for the native agent; nothing for the other.
            traits.pace_ms *= if is_python(run) { 1.0 } else { 0.5 };
            traits.prompt_ms *= if is_python(run) { 1.0 } else { 0.5 };
        }
        Some(traits)
    };
    let claims = Claims::of(&derive(&plan, &traits).2);
    claims.assert("tuning/native/live/better", 1.0);
    claims.assert("tuning/python/live/equivalent", 1.0);
    claims.assert("tuning/python/live/ctx256/ratio", 1.0);
    assert!(claims.value("tuning/native/live/ctx256/ratio") < 0.6);
}

#[test]
fn spreads_are_compared_cell_by_cell() {
    let plan = contest::plan(12, TWO, "");
    let traits = |run: &Run| {
        let sign = if run.id.block.is_multiple_of(2) { 1.0 } else { -1.0 };
        let by = f64::from(run.id.block) * sign * if is_python(run) { 8.0 } else { 0.2 };
        Some(Traits { ingest_ms: 150.0 + by, ..Traits::default() })
    };
    let claims = Claims::of(&derive(&plan, &traits).2);
    let name = |what: &str| format!("contest/live/python/of/baseline_default/{what}");
    let ratio = claims.value(&name("sd/python")) / claims.value(&name("sd/native"));
    assert!((ratio - 40.0).abs() < 1e-6, "{ratio}");
    assert!(claims.value(&name("spread_p_holm")) < 0.001);
}

const PRICES: &str = "[cost]\ncurrency = 'EUR'\nrequests_per_month = 3_600_000\n\
     instance_price_per_hour = 2.0\ninstance_memory_gib = 1.0\ninstance_cpus = 2.0\n";

#[test]
fn costs_follow_from_what_binds_and_break_even_from_savings() {
    let prices = format!("{PRICES}development = {{ native = 24_000.0, python = 12_000.0 }}\n");
    let plan = contest::plan(5, TWO, &prices);
    // CPU binds: 0.2 s on two processors are 0.1 instance seconds; memory is next to none.
    let traits = |run: &Run| {
        let cpu = if is_python(run) { 2_000.0 } else { 200.0 } + f64::from(run.id.block);
        let traits = native(run.id.block);
        Some(Traits { user_cpu_ms: cpu, system_cpu_ms: 0.0, rss_mb: 1.0, ..traits })
    };
    let (head, facts, rendered) = derive(&plan, &traits);
    let claims = Claims::of(&rendered);
    claims.assert("cost/native/instance_seconds_cpu", 0.1015);
    claims.assert("cost/native/per_month", 0.1015 * 1_000.0 * 2.0);
    claims.assert("cost/python/per_month", 1.0015 * 1_000.0 * 2.0);
    claims.assert("cost/python/saving", -1_800.0);
    claims.assert("cost/python/break_even", 12_000.0 / 1_800.0);
    assert!(rendered.report_md.contains("do not run `python`"));
    assert_eq!(faults(&head, &facts, &rendered), []);
}

#[test]
fn memory_binds_where_it_is_the_larger_share() {
    let plan = contest::plan(3, TWO, PRICES);
    let gib = f64::from(1_u32 << 30) / 1e6;
    let traits = |run: &Run| {
        let rss_mb = if is_python(run) { gib / 2.0 } else { gib / 4.0 };
        Some(Traits { rss_mb, ..Traits::default() })
    };
    let claims = Claims::of(&derive(&plan, &traits).2);
    // Half a gibibyte of one for start-up and wall time.
    let wall_s = claims.value("contest/live/python/run_wall/mean/python");
    claims.assert("cost/python/instance_seconds_memory", (wall_s + 0.004) * 0.5);
    claims.assert("cost/python/per_month", (wall_s + 0.004) * 1_000.0);
    assert!(!claims.0.contains_key("cost/python/break_even"), "no development is priced");
}

#[test]
fn no_break_even_follows_from_a_saving_that_may_be_none() {
    let prices = format!("{PRICES}development = {{ native = 24_000.0, python = 12_000.0 }}\n");
    let plan = contest::plan(4, TWO, &prices);
    let traits = |run: &Run| {
        let up = run.id.block.is_multiple_of(2) == is_python(run);
        let cpu = if up { 210.0 } else { 200.0 };
        Some(Traits { user_cpu_ms: cpu, rss_mb: 1.0, ..Traits::default() })
    };
    let (_, _, rendered) = derive(&plan, &traits);
    assert!(rendered.report_md.contains("the data do not say which is cheaper to run"));
    assert!(!Claims::of(&rendered).0.contains_key("cost/python/break_even"));
}

#[test]
fn a_metric_of_the_server_supports_no_claim_about_a_client() {
    let agents = format!("{TWO}[primary]\nmetric = 'server_decode_rate'\n");
    let plan = contest::plan(3, &agents, "");
    let traits = |run: &Run| {
        let pace_ms = if is_python(run) { 12.0 } else { 10.0 };
        Some(Traits { pace_ms, ..Traits::default() })
    };
    let text = derive(&plan, &traits).2.report_md;
    assert!(text.contains("is decided by the server: it can say nothing about"));
    assert!(text.contains("choose another one"));
}

#[test]
fn capacity_is_that_of_the_runs_at_once() {
    let rest = "instrument = 'agents'\n[implementations]\nagents = ['native', 'python']\n\
         [[phases]]\nname = 'native-only'\n[[phases.matrices]]\nscenarios = ['chimera-homo']\n\
         agents = ['native']\ncounts = [4]\ntopologies = ['shared']\n\
         [[phases]]\nname = 'hybrid'\n[[phases.matrices]]\nscenarios = ['mixed']\n\
         agents = ['native', 'native', 'native', 'python']\ntopologies = ['shared']\n";
    let plan = contest_and_phases(rest);
    let machine = together::Machine {
        group: &|_| (0, together::Capacity::Slowdown(0.5)),
        work: &|_, _| [together::Work { prompt_s: 0.25, output_s: 0.75, tokens: 40 }; 2],
        ..together::Machine::default()
    };
    let (head, mut evidence) = together::study(&plan, &machine);
    for recorded in evidence.iter_mut().flat_map(|run| &mut run.events) {
        if let Event::ProcessExited(exited) = &mut recorded.event {
            let peak = if exited.agent.starts_with("python") { 400_000_000 } else { 100_000_000 };
            exited.resources = Some(resources(peak));
        }
        // The made-up requests name their agents.
        if let Event::CallSent(sent) = &mut recorded.event {
            sent.request = sent.request.replace("python", "native");
        }
    }
    let facts: Vec<RunFacts> = evidence.iter().map(|run| distil(run, &plan)).collect();
    let rendered = render(&analyse(&head, &facts));
    let claims = Claims::of(&rendered);
    // Two calls of one second, each two and a half times as long among four.
    let name = |what: &str| format!("capacity/native-only_chimera-homo_shared_x4/{what}");
    claims.assert(&name("rate"), 4.0 * 60.0 / 5.0);
    claims.assert(&name("agents/native"), 4.0);
    claims.assert(&name("memory"), 0.4);
    claims.assert(&name("rate_per_gb"), 4.0 * 60.0 / 5.0 / 0.4);
    claims.assert(&name("efficiency"), 0.4);
    claims.assert("capacity/hybrid_mixed_shared_x4/memory", 0.7);
    claims.assert("capacity/hybrid_mixed_shared_x4/agents/native", 3.0);
    claims.assert("capacity/hybrid_mixed_shared_x4/agents/python", 1.0);
    claims.assert("capacity/hybrid_mixed_shared_x4/ratio", 0.4 / 0.7);
    claims.assert("contest/main/python/run_wall/ratio", 1.0);
    // Runs of one implementation wait for no common start.
    let n_of_phases = evidence.iter().filter(|run| is_of_phase(&run.sealed.run)).count();
    assert_eq!(evidence.len() - n_of_phases, 6);
    claims.assert("validity/agents-began-together/looked", n_of_phases as f64);
    assert_eq!(faults(&head, &facts, &rendered), []);
}

fn is_of_phase(run: &RunId) -> bool {
    let name = &run.configuration.0;
    name.starts_with("solo_") || name.contains("_shared")
}

fn contest_and_phases(rest: &str) -> Plan {
    let text = "schema = 'tachograph-plan/1'\nname = 'both'\nseed = 5\nblocks = 3\n\
         [[servers]]\nname = 'main'\nmodel = 'm'\nurl = 'http://127.0.0.1:9001'\n\
         [[topologies]]\nname = 'shared'\nservers = ['main']\n\
         [[agents]]\nname = 'native'\nserver = 'main'\n\
         [[agents]]\nname = 'python'\nserver = 'main'\nimplementation = 'python-httpx'\n";
    let (instrument, tables) = rest.split_once('\n').unwrap();
    let text = text.replace("blocks = 3\n", &format!("blocks = 3\n{instrument}\n"));
    parse(&(text + tables)).unwrap_or_else(|error| panic!("{error:?}")).plan
}

fn resources(peak_rss_bytes: u64) -> ProcessResources {
    ProcessResources {
        user_cpu_ns: DurationNs(6_000_000),
        system_cpu_ns: DurationNs(2_000_000),
        peak_rss_bytes,
        voluntary_switches: 100,
        involuntary_switches: 5,
        threads_seen: None,
    }
}

#[test]
fn everything_is_listed_in_tables() {
    let plan = contest::plan(4, TWO, "");
    let change = |traits: Traits| Traits { rss_mb: 16.0, ..traits };
    let (head, facts, _) = derive(&plan, &both(change));
    let analysis = analyse(&head, &facts);
    let csv = Detail::of(&head, &facts, &analysis, &[]).csv();
    let row = |file: &str, with: &str| -> String {
        let lines = csv[file].lines();
        lines.filter(|line| line.contains(with)).map(str::to_owned).collect::<String>()
    };
    assert!(row("implementations.csv", "peak_rss").contains("worse"));
    assert!(row("implementations.csv", "server_decode_rate").contains("server"));
    assert!(row("implementation_cells.csv", "baseline_default").contains("equivalent"));
    assert!(row("parity.csv", "python").contains("python,live,4,8,0,8,0"));
}

#[test]
fn a_study_with_nothing_measured_says_so() {
    let plan = contest::plan(3, TWO, "");
    let (head, facts, rendered) = derive(&plan, &|_| None);
    assert!(rendered.report_md.contains("fewer than two blocks"));
    assert_eq!(faults(&head, &facts, &rendered), []);
}
