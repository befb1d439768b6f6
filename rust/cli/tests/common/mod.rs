// SPDX-License-Identifier: GPL-2.0

//! A simulated host that counts like the module, for recordings with known content.

// Not every test uses everything.
#![allow(dead_code)]

use exitstat_cli::{
    source::recording::{Compression, End, Mark, Metadata, Recorder},
    vm::{identity, known::Entry, text::Text},
};
use exitstat_core::{
    detail::{Counts, Identity},
    histogram::bucket_of,
    isa::Isa,
    snapshot::{
        Header, RowHead, Rows, SlowRow, VcpuHead, Writer, BUCKETS, DETAIL_KEY, FLAG_COUNTS_ONLY,
        SOURCE_BPF, SOURCE_MODULE, VERSION_DETAILS,
    },
    svm,
};
use std::collections::BTreeMap;

/// TSC frequency in kHz.
pub const KHZ: u32 = 2_000_000;

/// Beginning of a host's time: 2026-11-21 12:00:00 UTC.
pub const BEGIN: u64 = 1_795_262_400;

#[derive(Clone)]
struct Counted {
    head: RowHead,
    histogram: [u64; BUCKETS],
}

type Table = BTreeMap<u32, Counted>;

/// A host with VMs.
#[derive(Clone)]
pub struct Host {
    pub load: u64,
    pub unattached: u64,
    pub isa: Isa,
    pub source: u32,
    pub flags: u32,
    pub khz: u32,
    pub detail: u32,
    pub process: [u8; 16],
    cpus: BTreeMap<u32, Table>,
    vcpus: BTreeMap<(u64, u32), Table>,
    retired: Table,
    details: BTreeMap<(u64, u32), BTreeMap<Identity, Counts>>,
    retired_details: BTreeMap<Identity, Counts>,
    pub slow: Vec<SlowRow>,
    /// Whether the VMs run no nested guests.
    pub is_flat: bool,
}

impl Host {
    pub fn new(load: u64) -> Self {
        Self {
            load,
            unattached: 0,
            isa: Isa::Vmx,
            source: SOURCE_MODULE,
            flags: 0,
            khz: KHZ,
            detail: DETAIL_KEY,
            process: *b"qemu-system-x86\0",
            cpus: BTreeMap::from([(0, Table::new()), (1, Table::new())]),
            vcpus: BTreeMap::new(),
            retired: Table::new(),
            details: BTreeMap::new(),
            retired_details: BTreeMap::new(),
            slow: Vec::new(),
            is_flat: false,
        }
    }

    /// Adds exits of a vCPU on CPU 0 with a key and an instruction pointer, or 0 for none.
    pub fn about(
        &mut self,
        (vm, vcpu): (u64, u32),
        (reason, key, ip): (u32, u64, u64),
        exits: u64,
        cycles: u64,
        user: u64,
    ) {
        self.exits((0, vm, vcpu), reason, exits, cycles, user);
        let context = match (ip, ip >> 63) {
            (0, _) => 0,
            (_, 0) => 3,
            _ if self.is_flat => 0,
            _ => 4,
        };
        let id = Identity {
            reason,
            key,
            ip,
            context,
        };
        let sum = self.details.entry((vm, vcpu)).or_default().entry(id);
        let sum = sum.or_default();
        *sum = sum.plus(Counts {
            exits,
            cycles: exits * cycles,
            longest: cycles,
            user_exits: user,
            user_cycles: user * 9000,
        });
    }

    /// Adds exits of a vCPU on a CPU, each with this many cycles. Userspace finishes some of them.
    pub fn exits(
        &mut self,
        (cpu, vm, vcpu): (u32, u64, u32),
        reason: u32,
        exits: u64,
        cycles: u64,
        user: u64,
    ) {
        let vcpu = self.vcpus.entry((vm, vcpu)).or_default();
        add(vcpu, reason, exits, cycles, user, true);
        let cpu = self.cpus.entry(cpu).or_default();
        add(cpu, reason, exits, cycles, 0, false);
    }

    /// Ends a VM.
    pub fn end(&mut self, vm: u64) {
        let gone: Vec<_> = self.vcpus.keys().copied().filter(|id| id.0 == vm).collect();
        gone.into_iter().for_each(|id| self.end_vcpu(id));
    }

    /// Ends a vCPU, and adds its counters and details to the retired ones.
    pub fn end_vcpu(&mut self, id: (u64, u32)) {
        for (id, counts) in self.details.remove(&id).into_iter().flatten() {
            let sum = self.retired_details.entry(id).or_default();
            *sum = sum.plus(counts);
        }
        if let Some(table) = self.vcpus.remove(&id) {
            for (reason, counted) in table {
                let old = row(&mut self.retired, reason);
                old.head.exits += counted.head.exits;
                old.head.cycles += counted.head.cycles;
                old.head.max = old.head.max.max(counted.head.max);
                old.head.user_exits += counted.head.user_exits;
                old.head.user_cycles += counted.head.user_cycles;
                for (a, b) in old.histogram.iter_mut().zip(counted.histogram) {
                    *a += b;
                }
            }
        }
    }

    /// Takes a snapshot after this many milliseconds.
    pub fn snapshot(&self, ms: u64) -> Vec<u8> {
        let mut counting = Writer::new(&mut []);
        self.write(&mut counting, ms);
        let mut bytes = vec![0; counting.needed()];
        self.write(&mut Writer::new(&mut bytes), ms);
        bytes
    }

    /// Discards captured details, like a write to the parameter `detail`.
    pub fn capture_anew(&mut self) {
        self.details.clear();
        self.retired_details.clear();
    }

    fn write(&self, writer: &mut Writer<'_>, ms: u64) {
        let captured = !self.details.is_empty() || !self.retired_details.is_empty();
        let header = Header {
            load: self.load,
            tsc: (1 << 40) + ms * u64::from(self.khz),
            realtime: BEGIN * 1_000_000_000 + ms * 1_000_000,
            tsc_khz: self.khz,
            cpus: 2,
            unattached: self.unattached,
            module_version: *b"0.1.0\0\0\0\0\0\0\0\0\0\0\0",
            isa: self.isa as u32,
            source: self.source,
            flags: self.flags,
            version: if captured { VERSION_DETAILS } else { 0 },
            detail: if captured { self.detail } else { 0 },
            ..Header::default()
        };
        writer.snapshot(header, |w| {
            for (&cpu, table) in &self.cpus {
                w.cpu(cpu, |rows| write_rows(rows, table, false));
            }
            for (&(vm, vcpu), table) in &self.vcpus {
                let head = VcpuHead {
                    vm,
                    vcpu,
                    pid: 1000 + vm as u32,
                    process: self.process,
                };
                if let Some(details) = self.details.get(&(vm, vcpu)) {
                    w.details(&head, |rows| {
                        details
                            .iter()
                            .for_each(|(&id, &counts)| rows.detail(id, counts));
                    });
                }
                w.vcpu(&head, |rows| write_rows(rows, table, true));
            }
            if captured {
                let details = &self.retired_details;
                w.retired_details(|rows| {
                    details
                        .iter()
                        .for_each(|(&id, &counts)| rows.detail(id, counts));
                });
                w.slow(|rows| self.slow.iter().for_each(|exit| rows.slow(exit)));
            }
            w.retired(|rows| write_rows(rows, &self.retired, true));
        });
    }
}

fn row(table: &mut Table, reason: u32) -> &mut Counted {
    table.entry(reason).or_insert(Counted {
        head: RowHead {
            reason,
            ..RowHead::default()
        },
        histogram: [0; BUCKETS],
    })
}

fn add(table: &mut Table, reason: u32, exits: u64, cycles: u64, user: u64, vcpu: bool) {
    let row = row(table, reason);
    row.head.exits += exits;
    row.head.cycles += exits * cycles;
    if vcpu {
        row.head.max = row.head.max.max(cycles);
        row.head.user_exits += user;
        row.head.user_cycles += user * 9000;
        row.histogram[bucket_of(cycles) as usize] += exits;
    }
}

fn write_rows(rows: &mut Rows<'_, '_>, table: &Table, histograms: bool) {
    for counted in table.values() {
        let histogram: &[u64] = if histograms { &counted.histogram } else { &[] };
        rows.row(counted.head, histogram);
    }
}

/// Returns snapshots with details of two VMs: keys, and optionally the instruction pointers of one.
pub fn details(ips: bool) -> Vec<Vec<u8>> {
    let mut host = Host::new(7);
    let ip = |ip| if ips { ip } else { 0 };
    host.about((1, 0), (32, 0x6e0, ip(0xffff_ffff_8106_1234)), 10, 700, 0);
    let slow = |ms, vm, reason, key, at, cycles| SlowRow {
        reason,
        vm,
        key,
        ip: ip(at),
        tsc: (1 << 40) + ms * u64::from(KHZ),
        cycles,
        ..SlowRow::default()
    };
    host.slow = vec![slow(0, 1, 32, 0x6e0, 0xffff_ffff_8106_1234, 90_000)];
    let first = host.snapshot(0);
    host.slow.extend([
        slow(1250, 1, 30, 0x03f8_0000, 0x40_1000, 70_000),
        slow(500, 2, 48, 0x4020_0002, 0xffff_ffff_8200_0000, 250_000),
        slow(1750, 2, 12, 0, 0xffff_ffff_8200_1000, 60_000),
    ]);
    host.about((1, 0), (32, 0x6e0, ip(0xffff_ffff_8106_1234)), 900, 700, 0);
    host.about((1, 0), (32, 0x830, ip(0xffff_ffff_8106_1300)), 60, 1500, 0);
    host.about((1, 1), (30, 0x03f8_0000, ip(0x0040_1000)), 200, 3000, 200);
    host.about((1, 1), (10, 0x1_0000_000d, ip(0x0040_2000)), 20, 1200, 0);
    host.about(
        (2, 0),
        (48, 0x4020_0002, ip(0xffff_ffff_8200_0000)),
        33,
        5000,
        0,
    );
    host.exits((0, 1, 0), 32, 40, 800, 0);
    host.exits((0, 2, 0), 12, 25, 9000, 0);
    vec![first, host.snapshot(2000)]
}

/// Returns snapshots of a driver with two ports, used from three places in turn.
pub fn ports_by_turns() -> Vec<Vec<u8>> {
    let mut host = Host::new(7);
    let first = host.snapshot(0);
    for (exits, key, ip) in [
        (50, 0x03f8_0000, 0xffff_ffff_8106_0000),
        (40, 0x03fd_0008, 0xffff_ffff_8106_0010),
        (30, 0x03f8_0000, 0xffff_ffff_8106_0020),
    ] {
        host.about((1, 0), (30, key, ip), exits, 700, exits);
    }
    vec![first, host.snapshot(1000)]
}

/// Returns snapshots with details of the first VM after a change to a timer.
pub fn details_after() -> Vec<Vec<u8>> {
    let mut host = Host::new(9);
    let first = host.snapshot(0);
    host.about((1, 0), (32, 0x6e0, 0), 90, 700, 0);
    host.about((1, 0), (32, 0x830, 0), 60, 1500, 0);
    host.about((1, 1), (30, 0x03f8_0000, 0), 200, 3000, 200);
    host.about((1, 1), (30, 0x0070_0000, 0), 14, 2500, 0);
    host.exits((0, 1, 0), 32, 10, 800, 0);
    vec![first, host.snapshot(2000)]
}

/// Returns snapshots of a VM with Linux 7.3, relocated by `offset`: the instruction pointers are at actual
/// instructions.
pub fn kernel(offset: u64) -> Vec<Vec<u8>> {
    let mut host = Host::new(7);
    host.is_flat = true;
    let first = host.snapshot(0);
    for (exits, reason, key, ip) in [
        (900, 32, 0x6e0, 0xffff_ffff_8105_d311),
        (60, 32, 0x830, 0xffff_ffff_8106_28cd),
        (50, 12, 0, 0xffff_ffff_8170_37a6),
        (40, 30, 0x03f8_0000, 0xffff_ffff_8106_5939),
        (30, 30, 0x0cf8_0003, 0xffff_ffff_816d_4d7f),
        (20, 31, 0x1b, 0xffff_ffff_8100_d5f2),
        (10, 10, 1, 0xffff_ffff_8104_adeb),
        (9, 1, 0xec, 0xffff_ffff_8170_37a7),
    ] {
        host.about((1, 0), (reason, key, ip + offset), exits, 700, 0);
    }
    host.about((1, 0), (10, 1, 0x40_1234), 5, 700, 0);
    vec![first, host.snapshot(1000)]
}

/// Returns snapshots of BPF's counters on an AMD host.
pub fn amd(counts_only: bool) -> Vec<Vec<u8>> {
    let mut host = Host::new(7);
    host.isa = Isa::Svm;
    host.source = SOURCE_BPF;
    host.khz = 1_000_000;
    if counts_only {
        host.flags = FLAG_COUNTS_ONLY;
    }
    let ns = |ns| if counts_only { 0 } else { ns };
    let first = host.snapshot(0);
    host.exits((0, 137, 0), 0x72, 40, ns(1_500), 0);
    host.exits((0, 137, 0), 0x400, 30, ns(4_000), 2);
    host.exits((1, 137, 1), 0x7b, 12, ns(9_000), 12);
    host.exits((1, 137, 1), u32::MAX, 1, ns(2_000), 1);
    host.exits((1, 137, 1), svm::OTHER, 1, ns(800), 0);
    vec![first, host.snapshot(1000)]
}

/// Returns the metadata of a boot.
pub fn metadata() -> Metadata {
    let parameters = [("ept", "Y"), ("vpid", "Y"), ("unrestricted_guest", "Y")];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Metadata {
        schema: 1,
        exitstat: "0.1.0".to_owned(),
        started: "2026-11-21T12:00:00Z".to_owned(),
        command_line: ["exitstat", "record", "-o", "boot.rec"]
            .map(str::to_owned)
            .to_vec(),
        hostname: None,
        kernel: "7.3.4".to_owned(),
        source: "device".to_owned(),
        vendor: "intel".to_owned(),
        parameters: BTreeMap::from([("kvm_intel".to_owned(), BTreeMap::from(parameters))]),
        interval_ns: 1_000_000_000,
    }
}

/// Returns a complete recording of snapshots.
pub fn recording(snapshots: &[Vec<u8>]) -> Vec<u8> {
    let mut recorder = Recorder::new(Vec::new(), &metadata()).unwrap();
    for snapshot in snapshots {
        recorder.snapshot(snapshot).unwrap();
    }
    recorder.end(&End { status: Some(0) }).unwrap()
}

/// Like [`recording`], with a host name that tries to clear the terminal.
pub fn with_host_name(snapshots: &[Vec<u8>]) -> Vec<u8> {
    let metadata = Metadata {
        hostname: Some("host1\x1b[2J".to_owned()),
        ..metadata()
    };
    let mut recorder = Recorder::new(Vec::new(), &metadata).unwrap();
    for snapshot in snapshots {
        recorder.snapshot(snapshot).unwrap();
    }
    recorder.end(&End { status: Some(0) }).unwrap()
}

/// The UUID of the VM `web`.
pub const WEB: &str = "4dea22b3-1d52-d8f3-2516-782e98ab3fa0";

/// Returns the identity of one of [`Host`]'s VMs.
pub fn entry(vm: u64, name: &str, uuid: Option<&str>) -> Entry {
    Entry {
        vm,
        pid: 1000 + vm as u32,
        identity: identity::Identity {
            name: Text::new(name.as_bytes()),
            uuid: uuid.and_then(|uuid| uuid.parse().ok()),
            ..identity::Identity::default()
        },
    }
}

/// Returns a compressed recording with VM identities before some of the snapshots.
pub fn named(snapshots: &[Vec<u8>], vms: &[(usize, Entry)]) -> Vec<u8> {
    let mut recorder = Recorder::with(Vec::new(), &metadata(), Compression::Deflate).unwrap();
    for (n, snapshot) in snapshots.iter().enumerate() {
        for (_, entry) in vms.iter().filter(|(before, _)| *before == n) {
            recorder.vm(entry).unwrap();
        }
        recorder.snapshot(snapshot).unwrap();
    }
    recorder.end(&End { status: Some(0) }).unwrap()
}

/// Returns a recording with marks before some of the snapshots.
pub fn marked(snapshots: &[Vec<u8>], marks: &[(usize, &str)]) -> Vec<u8> {
    let mut recorder = Recorder::new(Vec::new(), &metadata()).unwrap();
    for (n, snapshot) in snapshots.iter().enumerate() {
        for (_, label) in marks.iter().filter(|&&(before, _)| before == n) {
            recorder.mark(&Mark::new(label)).unwrap();
        }
        recorder.snapshot(snapshot).unwrap();
    }
    recorder.end(&End { status: Some(0) }).unwrap()
}

/// Returns snapshots of 3 seconds: VM 1 runs, VM 2 starts and ends.
pub fn boot() -> Vec<Vec<u8>> {
    let mut host = Host::new(7);
    host.exits((0, 1, 0), 10, 100, 1000, 0);
    host.exits((0, 1, 0), 48, 10, 5000, 0);
    host.exits((0, 1, 0), 48, 1, 70_000, 0);
    host.unattached = 1;
    let mut snapshots = vec![host.snapshot(0)];
    host.exits((0, 1, 0), 10, 300, 1100, 0);
    host.exits((1, 1, 1), 30, 40, 3000, 30);
    host.exits((1, 2, 0), 48, 500, 4000, 0);
    snapshots.push(host.snapshot(1000));
    host.exits((0, 1, 0), 10, 100, 900, 0);
    host.exits((1, 2, 0), 48, 250, 6000, 0);
    host.exits((1, 2, 0), 35, 1, 100, 0);
    host.end(2);
    snapshots.push(host.snapshot(2000));
    host.exits((1, 1, 1), 12, 7, 2500, 0);
    host.exits((1, 1, 1), 86, 2, 10, 0);
    snapshots.push(host.snapshot(3000));
    snapshots
}

/// Returns snapshots in which VMs 1 and 2 end together, and then VM 3 with two vCPUs.
pub fn ended() -> Vec<Vec<u8>> {
    let mut host = Host::new(7);
    host.about((1, 0), (32, 0x6e0, 0), 10, 700, 0);
    host.about((3, 1), (30, 0x03f8_0000, 0), 5, 3000, 5);
    let mut snapshots = vec![host.snapshot(0)];
    host.about((1, 0), (32, 0x6e0, 0), 20, 700, 0);
    host.about((2, 0), (32, 0x830, 0), 30, 900, 0);
    host.about((3, 0), (48, 0xfed0_00f0, 0), 2, 5000, 0);
    host.about((3, 1), (30, 0x03f8_0000, 0), 40, 3000, 40);
    snapshots.push(host.snapshot(1000));
    host.about((1, 0), (32, 0x6e0, 0), 3, 700, 0);
    host.about((2, 0), (32, 0x830, 0), 4, 900, 0);
    host.end(1);
    host.end(2);
    snapshots.push(host.snapshot(2000));
    host.about((3, 1), (30, 0x03f8_0000, 0), 50, 3100, 50);
    host.about((3, 0), (32, 0x830, 0), 6, 900, 0);
    host.end(3);
    snapshots.push(host.snapshot(3000));
    snapshots
}

/// Returns snapshots of the same work with shadow paging.
pub fn boot_without_ept() -> Vec<Vec<u8>> {
    let mut host = Host::new(9);
    let mut snapshots = vec![host.snapshot(0)];
    host.exits((0, 1, 0), 10, 500, 1000, 0);
    host.exits((0, 1, 0), 28, 900, 2000, 0);
    host.exits((0, 1, 0), 14, 300, 1500, 0);
    host.exits((0, 1, 0), 0, 2000, 2500, 0);
    host.exits((1, 1, 1), 30, 41, 3000, 31);
    snapshots.push(host.snapshot(2000));
    host.exits((1, 1, 1), 12, 7, 2500, 0);
    snapshots.push(host.snapshot(6000));
    snapshots
}
