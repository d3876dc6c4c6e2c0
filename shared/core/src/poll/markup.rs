//! What a source says in HTML or XML where JSON was expected: a page about maintenance, a login form, a warning of PHP
//! before the real answer. Its first words tell the reader more than "not JSON".

/// Characters of the words shown.
const LONGEST: usize = 80;
/// How far into a page they are looked for.
const SEARCHED: usize = 16 << 10;

/// What kind of markup it is and its first words, without tags; `None`: no markup. JSON never begins with `<`.
pub(super) fn look(body: &[u8]) -> Option<(&'static str, String)> {
    let body = body.trim_ascii_start();
    if !body.starts_with(b"<") {
        return None;
    }
    let text = String::from_utf8_lossy(&body[..body.len().min(SEARCHED)]);
    let kind = if text.starts_with("<?xml") && !text.contains("<html") { "XML" } else { "HTML" };
    let words: Vec<String> = words(&text);
    let words = words.join(" ");
    let mut shown: String = words.chars().take(LONGEST).collect();
    if shown.len() < words.len() {
        shown.push('…');
    }
    Some((kind, shown))
}

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text;
    loop {
        let (said, behind) = rest.split_once('<').unwrap_or((rest, ""));
        words.extend(said.split_whitespace().map(str::to_owned));
        if behind.is_empty() || words.len() > LONGEST {
            return words;
        }
        rest = after_tag(behind);
    }
}

/// Behind a tag, or behind an element whose content is nothing to read.
fn after_tag(tag: &str) -> &str {
    if let Some(comment) = tag.strip_prefix("!--") {
        return comment.split_once("-->").map_or("", |(_, behind)| behind);
    }
    let name = tag.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_ascii_lowercase();
    let behind = tag.split_once('>').map_or("", |(_, behind)| behind);
    if !matches!(name.as_str(), "script" | "style") {
        return behind;
    }
    let end = format!("</{name}");
    let at = behind.to_ascii_lowercase().find(&end).map_or(behind.len(), |at| at + 1);
    behind.get(at..).map_or("", |closing| closing.split_once('>').map_or("", |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: Option<(&'static str, &str)>) {
        assert_eq!(look(body.as_bytes()), expected.map(|(kind, words)| (kind, words.to_owned())), "{body}");
    }

    #[test]
    fn the_first_words_are_found() {
        check("<h1>Down for\n maintenance</h1><p>Back at 5</p>", Some(("HTML", "Down for maintenance Back at 5")));
        let login = "\r\n<!DOCTYPE html><html><head><!-- a > b --><STYLE>h1 {}</style><script>x<y</script>\
                     <title>Sign in</title></head>";
        check(login, Some(("HTML", "Sign in")));
        check("<br />\n<b>Warning</b>: mysql{\"orders\":[]}", Some(("HTML", "Warning : mysql{\"orders\":[]}")));
        check("<?xml version=\"1.0\"?><error><code>7</code></error>", Some(("XML", "7")));
        check("<?xml version=\"1.0\"?><html>Down</html>", Some(("HTML", "Down")));
        check("<script>never closed", Some(("HTML", "")));
        check("<", Some(("HTML", "")));
        check("{\"a\": \"<b>\"}", None);
        check("", None);
    }

    #[test]
    fn a_long_page_is_cut() {
        let (_, words) = look(format!("<p>{}", "wörter ".repeat(10_000)).as_bytes()).unwrap();
        assert_eq!(words.chars().count(), LONGEST + 1);
        assert!(words.ends_with('…'));
        // A letter of two bytes on the edge of what is searched.
        assert!(look(format!("<p>{}", "ö".repeat(SEARCHED)).as_bytes()).is_some());
    }
}
