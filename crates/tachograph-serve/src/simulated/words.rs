//! Words of the simulated model, and how it counts the tokens of a prompt.
//!
//! Owns: the text, which is a function of a seed and a length alone, and looks
//! like a short technical report so that agents find sections and lists in it.
//!
//! Does not: mean anything by it.

/// A small generator whose sequence is fixed for all time.
///
/// # Source
///
/// `SplitMix64`: Steele, Lea, Flood (2014), *Fast splittable pseudorandom
/// number generators*; the constants of Vigna's public-domain `splitmix64.c`.
#[derive(Debug, Clone)]
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Draws from `0..=most`.
    pub(crate) fn up_to(&mut self, most: u64) -> u64 {
        match most.checked_add(1) {
            Some(count) => {
                let wide = u128::from(self.next()) * u128::from(count);
                u64::try_from(wide >> 64).unwrap_or(most)
            }
            None => self.next(),
        }
    }

    /// Draws from `-1.0..=1.0`.
    pub(crate) fn signed_unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

/// Mixes a number into a hash: FNV-1a over its bytes.
pub(crate) fn mix(hash: u64, value: u64) -> u64 {
    value
        .to_le_bytes()
        .iter()
        .fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}

/// Splits a prompt into tokens and returns a hash of each: runs of up to six
/// letters or digits, and every other visible character.
pub(crate) fn prompt_tokens(text: &str) -> Vec<u64> {
    const BASIS: u64 = 0xCBF2_9CE4_8422_2325;
    let mut tokens = Vec::new();
    let mut hash = BASIS;
    let mut length = 0_u32;
    for character in text.chars() {
        let in_word = character.is_alphanumeric();
        if length > 0 && (!in_word || length == 6) {
            tokens.push(hash);
            (hash, length) = (BASIS, 0);
        }
        if in_word {
            hash = mix(hash, u64::from(character));
            length += 1;
        } else if !character.is_whitespace() {
            tokens.push(mix(BASIS, u64::from(character)));
        }
    }
    if length > 0 {
        tokens.push(hash);
    }
    tokens
}

const SUBJECTS: [&str; 12] = [
    "throughput",
    "latency",
    "the baseline",
    "the context window",
    "memory",
    "the decode rate",
    "the first token",
    "the scheduler",
    "the cache",
    "the warm run",
    "the cold run",
    "variance",
];
const VERBS: [&str; 10] = [
    "rises",
    "falls",
    "dominates",
    "stays",
    "varies",
    "improves",
    "degrades",
    "saturates",
    "matches",
    "differs",
];
const ENDINGS: [&str; 10] = [
    "with longer prompts",
    "under load",
    "across runs",
    "at small batches",
    "by a few percent",
    "within the noise",
    "after loading",
    "between configurations",
    "as expected",
    "in every block",
];
const ADVICE: [&str; 8] =
    ["measure", "repeat", "raise", "lower", "pin", "report", "separate", "verify"];

/// Produces the answer's tokens one by one.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    draws: Draws,
    /// Tokens made but not yet taken, last first.
    ready: Vec<String>,
    made: u64,
    total: u64,
    section: Section,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Start,
    Summary,
    Findings,
    Recommendations { number: u32 },
}

impl Words {
    /// Starts a text of about `total` tokens.
    pub(crate) fn new(seed: u64, total: u64) -> Self {
        let section = Section::Start;
        Self { draws: Draws::new(seed), ready: Vec::new(), made: 0, total, section }
    }

    /// Returns the next token; there is always one.
    pub(crate) fn next_token(&mut self) -> String {
        loop {
            if let Some(token) = self.ready.pop() {
                self.made += 1;
                return token;
            }
            let text = self.next_sentence();
            self.ready = split_tokens(&text);
            self.ready.reverse();
        }
    }

    fn next_sentence(&mut self) -> String {
        let tenths = (self.made * 10).checked_div(self.total).unwrap_or(10);
        match self.section {
            Section::Start => {
                self.section = Section::Summary;
                format!("## Summary\n\n{}", self.statement())
            }
            Section::Summary if tenths >= 3 => {
                self.section = Section::Findings;
                format!("\n\n## Key findings\n\n- {}", self.statement())
            }
            Section::Summary => format!(" {}", self.statement()),
            Section::Findings if tenths >= 6 => {
                self.section = Section::Recommendations { number: 1 };
                format!("\n\n## Recommendations\n\n1. {}", self.advice())
            }
            Section::Findings => format!("\n- {}", self.statement()),
            Section::Recommendations { number } => {
                let number = number.saturating_add(1);
                self.section = Section::Recommendations { number };
                format!("\n{number}. {}", self.advice())
            }
        }
    }

    fn statement(&mut self) -> String {
        let mut subject = pick(&mut self.draws, &SUBJECTS).to_owned();
        subject[..1].make_ascii_uppercase();
        let verb = pick(&mut self.draws, &VERBS);
        let ending = pick(&mut self.draws, &ENDINGS);
        format!("{subject} {verb} {ending}.")
    }

    fn advice(&mut self) -> String {
        let mut advice = pick(&mut self.draws, &ADVICE).to_owned();
        advice[..1].make_ascii_uppercase();
        let subject = pick(&mut self.draws, &SUBJECTS);
        let ending = pick(&mut self.draws, &ENDINGS);
        format!("{advice} {subject} {ending}.")
    }
}

fn pick<'a>(draws: &mut Draws, from: &[&'a str]) -> &'a str {
    let last = u64::try_from(from.len().saturating_sub(1)).unwrap_or(0);
    let index = usize::try_from(draws.up_to(last)).unwrap_or(0);
    from.get(index).copied().unwrap_or("it")
}

/// Cuts before each space and after each line, so that joining gives the text.
fn split_tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    for character in text.chars() {
        let starts_new = match tokens.last() {
            None => true,
            Some(last) => {
                (character == ' ' && !last.ends_with(' '))
                    || (last.ends_with('\n') && character != '\n')
            }
        };
        if starts_new {
            tokens.push(String::new());
        }
        if let Some(last) = tokens.last_mut() {
            last.push(character);
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seed: u64, total: u64) -> String {
        let mut words = Words::new(seed, total);
        (0..total).map(|_| words.next_token()).collect()
    }

    #[test]
    fn a_seed_and_a_length_give_one_text_with_all_sections() {
        let long = text(7, 150);
        assert_eq!(long, text(7, 150));
        assert_ne!(long, text(8, 150));
        for part in ["## Summary\n\n", "\n\n## Key findings\n\n- ", "## Recommendations\n\n1. "] {
            assert!(long.contains(part), "{part:?} is missing in {long}");
        }
    }

    #[test]
    fn prompts_with_a_common_start_have_common_tokens() {
        let a = prompt_tokens("Summarise these benchmark results: 12.5 tok/s");
        let b = prompt_tokens("Summarise these benchmark results: 99");
        let common = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
        assert_eq!(common, 8, "Summar ise these benchm ark result s :");
    }

    #[test]
    fn splitmix_gives_the_published_sequence() {
        // First outputs of Vigna's splitmix64.c for the state 1234567.
        let mut draws = Draws::new(1_234_567);
        assert_eq!(draws.next(), 6_457_827_717_110_365_317);
        assert_eq!(draws.next(), 3_203_168_211_198_807_973);
    }
}
