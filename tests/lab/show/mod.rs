//! One run of the demo, from the first server to the last line of the summary.

mod acts;
mod screen;
mod site;
mod verdict;
mod visitors;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::harness::Result;
use acts::{ACTS, Act};
use screen::Screen;
use site::Site;
use verdict::Verdict;
use visitors::Visitors;

/// How a run ended.
pub(crate) enum End {
    AllMatch,
    Mismatch,
    Interrupted,
}

/// Visitors see a working site before each act, so that the break is visible.
const BEFORE: Duration = Duration::from_millis(1500);
/// How long it stays broken, and how long the repaired site is shown.
const BROKEN: Duration = Duration::from_millis(4500);
const AFTER: Duration = Duration::from_millis(1250);
/// The root cause comes out of PHP-FPM's log, which Badgateway gives a few seconds to speak.
const SETTLE: Duration = Duration::from_secs(8);
/// How often the terminal is drawn.
const FRAME: Duration = Duration::from_millis(250);

/// Set by Ctrl-C and SIGTERM.
#[derive(Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    fn listen() -> Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let raised = Arc::clone(&flag);
        thread::spawn(move || {
            runtime.block_on(async {
                use tokio::signal::unix::{SignalKind, signal};
                let (Ok(mut int), Ok(mut term)) =
                    (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
                else {
                    return;
                };
                tokio::select! { _ = int.recv() => {} _ = term.recv() => {} }
                raised.store(true, Ordering::Relaxed);
            });
        });
        Ok(Self(flag))
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs all acts against `binary`.
pub(crate) fn run(binary: &Path) -> Result<End> {
    let interrupt = Interrupt::listen()?;
    let mut screen = Screen::new();
    let mut site = Site::start(binary)?;
    let visitors = Visitors::start(site.port());
    screen.title(&site);
    let mut verdicts = Vec::new();
    for (number, act) in ACTS.iter().enumerate() {
        screen.act(number + 1, ACTS.len(), act);
        let Some(verdict) = perform(act, &mut site, &visitors, &mut screen, &interrupt)? else {
            screen.keep();
            return Ok(End::Interrupted);
        };
        screen.verdict(&verdict);
        verdicts.push(verdict);
    }
    screen.summary(&verdicts);
    Ok(if verdicts.iter().all(|verdict| verdict.matches) { End::AllMatch } else { End::Mismatch })
}

/// One act: break, look, repair, judge. `None`: interrupted.
fn perform(
    act: &'static Act,
    site: &mut Site,
    visitors: &Visitors,
    screen: &mut Screen,
    interrupt: &Interrupt,
) -> Result<Option<Verdict>> {
    let before = visitors.pause(|| site.mark())?;
    visitors.begin_act();
    let mut stage = |site: &Site, length: Duration| -> Result<bool> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            if interrupt.is_raised() {
                return Ok(false);
            }
            screen.live(&visitors.tally(), &site.since(&before)?);
            thread::sleep(FRAME);
        }
        Ok(true)
    };
    if !stage(site, BEFORE)? {
        return Ok(None);
    }
    let provoked = (act.provoke)(site, visitors)?;
    if !stage(site, BROKEN)? {
        return Ok(None);
    }
    (act.repair)(site, visitors)?;
    while !provoked.is_over() {
        if !stage(site, FRAME)? {
            return Ok(None);
        }
    }
    if !stage(site, AFTER)? {
        return Ok(None);
    }
    let deadline = Instant::now() + SETTLE;
    while Instant::now() < deadline && !site.since(&before)?.is_settled(&visitors.tally()) {
        if !stage(site, FRAME)? {
            return Ok(None);
        }
    }
    let heard = site.since(&before)?;
    let advice = site.explain(&before, act.cause).unwrap_or_default();
    Ok(Some(Verdict::new(act, visitors.tally(), heard, advice)))
}
