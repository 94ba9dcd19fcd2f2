//! Buffers for the upstream's header: sizes that nginx refuses together, and sizes that headers did not fit into.

use std::collections::HashSet;

use super::finding::{Finding, Severity, Step};
use super::machine::Machine;
use super::site::{NginxSite, Site};
use crate::record::error::{context, head};
use crate::topology::nginx_conf::{Directive, LogTarget};
use crate::topology::units::{nginx_size, whole};
use crate::vocabulary::Cause;

/// Modules with such buffers, by the prefix of their directives.
const MODULES: [&str; 4] = ["fastcgi", "proxy", "uwsgi", "scgi"];

/// nginx's default of a buffer is a page.
const PAGE: u64 = 4096;
/// nginx's default number.
const NUMBER: u64 = 8;
/// What is enough for nearly every application's header.
const AMPLE: u64 = 32 << 10;

pub(super) fn check(site: &Site, machine: Option<&Machine>, out: &mut Vec<Finding>) {
    for nginx in &site.nginx {
        for module in MODULES {
            contradictions(nginx, module, out);
        }
        if let Some(machine) = machine {
            too_big_headers(nginx, machine, out);
        }
    }
}

/// What holds in a block.
struct Buffers {
    size: u64,
    number: u64,
    each: u64,
    busy: Option<u64>,
}

impl Buffers {
    /// `None`: a value is none, which nginx says itself.
    fn of(block: Directive<'_>, module: &str) -> Option<Self> {
        let setting = |name: &str| block.setting(&format!("{module}_{name}"));
        let size = |name: &str| match setting(name) {
            Some(setting) => nginx_size(setting.arg()).map(Some),
            None => Some(None),
        };
        let (number, each) = match setting("buffers") {
            Some(buffers) => (whole(buffers.arg())?, nginx_size(buffers.args().nth(1)?)?),
            None => (NUMBER, PAGE),
        };
        Some(Self {
            size: size("buffer_size")?.unwrap_or(PAGE),
            number,
            each,
            busy: size("busy_buffers_size")?,
        })
    }

    /// `ngx_http_fastcgi_merge_loc_conf`, and the same in the other modules.
    fn is_refused(&self) -> bool {
        let one = self.size.max(self.each);
        let busy = self.busy.unwrap_or(one.saturating_mul(2));
        self.number < 2 || busy < one || busy > (self.number - 1).saturating_mul(self.each)
    }
}

fn contradictions(nginx: &NginxSite, module: &str, out: &mut Vec<Finding>) {
    let names = ["buffer_size", "buffers", "busy_buffers_size"].map(|name| format!("{module}_{name}"));
    let mut known = HashSet::new();
    for http in nginx.config.tree.top().filter(|directive| directive.name() == "http") {
        for directive in http.all().filter(|directive| names.iter().any(|name| name == directive.name())) {
            let Some(block) = directive.parent().filter(|block| known.insert(block.id())) else { continue };
            let Some(buffers) = Buffers::of(block, module).filter(Buffers::is_refused) else { continue };
            let one = size(buffers.size.max(buffers.each));
            let busy = buffers.busy.map_or_else(|| format!("twice {one}"), size);
            let what = format!(
                "{module}_buffers {} {} and {module}_buffer_size {} do not go together",
                buffers.number,
                size(buffers.each),
                size(buffers.size)
            );
            let effect = format!(
                "nginx refuses it (nginx -t): it does not start, and a reload changes nothing. What may be sent while more is \
                 read ({module}_busy_buffers_size, here {busy}) has to be at least {one}, and one buffer less than all."
            );
            let finding =
                Finding::new(Severity::Error, "buffers_refused", Some(directive.place()), what, effect);
            out.push(mend(finding, block, module, directive, buffers.size.max(buffers.each)));
        }
    }
}

/// The lines of a block that go together, all of them for one size.
fn mend(finding: Finding, block: Directive<'_>, module: &str, first: Directive<'_>, one: u64) -> Finding {
    let own = |name: &str| block.named(&format!("{module}_{name}")).next_back();
    let sizes = format!("{module}_buffer_size {};", size(one));
    let buffers = format!("{module}_buffers {NUMBER} {};", size(one));
    let mut finding = finding;
    let mut lines = Vec::new();
    for (name, line) in [("buffer_size", sizes), ("buffers", buffers)] {
        match own(name) {
            Some(directive) if directive.id() == first.id() => lines.insert(0, line),
            Some(directive) => finding = finding.step(Step::Replace { at: directive.place(), with: line }),
            None => lines.push(line),
        }
    }
    if let Some(busy) = own("busy_buffers_size") {
        let line = format!("{module}_busy_buffers_size {};", size(one.saturating_mul(2)));
        if busy.id() == first.id() {
            lines.insert(0, line);
        } else {
            finding = finding.step(Step::Replace { at: busy.place(), with: line });
        }
    }
    finding.step(Step::Replace { at: first.place(), with: lines.join("\n") })
}

/// `16k`
fn size(bytes: u64) -> String {
    match bytes {
        bytes if bytes.is_multiple_of(1 << 10) => format!("{}k", bytes >> 10),
        bytes => bytes.to_string(),
    }
}

/// Headers that did not fit, as the error log has them: those of workers that still run, for these have the configuration
/// that was read.
fn too_big_headers(nginx: &NginxSite, machine: &Machine, out: &mut Vec<Finding>) {
    let Some(workers) = machine.nginx_workers.get(&nginx.path) else { return };
    let mut paths = HashSet::new();
    let levels = nginx.config.http.servers.iter().flat_map(|server| &server.levels);
    for log in levels.flat_map(|level| level.error_logs.iter()) {
        if let LogTarget::File(path) = &log.target {
            paths.insert(path);
        }
    }
    let mut seen: std::collections::BTreeMap<(String, String), usize> = std::collections::BTreeMap::new();
    for log in paths.into_iter().filter_map(|path| machine.logs.get(path)) {
        for line in log.tail.split(|byte| *byte == b'\n') {
            let Some(head) = head(line).filter(|head| workers.iter().any(|pid| u64::from(*pid) == head.pid))
            else {
                continue;
            };
            let context = context(head.body, false);
            if !context.message.starts_with(b"upstream sent too big header") {
                continue;
            }
            let Some(upstream) = context.upstream else { continue };
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            *seen.entry((text(upstream.schema), text(upstream.address))).or_default() += 1;
        }
    }
    for ((schema, address), times) in seen {
        let module = MODULES.into_iter().find(|module| schema.starts_with(module)).unwrap_or("proxy");
        let tree = &nginx.config.tree;
        let pass = nginx.config.http.passes.iter().find(|pass| pass.protocol.prefix() == module);
        let Some(block) = pass.and_then(|pass| tree.get(pass.id)?.parent()) else { continue };
        let Some(now) = Buffers::of(block, module) else { continue };
        let wanted = AMPLE.max(now.size.saturating_mul(2));
        let set = block.setting(&format!("{module}_buffer_size"));
        let finding = Finding::new(
            Severity::Error,
            "header_too_big",
            set.or(Some(block)).map(|at| at.place()),
            format!("headers of {address} do not fit into {module}_buffer_size {}", size(now.size)),
            format!("{times} requests answered 502 for it since nginx has read its configuration."),
        )
        .cause(Cause::HeaderTooBig);
        out.push(match set {
            Some(set) => match set.parent() {
                Some(block) => mend(finding, block, module, set, wanted),
                None => finding,
            },
            None => finding.step(Step::Add {
                at: block.place(),
                block: format!("{} {{", block.words().collect::<Vec<_>>().join(" ")),
                lines: vec![
                    format!("{module}_buffer_size {};", size(wanted)),
                    format!("{module}_buffers {NUMBER} {};", size(wanted)),
                ],
            }),
        });
    }
}
