//! Samples to estimates, each with its published source.
