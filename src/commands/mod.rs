//! One function per command of the command line.

pub mod check;
pub mod demo;
pub mod logs;
pub mod prices;
pub mod run;
