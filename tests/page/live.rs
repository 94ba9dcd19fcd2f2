//! The page stands open while something breaks.

use std::time::Instant;

use crate::{
    all, alone, browser,
    browser::Browser,
    failures::{Failure, TABLE},
    layout,
    site::Site,
};

/// What somebody who looks sees of the verdict.
const VERDICT: &str = "document.getElementById('verdict').textContent.trim()";

/// Does not wait for the next turn of five seconds.
const NOW: &str = "document.dispatchEvent(new Event('visibilitychange'))";

fn started(failures: &[&Failure]) -> Site {
    let text = |of: fn(&Failure) -> &'static str| {
        failures.iter().map(|failure| of(failure)).collect::<Vec<_>>().join("\n")
    };
    Site::start(&text(|failure| failure.http), &text(|failure| failure.server)).expect("a site")
}

#[test]
fn each_failure_is_told_without_a_reload() {
    let Some(mut browser) = browser("live") else { return };
    let _alone = alone();
    let failures: Vec<&Failure> = TABLE.iter().filter(|failure| all() || failure.short).collect();
    let mut site = started(&failures);
    let mut wrong = Vec::new();
    for (number, failure) in failures.iter().enumerate() {
        if let Err(error) = told(&mut browser, &mut site, failure, number == 0) {
            wrong.push(format!("{}: {error}", failure.name));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), failures.len(), wrong.join("\n"));
}

/// Breaks it, and waits for the verdict on a page that was opened before. `patiently`: the page asks by itself.
fn told(
    browser: &mut Browser,
    site: &mut Site,
    failure: &Failure,
    patiently: bool,
) -> crate::harness::Result<()> {
    let exporter = site.exporter(&[])?;
    let origin = format!("http://127.0.0.1:{}", exporter.port);
    browser.screen(1440, 900, false)?;
    browser.open(&format!("{origin}/"))?;
    browser.eval("globalThis.opened = 1")?;
    let calm = browser.text(VERDICT)?;
    if calm.starts_with("Failing") {
        return Err(format!("before: {calm}").into());
    }
    if let Some(breaks) = failure.breaks {
        breaks(site)?;
    }
    let visitors = site.send(failure.path, failure.visitors);
    if let Some(meanwhile) = failure.meanwhile {
        std::thread::sleep(std::time::Duration::from_millis(500));
        meanwhile(site)?;
    }
    visitors.into_iter().for_each(|visitor| drop(visitor.join()));
    let says = site.names.fill(failure.says)?;
    let begun = Instant::now();
    let found = loop {
        if !patiently {
            browser.eval(NOW)?;
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
        let verdict = browser.text(VERDICT)?;
        if verdict.starts_with("Failing: ") && verdict.contains(&says) {
            break Ok(());
        }
        if begun.elapsed().as_secs() > 15 {
            break Err(format!("the page says {verdict:?} instead of {says:?}"));
        }
    };
    let title = browser.text("document.title")?;
    if found.is_ok() && !title.starts_with("Failing: ") {
        return Err(format!("its title is {title:?}").into());
    }
    if browser.eval("globalThis.opened")? != 1 {
        return Err("it was loaded again".into());
    }
    if all() {
        browser.picture(&crate::pictures().join(format!("failure-{}.png", failure.name)), None)?;
    }
    found?;
    let mut faults = layout::faults(browser)?;
    faults.extend(browser.complaints(&origin)?);
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ").into()) }
}

#[test]
fn what_is_old_says_so_and_what_is_read_stays_under_the_eyes() {
    let Some(mut browser) = browser("stale") else { return };
    let _alone = alone();
    let site = started(&[]);
    let mut exporter = site.exporter(&[]).unwrap();
    let origin = format!("http://127.0.0.1:{}", exporter.port);
    browser.open(&format!("{origin}/")).unwrap();
    let counted = "performance.getEntriesByType('resource').filter((one) => one.name.endsWith('/')).length";
    browser.eval(NOW).unwrap();
    browser.until("a question", &format!("{counted} === 1")).unwrap();
    browser.until("an answer", "document.getElementById('age').textContent === 'updates every 5 s'").unwrap();
    // Selected text is somebody's who reads.
    browser.eval("document.getSelection().selectAllChildren(document.getElementById('verdict'))").unwrap();
    browser.eval(&format!("{NOW}; {NOW}")).unwrap();
    assert_eq!(browser.eval(counted).unwrap(), 1, "nothing is asked meanwhile");
    browser.eval("document.getSelection().removeAllRanges()").unwrap();
    assert!(browser.complaints(&origin).unwrap().is_empty());

    exporter.end("TERM").unwrap();
    browser.eval(NOW).unwrap();
    browser.until("a banner", "!document.getElementById('stale').hidden").unwrap();
    let banner = browser.text("document.getElementById('stale').textContent").unwrap();
    assert!(
        banner.starts_with("No answer from Badgateway since ") && banner.ends_with("what you see is old."),
        "{banner}"
    );
    assert!(browser.text("document.title").unwrap().starts_with("? "));
}

#[test]
fn without_javascript_the_page_is_complete() {
    let Some(mut browser) = browser("without JavaScript") else { return };
    let _alone = alone();
    let site = started(&[&TABLE[0]]);
    let exporter = site.exporter(&[]).unwrap();
    let origin = format!("http://127.0.0.1:{}", exporter.port);
    browser.call("Emulation.setScriptExecutionDisabled", serde_json::json!({"value": true})).unwrap();
    site.visit(TABLE[0].path, TABLE[0].visitors);
    let says = site.names.fill(TABLE[0].says).unwrap();
    let page = crate::harness::wait_for("the verdict", std::time::Duration::from_secs(10), || {
        let page = String::from_utf8(exporter.get("/").body).ok()?;
        page.contains("<span class=\"word\">Failing:</span>").then_some(page)
    });
    assert!(page.unwrap().contains("http-equiv=\"refresh\""));
    browser.open(&format!("{origin}/")).unwrap();
    browser
        .until("the verdict", &format!("document.getElementById('verdict').textContent.includes({says:?})"))
        .unwrap();
    let dead = browser.eval(
        "Array.from(document.querySelectorAll('button')).filter((one) => one.checkVisibility()).length",
    );
    assert_eq!(dead.unwrap(), 0, "no button that does nothing");
    assert_eq!(browser.eval("document.querySelectorAll('noscript meta').length").unwrap(), 1);
    assert_eq!(layout::faults(&mut browser).unwrap(), Vec::<String>::new());
    assert_eq!(browser.complaints(&origin).unwrap(), Vec::<String>::new());
}
