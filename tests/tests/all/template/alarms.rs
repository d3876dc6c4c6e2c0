//! Alarms: each tells somebody, and the runbook says of each what to do.

use std::collections::BTreeSet;

use super::document::Template;
use crate::support::binary::repository_file;

/// The runbook's sections are called by the ends of alarms' names: "## `-errors`".
fn sections(runbook: &str) -> BTreeSet<&str> {
    runbook.lines().filter_map(|line| line.strip_prefix("## `")?.strip_suffix('`')).collect()
}

#[test]
fn every_alarm_tells_somebody_and_is_in_the_runbook() {
    let runbook = repository_file("infra/runbook.md");
    let sections = sections(&runbook);
    let mut used = BTreeSet::new();
    for template in Template::all() {
        for alarm in template.of_kind("AWS::CloudWatch::Alarm") {
            for actions in ["AlarmActions", "OKActions"] {
                let actions = alarm.property(actions).as_array().map(Vec::len);
                assert_eq!(actions, Some(1), "{}", alarm.place);
            }
            let name = alarm.property("AlarmName")["Fn::Sub"].as_str().unwrap();
            // "-failed-events" ends with nothing else that is a section.
            let section =
                sections.iter().filter(|section| name.ends_with(**section)).max_by_key(|section| section.len());
            used.insert(*section.unwrap_or_else(|| panic!("infra/runbook.md has no section for {name}")));
        }
    }
    assert_eq!(used, sections, "sections of infra/runbook.md that are no alarm's");
}
