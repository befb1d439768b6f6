// SPDX-License-Identifier: GPL-2.0

//! The metrics of a sample, as docs/metrics.md lists them.

use super::{keys, Format};
use crate::{
    counted_by::CountedBy,
    detail,
    model::{Counters, Reasons, Sample, Scope},
    reason::{vendor, Reason},
};
use exitstat_core::histogram::bucket_begin;
use prometheus_client::{
    collector::Collector,
    encoding::{text, DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet},
    metrics::MetricType,
    registry::Registry,
};
use std::fmt;

/// Limits between a histogram's buckets are 2^n cycles, with n from the first to the last of these:
/// 0.1 us to 0.4 s at 2.5 GHz. They are the same for all histograms and do not depend on what was
/// counted, so that sums of histograms, and rates over time, are right.
const LIMITS: std::ops::RangeInclusive<u32> = 8..=30;

/// The metrics of a sample.
#[derive(Debug)]
pub struct Metrics {
    /// The sample, without VMs that are being taken apart.
    pub sample: Sample,
    /// What all vCPUs counted, those of these VMs and those that are gone included.
    pub vcpus: Reasons,
    /// What they counted, by what it was about.
    pub keys: Vec<keys::Row>,
    /// Also those of each VM.
    pub vms: bool,
    /// Also histograms.
    pub histograms: bool,
}

/// Labels of a reason's metrics, of a VM or of the host.
type Labels = Vec<(&'static str, String)>;

/// What is counted of a reason, with its labels.
type Rows = Vec<(Labels, Counters)>;

impl Metrics {
    /// All of them, as text.
    ///
    /// # Errors
    ///
    /// Never, as text has room.
    pub fn encode(self, format: Format) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut output = String::new();
        text::encode(&mut output, &registry)?;
        Ok(match format {
            Format::OpenMetrics => output,
            Format::Text => older(&output),
        })
    }

    /// What CPUs counted: exits and cycles.
    fn host(&self) -> Rows {
        let all = self.sample.counts.by_cpus(Scope::Host);
        rows(&[], &all.unwrap_or_default())
    }

    /// What the vCPUs of each VM counted.
    fn vms(&self) -> Rows {
        let vms = self.sample.counts.vms().into_iter();
        vms.filter_map(|vm| Some((vm, self.sample.counts.by_vcpus(Scope::Vm(vm))?)))
            .flat_map(|(vm, reasons)| rows(&[("vm", vm.to_string())], &reasons))
            .collect()
    }

    /// Seconds of so many cycles; `None` if the TSC's frequency is not known.
    fn seconds(&self, cycles: u64) -> Option<f64> {
        let khz = self.sample.header.tsc_khz;
        (khz != 0).then(|| cycles as f64 / (f64::from(khz) * 1e3))
    }

    fn counted_by(&self) -> CountedBy {
        CountedBy::of(&self.sample.header)
    }

    fn about(&self, encoder: &mut Encoder<'_>) -> fmt::Result {
        let header = &self.sample.header;
        let build = [
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("module_version", self.sample.module_version()),
            ("source", self.counted_by().word().to_owned()),
            ("vendor", vendor(self.sample.header.isa()).to_owned()),
        ];
        encoder.gauge(
            "build_info",
            "Versions of exitstat and of the module, who counts, and whose CPU it is; always 1",
            [(build, 1.0)],
        )?;
        for (metric, help, value) in [
            (
                "snapshot_timestamp_seconds",
                "When the counters were read, in seconds since 1970",
                header.realtime as f64 / 1e9,
            ),
            (
                "tsc_frequency_hertz",
                "Cycles of the TSC in a second; 1e9 if BPF counts, in ns",
                f64::from(header.tsc_khz) * 1e3,
            ),
            (
                "unattached_vcpus",
                "vCPUs whose exits are in metrics of the host only, as there was no memory for them",
                header.unattached as f64,
            ),
        ] {
            encoder.family(metric, help, MetricType::Gauge, |gauge| {
                gauge.encode_gauge(&value)
            })?;
        }
        Ok(())
    }

    fn of_the_host(&self, encoder: &mut Encoder<'_>) -> fmt::Result {
        let host = self.host();
        let all = self.sample.counts.by_cpus(Scope::Host).unwrap_or_default();
        let undefined = all.iter().filter(|(reason, _)| !reason.is_defined());
        let undefined: u64 = undefined.map(|(_, counters)| counters.exits).sum();
        encoder.family(
            "undefined_exits",
            "VM exits for reasons that the SDM, or the APM, does not define",
            MetricType::Counter,
            |counter| counter.encode_counter::<NoLabelSet, _, u64>(&undefined, None),
        )?;
        encoder.counts(
            "host_exits",
            "VM exits of all VMs, those that are gone included",
            each(&host, |counters| counters.exits),
        )?;
        if !self.counted_by().has_times() {
            return Ok(());
        }
        encoder.counts(
            "host_handling_cycles",
            "TSC cycles that KVM spent handling VM exits of all VMs",
            each(&host, |counters| counters.cycles),
        )?;
        encoder.amounts(
            "host_handling_seconds",
            "Time that KVM spent handling VM exits of all VMs",
            each(&host, |counters| self.seconds(counters.cycles)),
        )?;
        let vcpus = rows(&[], &self.vcpus);
        encoder.counts(
            "host_user_exits",
            "VM exits of all VMs that user space had to finish",
            each(&vcpus, |counters| counters.user_exits),
        )?;
        encoder.amounts(
            "host_user_seconds",
            "Wall time that user space took to finish VM exits of all VMs",
            each(&vcpus, |counters| self.seconds(counters.user_cycles)),
        )?;
        encoder.counts(
            "host_nested_exits",
            "VM exits of all VMs that were taken while a nested guest ran",
            some(&vcpus, |counters| counters.nested),
        )?;
        encoder.counts(
            "host_reflected_exits",
            "VM exits of nested guests that their hypervisors, VMs, got",
            some(&vcpus, |counters| counters.reflected),
        )?;
        self.of_keys(encoder)?;
        self.histograms(
            encoder,
            "host_exit_duration_seconds",
            "How long KVM took to handle a VM exit, of all VMs",
            &vcpus,
        )
    }

    fn of_keys(&self, encoder: &mut Encoder<'_>) -> fmt::Result {
        let rows = self.keys.iter().map(|row| (key_labels(row), row.tally));
        let rows: Vec<_> = rows.collect();
        if rows.is_empty() {
            return Ok(());
        }
        encoder.counts(
            "host_key_exits",
            "VM exits of all VMs by what they were about",
            rows.iter()
                .map(|(labels, tally)| (labels.as_slice(), tally.exits)),
        )?;
        encoder.amounts(
            "host_key_handling_seconds",
            "Time that KVM spent handling VM exits of all VMs, by what they were about",
            rows.iter()
                .map(|(labels, tally)| (labels.as_slice(), self.seconds(tally.cycles))),
        )
    }

    fn of_vms(&self, encoder: &mut Encoder<'_>) -> fmt::Result {
        let counts = &self.sample.counts;
        let vm = |vm: u64| ("vm", vm.to_string());
        encoder.gauge(
            "vm_info",
            "The process that runs a VM, always 1",
            counts.vms().into_iter().filter_map(|id| {
                // All vCPUs are threads of one process.
                let (_, vcpu) = counts.vcpus_of(id).next()?;
                let process = ("process", vcpu.process.clone());
                Some(([vm(id), ("pid", vcpu.pid.to_string()), process], 1.0))
            }),
        )?;
        encoder.gauge(
            "vm_vcpus",
            "vCPUs of a VM that have had a VM exit",
            counts
                .vms()
                .into_iter()
                .map(|id| ([vm(id)], counts.vcpus_of(id).count() as f64)),
        )?;
        let rows = self.vms();
        encoder.counts(
            "exits",
            "VM exits of a VM",
            each(&rows, |counters| counters.exits),
        )?;
        if !self.counted_by().has_times() {
            return Ok(());
        }
        encoder.counts(
            "handling_cycles",
            "TSC cycles that KVM spent handling VM exits of a VM",
            each(&rows, |counters| counters.cycles),
        )?;
        encoder.amounts(
            "handling_seconds",
            "Time that KVM spent handling VM exits of a VM",
            each(&rows, |counters| self.seconds(counters.cycles)),
        )?;
        encoder.counts(
            "user_exits",
            "VM exits of a VM that user space had to finish",
            each(&rows, |counters| counters.user_exits),
        )?;
        encoder.amounts(
            "user_seconds",
            "Wall time that user space took to finish VM exits of a VM",
            each(&rows, |counters| self.seconds(counters.user_cycles)),
        )?;
        encoder.counts(
            "nested_exits",
            "VM exits of a VM that were taken while a nested guest ran",
            some(&rows, |counters| counters.nested),
        )?;
        encoder.counts(
            "reflected_exits",
            "VM exits of nested guests that their hypervisor, the VM, got",
            some(&rows, |counters| counters.reflected),
        )?;
        self.histograms(
            encoder,
            "exit_duration_seconds",
            "How long KVM took to handle a VM exit",
            &rows,
        )
    }

    fn histograms(
        &self,
        encoder: &mut Encoder<'_>,
        metric: &str,
        help: &str,
        rows: &Rows,
    ) -> fmt::Result {
        if !self.histograms {
            return Ok(());
        }
        encoder.family(metric, help, MetricType::Histogram, |family| {
            for (labels, counters) in rows {
                let Some(sum) = self.seconds(counters.cycles) else {
                    continue;
                };
                let limits = LIMITS.map(bucket_begin);
                let limits: Vec<_> = limits.filter_map(|limit| self.seconds(limit)).collect();
                let histogram = counters.histogram.buckets();
                let buckets = buckets(&histogram, &limits);
                let count = histogram.iter().sum();
                let mut metric = family.encode_family(labels)?;
                metric.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
            }
            Ok(())
        })
    }
}

impl Collector for Metrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut encoder = Encoder(encoder);
        self.about(&mut encoder)?;
        self.of_the_host(&mut encoder)?;
        if self.vms {
            self.of_vms(&mut encoder)?;
        }
        Ok(())
    }
}

/// Labels of a reason.
fn reason_labels(reason: Reason) -> [(&'static str, String); 3] {
    [
        ("reason", reason.number.to_string()),
        ("name", reason.to_string()),
        ("vendor", reason.vendor().to_owned()),
    ]
}

/// Labels of a reason's exits with a key.
fn key_labels(row: &keys::Row) -> Labels {
    let (key, what) = match row.key {
        Some(key) => (format!("{key:#x}"), detail::name(row.reason.number, key)),
        None => ("other".to_owned(), "other".to_owned()),
    };
    let labels = reason_labels(row.reason).into_iter();
    labels.chain([("key", key), ("what", what)]).collect()
}

/// Labels and counters of all reasons.
fn rows(labels: &[(&'static str, String)], reasons: &Reasons) -> Rows {
    let row = |(reason, counters): (Reason, &Counters)| {
        let of_reason = reason_labels(reason);
        let labels = labels.iter().cloned().chain(of_reason).collect();
        (labels, counters.clone())
    };
    reasons.iter().map(row).collect()
}

/// A number of each row.
fn each<'a, T>(
    rows: &'a Rows,
    number: impl Fn(&Counters) -> T + 'a,
) -> impl Iterator<Item = (&'a [(&'static str, String)], T)> + 'a {
    rows.iter()
        .map(move |(labels, counters)| (labels.as_slice(), number(counters)))
}

/// The same, of those that are not 0.
fn some<'a>(
    rows: &'a Rows,
    number: impl Fn(&Counters) -> u64 + 'a,
) -> impl Iterator<Item = (&'a [(&'static str, String)], u64)> + 'a {
    each(rows, number).filter(|&(_, number)| number != 0)
}

/// Upper limits in seconds, with the exits up to them and above the one before; last, those above
/// all limits.
fn buckets(histogram: &[u64], limits: &[f64]) -> Vec<(f64, u64)> {
    let (first, last) = (*LIMITS.start() as usize, *LIMITS.end() as usize);
    let sum = |buckets: Option<&[u64]>| buckets.unwrap_or_default().iter().sum::<u64>();
    let mut counts = vec![sum(histogram.get(..first))];
    counts.extend(histogram.get(first..last).unwrap_or_default());
    let above = sum(histogram.get(last..));
    let mut buckets: Vec<_> = limits.iter().copied().zip(counts).collect();
    buckets.push((f64::INFINITY, above));
    buckets
}

/// Writes families of metrics.
struct Encoder<'a>(DescriptorEncoder<'a>);

impl Encoder<'_> {
    fn family(
        &mut self,
        metric: &str,
        help: &str,
        kind: MetricType,
        write: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let metric = format!("exitstat_{metric}");
        write(&mut self.0.encode_descriptor(&metric, help, None, kind)?)
    }

    fn gauge<L: EncodeLabelSet>(
        &mut self,
        metric: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, f64)>,
    ) -> fmt::Result {
        self.family(metric, help, MetricType::Gauge, |family| {
            for (labels, value) in values {
                family.encode_family(&labels)?.encode_gauge(&value)?;
            }
            Ok(())
        })
    }

    /// Counters of things.
    fn counts<L: EncodeLabelSet>(
        &mut self,
        metric: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        self.family(metric, help, MetricType::Counter, |family| {
            for (labels, value) in values {
                let mut metric = family.encode_family(&labels)?;
                metric.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
            }
            Ok(())
        })
    }

    /// Counters of what has a unit; those whose value is not known are left out.
    fn amounts<L: EncodeLabelSet>(
        &mut self,
        metric: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, Option<f64>)>,
    ) -> fmt::Result {
        self.family(metric, help, MetricType::Counter, |family| {
            for (labels, value) in values {
                if let Some(value) = value {
                    let mut metric = family.encode_family(&labels)?;
                    metric.encode_counter::<NoLabelSet, _, f64>(&value, None)?;
                }
            }
            Ok(())
        })
    }
}

/// OpenMetrics as Prometheus's older text format: there a counter's HELP and TYPE have its whole
/// name, and there is neither UNIT nor EOF.
fn older(openmetrics: &str) -> String {
    let counter = |metric: &str| {
        let line = format!("\n# TYPE {metric} counter\n");
        openmetrics.contains(&line)
    };
    let mut text = String::with_capacity(openmetrics.len());
    for line in openmetrics.lines() {
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["#", what @ ("HELP" | "TYPE"), metric, rest @ ..] if counter(metric) => {
                text.push_str(&format!("# {what} {metric}_total {}", rest.join(" ")));
            }
            ["#", "UNIT" | "EOF", ..] => continue,
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}
