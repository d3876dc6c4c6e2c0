//! Guesses about a source that a few more requests can prove or drop: how to ask for another page, and whether a
//! parameter filters by time. Servers ignore parameters that they do not know, so that an answer alone proves nothing;
//! what proves is that the rows differ in the one way that the parameter's meaning explains.
//!
//! [`pages`] finds out how to ask for another page, [`mod@filter`] what filters by time; what both need is here: the first page,
//! what the rows of another answer say beside it, and an address with one parameter changed.

mod filter;
mod pages;

use crossdock_core::json::FieldPath;
use serde_json::Value;
use url::Url;

pub(super) use self::{
    filter::{Filter, filter},
    pages::{End, Paging, paging},
};
use super::{ask::Answer, fields::id_at, paging::Clues};

/// The first page, which all others are compared with.
#[derive(Debug)]
pub(super) struct First<'a> {
    pub(super) answer: &'a Answer,
    pub(super) items: &'a FieldPath,
    pub(super) id: &'a FieldPath,
    pub(super) clues: &'a Clues,
}

impl First<'_> {
    fn rows<'b>(&self, body: &'b Value) -> Option<&'b [Value]> {
        self.items.get(body)?.as_array().map(Vec::as_slice)
    }

    fn ids(&self, body: &Value) -> Option<Vec<String>> {
        Some(self.rows(body)?.iter().filter_map(|row| id_at(row, self.id)).collect())
    }

    fn own_ids(&self) -> Vec<String> {
        self.ids(&self.answer.body).unwrap_or_default()
    }
}

/// Another answer beside the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    /// Only such as are not on the first.
    Others,
    /// A list, and nothing in it.
    None,
    /// Most of them are on the first, too: a few may have come and gone meanwhile.
    Same,
    /// A few of the same, or no list.
    NoProof,
}

fn compare(first: &[String], second: Option<&[String]>) -> Rows {
    let Some(second) = second.filter(|_| !first.is_empty()) else { return Rows::NoProof };
    match second.iter().filter(|id| first.contains(id)).count() {
        _ if second.is_empty() => Rows::None,
        0 => Rows::Others,
        shared if shared * 2 > second.len() => Rows::Same,
        _ => Rows::NoProof,
    }
}

fn distinct(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for name in names {
        if !kept.contains(&name) {
            kept.push(name);
        }
    }
    kept
}

/// The address with this parameter, in place of one of the same name.
fn with(url: &Url, name: &str, value: &str) -> Url {
    let others: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(known, _)| known != name)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let mut url = url.clone();
    url.query_pairs_mut().clear().extend_pairs(others).append_pair(name, value);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_other_rows_are_another_page() {
        let check = |first: &[&str], second: Option<&[&str]>, expected: Rows| {
            let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
            assert_eq!(compare(&owned(first), second.map(owned).as_deref()), expected, "{first:?} {second:?}");
        };
        check(&["1", "2"], Some(&["3", "4"]), Rows::Others);
        check(&["1", "2"], Some(&[]), Rows::None);
        check(&["1", "2"], Some(&["1", "2"]), Rows::Same);
        check(&["1", "2"], Some(&["0", "1", "2"]), Rows::Same);
        check(&["1", "2"], Some(&["2", "3"]), Rows::NoProof);
        check(&["1", "2"], None, Rows::NoProof);
        check(&[], Some(&[]), Rows::NoProof);
        check(&[], Some(&["1"]), Rows::NoProof);
    }

    #[test]
    fn a_parameter_takes_the_place_of_its_namesake() {
        let check = |url: &str, expected: &str| assert_eq!(with(&url.parse().unwrap(), "page", "2").as_str(), expected);
        check("http://x/o", "http://x/o?page=2");
        check("http://x/o?page=1&a=%20b", "http://x/o?a=+b&page=2");
    }
}
