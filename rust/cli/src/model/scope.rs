// SPDX-License-Identifier: GPL-2.0

//! Attribution of exits.

/// Identifier of a vCPU: the VM, and the vCPU's number in it.
pub type VcpuId = (u64, u32);

/// Scope of counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole host.
    Host,
    /// A VM.
    Vm(u64),
    /// A vCPU.
    Vcpu(VcpuId),
    /// A CPU.
    Cpu(u32),
}

/// Owner of last exits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This vCPU.
    Vcpu(VcpuId),
    /// vCPUs of this VM.
    Vm(u64),
}

impl Whose {
    /// Returns the owner, given the ended vCPUs; `None` if they are of several VMs, or there are none.
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
