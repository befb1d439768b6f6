// SPDX-License-Identifier: GPL-2.0

//! Memory that exitstat uses on a host, compared with its limits.

use crate::table;
use comfy_table::Table;
use exitstat_bench::host;
use exitstat_core::footprint;
use serde_json::{Map, Value};

/// Memory of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    key: &'static str,
    what: &'static str,
    bytes: i64,
    most: usize,
}

/// Returns the module's memory.
pub fn of_the_module() -> Vec<Item> {
    let cpu = host::cpu_size();
    let vcpu = host::vcpu_size();
    // The scenario `memcg` checks that the kernel charges this much.
    let allocated = vcpu.next_multiple_of(4096);
    let item = |key, what, bytes: u64, most| Item {
        key,
        what,
        bytes: bytes as i64,
        most,
    };
    vec![
        item("per_cpu", "the module's table", cpu, footprint::CPU),
        item("per_vcpu", "the module's counters", vcpu, footprint::VCPU),
        item(
            "per_vcpu_allocated",
            "what is allocated for them",
            allocated,
            footprint::VCPU_ALLOCATED,
        ),
    ]
}

/// Structures of KVM that grow, their descriptions, and the limits of their growth.
const KVM: [(&str, &str, &str, usize); 4] = [
    (
        "kvm_vcpu",
        "per_vcpu_in_kvm_vcpu",
        "added to struct kvm_vcpu",
        footprint::KVM_VCPU,
    ),
    (
        "vcpu_vmx",
        "per_vcpu_in_kvm",
        "… to struct vcpu_vmx, which is allocated",
        footprint::VCPU_VMX,
    ),
    (
        "kvm",
        "per_vm_in_kvm",
        "added to struct kvm",
        footprint::KVM,
    ),
    (
        "kvm_vmx",
        "per_vm",
        "… to struct kvm_vmx, which is allocated",
        footprint::KVM_VMX,
    ),
];

/// Returns KVM's memory, from lines with a structure's name, its size without the patches, and its
/// size with them.
pub fn of_kvm(sizes: &str) -> Result<Vec<Item>, String> {
    KVM.iter()
        .map(|&(name, key, what, most)| {
            let bytes = added(sizes, name).ok_or(format!("no sizes of struct {name}"))?;
            Ok(Item {
                key,
                what,
                bytes,
                most,
            })
        })
        .collect()
}

fn added(sizes: &str, name: &str) -> Option<i64> {
    let mut lines = sizes.lines().map(|line| line.split(' '));
    let mut words = lines
        .find(|words| words.clone().next() == Some(name))?
        .skip(1);
    let mut number = || words.next()?.parse::<i64>().ok();
    let (unpatched, patched) = (number()?, number()?);
    Some(patched - unpatched)
}

/// Returns the table for the terminal.
pub fn table(items: &[Item]) -> Table {
    let mut table = table::new(&["memory", "what", "bytes", "at most"], 2);
    for item in items {
        let per = match item.key {
            key if key.starts_with("per_cpu") => "per possible CPU",
            key if key.starts_with("per_vcpu") => "per vCPU",
            _ => "per VM",
        };
        table.add_row([
            per.to_owned(),
            item.what.to_owned(),
            item.bytes.to_string(),
            item.most.to_string(),
        ]);
    }
    table
}

/// Returns the JSON for the results.
pub fn json(items: &[Item]) -> Value {
    let pairs = items
        .iter()
        .map(|item| (item.key.to_owned(), item.bytes.into()));
    Value::Object(pairs.collect::<Map<_, _>>())
}

/// Returns messages about everything that has grown.
pub fn complaints(items: &[Item]) -> Vec<String> {
    let grown = items.iter().filter(|item| item.bytes > item.most as i64);
    grown
        .map(|item| {
            format!(
                "memory has grown: {}: {} bytes, limit {} (rust/core/src/footprint.rs)",
                item.key, item.bytes, item.most
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: &str =
        "kvm 6272 6272\nkvm_vcpu 5768 5832\nkvm_vmx 6336 6336\nvcpu_vmx 8384 8448\n";

    #[test]
    fn the_module_takes_what_it_may_and_no_more() {
        let items = of_the_module();
        assert_eq!(items.len(), 3);
        assert_eq!(complaints(&items), [""; 0]);
        // Nor smaller: the figures would be about something else.
        assert!(items.iter().all(|item| item.bytes == item.most as i64));
    }

    #[test]
    fn what_patches_add_is_the_difference() {
        let items = of_kvm(SIZES).unwrap();
        let bytes: Vec<_> = items.iter().map(|item| (item.key, item.bytes)).collect();
        let expected = [
            ("per_vcpu_in_kvm_vcpu", 64),
            ("per_vcpu_in_kvm", 64),
            ("per_vm_in_kvm", 0),
            ("per_vm", 0),
        ];
        assert_eq!(bytes, expected);
        assert_eq!(complaints(&items), [""; 0]);
    }

    #[test]
    fn what_has_grown_is_told() {
        let items = of_kvm(&SIZES.replace("kvm_vmx 6336 6336", "kvm_vmx 6336 6400")).unwrap();
        let complaints = complaints(&items);
        assert_eq!(complaints.len(), 1);
        assert!(complaints[0].contains("per_vm: 64 bytes, limit 0"));
    }

    #[test]
    fn a_size_that_is_missing_is_an_error() {
        for sizes in [
            "",
            &SIZES.replace("kvm_vmx ", "kvm_vm "),
            &SIZES.replace(" 8448", ""),
            &SIZES.replace("6336", "?"),
        ] {
            assert!(of_kvm(sizes).is_err(), "{sizes}");
        }
    }
}
