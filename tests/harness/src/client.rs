//! Clients that write down what they were given: the truth every count is compared with.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

use http_body_util::{BodyExt, Empty};
use hyper::{
    Request,
    body::Bytes,
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::runtime::{Builder, Runtime};

use crate::Result;

/// Longer than any timeout nginx has in the lab: who waits longer than this gets "no answer".
const PATIENCE: Duration = Duration::from_secs(100);

/// What one request got.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// `None`: no status line came.
    pub status: Option<u16>,
    /// The body ended where the header said it would.
    pub complete: bool,
    /// Without chunk sizes, as far as it came.
    pub body: Vec<u8>,
}

impl Answer {
    /// The status as the access log spells it; `000` for none.
    pub fn code(&self) -> String {
        self.status.map_or_else(|| "000".to_owned(), |status| status.to_string())
    }
}

/// How many answers had each code.
pub fn by_code(answers: &[Answer]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.code()).or_default() += 1;
    }
    counts
}

/// An HTTP/1.1 client with one connection, reopened when the server closed it.
pub struct Http1 {
    port: u16,
    stream: Option<BufReader<TcpStream>>,
}

impl Http1 {
    /// For a server on this port of 127.0.0.1; it connects with the first request.
    pub fn new(port: u16) -> Self {
        Self { port, stream: None }
    }

    /// GET without further headers.
    pub fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    /// One request, one answer, on the kept connection.
    pub fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: lab.test\r\n").into_bytes();
        for (name, value) in headers {
            request.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        if method != "GET" {
            request.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(body);
        self.raw(&request).unwrap_or_default()
    }

    /// Sends `request` as it is and reads one answer.
    fn raw(&mut self, request: &[u8]) -> Result<Answer> {
        if let Some(mut kept) = self.stream.take() {
            // A server may close a kept connection at any time; then it has not seen the request.
            let is_open = kept.get_mut().write_all(request).is_ok()
                && kept.fill_buf().is_ok_and(|bytes| !bytes.is_empty());
            if is_open {
                return Ok(self.read(kept));
            }
        }
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        stream.write_all(request)?;
        Ok(self.read(BufReader::new(stream)))
    }

    /// Reads one answer and keeps the connection if the server does.
    fn read(&mut self, mut stream: BufReader<TcpStream>) -> Answer {
        let mut answer = Answer::default();
        if read_answer(&mut stream, &mut answer).unwrap_or(false) {
            self.stream = Some(stream);
        }
        answer
    }
}

/// Reads an answer as far as it goes; true when the connection may be used again.
fn read_answer(stream: &mut BufReader<TcpStream>, answer: &mut Answer) -> Result<bool> {
    // Without this an answer that is no HTTP, and has no line, would be waited for until the server closes.
    if !stream.fill_buf()?.starts_with(b"H") {
        return Ok(false);
    }
    let status_line = read_line(stream)?;
    let Some(rest) = status_line.strip_prefix("HTTP/1.1 ") else { return Ok(false) };
    answer.status = rest.split(' ').next().and_then(|code| code.parse().ok());
    let (mut length, mut chunked, mut keep) = (None, false, true);
    loop {
        let line = read_line(stream)?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        match line.split_once(": ") {
            Some(("content-length", value)) => length = value.parse::<u64>().ok(),
            Some(("transfer-encoding", "chunked")) => chunked = true,
            Some(("connection", "close")) => keep = false,
            _ => {}
        }
    }
    if chunked {
        loop {
            let size = u64::from_str_radix(&read_line(stream)?, 16)?;
            read_exactly(stream, size, &mut answer.body)?;
            read_line(stream)?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = length {
        read_exactly(stream, length, &mut answer.body)?;
    } else if answer.status != Some(204) && answer.status != Some(304) {
        stream.read_to_end(&mut answer.body)?;
        keep = false;
    }
    answer.complete = true;
    Ok(keep)
}

/// One line without its end; an error at the end of the stream.
fn read_line(stream: &mut BufReader<TcpStream>) -> Result<String> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err("the connection ended inside a line".into());
    }
    Ok(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned())
}

fn read_exactly(stream: &mut impl Read, length: u64, body: &mut Vec<u8>) -> Result<()> {
    let count = stream.take(length).read_to_end(body)?;
    if u64::try_from(count)? < length {
        return Err("the body is shorter than announced".into());
    }
    Ok(())
}

/// An HTTP/2 client with one connection, in clear text and without an upgrade.
pub struct Http2 {
    runtime: Runtime,
    sender: SendRequest<Empty<Bytes>>,
}

impl Http2 {
    /// Connects to a port of 127.0.0.1.
    pub fn connect(port: u16) -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let sender = runtime.block_on(async {
            let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
            let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            Result::Ok(sender)
        })?;
        Ok(Self { runtime, sender })
    }

    /// Sends all paths at the same time as streams of one connection; answers in the order of the paths.
    pub fn get_all(&self, paths: &[String]) -> Vec<Answer> {
        let streams: Vec<_> = paths
            .iter()
            .map(|path| {
                let (sender, path) = (self.sender.clone(), path.clone());
                self.runtime.spawn(async { tokio::time::timeout(PATIENCE, stream(sender, path)).await })
            })
            .collect();
        self.runtime.block_on(async {
            let mut answers = Vec::with_capacity(streams.len());
            for stream in streams {
                answers.push(stream.await.ok().and_then(std::result::Result::ok).unwrap_or_default());
            }
            answers
        })
    }
}

/// One request as a stream.
async fn stream(mut sender: SendRequest<Empty<Bytes>>, path: String) -> Answer {
    let mut answer = Answer::default();
    let request = Request::get(format!("http://lab.test{path}")).body(Empty::new());
    let (Ok(request), Ok(())) = (request, sender.ready().await) else { return answer };
    if let Ok(response) = sender.send_request(request).await {
        answer.status = Some(response.status().as_u16());
        if let Ok(body) = response.into_body().collect().await {
            answer.complete = true;
            answer.body = body.to_bytes().to_vec();
        }
    }
    answer
}
