//! The runtime's figures, and those of plugins, in the form in which `/metrics` takes them.

use hd1_http::{Figure, FigureSource, FigureValue};
use hd1_runtime::Runtime;
use hd1_runtime::histogram::DurationCounts;

use crate::plugin_host::Plugins;

/// Reads the runtime at each scrape.
pub struct RuntimeFigures(pub Runtime);

impl FigureSource for RuntimeFigures {
    fn figures(&self) -> Vec<Figure> {
        let metrics = self.0.metrics();
        let worlds = metrics.worlds.iter().map(|(status, count)| (status.as_str(), *count as f64)).collect();
        vec![
            figure("tick_duration_seconds", "How long ticks took", histogram(&metrics.tick_durations)),
            figure(
                "tick_lateness_seconds",
                "How long after their deadlines ticks began",
                histogram(&metrics.tick_lateness),
            ),
            figure("tick_overruns", "Ticks that took longer than their period", counter(metrics.overruns)),
            figure("ticks_skipped", "Ticks left out to catch up", counter(metrics.skipped_ticks)),
            figure("worlds", "Worlds by status", FigureValue::Gauges("status", worlds)),
            figure("world_crashes", "Worlds that panicked or could not be loaded", counter(metrics.crashes)),
            figure("clients", "Clients in worlds", gauge(metrics.clients)),
            figure("bytes_in", "Bytes of frames from clients", counter(metrics.bytes_in)),
            figure("bytes_out", "Bytes of frames to clients", counter(metrics.bytes_out)),
            figure("mailbox_depth", "Commands that wait for their worlds' next ticks", gauge(metrics.mailbox_depth)),
            figure(
                "inputs_replaced",
                "Input samples replaced before a tick saw them",
                counter(metrics.inputs_replaced),
            ),
            figure("operations_refused", "Operations refused at a full mailbox", counter(metrics.operations_refused)),
            figure("slow_clients", "Clients cut off because they did not read", counter(metrics.slow_clients)),
            figure(
                "snapshot_stall_seconds",
                "How long ticking stood still for snapshots",
                histogram(&metrics.snapshot_stalls),
            ),
            figure(
                "snapshot_write_seconds",
                "How long snapshots took to be on disk",
                histogram(&metrics.snapshot_writes),
            ),
            figure("snapshot_bytes", "Bytes of snapshots written", counter(metrics.snapshot_bytes)),
            figure("snapshot_failures", "Snapshots that could not be written", counter(metrics.snapshot_failures)),
            figure(
                "snapshots_deferred",
                "Snapshots put off because the disk was behind",
                counter(metrics.snapshots_deferred),
            ),
            figure("disk_queue_depth", "Jobs that wait for the disk", gauge(metrics.disk_queue)),
            figure("world_load_seconds", "How long worlds took to be loaded", histogram(&metrics.load_durations)),
            figure("recording_failures", "Recordings given up", counter(metrics.recording_failures)),
        ]
    }
}

/// Reads what plugins did, at each scrape.
pub struct PluginFigures(pub Plugins);

impl FigureSource for PluginFigures {
    fn figures(&self) -> Vec<Figure> {
        let (mut runs, mut fuel, mut faults, mut counted) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (plugin, meter) in self.0.meters() {
            for part in meter.figures() {
                let of = || vec![plugin.clone(), part.name.clone()];
                runs.push((of(), part.runs));
                fuel.push((of(), part.fuel));
                for (kind, count) in part.faults {
                    faults.push((vec![plugin.clone(), part.name.clone(), kind.to_owned()], count));
                }
            }
            counted.extend(meter.counters().into_iter().map(|(name, count)| (vec![plugin.clone(), name], count)));
        }
        let parts = &["plugin", "part"];
        vec![
            figure("plugin_runs", "Runs of plugins' systems, hooks and services", FigureValue::Families(parts, runs)),
            figure("plugin_fuel", "Units of fuel that they used", FigureValue::Families(parts, fuel)),
            figure(
                "plugin_faults",
                "Runs that counted for nothing, by kind",
                FigureValue::Families(&["plugin", "part", "kind"], faults),
            ),
            figure(
                "plugin_counted",
                "What services count themselves",
                FigureValue::Families(&["plugin", "name"], counted),
            ),
        ]
    }
}

fn figure(name: &'static str, help: &'static str, value: FigureValue) -> Figure {
    Figure { name, help, value }
}

fn counter(count: u64) -> FigureValue {
    FigureValue::Counter(count)
}

fn gauge(count: usize) -> FigureValue {
    FigureValue::Gauge(count as f64)
}

/// From cumulative counts in microseconds to counts of each bucket in seconds.
fn histogram(durations: &DurationCounts) -> FigureValue {
    let mut below = 0;
    let buckets = durations.cumulative.iter().map(|(bound_us, count)| {
        let own = count.saturating_sub(below);
        below = *count;
        (bound_us.map_or(f64::INFINITY, |us| us as f64 / 1e6), own)
    });
    FigureValue::Histogram { buckets: buckets.collect(), sum: durations.sum_us as f64 / 1e6 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_counted_apart_and_in_seconds() {
        let counts = DurationCounts { cumulative: vec![(Some(500), 3), (None, 5)], sum_us: 2_000_000, count: 5 };
        let FigureValue::Histogram { sum, buckets } = histogram(&counts) else { panic!("it is a histogram") };
        assert_eq!(buckets, [(0.0005, 3), (f64::INFINITY, 2)]);
        assert!((sum - 2.0).abs() < 1e-9);
    }
}
