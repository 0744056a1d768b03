//! placeholder

pub mod record;

mod check;
pub mod columns;
mod decode;
pub mod line;
mod map;

#[cfg(test)]
mod cases;
