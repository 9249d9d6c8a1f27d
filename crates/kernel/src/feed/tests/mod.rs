//! Tables: what goes in, and what comes out, in words; and rotation under any interleaving.

mod desk;
mod doubt;

mod bars;
mod books;
mod connections;
mod health;
mod requests;
mod rotation;
