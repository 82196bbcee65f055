//! Concurrent agents against closed forms: the machine is a stated model in virtual
//! time, so that speed-up, slowdown, waits, fairness and overlap have known answers.
#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

#[path = "support/claims.rs"]
mod claims_of;
#[path = "support/fake.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod fake;
#[path = "support/together.rs"]
mod together;

use tachograph_model::event::Event;
use tachograph_model::plan::Plan;
use tachograph_model::run::{Placement, Run};
use tachograph_model::study::StudyHead;
use tachograph_report::{Rendered, RunFacts, analyse, distil, render, verify};

use claims_of::{Claims, TOLERANCE};
use together::{Capacity, Machine, Work};

const AGENTS: [&str; 2] = ["collector", "insight"];

/// One phase with so many agents on one server.
fn on_one_server(counts: &str) -> Plan {
    let rest = format!(
        "[[topologies]]\nname = 'shared'\nservers = ['main']\n[[phases]]\nname = 'p'\n\
         [[phases.matrices]]\nscenarios = ['chimera-homo']\ntopologies = ['shared']\ncounts = {counts}\n"
    );
    together::plan(3, &["main"], &AGENTS, &rest)
}

fn derive(plan: &Plan, machine: &Machine<'_>) -> (StudyHead, Vec<RunFacts>, Rendered) {
    let (head, evidence) = together::study(plan, machine);
    let facts: Vec<RunFacts> = evidence.iter().map(|run| distil(run, plan)).collect();
    let rendered = render(&analyse(&head, &facts));
    (head, facts, rendered)
}

fn claims(plan: &Plan, capacity: Capacity) -> Claims {
    let machine = Machine { group: &|_| (0, capacity), ..Machine::default() };
    Claims::of(&derive(plan, &machine).2)
}

fn id(n: usize) -> String {
    if n == 2 { "p_chimera-homo_shared".to_owned() } else { format!("p_chimera-homo_shared_x{n}") }
}

/// The name of agent number `at` of a run.
fn agent(at: usize) -> String {
    let name = AGENTS[at % 2];
    if at < 2 { name.to_owned() } else { format!("{name}-{}", at / 2 + 1) }
}

#[test]
fn rate_models_have_their_closed_forms_for_two_to_sixteen_agents() {
    let counts: Vec<usize> = (2..=16).collect();
    let plan = on_one_server(&format!("{counts:?}"));
    for slowdown in [0.0, 0.1, 0.25, 1.0, 3.0] {
        let found = claims(&plan, Capacity::Slowdown(slowdown));
        for n in 2..=16 {
            let k = n as f64;
            let slower = 1.0 + slowdown * (k - 1.0);
            let name = |what: &str| format!("together/{}/{what}", id(n));
            found.assert(&name("speedup"), k / slower);
            found.assert(&name("efficiency"), 1.0 / slower);
            found.assert(&name("makespan_ratio"), slower / k);
            found.assert(&name("work_rate_ratio"), k / slower);
            found.assert(&name("balance"), 1.0);
            found.assert(&name("fairness"), 1.0);
            found.assert(&name("overlap"), 1.0);
            for at in 0..n {
                found.assert(&name(&format!("{}/slowdown", agent(at))), slower);
                found.assert(&name(&format!("{}/wait_added", agent(at))), 0.0);
            }
        }
    }
    for (capacity, efficiency) in [
        (Capacity::Independent, Box::new(|_| 1.0) as Box<dyn Fn(f64) -> f64>),
        (Capacity::Shared, Box::new(|k| 1.0 / k)),
    ] {
        let found = claims(&plan, capacity);
        for n in 2..=16 {
            found.assert(&format!("together/{}/efficiency", id(n)), efficiency(n as f64));
        }
    }
}

#[test]
fn queues_have_their_closed_forms_for_two_to_sixteen_agents() {
    // Blocks are of one length here, so that waits have one value.
    let work = |_: &Placement, _: u32| [Work { prompt_s: 0.25, output_s: 0.75, tokens: 40 }; 2];
    for slots in [1, 2, 4] {
        let counts: Vec<usize> =
            (2..=16).filter(|n| n % slots == 0 && *n >= slots && *n > 1).collect();
        let plan = on_one_server(&format!("{counts:?}"));
        let machine =
            Machine { group: &|_| (0, Capacity::Slots(slots)), work: &work, ..Machine::default() };
        let found = Claims::of(&derive(&plan, &machine).2);
        for n in counts {
            let (k, m) = (n as f64, slots as f64);
            let name = |what: &str| format!("together/{}/{what}", id(n));
            // Slots are never idle: 2 k calls of one second on m slots.
            found.assert(&name("makespan"), 2.0 * k / m);
            found.assert(&name("speedup"), m);
            let mut shares = Vec::new();
            let mut sum = 0.0;
            for at in 0..n {
                let before = (at / slots) as f64;
                let again = k / m - 1.0;
                found.assert(
                    &name(&format!("{}/wait_added", agent(at))),
                    f64::midpoint(before, again) * 1e3,
                );
                let together = before + 1.0 + again + 1.0;
                found.assert(&name(&format!("{}/slowdown", agent(at))), together / 2.0);
                shares.push(2.0 / together);
                sum += together;
            }
            found.assert(&name("balance"), sum / (k * 2.0 * k / m));
            let (first, second) = shares
                .iter()
                .fold((0.0, 0.0), |(sum, squares), share| (sum + share, squares + share * share));
            found.assert(&name("fairness"), first * first / (k * second));
        }
    }
}

#[test]
fn a_load_is_paid_once_for_all_agents_of_a_server() {
    let work = |_: &Placement, _: u32| [Work { prompt_s: 0.25, output_s: 0.75, tokens: 40 }; 2];
    let counts: Vec<usize> = (2..=16).collect();
    let plan = on_one_server(&format!("{counts:?}"));
    for load_s in [0.5, 3.0] {
        for capacity in [Capacity::Independent, Capacity::Shared, Capacity::Slots(1)] {
            let machine =
                Machine { group: &|_| (0, capacity), work: &work, load_s, ..Machine::default() };
            let found = Claims::of(&derive(&plan, &machine).2);
            for n in &counts {
                let k = *n as f64;
                // Alone each agent pays the load; together they pay it once.
                let makespan = match capacity {
                    Capacity::Independent => load_s + 2.0,
                    _ => load_s + 2.0 * k,
                };
                let name = |what: &str| format!("together/{}/{what}", id(*n));
                found.assert(&name("makespan"), makespan);
                found.assert(&name("alone_sum"), k * (load_s + 2.0));
                found.assert(&name("speedup"), k * (load_s + 2.0) / makespan);
                // A load is no wait in a queue.
                let again = if let Capacity::Slots(_) = capacity { k - 1.0 } else { 0.0 };
                found.assert(&name("collector/wait_added"), again / 2.0 * 1e3);
                found.assert(&name("collector/wait_alone"), 0.0);
                found.assert(&name("collector/wait"), again / 2.0 * 1e3);
            }
        }
    }
}

#[test]
fn a_twofold_slowdown_is_half_efficient_and_fully_balanced() {
    let plan = on_one_server("[2]");
    let machine = Machine { group: &|_| (0, Capacity::Slowdown(1.0)), ..Machine::default() };
    let (_, _, rendered) = derive(&plan, &machine);
    let found = Claims::of(&rendered);
    found.assert("together/p_chimera-homo_shared/efficiency", 0.5);
    found.assert("together/p_chimera-homo_shared/balance", 1.0);
    found.assert("together/p_chimera-homo_shared/legacy_flags", 0.0);
    found.assert("example/efficiency", 0.5);
    let report = &rendered.report_md;
    for words in ["Balance: **100.0 %**. True efficiency: **50.0 %**.", "with contention"] {
        assert!(report.contains(words), "{words}");
    }
}

#[test]
fn servers_that_compete_are_told_from_servers_that_do_not() {
    let rest = "[[topologies]]\nname = 'apart'\nservers = ['a', 'b']\nexclusive = true\n\
        [[topologies]]\nname = 'crowded'\nservers = ['c', 'd']\nexclusive = true\n\
        [[phases]]\nname = 'p'\n[[phases.matrices]]\nscenarios = ['chimera-homo']\n\
        topologies = ['apart', 'crowded']\n";
    let plan = together::plan(4, &["a", "b", "c", "d"], &AGENTS, rest);
    let machine = Machine {
        group: &|server| match server {
            "a" => (0, Capacity::Independent),
            "b" => (1, Capacity::Independent),
            _ => (2, Capacity::Shared),
        },
        ..Machine::default()
    };
    let (head, facts, rendered) = derive(&plan, &machine);
    let found = Claims::of(&rendered);
    found.assert("group/topology/apart/efficiency", 1.0);
    found.assert("group/topology/crowded/efficiency", 0.5);
    found.assert("group/phase/p/efficiency", (0.5_f64).sqrt());
    found.assert("pairing/p_chimera-homo_crowded/p_chimera-homo_apart/makespan", 2.0);
    let report = &rendered.report_md;
    assert!(
        report.contains("Prefer `p_chimera-homo_apart` to `p_chimera-homo_crowded`"),
        "{report}"
    );
    assert!(report.contains("run them at once; all work is done sooner"), "{report}");
    assert!(report.contains("at once or one after the other makes no difference"), "{report}");
    let published = rendered.files();
    assert!(published.contains_key("reports/multi-agent/report.md"));
    assert!(published.contains_key("runs/p_chimera-homo_apart/summary.md"));
    let verified = verify(&head, &facts, &published);
    assert!(verified.is_clean(), "{:?}", verified.differences);
    let mut flipped = published;
    let text = flipped.get_mut("reports/multi-agent/report.md").unwrap();
    let at = text.windows(6).position(|window| window == b"50.0 %").unwrap();
    text[at] = b'9';
    let verified = verify(&head, &facts, &flipped);
    assert!(verified.differences.iter().any(|difference| difference.claim.is_some()));
}

#[test]
fn work_is_conserved_and_nothing_overlaps_more_than_once() {
    for (capacity, seed) in [
        (Capacity::Independent, 1),
        (Capacity::Shared, 2),
        (Capacity::Slots(1), 3),
        (Capacity::Slots(2), 4),
        (Capacity::Slowdown(0.4), 5),
    ] {
        let plan = on_one_server("[2, 3, 5, 8]");
        let work = |placement: &Placement, block: u32| {
            let salt: u64 = placement.spec.bytes().map(u64::from).sum();
            let mut noise = fake::Noise(seed * 1000 + salt * 31 + u64::from(block));
            let mut call = || Work {
                prompt_s: 0.3 + 0.2 * noise.next(),
                output_s: 1.0 + 0.8 * noise.next(),
                tokens: 40,
            };
            [call(), call()]
        };
        let machine = Machine { group: &|_| (0, capacity), work: &work, ..Machine::default() };
        let found = Claims::of(&derive(&plan, &machine).2);
        for n in [2, 3, 5, 8] {
            let name = |what: &str| format!("together/{}/{what}", id(n));
            let speedup = found.value(&name("speedup"));
            let most = match capacity {
                Capacity::Independent => n as f64,
                Capacity::Shared => 1.0,
                Capacity::Slots(slots) => slots as f64,
                Capacity::Slowdown(by) => n as f64 / (1.0 + by),
            };
            assert!(speedup <= most + TOLERANCE, "{capacity:?} {n}: {speedup}");
            for what in ["overlap", "balance", "fairness"] {
                let share = found.value(&name(what));
                assert!((0.0..=1.0 + TOLERANCE).contains(&share), "{what} {share}");
            }
            if let Capacity::Shared = capacity {
                // One rate that is never idle: together takes what one by one takes.
                found.assert(&name("speedup"), 1.0);
            }
        }
    }
}

#[test]
fn a_failed_agent_keeps_its_run_out_and_is_counted() {
    let plan = on_one_server("[2]");
    let fails = |run: &Run, placement: &Placement| {
        run.id.block == 2 && run.placements.len() == 2 && placement.agent == "insight"
    };
    let machine =
        Machine { group: &|_| (0, Capacity::Shared), fails: &fails, ..Machine::default() };
    let found = Claims::of(&derive(&plan, &machine).2);
    found.assert("apart/p_chimera-homo_shared/failed", 1.0);
    found.assert("together/p_chimera-homo_shared/complete_runs", 2.0);
    found.assert("together/p_chimera-homo_shared/efficiency", 0.5);
}

#[test]
fn a_failed_solo_run_takes_its_concurrent_run_along() {
    let plan = on_one_server("[2]");
    let fails = |run: &Run, _: &Placement| run.id.block == 1 && run.placements.len() == 1;
    let machine =
        Machine { group: &|_| (0, Capacity::Shared), fails: &fails, ..Machine::default() };
    let (_, _, rendered) = derive(&plan, &machine);
    let found = Claims::of(&rendered);
    found.assert("apart/p_chimera-homo_shared/without_solo", 1.0);
    found.assert("together/p_chimera-homo_shared/complete_runs", 2.0);
    assert!(rendered.report_md.contains("enters no comparison"));
}

#[test]
fn runaway_answers_are_kept_apart() {
    let plan = on_one_server("[2]");
    let (head, mut evidence) = together::study(
        &plan,
        &Machine { group: &|_| (0, Capacity::Shared), ..Machine::default() },
    );
    // In block 1 the token limit cuts an answer of a solo run.
    let cut = evidence.iter_mut().find(|run| {
        run.sealed.run.block == 1 && run.sealed.run.configuration.0.starts_with("solo_")
    });
    let finished = cut.unwrap().events.iter_mut().find_map(|recorded| match &mut recorded.event {
        Event::CallFinished(finished) => Some(finished),
        _ => None,
    });
    finished.unwrap().finish_reason = Some("length".to_owned());
    let facts: Vec<RunFacts> = evidence.iter().map(|run| distil(run, &plan)).collect();
    let found = Claims::of(&render(&analyse(&head, &facts)));
    found.assert("apart/p_chimera-homo_shared/runaway", 1.0);
    let id = "together/p_chimera-homo_shared/efficiency_without_runaways";
    found.assert(id, 0.5);
    assert_eq!(found.0[id]["n"], 2, "{}", found.0[id]);
}

#[test]
fn agents_that_begin_apart_are_suspect() {
    let plan = on_one_server("[2]");
    let late = |run: &Run, at: usize| if run.id.block == 3 { 0.2 * at as f64 } else { 0.0 };
    let machine =
        Machine { group: &|_| (0, Capacity::Independent), late_s: &late, ..Machine::default() };
    let (_, _, rendered) = derive(&plan, &machine);
    assert!(rendered.report_md.contains("began further apart than a hundredth of the makespan"));
    Claims::of(&rendered).assert("together/p_chimera-homo_shared/start_spread", 200.0 / 3.0);
}

#[test]
fn a_study_without_complete_blocks_says_so() {
    let plan = on_one_server("[2]");
    let machine =
        Machine { group: &|_| (0, Capacity::Shared), fails: &|_, _| true, ..Machine::default() };
    let (head, facts, rendered) = derive(&plan, &machine);
    assert!(
        rendered.answer().contains("The data do not answer the question"),
        "{}",
        rendered.answer()
    );
    assert!(verify(&head, &facts, &rendered.files()).is_clean());
    let empty = render(&analyse(&head, &[]));
    assert!(empty.answer().contains("The data do not answer the question"));
}

#[test]
fn report_of_growing_numbers_of_agents() {
    let plan = on_one_server("[1, 2, 4]");
    let machine = Machine { group: &|_| (0, Capacity::Slots(1)), ..Machine::default() };
    let (_, _, rendered) = derive(&plan, &machine);
    insta::assert_snapshot!("multi_agent_md", rendered.report_md);
}
