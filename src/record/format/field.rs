//! The variables that Badgateway reads, and the shapes values can have.

macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident $name:literal $shape:ident,)*) => {
        /// A variable of nginx that the attribution reads.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Field { $($(#[$doc])* $variant,)* }

        impl Field {
            const TABLE: &'static [(Field, &'static str, Shape)] = &[$((Field::$variant, $name, Shape::$shape),)*];
            /// How many there are.
            pub const COUNT: usize = Self::TABLE.len();
        }
    };
}

/// How a value ends, where its terminator alone cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Three digits.
    Status,
    /// No space inside.
    Word,
    /// Elements without spaces, joined by `, ` and ` : `.
    List,
    /// 26 bytes with one space: `20/Nov/2026:15:08:28 +0000`.
    TimeLocal,
    /// Anything up to the terminator.
    Any,
    /// All that is left, quotes included: what stands behind a format that is known only in part.
    Rest,
}

fields! {
    /// `$status`
    Status "status" Status,
    /// `$server_name`
    ServerName "server_name" Any,
    /// `$msec`
    Msec "msec" Word,
    /// `$time_local`
    TimeLocal "time_local" TimeLocal,
    /// `$time_iso8601`
    TimeIso8601 "time_iso8601" Word,
    /// `$pid`
    Pid "pid" Word,
    /// `$connection`
    Connection "connection" Word,
    /// `$request`
    Request "request" Any,
    /// `$request_method`
    RequestMethod "request_method" Word,
    /// `$request_uri`
    RequestUri "request_uri" Word,
    /// `$uri`, also called `$document_uri`
    Uri "uri" Any,
    /// `$server_protocol`
    ServerProtocol "server_protocol" Word,
    /// `$remote_addr`
    RemoteAddr "remote_addr" Word,
    /// `$request_time`
    RequestTime "request_time" Word,
    /// `$upstream_addr`
    UpstreamAddr "upstream_addr" List,
    /// `$upstream_status`
    UpstreamStatus "upstream_status" List,
    /// `$upstream_connect_time`
    UpstreamConnectTime "upstream_connect_time" List,
    /// `$upstream_header_time`
    UpstreamHeaderTime "upstream_header_time" List,
    /// `$upstream_response_time`
    UpstreamResponseTime "upstream_response_time" List,
    /// `$upstream_bytes_received`
    UpstreamBytesReceived "upstream_bytes_received" List,
    /// `$upstream_cache_status`
    UpstreamCacheStatus "upstream_cache_status" Word,
}

impl Field {
    /// The variable's name without `$`.
    pub fn name(self) -> &'static str {
        Self::TABLE[self as usize].1
    }

    /// All, each with its name and shape.
    #[cfg(test)]
    pub(super) fn table() -> &'static [(Field, &'static str, Shape)] {
        Self::TABLE
    }

    pub(super) fn shape(self) -> Shape {
        Self::TABLE[self as usize].2
    }

    /// By nginx's name of the variable.
    pub(super) fn of_variable(name: &str) -> Option<Field> {
        let name = if name == "document_uri" { "uri" } else { name };
        Self::TABLE.iter().find(|(_, n, _)| *n == name).map(|(field, _, _)| *field)
    }
}

/// The shape of a variable that is matched but not read.
pub(super) fn shape_of_other(name: &str) -> Shape {
    const WORDS: &[&str] = &[
        "body_bytes_sent",
        "bytes_sent",
        "connection_requests",
        "connection_time",
        "host",
        "http_host",
        "https",
        "pipe",
        "remote_port",
        "request_completion",
        "request_id",
        "request_length",
        "scheme",
        "server_addr",
        "server_port",
        "ssl_cipher",
        "ssl_protocol",
        "ssl_session_reused",
    ];
    match name {
        _ if WORDS.contains(&name) => Shape::Word,
        "badgateway_rest" => Shape::Rest,
        "upstream_response_length" | "upstream_bytes_sent" | "upstream_queue_time" => Shape::List,
        _ => Shape::Any,
    }
}

/// The raw values of one line, by field; `None` for fields that the format does not have.
pub type Values<'a> = [Option<&'a [u8]>; Field::COUNT];
