// SPDX-License-Identifier: GPL-2.0

//! KVM's shim, and the module's C object, in user space.
//!
//! C headers: `arch/x86/include/asm/kvm_exit_observer.h` (from `patches/`), `src/exitstat_glue.h`.
//! Structures and functions have the same names as there.
//!
//! A thread acts as a CPU if `%gs` holds the address of one of the tables here; 64-bit programs do
//! not use `%gs` otherwise. In the kernel, the symbol of a per-CPU variable is relative to `%gs`.
//! So it is here, and the symbol is 0.

#![allow(non_camel_case_types, non_upper_case_globals)]

use core::{
    arch::{global_asm, x86_64::_rdtsc},
    ffi::c_void,
    ptr::{null, null_mut},
};
use std::{
    alloc::{alloc_zeroed, dealloc, Layout},
    cell::UnsafeCell,
    sync::{
        atomic::{AtomicU32, Ordering::Relaxed},
        Mutex, MutexGuard, PoisonError,
    },
    time::{SystemTime, UNIX_EPOCH},
};

pub const EXITSTAT_SLOTS: u32 = 87;
pub const EXITSTAT_VERSION: &[u8] = concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes();

#[repr(C)]
#[derive(Clone, Copy)]
pub struct kvm_exit_vcpu {
    pub vm_id: u64,
    pub vcpu_id: u32,
    pub tgid: u32,
    pub comm: [u8; 16],
    pub detail: *const c_void,
    pub table: *mut c_void,
    pub table_size: u32,
    pub period: u32,
}

pub const KVM_EXIT_REASON_NESTED: u32 = 0x10000;
pub const KVM_EXIT_REASON_REFLECTED: u32 = 0x20000;

#[repr(C)]
pub struct kvm_exit_cpuid {
    pub vm: *mut c_void,
    pub vm_id: u64,
    pub open: u32,
    pub reason: u32,
    pub answered: u32,
    pub eax: u32,
    pub ebx: u32,
    pub ecx: u32,
    pub edx: u32,
}

pub type Exit = unsafe extern "C" fn(*mut c_void, u64, i64);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct kvm_exit_observer {
    pub size: u64,
    pub exit: Option<Exit>,
    pub user_exit: Option<Exit>,
    pub user_time: Option<unsafe extern "C" fn(*mut c_void, u64, i64, i64)>,
    pub exit_detailed: Option<Exit>,
    pub user_exit_detailed: Option<Exit>,
    pub user_time_detailed: Option<unsafe extern "C" fn(*mut c_void, u64, i64, i64)>,
    pub unattached: Option<unsafe extern "C" fn(u64, i64)>,
    pub cpuid: Option<unsafe extern "C" fn(*mut kvm_exit_cpuid)>,
    pub retire: Option<unsafe extern "C" fn(*mut c_void)>,
    pub data_size: u64,
}

pub type kvm_exit_visit_t = Option<unsafe extern "C" fn(*mut c_void, *mut c_void)>;

// `src/ffi.rs` asserts the same of the structures from bindgen.
const _: () = assert!(size_of::<kvm_exit_cpuid>() == 48);
const _: () = assert!(size_of::<kvm_exit_observer>() == 88);
const _: () = assert!(size_of::<kvm_exit_vcpu>() == 56);

/// The maximum number of CPUs.
pub const CPUS: u32 = 1024;

#[repr(C)]
pub struct exitstat_cpu_table {
    pub words: [u64; EXITSTAT_SLOTS as usize * 2],
}

/// Starts on a cache line, as with `DEFINE_PER_CPU_ALIGNED`.
#[repr(C, align(64))]
struct Table(UnsafeCell<exitstat_cpu_table>);

// SAFETY: Only the address of the table is handed out.
unsafe impl Sync for Table {}

static TABLES: [Table; CPUS as usize] = [const {
    Table(UnsafeCell::new(exitstat_cpu_table {
        words: [0; EXITSTAT_SLOTS as usize * 2],
    }))
}; CPUS as usize];
static POSSIBLE: AtomicU32 = AtomicU32::new(0);

global_asm!(".globl exitstat_cpu_table", ".set exitstat_cpu_table, 0");

unsafe extern "C" {
    pub static exitstat_cpu_table: exitstat_cpu_table;
}

fn table(cpu: u32) -> Option<&'static Table> {
    TABLES.get(cpu as usize)
}

pub unsafe fn exitstat_cpu_table_of(cpu: u32) -> *mut exitstat_cpu_table {
    match table(cpu) {
        Some(table) if cpu < POSSIBLE.load(Relaxed) => table.0.get(),
        _ => null_mut(),
    }
}

pub unsafe fn exitstat_cpu_limit() -> u32 {
    POSSIBLE.load(Relaxed)
}

/// Makes this many CPUs possible, and clears their counters.
///
/// # Safety
///
/// Nobody may record or read.
pub unsafe fn set_possible(cpus: u32) {
    assert!(cpus <= CPUS);
    for table in &TABLES {
        // SAFETY: Nobody else has access.
        unsafe { table.0.get().write_bytes(0, 1) };
    }
    POSSIBLE.store(cpus, Relaxed);
}

/// Makes this thread the CPU with this number.
pub fn enter_cpu(cpu: u32) {
    const ARCH_SET_GS: i64 = 0x1001;
    let address = table(cpu).expect("there is no such CPU").0.get();
    // SAFETY: Nobody else in this process uses %gs.
    let result = unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_SET_GS, address) };
    assert_eq!(result, 0, "arch_prctl");
}

/// The shim's state of a vCPU.
struct Attached {
    vm: u64,
    data: *mut c_void,
}

// SAFETY: `data` belongs to the observer, which may be called from any thread.
unsafe impl Send for Attached {}

#[derive(Default)]
struct State {
    observer: Option<kvm_exit_observer>,
    vcpus: Vec<Attached>,
}

static STATE: Mutex<State> = Mutex::new(State {
    observer: None,
    vcpus: Vec::new(),
});

fn lock() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whole pages, as the kernel allocates for this size.
fn layout(size: u64) -> Layout {
    let size = usize::try_from(size).expect("it fits");
    Layout::from_size_align(size, 4096).expect("it fits")
}

/// Attaches a vCPU, as its first exit does. Its data is zeroed, except for its identity.
pub fn attach(vm_id: u64, vcpu_id: u32) -> *mut c_void {
    let mut state = lock();
    let size = state.observer.expect("there is an observer").data_size;
    assert!(size >= size_of::<kvm_exit_vcpu>() as u64);
    // SAFETY: The size is not 0.
    let data = unsafe { alloc_zeroed(layout(size)) }.cast::<c_void>();
    assert!(!data.is_null(), "out of memory");
    let who = kvm_exit_vcpu {
        vm_id,
        vcpu_id,
        tgid: std::process::id(),
        comm: *b"simulated\0\0\0\0\0\0\0",
        detail: null(),
        table: null_mut(),
        table_size: 0,
        period: 0,
    };
    // SAFETY: The memory is aligned and at least this large.
    unsafe { data.cast::<kvm_exit_vcpu>().write(who) };
    state.vcpus.push(Attached { vm: vm_id, data });
    data
}

/// Returns the callback for exits.
pub fn exit() -> Exit {
    let observer = lock().observer;
    observer.and_then(|o| o.exit).expect("there is an observer")
}

/// Returns the size of the per-vCPU data that the observer requests.
pub fn data_size() -> u64 {
    lock().observer.expect("there is an observer").data_size
}

pub unsafe fn exitstat_preflight() -> i32 {
    0
}

pub unsafe fn exitstat_register(ops: &kvm_exit_observer) -> i32 {
    let mut state = lock();
    if state.observer.is_some() {
        return -libc::EBUSY;
    }
    state.observer = Some(*ops);
    0
}

pub unsafe fn exitstat_unregister() {
    let state = core::mem::take(&mut *lock());
    let Some(observer) = state.observer else {
        return;
    };
    for vcpu in state.vcpus {
        if let Some(retire) = observer.retire {
            // SAFETY: Called as the header requires.
            unsafe { retire(vcpu.data) };
        }
        // SAFETY: `attach()` allocated it.
        unsafe { dealloc(vcpu.data.cast(), layout(observer.data_size)) };
    }
}

unsafe fn visit(visit: kvm_exit_visit_t, arg: *mut c_void, of: impl Fn(u64) -> bool) {
    let visit = visit.expect("it is a function");
    for vcpu in lock().vcpus.iter().filter(|vcpu| of(vcpu.vm)) {
        // SAFETY: Called as the header requires.
        unsafe { visit(vcpu.data, arg) };
    }
}

pub unsafe fn exitstat_visit_all(fn_: kvm_exit_visit_t, arg: *mut c_void) {
    // SAFETY: The caller guarantees it.
    unsafe { visit(fn_, arg, |_| true) };
}

/// `vm` is the ID of the VM.
pub unsafe fn exitstat_visit_vm(vm: *mut c_void, fn_: kvm_exit_visit_t, arg: *mut c_void) {
    // SAFETY: The caller guarantees it.
    unsafe { visit(fn_, arg, |id| id == vm as u64) };
}

pub unsafe fn exitstat_unattached() -> u64 {
    0
}

pub type exitstat_scope = u32;
pub const exitstat_scope_EXITSTAT_SCOPE_VM: exitstat_scope = 0;
pub const exitstat_scope_EXITSTAT_SCOPE_HOST: exitstat_scope = 1;

pub unsafe fn exitstat_guest_scope() -> exitstat_scope {
    exitstat_scope_EXITSTAT_SCOPE_VM
}

pub unsafe fn exitstat_log_every() -> u64 {
    0
}

pub unsafe fn exitstat_log_cpuid() -> u32 {
    0
}

#[repr(C)]
#[derive(Default)]
pub struct exitstat_clock {
    pub tsc: u64,
    pub realtime: u64,
    pub tsc_khz: u32,
}

pub unsafe fn exitstat_read_clock(clock: &mut exitstat_clock) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    // SAFETY: All 64-bit processors have this instruction.
    clock.tsc = unsafe { _rdtsc() };
    clock.realtime = since.map_or(0, |since| since.as_nanos() as u64);
    // Nobody here uses the length of a cycle.
    clock.tsc_khz = 1_000_000;
}

pub unsafe fn exitstat_load_id() -> u64 {
    1
}

pub unsafe fn exitstat_current_process() -> u32 {
    std::process::id()
}

pub unsafe fn exitstat_synchronize_rcu() {}

pub unsafe fn exitstat_detail() -> u32 {
    0
}

pub unsafe fn exitstat_perfmon_capable() -> bool {
    false
}

pub unsafe fn exitstat_tsc() -> u64 {
    // SAFETY: All 64-bit processors have this instruction.
    unsafe { _rdtsc() }
}

/// The VM's ID is enough to tell VMs apart.
pub unsafe fn exitstat_generation(vm: u64) -> u32 {
    vm as u32
}
