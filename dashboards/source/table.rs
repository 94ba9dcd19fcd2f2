//! Columns of tables: their names, order, widths and looks.

use serde_json::{Map, Value, json};

use super::panel::Panel;

impl Panel {
    /// One row for each set of labels, whatever query its numbers come from.
    pub(crate) fn merged(self) -> Self {
        self.transform("merge", json!({}))
    }

    /// The columns in this order: what they are called in the answer, and in the table, where those without a name are not.
    pub(crate) fn columns(self, columns: &[(&str, &str)]) -> Self {
        let (mut index, mut names, mut hidden) = (Map::new(), Map::new(), Map::new());
        hidden.insert("Time".to_owned(), json!(true));
        for (place, (from, to)) in columns.iter().enumerate() {
            if to.is_empty() {
                hidden.insert((*from).to_owned(), json!(true));
                continue;
            }
            index.insert((*from).to_owned(), json!(place));
            names.insert((*from).to_owned(), json!(to));
        }
        self.transform(
            "organize",
            json!({ "excludeByName": hidden, "indexByName": index, "renameByName": names, "includeByName": {} }),
        )
    }

    /// Sorted by that column, the highest first.
    pub(crate) fn sorted_by(self, column: &str) -> Self {
        self.option("sortBy", json!([{ "displayName": column, "desc": true }]))
    }

    /// Unit and width of a column.
    pub(crate) fn column(self, name: &str, unit: &str, width: u32) -> Self {
        self.series(name, json!([{ "id": "unit", "value": unit }, { "id": "custom.width", "value": width }]))
    }

    /// Width of a column of words.
    pub(crate) fn words(self, name: &str, width: u32) -> Self {
        self.series(name, json!([{ "id": "custom.width", "value": width }]))
    }

    /// A bar in each cell, as long as the number is a part of the largest.
    pub(crate) fn bars(self, name: &str, colour: &str) -> Self {
        self.series(
            name,
            json!([
                { "id": "custom.cellOptions", "value": { "type": "gauge", "mode": "basic", "valueDisplayMode": "text" } },
                { "id": "color", "value": { "mode": "fixed", "fixedColor": colour } },
                { "id": "min", "value": 0 }
            ]),
        )
    }

    /// Cells are coloured from these numbers on: orange, red.
    pub(crate) fn marked(self, name: &str, steps: &[f64]) -> Self {
        let colours: &[&str] = if steps.len() == 1 { &["red"] } else { &["orange", "red"] };
        let mut list = vec![json!({ "color": "text", "value": null })];
        list.extend(
            steps.iter().zip(colours).map(|(value, colour)| json!({ "color": colour, "value": value })),
        );
        self.series(
            name,
            json!([
                { "id": "custom.cellOptions", "value": { "type": "color-text" } },
                { "id": "thresholds", "value": { "mode": "absolute", "steps": list } },
                { "id": "color", "value": { "mode": "thresholds" } }
            ]),
        )
    }

    /// 1 and 0 as words, the second in red.
    pub(crate) fn yes_no(self, name: &str, yes: &str, no: &str, width: u32) -> Self {
        self.series(
            name,
            json!([
                { "id": "mappings", "value": [{ "type": "value", "options": {
                    "1": { "text": yes, "color": "text", "index": 0 }, "0": { "text": no, "color": "red", "index": 1 }
                } }] },
                { "id": "custom.cellOptions", "value": { "type": "color-text" } },
                { "id": "custom.width", "value": width }
            ]),
        )
    }

    /// Where a click on a cell of that column leads.
    pub(crate) fn cell_links(self, name: &str, links: &[Value]) -> Self {
        self.series(name, json!([{ "id": "links", "value": links }]))
    }
}
