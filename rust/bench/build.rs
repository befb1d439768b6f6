// SPDX-License-Identifier: GPL-2.0

//! Compiles `src/c` with the shim's own inline functions, whose headers it extracts from
//! `patches/`. Declares the `cfg`s that the module's files use, and passes the location of the C
//! side, which `src/ffi.rs` includes as in the kernel's build.

use std::{
    collections::BTreeSet,
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The patches that contain the shim.
const PATCHES: &str = "../../patches";

/// Headers that the patches create.
const HEADERS: [&str; 2] = [
    "arch/x86/include/asm/kvm_exit_observer.h",
    "arch/x86/kvm/exit_observer.h",
];

/// First line of the structure that the patches add to a header of KVM, and that header.
const STRUCTURE: (&str, &str) = ("struct kvm_observed {", "arch/x86/include/asm/kvm_host.h");

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(exitstat_kunit)");
    // The module addresses its per-CPU table absolutely, which newer linkers reject in a
    // position-independent program.
    println!("cargo:rustc-link-arg=-no-pie");
    let directory = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo:rustc-env=EXITSTAT_BINDINGS={directory}/src/bindings.rs");

    println!("cargo:rerun-if-changed={PATCHES}");
    println!("cargo:rerun-if-changed=src/c");
    println!("cargo:rerun-if-env-changed=CC");
    let tree = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("linux");
    headers(Path::new(PATCHES), &tree)?;
    let mut build = cc::Build::new();
    // The lab's kernels are compiled with it.
    let clang = "clang-19";
    if env::var_os("CC").is_none() && Command::new(clang).arg("--version").output().is_ok() {
        build.compiler(clang);
    }
    build
        .file("src/c/whole_exit.c")
        .include("src/c")
        .include(&tree)
        .include(tree.join("arch/x86/include"))
        .include(tree.join("empty"))
        .opt_level(2)
        .std("gnu11")
        // Variables are addressed as in the kernel, not through the GOT.
        .pic(false)
        .flags([
            "-fPIE",
            "-fno-strict-aliasing",
            "-fcf-protection=none",
            "-Wno-unused-parameter",
        ])
        .warnings_into_errors(true)
        .compile("whole_exit");
    Ok(())
}

/// Writes the shim's headers to `tree`, and empty files for the kernel headers that they include.
fn headers(patches: &Path, tree: &Path) -> io::Result<()> {
    if tree.exists() {
        fs::remove_dir_all(tree)?;
    }
    fs::create_dir_all(tree)?;
    let (mut structure, mut diffs) = (None, String::new());
    for name in fs::read_to_string(patches.join("series"))?.lines() {
        if name.starts_with('#') {
            continue;
        }
        let patch = fs::read_to_string(patches.join(name))?;
        for diff in patch.split("\ndiff --git ").skip(1) {
            let of = |file: &str| diff.starts_with(&format!("a/{file} "));
            if HEADERS.into_iter().any(of) {
                diffs += &format!("diff --git {diff}\n");
            } else if of(STRUCTURE.1) {
                structure = structure.or_else(|| added(diff, STRUCTURE.0));
            }
        }
    }
    apply(&diffs, tree)?;
    let missing = || io::Error::other(format!("{}: no {}", patches.display(), STRUCTURE.0));
    fs::write(tree.join("kvm_observed.h"), structure.ok_or_else(missing)?)?;

    let mut included = BTreeSet::new();
    for header in HEADERS {
        let text = fs::read_to_string(tree.join(header))?;
        let names = text
            .lines()
            .filter_map(|line| line.strip_prefix("#include <"));
        included.extend(names.map(|name| name.trim_end_matches('>').to_owned()));
    }
    for name in included {
        if !tree.join("arch/x86/include").join(&name).exists() {
            let file = tree.join("empty").join(name);
            fs::create_dir_all(file.parent().unwrap_or(tree))?;
            fs::write(file, "")?;
        }
    }
    Ok(())
}

/// Returns the structure that a diff adds.
fn added(diff: &str, begin: &str) -> Option<String> {
    let lines = diff.lines().map(|line| line.strip_prefix('+'));
    let mut text = String::new();
    for line in lines.skip_while(|line| *line != Some(begin)) {
        text += &format!("{}\n", line?);
        if line?.starts_with('}') {
            return Some(text);
        }
    }
    None
}

/// Applies diffs that create files.
fn apply(diffs: &str, tree: &Path) -> io::Result<()> {
    let mut patch = Command::new("patch")
        .args(["-p1", "--silent", "--fuzz=0", "-d"])
        .arg(tree)
        .stdin(Stdio::piped())
        .spawn()?;
    if let Some(mut input) = patch.stdin.take() {
        input.write_all(diffs.as_bytes())?;
    }
    match patch.wait()?.success() {
        true => Ok(()),
        false => Err(io::Error::other("patch failed")),
    }
}
