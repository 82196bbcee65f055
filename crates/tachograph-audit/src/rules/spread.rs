//! Standard deviations, coefficients of variation, intervals, significance.
//!
//! Owns: "CV = sd / mean", half-widths against sd and n, intervals against their
//! estimates, and words of significance against intervals and p-values.
//!
//! # Source
//!
//! The half-width of a t interval is `t(1 - a/2, n - 1) sd / sqrt(n)`; of a normal
//! one, `z` stands for `t`.

use tachograph_stats::{normal_upper_quantile, t_critical};

use crate::document::BlockKind;
use crate::number::{Bound, FACTOR, PERCENT, Role, Sign};
use crate::reading::{Reading, Sentence};
use crate::relation::{Relation, Rule, Severity};
use crate::span::Span;
use crate::words;

use super::labels::{self, Statistic};
use super::show;

/// Relative room for methods of intervals that differ a little.
const ROOM: f64 = 0.05;

/// Returns every relation of this kind.
pub(super) fn find(reading: &Reading<'_>) -> Vec<Relation> {
    let mut relations = Vec::new();
    let mut last_intervals = Vec::new();
    for sentence in &reading.sentences {
        let named: Vec<(usize, Statistic)> = reading
            .quantities(sentence)
            .into_iter()
            .chain(
                sentence.numbers.clone().filter(|&at| reading.numbers[at].role == Role::SampleSize),
            )
            .filter_map(|at| Some((at, labels::of(reading, sentence, at)?)))
            .collect();
        let mut named = named;
        add_from_block(reading, sentence, &mut named);
        add_centre(reading, sentence, &mut named);
        relations.extend(variation(reading, &named));
        relations.extend(half_width(reading, sentence, &named));
        let intervals = intervals(reading, sentence);
        for &(estimate, low, high) in &intervals {
            relations.push(interval(reading, estimate, low, high));
        }
        relations.extend(significance(reading, sentence, &intervals));
        // "This is significant" speaks of the sentence before.
        if intervals.is_empty() && refers_back(reading.text(sentence)) {
            relations.extend(significance(reading, sentence, &last_intervals));
        }
        last_intervals = intervals;
    }
    relations.extend(in_sections(reading));
    relations
}

/// Adds the number before a half-width as the mean, if none is named.
fn add_centre(reading: &Reading<'_>, sentence: &Sentence, named: &mut Vec<(usize, Statistic)>) {
    if named.iter().any(|(_, statistic)| *statistic == Statistic::Mean) {
        return;
    }
    let half = sentence.numbers.clone().find(|&at| reading.numbers[at].sign == Sign::PlusMinus);
    if let Some(half) = half.filter(|&half| half > sentence.numbers.start) {
        let gap = reading.gap(half - 1, half);
        if words::words(gap).is_empty() && !gap.contains(['(', ',', ';']) {
            named.push((half - 1, Statistic::Mean));
        }
    }
}

/// Returns whether a number is the half-width of an interval.
fn is_half_width(reading: &Reading<'_>, sentence: &Sentence, at: usize) -> bool {
    let before = words::words(reading.before(sentence, at));
    let near = &before[before.len().saturating_sub(3)..];
    reading.numbers[at].sign == Sign::PlusMinus
        || near.iter().any(|word| word == "half-width" || word == "halfwidth")
}

/// Adds a standard deviation and a sample size that the block states once, in
/// another sentence.
fn add_from_block(reading: &Reading<'_>, sentence: &Sentence, named: &mut Vec<(usize, Statistic)>) {
    let has_half = sentence.numbers.clone().any(|at| is_half_width(reading, sentence, at));
    if !has_half {
        return;
    }
    let block: Vec<(usize, Statistic)> = reading
        .sentences
        .iter()
        .filter(|other| other.block == sentence.block && *other != sentence)
        .flat_map(|other| other.numbers.clone().map(move |at| (other, at)))
        .filter_map(|(other, at)| Some((at, labels::of(reading, other, at)?)))
        .collect();
    for wanted in [Statistic::Deviation, Statistic::Size] {
        if only(named, wanted).is_none()
            && let Some(at) = only(&block, wanted)
        {
            named.push((at, wanted));
        }
    }
}

/// Returns whether a sentence speaks of what was said right before it.
fn refers_back(text: &str) -> bool {
    let lower = text.trim_start().to_lowercase();
    ["this ", "that ", "so ", "hence ", "it ", "the difference ", "the effect "]
        .iter()
        .any(|begin| lower.starts_with(begin))
}

fn only(named: &[(usize, Statistic)], wanted: Statistic) -> Option<usize> {
    let mut found = named.iter().filter(|(_, statistic)| *statistic == wanted);
    let first = found.next()?.0;
    found.next().is_none().then_some(first)
}

/// Judges a coefficient of variation against sd and mean.
pub(super) fn variation(reading: &Reading<'_>, named: &[(usize, Statistic)]) -> Option<Relation> {
    let cv = only(named, Statistic::Variation)?;
    let sd = only(named, Statistic::Deviation)?;
    let mean = only(named, Statistic::Mean)?;
    let (deviation, centre) = (&reading.numbers[sd], &reading.numbers[mean]);
    if !deviation.is_like(centre) || deviation.unit.is(PERCENT) != centre.unit.is(PERCENT) {
        return None;
    }
    let scale = |number: &crate::number::Number| {
        if number.unit.is_none() { 1.0 } else { number.unit.scale }
    };
    let scales = if deviation.unit.is_none() || centre.unit.is_none() {
        (1.0, 1.0)
    } else {
        (scale(deviation), scale(centre))
    };
    let ratio = deviation.size().scaled(scales.0).over(centre.size().scaled(scales.1))?;
    let stated = &reading.numbers[cv];
    let unit = if stated.unit.is(PERCENT) { 100.0 } else { 1.0 };
    let numbers = vec![cv, sd, mean];
    if ratio.scaled(unit).meets(stated.size()) {
        return Some(Relation::holds(Rule::Variation, numbers));
    }
    let value = show(ratio.middle() * unit, stated.decimals);
    let message = format!(
        "a CV of {} is printed; {} / {} is {}",
        reading.printed(cv),
        reading.printed(sd),
        reading.printed(mean),
        show(ratio.middle() * unit, stated.decimals + 1)
    );
    Some(
        Relation::broken(Rule::Variation, numbers, Severity::Inconsistent, message)
            .corrected(Some(value)),
    )
}

/// Judges "± 0.4" against a named sd and n in the same sentence.
fn half_width(
    reading: &Reading<'_>,
    sentence: &Sentence,
    named: &[(usize, Statistic)],
) -> Option<Relation> {
    let sd = only(named, Statistic::Deviation)?;
    let n = only(named, Statistic::Size)?;
    let half = reading
        .quantities(sentence)
        .into_iter()
        .find(|&at| is_half_width(reading, sentence, at) && at != sd)?;
    let text = reading.text(sentence).to_lowercase();
    if text.contains("bootstrap") || text.contains("bca") {
        return None;
    }
    let says_interval = text.contains("ci") || text.contains("confidence");
    // A number without a unit has that of the other.
    let scale = |own: usize, other: usize| {
        let unit = &reading.numbers[own].unit;
        if unit.is_none() { reading.numbers[other].unit.scale } else { unit.scale }
    };
    let deviation = reading.numbers[sd].size().scaled(scale(sd, half));
    let stated = reading.numbers[half].size().scaled(scale(half, sd));
    let size = reading.numbers[n].value;
    if size < 2.0 {
        let message = format!(
            "{} is printed; n = {} has no standard deviation",
            reading.printed(half),
            show(size, 0)
        );
        let numbers = vec![half, sd, n];
        return Some(Relation::broken(
            Rule::IntervalWidth,
            numbers,
            Severity::Inconsistent,
            message,
        ));
    }
    let mut allowed = widths(deviation, size, level(reading, sentence));
    if !says_interval {
        allowed.push(deviation);
        allowed.push(deviation.scaled(1.0 / size.sqrt()));
    }
    let numbers = vec![half, sd, n];
    if allowed.iter().any(|width| roomy(*width).meets(stated)) {
        return Some(Relation::holds(Rule::IntervalWidth, numbers));
    }
    let scale = scale(half, sd);
    let decimals = reading.numbers[half].decimals + 1;
    let message = format!(
        "{} is printed; with an sd of {} and n = {}, a t interval is ±{} and a normal one ±{}",
        reading.printed(half),
        reading.printed(sd),
        show(size, 0),
        show(allowed[0].middle() / scale, decimals),
        show(allowed[1].middle() / scale, decimals)
    );
    Some(Relation::broken(Rule::IntervalWidth, numbers, Severity::Inconsistent, message))
}

/// Returns the half-widths of a t and of a normal interval.
fn widths(deviation: Span, n: f64, level: f64) -> Vec<Span> {
    let error = deviation.scaled(1.0 / n.sqrt());
    let t = t_critical(1.0 - level, n - 1.0);
    let z = normal_upper_quantile((1.0 - level) / 2.0);
    vec![error.scaled(t), error.scaled(z)]
}

fn roomy(span: Span) -> Span {
    Span { low: span.low * (1.0 - ROOM), high: span.high * (1.0 + ROOM) }
}

/// Returns the level that a sentence states, or 95 %.
fn level(reading: &Reading<'_>, sentence: &Sentence) -> f64 {
    let stated = sentence.numbers.clone().find(|&at| reading.numbers[at].role == Role::Level);
    let percent = stated.map_or(95.0, |at| reading.numbers[at].value);
    if (50.0..100.0).contains(&percent) { percent / 100.0 } else { 0.95 }
}

/// Finds "34.17 [29.21, 39.12]" and "34.17 (95 % CI 29.21 – 39.12)".
fn intervals(reading: &Reading<'_>, sentence: &Sentence) -> Vec<(usize, usize, usize)> {
    let numbers = reading.quantities(sentence);
    let mut found = Vec::new();
    for three in numbers.windows(3) {
        let [estimate, low, high] = [three[0], three[1], three[2]];
        let (lead, join) = (reading.gap(estimate, low), reading.gap(low, high));
        let is_joined = matches!(join.trim(), "," | "–" | "-" | "to" | ";" | ".." | "…" | "—");
        let closes = reading.after(sentence, high).trim_start();
        let brackets = lead.trim_end().ends_with('[') && closes.starts_with(']');
        let says = words::words(lead)
            .iter()
            .any(|word| matches!(&**word, "ci" | "interval" | "confidence"));
        if !(is_joined && (brackets || says))
            || words::words(lead).len() > 6
            || lead.contains([';', ')'])
        {
            continue;
        }
        let (e, l, h) = (&reading.numbers[estimate], &reading.numbers[low], &reading.numbers[high]);
        let is_unit = e.unit.kind == h.unit.kind || (l.unit.is_none() && h.unit.is_none());
        let is_half = e.sign == Sign::PlusMinus
            || matches!(
                labels::of(reading, sentence, estimate),
                Some(Statistic::Variation | Statistic::Deviation | Statistic::Size)
            );
        if is_unit && !is_half && e.bound == Bound::Exact {
            found.push((estimate, low, high));
        }
    }
    found
}

/// Judges whether an interval ascends and holds its estimate.
pub(super) fn interval(
    reading: &Reading<'_>,
    estimate: usize,
    low: usize,
    high: usize,
) -> Relation {
    let (e, l, h) = (&reading.numbers[estimate], &reading.numbers[low], &reading.numbers[high]);
    let scale = |number: &crate::number::Number| {
        if number.unit.is_none() && !e.unit.is_none() { e.unit.scale } else { number.unit.scale }
    };
    let (lower, upper) = (l.span().scaled(scale(l)), h.span().scaled(scale(h)));
    let value = e.base();
    let numbers = vec![estimate, low, high];
    if upper.is_below(lower) {
        let message =
            format!("the interval {} to {} descends", reading.printed(low), reading.printed(high));
        return Relation::broken(Rule::Interval, numbers, Severity::Inconsistent, message);
    }
    if value.is_below(lower) || upper.is_below(value) {
        let message = format!(
            "{} lies outside its interval {} to {}",
            reading.printed(estimate),
            reading.printed(low),
            reading.printed(high)
        );
        return Relation::broken(Rule::Interval, numbers, Severity::Decision, message);
    }
    Relation::holds(Rule::Interval, numbers)
}

/// What a sentence says of significance.
fn says_significant(text: &str) -> Option<bool> {
    let lower = text.to_lowercase();
    for (phrase, says) in [
        ("excludes zero", true),
        ("excludes 0", true),
        ("does not include zero", true),
        ("does not contain zero", true),
        ("does not include 0", true),
        ("does not contain 0", true),
        ("includes zero", false),
        ("contains zero", false),
        ("includes 0", false),
        ("contains 0", false),
    ] {
        if lower.contains(phrase) {
            return Some(says);
        }
    }
    let at = lower.find("significan")?;
    let before = words::words(&lower[..at]);
    let near = &before[before.len().saturating_sub(4)..];
    let is_negated = lower.contains("insignifican")
        || lower.contains("non-significan")
        || near.iter().any(|word| {
            matches!(
                &**word,
                "not" | "no" | "never" | "isn't" | "wasn't" | "neither" | "nor" | "without" | "non"
            )
        });
    // "significant digits", "to test significance"
    let after = lower[at..].split_whitespace().nth(1).unwrap_or_default();
    if matches!(
        words::bare(after),
        "digits" | "figures" | "level" | "levels" | "threshold" | "testing" | "test" | "tests"
    ) {
        return None;
    }
    let is_claim = lower[at..].starts_with("significant") || is_negated;
    is_claim.then_some(!is_negated)
}

/// Judges words of significance against p-values and intervals of one sentence.
fn significance(
    reading: &Reading<'_>,
    sentence: &Sentence,
    intervals: &[(usize, usize, usize)],
) -> Vec<Relation> {
    let mut relations = Vec::new();
    let Some(says) = says_significant(&reading.until_next(sentence)) else { return relations };
    let values: Vec<usize> =
        sentence.numbers.clone().filter(|&at| reading.numbers[at].role == Role::PValue).collect();
    if let [p] = *values {
        relations.push(p_value(reading, p, says));
    }
    if let [(estimate, low, high)] = *intervals {
        relations.extend(zero(reading, [estimate, low, high], says));
    }
    relations
}

/// Judges a p-value; the level is five percent.
pub(super) fn p_value(reading: &Reading<'_>, p: usize, says: bool) -> Relation {
    const LEVEL: f64 = 0.05;
    let number = &reading.numbers[p];
    let numbers = vec![p];
    let span = number.span();
    let is_small = match number.bound {
        Bound::AtMost if number.value <= LEVEL => true,
        Bound::AtLeast if number.value >= LEVEL => false,
        Bound::Exact | Bound::About if span.high <= LEVEL => true,
        Bound::Exact | Bound::About if LEVEL < span.low => false,
        // It can be either.
        _ => return Relation::holds(Rule::Significance, numbers),
    };
    if is_small == says {
        return Relation::holds(Rule::Significance, numbers);
    }
    let message = format!(
        "p {} {} is printed and the text says {}significant (at the 5 % level)",
        match number.bound {
            Bound::AtMost => "<",
            Bound::AtLeast => ">",
            _ => "=",
        },
        reading.printed(p).trim_start_matches(['<', '>', '=', ' ']),
        if says { "" } else { "not " }
    );
    Relation::broken(Rule::Significance, numbers, Severity::Decision, message)
}

/// Judges an interval of a difference or a ratio against "no effect".
fn zero(reading: &Reading<'_>, [estimate, low, high]: [usize; 3], says: bool) -> Option<Relation> {
    let e = &reading.numbers[estimate];
    let (l, h) = (reading.numbers[low].value, reading.numbers[high].value);
    let about_ratio = reading.sentence_of(estimate).is_some_and(|sentence| {
        let text = reading.before(sentence, estimate).to_lowercase();
        text.contains("ratio") && e.unit.is_none()
    });
    let is_ratio = e.unit.is(FACTOR) || about_ratio;
    let is_difference = matches!(e.sign, Sign::Plus | Sign::Minus)
        || matches!(reading.numbers[low].sign, Sign::Plus | Sign::Minus);
    let none = if is_ratio {
        1.0
    } else if is_difference {
        0.0
    } else {
        return None;
    };
    let holds_none = l < none && none < h;
    let excludes = l > none || h < none;
    let numbers = vec![estimate, low, high];
    let contradicts = (says && holds_none) || (!says && excludes);
    if !contradicts {
        return (holds_none || excludes).then(|| Relation::holds(Rule::Significance, numbers));
    }
    let message = format!(
        "the interval {} to {} {} {none}, and the text says {}significant",
        reading.printed(low),
        reading.printed(high),
        if holds_none { "holds" } else { "excludes" },
        if says { "" } else { "not " }
    );
    Some(Relation::broken(Rule::Significance, numbers, Severity::Decision, message))
}

/// Judges a half-width and a CV that one list states, with means and run counts
/// of the same section.
fn in_sections(reading: &Reading<'_>) -> Vec<Relation> {
    let mut relations = Vec::new();
    for items in reading.lists() {
        let find = |test: &dyn Fn(&[String], usize) -> bool| {
            items.iter().find_map(|&item| {
                let label = words::words(reading.label(item)?);
                reading.in_block(item).find(|&at| test(&label, at))
            })
        };
        let half = find(&|label, at| {
            reading.numbers[at].sign == Sign::PlusMinus
                && label
                    .iter()
                    .any(|word| word.starts_with("confidence") || word == "ci" || word == "cis")
        });
        let cv = find(&|label, at| {
            reading.numbers[at].unit.is(PERCENT)
                && (label.iter().any(|word| word == "cv")
                    || label.join(" ").contains("coefficient of variation"))
        });
        if let (Some(half), Some(cv)) = (half, cv) {
            relations.extend(width_in_section(reading, half, cv));
        }
    }
    relations
}

fn width_in_section(reading: &Reading<'_>, half: usize, cv: usize) -> Option<Relation> {
    let section = reading.block(half).section;
    let heading = super::heading_of(reading, section);
    let unit = &reading.numbers[half].unit;
    let in_section = |at: &usize| {
        let block = reading.block(*at);
        reading.document.is_inside(block.section, heading)
            && !matches!(block.kind, BlockKind::Heading)
    };
    let quantities =
        (0..reading.numbers.len()).filter(|&at| reading.numbers[at].role == Role::Quantity);
    let (mut means, mut sizes) = (Vec::new(), Vec::new());
    for at in quantities.filter(in_section) {
        let number = &reading.numbers[at];
        let label = reading.label(number.block).map(words::words).unwrap_or_default();
        let counts_runs = number.noun.as_deref().is_some_and(|noun| {
            matches!(
                noun,
                "run" | "runs" | "calls" | "samples" | "measurements" | "repetitions" | "trials"
            )
        }) || (label.len() == 1
            && matches!(&*label[0], "runs" | "samples")
            && reading.in_block(number.block).start == at);
        if number.unit.kind == unit.kind
            && number.sign == Sign::None
            && !unit.is_none()
            && !super::is_earlier(reading, at)
        {
            means.push(at);
        } else if number.is_count() && number.value >= 2.0 && counts_runs {
            sizes.push(at);
        }
    }
    let values = |numbers: &[usize]| {
        numbers.iter().map(|&at| reading.numbers[at].value).collect::<Vec<f64>>()
    };
    let (centres, mut counts) = (values(&means), values(&sizes));
    counts.sort_by(f64::total_cmp);
    counts.dedup();
    let low = centres.iter().copied().fold(f64::INFINITY, f64::min);
    let high = centres.iter().copied().fold(0.0, f64::max);
    // Means that differ widely are of different things.
    if counts.is_empty() || low <= 0.0 || high > 1.25 * low {
        return None;
    }
    let deviation = reading.numbers[cv].size().scaled(0.01).times(Span::of(low, high));
    let stated = reading.numbers[half].size();
    let mut numbers = vec![half, cv];
    numbers.push(means[0]);
    let possible =
        |n: f64| widths(deviation, n, 0.95).iter().any(|width| roomy(*width).meets(stated));
    if counts.iter().any(|&n| possible(n)) {
        return Some(Relation::holds(Rule::IntervalWidth, numbers));
    }
    let needed =
        (2_u32..100_000).find(|&n| widths(deviation, f64::from(n), 0.95)[0].low <= stated.high)?;
    let decimals = reading.numbers[half].decimals + 1;
    let listed: Vec<String> = counts
        .iter()
        .map(|&n| {
            format!(
                "n = {}: ±{}",
                show(n, 0),
                show(widths(deviation, n, 0.95)[0].middle(), decimals)
            )
        })
        .collect();
    let message = format!(
        "{} is printed; a CV of {} around {} gives {}; so narrow an interval needs n = {needed}",
        reading.printed(half),
        reading.printed(cv),
        reading.printed(means[0]),
        listed.join(", ")
    );
    Some(Relation::broken(Rule::IntervalWidth, numbers, Severity::Inconsistent, message))
}
