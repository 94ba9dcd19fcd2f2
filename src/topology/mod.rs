//! Who listens where and who connects to whom: one immutable model of this machine's nginx and PHP-FPM.
//!
//! [`discovery`] finds their processes and reads their configurations, each as its owner reads it, and starts no program;
//! `build` makes the [`Topology`] of all that was seen. Everything else reads that.

mod build;
pub mod chosen_logs;
pub mod config_error;
mod configuration;
pub mod diff;
pub mod discovery;
pub mod fpm_conf;
pub mod fpm_configs;
pub mod fpm_instances;
pub mod group_labels;
pub mod loader;
pub mod lookup;
mod model;
mod names;
pub mod nginx_build;
mod nginx_command_line;
pub mod nginx_conf;
mod nginx_configs;
pub mod remembered;
pub(crate) mod rooted;
pub mod units;

pub use build::group_of;
pub use fpm_configs::LastReading;
pub use fpm_instances::InstanceId;
pub use model::{Fpm, FpmProcess, GroupKey, Network, Nginx, NotSeen, Pool, PoolKey, Topology};
pub use names::nginx_name;
pub use nginx_configs::installed as installed_nginx;
pub use remembered::kept_for_a_week;
