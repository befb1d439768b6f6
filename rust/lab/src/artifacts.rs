// SPDX-License-Identifier: GPL-2.0

//! Paths of build artifacts, for scripts.

use crate::{
    flavour::Flavour,
    image, kernel,
    module::{self, Built},
    workspace::Workspace,
};
use anyhow::Result;

/// Builds whatever is missing and prints NAME=PATH lines.
pub fn print(workspace: &Workspace) -> Result<()> {
    let unpatched = kernel::unpatched(workspace, Flavour::Plain)?;
    let Built { kernel, module, .. } = module::build(workspace, Flavour::Plain, false)?;
    let modules = workspace.path("build/modules");
    image::install_modules(&kernel.bootable()?, [&module], &modules)?;
    for (name, path) in [
        ("kernel", kernel.image()),
        ("kdir", kernel.dir),
        ("modules", modules),
        ("module", module),
        ("lab", std::env::current_exe()?),
        ("unpatched_kernel", unpatched.image()),
        ("unpatched_modules", unpatched.modules()),
        ("unpatched_kdir", unpatched.dir),
    ] {
        println!("{name}={}", path.display());
    }
    Ok(())
}
