//! The rules of Grafana's dashboard-linter, and closed lists for what neither it nor a schema looks at.

use std::collections::BTreeSet;

use badgateway::vocabulary::{Cause, RootCause};
use regex::Regex;
use serde_json::Value;

use crate::{
    files::committed,
    queries::{self, panels},
    source::{colours, limits},
};

const PANELS: [&str; 3] = ["stat", "table", "timeseries"];
const UNITS: [&str; 6] = ["bytes", "dateTimeAsIsoNoDateIfToday", "locale", "percentunit", "reqps", "s"];
const TRANSFORMATIONS: [&str; 3] = ["groupingToMatrix", "merge", "organize"];
const MATCHERS: [&str; 3] = ["byName", "byRegexp", "byValue"];
const PROPERTIES: [&str; 15] = [
    "color",
    "custom.cellOptions",
    "custom.drawStyle",
    "custom.fillOpacity",
    "custom.hideFrom",
    "custom.lineStyle",
    "custom.lineWidth",
    "custom.stacking",
    "custom.width",
    "decimals",
    "links",
    "mappings",
    "min",
    "thresholds",
    "unit",
];
const COLOURS: [&str; 4] = ["green", "orange", "red", "text"];

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn a_dashboard_can_be_provisioned_and_cannot_be_edited_by_accident() {
    let mut seen = BTreeSet::new();
    for (file, board) in committed() {
        let name = file.trim_end_matches(".json");
        assert_eq!(board["uid"], format!("badgateway-{name}"));
        assert!(seen.insert(text(&board["title"]).to_owned()), "{file}");
        assert!(board.get("id").is_none() && board.get("__inputs").is_none(), "{file}");
        assert_eq!(board["schemaVersion"], 39);
        assert_eq!(board["editable"], false);
        assert_eq!(board["graphTooltip"], 1);
        assert_eq!(board["refresh"], "30s");
        assert_eq!(board["timezone"], "browser");
        assert_eq!(board["tags"], serde_json::json!(["badgateway"]));
        let link = &board["links"][0];
        assert!(link["type"] == "dashboards" && link["keepTime"] == true && link["includeVars"] == true);
    }
    assert_eq!(seen.len(), 4);
}

#[test]
fn variables_are_as_the_linter_wants_them() {
    for (file, board) in committed() {
        let variables: Vec<&Value> = list(&board["templating"]["list"]).collect();
        let of = |name: &str| variables.iter().find(|variable| variable["name"] == name).unwrap();
        assert_eq!(variables.iter().filter(|variable| variable["type"] == "datasource").count(), 1);
        let source = of("datasource");
        assert!(source["query"] == "prometheus" && source["label"] == "Data Source", "{file}");
        for name in ["job", "instance"] {
            let variable = of(name);
            assert!(variable["type"] == "query" && variable["multi"] == true, "{file} {name}");
            assert!(variable["allValue"] == ".+" && variable["includeAll"] == true, "{file} {name}");
            let label = text(&variable["label"]);
            assert!(label.eq_ignore_ascii_case(name) && label.starts_with(|c: char| c.is_uppercase()));
        }
        for variable in variables.iter().filter(|variable| variable["type"] == "query") {
            assert_eq!(variable["datasource"]["uid"], "${datasource}", "{file}");
            // On a change of the time range: what is gone by now can be chosen.
            assert_eq!(variable["refresh"], 2, "{file}");
            assert_eq!(variable["definition"], variable["query"]["query"], "{file}");
        }
    }
}

#[test]
fn panels_say_what_they_ask_and_what_to_do() {
    for (file, board) in committed() {
        let (mut ids, mut titles, mut cells) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for panel in list(&board["panels"]).chain(panels(&board)) {
            let title = text(&panel["title"]);
            if ids.insert(panel["id"].as_u64().expect("an id")) {
                assert!(!title.is_empty() && titles.insert(title.to_owned()), "{file}: {title:?} twice");
            }
        }
        for panel in panels(&board) {
            let title = text(&panel["title"]);
            let description = text(&panel["description"]);
            assert!(
                description.len() > 20 && description.ends_with(['.', '?']),
                "{file} {title}: {description}"
            );
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{file} {title}");
            let letters: BTreeSet<&str> =
                list(&panel["targets"]).map(|target| text(&target["refId"])).collect();
            assert!(
                !letters.is_empty() && letters.len() == list(&panel["targets"]).count(),
                "{file} {title}"
            );
            for target in list(&panel["targets"]) {
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{file} {title}");
                assert!(target["instant"] != target["range"], "{file} {title}: both or neither");
            }
            let place = &panel["gridPos"];
            let of = |key: &str| place[key].as_u64().expect("a place");
            assert!(of("x") + of("w") <= 24, "{file} {title} is too far right");
            for (x, y) in
                (of("x")..of("x") + of("w")).flat_map(|x| (of("y")..of("y") + of("h")).map(move |y| (x, y)))
            {
                assert!(cells.insert((x, y)), "{file}: {title} covers another panel at {x}, {y}");
            }
        }
        assert!(panels(&board).len() <= 21, "{file}: {} panels are a catalogue", panels(&board).len());
    }
}

#[test]
fn kinds_units_and_properties_are_those_that_grafana_has() {
    for (file, board) in committed() {
        for panel in panels(&board) {
            let at = format!("{file} {}", panel["title"]);
            assert!(PANELS.contains(&text(&panel["type"])), "{at}: {}", panel["type"]);
            let defaults = &panel["fieldConfig"]["defaults"];
            let is_table = panel["type"] == "table";

            assert!(is_table || UNITS.contains(&text(&defaults["unit"])), "{at}: {}", defaults["unit"]);
            // A list of mappings would keep the linter from looking at the unit.
            assert!(defaults.get("mappings").is_none(), "{at}");
            check_steps(&at, &defaults["thresholds"]);
            for transformation in list(&panel["transformations"]) {
                assert!(TRANSFORMATIONS.contains(&text(&transformation["id"])), "{at}: {transformation}");
            }
            for changed in list(&panel["fieldConfig"]["overrides"]) {
                assert!(MATCHERS.contains(&text(&changed["matcher"]["id"])), "{at}: {changed}");
                for property in list(&changed["properties"]) {
                    let id = text(&property["id"]);
                    assert!(PROPERTIES.contains(&id), "{at}: {id}");
                    assert!(id != "unit" || UNITS.contains(&text(&property["value"])), "{at}: {property}");
                    if id == "thresholds" {
                        check_steps(&at, &property["value"]);
                    }
                }
            }
        }
    }
}

fn check_steps(at: &str, thresholds: &Value) {
    let steps: Vec<&Value> = list(&thresholds["steps"]).collect();
    assert!(steps.first().is_some_and(|first| first["value"].is_null()), "{at}: the first step has no limit");
    let values: Vec<f64> = steps.iter().filter_map(|step| step["value"].as_f64()).collect();
    assert!(values.is_sorted() && values.len() + 1 == steps.len(), "{at}: {values:?}");
    assert!(steps.iter().all(|step| COLOURS.contains(&text(&step["color"]))), "{at}: {thresholds}");
    for value in values {
        let is_known = value == 1.0 || limits::ALL.iter().any(|(_, limit)| *limit == value);
        assert!(is_known, "{at}: {value} is no threshold of the alerts");
    }
}

#[test]
fn thresholds_are_those_of_the_alerts() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/alerts/thresholds.yml");
    let rules = std::fs::read_to_string(path).unwrap();
    for (name, value) in limits::ALL {
        let rule =
            Regex::new(&format!(r"record: badgateway:threshold:{name}\s+expr: \|\s+vector\(([0-9.]+)\)"));
        let found = rule.unwrap().captures(&rules).unwrap_or_else(|| panic!("no threshold {name}"));
        assert_eq!(found[1].parse::<f64>().unwrap(), *value, "{name}");
    }
}

#[test]
fn every_column_that_is_formatted_or_linked_exists() {
    let field = Regex::new(r#"__data\.fields\["([^"]+)"\]"#).unwrap();
    for (file, board) in committed() {
        for panel in panels(&board) {
            let at = format!("{file} {}", panel["title"]);
            let organize = list(&panel["transformations"]).find(|step| step["id"] == "organize");
            let Some(organize) = organize else { continue };
            let names: Vec<&str> =
                organize["options"]["renameByName"].as_object().unwrap().values().map(text).collect();
            for changed in list(&panel["fieldConfig"]["overrides"]) {
                let column = text(&changed["matcher"]["options"]);
                assert!(names.contains(&column), "{at}: there is no column {column}");
            }
            for found in field.captures_iter(&panel.to_string().replace("\\\"", "\"")) {
                assert!(names.contains(&&found[1]), "{at}: there is no column {}", &found[1]);
            }
            let sorted = &panel["options"]["sortBy"][0]["displayName"];
            assert!(sorted.is_null() || names.contains(&text(sorted)), "{at}: {sorted}");
        }
    }
}

#[test]
fn links_lead_to_dashboards_and_variables_that_exist() {
    let boards = committed();
    let link = Regex::new(r"^/d/([a-z-]+)\?(.*)$").unwrap();
    let variable = Regex::new(r"var-([a-z]+)=").unwrap();
    let mut seen = 0;
    for (file, board) in &boards {
        let addresses = addresses(board);
        for found in addresses.iter().filter_map(|address| link.captures(address)) {
            let to = boards.iter().find(|(_, board)| board["uid"] == found[1]);
            let (_, to) = to.unwrap_or_else(|| panic!("{file}: there is no {}", &found[1]));
            assert!(
                found[2].starts_with("${__url_time_range}&${datasource:queryparam}"),
                "{file}: {}",
                &found[0]
            );
            for name in variable.captures_iter(&found[2]) {
                let has = list(&to["templating"]["list"]).any(|variable| variable["name"] == name[1]);
                assert!(has, "{file}: {} has no variable {}", &found[1], &name[1]);
                seen += 1;
            }
        }
        let runbooks = addresses.iter().filter(|address| address.starts_with("http://${exporter}/runbooks/"));
        assert!(runbooks.count() > 0, "{file} leads to no runbook");
    }
    assert!(seen > 10);
}

/// Where the links of panels lead.
fn addresses(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("url").and_then(Value::as_str).into_iter();
            own.chain(fields.values().flat_map(addresses)).collect()
        }
        Value::Array(values) => values.iter().flat_map(addresses).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_cause_and_root_cause_has_one_colour() {
    let mut causes: Vec<&str> = colours::FAMILIES.iter().flat_map(|family| family.causes).copied().collect();
    let mut roots: Vec<&str> =
        colours::FAMILIES.iter().flat_map(|family| family.root_causes).copied().collect();
    let mut known: Vec<&str> = Cause::ALL.iter().map(|cause| cause.word()).chain(["other"]).collect();
    for list in [&mut causes, &mut known] {
        list.sort_unstable();
    }
    assert_eq!(causes, known);
    roots.push("unknown");
    let mut known: Vec<&str> = RootCause::ALL.iter().map(|root| root.word()).collect();
    for list in [&mut roots, &mut known] {
        list.sort_unstable();
    }
    assert_eq!(roots, known);
    let colours: BTreeSet<&str> = colours::FAMILIES.iter().map(|family| family.colour).collect();
    assert_eq!(colours.len(), colours::FAMILIES.len());
    assert!(colours::FAMILIES.iter().all(|family| !family.name.is_empty()));
}

#[test]
fn colours_have_contrast_on_both_themes() {
    let channel = |hex: &str| {
        let value = f64::from(u8::from_str_radix(hex, 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    let light = |hex: &str| {
        0.2126 * channel(&hex[1..3]) + 0.7152 * channel(&hex[3..5]) + 0.0722 * channel(&hex[5..7])
    };
    let ratio = |one: f64, other: f64| (one.max(other) + 0.05) / (one.min(other) + 0.05);
    for family in colours::FAMILIES {
        for ground in ["#FFFFFF", "#181B1F"] {
            let ratio = ratio(light(family.colour), light(ground));
            assert!(ratio >= 3.0, "{} on {ground}: {ratio:.2}", family.name);
        }
    }
}

#[test]
fn legends_name_labels_that_the_query_keeps() {
    let label = Regex::new(r"\{\{(\w+)\}\}").unwrap();
    for query in queries::all() {
        for found in label.captures_iter(&query.legend) {
            let keeps_all = !query.expr.contains(" by (");
            assert!(keeps_all || query.expr.contains(&found[1]), "{}: {{{{{}}}}}", query.name(), &found[1]);
        }
    }
}
