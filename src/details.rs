// SPDX-License-Identifier: GPL-2.0

//! Details of exits, captured while the parameter `detail` asks for them.
//!
//! The shim captures them when an exit begins. It gives each vCPU a table, and frees the table when
//! capturing ends. `rust/core/src/detail.rs` has the operations on a table.

use super::{
    detail::{
        Counts,
        Entry,
        Identity,
        Recorder, //
    },
    ffi,
    reason::Slot,
    slow::{
        self,
        Exit,
        Slowest, //
    },
    snapshot::SlowRow,
    vcpu::Vcpu, //
};
use core::{
    ptr::addr_of_mut,
    slice,
    sync::atomic::{
        AtomicPtr,
        Ordering::Acquire, //
    }, //
};
use kernel::{
    prelude::*,
    sync::global_lock, //
};

/// A vCPU's table, and the number of the capture period it belongs to.
struct Table<'a> {
    slowest: &'a Slowest,
    entries: &'a [Entry],
    period: u32,
}

/// Returns the table of a vCPU, if it has one. The caller must keep it from being freed: callbacks
/// of the shim and visitors of vCPUs do.
#[inline(always)]
fn table(vcpu: &Vcpu) -> Option<Table<'_>> {
    let shims = vcpu.shims_part();
    // SAFETY: The pointer is valid as long as `vcpu`; the shim writes it as a whole.
    let table = unsafe { AtomicPtr::from_ptr(addr_of_mut!((*shims).table)) }.load(Acquire);
    if table.is_null() {
        return None;
    }
    // SAFETY: The shim set these before the table, and changes neither while the table exists.
    let (size, period) = unsafe { ((*shims).table_size, (*shims).period) };
    // SAFETY: The table has `size` bytes, which hold both parts. It was zeroed when allocated, is
    // page-aligned, and is written through these types alone. It is not freed while the caller uses
    // it.
    let (slowest, entries) = unsafe {
        (
            &*table.cast::<Slowest>(),
            slice::from_raw_parts(
                table.byte_add(slow::SIZE).cast::<Entry>(),
                (size as usize / size_of::<Entry>()).wrapping_sub(slow::SIZE / size_of::<Entry>()),
            ),
        )
    };
    Some(Table {
        slowest,
        entries,
        period,
    })
}

/// Returns the vCPU's table and the details of the exit that ends, if both exist. Only for
/// callbacks of the shim.
#[inline(always)]
fn captured(vcpu: &Vcpu, slot: Slot) -> Option<(Table<'_>, Identity)> {
    let table = table(vcpu)?;
    // SAFETY: The shim set the pointer before anybody saw the vCPU. It points to data of the vCPU's
    // thread, which is the current one.
    let detail = unsafe { &*(*vcpu.shims_part()).detail.cast::<ffi::kvm_exit_detail>() };
    // The exit was captured in another period, or its reason has no details.
    if detail.period != table.period {
        return None;
    }
    let id = Identity {
        reason: slot.index() as u32,
        key: detail.key,
        ip: detail.ip,
        context: detail.context,
    };
    Some((table, id))
}

/// Records the details of an exit that has been counted.
#[inline(always)]
pub(crate) fn record(vcpu: &Vcpu, slot: Slot, cycles: u64) {
    if let Some((table, id)) = captured(vcpu, slot) {
        let recorded = vcpu.recorder().record_at_once(table.entries, &id, cycles);
        if !recorded || table.slowest.is_slow(cycles) {
            record_rest(vcpu, slot, cycles, recorded);
        }
    }
}

/// Handles the rare cases: the exit's entry is not where it is looked for first, or the exit is one
/// of the slowest.
#[cold]
#[inline(never)]
fn record_rest(vcpu: &Vcpu, slot: Slot, cycles: u64, recorded: bool) {
    if let Some((table, id)) = captured(vcpu, slot) {
        if !recorded {
            vcpu.recorder().record(table.entries, &id, cycles);
        }
        keep_if_slow(&table, id, cycles);
    }
}

fn keep_if_slow(table: &Table<'_>, id: Identity, cycles: u64) {
    if table.slowest.is_slow(cycles) {
        let tsc = ffi::tsc();
        table.slowest.keep(&Exit { id, tsc, cycles });
    }
}

/// Records the details of an exit that userspace finishes.
#[inline(always)]
pub(crate) fn record_user_exit(vcpu: &Vcpu, slot: Slot, cycles: u64) {
    let mut recorded = false;
    if let Some((table, id)) = captured(vcpu, slot) {
        let Table {
            entries, period, ..
        } = table;
        recorded = vcpu
            .recorder()
            .record_user_exit_at_once(entries, period, &id, cycles);
        if recorded && !table.slowest.is_slow(cycles) {
            return;
        }
    }
    record_rest_of_user_exit(vcpu, slot, cycles, recorded);
}

/// Like [`record_rest()`]; also called if there is nothing to record.
#[cold]
#[inline(never)]
fn record_rest_of_user_exit(vcpu: &Vcpu, slot: Slot, cycles: u64, recorded: bool) {
    let recorder = vcpu.recorder();
    let Some((table, id)) = captured(vcpu, slot) else {
        return recorder.skip_user_exit();
    };
    if !recorded {
        recorder.record_user_exit(table.entries, table.period, &id, cycles);
    }
    keep_if_slow(&table, id, cycles);
}

/// Records the time spent to finish and complete the exit.
#[inline(always)]
pub(crate) fn record_user_time(vcpu: &Vcpu, user_cycles: u64, cycles: u64) {
    if let Some(table) = table(vcpu) {
        let recorder = vcpu.recorder();
        recorder.record_user_time(table.entries, table.period, user_cycles, cycles);
    }
}

/// Returns the details of a vCPU's exits. Only for visitors of vCPUs.
pub(crate) fn of(vcpu: &Vcpu) -> impl Iterator<Item = (Identity, Counts)> + '_ {
    let entries = table(vcpu).map_or(&[][..], |table| table.entries);
    entries.iter().filter_map(Entry::read)
}

/// Returns a vCPU's slowest exits. Only for visitors of vCPUs.
pub(crate) fn slow_of(vcpu: &Vcpu) -> impl Iterator<Item = SlowRow> + '_ {
    let who = vcpu.who();
    let exits = table(vcpu)
        .into_iter()
        .flat_map(|table| table.slowest.read());
    exits.map(move |exit| SlowRow {
        reason: exit.id.reason,
        vm: who.vm,
        vcpu: who.vcpu,
        context: exit.id.context,
        key: exit.id.key,
        ip: exit.id.ip,
        tsc: exit.tsc,
        cycles: exit.cycles,
        ..SlowRow::default()
    })
}

/// Number of slow exits kept for retired vCPUs.
const SLOW_RETIRED: usize = 64;

/// Details of the exits of retired vCPUs.
struct Retired {
    /// Entries of 0 cycles are empty.
    slow: KVVec<SlowRow>,
    entries: KVVec<Entry>,
    recorder: Recorder,
}

global_lock! {
    // SAFETY: The module calls `init()` before anything else can use it.
    unsafe(uninit) static RETIRED: Mutex<Option<Retired>> = None;
}

impl Retired {
    fn new(table_size: usize) -> Result<Self> {
        let rows = RETIRED_TABLES * table_size / size_of::<Entry>();
        let mut entries = KVVec::with_capacity(rows, GFP_KERNEL)?;
        for _ in 0..rows {
            entries.push(Entry::default(), GFP_KERNEL)?;
        }
        Ok(Self {
            slow: KVVec::from_elem(SlowRow::default(), SLOW_RETIRED, GFP_KERNEL)?,
            entries,
            recorder: Recorder::new(),
        })
    }
}

/// Adds a vCPU's details before it goes. The caller holds the lock under which vCPUs are visited.
pub(crate) fn retire(vcpu: &Vcpu) {
    let mut retired = RETIRED.lock();
    if let Some(retired) = &mut *retired {
        for (id, counts) in of(vcpu) {
            retired.recorder.fold(&retired.entries, &id, &counts);
        }
        for exit in slow_of(vcpu) {
            let least = retired.slow.iter_mut().min_by_key(|exit| exit.cycles);
            if let Some(least) = least.filter(|least| least.cycles < exit.cycles) {
                *least = exit;
            }
        }
    }
}

/// Calls `f` with the slowest exits of retired vCPUs.
pub(crate) fn for_each_slow_retired(f: &mut dyn FnMut(&SlowRow)) {
    if let Some(retired) = &*RETIRED.lock() {
        let kept = retired.slow.iter().filter(|exit| exit.cycles != 0);
        kept.for_each(f);
    }
}

/// Calls `f` with the details of the exits of retired vCPUs.
pub(crate) fn for_each_retired(f: &mut dyn FnMut(Identity, Counts)) {
    if let Some(retired) = &*RETIRED.lock() {
        for (id, counts) in retired.entries.iter().filter_map(Entry::read) {
            f(id, counts);
        }
    }
}

/// Size of the table for retired vCPUs, in tables of one vCPU.
const RETIRED_TABLES: usize = 4;

/// Initializes this file's state. Must be called first, and once.
pub(crate) fn init() {
    // SAFETY: The caller calls this once, before any other use.
    unsafe { RETIRED.init() };
}

/// Capturing as the parameters request. Stops when dropped.
pub(crate) struct Capturing(());

impl Capturing {
    /// Starts capturing. The module must be registered as the observer.
    pub(crate) fn start() -> Self {
        // SAFETY: `apply` may be called until `drop()`: the module is registered until then.
        unsafe { ffi::exitstat_detail_start(Some(apply)) };
        Self(())
    }
}

impl Drop for Capturing {
    fn drop(&mut self) {
        // SAFETY: `start()` started it.
        unsafe { ffi::exitstat_detail_stop() };
        apply(0, 0);
    }
}

/// Applies the parameter `detail`. Never runs concurrently with itself.
extern "C" fn apply(what: u32, size: u32) -> i32 {
    // SAFETY: The module is registered, see `Capturing`.
    unsafe { ffi::exitstat_capture(0, 0) };
    // Free it without the lock: a vCPU that goes may be waiting for the lock.
    let old = RETIRED.lock().take();
    drop(old);
    if what == 0 {
        return 0;
    }
    let retired = match Retired::new(size as usize) {
        Ok(retired) => retired,
        Err(error) => return error.to_errno(),
    };
    *RETIRED.lock() = Some(retired);
    // SAFETY: As above.
    unsafe { ffi::exitstat_capture(what, size) };
    0
}
