//! Pure derivation from a snapshot: analyse, render, verify.
