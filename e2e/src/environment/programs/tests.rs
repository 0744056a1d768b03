//! What decides that something is built again, and how durations are said.

use super::*;

#[test]
fn says_durations_as_a_person_does() {
    let said: Vec<String> =
        [400, 42_000, 250_000, 90_061_000].map(|millis| spell(Duration::from_millis(millis))).into();
    assert_eq!(said, ["0.4 s", "42 s", "4 min 10 s", "1 d 1 h"]);
}

#[test]
fn gives_each_product_a_key_and_an_output_of_its_own() {
    let settings = Settings::from_environment();
    let products = products(&settings).unwrap();
    let keys: std::collections::BTreeSet<String> =
        products.iter().map(|product| key(&settings, product).unwrap()).collect();
    let outputs: std::collections::BTreeSet<&PathBuf> =
        products.iter().map(|product| &product.output).collect();
    assert_eq!((keys.len(), outputs.len()), (products.len(), products.len()));
}
