//! What `sam package` does to a template: whatever it names on this machine is uploaded, and its place in S3 takes the
//! place of its path. Text for text, so that the rest of the template is what CloudFormation gets.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::cloud::{Cloud, zipped};
use crate::support::binary::crossdock;

/// A template that CloudFormation can take, and what has to be uploaded before: keys and contents.
#[derive(Debug, Default)]
pub(crate) struct Packaged {
    pub(crate) template: String,
    pub(crate) uploads: Vec<(String, Vec<u8>)>,
}

/// `template` and what it nests; `hub` is what the functions' packages get as `hub.json`. `edition` tells the uploads of
/// one deployment from those of another: CloudFormation takes what has the same place for unchanged.
pub(crate) fn package(cloud: &Cloud, template: &Path, hub: &[u8], edition: usize) -> Packaged {
    let mut packaged = Packaged::default();
    packaged.template = read(cloud, template, hub, edition, &mut packaged.uploads);
    let functions = packaged.uploads.iter().filter(|(key, _)| key.ends_with(".zip")).count();
    assert_eq!(functions, 3, "{} should name three functions", template.display());
    packaged
}

fn read(cloud: &Cloud, file: &Path, hub: &[u8], edition: usize, uploads: &mut Vec<(String, Vec<u8>)>) -> String {
    let folder = file.parent().unwrap();
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut packaged = String::new();
    for line in text.lines() {
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        let value = value.trim_matches('"');
        let replaced = match name.trim_start() {
            "TemplateURL" => {
                let nested = read(cloud, &folder.join(value), hub, edition, uploads);
                let key = format!("{edition}/{value}");
                uploads.push((key.clone(), nested.into_bytes()));
                format!("{name}: {}", cloud.template_url(&key))
            }
            "CodeUri" => {
                let key = format!("{edition}/{value}.zip");
                uploads.push((key.clone(), zipped([("bootstrap", bootstrap(value)), ("hub.json", hub.to_vec())])));
                format!("{name}: s3://{}/{key}", cloud.bucket())
            }
            _ => line.to_owned(),
        };
        packaged.push_str(&replaced);
        packaged.push('\n');
    }
    packaged
}

/// Of the function that is in this folder of the repository, as cargo has built it beside the command.
fn bootstrap(folder: &str) -> Vec<u8> {
    let function = PathBuf::from(folder).file_name().unwrap().to_str().unwrap().to_owned();
    let binary = crossdock().with_file_name(format!("crossdock-{function}"));
    fs::read(&binary)
        .unwrap_or_else(|error| panic!("{}: {error}: run ./test, or cargo build --workspace", binary.display()))
}
