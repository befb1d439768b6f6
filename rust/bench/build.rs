// SPDX-License-Identifier: GPL-2.0

//! Says which `cfg` the module's files know, and where the C side is, which `src/ffi.rs` includes as the kernel's build has it made.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(exitstat_kunit)");
    let directory = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo:rustc-env=EXITSTAT_BINDINGS={directory}/src/bindings.rs");
}
