//! What things are called in the file: the hub after the list's address, the source after its host, the collection and the
//! objects after the list.

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

/// `https://api.shop.example.com/v2/orders.json` is `shop-orders`: two lists are two hubs, with a state each, also those of one
/// host. `source` is what the source is called.
pub(super) fn hub(source: &str, url: &Url) -> String {
    let port = url.port().map(|port| port.to_string());
    let segments =
        url.path_segments().into_iter().flatten().map(|segment| segment.split('.').next().unwrap_or_default());
    let words = segments.filter(|word| !word.is_empty() && !matches!(*word, "api" | "rest") && !is_version(word));
    let parts: Vec<&str> = [source].into_iter().chain(port.as_deref()).chain(words).collect();
    slug(&parts.join("-")).unwrap_or_else(|| source.to_owned())
}

/// A second one, or a third.
pub(super) fn numbered(name: &str, number: u32) -> String {
    let end = format!("-{number}");
    let stem: String = name.chars().take(LONGEST - end.len()).collect();
    format!("{}{end}", stem.trim_end_matches(['-', '_']))
}

fn is_version(word: &str) -> bool {
    word.strip_prefix('v').is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()))
}

/// The last word of the address that is one: `orders` of `/api/v2/orders.json`.
pub(super) fn last_word(url: &Url) -> String {
    let segments: Vec<&str> = url.path_segments().map(Iterator::collect).unwrap_or_default();
    let words = segments.iter().rev().filter_map(|segment| slug(segment.split('.').next().unwrap_or_default()));
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
    fn hubs_are_called_after_the_address() {
        let check = |url: &str, expected: &str| {
            let url = url.parse().unwrap();
            assert_eq!(hub(&source(&url), &url), expected, "{url}");
        };
        check("https://shop.example.com/orders", "shop-orders");
        check("https://api.shop.example.com/api/v2/orders.json?page=1", "shop-orders");
        check("https://shop.example.com/stores/7/orders", "shop-stores-7-orders");
        check("https://shop.example.com/stores/8/orders", "shop-stores-8-orders");
        check("https://shop.example.com:443/orders", "shop-orders");
        check("http://localhost:3000/orders", "local-3000-orders");
        check("http://127.0.0.1:3001/", "local-3001");
        check("https://shop.example.com", "shop");
        check("https://shop.example.com/salesOrders", "shop-sales-orders");
        let long = format!("https://shop.example.com/{}", "x".repeat(60));
        check(&long, &format!("shop-{}", "x".repeat(35)));
        assert_eq!(numbered("shop-orders", 2), "shop-orders-2");
        assert_eq!(numbered(&"x".repeat(40), 12), format!("{}-12", "x".repeat(37)));
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
