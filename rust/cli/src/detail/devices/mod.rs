// SPDX-License-Identifier: GPL-2.0

//! Devices of the guest's machine, by guest physical address and port, as reported by QEMU.

mod qmp;

pub use qmp::{ask, Answers};

use crate::vm::text::printable;
use exitstat_core::key::REGION;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Devices of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Devices {
    memory: Space,
    ports: Space,
    /// Device behind a virtio-mmio transport, by the transport's address.
    behind: BTreeMap<u64, String>,
}

/// An address space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Space {
    /// Regions sorted by address, without overlaps.
    regions: Vec<Region>,
    bars: Vec<Bar>,
}

/// A line of the flat view.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Region {
    begin: u64,
    /// Last address of the region.
    last: u64,
    name: String,
    /// Offset of the region within the object of this name.
    offset: u64,
    /// Whether accesses exit, at least some of them.
    io: bool,
}

/// A base address register of a PCI device.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Bar {
    begin: u64,
    last: u64,
    number: u64,
    /// Name of the device, such as `virtio-net 00:03.0`.
    device: String,
}

/// A device in `query-pci`, reduced to the fields needed.
#[derive(Deserialize)]
struct PciDevice {
    bus: u64,
    slot: u64,
    function: u64,
    id: PciId,
    class_info: PciClass,
    regions: Vec<PciRegion>,
    pci_bridge: Option<PciBridge>,
}

#[derive(Deserialize)]
struct PciId {
    device: u64,
    vendor: u64,
}

#[derive(Deserialize)]
struct PciClass {
    desc: Option<String>,
}

#[derive(Deserialize)]
struct PciRegion {
    bar: u64,
    /// -1 if the guest has not assigned it, or disabled it.
    address: i64,
    size: u64,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct PciBridge {
    #[serde(default)]
    devices: Vec<PciDevice>,
}

#[derive(Deserialize)]
struct PciBus {
    devices: Vec<PciDevice>,
}

impl Devices {
    /// Parses QEMU's answers.
    ///
    /// # Errors
    ///
    /// They are not in QEMU's format.
    pub fn of(answers: &Answers) -> Result<Self, String> {
        let mut all = Self {
            memory: Space::of(&answers.mtree, "memory"),
            ports: Space::of(&answers.mtree, "I/O"),
            behind: behind(&answers.qtree),
        };
        if all.memory.regions.is_empty() {
            return Err("QEMU's `info mtree -f` has no address space \"memory\"".to_owned());
        }
        let buses = Vec::<PciBus>::deserialize(&answers.pci);
        let buses =
            buses.map_err(|why| format!("cannot parse QEMU's answer to query-pci: {why}"))?;
        for bus in buses {
            all.add(bus.devices);
        }
        Ok(all)
    }

    fn add(&mut self, devices: Vec<PciDevice>) {
        for device in devices {
            let name = format!(
                "{} {:02x}:{:02x}.{}",
                device_name(&device),
                device.bus,
                device.slot,
                device.function
            );
            for region in device.regions {
                let (Ok(begin), Some(less)) =
                    (u64::try_from(region.address), region.size.checked_sub(1))
                else {
                    continue;
                };
                let bar = Bar {
                    begin,
                    last: begin.saturating_add(less),
                    number: region.bar,
                    device: name.clone(),
                };
                match region.kind.as_str() {
                    "io" => self.ports.bars.push(bar),
                    _ => self.memory.bars.push(bar),
                }
            }
            self.add(
                device
                    .pci_bridge
                    .map(|bridge| bridge.devices)
                    .unwrap_or_default(),
            );
        }
    }

    /// Returns the device register at a memory address.
    #[must_use]
    pub fn memory(&self, address: u64) -> Option<Place> {
        let place = self.memory.place(address)?;
        // A transport is a region of its own, regardless of the device behind it.
        let transport = self
            .memory
            .region(address)
            .filter(|region| region.name == "virtio-mmio");
        let Some(region) = transport else {
            return Some(place);
        };
        let begin = region.begin.wrapping_sub(region.offset);
        let offset = address.wrapping_sub(begin);
        let behind = self.behind.get(&begin).filter(|name| !name.is_empty());
        let device = behind.map_or("virtio-mmio", String::as_str);
        let text = match (offset, virtio_register(offset)) {
            (_, Some(register)) => format!("{device} {begin:#x} {register}"),
            (offset, None) => format!("{device} {begin:#x}{}", hex(offset)),
        };
        Some(Place {
            text,
            with_offset: true,
        })
    }

    /// Returns the device register at a port.
    #[must_use]
    pub fn port(&self, port: u16) -> Option<Place> {
        // The unassigned rest of this address space has the name of the whole.
        self.ports
            .place(port.into())
            .filter(|place| place.text != "io")
    }

    /// Returns the device in a [`REGION`] of memory, or the number of devices.
    #[must_use]
    pub fn region(&self, begin: u64) -> Option<String> {
        let last = begin.checked_add(REGION - 1)?;
        let bars = self.memory.bars.iter();
        let mut names: BTreeSet<String> = bars
            .filter(|bar| bar.begin <= last && bar.last >= begin)
            .map(|bar| bar.device.clone())
            .collect();
        let regions = self.memory.regions.iter();
        let regions = regions.filter(|region| region.begin <= last && region.last >= begin);
        for region in regions.clone().filter(|region| region.io) {
            if self.memory.bar(region.begin).is_none() {
                names.insert(region.name.clone());
            }
        }
        // If there is memory in it, the exits were most likely caused by pages that are not mapped yet.
        let has_memory = regions
            .clone()
            .any(|region| !region.io && self.memory.bar(region.begin.max(begin)).is_none());
        match (names.len(), has_memory) {
            (0, _) | (_, true) => None,
            (1, _) => names.pop_first(),
            (n, _) => Some(format!("{n} devices")),
        }
    }
}

/// The device at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Text for people.
    pub text: String,
    /// Whether the text includes the offset in the device, so that the address can be omitted.
    pub with_offset: bool,
}

impl Space {
    /// Parses the flat view of an address space: the view that lists the address space as one of its own.
    fn of(mtree: &str, name: &str) -> Self {
        let listed = format!("AS \"{name}\", root:");
        let views = mtree.split("FlatView #");
        let mut found =
            views.filter(|view| view.lines().any(|line| line.trim().starts_with(&listed)));
        let regions = found.next().into_iter().flat_map(str::lines);
        let mut regions: Vec<_> = regions.filter_map(region).collect();
        regions.sort_by_key(|region| region.begin);
        Self {
            regions,
            bars: Vec::new(),
        }
    }

    fn bar(&self, address: u64) -> Option<&Bar> {
        let mut bars = self.bars.iter();
        bars.find(|bar| (bar.begin..=bar.last).contains(&address))
    }

    fn region(&self, address: u64) -> Option<&Region> {
        let n = self
            .regions
            .partition_point(|region| region.begin <= address);
        let region = self.regions.get(n.checked_sub(1)?)?;
        (address <= region.last).then_some(region)
    }

    fn place(&self, address: u64) -> Option<Place> {
        let region = self.region(address);
        let within = |region: &Region| (address - region.begin).wrapping_add(region.offset);
        if let Some(bar) = self.bar(address) {
            let function =
                region.and_then(|region| Some((function(&region.name)?, within(region))));
            let text = match function {
                Some((function, 0)) => format!("{} {function}", bar.device),
                Some((function, offset)) => format!("{} {function}{}", bar.device, hex(offset)),
                None => format!(
                    "{} BAR{}{}",
                    bar.device,
                    bar.number,
                    hex(address - bar.begin)
                ),
            };
            return Some(Place {
                text,
                with_offset: true,
            });
        }
        let region = region.filter(|region| region.io)?;
        Some(Place {
            text: region.name.clone(),
            with_offset: false,
        })
    }
}

fn hex(offset: u64) -> String {
    format!("+{offset:#x}")
}

/// Parses a line of the flat view, such as `  00000000fed00000-00000000fed003ff (prio 0, i/o): hpet`. A
/// region that begins in the middle of an object has ` @` and an offset.
fn region(line: &str) -> Option<Region> {
    let (range, rest) = line.trim().split_once(" (prio ")?;
    let (begin, last) = range.split_once('-')?;
    let (kind, name) = rest.split_once("): ")?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    let (name, offset) = match name.rsplit_once(" @") {
        Some((name, offset)) => (name, number(offset.split(' ').next()?)?),
        None => (name, 0),
    };
    let kind = kind.split_once(", ")?.1;
    Some(Region {
        begin: number(begin)?,
        last: number(last)?,
        name: printable(name),
        offset,
        io: matches!(kind, "i/o" | "romd"),
    })
}

/// Returns the function of a PCI device's region, if QEMU's name shows it.
fn function(region: &str) -> Option<&str> {
    Some(match region {
        "msix-table" => "MSI-X table",
        "msix-pba" => "MSI-X PBA",
        region => {
            let rest = region.strip_prefix("virtio-pci-")?;
            let function = ["common", "isr", "device", "notify-pio", "notify"];
            let mut function = function.into_iter();
            function.find(|function| rest.starts_with(function))?
        }
    })
}

/// Returns the device behind each virtio-mmio transport. The name is empty if there is none.
///
/// `info qtree` indents the devices below their bus.
fn behind(qtree: &str) -> BTreeMap<u64, String> {
    let mut found = BTreeMap::new();
    let mut transport: Option<(usize, Option<u64>)> = None;
    for line in qtree.lines() {
        let text = line.trim_start();
        let depth = line.len() - text.len();
        if let Some((outer, _)) = transport {
            if depth <= outer {
                transport = None;
            }
        }
        let device = text
            .strip_prefix("dev: ")
            .and_then(|text| text.split(',').next());
        match (device, &mut transport) {
            (Some("virtio-mmio"), None) => transport = Some((depth, None)),
            (Some(device), Some((_, Some(address)))) => {
                let name = printable(device.strip_suffix("-device").unwrap_or(device));
                found.entry(*address).and_modify(|known: &mut String| {
                    if known.is_empty() {
                        *known = name;
                    }
                });
            }
            (None, Some((_, address))) if address.is_none() => {
                let begin = text
                    .strip_prefix("mmio ")
                    .and_then(|text| text.split('/').next());
                *address = begin.and_then(|begin| u64::from_str_radix(begin, 16).ok());
                found.extend(address.map(|address| (address, String::new())));
            }
            _ => (),
        }
    }
    found
}

/// Returns the name of a PCI device, by its IDs or class.
fn device_name(device: &PciDevice) -> String {
    const VIRTIO: u64 = 0x1af4;
    let virtio = match (device.id.vendor, device.id.device) {
        (VIRTIO, 0x1000 | 0x1041) => "net",
        (VIRTIO, 0x1001 | 0x1042) => "blk",
        (VIRTIO, 0x1002 | 0x1045) => "balloon",
        (VIRTIO, 0x1003 | 0x1043) => "console",
        (VIRTIO, 0x1004 | 0x1048) => "scsi",
        (VIRTIO, 0x1005 | 0x1044) => "rng",
        (VIRTIO, 0x1009 | 0x1049) => "9p",
        (VIRTIO, 0x1050) => "gpu",
        (VIRTIO, 0x1052) => "input",
        (VIRTIO, 0x1053) => "vsock",
        (VIRTIO, 0x1054) => "crypto",
        (VIRTIO, 0x1057) => "iommu",
        (VIRTIO, 0x1058) => "mem",
        (VIRTIO, 0x1059) => "sound",
        (VIRTIO, 0x105a) => "fs",
        (VIRTIO, 0x105b) => "pmem",
        _ => "",
    };
    if !virtio.is_empty() {
        return format!("virtio-{virtio}");
    }
    let known = match (device.id.vendor, device.id.device) {
        (0x8086, 0x100e) => "e1000",
        (0x8086, 0x10d3) => "e1000e",
        (0x10ec, 0x8139) => "rtl8139",
        (0x1b36, 0x000c) => "root port",
        (0x1b36, 0x000d) => "xHCI",
        (0x1b36, 0x0010) => "NVMe",
        (0x1234, 0x1111) => "VGA",
        (VIRTIO, 0x1110) => "ivshmem",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    match device.class_info.desc.as_deref() {
        Some(class) => printable(class.strip_suffix(" controller").unwrap_or(class)),
        None => format!("{:04x}:{:04x}", device.id.vendor, device.id.device),
    }
}

/// Returns the name of a virtio-mmio register (virtio 1.3, 4.2.2).
fn virtio_register(offset: u64) -> Option<&'static str> {
    Some(match offset {
        0x000 => "MagicValue",
        0x004 => "Version",
        0x008 => "DeviceID",
        0x00c => "VendorID",
        0x010 => "DeviceFeatures",
        0x014 => "DeviceFeaturesSel",
        0x020 => "DriverFeatures",
        0x024 => "DriverFeaturesSel",
        0x030 => "QueueSel",
        0x034 => "QueueNumMax",
        0x038 => "QueueNum",
        0x044 => "QueueReady",
        0x050 => "QueueNotify",
        0x060 => "InterruptStatus",
        0x064 => "InterruptACK",
        0x070 => "Status",
        0x0fc => "ConfigGeneration",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
