//! What an exporter costs that has nothing to read: alone, and beside 300 processes that are none of its business.

use std::process::{Child, Command};
use std::time::Duration;

use crate::goals::Goals;
use crate::live::Exporter;
use crate::measure::cpu_of;

/// Foreign processes, and the most of a core that it may take, in percent.
const ROWS: [(usize, f64); 2] = [(0, 0.1), (300, 1.0)];

/// Ended and waited for when dropped.
struct Foreign(Vec<Child>);

impl Drop for Foreign {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Watches it for so many seconds in each row.
pub(crate) fn run(seconds: u64, goals: &mut Goals) {
    for (foreign, most) in ROWS {
        let sleep = |_| Command::new("sleep").arg("600").spawn().expect("a process that sleeps");
        let _foreign = Foreign((0..foreign).map(sleep).collect());
        let log = tempfile::NamedTempFile::new().expect("a log");
        let exporter = Exporter::start(&["--access-log".as_ref(), log.path().as_os_str()]);
        // The first look at everything is over.
        std::thread::sleep(Duration::from_secs(1));
        let before = cpu_of(exporter.pid());
        std::thread::sleep(Duration::from_secs(seconds));
        let share = (cpu_of(exporter.pid()) - before) / seconds as f64 * 100.0;
        let what = format!("idle beside {foreign} foreign processes: {share:.2} % of a core");
        println!("{what} {}", goals.time(&what, share <= most));
    }
}
