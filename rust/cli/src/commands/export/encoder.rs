// SPDX-License-Identifier: GPL-2.0

//! Metric families, encoded with `prometheus_client`.

use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet},
    metrics::MetricType,
};
use std::fmt;

/// Encoder of metric families.
pub struct Encoder<'a>(pub DescriptorEncoder<'a>);

impl Encoder<'_> {
    /// Writes one family.
    pub fn family(
        &mut self,
        metric: &str,
        help: &str,
        kind: MetricType,
        write: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let metric = format!("exitstat_{metric}");
        write(&mut self.0.encode_descriptor(&metric, help, None, kind)?)
    }

    /// Writes gauges.
    pub fn gauge<L: EncodeLabelSet>(
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

    /// Writes counters with integer values.
    pub fn counts<L: EncodeLabelSet>(
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

    /// Writes counters with fractional values. Omits series with unknown values.
    pub fn amounts<L: EncodeLabelSet>(
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
