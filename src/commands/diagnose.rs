//! `badgateway diagnose`: what is wrong now, asked of the running exporter, or found out without one.

use std::collections::HashSet;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;

use crate::attribute::{Attributor, Options};
use crate::check::latest::LatestFindings;
use crate::config::flags::{DiagnoseArgs, Output};
use crate::config::logging;
use crate::diagnosis::{self, Diagnosis};
use crate::engine::assemble::{Assembly, assemble};
use crate::engine::choice::Choice;
use crate::engine::clock::{Clock, SystemTimeSource};
use crate::engine::topology_binder::TopologyBinder;
use crate::engine::{Engine, Message, zone};
use crate::ledger::{Ledger, SavedInput};
use crate::record::LogKind;
use crate::sample::output::SamplerOutput;
use crate::sample::sampler::{Sampler, Settings};
use crate::sample::status::poller::Poller;
use crate::source::files::Os;
use crate::source::{ReadFrom, SavedSet};
use crate::topology::discovery::Wanted;
use crate::topology::remembered::{self, RememberedNginx};
use crate::topology::{installed_nginx, nginx_name};
use crate::view::View;

/// How long the exporter may take: a scrape may, too.
const PATIENCE: Duration = Duration::from_secs(10);

/// Most bytes of its answer.
const MOST: usize = 4 << 20;

/// Without an exporter, what was logged in this time is read.
const READ_BACK: Duration = Duration::from_secs(600);

/// And the machine is looked at for so long.
const LOOK: Duration = Duration::from_millis(1500);

/// Between two looks with `--watch`.
const AGAIN: Duration = Duration::from_secs(2);

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum DiagnoseError {
    #[error("{url} cannot be asked: {why}. Is this the address that badgateway serve has printed?")]
    Asking { url: String, why: String },
    #[error(
        "{0} is no address: write http://HOST:PORT or unix:/PATH. Where the exporter wants TLS or a password, ask it with curl: its page /diagnosis says the same"
    )]
    Address(String),
    #[error("cannot look at this machine: {0}")]
    Look(String),
}

/// Says it, and gives the exit code: 0 nothing is wrong, 1 something is, 2 that cannot be seen.
///
/// # Errors
/// When a named exporter does not answer, or the machine cannot be looked at.
pub fn run(args: &DiagnoseArgs) -> Result<ExitCode, DiagnoseError> {
    loop {
        let (diagnosis, how) = once(args)?;
        show(args, &diagnosis, &how);
        if !args.watch {
            return Ok(ExitCode::from(diagnosis.state.exit_code()));
        }
        std::thread::sleep(AGAIN);
    }
}

fn show(args: &DiagnoseArgs, diagnosis: &Diagnosis, how: &str) {
    let mut out = std::io::stdout();
    // A reader that went away is no reason to abort.
    let _ = match args.format {
        Output::Json => writeln!(out, "{}", serde_json::to_string(diagnosis).unwrap_or_default()),
        Output::Text => {
            if args.watch && out.is_terminal() {
                let _ = write!(out, "\x1b[H\x1b[2J");
            }
            write!(out, "{}\n({how})\n", diagnosis::text(diagnosis))
        }
    };
    let _ = out.flush();
}

/// The diagnosis, and whose it is.
fn once(args: &DiagnoseArgs) -> Result<(Diagnosis, String), DiagnoseError> {
    let address = args.url.as_deref().unwrap_or(DEFAULT);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| DiagnoseError::Look(error.to_string()))?;
    let asked = runtime.block_on(async { tokio::time::timeout(PATIENCE, ask(address)).await });
    let asked = asked.unwrap_or_else(|_| Err(unanswered(address, "it did not answer in 10 s")));
    match asked {
        Ok(diagnosis) => Ok((diagnosis, format!("told by the exporter at {address}"))),
        // It was named, so it is meant.
        Err(error) if args.url.is_some() => Err(error),
        Err(_) => {
            let minutes = READ_BACK.as_secs() / 60;
            let how = format!(
                "no exporter answers at {address}, so the logs of the last {minutes} minutes and this machine were read; \
                 what ended before is not known"
            );
            Ok((look(args)?, how))
        }
    }
}

/// Where `badgateway serve` listens.
const DEFAULT: &str = "http://127.0.0.1:10502";

fn unanswered(url: &str, why: impl std::fmt::Display) -> DiagnoseError {
    DiagnoseError::Asking { url: url.to_owned(), why: why.to_string() }
}

async fn ask(url: &str) -> Result<Diagnosis, DiagnoseError> {
    let failed = |error: &dyn std::fmt::Display| unanswered(url, error);
    let body = if let Some(path) = url.strip_prefix("unix:") {
        let stream = UnixStream::connect(path).await.map_err(|error| failed(&error))?;
        get(TokioIo::new(stream), "localhost").await
    } else {
        let host = url.strip_prefix("http://").map(|rest| rest.split('/').next().unwrap_or_default());
        let host =
            host.filter(|host| !host.is_empty()).ok_or_else(|| DiagnoseError::Address(url.to_owned()))?;
        let stream = TcpStream::connect(host).await.map_err(|error| failed(&error))?;
        get(TokioIo::new(stream), host).await
    };
    let body = body.map_err(|error| failed(&error))?;
    serde_json::from_slice(&body).map_err(|error| failed(&error))
}

async fn get<S>(stream: S, host: &str) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin,
{
    let (mut send, connection) = hyper::client::conn::http1::handshake(stream).await?;
    let request = Request::get("/diagnosis").header("host", host).body(Empty::<Bytes>::new())?;
    let answer = async {
        let response = send.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MOST).collect().await?.to_bytes();
        if status.is_success() { Ok(body) } else { Err(format!("it answers {status}").into()) }
    };
    tokio::select! {
        answer = answer => answer,
        ended = connection => Err(ended.err().map_or_else(|| "it closed the connection".into(), Into::into)),
    }
}

/// Looks at the logs and the machine, without an exporter.
fn look(args: &DiagnoseArgs) -> Result<Diagnosis, DiagnoseError> {
    logging::start(logging::Level::Error, logging::Format::default());
    let failed = |error: &dyn std::fmt::Display| DiagnoseError::Look(error.to_string());
    let options = Options {
        live: true,
        window: 90,
        access_log: true,
        error_log: true,
        fpm: true,
        timings: false,
        offset: zone::here(),
    };
    let output = Arc::new(SamplerOutput::default());
    // One that is installed and does not run is worth a word, unless another one runs.
    let installed = args.machine.nginx_config.iter().cloned().chain(installed_nginx().map(Path::to_owned));
    let installed = installed.map(|config| RememberedNginx {
        name: nginx_name(&HashSet::new(), &config),
        config,
        seen: remembered::now(),
        program: None,
    });
    let wanted =
        Wanted { remembered_nginx: installed.collect(), installed_nginx: true, ..Wanted::of(&args.machine) };
    let settings = Settings::new(&args.machine, wanted);
    let check = Arc::new(LatestFindings::default());
    check.look_in(args.machine.clone());
    // Nobody asks the status pages: that they do not answer tells nothing in so short a time.
    let sampler = Sampler::new(settings, Arc::clone(&output), Poller::default().answers());
    let (send, receive) = channel();
    let binder = TopologyBinder::new(output).with_check(check.clone());
    let engine = engine(options, binder, &send).map_err(|error| failed(&error))?;
    let (observing, stop) = channel();
    std::thread::spawn(move || sampler.run(&stop));
    let engine = std::thread::spawn(move || engine.run(&receive, || {}));
    std::thread::sleep(LOOK);
    check.look();
    let view = last_snapshot(&send).ok_or_else(|| failed(&"the logs could not be read in time"));
    let _ = send.send(Message::Stop);
    let _ = engine.join();
    drop(observing);
    let mut view = View::clone(view?.as_ref());
    if view.machine.nginx.iter().any(|(_, up)| *up) {
        view.machine.nginx.retain(|(_, up)| *up);
    }
    Ok(diagnosis::of(&view))
}

fn engine(
    options: Options,
    binder: TopologyBinder,
    messages: &Sender<Message>,
) -> Result<Engine, crate::source::OpenError> {
    let since = SystemTime::now().checked_sub(READ_BACK).unwrap_or(SystemTime::UNIX_EPOCH);
    let kinds = LogKind::ALL.into_iter();
    let saved = |kind| (kind, SavedInput { set: SavedSet::since(since), logs: Vec::new() });
    let assembly = Assembly {
        choice: Choice::found(),
        from: ReadFrom::End,
        saved: kinds.map(saved).collect(),
        files: Arc::new(Os::default()),
        attributor: Attributor::new(options),
        ledger: Ledger::default(),
        persist: None,
        clock: Clock::start(Arc::new(SystemTimeSource), options.offset),
    };
    assemble(assembly, binder, messages)
}

fn last_snapshot(engine: &Sender<Message>) -> Option<Arc<View>> {
    let (send, receive) = oneshot::channel();
    engine.send(Message::LastSnapshot(send)).ok()?;
    receive.blocking_recv().ok()
}
