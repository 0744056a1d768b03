//! Faults: the operator as it runs, in a world in memory, killed, blinded and fed with nonsense. What it promises stays true.
//!
//! In: [`workloads`] of what a team does. Out: the same end state, and as many creations and deletions of each thing, as where
//! nothing went wrong. The operator under test is the real one, watches, queues and all ([`world`]); its surroundings are twins.
//! `cargo test` runs a part, `make faults` (`FAULTS=all`) everything. A plan that fails says how it is run again, alone.
//! Not here: faults of Kafka and ClickHouse themselves, and what processors do with events.

mod admission;
mod crash;
mod end_state;
mod mutations;
mod plans;
mod settled_form;
mod stale;
mod walks;
mod workloads;
mod world;
