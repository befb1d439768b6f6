// SPDX-License-Identifier: GPL-2.0

//! Whose exits they are.

/// Which vCPU: that of a VM, with its number there.
pub type VcpuId = (u64, u32);

/// Whose counters are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole host's.
    Host,
    /// A VM's.
    Vm(u64),
    /// A vCPU's.
    Vcpu(VcpuId),
    /// A CPU's.
    Cpu(u32),
}

/// Who took last exits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This vCPU.
    Vcpu(VcpuId),
    /// vCPUs of this VM.
    Vm(u64),
}

impl Whose {
    /// By the vCPUs that ended; `None` if they are of several VMs, or there are none.
    #[must_use]
    pub fn of(ended: &[VcpuId]) -> Option<Self> {
        match *ended {
            [id] => Some(Self::Vcpu(id)),
            [(vm, _), ref others @ ..] if others.iter().all(|other| other.0 == vm) => {
                Some(Self::Vm(vm))
            }
            _ => None,
        }
    }
}
