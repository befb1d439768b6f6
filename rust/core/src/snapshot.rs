// SPDX-License-Identifier: GPL-2.0

//! The snapshot: all counters as bytes, as `/dev/kvm_exitstat` returns them to root.
//!
//! This file is the whole ABI between module and command. A snapshot is a [`Header`] followed by
//! records up to its `size`. A record is a [`RecordHead`], a head specific to its kind, and rows. A
//! row is a [`RowHead`] and its buckets of 64 bits each. All numbers are little-endian; all
//! structures are multiples of 8 bytes without padding.
//!
//! Later versions may do the following without a new [`VERSION`]: append fields to any head, and to
//! rows (after their buckets), because each states its own size; add kinds of records. A reader
//! skips what it does not know. Counters are in no particular order, and rows of zeros are omitted.
//!
//! Host totals are summed from the [`KIND_CPU`] records. For vCPUs that took their first exit after
//! the module was loaded, except [`Header::unattached`] ones, the vCPUs' rows and the
//! [`KIND_RETIRED`] rows add up to the same totals. They may differ by exits taken during the
//! snapshot.

use super::{
    detail::{Counts, Identity},
    isa::Isa,
    reason::SLOTS,
};

/// The first bytes of a snapshot.
pub const MAGIC: u64 = u64::from_le_bytes(*b"exitstat");

/// Version described here, with VMX's exit reasons. Readers reject unknown versions.
pub const VERSION: u32 = 1;

/// Like [`VERSION`], with SVM's exit codes in place of reasons.
pub const VERSION_SVM: u32 = 2;

/// Like [`VERSION`], with details of exits. Requests must ask for them.
pub const VERSION_DETAILS: u32 = 3;

/// [`Request::flags`]: include details. Fails with `EPERM` without CAP_PERFMON.
pub const REQUEST_DETAILS: u64 = 1 << 0;

/// [`Header::detail`]: details include keys.
pub const DETAIL_KEY: u32 = 1 << 0;

/// [`Header::detail`]: details include guest instruction pointers.
pub const DETAIL_IP: u32 = 1 << 1;

/// [`Header::source`]: counted by the module; cycles are TSC cycles.
pub const SOURCE_MODULE: u32 = 0;

/// [`Header::source`]: counted by BPF programs; cycles and [`Header::tsc`] are nanoseconds of
/// CLOCK_MONOTONIC.
pub const SOURCE_BPF: u32 = 1;

/// [`Header::flags`]: exits were counted, but not timed.
pub const FLAG_COUNTS_ONLY: u32 = 1 << 0;

/// [`Header::flags`]: BPF excludes time off the CPU from exits.
pub const FLAG_OFF_CPU: u32 = 1 << 1;

/// Record of a possible CPU. Its head is a [`CpuHead`]; its rows have exits and cycles only.
pub const KIND_CPU: u32 = 1;

/// Record of a vCPU that has taken an exit. Its head is a [`VcpuHead`].
pub const KIND_VCPU: u32 = 2;

/// Record of all retired vCPUs, without a further head.
pub const KIND_RETIRED: u32 = 3;

/// Record of a vCPU's details. Its head is a [`VcpuHead`], its rows are [`DetailRow`]s. It precedes
/// the vCPU's [`KIND_VCPU`] record, so its rows never exceed that record's counts for a reason.
pub const KIND_DETAILS: u32 = 4;

/// Record of the details of retired vCPUs, without a further head.
pub const KIND_RETIRED_DETAILS: u32 = 5;

/// Record of the slowest exits of a vCPU, or of the retired ones, without a further head. Its rows
/// are [`SlowRow`]s, one per exit. Only with details.
pub const KIND_SLOW: u32 = 6;

/// Number of histogram buckets. Bucket `b` counts the exits that took at least 2^b cycles and less
/// than 2^(b+1).
pub const BUCKETS: usize = 64;

/// The first bucket in use. It also counts all shorter exits, down to 0 cycles: all those that took
/// less than 2^7 cycles. Snapshots of version 0.1.0 have lower buckets, which a reader adds to this
/// one.
///
/// The module keeps 32 buckets, for exits of less than 2^38 cycles. An exit of 2^38 cycles or more,
/// a minute and a half at 3 GHz, is counted in an arbitrary bucket of its reason; its cycles and
/// the longest exit are correct. Time off the CPU is not part of an exit, so none is that long
/// unless the whole host stood still.
pub const FIRST_BUCKET: usize = 6;

/// Size of the header in exitstat 0.2.0 and earlier, in bytes.
const FIRST_HEADER: usize = 96;

/// Reason number in rows for exits whose reason is 86 or higher.
pub const BEYOND: u32 = SLOTS as u32 - 1;

/// The `ioctl` request that takes a snapshot. Its argument is the address of a [`Request`].
///
/// Errors: `ENOTTY` for any other request; `EINVAL` if `flags` has unknown bits; `EPERM` if details
/// are requested without CAP_PERFMON; `EFAULT` if the request or the buffer cannot be accessed;
/// `E2BIG` if the snapshot is larger than the buffer, with the bytes needed now in `length`;
/// `ENOMEM`. On success, `length` is the size of the snapshot.
pub const IOCTL_SNAPSHOT: u32 = (3 << 30) | ((Request::SIZE as u32) << 16) | (0xE7 << 8);

/// A value in a wire structure.
trait Field: Sized {
    fn take(bytes: &mut &[u8]) -> Option<Self>;
    fn put(self, writer: &mut Writer<'_>);
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*first)
}

impl Field for u32 {
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        take(bytes).map(Self::from_le_bytes)
    }

    fn put(self, writer: &mut Writer<'_>) {
        writer.put(&self.to_le_bytes());
    }
}

impl Field for u64 {
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        take(bytes).map(Self::from_le_bytes)
    }

    fn put(self, writer: &mut Writer<'_>) {
        writer.put(&self.to_le_bytes());
    }
}

impl Field for [u8; 16] {
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        take(bytes)
    }

    fn put(self, writer: &mut Writer<'_>) {
        writer.put(&self);
    }
}

/// Defines structures of the ABI.
macro_rules! wire {
    ($(
        $(#[$attribute:meta])*
        pub struct $name:ident[$size:literal] {
            $($(#[$doc:meta])* pub $field:ident: $type:ty,)*
        }
    )*) => {$(
        $(#[$attribute])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$doc])* pub $field: $type,)*
        }

        // The size is part of the ABI; there is no padding; the next structure is aligned.
        const _: () = assert!(
            size_of::<$name>() == $size
                && 0 $(+ size_of::<$type>())* == $size
                && $size % 8 == 0
        );

        impl $name {
            /// Size in bytes.
            pub const SIZE: usize = $size;

            /// Reads the structure from the start of `bytes`, if they are long enough.
            #[must_use]
            pub fn read(mut bytes: &[u8]) -> Option<Self> {
                Some(Self {
                    $($field: Field::take(&mut bytes)?,)*
                })
            }

            /// Writes the structure.
            pub fn write(&self, writer: &mut Writer<'_>) {
                $(self.$field.put(writer);)*
            }
        }
    )*};
}

wire! {
    /// Argument of [`IOCTL_SNAPSHOT`].
    pub struct Request[32] {
        /// Restricts the snapshot to the vCPUs of this VM; 0 for everything.
        pub vm: u64,
        /// Address of the buffer.
        pub buffer: u64,
        /// Size of the buffer in bytes; on return, that of the snapshot.
        pub length: u64,
        /// `REQUEST_…`, ORed.
        pub flags: u64,
    }

    /// First part of a snapshot.
    pub struct Header[112] {
        /// [`MAGIC`].
        pub magic: u64,
        /// [`VERSION`].
        pub version: u32,
        /// Size of the header in bytes. The first record follows.
        pub header_size: u32,
        /// Size of the snapshot in bytes.
        pub size: u64,
        /// Differs each time the module is loaded. Counters are comparable only if it is the same.
        pub load: u64,
        /// TSC when the snapshot was taken.
        pub tsc: u64,
        /// Time of the snapshot in nanoseconds since 1970.
        pub realtime: u64,
        /// TSC frequency in kHz, i.e. cycles per millisecond.
        pub tsc_khz: u32,
        /// Number of possible CPUs.
        pub cpus: u32,
        /// Number of vCPUs whose counters could not be allocated. Their exits are only in the CPUs'
        /// records.
        pub unattached: u64,
        /// The parameter `log_every`.
        pub log_every: u64,
        /// The parameter `guest_scope`: 0 `vm`, 1 `host`, 2 `off`.
        pub guest_scope: u32,
        /// The parameter `log_cpuid`: 0 or 1.
        pub log_cpuid: u32,
        /// Version of the module, padded with NULs.
        pub module_version: [u8; 16],
        /// Number of the [`Isa`] that defines the reasons. The module writes 0, which is VMX. The
        /// header of exitstat 0.2.0 ends before this field.
        pub isa: u32,
        /// Who counted: `SOURCE_…`.
        pub source: u32,
        /// `FLAG_…`, ORed.
        pub flags: u32,
        /// Details being captured: `DETAIL_…`, ORed; 0 for none.
        pub detail: u32,
    }

    /// First part of a record.
    pub struct RecordHead[16] {
        /// `KIND_…`.
        pub kind: u32,
        /// Size of the record in bytes. The next record follows.
        pub size: u32,
        /// Size of all heads of the record in bytes. The first row follows.
        pub heads_size: u32,
        /// Number of rows.
        pub rows: u32,
    }

    /// Identity of a [`KIND_CPU`] record.
    pub struct CpuHead[8] {
        /// Number of the CPU.
        pub cpu: u32,
        /// 0.
        pub reserved: u32,
    }

    /// Identity of a [`KIND_VCPU`] record.
    pub struct VcpuHead[32] {
        /// ID of the VM. IDs start at 1 and are not reused while kvm is loaded.
        pub vm: u64,
        /// ID of the vCPU within the VM.
        pub vcpu: u32,
        /// ID of the process that runs the vCPU.
        pub pid: u32,
        /// Name of that process, padded with NULs.
        pub process: [u8; 16],
    }

    /// First part of a row: the exits of one basic reason.
    pub struct RowHead[56] {
        /// Size of the row in bytes. The next row follows.
        pub size: u32,
        /// Basic exit reason, or [`BEYOND`].
        pub reason: u32,
        /// Number of exits.
        pub exits: u64,
        /// TSC cycles spent handling them.
        pub cycles: u64,
        /// TSC cycles of the longest exit.
        pub max: u64,
        /// Exits that userspace had to finish.
        pub user_exits: u64,
        /// TSC cycles spent in userspace, as wall time.
        pub user_cycles: u64,
        /// First histogram bucket in this row.
        pub first_bucket: u32,
        /// Number of buckets in this row. All others are 0.
        pub buckets: u32,
    }

    /// Row of a slow exit.
    pub struct SlowRow[56] {
        /// Size of the row in bytes. The next row follows.
        pub size: u32,
        /// Basic exit reason, or [`BEYOND`].
        pub reason: u32,
        /// ID of the VM that took it.
        pub vm: u64,
        /// ID of the vCPU within the VM.
        pub vcpu: u32,
        /// Same as in [`DetailRow`].
        pub context: u32,
        /// Same as in [`DetailRow`].
        pub key: u64,
        /// Same as in [`DetailRow`].
        pub ip: u64,
        /// TSC at its end.
        pub tsc: u64,
        /// TSC cycles spent handling it.
        pub cycles: u64,
    }

    /// Optional last part of a row, after its buckets. Omitted if both fields are 0. Since exitstat
    /// 0.3.0.
    pub struct NestedTail[16] {
        /// Exits taken while the vCPU ran a nested guest.
        pub nested: u64,
        /// Those of them that were reflected to the guest hypervisor.
        pub reflected: u64,
    }

    /// Row of details: the exits of one reason with the same identity.
    pub struct DetailRow[72] {
        /// Size of the row in bytes. The next row follows.
        pub size: u32,
        /// Basic exit reason, or [`BEYOND`].
        pub reason: u32,
        /// Key of the exits, by reason.
        pub key: u64,
        /// Guest instruction pointer, or 0.
        pub ip: u64,
        /// `CONTEXT_…` of `detail`.
        pub context: u32,
        /// 0.
        pub reserved: u32,
        /// Number of exits.
        pub exits: u64,
        /// TSC cycles spent handling them.
        pub cycles: u64,
        /// TSC cycles of the longest exit.
        pub max: u64,
        /// Exits that userspace had to finish.
        pub user_exits: u64,
        /// TSC cycles spent in userspace, as wall time.
        pub user_cycles: u64,
    }
}

/// Writer into a buffer, which keeps counting when the buffer is full.
#[derive(Debug)]
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    needed: usize,
}

impl<'a> Writer<'a> {
    /// Creates a writer at the start of the buffer.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, needed: 0 }
    }

    /// Returns the number of bytes written, or that would have been with enough room.
    #[must_use]
    pub fn needed(&self) -> usize {
        self.needed
    }

    fn put(&mut self, bytes: &[u8]) {
        let end = self.needed.saturating_add(bytes.len());
        if let Some(room) = self.buffer.get_mut(self.needed..end) {
            // Not `copy_from_slice()`, which would panic if the lengths differed.
            for (to, from) in room.iter_mut().zip(bytes) {
                *to = *from;
            }
        }
        self.needed = end;
    }

    /// Overwrites what was written at `at`.
    fn put_again(&mut self, at: usize, write: impl FnOnce(&mut Writer<'_>)) {
        write(&mut Writer {
            buffer: &mut *self.buffer,
            needed: at,
        });
    }

    /// Writes a whole snapshot: `header`, with sizes, magic and version filled in, and the output
    /// of `records`. It can have details if `header` has [`VERSION_DETAILS`].
    pub fn snapshot(&mut self, header: Header, records: impl FnOnce(&mut Self)) {
        let begin = self.needed;
        header.write(self);
        records(self);
        let header = Header {
            magic: MAGIC,
            version: match header.version {
                _ if header.isa == Isa::Svm as u32 => VERSION_SVM,
                VERSION_DETAILS => VERSION_DETAILS,
                _ => VERSION,
            },
            header_size: Header::SIZE as u32,
            size: (self.needed - begin) as u64,
            ..header
        };
        self.put_again(begin, |writer| header.write(writer));
    }

    /// Writes the record of a CPU.
    pub fn cpu(&mut self, cpu: u32, rows: impl FnOnce(&mut Rows<'_, 'a>)) {
        self.record(KIND_CPU, |w| CpuHead { cpu, reserved: 0 }.write(w), rows);
    }

    /// Writes the record of a vCPU.
    pub fn vcpu(&mut self, head: &VcpuHead, rows: impl FnOnce(&mut Rows<'_, 'a>)) {
        self.record(KIND_VCPU, |w| head.write(w), rows);
    }

    /// Writes the record of the retired vCPUs.
    pub fn retired(&mut self, rows: impl FnOnce(&mut Rows<'_, 'a>)) {
        self.record(KIND_RETIRED, |_| (), rows);
    }

    /// Writes the details of a vCPU.
    pub fn details(&mut self, head: &VcpuHead, rows: impl FnOnce(&mut Rows<'_, 'a>)) {
        self.record(KIND_DETAILS, |w| head.write(w), rows);
    }

    /// Writes the details of the retired vCPUs.
    pub fn retired_details(&mut self, rows: impl FnOnce(&mut Rows<'_, 'a>)) {
        self.record(KIND_RETIRED_DETAILS, |_| (), rows);
    }

    /// Writes slow exits.
    pub fn slow(&mut self, rows: impl FnOnce(&mut Rows<'_, 'a>)) {
        self.record(KIND_SLOW, |_| (), rows);
    }

    fn record(
        &mut self,
        kind: u32,
        head: impl FnOnce(&mut Self),
        rows: impl FnOnce(&mut Rows<'_, 'a>),
    ) {
        let begin = self.needed;
        RecordHead::default().write(self);
        head(self);
        let heads_size = (self.needed - begin) as u32;
        let mut all = Rows {
            writer: self,
            rows: 0,
        };
        rows(&mut all);
        let head = RecordHead {
            kind,
            size: 0,
            heads_size,
            rows: all.rows,
        };
        let size = (self.needed - begin) as u32;
        self.put_again(begin, |w| RecordHead { size, ..head }.write(w));
    }
}

/// Writer of a record's rows.
#[derive(Debug)]
pub struct Rows<'w, 'a> {
    writer: &'w mut Writer<'a>,
    rows: u32,
}

impl Rows<'_, '_> {
    /// Writes a slow exit.
    pub fn slow(&mut self, row: &SlowRow) {
        SlowRow {
            size: SlowRow::SIZE as u32,
            ..*row
        }
        .write(self.writer);
        self.rows += 1;
    }

    /// Writes a row of details.
    pub fn detail(&mut self, id: Identity, counts: Counts) {
        DetailRow {
            size: DetailRow::SIZE as u32,
            reason: id.reason,
            key: id.key,
            ip: id.ip,
            context: id.context,
            reserved: 0,
            exits: counts.exits,
            cycles: counts.cycles,
            max: counts.longest,
            user_exits: counts.user_exits,
            user_cycles: counts.user_cycles,
        }
        .write(self.writer);
        self.rows += 1;
    }

    /// Writes a row unless it is all zeros. Fills in size and buckets of `head` from `histogram`,
    /// which has every bucket.
    pub fn row(&mut self, head: RowHead, histogram: &[u64]) {
        self.row_with(head, histogram, NestedTail::default());
    }

    /// Like [`Self::row`], with counts of nested guests.
    pub fn row_with(&mut self, head: RowHead, histogram: &[u64], nested: NestedTail) {
        let first = histogram.iter().position(|&n| n != 0).unwrap_or(0);
        let end = histogram.iter().rposition(|&n| n != 0).map_or(0, |i| i + 1);
        let buckets = histogram.get(first..end).unwrap_or(&[]);
        if head.exits == 0 && head.user_exits == 0 && head.user_cycles == 0 && buckets.is_empty() {
            return;
        }
        let tail = (nested != NestedTail::default()).then_some(nested);
        let tail_size = if tail.is_some() { NestedTail::SIZE } else { 0 };
        RowHead {
            size: (RowHead::SIZE + size_of_val(buckets) + tail_size) as u32,
            first_bucket: first as u32,
            buckets: buckets.len() as u32,
            ..head
        }
        .write(self.writer);
        for &bucket in buckets {
            bucket.put(self.writer);
        }
        if let Some(tail) = tail {
            tail.write(self.writer);
        }
        self.rows += 1;
    }
}

/// Why bytes are not a valid snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The bytes do not begin with [`MAGIC`].
    NoSnapshot,
    /// The snapshot has this version, not [`VERSION`], [`VERSION_SVM`] or [`VERSION_DETAILS`].
    Version(u32),
    /// The bytes end too early, or a size in them is wrong.
    Damaged,
}

impl Header {
    /// Returns the extension that defines the reasons.
    #[must_use]
    pub fn isa(&self) -> Isa {
        match self.version {
            VERSION_SVM => Isa::Svm,
            _ => Isa::Vmx,
        }
    }
}

/// A parsed snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// Header of the snapshot.
    pub header: Header,
    records: &'a [u8],
}

impl<'a> Snapshot<'a> {
    /// Parses the snapshot at the start of `bytes`, which may be longer.
    ///
    /// # Errors
    ///
    /// Returns [`Malformed`] for errors in the header. [`Self::records`] reports errors in records.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let word = |at| bytes.get(at..);
        if word(0).and_then(|mut b| u64::take(&mut b)) != Some(MAGIC) {
            return Err(Malformed::NoSnapshot);
        }
        let version = word(8).and_then(|mut b| u32::take(&mut b));
        match version.ok_or(Malformed::Damaged)? {
            VERSION | VERSION_SVM | VERSION_DETAILS => (),
            other => return Err(Malformed::Version(other)),
        }
        let begin = word(12).and_then(|mut b| u32::take(&mut b));
        let begin = begin.ok_or(Malformed::Damaged)? as usize;
        let head = bytes.get(..begin).ok_or(Malformed::Damaged)?;
        if head.len() < FIRST_HEADER {
            return Err(Malformed::Damaged);
        }
        let mut whole = [0; Header::SIZE];
        for (to, from) in whole.iter_mut().zip(head) {
            *to = *from;
        }
        let header = Header::read(&whole).ok_or(Malformed::Damaged)?;
        let end = usize::try_from(header.size).map_err(|_| Malformed::Damaged)?;
        let records = bytes.get(begin..end).ok_or(Malformed::Damaged)?;
        Ok(Self { header, records })
    }

    /// Returns the records of details. Ends after an error.
    pub fn details(&self) -> impl Iterator<Item = Result<Details<'a>, Malformed>> {
        Parts(self.records)
            .map(|part| part.and_then(Details::parse))
            .filter_map(Result::transpose)
    }

    /// Returns the slowest exits.
    pub fn slow(&self) -> impl Iterator<Item = Result<SlowRow, Malformed>> + use<'a> {
        let rows_of = |part| match parts_of(part) {
            Some((head, _, rows)) => Ok((head.kind == KIND_SLOW).then_some(rows)),
            None => Err(Malformed::Damaged),
        };
        Parts(self.records)
            .filter_map(move |part| part.and_then(rows_of).transpose())
            .flat_map(|rows| {
                let error = rows.err().map(Err);
                error
                    .into_iter()
                    .chain(rows_in(rows.unwrap_or(&[]), SlowRow::parse))
            })
    }

    /// Returns the records of counters, without details and unknown kinds. Ends after an error.
    pub fn records(&self) -> impl Iterator<Item = Result<Record<'a>, Malformed>> {
        let isa = self.header.isa();
        Parts(self.records)
            .map(move |part| part.and_then(|part| Record::parse(part, isa)))
            .filter_map(Result::transpose)
    }
}

/// Consecutive parts of bytes, each of which states its own size.
#[derive(Clone, Copy, Debug)]
struct Parts<'a>(&'a [u8]);

impl<'a> Iterator for Parts<'a> {
    type Item = Result<&'a [u8], Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let head = RecordHead::read(self.0);
        let part = head.and_then(|head| self.0.split_at_checked(head.size as usize));
        // A part smaller than its head would never end.
        let part = part.filter(|(part, _)| part.len() >= RecordHead::SIZE);
        self.0 = part.map_or(&[], |(_, rest)| rest);
        Some(part.map(|(part, _)| part).ok_or(Malformed::Damaged))
    }
}

/// The owner of a record's counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A CPU of the host.
    Cpu(u32),
    /// A vCPU.
    Vcpu(VcpuHead),
    /// All retired vCPUs.
    Retired,
}

/// A parsed record.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Owner of the counters.
    pub owner: Owner,
    isa: Isa,
    rows: &'a [u8],
}

/// Splits a record into its head, the head of its kind, and its rows.
fn parts_of(part: &[u8]) -> Option<(RecordHead, &[u8], &[u8])> {
    let head = RecordHead::read(part)?;
    let heads = part.get(RecordHead::SIZE..head.heads_size as usize)?;
    let rows = part.get(head.heads_size as usize..)?;
    Some((head, heads, rows))
}

/// Applies `parse` repeatedly. `parse` consumes the start of the bytes and returns the rest, which
/// must be shorter. Ends after an error.
fn rows_in<'a, T: Copy, P: Fn(&'a [u8]) -> Option<(T, &'a [u8])>>(
    mut rest: &'a [u8],
    parse: P,
) -> impl Iterator<Item = Result<T, Malformed>> + use<'a, T, P> {
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let row = parse(rest);
        rest = row.map_or(&[], |(_, rest)| rest);
        Some(row.map(|(row, _)| row).ok_or(Malformed::Damaged))
    })
}

/// A parsed record of details.
#[derive(Clone, Copy, Debug)]
pub struct Details<'a> {
    /// The vCPU, or `None` for the retired ones.
    pub vcpu: Option<VcpuHead>,
    rows: &'a [u8],
}

impl<'a> Details<'a> {
    /// Returns `None` for a record of another kind.
    fn parse(part: &'a [u8]) -> Result<Option<Self>, Malformed> {
        let (head, heads, rows) = parts_of(part).ok_or(Malformed::Damaged)?;
        let vcpu = match head.kind {
            KIND_DETAILS => Some(VcpuHead::read(heads).ok_or(Malformed::Damaged)?),
            KIND_RETIRED_DETAILS => None,
            _ => return Ok(None),
        };
        Ok(Some(Self { vcpu, rows }))
    }

    /// Returns the rows. Ends after an error.
    pub fn rows(&self) -> impl Iterator<Item = Result<(Identity, Counts), Malformed>> + use<'a> {
        rows_in(self.rows, DetailRow::parse)
    }
}

impl SlowRow {
    fn parse(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let row = Self::read(bytes).filter(|row| row.size as usize >= Self::SIZE)?;
        Some((row, bytes.get(row.size as usize..)?))
    }
}

impl DetailRow {
    /// Returns an identity and its counts.
    fn parse(bytes: &[u8]) -> Option<((Identity, Counts), &[u8])> {
        let row = Self::read(bytes).filter(|row| row.size as usize >= Self::SIZE)?;
        let row = Some(row).filter(|row| row.reason <= BEYOND)?;
        let id = Identity {
            reason: row.reason,
            key: row.key,
            ip: row.ip,
            context: row.context,
        };
        let counts = Counts {
            exits: row.exits,
            cycles: row.cycles,
            longest: row.max,
            user_exits: row.user_exits,
            user_cycles: row.user_cycles,
        };
        Some(((id, counts), bytes.get(row.size as usize..)?))
    }
}

impl<'a> Record<'a> {
    /// Returns `None` for a record of another kind.
    fn parse(part: &'a [u8], isa: Isa) -> Result<Option<Self>, Malformed> {
        let (head, heads, rows) = parts_of(part).ok_or(Malformed::Damaged)?;
        let owner = match head.kind {
            KIND_CPU => CpuHead::read(heads).map(|head| Owner::Cpu(head.cpu)),
            KIND_VCPU => VcpuHead::read(heads).map(Owner::Vcpu),
            KIND_RETIRED => Some(Owner::Retired),
            _ => return Ok(None),
        };
        let owner = owner.ok_or(Malformed::Damaged)?;
        Ok(Some(Self { owner, isa, rows }))
    }

    /// Returns the rows. Ends after an error.
    pub fn rows(&self) -> impl Iterator<Item = Result<Row<'a>, Malformed>> {
        let isa = self.isa;
        rows_in(self.rows, move |bytes| Row::parse(bytes, isa))
    }
}

/// The exits of one basic reason.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Counters.
    pub head: RowHead,
    /// Counts of nested guests.
    pub nested: NestedTail,
    buckets: &'a [u8],
}

impl<'a> Row<'a> {
    /// Returns the row at the start of `bytes`, and the bytes after it.
    fn parse(bytes: &'a [u8], isa: Isa) -> Option<(Self, &'a [u8])> {
        let head = RowHead::read(bytes)?;
        let (row, rest) = bytes.split_at_checked(head.size as usize)?;
        let end = head.first_bucket.checked_add(head.buckets)?;
        if (isa == Isa::Vmx && head.reason > BEYOND) || end as usize > BUCKETS {
            return None;
        }
        let length = head.buckets as usize * size_of::<u64>();
        let (buckets, tail) = row.get(RowHead::SIZE..)?.split_at_checked(length)?;
        let nested = NestedTail::read(tail).unwrap_or_default();
        let row = Self {
            head,
            nested,
            buckets,
        };
        Some((row, rest))
    }

    /// Returns the histogram with all buckets.
    #[must_use]
    pub fn histogram(&self) -> [u64; BUCKETS] {
        let mut histogram = [0u64; BUCKETS];
        let mut bytes = self.buckets;
        for bucket in self.head.first_bucket as usize.. {
            let Some(exits) = u64::take(&mut bytes) else {
                break;
            };
            if let Some(sum) = histogram.get_mut(bucket.max(FIRST_BUCKET)) {
                *sum = sum.wrapping_add(exits);
            }
        }
        histogram
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::{collection::vec, prelude::*};
    use std::vec::Vec;

    fn header() -> Header {
        Header {
            load: 7,
            tsc: 8,
            tsc_khz: 2_000_000,
            ..Header::default()
        }
    }

    fn row(reason: u32, exits: u64) -> RowHead {
        RowHead {
            reason,
            exits,
            cycles: exits * 100,
            max: 200,
            user_exits: 1,
            user_cycles: 3,
            ..RowHead::default()
        }
    }

    fn write(writer: &mut Writer<'_>) {
        writer.snapshot(header(), |w| {
            let head = VcpuHead {
                vm: 1,
                vcpu: 2,
                pid: 77,
                process: *b"qemu-system-x86\0",
            };
            w.cpu(3, |rows| {
                rows.row(row(10, 5), &[]);
                rows.row(RowHead::default(), &[]);
            });
            w.vcpu(&head, |rows| {
                // A reader merges buckets 5 and 6.
                rows.row(row(BEYOND, 16), &[0, 0, 0, 0, 0, 4, 7, 0, 0, 5, 0, 0]);
            });
            w.retired(|_| ());
            w.details(&head, |rows| {
                rows.detail(Identity::default(), Counts::one(5));
            });
            w.slow(|rows| {
                for tsc in 1..4 {
                    rows.slow(&SlowRow {
                        tsc,
                        ..SlowRow::default()
                    });
                }
            });
        });
    }

    fn some() -> Vec<u8> {
        let mut counting = Writer::new(&mut []);
        write(&mut counting);
        let mut bytes = std::vec![0; counting.needed()];
        write(&mut Writer::new(&mut bytes));
        bytes
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = some();
        let snapshot = Snapshot::parse(&bytes).unwrap();
        assert_eq!(snapshot.header.size, bytes.len() as u64);
        assert_eq!(snapshot.header.load, 7);
        let records: Vec<_> = snapshot.records().map(Result::unwrap).collect();
        let [cpu, vcpu, retired] = records.as_slice() else {
            panic!("{records:?}");
        };
        assert_eq!(cpu.owner, Owner::Cpu(3));
        let rows: Vec<_> = cpu.rows().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 1, "a row of zeros is left out");
        assert_eq!((rows[0].head.reason, rows[0].head.exits), (10, 5));
        assert_eq!(rows[0].histogram(), [0; BUCKETS]);
        let Owner::Vcpu(head) = vcpu.owner else {
            panic!("{vcpu:?}");
        };
        assert_eq!((head.vm, head.vcpu, head.pid), (1, 2, 77));
        let rows: Vec<_> = vcpu.rows().map(Result::unwrap).collect();
        let histogram = rows[0].histogram();
        assert_eq!((rows[0].head.first_bucket, rows[0].head.buckets), (5, 5));
        assert_eq!(histogram[..11], [0, 0, 0, 0, 0, 0, 11, 0, 0, 5, 0]);
        assert_eq!(retired.owner, Owner::Retired);
        assert_eq!(retired.rows().count(), 0);
        let slow: Vec<_> = snapshot.slow().map(|row| row.unwrap().tsc).collect();
        assert_eq!(slow, [1, 2, 3]);
    }

    #[test]
    fn a_buffer_that_is_too_small_is_not_overrun_and_what_is_needed_is_told() {
        let whole = some();
        for length in 0..whole.len() {
            let mut bytes = std::vec![0xaa; length];
            let mut writer = Writer::new(&mut bytes);
            write(&mut writer);
            assert_eq!(writer.needed(), whole.len());
            // With that much missing, nothing can be parsed.
            let Ok(snapshot) = Snapshot::parse(&bytes) else {
                continue;
            };
            panic!("{:?} of {length} bytes", snapshot.header);
        }
    }

    /// Parses what a later version might write: longer heads and rows, another kind of record.
    #[test]
    fn what_a_later_version_adds_is_skipped() {
        let put =
            |words: &[u64]| -> Vec<u8> { words.iter().flat_map(|w| w.to_le_bytes()).collect() };
        let halves = |low: u64, high: u64| low | (high << 32);
        let mut bytes = some()[..Header::SIZE].to_vec();
        bytes.extend(put(&[0xdead]));
        bytes.extend(put(&[halves(99, 24), halves(16, 0), 0xbad]));
        bytes.extend(put(&[
            halves(KIND_CPU.into(), 32 + 56 + 8 + 16),
            halves(32, 1),
            6,
            0xbad,
        ]));
        bytes.extend(put(&[
            halves(56 + 8 + 16, 10),
            5,
            500,
            0,
            0,
            0,
            halves(7, 1),
            5,
            0xbad,
            0xbad,
        ]));
        bytes[12..16].copy_from_slice(&(Header::SIZE as u32 + 8).to_le_bytes());
        let size = bytes.len() as u64;
        bytes[16..24].copy_from_slice(&size.to_le_bytes());

        let snapshot = Snapshot::parse(&bytes).unwrap();
        let records: Vec<_> = snapshot.records().map(Result::unwrap).collect();
        assert_eq!(records.len(), 1, "{records:?}");
        assert_eq!(records[0].owner, Owner::Cpu(6));
        let rows: Vec<_> = records[0].rows().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].head.exits, rows[0].histogram()[7]), (5, 5));
    }

    #[test]
    fn a_header_of_0_2_0_is_read() {
        let mut bytes = some();
        bytes.drain(FIRST_HEADER..Header::SIZE);
        bytes[12..16].copy_from_slice(&(FIRST_HEADER as u32).to_le_bytes());
        let size = bytes.len() as u64;
        bytes[16..24].copy_from_slice(&size.to_le_bytes());
        let snapshot = Snapshot::parse(&bytes).unwrap();
        assert_eq!((snapshot.header.isa(), snapshot.header.load), (Isa::Vmx, 7));
        assert_eq!(snapshot.header.source, SOURCE_MODULE);
        assert_eq!(snapshot.records().map(Result::unwrap).count(), 3);
    }

    #[test]
    fn codes_of_svm_are_of_another_version() {
        let header = Header {
            isa: Isa::Svm as u32,
            ..header()
        };
        let mut bytes = [0; 512];
        let mut writer = Writer::new(&mut bytes);
        writer.snapshot(header, |w| w.cpu(0, |rows| rows.row(row(0x400, 5), &[])));
        let snapshot = Snapshot::parse(&bytes).unwrap();
        assert_eq!(snapshot.header.version, VERSION_SVM);
        let record = snapshot.records().next().unwrap().unwrap();
        assert_eq!(record.rows().next().unwrap().unwrap().head.reason, 0x400);
        // A reason that VMX does not have.
        bytes[8] = 1;
        let snapshot = Snapshot::parse(&bytes).unwrap();
        let record = snapshot.records().next().unwrap().unwrap();
        assert!(record.rows().next().unwrap().is_err());
    }

    #[test]
    fn details_are_of_another_version_and_apart() {
        let head = VcpuHead {
            vm: 1,
            vcpu: 2,
            ..VcpuHead::default()
        };
        let id = Identity {
            reason: 32,
            key: 0x6e0,
            ip: 0xffff_ffff_8100_0000,
            context: 4,
        };
        let counts = Counts {
            exits: 5,
            cycles: 500,
            longest: 300,
            user_exits: 1,
            user_cycles: 9,
        };
        let header = Header {
            version: VERSION_DETAILS,
            detail: DETAIL_KEY | DETAIL_IP,
            ..header()
        };
        let mut bytes = [0; 1024];
        let mut writer = Writer::new(&mut bytes);
        writer.snapshot(header, |w| {
            w.details(&head, |rows| rows.detail(id, counts));
            w.vcpu(&head, |rows| rows.row(row(32, 7), &[]));
            w.retired_details(|_| ());
        });
        let snapshot = Snapshot::parse(&bytes).unwrap();
        assert_eq!(snapshot.header.version, VERSION_DETAILS);
        let details: Vec<_> = snapshot.details().map(Result::unwrap).collect();
        assert_eq!(details.len(), 2);
        assert_eq!((details[0].vcpu, details[1].vcpu), (Some(head), None));
        let rows: Vec<_> = details[0].rows().map(Result::unwrap).collect();
        assert_eq!(rows, [(id, counts)]);
        assert_eq!(details[1].rows().count(), 0);
        assert_eq!(snapshot.records().map(Result::unwrap).count(), 1);
    }

    #[test]
    fn another_version_and_other_bytes_are_told_apart() {
        let mut bytes = some();
        bytes[8] = 4;
        assert_eq!(Snapshot::parse(&bytes).err(), Some(Malformed::Version(4)));
        bytes[0] = 0;
        assert_eq!(Snapshot::parse(&bytes).err(), Some(Malformed::NoSnapshot));
        assert_eq!(Snapshot::parse(&[]).err(), Some(Malformed::NoSnapshot));
    }

    fn read_all(bytes: &[u8]) {
        let Ok(snapshot) = Snapshot::parse(bytes) else {
            return;
        };
        for record in snapshot.records().flatten() {
            for row in record.rows().flatten() {
                let _ = row.histogram();
            }
        }
        assert!(snapshot.slow().flatten().count() <= bytes.len());
        for details in snapshot.details().flatten() {
            assert!(details.rows().flatten().count() <= bytes.len());
        }
    }

    proptest! {
        #[test]
        fn damage_is_no_panic(at in 0..some().len(), value: u8, end in 0..some().len()) {
            let mut bytes = some();
            bytes[at] = value;
            read_all(&bytes);
            read_all(&bytes[..end]);
        }

        #[test]
        fn any_bytes_are_no_panic(tail in vec(any::<u8>(), 0..400)) {
            let mut bytes = some()[..Header::SIZE].to_vec();
            bytes.extend(tail);
            let size = bytes.len() as u64;
            bytes[16..24].copy_from_slice(&size.to_le_bytes());
            read_all(&bytes);
        }
    }
}
