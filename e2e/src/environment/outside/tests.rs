//! What others have put into the same folders stays.

use std::os::unix::net::UnixListener;

use super::*;

/// A folder of this test, gone with it.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tributary-outside-{name}-{}", std::process::id()));
        std::fs::create_dir_all(path.join("made/inner")).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn removes_records_links_and_deaf_sockets_of_ours_and_the_empty_folders_that_were_absent() {
    let place = Place::new("ours");
    let (state, made, inner) = (place.path("state"), place.path("made"), place.path("made/inner"));
    std::fs::write(inner.join("record"), format!("{{\"sandbox\":\"{}/netns/1\"}}", state.display())).unwrap();
    std::os::unix::fs::symlink(state.join("pods/0.log"), inner.join("log")).unwrap();
    drop(UnixListener::bind(inner.join("socket")).unwrap());
    let said = remove_from(&[inner.clone(), made.clone()], &state, std::slice::from_ref(&made)).unwrap();
    assert_eq!(said, [format!("folder {}", inner.display()), format!("folder {}", made.display())]);
    assert!(!made.exists());
}

#[test]
fn leaves_what_is_not_ours() {
    let place = Place::new("strange");
    let (state, made, inner) = (place.path("state"), place.path("made"), place.path("made/inner"));
    let longer = format!("{}-of-another/netns", state.display());
    std::fs::write(inner.join("record"), longer).unwrap();
    std::os::unix::fs::symlink("/elsewhere", inner.join("log")).unwrap();
    let _listening = UnixListener::bind(inner.join("socket")).unwrap();
    let said = remove_from(&[inner.clone(), made.clone()], &state, std::slice::from_ref(&made)).unwrap();
    assert_eq!(said, [""; 0]);
    let mut names: Vec<_> =
        std::fs::read_dir(&inner).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["log", "record", "socket"]);
}

#[test]
fn leaves_an_empty_folder_that_was_there_before() {
    let place = Place::new("before");
    let inner = place.path("made/inner");
    assert_eq!(remove_from(std::slice::from_ref(&inner), &place.path("state"), &[]).unwrap(), [""; 0]);
    assert!(inner.exists());
}
