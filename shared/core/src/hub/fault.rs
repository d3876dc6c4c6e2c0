//! What is wrong with a hub file, and where.
//!
//! Every fault lies at a line and column inside the file, whatever the parser said, so that an editor can always go
//! there. Faults are collected, never thrown: reading goes on with what is left.

use std::fmt;

/// One thing wrong (or, among the notes of a file that was loaded, doubtful).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1; one past the last where something is missing at the end of a line.
    pub column: usize,
    /// Where in the hub: `routes[2].filters[0].operator`; empty for the file as a whole.
    pub path: String,
    /// What was expected and what was found.
    pub message: String,
    /// What to do about it, where that can be said.
    pub suggestion: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; {suggestion}"),
            None => Ok(()),
        }
    }
}

/// Every fault of a file, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// A position and what stands there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) path: String,
    /// It is not in the file: the preset of this name, which the place names, has put it there.
    pub(crate) preset: Option<&'static str>,
}

/// Collects what is found while a file is read.
pub(crate) struct Report {
    file: String,
    /// Characters of each line.
    widths: Vec<usize>,
    faults: Vec<Fault>,
    notes: Vec<Fault>,
}

impl Report {
    pub(crate) fn new(file: &str, text: &str) -> Self {
        // YAML 1.2 §5.4: a line ends at CR LF, LF or a lone CR.
        let widths = text.replace("\r\n", "\n").split(['\n', '\r']).map(|line| line.chars().count()).collect();
        Self { file: file.to_owned(), widths, faults: Vec::new(), notes: Vec::new() }
    }

    pub(crate) fn fault(&mut self, place: &Place, message: impl Into<String>) {
        self.suggest(place, message, None);
    }

    pub(crate) fn suggest(&mut self, place: &Place, message: impl Into<String>, suggestion: Option<String>) {
        let fault = self.locate(place, message.into(), suggestion);
        self.faults.push(fault);
    }

    /// Something that is allowed and probably not meant.
    pub(crate) fn note(&mut self, place: &Place, message: impl Into<String>, suggestion: Option<String>) {
        let note = self.locate(place, message.into(), suggestion);
        self.notes.push(note);
    }

    fn locate(&self, place: &Place, message: String, suggestion: Option<String>) -> Fault {
        let line = place.line.clamp(1, self.widths.len().max(1));
        let width = self.widths.get(line - 1).copied().unwrap_or_default();
        // Past the last line there is only its end.
        let column = if place.line > line { width + 1 } else { place.column.clamp(1, width + 1) };
        let message = match place.preset {
            Some(preset) => format!("{message} (this is of the preset {preset})"),
            None => message,
        };
        Fault { file: self.file.clone(), line, column, path: place.path.clone(), message, suggestion }
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    pub(crate) fn into_faults(self) -> Faults {
        Faults(sorted(self.faults))
    }

    pub(crate) fn into_notes(self) -> Vec<Fault> {
        sorted(self.notes)
    }
}

fn sorted(mut faults: Vec<Fault>) -> Vec<Fault> {
    faults.sort_by(|a, b| (a.line, a.column, &a.path, &a.message).cmp(&(b.line, b.column, &b.path, &b.message)));
    faults.dedup();
    faults
}

/// "did you mean …?", when one of the candidates is nearly the word.
/// `did you mean …?`, where a name is nearly one of these.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, candidates).map(|near| format!("did you mean {near:?}?"))
}

pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `a, b or c`.
pub(crate) fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
