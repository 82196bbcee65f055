//! Analysis of variance of balanced designs.

use serde_json::{Value, json};
use tachograph_stats::{BlockDesign, Cell, Confidence, Effect, Factorial, FactorialRun, LevelMean};

use crate::goldens::estimate::ends;
use crate::{CLOSE, check};

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

fn line(effect: &Effect) -> Value {
    json!([effect.df, effect.f, effect.p_value, effect.eta_squared, effect.partial_eta_squared])
}

fn means(levels: &[LevelMean]) -> Value {
    let rows = levels.iter().map(|level| {
        let interval = level.estimate.interval;
        json!([level.estimate.mean, interval.low, interval.high])
    });
    Value::Array(rows.collect())
}

#[test]
fn block_design() {
    check("block_design", CLOSE, |input| {
        let rows = input["rows"].as_array().unwrap().iter();
        let cells: Vec<Cell> = rows
            .map(|row| Cell {
                block: number(&row[0]),
                level: number(&row[1]),
                value: row[2].as_f64().unwrap(),
            })
            .collect();
        let found = BlockDesign::new(&cells).unwrap().analyse(Confidence::NINETY_FIVE);
        json!({
            "f": found.factor.f, "p_value": found.factor.p_value,
            "eta_squared": found.factor.eta_squared,
            "partial_eta_squared": found.factor.partial_eta_squared,
            "eta_interval": ends(found.factor.partial_eta_squared_interval.unwrap()),
            "df": [found.factor.df, found.factor.df_residual],
            "f_blocks": found.blocks.f, "residual_sd": found.residual_sd,
            "level_means": means(&found.levels),
        })
    });
}

#[test]
fn factorial() {
    check("factorial", CLOSE, |input| {
        let rows = input["rows"].as_array().unwrap().iter();
        let runs: Vec<FactorialRun> = rows
            .map(|row| {
                let row = row.as_array().unwrap();
                let last = row.len() - 1;
                FactorialRun {
                    block: number(&row[0]),
                    levels: row[1..last].iter().map(number).collect(),
                    value: row[last].as_f64().unwrap(),
                }
            })
            .collect();
        let found = Factorial::new(&runs).unwrap().analyse(Confidence::NINETY_FIVE);
        let main: Vec<Value> = found.main.iter().map(|main| line(&main.effect)).collect();
        let two_way: Vec<Value> = found.two_way.iter().map(|pair| line(&pair.effect)).collect();
        let levels: Vec<Value> = found.main.iter().map(|main| means(&main.levels)).collect();
        json!({
            "main": main, "two_way": two_way, "blocks": line(&found.blocks),
            "higher_order": found.higher_order.as_ref().map(line),
            "residual_sd": found.residual_sd, "df_residual": found.blocks.df_residual,
            "level_means": levels,
        })
    });
}
