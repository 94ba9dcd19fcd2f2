//! Expected counts against those on the page: exact, except where a row says [`ANY`].

use std::collections::BTreeMap;

use super::ANY;

/// Counts by label values.
pub(crate) type Counts = BTreeMap<Vec<String>, u64>;

/// What one case expects of one series.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Label values; [`ANY`] matches every value.
    pub(crate) key: Vec<String>,
    pub(crate) count: u64,
    /// The case, for the report.
    pub(crate) from: &'static str,
}

/// Every series that has too much or too little, in words; empty when all is as expected.
pub(crate) fn differences(rows: &[Row], actual: &Counts) -> Vec<String> {
    let mut left: BTreeMap<Vec<String>, i128> =
        actual.iter().map(|(key, count)| (key.clone(), i128::from(*count))).collect();
    let (mut wild, exact): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| wildcards(row) > 0);
    // The choosier a row the sooner it takes, so that a row that takes anything leaves it the only thing it may have.
    wild.sort_by_key(|row| wildcards(row));
    for row in exact {
        *left.entry(row.key.clone()).or_default() -= i128::from(row.count);
    }
    let mut found = Vec::new();
    for row in wild {
        let mut missing = i128::from(row.count);
        for (_, count) in left.iter_mut().filter(|(key, count)| **count > 0 && matches(&row.key, key)) {
            let taken = missing.min(*count);
            *count -= taken;
            missing -= taken;
        }
        if missing > 0 {
            found.push(format!("{:?} has {missing} too few [{}]", row.key, row.from));
        }
    }
    for (key, count) in left.into_iter().filter(|(_, count)| *count != 0) {
        let wanted: u64 = rows.iter().filter(|row| row.key == key).map(|row| row.count).sum();
        let mut from: Vec<&str> = rows.iter().filter(|row| row.key == key).map(|row| row.from).collect();
        from.dedup();
        let has = i128::from(wanted) + count;
        found.push(format!("{key:?} has {has} instead of {wanted} {from:?}"));
    }
    found
}

fn wildcards(row: &Row) -> usize {
    row.key.iter().filter(|part| *part == ANY).count()
}

fn matches(pattern: &[String], key: &[String]) -> bool {
    pattern.len() == key.len()
        && pattern.iter().zip(key).all(|(wanted, value)| wanted == ANY || wanted == value)
}

#[test]
fn a_wrong_count_is_found_and_a_wildcard_takes_what_is_left() {
    let key = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>();
    let row = |parts: &[&str], count| Row { key: key(parts), count, from: "test" };
    let actual = Counts::from([(key(&["502", "a"]), 2), (key(&["502", "b"]), 1)]);
    assert!(differences(&[row(&["502", "a"], 2), row(&["502", "b"], 1)], &actual).is_empty());
    assert!(differences(&[row(&["502", "a"], 1), row(&["502", ANY], 2)], &actual).is_empty());
    assert_eq!(differences(&[row(&["502", "a"], 2)], &actual).len(), 1, "an unexpected series");
    assert_eq!(differences(&[row(&["502", ANY], 4)], &actual).len(), 1, "too few");
}
