//! The names that the README tells people to type are those of the template and of cargo.

use crate::support::binary::{repository, repository_file};

/// Each `sam local invoke NAME -e FILE` and `cargo lambda invoke NAME --data-file FILE` of the README.
#[test]
fn every_invocation_in_the_readme_names_a_function_and_an_event() {
    let (readme, template) = (repository_file("README.md"), repository_file("template.yaml"));
    let mut found = 0;
    for line in readme.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (is_known, file) = match words[..] {
            ["sam", "local", "invoke", name, "-e", file] => {
                (template.contains(&format!("\n  {name}:\n    Type: AWS::Serverless::Function\n")), file)
            }
            ["cargo", "lambda", "invoke", name, "--data-file", file] => {
                let folder = name.strip_prefix("crossdock-").unwrap_or_else(|| panic!("{line}"));
                let manifest = repository_file(&format!("functions/{folder}/Cargo.toml"));
                (manifest.contains(&format!("name = \"{name}\"")), file)
            }
            _ => continue,
        };
        found += 1;
        assert!(is_known, "{line}");
        assert!(repository().join(file).is_file(), "{line}");
    }
    assert!(found >= 6, "three functions, two ways: {found}");
}

#[test]
fn every_event_has_what_is_expected_of_it() {
    for (name, _) in super::on_aws::events() {
        let expected = repository().join(format!("events/{name}.expected.json"));
        assert!(expected.is_file(), "{}", expected.display());
    }
}
