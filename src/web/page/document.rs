//! A whole page for people: nothing in it comes from elsewhere, and it is never wider than the screen.

use maud::{DOCTYPE, Markup, html};

use super::symbols::Symbol;

/// What a page begins with.
pub(in crate::web) struct Head<'a> {
    pub(in crate::web) title: &'a str,
    /// `Some`: the page changes, and this is its state.
    pub(super) symbol: Option<Symbol>,
}

impl<'a> Head<'a> {
    /// Of a page that stays as it is.
    pub(in crate::web) fn fixed(title: &'a str) -> Self {
        Self { title, symbol: None }
    }
}

/// Renders it.
pub(in crate::web) fn document(head: &Head<'_>, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (head.title) }
                link rel="icon" href=(head.symbol.unwrap_or(Symbol::Fine).icon());
                link rel="stylesheet" href="/page.css";
                @if head.symbol.is_some() {
                    script src="/page.js" defer {}
                    noscript { meta http-equiv="refresh" content="10"; }
                }
            }
            body { (body) }
        }
    };
    page.into_string()
}
