//! The two engines that have a model.
//!
//! Owns: what an engine must be able to do, as an enum of those there are.
//!
//! Does not: know routes.

use std::time::Duration;

use crate::clock::KeepAlive;
use crate::job::{ApiError, Failure, Generated, Job};
use crate::llama::{Llama, LlamaRunner};
use crate::model_card::ModelCard;
use crate::options::LoadSettings;
use crate::output::Output;
use crate::simulated::{Simulated, SimulatedRunner};
use crate::sys;

/// Something that loads a model and generates text with it.
#[derive(Debug)]
pub(crate) enum Engine {
    Simulated(Box<Simulated>),
    Llama(Llama),
}

/// A loaded model.
#[derive(Debug)]
pub(crate) enum Runner {
    Simulated(SimulatedRunner),
    Llama(LlamaRunner),
}

/// When a job began, on the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    /// When the model was ready for it.
    pub(crate) ready_ns: u64,
    /// When it had a slot.
    pub(crate) start_ns: u64,
}

/// How many requests run and wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueueSizes {
    pub(crate) num_parallel: usize,
    pub(crate) max_queue: usize,
}

impl Runner {
    pub(crate) fn settings(&self) -> &LoadSettings {
        match self {
            Self::Simulated(runner) => &runner.settings,
            Self::Llama(runner) => &runner.settings,
        }
    }

    /// The process that holds the model, if it is one of its own.
    pub(crate) fn process_id(&self) -> Option<u32> {
        match self {
            Self::Simulated(_) => None,
            Self::Llama(runner) => Some(runner.process_id()),
        }
    }

    /// Whether it could still answer.
    pub(crate) fn is_alive(&self) -> bool {
        match self {
            Self::Simulated(_) => true,
            Self::Llama(runner) => runner.is_alive(),
        }
    }

    /// Whether the runner lives and was loaded with what is wanted.
    pub(crate) fn serves(&self, wanted: &LoadSettings) -> bool {
        self.is_alive() && self.settings().serves(wanted)
    }
}

impl Engine {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Simulated(_) => "simulated",
            Self::Llama(_) => "llama",
        }
    }

    pub(crate) fn card(&self) -> ModelCard {
        match self {
            Self::Simulated(engine) => engine.card(),
            Self::Llama(engine) => engine.card(),
        }
    }

    pub(crate) fn model(&self) -> String {
        match self {
            Self::Simulated(engine) => engine.model(),
            Self::Llama(engine) => engine.config.model_name.clone(),
        }
    }

    pub(crate) fn default_num_ctx(&self) -> u64 {
        match self {
            Self::Simulated(engine) => engine.default_num_ctx(),
            Self::Llama(engine) => engine.config.num_ctx,
        }
    }

    pub(crate) fn default_keep_alive(&self) -> KeepAlive {
        match self {
            Self::Simulated(_) => KeepAlive::For(Duration::from_mins(5)),
            Self::Llama(engine) => KeepAlive::For(engine.config.keep_alive),
        }
    }

    pub(crate) fn thinks(&self) -> bool {
        match self {
            Self::Simulated(engine) => engine.thinks(),
            Self::Llama(_) => false,
        }
    }

    pub(crate) fn queue_sizes(&self) -> QueueSizes {
        match self {
            Self::Simulated(engine) => engine.queue_sizes(),
            Self::Llama(engine) => engine.queue_sizes(),
        }
    }

    /// Loads the model; returns it and the instant at which it was ready.
    pub(crate) async fn load(&self, wanted: &LoadSettings) -> Result<(Runner, u64), Failure> {
        match self {
            Self::Simulated(engine) => {
                let (runner, ready_ns) = engine.load(wanted).await?;
                Ok((Runner::Simulated(runner), ready_ns))
            }
            Self::Llama(engine) => {
                let (runner, ready_ns) = engine.load(wanted).await?;
                Ok((Runner::Llama(runner), ready_ns))
            }
        }
    }

    /// Spends what it takes to find the model loaded; returns the instant then.
    pub(crate) async fn confirm_loaded(&self) -> u64 {
        match self {
            Self::Simulated(engine) => engine.confirm_loaded().await,
            Self::Llama(_) => sys::monotonic_ns(),
        }
    }

    pub(crate) async fn generate(
        &self,
        runner: &Runner,
        job: &Job,
        start: Start,
        output: &mut Output,
    ) -> Result<Generated, Failure> {
        match (self, runner) {
            (Self::Simulated(engine), Runner::Simulated(runner)) => {
                engine.generate(runner, job, start, output).await
            }
            (Self::Llama(engine), Runner::Llama(runner)) => {
                engine.generate(runner, job, start, output).await
            }
            (Self::Simulated(_), Runner::Llama(_)) | (Self::Llama(_), Runner::Simulated(_)) => {
                Err(ApiError::internal("the runner belongs to another engine").into())
            }
        }
    }

    /// Forgets counters that make one session's behaviour differ from another's.
    pub(crate) fn reset(&self) {
        match self {
            Self::Simulated(engine) => engine.reset(),
            Self::Llama(_) => {}
        }
    }
}
