//! `badgateway serve`: follow the logs, serve the metrics.
//!
//! Two threads: one reads and counts (the engine), one serves. Nothing on the data path waits for the
//! server; the server asks the engine for a snapshot, which drains the logs first.

mod configuration;
mod reload;
mod signals;

use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::oneshot;

use configuration::{Configuration, ConfigurationError};
use reload::Reloader;

use crate::attribute::{Attributor, Options};
use crate::check::latest::LatestFindings;
use crate::config::flags::{Begin, ServeArgs, StatusArgs};
use crate::config::logging;
use crate::engine::assemble::{Assembly, assemble};
use crate::engine::choice::Choice;
use crate::engine::clock::{Clock, SystemTimeSource};
use crate::engine::persist::{OpenedState, Persist};
use crate::engine::topology_binder::TopologyBinder;
use crate::engine::{Engine, Message, zone};
use crate::ledger::store::StoreError;
use crate::ledger::{Ledger, Limits, SavedInputs, State};
use crate::sample::output::SamplerOutput;
use crate::sample::sampler::{Order, Sampler, Settings};
use crate::sample::status::poller::{Answers, Poller};
use crate::sandbox;
use crate::source::files::{Files, Os};
use crate::source::pooled::Pooled;
use crate::source::{OpenError, ReadFrom};
use crate::topology::discovery::Wanted;
use crate::topology::loader::ConfigLimits;
use crate::view::History;
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
    #[error(transparent)]
    Config(#[from] ConfigurationError),
    #[error("cannot start: {0}")]
    Start(#[source] std::io::Error),
}

/// Runs it until SIGTERM or SIGINT.
///
/// # Errors
/// When the configuration cannot be used, a log can never be read, or the address cannot be listened on.
pub fn run(file: Option<&Path>) -> Result<(), ServeError> {
    let configuration = Configuration::load(file)?;
    let args = &configuration.started.args;
    logging::start(args.log_level, args.log_format);
    configuration.say_overridden();
    let descriptors = raise_descriptors();
    let (send, receive) = channel();
    let options = Options {
        live: true,
        window: args.join_window,
        access_log: !args.logs.access.is_empty(),
        error_log: !args.logs.error.is_empty(),
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
    let (asked, requests) = channel();
    let stopped = runtime.block_on(async { signals::watch(asked.clone()) }).map_err(ServeError::Start)?;
    // Bound before anything is read: a port that is taken is said at once.
    let listeners = runtime.block_on(async { listen(args) })?;
    let sockets: Vec<_> = listeners.iter().filter_map(|listener| Some(listener.made()?.to_owned())).collect();
    // All other threads are started later.
    sandbox::start(args.state_dir.as_deref(), &sockets);
    let access = Access::open(args.web_config.as_deref())?;
    let app = App::new(
        ask(send.clone()),
        &args.telemetry_path,
        args.machine.procfs.clone(),
        connections(descriptors),
        args.enable_lifecycle.then(|| reload::over_http(asked)),
    );
    let board = Arc::new(SamplerOutput::default());
    let check = Arc::new(LatestFindings::default());
    let binder = TopologyBinder::new(board.clone()).with_check(check.clone());
    let engine = engine(args, options, binder, &send, descriptors)?;
    let engine = if configuration.file.is_some() { engine.configured() } else { engine };
    let remembered = (engine.remembered(), engine.remembered_nginx());
    let wanted = Wanted { remembered: remembered.0, remembered_nginx: remembered.1, ..wanted(args) };
    let settings = Settings::new(&args.machine, wanted);
    let (checking, stop_check) = channel();
    check.look_in(args.machine.clone());
    let looking = check.clone();
    let checker = std::thread::Builder::new()
        .name("check".into())
        .spawn(move || looking.run(&stop_check))
        .map_err(ServeError::Start)?;
    let pages = Arc::new(Mutex::new(args.status.clone()));
    let (poller, answers) = poll_status_pages(board.clone(), pages.clone());
    let (observing, orders) = channel();
    let (looked, first_look) = channel();
    let observer = std::thread::Builder::new()
        .name("observer".into())
        .spawn(move || {
            let sampler = Sampler::new(settings, board, answers);
            let _ = looked.send(());
            sampler.run(&orders);
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
    let (to_engine, to_observer) = (send.clone(), observing.clone());
    let reloader = Reloader { configuration, engine: to_engine, observer: to_observer, pages, check };
    std::thread::Builder::new()
        .name("reload".into())
        .spawn(move || reloader.run(&requests))
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
    drop(checking);
    let _ = observing.send(Order::Stop);
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
fn poll_status_pages(
    board: Arc<SamplerOutput>,
    pages: Arc<Mutex<StatusArgs>>,
) -> (impl Future<Output = ()> + Send, Answers) {
    let mut poller = Poller::default();
    let answers = poller.answers();
    let poll = async move {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        loop {
            ticks.tick().await;
            let StatusArgs { enabled, interval, timeout } =
                pages.lock().unwrap_or_else(PoisonError::into_inner).clone();
            poller.pace(interval, timeout);
            poller.set(if enabled { board.targets() } else { Vec::new() });
        }
    };
    (poll, answers)
}

/// Which logs, as the command line and the configuration say. Without any that is named, those that are found.
fn choice(args: &ServeArgs) -> Choice {
    Choice {
        named: args.logs.clone(),
        discover: args.discover.logs.unwrap_or(args.logs.is_empty()),
        excluded: args.discover.exclude.clone(),
    }
}

/// Where a log begins.
fn from(args: &ServeArgs) -> ReadFrom {
    match args.read_from {
        Begin::Start => ReadFrom::Start,
        Begin::End => ReadFrom::End,
    }
}

/// What is to be found, without what is remembered.
fn wanted(args: &ServeArgs) -> Wanted {
    Wanted {
        installed_nginx: choice(args).discover,
        limits: ConfigLimits::from(&args.config_limits),
        ..Wanted::of(&args.machine)
    }
}

/// How much is shown.
fn limits(args: &ServeArgs) -> Limits {
    Limits { series: args.limit_series, bytes: args.limit_bytes }
}

/// Goes on from the state directory, or begins.
fn engine(
    args: &ServeArgs,
    options: Options,
    binder: TopologyBinder,
    messages: &Sender<Message>,
    descriptors: u64,
) -> Result<Engine, ServeError> {
    let clock = Clock::start(Arc::new(SystemTimeSource), options.offset);
    let found = match &args.state_dir {
        Some(dir) => Some(Persist::open(dir, &args.machine.procfs, &clock)?),
        None => None,
    };
    let (persist, state, history, set_aside) = match found {
        Some(OpenedState { persist, state, history, set_aside }) => {
            (Some(persist), state, history, set_aside)
        }
        None => (None, None, History::default(), Vec::new()),
    };
    let (attributor, mut ledger, saved) = match state {
        Some(State { attribution, counters, inputs }) => {
            (Attributor::resume(options, attribution, clock.local()), Ledger::resume(counters), inputs)
        }
        None => (Attributor::new(options), Ledger::default(), SavedInputs::default()),
    };
    ledger.compat = args.compat_phpfpm;
    ledger.resume_history(history);
    ledger.limit(limits(args), &attributor.names);
    if persist.is_some() {
        ledger.count_rejected(&set_aside);
    }
    let files: Arc<dyn Files> = Arc::new(Pooled::new(Arc::new(Os::default()), open_logs(descriptors)));
    let (choice, from) = (choice(args), from(args));
    let assembly = Assembly { choice, from, saved, files, attributor, ledger, persist, clock };
    Ok(assemble(assembly, binder, messages)?)
}

fn ask(engine: Sender<Message>) -> web::Ask {
    Box::new(move || {
        let (send, receive) = oneshot::channel();
        // An engine that is gone drops the question, and the answer fails at once.
        let _ = engine.send(Message::Snapshot(send));
        receive
    })
}
