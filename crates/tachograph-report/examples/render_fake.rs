//! Writes the report of a made-up study into a folder, to look at it.
//!
//! `cargo run -p tachograph-report --example render_fake -- FOLDER [BLOCKS]`

#[path = "../tests/support/fake.rs"]
mod fake;

use std::path::PathBuf;

use fake::Shape;
use tachograph_model::event::CallStatus;
use tachograph_model::options::OptionValue;
use tachograph_report::{analyse, distil, render};

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "fake-report".to_owned()));
    let blocks = std::env::args().nth(2).and_then(|text| text.parse().ok()).unwrap_or(5);
    let plan = fake::plan(
        blocks,
        "server_policy = \"unload\"\ncold_load_threshold_ms = 50",
        "[baseline]\naa = true\n\n[factors]\nnum_gpu = [60, 80, 120]\nnum_ctx = [256, 512, 1024]\n\
         temperature = [0.6, 0.8]\n",
    );
    let (head, evidence) = fake::study(&plan, &mut |run, noise| {
        let number = |name: &str| match run.options().get(name) {
            Some(OptionValue::Integer(value)) => *value as f64,
            Some(OptionValue::Float(value)) => *value,
            _ => {
                if name == "num_ctx" {
                    4096.0
                } else {
                    80.0
                }
            }
        };
        let drift = 1.0 - 0.05 * f64::from(run.id.block) / f64::from(blocks);
        let gpu = 1.0 + (number("num_gpu") - 80.0) * 0.0016;
        let context = number("num_ctx");
        let rate = 112.0 * drift * gpu * (1.0 + 0.012 * noise.next());
        let failed = run.id.block == 4 && run.id.configuration.0 == "gpu60_ctx256_temp0p8";
        Some(Shape {
            rate,
            load_ms: 420.0 + 60.0 * noise.next(),
            prompt_ms: 90.0 + 10.0 * noise.next(),
            tokens: [140 + f64_to_u32(noise.next() * 9.0), 210 + f64_to_u32(noise.next() * 12.0)],
            prompt_tokens: if context < 300.0 { 256 } else { 480 },
            context: u64::from(f64_to_u32(context)),
            answer: format!("w{}b{}", number("num_ctx"), run.id.block),
            report: if failed { CallStatus::Stalled } else { CallStatus::Completed },
            ..Shape::default()
        })
    });
    let facts: Vec<_> = evidence.iter().map(|run| distil(run, &plan)).collect();
    for (path, bytes) in render(&analyse(&head, &facts)).files() {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(&folder))?;
        std::fs::write(path, bytes)?;
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast saturates")]
fn f64_to_u32(value: f64) -> u32 {
    value as u32
}
