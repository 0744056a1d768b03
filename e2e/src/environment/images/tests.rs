//! What `ldd` and Cargo say is understood.

use super::*;

#[test]
fn finds_the_libraries_and_the_loader() {
    let listed = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f1)\n\
                  \t/lib64/ld-linux-x86-64.so.2 (0x00007f2)\n";
    let expected = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"].map(PathBuf::from);
    assert_eq!(libraries(listed).unwrap(), expected);
}

#[test]
fn needs_no_library_for_a_static_program() {
    assert!(libraries("\tstatically linked\n").unwrap().is_empty());
}

#[test]
fn refuses_a_program_whose_library_is_missing() {
    assert!(libraries("\tlibssl.so.3 => not found\n").is_err());
}

#[test]
fn finds_the_program_that_cargo_made() {
    let messages = "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"operator\"},\"executable\":null}\n\
                    {\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"operator\"},\"executable\":\"/target/operator\"}\n\
                    {\"reason\":\"build-finished\",\"success\":true}\n";
    assert_eq!(executable(messages, "operator"), Some(PathBuf::from("/target/operator")));
    assert_eq!(executable(messages, "processor"), None);
}
