//! The numbers of `alerts/thresholds.yml` that colour a panel; a test compares them. Where a line can be drawn, it is drawn of
//! the series, so that overrides hold.

/// Name of the threshold without its prefix, and its value.
pub(crate) type Limit = (&'static str, f64);

pub(crate) const TICKET_RATIO: Limit = ("ticket_ratio", 0.01);
pub(crate) const PAGE_RATIO: Limit = ("page_ratio", 0.05);
pub(crate) const SATURATION_RATIO: Limit = ("saturation_ratio", 0.9);
pub(crate) const UNEXPLAINED_RATIO: Limit = ("unexplained_ratio", 0.2);
pub(crate) const UNPARSED_RATIO: Limit = ("unparsed_ratio", 0.01);
pub(crate) const UNREAD_BYTES: Limit = ("unread_bytes", 67_108_864.0);
pub(crate) const WORKER_EXITS: Limit = ("worker_exits", 3.0);
pub(crate) const RESTARTS: Limit = ("restarts", 3.0);
pub(crate) const MEMORY_RATIO: Limit = ("memory_ratio", 0.9);

/// All, for the comparison.
pub(crate) const ALL: &[Limit] = &[
    TICKET_RATIO,
    PAGE_RATIO,
    SATURATION_RATIO,
    UNEXPLAINED_RATIO,
    UNPARSED_RATIO,
    UNREAD_BYTES,
    WORKER_EXITS,
    RESTARTS,
    MEMORY_RATIO,
];
