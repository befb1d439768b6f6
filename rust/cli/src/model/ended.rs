// SPDX-License-Identifier: GPL-2.0

//! Last exits of vCPUs: exits between a vCPU's last snapshot and its end.
//!
//! A snapshot has the counters of each existing vCPU, and the sums over all ended vCPUs. Between two
//! snapshots, these sums grow by the final counters of the vCPUs that ended in between. Subtracting what
//! these vCPUs had in the earlier snapshot leaves their last exits, summed over all of them. If a single
//! vCPU ended, the last exits are its own. If all of them belong to one VM, which is how VMs usually end,
//! the last exits are the VM's. If they belong to several VMs, the last exits cannot be attributed and stay
//! in the host's sums. If nothing is left, there were no last exits and nothing is missing.
//!
//! This is exact, because a snapshot contains each vCPU exactly once: the module reads the sums and all
//! vCPUs while none can go, and BPF reads again if one went in the meantime. Only vCPUs that began and
//! ended between two snapshots leave no trace except in these sums. If they belong to a VM that is in no
//! snapshot, and another VM ended in the meantime, their exits are attributed to that VM. A VM may
//! therefore get too many exits, but one that exceeded its budget never passes for this reason. It gets too
//! few if a snapshot is taken during its teardown and it began after the previous snapshot.

/// Where the last exits of an ended vCPU are counted, if not in its own counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unknown {
    /// In its VM's counters.
    InVm,
    /// In the counters of all ended vCPUs.
    InHost,
    /// Nowhere.
    Lost,
}
