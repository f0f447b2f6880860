//! Lists of metrics as clients ask for them: all names, some values, or values put together.
//!
//! Used by everything that has metrics. Invariant: names and values come as pairs from one function per
//! kind of component, so what is listed can be asked for.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use crate::call::Call;
use crate::error::ApiError;

/// A metric of a component.
pub(crate) type Reading = (Cow<'static, str>, Value);

/// What a metric shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value {
    Count(u64),
    Time(i64),
    Measure(f64),
}

impl Value {
    fn as_f64(self) -> f64 {
        match self {
            Self::Count(count) => count as f64,
            Self::Time(time) => time as f64,
            Self::Measure(measure) => measure,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Count(count) => count.to_string(),
            Self::Time(time) => time.to_string(),
            Self::Measure(measure) => measure.to_string(),
        }
    }
}

/// Metrics.
#[derive(Serialize, ToSchema)]
#[serde(transparent)]
pub(crate) struct MetricCollection(Vec<Metric>);

/// A metric; its value only when it was asked for.
#[derive(Serialize, ToSchema)]
pub(crate) struct Metric {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

impl MetricCollection {
    /// All readings with their values.
    pub(crate) fn with_values(readings: Vec<Reading>) -> Self {
        let metrics = readings.into_iter().map(|(id, value)| Metric {
            id: id.into_owned(),
            value: Some(value.text()),
        });
        Self(metrics.collect())
    }

    /// The names of all readings, or those with their values that the query's `get` names.
    pub(crate) fn of(call: &Call, readings: Vec<Reading>) -> Self {
        let Some(wanted) = call.list_query("get") else {
            let ids = readings.into_iter().map(|(id, _)| Metric {
                id: id.into_owned(),
                value: None,
            });
            return Self(ids.collect());
        };
        let find = |name: &str| {
            let (id, value) = readings.iter().find(|(id, _)| id == name)?;
            Some(Metric {
                id: id.clone().into_owned(),
                value: Some(value.text()),
            })
        };
        Self(wanted.into_iter().filter_map(find).collect())
    }
}

/// Metrics put together from several components.
#[derive(Serialize, ToSchema)]
#[serde(transparent)]
pub(crate) struct AggregatedMetrics(Vec<AggregatedMetric>);

/// A metric of several components; of its aggregations those that were asked for.
#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
pub(crate) struct AggregatedMetric {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avg: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skew: Option<f64>,
}

/// How values are put together.
const AGGREGATIONS: [&str; 5] = ["min", "max", "avg", "sum", "skew"];

impl AggregatedMetrics {
    /// The names of all readings, or what the query's `get` names, put together as its `agg` says.
    ///
    /// As in Flink the answer is empty when any metric that was asked for has no value.
    pub(crate) fn of(call: &Call, components: &[Vec<Reading>]) -> Result<Self, ApiError> {
        let aggregations = aggregations(call)?;
        let Some(wanted) = call.list_query("get") else {
            let ids: BTreeSet<&str> = components
                .iter()
                .flatten()
                .map(|(id, _)| id.as_ref())
                .collect();
            let only_id = |id: &str| AggregatedMetric {
                id: id.to_owned(),
                ..AggregatedMetric::default()
            };
            return Ok(Self(ids.into_iter().map(only_id).collect()));
        };
        let together = wanted.into_iter().map(|name| {
            let readings = components.iter().flatten();
            let values = readings.filter(|(id, _)| id == name);
            let values: Vec<f64> = values.map(|(_, value)| value.as_f64()).collect();
            AggregatedMetric::of(name, &values, &aggregations)
        });
        let together: Option<Vec<_>> = together.collect();
        Ok(Self(together.unwrap_or_default()))
    }
}

fn aggregations(call: &Call) -> Result<Vec<String>, ApiError> {
    let Some(wanted) = call.list_query("agg") else {
        return Ok(AGGREGATIONS.map(str::to_owned).into());
    };
    let wanted: Vec<_> = wanted.iter().map(|it| it.to_ascii_lowercase()).collect();
    match wanted
        .iter()
        .find(|it| !AGGREGATIONS.contains(&it.as_str()))
    {
        Some(wrong) => Err(ApiError::bad_parameter(format!(
            "`agg` must be of min, max, avg, sum and skew, and has `{wrong}`"
        ))),
        None => Ok(wanted),
    }
}

impl AggregatedMetric {
    /// None without values.
    fn of(id: &str, values: &[f64], aggregations: &[String]) -> Option<Self> {
        let min = values.iter().copied().min_by(f64::total_cmp)?;
        let max = values.iter().copied().max_by(f64::total_cmp)?;
        let sum: f64 = values.iter().sum();
        let count = values.len() as f64;
        let avg = sum / count;
        let deviation = values.iter().map(|it| (avg - it).abs()).sum::<f64>() / count;
        let skew = match avg {
            0.0 => 0.0,
            _ => (100.0 * deviation / avg).min(100.0),
        };
        let asked = |name: &str, value| aggregations.iter().any(|it| it == name).then_some(value);
        Some(Self {
            id: id.to_owned(),
            min: asked("min", min),
            max: asked("max", max),
            avg: asked("avg", avg),
            sum: asked("sum", sum),
            skew: asked("skew", skew),
        })
    }
}
