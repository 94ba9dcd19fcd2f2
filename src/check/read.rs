//! The site from files that were named, or from what was discovered.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::site::{FpmSite, NginxSite, Site};
use crate::topology::Topology;
use crate::topology::config_error::ConfigError;
use crate::topology::fpm_conf::{self, Surroundings};
use crate::topology::loader::ConfigLimits;
use crate::topology::nginx_conf::{self, Command};

/// Reads the main files of nginx and PHP-FPM that were named, below `root`. Every one that cannot be read is an error.
///
/// # Errors
/// What is wrong with each of them, with its place.
pub fn files(
    nginx: &[PathBuf],
    fpm: &[PathBuf],
    root: &Path,
    limits: &ConfigLimits,
) -> Result<Site, Vec<ConfigError>> {
    let (mut sites, mut pools, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for path in nginx {
        let path = absolute(path);
        match nginx_conf::read_as(&Command::guess(&path), root, limits) {
            Ok(config) => sites.push(NginxSite { path, config: Arc::new(config), pid: None }),
            Err(error) => errors.push(error),
        }
    }
    for path in fpm {
        let path = absolute(path);
        match fpm_conf::read_in(&path, &Surroundings::guess(&path, root), limits) {
            Ok(config) => pools.push(FpmSite { path, config: Arc::new(config), pid: None, shown: true }),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(Site::new(sites, pools)) } else { Err(errors) }
}

/// Includes are relative to the main file, wherever we were started.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// What was discovered.
pub fn discovered(topology: &Topology) -> Site {
    let nginx = topology.nginx.iter().filter_map(|nginx| {
        let config = Arc::clone(nginx.conf.as_ref()?);
        Some(NginxSite { path: nginx.config.clone(), config, pid: nginx.pid })
    });
    let fpm = topology.fpm.iter().filter_map(|fpm| {
        Some(FpmSite {
            path: fpm.id.path.clone(),
            config: Arc::clone(fpm.conf.as_ref()?),
            pid: fpm.process.as_ref().map(|process| process.pid),
            shown: fpm.process.is_some() || fpm.pools.iter().any(|pool| pool.shown),
        })
    });
    Site::new(nginx.collect(), fpm.collect())
}
