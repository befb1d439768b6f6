// SPDX-License-Identifier: GPL-2.0

//! Facts about the running kernel that the programs need: the vendor of the CPU, and the offsets of
//! the fields they read.

use crate::error::Error;
use btf_rs::{Btf, BtfType, Type};
use exitstat_core::isa::Isa;
use std::{fs, os::unix::fs::MetadataExt, path::Path};

/// Offsets of fields, in bytes from the start of their structure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    /// VMX: the exit reason in `struct vcpu_vmx`.
    pub reason: u32,
    /// SVM: the VMCB's address in `struct vcpu_svm`.
    pub vmcb: u32,
    /// SVM: the exit code in `struct vmcb`.
    pub exit_code: u32,
    /// `vcpu_id` in `struct kvm_vcpu`.
    pub vcpu_id: u32,
    /// `preempt_notifier` in `struct kvm_vcpu`.
    pub notifier: u32,
}

/// Returns the extension whose KVM is loaded.
pub fn isa(root: &Path) -> Result<Isa, Error> {
    let loaded = |module: &str| root.join("sys/module").join(module).exists();
    match (loaded("kvm_intel"), loaded("kvm_amd"), loaded("kvm")) {
        (true, _, _) => Ok(Isa::Vmx),
        (_, true, _) => Ok(Isa::Svm),
        (_, _, true) => Err(Error::NoVendorModule),
        _ => Err(Error::NoKvm),
    }
}

/// Returns the vendor's module, as named in `/sys/module`.
pub fn module(isa: Isa) -> &'static str {
    match isa {
        Isa::Vmx => "kvm_intel",
        Isa::Svm => "kvm_amd",
    }
}

/// A loaded module: differs each time it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded(pub u64);

/// Returns the vendor's module, or `None` if it is not loaded.
pub fn loaded(root: &Path, isa: Isa) -> Option<Loaded> {
    let directory = root.join("sys/module").join(module(isa));
    // sysfs never reuses an inode number.
    Some(Loaded(fs::metadata(directory).ok()?.ino()))
}

/// Reads the offsets from the BTF of the kernel and of the module.
pub fn offsets(root: &Path, isa: Isa) -> Result<Offsets, Error> {
    let directory = root.join("sys/kernel/btf");
    let read = |name: &str| {
        let path = directory.join(name);
        fs::read(&path).map_err(|error| Error::NoBtf { path, error })
    };
    let parse = |what: &str| {
        let path = directory.join(what);
        move |error: btf_rs::Error| Error::BadBtf {
            path,
            why: error.to_string(),
        }
    };
    let vmlinux = Btf::from_bytes(&read("vmlinux")?).map_err(parse("vmlinux"))?;
    let name = module(isa);
    let btf = Btf::from_split_bytes(&read(name)?, &vmlinux).map_err(parse(name))?;
    find(&btf, isa).map_err(|what| Error::BadBtf {
        path: directory.join(name),
        why: format!("has no {what}"),
    })
}

fn find(btf: &Btf, isa: Isa) -> Result<Offsets, String> {
    let offset = |structure: &str, paths: &[&[&str]]| {
        let found = paths
            .iter()
            .find_map(|path| offset_of(btf, structure, path));
        found.ok_or_else(|| format!("{structure}.{}", paths[0].join(".")))
    };
    let mut offsets = Offsets {
        vcpu_id: offset("kvm_vcpu", &[&["vcpu_id"]])?,
        notifier: offset("kvm_vcpu", &[&["preempt_notifier"]])?,
        ..Offsets::default()
    };
    let first = match isa {
        Isa::Vmx => {
            // Linux 6.15 moved it into a separate structure, for TDX.
            offsets.reason = offset("vcpu_vmx", &[&["vt", "exit_reason"], &["exit_reason"]])?;
            offset("vcpu_vmx", &[&["vcpu"]])?
        }
        Isa::Svm => {
            offsets.vmcb = offset("vcpu_svm", &[&["vmcb"]])?;
            offsets.exit_code = offset("vmcb", &[&["control", "exit_code"]])?;
            offset("vcpu_svm", &[&["vcpu"]])?
        }
    };
    match first {
        0 => Ok(offsets),
        _ => Err("struct kvm_vcpu at the beginning of the vendor's structure".to_owned()),
    }
}

/// Returns the offset of a field, or of a field within a field.
fn offset_of(btf: &Btf, structure: &str, path: &[&str]) -> Option<u32> {
    let types = btf.resolve_types_by_name(structure).ok()?;
    let mut found = types.into_iter().find(|t| matches!(t, Type::Struct(_)))?;
    let mut offset = 0;
    for name in path {
        let (at, field) = member(btf, &found, name)?;
        offset += at;
        found = field;
    }
    Some(offset)
}

/// Returns the offset and the type of a member. Members of unnamed structures belong to the outer
/// one.
fn member(btf: &Btf, structure: &Type, name: &str) -> Option<(u32, Type)> {
    let (Type::Struct(structure) | Type::Union(structure)) = structure else {
        return None;
    };
    for member in &structure.members {
        let at = member.bit_offset() / 8;
        let field = || strip(btf, btf.resolve_chained_type(member).ok()?);
        let called = btf.resolve_name(member).unwrap_or_default();
        if called == name {
            return Some((at, field()?));
        }
        if called.is_empty() {
            if let Some((inner, found)) = field().and_then(|field| self::member(btf, &field, name))
            {
                return Some((at + inner, found));
            }
        }
    }
    None
}

/// Strips `const`, `volatile`, `typedef` and the like from a type.
fn strip(btf: &Btf, mut t: Type) -> Option<Type> {
    loop {
        let next: &dyn BtfType = match &t {
            Type::Const(inner) | Type::Volatile(inner) => inner,
            Type::Typedef(inner) => inner,
            _ => return Some(t),
        };
        t = btf.resolve_chained_type(next).ok()?;
    }
}
