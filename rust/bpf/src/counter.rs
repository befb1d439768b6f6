// SPDX-License-Identifier: GPL-2.0

//! Loading and attaching of the programs.

use crate::{
    about::About,
    error::Error,
    kernel::{self, Loaded, Offsets},
    layout::{Cpu, Host, Shared, Vcpu},
    memory::Mapped,
    names::Names,
    needs,
};
use exitstat_core::isa::Isa;
use libbpf_rs::{
    Link, MapCore, Object, ObjectBuilder, OpenMapMut, OpenObject, PrintLevel, ProgramAttachType,
};
use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

/// What to count, and for how many vCPUs.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Count exits only: no times, histograms or userspace figures.
    pub counts_only: bool,
    /// Exclude time off the CPU from exits.
    pub off_cpu: bool,
    /// Maximum number of vCPUs at a time. `None`: eight per CPU, and at least 256.
    pub vcpus: Option<u32>,
}

/// 256 MiB.
const MOST_VCPUS: u32 = 1 << 14;

/// How programs are attached to functions.
#[derive(Clone, Copy, Debug)]
enum Functions {
    /// The kernel's function tracer; supports functions of modules from Linux 6.2 on.
    ByFtrace,
    /// A perf probe. On Debian's kernels it needs CAP_SYS_ADMIN while kernel.perf_event_paranoid is
    /// 3.
    ByPerf,
}

/// Where a program is attached.
#[derive(Clone, Copy, Debug)]
enum Hook {
    Tracepoint,
    Function,
}

/// A program: its name, its hook, and the name of the tracepoint or function.
type Program = (&'static str, Hook, &'static str);

/// Returns the programs needed, in the order of attaching. The one on kvm_exit comes last, so that
/// every exit it begins is also ended.
fn programs(options: &Options, isa: Isa) -> Vec<Program> {
    let function = |name| (name, Hook::Function, name);
    let tracepoint = |name| (name, Hook::Tracepoint, name);
    let mut programs = vec![function("kvm_arch_vcpu_destroy")];
    if options.off_cpu && !options.counts_only {
        programs.extend(["kvm_sched_in", "kvm_sched_out"].map(function));
    }
    if !options.counts_only {
        programs.extend(["kvm_userspace_exit", "kvm_entry"].map(tracepoint));
    }
    let exit = match (isa, options.counts_only) {
        (Isa::Vmx, true) => "kvm_exit_vmx_n",
        (Isa::Vmx, false) => "kvm_exit_vmx",
        (Isa::Svm, true) => "kvm_exit_svm_n",
        (Isa::Svm, false) => "kvm_exit_svm",
    };
    programs.push((exit, Hook::Tracepoint, "kvm_exit"));
    programs
}

/// Counting, for as long as this lives.
#[derive(Debug)]
pub struct Counter {
    pub(crate) about: About,
    pub(crate) names: Names,
    pub(crate) buffer: Vec<u8>,
    /// Identity of the pinned counters.
    pub(crate) pin: Option<u64>,
    pub(crate) host: Mapped<Host>,
    pub(crate) cpus: Mapped<Cpu>,
    pub(crate) vcpus: Mapped<Vcpu>,
    /// Dropped before the object whose programs they attach. Empty for pinned counters.
    pub(crate) links: Vec<Link>,
    pub(crate) object: Option<Object>,
}

/// The maps that are read.
pub(crate) const MAPS: [&str; 4] = [".data.host", ".data.cpus", ".data.vcpus", ".data.about"];

/// Compiled from `program/exits.bpf.c`, with plain loads first.
static OBJECTS: [&Aligned<[u8]>; 2] = [
    &Aligned(*include_bytes!(concat!(
        env!("OUT_DIR"),
        "/exits-direct.bpf.o"
    ))),
    &Aligned(*include_bytes!(concat!(
        env!("OUT_DIR"),
        "/exits-probe.bpf.o"
    ))),
];

/// libelf requires aligned bytes.
#[repr(align(8))]
struct Aligned<T: ?Sized>(T);

impl Counter {
    /// Loads the programs and attaches them, which starts counting.
    ///
    /// # Errors
    ///
    /// Returns why BPF cannot count here.
    pub fn attach(options: Options) -> Result<Self, Error> {
        let root = Path::new("/");
        let isa = kernel::isa(root)?;
        // Before the offsets are read, so that a reload in between is noticed.
        let module = kernel::loaded(root, isa);
        let offsets = kernel::offsets(root, isa)?;
        let about = about(&options, isa, module, offsets)?;
        let (object, links) = load_and_attach(&programs(&options, isa), &about)?;
        Ok(Self {
            about,
            names: Names::default(),
            buffer: Vec::new(),
            pin: None,
            host: map(&object, ".data.host", 1)?,
            cpus: map(&object, ".data.cpus", about.cpus)?,
            vcpus: map(&object, ".data.vcpus", about.rows)?,
            links,
            object: Some(object),
        })
    }

    /// Returns whether counting continues after this process ends.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.object.is_none()
    }

    /// Returns whether it counts what `options` ask for.
    #[must_use]
    pub fn counts(&self, options: &Options) -> bool {
        (self.about.counts_only, self.about.off_cpu) == (options.counts_only, options.off_cpu)
    }

    /// Returns whether kvm_intel or kvm_amd has been reloaded, which may have moved the fields.
    pub fn is_outdated(&mut self) -> bool {
        let root = Path::new("/");
        let now = kernel::loaded(root, self.about.isa);
        if now.is_none() || now == self.about.module {
            return false;
        }
        match kernel::offsets(root, self.about.isa) {
            Ok(offsets) if offsets == self.about.offsets => {
                self.about.module = now;
                false
            }
            Ok(_) => true,
            // Unpinned in the meantime; the next call finds out.
            Err(_) => false,
        }
    }
}

/// Loads the programs and attaches them, in the first way that works here.
fn load_and_attach(programs: &[Program], about: &About) -> Result<(Object, Vec<Link>), Error> {
    let mut failed = Error::NoKvm;
    for functions in [Functions::ByFtrace, Functions::ByPerf] {
        // Kernels before 6.17, and those without a JIT compiler, reject plain loads.
        for object in OBJECTS {
            let both = load(&object.0, programs, functions, about).and_then(|object| {
                let links = attach(&object, programs, functions)?;
                Ok((object, links))
            });
            match both {
                Ok(both) => return Ok(both),
                // No other way would work.
                Err(error @ (Error::NoPermission | Error::LockedDown | Error::NoMemory { .. })) => {
                    return Err(error)
                }
                Err(error) => failed = error,
            }
        }
    }
    Err(failed)
}

fn attach(object: &Object, programs: &[Program], functions: Functions) -> Result<Vec<Link>, Error> {
    let attach = |&(name, hook, what): &Program| {
        let mut all = object.progs_mut();
        let program = all.find(|program| program.name() == name);
        let program = program.expect("the object contains it");
        let link = match (hook, functions) {
            (Hook::Tracepoint, _) => program.attach_raw_tracepoint(what),
            (Hook::Function, Functions::ByFtrace) => program.attach_kprobe_multi(false, vec![what]),
            (Hook::Function, Functions::ByPerf) => program.attach_kprobe(false, what),
        };
        link.map_err(|error| Error::NotAttached {
            what,
            why: format!("{error:#}"),
        })
    };
    programs.iter().map(attach).collect()
}

fn about(
    options: &Options,
    isa: Isa,
    module: Option<Loaded>,
    offsets: Offsets,
) -> Result<About, Error> {
    let cpus = u32::try_from(libbpf_rs::num_possible_cpus().map_err(refused)?).unwrap_or(u32::MAX);
    let rows = options.vcpus.unwrap_or(cpus.saturating_mul(8).max(256));
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    Ok(About {
        load: since_1970.map_or(0, |time| time.as_nanos() as u64),
        module,
        isa,
        counts_only: options.counts_only,
        off_cpu: options.off_cpu,
        cpus,
        rows: rows.clamp(1, MOST_VCPUS),
        offsets,
    })
}

/// The last messages of libbpf and the verifier.
static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn listen(_: PrintLevel, text: String) {
    let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    log.extend(text.lines().map(str::to_owned));
}

fn load(
    object: &[u8],
    programs: &[Program],
    functions: Functions,
    about: &About,
) -> Result<Object, Error> {
    libbpf_rs::set_print(Some((PrintLevel::Warn, listen)));
    LOG.lock().unwrap_or_else(PoisonError::into_inner).clear();
    let object = about.tell(object);
    let open = ObjectBuilder::default().open_memory(&object);
    let loaded = open.and_then(|mut open| {
        prepare(&mut open, programs, functions, about)?;
        open.load()
    });
    loaded.map_err(|error| match error.kind() {
        libbpf_rs::ErrorKind::OutOfMemory => Error::NoMemory { vcpus: about.rows },
        _ => refused(error),
    })
}

fn prepare(
    open: &mut OpenObject,
    programs: &[Program],
    functions: Functions,
    about: &About,
) -> libbpf_rs::Result<()> {
    for mut program in open.progs_mut() {
        let needed = programs.iter().find(|(name, ..)| program.name() == *name);
        program.set_autoload(needed.is_some());
        if let (Some((_, Hook::Function, _)), Functions::ByFtrace) = (needed, functions) {
            program.set_attach_type(ProgramAttachType::KprobeMulti);
        }
    }
    let sized = |mut map: OpenMapMut<'_>, elements: u32, size: usize| {
        assert_eq!(map.value_size() as usize, size, "layout.h differs");
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        map.set_value_size(elements.saturating_mul(size))
    };
    for mut map in open.maps_mut() {
        match map.name().to_str() {
            Some(".data.about") => map.set_initial_value(&about.bytes())?,
            Some(".data.cpus") => sized(map, about.cpus, size_of::<Cpu>())?,
            Some(".data.vcpus") => sized(map, about.rows, size_of::<Vcpu>())?,
            _ => (),
        }
    }
    Ok(())
}

/// Returns why the kernel rejected the programs.
fn refused(error: libbpf_rs::Error) -> Error {
    if error.kind() == libbpf_rs::ErrorKind::PermissionDenied {
        let lockdown = std::fs::read_to_string("/sys/kernel/security/lockdown");
        if lockdown.is_ok_and(|text| text.contains("[confidentiality]")) {
            return Error::LockedDown;
        }
        // The verifier reports missing permissions as errors of the program.
        if !needs::is_permitted() {
            return Error::NoPermission;
        }
    }
    let log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    let first = log.len().saturating_sub(12);
    Error::Refused {
        why: format!("{error:#}"),
        log: log[first..].to_vec(),
    }
}

fn map<T: Shared>(object: &Object, name: &str, elements: u32) -> Result<Mapped<T>, Error> {
    let map = object.maps().find(|map| map.name() == name);
    let mapped = Mapped::of(&map.expect("the object contains it"), elements)?;
    Ok(mapped.expect("layout.h differs"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{NO_SLOT, SLOTS};
    use exitstat_core::snapshot::{Owner, Snapshot};
    use libbpf_rs::{MapHandle, MapType};
    use std::{
        mem::offset_of,
        sync::atomic::{AtomicU8, Ordering},
    };

    /// Returns whether this process may use BPF; a sandbox may deny it to root.
    fn may_use_bpf() -> bool {
        let options = libbpf_sys::bpf_map_create_opts {
            sz: size_of::<libbpf_sys::bpf_map_create_opts>() as _,
            ..Default::default()
        };
        MapHandle::create(MapType::Array, Some("may"), 4, 8, 1, &options).is_ok()
    }

    /// Fills 512 vCPUs with exits for every slot, and prints how long reading takes: `cargo test
    /// --release -p exitstat-bpf many -- --nocapture`.
    #[test]
    fn many_vcpus_are_read_at_once() {
        if !may_use_bpf() {
            eprintln!("skipped: no BPF here");
            return;
        }
        const MANY: u32 = 512;
        let options = Options {
            counts_only: false,
            off_cpu: false,
            vcpus: Some(MANY),
        };
        let about = about(&options, Isa::Vmx, None, Offsets::default()).unwrap();
        let programs = programs(&options, Isa::Vmx);
        let object = load(&OBJECTS[1].0, &programs, Functions::ByPerf, &about).unwrap();
        // Written as the programs would: all counters and `live` are 1, and each vCPU has its
        // number.
        let word = |n: u32| n.to_ne_bytes();
        let ones = [1_u64.to_ne_bytes(); size_of::<Vcpu>() / 8].concat();
        let rows = (0..MANY).flat_map(|id| {
            let mut row = ones.clone();
            row[offset_of!(Vcpu, id)..][..4].copy_from_slice(&word(id));
            row[offset_of!(Vcpu, live)..][..4].copy_from_slice(&word(1));
            row
        });
        let rows: Vec<_> = rows.collect();
        let owners = (0..SLOTS as u32).flat_map(|slot| word(slot + 1));
        let mut host = vec![0; size_of::<Host>()];
        for (to, from) in host[offset_of!(Host, owners)..].iter_mut().zip(owners) {
            *to = from;
        }
        for (name, bytes) in [(".data.vcpus", &rows), (".data.host", &host)] {
            let map = object.maps().find(|map| map.name() == name).unwrap();
            map.update(&word(0), bytes, libbpf_rs::MapFlags::ANY)
                .unwrap();
        }
        let mut counter = Counter {
            about,
            names: Names::default(),
            buffer: Vec::new(),
            pin: None,
            host: map(&object, ".data.host", 1).unwrap(),
            cpus: map(&object, ".data.cpus", about.cpus).unwrap(),
            vcpus: map(&object, ".data.vcpus", about.rows).unwrap(),
            links: Vec::new(),
            object: Some(object),
        };
        // The first snapshot looks up the names of the processes.
        counter.snapshot(None).unwrap();
        let begin = std::time::Instant::now();
        let bytes = counter.snapshot(None).unwrap();
        eprintln!("{MANY} vCPUs: {:?}, {} bytes", begin.elapsed(), bytes.len());
        let snapshot = Snapshot::parse(bytes).unwrap();
        let records = snapshot.records().map(Result::unwrap);
        let vcpus = records.filter(|record| matches!(record.owner, Owner::Vcpu(_)));
        let rows: Vec<_> = vcpus.map(|record| record.rows().count()).collect();
        assert_eq!(rows, [SLOTS; MANY as usize]);
    }

    /// The verifier of the running kernel accepts the programs, for both vendors and all options.
    #[test]
    fn the_verifier_takes_the_programs() {
        if !may_use_bpf() {
            eprintln!("skipped: no BPF here");
            return;
        }
        for isa in [Isa::Vmx, Isa::Svm] {
            for (counts_only, off_cpu) in [(true, false), (false, false), (false, true)] {
                let options = Options {
                    counts_only,
                    off_cpu,
                    vcpus: Some(300),
                };
                let offsets = Offsets {
                    reason: 6544,
                    vmcb: 6144,
                    exit_code: 112,
                    vcpu_id: 40,
                    notifier: 48,
                };
                let about = about(&options, isa, None, offsets).unwrap();
                let programs = programs(&options, isa);
                let objects = ["direct", "probe"].into_iter().zip(OBJECTS);
                let functions = [Functions::ByFtrace, Functions::ByPerf];
                for ((name, object), functions) in
                    objects.flat_map(|object| functions.map(|functions| (object, functions)))
                {
                    let result = load(&object.0, &programs, functions, &about);
                    let what = format!("{name}, {functions:?}, {isa:?}, {options:?}");
                    let object = result.unwrap_or_else(|error| panic!("{what}: {error}"));
                    let host = map::<Host>(&object, ".data.host", 1).unwrap();
                    let free = |slot: &AtomicU8| slot.load(Ordering::Relaxed) == NO_SLOT;
                    assert!(host[0].slots.iter().all(free));
                    map::<Cpu>(&object, ".data.cpus", about.cpus).unwrap();
                    map::<Vcpu>(&object, ".data.vcpus", about.rows).unwrap();
                }
            }
        }
    }
}
