//! `badgateway diagnose`

use clap::Args;

use super::{MachineArgs, Output};

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

    /// Where nginx and PHP-FPM are looked for.
    #[command(flatten)]
    pub machine: MachineArgs,
}
