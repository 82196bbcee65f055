//! `tacho serve`: a server on Ollama's and `OpenAI`'s routes.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;

use serde_json::{Map, Value};
use tachograph_model::options::OptionValue;
use tachograph_serve::{
    CassetteConfig, EngineConfig, LlamaConfig, LlamaProgram, Repeats, ServeConfig, SimulatedConfig,
    read_cassette,
};

use crate::args::{EngineChoice, RepeatsChoice, ServeArgs};
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::signals;
use crate::terminal::{note, out};

/// Carries the command out.
pub(crate) fn execute(args: &ServeArgs) -> Result<Exit, Failure> {
    let listen = args.ports.iter().map(|port| SocketAddr::new(args.host, *port)).collect();
    let engine = match (args.engine, &args.cassette) {
        (None | Some(EngineChoice::Cassette), Some(file)) => {
            EngineConfig::Cassette(cassette(args, file)?)
        }
        (Some(EngineChoice::Simulated | EngineChoice::Llama), Some(_)) => {
            let message = "--cassette cannot be used with another engine";
            return Err(Failure::new(Exit::Usage, message).help("leave out --engine"));
        }
        (Some(EngineChoice::Cassette), None) => {
            let message = "the cassette engine plays a recording, and none is named";
            return Err(Failure::new(Exit::Usage, message).help("name it: --cassette FILE"));
        }
        (Some(EngineChoice::Simulated), None) => EngineConfig::Simulated(simulated(args)?),
        (None | Some(EngineChoice::Llama), None) => EngineConfig::Llama(llama(args)?),
    };
    let (stop, shutdown) = mpsc::channel();
    signals::on_each({
        let stop = stop.clone();
        move || {
            // A second signal may come when nobody listens any more.
            let _ended: Result<(), _> = stop.send(());
        }
    })?;
    if args.watch_stdin {
        thread::spawn(move || {
            // The parent never writes: a read returns when it has gone.
            let mut byte = [0];
            drop(std::io::stdin().read(&mut byte));
            let _ended: Result<(), _> = stop.send(());
        });
    }
    let config = ServeConfig { listen, engine };
    tachograph_serve::serve(&config, |ready| out(ready), &shutdown)
        .map_err(|error| Failure::failed(&error))?;
    Ok(Exit::Done)
}

fn cassette(args: &ServeArgs, file: &Path) -> Result<CassetteConfig, Failure> {
    if let Some((name, _)) = args.set.first() {
        let message =
            format!("--set {name} is for the simulated engine; this one plays a recording");
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(CassetteConfig {
        cassette: Arc::new(read_cassette(file).map_err(|error| Failure::usage(&error))?),
        speed: args.speed,
        repeats: match args.repeats {
            RepeatsChoice::First => Repeats::First,
            RepeatsChoice::Cycle => Repeats::Cycle,
        },
    })
}

fn simulated(args: &ServeArgs) -> Result<SimulatedConfig, Failure> {
    if args.keep_alive.is_some() {
        let message = "--keep-alive is for the llama engine; the simulated one evicts nothing";
        return Err(Failure::new(Exit::Usage, message));
    }
    let mut settings = Map::new();
    settings.insert("model".to_owned(), Value::from(args.model.clone()));
    settings.insert("num_parallel".to_owned(), Value::from(args.parallel));
    settings.insert("prompt_cache".to_owned(), Value::from(!args.no_prompt_cache));
    for (name, value) in &args.set {
        settings.insert(name.clone(), setting(value));
    }
    serde_json::from_value(Value::Object(settings)).map_err(|error| {
        Failure::new(Exit::Usage, format!("a setting of the simulated engine is wrong: {error}"))
            .help("docs/servers.md lists them, with units")
    })
}

/// Returns a setting as JSON; a text that is a JSON list is that list.
fn setting(value: &OptionValue) -> Value {
    match value {
        OptionValue::Text(text) if text.starts_with('[') => {
            serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.clone()))
        }
        OptionValue::Text(text) => Value::from(text.clone()),
        OptionValue::Bool(value) => Value::from(*value),
        OptionValue::Integer(value) => Value::from(*value),
        OptionValue::Float(value) => Value::from(*value),
        OptionValue::Texts(values) => Value::from(values.clone()),
    }
}

fn llama(args: &ServeArgs) -> Result<LlamaConfig, Failure> {
    if let Some((name, _)) = args.set.first() {
        let message = format!("--set {name} is for the simulated engine; this one is real");
        return Err(Failure::new(Exit::Usage, message));
    }
    // With a model of the user's, a llama-server of the user's needs no Python.
    let server = match (&args.llama_server, &args.gguf) {
        (Some(path), _) => Some(LlamaProgram::Server { path: path.clone() }),
        (None, Some(_)) => std::env::var_os("PATH").and_then(|path| LlamaProgram::on_path(&path)),
        (None, None) => None,
    };
    let mut config = match (server, &args.gguf) {
        (Some(program), Some(gguf)) => LlamaConfig::new(program, gguf.clone()),
        (server, gguf) => installed(args.cache.as_deref(), server, gguf.as_deref())?,
    };
    if let Some(seconds) = args.keep_alive {
        config.keep_alive = std::time::Duration::from_secs(seconds);
    }
    config.threads = args.threads;
    config.num_parallel = usize::try_from(args.parallel).map_err(|error| Failure::usage(&error))?;
    config.model_name.clone_from(&args.model);
    config.prompt_cache = !args.no_prompt_cache;
    Ok(config)
}

/// Returns the installed engine and model, with the given parts replaced.
fn installed(
    cache: Option<&Path>,
    server: Option<LlamaProgram>,
    gguf: Option<&Path>,
) -> Result<LlamaConfig, Failure> {
    let mut config = engine::installed(cache, |line| note(line))?.config();
    if let Some(program) = server {
        config.program = program;
    }
    if let Some(gguf) = gguf {
        config.model = gguf.to_path_buf();
        config.model_sha256 = None;
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_become_json_of_their_type() {
        let text = OptionValue::Text(r#"[{"option":"num_gpu"}]"#.to_owned());
        assert!(setting(&text).is_array());
        assert_eq!(setting(&OptionValue::Integer(5)), Value::from(5));
        assert_eq!(setting(&OptionValue::Text("[".to_owned())), Value::from("["));
    }
}
