//! The program under test, and its page in Prometheus' text format.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::Stdio,
    sync::mpsc,
    time::Duration,
};

use crate::{
    Result,
    client::{Answer, Http1},
    fpm::Fpm,
    nginx::Nginx,
    proc::{self, Proc},
};

/// Seconds that an error entry may wait for its access line; short, because the lab waits for it to pass.
pub const JOIN_WINDOW: u64 = 3;

/// The arguments that name the logs of one set-up.
pub fn log_args(nginx: &Nginx, access_log: &Path, format: &str, fpms: &[&Fpm]) -> Vec<String> {
    let (access_log, error_log) = (access_log.display().to_string(), nginx.error_log().display().to_string());
    let mut args = vec!["--access-log", &access_log, "--log-format", format, "--error-log", &error_log]
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    for fpm in fpms {
        args.extend(["--fpm-log".to_owned(), fpm.log().display().to_string()]);
    }
    args.extend(["--read-from", "start", "--join-window"].map(str::to_owned));
    args.push(format!("{JOIN_WINDOW}s"));
    args
}

/// A running `badgateway serve`. Dropping it stops it.
pub struct Exporter {
    proc: Proc,
    /// Port it listens on.
    pub port: u16,
    stderr: PathBuf,
}

impl Exporter {
    /// Starts `binary serve ARGS…`; what it says on standard error goes to `stderr`.
    pub fn start(binary: &Path, args: &[String], stderr: PathBuf) -> Result<Self> {
        Self::start_at("127.0.0.1:0", binary, args, stderr)
    }

    /// The same on an address of one's choice.
    pub fn start_at(address: &str, binary: &Path, args: &[String], stderr: PathBuf) -> Result<Self> {
        let mut command = proc::command(binary);
        command.arg("serve").args(args).args(["--web.listen-address", address]);
        command.stdout(Stdio::piped()).stderr(fs::File::create(&stderr)?);
        let mut proc = Proc::start("badgateway", &mut command)?;
        let output = proc.stdout().ok_or("badgateway has no standard output")?;
        let (tell, told) = mpsc::channel();
        // Keeps reading to the end: a full pipe would stop the exporter.
        std::thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(std::result::Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                let port = line
                    .split("http://127.0.0.1:")
                    .nth(1)
                    .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
                if let Some(port) = port {
                    let _ = tell.send(port);
                }
            }
        });
        let port = told.recv_timeout(Duration::from_secs(10)).map_err(|_| {
            let said = fs::read_to_string(&stderr).unwrap_or_default();
            format!("badgateway serve did not say where it listens; it said:\n{said}")
        })?;
        Ok(Self { proc, port: port.parse()?, stderr })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.proc.pid()
    }

    /// Sends it a signal that ends it, and waits until it is gone.
    pub fn end(&mut self, signal: &str) -> Result<()> {
        self.proc.signal(signal);
        self.proc.wait_gone(Duration::from_secs(10))
    }

    /// What it wrote on standard error so far.
    pub fn complaints(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap_or_default()
    }

    /// Asks for a page.
    pub fn get(&self, path: &str) -> Answer {
        Http1::new(self.port).get(path)
    }

    /// Everything on /metrics.
    pub fn scrape(&self) -> Result<Scrape> {
        let answer = self.get("/metrics");
        if answer.status != Some(200) || !answer.complete {
            return Err(format!("/metrics answered {}: {}", answer.code(), self.complaints()).into());
        }
        Scrape::parse(std::str::from_utf8(&answer.body)?)
    }
}

/// A sample's labels without the name of the family.
pub type Labels = BTreeMap<String, String>;

/// One page of samples.
#[derive(Clone, Default)]
pub struct Scrape {
    families: BTreeMap<String, Vec<(Labels, f64)>>,
}

impl Scrape {
    /// Reads the text format, version 0.0.4.
    pub fn parse(text: &str) -> Result<Self> {
        let mut scrape = Self::default();
        for line in text.split('\n').filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (name, labels, value) = sample(line).ok_or_else(|| format!("not a sample: {line:?}"))?;
            scrape.families.entry(name).or_default().push((labels, value));
        }
        Ok(scrape)
    }

    /// The sum of a family's samples, by the values of `labels`; zeros are left out.
    pub fn sums(&self, family: &str, labels: &[&str]) -> BTreeMap<Vec<String>, u64> {
        let mut sums = BTreeMap::new();
        for (sample, value) in self.families.get(family).into_iter().flatten() {
            if *value > 0.0 {
                let key =
                    labels.iter().map(|label| sample.get(*label).cloned().unwrap_or_default()).collect();
                *sums.entry(key).or_default() += *value as u64;
            }
        }
        sums
    }

    /// The value of the one sample of a family with these labels; `None`: there is none.
    pub fn value(&self, family: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let samples = self.families.get(family).into_iter().flatten();
        let mut found = samples.filter(|(sample, _)| {
            labels.iter().all(|(name, value)| sample.get(*name).is_some_and(|found| found == value))
        });
        found.next().map(|(_, value)| *value)
    }

    /// A label of the first series of a family that has these labels.
    pub fn label(&self, family: &str, labels: &[(&str, &str)], wanted: &str) -> Option<&str> {
        let samples = self.families.get(family).into_iter().flatten();
        let mut found = samples.filter(|(sample, _)| {
            labels.iter().all(|(name, value)| sample.get(*name).is_some_and(|found| found == value))
        });
        found.next()?.0.get(wanted).map(String::as_str)
    }

    /// Every label value on the page.
    pub fn label_values(&self) -> impl Iterator<Item = &str> {
        self.families.values().flatten().flat_map(|(labels, _)| labels.values().map(String::as_str))
    }
}

/// What a later page of counters has more than an earlier one.
pub fn gained(
    before: &BTreeMap<Vec<String>, u64>,
    after: &BTreeMap<Vec<String>, u64>,
) -> BTreeMap<Vec<String>, u64> {
    after
        .iter()
        .map(|(key, value)| (key.clone(), value.saturating_sub(before.get(key).copied().unwrap_or(0))))
        .filter(|(_, value)| *value > 0)
        .collect()
}

/// `name{label="value",…} number`.
fn sample(line: &str) -> Option<(String, Labels, f64)> {
    let mut labels = Labels::new();
    let Some((name, mut rest)) = line.split_once('{') else {
        let (name, value) = line.split_once(' ')?;
        return Some((name.to_owned(), labels, value.trim().parse().ok()?));
    };
    while !rest.starts_with('}') {
        let (label, after) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at + 1,
                (_, '\\') => value.push(match chars.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, other) => value.push(other),
            }
        };
        labels.insert(label.trim_start_matches(',').to_owned(), value);
        rest = after[end..].trim_start_matches(',');
    }
    Some((name.to_owned(), labels, rest[1..].trim().parse().ok()?))
}
