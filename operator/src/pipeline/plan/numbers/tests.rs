//! What the apiserver accepts, the plan takes: the bounds of both are held together by the cases of admission.

use super::*;

#[test]
fn every_number_that_the_apiserver_accepts_is_taken() {
    let cases = crate::testing::repository().join("crds/cases/admission/analyticspipeline/accepts");
    let mut n_cases = 0;
    for entry in std::fs::read_dir(cases).unwrap() {
        let path = entry.unwrap().path();
        let case = crds::admission::case::Case::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let pipeline: crds::AnalyticsPipeline = serde_json::from_value(case.object).unwrap();
        let faults = read(&pipeline.spec).err().unwrap_or_default();
        assert!(faults.is_empty(), "{}: {faults:?}", path.display());
        n_cases += 1;
    }
    assert!(n_cases > 10, "{n_cases}");
}
