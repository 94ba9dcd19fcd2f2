//! When nothing arrives.

use super::series;
use super::special::{expect, labels, on_machine};
use crate::promtool::{Series, test, test_rules};

/// Nothing arrives: with an hour of traffic before, without, and on a full disk.
#[test]
fn silence_is_told() {
    let log = |bytes: &str| series("badgateway_log_filesystem_avail_bytes", r#"log="/a""#, bytes);
    let traffic = |per_minute: u32| {
        let last = per_minute * 100;
        let values = format!("0+{per_minute}x100 {last}+0x100");
        vec![
            series("badgateway_build_info", r#"version="1""#, "1+0x400"),
            series("badgateway_http_responses_total", r#"server="a",code="200""#, values),
        ]
    };
    let with = |mut input: Vec<Series>, more: Series| {
        input.push(more);
        input
    };
    let stopped = || vec![labels("NginxTrafficStopped", "warning", "nginx", "")];
    let full = || vec![labels("NginxLogDiskFull", "critical", "nginx", "")];
    // The last request comes after 6000 s.
    let runs = [
        on_machine(
            "it was busy",
            60,
            traffic(120),
            vec![
                expect(6000 + 480, "NginxTrafficStopped", vec![]),
                expect(6000 + 660, "NginxTrafficStopped", stopped()),
            ],
        ),
        on_machine("it was quiet", 60, traffic(40), vec![expect(6660, "NginxTrafficStopped", vec![])]),
        on_machine(
            "the disk is full",
            60,
            with(traffic(120), log("1000000000+0x100 4096+0x100")),
            vec![
                expect(5700, "NginxLogDiskFull", vec![]),
                expect(6000 + 360, "NginxLogDiskFull", full()),
                expect(6000 + 660, "NginxTrafficStopped", vec![]),
            ],
        ),
        on_machine(
            "nginx is down, which has a page of its own",
            60,
            with(
                traffic(120),
                series("badgateway_nginx_down_seconds_total", r#"nginx="nginx""#, "0+0x100 60+60x100"),
            ),
            vec![
                expect(6000 + 660, "NginxTrafficStopped", vec![]),
                expect(
                    6000 + 180,
                    "NginxDown",
                    vec![labels("NginxDown", "critical", "nginx", r#",nginx="nginx""#)],
                ),
            ],
        ),
    ];
    test("silence", 60, &runs);
}

/// Little traffic, but some in the same hour of each of seven days.
#[test]
fn a_site_that_is_never_without_visitors_has_none() {
    let input = vec![
        series("badgateway_build_info", r#"version="1""#, "1+0x3000"),
        series("badgateway_http_responses_total", r#"server="a",code="200""#, "0+20x2610 52200+0x100"),
    ];
    let fires = vec![labels("NginxTrafficStopped", "warning", "nginx", "")];
    let at = |minutes: u32| minutes * 60;
    // A sample every four minutes; the last visitor comes after 10,440 minutes.
    let expects = vec![
        expect(at(10_436), "NginxTrafficStopped", vec![]),
        expect(at(10_464), "NginxTrafficStopped", fires),
    ];
    let week = on_machine("a week", 240, input, expects);
    let names = [
        "instance:badgateway_http_responses:increase4m",
        "instance:badgateway_http_responses:min1h",
        "NginxTrafficStopped",
    ];
    test_rules("a week", 240, &[week], &names);
}
