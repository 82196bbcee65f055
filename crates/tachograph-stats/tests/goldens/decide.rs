//! Selection and stopping rules.

use serde_json::json;
use tachograph_stats::{
    ArmEstimate, ConfidenceSequence, Direction, GroupSequential, PairedDesign, Spending,
    best_subset, luck_of_the_best, shrink,
};

use crate::goldens::estimate::ends;
use crate::{CLOSE, check, confidence, floats, number, sample};

#[test]
fn shrinkage() {
    check("shrink", CLOSE, |input| {
        let errors = floats(&input["errors"]);
        let arms: Vec<ArmEstimate> = floats(&input["means"])
            .into_iter()
            .zip(errors)
            .map(|(mean, standard_error)| ArmEstimate { mean, standard_error })
            .collect();
        let found = shrink(&arms, confidence(&input["confidence"])).unwrap();
        let rows: Vec<[f64; 4]> = found
            .arms
            .iter()
            .map(|arm| [arm.shrunk, arm.weight, arm.interval.low, arm.interval.high])
            .collect();
        json!({ "grand_mean": found.grand_mean, "sd_between": found.sd_between, "arms": rows })
    });
}

#[test]
fn luck() {
    check("luck", CLOSE, |input| json!({ "luck": luck_of_the_best(number(&input["n_arms"])) }));
}

#[test]
fn subset() {
    check("gupta", CLOSE, |input| {
        let means = vec![1.0; number(&input["n_arms"])];
        let level = confidence(&input["confidence"]);
        let df = input["df"].as_f64().unwrap();
        let found = best_subset(&means, (1.0, df), Direction::HigherIsBetter, level).unwrap();
        assert_eq!(found.arms.len(), means.len());
        json!({ "critical": found.critical })
    });
}

#[test]
fn group_sequential() {
    check("group_sequential", CLOSE, |input| {
        let spending =
            if input["pocock"] == true { Spending::Pocock } else { Spending::OBrienFleming };
        let looks: Vec<usize> = input["looks"].as_array().unwrap().iter().map(number).collect();
        let level = confidence(&input["confidence"]);
        let plan = GroupSequential::new(&looks, spending, level).unwrap();
        // A spread of 1 makes the logarithm of the ratio the effect.
        let design = PairedDesign::new(1.0, level).unwrap();
        let operating = plan.operating(&design, input["effect"].as_f64().unwrap().exp());
        let boundaries: Vec<f64> = plan.looks().iter().map(|look| look.boundary).collect();
        let spent: Vec<f64> = plan.looks().iter().map(|look| look.spent).collect();
        json!({
            "boundaries": boundaries, "spent": spent, "power": operating.power,
            "expected": operating.n_blocks_expected,
        })
    });
}

#[test]
fn confidence_sequence() {
    check("confidence_sequence", CLOSE, |input| {
        let values = sample(&input["values"]);
        let effect_sd = input["effect_sd"].as_f64().unwrap();
        let rule = ConfidenceSequence::new(effect_sd, confidence(&input["confidence"])).unwrap();
        let found = rule.interval(&values).unwrap();
        let last = *rule.intervals(&values).last().unwrap();
        assert!((last.unwrap().low - found.low).abs() < 1e-12 * found.half_width());
        json!({
            "e_value": rule.e_value(&values, 0.0), "p_value": rule.p_value(&values, 0.0),
            "interval": ends(found),
        })
    });
}
