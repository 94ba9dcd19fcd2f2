//! The `phpfpm_*` families of other exporters, for dashboards and autoscalers that were built on them.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use crate::sample::status::compat::{self, FAMILIES, LABELS, Value};
use crate::sample::status::poller::Latest;

use super::snapshot::{Filling, Snapshot};
use crate::vocabulary::families::{Family, Kind};

static KNOWN: LazyLock<Vec<Family>> = LazyLock::new(|| {
    let family = |family: &compat::Family| Family {
        name: family.name,
        kind: match family.kind {
            compat::Kind::Gauge => Kind::Gauge,
            compat::Kind::Counter => Kind::Counter,
        },
        labels: &LABELS,
        help: family.help,
    };
    FAMILIES.iter().map(family).collect()
});

pub(super) fn fill(pages: &[(String, Arc<Latest>)], out: &mut Snapshot) {
    for (family, known) in FAMILIES.iter().zip(KNOWN.iter()) {
        let mut filling = Filling::new(known);
        let mut seen = HashSet::new();
        for (uri, latest) in pages.iter().filter(|(uri, _)| seen.insert(uri)) {
            let page = latest.result.as_ref().ok();
            let pool = page.map_or("", |page| &page.pool);
            let value = match family.value {
                Value::Up => Some(u64::from(page.is_some())),
                Value::Failures => Some(latest.failures),
                Value::Page(value) => page.map(value),
            };
            filling.known(&[pool, uri], value);
        }
        filling.finish(out);
    }
}
