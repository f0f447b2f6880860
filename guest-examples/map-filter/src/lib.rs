//! Reads rows, changes each, leaves most of them out, and writes the rest in another format.
//!
//! Rows of CSV become values of [`Reading`] by the names of the columns; values of [`Warning`] become
//! JSON by the names of the fields. Between the two nothing is encoded: `map` and `filter` are one loop.

use wasmill::prelude::*;

/// What a thermometer said: a row of the input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Which thermometer.
    pub sensor: String,
    /// What it said.
    pub celsius: f64,
}

/// A temperature that is too high: a line of the output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Warning {
    /// Which thermometer.
    pub sensor: String,
    /// What it said, as Americans read it.
    pub fahrenheit: f64,
}

/// Reads `--input` (CSV with the columns `sensor` and `celsius`) and writes the temperatures above
/// `--above` degrees Fahrenheit (100 when not given) as JSON lines to the directory `--output`.
#[wasmill::job]
pub fn map_filter(env: &Env) -> Result<()> {
    env.name("temperatures");
    let above: f64 = env.arg_or("above", 100.0)?;
    env.source(File::csv(env.arg("input")?))
        .name("readings")
        .map(|reading: Reading| Warning {
            sensor: reading.sensor,
            fahrenheit: fahrenheit(reading.celsius),
        })
        .name("to fahrenheit")
        .filter(move |warning| warning.fahrenheit > above)
        .name("too hot")
        .sink(File::json_lines(env.arg("output")?))
        .name("warnings");
    Ok(())
}

/// Degrees Fahrenheit, to a tenth.
fn fahrenheit(celsius: f64) -> f64 {
    ((celsius * 1.8 + 32.0) * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use wasmill::testing::Job;

    use super::*;

    #[test]
    fn temperatures_are_converted() {
        for (celsius, expected) in [(0.0, 32.0), (100.0, 212.0), (-40.0, -40.0), (36.6, 97.9)] {
            assert_eq!(fahrenheit(celsius), expected, "{celsius} °C");
        }
    }

    #[test]
    fn a_threshold_that_is_no_number_is_refused() {
        let args = ["--input", "a", "--output", "b", "--above", "hot"];
        let error = wasmill::testing::describe(map_filter, &args).unwrap_err();
        assert!(error.contains("`--above`: `hot`"), "{error}");
    }

    #[test]
    fn only_high_temperatures_come_out() {
        let job = Job::new(map_filter)
            .args(["--input", "any", "--output", "any", "--above", "100"])
            .input(
                "readings",
                [("oven", 180.5), ("room", 21.0), ("fever", 39.4)],
            );
        let warnings = [
            r#"{"sensor":"oven","fahrenheit":356.9}"#,
            r#"{"sensor":"fever","fahrenheit":102.9}"#,
        ];
        assert_eq!(job.run().unwrap().lines("warnings"), warnings);
        assert_eq!(job.chained().run().unwrap().lines("warnings"), warnings);
    }
}
