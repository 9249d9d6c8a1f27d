//! Proof that something passed the gate.

/// A value that the risk gate approved. Only the gate can build one: the field is private, it
/// cannot be copied, and nothing stored can be read back into one.
#[derive(PartialEq, Eq, Debug)]
pub struct Approved<T> {
    value: T,
}

impl<T> Approved<T> {
    /// The gate's own constructor.
    pub(in crate::risk) const fn new(value: T) -> Self {
        Self { value }
    }

    /// For this crate's own tests of what comes after the gate.
    #[cfg(test)]
    pub(crate) const fn by_test(value: T) -> Self {
        Self { value }
    }

    /// What was approved.
    pub const fn get(&self) -> &T {
        &self.value
    }

    /// Gives the approved value away, to be acted on once.
    pub fn into_inner(self) -> T {
        self.value
    }
}
