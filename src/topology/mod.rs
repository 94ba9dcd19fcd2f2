//! What the machine's own configuration says: which PHP-FPM pools there are, where they listen, how large they are, and
//! to which upstreams nginx keeps connections.
//!
//! Reads files and nothing else, starts no program, and takes each file as its owner reads it: a configuration that
//! PHP-FPM refuses is an error here, too, because the next reload will fail.

pub mod fpm_conf;
pub mod nginx_conf;
pub(crate) mod rooted;
