//! The text of a file while it is changed. Places are counted in characters of the text as it was read, so what stands
//! further back is changed first.

use std::ops::Range;

use super::{EditError, Entry, outline::Outline};

pub(super) struct Text {
    /// Of the file, if it has one.
    mark: &'static str,
    text: String,
    line_end: &'static str,
}

const BYTE_ORDER_MARK: &str = "\u{feff}";

impl Text {
    pub(super) fn of(whole: &str) -> Result<(Self, Outline), EditError> {
        let (mark, body) = match whole.strip_prefix(BYTE_ORDER_MARK) {
            Some(body) => (BYTE_ORDER_MARK, body),
            None => ("", whole),
        };
        let line_end = match body.find('\n') {
            Some(at) if body[..at].ends_with('\r') => "\r\n",
            None if body.contains('\r') => "\r",
            _ => "\n",
        };
        Ok((Self { mark, text: body.to_owned(), line_end }, Outline::of(body)?))
    }

    pub(super) fn whole(self) -> String {
        format!("{}{}", self.mark, self.text)
    }

    /// The byte at which a character begins.
    fn byte(&self, character: usize) -> usize {
        self.text.char_indices().nth(character).map_or(self.text.len(), |(byte, _)| byte)
    }

    /// Bytes, each line with its end.
    fn line_after(&self, byte: usize) -> usize {
        let rest = &self.text[byte..];
        match rest.find(['\n', '\r']) {
            Some(at) if rest[at..].starts_with("\r\n") => byte + at + 2,
            Some(at) => byte + at + 1,
            None => self.text.len(),
        }
    }

    /// Below the line of a character, and below the comments after it that are indented as its block is.
    pub(super) fn insert_after(&mut self, character: usize, column: usize, new: &[Entry]) {
        let mut at = self.line_after(self.byte(character.saturating_sub(1)));
        let mut next = at;
        while next < self.text.len() {
            let end = self.line_after(next);
            let line = &self.text[next..end];
            let indent = line.len() - line.trim_start_matches(' ').len();
            match line.trim() {
                "" => {}
                comment if comment.starts_with('#') && column > 0 && indent >= column => at = end,
                _ => break,
            }
            next = end;
        }
        let lines = self.lines(column, new);
        self.insert_lines(at, &lines);
    }

    pub(super) fn append(&mut self, column: usize, key: &str, new: &[Entry]) {
        // What ends a document ends what can be added to it.
        let ends = self.text.lines().map(str::trim_end).any(|line| line == "...");
        let at = if ends { self.text.find("...").unwrap_or(self.text.len()) } else { self.text.len() };
        let lines = format!("{0}{1:2$}{key}:{0}{3}", self.line_end, "", column, self.lines(column + 2, new));
        self.insert_lines(at, &lines);
    }

    fn lines(&self, column: usize, new: &[Entry]) -> String {
        let lines = new.iter().flat_map(|entry| &entry.block);
        lines.map(|line| format!("{:column$}{line}{}", "", self.line_end)).collect()
    }

    fn insert_lines(&mut self, at: usize, lines: &str) {
        let is_cut = at > 0 && !self.text[..at].ends_with(['\n', '\r']);
        self.text.insert_str(at, &format!("{}{lines}", if is_cut { self.line_end } else { "" }));
    }

    /// Behind what ends at a character, before a comma that may follow it.
    pub(super) fn insert_in_brackets(&mut self, end: usize, is_empty: bool, new: &[Entry]) {
        let at = self.byte(end);
        let comma = if is_empty { "" } else { ", " };
        let new: Vec<&str> = new.iter().map(|entry| entry.flow.as_str()).collect();
        self.text.insert_str(at, &format!("{comma}{}", new.join(", ")));
    }

    /// From one character to before another, and the blanks behind it, or before it where nothing follows on its line.
    pub(super) fn remove(&mut self, start: usize, end: usize) {
        let (start, end) = (self.byte(start), self.byte(end));
        let rest = self.text[end..].trim_start_matches(' ');
        let is_last = rest.is_empty() || rest.starts_with(['\n', '\r']);
        let start = if is_last { self.text[..start].trim_end_matches(' ').len() } else { start };
        let end = if start == end { end } else { self.text.len() - rest.len() };
        self.text.replace_range(start..end, "");
    }

    /// The lines that an entry of a block stands on, from the dash before it to the end of its last line.
    pub(super) fn remove_lines(&mut self, entry: Range<usize>) {
        let (start, end) = (self.byte(entry.start), self.byte(entry.end.saturating_sub(1)));
        let dash = self.text[..start].rfind('-').unwrap_or(start);
        let line = self.text[..dash].rfind(['\n', '\r']).map_or(0, |at| at + 1);
        self.text.replace_range(line..self.line_after(end), "");
    }
}
