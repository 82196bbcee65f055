//! Whether a stated difference follows from its pair.

use crate::number::{FACTOR, Number, PERCENT, POINTS, Sign, TIME};
use crate::reading::Reading;
use crate::relation::{Relation, Rule, Severity};
use crate::span::Span;
use crate::words::Direction;

use super::pairs::{Order, Pair};
use crate::rules::show;

/// Below this share of the roundings that are possible, one is called strained.
const STRAINED: f64 = 0.04;

/// Judges what is stated about one pair.
pub(super) struct Judge<'a> {
    /// The document.
    pub(super) reading: &'a Reading<'a>,
    /// The pair.
    pub(super) pair: &'a Pair,
}

/// What a difference can mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// Larger over smaller, less one.
    Up,
    /// One less smaller over larger.
    Down,
    /// Difference over the mean of both.
    OverMean,
    /// Smaller over larger.
    Part,
    /// Larger over smaller.
    Quotient,
    /// Larger less smaller.
    Difference,
}

impl Meaning {
    /// Computes it for two values above zero.
    fn of(self, low: f64, high: f64) -> f64 {
        match self {
            Self::Up => high / low - 1.0,
            Self::Down => 1.0 - low / high,
            Self::OverMean => 2.0 * (high - low) / (high + low),
            Self::Part => low / high,
            Self::Quotient => high / low,
            Self::Difference => high - low,
        }
    }

    /// Bounds it for two intervals above zero.
    fn span(self, low: Span, high: Span) -> Span {
        let ends = [
            self.of(low.low, high.low),
            self.of(low.low, high.high),
            self.of(low.high, high.low),
            self.of(low.high, high.high),
        ];
        // Monotone in both values on either side of equality.
        let mut span = Span {
            low: ends.iter().copied().fold(f64::INFINITY, f64::min),
            high: ends.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        };
        if low.meets(high) && !matches!(self, Self::Part | Self::Quotient) {
            span.low = span.low.min(0.0);
        }
        span
    }
}

impl Judge<'_> {
    fn number(&self, at: usize) -> &Number {
        &self.reading.numbers[at]
    }

    /// Returns both values in one scale: a number without a unit has that of the
    /// other.
    fn values(&self) -> (Span, Span) {
        let (first, second) = (self.number(self.pair.first), self.number(self.pair.second));
        let scale = |own: &Number, other: &Number| {
            if own.unit.is_none() { other.unit.scale } else { own.unit.scale }
        };
        (first.size().scaled(scale(first, second)), second.size().scaled(scale(second, first)))
    }

    /// Returns the unit's kind of the pair.
    fn unit(&self) -> &crate::number::Unit {
        let (first, second) = (self.number(self.pair.first), self.number(self.pair.second));
        if first.unit.is_none() { &second.unit } else { &first.unit }
    }

    /// Judges a difference that is stated for the pair; `said` is what the words
    /// beside it say.
    pub(super) fn difference(&self, at: usize, said: Option<Direction>) -> Option<Relation> {
        let stated = self.number(at);
        let (first, second) = self.values();
        let (low, high) =
            if first.middle() <= second.middle() { (first, second) } else { (second, first) };
        if low.low <= 0.0 || !high.high.is_finite() || high.high > 1e200 {
            return None;
        }
        let numbers = vec![at, self.pair.first, self.pair.second];
        let rule = if stated.unit.is(FACTOR) {
            Rule::Ratio
        } else if stated.unit.is(POINTS) {
            Rule::PercentagePoints
        } else {
            Rule::PercentChange
        };
        let printed = match rule {
            Rule::PercentChange => stated.size().scaled(0.01),
            _ => stated.size(),
        };
        let meanings = self.meanings(rule, at, said)?;
        if meanings.iter().any(|meaning| meaning.span(low, high).meets(printed)) {
            if let Some(broken) = self.sign(at, said, first, second) {
                return Some(broken);
            }
            return Some(
                self.strained(&numbers, &meanings, (low, high), printed)
                    .unwrap_or_else(|| Relation::holds(rule, numbers.clone())),
            );
        }
        Some(self.broken(numbers, &meanings, (low, high), rule))
    }

    /// Returns the meanings that the words allow, the likeliest first; `None` if
    /// the relation is not stated.
    fn meanings(&self, rule: Rule, at: usize, said: Option<Direction>) -> Option<Vec<Meaning>> {
        use Meaning::{Difference, Down, OverMean, Part, Quotient, Up};
        let follows_of =
            self.reading.block(at).text[self.number(at).end..].trim_start().starts_with("of ");
        if rule == Rule::PercentagePoints {
            return self.unit().is(PERCENT).then(|| vec![Difference]);
        }
        if rule == Rule::Ratio {
            let mut meanings = vec![Quotient];
            if matches!(
                said,
                Some(Direction::More | Direction::Less | Direction::Faster | Direction::Slower)
            ) {
                meanings.push(Up);
            }
            if self.number(at).size().high <= 1.0 {
                meanings.push(Part);
            }
            return Some(meanings);
        }
        let is_time = self.unit().is(TIME);
        let is_rate = self.unit().is_rate();
        let rises = self.rises();
        let mut meanings = match (said, self.pair.order) {
            (Some(Direction::Less), _) => vec![Down],
            (Some(Direction::More), _) => vec![Up],
            (Some(Direction::Faster), _) if is_rate => vec![Up],
            (Some(Direction::Slower), _) if is_time => vec![Up],
            (Some(Direction::Faster | Direction::Slower), _) => vec![Down, Up],
            (None, Order::Change) => vec![if rises { Up } else { Down }],
            (_, Order::Change) => {
                if rises {
                    vec![Up, Down]
                } else {
                    vec![Down, Up]
                }
            }
            _ if rises => vec![Up, Down, OverMean],
            _ => vec![Down, Up, OverMean],
        };
        if follows_of && said.is_none() {
            meanings.push(Part);
        }
        Some(meanings)
    }

    fn rises(&self) -> bool {
        let (first, second) = self.values();
        second.middle() >= first.middle()
    }

    /// Returns a finding if the printed sign, or the words, contradict the change.
    fn sign(
        &self,
        at: usize,
        said: Option<Direction>,
        first: Span,
        second: Span,
    ) -> Option<Relation> {
        let sign = self.number(at).sign;
        if self.pair.order == Order::Change && said.is_none_or(|said| said == Direction::Neutral) {
            let contradicts = match sign {
                // A better time may be printed as a gain.
                Sign::Plus => second.is_below(first) && said.is_none(),
                Sign::Minus => first.is_below(second) && said.is_none(),
                _ => false,
            };
            if contradicts {
                let message = format!(
                    "{} is printed, but {} to {} goes the other way",
                    self.reading.printed(at),
                    self.reading.printed(self.pair.first),
                    self.reading.printed(self.pair.second),
                );
                let numbers = vec![at, self.pair.first, self.pair.second];
                return Some(Relation::broken(
                    Rule::Direction,
                    numbers,
                    Severity::Decision,
                    message,
                ));
            }
        }
        None
    }

    /// Judges the direction that words state of the pair.
    pub(super) fn order(&self, said: Option<Direction>) -> Option<Relation> {
        let said = said?;
        if self.pair.order == Order::Versus {
            return None;
        }
        let (first, second) = self.values();
        // A comparative speaks of the first, a change of where it ends.
        let (subject, object) =
            if self.pair.order == Order::Change { (second, first) } else { (first, second) };
        let more = said.asks_for_more(self.unit())?;
        let numbers = vec![self.pair.first, self.pair.second];
        let contradicts = if more { subject.is_below(object) } else { object.is_below(subject) };
        if !contradicts {
            return Some(Relation::holds(Rule::Direction, numbers));
        }
        let word = match said {
            Direction::More => "more",
            Direction::Less => "less",
            Direction::Faster => "faster",
            _ => "slower",
        };
        let (one, other) =
            (self.reading.printed(self.pair.first), self.reading.printed(self.pair.second));
        let message = if self.pair.order == Order::Change {
            format!("from {one} to {other} is not {word}")
        } else {
            format!("{one} is not {word} than {other}")
        };
        Some(Relation::broken(Rule::Direction, numbers, Severity::Decision, message))
    }

    /// Returns a note if the printed digits need a rounding that is hardly
    /// possible.
    fn strained(
        &self,
        numbers: &[usize],
        meanings: &[Meaning],
        (low, high): (Span, Span),
        printed: Span,
    ) -> Option<Relation> {
        const STEPS: u32 = 64;
        let share = |meaning: Meaning| {
            let at = |span: Span, step: u32| {
                span.low + (span.high - span.low) * (f64::from(step) + 0.5) / f64::from(STEPS)
            };
            let values: Vec<f64> = (0..STEPS * STEPS)
                .map(|step| meaning.of(at(low, step / STEPS), at(high, step % STEPS)))
                .collect();
            let below = values.iter().filter(|value| **value <= printed.high).count();
            let above = values.iter().filter(|value| **value >= printed.low).count();
            below.min(above) as f64 / values.len() as f64
        };
        let best = meanings.iter().map(|&meaning| share(meaning)).fold(0.0, f64::max);
        if best >= STRAINED {
            return None;
        }
        let meaning = meanings[0];
        let point = meaning.of(low.middle(), high.middle());
        let message = format!(
            "{} is printed; {} and {} give {}, and only {} % of the values that round to them give what is printed",
            self.reading.printed(numbers[0]),
            self.reading.printed(numbers[1]),
            self.reading.printed(numbers[2]),
            self.show(numbers[0], point),
            show(best * 100.0, 1),
        );
        let rule =
            if self.number(numbers[0]).unit.is(FACTOR) { Rule::Ratio } else { Rule::PercentChange };
        Some(Relation::broken(rule, numbers.to_vec(), Severity::Note, message))
    }

    /// Returns a computed difference as it would be printed, one digit finer.
    fn show(&self, at: usize, value: f64) -> String {
        let stated = self.number(at);
        let decimals = stated.decimals + 1;
        if stated.unit.is(FACTOR) {
            format!("{}x", show(value, decimals))
        } else if stated.unit.is(POINTS) {
            format!("{} pp", show(value, decimals))
        } else {
            format!("{} %", show(value * 100.0, decimals))
        }
    }

    fn broken(
        &self,
        numbers: Vec<usize>,
        meanings: &[Meaning],
        (low, high): (Span, Span),
        rule: Rule,
    ) -> Relation {
        let at = numbers[0];
        let stated = self.number(at);
        let printed = stated.size().middle();
        let scale = if rule == Rule::PercentChange { 100.0 } else { 1.0 };
        let distance =
            |meaning: &Meaning| (meaning.of(low.middle(), high.middle()) * scale - printed).abs();
        let nearest =
            meanings.iter().copied().min_by(|one, other| distance(one).total_cmp(&distance(other)));
        let meaning = nearest.unwrap_or(Meaning::Up);
        let span = meaning.span(low, high);
        let (one, other) =
            (self.reading.printed(self.pair.first), self.reading.printed(self.pair.second));
        let mut message = format!(
            "{} is printed; {one} and {other} give {} (rounding allows {} to {})",
            self.reading.printed(at),
            self.show(at, meaning.of(low.middle(), high.middle())),
            show(span.low * scale, stated.decimals + 2),
            show(span.high * scale, stated.decimals + 2),
        );
        let unit_scale = self.unit().scale;
        let difference = high.minus(low).scaled(1.0 / unit_scale);
        let is_absolute = rule == Rule::PercentChange && difference.meets(stated.size());
        if is_absolute && self.unit().is(PERCENT) {
            message.push_str("; what is printed are percentage points, not percent");
        } else if is_absolute {
            message.push_str("; what is printed is the absolute difference, not a percentage");
        }
        let corrected = (is_absolute && self.unit().is(PERCENT))
            .then(|| format!("{} pp", show(stated.size().middle(), stated.decimals)))
            .or_else(|| {
                let value = meaning.of(low.middle(), high.middle()) * scale;
                let sign = match stated.sign {
                    Sign::Plus => "+",
                    Sign::Minus => "-",
                    _ => "",
                };
                let unit = match rule {
                    Rule::Ratio => "x",
                    Rule::PercentagePoints => " pp",
                    _ => "%",
                };
                Some(format!("{sign}{}{unit}", show(value, stated.decimals)))
            });
        Relation::broken(rule, numbers, Severity::Inconsistent, message).corrected(corrected)
    }
}
