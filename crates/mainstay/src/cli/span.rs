//! Spans and times as people write and read them.

use std::time::Duration;

use mainstay_core::{budget::Limits, time::Timestamp};

/// Reads `10m`, `1h30m`, `3d`, by the grammar of budgets.
pub(crate) fn read(text: &str) -> Option<Duration> {
    let limits: Limits = format!("wall={text}").parse().ok()?;
    limits.wall.map(Duration::from_millis)
}

/// Returns a span with the two units that say most: `3.2 s`, `4 min 5 s`, `2 d 3 h`.
pub(crate) fn show(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 if span.as_millis() < 1_000 => format!("{} ms", span.as_millis()),
        0..60 => format!("{:.1} s", span.as_secs_f64()),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// Returns a time in UTC to the second: `2026-11-21 09:45:13Z`.
pub(crate) fn date(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.micros())
        .map_or_else(|_| at.to_string(), |time| time.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}

/// Returns a time as RFC 3339 with microseconds, for JSON.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.micros())
        .map_or_else(|_| at.to_string(), |time| format!("{time:.6}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_shown_by_the_units_that_matter() {
        let shown: Vec<_> = [12, 3_200, 245_000, 9_000_000, 190_000_000]
            .map(|ms| show(Duration::from_millis(ms)))
            .into();
        assert_eq!(shown, ["12 ms", "3.2 s", "4 min 5 s", "2 h 30 min", "2 d 4 h"]);
    }

    #[test]
    fn a_time_is_written_in_utc() {
        let at = Timestamp::from_micros(1_790_000_000_123_456);
        assert_eq!(date(at), "2026-09-21 14:13:20Z");
        assert_eq!(rfc3339(at), "2026-09-21T14:13:20.123456Z");
    }
}
