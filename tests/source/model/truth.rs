//! What was written, where it still is, and what may be said about a reader of it.

/// What one file held until it was emptied; a file written anew is another content.
#[derive(Debug, Clone, Default)]
pub(crate) struct Content {
    /// Neither the file nor a copy exists: only who read it in time, or holds it open, has it.
    pub(crate) gone: bool,
    /// The file was emptied: who had not seen the lines by then sees them in a copy at most.
    pub(crate) emptied: bool,
    has_lines: bool,
}

#[derive(Debug)]
struct Line {
    text: String,
    content: usize,
    /// Written after the copy was made and before the file was emptied.
    between: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Truth {
    pub(crate) contents: Vec<Content>,
    lines: Vec<Line>,
}

/// What the reader had counted when its state was saved: both are committed together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Account {
    pub(crate) read: String,
    pub(crate) lost_bytes: u64,
    pub(crate) gaps: u64,
    /// By content: it was opened.
    pub(crate) opened: Vec<bool>,
    /// By content: bytes of it were seen, so that its loss must be noticed.
    pub(crate) seen: Vec<bool>,
}

impl Account {
    pub(crate) fn note(flags: &mut Vec<bool>, content: usize) {
        flags.resize(flags.len().max(content + 1), false);
        flags[content] = true;
    }

    pub(crate) fn has(flags: &[bool], content: usize) -> bool {
        flags.get(content).copied().unwrap_or_default()
    }
}

impl Truth {
    pub(crate) fn content(&mut self) -> usize {
        self.contents.push(Content::default());
        self.contents.len() - 1
    }

    /// The next line. Its first bytes tell it from all others, as the time and the address of a client do.
    pub(crate) fn line(&mut self, content: usize, padding: usize, between: bool) -> &str {
        let n = self.lines.len();
        let token = (n as u32).wrapping_mul(0x9e37_79b1);
        let text = format!("{token:08x} {n} {:.<padding$}\n", "");
        self.contents[content].has_lines = true;
        self.lines.push(Line { text, content, between });
        &self.lines[n].text
    }

    /// Whether it has lines, in its own file and not in a copy only.
    pub(crate) fn is_in_file(&self, content: usize) -> bool {
        self.contents[content].has_lines && !self.contents[content].emptied
    }

    /// Says what is wrong with `account`, if anything is.
    pub(crate) fn judge(&self, account: &Account, unread: u64) -> Result<(), String> {
        let mut read = vec![false; self.lines.len()];
        // Order is promised within a file: two files may be written at once.
        let mut newest_of = vec![None; self.contents.len()];
        for text in account.read.split_inclusive('\n') {
            let n = text.split(' ').nth(1).and_then(|n| n.parse::<usize>().ok());
            let line = n.and_then(|n| self.lines.get(n)).filter(|line| line.text == text);
            let (Some(n), Some(line)) = (n, line) else { return Err(format!("torn: {text}")) };
            if std::mem::replace(&mut read[n], true) {
                return Err(format!("read twice: {text}"));
            }
            if newest_of[line.content].replace(n) > Some(n) {
                return Err(format!("out of order: {text}"));
            }
        }
        let is_gone = |line: &Line| line.between || self.contents[line.content].gone;
        let missing = || self.lines.iter().enumerate().filter(|(n, _)| !read[*n]);
        if let Some((_, line)) = missing().find(|(_, line)| !is_gone(line)) {
            return Err(format!("not read: {}", line.text));
        }
        let lost: usize = missing().map(|(_, line)| line.text.len()).sum();
        let Account { lost_bytes, gaps, .. } = *account;
        if lost_bytes > lost as u64 {
            return Err(format!("{lost_bytes} bytes are said to be lost, {lost} are"));
        }
        let must_notice = |line: &Line| {
            let is_gone = self.contents[line.content].gone;
            is_gone && !line.between && Account::has(&account.seen, line.content)
        };
        if lost_bytes + gaps == 0
            && let Some((_, line)) = missing().find(|(_, line)| must_notice(line))
        {
            return Err(format!("lost in silence: {}", line.text));
        }
        let all_is_there = !self.contents.iter().any(|content| content.gone);
        if all_is_there && gaps > 0 {
            return Err(format!("{gaps} gaps, but no line was taken away"));
        }
        if unread > 0 {
            return Err(format!("{unread} bytes are left unread"));
        }
        Ok(())
    }
}
