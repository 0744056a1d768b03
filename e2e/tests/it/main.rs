//! The end-to-end tests: each on the real cluster, in a namespace of its own.
