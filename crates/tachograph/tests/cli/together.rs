//! Several agents at once, and what goes wrong around them.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use tachograph_model::event::{Event, Recorded};
use tachograph_store::Study;

use super::{Place, plan};

/// A fast simulated server, with room for more settings of it.
fn server(name: &str, managed: &str) -> String {
    format!(
        "[[servers]]\nname = '{name}'\nmodel = 'sim:1b'\n[servers.managed]\n\
         engine = 'simulated'\n{managed}[servers.managed.set]\nload_ns = 2_000_000\n\
         loaded_check_ns = 10_000\nprompt_base_ns = 100_000\nprompt_token_ns = 1_000\n\
         output_token_ns = 200_000\n"
    )
}

/// A plan with two agents on servers `one` and `two`; `topology` and `matrix` are
/// what makes them run at once.
fn together(servers: &[String], agents: &str, topology: &str, matrix: &str) -> String {
    format!(
        "schema = 'tachograph-plan/1'\nname = 'both'\nblocks = 1\nseed = 7\nwarmup_calls = 1\n\
         prompt_cache = 'off'\n{}{topology}{agents}[options]\nnum_predict = 8\n\
         [[phases]]\nname = 'p'\n[[phases.matrices]]\n{matrix}",
        servers.concat()
    )
}

const AGENTS: &str = "[[agents]]\nname = 'collector'\nrole = 'collector'\ninput = 'data'\n\
                      [[agents]]\nname = 'insight'\nrole = 'insight'\ninput = 'data'\n";
const EACH: &str = "[[topologies]]\nname = 'each'\nservers = ['one', 'two']\nexclusive = true\n";
const HOMO: &str = "scenarios = ['chimera-homo']\ntopologies = ['each']\n";

fn two_servers() -> [String; 2] {
    [server("one", ""), server("two", "")]
}

fn good() -> String {
    together(&two_servers(), AGENTS, EACH, HOMO)
}

impl Place {
    /// Writes a plan and runs it into `study`; returns what was printed.
    fn run_text(&self, code: i32, text: &str, extra: &[&str]) -> String {
        fs::write(self.path("both.toml"), text).unwrap();
        let said = self.expect(code, &[&["run", "both.toml", "-o", "study"], extra].concat());
        self.assert_nothing_runs();
        said.replace("\n  │ ", " ")
    }

    /// Processes of this place carry its cache's path; none may be left. Where there is
    /// no `/proc` nothing can be seen.
    fn assert_nothing_runs(&self) {
        let Ok(processes) = fs::read_dir("/proc") else { return };
        let mark = format!("TACHO_CACHE={}", self.path("cache").display()).into_bytes();
        for process in processes.flatten() {
            // Another user's, or one that has ended.
            let Ok(environment) = fs::read(process.path().join("environ")) else { continue };
            let is_ours = environment.split(|byte| *byte == 0).any(|entry| entry == mark);
            let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
            assert!(!is_ours, "left over: {}", String::from_utf8_lossy(&command));
        }
    }

    fn events(&self) -> Vec<Vec<Recorded>> {
        let study = Study::open(&self.path("study")).unwrap();
        study.runs().map(|run| run.unwrap().events).collect()
    }
}

#[test]
fn two_agents_run_at_once_and_alone() {
    let place = Place::new(1);
    let said = place.run_text(0, &good(), &[]);
    assert!(said.contains("3 of 3 runs are sealed"), "{said}");
    let runs = place.path("study/runs");
    let report = runs.join("p_chimera-homo_each/run_001/combined_report.md");
    let text = fs::read_to_string(report).unwrap();
    for part in ["| collector | one | ", " | completed |", "## insight\n", "### Report of insight"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!runs.join("solo_collector_one/run_001/combined_report.md").exists());
    place.expect(0, &["verify", "study"]);
    let said = place.expect(0, &["plan", "both.toml", "--rehearse"]);
    place.assert_nothing_runs();
    assert!(said.contains("the first concurrent configuration was rehearsed"), "{said}");
    assert!(said.contains("1 runs together like it take"), "{said}");
    assert!(said.contains("2 runs alone"), "{said}");
}

#[test]
fn an_agent_that_fails_is_kept_beside_the_others() {
    let place = Place::new(1);
    // It comes to the barrier, and dies after it.
    let script = "read task; echo '{\"type\":\"waiting\",\"at_ns\":1}'; read start; kill -9 $$";
    let agents = format!("{AGENTS}command = ['sh', '-c', '''{script}''']\n");
    let said = place.run_text(
        4,
        &together(&two_servers(), &agents, EACH, "scenarios = ['mixed']\ntopologies = ['each']\n"),
        &[],
    );
    assert!(said.contains("2 runs failed"), "together, and alone: {said}");
    let report = place.path("study/runs/p_mixed_each/run_001/combined_report.md");
    let text = fs::read_to_string(report).unwrap();
    assert!(text.contains("it was ended by signal 9 |"), "{text}");
    assert!(text.contains("## insight\n\nIt made no report."), "{text}");
    assert!(text.contains("### Report of collector"), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_that_dies_is_remarked_and_started_again() {
    let place = Place::new(2);
    // The first agent kills the server of its run; the others are the native one.
    let script = place.path("agent.sh");
    let tacho = env!("CARGO_BIN_EXE_tacho");
    let text = format!(
        "[ -e \"$TACHO_CACHE.killed\" ] && exec '{tacho}' worker\n\
         : > \"$TACHO_CACHE.killed\"\n\
         for process in /proc/[0-9]*; do\n\
         tr '\\0' '\\n' 2>&- < $process/environ | grep -qxF \"TACHO_CACHE=$TACHO_CACHE\" || continue\n\
         tr '\\0' '\\n' < $process/cmdline | grep -qx serve && kill -9 ${{process#/proc/}}\n\
         done\n\
         read task\nexit 1\n"
    );
    fs::write(&script, text).unwrap();
    let command = format!("input = 'data'\ncommand = ['sh', '{}']\n", script.display());
    for policy in ["keep", "restart"] {
        drop(fs::remove_dir_all(place.path("study")));
        drop(fs::remove_file(place.path("cache.killed")));
        let text = plan(2).replacen("input = 'data'\n", &command, 1);
        let text = text.replacen("'unload'", &format!("'{policy}'"), 1);
        let said = place.run_text(4, &text, &[]);
        assert!(said.contains("4 of 4 runs are sealed"), "{said}");
        assert!(said.contains("1 runs failed"), "{said}");
        let runs = place.events();
        let Some(Event::RunFinished(first)) = runs[0].last().map(|it| &it.event) else {
            panic!("{:?}", runs[0].last())
        };
        assert_eq!(first.remarks["server main"], "it died during the run: signal 9");
        let actions = runs.iter().flatten().filter_map(|recorded| match &recorded.event {
            Event::ServerReset(reset) => Some((&*reset.action, reset.error.as_deref())),
            _ => None,
        });
        let expected: &[(&str, Option<&str>)] = match policy {
            "keep" => &[("revive", None)],
            _ => &[("restart", None), ("revive", None), ("restart", None), ("restart", None)],
        };
        assert_eq!(actions.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn plans_that_contradict_themselves_are_shown_with_their_place() {
    let place = Place::new(1);
    let two = two_servers();
    let shared = EACH.replace("['one', 'two']", "['one']");
    let hetero = HOMO.replace("chimera-homo", "chimera-hetero");
    let port = "port = 9000\n";
    let twice = [server("one", port), server("two", port)];
    let cases = [
        (together(&two, AGENTS, &shared, HOMO), "1 servers for 2 agents"),
        (
            together(&two, AGENTS, EACH, "scenarios = ['chimera-homo']\n"),
            "agent `collector` has no server",
        ),
        (together(&two, AGENTS, EACH, &hetero), "use `chimera-homo`"),
        (together(&twice, AGENTS, EACH, HOMO), "both want port 9000; give them two ports"),
    ];
    for (text, expected) in cases {
        let said = place.run_text(2, &text, &[]);
        assert!(said.contains(expected), "{expected}: {said}");
        assert!(said.contains("line ") && said.contains("[both.toml:"), "{expected}: {said}");
        assert!(!place.path("study").exists(), "{expected}: nothing was begun");
    }
}

#[test]
fn a_port_that_is_taken_is_named_with_its_server() {
    let place = Place::new(1);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    // The first server is up by then, and ends with the refusal.
    let servers = [server("one", ""), server("two", &format!("port = {port}\n"))];
    let said = place.run_text(3, &together(&servers, AGENTS, EACH, HOMO), &[]);
    assert!(said.contains("server `two` could not be started"), "{said}");
    assert!(said.contains(&format!("port {port} is in use")), "{said}");
    assert!(said.contains("help:") && said.contains("another `port`"), "{said}");
    assert!(!place.path("study").exists(), "nothing was begun");
}

#[test]
fn one_url_for_several_servers_is_refused() {
    let place = Place::new(1);
    let said = place.run_text(2, &good(), &["--server", "http://127.0.0.1:1"]);
    assert!(said.contains("say which one: --server NAME=URL"), "{said}");
    let plans = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plans/multi-agent.toml");
    let plan = plans.to_str().unwrap();
    place.expect(2, &["run", plan, "-o", "study", "--server", "http://127.0.0.1:1"]);
}
