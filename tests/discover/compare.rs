//! The same files to both readers.

use std::fs;
use std::path::Path;

use badgateway::topology::fpm_conf::{Surroundings, read_in};
use badgateway::topology::loader::ConfigLimits;
use badgateway_harness::programs::php_fpm;

use crate::dump::{ours, theirs};

/// Each is a whole main file. `{P}` is what a pool needs besides its address.
const FILES: &[&str] = &[
    "[www]\nlisten = a.sock\n{P}",
    "[global]\npid = run/x.pid\nprocess_control_timeout = 2m\nemergency_restart_threshold = 3\nemergency_restart_interval = 1h\n\
     process.max = 9\n[www]\nlisten = 127.0.0.1:9000 ; c\n{P}",
    "error_log = e.log\n\t[www]\t ; c\n  LISTEN\t=\t9000\t\n{P}",
    "[www]listen=a.sock\n{P}",
    "[www]\r\nlisten = /a b  c\r\ncatch_workers_output = Yes \r\n{P}",
    "\u{feff}[www]\n\u{feff}listen = x\n{P}",
    "[w w]\nlisten='/x/'$pool\"/${BADGATEWAY_TEST}\\\\a\\'b\\$c\\d\\\"\".sock ; c\n{P}",
    "[www]\nlisten = \"C:\\path\\\"\n{P}",
    "[www]\nlisten=9000 | 3\nlisten.backlog=(64|!0)\npm.max_requests = ~~5\n{P}",
    "[www]\nlisten=x\nlisten.owner=none\nlisten.group=off\nlisten.acl_users=a, b\nlisten.allowed_clients=[::1] , 1.2.3.4\n{P}",
    "[www]\nlisten=x\nlisten.backlog=511\npm.max_requests=99999999999\nrequest_terminate_timeout=1x0\n{P}",
    "[www]\nlisten=x\nlisten.backlog=-\npm.max_requests=\nuser = nobody\nuser = www-data\n{P}",
    "[www]\nlisten=x\npm.status_listen=st.sock\nping.path=/ping\n{P}",
    "[www]\nlisten=x\nslowlog=$pool.slow\nrequest_slowlog_timeout=5s\nprefix=sub\n{P}",
    "[www]\nlisten=x\nprefix=\n{P}",
    "[www]\nlisten=x\nphp_admin_value[memory_limit] = 32M\nenv[A]=\"$pool\"\nphp_flag[ \"x\" ] = on\n{P}",
    "[www]\nlisten=x\0yz\n{P}",
    "[www]\nlisten=x\ncatch_workers_output=\"true\"\n{P}",
    "[www]\nlisten=x\ncatch_workers_output=1^1\n{P}",
    "[one]\nlisten=1\n{P}[two]\nlisten=2\n{P}[ONE]\nping.path=/again\n",
    "[www]\nlisten=1\n{P}include=inc/*.conf\nping.path=/of-the-last\n",
    "[www]\nlisten=1\n{P}include=inc/*.none\n",
    "[www]\nlisten=1\n{P}include=\"inc/[!a].con?\"\n",
    "[www]\nlisten=a$.sock$x\n{P}",
    "[www]\nlisten=1\n{P}pm = ondemand\n",
    "[www]\nlisten=1\n{P}pm = dynamic\npm.min_spare_servers=1\npm.max_spare_servers=2\n",
    "[]\nlisten=1\n{P}",
    "['a'\"b\"]\nlisten=1\n{P}",
    // What it refuses.
    "# hash\n[www]\nlisten=a.sock\n{P}",
    "  [www]\nlisten=a.sock\n{P}",
    "[www]\nlisten=a=b\n{P}",
    "[www]\nlisten\n{P}",
    "[www]\nlisten=no file\n{P}",
    "[www]\nlisten=\"open\n{P}",
    "[www]\nlisten=x\"\\\"\ny\n{P}",
    "[www]\nlisten=x\nrequest_terminate_timeout=2M\n{P}",
    "[www]\nlisten=x\ncatch_workers_output=maybe\n{P}",
    "[www]\nlisten=x\ncatch_workers_output=\"Yes\"\n{P}",
    "[www]\nlisten=x\ninclude=nowhere/*.conf\n{P}",
    "[www]\nlisten=x\nenv[]=1\n{P}",
    "[www]\nlisten=x\nphp_flag[a]=2\n{P}",
    "[www]\n{P}",
    "[global]\n",
    "[www\nlisten=x\n{P}",
    "[www]\nlisten=x\nyes=1\n{P}",
];

const POOL: &str = "user=www-data\npm=static\npm.max_children=3\n";

struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["inc", "sub", "log"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        for name in ["b", "a", "c"] {
            let text = format!("[{name}]\nlisten = {name}.sock\n{POOL}");
            fs::write(dir.path().join(format!("inc/{name}.conf")), text).unwrap();
        }
        Self(dir)
    }

    /// Gives `text` to both. Returns whether PHP-FPM took it.
    fn compare(&self, program: &Path, text: &[u8]) -> bool {
        let dir = self.0.path();
        let file = dir.join("main");
        fs::write(&file, text).unwrap();
        let mut around = Surroundings::guess(&file, Path::new("/"));
        (around.prefix, around.state) = (dir.to_path_buf(), dir.to_path_buf());
        around.env.insert(b"BADGATEWAY_TEST".to_vec(), b"from env".to_vec());
        let shown = String::from_utf8_lossy(text);
        match (theirs(program, dir, &file), read_in(&file, &around, &ConfigLimits::default())) {
            (Ok(theirs), Ok(config)) => {
                assert_eq!(theirs, ours(&config), "{shown}");
                true
            }
            (Ok(_), Err(error)) => panic!("PHP-FPM reads this, we do not: {error}\n{shown}"),
            // What it reads well and then cannot use, say an unknown user, is not what we look at.
            (Err(said), Ok(config)) => {
                let unread = said.contains("failed to load configuration file");
                assert!(
                    !unread || config.complaints().next().is_some(),
                    "PHP-FPM does not read this: {said}\n{shown}"
                );
                false
            }
            (Err(_), Err(_)) => false,
        }
    }
}

#[test]
fn we_read_what_php_fpm_reads() {
    let (program, site) = (php_fpm().unwrap(), Site::new());
    let taken =
        FILES.iter().filter(|text| site.compare(&program, text.replace("{P}", POOL).as_bytes())).count();
    assert_eq!(taken, FILES.iter().position(|text| text.starts_with("# hash")).unwrap());
}

/// Files with small faults. MUTATIONS says how many; each starts PHP-FPM, which takes about 20 ms.
#[test]
fn we_refuse_what_php_fpm_refuses() {
    // No path in it is absolute, for PHP-FPM creates the logs it is told of.
    const SEED: &[u8] = b"[global]\npid = x.pid ; c\nprocess_control_timeout = 10s\ninclude = inc/*.conf\n[www]\n\
        listen = 'run'$pool\"\\\"${BADGATEWAY_TEST}\"\nlisten.backlog = (66|1)\nuser = www-data\npm = static\n\
        pm.max_children = 5\nphp_admin_value[memory_limit] = 32M\nenv[A] = $pool\ncatch_workers_output = yes\n";
    const NOISE: &[u8] = b"[]{}()=;#\"'$\\|&^~!\n\r\t :-$*?@a0\xff";
    let (program, site) = (php_fpm().unwrap(), Site::new());
    let count = std::env::var("MUTATIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(100);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % end as u64) as usize
    };
    let mut taken = 0;
    for _ in 0..count {
        let mut text = SEED.to_vec();
        for _ in 0..=below(2) {
            let at = below(text.len());
            let end = (at + below(8)).min(text.len());
            match below(4) {
                0 | 1 => text.insert(at, NOISE[below(NOISE.len())]),
                2 => drop(text.drain(at..end)),
                _ => {
                    let piece = text[at..end].to_vec();
                    let to = below(text.len());
                    text.splice(to..to, piece);
                }
            }
        }
        // At a single quote without its end, PHP's scanner reads on behind the line's, into what an earlier line left.
        if String::from_utf8_lossy(&text).replace("= 'run'", "").contains('\'') {
            continue;
        }
        taken += usize::from(site.compare(&program, &text));
    }
    println!("{taken} of {count} mutations were read, the same by both");
    assert!(taken > count / 10, "only {taken} of {count} mutations were read");
}
