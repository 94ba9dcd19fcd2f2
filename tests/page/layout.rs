//! What is on the page stands where it can be read, on a telephone and on a wide screen, in light and in dark.

use serde_json::Value;

use crate::{all, alone, browser, browser::Browser, failures::TABLE, harness::Result, pictures, site::Site};

/// Widths of a telephone, a tablet, a laptop and a wide screen.
const WIDTHS: [u32; 4] = [360, 768, 1440, 3840];

/// What a person would see as broken.
pub(crate) fn faults(browser: &mut Browser) -> Result<Vec<String>> {
    // Without scripts the page is loaded again every ten seconds, and then for a moment has no style.
    browser.until("the page to be whole", "document.readyState === 'complete'")?;
    let found = browser.eval(include_str!("measure.js"))?;
    Ok(found.as_array().into_iter().flatten().map(Value::to_string).collect())
}

/// What axe-core finds at level AA, where `AXE` names its file.
fn axe(browser: &mut Browser) -> Result<Vec<String>> {
    const RUN: &str = "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})\
        .then((found) => found.violations.map((one) => one.id + ': ' + one.nodes.map((node) => node.html).join(' | ')))";
    let Some(file) = std::env::var_os("AXE") else { return Ok(Vec::new()) };
    // The policy of the page does not hold for the protocol.
    browser.eval(&std::fs::read_to_string(file)?)?;
    let found = browser.eval(RUN)?;
    Ok(found.as_array().into_iter().flatten().map(Value::to_string).collect())
}

#[test]
fn nothing_is_cut_off_or_overlaps() {
    let Some(mut browser) = browser("layout") else { return };
    let _alone = alone();
    let failures = [&TABLE[0], &TABLE[2], &TABLE[3]];
    let server: Vec<&str> = failures.iter().map(|failure| failure.server).collect();
    let site = Site::start("", &server.join("\n")).unwrap();
    let exporter = site.exporter(&[]).unwrap();
    for failure in failures {
        site.visit(failure.path, failure.visitors);
    }
    let origin = format!("http://127.0.0.1:{}", exporter.port);
    let mut wrong = Vec::new();
    browser.open(&format!("{origin}/")).unwrap();
    browser
        .until(
            "three failures",
            "document.querySelectorAll('.failures tbody tr').length >= 3 || (location.reload(), false)",
        )
        .unwrap();
    for page in ["/", "/runbooks", "/runbooks/PhpFpmDown", "/runbooks/none"] {
        for width in WIDTHS {
            for dark in [false, true] {
                browser.screen(width, 900, dark).unwrap();
                browser.open(&format!("{origin}{page}")).unwrap();
                browser
                    .eval("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
                    .unwrap();
                let at = format!("{page} at {width}{}", if dark { ", dark" } else { "" });
                let mut found = faults(&mut browser).unwrap();
                found.extend(axe(&mut browser).unwrap());
                wrong.extend(found.into_iter().map(|fault| format!("{at}: {fault}")));
                if all() && page == "/" {
                    let name = format!("{width}-{}.png", if dark { "dark" } else { "light" });
                    browser.picture(&pictures().join(name), None).unwrap();
                }
            }
        }
    }
    // Not found is what the last one is.
    wrong.extend(browser.complaints(&origin).unwrap().into_iter().filter(|one| !one.contains("404")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The measure itself sees what is wrong.
    browser.screen(360, 800, false).unwrap();
    browser.open(&format!("{origin}/")).unwrap();
    browser.eval("document.querySelector('h1').style.whiteSpace = 'nowrap'").unwrap();
    browser.eval("document.querySelector('h2').style.marginTop = '-3rem'").unwrap();
    let found = faults(&mut browser).unwrap().join("\n");
    assert!(found.contains("sticks out") && found.contains("on each other"), "{found}");
}

#[test]
fn commands_are_copied_and_the_keyboard_reaches_everything() {
    let Some(mut browser) = browser("keyboard") else { return };
    let _alone = alone();
    let site = Site::start("", TABLE[0].server).unwrap();
    let exporter = site.exporter(&[]).unwrap();
    site.visit(TABLE[0].path, 3);
    let origin = format!("http://127.0.0.1:{}", exporter.port);
    browser.open(&format!("{origin}/")).unwrap();
    browser
        .until(
            "a command",
            "document.querySelector('.commands button') !== null || (location.reload(), false)",
        )
        .unwrap();
    let reached =
        "[...document.querySelectorAll('a, button, summary')].filter((one) => one.checkVisibility()).length";
    let all = browser.eval(reached).unwrap().as_u64().unwrap();
    let mut seen = Vec::new();
    for _ in 0..all {
        for kind in ["keyDown", "keyUp"] {
            let tab =
                serde_json::json!({"type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9});
            browser.call("Input.dispatchKeyEvent", tab).unwrap();
        }
        let outline = "getComputedStyle(document.activeElement).outlineStyle + ' ' + \
            [...document.querySelectorAll('a, button, summary')].filter((one) => one.checkVisibility()).indexOf(document.activeElement)";
        seen.push(browser.text(outline).unwrap());
    }
    let expected: Vec<String> = (0..all).map(|at| format!("solid {at}")).collect();
    assert_eq!(seen, expected, "in their order, each with an outline");

    browser.eval("document.querySelector('.commands button').click()").unwrap();
    browser
        .until(
            "a copy",
            "/^(Copied|The command is selected)/.test(document.getElementById('said').textContent)",
        )
        .unwrap();
    assert_eq!(browser.complaints(&origin).unwrap(), Vec::<String>::new());
}
