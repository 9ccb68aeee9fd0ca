//! `/metrics`: the edge's own counters, and the figures of other parts read through their port.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::addresses::Connections;
use crate::figures::{Figure, FigureSource, FigureValue};

/// Seconds; from a cached answer to one that ran into its time limit.
const DURATION_BUCKETS_S: [f64; 11] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0, 30.0];

/// The registry and what the edge itself counts.
pub(crate) struct HttpMetrics {
    registry: Registry,
    requests: Family<[(&'static str, &'static str); 1], Counter>,
    durations: Histogram,
}

impl HttpMetrics {
    pub(crate) fn new(connections: Arc<Connections>, sources: Vec<Arc<dyn FigureSource>>) -> Self {
        let mut registry = Registry::with_prefix("hd1");
        let requests = Family::default();
        let durations = Histogram::new(DURATION_BUCKETS_S);
        registry.register("http_requests", "HTTP requests answered, by class of status", Family::clone(&requests));
        registry.register("http_request_duration_seconds", "Time from head to answer", durations.clone());
        registry.register_collector(Box::new(Sources { connections, sources }));
        Self { registry, requests, durations }
    }

    pub(crate) fn request(&self, status: StatusCode, took: Duration) {
        let class = match status.as_u16() {
            100..200 => "1xx",
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            _ => "5xx",
        };
        self.requests.get_or_create(&[("class", class)]).inc();
        self.durations.observe(took.as_secs_f64());
    }

    /// The text that Prometheus reads.
    pub(crate) fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

struct Sources {
    connections: Arc<Connections>,
    sources: Vec<Arc<dyn FigureSource>>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sources", self.sources.len())
    }
}

impl Collector for Sources {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let connections = Figure {
            name: "http_connections",
            help: "HTTP and WebSocket connections open",
            value: FigureValue::Gauge(f64::from(self.connections.count())),
        };
        write_figure(&mut encoder, &connections)?;
        for figure in self.sources.iter().flat_map(|source| source.figures()) {
            write_figure(&mut encoder, &figure)?;
        }
        Ok(())
    }
}

fn write_figure(encoder: &mut DescriptorEncoder, figure: &Figure) -> Result<(), fmt::Error> {
    let kind = match figure.value {
        FigureValue::Counter(_) | FigureValue::Counters(..) | FigureValue::Families(..) => MetricType::Counter,
        FigureValue::Gauge(_) | FigureValue::Gauges(..) => MetricType::Gauge,
        FigureValue::Histogram { .. } => MetricType::Histogram,
    };
    let mut metric = encoder.encode_descriptor(figure.name, figure.help, None, kind)?;
    match &figure.value {
        FigureValue::Counter(value) => ConstCounter::new(*value).encode(metric),
        FigureValue::Gauge(value) => ConstGauge::new(*value).encode(metric),
        FigureValue::Counters(label, values) => values
            .iter()
            .try_for_each(|&(of, value)| ConstCounter::new(value).encode(metric.encode_family(&[(*label, of)])?)),
        FigureValue::Families(labels, values) => values.iter().try_for_each(|(of, value)| {
            let of: Vec<_> = labels.iter().copied().zip(of.iter().map(String::as_str)).collect();
            ConstCounter::new(*value).encode(metric.encode_family(&of)?)
        }),
        FigureValue::Gauges(label, values) => values
            .iter()
            .try_for_each(|&(of, value)| ConstGauge::new(value).encode(metric.encode_family(&[(*label, of)])?)),
        FigureValue::Histogram { sum, buckets } => {
            let count = buckets.iter().map(|&(_, n)| n).sum();
            metric.encode_histogram::<NoLabelSet>(*sum, count, buckets, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl FigureSource for Fixed {
        fn figures(&self) -> Vec<Figure> {
            let figure = |name, value| Figure { name, help: "a figure", value };
            vec![
                figure("ticks", FigureValue::Counter(7)),
                figure("runs", FigureValue::Families(&["of", "at"], vec![(vec!["a:b".into(), "c".into()], 3)])),
                figure("worlds", FigureValue::Gauges("status", vec![("running", 2.0), ("paused", 1.0)])),
                figure(
                    "tick_duration_seconds",
                    FigureValue::Histogram { sum: 0.5, buckets: vec![(0.001, 3), (0.01, 2), (f64::INFINITY, 1)] },
                ),
            ]
        }
    }

    #[test]
    fn figures_read_as_prometheus_text() {
        let metrics = HttpMetrics::new(Connections::new(1, 1), vec![Arc::new(Fixed)]);
        metrics.request(StatusCode::OK, Duration::from_millis(2));
        let text = metrics.text().unwrap();
        for line in [
            "hd1_ticks_total 7",
            "hd1_runs_total{of=\"a:b\",at=\"c\"} 3",
            "hd1_worlds{status=\"running\"} 2.0",
            "hd1_http_requests_total{class=\"2xx\"} 1",
            "hd1_http_connections 0.0",
            "hd1_tick_duration_seconds_bucket{le=\"0.001\"} 3",
            "hd1_tick_duration_seconds_bucket{le=\"0.01\"} 5",
            "hd1_tick_duration_seconds_bucket{le=\"+Inf\"} 6",
            "hd1_tick_duration_seconds_count 6",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing from\n{text}");
        }
    }
}
