//! The body of an answer, in parts, so that its connection knows how much of it the client has taken.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use super::clients::Client;

/// A part is asked for when those before it have gone, so no more than this waits in buffers of a connection.
const PART: usize = 16 * 1024;

/// A body that tells its [`Client`] of each part, and of its end.
pub(super) struct Sent {
    body: Body,
    rest: Bytes,
    client: Arc<Client>,
    number: u64,
}

impl Sent {
    pub(super) fn new(body: Body, client: Arc<Client>) -> Self {
        let number = client.sends(Instant::now());
        Self { body, rest: Bytes::new(), client, number }
    }
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        self.client.takes(self.number, Instant::now());
        let length = self.rest.len().min(PART);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (of_body, here) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(of_body.lower() + here);
        if let Some(upper) = of_body.upper() {
            hint.set_upper(upper + here);
        }
        hint
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.client.is_sent(self.number, Instant::now());
    }
}
