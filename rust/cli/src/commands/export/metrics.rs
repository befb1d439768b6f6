// SPDX-License-Identifier: GPL-2.0

//! The metrics of a sample, as docs/metrics.md lists them.

use super::{encoder::Encoder, keys, limits, Format};
use crate::{
    counted_by::CountedBy,
    detail,
    model::{Counters, Reasons, Sample, Scope},
    reason::{vendor, Reason},
};
use prometheus_client::{
    collector::Collector,
    encoding::{text, DescriptorEncoder, NoLabelSet},
    metrics::MetricType,
    registry::Registry,
};
use std::fmt;

/// The metrics of a sample.
#[derive(Debug)]
pub struct Metrics {
    /// The sample, without VMs in teardown.
    pub sample: Sample,
    /// Counters of all vCPUs, past and present.
    pub vcpus: Reasons,
    /// Their counters by key.
    pub keys: Vec<keys::Row>,
    /// Which of them to write.
    pub choice: Choice,
}

/// Which metrics to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Metrics of each VM.
    pub vms: bool,
    /// Histograms of the host.
    pub histograms: bool,
    /// Histograms of each VM.
    pub vm_histograms: bool,
}

/// Labels of a reason's metrics, of a VM or of the host.
type Labels = Vec<(&'static str, String)>;

/// Labels and counters of reasons.
type Rows = Vec<(Labels, Counters)>;

impl Metrics {
    /// Returns them as text.
    ///
    /// # Errors
    ///
    /// None in practice: a `String` accepts all text.
    pub fn encode(self, format: Format) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut output = String::new();
        text::encode(&mut output, &registry)?;
        Ok(match format {
            Format::OpenMetrics => output,
            Format::Text => super::text::from_openmetrics(&output),
        })
    }

    /// The host's rows, summed from per-CPU counters: exits and cycles.
    fn host(&self) -> Rows {
        let all = self.sample.counts.by_cpus(Scope::Host);
        rows(&[], &all.unwrap_or_default())
    }

    /// The rows of all VMs.
    fn vms(&self) -> Rows {
        let vms = self.sample.counts.vms().into_iter();
        vms.filter_map(|vm| Some((vm, self.sample.counts.by_vcpus(Scope::Vm(vm))?)))
            .flat_map(|(vm, reasons)| rows(&[("vm", vm.to_string())], &reasons))
            .collect()
    }

    /// Converts cycles to seconds; `None` if the TSC's frequency is unknown.
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
            "Versions of exitstat and of the module, who counts, and the CPU's vendor; always 1",
            [(build, 1.0)],
        )?;
        for (metric, help, value) in [
            (
                "snapshot_timestamp_seconds",
                "Time of the snapshot, in seconds since 1970",
                header.realtime as f64 / 1e9,
            ),
            (
                "tsc_frequency_hertz",
                "TSC cycles per second; 1e9 if BPF counts, in nanoseconds",
                f64::from(header.tsc_khz) * 1e3,
            ),
            (
                "unattached_vcpus",
                "vCPUs without counters of their own, whose exits are in metrics of the host only",
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
            "VM exits for reasons that neither the SDM nor the APM defines",
            MetricType::Counter,
            |counter| counter.encode_counter::<NoLabelSet, _, u64>(&undefined, None),
        )?;
        encoder.counts(
            "host_exits",
            "VM exits of all VMs, past and present",
            each(&host, |counters| counters.exits),
        )?;
        if !self.counted_by().has_times() {
            return Ok(());
        }
        encoder.amounts(
            "host_handling_seconds",
            "Time that KVM spent handling VM exits of all VMs",
            each(&host, |counters| self.seconds(counters.cycles)),
        )?;
        let vcpus = rows(&[], &self.vcpus);
        encoder.counts(
            "host_user_exits",
            "VM exits of all VMs that userspace finished",
            each(&vcpus, |counters| counters.user_exits),
        )?;
        encoder.amounts(
            "host_user_seconds",
            "Wall time that userspace took to finish VM exits of all VMs",
            each(&vcpus, |counters| self.seconds(counters.user_cycles)),
        )?;
        encoder.counts(
            "host_nested_exits",
            "VM exits of all VMs while a nested guest ran",
            some(&vcpus, |counters| counters.nested),
        )?;
        encoder.counts(
            "host_reflected_exits",
            "VM exits of nested guests reflected to their hypervisors, the VMs",
            some(&vcpus, |counters| counters.reflected),
        )?;
        self.of_keys(encoder)?;
        if !self.choice.histograms {
            return Ok(());
        }
        self.histograms(
            encoder,
            "host_exit_duration_seconds",
            "Duration of handling a VM exit, of all VMs",
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
            "Name and process of a VM, always 1",
            counts.vms().into_iter().filter_map(|id| {
                // All vCPUs are threads of one process.
                let (_, vcpu) = counts.vcpus_of(id).next()?;
                let about = vcpu.identity.as_deref().cloned().unwrap_or_default();
                let labels = [
                    vm(id),
                    ("pid", vcpu.pid.to_string()),
                    ("process", vcpu.process.clone()),
                    ("vm_name", about.name().unwrap_or_default()),
                    ("uuid", about.uuid().unwrap_or_default()),
                    ("pod", about.pod.map_or_else(String::new, String::from)),
                    (
                        "namespace",
                        about.namespace.map_or_else(String::new, String::from),
                    ),
                ];
                Some((labels, 1.0))
            }),
        )?;
        encoder.gauge(
            "vm_vcpus",
            "vCPUs of a VM that have exited at least once",
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
        encoder.amounts(
            "handling_seconds",
            "Time that KVM spent handling VM exits of a VM",
            each(&rows, |counters| self.seconds(counters.cycles)),
        )?;
        encoder.counts(
            "user_exits",
            "VM exits of a VM that userspace finished",
            each(&rows, |counters| counters.user_exits),
        )?;
        encoder.amounts(
            "user_seconds",
            "Wall time that userspace took to finish VM exits of a VM",
            each(&rows, |counters| self.seconds(counters.user_cycles)),
        )?;
        encoder.counts(
            "nested_exits",
            "VM exits of a VM while a nested guest ran",
            some(&rows, |counters| counters.nested),
        )?;
        encoder.counts(
            "reflected_exits",
            "VM exits of nested guests reflected to their hypervisor, the VM",
            some(&rows, |counters| counters.reflected),
        )?;
        if !self.choice.vm_histograms {
            return Ok(());
        }
        self.histograms(
            encoder,
            "exit_duration_seconds",
            "Duration of handling a VM exit",
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
        encoder.family(metric, help, MetricType::Histogram, |family| {
            for (labels, counters) in rows {
                let Some(sum) = self.seconds(counters.cycles) else {
                    continue;
                };
                let histogram = counters.histogram.buckets();
                let buckets = limits::buckets(&histogram, self.sample.header.tsc_khz);
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
        // A recording of some VMs has no totals of the host.
        if self.sample.counts.has_host() {
            self.of_the_host(&mut encoder)?;
        }
        if self.choice.vms {
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

/// Labels of a reason's key.
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

/// One number per row.
fn each<'a, T>(
    rows: &'a Rows,
    number: impl Fn(&Counters) -> T + 'a,
) -> impl Iterator<Item = (&'a [(&'static str, String)], T)> + 'a {
    rows.iter()
        .map(move |(labels, counters)| (labels.as_slice(), number(counters)))
}

/// One number per row, without zeros.
fn some<'a>(
    rows: &'a Rows,
    number: impl Fn(&Counters) -> u64 + 'a,
) -> impl Iterator<Item = (&'a [(&'static str, String)], u64)> + 'a {
    each(rows, number).filter(|&(_, number)| number != 0)
}
