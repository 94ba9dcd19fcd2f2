//! Names for the addresses and paths of one run.
//!
//! Nothing in the lab has a fixed port or path, so tables and nginx configuration write `@name@` and the run fills it in.

use std::collections::BTreeMap;

use crate::Result;

/// What each `@name@` stands for.
#[derive(Clone, Default)]
pub struct Placeholders(BTreeMap<String, String>);

impl Placeholders {
    /// Gives `name` its value.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// What the names stand for.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }

    /// Replaces every `@name@`. nginx's own `@named` locations have no second `@` and stay as they are.
    pub fn fill(&self, text: &str) -> Result<String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('@') {
            let after = &rest[at + 1..];
            let length =
                after.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
            filled.push_str(&rest[..at]);
            if length > 0 && after[length..].starts_with('@') {
                let name = &after[..length];
                let value = self.0.get(name).ok_or_else(|| format!("nothing is called @{name}@"))?;
                filled.push_str(value);
                rest = &after[length + 1..];
            } else {
                filled.push('@');
                rest = after;
            }
        }
        filled.push_str(rest);
        Ok(filled)
    }
}
