//! When a study ends: the section `[stopping]` of a plan.
//!
//! Owns: the rules that a plan can name, the blocks after which each looks at the
//! data, and which keys go together.
//!
//! Does not: judge data or know a boundary; `tachograph_stats` does.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most looks that a group-sequential rule can have.
const LOOKS_MAX: u32 = 100;
/// The error rates that one comparison may have under a sequential rule.
const ALPHA: std::ops::RangeInclusive<f64> = 0.0001..=0.2;
/// The largest number of blocks for which a confidence sequence can be tuned.
const TUNED_FOR_MAX: u32 = 1_000_000;

/// When a study ends, and how its looks share the error rate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stopping {
    /// The rule.
    #[serde(default)]
    pub rule: Rule,
    /// Group-sequential: the numbers of blocks after which the data are looked at;
    /// the last one is `blocks`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looks: Vec<u32>,
    /// Group-sequential, instead of `looks`: so many looks, evenly spread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_looks: Option<u32>,
    /// Group-sequential: how the error rate is shared out over the looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spending: Option<Spending>,
    /// Always-valid: the number of blocks at which the interval is narrowest;
    /// `blocks` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuned_for: Option<u32>,
    /// The sequential rules: what ends the study before its last block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_when: Option<StopWhen>,
}

/// A rule by which a study ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// After all `blocks` blocks, looked at once.
    #[default]
    Fixed,
    /// At one of a few planned looks, or after `blocks` blocks.
    GroupSequential,
    /// After any block from the second on, at the latest after `blocks` blocks.
    AlwaysValid,
}

impl Rule {
    /// Returns the name as written in a plan.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::GroupSequential => "group-sequential",
            Self::AlwaysValid => "always-valid",
        }
    }
}

/// How the error rate is shared out over the looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Spending {
    /// Next to nothing early, nearly all at the last look.
    #[default]
    ObrienFleming,
    /// About evenly.
    Pocock,
}

/// What ends a sequential study before its last block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StopWhen {
    /// Every tuned configuration has a verdict that is not inconclusive.
    #[default]
    AllDecided,
}

/// What is wrong with a section `[stopping]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    /// The key that is to blame; `rule` may be left out in the text.
    pub(super) key: &'static str,
    /// What is wrong, with the fix.
    pub(super) message: String,
}

impl Stopping {
    /// Returns the numbers of complete blocks after which the data are looked at,
    /// ascending, the last one `blocks`; none under the fixed rule.
    pub fn looks(&self, blocks: u32) -> Vec<u32> {
        match (self.rule, self.n_looks) {
            (Rule::Fixed, _) => Vec::new(),
            (Rule::GroupSequential, None) => self.looks.clone(),
            (Rule::GroupSequential, Some(n)) => {
                let share = |look: u32| (u64::from(look) * u64::from(blocks)).div_ceil(n.into());
                let looks = (1..=n).map(share);
                looks.map(|look| u32::try_from(look).unwrap_or(blocks)).collect()
            }
            (Rule::AlwaysValid, _) => (2..=blocks).collect(),
        }
    }

    /// Returns the spending of a group-sequential rule.
    pub fn spending(&self) -> Spending {
        self.spending.unwrap_or_default()
    }

    /// Returns the number of blocks at which an always-valid interval is narrowest.
    pub fn tuned_for(&self, blocks: u32) -> u32 {
        self.tuned_for.unwrap_or(blocks)
    }

    /// Writes the defaults of the rule that need no other key of the plan.
    pub(super) fn fill(&mut self) {
        if self.rule != Rule::Fixed {
            self.stop_when.get_or_insert_default();
        }
        if self.rule == Rule::GroupSequential {
            self.spending.get_or_insert_default();
        }
    }

    /// Checks which keys go together, and with the plan's `blocks`, its `alpha`
    /// and its number of tuned configurations.
    pub(super) fn check(&self, blocks: u32, alpha: f64, n_tuned: usize) -> Result<(), Misfit> {
        self.check_keys()?;
        if self.rule == Rule::Fixed {
            return Ok(());
        }
        let misfit = |key, message| Err(Misfit { key, message });
        let rule = self.rule.name();
        if n_tuned == 0 {
            let message = format!(
                "the rule {rule:?} stops when tuned configurations are decided, and this plan has \
                 none; add [factors], or use \"fixed\""
            );
            return misfit("rule", message);
        }
        if blocks < 2 {
            let message = format!("the rule {rule:?} needs at least 2 blocks, not {blocks}");
            return misfit("rule", message);
        }
        let share = alpha / n_tuned as f64;
        if !ALPHA.contains(&share) {
            let message = format!(
                "alpha {alpha} over {n_tuned} tuned configurations leaves {share:.2e} for each; the \
                 rule {rule:?} can spend {} to {}: change alpha or the number of configurations, or \
                 use \"fixed\"",
                ALPHA.start(),
                ALPHA.end()
            );
            return misfit("rule", message);
        }
        match self.rule {
            Rule::GroupSequential => self.check_looks(blocks),
            Rule::AlwaysValid => match self.tuned_for {
                Some(n) if !(2..=TUNED_FOR_MAX).contains(&n) => misfit(
                    "tuned_for",
                    format!("tuned_for must lie between 2 and {TUNED_FOR_MAX} blocks, not {n}"),
                ),
                _ => Ok(()),
            },
            Rule::Fixed => Ok(()),
        }
    }

    /// Checks that no key is there that the rule does not have.
    fn check_keys(&self) -> Result<(), Misfit> {
        let group: &[Rule] = &[Rule::GroupSequential];
        let keys = [
            ("looks", !self.looks.is_empty(), group),
            ("n_looks", self.n_looks.is_some(), group),
            ("spending", self.spending.is_some(), group),
            ("tuned_for", self.tuned_for.is_some(), &[Rule::AlwaysValid]),
            ("stop_when", self.stop_when.is_some(), &[Rule::GroupSequential, Rule::AlwaysValid]),
        ];
        for (key, is_there, rules) in keys {
            if is_there && !rules.contains(&self.rule) {
                let names: Vec<String> =
                    rules.iter().map(|rule| format!("{:?}", rule.name())).collect();
                let message = format!(
                    "`{key}` belongs to the rule {}, and the rule is {:?}; change the rule or remove \
                     the line",
                    names.join(" or "),
                    self.rule.name()
                );
                return Err(Misfit { key, message });
            }
        }
        Ok(())
    }

    fn check_looks(&self, blocks: u32) -> Result<(), Misfit> {
        let misfit = |key, message| Err(Misfit { key, message });
        let listed = &self.looks;
        match self.n_looks {
            None if listed.is_empty() => {
                let message = format!(
                    "the rule \"group-sequential\" needs its looks: n_looks = 3, or \
                     looks = [..., {blocks}]"
                );
                return misfit("rule", message);
            }
            Some(_) if !listed.is_empty() => {
                return misfit(
                    "n_looks",
                    "both `looks` and `n_looks` say when to look; keep one".to_owned(),
                );
            }
            Some(n) if n == 0 || n > blocks / 2 || n > LOOKS_MAX => {
                let most = (blocks / 2).min(LOOKS_MAX);
                let message =
                    format!("n_looks must lie between 1 and {most} for {blocks} blocks, not {n}");
                return misfit("n_looks", message);
            }
            Some(_) => return Ok(()),
            None => {}
        }
        if listed.len() > LOOKS_MAX as usize {
            let message =
                format!("{} looks are more than {LOOKS_MAX}; leave some out", listed.len());
            return misfit("looks", message);
        }
        if listed[0] < 2 || listed.windows(2).any(|pair| pair[0] >= pair[1]) {
            let message =
                "looks are numbers of blocks that ascend, the first at least 2".to_owned();
            return misfit("looks", message);
        }
        let last = listed[listed.len() - 1];
        if last != blocks {
            let message = format!(
                "the last look ends the study, so it must be after all {blocks} blocks, not {last}; \
                 change `looks` or `blocks` (n_looks follows `blocks` by itself)"
            );
            return misfit("looks", message);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Plan;
    use super::super::parse::{parse, recheck};
    use super::*;

    /// A plan of five blocks and two tuned configurations, `stopping` from line 15.
    fn with(stopping: &str) -> String {
        format!(
            "schema = 'tachograph-plan/1'\nname = 'quick'\nblocks = 5\n\n[[servers]]\n\
             name = 'main'\nmodel = 'm'\nurl = 'http://127.0.0.1:1'\n\n[[agents]]\n\
             name = 'analyst'\nserver = 'main'\n\n[stopping]\n{stopping}\n\n\
             [factors]\nnum_ctx = [1024, 2048]\n"
        )
    }

    #[test]
    fn looks_follow_the_rule_and_the_blocks() {
        let rule = |rule| Stopping { rule, ..Stopping::default() };
        assert!(rule(Rule::Fixed).looks(9).is_empty());
        assert_eq!(rule(Rule::AlwaysValid).looks(5), [2, 3, 4, 5]);
        let spread = |n| Stopping { n_looks: Some(n), ..rule(Rule::GroupSequential) };
        assert_eq!(spread(3).looks(12), [4, 8, 12]);
        assert_eq!(spread(3).looks(10), [4, 7, 10]);
        assert_eq!(spread(5).looks(10), [2, 4, 6, 8, 10]);
        for blocks in 2..60 {
            for n in 1..=blocks / 2 {
                assert_eq!(spread(n).check(blocks, 0.05, 3), Ok(()));
                let listed =
                    Stopping { looks: spread(n).looks(blocks), ..rule(Rule::GroupSequential) };
                assert_eq!(listed.check(blocks, 0.05, 3), Ok(()), "{n} of {blocks}");
            }
        }
    }

    #[test]
    fn a_stopping_rule_whose_keys_contradict_each_other_is_shown() {
        let check = |stopping: &str, expected: &str| {
            assert_eq!(parse(&with(stopping)).unwrap_err().to_string(), expected, "{stopping}");
        };
        check(
            "rule = 'sequential'",
            "line 15, column 8: unknown variant `sequential`, expected one of `fixed`, \
             `group-sequential`, `always-valid`",
        );
        check("look = [5]", "line 15, column 1: unknown name `look`; did you mean `looks`?");
        check(
            "looks = [2, 5]",
            "line 15, column 9: `looks` belongs to the rule \"group-sequential\", and the rule is \
             \"fixed\"; change the rule or remove the line",
        );
        check(
            "rule = 'always-valid'\nspending = 'pocock'",
            "line 16, column 12: `spending` belongs to the rule \"group-sequential\", and the rule \
             is \"always-valid\"; change the rule or remove the line",
        );
        check(
            "rule = 'group-sequential'",
            "line 15, column 8: the rule \"group-sequential\" needs its looks: n_looks = 3, or \
             looks = [..., 5]",
        );
        check(
            "rule = 'group-sequential'\nlooks = [2, 4]",
            "line 16, column 9: the last look ends the study, so it must be after all 5 blocks, not \
             4; change `looks` or `blocks` (n_looks follows `blocks` by itself)",
        );
        check(
            "rule = 'group-sequential'\nlooks = [1, 5]",
            "line 16, column 9: looks are numbers of blocks that ascend, the first at least 2",
        );
        check(
            "rule = 'group-sequential'\nn_looks = 3",
            "line 16, column 11: n_looks must lie between 1 and 2 for 5 blocks, not 3",
        );
        check(
            "rule = 'group-sequential'\nn_looks = 2\nlooks = [2, 5]",
            "line 16, column 11: both `looks` and `n_looks` say when to look; keep one",
        );
        check(
            "rule = 'always-valid'\ntuned_for = 1",
            "line 16, column 13: tuned_for must lie between 2 and 1000000 blocks, not 1",
        );
        check(
            "rule = 'always-valid'\n[primary]\nalpha = 0.45",
            "line 15, column 8: alpha 0.45 over 2 tuned configurations leaves 2.25e-1 for each; the \
             rule \"always-valid\" can spend 0.0001 to 0.2: change alpha or the number of \
             configurations, or use \"fixed\"",
        );
    }

    #[test]
    fn a_stopping_rule_is_explicit_in_the_lock_and_follows_changed_blocks() {
        let mut plan = parse(&with("rule = 'group-sequential'\nn_looks = 2")).unwrap().plan;
        let lock: Plan = serde_json::from_slice(&plan.lock_bytes()).unwrap();
        assert_eq!(lock.stopping.spending, Some(Spending::ObrienFleming));
        assert_eq!(lock.stopping.stop_when, Some(StopWhen::AllDecided));
        assert_eq!(lock.stopping.looks(lock.blocks), [3, 5]);
        plan.blocks = 8;
        assert_eq!(recheck(&plan).unwrap().plan.stopping.looks(8), [4, 8]);
        let fixed = parse(&with("")).unwrap().plan.lock_bytes();
        assert!(String::from_utf8(fixed).unwrap().contains("\"rule\": \"fixed\""));
    }
}
