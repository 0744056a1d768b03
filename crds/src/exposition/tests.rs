//! What is read of a registry's text, and what of the page about it.

use super::*;

const TEXT: &str = r#"# HELP river_records Settled records by outcome, a|b.
# TYPE river_records counter
river_records_total{rule="a, b=c",outcome="sent"} 1
# HELP river_insert_seconds Time of an insert.
# TYPE river_insert_seconds histogram
# UNIT river_insert_seconds seconds
river_insert_seconds_sum 0.0
river_insert_seconds_bucket{le="0.1"} 0
# EOF
"#;

fn texts(labels: &BTreeSet<String>) -> Vec<&str> {
    labels.iter().map(String::as_str).collect()
}

#[test]
fn a_metric_is_read_with_kind_unit_and_labels() {
    let metrics = read(TEXT);
    assert_eq!(metrics.len(), 2);
    assert_eq!((metrics[0].name.as_str(), metrics[0].kind.as_str()), ("river_records_total", "counter"));
    assert_eq!(texts(&metrics[0].labels), ["outcome", "rule"]);
    assert_eq!((metrics[1].unit.as_str(), metrics[1].labels.len()), ("seconds", 0));
    let samples = metrics[1].samples();
    let names: Vec<&str> = samples.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["river_insert_seconds_bucket", "river_insert_seconds_sum", "river_insert_seconds_count"]
    );
    assert_eq!(texts(&samples[0].1), ["le"]);
}

#[test]
fn a_page_says_what_was_written_into_it() {
    let mut metrics = read(TEXT);
    metrics.sort();
    let page =
        with_section("# Metrics\n\n<!-- river -->\n<!-- /river -->\n\nThe end.\n", "river", &table(&metrics));
    assert_eq!(read_page(&page), metrics);
    assert_eq!(with_section(&page, "river", &table(&metrics)), page);
    assert!(page.ends_with("<!-- /river -->\n\nThe end.\n"), "{page}");
    assert_eq!(with_section(&page, "lake", "text"), page);
}
