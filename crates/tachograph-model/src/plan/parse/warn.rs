//! What is allowed and may be a mistake.

use super::{Notice, Places, nearest};
use crate::options;
use crate::plan::{Order, Plan};

/// Returns what is allowed but may be a mistake: options no server documents.
pub(super) fn warnings(plan: &Plan, places: &Places<'_>) -> Vec<Notice> {
    let factors = plan.factors.keys().map(|name| ("factors", name));
    let common = plan.options.keys().map(|name| ("options", name));
    let baseline = plan.baseline.options.keys().map(|name| ("baseline", name));
    let own = plan.agents.iter().flat_map(|agent| agent.options.keys());
    let matrices = plan.phases.iter().flat_map(|phase| &phase.matrices);
    let tuned = matrices.flat_map(|matrix| matrix.options.keys().chain(matrix.factors.keys()));
    let own = own.map(|name| ("agents", name)).chain(tuned.map(|name| ("phases", name)));
    let mut warnings: Vec<Notice> = factors
        .chain(common)
        .chain(baseline)
        .chain(own.collect::<std::collections::BTreeSet<_>>())
        .filter(|(_, name)| !options::is_known(name))
        .map(|(section, name)| {
            let hint = nearest(name, options::known_names())
                .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            Notice {
                message: format!(
                    "option `{name}` is not one that servers document; it is passed on as it is, \
                     and most servers ignore unknown options without a word{hint}"
                ),
                span: Some(places.of(&[section, name])),
            }
        })
        .collect();
    if plan.blocks < 3 {
        warnings.push(Notice {
            message: format!(
                "{} block(s) leave too few replicates for a verdict; five are a good start",
                plan.blocks
            ),
            span: Some(places.of(&["blocks"])),
        });
    }
    if plan.order == Order::Abba && plan.blocks % 2 == 1 {
        warnings.push(Notice {
            message: format!(
                "order \"abba\" with {} blocks runs one order once more than the other; an even \
                 number balances them",
                plan.blocks
            ),
            span: Some(places.of(&["blocks"])),
        });
    }
    warnings
}
