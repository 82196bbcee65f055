//! Each check finds what is planted for it, and nothing in a sound study.

#[path = "support/fake.rs"]
mod fake;

use fake::{Noise, Shape};
use tachograph_model::event::{CallStatus, Event};
use tachograph_model::run::Run;
use tachograph_model::study::RunEvidence;
use tachograph_report::{Rendered, Status, analyse, distil, render};

const HEAD: &str = "server_policy = \"unload\"";
const TABLES: &str = "[factors]\nnum_ctx = [512, 1024]\ntemperature = [0.2, 0.9]\n";

fn sound(run: &Run, noise: &mut Noise) -> Shape {
    let id = &run.id.configuration.0;
    let context = if id.starts_with("ctx512") { 512 } else { 1024 };
    Shape {
        rate: 100.0 + noise.next(),
        context: if id.starts_with("ctx") { context } else { 4096 },
        answer: if id.ends_with("0p9") { "hot".to_owned() } else { "cool".to_owned() },
        ..Shape::default()
    }
}

/// Renders a study whose first tuned runs of block 2 are spoiled.
fn spoiled(spoil: impl Fn(&mut Shape), after: impl Fn(&mut RunEvidence)) -> (Status, Rendered) {
    let plan = fake::plan(3, HEAD, TABLES);
    let mut shape = |run: &Run, noise: &mut Noise| {
        let mut shape = sound(run, noise);
        if run.id.to_string() == "ctx512_temp0p2/run_002" {
            spoil(&mut shape);
        }
        Some(shape)
    };
    let (head, mut evidence) = fake::study(&plan, &mut shape);
    for run in &mut evidence {
        if run.sealed.run.to_string() == "ctx512_temp0p2/run_002" {
            after(run);
        }
    }
    let facts: Vec<_> = evidence.iter().map(|run| distil(run, &plan)).collect();
    let analysis = analyse(&head, &facts);
    (analysis.validity(), render(&analysis))
}

fn check(title: &str, expected: Status, spoil: impl Fn(&mut Shape)) {
    check_events(title, expected, spoil, |_| ());
}

fn check_events(
    title: &str,
    expected: Status,
    spoil: impl Fn(&mut Shape),
    after: impl Fn(&mut RunEvidence),
) {
    let (status, rendered) = spoiled(spoil, after);
    assert_eq!(status, expected, "{title}");
    let row = rendered.report_md.lines().find(|line| line.starts_with(&format!("| {title} |")));
    let row = row.unwrap_or_else(|| panic!("no row for {title}"));
    let name = format!("**{}**", expected.name());
    assert!(row.contains(&name), "{row}");
}

#[test]
fn a_sound_study_is_valid() {
    let (status, rendered) = spoiled(|_| (), |_| ());
    assert_eq!(status, Status::Valid);
    assert!(rendered.report_md.contains("no check found anything"));
    assert!(!rendered.report_md.contains("not checked"), "every check had data");
}

#[test]
fn slow_and_busy_clients_are_suspect() {
    check("the client read data in time", Status::Suspect, |shape| shape.delay_us = 40_000);
    check("the client was not short of CPU", Status::Suspect, |shape| shape.cpu = 0.95);
}

#[test]
fn a_clock_step_voids_kernel_stamps() {
    check("no step of the real-time clock", Status::Invalid, |shape| {
        shape.clock_step_ns = 900_000_000;
    });
    check("no step of the real-time clock", Status::Suspect, |shape| {
        shape.clock_step_ns = -900_000_000;
        shape.kernel = false;
    });
}

#[test]
fn caches_and_cut_prompts_are_found() {
    check("the prompt cache is as planned", Status::Invalid, |shape| shape.cached = 400);
    check("prompts were really evaluated", Status::Suspect, |shape| shape.prompt_ms = 2.0);
    check("no prompt was cut", Status::Suspect, |shape| shape.prompt_tokens = 300);
    let (status, rendered) = spoiled(|shape| shape.cached = 9, |_| ());
    assert_eq!(status, Status::Valid, "a chat template is no cache");
    assert!(rendered.report_md.contains("valid, with a remark"));
}

#[test]
fn other_servers_and_inputs_are_invalid() {
    check("same server and model in every run", Status::Invalid, |shape| {
        shape.model_digest = "sha256:beef".to_owned();
    });
    check("the context length is the one asked for", Status::Suspect, |shape| {
        shape.context = 2048;
    });
    check_events(
        "same input files in every run",
        Status::Invalid,
        |_| (),
        |run| {
            run.events.retain(|recorded| !matches!(recorded.event, Event::FileIngested(_)));
        },
    );
}

#[test]
fn token_counts_degenerate_answers_and_failed_resets_are_suspect() {
    check_events(
        "token counts agree with chunks",
        Status::Suspect,
        |_| (),
        |run| {
            for recorded in &mut run.events {
                if let Event::CallFinished(finished) = &mut recorded.event {
                    finished.usage.output_tokens = Some(3);
                }
            }
        },
    );
    check("answers are not degenerate", Status::Suspect, |shape| shape.tokens = [1, 90]);
    check_events(
        "server resets succeeded",
        Status::Suspect,
        |_| (),
        |run| {
            for recorded in &mut run.events {
                if let Event::ServerReset(reset) = &mut recorded.event {
                    reset.error = Some("no answer".to_owned());
                }
            }
        },
    );
}

#[test]
fn foreign_load_and_stolen_time_are_suspect() {
    let busy = |stolen: bool| {
        move |run: &mut RunEvidence| {
            for recorded in run.events.iter_mut().rev() {
                if let Event::Conditions(sample) = &mut recorded.event {
                    let counter = if stolen {
                        &mut sample.conditions.stolen_cpu_ns
                    } else {
                        &mut sample.conditions.busy_cpu_ns
                    };
                    *counter = counter.map(|nanos| nanos + 3_000_000_000);
                    return;
                }
            }
        }
    };
    check_events("no foreign load on the machine", Status::Suspect, |_| (), busy(false));
    check_events("no CPU stolen by the hypervisor", Status::Suspect, |_| (), busy(true));
}

/// A load that is the same in every run hides from the typical run, but not from
/// what the server of the study can use.
#[test]
fn steady_foreign_load_beside_a_managed_server_is_suspect() {
    let mut plan = fake::plan(3, HEAD, TABLES);
    plan.servers[0].url = None;
    plan.servers[0].managed =
        Some(serde_json::from_str(r#"{"engine": "llama", "threads": 1}"#).unwrap());
    let (head, mut evidence) = fake::study(&plan, &mut |run, noise| Some(sound(run, noise)));
    let validity = |evidence: &[RunEvidence]| {
        let facts: Vec<_> = evidence.iter().map(|run| distil(run, &plan)).collect();
        analyse(&head, &facts).validity()
    };
    assert_eq!(validity(&evidence), Status::Valid);
    for run in &mut evidence {
        let mut samples = run.events.iter_mut().filter_map(|recorded| match &mut recorded.event {
            Event::Conditions(sample) => Some(sample),
            _ => None,
        });
        let (before, after) = (samples.next().unwrap(), samples.next().unwrap());
        let span = after.at_ns.since(before.at_ns).unwrap().0;
        after.conditions.busy_cpu_ns = before.conditions.busy_cpu_ns.map(|busy| busy + 2 * span);
    }
    assert_eq!(validity(&evidence), Status::Suspect);
}

/// A server that ignores `num_ctx` and `temperature` is told from one that obeys.
#[test]
fn levels_that_the_server_ignores_are_named() {
    let plan = fake::plan(3, HEAD, TABLES);
    let mut shape = |run: &Run, noise: &mut Noise| {
        let ignorant = Shape { context: 4096, answer: "same".to_owned(), ..sound(run, noise) };
        Some(ignorant)
    };
    let (head, evidence) = fake::study(&plan, &mut shape);
    let facts: Vec<_> = evidence.iter().map(|run| distil(run, &plan)).collect();
    let report = render(&analyse(&head, &facts)).report_md;
    assert!(report.contains("`num_ctx`: levels `512` and `1024` had the same context length"));
    assert!(report.contains("`temperature`: levels `0.2` and `0.9` gave byte-identical answers"));
    let (_, obeyed) = spoiled(|_| (), |_| ());
    assert!(!obeyed.report_md.contains("byte-identical"));
}

#[test]
fn arms_that_fail_more_often_are_suspect() {
    let plan = fake::plan(6, HEAD, TABLES);
    let mut shape = |run: &Run, noise: &mut Noise| {
        let fails = run.id.configuration.0 == "ctx512_temp0p2";
        let report = if fails { CallStatus::Timeout } else { CallStatus::Completed };
        Some(Shape { report, ..sound(run, noise) })
    };
    let (head, evidence) = fake::study(&plan, &mut shape);
    let facts: Vec<_> = evidence.iter().map(|run| distil(run, &plan)).collect();
    let analysis = analyse(&head, &facts);
    assert_eq!(analysis.validity(), Status::Suspect);
    assert!(
        render(&analysis).report_md.contains("| arms fail equally often | 4 | 1 | **suspect** |")
    );
}

#[test]
fn a_trend_is_suspect_only_where_order_is_not_shuffled() {
    for (order, expected) in [("", Status::Valid), ("order = \"as-written\"", Status::Suspect)] {
        let plan = fake::plan(6, &format!("{HEAD}\n{order}"), TABLES);
        let mut shape = |run: &Run, noise: &mut Noise| {
            let rate = 100.0 - 2.0 * f64::from(run.index);
            Some(Shape { rate, ..sound(run, noise) })
        };
        let (head, evidence) = fake::study(&plan, &mut shape);
        let facts: Vec<_> = evidence.iter().map(|run| distil(run, &plan)).collect();
        let analysis = analyse(&head, &facts);
        assert_eq!(analysis.validity(), expected);
        let report = render(&analysis).report_md;
        assert!(report.contains("a trend was found"));
        assert!(report.contains("moved by more than chance explains"));
    }
}

#[test]
fn a_debug_build_is_suspect_and_the_cache_is_said_in_tables() {
    let plan = fake::plan(2, "prompt_cache = \"on\"", TABLES);
    let mut shape = |run: &Run, noise: &mut Noise| Some(Shape { cached: 460, ..sound(run, noise) });
    let (mut head, evidence) = fake::study(&plan, &mut shape);
    let facts: Vec<_> = evidence.iter().map(|run| distil(run, &plan)).collect();
    let analysis = analyse(&head, &facts);
    assert_eq!(analysis.validity(), Status::Valid, "a cache that the plan leaves on is no fault");
    let report = render(&analysis).report_md;
    let tables = report.lines().filter(|line| line.starts_with("**Table.**"));
    assert!(tables.filter(|line| line.contains("prompt cache was on")).count() > 8);
    head.environment.harness.profile = "debug".to_owned();
    assert_eq!(analyse(&head, &facts).validity(), Status::Suspect);
}
