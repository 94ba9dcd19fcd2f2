//! A CDN in front whose addresses nginx takes for those of visitors.

use std::net::IpAddr;

use super::finding::{Finding, Severity, Step};
use super::formats::http_of;
use super::machine::Machine;
use super::site::{NginxSite, Site};
use crate::topology::nginx_conf::{Directive, LogTarget};
use crate::vocabulary::Cause;

/// A CDN with the addresses from which it connects.
struct Cdn {
    name: &'static str,
    /// The header with the visitor's address.
    header: &'static str,
    ranges: &'static [&'static str],
}

/// As the CDNs publish them: Cloudflare at <https://www.cloudflare.com/ips/> (as of 2025), Fastly at
/// <https://api.fastly.com/public-ip-list> (as of October 2025). CloudFront's change every month and are not here.
const CDNS: [Cdn; 2] = [
    Cdn {
        name: "Cloudflare",
        header: "CF-Connecting-IP",
        ranges: &[
            "103.21.244.0/22",
            "103.22.200.0/22",
            "103.31.4.0/22",
            "104.16.0.0/13",
            "104.24.0.0/14",
            "108.162.192.0/18",
            "131.0.72.0/22",
            "141.101.64.0/18",
            "162.158.0.0/15",
            "172.64.0.0/13",
            "173.245.48.0/20",
            "188.114.96.0/20",
            "190.93.240.0/20",
            "197.234.240.0/22",
            "198.41.128.0/17",
            "2400:cb00::/32",
            "2606:4700::/32",
            "2803:f800::/32",
            "2405:b500::/32",
            "2405:8100::/32",
            "2a06:98c0::/29",
            "2c0f:f248::/32",
        ],
    },
    Cdn {
        name: "Fastly",
        header: "Fastly-Client-IP",
        ranges: &[
            "23.235.32.0/20",
            "43.249.72.0/22",
            "103.244.50.0/24",
            "103.245.222.0/23",
            "103.245.224.0/24",
            "104.156.80.0/20",
            "140.248.64.0/18",
            "140.248.128.0/17",
            "146.75.0.0/17",
            "151.101.0.0/16",
            "157.52.64.0/18",
            "167.82.0.0/17",
            "167.82.128.0/20",
            "167.82.160.0/20",
            "167.82.224.0/20",
            "172.111.64.0/18",
            "185.31.16.0/22",
            "199.27.72.0/21",
            "199.232.0.0/16",
            "2a04:4e40::/32",
            "2a04:4e42::/32",
        ],
    },
];

/// Fewer lines say nothing.
const LINES: usize = 20;

/// Directives that treat each address as a visitor.
const BY_ADDRESS: [&str; 4] = ["limit_req", "limit_conn", "deny", "geo"];

pub(super) fn check(site: &Site, machine: &Machine, out: &mut Vec<Finding>) {
    for nginx in &site.nginx {
        let http = nginx.config.tree.top().filter(|directive| directive.name() == "http");
        let all: Vec<Directive<'_>> = http.flat_map(Directive::all).collect();
        if all.iter().any(|directive| directive.name() == "set_real_ip_from") {
            continue;
        }
        let Some((cdn, share)) = in_front(nginx, machine) else { continue };
        let limits = all.iter().find(|directive| BY_ADDRESS.contains(&directive.name()));
        let mut lines: Vec<_> = cdn.ranges.iter().map(|range| format!("set_real_ip_from {range};")).collect();
        lines.push(format!("real_ip_header {};", cdn.header));
        let mut finding = Finding::new(
            if limits.is_some() { Severity::Warning } else { Severity::Info },
            "cdn_without_real_ip",
            limits.map(|limits| limits.place()).or_else(|| http_of(nginx)),
            format!(
                "{share} % of the last requests come from {}, and nginx takes it for the visitor",
                cdn.name
            ),
            match limits {
                Some(limits) => {
                    format!("{} counts all visitors of one of its servers as one.", limits.name())
                }
                None => "The logs do not tell who was hit.".to_owned(),
            },
        );
        if limits.is_some() {
            finding = finding.cause(Cause::NginxLimit);
        }
        out.push(match http_of(nginx) {
            Some(at) => finding.step(Step::Add { at, block: "http {".to_owned(), lines }),
            None => finding,
        });
    }
}

/// The CDN that most of the last lines of the access logs come from, and how many in a hundred.
fn in_front(nginx: &NginxSite, machine: &Machine) -> Option<(&'static Cdn, usize)> {
    let servers = nginx.config.http.servers.iter();
    let mut paths: Vec<_> = servers
        .flat_map(|server| server.access_logs())
        .filter_map(|log| if let LogTarget::File(path) = &log.target { Some(path) } else { None })
        .collect();
    paths.sort_unstable();
    paths.dedup();
    let tails = paths.into_iter().filter_map(|path| machine.logs.get(path)).map(|log| &log.tail);
    // In nearly all formats the address is the first word.
    let address = |line: &[u8]| {
        let word = line.split(|byte| *byte == b' ').next()?;
        std::str::from_utf8(word).ok()?.parse::<IpAddr>().ok()
    };
    let clients: Vec<IpAddr> =
        tails.flat_map(|tail| tail.split(|byte| *byte == b'\n')).filter_map(address).collect();
    let share = |cdn: &Cdn| {
        let from = clients.iter().filter(|client| cdn.ranges.iter().any(|range| contains(range, **client)));
        (from.count() * 100).checked_div(clients.len()).unwrap_or(0)
    };
    if clients.len() < LINES {
        return None;
    }
    CDNS.iter().map(|cdn| (cdn, share(cdn))).find(|(_, share)| *share >= 50)
}

/// Whether `range` (`104.16.0.0/13`) has the address in it.
fn contains(range: &str, address: IpAddr) -> bool {
    let Some((base, bits)) = range.split_once('/') else { return false };
    let (Ok(base), Ok(bits)) = (base.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            let shift = 32 - bits.min(32);
            (base.to_bits() ^ address.to_bits()).checked_shr(shift).unwrap_or(0) == 0
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => {
            let shift = 128 - bits.min(128);
            (base.to_bits() ^ address.to_bits()).checked_shr(shift).unwrap_or(0) == 0
        }
        _ => false,
    }
}
