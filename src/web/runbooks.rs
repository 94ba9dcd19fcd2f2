//! `/runbooks`: what to do, for a reader who came from an alert and may hold a phone.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use maud::{Markup, PreEscaped, html};

use super::markdown;
use super::page::{Head, document};
use crate::runbooks::{self, Runbook};

/// All of them.
pub(super) async fn list() -> Html<String> {
    let body = html! {
        h1 { "Runbooks" }
        p { "One for each alert: what it means, and what to type." }
        (names())
    };
    page("Runbooks", &body)
}

/// One of them, or 404 and all of them.
pub(super) async fn one(Path(name): Path<String>) -> Response {
    match runbooks::find(&name) {
        Some(runbook) => of(runbook).into_response(),
        None => (StatusCode::NOT_FOUND, unknown(&name)).into_response(),
    }
}

fn of(runbook: &Runbook) -> Html<String> {
    let body = html! {
        p.note {
            "Runbook of the alert " b { (runbook.name) } ". " a href="/" { "What fails right now" }
            " shows whether it still happens here."
        }
        (PreEscaped(markdown::render(runbook.text)))
    };
    page(runbook.name, &body)
}

fn unknown(name: &str) -> Html<String> {
    let body = html! {
        h1 { "No such runbook" }
        p {
            "There is none for " code { (name) }
            @if let Some(near) = runbooks::nearest(name, runbooks::names()) {
                "; perhaps " a href={ "/runbooks/" (near) } { (near) }
            }
            ". These are all:"
        }
        (names())
    };
    page("No such runbook", &body)
}

fn names() -> Markup {
    html! {
        dl {
            @for runbook in runbooks::ALL.iter() {
                dt { a href={ "/runbooks/" (runbook.name) } { (runbook.name) } }
                dd { (runbook.summary()) }
            }
        }
    }
}

fn page(title: &str, body: &Markup) -> Html<String> {
    let body = html! {
        nav { a href="/" { "Badgateway" } " · " a href="/runbooks" { "all runbooks" } }
        main.guide { (body) }
    };
    Html(document(&Head::fixed(&format!("{title} - Badgateway")), &body))
}
