//! Nonces: texts that keep a prompt from sharing a prefix with an earlier one.
//!
//! Owns: how a nonce is made. It is twelve decimal digits in four groups of
//! three, then a line feed: `"482 913 207 556\n"`. Most tokenizers either take
//! each digit alone or digits in groups of up to three, so the number of tokens
//! is the same for every nonce (`SmolLM2`: 16, `Llama` 3: 8).
//!
//! The digits come from SHA-256 over the task's nonce text, a slash and the
//! number of the call in decimal: bytes 0 and 1 of the digest as a big-endian
//! number modulo 1000 are the first group, with leading zeros, bytes 2 and 3
//! the second, and so on.
//!
//! Does not: decide whether one is used; see `prompt_cache` in a plan.

use std::fmt::Write as _;

use tachograph_model::digest::Digest;

/// The length of every nonce in bytes, line feed included.
pub const NONCE_BYTES: usize = 16;

/// Returns the nonce of call number `call`, line feed included.
pub fn nonce(task_nonce: &str, call: u32) -> String {
    let digest = Digest::of(format!("{task_nonce}/{call}").as_bytes());
    let mut text = String::with_capacity(NONCE_BYTES);
    for (i, pair) in digest.as_bytes().chunks_exact(2).take(4).enumerate() {
        let separator = if i == 3 { '\n' } else { ' ' };
        let group = u16::from_be_bytes([pair[0], pair[1]]) % 1000;
        write!(text, "{group:03}{separator}").expect("a String takes any text");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with: `python3 -c "import hashlib; d=hashlib.sha256(b'quick/0/0').digest();
    /// print(' '.join('%03d' % (int.from_bytes(d[2*i:2*i+2],'big') % 1000) for i in range(4)))"`
    #[test]
    fn a_nonce_can_be_made_elsewhere() {
        assert_eq!(nonce("quick/0", 0), NONCE_QUICK_0_0);
        for call in 0..50 {
            let nonce = nonce("x", call);
            assert_eq!(nonce.len(), NONCE_BYTES);
            assert!(nonce.ends_with('\n'));
        }
        assert_ne!(nonce("x", 0), nonce("x", 1));
    }

    const NONCE_QUICK_0_0: &str = "162 785 951 534\n";
}
