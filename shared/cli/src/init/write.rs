//! The hub file: what was found, with comments for whoever reads on. What was not found stands there as a comment, ready
//! to be tried.

use std::fmt;

use crossdock_core::{
    hub::{TimeField, TimeFormat},
    json::FieldPath,
};

use super::{
    looked_at,
    probe::{End, Filter, Paging},
};
use crate::{args::LISTENER, yaml::scalar};

/// The environment variable that says where the endpoint is, and what is taken without it.
const ENDPOINT: &str = "MY_SERVICE_URL";

#[derive(Debug)]
pub(super) struct Draft {
    /// The address that was asked, without its query.
    pub(super) asked: String,
    /// Where the schema is, from the file's folder.
    pub(super) schema: String,
    /// Of the hub and of its source.
    /// What the hub is called.
    pub(super) hub: String,
    /// What the source is called.
    pub(super) name: String,
    pub(super) url: String,
    /// Private ones that may be reached.
    pub(super) networks: Vec<String>,
    pub(super) auth: Option<Auth>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) collection: String,
    pub(super) object_type: String,
    pub(super) items: FieldPath,
    pub(super) id: FieldPath,
    pub(super) other_ids: Vec<FieldPath>,
    pub(super) created: Option<TimeField>,
    pub(super) updated: Option<TimeField>,
    /// Fields with times that may be either.
    pub(super) other_times: Vec<FieldPath>,
    /// `created` or `updated`, where they have no zone.
    pub(super) zoneless: Vec<FieldPath>,
    pub(super) paging: Paging,
    /// `None`: there is no time to filter by.
    pub(super) filter: Option<Filter>,
}

#[derive(Debug)]
pub(super) enum Auth {
    Bearer(String),
    Header { name: String, secret: String },
}

impl fmt::Display for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hub, name, collection, object_type, .. } = self;
        writeln!(f, "# yaml-language-server: $schema={}", self.schema)?;
        writeln!(f, "#")?;
        writeln!(f, "# Written by `crossdock init`{}All of it is yours to change;", looked_at(&self.asked))?;
        writeln!(f, "# `crossdock check` says what is wrong with it.")?;
        writeln!(f, "\nhub: {hub}")?;
        if !self.networks.is_empty() {
            let networks: Vec<String> = self.networks.iter().map(|network| scalar(network)).collect();
            writeln!(f, "\n# Every other private network is closed.\nnetworks: [{}]", networks.join(", "))?;
        }
        writeln!(f, "\nsources:\n  {name}:\n    url: {}", scalar(&self.url))?;
        self.credentials(f)?;
        writeln!(f, "    collections:\n      {collection}:")?;
        writeln!(f, "        type: {object_type} # its messages are {object_type}:new, {object_type}:updated, …")?;
        write!(f, "        request: {{path: {}", scalar(&self.path))?;
        if !self.query.is_empty() {
            write!(f, ", query: {{{}}}", pairs(&self.query))?;
        }
        writeln!(f, "}}")?;
        if self.items != FieldPath::root() {
            writeln!(f, "        items: {} # where the list is in the answer", path(&self.items))?;
        }
        self.identity(f)?;
        self.times(f)?;
        self.pages(f)?;
        writeln!(f, "        every: 5s")?;
        self.start(f)?;
        if let Some(updated) = &self.updated {
            writeln!(f, "        volatile: [{}] # when nothing else changes, nothing has", path(&updated.path))?;
        }
        writeln!(f, "\nendpoints:")?;
        writeln!(f, "  # The service that is to hear of it. `crossdock listen` plays it until there is one.")?;
        writeln!(f, "  my-service: {{url: \"${{{ENDPOINT}:-http://{LISTENER}}}\"}}")?;
        writeln!(f, "\nroutes:")?;
        writeln!(f, "  - {{name: {collection}, messages: [\"{object_type}:*\"], to: my-service, path: /{collection}}}")
    }
}

impl Draft {
    fn credentials(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = match &self.auth {
            None => None,
            Some(Auth::Bearer(secret) | Auth::Header { secret, .. }) => Some(secret),
        };
        if let Some(secret) = secret {
            writeln!(f, "    # The secret itself is in the environment variable {}, never here.", variable(secret))?;
        }
        match &self.auth {
            None => {}
            Some(Auth::Bearer(secret)) => writeln!(f, "    auth: {{bearer: {{secret: {secret}}}}}")?,
            Some(Auth::Header { name, secret }) => {
                writeln!(f, "    auth: {{header: {{name: {}, secret: {secret}}}}}", scalar(name))?;
            }
        }
        if !self.headers.is_empty() {
            writeln!(f, "    headers: {{{}}}", pairs(&self.headers))?;
        }
        Ok(())
    }

    fn identity(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "        id: {} # names one {}", path(&self.id), self.object_type)?;
        if !self.other_ids.is_empty() {
            let others: Vec<String> = self.other_ids.iter().map(ToString::to_string).collect();
            write!(f, "; {} could, too", others.join(", "))?;
        }
        writeln!(f)
    }

    fn times(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CREATED: &str = "tells new ones from old ones, of which nobody is told";
        match &self.created {
            Some(TimeField { path: at, format: TimeFormat::Rfc3339 }) => {
                writeln!(f, "        created: {} # {CREATED}", path(at))?;
            }
            Some(TimeField { path: at, format }) => {
                writeln!(f, "        created: {{field: {}, format: {}}} # {CREATED}", path(at), word(*format))?;
            }
            None => comment(
                f,
                &[
                    "No field says when one was created. With `created: FIELD` the hub would know new ones from old ones;",
                    "without it, those that it finds at first are the old ones.",
                ],
            )?,
        }
        let Some(updated) = &self.updated else {
            return comment(f, &["No field says when one last changed, so that every poll reads the whole list."]);
        };
        let since = |param: &str| {
            let param = scalar(param);
            format!("since: {{param: {param}, field: {}, format: {}}}", path(&updated.path), word(updated.format))
        };
        match &self.filter {
            Some(Filter::Inclusive(param)) => {
                comment(
                    f,
                    &[
                        "Only what has changed since the last poll is asked for. Where the source can sort by this time, oldest",
                        "first, let `query` above say so: then it is read in the fewest requests.",
                    ],
                )?;
                writeln!(f, "        {}", since(param))
            }
            Some(Filter::Exclusive(param)) => comment(
                f,
                &[
                    &format!(
                        "{param} filters by time, but leaves out what changed at that very time, of which a poll might"
                    ),
                    "then miss something. Whoever can live with that asks only for changes with",
                    &since(param),
                ],
            ),
            Some(Filter::Unproven(param)) => comment(
                f,
                &[
                    &format!(
                        "{param} filters by time. Nothing on the first page has changed since it was created, so that nobody"
                    ),
                    "can tell whether by that time, which would hide every change. Whoever knows better asks only for changes with",
                    &since(param),
                ],
            ),
            Some(Filter::NotFound { .. }) | None => comment(
                f,
                &[
                    "Every poll reads the whole list. If the source has a parameter that leaves out what has not changed since",
                    "a time, name it here:",
                    &since("PARAMETER"),
                ],
            ),
        }
    }

    fn pages(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.paging {
            Paging::Single => comment(
                f,
                &["The whole list is in one answer, as far as one can see; else `pages` says how it goes on."],
            ),
            Paging::Untried => comment(
                f,
                &[
                    "Nothing in the answer speaks of more pages, and none was asked for. If there are, this says how:",
                    "pages: {style: page, param: PARAMETER}",
                ],
            ),
            Paging::LinkHeader => {
                writeln!(f, "        pages: {{style: link}} # each answer names the next page in its Link header")
            }
            Paging::LinkInBody(next) => {
                writeln!(
                    f,
                    "        pages: {{style: link, next: {}}} # where each answer names the next page",
                    path(next)
                )
            }
            Paging::Offset { param } => {
                writeln!(
                    f,
                    "        pages: {{style: offset, param: {}}} # how many objects to leave out",
                    scalar(param)
                )
            }
            Paging::Cursor { param, next } => {
                writeln!(f, "        pages: {{style: cursor, param: {}, next: {}}}", scalar(param), path(next))
            }
            Paging::Number { param, first, end } => {
                let style = if *end == End::Status206 { "status206" } else { "page" };
                write!(f, "        pages: {{style: {style}, param: {}", scalar(param))?;
                if *first != 1 {
                    write!(f, ", first: {first}")?;
                }
                if let End::Total(total) = end {
                    write!(f, ", total: {}", path(total))?;
                }
                writeln!(f, "}}")
            }
            Paging::Unknown => comment(
                f,
                &[
                    "There are more pages than the first, and it was not found out how the hub can ask for them. Until this",
                    "says how, it sees only the first one:",
                    "pages: {style: page, param: PARAMETER}",
                ],
            ),
        }
    }

    fn start(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let silent = match &self.created {
            Some(_) => "what was created before the hub first ran is stored without a word",
            None => "what is there at first is stored without a word",
        };
        writeln!(f, "        start: now # {silent}; `all` makes news of it")
    }
}

/// In a collection.
fn comment(f: &mut fmt::Formatter<'_>, lines: &[&str]) -> fmt::Result {
    lines.iter().try_for_each(|line| writeln!(f, "        # {line}"))
}

/// The environment variable of a secret.
fn variable(secret: &str) -> String {
    format!("CROSSDOCK_SECRET_{}", secret.to_ascii_uppercase().replace('-', "_"))
}

fn word(format: TimeFormat) -> &'static str {
    match format {
        TimeFormat::Rfc3339 => "rfc3339",
        TimeFormat::Epoch => "epoch",
        TimeFormat::EpochMs => "epoch_ms",
    }
}

fn path(path: &FieldPath) -> String {
    scalar(&path.to_string())
}

fn pairs(list: &[(String, String)]) -> String {
    let pairs: Vec<String> = list.iter().map(|(name, value)| format!("{}: {}", scalar(name), scalar(value))).collect();
    pairs.join(", ")
}

/// A value that is not in the file.
pub(super) fn from_environment(variable: &str) -> String {
    format!("${{{variable}}}")
}

#[cfg(test)]
mod tests {
    use crossdock_core::hub;
    use expect_test::expect_file;

    use super::*;
    use crate::yaml::literal;

    fn time(at: &str, format: TimeFormat) -> Option<TimeField> {
        Some(TimeField { path: at.parse().unwrap(), format })
    }

    fn plain() -> Draft {
        Draft {
            asked: "https://shop.example.com/orders".to_owned(),
            schema: ".crossdock/hub.schema.json".to_owned(),
            hub: "shop-orders".to_owned(),
            name: "shop".to_owned(),
            url: "https://shop.example.com".to_owned(),
            networks: Vec::new(),
            auth: None,
            headers: Vec::new(),
            path: "/orders".to_owned(),
            query: Vec::new(),
            collection: "orders".to_owned(),
            object_type: "order".to_owned(),
            items: FieldPath::root(),
            id: "id".parse().unwrap(),
            other_ids: Vec::new(),
            created: None,
            updated: None,
            other_times: Vec::new(),
            zoneless: Vec::new(),
            paging: Paging::Single,
            filter: None,
        }
    }

    fn checked(draft: &Draft) -> String {
        let text = draft.to_string();
        let lookup = |name: &str| (name == "SHOP_API_KEY").then(|| "k".to_owned());
        let loaded = hub::load("hub.yaml", &text, &lookup).unwrap_or_else(|faults| panic!("{faults}\n{text}"));
        assert_eq!(loaded.notes.len(), 0, "{:?}", loaded.notes);
        text
    }

    #[test]
    fn a_file_with_nothing_but_a_list() {
        expect_file!["testdata/plain.yaml"].assert_eq(&checked(&plain()));
    }

    #[test]
    fn a_file_with_all_that_can_be_found() {
        let draft = Draft {
            networks: vec!["10.20.0.0/16".to_owned(), "fd00:1::/32".to_owned()],
            auth: Some(Auth::Bearer("shop-token".to_owned())),
            headers: vec![("x-tenant".to_owned(), "7, ${x} \"a\"".to_owned())]
                .into_iter()
                .map(|(name, value)| (name, literal(&value)))
                .collect(),
            query: vec![
                ("status".to_owned(), "no".to_owned()),
                ("api_key".to_owned(), from_environment("SHOP_API_KEY")),
            ],
            items: "data.orders".parse().unwrap(),
            other_ids: vec!["number".parse().unwrap(), "code".parse().unwrap()],
            created: time("created_at", TimeFormat::Rfc3339),
            updated: time("updated_at", TimeFormat::EpochMs),
            paging: Paging::Number {
                param: "page[number]".to_owned(),
                first: 0,
                end: End::Total("meta.pages".parse().unwrap()),
            },
            filter: Some(Filter::Inclusive("updated_at[gte]".to_owned())),
            ..plain()
        };
        expect_file!["testdata/whole.yaml"].assert_eq(&checked(&draft));
    }

    /// Every way to go on is one that the hub reads.
    #[test]
    fn every_kind_of_finding_makes_a_file_that_is_fine() {
        let next = || "meta.next".parse::<FieldPath>().unwrap();
        let number = |end| Paging::Number { param: "page".to_owned(), first: 1, end };
        let check = |paging: Paging, expected: &str| {
            let text = checked(&Draft { paging, ..plain() });
            assert!(text.contains(expected), "{text}");
        };
        check(Paging::LinkHeader, "        pages: {style: link} #");
        check(number(End::Empty), "        pages: {style: page, param: page}\n");
        check(Paging::Unknown, "        # pages: ");
        check(Paging::Untried, "and none was asked for");
        check(Paging::Offset { param: "skip".to_owned() }, "        pages: {style: offset, param: skip} #");
        check(Paging::LinkInBody(next()), "        pages: {style: link, next: meta.next} #");
        check(
            Paging::Cursor { param: "after".to_owned(), next: next() },
            "        pages: {style: cursor, param: after, next: meta.next}\n",
        );
        check(number(End::Status206), "        pages: {style: status206, param: page}\n");
        let check = |filter: Filter, expected: &str| {
            let updated = time("changed on", TimeFormat::Epoch);
            let text = checked(&Draft { created: updated.clone(), updated, filter: Some(filter), ..plain() });
            assert!(text.contains(expected), "{text}");
        };
        check(
            Filter::Inclusive("since".to_owned()),
            "\n        since: {param: since, field: \"changed on\", format: epoch}\n",
        );
        check(Filter::Exclusive("after".to_owned()), "\n        # since: {param: after,");
        check(Filter::NotFound { tried: Vec::new() }, "\n        # since: {param: PARAMETER,");
        let auth = Some(Auth::Header { name: "x-api-key".to_owned(), secret: "key".to_owned() });
        assert!(checked(&Draft { auth, ..plain() }).contains("CROSSDOCK_SECRET_KEY, never here"));
    }
}
