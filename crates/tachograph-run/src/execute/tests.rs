use std::sync::mpsc::Sender;

use super::process::Launch;
use super::*;

/// A worker that never says anything; its shim is one in shell.
fn mute(number: usize, name: &str, messages: Sender<Message>) -> Agent {
    let shim = [
        "sh",
        "-c",
        "echo '{\"type\":\"started\",\"pid\":1,\"at_ns\":1}' >&3; exec 3>&-; exec sleep 1000",
    ];
    let ears = Ears { messages, keys: &[] };
    let shim = shim.map(str::to_owned);
    let launch = Launch {
        name: name.to_owned(),
        command: vec!["x".to_owned()],
        environment: Vec::new(),
        protocol: Protocol::Worker,
    };
    Agent::from(process::start(number, &launch, &shim, &ears).unwrap())
}

fn execution<'a, 'b>(sink: &'a mut Sink<'b>, interrupt: &'a Interrupt) -> Execution<'a, 'b> {
    Execution {
        sink,
        interrupt,
        remarks: BTreeMap::new(),
        executed: Executed {
            outcome: RunOutcome::Completed,
            artifacts: Vec::new(),
            ends: BTreeMap::new(),
            stderr: BTreeMap::new(),
        },
        has_barrier: false,
    }
}

#[test]
fn the_watchdog_ends_what_takes_too_long() {
    let (sender, messages) = mpsc::channel();
    let mut agents = [mute(0, "slow", sender)];
    let mut events = Vec::new();
    let mut sink = |recorded: &Recorded| {
        events.push(recorded.event.clone());
        Ok(())
    };
    let interrupt = Interrupt::new();
    let mut execution = execution(&mut sink, &interrupt);
    execution.listen(&mut agents, &messages, DurationNs(0)).unwrap();
    let [agent] = agents;
    execution.conclude(agent);
    assert_eq!(execution.remarks["slow"], "not done after 0 s");
    assert_eq!(execution.executed.outcome, RunOutcome::Failed);
    let [Event::ProcessExited(exited)] = &events[..] else { panic!("{events:?}") };
    assert!(exited.ended_by_harness);
    assert_eq!(exited.end, ProcessEnd::Signalled(15));
    assert_eq!(exited.resources, None, "this shim cannot know them");
}

#[test]
fn an_agent_that_died_while_it_waited_ends_the_others() {
    let (sender, messages) = mpsc::channel();
    let mut agents = [mute(0, "dead", sender.clone()), mute(1, "waiting", sender)];
    for agent in &mut agents {
        agent.at_barrier = AtBarrier::Waits;
    }
    let (end, at_ns) = (ProcessEnd::Signalled(9), InstantNs(1));
    let mut sink = |recorded: &Recorded| panic!("{recorded:?}");
    let interrupt = Interrupt::new();
    let mut execution = execution(&mut sink, &interrupt);
    execution.has_barrier = true;
    agents[0].process.kill();
    agents[0].end = Some(Ended { end, at_ns, resources: None });
    execution.release(&mut agents, InstantNs(2)).unwrap();
    assert_eq!(execution.remarks.len(), 1);
    let why = "ended, since dead did not come to the common start";
    assert_eq!(execution.remarks["waiting"], why);
    kill_all(&mut agents, &messages);
    assert!(agents[1].end.is_some(), "it was ended");
}
