//! Reasons of rejection: one word in headers, labels and docs, each with cause and remedy.

use super::*;

#[test]
fn every_reason_is_its_variants_name_and_has_cause_and_remedy() {
    for reason in RejectionReason::ALL {
        assert_eq!(reason.to_string(), format!("{reason:?}"));
        assert!(reason.cause().ends_with('.') && reason.remedy().ends_with('.'), "{reason}");
    }
    let distinct: std::collections::BTreeSet<_> = RejectionReason::ALL.into_iter().collect();
    assert_eq!(distinct.len(), RejectionReason::ALL.len());
}
