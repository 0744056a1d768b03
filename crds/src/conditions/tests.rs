//! Reasons: each has its own word, its cause and its remedy.

use super::*;

#[test]
fn every_reason_is_its_variants_name_and_has_cause_and_remedy() {
    for reason in Reason::ALL {
        assert_eq!(reason.as_str(), format!("{reason:?}"));
        assert!(reason.cause().ends_with('.') && reason.remedy().ends_with('.'), "{reason}");
    }
    let distinct: std::collections::BTreeSet<_> = Reason::ALL.into_iter().collect();
    assert_eq!(distinct.len(), Reason::ALL.len());
}
