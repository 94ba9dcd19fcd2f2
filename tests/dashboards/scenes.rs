//! What happens on the site, one after the other and at the same time, and what the visitors were given.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use badgateway_harness::{Result, visitors::Visitors};

use crate::site::Site;

/// From and to are hundredths of the whole time.
struct Scene {
    from: u32,
    to: u32,
    act: Act,
}

enum Act {
    /// Visitors of a path: server, path, how many at a time, how often each in a second.
    Visit(&'static str, &'static str, usize, f64),
    /// Something is broken, and mended.
    Break(fn(&mut Site) -> Result<()>, fn(&mut Site) -> Result<()>),
}
use Act::{Break, Visit};

const fn scene(from: u32, to: u32, act: Act) -> Scene {
    Scene { from, to, act }
}

fn nothing(_: &mut Site) -> Result<()> {
    Ok(())
}

const SCENES: &[Scene] = &[
    scene(0, 100, Visit("shop", "/ok.php", 3, 2.0)),
    scene(0, 100, Visit("api", "/ok.php", 2, 2.0)),
    scene(0, 100, Visit("jobs", "/ok.php", 1, 1.0)),
    scene(5, 95, Visit("shop", "/status.php?code=500", 1, 0.5)),
    scene(
        12,
        22,
        Break(
            |site| {
                site.shop.signal("TERM");
                site.shop.wait_gone()
            },
            |site| site.shop.launch(),
        ),
    ),
    scene(
        52,
        53,
        Break(
            |site| {
                site.shop.signal("USR2");
                Ok(())
            },
            nothing,
        ),
    ),
    scene(36, 50, Visit("api", "/slow.php?s=0.9", 12, 4.0)),
    scene(56, 64, Visit("jobs", "/kill.php?sig=11", 1, 2.0)),
    scene(58, 95, Visit("shop", "/old/", 1, 1.0)),
    scene(64, 74, Visit("shop", "/bigheader.php", 1, 2.0)),
    scene(68, 72, Visit("shop", "/maintenance/", 1, 3.0)),
    scene(76, 95, Visit("shop", "/spare/", 1, 2.0)),
    scene(78, 92, Visit("api", "/cut/short-body", 1, 1.0)),
    scene(82, 88, Visit("jobs", "/oom.php", 1, 1.0)),
    scene(88, 100, Visit("api", "/moved/ok.php", 2, 2.0)),
    scene(
        94,
        200,
        Break(
            |site| {
                site.batch.signal("TERM");
                site.batch.wait_gone()
            },
            nothing,
        ),
    ),
];

/// What visitors of a path got: answers, and how many of them were errors or half a page.
pub(crate) struct Got {
    pub(crate) answered: u64,
    pub(crate) failed: u64,
}

/// Lets everything happen within that time. By server and path.
pub(crate) fn play(site: &mut Site, takes: Duration) -> Result<BTreeMap<(&'static str, &'static str), Got>> {
    let began = Instant::now();
    let mut visitors: BTreeMap<usize, Visitors> = BTreeMap::new();
    let mut got = BTreeMap::new();
    let mut state = vec![0; SCENES.len()];
    loop {
        let now = (began.elapsed().as_secs_f64() / takes.as_secs_f64() * 100.0) as u32;
        for (number, Scene { from, to, act }) in SCENES.iter().enumerate() {
            if state[number] == 0 && now >= *from {
                state[number] = 1;
                match act {
                    Visit(server, path, lanes, per_second) => {
                        let port = site.port(server)?;
                        visitors.insert(number, Visitors::of(port, path, *lanes, *per_second));
                    }
                    Break(break_it, _) => break_it(site)?,
                }
            }
            if state[number] == 1 && now >= *to {
                state[number] = 2;
                match act {
                    Visit(server, path, ..) => {
                        let visitors = visitors.remove(&number).ok_or("no visitors")?;
                        let (answered, failed) = visitors.leave();
                        got.insert((*server, *path), Got { answered, failed });
                    }
                    Break(_, mend) => mend(site)?,
                }
            }
        }
        if now >= 100 {
            return Ok(got);
        }
        thread::sleep(Duration::from_millis(20));
    }
}
