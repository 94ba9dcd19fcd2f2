//! `/runbooks`: what to do, for a reader who came from an alert and may hold a phone.

use std::fmt::Write;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use super::markdown;
use super::page::escape;
use crate::runbooks::{self, Runbook};

/// All of them.
pub(super) async fn list() -> Html<String> {
    let mut out = head("Runbooks");
    out.push_str("<h1>Runbooks</h1><p>One for each alert: what it means, and what to type.</p>");
    names(&mut out);
    Html(out)
}

/// One of them, or 404 and all of them.
pub(super) async fn one(Path(name): Path<String>) -> Response {
    match runbooks::find(&name) {
        Some(runbook) => Html(page(runbook)).into_response(),
        None => (StatusCode::NOT_FOUND, Html(unknown(&name))).into_response(),
    }
}

fn page(runbook: &Runbook) -> String {
    let mut out = head(runbook.name);
    let _ = write!(
        out,
        "<p class=note>Runbook of the alert <b>{}</b>. <a href=\"/\">What fails right now</a> shows whether it still \
         happens here.</p>{}",
        escape(runbook.name),
        markdown::render(runbook.text)
    );
    out
}

fn unknown(name: &str) -> String {
    let mut out = head("No such runbook");
    let _ = write!(out, "<h1>No such runbook</h1><p>There is none for <code>{}</code>", escape(name));
    if let Some(near) = runbooks::nearest(name, runbooks::names()) {
        let _ = write!(out, "; perhaps <a href=\"/runbooks/{0}\">{0}</a>", escape(near));
    }
    out.push_str(". These are all:</p>");
    names(&mut out);
    out
}

fn names(out: &mut String) {
    out.push_str("<dl>");
    for runbook in runbooks::ALL.iter() {
        let (name, summary) = (escape(runbook.name), escape(runbook.summary()));
        let _ = write!(out, "<dt><a href=\"/runbooks/{name}\">{name}</a><dd>{summary}");
    }
    out.push_str("</dl>");
}

fn head(title: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>{title} – Badgateway</title><style>{STYLE}</style>\
         <nav><a href=\"/\">Badgateway</a> · <a href=\"/runbooks\">all runbooks</a></nav>"
    )
}

/// Long commands wrap, and are copied as one line: the page never moves sideways.
const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:1rem auto;max-width:46rem;padding:0 1rem;overflow-wrap:break-word}\
h1{font-size:1.5rem;line-height:1.2;margin:1rem 0 .5rem}h2{font-size:1.15rem;margin:1.6rem 0 .3rem;border-bottom:1px solid #ccc}\
pre{background:#f3f3f3;padding:.6rem .8rem;white-space:pre-wrap;overflow-wrap:anywhere;border-radius:.3rem}code{font:.9em/1.45 ui-monospace,monospace}\
ol,ul{padding-left:1.4rem}li{margin:.4rem 0}dt{font-weight:600;margin-top:.6rem}dd{margin:0}\
table{border-collapse:collapse;overflow-wrap:anywhere}td,th{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #ccc}\
.note{background:#fff6d6;padding:.5rem .8rem;border-radius:.3rem}\
@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}a{color:#8cf}pre{background:#222}h2,td,th{border-color:#444}.note{background:#332b00}}";
