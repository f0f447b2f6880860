//! Times as people write them, in UTC.
//!
//! Invariant: times are milliseconds since the epoch, and those before it are as good as others.

/// The milliseconds of a day.
const DAY: i64 = 86_400_000;

/// The date, as `yyyy-MM-dd`.
pub(crate) fn day(time: i64) -> String {
    // Eras of 400 years, which have equally many days; years begin in March, so that the day that some of them
    // have more is their last.
    let days = time.div_euclid(DAY) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let date = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{date:02}")
}

/// The hour of the day.
pub(crate) fn hour(time: i64) -> i64 {
    time.rem_euclid(DAY) / 3_600_000
}

/// The minute of the day, as `HH:mm`.
pub(crate) fn minute(time: i64) -> String {
    let minute = time.rem_euclid(DAY) / 60_000;
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_minutes_are_those_of_utc() {
        for (time, expected) in [
            (0, "1970-01-01 00:00"),
            (-1, "1969-12-31 23:59"),
            (951_782_400_000, "2000-02-29 00:00"),
            (1_436_918_400_000, "2015-07-15 00:00"),
            (1_709_251_199_999, "2024-02-29 23:59"),
        ] {
            assert_eq!(format!("{} {}", day(time), minute(time)), expected);
        }
        assert_eq!(hour(-1), 23);
    }
}
