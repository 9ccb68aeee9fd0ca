//! The port through which other parts' figures reach `/metrics`.
//!
//! It stands alone so that no other part needs to know the metrics library: they hand over plain numbers whenever
//! somebody asks.

/// Figures of a part of the server, read at each scrape.
pub trait FigureSource: Send + Sync + 'static {
    /// The figures now. Called on every scrape; must be cheap and must not block. Label values come from closed sets or
    /// from what is installed: never a session, a person or an address.
    fn figures(&self) -> Vec<Figure>;
}

/// One figure with its description.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Name without the `hd1_` prefix and without `_total`, as in `tick_duration_seconds`.
    pub name: &'static str,
    /// What it counts, one sentence without the full stop.
    pub help: &'static str,
    /// Its value.
    pub value: FigureValue,
}

/// A figure's value.
#[derive(Clone, Debug, PartialEq)]
pub enum FigureValue {
    /// Only grows.
    Counter(u64),
    /// Goes up and down.
    Gauge(f64),
    /// Counters told apart by the value of one label.
    Counters(&'static str, Vec<(&'static str, u64)>),
    /// Counters told apart by the values of several labels, which come from what is installed.
    Families(&'static [&'static str], Vec<(Vec<String>, u64)>),
    /// Gauges told apart by the value of one label.
    Gauges(&'static str, Vec<(&'static str, f64)>),
    /// A distribution.
    Histogram {
        /// Sum of all observations.
        sum: f64,
        /// `(upper bound, observations in this bucket alone)`, ascending; the last bound is `f64::INFINITY`.
        buckets: Vec<(f64, u64)>,
    },
}
