//! Panics that are met as errors: of a strategy, which is somebody else's code, and of a record that
//! nobody foresaw.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs something that may panic. The panic's message comes back as an error; whatever the
/// closure was changing must be thrown away then.
///
/// # Errors
/// The panic's message.
pub fn caught<R>(run: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_comes_back_as_its_message() {
        assert_eq!(caught(|| 7), Ok(7));
        assert_eq!(caught(|| panic!("lost {}", 1)), Err::<(), _>("lost 1".to_owned()));
    }
}
