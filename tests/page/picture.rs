//! The picture in the README: a real run, with a pool that is full while another one works.

use std::{path::Path, time::Duration};

use crate::{alone, browser, site::Site};

/// Bytes of the picture at most.
const MOST: u64 = 200_000;

#[test]
#[ignore = "make page-picture writes docs/page.png"]
fn the_page_of_a_bad_quarter_of_an_hour() {
    let Some(mut browser) = browser("picture") else { return };
    let _alone = alone();
    let server = "location /www/ { fastcgi_pass @www@; fastcgi_read_timeout 20s; }\n\
        location /crash/ { fastcgi_pass @crash@; }\n\
        location /app/ { fastcgi_pass @www@; }\n\
        location /tiny/ { fastcgi_pass @tiny@; fastcgi_read_timeout 20s; }";
    let site = Site::start("", server).unwrap();
    let exporter = site.exporter(&[]).unwrap();
    let minutes: u64 = std::env::var("MINUTES").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    for minute in 0..minutes {
        let end = std::time::Instant::now() + Duration::from_secs(60);
        while std::time::Instant::now() < end {
            site.visit("/www/ok.php", 5);
            if minute % 4 == 1 {
                site.visit("/crash/kill.php?sig=11", 1);
            }
            if minute % 5 == 2 {
                site.visit("/app/status.php?code=503", 1);
            }
            if minute + 3 >= minutes {
                site.visit("/tiny/slow.php?s=1", 5 + minute as usize % 3 * 2);
            }
            std::thread::sleep(Duration::from_millis(700));
        }
    }
    let visitors = site.send("/tiny/slow.php?s=6", 9);
    std::thread::sleep(Duration::from_secs(2));
    browser.screen(1280, 900, false).unwrap();
    browser.open(&format!("http://127.0.0.1:{}/", exporter.port)).unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/page.png");
    browser.picture(&file, Some(1250)).unwrap();
    visitors.into_iter().for_each(|visitor| drop(visitor.join()));
    let bytes = std::fs::metadata(&file).unwrap().len();
    assert!(bytes <= MOST, "{bytes} bytes");
}
