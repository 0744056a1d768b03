//! The bytes of an image: the same for the same content, and complete.

use std::io::Read;

use super::*;

fn image(content: &[u8]) -> Image {
    let program = Entry { path: "usr/bin/program".into(), content: Content::Program(content.to_vec()) };
    let tmp = Entry { path: "tmp".into(), content: Content::Shared };
    Image {
        name: "docker.io/tributary/test:dev".to_owned(),
        layers: vec![vec![program, tmp]],
        entrypoint: "/usr/bin/program".to_owned(),
        user: "65532:65532".to_owned(),
    }
}

#[test]
fn gives_the_same_digest_for_the_same_content_only() {
    let digests: Vec<String> =
        [b"one", b"one", b"two"].map(|content| pack(&image(content)).unwrap().digest).into_iter().collect();
    assert_eq!(digests[0], digests[1]);
    assert_ne!(digests[0], digests[2]);
}

#[test]
fn packs_an_index_that_names_a_manifest_of_the_archive() {
    let packed = pack(&image(b"one")).unwrap();
    let mut paths = Vec::new();
    let mut index = String::new();
    for entry in tar::Archive::new(packed.tar.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        if path == "index.json" {
            entry.read_to_string(&mut index).unwrap();
        }
        paths.push(path);
    }
    assert!(index.contains(&packed.digest) && index.contains("docker.io/tributary/test:dev"), "{index}");
    let digest = packed.digest.strip_prefix("sha256:").unwrap();
    assert!(paths.contains(&format!("blobs/sha256/{digest}")), "{paths:?}");
    assert!(paths.contains(&"oci-layout".to_owned()));
}

#[test]
fn packs_folders_before_what_is_in_them() {
    let entries = image(b"one").layers.concat();
    let bytes = layer(&entries).unwrap();
    let mut archive = tar::Archive::new(bytes.as_slice());
    let paths: Vec<String> = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert_eq!(paths, ["usr", "usr/bin", "tmp", "usr/bin/program"]);
}
