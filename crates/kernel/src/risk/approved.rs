//! Proof that something passed the gate.

/// A value that the risk gate approved. Only the gate can build one: the field is private, it
/// cannot be copied, and nothing stored can be read back into one.
///
/// Its value lies apart: it changes hands often on its way to the venue, and the hands pass a
/// pointer.
#[derive(PartialEq, Eq, Debug)]
pub struct Approved<T> {
    value: Box<T>,
}

impl<T> Approved<T> {
    /// The gate's own constructor.
    pub(in crate::risk) fn new(value: T) -> Self {
        Self { value: Box::new(value) }
    }

    /// For this crate's own tests of what comes after the gate.
    #[cfg(test)]
    pub(crate) fn by_test(value: T) -> Self {
        Self { value: Box::new(value) }
    }

    /// What was approved.
    pub const fn get(&self) -> &T {
        &self.value
    }

    /// Gives the approved value away, to be acted on once.
    pub fn into_inner(self) -> T {
        *self.value
    }
}
