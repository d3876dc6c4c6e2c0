//! `crossdock init`: a hub file from a look at a list.
//!
//! The list is asked for once; [`list`], [`fields`], [`names`] and [`paging`] work out from the answer what they can, with
//! no I/O. [`probe`] makes sure of the rest with a few requests more. [`mod@write`] makes the file, which is read as
//! `crossdock check` would read it before anything is written, and never takes the place of another unless told to.
//!
//! What cannot be known is left to the reader, in a comment where it belongs: a guess that is wrong would look like a
//! fact. Nothing of what the list holds is written or shown, only names of fields and counts.
//!
//! Deliberately absent: GraphQL and other lists that are asked for by POST, and a second list; what is there is meant to
//! be gone on with by hand.

mod ask;
mod fields;
mod list;
mod names;
mod paging;
mod probe;
mod write;

use std::{fs, io::Write, path::Path};

use crossdock_core::{
    hub::{self, TimeField},
    json::FieldPath,
    url::shown,
};
use crossdock_local::LocalHome;
use serde_json::Value;
use url::{Position, Url};

use self::{
    ask::{Answer, Asker, Probe},
    fields::Fields,
    paging::Clues,
    probe::{Filter, First, Paging},
    write::{Auth, Draft},
};
use crate::{
    args::{Init, LISTENER, STATE},
    context::Environment,
    failure::Failure,
    out, redact,
    yaml::literal,
};

/// Beside the states of hubs, so that an editor finds it without the network.
const SCHEMA: &str = "hub.schema.json";

pub(crate) async fn run(args: Init, environment: &Environment) -> Result<(), Failure> {
    let output = args.output.display();
    if args.output.exists() && !args.force {
        return Err(Failure::new(format!(
            "{output} is there already; --output names another file, --force writes over it"
        )));
    }
    // A folder that is not there is a slip more often than a wish.
    let folder = args.output.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir());
    if let Some(folder) = folder {
        return Err(Failure::new(format!(
            "{output} cannot be written: there is no folder {}; make it, or name another file with --output",
            folder.display()
        )));
    }
    let name = args.source.as_ref().map_or_else(|| names::source(&args.url), ToString::to_string);
    let hub = hub_name(&args.output, &args.url, &names::hub(&name, &args.url), Path::new(""));
    let secrets = environment.secrets(&Path::new(STATE).join(&hub));
    let mut asker = Asker::new(&args, &secrets).await?;
    let answer = asker.list(&args.url).await?;
    let (draft, variables, objects) = draft(&args, hub, name, &mut asker, &answer).await?;

    let text = draft.to_string();
    let lookup = |name: &str| {
        let given = variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        given.or_else(|| environment.variable(name))
    };
    hub::load(&output.to_string(), &text, &lookup).map_err(|faults| {
        Failure::new(format!(
            "what was found makes no hub file; nothing was written. crossdock check would say\n{faults}"
        ))
    })?;
    save(&args, &text)?;
    tell(&args, &draft, &variables, objects, asker.asked);
    Ok(())
}

/// What the hub is called: `wanted`, unless that is another hub's here, whose state it would share by accident. Where a file is
/// written over that was made of the same list it is the same hub, under whatever name. States are below `here`, where the
/// command runs.
fn hub_name(output: &Path, url: &Url, wanted: &str, here: &Path) -> String {
    let named = |text: &str| text.lines().find_map(|line| line.strip_prefix("hub:").map(|name| name.trim().to_owned()));
    let before = fs::read_to_string(output).unwrap_or_default();
    if before.contains(&looked_at(&shown(url)))
        && let Some(name) = named(&before)
    {
        return name;
    }
    let beside = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let others = fs::read_dir(beside).into_iter().flatten().flatten().map(|entry| entry.path()).filter(|path| {
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        is_yaml && path.file_name() != output.file_name()
    });
    let others: Vec<String> = others.filter_map(|path| named(&fs::read_to_string(path).ok()?)).collect();
    let is_taken = |name: &String| others.contains(name) || LocalHome::is_at(&here.join(STATE).join(name));
    let mut name = wanted.to_owned();
    for number in 2.. {
        if !is_taken(&name) {
            break;
        }
        name = names::numbered(wanted, number);
    }
    name
}

/// As a file that was made of this list says it.
fn looked_at(asked: &str) -> String {
    format!(" after a look at {asked}. ")
}

/// With the variables that the file takes from the environment, and how many objects there were to look at.
async fn draft(
    args: &Init,
    hub: String,
    name: String,
    asker: &mut Asker,
    answer: &Answer,
) -> Result<(Draft, Vec<(String, String)>, usize), Failure> {
    let asked = shown(&args.url);
    let word = names::last_word(&args.url);
    let items = list::find(&answer.body, args.items.as_ref(), &word)
        .map_err(|why| Failure::new(format!("{asked} was answered, but {why}")))?;
    let rows = items.get(&answer.body).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let collection = names::collection(items.segments().last().map_or("", String::as_str), &word);
    let object_type = names::one_of(&collection);
    let Fields { mut ids, created, updated, other_times } = Fields::of(rows, &object_type);
    let zoneless = [&created, &updated].into_iter().flatten().filter(|field| fields::lacks_zone(rows, field));
    let zoneless = zoneless.map(|field| field.path.clone()).collect();
    let id = match &args.id {
        Some(id) => named_id(rows, id)?,
        None if ids.is_empty() => return Err(no_id(&asked, rows)),
        None => ids[0].clone(),
    };
    ids.retain(|other| *other != id);

    let clues = Clues::of(answer.status, &answer.headers, &answer.body, &items);
    let first = First { answer, items: &items, id: &id, clues: &clues };
    let paging = probe::paging(asker, &first).await;
    let filter = match &updated {
        Some(field) if asker.may_probe() && !rows.is_empty() => {
            Some(probe::filter(asker, &first, field, created.as_ref()).await)
        }
        _ => None,
    };
    let paged_by = match &paging {
        Paging::Number { param, .. } | Paging::Offset { param } | Paging::Cursor { param, .. } => Some(param.as_str()),
        _ => None,
    };
    let Request { path, query, variables } = Request::of(&args.url, &name, paged_by)?;
    let bearer = args.bearer.as_ref().map(|secret| Auth::Bearer(secret.to_string()));
    let header = args.secret_header.as_ref();
    let header = header.map(|(name, secret)| Auth::Header { name: name.clone(), secret: secret.to_string() });
    let draft = Draft {
        asked,
        schema: format!("{STATE}/{SCHEMA}"),
        hub,
        name,
        url: args.url[..Position::BeforePath].to_owned(),
        networks: args.networks.iter().map(ToString::to_string).collect(),
        auth: bearer.or(header),
        headers: args.headers.iter().map(|(name, value)| (name.clone(), literal(value))).collect(),
        path,
        query,
        collection,
        object_type,
        id,
        other_ids: ids,
        created,
        updated,
        other_times,
        zoneless,
        paging,
        filter,
        items: items.clone(),
    };
    Ok((draft, variables, rows.len()))
}

/// Every item has it; that no two share it is what the user says, not what one page can show.
fn named_id(rows: &[Value], id: &FieldPath) -> Result<FieldPath, Failure> {
    let without = rows.iter().filter(|row| fields::id_at(row, id).is_none()).count();
    match without {
        0 => Ok(id.clone()),
        _ => Err(Failure::new(format!(
            "{without} of the {} objects have no text or whole number at {:?}; they have {}",
            rows.len(),
            id.to_string(),
            rows.first().map(list::outline).unwrap_or_default()
        ))),
    }
}

fn no_id(asked: &str, rows: &[Value]) -> Failure {
    let why = match rows.first() {
        None => "the list is empty, so that nobody can tell what names an object".to_owned(),
        Some(row) => format!("no field of the list's objects is sure to name one; the first is {}", list::outline(row)),
    };
    Failure::new(format!("{asked} was answered, but {why}; say which field does with --id"))
}

/// What stands in the file for the address's path and query.
#[derive(Debug, PartialEq)]
struct Request {
    path: String,
    query: Vec<(String, String)>,
    /// Credentials in the query, which the file takes from the environment: names and values.
    variables: Vec<(String, String)>,
}

impl Request {
    fn of(url: &Url, source: &str, paged_by: Option<&str>) -> Result<Self, Failure> {
        let mut request = Self { path: literal(url.path()), query: Vec::new(), variables: Vec::new() };
        let pairs: Vec<_> = url.query_pairs().filter(|(name, _)| paged_by != Some(&**name)).collect();
        for (name, value) in &pairs {
            if redact::is_secret(name) {
                let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
                let variable: String = format!("{source}_{name}").chars().map(upper).collect();
                if request.variables.iter().any(|(known, _)| *known == variable) {
                    return Err(Failure::new(format!(
                        "{name}, which carries a credential, is more than once in the address: the hub file takes one from \
                         the environment, as {variable}; leave out the others"
                    )));
                }
                request.query.push((name.to_string(), write::from_environment(&variable)));
                request.variables.push((variable, value.to_string()));
            } else if pairs.iter().filter(|(other, _)| other == name).count() > 1 {
                // `query` has each name once.
                let separator = if request.path.contains('?') { '&' } else { '?' };
                let pair = url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
                request.path.push(separator);
                request.path.push_str(&pair);
            } else {
                request.query.push((name.to_string(), literal(value)));
            }
        }
        Ok(request)
    }
}

/// The schema first: a file that names one that is not there is worse than a schema that nobody names.
fn save(args: &Init, text: &str) -> Result<(), Failure> {
    let failed = |path: &Path, error: &dyn std::error::Error| {
        Failure::of(format!("{} cannot be written", path.display()), error)
    };
    let folder = args.output.parent().unwrap_or(Path::new("")).join(STATE);
    let schema = folder.join(SCHEMA);
    fs::create_dir_all(&folder).map_err(|error| failed(&folder, &error))?;
    fs::write(&schema, format!("{:#}\n", hub::json_schema())).map_err(|error| failed(&schema, &error))?;
    let mut options = fs::File::options();
    match args.force {
        true => options.write(true).create(true).truncate(true),
        // Also where it has come to be there since we looked.
        false => options.write(true).create_new(true),
    };
    let mut file = options.open(&args.output).map_err(|error| failed(&args.output, &error))?;
    file.write_all(text.as_bytes()).map_err(|error| failed(&args.output, &error))
}

/// What was found, what was not, and how to go on.
fn tell(args: &Init, draft: &Draft, variables: &[(String, String)], objects: usize, requests: u32) {
    let line = |what: &str, text: &str| out::note(&format!("  {what:<8} {text}"));
    let requests = if requests == 1 { "1 request".to_owned() } else { format!("{requests} requests") };
    out::note(&format!("{}: {objects} objects on the first page, {requests}", draft.asked));
    match draft.items == FieldPath::root() {
        true => line("list", "the answer itself"),
        false => line("list", &format!("at {}", draft.items)),
    }
    line("id", &draft.id.to_string());
    line(
        "created",
        &draft.created.as_ref().map_or_else(|| "not found: what is there at first counts as old".to_owned(), found),
    );
    line("updated", &draft.updated.as_ref().map_or_else(|| "not found".to_owned(), found));
    let names = |paths: &[FieldPath]| paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if !draft.zoneless.is_empty() {
        line("zone", &format!("none in {}, which the hub reads as UTC", names(&draft.zoneless)));
    }
    if !draft.other_times.is_empty() && (draft.created.is_none() || draft.updated.is_none()) {
        line(
            "times",
            &format!(
                "in {}, too; if one is when an object was created or changed, name it in the file",
                names(&draft.other_times)
            ),
        );
    }
    line(
        "pages",
        &match &draft.paging {
            Paging::Single => "none found: the list comes in one answer".to_owned(),
            Paging::Untried => "not tried; nothing in the answer speaks of more".to_owned(),
            Paging::LinkHeader => "by the Link header".to_owned(),
            Paging::LinkInBody(next) => format!("by the URL at {next}"),
            Paging::Number { param, .. } | Paging::Offset { param } => {
                format!("by the parameter {param}, tried out")
            }
            Paging::Cursor { param, next } => format!("by the parameter {param} with what is at {next}, tried out"),
            Paging::Unknown => format!(
                "there are more, and how to ask for them was not found; see `pages` in {}",
                args.output.display()
            ),
        },
    );
    line(
        "since",
        &match &draft.filter {
            Some(Filter::Inclusive(param)) => format!("{param}, tried out: polls read only what has changed"),
            Some(Filter::Exclusive(param)) => format!("{param} filters, but not from the very time on; see the file"),
            Some(Filter::Unproven(param)) => {
                format!("{param} filters by time, but maybe by that of creation; see the file")
            }
            Some(Filter::NotFound { tried }) => {
                format!("none of {} filters; polls read the whole list", tried.join(", "))
            }
            None => "not tried; polls read the whole list".to_owned(),
        },
    );
    out::note(&format!("{} is written. Now", args.output.display()));
    for (variable, _) in variables {
        out::note(&format!("  export {variable}=…"));
    }
    let file = args.output.display();
    let (collection, listener) = (format!("{}/{}", draft.name, draft.collection), LISTENER);
    out::note(&format!("  crossdock poll {collection} --dry-run --hub {file}   what a poll would store and emit"));
    out::note(&format!("  crossdock listen   in a second terminal: plays the endpoint, on {listener}"));
    out::note(&format!("  crossdock dev --hub {file}   the hub at work"));
}

fn found(field: &TimeField) -> String {
    format!("{} ({})", field.path, format!("{:?}", field.format).to_lowercase())
}

/// A name without its manner of writing: `created_at` and `createdAt` are one.
fn simple(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_lists_are_two_hubs() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let url: Url = "https://shop.example.com/orders?store=1".parse().unwrap();
        let named = |file: &str| hub_name(&here.join(file), &url, "shop-orders", here);
        assert_eq!(named("hub.yaml"), "shop-orders");

        // Another one, not run yet.
        fs::write(here.join("other.yaml"), "# mine\nhub: shop-orders\n").unwrap();
        assert_eq!(named("hub.yaml"), "shop-orders-2");
        fs::write(here.join("third.yml"), "hub: shop-orders-2\n").unwrap();
        assert_eq!(named("hub.yaml"), "shop-orders-3");
        // Written over, it is no other; what it was made of decides whether it is the same.
        assert_eq!(named("other.yaml"), "shop-orders");
        let written = format!("# Written by `crossdock init`{}All\n\nhub: old-name\n", looked_at(&shown(&url)));
        fs::write(here.join("hub.yaml"), written).unwrap();
        assert_eq!(named("hub.yaml"), "old-name");

        // One that has run, and whose file is elsewhere.
        for file in ["other.yaml", "third.yml", "hub.yaml"] {
            fs::remove_file(here.join(file)).unwrap();
        }
        fs::create_dir_all(here.join(STATE).join("shop-orders")).unwrap();
        assert_eq!(named("hub.yaml"), "shop-orders");
        fs::write(here.join(STATE).join("shop-orders/state.db"), "").unwrap();
        assert_eq!(named("hub.yaml"), "shop-orders-2");
    }

    #[test]
    fn a_query_is_written_without_its_credentials() {
        let check =
            |url: &str, paged_by: Option<&str>, path: &str, query: &[(&str, &str)], variables: &[(&str, &str)]| {
                let owned = |list: &[(&str, &str)]| {
                    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
                };
                let expected = Request { path: path.to_owned(), query: owned(query), variables: owned(variables) };
                assert_eq!(Request::of(&url.parse().unwrap(), "my-shop", paged_by).unwrap(), expected, "{url}");
            };
        check("http://x/orders", None, "/orders", &[], &[]);
        check("http://x/orders?page=1&limit=50", Some("page"), "/orders", &[("limit", "50")], &[]);
        check("http://x/o?id=1&id=%26&a=$%7Bb", None, "/o?id=1&id=%26", &[("a", "$${b")], &[]);
        check(
            "http://x/?api_key=s3cr3t",
            None,
            "/",
            &[("api_key", "${MY_SHOP_API_KEY}")],
            &[("MY_SHOP_API_KEY", "s3cr3t")],
        );
        for twice in ["http://x/?api_key=s3cr3t&api_key=h1dden", "http://x/?api_key=s3cr3t&a=1&api-key=h1dden"] {
            let said = Request::of(&twice.parse().unwrap(), "my-shop", None).unwrap_err().to_string();
            assert!(said.contains("more than once") && said.contains("MY_SHOP_API_KEY"), "{said}");
            assert!(!said.contains("s3cr3t") && !said.contains("h1dden"), "{said}");
        }
    }
}
