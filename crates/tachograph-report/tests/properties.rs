//! What holds of every study.

#[path = "support/fake.rs"]
mod fake;

use fake::{Noise, Shape};
use proptest::prelude::*;
use tachograph_model::event::CallStatus;
use tachograph_model::plan::{Metric, Plan};
use tachograph_model::run::Run;
use tachograph_report::{analyse, distil, render, verify};

fn status() -> impl Strategy<Value = CallStatus> {
    prop_oneof![
        6 => Just(CallStatus::Completed),
        1 => prop::sample::select(CallStatus::ALL.to_vec()),
    ]
}

fn shape() -> impl Strategy<Value = Option<Shape>> {
    let numbers = (0.5..5000.0_f64, 0.0..3000.0_f64, 0.001..800.0_f64, 0_u32..40, 0_u32..40);
    let rest = (status(), 0_u64..500, any::<bool>(), 0_u64..100_000, 0.0..1.2_f64);
    let made = (numbers, rest).prop_map(|(numbers, rest)| Shape {
        rate: numbers.0,
        load_ms: numbers.1,
        prompt_ms: numbers.2,
        tokens: [numbers.3, numbers.4],
        report: rest.0,
        cached: rest.1,
        kernel: rest.2,
        delay_us: rest.3,
        cpu: rest.4,
        ..Shape::default()
    });
    prop_oneof![8 => made.prop_map(Some), 1 => Just(None)]
}

/// A plan with a fixed number of blocks, or with one of the sequential rules.
fn plan_of(metric: usize, blocks: u32, aa: bool, rule: usize) -> Plan {
    let stopping = match rule {
        1 if blocks > 1 => {
            format!("[stopping]\nrule = \"group-sequential\"\nlooks = {:?}\n", looks(blocks))
        }
        2 if blocks > 1 => "[stopping]\nrule = \"always-valid\"\n".to_owned(),
        _ => String::new(),
    };
    let factors = "[factors]\nnum_gpu = [40, 80]\ntop_k = [5]\n";
    let mut plan = fake::plan(blocks, "", &format!("{stopping}{factors}"));
    plan.baseline.aa = aa;
    plan.primary.metric = Metric::ALL[metric];
    plan
}

fn looks(blocks: u32) -> Vec<u32> {
    (2..=blocks).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any study has a report; its numbers are claims and it verifies.
    #[test]
    fn any_study_has_a_report_that_verifies(
        metric in 0..Metric::ALL.len(),
        blocks in 1_u32..4,
        aa: bool,
        rule in 0..3_usize,
        shapes in prop::collection::vec(shape(), 16),
    ) {
        let plan = plan_of(metric, blocks, aa, rule);
        let mut next = shapes.into_iter().cycle();
        let mut shape = |_: &Run, _: &mut Noise| next.next().flatten();
        let (head, evidence) = fake::study(&plan, &mut shape);
        let facts: Vec<_> = evidence.iter().map(|run| distil(run, &plan)).collect();
        let rendered = render(&analyse(&head, &facts));
        // An uncovered digit is a difference even against the report itself.
        let verification = verify(&head, &facts, &rendered.files());
        prop_assert_eq!(verification.differences, []);
        for wrong in ["NaN", " inf ", "[inf", "∞", "-0.0 "] {
            prop_assert!(!rendered.report_md.contains(wrong), "{}", wrong);
        }
        prop_assert!(serde_json::from_str::<serde_json::Value>(&rendered.claims_json).is_ok());
    }
}
