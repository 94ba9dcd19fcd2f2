//! Where nginx and PHP-FPM are looked for: the same flags for every command that looks.

use std::path::PathBuf;

use clap::Args;

use super::values::parse_bytes;

/// The machine, and the configurations that are named.
#[derive(Args, Clone, Debug)]
pub struct MachineArgs {
    /// Main file of nginx's configuration (nginx.conf); may be given several times. Those of running masters are found by
    /// themselves
    #[arg(long, value_name = "FILE")]
    pub nginx_config: Vec<PathBuf>,

    /// Main file of PHP-FPM's configuration (php-fpm.conf); may be given several times. Those of running masters are found
    /// by themselves
    #[arg(long, value_name = "FILE")]
    pub fpm_config: Vec<PathBuf>,

    /// A user, as a number, whose nginx and PHP-FPM masters are believed, such as that of an unprivileged nginx in a pod;
    /// may be given several times. Root's and our own are believed
    #[arg(long = "discover.trust-uid", value_name = "UID")]
    pub trust_uid: Vec<u32>,

    /// Where procfs is mounted
    #[arg(long = "path.procfs", value_name = "DIR", default_value = "/proc")]
    pub procfs: PathBuf,

    /// Where the cgroup file systems are mounted
    #[arg(long = "path.cgroup", value_name = "DIR", default_value = "/sys/fs/cgroup")]
    pub cgroup: PathBuf,
}

impl MachineArgs {
    /// Whether configurations are named, instead of being found.
    pub fn names_files(&self) -> bool {
        !self.nginx_config.is_empty() || !self.fpm_config.is_empty()
    }
}

/// How much of nginx's and PHP-FPM's configuration is read.
#[derive(Args, Clone, Debug)]
pub struct ConfigLimitArgs {
    /// Most bytes of one file of nginx's or PHP-FPM's configuration. What is longer is not read, and that is said
    #[arg(long = "limit.config-file-bytes", value_name = "BYTES", default_value = "1MiB", value_parser = parse_bytes)]
    pub config_file_bytes: u64,

    /// Most bytes of one nginx's or PHP-FPM's configuration with all it includes. What is beyond is not read
    #[arg(long = "limit.config-bytes", value_name = "BYTES", default_value = "8MiB", value_parser = parse_bytes)]
    pub config_bytes: u64,
}
