//! The importers of benchmark tools: on small files that the tools wrote, against numbers
//! that `data/expected.py` works out from the same files, and on what is broken.
//!
//! Owns: the tests of `guidellm`, `aiperf`, `vllm`, `llama-bench` and `otel`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "tools/broken.rs"]
mod broken;
#[path = "tools/definitions.rs"]
mod definitions;
#[path = "tools/numbers.rs"]
mod numbers;
#[path = "tools/support.rs"]
mod support;
#[path = "tools/traps.rs"]
mod traps;
