//! The chart goes on after a restart, and what was not watched is no 0.

use crate::{alone, failures::TABLE, harness::wait_for, site::Site};
use std::time::Duration;

#[test]
fn the_last_day_outlives_a_restart_and_a_damaged_file_ends_nothing() {
    let _alone = alone();
    let site = Site::start("", TABLE[0].server).unwrap();
    let state = site.file("state");
    let args = ["--state.dir", state.to_str().unwrap()];
    let page =
        |exporter: &crate::harness::exporter::Exporter| String::from_utf8(exporter.get("/").body).unwrap();
    let failed = "<b>not running or not listening</b> <span>socket_missing 3</span>";
    let mut exporter = site.exporter(&args).unwrap();
    site.visit(TABLE[0].path, 3);
    let seen =
        wait_for("the failures", Duration::from_secs(10), || page(&exporter).contains(failed).then_some(()));
    assert!(seen.is_ok(), "{}", page(&exporter));
    // A kill leaves at most the last minute out, an end nothing.
    exporter.end("TERM").unwrap();
    let mut exporter = site.exporter(&args).unwrap();
    let after = page(&exporter);
    assert!(after.contains(failed) && after.contains("is not known any more"), "{after}");
    assert!(after.contains("class=\"gap\""), "most of the last hour was not watched");
    exporter.end("KILL").unwrap();

    std::fs::write(state.join("history"), "no history").unwrap();
    let exporter = site.exporter(&args).unwrap();
    let after = page(&exporter);
    assert!(!after.contains(failed), "{after}");
    assert!(exporter.complaints().contains("history cannot be used"), "{}", exporter.complaints());
    assert_eq!(
        exporter
            .scrape()
            .unwrap()
            .value("badgateway_state_files_rejected_total", &[("reason", "unreadable")]),
        Some(1.0)
    );
    assert!(state.join("history.bad").exists());
}
