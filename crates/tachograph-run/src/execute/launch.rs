//! What an agent is started with.
//!
//! Owns: the command of an agent, and what one that does not speak the protocol is told
//! instead of a task.

use tachograph_model::plan::implementations::Protocol;
use tachograph_model::plan::{AgentSpec, Plan};
use tachograph_model::run::Placement;
use tachograph_model::task::Task;

use super::RunContext;
use super::process::Launch;

/// Returns what an agent is started with.
///
/// # Errors
///
/// What is missing, in words.
pub(super) fn of(
    plan: &Plan,
    placement: &Placement,
    task: &Task,
    context: &RunContext<'_>,
) -> Result<Launch, String> {
    let spec = plan.agent(&placement.spec).ok_or("the plan lacks it")?;
    let command = context.programs.of_agent(spec).ok_or_else(|| {
        format!("its environment was not set up; run `tacho agent-setup {}`", setup_name(spec))
    })?;
    let mut launch = Launch {
        name: placement.agent.clone(),
        command: command.clone(),
        environment: Vec::new(),
        protocol: spec.protocol,
    };
    if spec.protocol == Protocol::None {
        let url = task.server.url.trim_end_matches('/');
        let model = &task.server.model;
        let filled = |argument: &String| {
            let argument = argument.replace("{url}", url).replace("{model}", model);
            argument.replace("{input}", &task.input)
        };
        launch.command = launch.command.iter().map(filled).collect();
        launch.environment = vec![
            ("OLLAMA_HOST", url.to_owned()),
            ("OPENAI_BASE_URL", format!("{url}/v1")),
            ("TACHOGRAPH_URL", url.to_owned()),
            ("TACHOGRAPH_MODEL", model.clone()),
            ("TACHOGRAPH_INPUT", task.input.clone()),
        ];
    }
    Ok(launch)
}

/// Returns what `tacho agent-setup` calls the agent's environment.
fn setup_name(spec: &AgentSpec) -> &'static str {
    spec.implementation.name().trim_start_matches("python-")
}
