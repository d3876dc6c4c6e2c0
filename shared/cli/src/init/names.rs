//! What things are called in the file: the source after its host, the collection and the objects after the list.

use url::{Host, Url};

/// Words that say that something is a list and not of what.
const GENERIC: [&str; 16] = [
    "data", "items", "results", "result", "records", "rows", "list", "content", "contents", "value", "values",
    "entries", "elements", "edges", "nodes", "hits",
];
/// The longest name of a source or a collection.
const LONGEST: usize = 40;

/// `https://api.shop.example.com` is `shop`; what runs on this machine is `local` unless its name says more.
pub(super) fn source(url: &Url) -> String {
    const NOT_A_NAME: [&str; 9] = ["www", "api", "rest", "app", "admin", "v1", "v2", "v3", "localhost"];
    let Some(Host::Domain(host)) = url.host() else { return "local".to_owned() };
    let labels: Vec<&str> = host.trim_end_matches('.').split('.').collect();
    // The last one is a top-level domain, where there is any other.
    let names = if labels.len() > 1 { &labels[..labels.len() - 1] } else { &labels[..] };
    let name = names.iter().find(|label| !NOT_A_NAME.contains(label)).and_then(|label| slug(label));
    name.unwrap_or_else(|| "local".to_owned())
}

/// The last word of the address that is one: `orders` of `/api/v2/orders.json`.
pub(super) fn last_word(url: &Url) -> String {
    let segments: Vec<&str> = url.path_segments().map(Iterator::collect).unwrap_or_default();
    let words = segments.iter().rev().filter_map(|segment| slug(segment.split('.').next().unwrap_or_default()));
    let is_version = |word: &str| word.strip_prefix('v').is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()));
    words.into_iter().find(|word| !is_version(word) && word != "api").unwrap_or_default()
}

/// `list` is the last name of the list's path, or empty where the answer is the list.
pub(super) fn collection(list: &str, last_word: &str) -> String {
    let named = slug(list).filter(|name| !GENERIC.contains(&name.as_str()));
    let from_address = || Some(last_word.to_owned()).filter(|word| !word.is_empty());
    named.or_else(from_address).or_else(|| slug(list)).unwrap_or_else(|| "items".to_owned())
}

/// One of them: `order`, `category`, `address`. English only, and right often enough for a name that can be changed.
pub(super) fn one_of(collection: &str) -> String {
    if let Some(stem) = collection.strip_suffix("ies").filter(|stem| stem.len() > 1) {
        return format!("{stem}y");
    }
    let without = |ending: &str| collection.strip_suffix(ending);
    let is_hissing = ["sses", "xes", "ches", "shes"].iter().any(|ending| collection.ends_with(ending));
    let one = if is_hissing { without("es") } else { without("s").filter(|stem| !stem.ends_with(['s', 'u', 'i'])) };
    one.filter(|one| !one.is_empty()).unwrap_or(collection).to_owned()
}

/// The nearest thing that is a name in a hub file: lower case, digits, `-` and `_`, a letter first.
fn slug(text: &str) -> Option<String> {
    let mut name = String::new();
    for c in text.chars() {
        match c {
            // `salesOrders` is two words.
            'A'..='Z' if name.ends_with(|last: char| last.is_ascii_lowercase()) => {
                name.push('-');
                name.push(c.to_ascii_lowercase());
            }
            _ if c.is_ascii_alphanumeric() => name.push(c.to_ascii_lowercase()),
            '_' => name.push('_'),
            _ if name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    let name = name.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    let name: String = name.chars().take(LONGEST).collect();
    let name = name.trim_end_matches(['-', '_']);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_called_after_their_host() {
        let check = |url: &str, expected: &str| assert_eq!(source(&url.parse().unwrap()), expected, "{url}");
        check("https://shop.example.com/orders", "shop");
        check("https://api.shop.example.com/v1/orders", "shop");
        check("https://www.example.com", "example");
        check("https://my-shop.myshopify.com/admin", "my-shop");
        check("http://store", "store");
        check("http://shop.localhost:3000", "shop");
        check("http://localhost:3000", "local");
        check("http://127.0.0.1:3000", "local");
        check("http://[::1]", "local");
        check("https://123.example", "local");
    }

    #[test]
    fn collections_are_called_after_the_list_or_the_address() {
        let check = |list: &str, url: &str, expected: (&str, &str)| {
            let name = collection(list, &last_word(&url.parse().unwrap()));
            assert_eq!((name.as_str(), one_of(&name).as_str()), expected, "{list} {url}");
        };
        check("orders", "http://x/api", ("orders", "order"));
        check("data", "http://x/api/v2/orders.json", ("orders", "order"));
        check("", "http://x/v1/categories/", ("categories", "category"));
        check("", "http://x/addresses", ("addresses", "address"));
        check("", "http://x/boxes", ("boxes", "box"));
        check("", "http://x/status", ("status", "status"));
        check("", "http://x/houses", ("houses", "house"));
        check("salesOrders", "http://x", ("sales-orders", "sales-order"));
        check("items", "http://x/", ("items", "item"));
        check("", "http://x/api/v1", ("items", "item"));
        check("", "http://x/%C3%A9t%C3%A9s/42", ("c3-a9t-c3-a9s", "c3-a9t-c3-a9"));
        check("", &format!("http://x/{}s", "a".repeat(60)), (&"a".repeat(40), &"a".repeat(40)));
    }
}
