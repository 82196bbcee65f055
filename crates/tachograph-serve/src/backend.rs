//! What stands behind a front: a model, or a recording.
//!
//! Owns: what a server must be able to tell about itself, as an enum of those there are.
//!
//! Does not: know routes.

use std::sync::Arc;

use crate::cassette::Player;
use crate::engine::Engine;
use crate::instance::{Instance, Resident};
use crate::model_card::ModelCard;
use crate::send_log::SendLog;
use crate::simulated::Simulated;

/// What answers the requests of one listening port.
#[derive(Debug, Clone)]
pub(crate) enum Backend {
    /// An engine that loads a model and generates text.
    Model(Arc<Instance>),
    /// Recorded answers.
    Cassette(Arc<Player>),
}

impl Backend {
    /// The engine's name.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Model(instance) => instance.engine.kind(),
            Self::Cassette(_) => "cassette",
        }
    }

    pub(crate) fn log(&self) -> &Arc<SendLog> {
        match self {
            Self::Model(instance) => &instance.log,
            Self::Cassette(player) => &player.log,
        }
    }

    /// What `/api/version` says.
    pub(crate) fn version(&self) -> &str {
        match self {
            Self::Model(instance) => &instance.version,
            Self::Cassette(player) => player.version(),
        }
    }

    /// The models that it has; at least one.
    pub(crate) fn cards(&self) -> Vec<ModelCard> {
        match self {
            Self::Model(instance) => vec![instance.engine.card()],
            Self::Cassette(player) => player.cards().to_vec(),
        }
    }

    /// The models that are loaded.
    pub(crate) fn loaded(&self) -> Vec<(ModelCard, Resident)> {
        match self {
            Self::Model(instance) => {
                let card = instance.engine.card();
                instance.resident().map(|resident| (card, resident)).into_iter().collect()
            }
            Self::Cassette(player) => player.loaded(),
        }
    }

    /// The context length of a request that asks for none, if it is known.
    pub(crate) fn default_num_ctx(&self) -> Option<u64> {
        match self {
            Self::Model(instance) => Some(instance.engine.default_num_ctx()),
            Self::Cassette(_) => None,
        }
    }

    /// The process that holds the model, if one does.
    pub(crate) fn runner_process_id(&self) -> Option<u32> {
        match self {
            Self::Model(instance) => instance.runner_process_id(),
            Self::Cassette(_) => None,
        }
    }

    /// Requests that run or wait.
    pub(crate) fn requests_inside(&self) -> usize {
        match self {
            Self::Model(instance) => instance.requests_inside(),
            Self::Cassette(player) => player.requests_inside(),
        }
    }

    /// Forgets records and counters; models stay as they are.
    pub(crate) fn reset(&self) {
        match self {
            Self::Model(instance) => instance.reset(),
            Self::Cassette(player) => player.reset(),
        }
    }

    /// Takes models out of memory once nobody uses them.
    pub(crate) async fn unload(&self) {
        match self {
            Self::Model(instance) => instance.unload().await,
            Self::Cassette(player) => player.unload_all(),
        }
    }

    /// The simulated engine, if it is that.
    pub(crate) fn simulated(&self) -> Option<&Simulated> {
        match self {
            Self::Model(instance) => match &instance.engine {
                Engine::Simulated(engine) => Some(engine),
                Engine::Llama(_) => None,
            },
            Self::Cassette(_) => None,
        }
    }
}
