//! How close each pool is to its next 502, seen from the kernel while PHP-FPM is too busy, or stopped, to say it.

use std::time::{Duration, Instant};

use crate::{
    harness::{cgroup::Cgroup, client::Http1, exporter::Scrape, root::not_run, wait_for},
    have_machine,
    pool_lab::PoolLab,
    say, share_machine,
};

/// Workers of each pool.
const CHILDREN: u64 = 4;

/// Connections that may wait: more than a burst of all clients, who may come before the first worker wakes up.
const BACKLOG: u64 = 16;

/// A scrape that waited for a status page would take at least as long as the deadline of that.
const SCRAPE: Duration = Duration::from_secs(1);

#[test]
fn busy_workers_and_queues_are_those_of_the_load() {
    let _held = have_machine();
    let dynamic = "pm = dynamic\npm.start_servers = 4\npm.min_spare_servers = 1\npm.max_spare_servers = 4\n";
    // Without status pages: a question that is given up stays in the queue of a pool whose workers are all held, and would be
    // counted there, rightly. A frozen pool has one, below.
    let backlog = format!("listen.backlog = {BACKLOG}\n");
    let dynamic = format!("{dynamic}{backlog}");
    let ondemand = "pm = ondemand\npm.process_idle_timeout = 10s\n".to_owned();
    let pools = [
        ("sat_static", false, CHILDREN, backlog.as_str()),
        ("sat_static_tcp", true, CHILDREN, backlog.as_str()),
        ("sat_dynamic", false, CHILDREN, dynamic.as_str()),
        ("sat_dynamic_tcp", true, CHILDREN, dynamic.as_str()),
        ("sat_ondemand", false, CHILDREN, ondemand.as_str()),
        ("sat_ondemand_tcp", true, CHILDREN, ondemand.as_str()),
    ];
    let lab = PoolLab::start(&pools).expect("the lab starts");
    let mut slowest = Duration::ZERO;
    for (name, ..) in &pools {
        lab.demand(name, 0, 0, CHILDREN);
        let page = lab.page();
        let of = |family: &str| page.value(family, &[("pool", name)]);
        assert_eq!(of("badgateway_fpm_workers_limit"), Some(CHILDREN as f64), "{name}");
        assert_eq!(of("badgateway_fpm_up"), Some(1.0), "{name}");
        // FPM raises a lower backlog for ondemand.
        if !name.contains("ondemand") {
            assert_eq!(of("badgateway_fpm_listen_queue_limit"), Some(BACKLOG as f64), "{name}");
        }
    }
    let mut above = (Duration::ZERO, Duration::ZERO);
    for clients in [CHILDREN / 2, CHILDREN, CHILDREN + 3] {
        let end = lab.signal(&format!("end_{clients}"));
        let began = Instant::now();
        let mut occupied = Vec::new();
        for number in 1..=clients {
            occupied.extend(pools.iter().map(|(name, ..)| (*name, lab.hold(name, &end))));
            // It forks for one of several connections that come at once; the others wait for who is done first.
            for (name, ..) in pools.iter().filter(|(name, ..)| name.contains("ondemand")) {
                lab.demand(name, CHILDREN.min(number), number.saturating_sub(CHILDREN), CHILDREN);
            }
        }
        let busy = clients.min(CHILDREN);
        for (name, ..) in &pools {
            slowest = slowest.max(lab.demand(name, busy, clients - busy, CHILDREN));
        }
        let full = Instant::now();
        if clients > CHILDREN {
            let mut times: Vec<_> = (0..20)
                .map(|_| {
                    let start = Instant::now();
                    lab.page();
                    start.elapsed()
                })
                .collect();
            times.sort();
            say(&format!("saturation: a scrape while all are busy takes {:?} (slowest of 20)", times[19]));
            assert!(times[18] <= SCRAPE, "{times:?}");
            // Bursts are remembered for scrapes that come later.
            let peak = lab.page().value("badgateway_fpm_listen_queue_peak", &[("pool", "sat_static")]);
            assert_eq!(peak, Some((clients - busy) as f64));
        }
        let held = full.elapsed();
        std::fs::write(&end, "").expect("a file");
        for (name, client) in occupied {
            assert_eq!(client.join().expect("a client").code(), "200", "{name} with {clients} clients");
        }
        if clients > CHILDREN {
            above = (held, began.elapsed());
        }
    }
    let saturated = lab.page().value("badgateway_fpm_saturated_seconds_total", &[("pool", "sat_static")]);
    // At least as long as all clients were seen there, at most from the first client's coming to the last one's going, and
    // a sample more at either end.
    let (least, most) = (above.0.as_secs_f64() - 0.5, above.1.as_secs_f64() + 0.5);
    assert!(saturated.is_some_and(|seconds| (least..=most).contains(&seconds)), "{saturated:?}, {above:?}");
    say(&format!("saturation: six kinds of pool at 0, 50, 100 and 175 %: right after at most {slowest:?}"));
}

#[test]
fn a_stopped_fpm_is_seen_from_the_kernel() {
    let settings = "listen.backlog = 5\npm.status_path = /status\n";
    let _held = have_machine();
    let lab = PoolLab::start(&[("sat_frozen", false, CHILDREN, settings)]).expect("the lab starts");
    lab.demand("sat_frozen", 0, 0, CHILDREN);
    lab.fpm.signal_all("STOP");
    let stopped = || lab.fpm.is_stopped().then_some(());
    wait_for("PHP-FPM to stop", Duration::from_secs(5), stopped).expect("a stopped PHP-FPM");
    let waiting: Vec<_> = (0..3).map(|_| lab.occupy("sat_frozen", 0.1)).collect();
    // A worker that was stopped while it answered the exporter's own question still holds that.
    let queued = || lab.load("sat_frozen").filter(|(busy, queued, _)| *busy <= 1 && *queued == 3);
    wait_for("three in the queue", Duration::from_secs(20), queued)
        .expect("three wait, and nobody is served");
    let start = Instant::now();
    let page = lab.page();
    assert!(start.elapsed() <= SCRAPE, "{:?}", start.elapsed());
    assert_eq!(page.value("badgateway_fpm_up", &[("pool", "sat_frozen")]), Some(1.0));
    lab.fpm.signal_all("CONT");
    for client in waiting {
        assert_eq!(client.join().expect("a client").code(), "200");
    }
    lab.demand("sat_frozen", 0, 0, CHILDREN);
}

#[test]
fn saturation_is_seen_before_the_first_502() {
    const WORKERS: u64 = 2;
    // The queue of a unix socket takes one more than its backlog (unix_recvq_full in net/unix/af_unix.c).
    const QUEUE: u64 = 2 + 1;
    let _held = share_machine();
    let lab =
        PoolLab::start(&[("sat_ramp", false, WORKERS, "listen.backlog = 2\n")]).expect("the lab starts");
    lab.demand("sat_ramp", 0, 0, WORKERS);
    let end = lab.signal("end");
    let mut clients = Vec::new();
    for number in 1..=WORKERS + QUEUE {
        clients.push(lab.hold("sat_ramp", &end));
        lab.demand("sat_ramp", number.min(WORKERS), number.saturating_sub(WORKERS), WORKERS);
        let failed = clients.iter().filter(|client| client.is_finished()).count();
        assert_eq!(failed, 0, "{number} requests are on the page as at work or waiting");
    }
    let refused = lab.hold("sat_ramp", &end).join().expect("a client");
    assert_eq!(refused.code(), "502", "one more than workers and queue take");
    std::fs::write(&end, "").expect("a file");
    for client in clients {
        assert_eq!(client.join().expect("a client").code(), "200");
    }
    say(&format!("saturation: seen at 150, 200 and 250 % of {WORKERS} workers, and then came the first 502"));
}

#[test]
fn a_worker_killed_for_memory_is_told_from_one_that_was_killed() {
    let Some(cgroup) = Cgroup::new("lab", 100 << 20) else {
        not_run("saturation: an OOM kill", "no memory cgroup may be made here; src/kernel has recorded ones");
        return;
    };
    let _held = share_machine();
    let lab = PoolLab::start(&[("sat_oom", false, 3, "")]).expect("the lab starts");
    lab.fpm.move_to(&cgroup).expect("PHP-FPM can be moved");
    lab.demand("sat_oom", 0, 0, 3);
    // The counter is looked at once a second: what was before the move is none of ours.
    // With another PHP-FPM on this machine its scope has the cgroup's name.
    let limits = || lab.page().sums("badgateway_memory_limit_bytes", &["scope"]);
    let seen = || limits().values().any(|limit| *limit == 100 << 20);
    wait_for("the cgroup to be seen", Duration::from_secs(20), || seen().then_some(()))
        .expect("the new cgroup");
    let get = |path: &str| Http1::new(lab.nginx.port).get(path).code();
    assert_eq!(get("/sat_oom/oom.php"), "502");
    // Before the second one: an OOM kill explains one response, whichever comes first.
    let explained = || {
        let roots = lab.page().sums("badgateway_http_root_causes_total", &["root_cause"]);
        roots.contains_key(["worker_oom_killed".to_owned()].as_slice())
    };
    wait_for("the first root cause", Duration::from_secs(30), || explained().then_some(()))
        .expect("the OOM kill");
    assert_eq!(get("/sat_oom/kill.php?sig=9"), "502");
    let roots = |page: &Scrape| {
        let sums = page.sums("badgateway_http_root_causes_total", &["root_cause"]);
        let exits = page.sums("badgateway_fpm_worker_exits_total", &["pool", "reason"]);
        (sums.into_keys().flatten().collect::<Vec<_>>(), exits.into_keys().collect::<Vec<_>>())
    };
    let expected = (
        vec!["worker_killed".to_owned(), "worker_oom_killed".to_owned()],
        vec![vec!["sat_oom".to_owned(), "oom".to_owned()], vec!["sat_oom".to_owned(), "sigkill".to_owned()]],
    );
    let mut last = None;
    let found = wait_for("the root causes", Duration::from_secs(30), || {
        last = Some(roots(&lab.page()));
        (last.as_ref() == Some(&expected)).then_some(())
    });
    assert!(found.is_ok(), "{last:?}");
    drop(lab);
    drop(cgroup);
}
