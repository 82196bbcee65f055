//! Roles, topologies, scenarios and phases, from their text.

use super::super::{expand, parse::parse};
use super::*;

const TR114: &str = include_str!("../../../../../plans/multi-agent.toml");

const SERVERS: &str = "schema = 'tachograph-plan/1'\nname = 't'\nblocks = 3\n\
    [[servers]]\nname = 'one'\nmodel = 'm'\nmanaged = { engine = 'simulated' }\ninstances = 3\n\
    [[agents]]\nname = 'collector'\nrole = 'collector'\n\
    [[agents]]\nname = 'insight'\nrole = 'insight'\n\
    [[topologies]]\nname = 'shared'\nservers = ['one-1']\n\
    [[topologies]]\nname = 'each'\nservers = ['one']\n";

fn plan(phases: &str) -> Plan {
    parse(&format!("{SERVERS}{phases}")).unwrap().plan
}

fn ids(plan: &Plan, arm: Arm) -> Vec<String> {
    let all = expand::configurations(plan).into_iter();
    all.filter(|each| each.arm == arm).map(|each| each.id.0).collect()
}

#[test]
fn the_historical_plan_has_its_thirty_configurations() {
    let plan = parse(TR114).unwrap().plan;
    let all = expand::configurations(&plan);
    let together: Vec<&Configuration> =
        all.iter().filter(|each| each.arm == Arm::Concurrent).collect();
    let of_phase = |phase: &str, scenario: Scenario| {
        let is_of = |each: &&&Configuration| {
            each.together.as_ref().is_some_and(|t| t.phase == phase && t.scenario == scenario)
        };
        together.iter().filter(is_of).count()
    };
    assert_eq!(together.len(), 30);
    assert_eq!(of_phase("core-sweep", Scenario::BaselineVsChimera), 6);
    assert_eq!(of_phase("core-sweep", Scenario::ChimeraHomo), 6);
    assert_eq!(of_phase("core-sweep", Scenario::ChimeraHetero), 6);
    assert_eq!(of_phase("temperature-context", Scenario::ChimeraHomo), 9);
    assert_eq!(of_phase("validation", Scenario::ChimeraHetero), 1);
    assert_eq!(all.len() - together.len(), ids(&plan, Arm::Solo).len());
    assert!(
        all.iter().any(|each| each.id.0 == "core-sweep_chimera-hetero_dual_gpu60-80_ctx512-1024")
    );
    let first = &all[2];
    assert_eq!(first.placements[0].options.keys().collect::<Vec<_>>(), ["num_predict"]);
    assert_eq!(first.placements[1].server, "right");
    assert_eq!(
        first.placements[1].solo.as_ref().unwrap().0,
        "solo_insight_right_gpu60_ctx512_temp0p8"
    );
    let locked: Plan = serde_json::from_slice(&plan.lock_bytes()).unwrap();
    assert_eq!(locked, plan);
    assert_eq!(super::super::parse::recheck(&plan).unwrap().plan, plan);
}

#[test]
fn every_agent_of_a_concurrent_run_is_alone_in_the_same_block() {
    let plan = parse(TR114).unwrap().plan;
    let runs = expand::runs(&plan);
    for run in runs.iter().filter(|run| run.arm == Arm::Concurrent) {
        for placement in &run.placements {
            let id = placement.solo.as_ref().unwrap();
            let solo: Vec<_> = runs
                .iter()
                .filter(|other| other.id.block == run.id.block && other.id.configuration == *id)
                .collect();
            assert_eq!(solo.len(), 1, "{id}");
            let alone = &solo[0].placements[0];
            assert_eq!(
                (&alone.spec, &alone.server, &alone.options),
                (&placement.spec, &placement.server, &placement.options)
            );
        }
    }
}

#[test]
fn agents_take_servers_and_entries_in_turn() {
    let plan = plan(
        "[[phases]]\nname = 'scale'\n[[phases.matrices]]\nscenarios = ['chimera-homo']\n\
         topologies = ['shared', 'each']\ncounts = [1, 3, 4]\noptions = { temperature = 0.2 }\n",
    );
    let names: Vec<&str> = plan.servers.iter().map(|server| &*server.name).collect();
    assert_eq!(names, ["one-1", "one-2", "one-3"]);
    assert_eq!(
        ids(&plan, Arm::Concurrent),
        [
            "scale_chimera-homo_shared_x3",
            "scale_chimera-homo_shared_x4",
            "scale_chimera-homo_each_x3",
            "scale_chimera-homo_each_x4"
        ]
    );
    let all = expand::configurations(&plan);
    let four = all.iter().find(|each| each.id.0 == "scale_chimera-homo_each_x4").unwrap();
    let placed: Vec<(&str, &str)> =
        four.placements.iter().map(|each| (&*each.agent, &*each.server)).collect();
    assert_eq!(
        placed,
        [
            ("collector", "one-1"),
            ("insight", "one-2"),
            ("collector-2", "one-3"),
            ("insight-2", "one-1")
        ]
    );
    assert_eq!(
        ids(&plan, Arm::Solo),
        [
            "solo_collector_one-1_temp0p2",
            "solo_insight_one-1_temp0p2",
            "solo_insight_one-2_temp0p2",
            "solo_collector_one-3_temp0p2"
        ]
    );
}

#[test]
fn contradictions_are_refused_with_the_fix() {
    let phase = |matrix: &str| {
        let text = format!("{SERVERS}[[phases]]\nname = 'p'\n[[phases.matrices]]\n{matrix}\n");
        parse(&text).unwrap_err().to_string()
    };
    let cases = [
        ("scenarios = ['mixed']\ntopologies = ['shared']", "all of these have the same one"),
        ("scenarios = ['chimera-hetero']\ntopologies = ['shared']", "use `chimera-homo`"),
        ("scenarios = ['baseline-vs-chimera']\ntopologies = ['shared']", "nothing is tuned"),
        (
            "scenarios = ['chimera-homo']\ntopologies = ['shared']\nfactors = { top_k = [[1, 2]] }",
            "makes the scenario `chimera-hetero`",
        ),
        (
            "scenarios = ['chimera-hetero']\ntopologies = ['shared']\nfactors = { top_k = [[1, 2, 3]] }",
            "has 3 values for 2 agents",
        ),
        ("scenarios = ['chimera-homo']", "agent `collector` has no server"),
        ("scenarios = ['chimera-homo']\ntopologies = ['shard']", "known: shared"),
        ("scenarios = ['chimera-homo']\ntopologies = ['shared']\ncounts = [33]", "give 1 to 32"),
        ("scenarios = ['chimera-homo']\ntopologies = ['shared']\ncounts = [1]", "at least two"),
        ("scenarios = []", "at least one scenario"),
        (
            "scenarios = ['chimera-homo']\ntopologies = ['shared']\nagents = ['collectr']",
            "known: collector",
        ),
    ];
    for (matrix, expected) in cases {
        let found = phase(matrix);
        assert!(found.contains(expected) && found.contains("line "), "{matrix}: {found}");
    }
}

#[test]
fn exclusive_servers_are_not_shared() {
    let phases = "[[phases]]\nname = 'p'\n[[phases.matrices]]\nscenarios = ['chimera-homo']\n\
                  topologies = ['own']\ncounts = [2, 4]\n";
    let topology = "[[topologies]]\nname = 'own'\nservers = ['one']\nexclusive = true\n";
    let error = parse(&format!("{SERVERS}{topology}{phases}")).unwrap_err().to_string();
    assert!(error.contains("3 servers for 4 agents"), "{error}");
    let twice = topology.replace("['one']", "['one-1', 'one-1']");
    let error = parse(&format!("{SERVERS}{twice}{phases}")).unwrap_err().to_string();
    assert!(error.contains("lists server `one-1` twice"), "{error}");
}

#[test]
fn ports_of_instances_do_not_meet() {
    let with_port = |port: &str| {
        SERVERS
            .replace("engine = 'simulated' }", &format!("engine = 'simulated', port = {port} }}"))
    };
    let phases = "[[phases]]\nname = 'p'\n[[phases.matrices]]\nscenarios = ['chimera-homo']\n\
                  topologies = ['each']\n";
    let more = "[[servers]]\nname = 'two'\nmodel = 'm'\n\
                managed = { engine = 'simulated', port = 9002 }\n";
    let plan = parse(&format!("{}{phases}", with_port("9000"))).unwrap().plan;
    let ports: Vec<_> =
        plan.servers.iter().map(|server| server.managed.as_ref().unwrap().port).collect();
    assert_eq!(ports, [Some(9000), Some(9001), Some(9002)]);
    let error = parse(&format!("{}{more}{phases}", with_port("9000"))).unwrap_err().to_string();
    assert!(error.contains("`one` and `two` both want port 9002"), "{error}");
    let error = parse(&format!("{}{phases}", with_port("65534"))).unwrap_err().to_string();
    assert!(error.contains("between 1 and 65535"), "{error}");
}

#[test]
fn parts_of_single_agent_plans_are_refused() {
    let phases = "[[phases]]\nname = 'p'\n[[phases.matrices]]\nscenarios = ['chimera-homo']\n\
                  topologies = ['each']\n";
    let cases = [
        ("[factors]\ntop_k = [1]\n", "belongs into [[phases.matrices]]"),
        ("[primary]\nmetric = 'tpot'\n", "metric = \"run_wall\""),
        ("[baseline]\naa = true\n", "a second phase with the same matrix"),
        ("[stopping]\nrule = 'always-valid'\n", "stopping rule \"fixed\""),
    ];
    for (part, expected) in cases {
        let error = parse(&format!("{SERVERS}{phases}{part}")).unwrap_err().to_string();
        assert!(error.contains(expected), "{part}: {error}");
    }
    let error = parse(SERVERS).unwrap_err().to_string();
    assert!(error.contains("needs a server"), "{error}");
}
