//! AWS's semantics again, written apart from the compiler and the matcher, over the pattern's text.
//!
//! An event is its leaves, each with its names and the array elements it stands in. A pattern matches when every one of
//! its fields finds a leaf, all of them in elements that go together; what is absent is absent from those. Every way is
//! tried, one after another, so it is slow and cannot be clever.

use serde_json::{Value, json};

/// Array elements a leaf stands in: the array (by where it is), and the place in it.
type Trail = Vec<(String, usize)>;

struct Found {
    path: Vec<String>,
    value: Value,
    trail: Trail,
}

pub(super) fn matches(pattern: &Value, event: &Value) -> bool {
    let mut leaves = Vec::new();
    flatten(event, &mut Vec::new(), &mut String::new(), &mut Vec::new(), &mut leaves);
    let mut combinations = combinations(pattern);
    combinations.iter_mut().for_each(|fields| fields.sort_by_key(|(path, _)| path.join(".")));
    combinations.iter().any(|fields| together(fields, &leaves, &mut Vec::new()))
}

fn flatten(value: &Value, path: &mut Vec<String>, place: &mut String, trail: &mut Trail, out: &mut Vec<Found>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let length = place.len();
                place.push_str(&format!("/{name}"));
                path.push(name.clone());
                flatten(value, path, place, trail, out);
                path.pop();
                place.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                // A plain value is in no element of its own.
                let stands_in = value.is_object() || value.is_array();
                let length = place.len();
                if stands_in {
                    trail.push((place.clone(), index));
                }
                place.push_str(&format!("/{index}"));
                flatten(value, path, place, trail, out);
                place.truncate(length);
                if stands_in {
                    trail.pop();
                }
            }
        }
        leaf => out.push(Found { path: path.clone(), value: leaf.clone(), trail: trail.clone() }),
    }
}

type Fields = Vec<(Vec<String>, Vec<Value>)>;

fn combinations(pattern: &Value) -> Vec<Fields> {
    let mut all: Vec<Fields> = vec![vec![]];
    for (name, value) in pattern.as_object().unwrap() {
        let more: Vec<Fields> = if name == "$or" {
            value.as_array().unwrap().iter().flat_map(combinations).collect()
        } else if let Value::Array(list) = value {
            vec![vec![(vec![name.clone()], list.clone())]]
        } else {
            let mut inner = combinations(value);
            inner.iter_mut().flatten().for_each(|(path, _)| path.insert(0, name.clone()));
            inner
        };
        all = all.iter().flat_map(|one| more.iter().map(|other| [one.clone(), other.clone()].concat())).collect();
    }
    all
}

fn together<'a>(fields: &[(Vec<String>, Vec<Value>)], leaves: &'a [Found], chosen: &mut Vec<&'a Trail>) -> bool {
    let Some(((path, list), rest)) = fields.split_first() else { return true };
    let is = |wanted: bool| list.iter().any(|one| one.get("exists") == Some(&Value::Bool(wanted)));
    let fits = |leaf: &&Found, chosen: &[&Trail]| {
        chosen.iter().all(|other| {
            other.iter().all(|(array, place)| leaf.trail.iter().all(|(own, at)| own != array || at == place))
        })
    };
    let here: Vec<&Found> = leaves.iter().filter(|leaf| leaf.path == *path && fits(leaf, chosen)).collect();
    if here.is_empty() {
        return is(false) && together(rest, leaves, chosen);
    }
    here.into_iter().any(|leaf| {
        if !is(true) && !list.iter().any(|one| passes(one, &leaf.value)) {
            return false;
        }
        chosen.push(&leaf.trail);
        let rest = together(rest, leaves, chosen);
        chosen.pop();
        rest
    })
}

/// Of a value as AWS compares it: `None` if it is no number, or one whose digits a double loses.
fn number(value: &Value) -> Option<f64> {
    let Value::Number(number) = value else { return None };
    let double: f64 = number.to_string().parse().unwrap();
    // The tests' numbers have few digits, so the shortest spelling of the double has all of them or lost some.
    let digits = |text: &str| {
        let mantissa: String =
            text.chars().take_while(|one| !"eE".contains(*one)).filter(char::is_ascii_digit).collect();
        mantissa.trim_matches('0').to_owned()
    };
    (double.is_finite() && digits(&double.to_string()) == digits(&number.to_string())).then_some(double)
}

fn passes(matcher: &Value, value: &Value) -> bool {
    let text = value.as_str();
    let lower = |value: &Value| value.as_str().unwrap().to_lowercase();
    match matcher {
        Value::Number(_) => number(matcher) == number(value) && number(value).is_some(),
        Value::Object(object) => {
            let (name, wanted) = object.iter().next().unwrap();
            match name.as_str() {
                "prefix" if wanted.is_object() => {
                    text.is_some_and(|text| text.to_lowercase().starts_with(&lower(&wanted["equals-ignore-case"])))
                }
                "suffix" if wanted.is_object() => {
                    text.is_some_and(|text| text.to_lowercase().ends_with(&lower(&wanted["equals-ignore-case"])))
                }
                "prefix" => text.is_some_and(|text| text.starts_with(wanted.as_str().unwrap())),
                "suffix" => text.is_some_and(|text| text.ends_with(wanted.as_str().unwrap())),
                "equals-ignore-case" => text.is_some_and(|text| text.to_lowercase() == lower(wanted)),
                "wildcard" => text.is_some_and(|text| glob(wanted.as_str().unwrap(), text)),
                "anything-but" => {
                    let (form, wanted) = match wanted {
                        Value::Object(form) => form.iter().next().map(|(name, wanted)| (Some(name), wanted)).unwrap(),
                        other => (None, other),
                    };
                    let list = wanted.as_array().cloned().unwrap_or_else(|| vec![wanted.clone()]);
                    let same = |one: &Value| match form {
                        Some(form) => passes(&json!({form: one}), value),
                        None => passes(one, value),
                    };
                    !list.iter().any(same)
                }
                "numeric" => number(value).is_some_and(|value| {
                    wanted.as_array().unwrap().chunks(2).all(|pair| {
                        let bound = number(&pair[1]).unwrap();
                        match pair[0].as_str().unwrap() {
                            "=" => value == bound,
                            "<" => value < bound,
                            "<=" => value <= bound,
                            ">" => value > bound,
                            ">=" => value >= bound,
                            other => panic!("{other}"),
                        }
                    })
                }),
                "exists" => false,
                other => panic!("{other}"),
            }
        }
        literal => literal == value,
    }
}

fn glob(pattern: &str, text: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('*') => {
            (0..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| glob(rest.as_str(), &text[at..]))
        }
        Some(mut wanted) => {
            if wanted == '\\' {
                wanted = rest.next().unwrap();
            }
            text.strip_prefix(wanted).is_some_and(|text| glob(rest.as_str(), text))
        }
    }
}
