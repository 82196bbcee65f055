//! What each agent of a run is told.

use tachograph_model::plan::{Plan, PromptCache};
use tachograph_model::run::{Arm, Placement, Run};
use tachograph_model::task::{PROTOCOL, ServerTask, Task};

use super::{ExecuteError, RunContext};
use crate::agent::prompts;

/// Returns what each agent is told, in the plan's order.
pub(super) fn of(
    run: &Run,
    plan: &Plan,
    context: &RunContext<'_>,
) -> Result<Vec<Task>, ExecuteError> {
    let task = |agent: &Placement| {
        let no_server =
            || ExecuteError::NoServer { agent: agent.agent.clone(), server: agent.server.clone() };
        let server =
            plan.servers.iter().find(|it| it.name == agent.server).ok_or_else(no_server)?;
        let control = context.servers.get(&agent.server).ok_or_else(no_server)?;
        let no_input = || ExecuteError::NoInput { agent: agent.agent.clone() };
        let spec = plan.agent(&agent.spec).ok_or_else(no_input)?;
        let input = context.inputs.get(&agent.spec).ok_or_else(no_input)?;
        let id = run.id.to_string();
        let nonce = (plan.prompt_cache == PromptCache::Nonce)
            .then(|| format!("{}/{id}/{}", context.nonce_salt, agent.agent));
        Ok(Task {
            protocol: PROTOCOL,
            run: id,
            agent: agent.agent.clone(),
            input: input.to_string_lossy().into_owned(),
            summary_bytes: spec.summary_bytes,
            prompts: Some(prompts::of(spec)),
            barrier: matches!(run.arm, Arm::Solo | Arm::Concurrent),
            server: ServerTask {
                name: server.name.clone(),
                url: control.url().to_owned(),
                api: server.api,
                model: server.model.clone(),
                api_key_env: server.api_key_env.clone(),
            },
            options: agent.options.clone(),
            warmup_calls: plan.warmup_calls,
            connection: plan.connection,
            prompt_cache: plan.prompt_cache,
            nonce,
            timeouts: plan.timeouts,
        })
    };
    run.placements.iter().map(task).collect()
}
