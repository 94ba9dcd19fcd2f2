//! What is printed. On a terminal the counts of the running act move; elsewhere only finished lines are written.

use std::io::{IsTerminal, Write};

use super::{
    acts::Act,
    site::{Heard, Site},
    verdict::Verdict,
    visitors::Tally,
};

/// No line is longer than this.
const WIDTH: usize = 78;

/// Width of the left column.
const COLUMN: usize = 14;

/// Terminal attributes, by what they mean here.
#[derive(Clone, Copy)]
enum Ink {
    Good,
    Bad,
    Strong,
    Faint,
}

/// Standard output.
pub(super) struct Screen {
    colour: bool,
    live: bool,
    /// Lines of the moving part that are on the terminal now.
    drawn: usize,
}

impl Screen {
    pub(super) fn new() -> Self {
        let terminal =
            std::io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { colour, live: terminal, drawn: 0 }
    }

    /// Name, purpose, addresses.
    pub(super) fn title(&self, site: &Site) {
        println!();
        println!("  {}  tells why nginx answers 502", self.ink(Ink::Strong, "Badgateway"));
        println!();
        println!("  A real nginx and a real PHP-FPM are running on this machine. PHP will now be");
        println!("  broken in seven ways, with visitors on the site. Open these, or just watch:");
        println!();
        println!("    the site     http://127.0.0.1:{}/", site.port());
        println!("    the metrics  http://127.0.0.1:{}/metrics", site.exporter_port());
    }

    /// The heading of an act.
    pub(super) fn act(&self, number: usize, of: usize, act: &Act) {
        let rule = "─".repeat(WIDTH.saturating_sub(act.title.chars().count() + 12));
        println!();
        println!(
            "  {} {} {}",
            self.ink(Ink::Faint, &format!("{number}/{of} ──")),
            self.ink(Ink::Strong, act.title),
            self.ink(Ink::Faint, &rule)
        );
        println!("{}{}", self.label("we did"), act.did);
    }

    /// The moving part: what visitors got and what Badgateway says, so far.
    pub(super) fn live(&mut self, tally: &Tally, heard: &Heard) {
        if self.live {
            self.erase();
            self.draw(tally, heard);
        }
    }

    /// Leaves the moving part as it is.
    pub(super) fn keep(&mut self) {
        self.drawn = 0;
    }

    /// The finished block of an act.
    pub(super) fn verdict(&mut self, verdict: &Verdict) {
        self.erase();
        self.draw(&verdict.tally, &verdict.heard);
        self.keep();
        let roots: Vec<String> =
            verdict.heard.roots.iter().map(|(root, count)| format!("{root} ×{count}")).collect();
        println!("{}{}", self.label("behind it"), roots.join(", "));
        if !verdict.advice.is_empty() {
            for (number, line) in wrap(&verdict.advice, WIDTH - COLUMN).iter().enumerate() {
                let label = self.label(if number == 0 { "first fix" } else { "" });
                println!("{label}{line}");
            }
        }
        let sentence = match verdict.matches {
            true => self.ink(Ink::Good, "✓ every failed page is counted, under the right cause"),
            false => self.ink(Ink::Bad, "✗ visitors and Badgateway do not agree"),
        };
        println!("{}{sentence}", self.label(""));
    }

    /// The table at the end.
    pub(super) fn summary(&self, verdicts: &[Verdict]) {
        println!();
        println!("  {}", self.ink(Ink::Faint, &"─".repeat(WIDTH - 2)));
        let head = format!("  {:<15} {:<18} {:<30} match", "", "visitors saw", "Badgateway says");
        println!("{}", self.ink(Ink::Faint, &head));
        for (number, verdict) in verdicts.iter().enumerate() {
            let saw = words(verdict.tally.codes.iter().map(|(code, count)| format!("{code} ×{count}")));
            let said =
                words(verdict.heard.errors.iter().map(|((_, cause), count)| format!("{cause} ×{count}")));
            let matches = match verdict.matches {
                true => self.ink(Ink::Good, "yes"),
                false => self.ink(Ink::Bad, "no"),
            };
            println!(
                "  {:<15} {saw:<18} {said:<30} {matches}",
                format!("{} {}", number + 1, verdict.act.name)
            );
        }
        println!();
        let right = verdicts.iter().filter(|verdict| verdict.matches).count();
        let failed: u64 = verdicts.iter().flat_map(|verdict| verdict.tally.failed().into_values()).sum();
        let counted: u64 = verdicts.iter().flat_map(|verdict| verdict.heard.errors.values()).sum();
        println!(
            "  {right} of {} acts match: visitors saw {failed} pages fail, Badgateway counted {counted}.",
            verdicts.len()
        );
        println!("  Your own logs:  badgateway explain --access-log FILE --error-log FILE");
        println!();
    }

    /// Visitors with their timeline, then Badgateway, one line for each cause.
    fn draw(&mut self, tally: &Tally, heard: &Heard) {
        let codes: Vec<String> = tally
            .codes
            .iter()
            .map(|(code, count)| {
                self.ink(
                    if code.starts_with('2') { Ink::Good } else { Ink::Bad },
                    &format!("{code} ×{count}"),
                )
            })
            .collect();
        let mut lines = vec![format!("{}{}", self.label("visitors"), codes.join("   "))];
        lines.push(format!("{}{}", self.label(""), self.timeline(tally)));
        for ((code, cause), count) in &heard.errors {
            let label = self.label(if lines.len() == 2 { "Badgateway" } else { "" });
            let count = self.ink(Ink::Bad, &format!("{code} ×{count}"));
            lines.push(format!("{label}{count}  {}", self.ink(Ink::Strong, cause)));
        }
        if heard.errors.is_empty() {
            lines.push(format!("{}{}", self.label("Badgateway"), self.ink(Ink::Faint, "nothing to report")));
        }
        // On a narrow terminal lines are cut instead of wrapped: moving up counts lines.
        let (cut, wrap) = if self.live { ("\x1b[?7l", "\x1b[?7h") } else { ("", "") };
        println!("{cut}{}{wrap}", lines.join("\n"));
        let _ = std::io::stdout().flush();
        self.drawn = lines.len();
    }

    /// A bar for each quarter of a second: its height is how many pages were asked for, red if any failed.
    fn timeline(&self, tally: &Tally) -> String {
        const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let columns = &tally.timeline[tally.timeline.len().saturating_sub(WIDTH - COLUMN)..];
        let most = columns.iter().map(|(good, bad)| good + bad).max().unwrap_or(1).max(1);
        columns
            .iter()
            .map(|(good, bad)| {
                let step = ((good + bad) * 7).div_ceil(most) as usize;
                let bar = BARS[step.min(7)].to_string();
                match (*bad > 0, self.colour) {
                    (true, true) => self.ink(Ink::Bad, &bar),
                    (true, false) => "x".to_owned(),
                    (false, _) => self.ink(Ink::Good, &bar),
                }
            })
            .collect()
    }

    /// Takes the moving part off the terminal.
    fn erase(&mut self) {
        if self.drawn > 0 {
            print!("\x1b[{}A\x1b[J", self.drawn);
            self.drawn = 0;
        }
    }

    /// The left column of an act.
    fn label(&self, text: &str) -> String {
        format!("  {}  ", self.ink(Ink::Faint, &format!("{text:<10}")))
    }

    fn ink(&self, ink: Ink, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match ink {
            Ink::Good => "32",
            Ink::Bad => "31;1",
            Ink::Strong => "1",
            Ink::Faint => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

fn words(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join("  ")
}

/// Lines of at most `width` characters, broken between words.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last > 0 && last + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
