//! Queries that may answer nothing, and why. All others must answer.

/// Where a query is: dashboard, panel, letter; whether it answers in the long form; the reason.
pub(crate) struct MayBeEmpty {
    pub(crate) board: &'static str,
    pub(crate) panel: &'static str,
    pub(crate) letters: &'static str,
    pub(crate) long: Answers,
    pub(crate) reason: &'static str,
}

/// Whether the long form must bring an answer.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Answers {
    Must,
    Need,
}
use Answers::{Must, Need};

const fn row(
    board: &'static str,
    panel: &'static str,
    letters: &'static str,
    long: Answers,
    reason: &'static str,
) -> MayBeEmpty {
    MayBeEmpty { board, panel, letters, long, reason }
}

const OVERVIEW: &str = "badgateway-overview";
const CAUSES: &str = "badgateway-causes";
const PHP_FPM: &str = "badgateway-php-fpm";
const FLEET: &str = "badgateway-fleet";

const MINUTES: &str = "counts in whole minutes, and the short form lasts seconds";
const WINDOW: &str = "alerts and ratios need a window of four minutes";
const CGROUP: &str = "a machine without cgroups, or without a limit, has no such series";
const CALM: &str = "not every site has it happen";

/// An empty board means each of them.
pub(crate) const TABLE: &[MayBeEmpty] = &[
    row(OVERVIEW, "Failing for", "A", Need, "nothing fails now"),
    row(OVERVIEW, "How close is the next alert?", "ABC", Must, WINDOW),
    row(OVERVIEW, "Which alerts fire?", "A", Must, WINDOW),
    row(CAUSES, "When did each cause begin, and when did it end?", "AB", Must, MINUTES),
    row(CAUSES, "Reloads, kills and full queues", "B", Need, CGROUP),
    row(CAUSES, "What did the machine lack?", "A", Need, "a kernel without pressure stall information"),
    row(PHP_FPM, "How close is PHP-FPM to its memory limit?", "A", Need, CGROUP),
    row(FLEET, "Failed in 1 h", "A", Must, MINUTES),
    row(FLEET, "Which machine?", "BCD", Must, MINUTES),
    row(FLEET, "Which machine?", "I", Must, MINUTES),
    row(FLEET, "Which machines fail?", "A", Must, MINUTES),
    row(FLEET, "Which machines are full?", "A", Must, MINUTES),
    row("", "annotation OOM kills", "A", Need, CGROUP),
    row("", "annotation Alerts", "A", Must, WINDOW),
    row("", "annotation Versions of Badgateway", "A", Need, "one version all the time"),
    row("", "annotation Configuration", "A", Need, CALM),
    row("", "annotation Reloads and restarts of PHP-FPM", "A", Must, CALM),
    row("", "annotation Starts of PHP-FPM", "A", Must, CALM),
];

/// Why the query of that place may be empty.
pub(crate) fn reason(board: &str, panel: &str, letter: &str, is_long: bool) -> Option<&'static str> {
    TABLE
        .iter()
        .filter(|row| row.board.is_empty() || row.board == board)
        .filter(|row| row.panel == panel && row.letters.contains(letter))
        .find(|row| !is_long || row.long == Need)
        .map(|row| row.reason)
}
