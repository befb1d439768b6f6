// SPDX-License-Identifier: GPL-2.0

//! The programs, loaded and attached.

use crate::{
    error::Error,
    kernel::{self, Offsets},
    layout::{Config, Cpu, Host, Shared, Vcpu},
    memory::Mapped,
    snapshot::Names,
};
use exitstat_core::isa::Isa;
use libbpf_rs::{Link, MapCore, Object, ObjectBuilder, OpenMapMut, OpenObject, PrintLevel};
use std::{
    os::fd::AsFd,
    path::Path,
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

/// What is counted, and for how many.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Exits only: no times, no histograms, no share of userspace.
    pub counts_only: bool,
    /// Time off the CPU is no part of an exit.
    pub off_cpu: bool,
    /// vCPUs that there is room for at a time; `None`: eight for each CPU, and at least 256.
    pub vcpus: Option<u32>,
}

/// 256 MiB.
const MOST_VCPUS: u32 = 1 << 14;

/// Where the programs are attached.
#[derive(Clone, Copy, Debug)]
enum Hook {
    Tracepoint,
    Function,
}

/// The programs, in the order in which they are attached: kvm_exit comes last, so that what it begins is
/// ended.
const PROGRAMS: [(&str, Hook); 6] = [
    ("kvm_arch_vcpu_destroy", Hook::Function),
    ("kvm_sched_in", Hook::Function),
    ("kvm_sched_out", Hook::Function),
    ("kvm_userspace_exit", Hook::Tracepoint),
    ("kvm_entry", Hook::Tracepoint),
    ("kvm_exit", Hook::Tracepoint),
];

impl Options {
    fn needs(&self, program: &str) -> bool {
        match program {
            "kvm_exit" | "kvm_arch_vcpu_destroy" => true,
            "kvm_sched_in" | "kvm_sched_out" => self.off_cpu && !self.counts_only,
            _ => !self.counts_only,
        }
    }
}

/// Counting, for as long as this lives.
#[derive(Debug)]
pub struct Counter {
    pub(crate) options: Options,
    pub(crate) isa: Isa,
    /// Another one each time.
    pub(crate) load: u64,
    pub(crate) names: Names,
    pub(crate) host: Mapped<Host>,
    pub(crate) cpus: Mapped<Cpu>,
    pub(crate) vcpus: Mapped<Vcpu>,
    /// Dropped before the object whose programs they attach.
    _links: Vec<Link>,
    _object: Object,
}

/// Compiled from `program/exits.bpf.c`; with plain loads first.
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

/// libelf wants its bytes aligned.
#[repr(align(8))]
struct Aligned<T: ?Sized>(T);

impl Counter {
    /// Loads the programs and attaches them. They count from now on.
    ///
    /// # Errors
    ///
    /// Why BPF cannot count here.
    pub fn attach(options: Options) -> Result<Self, Error> {
        let root = Path::new("/");
        let isa = kernel::isa(root)?;
        let config = config(&options, isa, &kernel::offsets(root, isa)?)?;
        // Kernels before 6.17 do not take plain loads, and none does that has no JIT.
        let [direct, probe] = OBJECTS.map(|object| move || load(&object.0, &options, &config));
        let object = direct().or_else(|_| probe())?;
        let mut links = Vec::new();
        for (name, hook) in PROGRAMS.iter().filter(|(name, _)| options.needs(name)) {
            let program = object.progs_mut().find(|program| program.name() == *name);
            let program = program.expect("it is in the object");
            let link = match hook {
                Hook::Tracepoint => program.attach_raw_tracepoint(name),
                Hook::Function => program.attach_kprobe(false, name),
            };
            links.push(link.map_err(|error| Error::NotAttached {
                what: name,
                why: error.to_string(),
            })?);
        }
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        Ok(Self {
            options,
            isa,
            load: since_1970.map_or(0, |time| time.as_nanos() as u64),
            names: Names::default(),
            host: map(&object, ".data.host", 1)?,
            cpus: map(&object, ".data.cpus", config.cpus)?,
            vcpus: map(&object, ".data.vcpus", config.rows)?,
            _links: links,
            _object: object,
        })
    }
}

fn config(options: &Options, isa: Isa, offsets: &Offsets) -> Result<Config, Error> {
    let cpus = u32::try_from(libbpf_rs::num_possible_cpus().map_err(refused)?).unwrap_or(u32::MAX);
    let rows = options.vcpus.unwrap_or(cpus.saturating_mul(8).max(256));
    Ok(Config {
        cpus,
        rows: rows.clamp(1, MOST_VCPUS),
        svm: (isa == Isa::Svm).into(),
        times: (!options.counts_only).into(),
        reason: offsets.reason,
        vmcb: offsets.vmcb,
        exit_code: offsets.exit_code,
        vcpu_id: offsets.vcpu_id,
        notifier: offsets.notifier,
    })
}

/// What libbpf and the verifier said last.
static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn listen(_: PrintLevel, text: String) {
    let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    log.extend(text.lines().map(str::to_owned));
}

fn load(object: &[u8], options: &Options, config: &Config) -> Result<Object, Error> {
    libbpf_rs::set_print(Some((PrintLevel::Warn, listen)));
    LOG.lock().unwrap_or_else(PoisonError::into_inner).clear();
    let open = ObjectBuilder::default().open_memory(object);
    let loaded = open.and_then(|mut open| {
        prepare(&mut open, options, config)?;
        open.load()
    });
    loaded.map_err(refused)
}

fn prepare(open: &mut OpenObject, options: &Options, config: &Config) -> libbpf_rs::Result<()> {
    for mut program in open.progs_mut() {
        let needed = program
            .name()
            .to_str()
            .is_some_and(|name| options.needs(name));
        program.set_autoload(needed);
    }
    let sized = |mut map: OpenMapMut<'_>, elements: u32, size: usize| {
        assert_eq!(map.value_size() as usize, size, "layout.h is another");
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        map.set_value_size(elements.saturating_mul(size))
    };
    for mut map in open.maps_mut() {
        match map.name().to_str() {
            Some(name) if name.ends_with(".rodata") => map.set_initial_value(&config.bytes())?,
            Some(".data.cpus") => sized(map, config.cpus, size_of::<Cpu>())?,
            Some(".data.vcpus") => sized(map, config.rows, size_of::<Vcpu>())?,
            _ => (),
        }
    }
    Ok(())
}

/// Why the kernel did not take the programs.
fn refused(error: libbpf_rs::Error) -> Error {
    if error.kind() == libbpf_rs::ErrorKind::PermissionDenied {
        let lockdown = std::fs::read_to_string("/sys/kernel/security/lockdown");
        if lockdown.is_ok_and(|text| text.contains("[confidentiality]")) {
            return Error::LockedDown;
        }
        // The verifier says so much more of a program that it refuses.
        if rustix::thread::capabilities(None).is_ok_and(|sets| {
            use rustix::thread::CapabilitySet as Set;
            !sets.effective.contains(Set::SYS_ADMIN)
                && !sets.effective.contains(Set::BPF | Set::PERFMON)
        }) {
            return Error::NoPermission;
        }
    }
    let log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    let first = log.len().saturating_sub(12);
    Error::Refused {
        why: error.to_string(),
        log: log[first..].to_vec(),
    }
}

fn map<T: Shared>(object: &Object, name: &str, elements: u32) -> Result<Mapped<T>, Error> {
    let map = object.maps().find(|map| map.name() == name);
    let map = map.expect("it is in the object");
    let size = elements as usize * size_of::<T>();
    assert_eq!(map.value_size() as usize, size, "layout.h is another");
    Mapped::new(map.as_fd(), size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use libbpf_rs::{MapHandle, MapType};

    /// Whether this process may use BPF; a sandbox may forbid it to root.
    fn may_use_bpf() -> bool {
        let options = libbpf_sys::bpf_map_create_opts {
            sz: size_of::<libbpf_sys::bpf_map_create_opts>() as _,
            ..Default::default()
        };
        MapHandle::create(MapType::Array, Some("may"), 4, 8, 1, &options).is_ok()
    }

    /// The verifier of the kernel that this runs on takes the programs, for both vendors and all options.
    #[test]
    fn the_verifier_takes_the_programs() {
        if !may_use_bpf() {
            eprintln!("left out: no BPF here");
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
                let config = config(&options, isa, &offsets).unwrap();
                for (name, object) in ["direct", "probe"].into_iter().zip(OBJECTS) {
                    let result = load(&object.0, &options, &config);
                    let what = format!("{name}, {isa:?}, {options:?}");
                    let object = result.unwrap_or_else(|error| panic!("{what}: {error}"));
                    map::<Host>(&object, ".data.host", 1).unwrap();
                    map::<Cpu>(&object, ".data.cpus", config.cpus).unwrap();
                    map::<Vcpu>(&object, ".data.vcpus", config.rows).unwrap();
                }
            }
        }
    }
}
