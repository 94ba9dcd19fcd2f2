//! An entry of the error log: what it means, what it names, and whether it waits for its access line.

use super::closed;
use super::judge::settle;
use super::message::{self, Meaning};
use super::names::Interner;
use super::pending::{Evidence, WaitingEntry};
use super::root_cause::{PendingRootCause, Target};
use super::{Attributor, Id, Sink};
use crate::record::entries::Entry;
use crate::record::error::{Context, Head, Level};
use crate::vocabulary::{Cause, Outcome, RootCause};

/// A waiting entry, by its place in the order of arrival.
pub type Place = u64;

/// What an entry names, as far as it can be believed.
#[derive(Clone, Copy)]
struct Named {
    server: Id,
    upstream: Id,
}

/// Only an entry whose fields are nginx's for certain makes a name; others may use one that is known.
fn name(entry: &Entry<'_>, fixed: bool, names: &mut Interner, text: Option<&[u8]>) -> Id {
    match text {
        Some(text) if entry.fields || fixed && !entry.shadowed => names.of_entry(text),
        Some(text) => names.known(text).unwrap_or(Id::NONE),
        None => Id::NONE,
    }
}

impl Attributor {
    /// An entry of an error log. Gives its meaning.
    pub fn entry(&mut self, entry: &Entry<'_>, sink: &mut impl Sink) -> Meaning {
        let (meaning, _) = self.take(entry, false, sink);
        self.names.end_line();
        meaning
    }

    /// An entry that may turn out to be longer, or no entry. Gives its place if it waits for its access line; all
    /// others are to be told again, with [`Attributor::entry`].
    pub fn provisional(&mut self, entry: &Entry<'_>, sink: &mut impl Sink) -> Option<Place> {
        let (_, place) = self.take(entry, true, sink);
        self.names.end_line();
        place
    }

    /// Takes back a provisional entry. False: an access line has it already.
    pub fn withdraw(&mut self, place: Place) -> bool {
        let waits = self.pending.get(place).is_some_and(|entry| !entry.taken);
        if waits {
            self.pending.take(place);
        }
        waits
    }

    fn take(
        &mut self,
        entry: &Entry<'_>,
        provisional: bool,
        sink: &mut impl Sink,
    ) -> (Meaning, Option<Place>) {
        let head = &entry.head;
        if head.level == Level::Emerg && head.connection.is_none() && !provisional && !entry.shadowed {
            sink.not_started(Some(head.at), head.body);
        }
        let Some(recognised) = message::recognise(head.level, head.body) else {
            return (Meaning::Nothing, None);
        };
        let fixed = entry.closed || closed::is_fixed(head.body);
        let ambiguous = !fixed && entry.is_ambiguous();
        // What may be a client's words in full, tail included, is believed no more than what stands inside of them.
        let shadowed = entry.shadowed || !fixed && !entry.fields;
        let mut context = entry.context();
        if context.stream {
            return (Meaning::Nothing, None);
        }
        if ambiguous {
            context = Context { client: None, server: None, request: None, upstream: None, ..context };
        }
        let meaning =
            message::meaning(recognised, head.level, head.connection.is_some(), &context, head.body);
        let evidence = match meaning {
            Meaning::Failure(failure) => Evidence::Failure(failure.cause),
            Meaning::Stderr => match message::php_root(context.message) {
                Some(root) => Evidence::Php(root),
                None => return (meaning, None),
            },
            Meaning::AuthRequest => Evidence::AuthRequest,
            Meaning::Nothing => return (meaning, None),
        };
        let named = Named {
            upstream: name(
                entry,
                fixed,
                &mut self.names.upstreams,
                context.upstream.map(|peer| peer.address),
            ),
            server: name(entry, fixed, &mut self.names.servers, context.server),
        };
        let fastcgi =
            context.upstream.filter(|peer| !peer.schema.is_empty()).map(|peer| peer.schema == b"fastcgi");
        let truncated = context.action.after_header()
            && matches!(evidence, Evidence::Failure(Cause::ResponseTruncated | Cause::NginxResources));
        // What is told at once can be told only once.
        let at_once = truncated && !shadowed || !self.options.access_log || head.connection.is_none();
        if provisional && at_once {
            return (meaning, None);
        }
        if shadowed && context.request.is_none() && self.options.access_log {
            // It labels a response only by its request.
            return (meaning, None);
        }
        let (Some(connection), false) = (head.connection, at_once) else {
            if let Evidence::Failure(cause) = evidence {
                self.tell((head, shadowed), cause, truncated, (named.upstream, fastcgi), sink);
            }
            return (meaning, None);
        };
        let waiting = WaitingEntry {
            at: head.at,
            arrived: self.clock(head.at),
            pid: head.pid,
            connection,
            request: context.request.and_then(|request| self.pending.request_key(request)),
            client: context.client.map(|client| self.pending.hash(client)),
            server: named.server,
            upstream: named.upstream,
            upstream_guessed: context.upstream.is_none_or(|peer| peer.guessed),
            fastcgi,
            subrequest: context.subrequest,
            evidence,
            root: if let Meaning::Failure(failure) = meaning { failure.root } else { None },
            rescued: false,
            // Evidence has no outcome of its own.
            counted: !matches!(evidence, Evidence::Failure(_)),
            shadowed,
            taken: false,
        };
        if let Some(oldest) = self.pending.push(waiting) {
            settle(&oldest, sink);
        }
        (meaning, self.pending.newest())
    }

    /// A failure that waits for no access line.
    fn tell(
        &mut self,
        (head, shadowed): (&Head<'_>, bool),
        cause: Cause,
        truncated: bool,
        (upstream, fastcgi): (Id, Option<bool>),
        sink: &mut impl Sink,
    ) {
        let Some(connection) = head.connection else {
            // Outside of a connection: the resolver of an upstream zone.
            if !shadowed {
                sink.failure(upstream, cause, Outcome::Background, head.at);
            }
            return;
        };
        if !truncated {
            return sink.failure(upstream, cause, Outcome::Unmatched, head.at);
        }
        sink.failure(upstream, cause, Outcome::Truncated, head.at);
        if shadowed {
            return;
        }
        self.kept.cut(head.pid, connection);
        if self.options.fpm && fastcgi != Some(false) {
            let at = head.at;
            self.roots.ask(PendingRootCause {
                verdict: None,
                at,
                asked: self.clock(at),
                target: Target::default(),
                upstream,
                fastcgi,
                otherwise: RootCause::Unknown,
                count: 1,
            });
        }
    }
}
