//! The vocabulary of Tachograph: plans, runs, events, snapshots, units and digests.
