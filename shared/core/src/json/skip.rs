//! Which fields a comparison leaves out, kept in step with the way down a value.

use super::FieldPath;

/// The paths to leave out, as seen from where a walk is. Through an array each holds for every element, or for the one
/// its number names.
pub(super) struct Skips<'a>(Vec<&'a [String]>);

impl<'a> Skips<'a> {
    pub(super) fn of(paths: &'a [FieldPath]) -> Self {
        Self(paths.iter().map(FieldPath::segments).collect())
    }

    /// As seen from a field; `None`: the field itself is left out.
    pub(super) fn field(&self, name: &str) -> Option<Self> {
        let below = self.0.iter().filter_map(|path| {
            let (first, rest) = path.split_first()?;
            (first == name).then_some(rest)
        });
        Self::unless_ended(below)
    }

    /// As seen from an element; `None`: the element itself is left out.
    pub(super) fn element(&self, place: usize) -> Option<Self> {
        let below = self.0.iter().filter_map(|path| {
            let (first, rest) = path.split_first()?;
            Some(if first.parse() == Ok(place) { rest } else { path })
        });
        Self::unless_ended(below)
    }

    fn unless_ended(paths: impl Iterator<Item = &'a [String]>) -> Option<Self> {
        let paths: Vec<&[String]> = paths.collect();
        (!paths.iter().any(|path| path.is_empty())).then_some(Self(paths))
    }
}
