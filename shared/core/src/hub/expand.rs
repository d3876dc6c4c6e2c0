//! `${NAME}` and `${NAME:-default}` in a scalar, taken from the environment.
//!
//! Done after parsing, scalar by scalar: what a variable holds never becomes structure. As in a shell, the default
//! stands in for a variable that is unset or empty. `$${` is a literal `${`; a `$` before anything else is itself.
//! Deliberately absent: nesting, and every other form of a shell's.

/// Where variables get their values.
pub(crate) struct Variables<'a> {
    pub(crate) lookup: &'a dyn Fn(&str) -> Option<String>,
    /// What may stand for the whole scalar at a path where a variable is not set.
    pub(crate) stand_in: fn(&str) -> Option<&'static str>,
}

impl Variables<'_> {
    /// As [`expand`], for the scalar at `path`.
    pub(crate) fn expand(&self, path: &str, text: &str) -> Result<Option<String>, Vec<(String, Option<String>)>> {
        let Some(stand_in) = (self.stand_in)(path) else {
            return expand(text, self.lookup);
        };
        expand(text, self.lookup).or_else(|_| {
            // Whatever else is wrong with it stays a fault.
            expand(text, &|name| Some((self.lookup)(name).unwrap_or_default()))?;
            Ok(Some(stand_in.to_owned()))
        })
    }
}

/// `Ok(None)`: nothing to expand. Otherwise the text, or everything wrong with it: a message and what to do.
fn expand(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<String>, Vec<(String, Option<String>)>> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut out = String::with_capacity(text.len());
    let mut wrong = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(kept) = before.strip_suffix('$') {
            out.push_str(kept);
            out.push_str("${");
            rest = &from[2..];
            continue;
        }
        out.push_str(before);
        let Some(end) = from.find('}') else {
            wrong.push(("expected } to close ${, found the end of the text".to_owned(), literal()));
            break;
        };
        match variable(&from[2..end], lookup) {
            Ok(value) => out.push_str(&value),
            Err(fault) => wrong.push(fault),
        }
        rest = &from[end + 1..];
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    out.push_str(rest);
    Ok(Some(out))
}

fn literal() -> Option<String> {
    Some("write $${ for a literal ${".to_owned())
}

fn variable(inside: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, (String, Option<String>)> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name || default.is_some_and(|default| default.contains("${")) {
        return Err((format!("expected ${{NAME}} or ${{NAME:-default}}, found ${{{inside}}}"), literal()));
    }
    match (lookup(name), default) {
        (Some(value), default) if default.is_none() || !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        _ => Err((
            format!("the environment variable {name} is not set"),
            Some(format!("set it, or give a default: ${{{name}:-…}}")),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_and_faults_named() {
        fn check(text: &str, expected: &str) {
            let lookup = |name: &str| match name {
                "URL" => Some("http://shop".to_owned()),
                "EMPTY" => Some(String::new()),
                "TRICK" => Some("${URL}\nroutes: []".to_owned()),
                _ => None,
            };
            let found = match expand(text, &lookup) {
                Ok(None) => "as it is".to_owned(),
                Ok(Some(text)) => format!("= {text}"),
                Err(wrong) => wrong.into_iter().map(|(message, _)| message).collect::<Vec<_>>().join(" | "),
            };
            assert_eq!(found, expected, "{text}");
        }
        check("plain $5 {x}", "as it is");
        check("${URL}/api", "= http://shop/api");
        check("${URL:-x}${URL}", "= http://shophttp://shop");
        check("${NONE:-a:-b}", "= a:-b");
        check("${NONE:-}", "= ");
        check("[${EMPTY}]", "= []");
        check("${EMPTY:-full}", "= full");
        check("${TRICK}", "= ${URL}\nroutes: []");
        check("$${URL} $$5", "= ${URL} $$5");
        check("$$${URL}", "= $${URL}");
        check("${NONE} ${ALSO}", "the environment variable NONE is not set | the environment variable ALSO is not set");
        check("${URL", "expected } to close ${, found the end of the text");
        check("${}", "expected ${NAME} or ${NAME:-default}, found ${}");
        check("${a-b}", "expected ${NAME} or ${NAME:-default}, found ${a-b}");
        check("${NONE:-${URL}}", "expected ${NAME} or ${NAME:-default}, found ${NONE:-${URL}");
        check("é${URL}é", "= éhttp://shopé");
    }
}
