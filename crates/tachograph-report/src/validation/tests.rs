//! Verdicts from hand-worked intervals.
