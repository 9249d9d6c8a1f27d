//! Mistakes that a test can build into the machines on purpose, to show that it would find them.
//!
//! They are values and not other code, so that what a test runs is what trades. No configuration
//! reaches them: [`crate::orders::ExecutionPolicy`] and [`crate::risk::RiskConfig`] are without
//! one unless somebody writes it into them.

/// A mistake, none of which the engine makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mutation {
    /// An order whose answer was lost is sent again, under the same name.
    ResendOnError,
    /// A fill that is told twice is booked twice.
    BookFillsTwice,
    /// An order of unknown outcome reserves nothing.
    ForgetUnknown,
}
