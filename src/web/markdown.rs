//! Markdown as HTML.

use pulldown_cmark::{CowStr, Event, Options, Parser, html};

use crate::runbooks::{self, Runbook};

/// Renders a runbook. The name of another one, written as code, becomes a link to it. HTML is shown as it is written,
/// not obeyed.
pub(super) fn render(text: &str) -> String {
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).map(|event| match event {
        Event::Code(code) => match runbooks::ALL.iter().find(|runbook| *runbook.name == *code) {
            Some(Runbook { name, .. }) => Event::InlineHtml(link(name)),
            None => Event::Code(code),
        },
        Event::Html(raw) | Event::InlineHtml(raw) => Event::Text(raw),
        event => event,
    });
    let mut out = String::with_capacity(text.len() * 3 / 2);
    html::push_html(&mut out, events);
    // A heading without words is none to a screen reader.
    out.replace("<th></th>", "<td></td>")
}

fn link(name: &str) -> CowStr<'static> {
    let link = maud::html! { a href={ "/runbooks/" (name) } { code { (name) } } };
    link.into_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_runbooks_are_links_and_html_is_text() {
        let page = render("See `PhpFpmDown`, `ls -l`.\n\n<b>x</b>\n\n```sh\nnginx -t && true\n```\n");
        assert!(page.contains("<a href=\"/runbooks/PhpFpmDown\"><code>PhpFpmDown</code></a>"), "{page}");
        assert!(page.contains("<code>ls -l</code>") && page.contains("nginx -t &amp;&amp; true"), "{page}");
        assert!(page.contains("&lt;b&gt;x"), "{page}");
    }
}
