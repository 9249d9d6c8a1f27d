//! One function per command of the command line.

pub mod api;
pub mod backtest;
pub mod certify;
pub mod check;
pub mod check_lookahead;
pub mod compare;
pub mod control;
pub mod data;
pub mod demo;
pub mod exchange;
pub mod feed;
pub mod guard;
pub mod journal;
pub(crate) mod last_words;
pub mod logs;
pub mod parity;
pub mod prices;
pub mod reconcile;
pub mod record;
pub mod replay;
pub mod run;
pub mod sweep;
