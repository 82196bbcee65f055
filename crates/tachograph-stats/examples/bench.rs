//! Times a few analyses, for `goldens/bench.py`, which times SciPy on the same data.
//!
//! Takes the name of the analysis, a file of little-endian doubles and a number of
//! repetitions; prints the seconds of each repetition and the first result.

#![expect(clippy::print_stdout, reason = "a program prints")]
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::hint::black_box;
use std::time::Instant;

use tachograph_stats::{
    Confidence, Pairs, Resampling, Sample, Summary, bca_mean, mean_estimate, quantile_estimate,
    relabelling, sign_flip,
};

const CONFIDENCE: Confidence = Confidence::NINETY_FIVE;

fn analyse(name: &str, values: &[f64]) -> f64 {
    let (a, b) = values.split_at(values.len() / 2);
    let halves = || (Sample::new(a).unwrap(), Sample::new(b).unwrap());
    match name {
        "bca" => {
            let sample = Sample::new(values).unwrap();
            bca_mean(&sample, Resampling::seeded(1), CONFIDENCE).unwrap().interval.low
        }
        "relabelling" => {
            let (a, b) = halves();
            relabelling(&a, &b, Resampling::seeded(1)).unwrap().p_value
        }
        "sign_flip" => {
            let (a, b) = halves();
            sign_flip(&Pairs::of_samples(&a, &b).unwrap(), Resampling::seeded(1)).unwrap().p_value
        }
        "summary" => {
            let sample = Sample::new(values).unwrap();
            let summary = black_box(Summary::of(&sample));
            let mean = black_box(mean_estimate(&sample, CONFIDENCE).unwrap());
            for q in [0.5, 0.95, 0.99, 0.999] {
                black_box(quantile_estimate(&sample, q, CONFIDENCE).unwrap());
            }
            summary.mean + mean.sd
        }
        other => panic!("no analysis {other}; use bca, relabelling, sign_flip or summary"),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, name, path, repetitions] = arguments.as_slice() else {
        panic!("usage: bench ANALYSIS FILE REPETITIONS");
    };
    let bytes = std::fs::read(path).unwrap();
    let (eights, _) = bytes.as_chunks::<8>();
    let values: Vec<f64> = eights.iter().map(|eight| f64::from_le_bytes(*eight)).collect();
    for _ in 0..repetitions.parse::<u32>().unwrap() {
        let start = Instant::now();
        let result = black_box(analyse(name, black_box(&values)));
        println!("{:.9} {result:e}", start.elapsed().as_secs_f64());
    }
}
