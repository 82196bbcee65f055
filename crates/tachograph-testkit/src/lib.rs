//! Scripted servers on loopback, builders and planted corruptions for tests.
