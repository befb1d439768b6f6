// SPDX-License-Identifier: GPL-2.0

//! `exitstat enable` and `exitstat disable`

use clap::Args;
use std::path::PathBuf;

const AFTER_ENABLE: &str = "\
The packaged files are not modified, and after any failure the packaged KVM is in use again. exitstat \
refuses to replace KVM while a VM runs or another module uses KVM, if the kernel requires signed modules \
and does not trust the signatures of exitstat's modules, or if the modules were built for a different \
kernel build. Each error explains what to do.

Examples:
  sudo exitstat enable
  sudo exitstat enable --next-boot        on a host with running VMs
  sudo exitstat enable --key MOK.priv --cert MOK.der
      on a host with Secure Boot, with your own enrolled key";

/// Replace the packaged KVM with exitstat's patched KVM
///
/// Copies the modules of the package exitstat-modules-*, or the modules that DKMS built, to
/// /lib/modules/*/updates/exitstat, and loads them in place of the packaged KVM. The replacement
/// persists across reboots and kernel upgrades until `exitstat disable`.
#[derive(Args, Debug)]
#[command(after_long_help = AFTER_ENABLE)]
pub struct EnableArgs {
    /// Do not load modules now; replace KVM at the next boot
    #[arg(long)]
    pub next_boot: bool,
    /// Sign the modules with this private key, for hosts that require signed modules
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// Enrolled certificate of the key, in DER format
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
}

/// Restore the packaged KVM
///
/// Removes exitstat's modules from /lib/modules and loads the packaged KVM.
#[derive(Args, Debug)]
pub struct DisableArgs {
    /// Do not load modules now; restore the packaged KVM at the next boot
    #[arg(long)]
    pub next_boot: bool,
}
