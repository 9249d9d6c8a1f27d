//! UTC calendar fields of an instant, for labels and months.

use model::Timestamp;

/// Short names of the months.
pub(crate) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Calendar fields in UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Civil {
    pub(crate) year: i32,
    /// 1 to 12.
    pub(crate) month: u32,
    pub(crate) day: u32,
    pub(crate) hour: u32,
    pub(crate) minute: u32,
    pub(crate) second: u32,
}

impl Civil {
    /// Read off the instant's RFC 3339 text, so that there is one calendar in the house.
    pub(crate) fn of(at: Timestamp) -> Self {
        let text = at.to_string();
        let mut fields =
            text.split(['-', 'T', ':', '.']).map(|field| field.parse::<u32>().unwrap_or(0));
        let mut next = || fields.next().expect("RFC 3339 has six fields before the fraction");
        Self {
            year: i32::try_from(next()).expect("years have four digits"),
            month: next().clamp(1, 12),
            day: next(),
            hour: next(),
            minute: next(),
            second: next(),
        }
    }

    /// `Jan`.
    pub(crate) fn month_name(&self) -> &'static str {
        MONTHS[self.month as usize - 1]
    }
}

/// `2024-08-08 23:54:13`.
pub(crate) fn date_time(at: Timestamp) -> String {
    at.to_string()[..19].replace('T', " ")
}

/// `2024-08-08`.
pub(crate) fn date(at: Timestamp) -> String {
    at.to_string()[..10].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_off_the_text() {
        let at = Timestamp::from_nanos(1_723_161_253_937_085_768);
        let civil = Civil::of(at);
        assert_eq!((civil.year, civil.month, civil.day), (2024, 8, 8));
        assert_eq!((civil.hour, civil.minute, civil.second), (23, 54, 13));
        assert_eq!(civil.month_name(), "Aug");
        assert_eq!(date_time(at), "2024-08-08 23:54:13");
        assert_eq!(date(at), "2024-08-08");
        // The first and last instants that a timestamp holds.
        assert_eq!(Civil::of(Timestamp::MAX).year, 2262);
        assert_eq!(Civil::of(Timestamp::from_nanos(i64::MIN)).year, 1677);
    }
}
