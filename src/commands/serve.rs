//! `badgateway serve`: follow the logs, serve the metrics.
//!
//! Two threads: one reads and counts (the engine), one serves. Nothing on the data path waits for the
//! server; the server asks the engine for a snapshot, which drains the logs first.

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::attribute::{Attributor, Options};
use crate::check::latest::LatestFindings;
use crate::config::flags::{Begin, ServeArgs};
use crate::config::logging;
use crate::engine::clock::{Clock, SystemTimeSource};
use crate::engine::inputs::Inputs;
use crate::engine::persist::{OpenedState, Persist};
use crate::engine::topology_binder::TopologyBinder;
use crate::engine::{Engine, Message, Parts, zone};
use crate::ledger::store::StoreError;
use crate::ledger::{Ledger, Limits, SavedInputs, State};
use crate::sample::output::SamplerOutput;
use crate::sample::sampler::{Sampler, Settings};
use crate::sample::status::poller::{Answers, Poller};
use crate::sandbox;
use crate::source::files::{Files, Os};
use crate::source::pooled::Pooled;
use crate::source::{OpenError, ReadFrom, Waker};
use crate::topology::discovery::Wanted;
use crate::topology::loader::ConfigLimits;
use crate::web::{self, Access, App, Listener, ServerError};

/// Why `serve` could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    State(#[from] StoreError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("cannot start: {0}")]
    Start(#[source] std::io::Error),
}

/// Runs it until SIGTERM or SIGINT.
///
/// # Errors
/// When a log can never be read, or the address cannot be listened on.
pub fn run(args: &ServeArgs) -> Result<(), ServeError> {
    logging::start(args.log_level, args.log_format);
    let logs = &args.logs;
    let descriptors = raise_descriptors();
    let (send, receive) = channel();
    let from = match args.read_from {
        Begin::Start => ReadFrom::Start,
        Begin::End => ReadFrom::End,
    };
    let options = Options {
        live: true,
        window: args.join_window,
        access_log: !logs.access.is_empty(),
        error_log: !logs.error.is_empty(),
        // What is observed may explain a failure as well as a log.
        fpm: true,
        timings: true,
        offset: zone::here(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        // Answers are made one after the other; each more thread would have a heap of its own.
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .map_err(ServeError::Start)?;
    // Before anybody is told that we run.
    let stopped = runtime.block_on(async { stop_signal() })?;
    // Bound before anything is read: a port that is taken is said at once.
    let listeners = runtime.block_on(async { listen(args) })?;
    let sockets: Vec<_> = listeners.iter().filter_map(|listener| Some(listener.made()?.to_owned())).collect();
    // All other threads are started later.
    sandbox::start(args.state_dir.as_deref(), &sockets);
    let access = Access::open(args.web_config.as_deref())?;
    let app =
        App::new(ask(send.clone()), &args.telemetry_path, args.procfs.clone(), connections(descriptors));
    let board = Arc::new(SamplerOutput::default());
    let check = Arc::new(LatestFindings::default());
    let binder = TopologyBinder::new(board.clone()).with_check(check.clone());
    let engine = engine(args, from, options, binder, send.clone(), descriptors)?;
    let settings = Settings {
        procfs: args.procfs.clone(),
        cgroup: args.cgroup.clone(),
        wanted: Wanted {
            fpm: args.fpm_config.clone(),
            nginx: args.nginx_config.clone(),
            installed_nginx: logs.is_empty(),
            remembered: engine.remembered(),
            limits: ConfigLimits {
                file: args.limit_config_file_bytes,
                bytes: args.limit_config_bytes,
                ..ConfigLimits::default()
            },
            remembered_nginx: engine.remembered_nginx(),
        },
        trusted: args.trust_uid.clone(),
    };
    let (checking, stop_check) = channel();
    let (procfs, trust) = (args.procfs.clone(), settings.trust());
    let checker = std::thread::Builder::new()
        .name("check".into())
        .spawn(move || check.run(&procfs, &trust, &stop_check))
        .map_err(ServeError::Start)?;
    let (poller, answers) = poll_status_pages(board.clone());
    // Dropping `observing` ends the thread.
    let (observing, stop) = channel();
    let (looked, first_look) = channel();
    let observer = std::thread::Builder::new()
        .name("observer".into())
        .spawn(move || {
            let sampler = Sampler::new(settings, board, answers);
            let _ = looked.send(());
            sampler.run(&stop);
        })
        .map_err(ServeError::Start)?;
    let ready = app.clone();
    let thread = std::thread::Builder::new()
        .name("engine".into())
        .spawn(move || {
            // The first lines already are to have the names that the configuration gives them.
            let _ = first_look.recv_timeout(FIRST_LOOK);
            engine.run(&receive, || ready.set_ready());
        })
        .map_err(ServeError::Start)?;
    // Who started us may have gone: that is no reason to end.
    let mut out = std::io::stdout();
    let version = env!("CARGO_PKG_VERSION");
    for listener in &listeners {
        let (address, path) = (listener.address(), app.telemetry_path());
        let place = if address.starts_with("unix:") {
            format!("{address}, {path} over {}", access.scheme())
        } else {
            let (host, all) = clickable(&address);
            format!("{}://{host}{path}{all}", access.scheme())
        };
        let _ = writeln!(out, "badgateway {version} listens on {place}");
    }
    let _ = out.flush();
    runtime.block_on(async {
        let _polling = tokio::spawn(poller);
        web::serve(listeners, access, app, stopped).await;
    });
    // A thread that still compresses an answer nobody waits for must not keep the state from being closed.
    runtime.shutdown_background();
    drop((observing, checking));
    let _ = send.send(Message::Stop);
    let _ = thread.join();
    let _ = observer.join();
    // A look that hangs, on a file system that does not answer, keeps nobody from ending.
    drop(checker);
    Ok(())
}

/// An address that a terminal's user can click on, and what else it stands for.
fn clickable(address: &str) -> (String, &'static str) {
    let port = ["[::]:", "0.0.0.0:"].iter().find_map(|any| address.strip_prefix(any));
    port.map_or_else(
        || (address.to_owned(), ""),
        |port| (format!("localhost:{port}"), ", and on all addresses of this machine"),
    )
}

/// What systemd has handed over, or the addresses.
fn listen(args: &ServeArgs) -> Result<Vec<Listener>, ServerError> {
    if args.systemd_socket {
        return web::handed_over();
    }
    args.listen.iter().map(|address| web::bind(address, args.socket_mode)).collect()
}

/// The first look at the machine is waited for so long before logs are read.
const FIRST_LOOK: Duration = Duration::from_secs(2);

/// Lets this process have as many open files as it may (the soft limit becomes the hard one), and tells how many.
fn raise_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let current = if setrlimit(Resource::Nofile, raised).is_ok() { raised.current } else { limit.current };
    current.unwrap_or(u64::MAX)
}

/// Connections to the web server: three quarters of all descriptors stay for logs, their rotation and the state.
fn connections(descriptors: u64) -> usize {
    const MOST: u64 = 64;
    usize::try_from((descriptors / 4).min(MOST)).unwrap_or(1)
}

/// Logs that are open at a time: a quarter of all descriptors stays for rotated ones, the state, procfs and a moment's need.
fn open_logs(descriptors: u64) -> usize {
    usize::try_from(descriptors / 2).unwrap_or(usize::MAX)
}

/// Asks for the status pages that the board wants, in the background of the server: a page that hangs keeps nobody
/// waiting.
fn poll_status_pages(board: Arc<SamplerOutput>) -> (impl Future<Output = ()> + Send, Answers) {
    let mut poller = Poller::default();
    let answers = poller.answers();
    let poll = async move {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        loop {
            ticks.tick().await;
            poller.set(board.targets());
        }
    };
    (poll, answers)
}

/// Goes on from the state directory, or begins.
fn engine(
    args: &ServeArgs,
    from: ReadFrom,
    options: Options,
    binder: TopologyBinder,
    messages: Sender<Message>,
    descriptors: u64,
) -> Result<Engine, ServeError> {
    let clock = Clock::start(Arc::new(SystemTimeSource), options.offset);
    let found = match &args.state_dir {
        Some(dir) => Some(Persist::open(dir, &args.procfs, clock.monotonic())?),
        None => None,
    };
    let (persist, state, set_aside) = match found {
        Some(OpenedState { persist, state, set_aside }) => (Some(persist), state, set_aside),
        None => (None, None, Vec::new()),
    };
    let (attributor, mut ledger, saved) = match state {
        Some(State { attribution, counters, inputs }) => {
            (Attributor::resume(options, attribution, clock.local()), Ledger::resume(counters), inputs)
        }
        None => (Attributor::new(options), Ledger::default(), SavedInputs::default()),
    };
    ledger.compat = args.compat_phpfpm;
    ledger.limit(Limits { series: args.limit_series, bytes: args.limit_bytes }, &attributor.names);
    if persist.is_some() {
        ledger.count_rejected(&set_aside);
    }
    let files: Arc<dyn Files> = Arc::new(Pooled::new(Arc::new(Os::default()), open_logs(descriptors)));
    let now = (clock.monotonic(), clock.local());
    let inputs = Inputs::open(&args.logs, &files, from, saved, now, &messages)?;
    let watch = Box::new(Waker::new(move || drop(messages.send(Message::Wake))));
    Ok(Engine::new(Parts { inputs, attributor, ledger, persist, binder, clock, watch }))
}

fn ask(engine: Sender<Message>) -> web::Ask {
    Box::new(move || {
        let (send, receive) = oneshot::channel();
        // An engine that is gone drops the question, and the answer fails at once.
        let _ = engine.send(Message::Snapshot(send));
        receive
    })
}

/// Ends when we are told to end: by SIGTERM, SIGINT or SIGQUIT. Others that would end us are sent to daemons by habit, to
/// reload or to reopen logs, and must not: they are ignored, which is said once for each. SIGPIPE is ignored by Rust.
fn stop_signal() -> Result<impl Future<Output = ()>, ServeError> {
    let listen = |kind| signal(kind).map_err(ServeError::Start);
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut quit = listen(SignalKind::quit())?;
    let ignored = [
        (
            "SIGHUP",
            "the web configuration and certificates are read again by themselves",
            SignalKind::hangup(),
        ),
        ("SIGUSR1", "there is no log to open again: rotation is noticed", SignalKind::user_defined1()),
        ("SIGUSR2", "nothing is bound to it", SignalKind::user_defined2()),
        ("SIGALRM", "nothing is bound to it", SignalKind::alarm()),
    ];
    for (name, why, kind) in ignored {
        let mut received = listen(kind)?;
        tokio::spawn(async move {
            let mut said = false;
            while received.recv().await.is_some() {
                if !std::mem::replace(&mut said, true) {
                    tracing::info!("{name} is ignored: {why}");
                }
            }
        });
    }
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = quit.recv() => {}
        }
    })
}
