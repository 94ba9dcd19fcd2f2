//! Chromium without a window, driven over its DevTools protocol: messages in JSON, each ended by a NUL, on two pipes.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::Stdio,
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::harness::{
    Result, find_program,
    proc::{self, Proc},
};

/// No answer of the browser takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Opens both pipes as the descriptors 3 and 4 that Chromium wants, and becomes Chromium.
const START: &str = "exec \"$@\" 3<\"$IN\" 4>\"$OUT\"";

/// A browser with one tab.
pub(crate) struct Browser {
    to: File,
    from: Receiver<Value>,
    session: String,
    calls: u64,
    /// What it told by itself: requests, messages on the console.
    events: Vec<Value>,
    _proc: Proc,
    _dir: tempfile::TempDir,
}

/// Where Chromium is, if it is installed.
pub(crate) fn program() -> Option<std::path::PathBuf> {
    find_program(&["chromium", "chromium-browser", "google-chrome"], "chromium").ok()
}

impl Browser {
    /// Starts it with an empty profile.
    pub(crate) fn start(chromium: &Path) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let (input, output) = (dir.path().join("in"), dir.path().join("out"));
        let made = proc::command(Path::new("/usr/bin/mkfifo")).args([&input, &output]).status()?;
        if !made.success() {
            return Err("mkfifo failed".into());
        }
        let mut command = proc::command(Path::new("/bin/sh"));
        command.args(["-c", START, "sh"]).arg(chromium).args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--remote-debugging-pipe",
        ]);
        command.arg(format!("--user-data-dir={}", dir.path().join("profile").display()));
        command.env("IN", &input).env("OUT", &output).env("HOME", dir.path()).env("TZ", "UTC");
        // What it leaves there goes with the profile.
        command.env("TMPDIR", dir.path());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let proc = Proc::start("chromium", &mut command)?;
        let to = File::options().write(true).open(&input)?;
        let from = File::open(&output)?;
        let (tell, told) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(from).split(0).map_while(std::result::Result::ok) {
                let message = serde_json::from_slice(&message);
                if message.map(|message| tell.send(message)).is_err() {
                    return;
                }
            }
        });
        let mut browser = Self {
            to,
            from: told,
            session: String::new(),
            calls: 0,
            events: Vec::new(),
            _proc: proc,
            _dir: dir,
        };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}))?;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", attach)?;
        browser.session = session["sessionId"].as_str().ok_or("no session")?.to_owned();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}))?;
        }
        Ok(browser)
    }

    /// Calls a method of the protocol.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        self.calls += 1;
        let mut message = json!({"id": self.calls, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        let mut bytes = serde_json::to_vec(&message)?;
        bytes.push(0);
        self.to.write_all(&bytes)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let answer = self.from.recv_timeout(left).map_err(|_| format!("no answer to {method}"))?;
            if answer["id"] == json!(self.calls) {
                return match answer.get("error") {
                    Some(error) => Err(format!("{method}: {error}").into()),
                    None => Ok(answer["result"].clone()),
                };
            }
            self.events.push(answer);
        }
    }

    /// What an expression is on the page; a promise is waited for.
    pub(crate) fn eval(&mut self, expression: &str) -> Result<Value> {
        let params = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let answer = self.call("Runtime.evaluate", params)?;
        match answer.get("exceptionDetails") {
            Some(details) => Err(format!("{expression}: {details}").into()),
            None => Ok(answer["result"]["value"].clone()),
        }
    }

    /// The same as text.
    pub(crate) fn text(&mut self, expression: &str) -> Result<String> {
        Ok(self.eval(expression)?.as_str().unwrap_or_default().to_owned())
    }

    /// Opens an address, and waits until it is loaded.
    pub(crate) fn open(&mut self, url: &str) -> Result<()> {
        self.call("Page.navigate", json!({"url": url}))?;
        self.until(
            "the page to be loaded",
            "document.readyState === 'complete' && location.href !== 'about:blank'",
        )
    }

    /// Waits until an expression is true.
    pub(crate) fn until(&mut self, what: &str, expression: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        // While a page is replaced by the next one there is none that could be asked.
        while self.eval(expression).unwrap_or_default() != json!(true) {
            if Instant::now() > deadline {
                let seen = self.text("document.body.innerText")?;
                return Err(format!("{what}: not within {PATIENCE:?}; on the page is\n{seen}").into());
            }
            std::thread::sleep(Duration::from_millis(30));
        }
        Ok(())
    }

    /// Sets the size of the screen, and whether people want it dark.
    pub(crate) fn screen(&mut self, width: u32, height: u32, dark: bool) -> Result<()> {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size)?;
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}))?;
        Ok(())
    }

    /// Takes a picture of the page, as long as it is; at most `height` pixels of it where that is given.
    pub(crate) fn picture(&mut self, file: &Path, height: Option<u32>) -> Result<()> {
        use base64::Engine as _;
        let size = self.call("Page.getLayoutMetrics", json!({}))?["cssContentSize"].clone();
        let all = size["height"].as_f64().unwrap_or_default();
        let height = height.map_or(all, |most| all.min(f64::from(most)));
        let clip = json!({"x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1});
        let shot = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let shot = self.call("Page.captureScreenshot", shot)?;
        let data = shot["data"].as_str().ok_or("no picture")?;
        if let Some(dir) = file.parent() {
            fs::create_dir_all(dir)?;
        }
        Ok(fs::write(file, base64::engine::general_purpose::STANDARD.decode(data)?)?)
    }

    /// Errors on the console (a refusal of the policy is one), and requests that went elsewhere than to `origin`.
    pub(crate) fn complaints(&mut self, origin: &str) -> Result<Vec<String>> {
        // What came before this answer is in.
        self.eval("0")?;
        let complaint = |event: &Value| {
            let params = &event["params"];
            match event["method"].as_str()? {
                "Runtime.exceptionThrown" => Some(params["exceptionDetails"].to_string()),
                "Log.entryAdded" if params["entry"]["level"] == "error" => Some(params["entry"].to_string()),
                "Runtime.consoleAPICalled" if params["type"] == "error" => Some(params["args"].to_string()),
                "Network.requestWillBeSent" => {
                    let url = params["request"]["url"].as_str()?;
                    let is_ours = url.starts_with(origin) || url.starts_with("data:");
                    (!is_ours).then(|| format!("asked for {url}"))
                }
                _ => None,
            }
        };
        Ok(std::mem::take(&mut self.events).iter().filter_map(complaint).collect())
    }
}
