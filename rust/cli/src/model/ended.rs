// SPDX-License-Identifier: GPL-2.0

//! The last exits of vCPUs: those between the last snapshot that has them and their end.
//!
//! A snapshot has the counters of each vCPU that is there, and the sums over all that are gone. From
//! one snapshot to the next these sums grow by the final counters of the vCPUs that ended meanwhile.
//! Less what these vCPUs had in the former snapshot, what is left is their last exits, of all of them
//! together. If it was a single vCPU, they are all its own. If all of them are of one VM, which is how
//! VMs end, they are that VM's. If they are of several VMs, nothing tells whose they are, and they
//! stay in the host's sums. If nothing is left, there were none, and nothing is missing.
//!
//! This is exact, as a snapshot never has a vCPU twice or not at all: the module reads the sums and
//! all vCPUs while none can go, and BPF reads again if one went meanwhile. What there is no trace of
//! but in these sums are vCPUs that began and ended between two snapshots. If they are of a VM that no
//! snapshot has, and another VM ended meanwhile, their exits are taken for the other's: so a VM may
//! have too many exits, and does not keep a budget that it exceeded. It has too few if a snapshot is
//! taken while it is taken apart, and it began after the snapshot before.

/// Of a vCPU that ended, where its last exits are, if they are not among its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unknown {
    /// Among its VM's.
    InVm,
    /// Among those of all that are gone.
    InHost,
    /// In no sum.
    Lost,
}
