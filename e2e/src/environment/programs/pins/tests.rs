//! A pin is read from the line that requires, of the whole name, and never guessed.

use super::*;

#[test]
fn every_pin_names_a_version() {
    for version in [kubernetes(), helm(), coredns(), kafka(), clickhouse()] {
        let version = version.unwrap();
        assert!(
            version.split('.').count() >= 3 && version.starts_with(|c: char| c.is_ascii_digit()),
            "{version}"
        );
    }
}

#[test]
fn reads_a_module_of_the_very_name_that_is_required() {
    let text = "require (\n\texample.org/one/more v9.0.0\n\texample.org/one v1.2.3 // indirect\n)\n\
                replace example.org/two => example.org/three v3.0.0\nrequire example.org/four v4.0.0\n";
    assert_eq!(module(text, "example.org/one").unwrap(), "1.2.3");
    assert_eq!(module(text, "example.org/four").unwrap(), "4.0.0");
    let error = module(text, "example.org/two").unwrap_err();
    assert_eq!(error.to_string(), "no go.mod requires example.org/two");
}

#[test]
fn reads_the_version_behind_the_artifact() {
    let text = "<version>1</version><artifactId>a</artifactId>\n<version>2</version><artifactId>b</artifactId><version>3</version>";
    assert_eq!(
        (artifact(text, "a").unwrap(), artifact(text, "b").unwrap()),
        ("2".to_owned(), "3".to_owned())
    );
    assert!(artifact(text, "c").is_err() && dependency("{}", "c").is_err());
}
