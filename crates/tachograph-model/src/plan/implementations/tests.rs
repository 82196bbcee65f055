use std::collections::BTreeSet;

use super::*;
use crate::plan::Metric;
use crate::plan::parse::{parse, recheck};
use crate::run::Run;

const PLAN: &str = "\
schema = 'tachograph-plan/1'
name = 'two'
blocks = 4

[[servers]]
name = 'live'
model = 'm'
url = 'http://127.0.0.1:1'

[[servers]]
name = 'tape'
model = 'm'
managed = { engine = 'simulated' }

[[agents]]
name = 'native'

[[agents]]
name = 'python'
implementation = 'python-httpx'
without = ['baseline_default']

[implementations]
agents = ['native', 'python']
servers = ['live']

[options]
seed = 7

[factors]
num_ctx = [512, 1024]
temperature = [0.6, 0.8]
";

fn ids(plan: &Plan) -> Vec<String> {
    expand::configurations(plan).into_iter().map(|each| each.id.0).collect()
}

fn refused(from: &str, to: &str) -> String {
    assert!(PLAN.contains(from), "{from}");
    parse(&PLAN.replace(from, to)).unwrap_err().to_string()
}

#[test]
fn each_implementation_executes_what_it_is_not_without() {
    let plan = parse(PLAN).unwrap().plan;
    assert_eq!(plan.instrument, Instrument::Tap);
    assert_eq!(plan.primary.metric, Metric::RunWall);
    assert_eq!(recheck(&plan).unwrap().plan, plan);
    let slugs = ["ctx1024_temp0p6", "ctx1024_temp0p8", "ctx512_temp0p6", "ctx512_temp0p8"];
    let mut expected: BTreeSet<String> = ["native", "python"]
        .iter()
        .flat_map(|agent| slugs.map(|slug| format!("{agent}_{slug}")))
        .collect();
    expected.insert("native_baseline_default".to_owned());
    assert_eq!(ids(&plan).into_iter().collect::<BTreeSet<_>>(), expected);

    let all = expand::configurations(&plan);
    let of = |id: &str| all.iter().find(|each| each.id.0 == id).unwrap();
    let (native, python) = (of("native_ctx512_temp0p6"), of("python_ctx512_temp0p6"));
    assert_eq!(native.options, python.options, "both send the same options");
    let part = native.implementation.as_ref().unwrap();
    assert_eq!((&*part.of.0, part.arm), ("ctx512_temp0p6", Arm::Chimera));
    assert_eq!(part.levels.len(), 2);
    assert_eq!(of("native_baseline_default").implementation.as_ref().unwrap().arm, Arm::Baseline);
    assert!(all.iter().all(|each| each.arm == Arm::Implementation && each.levels.is_empty()));
}

#[test]
fn implementations_are_interleaved_in_each_block() {
    let plan = parse(PLAN).unwrap().plan;
    let mut by_block: BTreeMap<u32, Vec<Run>> = BTreeMap::new();
    for run in expand::runs(&plan) {
        by_block.entry(run.id.block).or_default().push(run);
    }
    assert_eq!(by_block.len(), 4);
    let first = |runs: &[Run]| runs[0].placements[0].agent.clone();
    for runs in by_block.values() {
        assert_eq!(runs.len(), 9);
        let agents: Vec<&str> = runs.iter().map(|run| &*run.placements[0].agent).collect();
        let n_changes = agents.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(n_changes > 1, "not one after the other: {agents:?}");
    }
    let firsts: BTreeSet<String> = by_block.values().map(|runs| first(runs)).collect();
    assert!(!firsts.is_empty());
}

#[test]
fn two_servers_double_the_arms_and_are_in_the_names() {
    let text = PLAN.replace("servers = ['live']", "servers = ['live', 'tape']");
    let plan = parse(&text).unwrap().plan;
    assert_eq!(ids(&plan).len(), 18);
    assert!(ids(&plan).contains(&"python_tape_ctx512_temp0p8".to_owned()));
}

#[test]
fn phases_stand_beside_implementations() {
    let text = format!(
        "{PLAN}\n[[phases]]\nname = 'hybrid'\n[[phases.matrices]]\nscenarios = ['mixed']\n\
         topologies = ['one']\n[[topologies]]\nname = 'one'\nservers = ['tape']\n"
    );
    let plan = parse(&text).unwrap().plan;
    let arms: BTreeMap<Arm, usize> =
        expand::configurations(&plan).iter().fold(BTreeMap::new(), |mut all, each| {
            *all.entry(each.arm).or_default() += 1;
            all
        });
    let expected = [(Arm::Solo, 2), (Arm::Concurrent, 1), (Arm::Implementation, 9)];
    assert_eq!(arms, BTreeMap::from(expected));
    assert_eq!(recheck(&plan).unwrap().plan, plan);
}

#[test]
fn what_cannot_be_compared_is_refused_with_the_fix() {
    let cases = [
        ("agents = ['native', 'python']", "agents = ['native']", "at least two agents"),
        ("agents = ['native', 'python']", "agents = ['native', 'pyhton']", "known: python"),
        ("agents = ['native', 'python']", "agents = ['native', 'native']", "listed twice"),
        ("servers = ['live']", "servers = ['life']", "no server is called `life`; known: live"),
        ("servers = ['live']", "", "needs a server"),
        ("['baseline_default']", "['baseline_defalt']", "did you mean `baseline_default`?"),
        ("'python-httpx'", "'python-httpy'", "did you mean `python-httpx`?"),
        ("'python-httpx'", "'python-httpx'\ncommand = ['x']", "keep one"),
        ("'python-httpx'", "'native'\nprotocol = 'none'", "needs a `command`"),
        ("blocks = 4", "blocks = 4\norder = 'abba'", "order \"abba\""),
        ("[options]", "[cost]\ncurrency = 'USD'\n[options]", "requests_per_month"),
        ("{ engine = 'simulated' }", "{ engine = 'cassette' }", "cassette = \"FILE\""),
        ("{ engine = 'simulated' }", "{ engine = 'simulated', speed = 2.0 }", "are for engine"),
        (
            "{ engine = 'simulated' }",
            "{ engine = 'cassette', cassette = 'x' }",
            "prompt_cache = \"off\"",
        ),
    ];
    for (from, to, expected) in cases {
        let found = refused(from, to);
        assert!(found.contains(expected), "{to}: {found}");
        assert!(found.starts_with("line "), "{found}");
    }
    let cassette = PLAN
        .replace("{ engine = 'simulated' }", "{ engine = 'cassette', cassette = 'x' }")
        .replace("blocks = 4", "blocks = 4\nprompt_cache = 'on'");
    let alone = "schema = 'tachograph-plan/1'\nname = 'x'\nblocks = 3\n\
                 [[servers]]\nname = 's'\nmodel = 'm'\nurl = 'http://127.0.0.1:1'\n\
                 [[agents]]\nname = 'a'\nserver = 's'\nwithout = ['baseline_default']\n";
    let error = parse(alone).unwrap_err();
    assert!(error.message.contains("`without` is for implementations"), "{error}");
    parse(&cassette).unwrap();
    let error = parse(&cassette.replace("seed = 7", "")).unwrap_err();
    assert!(error.message.contains("seed = 1"), "{error}");
}

#[test]
fn an_agent_without_the_protocol_needs_the_tap() {
    let text = "schema = 'tachograph-plan/1'\nname = 'x'\nblocks = 3\n\
                [[servers]]\nname = 's'\nmodel = 'm'\nurl = 'http://127.0.0.1:1'\n\
                [[agents]]\nname = 'a'\nserver = 's'\ncommand = ['curl']\nprotocol = 'none'\n";
    let error = parse(text).unwrap_err();
    assert!(error.message.contains("instrument = \"tap\""), "{error}");
    let plan = parse(&text.replace("blocks = 3", "blocks = 3\ninstrument = 'tap'")).unwrap().plan;
    assert_eq!(plan.agents[0].protocol, Protocol::None);
}

#[test]
fn prices_are_numbers_above_zero_and_belong_to_implementations() {
    let cost = "[cost]\ncurrency = 'USD'\nrequests_per_month = 1e6\ninstance_price_per_hour = 0.1\n\
                instance_memory_gib = 4\ninstance_cpus = 2\n[cost.development]\nnative = 20000\n";
    let text = PLAN.replace("[options]", &format!("{cost}[options]"));
    let cost = parse(&text).unwrap().plan.cost.unwrap();
    assert_eq!(cost.development["native"].to_string(), "20000");
    for (from, to) in [("cpus = 2", "cpus = 0"), ("native = 2", "nativ = 2"), ("= 1e6", "= -1")] {
        let error = parse(&text.replace(from, to)).unwrap_err();
        assert!(error.message.contains("above 0") || error.message.contains("none of"), "{error}");
    }
}
