//! The outside world: clock, streaming clients, the native agent, worker processes, server control, sensors.

pub mod agent;
pub mod client;
pub mod clock;
pub mod doctor;
pub mod execute;
pub mod probe;
mod process_sys;
pub mod program;
pub mod sensors;
pub mod server;
pub mod shim;
mod sys;
pub mod tap;
pub mod worker;
