//! The barrier between processes: who is let go, and what a missing agent costs.

use std::path::Path;

use tachograph_model::event::{
    CallStatus, Event, ProcessEnd, ProcessExited, Recorded, Released, RunOutcome, Stage, StageMark,
};
use tachograph_run::execute::Executed;

use crate::ollama::{Behaviour, Ollama};
use crate::{Bench, remarks};

/// Says that it waits, and waits.
const COMES: &str = "read task; echo '{\"type\":\"waiting\",\"at_ns\":1}'; read start;";

/// Runs the native agent `analyst` beside `second`, native or a shell script.
fn together(second: Option<&str>, warmup_calls: u32) -> (Executed, Vec<Recorded>) {
    let server = Ollama::start(Behaviour::default());
    let command = second.map_or_else(String::new, |_| "command = ['sh']\n".to_owned());
    let scenario = if second.is_some() { "mixed" } else { "chimera-homo" };
    let mut bench = Bench::of(&format!(
        "schema = 'tachograph-plan/1'\nname = 'test'\nblocks = 1\nwarmup_calls = {warmup_calls}\n\
         [[servers]]\nname = 'main'\nmodel = 'tiny'\nurl = '{}'\n\
         [[topologies]]\nname = 'shared'\nservers = ['main']\n\
         [[agents]]\nname = 'analyst'\n[[agents]]\nname = 'second'\n{command}\
         [[phases]]\nname = 'p'\n[[phases.matrices]]\nscenarios = ['{scenario}']\n\
         topologies = ['shared']\n",
        server.url
    ));
    if let Some(script) = second {
        let words = ["sh", "-c", script].map(str::to_owned);
        bench.plan.agents[1].command = Some(words.to_vec());
    }
    let (executed, events) = bench.record();
    for recorded in &events {
        if let Event::ProcessSpawned(spawned) = &recorded.event {
            let pid = spawned.pid;
            assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{pid} is still there");
        }
    }
    (executed, events)
}

fn position(events: &[Recorded], wanted: impl Fn(&Recorded) -> bool) -> Option<usize> {
    events.iter().position(wanted)
}

fn released(events: &[Recorded]) -> Option<&Released> {
    events.iter().find_map(|recorded| match &recorded.event {
        Event::Released(released) => Some(released),
        _ => None,
    })
}

fn exit_of<'a>(events: &'a [Recorded], agent: &str) -> &'a ProcessExited {
    let exits = events.iter().filter_map(|recorded| match &recorded.event {
        Event::ProcessExited(exited) => Some(exited),
        _ => None,
    });
    exits.into_iter().find(|exited| exited.agent == agent).expect("its end is recorded")
}

fn is_begin(recorded: &Recorded) -> bool {
    matches!(recorded.event, Event::StageStarted(StageMark { stage, .. }) if stage != Stage::Warmup)
}

pub(crate) fn common_start() {
    let (executed, events) = together(None, 1);
    assert_eq!(executed.outcome, RunOutcome::Completed, "{:?}", remarks(&events));
    assert!(remarks(&events).is_empty());
    let start = released(&events).unwrap();
    assert_eq!(start.agents, ["analyst", "second"]);
    assert!(start.at_ns < start.start_at_ns);
    let at = position(&events, |it| matches!(it.event, Event::Released(_))).unwrap();
    let waiting = events.iter().rposition(|it| matches!(it.event, Event::Waiting(_))).unwrap();
    let n_waiting = events.iter().filter(|it| matches!(it.event, Event::Waiting(_))).count();
    assert_eq!(n_waiting, 2);
    assert!(waiting < at && at < position(&events, is_begin).unwrap());
    for recorded in events.iter().filter(|it| is_begin(it)) {
        let Event::StageStarted(mark) = &recorded.event else { unreachable!() };
        assert!(mark.at_ns >= start.start_at_ns, "{} began early", recorded.source);
    }
    assert_eq!(executed.artifacts.len(), 2);
}

pub(crate) fn no_barrier() {
    let script = "read task; echo '{\"type\":\"stage_started\",\"stage\":\"ingest\",\"at_ns\":1}'; \
                  echo '{\"type\":\"done\",\"outcome\":\"completed\",\"at_ns\":2}'";
    let (executed, events) = together(Some(script), 0);
    assert_eq!(executed.outcome, RunOutcome::Completed, "{:?}", remarks(&events));
    assert_eq!(released(&events).unwrap().agents, ["analyst"]);
    assert_eq!(remarks(&events)["second"], "it did not wait for the common start");
    assert_eq!(remarks(&events).len(), 1);
}

pub(crate) fn missing() {
    let (executed, events) = together(Some("read task; exit 3"), 1);
    assert_eq!(executed.outcome, RunOutcome::Failed);
    assert!(released(&events).is_none());
    assert!(position(&events, is_begin).is_none());
    let why = "ended, since second did not come to the common start";
    assert_eq!(remarks(&events)["analyst"], why);
    assert_eq!(remarks(&events)["second"], "it ended with exit code 3 before `done`");
    assert!(exit_of(&events, "analyst").ended_by_harness);
    assert_eq!(exit_of(&events, "second").end, ProcessEnd::Exited(3));
}

pub(crate) fn lost_later() {
    let (executed, events) = together(Some(&format!("{COMES} kill -9 $$")), 0);
    assert_eq!(executed.outcome, RunOutcome::Failed);
    assert_eq!(released(&events).unwrap().agents, ["analyst", "second"]);
    assert_eq!(remarks(&events)["second"], "it was ended by signal 9");
    assert_eq!(remarks(&events).len(), 1, "the other is in order: {:?}", remarks(&events));
    assert_eq!(exit_of(&events, "analyst").end, ProcessEnd::Exited(0));
    let kept: Vec<&str> = executed.artifacts.iter().map(|it| &*it.agent).collect();
    assert_eq!(kept, ["analyst"]);
    let done = |it: &Recorded| it.source == "analyst" && matches!(it.event, Event::Done(_));
    assert!(position(&events, done).is_some());
}

pub(crate) fn hung_server() {
    let good = Ollama::start(Behaviour::default());
    let hung = Ollama::start(Behaviour { hangs: true, ..Behaviour::default() });
    let mut bench = Bench::of(&format!(
        "schema = 'tachograph-plan/1'\nname = 'test'\nblocks = 1\n\
         timeouts = {{ first_token_s = 0.2 }}\n\
         [[servers]]\nname = 'good'\nmodel = 'tiny'\nurl = '{}'\n\
         [[servers]]\nname = 'hung'\nmodel = 'tiny'\nurl = '{}'\n\
         [[topologies]]\nname = 'each'\nservers = ['good', 'hung']\nexclusive = true\n\
         [[agents]]\nname = 'analyst'\n[[agents]]\nname = 'second'\n\
         [[phases]]\nname = 'p'\n[[phases.matrices]]\nscenarios = ['chimera-homo']\n\
         topologies = ['each']\n",
        good.url, hung.url
    ));
    let (executed, events) = bench.record();
    assert_eq!(executed.outcome, RunOutcome::Failed);
    assert_eq!(remarks(&events)["second"], "a call failed");
    assert_eq!(executed.ends["analyst"], "completed");
    let statuses = |agent: &str| -> Vec<CallStatus> {
        let own = events.iter().filter(|it| it.source == agent);
        own.filter_map(|it| match &it.event {
            Event::CallFinished(finished) => Some(finished.status),
            _ => None,
        })
        .collect()
    };
    assert_eq!(statuses("second"), [CallStatus::Timeout]);
    assert_eq!(statuses("analyst"), [CallStatus::Completed, CallStatus::Completed]);
}
