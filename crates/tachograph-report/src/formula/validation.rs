//! What each formula of a validation report is, in words.

use super::Formula;

/// Each formula with its name in `claims.json` and its words, in the order of the
/// glossary.
pub(super) const VALIDATION: [(Formula, &str, &str); 8] = [
    (
        Formula::Claimed,
        "claimed",
        "Printed in the named document; it stands for every value within half a unit of its last \
         place.",
    ),
    (Formula::Earlier, "earlier", "What the earlier study states, from its claims."),
    (
        Formula::RelationBound,
        "relation-bound",
        "Smallest or largest result of the stated calculation over all values that round to its \
         printed parts.",
    ),
    (
        Formula::ChanceMatches,
        "chance-matches",
        "Number of compared claims within a factor of two of the claimed value, multiplied by the \
         width of the claimed value\u{2019}s rounding interval and divided by the width of that \
         range: how many would round to it if they lay there at random.",
    ),
    (
        Formula::ChangeSince,
        "change-since",
        "Value of this study divided by that of the earlier one. Printed as a change in percent.",
    ),
    (
        Formula::PointsSince,
        "points-since",
        "Percentage of this study minus that of the earlier one, in percentage points.",
    ),
    (
        Formula::WithinStudy,
        "within-study",
        "Geometric mean over blocks of treatment divided by baseline of the same block, within the \
         one study, computed again from its runs\u{2019} values; t interval of the logarithms, \
         verdicts adjusted after Holm. Printed as a change in percent.",
    ),
    (
        Formula::BetweenStudies,
        "between-studies",
        "Geometric mean over the runs of this study divided by that over the runs of the earlier \
         one, as independent samples; Welch\u{2019}s t interval of the logarithms, verdicts adjusted \
         after Holm. Printed as a change in percent.",
    ),
];
