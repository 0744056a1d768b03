//! WIP
pub mod contender;
pub mod meter;
pub mod pairs;
pub mod process;
pub mod server;
pub mod table;
pub mod topic;
pub mod workload;
