//! Agents that do something else than they should: each is seen for what it is.
//!
//! They are the agent in Python with one planted difference each
//! (`agents/python/src/tachograph_agent/planted.py`). Without a Python, nothing is tested.

use std::fs;

use super::agent_setup::environments;
use super::{Place, plan};

/// The real agent in Python, and one like it for each name and its flags.
fn beside_the_real_one(python: &str, agents: &[(&str, &str)]) -> String {
    let quoted = |words: &str| format!("'{words}'");
    let entry = |(name, flags): &(&str, &str)| {
        let program = [python, "-I", "-m", "tachograph_agent.planted"];
        let command: Vec<String> =
            program.into_iter().chain(flags.split_whitespace()).map(quoted).collect();
        format!(
            "[[agents]]\nname = '{name}'\nserver = 'main'\ninput = 'data'\ncommand = [{}]\n",
            command.join(", ")
        )
    };
    let names: Vec<String> =
        ["analyst"].into_iter().chain(agents.iter().map(|(name, _)| *name)).map(quoted).collect();
    let text = format!(
        "{}[implementations]\nagents = [{}]\n[options]\nseed = 5",
        agents.iter().map(entry).collect::<Vec<_>>().concat(),
        names.join(", ")
    );
    let real = "server = 'main'\nimplementation = 'python-httpx'";
    plan(1).replacen("[options]", &text, 1).replacen("server = 'main'", real, 1)
}

fn claims_of(place: &Place) -> serde_json::Value {
    let bytes = fs::read(place.path("study/reports/cross-language/claims.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn claim(claims: &serde_json::Value, id: &str) -> Option<f64> {
    let claims = claims["claims"].as_array().unwrap();
    claims.iter().find(|claim| claim["id"] == id)?["value"].as_f64()
}

#[test]
fn whoever_does_something_else_is_not_compared() {
    let place = Place::new(1);
    let Some((cache, python)) = environments(&place) else { return };
    let breaches = ["prompt-byte", "option", "missing-file", "extra-call", "other-model"];
    let flags = breaches.map(|breach| format!("--breach {breach}"));
    let mut agents = vec![("alike", "")];
    agents.extend(breaches.iter().zip(&flags).map(|(name, flags)| (*name, &**flags)));
    fs::write(place.path("plan.toml"), beside_the_real_one(&python, &agents)).unwrap();
    fs::write(place.path("data/notes.md"), "The last file is left out.\n").unwrap();
    // The server knows one model only: that agent's runs fail, as they should.
    place.expect(4, &["run", "plan.toml", "-o", "study", "--cache", &cache]);
    place.expect(0, &["report", "study"]);
    place.expect(0, &["verify", "study"]);
    let claims = claims_of(&place);
    let report = fs::read_to_string(place.path("study/reports/cross-language/report.md")).unwrap();
    let is_breached = |agent: &str| {
        claim(&claims, &format!("contest/main/{agent}/parity/breaches")).unwrap() > 0.0
    };
    assert!(!is_breached("alike"), "{report}");
    for (agent, seen) in [
        ("prompt-byte", "| another prompt | `/prompt` |"),
        ("option", "| another option | `/options/seed` |"),
        ("missing-file", "| other files | `runs.csv` |"),
        ("extra-call", "| another number of calls |"),
        ("other-model", "| another model | `/model` |"),
    ] {
        assert!(is_breached(agent), "{agent}: {report}");
        let told = report.split(&format!("`{agent}` on `main` did not do the same")).nth(1);
        let told = told.unwrap_or_else(|| panic!("{agent}: {report}"));
        let own = told.split("did not do the same").next().unwrap();
        assert!(own.contains(seen), "{agent}: {own}");
        for figure in ["difference", "ratio"] {
            let id = format!("contest/main/{agent}/run_wall/{figure}");
            assert_eq!(claim(&claims, &id), None, "claims are blocked");
        }
    }
    assert!(
        claim(&claims, "contest/main/alike/run_wall/median").is_some()
            || report.contains("`alike`")
    );
}

#[test]
fn agents_that_misbehave_are_named_and_end() {
    let place = Place::new(1);
    let Some((cache, python)) = environments(&place) else { return };
    let agents = [
        ("garbage", "--garbage"),
        ("early", "--exit-early"),
        ("hanging", "--hang"),
        ("flood", "--flood-stderr 3"),
        ("order", "--out-of-order"),
        ("liar", "--lie-ms 5"),
    ];
    let text = beside_the_real_one(&python, &agents);
    let text = text.replacen("blocks", "agent_limit_s = 2.0\nblocks", 1);
    fs::write(place.path("plan.toml"), text).unwrap();
    let said = place.expect(4, &["run", "plan.toml", "-o", "study", "--cache", &cache]);
    place.expect(0, &["report", "study"]);
    place.expect(0, &["verify", "study"]);
    let report = fs::read_to_string(place.path("study/reports/cross-language/report.md")).unwrap();
    assert!(said.contains("4 runs failed"), "{said}");
    for seen in [
        "(early: it ended with exit code 0 before",
        "(hanging: not done after 2 s)",
        "| an agent wrote lines that are no events | **suspect** | `garbage_",
        "| an agent told of calls that it had not said were under way (order) | **suspect** |",
        "| an agent says that it had the first token before it came from the server (liar) | \
         **invalid** | `liar_",
        "| `flood` | `main` | 2 | 4 | 0 | 2 | 0 | the same |",
    ] {
        assert!(report.contains(seen), "{seen}: {report}");
    }
    // What it wrote is kept up to a limit, and does not hold it up.
    let kept = place.path("study/runs/flood_temp0p2/run_001/stderr.txt");
    let kept = fs::metadata(kept).unwrap().len();
    assert!((1_000..3_000_000).contains(&kept), "{kept} bytes");
}
