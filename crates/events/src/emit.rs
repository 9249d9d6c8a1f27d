//! The macro that emits an event, and the check of its fields at compile time.

/// Emits one event of the [table](crate::table): its constant's name, then every field that it
/// declares, in any order, each as `name = value`, `name` (a variable of that
/// name), `name = %value` (by `Display`) or
/// `name = ?value` (by `Debug`). An optional field is an `Option`; `None` leaves it out:
/// `price = price.map(display)`, where `display` needs no import.
///
/// ```
/// # use tickwright_events::log_event;
/// let errors: Option<u32> = None;
/// log_event!(LOG_DROPPED, lines = 3, write_errors = errors);
/// ```
///
/// An event may be of another level than the table's, where the table's text says when:
///
/// ```
/// # use tickwright_events::log_event;
/// log_event!(ENGINE_STOPPED as ERROR, reason = "the disk is full", exit_code = 7);
/// ```
///
/// A field that is missing, or that the table does not know, does not compile:
///
/// ```compile_fail
/// # use tickwright_events::log_event;
/// log_event!(LOG_DROPPED, lines = 3);
/// ```
/// ```compile_fail
/// # use tickwright_events::log_event;
/// log_event!(LOG_DROPPED, lines = 3, write_errors = 7, colour = "red");
/// ```
#[macro_export]
macro_rules! log_event {
    ($event:ident $(, $($fields:tt)*)?) => {
        $crate::__emit!($event, $crate::table::$event.level $(, $($fields)*)?)
    };
    ($event:ident as $level:ident $(, $($fields:tt)*)?) => {
        $crate::__emit!($event, $crate::tracing::Level::$level $(, $($fields)*)?)
    };
}

/// An event at a level.
#[doc(hidden)]
#[macro_export]
macro_rules! __emit {
    ($event:ident, $level:expr $(, $($fields:tt)*)?) => {{
        const _: () = assert!(
            $crate::same_names(
                $crate::table::$event.fields,
                $crate::__field_names!([] $($($fields)*)?),
            ),
            concat!("the fields given differ from those declared for ", stringify!($event)),
        );
        $crate::tracing::event!(
            name: $crate::table::$event.name,
            target: $crate::TARGET,
            $level,
            { $($($fields)*)? }
        )
    }};
}

/// The names on the left of `name = value` pairs, as a slice of texts.
#[doc(hidden)]
#[macro_export]
macro_rules! __field_names {
    ([$($names:expr,)*]) => { &[$($names,)*] };
    ([$($names:expr,)*] $name:ident = % $value:expr $(, $($rest:tt)*)?) => {
        $crate::__field_names!([$($names,)* stringify!($name),] $($($rest)*)?)
    };
    ([$($names:expr,)*] $name:ident = ? $value:expr $(, $($rest:tt)*)?) => {
        $crate::__field_names!([$($names,)* stringify!($name),] $($($rest)*)?)
    };
    ([$($names:expr,)*] $name:ident = $value:expr $(, $($rest:tt)*)?) => {
        $crate::__field_names!([$($names,)* stringify!($name),] $($($rest)*)?)
    };
    ([$($names:expr,)*] $name:ident $(, $($rest:tt)*)?) => {
        $crate::__field_names!([$($names,)* stringify!($name),] $($($rest)*)?)
    };
}

/// Whether both lists hold the same names, each once, in any order.
#[must_use]
pub const fn same_names(declared: &[&str], given: &[&str]) -> bool {
    if declared.len() != given.len() {
        return false;
    }
    let mut index = 0;
    while index < declared.len() {
        if !holds(given, declared[index]) || !holds(declared, given[index]) {
            return false;
        }
        index += 1;
    }
    true
}

const fn holds(names: &[&str], wanted: &str) -> bool {
    let mut index = 0;
    while index < names.len() {
        if same(names[index].as_bytes(), wanted.as_bytes()) {
            return true;
        }
        index += 1;
    }
    false
}

const fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::same_names;

    #[test]
    fn fields_match_in_any_order() {
        #[track_caller]
        fn check(declared: &[&str], given: &[&str], expected: bool) {
            assert_eq!(same_names(declared, given), expected, "{declared:?} {given:?}");
        }
        check(&[], &[], true);
        check(&["a", "b"], &["b", "a"], true);
        check(&["a", "b"], &["a"], false);
        check(&["a"], &["a", "b"], false);
        check(&["a", "b"], &["a", "c"], false);
        check(&["a", "b"], &["a", "a"], false);
        check(&["price"], &["prices"], false);
    }
}
