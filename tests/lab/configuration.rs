//! PHP-FPM's configuration is changed while it runs.

use std::{fs, time::Duration};

use crate::{harness::wait_for, have_machine, pool_lab::PoolLab};

/// Changes are looked for every 5 s.
const NOTICED: Duration = Duration::from_secs(12);

#[test]
fn a_broken_pool_file_is_said_and_the_pools_stay() {
    let _held = have_machine();
    let lab = PoolLab::start(&[("conf_www", false, 2, "")]).expect("the lab starts");
    lab.demand("conf_www", 0, 0, 2);
    let read = || {
        let page = lab.page();
        let of = |family: &str| page.value(family, &[]);
        let successful = of("badgateway_config_last_reload_successful");
        let time = of("badgateway_config_last_reload_success_timestamp_seconds");
        let pool = &[("pool", "conf_www")];
        let pools = [page.value("badgateway_fpm_up", pool), page.value("badgateway_fpm_pool_info", pool)];
        (successful, time, pools)
    };
    let known = [Some(1.0), Some(1.0)];
    let (successful, first, pools) = read();
    assert_eq!((successful, pools), (Some(1.0), known));
    assert!(first.is_some());
    let until = |wanted: f64| {
        let mut last = read();
        let found = wait_for("the reading", NOTICED, || {
            last = read();
            (last.0 == Some(wanted)).then_some(())
        });
        assert!(found.is_ok(), "{last:?}");
        last
    };

    let good = fs::read_to_string(lab.fpm.config()).expect("a configuration");
    fs::write(lab.fpm.config(), format!("{good}\npm = sometimes\n")).expect("written");
    assert_eq!(until(0.0), (Some(0.0), first, known));

    fs::write(lab.fpm.config(), good).expect("written");
    let (_, second, pools) = until(1.0);
    assert!(second > first, "{second:?} after {first:?}");
    assert_eq!(pools, known);
}
