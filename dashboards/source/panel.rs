//! One panel: a title that asks, a description that says what to do, queries, and how they are drawn.

use serde_json::{Value, json};

use super::{colours, limits::Limit};

/// Where every query goes.
pub(crate) fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

/// A panel without its place.
pub(crate) struct Panel {
    pub(crate) width: u32,
    pub(crate) height: u32,
    kind: &'static str,
    title: &'static str,
    description: &'static str,
    targets: Vec<Value>,
    defaults: Value,
    overrides: Vec<Value>,
    options: Value,
    transformations: Vec<Value>,
    repeat: Option<&'static str>,
    interval: Option<&'static str>,
}

/// A panel of that kind.
fn panel(kind: &'static str, title: &'static str, description: &'static str, options: Value) -> Panel {
    Panel {
        width: 12,
        height: 8,
        kind,
        title,
        description,
        targets: Vec::new(),
        defaults: json!({ "custom": {}, "thresholds": { "mode": "absolute", "steps": [{ "color": "text", "value": null }] } }),
        overrides: Vec::new(),
        options,
        transformations: Vec::new(),
        repeat: None,
        interval: None,
    }
}

/// Lines or bars over time.
pub(crate) fn graph(title: &'static str, description: &'static str) -> Panel {
    let options = json!({
        "legend": { "showLegend": true, "displayMode": "list", "placement": "bottom", "calcs": [] },
        "tooltip": { "mode": "multi", "sort": "desc" }
    });
    let mut graph = panel("timeseries", title, description, options).min(0);
    graph.defaults["color"] = json!({ "mode": "palette-classic" });
    graph.custom(json!({
        "drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "pointSize": 4,
        "showPoints": "auto", "spanNulls": false, "axisSoftMin": 0
    }))
}

/// One number, or a few.
pub(crate) fn stat(title: &'static str, description: &'static str) -> Panel {
    let options = json!({
        "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
        "colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
        "textMode": "value", "wideLayout": true
    });
    panel("stat", title, description, options)
}

/// Rows of labels and numbers.
pub(crate) fn table(title: &'static str, description: &'static str) -> Panel {
    let options = json!({ "showHeader": true, "cellHeight": "sm", "frameIndex": 0 });
    panel("table", title, description, options).custom(
        json!({ "align": "auto", "filterable": false, "cellOptions": { "type": "auto" }, "inspect": false }),
    )
}

impl Panel {
    pub(crate) fn size(mut self, width: u32, height: u32) -> Self {
        (self.width, self.height) = (width, height);
        self
    }

    pub(crate) fn unit(mut self, unit: &str) -> Self {
        self.defaults["unit"] = json!(unit);
        self
    }

    pub(crate) fn min(mut self, min: u32) -> Self {
        self.defaults["min"] = json!(min);
        self
    }

    pub(crate) fn decimals(mut self, decimals: u32) -> Self {
        self.defaults["decimals"] = json!(decimals);
        self
    }

    /// What is shown where there is nothing.
    pub(crate) fn empty(mut self, text: &str) -> Self {
        self.defaults["noValue"] = json!(text);
        self
    }

    /// A query over time.
    pub(crate) fn over_time(self, legend: &str, expr: String) -> Self {
        self.target(legend, expr, json!({ "range": true, "instant": false, "format": "time_series" }))
    }

    /// A query of now, or of the whole range at once.
    pub(crate) fn at_once(self, legend: &str, expr: String) -> Self {
        self.target(legend, expr, json!({ "range": false, "instant": true, "format": "time_series" }))
    }

    /// The same as rows of a table.
    pub(crate) fn rows(self, expr: String) -> Self {
        self.target("", expr, json!({ "range": false, "instant": true, "format": "table" }))
    }

    fn target(mut self, legend: &str, expr: String, mut target: Value) -> Self {
        let letter = char::from(b'A' + u8::try_from(self.targets.len()).unwrap_or(0));
        target["refId"] = json!(letter.to_string());
        target["expr"] = json!(expr);
        target["datasource"] = datasource();
        target["editorMode"] = json!("code");
        if !legend.is_empty() {
            target["legendFormat"] = json!(legend);
        }
        self.targets.push(target);
        self
    }

    /// Bars on top of each other: for parts of one whole alone.
    pub(crate) fn stacked_bars(self) -> Self {
        self.custom(json!({
            "drawStyle": "bars", "lineWidth": 0, "fillOpacity": 100, "barAlignment": 0,
            "stacking": { "mode": "normal", "group": "A" }, "showPoints": "never"
        }))
    }

    /// Bars beside each other, for what happens seldom.
    pub(crate) fn single_bars(self) -> Self {
        self.custom(json!({ "drawStyle": "bars", "fillOpacity": 70, "showPoints": "never" }))
    }

    /// Areas on top of each other.
    pub(crate) fn stacked_areas(self) -> Self {
        self.custom(json!({ "fillOpacity": 60, "stacking": { "mode": "normal", "group": "A" }, "showPoints": "never" }))
    }

    /// Series named after causes or root causes in their colours; those that are 0 all the time are not shown.
    pub(crate) fn causes(mut self) -> Self {
        self.overrides.extend(colours::overrides());
        self.without_zeros()
    }

    /// Hides series that are 0 all the time.
    pub(crate) fn without_zeros(mut self) -> Self {
        self.overrides.push(json!({
            "matcher": { "id": "byValue", "options": { "reducer": "allIsZero", "op": "gte", "value": 0 } },
            "properties": [{ "id": "custom.hideFrom", "value": { "legend": true, "tooltip": true, "viz": true } }]
        }));
        self
    }

    /// A table of names and numbers beside the graph.
    pub(crate) fn legend_table(mut self) -> Self {
        self.options["legend"] = json!({
            "showLegend": true, "displayMode": "table", "placement": "right",
            "calcs": ["max", "mean", "lastNotNull"], "sortBy": "Max", "sortDesc": true
        });
        self
    }

    /// The same, narrow: names and the highest numbers.
    pub(crate) fn legend_beside(mut self) -> Self {
        self.options["legend"] = json!({
            "showLegend": true, "displayMode": "table", "placement": "right",
            "calcs": ["max"], "sortBy": "Max", "sortDesc": true, "width": 260
        });
        self
    }

    /// A point for each minute at most: what happens seldom stands once or twice, not in every window that has seen it.
    pub(crate) fn by_the_minute(mut self) -> Self {
        self.interval = Some("1m");
        self
    }

    /// The series of that name is a limit: a dashed line without a fill.
    pub(crate) fn limit(self, name: &str) -> Self {
        self.series(
            name,
            json!([
                { "id": "color", "value": { "mode": "fixed", "fixedColor": colours::LIMIT } },
                { "id": "custom.lineStyle", "value": { "fill": "dash", "dash": [8, 6] } },
                { "id": "custom.drawStyle", "value": "line" },
                { "id": "custom.lineWidth", "value": 2 },
                { "id": "custom.fillOpacity", "value": 0 },
                { "id": "custom.stacking", "value": { "mode": "none", "group": "B" } }
            ]),
        )
    }

    /// The series of that name has that colour.
    pub(crate) fn coloured(self, name: &str, colour: &str) -> Self {
        self.series(name, json!([{ "id": "color", "value": { "mode": "fixed", "fixedColor": colour } }]))
    }

    /// Series whose names begin with that word have that colour.
    pub(crate) fn coloured_from(mut self, word: &str, colour: &str) -> Self {
        self.overrides.push(json!({
            "matcher": { "id": "byRegexp", "options": format!("/^{word} /") },
            "properties": [{ "id": "color", "value": { "mode": "fixed", "fixedColor": colour } }]
        }));
        self
    }

    /// Properties of a series or column.
    pub(crate) fn series(mut self, name: &str, properties: Value) -> Self {
        self.overrides
            .push(json!({ "matcher": { "id": "byName", "options": name }, "properties": properties }));
        self
    }

    /// Green below the first limit, orange from it on, red from the second.
    pub(crate) fn limits(self, limits: &[Limit]) -> Self {
        let steps: Vec<f64> = limits.iter().map(|(_, value)| *value).collect();
        self.steps(&steps)
    }

    /// The same with numbers that are no opinion: 0 and 1.
    pub(crate) fn steps(mut self, steps: &[f64]) -> Self {
        let colours: &[&str] = if steps.len() == 1 { &["red"] } else { &["orange", "red"] };
        let mut list = vec![json!({ "color": "green", "value": null })];
        list.extend(
            steps.iter().zip(colours).map(|(value, colour)| json!({ "color": colour, "value": value })),
        );
        self.defaults["thresholds"]["steps"] = json!(list);
        self.defaults["color"] = json!({ "mode": "thresholds" });
        self
    }

    pub(crate) fn option(mut self, name: &str, value: Value) -> Self {
        self.options[name] = value;
        self
    }

    pub(crate) fn links(mut self, links: Value) -> Self {
        self.defaults["links"] = links;
        self
    }

    pub(crate) fn transform(mut self, id: &str, options: Value) -> Self {
        self.transformations.push(json!({ "id": id, "options": options }));
        self
    }

    /// One copy of the panel for each value of a variable.
    pub(crate) fn repeat(mut self, variable: &'static str) -> Self {
        self.repeat = Some(variable);
        self
    }

    fn custom(mut self, settings: Value) -> Self {
        if let (Some(custom), Some(settings)) =
            (self.defaults["custom"].as_object_mut(), settings.as_object())
        {
            custom.extend(settings.clone());
        }
        self
    }

    /// The JSON of a panel at that place.
    pub(crate) fn at(self, id: u32, x: u32, y: u32) -> Value {
        let mut json = json!({
            "id": id, "type": self.kind, "title": self.title, "description": self.description,
            "datasource": datasource(), "targets": self.targets, "options": self.options,
            "fieldConfig": { "defaults": self.defaults, "overrides": self.overrides },
            "gridPos": { "x": x, "y": y, "w": self.width, "h": self.height },
        });
        if !self.transformations.is_empty() {
            json["transformations"] = json!(self.transformations);
        }
        if let Some(interval) = self.interval {
            json["interval"] = json!(interval);
        }
        if let Some(variable) = self.repeat {
            json["repeat"] = json!(variable);
            json["repeatDirection"] = json!("h");
            json["maxPerRow"] = json!(3);
        }
        json
    }
}
