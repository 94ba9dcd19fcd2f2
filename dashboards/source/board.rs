//! A dashboard: panels in rows, variables, annotations, links.

use serde_json::{Value, json};

use super::{annotations, panel::Panel, variables};

/// Panels from left to right, under a heading if there is one.
pub(crate) struct Row {
    heading: Option<(&'static str, bool)>,
    panels: Vec<Panel>,
}

/// Panels without a heading.
pub(crate) fn row(panels: Vec<Panel>) -> Row {
    Row { heading: None, panels }
}

/// Panels under a heading.
pub(crate) fn headed(title: &'static str, panels: Vec<Panel>) -> Row {
    Row { heading: Some((title, false)), panels }
}

/// Panels that are asked only when somebody opens them.
pub(crate) fn collapsed(title: &'static str, panels: Vec<Panel>) -> Row {
    Row { heading: Some((title, true)), panels }
}

/// What is said of a dashboard as a whole.
pub(crate) struct Board {
    pub(crate) uid: &'static str,
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    pub(crate) since: &'static str,
    pub(crate) variables: &'static [&'static str],
    pub(crate) rows: Vec<Row>,
}

impl Board {
    /// Its JSON, in the classic form that Grafana 10 to 13 read.
    pub(crate) fn json(self) -> Value {
        json!({
            "uid": self.uid, "title": self.title, "description": self.description,
            "tags": ["badgateway"], "schemaVersion": 39, "version": 1,
            "editable": false, "graphTooltip": 1, "fiscalYearStartMonth": 0, "liveNow": false,
            "timezone": "browser", "time": { "from": self.since, "to": "now" }, "refresh": "30s",
            "timepicker": { "hidden": false },
            "links": [{
                "type": "dashboards", "title": "Badgateway", "tags": ["badgateway"], "asDropdown": false,
                "keepTime": true, "includeVars": true, "targetBlank": false, "icon": "external link",
                "tooltip": "", "url": ""
            }],
            "templating": { "list": variables::list(self.variables) },
            "annotations": { "list": annotations::list() },
            "panels": place(self.rows),
        })
    }
}

/// Gives each panel its place and number.
fn place(rows: Vec<Row>) -> Vec<Value> {
    let (mut placed, mut y, mut id) = (Vec::new(), 0, 0);
    for row in rows {
        let mut hidden = None;
        if let Some((title, is_collapsed)) = row.heading {
            id += 1;
            let head = json!({
                "id": id, "type": "row", "title": title, "collapsed": is_collapsed, "panels": [],
                "gridPos": { "x": 0, "y": y, "w": 24, "h": 1 }
            });
            y += 1;
            match is_collapsed {
                true => hidden = Some(head),
                false => placed.push(head),
            }
        }
        let (mut x, mut height, mut panels) = (0, 0, Vec::new());
        for panel in row.panels {
            if x + panel.width > 24 {
                (x, y) = (0, y + height);
                height = 0;
            }
            id += 1;
            let (width, tall) = (panel.width, panel.height);
            panels.push(panel.at(id, x, y));
            x += width;
            height = height.max(tall);
        }
        match hidden {
            // A collapsed row takes one line, and its panels are inside.
            Some(mut head) => {
                head["panels"] = json!(panels);
                placed.push(head);
            }
            None => {
                placed.extend(panels);
                y += height;
            }
        }
    }
    placed
}
