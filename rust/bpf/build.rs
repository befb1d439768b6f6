// SPDX-License-Identifier: GPL-2.0

//! Compiles the BPF programs, twice: see `src/program/exits.bpf.c`.

use std::{env, error::Error, fs, path::Path, process::Command};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=src/program");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CLANG");
    let clang = env::var("CLANG").unwrap_or_else(|_| "clang-19".to_owned());
    // Headers of the libbpf that libbpf-sys builds. libbpf-sys sets the variable.
    let include = env::var("DEP_BPF_INCLUDE")?;
    let out = env::var("OUT_DIR")?;
    for (name, define) in [("direct", "-DDIRECT"), ("probe", "-UDIRECT")] {
        let object = Path::new(&out).join(format!("exits-{name}.bpf.o"));
        let status = Command::new(&clang)
            .args(["-target", "bpf", "-mcpu=v3", "-O2", "-g"])
            .args(["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"])
            .args([define, "-I", &include, "-I/usr/include/x86_64-linux-gnu"])
            .args(["-c", "src/program/exits.bpf.c", "-o"])
            .arg(&object)
            .status()
            .map_err(|error| format!("{clang}, which compiles the BPF programs: {error}"))?;
        if !status.success() {
            return Err(format!("{clang} failed").into());
        }
    }
    match env::var_os("CARGO_FEATURE_STATIC") {
        Some(_) => libelf(),
        None => Ok(()),
    }
}

/// Links the dependencies of libelf.a, which libbpf-sys links: Debian 13's has more than Debian
/// 12's. Links whole archives, because the linker reaches them before libelf.
fn libelf() -> Result<(), Box<dyn Error>> {
    let directory = Path::new("/usr/lib/x86_64-linux-gnu");
    let libelf = fs::read(directory.join("libelf.a"))
        .map_err(|error| format!("libelf.a, of Debian's libelf-dev: {error}"))?;
    let refers_to = |symbol: &str| libelf.windows(symbol.len()).any(|w| w == symbol.as_bytes());
    if refers_to("ZSTD_decompress") {
        println!("cargo::rustc-link-search=native={}", directory.display());
        println!("cargo::rustc-link-lib=static:-bundle,+whole-archive=zstd");
    }
    println!("cargo::rerun-if-changed=src/libelf.c");
    if refers_to("eu_search_tree_init") && !directory.join("libeu.a").exists() {
        cc::Build::new()
            .file("src/libelf.c")
            .flag("-Wno-unused-parameter")
            .link_lib_modifier("-bundle")
            .link_lib_modifier("+whole-archive")
            .try_compile("exitstat-libelf")?;
    }
    Ok(())
}
