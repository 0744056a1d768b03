//! A folder has one name, however it was written.

use super::*;

#[test]
fn writes_a_folder_in_full_and_always_the_same_way() {
    let here = std::env::current_dir().unwrap();
    assert_eq!(full("state"), here.join("state"));
    for written in ["/srv/state", "/srv/state/", "/srv//./state"] {
        assert_eq!(full(written).as_os_str(), "/srv/state", "{written}");
    }
}
