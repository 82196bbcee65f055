//! The importer of the archive: on the archive itself, against numbers that were computed
//! from it elsewhere, and on small files of every layout.
//!
//! Owns: the tests of `--kind chimeraforge`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "chimeraforge/archive.rs"]
mod archive;
#[path = "chimeraforge/defects.rs"]
mod defects;
#[path = "chimeraforge/fixtures.rs"]
mod fixtures;
#[path = "chimeraforge/golden.rs"]
mod golden;
