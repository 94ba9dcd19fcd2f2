//! What to do for each alert: the texts of `alerts/runbooks`, inside the binary, so that they are at hand where the
//! network is not.

/// A runbook.
#[derive(Debug)]
pub struct Runbook {
    /// The alert that it is for.
    pub name: &'static str,
    /// The text, as Markdown.
    pub text: &'static str,
}

macro_rules! runbooks {
    ($($name:literal)*) => {
        /// All, sorted by name.
        pub const ALL: &[Runbook] = &[$(Runbook {
            name: $name,
            text: include_str!(concat!("../alerts/runbooks/", $name, ".md")),
        }),*];
    };
}

runbooks! {
    "BadgatewayAbsent"
    "BadgatewayCannotObserve"
    "BadgatewayConfigReloadFailed"
    "BadgatewayDown"
    "BadgatewayLabelOverflow"
    "BadgatewayLinesLost"
    "BadgatewayLinesUnparsed"
    "BadgatewayLogLagging"
    "BadgatewayLogUnreadable"
    "BadgatewayStateNotDurable"
    "Nginx502ClientNotAllowed"
    "Nginx502ConnectFailed"
    "Nginx502ConnectionLost"
    "Nginx502ConnectionRefused"
    "Nginx502DnsFailure"
    "Nginx502HeaderTooBig"
    "Nginx502HostUnreachable"
    "Nginx502InvalidResponse"
    "Nginx502NoLiveUpstreams"
    "Nginx502PermissionDenied"
    "Nginx502PhpFpmReloaded"
    "Nginx502PoolSaturated"
    "Nginx502RequestTerminated"
    "Nginx502SocketMissing"
    "Nginx502StaleKeepalive"
    "Nginx502TlsFailure"
    "Nginx502Unexplained"
    "Nginx502WorkerCrashed"
    "Nginx502WorkerKilled"
    "Nginx502WorkerOomKilled"
    "Nginx502WrongAddress"
    "Nginx504ConnectTimeout"
    "Nginx504SlowUpstream"
    "NginxApplicationErrors"
    "NginxCachedErrors"
    "NginxConfigErrors"
    "NginxErrorBudgetBurn"
    "NginxLimitsRequests"
    "NginxOutOfResources"
    "NginxPhpErrors"
    "NginxRetriesMaskFailures"
    "NginxReturnsErrors"
    "NginxTruncatedResponses"
    "PhpFpmAllPoolsDown"
    "PhpFpmCpuThrottled"
    "PhpFpmDown"
    "PhpFpmListenQueueFilling"
    "PhpFpmMaxChildrenReached"
    "PhpFpmMemoryNearLimit"
    "PhpFpmOomKill"
    "PhpFpmPoolExhausted"
    "PhpFpmPoolExhaustionPredicted"
    "PhpFpmPoolSaturated"
    "PhpFpmRequestsTerminated"
    "PhpFpmRestartLoop"
    "PhpFpmSlowRequests"
    "PhpFpmWorkersDying"
}

impl Runbook {
    /// Its first sentence: what is happening.
    pub fn summary(&self) -> &'static str {
        self.text.lines().skip(1).find(|line| !line.is_empty()).unwrap_or_default()
    }
}

/// The runbook of an alert, whatever the case of its letters.
pub fn find(name: &str) -> Option<&'static Runbook> {
    ALL.iter().find(|runbook| runbook.name.eq_ignore_ascii_case(name))
}

/// The one of some words that a person may have meant, if one of them is near.
pub fn nearest<'a>(typed: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    /// Below this share of equal letters a suggestion is no help.
    const NEAR: f64 = 0.5;
    /// Nothing longer is a name; comparing takes time and memory in proportion, and anybody may type a URL.
    const LONGEST: usize = 64;
    if typed.len() > LONGEST {
        return None;
    }
    let typed = typed.to_ascii_lowercase();
    let likeness = |word: &str| {
        let word = word.to_ascii_lowercase();
        match typed.len() > 3 && word.contains(&typed) {
            true => 1.0,
            false => strsim::normalized_damerau_levenshtein(&typed, &word),
        }
    };
    let scored = words.map(|word| (likeness(word), word)).filter(|(likeness, _)| *likeness >= NEAR);
    // The first of equals.
    scored
        .fold(None, |best, next| if best.is_some_and(|(most, _)| most >= next.0) { best } else { Some(next) })
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(typed: &str) -> Option<&'static str> {
        nearest(typed, ALL.iter().map(|runbook| runbook.name))
    }

    #[test]
    fn names_are_found_in_any_case_and_near_misses_are_guessed() {
        assert_eq!(find("phpfpmdown").map(|runbook| runbook.name), Some("PhpFpmDown"));
        assert!(find("PhpFpmDow").is_none());
        assert_eq!(near("PhpFpmDow"), Some("PhpFpmDown"));
        assert_eq!(near("socketmissing"), Some("Nginx502SocketMissing"));
        assert_eq!(near("xyzzy"), None);
        assert_eq!(near(""), None);
        assert_eq!(near(&"PhpFpmDown".repeat(7)), None);
    }

    #[test]
    fn every_runbook_has_a_summary() {
        for runbook in ALL {
            assert!(runbook.summary().ends_with('.'), "{}: {:?}", runbook.name, runbook.summary());
        }
    }
}
