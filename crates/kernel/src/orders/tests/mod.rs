//! Tables: what goes in, and what comes out, in words.

mod desk;
mod on;
mod pairs;

mod cancels;
mod fills;
mod memory;
mod questions;
mod reconciling;
mod replacements;
mod restored;
mod submits;
