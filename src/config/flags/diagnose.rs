//! `badgateway diagnose`

use std::path::PathBuf;

use clap::Args;

use super::Output;

/// `diagnose`
#[derive(Debug, Args)]
pub struct DiagnoseArgs {
    /// The exporter to ask: http://HOST:PORT or unix:/PATH. Without it the one on this machine's port 10502 is asked, and if
    /// none answers, the logs of the last 10 minutes and the machine are looked at here
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,

    /// Say it again every two seconds, until Ctrl-C
    #[arg(long)]
    pub watch: bool,

    /// How to print it
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub format: Output,

    /// Main file of PHP-FPM's configuration; those of running masters are found by themselves
    #[arg(long, value_name = "FILE")]
    pub fpm_config: Vec<PathBuf>,

    /// Main file of nginx's configuration; those of running masters are found by themselves
    #[arg(long, value_name = "FILE")]
    pub nginx_config: Vec<PathBuf>,

    /// A user, as a number, whose nginx and PHP-FPM masters are believed besides root's and one's own
    #[arg(long = "discover.trust-uid", value_name = "UID")]
    pub trust_uid: Vec<u32>,

    /// Where procfs is mounted
    #[arg(long = "path.procfs", value_name = "DIR", default_value = "/proc")]
    pub procfs: PathBuf,

    /// Where the cgroup file systems are mounted
    #[arg(long = "path.cgroup", value_name = "DIR", default_value = "/sys/fs/cgroup")]
    pub cgroup: PathBuf,
}
