//! Short names for PHP-FPM masters: the label `fpm`, so that two masters with a pool `www` stay apart.

use std::collections::HashSet;
use std::path::{Component, Path};

use crate::label::label;

/// Directories that say nothing about which PHP-FPM it is.
const COMMON: &[&str] =
    &["etc", "fpm", "php-fpm", "php", "conf", "conf.d", "root", "usr", "local", "opt", "var", "lib"];

/// Builds of several PHP versions side by side, whose directory of versions says little without their name.
const VENDORS: &[&str] = &["remi", "plesk", "alt"];

/// From the main file of its configuration: `8.2` for /etc/php/8.2/fpm/php-fpm.conf (Debian), `remi-php82` for
/// /etc/opt/remi/php82/php-fpm.conf, `php83` for /etc/php83/php-fpm.conf (Alpine), `default` where there is one alone, as
/// in /etc/php-fpm.conf and /usr/local/etc/php-fpm.conf.
pub(super) fn short(config: &Path) -> String {
    let directories = config.parent().into_iter().flat_map(Path::components);
    let telling: Vec<String> = directories
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            _ => None,
        })
        .filter(|name| !COMMON.contains(&name.as_str()))
        .collect();
    match telling.as_slice() {
        [.., vendor, last] if VENDORS.contains(&vendor.as_str()) => labelled(&format!("{vendor}-{last}")),
        [.., last] => labelled(last),
        // The file itself may tell: /etc/php-fpm-7.4.conf.
        [] => match config.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default() {
            "php-fpm" | "" => "default".to_owned(),
            stem => labelled(stem),
        },
    }
}

fn labelled(name: &str) -> String {
    label(name.as_bytes()).into_owned()
}

/// A name for an nginx that none of the others has: `nginx` for /etc/nginx/nginx.conf, `shop` for /srv/shop/nginx.conf.
pub fn nginx_name(taken: &HashSet<String>, config: &Path) -> String {
    unused(taken, &short(config), None)
}

/// A name that none of the others has: where the short one is taken, with the container's or the unit's name behind it, or
/// with a number.
pub(super) fn unused(taken: &HashSet<String>, short: &str, cgroup: Option<&str>) -> String {
    let unit = cgroup.and_then(unit).map(|unit| labelled(&format!("{short}-{unit}")));
    let numbered = (2..).map(|number| labelled(&format!("{short}-{number}")));
    let mut names = [short.to_owned()].into_iter().chain(unit).chain(numbered);
    names.find(|name| !taken.contains(name)).unwrap_or_else(|| short.to_owned())
}

/// The last part of a cgroup's path without what systemd adds, a container's long id cut as its tools do.
fn unit(cgroup: &str) -> Option<String> {
    let leaf = cgroup.rsplit('/').next()?;
    let leaf = leaf.strip_suffix(".service").or(leaf.strip_suffix(".scope")).unwrap_or(leaf);
    let leaf = ["docker-", "crio-", "libpod-", "cri-containerd-"]
        .iter()
        .find_map(|p| leaf.strip_prefix(p))
        .unwrap_or(leaf);
    let is_id = leaf.len() == 64 && leaf.bytes().all(|byte| byte.is_ascii_hexdigit());
    let name = if is_id { &leaf[..12] } else { leaf };
    (!name.is_empty()).then(|| name.to_owned())
}

/// The name of the master that a systemd unit starts: `php8.2-fpm` (Debian), `php82-php-fpm` (Remi), `php-fpm83` (Alpine's
/// way), `php-fpm`.
pub(super) fn of_unit(unit: &str) -> Option<String> {
    let name = unit.strip_suffix(".service")?;
    if name == "php-fpm" {
        return Some("default".to_owned());
    }
    if let Some(version) = name.strip_prefix("php").and_then(|rest| rest.strip_suffix("-php-fpm")) {
        return Some(format!("remi-php{version}"));
    }
    if let Some(version) = name.strip_prefix("php-fpm") {
        return version.bytes().all(|byte| byte.is_ascii_digit()).then(|| format!("php{version}"));
    }
    let version = name.strip_prefix("php")?.strip_suffix("-fpm")?;
    (!version.is_empty()).then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_configuration_tells_the_name() {
        for (path, expected) in [
            ("/etc/php/8.2/fpm/php-fpm.conf", "8.2"),
            ("/etc/opt/remi/php82/php-fpm.conf", "remi-php82"),
            ("/opt/remi/php74/root/etc/php-fpm.conf", "remi-php74"),
            ("/opt/plesk/php/8.3/etc/php-fpm.conf", "plesk-8.3"),
            ("/opt/cpanel/ea-php81/root/etc/php-fpm.conf", "ea-php81"),
            ("/etc/php83/php-fpm.conf", "php83"),
            ("/etc/php-fpm.conf", "default"),
            ("/usr/local/etc/php-fpm.conf", "default"),
            ("/etc/php-fpm-7.4.conf", "php-fpm-7.4"),
            ("/srv/shop/etc/php-fpm.conf", "shop"),
        ] {
            assert_eq!(short(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn no_two_have_one_name() {
        let mut taken = HashSet::new();
        let id = "0123456789abcdef".repeat(4);
        let cgroups = [
            None,
            Some(format!("/docker/{id}")),
            Some(format!("/docker/{id}")),
            Some("/a/shop.service".into()),
        ];
        let names: Vec<_> = cgroups
            .iter()
            .map(|cgroup| {
                let name = unused(&taken, "default", cgroup.as_deref());
                taken.insert(name.clone());
                name
            })
            .collect();
        assert_eq!(names, ["default", "default-0123456789ab", "default-2", "default-shop"]);
    }

    #[test]
    fn a_unit_starts_the_master_of_its_version() {
        let named = |unit: &str| of_unit(unit).unwrap_or_default();
        let units = [
            "php8.2-fpm.service",
            "php82-php-fpm.service",
            "php-fpm83.service",
            "php-fpm.service",
            "nginx.service",
        ];
        assert_eq!(units.map(named), ["8.2", "remi-php82", "php83", "default", ""]);
    }
}
