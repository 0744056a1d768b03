//! JSON that is written can be read, and has no white space.

use super::{write_compact, write_text};

#[test]
fn every_character_survives_a_json_string() {
    let text: String = (0..0x300_u32).filter_map(char::from_u32).collect();
    let mut out = Vec::new();
    write_text(&text, &mut out);
    assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
}

#[test]
fn white_space_goes_only_where_it_means_nothing() {
    let mut out = Vec::new();
    write_compact("{ \"a b\\\" c\" :\n[ 1 ,\t\"\\\\\" , \" x \" ] }\r", &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), "{\"a b\\\" c\":[1,\"\\\\\",\" x \"]}");
}
