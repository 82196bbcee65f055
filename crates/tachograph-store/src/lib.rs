//! The study directory: append, seal, open, check, lock.
