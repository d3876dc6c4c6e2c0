//! Logical ids: the names of resources inside a template, letters and digits only.
//!
//! They decide what CloudFormation takes for the same resource, so they are a function of the hub's own names alone, and
//! no two names share one.

use sha2::{Digest, Sha256};

/// `write-back` gives `WriteBack`. A name that this would confuse with another (`a_b`, `a--b`, `a-1`, `aB`) ends in a hash.
pub(super) fn logical(name: &str) -> String {
    let words = || name.split(['-', '_', '.', '/']);
    let camel: String = words()
        .flat_map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters)
        })
        .collect();
    let plain = !name.contains(|c: char| matches!(c, '_' | '.' | '/') || c.is_ascii_uppercase())
        && words().all(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
    if plain {
        return camel;
    }
    let hash: String = Sha256::digest(name).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{camel}{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_names_share_an_id() {
        let check = |name: &str, expected: &str| assert_eq!(logical(name), expected, "{name}");
        check("book", "Book");
        check("write-back", "WriteBack");
        check("ab", "Ab");
        check("a-b", "AB");
        check("a1", "A1");
        let alike = [
            "a-b",
            "a_b",
            "a--b",
            "ab",
            "aB",
            "AB",
            "a-b-",
            "a1",
            "a-1",
            "a_1",
            "my-store/a-b",
            "my/store-a-b",
            "my-store-a-b",
        ];
        let ids: std::collections::BTreeSet<String> = alike.into_iter().map(logical).collect();
        assert_eq!(ids.len(), alike.len(), "{ids:?}");
    }
}
