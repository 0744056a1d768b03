//! Tests of one field.
