//! Shape: the objects of an event, so that its fields and what was captured can be written as JSON again.
//!
//! In: the trie of a schema. Out: a tree of the same objects with the canonical name of each field, ready to write.
//! Not here: values; the writer is `json`.

use crate::check::plan::FieldPlan;
use crate::decode::trie::Trie;

use super::json::write_text;

/// One object.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// Its node in the trie: whose captured fields belong here.
    pub(crate) node: u16,
    /// Its fields: the name as JSON with its colon, and the index of the field.
    pub(crate) fields: Vec<(Vec<u8>, usize)>,
    /// The objects in it.
    pub(crate) objects: Vec<(Vec<u8>, Self)>,
}

impl Shape {
    /// Builds the shape of a whole event.
    pub(crate) fn new(trie: &Trie, fields: &[FieldPlan]) -> Self {
        Self::of_node(trie, fields, 0, &[])
    }

    fn of_node(trie: &Trie, fields: &[FieldPlan], node: u16, parents: &[String]) -> Self {
        let mut shape = Self { node, ..Self::default() };
        for entry in &trie.nodes[usize::from(node)].entries {
            let name = String::from_utf8_lossy(entry.name()).into_owned();
            let mut key = Vec::new();
            write_text(&name, &mut key);
            key.push(b':');
            let path = [parents, &[name]].concat();
            // An alias is read, never written.
            let canonical = entry.slots.iter().map(|slot| usize::from(*slot));
            for index in canonical.filter(|index| fields.get(*index).is_some_and(|field| field.path == path))
            {
                shape.fields.push((key.clone(), index));
            }
            if let (Some(child), false) = (entry.child, entry.is_json) {
                shape.objects.push((key, Self::of_node(trie, fields, child, &path)));
            }
        }
        shape
    }
}
