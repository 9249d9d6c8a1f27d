//! Nobody.

use super::{Requirements, Strategy};

/// Stands in while there is no strategy: events still reach its host's books.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Vacant;

impl Strategy for Vacant {
    fn requirements(&self) -> Requirements {
        Requirements::default()
    }
}
