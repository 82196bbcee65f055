//! What a pilot says about the blocks that a question needs.

#[path = "support/fake.rs"]
mod fake;

use fake::{Noise, Shape};
use tachograph_model::event::Event;
use tachograph_model::plan::{Metric, Plan};
use tachograph_model::run::Run;
use tachograph_model::study::RunEvidence;
use tachograph_report::{
    Extract, PilotError, PilotTerms, RunFacts, analyse, distil, plan_from_pilot,
};
use tachograph_stats::{Confidence, Margin, PairedDesign, sd_upper_limit};

const TERMS: PilotTerms = PilotTerms { metric: None, margin: Some(0.02), alpha: None, power: 0.8 };

fn noisy(run: &Run, noise: &mut Noise) -> Shape {
    let tuned = run.id.configuration.0.starts_with("gpu");
    let own = if tuned { 0.02 } else { 0.01 };
    Shape { rate: 100.0 * (1.0 + own * noise.next()), ..Shape::default() }
}

fn pilot(plan: &Plan, change: impl Fn(&mut RunEvidence)) -> (Extract, Vec<RunFacts>) {
    let (head, mut evidence) = fake::study(plan, &mut |run, noise| Some(noisy(run, noise)));
    evidence.iter_mut().for_each(change);
    let facts: Vec<RunFacts> = evidence.iter().map(|run| distil(run, plan)).collect();
    (Extract::of(&head, &facts, &analyse(&head, &facts), None), facts)
}

fn asked(plan: &Plan, terms: &PilotTerms) -> Result<serde_json::Value, PilotError> {
    let (extract, facts) = pilot(plan, |_| ());
    plan_from_pilot("pilot", &extract, &facts, terms).map(|found| found.to_json())
}

#[test]
fn the_answer_is_that_of_the_paired_design_with_alpha_shared() {
    let plan = fake::plan(6, "", "[factors]\nnum_gpu = [40, 80]\n");
    let json = asked(&plan, &TERMS).unwrap();
    assert_eq!(json["family_size"], 2);
    let margin = Margin::new(0.02).unwrap();
    let shared = Confidence::new(1.0 - 0.05 / 2.0).unwrap();
    let mut most = 0;
    for row in json["configurations"].as_array().unwrap() {
        assert_eq!(row["n_blocks"], 6);
        let sd = row["log_sd"].as_f64().unwrap();
        let limit = sd_upper_limit(sd, 6, Confidence::new(0.8).unwrap()).unwrap();
        let wanted = limit.to_bits();
        assert_eq!(row["log_sd_upper_limit"].as_f64().unwrap().to_bits(), wanted);
        for (sd, blocks) in [(sd, &row["blocks"]), (limit, &row["blocks_at_upper_limit"])] {
            let design = PairedDesign::new(sd, shared).unwrap();
            assert_eq!(blocks["change"], design.blocks_for(1.02, 0.8).unwrap());
            let equivalence = design.blocks_for_equivalence(margin, 0.8).unwrap();
            assert_eq!(blocks["equivalence"], equivalence);
        }
        let own = |name: &str| row["blocks"][name].as_u64().unwrap();
        most = most.max(own("change")).max(own("equivalence"));
        let sizes: Vec<u64> = row["detectable_ratio"]
            .as_array()
            .unwrap()
            .iter()
            .map(|each| each["n_blocks"].as_u64().unwrap())
            .collect();
        assert!([6, 12, 24].iter().all(|n| sizes.contains(n)), "{sizes:?}");
    }
    assert_eq!(json["blocks"], most);
    assert!(json["blocks_at_upper_limit"].as_u64() > json["blocks"].as_u64());
    assert!(json["two_studies_blocks_each"]["change"].as_u64().unwrap() >= 2);
}

#[test]
fn a_pilot_that_is_too_small_says_how_many_blocks_it_needs() {
    let one = asked(&fake::plan(1, "", "[factors]\nnum_gpu = [80]\n"), &TERMS).unwrap_err();
    let text = one.to_string();
    assert!(text.contains("has 1 usable blocks") && text.contains("at least 2"), "{text}");
    assert!(text.contains("and 5 make it usable: with 2 its upper limit is 3.9 times"), "{text}");
    let alone = asked(&fake::plan(4, "", ""), &TERMS).unwrap_err();
    assert_eq!(alone, PilotError::NothingToCompare);
    assert!(alone.to_string().contains("aa = true"));
    // The A/A arm is enough: it is the noise itself.
    let noise = asked(&fake::plan(4, "", "[baseline]\naa = true\n"), &TERMS).unwrap();
    assert_eq!((&noise["family_size"], noise["blocks"].is_u64()), (&1.into(), true));
    let (mut extract, facts) = pilot(&fake::plan(4, "", "[factors]\nnum_gpu = [80]\n"), |_| ());
    extract.configurations.get_mut("gpu80").unwrap().validity = tachograph_report::Status::Invalid;
    let error = plan_from_pilot("pilot", &extract, &facts, &TERMS).unwrap_err();
    assert!(error.to_string().starts_with("part of the pilot is invalid"), "{error}");
}

#[test]
fn unusable_terms_are_named() {
    let plan = fake::plan(3, "", "[factors]\nnum_gpu = [80]\n");
    for (terms, what) in [
        (PilotTerms { margin: Some(0.0), ..TERMS }, "the margin"),
        (PilotTerms { alpha: Some(0.9), ..TERMS }, "alpha"),
        (PilotTerms { power: 0.2, ..TERMS }, "the power"),
        (PilotTerms { power: f64::NAN, ..TERMS }, "the power"),
    ] {
        let error = asked(&plan, &terms).unwrap_err();
        assert!(error.to_string().starts_with(what), "{error}");
    }
}

#[test]
fn values_without_spread_or_ratio_are_said_and_do_not_stop_the_others() {
    let (mut extract, facts) = pilot(&fake::plan(4, "", "[factors]\nnum_gpu = [40, 80]\n"), |_| ());
    let metric = Metric::OutputThroughput;
    let baseline = extract.configurations["baseline_default"].values[&metric].clone();
    let cell = extract.configurations.get_mut("gpu40").unwrap();
    cell.values.insert(metric, baseline);
    let found = plan_from_pilot("pilot", &extract, &facts, &TERMS).unwrap();
    assert!(found.to_text().contains("gpu40: all blocks have the same ratio"));
    assert!(found.blocks(false).is_some());
    let cell = extract.configurations.get_mut("gpu40").unwrap();
    cell.values.get_mut(&metric).unwrap().insert(1, 0.0);
    let found = plan_from_pilot("pilot", &extract, &facts, &TERMS).unwrap();
    assert!(found.to_text().contains("gpu40: a value is 0 or less"));
}

#[test]
fn repetitions_inside_a_run_are_given_where_a_stage_has_several_calls() {
    let plan = fake::plan(3, "", "[factors]\nnum_gpu = [80]\n");
    let e2e = PilotTerms { metric: Some(Metric::E2e), ..TERMS };
    let one_each = asked(&plan, &e2e).unwrap();
    let none = one_each["repetitions"]["calls_per_run"]["none"].as_str().unwrap();
    assert!(none.contains("one call of each stage"), "{none}");
    let whole = asked(&plan, &TERMS).unwrap();
    let none = whole["repetitions"]["calls_per_run"]["none"].as_str().unwrap();
    assert!(none.contains("belongs to a whole run"), "{none}");
    // The second call becomes one more of the first stage.
    let (extract, facts) = pilot(&plan, |run| {
        for recorded in &mut run.events {
            if let Event::CallSent(sent) = &mut recorded.event {
                sent.stage = tachograph_model::event::Stage::Analysis;
            }
        }
    });
    let found = plan_from_pilot("pilot", &extract, &facts, &e2e).unwrap();
    let calls = &found.to_json()["repetitions"]["calls_per_run"];
    assert_eq!((&calls["stage"], &calls["n_calls"]), (&"analysis".into(), &6.into()));
    assert!(found.to_text().contains("Calls of stage analysis (6 calls in 3 runs"));
}

/// The page is what users read: review any change here as theirs.
#[test]
fn page_of_a_pilot() {
    let (extract, facts) = pilot(&fake::plan(4, "", "[factors]\nnum_gpu = [80]\n"), |_| ());
    let found = plan_from_pilot("pilot.study", &extract, &facts, &TERMS).unwrap();
    insta::assert_snapshot!("pilot_text", found.to_text());
}
