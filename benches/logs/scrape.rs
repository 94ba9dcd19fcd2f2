//! What a scrape costs, by the number of pools: each with a vhost of its own.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::goals::Goals;
use crate::live::Exporter;
use crate::measure::{cpu_of, resident_of};

/// Series of one vhost with one pool, with all that is not of a pool, and of each further pool with its own vhost.
const MOST_FIRST: usize = 250;
const MOST_FURTHER: usize = 110;

/// CPU time of a scrape of a thousand, in seconds, and the resident memory then, in bytes.
const MOST_CPU: f64 = 0.05;
const MOST_MEMORY: u64 = 64 << 20;

/// Scrapes that are measured together: the kernel counts CPU time in hundredths of a second.
const SCRAPES: u32 = 20;

/// A row for each number of pools.
pub(crate) fn run(dir: &Path, pools: &[usize], goals: &mut Goals) {
    println!("pools   series      bytes   CPU of a scrape   with gzip       RSS");
    let mut first = 0;
    for count in pools {
        let exporter = start(dir, *count);
        let page = exporter.ask("/metrics", "");
        let text = String::from_utf8_lossy(&page);
        // This machine may run other PHP-FPM, and they are shown, too.
        let own = format!("fpm=\"{}\"", dir.file_name().unwrap_or_default().to_string_lossy());
        let is_ours =
            |line: &&str| !(line.contains("fpm=\"") || line.contains("scope=\"fpm:")) || line.contains(&own);
        let series = text.lines().filter(|line| line.starts_with("badgateway_")).filter(is_ours).count();
        let [plain, gzip] = ["", "Accept-Encoding: gzip\r\n"].map(|headers| {
            let before = cpu_of(exporter.pid());
            for _ in 0..SCRAPES {
                exporter.ask("/metrics", headers);
            }
            (cpu_of(exporter.pid()) - before) / f64::from(SCRAPES)
        });
        let resident = resident_of(exporter.pid());
        let judged = if *count == 1 {
            first = series;
            goals.check("series of one vhost with one pool", series <= MOST_FIRST)
        } else {
            let further = (series - first) / (count - 1);
            goals.check(&format!("series of each further pool: {further}"), further <= MOST_FURTHER)
        };
        let cpu =
            if *count < 1000 { "" } else { goals.time("CPU of a scrape of 1000 pools", plain <= MOST_CPU) };
        println!(
            "{count:5} {series:8} {judged} {:9} {:13.1} ms {cpu} {:9.1} ms {:6.1} MiB {}",
            page.len(),
            plain * 1e3,
            gzip * 1e3,
            resident as f64 / f64::from(1 << 20),
            goals.check("RSS", resident <= MOST_MEMORY),
        );
    }
}

/// An exporter that has seen a request to each of so many pools, which are configured and do not run.
fn start(dir: &Path, count: usize) -> Exporter {
    let (mut config, mut log) = (String::from("[global]\nerror_log = /nowhere/fpm.log\n"), String::new());
    for n in 0..count {
        let socket = dir.join(format!("p{n}.sock"));
        let socket = socket.display();
        let _ =
            writeln!(config, "[p{n}]\nuser = nobody\nlisten = {socket}\npm = static\npm.max_children = 5");
        let _ = writeln!(
            log,
            "192.0.2.1 - - [20/Nov/2026:15:08:28 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"-\" server=\"s{n}.test\" pid=1 \
             connection={n} msec=1795187308.000 request_time=0.001 upstream_addr=\"unix:{socket}\" upstream_status=\"200\" \
             upstream_connect_time=\"0.000\" upstream_header_time=\"0.001\" upstream_response_time=\"0.001\" \
             upstream_bytes_received=\"5\" upstream_cache_status=\"-\""
        );
    }
    let (conf, access) = (dir.join(format!("pools{count}.conf")), dir.join(format!("pools{count}.log")));
    std::fs::write(&conf, config).expect("room for the configuration");
    std::fs::write(&access, log).expect("room for the log");
    let args = ["--access-log".as_ref(), access.as_os_str(), "--fpm-config".as_ref(), conf.as_os_str()];
    let exporter = Exporter::start(&args);
    let deadline = Instant::now() + Duration::from_secs(30);
    let limits =
        || String::from_utf8_lossy(&exporter.ask("/metrics", "")).matches("\nbadgateway_fpm_up{").count();
    while exporter.responses() < count as u64 || limits() < count {
        assert!(Instant::now() < deadline, "{count} pools are not seen");
        std::thread::sleep(Duration::from_millis(50));
    }
    exporter
}
