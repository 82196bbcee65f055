//! Runs, shims, workers and managed servers as real processes.
//!
//! This program is its own harness: started with a subcommand it is a worker, a
//! shim, a server or a harness; without one it runs the tests below. A word on
//! the command line picks the tests whose names contain it.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test program talks, and fails where something is missing"
)]

mod barrier;
#[path = "../support/ollama.rs"]
mod ollama;
mod revival;
mod taps;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::net::TcpStream;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use tachograph_model::event::{Event, ProcessEnd, Recorded, RunOutcome};
use tachograph_model::plan::{AgentSpec, Plan, Server, ServerPolicy, expand, parse};
use tachograph_model::run::Run;
use tachograph_run::execute::{
    ExecuteError, Executed, Interrupt, Programs, RunContext, ServerControl, execute_run,
};
use tachograph_run::sensors::Sensors;
use tachograph_run::server::{ManagedServer, READY_TIMEOUT, ServeCommand};
use tachograph_run::shim::{self, ShimReport};
use tachograph_run::worker;

use self::ollama::{Behaviour, Ollama};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["worker"] => {
            let env = |name: &str| std::env::var(name).ok();
            let code = worker::main(io::stdin().lock(), io::stdout(), &mut io::stderr(), &env);
            return ExitCode::from(code);
        }
        ["shim", "--", ..] => return ExitCode::from(shim::main(&arguments[2..])),
        ["fat-shim", "--", ..] => {
            let fat = fat();
            let code = shim::main(&arguments[2..]);
            drop(fat);
            return ExitCode::from(code);
        }
        ["harness", url] => {
            // Never returns: the server hangs until this process is killed.
            let result = Bench::new(url).run(&Interrupt::new(), &mut |_| Ok(()));
            eprintln!("{result:?}");
            return ExitCode::FAILURE;
        }
        ["serve", ..] => return serve(&arguments),
        ["tap", ..] => return taps::scripted(&arguments),
        ["threads"] => {
            for _ in 0..4 {
                thread::spawn(thread::park);
            }
            let enough = shim_switches() + 3;
            while shim_switches() < enough {
                thread::yield_now();
            }
            return ExitCode::SUCCESS;
        }
        ["owner"] => {
            let server = ManagedServer::start(serve_command(&["--deaf"])).unwrap();
            println!("{}", server.url());
            // Never returns: standard input stays open until this process is killed.
            io::copy(&mut io::stdin(), &mut io::sink()).unwrap();
            return ExitCode::FAILURE;
        }
        _ => {}
    }
    // libtest's own flags are of no concern here.
    let filter = arguments.iter().find(|word| !word.starts_with('-'));
    let (mut passed, mut failed) = (0, 0);
    for (name, test) in TESTS {
        if filter.is_some_and(|filter| !name.contains(&**filter)) {
            continue;
        }
        let result = panic::catch_unwind(AssertUnwindSafe(test));
        println!("test {name} ... {}", if result.is_ok() { "ok" } else { "FAILED" });
        passed += u32::from(result.is_ok());
        failed += u32::from(result.is_err());
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {verdict}. {passed} passed; {failed} failed;");
    ExitCode::from(u8::from(failed > 0))
}

const TESTS: &[(&str, fn())] = &[
    ("a_run_of_the_native_agent_is_recorded_in_order", run_of_the_native_agent),
    ("two_agents_run_at_once", two_agents),
    ("agents_at_the_barrier_begin_together", barrier::common_start),
    ("an_agent_that_ignores_the_barrier_is_remarked", barrier::no_barrier),
    ("an_agent_that_does_not_come_to_the_barrier_ends_the_run", barrier::missing),
    ("an_agent_that_dies_after_the_start_leaves_the_others", barrier::lost_later),
    ("a_server_that_hangs_fails_its_agent_and_not_the_other", barrier::hung_server),
    ("what_is_no_event_is_noise_and_its_run_fails", noise),
    ("a_key_that_a_worker_writes_is_struck_out", keys),
    ("a_program_that_is_not_there_fails_the_run", missing_program),
    ("what_a_worker_leaves_behind_is_ended", leftovers),
    ("an_abandoned_run_leaves_no_worker", abandon),
    ("a_run_that_cannot_be_recorded_leaves_no_worker", full_disk),
    ("a_run_that_is_to_finish_finishes", finish),
    ("unloading_makes_the_first_call_cold", unloading),
    ("a_killed_harness_takes_its_workers_along", killed_harness),
    ("a_shim_keeps_the_parent_s_memory_out", memory),
    ("a_shim_passes_exit_codes_on", exit_codes),
    ("a_shim_that_is_to_end_kills_and_still_reports", terminated_shim),
    ("a_killed_harness_takes_its_servers_along", killed_owner),
    ("a_server_that_dies_is_remarked_and_started_again", revival::revived),
    ("a_server_that_cannot_be_started_again_fails_the_run", revival::lost),
    ("a_server_that_is_killed_counts_as_dead_at_once", revival::killed),
    ("a_server_outlives_the_thread_that_started_it", server_thread),
    ("what_a_tap_saw_is_recorded_beside_what_its_agent_says", taps::beside),
    ("a_tap_that_does_not_come_up_fails_the_run", taps::missing),
    ("a_tap_that_speaks_nonsense_fails_the_run", taps::nonsense),
    ("an_agent_without_the_protocol_is_told_where_to_call", taps::no_protocol),
    ("an_agent_without_the_protocol_fails_by_its_exit_code", taps::no_protocol_failed),
    ("the_later_of_two_documents_of_one_name_is_kept", two_documents),
    ("threads_are_counted", threads),
];

fn myself() -> String {
    std::env::current_exe().unwrap().to_str().unwrap().to_owned()
}

/// Two hundred resident megabytes.
fn fat() -> Vec<u8> {
    std::hint::black_box(vec![1; 200 << 20])
}

/// What a run needs, and what it left.
struct Bench {
    plan: Plan,
    inputs: BTreeMap<String, PathBuf>,
    servers: BTreeMap<String, ServerControl>,
    /// What is started in the place of `tacho tap`.
    tap: Option<Vec<String>>,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new(url: &str) -> Self {
        Self::of(&format!(
            "schema = \"tachograph-plan/1\"\nname = \"test\"\nblocks = 1\n\
             [[servers]]\nname = \"main\"\nmodel = \"tiny\"\nurl = \"{url}\"\n\
             [[agents]]\nname = \"analyst\"\nserver = \"main\"\n"
        ))
    }

    /// A bench for a plan whose servers are all external.
    fn of(text: &str) -> Self {
        let plan = parse::parse(text).unwrap().plan;
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.csv"), "x\n1\n").unwrap();
        let external = |server: &Server| {
            let url = server.url.clone().unwrap();
            (server.name.clone(), ServerControl::External { url })
        };
        let input = |agent: &AgentSpec| (agent.name.clone(), folder.path().to_owned());
        Self {
            inputs: plan.agents.iter().map(input).collect(),
            servers: plan.servers.iter().map(external).collect(),
            plan,
            tap: None,
            _folder: folder,
        }
    }

    fn with_command(url: &str, command: &[&str]) -> Self {
        let mut bench = Self::new(url);
        let command = command.iter().map(|&word| word.to_owned()).collect();
        bench.plan.agents[0].command = Some(command);
        bench
    }

    fn run(
        &mut self,
        interrupt: &Interrupt,
        sink: &mut dyn FnMut(&Recorded) -> io::Result<()>,
    ) -> Result<Executed, ExecuteError> {
        let mut programs = Programs::of_tacho(&myself());
        programs.tap = self.tap.clone().unwrap_or(programs.tap);
        // The first with as many agents as there are.
        let most =
            |run: &Run| std::cmp::Reverse((run.placements.len(), std::cmp::Reverse(run.index)));
        let mut runs = expand::runs(&self.plan);
        runs.sort_by_key(most);
        let run = runs.remove(0);
        let mut context = RunContext {
            programs: &programs,
            inputs: &self.inputs,
            servers: &mut self.servers,
            nonce_salt: "salt",
            sensors: &Sensors::default(),
            record: None,
        };
        execute_run(&run, &self.plan, &mut context, sink, interrupt)
    }

    fn record(&mut self) -> (Executed, Vec<Recorded>) {
        let mut events = Vec::new();
        let executed = self
            .run(&Interrupt::new(), &mut |event| {
                events.push(event.clone());
                Ok(())
            })
            .unwrap();
        (executed, events)
    }
}

/// Source and type of each event, in order.
fn shape(events: &[Recorded]) -> Vec<String> {
    let name = |recorded: &Recorded| {
        let event = serde_json::to_value(&recorded.event).unwrap();
        format!("{} {}", recorded.source, event["type"].as_str().unwrap())
    };
    let mut shape: Vec<String> = events.iter().map(name).collect();
    shape.dedup();
    shape
}

fn remarks(events: &[Recorded]) -> &BTreeMap<String, String> {
    match &events.last().unwrap().event {
        Event::RunFinished(finished) => &finished.remarks,
        other => panic!("{other:?}"),
    }
}

fn run_of_the_native_agent() {
    let server = Ollama::start(Behaviour::default());
    let (executed, events) = Bench::new(&server.url).record();
    assert_eq!(executed.outcome, RunOutcome::Completed, "{executed:?}");
    assert_eq!(executed.stderr, BTreeMap::new());
    assert_eq!(executed.artifacts.len(), 1);
    assert_eq!(
        (&*executed.artifacts[0].agent, &*executed.artifacts[0].name),
        ("analyst", "report.md")
    );
    let shape = shape(&events);
    let call = ["analyst call_sent", "analyst chunk", "analyst call_finished"];
    let mut expected = vec![
        "harness run_started",
        "harness clock",
        "harness conditions",
        "harness server_seen",
        "harness process_spawned",
        "analyst ready",
        "analyst clock",
        "analyst stage_started",
        "analyst file_ingested",
        "analyst stage_finished",
        "analyst stage_started",
    ];
    expected.extend(call);
    expected.extend(["analyst stage_finished", "analyst stage_started"]);
    expected.extend(call);
    expected.extend([
        "analyst stage_finished",
        "analyst artifact",
        "analyst clock",
        "analyst done",
        "harness process_exited",
        "harness clock",
        "harness conditions",
        "harness server_seen",
        "harness run_finished",
    ]);
    assert_eq!(shape, expected);
    assert_eq!(remarks(&events), &BTreeMap::new());

    let (mut spawned, mut ready, mut seen) = (None, None, Vec::new());
    for recorded in &events {
        match &recorded.event {
            Event::ProcessSpawned(event) => spawned = Some(event.clone()),
            Event::Ready(event) => ready = Some(event.clone()),
            Event::ServerSeen(event) => seen.push(event.identity.clone()),
            Event::ProcessExited(event) => {
                assert_eq!(event.end, ProcessEnd::Exited(0));
                assert!(!event.ended_by_harness);
                let resources = event.resources.as_ref().unwrap();
                assert!(resources.peak_rss_bytes > 1 << 20, "{resources:?}");
                assert!(resources.peak_rss_bytes < 32 << 20, "{resources:?}");
            }
            _ => {}
        }
    }
    let (spawned, ready) = (spawned.unwrap(), ready.unwrap());
    assert_eq!(spawned.pid, ready.pid, "the worker's process, not the shim's");
    assert!(spawned.at_ns < ready.at_ns);
    assert_eq!(seen[0].context_length, None, "not loaded before the run");
    assert_eq!(seen[1].context_length, Some(4096), "loaded after it");
    assert_eq!(seen[1].model.as_deref(), Some("tiny:latest"));
}

fn two_agents() {
    let server = Ollama::start(Behaviour::default());
    let mut bench = Bench::new(&server.url);
    let mut second = bench.plan.agents[0].clone();
    "second".clone_into(&mut second.name);
    bench.plan.agents.push(second);
    let folder = bench.inputs["analyst"].clone();
    bench.inputs.insert("second".to_owned(), folder);
    let (executed, events) = bench.record();
    assert_eq!(executed.outcome, RunOutcome::Completed);
    let agents: Vec<&str> = executed.artifacts.iter().map(|it| &*it.agent).collect();
    assert!(agents.contains(&"analyst") && agents.contains(&"second"), "{agents:?}");
    let position = |wanted: &str| shape(&events).iter().position(|it| it == wanted).unwrap();
    let spawned =
        events.iter().rposition(|it| matches!(it.event, Event::ProcessSpawned(_))).unwrap();
    let ready = events.iter().position(|it| matches!(it.event, Event::Ready(_))).unwrap();
    assert!(spawned < ready, "both wait before either begins");
    assert!(position("second done") > 0 && position("analyst done") > 0);
    // The nonces of the two differ, so that neither warms the other's cache.
    let prompts: Vec<String> = server
        .bodies()
        .iter()
        .map(|body| body["prompt"].as_str().unwrap()[..16].to_owned())
        .collect();
    let distinct: std::collections::BTreeSet<&String> = prompts.iter().collect();
    assert_eq!((prompts.len(), distinct.len()), (4, 4));
}

fn noise() {
    let server = Ollama::start(Behaviour::default());
    let script = "read task; echo hello; echo oops >&2; exit 3";
    let (executed, events) = Bench::with_command(&server.url, &["sh", "-c", script]).record();
    assert_eq!(executed.outcome, RunOutcome::Failed);
    assert_eq!(executed.stderr["analyst"], b"oops\n");
    assert_eq!(remarks(&events)["analyst"], "it ended with exit code 3 before `done`");
    let noise = events.iter().find_map(|recorded| match &recorded.event {
        Event::WorkerNoise(noise) => Some((&*recorded.source, &*noise.agent, &*noise.line)),
        _ => None,
    });
    assert_eq!(noise, Some(("harness", "analyst", "hello")));
}

fn two_documents() {
    let server = Ollama::start(Behaviour::default());
    let line = |content: &str| {
        format!(
            r#"echo '{{"type":"artifact","name":"report.md","content":"{content}","at_ns":1}}';"#
        )
    };
    let script = format!("read task; {} {}", line("first"), line("second"));
    let (executed, events) = Bench::with_command(&server.url, &["sh", "-c", &script]).record();
    let kept: Vec<&[u8]> = executed.artifacts.iter().map(|it| &*it.content).collect();
    assert_eq!(kept, [b"second"]);
    let n = events.iter().filter(|it| matches!(it.event, Event::Artifact(_))).count();
    assert_eq!(n, 2, "the events have both");
}

/// Returns how often this process's parent, a shim, went to sleep.
fn shim_switches() -> u64 {
    let parent = std::os::unix::process::parent_id();
    let status = fs::read_to_string(format!("/proc/{parent}/status")).unwrap();
    let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count.unwrap().trim().parse().unwrap()
}

/// An agent with four more threads, which ends when its shim has looked at it.
fn threads() {
    let server = Ollama::start(Behaviour::default());
    let mut bench = Bench::with_command(&server.url, &[&myself(), "threads"]);
    let (_, events) = bench.record();
    let seen = events.iter().find_map(|it| match &it.event {
        Event::ProcessExited(exited) => exited.resources.as_ref()?.threads_seen,
        _ => None,
    });
    assert_eq!(seen, Some(5));
}

fn keys() {
    let server = Ollama::start(Behaviour::default());
    let script = "read task; echo $PATH; echo $PATH >&2";
    let mut bench = Bench::with_command(&server.url, &["sh", "-c", script]);
    // Any variable that is set serves as a key here.
    bench.plan.servers[0].api_key_env = Some("PATH".to_owned());
    let (executed, events) = bench.record();
    let stars = "*".repeat(std::env::var("PATH").unwrap().len());
    assert_eq!(String::from_utf8_lossy(&executed.stderr["analyst"]), stars.clone() + "\n");
    let text = serde_json::to_string(&events).unwrap();
    assert!(text.contains(&stars) && !text.contains(&std::env::var("PATH").unwrap()), "{text}");
}

fn missing_program() {
    let server = Ollama::start(Behaviour::default());
    let (executed, events) = Bench::with_command(&server.url, &["/nonexistent/agent"]).record();
    assert_eq!(executed.outcome, RunOutcome::Failed);
    let remark = &remarks(&events)["analyst"];
    assert!(remark.starts_with("could not start /nonexistent/agent: No such file"), "{remark}");
}

fn leftovers() {
    let server = Ollama::start(Behaviour::default());
    let script = "read task; sleep 1000 & echo started; exit 0";
    let (executed, _) = Bench::with_command(&server.url, &["sh", "-c", script]).record();
    // Its grandchild held its output open; this ended since that was killed.
    assert_eq!(executed.outcome, RunOutcome::Failed);
}

fn abandon() {
    let server = Ollama::start(Behaviour { hangs: true, ..Behaviour::default() });
    let interrupt = Interrupt::new();
    let switch = interrupt.clone();
    let mut bench = Bench::new(&server.url);
    let run = thread::spawn(move || bench.run(&interrupt, &mut |_| Ok(())));
    server.await_hanging();
    switch.press();
    switch.press();
    server.await_gone();
    assert!(matches!(run.join().unwrap(), Err(ExecuteError::Abandoned)));
}

fn full_disk() {
    let server = Ollama::start(Behaviour { hangs: true, ..Behaviour::default() });
    let result =
        Bench::new(&server.url).run(&Interrupt::new(), &mut |recorded| match recorded.event {
            Event::CallSent(_) => {
                server.await_hanging();
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        });
    assert!(matches!(result, Err(ExecuteError::Sink { .. })), "{result:?}");
    server.await_gone();
}

fn finish() {
    let server = Ollama::start(Behaviour::default());
    let interrupt = Interrupt::new();
    interrupt.press();
    let executed = Bench::new(&server.url).run(&interrupt, &mut |_| Ok(())).unwrap();
    assert_eq!(executed.outcome, RunOutcome::Completed);
}

fn unloading() {
    let server = Ollama::start(Behaviour::default());
    let mut bench = Bench::new(&server.url);
    bench.plan.server_policy = ServerPolicy::Unload;
    for _ in 0..2 {
        let (_, events) = bench.record();
        assert!(server.is_loaded());
        let reset = events.iter().find_map(|recorded| match &recorded.event {
            Event::ServerReset(reset) => Some((&*reset.action, reset.error.clone())),
            _ => None,
        });
        assert_eq!(reset, Some(("unload", None)));
        let loads: Vec<u64> = events
            .iter()
            .filter_map(|recorded| match &recorded.event {
                Event::CallFinished(finished) => Some(finished.server.load_ns.unwrap().0),
                _ => None,
            })
            .collect();
        assert_eq!(loads, [2_000_000_000, 1_000_000], "cold, then warm");
    }
    // Servers that cannot do it say so, and the run goes on.
    bench.plan.server_policy = ServerPolicy::Restart;
    let (executed, events) = bench.record();
    assert_eq!(executed.outcome, RunOutcome::Completed);
    let error = events.iter().find_map(|recorded| match &recorded.event {
        Event::ServerReset(reset) => reset.error.clone(),
        _ => None,
    });
    assert_eq!(error.as_deref(), Some("only a server that tacho started can be restarted"));
}

fn killed_harness() {
    let server = Ollama::start(Behaviour { hangs: true, ..Behaviour::default() });
    let mut harness = Command::new(myself()).args(["harness", &server.url]).spawn().unwrap();
    server.await_hanging();
    harness.kill().unwrap();
    harness.wait().unwrap();
    // The worker held the connection. It is the child of the shim, so that its
    // end shows the shim's.
    server.await_gone();
}

/// Runs a command under a shim and returns the peak that the shim reports.
fn peak(shim: &str) -> u64 {
    let output = Command::new(myself())
        .args([shim, "--", "true"])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    match serde_json::from_str(stderr.lines().last().unwrap()).unwrap() {
        ShimReport::Ended { resources, .. } => resources.peak_rss_bytes,
        other => panic!("{other:?}"),
    }
}

fn memory() {
    let fat = fat();
    let (lean_shim, fat_shim) = (peak("shim"), peak("fat-shim"));
    drop(fat);
    assert!(fat_shim > 200 << 20, "the trap: a parent's memory counts, {fat_shim}");
    assert!(lean_shim < 30 << 20, "the shim's few megabytes count, {lean_shim}");
}

fn exit_codes() {
    let code = |command: &[&str]| {
        let status = Command::new(myself())
            .args(["shim", "--"])
            .args(command)
            .stderr(Stdio::null())
            .status()
            .unwrap();
        status.code().unwrap()
    };
    assert_eq!(code(&["true"]), 0);
    assert_eq!(code(&["sh", "-c", "exit 7"]), 7);
    assert_eq!(code(&["sh", "-c", "kill -9 $$"]), 137);
    assert_eq!(code(&["/nonexistent"]), i32::from(shim::NOT_STARTED));
}

/// A server as `tacho serve` is one: ready line, then until its input closes.
fn serve(arguments: &[String]) -> ExitCode {
    let at = arguments.iter().position(|argument| argument == "--port").unwrap();
    // Its first start leaves this file behind.
    let first = arguments.iter().position(|argument| argument == "--first");
    let is_first = first.is_some_and(|at| fs::File::create_new(&arguments[at + 1]).is_ok());
    if first.is_some() && !is_first && arguments.iter().any(|argument| argument == "--once") {
        eprintln!("starting twice is too much");
        return ExitCode::FAILURE;
    }
    let behaviour = Behaviour { dies: is_first, ..Behaviour::default() };
    let server = Ollama::start_on(arguments[at + 1].parse().unwrap(), behaviour);
    println!(
        r#"{{"type":"serving","protocol":1,"urls":["{}"],"engine":{{"kind":"test"}}}}"#,
        server.url
    );
    if arguments.iter().any(|argument| argument == "--deaf") {
        // It does not see its input close, and has to be killed.
        loop {
            thread::park();
        }
    }
    io::copy(&mut io::stdin(), &mut io::sink()).unwrap();
    ExitCode::SUCCESS
}

fn serve_command(extra: &[&str]) -> ServeCommand {
    let mut command = vec![myself(), "serve".to_owned()];
    command.extend(extra.iter().map(|&word| word.to_owned()));
    ServeCommand { command, port: 0, ready_timeout: READY_TIMEOUT }
}

fn killed_owner() {
    let mut owner = Command::new(myself())
        .arg("owner")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(owner.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let mut connection = TcpStream::connect(url.trim().strip_prefix("http://").unwrap()).unwrap();
    owner.kill().unwrap();
    owner.wait().unwrap();
    // The server ends the connection by ending itself.
    connection.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let rest = connection.read_to_end(&mut Vec::new());
    let is_reset = |error: io::Error| error.kind() == io::ErrorKind::ConnectionReset;
    assert!(rest.is_ok() || is_reset(rest.unwrap_err()), "the server lives on");
}

fn terminated_shim() {
    let mut shim = Command::new(myself())
        .args(["shim", "--", "sleep", "1000"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reports = BufReader::new(shim.stderr.take().unwrap()).lines();
    let mut report = || serde_json::from_str(&reports.next().unwrap().unwrap()).unwrap();
    assert!(matches!(report(), ShimReport::Started { .. }));
    let asked = Command::new("sh").args(["-c", &format!("kill {}", shim.id())]).status().unwrap();
    assert!(asked.success());
    match report() {
        ShimReport::Ended { end, resources, .. } => {
            assert_eq!(end, ProcessEnd::Signalled(9));
            assert!(resources.peak_rss_bytes > 0);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(shim.wait().unwrap().code(), Some(128 + 9));
}

fn server_thread() {
    let started = thread::spawn(|| ManagedServer::start(serve_command(&[])).unwrap());
    let mut server = started.join().unwrap();
    let url = server.url().to_owned();
    // Were it killed with its thread, nobody would answer now.
    let mut bench = Bench::new(&url);
    bench.plan.server_policy = ServerPolicy::Restart;
    let first = server.pid().unwrap();
    server.restart().unwrap();
    assert_ne!(server.pid().unwrap(), first);
    bench.servers.insert("main".to_owned(), ServerControl::Managed(server));
    let (executed, events) = bench.record();
    assert_eq!(executed.outcome, RunOutcome::Completed, "{:?}", remarks(&events));
    let ServerControl::Managed(server) = &bench.servers["main"] else { panic!() };
    assert_eq!(server.url(), url, "a restart keeps the port");
}
