//! Numbers as people read them: counts, bytes, rates and times.
//!
//! Called by whatever prints for people; programs get plain numbers. Invariant: pure, and every text
//! has a small bounded length.

use std::time::Duration;

/// `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 record`, `2 records`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

/// `999 B`, `57.3 KiB`, `1.2 GiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let (number, unit) = scaled(bytes as f64, 1024.0, &units);
    format!("{number} {unit}")
}

/// A count that need not be exact: `999`, `1.2k`, `35.1M`.
pub(crate) fn about(number: f64) -> String {
    let (number, unit) = scaled(number, 1000.0, &["", "k", "M", "G", "T"]);
    format!("{number}{unit}")
}

/// How much per second, 0 when no time has passed.
pub(crate) fn per_second(amount: u64, time: Duration) -> f64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 {
        amount as f64 / seconds
    } else {
        0.0
    }
}

/// Reads a time: a whole number and a unit, for instance `500ms`, `30s`, `5min`, `1h`.
pub(crate) fn parse_time(text: &str) -> Result<Duration, String> {
    let invalid = || {
        format!(
            "`{text}` is not a duration; write a whole number and a unit, for instance `500ms`, `30s`, `5min` \
             or `1h`"
        )
    };
    let trimmed = text.trim();
    let unit_at = trimmed
        .find(|c: char| !c.is_ascii_digit())
        .ok_or_else(invalid)?;
    let (digits, unit) = trimmed.split_at(unit_at);
    let number: u64 = digits.parse().map_err(|_| invalid())?;
    let millis = match unit.trim() {
        "ms" => 1,
        "s" => 1000,
        "m" | "min" => 60 * 1000,
        "h" => 3600 * 1000,
        _ => return Err(invalid()),
    };
    let millis = number.checked_mul(millis).ok_or_else(invalid)?;
    Ok(Duration::from_millis(millis))
}

/// `12 ms`, `3.45 s`, `2 min 5 s`, `3 h 7 min`.
pub(crate) fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..60 => format!("{:.2} s", time.as_millis() as f64 / 1000.0),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// A stopwatch: `0:07`, `12:34`, `3:05:09`.
pub(crate) fn stopwatch(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours == 0 {
        format!("{minutes}:{seconds:02}")
    } else {
        format!("{hours}:{minutes:02}:{seconds:02}")
    }
}

/// Divides until the number is short, and says by which unit.
fn scaled<'a>(mut number: f64, step: f64, units: &[&'a str]) -> (String, &'a str) {
    let mut unit = 0;
    // Half a digit early, so that 999.96 does not become `1000.0`.
    while number >= step - 0.05 && unit + 1 < units.len() {
        number /= step;
        unit += 1;
    }
    let text = if unit == 0 {
        format!("{number:.0}")
    } else {
        format!("{number:.1}")
    };
    (text, units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_groups_of_three_digits() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(count(number), text);
        }
        assert_eq!(
            (counted(1, "record"), counted(0, "record")),
            ("1 record".into(), "0 records".into())
        );
    }

    #[test]
    fn times_are_read_with_their_unit() {
        for (text, millis) in [
            ("1ms", 1),
            (" 30 s ", 30_000),
            ("5min", 300_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
        ] {
            assert_eq!(
                parse_time(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "",
            "5",
            "s",
            "-1s",
            "1.5s",
            "1 day",
            "99999999999999999999s",
            "9999999999999999999h",
        ] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_and_rates_have_units() {
        for (number, as_bytes, as_count) in [
            (0, "0 B", "0"),
            (999, "999 B", "999"),
            (1_000, "1000 B", "1.0k"),
            (1_024, "1.0 KiB", "1.0k"),
            (58_693, "57.3 KiB", "58.7k"),
            (999_960, "976.5 KiB", "1.0M"),
            (1 << 30, "1.0 GiB", "1.1G"),
            (u64::MAX, "16.0 EiB", "18446744.1T"),
        ] {
            assert_eq!(
                (bytes(number).as_str(), about(number as f64).as_str()),
                (as_bytes, as_count)
            );
        }
    }

    #[test]
    fn times_are_as_exact_as_they_are_short() {
        for (millis, text, watch) in [
            (12, "12 ms", "0:00"),
            (3_456, "3.46 s", "0:03"),
            (59_999, "60.00 s", "0:59"),
            (125_000, "2 min 5 s", "2:05"),
            (11_220_000, "3 h 7 min", "3:07:00"),
        ] {
            let duration = Duration::from_millis(millis);
            assert_eq!(
                (time(duration).as_str(), stopwatch(duration).as_str()),
                (text, watch)
            );
        }
    }

    #[test]
    fn nothing_happens_per_second_in_no_time() {
        assert_eq!(per_second(5, Duration::ZERO), 0.0);
        assert_eq!(per_second(5, Duration::from_millis(500)), 10.0);
    }
}
