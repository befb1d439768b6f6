// SPDX-License-Identifier: GPL-2.0

//! Tests with answers of QEMU 7.2: `-M q35` after its firmware, and `-M microvm`.

use super::*;
use crate::detail::Names;
use exitstat_core::detail::{Identity, CONTEXT_NESTED};
use proptest::{collection::vec, prelude::*};

fn q35() -> Devices {
    Devices::of(&Answers {
        pid: None,
        pci: serde_json::from_str(include_str!("q35.json")).unwrap(),
        mtree: include_str!("q35.mtree.txt").to_owned(),
        qtree: String::new(),
    })
    .unwrap()
}

fn microvm() -> Devices {
    Devices::of(&Answers {
        pid: None,
        pci: serde_json::json!([]),
        mtree: include_str!("microvm.mtree.txt").to_owned(),
        qtree: include_str!("microvm.qtree.txt").to_owned(),
    })
    .unwrap()
}

fn what(devices: Devices, reason: u32, key: u64) -> String {
    let id = Identity {
        reason,
        key,
        ..Identity::default()
    };
    let names = Names {
        symbols: None,
        devices: Some(devices),
    };
    names.what(&id)
}

#[test]
fn registers_are_named_by_their_device() {
    for (address, expected) in [
        (0xfe20_3000, "virtio-net 00:01.0 notify"),
        (0xfe20_0014, "virtio-net 00:01.0 common+0x14"),
        (0xfead_4010, "virtio-net 00:01.0 MSI-X table+0x10"),
        // A part of a BAR's page that no region covers.
        (0xfead_4900, "virtio-net 00:01.0 BAR1+0x900"),
        (0xfe00_3000, "virtio-rng 01:00.0 notify"),
        (0xfea8_00d0, "e1000e 00:03.0 BAR0+0xd0"),
        (0xfead_8100, "SATA 00:1f.2 BAR5+0x100"),
        (0xfead_7000, "root port 00:05.0 MSI-X table"),
        (0xb000_8000, "0xb0008000 pcie-mmcfg-mmio"),
        // Known from the tables.
        (0xfec0_0010, "0xfec00010 I/O APIC"),
        (0xfed0_00f0, "0xfed000f0 HPET"),
        // Unassigned, and memory.
        (0xfe10_0000, "0xfe100000"),
        (0x10_0000, "0x100000"),
    ] {
        assert_eq!(what(q35(), 49, address), expected);
    }
}

#[test]
fn ports_are_named_by_their_device() {
    for (port, expected) in [
        (0xc0d0, "out 1 virtio-net 00:01.0 BAR0+0x10"),
        (0x0705, "out 1 SMBus 00:1f.3 BAR4+0x5"),
        (0x03f8, "0x3f8 out 1 COM1"),
        (0x0cc4, "0xcc4 out 1 acpi-pci-hotplug"),
        (0xd000, "0xd000 out 1"),
    ] {
        assert_eq!(what(q35(), 30, port << 16), expected);
    }
}

#[test]
fn of_two_mebibytes_a_device_is_named_if_there_is_one() {
    for (address, expected) in [
        (0xb000_0000, "0xb0000000+2M write pcie-mmcfg-mmio"),
        (0xfe00_0000, "0xfe000000+2M write virtio-rng 01:00.0"),
        (0xfea0_0000, "0xfea00000+2M write 6 devices"),
        (0xfee0_0000, "0xfee00000+2M write apic-msi"),
        (0x0000_0000, "0x0+2M write"),
        (0x4000_0000, "0x40000000+2M write"),
    ] {
        assert_eq!(what(q35(), 48, address | 2), expected);
    }
}

#[test]
fn devices_behind_virtio_mmio_are_named() {
    for (address, expected) in [
        (0xfeb0_2e50, "virtio-net 0xfeb02e00 QueueNotify"),
        (0xfeb0_2c60, "virtio-blk 0xfeb02c00 InterruptStatus"),
        (0xfeb0_2d04, "virtio-blk 0xfeb02c00+0x104"),
        (0xfeb0_0000, "virtio-mmio 0xfeb00000 MagicValue"),
        // The tables have only the first I/O APIC.
        (0xfec1_0010, "0xfec10010 ioapic"),
        (0xfea0_0202, "0xfea00202 acpi-ged-regs"),
    ] {
        assert_eq!(what(microvm(), 49, address), expected);
    }
}

#[test]
fn other_keys_and_nested_guests_have_their_usual_names() {
    assert_eq!(what(q35(), 32, 0x6e0), "0x6e0 IA32_TSC_DEADLINE");
    let id = Identity {
        reason: 49,
        key: 0xfe20_3000,
        context: CONTEXT_NESTED,
        ..Identity::default()
    };
    let names = Names {
        symbols: None,
        devices: Some(q35()),
    };
    assert_eq!(names.what(&id), "0xfe203000");
}

#[test]
fn what_qemu_does_not_answer_is_an_error() {
    let good = Answers {
        mtree: include_str!("microvm.mtree.txt").to_owned(),
        pci: serde_json::json!([]),
        ..Answers::default()
    };
    assert!(Devices::of(&good).is_ok());
    let wrong = Answers {
        mtree: "unknown command: 'info mtree -f'\r\n".to_owned(),
        ..good.clone()
    };
    assert!(Devices::of(&wrong).unwrap_err().contains("address space"));
    let wrong = Answers {
        pci: serde_json::json!({}),
        ..good
    };
    assert!(Devices::of(&wrong).unwrap_err().contains("query-pci"));
}

/// Returns a text with some characters replaced.
fn damage(text: &str, damages: &[(usize, char)]) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for &(at, new) in damages {
        let at = at % characters.len();
        characters[at] = new;
    }
    characters.into_iter().collect()
}

/// Any character, with a preference for those in numbers and ranges.
fn character() -> impl Strategy<Value = char> {
    prop_oneof![
        any::<char>(),
        proptest::char::range('0', ':'),
        Just('f'),
        Just('@'),
        Just('\u{1b}')
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn nothing_that_qemu_says_panics(
        damages in vec((any::<usize>(), character()), 0..200),
        address: u64,
    ) {
        let devices = Devices::of(&Answers {
            pid: None,
            pci: serde_json::from_str(include_str!("q35.json")).unwrap(),
            mtree: damage(include_str!("microvm.mtree.txt"), &damages),
            qtree: damage(include_str!("microvm.qtree.txt"), &damages),
        });
        if let Ok(devices) = devices {
            for address in (0xfea0_0000..0xff00_0000).step_by(0x180).chain([address]) {
                let _ = devices.region(address & !(REGION - 1));
                let _ = devices.port(address as u16);
                if let Some(place) = devices.memory(address) {
                    prop_assert!(!place.text.contains(char::is_control));
                }
            }
        }
    }
}
