//! A cassette, made ready to be played.
//!
//! Owns: decoded pieces with the time at which each is due at the chosen speed, and
//! the models that the recorded requests name.
//!
//! Does not: play.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};
use tachograph_model::cassette::{Cassette, End, Interaction};
use tachograph_model::environment::ServerIdentity;

use super::{CassetteConfig, Repeats, Speed};
use crate::model_card::ModelCard;
use crate::request::same_model;
use crate::server::VERSION;

/// All recordings, and what they tell.
#[derive(Debug)]
pub(crate) struct Tape {
    pub(super) cassette: Arc<Cassette>,
    pub(super) repeats: Repeats,
    /// In the order of the cassette.
    pub(super) recordings: Vec<Recording>,
    /// In the order in which requests name them; at least one.
    pub(super) cards: Vec<ModelCard>,
    pub(super) version: String,
}

/// A recorded answer. Times run from the instant at which the request had been read.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) head_due_ns: u64,
    /// Whether the head had come before the first piece.
    pub(super) head_is_alone: bool,
    pub(super) pieces: Vec<Piece>,
    pub(super) end_due_ns: u64,
    pub(super) end: End,
    /// The model that the request named; absent if it named none.
    pub(super) uses: Option<Use>,
}

/// Bytes of a body that came together.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) due_ns: u64,
    pub(super) bytes: Bytes,
}

/// The use of a model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Use {
    /// Its place among the cards.
    pub(super) card: usize,
    /// The context length that it had, if that is known.
    pub(super) num_ctx: Option<u64>,
}

impl Recording {
    /// Returns how long the body is, if its end has to be announced by that: a whole
    /// answer in one piece. The end of any other body is an event of its own.
    pub(super) fn length(&self) -> Option<u64> {
        match &self.pieces[..] {
            [only] if self.end == End::Complete => u64::try_from(only.bytes.len()).ok(),
            _ => None,
        }
    }
}

impl Tape {
    pub(crate) fn new(config: &CassetteConfig) -> Self {
        let CassetteConfig { cassette, speed, repeats } = config;
        let server = &cassette.header.server;
        let bodies: Vec<Value> = cassette.interactions.iter().map(body).collect();
        let cards = cards(cassette, &bodies);
        let mut tape = Self {
            cassette: Arc::clone(cassette),
            repeats: *repeats,
            recordings: Vec::new(),
            cards,
            version: version(server),
        };
        for (it, body) in cassette.interactions.iter().zip(&bodies) {
            let uses = tape.uses(body);
            tape.recordings.push(recording(it, *speed, uses));
        }
        tape
    }

    fn uses(&self, body: &Value) -> Option<Use> {
        let model = model_of(body)?;
        let card = self.cards.iter().position(|card| same_model(model, &card.name))?;
        Some(Use { card, num_ctx: self.num_ctx(body.pointer("/options/num_ctx")) })
    }

    /// Returns the context length of a model that was `asked` to have one: that of the
    /// server's own identity, unless it was asked for another. What it really had then
    /// is not recorded.
    pub(super) fn num_ctx(&self, asked: Option<&Value>) -> Option<u64> {
        let had = self.cassette.header.server.context_length;
        had.filter(|had| asked.is_none_or(|asked| asked.as_u64() == Some(*had)))
    }
}

/// Returns a request's body; null if it is not JSON.
fn body(interaction: &Interaction) -> Value {
    serde_json::from_slice(&interaction.body.to_vec()).unwrap_or(Value::Null)
}

fn model_of(body: &Value) -> Option<&str> {
    ["model", "name"].iter().find_map(|key| body[key].as_str()).filter(|name| !name.is_empty())
}

fn recording(interaction: &Interaction, speed: Speed, uses: Option<Use>) -> Recording {
    const CHECKED: &str = "cassettes are checked when they are read";
    let answer = &interaction.answer;
    let mut headers = HeaderMap::new();
    for (name, value) in &answer.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect(CHECKED);
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect(CHECKED));
    }
    let piece = |piece: &tachograph_model::cassette::Piece| Piece {
        due_ns: speed.due_ns(piece.offset_ns),
        bytes: Bytes::from(piece.body.to_vec()),
    };
    let first = answer.pieces.first();
    Recording {
        status: StatusCode::from_u16(answer.status).expect(CHECKED),
        headers,
        head_due_ns: speed.due_ns(answer.head_offset_ns),
        head_is_alone: first.is_none_or(|piece| piece.offset_ns > answer.head_offset_ns),
        pieces: answer.pieces.iter().map(piece).collect(),
        end_due_ns: speed.due_ns(answer.end_offset_ns),
        end: answer.end,
        uses,
    }
}

/// Returns what `/api/version` says: what the recorded server did, if it has the route.
fn version(server: &ServerIdentity) -> String {
    let has_route = matches!(server.product.as_deref(), None | Some("ollama" | "tachograph"));
    let version = server.version.clone().filter(|_| has_route);
    version.unwrap_or_else(|| VERSION.to_owned())
}

/// Returns a card for each model that requests name. Its digest is the cassette's: that
/// is what answers.
fn cards(cassette: &Cassette, bodies: &[Value]) -> Vec<ModelCard> {
    let server = &cassette.header.server;
    let mut names: Vec<&str> = Vec::new();
    for name in bodies.iter().filter_map(model_of) {
        if !names.iter().any(|known| same_model(name, known)) {
            names.push(name);
        }
    }
    if names.is_empty() {
        names.push(server.model.as_deref().unwrap_or("cassette"));
    }
    let card = |name: &str| {
        // What the header says is true of one model.
        let is_described = server.model.as_deref().is_some_and(|model| same_model(name, model));
        let described = if is_described { server.clone() } else { ServerIdentity::default() };
        ModelCard {
            name: name.to_owned(),
            digest: cassette.sha256.to_string(),
            size_bytes: described.loaded_bytes.unwrap_or(0),
            size_vram_bytes: described.vram_bytes.unwrap_or(0),
            modified_at: SystemTime::UNIX_EPOCH,
            family: "cassette".to_owned(),
            parameter_size: described.parameter_size,
            quantization_level: described.quantization,
            context_length: described.context_length,
            capabilities: vec!["completion"],
            license: String::new(),
            template: String::new(),
            model_info: Map::new(),
        }
    };
    names.into_iter().map(card).collect()
}
