//! A recording as `crossdock listen --record` writes it, and whether an answer is the one that was recorded.
//!
//! A JSON body stands in the file as it came, byte for byte, and goes out as it stands there: whoever edits a recording sees
//! what is sent, layout and names that stand twice included.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use serde_json::{Value, value::RawValue};
use similar::TextDiff;

use crate::{failure::Failure, redact};

/// Lines of a difference that are shown.
const LINES_SHOWN: usize = 40;

#[derive(Debug)]
pub(super) struct Recording {
    /// Of its file, for those who read what differs.
    pub(super) name: String,
    /// With its query.
    pub(super) path: String,
    /// By names in lower case.
    pub(super) headers: BTreeMap<String, String>,
    /// `None`: it was not UTF-8, so there is nothing that could be sent.
    pub(super) body: Option<String>,
    pub(super) answer: Answer,
}

#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Got {
        status: u16,
        /// As it is shown.
        body: String,
    },
    /// `listen` answered by itself, which says nothing of any service.
    Own,
    /// Why nothing came back.
    Nothing(String),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Got { status, .. } => status.fmt(f),
            Self::Own => f.write_str("2xx"),
            Self::Nothing(why) => write!(f, "no answer ({why})"),
        }
    }
}

impl Answer {
    pub(super) fn got(status: u16, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let text = redact::parameters(&text, &|_| false);
        let body =
            serde_json::from_str::<Value>(&text).map_or_else(|_| text.into_owned(), |value| format!("{value:#}"));
        Self::Got { status, body }
    }

    /// `None`: it is as was recorded. Otherwise how it is not, in lines.
    pub(super) fn differs(&self, found: &Self) -> Option<String> {
        let said = |answer: &Self| match answer {
            Self::Got { body, .. } => format!("{body}\n"),
            _ => String::new(),
        };
        match (self, found) {
            (Self::Nothing(_), Self::Nothing(_)) => return None,
            (Self::Own, Self::Got { status, .. }) if (200..300).contains(status) => return None,
            (Self::Got { status: recorded, .. }, Self::Got { status, .. }) if recorded == status => return None,
            _ => {}
        }
        let (recorded, now) = (format!("{self}\n{}", said(self)), format!("{found}\n{}", said(found)));
        let diff = TextDiff::from_lines(&recorded, &now);
        let diff = diff.unified_diff().context_radius(3).header("recorded", "now").to_string();
        let mut lines: Vec<String> = diff.lines().take(LINES_SHOWN).map(|line| format!("  {line}")).collect();
        if diff.lines().count() > LINES_SHOWN {
            lines.push("  …".to_owned());
        }
        Some(lines.join("\n"))
    }
}

impl Recording {
    fn read(file: &Path) -> Result<Self, Failure> {
        let name = file.display().to_string();
        let text = std::fs::read(file).map_err(|error| Failure::of(format!("{name} cannot be read"), &error))?;
        let value: Value =
            serde_json::from_slice(&text).map_err(|error| Failure::of(format!("{name} is no recording"), &error))?;
        let missing = |what: &str| {
            Failure::new(format!("{name} is no recording: expected {what}, as crossdock listen --record writes it"))
        };
        let request = value.get("request").ok_or_else(|| missing("request"))?;
        let path = request["path"].as_str().ok_or_else(|| missing("request.path"))?.to_owned();
        let headers = request["headers"].as_object().ok_or_else(|| missing("request.headers"))?;
        let header = |(name, value): (&String, &Value)| Some((name.to_ascii_lowercase(), value.as_str()?.to_owned()));
        let answer = value.get("answer").ok_or_else(|| missing("answer"))?;
        let answer = match (answer["own"].as_bool(), answer["status"].as_u64(), answer["error"].as_str()) {
            (Some(true), ..) => Answer::Own,
            (_, Some(status), _) => {
                let status = u16::try_from(status).map_err(|_| missing("an HTTP status as answer.status"))?;
                Answer::got(status, body(answer).as_bytes())
            }
            (_, None, Some(why)) => Answer::Nothing(why.to_owned()),
            (_, None, None) => return Err(missing("answer.status or answer.error")),
        };
        let headers = headers.iter().filter_map(header).collect();
        Ok(Self { path, headers, body: sent(request, &text), answer, name })
    }

    /// Of its path, without the query.
    pub(super) fn place(&self) -> &str {
        self.path.split_once('?').map_or(self.path.as_str(), |(place, _)| place)
    }
}

/// As it is to be sent: what is in `body` byte for byte, or whatever else it was in `text`.
fn sent(request: &Value, recording: &[u8]) -> Option<String> {
    if request.get("body").is_some() {
        return Some(field(field(recording, "request")?.get().as_bytes(), "body")?.get().to_owned());
    }
    if request.get("hex").is_some() {
        return None;
    }
    Some(request.get("text").and_then(Value::as_str).unwrap_or_default().to_owned())
}

/// As it stands in the text.
fn field<'a>(of: &'a [u8], name: &str) -> Option<&'a RawValue> {
    serde_json::from_slice::<BTreeMap<String, &RawValue>>(of).ok()?.remove(name)
}

/// For comparing.
fn body(answer: &Value) -> String {
    match (answer.get("body"), answer.get("text").and_then(Value::as_str)) {
        (Some(body), _) => body.to_string(),
        (None, text) => text.unwrap_or_default().to_owned(),
    }
}

/// Those of a folder by their names, which is in the order in which they came.
pub(super) fn all(places: &[PathBuf]) -> Result<Vec<Recording>, Failure> {
    let mut recordings = Vec::new();
    for place in places {
        let failed = |error: std::io::Error| Failure::of(format!("{} cannot be read", place.display()), &error);
        if !place.is_dir() {
            recordings.push(Recording::read(place)?);
            continue;
        }
        let mut files = Vec::new();
        for entry in std::fs::read_dir(place).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            if file.extension().is_some_and(|extension| extension == "json") {
                files.push(file);
            }
        }
        if files.is_empty() {
            return Err(Failure::new(format!("there is no recording in {}: expected .json files", place.display())));
        }
        files.sort();
        for file in files {
            recordings.push(Recording::read(&file)?);
        }
    }
    Ok(recordings)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_compared_by_their_status() {
        let got = |status: u16, body: &str| Answer::got(status, body.as_bytes());
        let nothing = |why: &str| Answer::Nothing(why.to_owned());
        let check = |recorded: &Answer, found: &Answer, expected: Option<&str>| {
            assert_eq!(recorded.differs(found).as_deref(), expected, "{recorded:?} {found:?}");
        };
        check(&got(200, "{\"n\": 1}"), &got(200, "{\"n\": 2}"), None);
        check(&Answer::Own, &got(202, ""), None);
        check(&nothing("refused"), &nothing("no whole answer within 1s"), None);
        check(
            &got(200, "{\"n\": 1}"),
            &got(500, "{\"n\": 1, \"parameters\": {\"token\": \"s3cr3t\"}}"),
            Some(
                "  --- recorded\n  +++ now\n  @@ -1,4 +1,7 @@\n  -200\n  +500\n   {\n  -  \"n\": 1\n  +  \"n\": 1,\n  \
                 +  \"parameters\": {\n  +    \"token\": \"(redacted)\"\n  +  }\n   }",
            ),
        );
        assert!(Answer::Own.differs(&got(404, "no")).unwrap().contains("-2xx\n  +404\n  +no"));
        assert!(got(200, "").differs(&nothing("refused")).unwrap().contains("+no answer (refused)"));
        assert!(nothing("refused").differs(&got(200, "")).is_some());
        let long = "line\n".repeat(LINES_SHOWN * 2);
        let shown = got(200, &long).differs(&got(500, "")).unwrap();
        assert_eq!((shown.lines().count(), shown.lines().last()), (LINES_SHOWN + 1, Some("  …")));
    }

    #[test]
    fn what_is_no_recording_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("1.json");
        let check = |content: &str, expected: &str| {
            std::fs::write(&file, content).unwrap();
            let said = all(&[folder.path().to_owned()]).unwrap_err().to_string();
            assert!(said.contains("1.json is no recording") && said.contains(expected), "{said}");
        };
        check("x", "expected value");
        check("{}", "expected request");
        check(&json!({"request": {"path": "/", "headers": {}}}).to_string(), "expected answer");
        check(&json!({"request": {"path": "/", "headers": {}}, "answer": {}}).to_string(), "answer.status");
        std::fs::remove_file(&file).unwrap();
        let said = all(&[folder.path().to_owned()]).unwrap_err().to_string();
        assert!(said.contains("there is no recording in"), "{said}");
        let said = all(&[file]).unwrap_err().to_string();
        assert!(said.contains("cannot be read"), "{said}");
    }

    #[test]
    fn a_body_goes_out_as_it_stands_in_the_file() {
        let check = |request: &str, expected: Option<&str>| {
            let recording = format!("{{\"at\": 1, \"request\": {request}, \"answer\": {{}}}}");
            let value: Value = serde_json::from_str(&recording).unwrap();
            assert_eq!(sent(&value["request"], recording.as_bytes()).as_deref(), expected);
        };
        let twice = "{\"total\": 199.9900,\r\n \"a\":1e2, \"a\" : \"\\u00e9\"}";
        check(&format!("{{\"body\": {twice} , \"path\": \"/\"}}"), Some(twice));
        check(r#"{"body": null}"#, Some("null"));
        check(r#"{"text": "so what"}"#, Some("so what"));
        check(r#"{"text": "{\"a\": 1}\n"}"#, Some("{\"a\": 1}\n"));
        check(r#"{"hex": "ff"}"#, None);
        check("{}", Some(""));
    }
}
