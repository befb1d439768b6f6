// SPDX-License-Identifier: GPL-2.0
/* Never linked: scripts/memory.sh reads how large KVM's structures are from its symbols. */
#include <linux/kvm_host.h>
#include "vmx/vmx.h"

#define SIZE_OF(name) char size_of_##name[sizeof(struct name)]

SIZE_OF(kvm);
SIZE_OF(kvm_vcpu);

/* What KVM allocates for a VM and for a vCPU: those two are in them. */
SIZE_OF(kvm_vmx);
SIZE_OF(vcpu_vmx);
