//! Makes the real engine in a directory, or says what is in the way.
//!
//! `cargo run -p tachograph-serve --example engine_setup -- DIRECTORY`
#![expect(clippy::print_stdout, reason = "an example prints its progress")]

use std::error::Error;
use std::path::Path;

use tachograph_serve::engine_setup::prepare;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args().nth(1).ok_or("give a directory")?;
    let files = prepare(Path::new(&directory), |line| println!("{line}"))?;
    println!("{files:#?}");
    Ok(())
}
