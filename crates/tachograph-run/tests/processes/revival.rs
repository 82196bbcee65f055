//! Managed servers that die.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tachograph_model::event::{Event, Recorded, RunOutcome, ServerReset};
use tachograph_model::plan::ServerPolicy;
use tachograph_run::execute::ServerControl;
use tachograph_run::server::ManagedServer;

use crate::{Bench, remarks, serve_command};

/// A bench on a managed server that dies at the first call of its first start.
fn dying(folder: &Path, extra: &[&str]) -> Bench {
    let first = folder.join("first");
    let arguments = [&["--first", first.to_str().unwrap()], extra].concat();
    let server = ManagedServer::start(serve_command(&arguments)).unwrap();
    let mut bench = Bench::new(server.url());
    bench.servers.insert("main".to_owned(), ServerControl::Managed(server));
    bench
}

fn managed(bench: &Bench) -> &ManagedServer {
    match &bench.servers["main"] {
        ServerControl::Managed(server) => server,
        ServerControl::External { .. } => unreachable!("the bench has a managed one"),
    }
}

fn resets(events: &[Recorded]) -> Vec<&ServerReset> {
    let reset = |recorded: &'_ Recorded| matches!(recorded.event, Event::ServerReset(_));
    events
        .iter()
        .filter(|recorded| reset(recorded))
        .map(|recorded| match &recorded.event {
            Event::ServerReset(reset) => reset,
            _ => unreachable!("the others are left out"),
        })
        .collect()
}

fn is_there(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

pub(crate) fn revived() {
    for policy in [ServerPolicy::Keep, ServerPolicy::Unload, ServerPolicy::Restart] {
        let folder = tempfile::tempdir().unwrap();
        let mut bench = dying(folder.path(), &[]);
        let (url, first) = (managed(&bench).url().to_owned(), managed(&bench).pid().unwrap());
        let (executed, events) = bench.record();
        assert_eq!(executed.outcome, RunOutcome::Failed);
        assert_eq!(remarks(&events)["server main"], "it died during the run: exit code 7");
        assert_eq!(remarks(&events)["analyst"], "a call failed");
        assert_eq!(remarks(&events).len(), 2, "{:?}", remarks(&events));
        assert!(resets(&events).is_empty());
        assert!(!managed(&bench).is_alive());

        bench.plan.server_policy = policy;
        let (executed, events) = bench.record();
        assert_eq!(executed.outcome, RunOutcome::Completed, "{:?}", remarks(&events));
        let [reset] = resets(&events)[..] else { panic!("{events:?}") };
        assert_eq!((&*reset.server, &*reset.action, &reset.error), ("main", "revive", &None));
        assert!(managed(&bench).is_alive());
        assert_eq!(managed(&bench).url(), url, "on the same port");
        assert_ne!(managed(&bench).pid().unwrap(), first);
        assert!(!is_there(first), "it was reaped");

        // Once it lives again, the policy holds.
        let (_, events) = bench.record();
        let actions: Vec<&str> = resets(&events).iter().map(|it| &*it.action).collect();
        let expected: &[&str] = match policy {
            ServerPolicy::Keep => &[],
            ServerPolicy::Unload => &["unload"],
            ServerPolicy::Restart => &["restart"],
        };
        assert_eq!(actions, expected);
        let last = managed(&bench).pid().unwrap();
        drop(bench);
        assert!(!is_there(last), "nothing is left");
    }
}

pub(crate) fn lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = dying(folder.path(), &["--once"]);
    bench.record();
    for _ in 0..2 {
        let (executed, events) = bench.record();
        assert_eq!(executed.outcome, RunOutcome::Failed);
        let [reset] = resets(&events)[..] else { panic!("{events:?}") };
        assert_eq!(reset.action, "revive");
        let error = reset.error.as_ref().unwrap();
        assert!(error.contains("ended before it was ready"), "{error}");
        assert!(error.contains("starting twice is too much"), "{error}");
        assert_eq!(remarks(&events)["analyst"], "a call failed");
        assert!(!remarks(&events).contains_key("server main"), "it died before this run");
    }
}

pub(crate) fn killed() {
    let mut server = ManagedServer::start(serve_command(&[])).unwrap();
    assert!(server.is_alive());
    assert_eq!(server.death_within(Duration::ZERO), None);
    let pid = server.pid().unwrap();
    let killed = Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(killed.success());
    let how = server.death_within(Duration::from_mins(1));
    assert_eq!(how.as_deref(), Some("signal 9"));
    // It is a zombie, and no longer one that lives.
    assert!(!server.is_alive());
    server.restart().unwrap();
    assert!(server.is_alive());
    server.stop().unwrap();
    assert!(!server.is_alive());
    assert_eq!(server.death_within(Duration::ZERO), None, "it was stopped");
}
