//! The status poller against a real PHP-FPM, against many pools of which some are dead, and against broken answers.

mod crowd;
mod malformed;
mod master;
mod program;
mod real;
