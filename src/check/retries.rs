//! What hides failures from the log, or repeats what may not be repeated: `*_next_upstream`, and `error_page` with another
//! status.

use std::collections::HashSet;

use super::finding::{Finding, Severity, Step};
use super::formats::has_join_fields;
use super::site::{NginxSite, Site, quoted};
use crate::topology::nginx_conf::{Directive, Target};
use crate::vocabulary::{Cause, is_failed};

pub(super) fn check(site: &Site, out: &mut Vec<Finding>) {
    for nginx in &site.nginx {
        next_upstream(nginx, out);
        error_pages(nginx, out);
    }
}

/// Of groups with more than one server; with one, nothing is tried again.
fn next_upstream(nginx: &NginxSite, out: &mut Vec<Finding>) {
    let mut known = HashSet::new();
    for pass in &nginx.config.http.passes {
        let tries = pass.targets.iter().any(|target| match target {
            Target::Group { name, .. } => {
                nginx.config.http.upstream(name).is_some_and(|group| group.servers.len() > 1)
            }
            _ => false,
        });
        let block = nginx.config.tree.get(pass.id).and_then(Directive::parent).filter(|_| tries);
        let name = format!("{}_next_upstream", pass.protocol.prefix());
        let Some(setting) = block.and_then(|block| block.setting(&name)) else { continue };
        if !known.insert(setting.id()) {
            continue;
        }
        let hidden: Vec<&str> = setting
            .args()
            .filter(|arg| arg.strip_prefix("http_").and_then(|code| code.parse().ok()).is_some_and(is_failed))
            .collect();
        let server = nginx.config.http.servers.iter().find(|server| server.id == pass.server);
        let mut logs = server.into_iter().flat_map(|server| server.access_logs());
        if !hidden.is_empty() && !logs.any(|log| has_join_fields(nginx, &log.format)) {
            out.push(
                Finding::new(
                    Severity::Warning,
                    "failures_hidden",
                    Some(setting.place()),
                    format!("{name} with {} hides servers that fail", hidden.join(", ")),
                    "Requests are passed on to the next server, and the access log shows none of it without $upstream_status: a \
                     server that always fails is not seen until the last one does.",
                )
                .cause(Cause::UpstreamStatus)
                .step(Step::Decide(
                    "Log $upstream_addr and $upstream_status: the finding on the log format has the lines.".to_owned(),
                )),
            );
        }
        if setting.args().any(|arg| arg == "non_idempotent") {
            let rest: Vec<_> = setting.words().filter(|word| *word != "non_idempotent").map(quoted).collect();
            out.push(
                Finding::new(
                    Severity::Warning,
                    "repeats_posts",
                    Some(setting.place()),
                    format!("{name} repeats POST requests"),
                    "A request that a server has begun and failed to answer is sent to the next one: orders and mails may be made \
                     twice.",
                )
                .step(Step::Replace { at: setting.place(), with: format!("{};", rest.join(" ")) }),
            );
        }
    }
}

/// `error_page 502 =200 /sorry.html`: the log says 200.
fn error_pages(nginx: &NginxSite, out: &mut Vec<Finding>) {
    let http = nginx.config.tree.top().filter(|directive| directive.name() == "http");
    for page in http.flat_map(Directive::all).filter(|directive| directive.name() == "error_page") {
        let failed: Vec<&str> = page.args().filter(|arg| arg.parse().is_ok_and(is_failed)).collect();
        let status = page.args().find_map(|arg| arg.strip_prefix('=')?.parse::<u16>().ok());
        let Some(status) = status.filter(|status| *status < 400 && !failed.is_empty()) else { continue };
        let rest: Vec<_> = page.words().filter(|word| !word.starts_with('=')).map(quoted).collect();
        out.push(
            Finding::new(
                Severity::Warning,
                "failures_hidden",
                Some(page.place()),
                format!("{} is answered and logged as {status}", failed.join(", ")),
                "Visitors, search engines and load balancers take the error for an answer, and it is counted as rescued.",
            )
            .step(Step::Replace { at: page.place(), with: format!("{};", rest.join(" ")) }),
        );
    }
}
