//! Claims about concurrent agents: one name, format and source for each quantity.

use tachograph_stats::{Interval, PairedRatio};

use crate::analysis::configuration::Estimate;
use crate::analysis::{MEASURED_RUNS, judged, with_solo};
use crate::claim::{ClaimRef, Format, Number, Source, decimals_for};
use crate::concurrency::estimate::{AgentAnalysis, TogetherAnalysis};
use crate::concurrency::group::Group;
use crate::formula::Formula;
use crate::writer::Writer;

/// Decimals of ratios such as a slowdown.
const RATIO: Format = Format::Fixed(2);
/// Shares such as an efficiency.
const SHARE: Format = Format::Percent(1);

/// Claims of one concurrent configuration.
pub(super) struct Claims<'a> {
    pub(super) each: &'a TogetherAnalysis,
    id: String,
}

impl<'a> Claims<'a> {
    pub(super) fn of(writer: &Writer<'_>, each: &'a TogetherAnalysis) -> Self {
        let id = writer.analysis.configurations[each.configuration].planned.id.to_string();
        Self { each, id }
    }

    /// Returns the configuration's slug.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn source(&self) -> Source {
        Source::Runs(with_solo(&self.id))
    }

    fn name(&self, what: &str) -> String {
        format!("together/{}/{what}", self.id)
    }

    fn ratio(
        &self,
        writer: &mut Writer<'_>,
        what: &str,
        (ratio, scale): (&PairedRatio, f64),
        (unit, format, formula): (&str, Format, Formula),
    ) -> ClaimRef {
        let interval = scaled(ratio.interval, scale);
        let n = (ratio.n_blocks as u64, Some(interval));
        let value = (ratio.ratio * scale, unit, format);
        writer.estimate(self.name(what), value, n, (formula, self.source()))
    }

    fn mean(
        &self,
        writer: &mut Writer<'_>,
        what: &str,
        estimate: Option<&Estimate>,
        (unit, format, formula): (&str, Format, Formula),
    ) -> Option<ClaimRef> {
        let estimate = estimate?;
        let n = (estimate.summary.n as u64, within(estimate, formula));
        let value = (estimate.summary.mean, unit, format);
        Some(writer.estimate(self.name(what), value, n, (formula, self.source())))
    }

    pub(super) fn speedup(&self, writer: &mut Writer<'_>) -> Option<ClaimRef> {
        let ratio = self.each.speedup.as_ref()?;
        let how = ("ratio", RATIO, Formula::TrueSpeedup);
        Some(self.ratio(writer, "speedup", (ratio, 1.0), how))
    }

    pub(super) fn efficiency(&self, writer: &mut Writer<'_>) -> Option<ClaimRef> {
        let ratio = self.each.speedup.as_ref()?;
        let how = ("fraction", SHARE, Formula::TrueEfficiency);
        Some(self.ratio(writer, "efficiency", (ratio, 1.0 / self.each.n_agents as f64), how))
    }

    /// Returns the true efficiency over runs in which every answer ended by itself.
    pub(super) fn efficiency_without_runaways(&self, writer: &mut Writer<'_>) -> Option<ClaimRef> {
        let ratio = self.each.speedup_without_runaways.as_ref()?;
        let how = ("fraction", SHARE, Formula::TrueEfficiency);
        let scale = 1.0 / self.each.n_agents as f64;
        Some(self.ratio(writer, "efficiency_without_runaways", (ratio, scale), how))
    }

    /// Returns the change of the makespan against the work one after the other.
    pub(super) fn pays(&self, writer: &mut Writer<'_>) -> Option<ClaimRef> {
        let ratio = judged(self.each.pays.as_ref())?.ratio;
        let how = ("ratio", Format::Change(writer.change_decimals()), Formula::Pays);
        Some(self.ratio(writer, "makespan_ratio", (&ratio, 1.0), how))
    }

    pub(super) fn rate_ratio(&self, writer: &mut Writer<'_>) -> Option<ClaimRef> {
        let ratio = self.each.rate_ratio.as_ref()?;
        let how = ("ratio", Format::Change(writer.change_decimals()), Formula::WorkRateRatio);
        Some(self.ratio(writer, "work_rate_ratio", (ratio, 1.0), how))
    }

    pub(super) fn balance(&self, writer: &mut Writer<'_>) -> Option<ClaimRef> {
        let how = ("fraction", SHARE, Formula::Balance);
        self.mean(writer, "balance", self.each.balance.as_ref(), how)
    }

    pub(super) fn fairness(&self, writer: &mut Writer<'_>) -> Option<ClaimRef> {
        let how = ("", Format::Fixed(3), Formula::Fairness);
        self.mean(writer, "fairness", self.each.fairness.as_ref(), how)
    }

    pub(super) fn overlap(&self, writer: &mut Writer<'_>) -> Option<ClaimRef> {
        let how = ("fraction", SHARE, Formula::Overlap);
        self.mean(writer, "overlap", self.each.overlap.as_ref(), how)
    }

    pub(super) fn start_spread(&self, writer: &mut Writer<'_>) -> Option<ClaimRef> {
        let how = ("ms", Format::Fixed(2), Formula::StartSpread);
        self.mean(writer, "start_spread", self.each.start_spread.as_ref(), how)
    }

    pub(super) fn makespan(&self, writer: &mut Writer<'_>) -> Option<ClaimRef> {
        let how = ("s", seconds(self.each.makespan.as_ref()), Formula::Makespan);
        self.mean(writer, "makespan", self.each.makespan.as_ref(), how)
    }

    pub(super) fn alone(&self, writer: &mut Writer<'_>) -> Option<ClaimRef> {
        let how = ("s", seconds(self.each.alone.as_ref()), Formula::AloneSum);
        self.mean(writer, "alone_sum", self.each.alone.as_ref(), how)
    }

    pub(super) fn rate(&self, writer: &mut Writer<'_>) -> Option<ClaimRef> {
        let how = ("tok/s", rate(self.each.rate.as_ref()), Formula::WorkRate);
        self.mean(writer, "work_rate", self.each.rate.as_ref(), how)
    }

    pub(super) fn rate_alone(&self, writer: &mut Writer<'_>) -> Option<ClaimRef> {
        let how = ("tok/s", rate(self.each.rate.as_ref()), Formula::WorkRate);
        self.mean(writer, "work_rate_alone", self.each.rate_alone.as_ref(), how)
    }

    pub(super) fn flags(&self, writer: &mut Writer<'_>) -> ClaimRef {
        let value = (Number::Count(self.each.n_legacy_flags as u64), "runs", Format::Count);
        writer.claim(self.name("legacy_flags"), value, Formula::LegacyFlags, self.source())
    }

    pub(super) fn n_complete(&self, writer: &mut Writer<'_>) -> ClaimRef {
        writer.count(self.name("complete_runs"), self.each.n_complete, self.source())
    }

    /// Returns the largest true efficiency of a single run.
    pub(super) fn peak(&self, writer: &mut Writer<'_>) -> Option<ClaimRef> {
        let (_, speedup) = self.each.peak.as_ref()?;
        let value = (speedup / self.each.n_agents as f64, "fraction", SHARE);
        let n = (self.each.n_complete as u64, None);
        let what = (Formula::LargestOfRuns, self.source());
        Some(writer.estimate(self.name("peak_efficiency"), value, n, what))
    }

    // One agent.

    fn of_agent(agent: &AgentAnalysis, what: &str) -> String {
        format!("{}/{what}", agent.agent)
    }

    pub(super) fn slowdown(
        &self,
        writer: &mut Writer<'_>,
        agent: &AgentAnalysis,
    ) -> Option<ClaimRef> {
        let ratio = judged(agent.slowdown.as_ref())?.ratio;
        let how = ("ratio", RATIO, Formula::Slowdown);
        Some(self.ratio(writer, &Self::of_agent(agent, "slowdown"), (&ratio, 1.0), how))
    }

    pub(super) fn slowdown_p(
        &self,
        writer: &mut Writer<'_>,
        agent: &AgentAnalysis,
    ) -> Option<ClaimRef> {
        let p = judged(agent.slowdown.as_ref())?.p_difference_adjusted;
        let name = self.name(&Self::of_agent(agent, "slowdown_p_holm"));
        Some(writer.p_value(name, p, Formula::HolmDifference, self.source()))
    }

    pub(super) fn slowdown_per_token(
        &self,
        writer: &mut Writer<'_>,
        agent: &AgentAnalysis,
    ) -> Option<ClaimRef> {
        let ratio = agent.slowdown_per_token.as_ref()?;
        let how = ("ratio", RATIO, Formula::SlowdownPerToken);
        Some(self.ratio(writer, &Self::of_agent(agent, "slowdown_per_token"), (ratio, 1.0), how))
    }

    pub(super) fn token_ratio(
        &self,
        writer: &mut Writer<'_>,
        agent: &AgentAnalysis,
    ) -> Option<ClaimRef> {
        let ratio = agent.token_ratio.as_ref()?;
        let how = ("ratio", RATIO, Formula::TokenRatio);
        Some(self.ratio(writer, &Self::of_agent(agent, "token_ratio"), (ratio, 1.0), how))
    }

    pub(super) fn agent_wall(
        &self,
        writer: &mut Writer<'_>,
        agent: &AgentAnalysis,
        together: bool,
    ) -> Option<ClaimRef> {
        let (what, estimate) =
            if together { ("wall", &agent.together) } else { ("wall_alone", &agent.alone) };
        let how = ("s", seconds(estimate.as_ref()), Formula::AgentWall);
        self.mean(writer, &Self::of_agent(agent, what), estimate.as_ref(), how)
    }

    pub(super) fn wait(
        &self,
        writer: &mut Writer<'_>,
        agent: &AgentAnalysis,
        together: bool,
    ) -> Option<ClaimRef> {
        let (what, estimate) =
            if together { ("wait", &agent.wait) } else { ("wait_alone", &agent.wait_alone) };
        let how = ("ms", millis(agent.wait.as_ref()), Formula::Wait);
        self.mean(writer, &Self::of_agent(agent, what), estimate.as_ref(), how)
    }

    pub(super) fn wait_added(
        &self,
        writer: &mut Writer<'_>,
        agent: &AgentAnalysis,
    ) -> Option<ClaimRef> {
        let how = ("ms", millis(agent.wait.as_ref()), Formula::WaitAdded);
        self.mean(writer, &Self::of_agent(agent, "wait_added"), agent.wait_added.as_ref(), how)
    }
}

fn seconds(estimate: Option<&Estimate>) -> Format {
    Format::Fixed(decimals_for(estimate.map_or(1.0, |estimate| estimate.summary.mean), 3))
}

fn rate(estimate: Option<&Estimate>) -> Format {
    Format::Fixed(decimals_for(estimate.map_or(10.0, |estimate| estimate.summary.mean), 3))
}

fn millis(estimate: Option<&Estimate>) -> Format {
    let typical = estimate.map_or(10.0, |estimate| estimate.summary.mean);
    Format::Fixed(u8::from(typical < 10.0))
}

/// Returns the interval of a mean, cut to what a share can be if it is one.
fn within(estimate: &Estimate, formula: Formula) -> Option<Interval> {
    let is_share = matches!(
        formula,
        Formula::Balance | Formula::Fairness | Formula::Overlap | Formula::GroupMean
    );
    let cut = |interval: Interval| Interval {
        low: interval.low.max(0.0),
        high: interval.high.min(1.0),
        ..interval
    };
    if is_share { estimate.interval.map(cut) } else { estimate.interval }
}

fn scaled(interval: Interval, scale: f64) -> Interval {
    Interval { low: interval.low * scale, high: interval.high * scale, ..interval }
}

// Groups of configurations.

fn group_name(group: &Group, what: &str) -> String {
    format!("group/{}/{}/{what}", group.grouping.name(), group.name)
}

fn group_ratio(
    writer: &mut Writer<'_>,
    group: &Group,
    what: &str,
    ratio: Option<&PairedRatio>,
    (unit, format, formula): (&str, Format, Formula),
) -> Option<ClaimRef> {
    let ratio = ratio?;
    let n = (ratio.n_blocks as u64, Some(ratio.interval));
    let source = Source::Runs(MEASURED_RUNS.to_owned());
    let value = (ratio.ratio, unit, format);
    Some(writer.estimate(group_name(group, what), value, n, (formula, source)))
}

pub(super) fn group_efficiency(writer: &mut Writer<'_>, group: &Group) -> Option<ClaimRef> {
    let how = ("fraction", SHARE, Formula::GroupEfficiency);
    group_ratio(writer, group, "efficiency", group.efficiency.as_ref(), how)
}

pub(super) fn group_slowdown(writer: &mut Writer<'_>, group: &Group) -> Option<ClaimRef> {
    let how = ("ratio", RATIO, Formula::GroupSlowdown);
    group_ratio(writer, group, "slowdown", group.slowdown.as_ref(), how)
}

pub(super) fn group_rate_ratio(writer: &mut Writer<'_>, group: &Group) -> Option<ClaimRef> {
    let how = ("ratio", Format::Change(writer.change_decimals()), Formula::GroupRateRatio);
    group_ratio(writer, group, "work_rate_ratio", group.rate_ratio.as_ref(), how)
}

fn group_mean(
    writer: &mut Writer<'_>,
    group: &Group,
    what: &str,
    estimate: Option<&Estimate>,
    (unit, format): (&str, Format),
) -> Option<ClaimRef> {
    let estimate = estimate?;
    let n = (estimate.summary.n as u64, within(estimate, Formula::GroupMean));
    let source = Source::Runs(MEASURED_RUNS.to_owned());
    let value = (estimate.summary.mean, unit, format);
    Some(writer.estimate(group_name(group, what), value, n, (Formula::GroupMean, source)))
}

pub(super) fn group_balance(writer: &mut Writer<'_>, group: &Group) -> Option<ClaimRef> {
    group_mean(writer, group, "balance", group.balance.as_ref(), ("fraction", SHARE))
}

pub(super) fn group_fairness(writer: &mut Writer<'_>, group: &Group) -> Option<ClaimRef> {
    group_mean(writer, group, "fairness", group.fairness.as_ref(), ("", Format::Fixed(3)))
}

pub(super) fn group_overlap(writer: &mut Writer<'_>, group: &Group) -> Option<ClaimRef> {
    group_mean(writer, group, "overlap", group.overlap.as_ref(), ("fraction", SHARE))
}

/// Returns how many runs of the group an older report would have called contended.
pub(super) fn group_flags(writer: &mut Writer<'_>, group: &Group) -> (ClaimRef, ClaimRef) {
    let source = || Source::Runs(MEASURED_RUNS.to_owned());
    let value = (Number::Count(group.n_legacy_flags as u64), "runs", Format::Count);
    let name = group_name(group, "legacy_flags");
    let flags = writer.claim(name, value, Formula::LegacyFlags, source());
    let runs = writer.count(group_name(group, "complete_runs"), group.n_runs, source());
    (flags, runs)
}
