//! The outside world: clock, streaming clients, the native agent, worker processes, server control, sensors.

pub mod agent;
pub mod client;
pub mod clock;
mod sys;
