// SPDX-License-Identifier: GPL-2.0

//! `exitstat enable` and `exitstat disable`

use clap::Args;
use std::path::PathBuf;

const AFTER_ENABLE: &str = "\
Nothing is lost: the packaged files stay as they are, and after any failure the packaged KVM is in
use again. It is refused while a VM runs, or another module uses KVM; if this kernel takes only
signed modules, and exitstat's are not signed by a key that it knows; if the kernel that runs is
another build than the modules are for. Each time it says what to do.

Examples:
  sudo exitstat enable
  sudo exitstat enable --next-boot        on a host with VMs running
  sudo exitstat enable --key MOK.priv --cert MOK.der
      on a host with Secure Boot, with a key of your own that is enrolled";

/// Put the KVM that exitstat counts with in the place of the packaged one
///
/// Copies the modules of the package exitstat-modules-*, or those that DKMS built, to
/// /lib/modules/*/updates/exitstat, and loads them in place of the packaged KVM. It stays so over
/// reboots and upgrades of the kernel, until `exitstat disable`.
#[derive(Args, Debug)]
#[command(after_long_help = AFTER_ENABLE)]
pub struct EnableArgs {
    /// Load nothing now: KVM is replaced when the host boots again
    #[arg(long)]
    pub next_boot: bool,
    /// Sign the modules with this private key, for hosts that take only signed ones
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// The certificate of that key, in DER form, which is enrolled
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
}

/// Put the packaged KVM back
///
/// Takes the modules out of /lib/modules and loads the packaged KVM.
#[derive(Args, Debug)]
pub struct DisableArgs {
    /// Load nothing now: KVM is replaced when the host boots again
    #[arg(long)]
    pub next_boot: bool,
}
