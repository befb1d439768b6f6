// SPDX-License-Identifier: GPL-2.0

//! Texts of `exitstat explain` for Intel's exit reasons, as KVM of Linux 7.3 handles them.
//!
//! The SDM is cited by section titles, because its chapter numbers differ between editions.
//! Appendix C of volume 3 lists all reasons, so the texts do not name it. KVM is cited as
//! `file: function`, with files under `arch/x86/kvm`; `scripts/test.sh static` looks up each one
//! in the kernel's source.

use super::{
    Occurs::{Always, Fault, Feature, Nested, Never},
    Text,
};

/// The text of each reason that the SDM defines, in ascending order.
pub static TEXTS: [Text; 80] = [
    Text {
        number: 0,
        occurs: Always,
        means: "The guest raised an exception that the hypervisor intercepts (the exception \
                bitmap), or a host NMI arrived while the guest ran.",
        causes: "NMIs come from perf and the hard-lockup watchdog of the host. KVM always \
                 intercepts #UD, #DB, #AC and #MC. On #UD it emulates some instructions (RSM, \
                 the forced-emulation prefix) and injects the exception for all others. It \
                 intercepts #NM once a guest uses AMX, #BP while userspace debugs the guest, \
                 and #GP with enable_vmware_backdoor=1. Without EPT every guest page fault \
                 exits. Without unrestricted guest every exception in real mode does.",
        fewer: "Keep ept=1 and unrestricted_guest=1, the defaults. Profile the host less, and \
                set kernel.nmi_watchdog=0 there. A debugger that single-steps or sets hardware \
                breakpoints in the guest causes #DB.",
        manual: "VMX Non-Root Operation: Other Causes of VM Exits",
        kvm: &[
            "vmx/vmx.c: handle_exception_nmi",
            "vmx/vmx.c: vmx_update_exception_bitmap",
            "vmx/vmx.c: vmx_handle_nmi",
        ],
    },
    Text {
        number: 1,
        occurs: Always,
        means: "A host interrupt arrived while the guest ran. The host handles it; the guest \
                does not see it.",
        causes: "The host's timer tick, device interrupts and IPIs reach a CPU that runs a \
                 vCPU. Kicks are IPIs too: they make a vCPU look at new work. The notification \
                 of posted interrupts (vector 0xf2) does not exit if it reaches the CPU that \
                 runs the vCPU. The wake-up of a blocked vCPU (vector 0xf1) exits on whichever \
                 CPU it arrives.",
        fewer: "Keep host work off the CPUs that run vCPUs: isolcpus or cpusets, nohz_full, \
                irqaffinity and /proc/irq/*/smp_affinity. Posted interrupts reach the guest \
                without an exit (enable_apicv=1, and enable_device_posted_irqs=1 with VT-d \
                posting for assigned devices; both are the default).",
        manual: "VMX Non-Root Operation: Other Causes of VM Exits",
        kvm: &[
            "vmx/vmx.c: handle_external_interrupt",
            "vmx/vmx.c: handle_external_interrupt_irqoff",
        ],
    },
    Text {
        number: 2,
        occurs: Always,
        means: "The guest raised an exception while it delivered a double fault. A physical \
                machine would reset.",
        causes: "The guest reboots this way (Linux does with reboot=t, or as a last resort), or \
                 it crashed before it had a usable IDT. KVM exits to userspace with \
                 KVM_EXIT_SHUTDOWN.",
        fewer: "One per reboot is normal. Otherwise look for the guest's crash.",
        manual: "VMX Non-Root Operation: Other Causes of VM Exits",
        kvm: &["vmx/vmx.c: handle_triple_fault"],
    },
    Text {
        number: 3,
        occurs: Never,
        means: "The physical CPU received an INIT signal while it ran a guest.",
        causes: "None in operation: Linux sends INIT to a CPU only to start it. KVM emulates \
                 the INITs that vCPUs send each other in its APIC code; they are exits of other \
                 reasons. KVM has no handler for this reason and exits to userspace with \
                 KVM_EXIT_INTERNAL_ERROR.",
        fewer: "Nothing to do.",
        manual: "VMX Non-Root Operation: Other Causes of VM Exits",
        kvm: &["vmx/vmx.c: __vmx_handle_exit"],
    },
    Text {
        number: 4,
        occurs: Never,
        means: "A start-up IPI arrived while the guest was in the wait-for-SIPI activity state.",
        causes: "None: KVM keeps a vCPU that waits for a SIPI in software, and does not enter a \
                 guest in that state.",
        fewer: "Nothing to do.",
        manual: "VMX Non-Root Operation: Other Causes of VM Exits",
        kvm: &[
            "vmx/vmx.c: __vmx_handle_exit",
            "vmx/nested.c: nested_vmx_run",
        ],
    },
    Text {
        number: 5,
        occurs: Never,
        means: "An SMI arrived right after an I/O instruction, and an SMM-transfer monitor \
                handles SMIs.",
        causes: "None: Linux does not set up the dual-monitor treatment of SMIs. Without it the \
                 firmware handles an SMI with no VM exit.",
        fewer: "Nothing to do.",
        manual: "System Management Mode: Dual-Monitor Treatment of SMIs and SMM",
        kvm: &["vmx/vmx.c: __vmx_handle_exit"],
    },
    Text {
        number: 6,
        occurs: Never,
        means: "An SMI arrived at another time, and an SMM-transfer monitor handles SMIs.",
        causes: "None: Linux does not set up the dual-monitor treatment of SMIs. (TDX guests \
                 exit with this reason, but exitstat does not count their exits.)",
        fewer: "Nothing to do.",
        manual: "System Management Mode: Dual-Monitor Treatment of SMIs and SMM",
        kvm: &["vmx/vmx.c: __vmx_handle_exit"],
    },
    Text {
        number: 7,
        occurs: Always,
        means: "The guest can now take an interrupt, and the hypervisor had asked to be told.",
        causes: "KVM has an interrupt for a guest that has interrupts disabled, or is in the \
                 shadow of STI or MOV SS. It opens this window and injects the interrupt when \
                 the guest is ready. The window is common without APICv. With APICv the CPU \
                 delivers interrupts by itself.",
        fewer: "Use APICv: enable_apicv=1 (the default) on a CPU that has it, the APIC in the \
                kernel, and no VM feature that inhibits APICv. Cause fewer interrupts by \
                batching in devices (virtio event index, interrupt coalescing).",
        manual: "VMX Non-Root Operation: Other Causes of VM Exits",
        kvm: &[
            "vmx/vmx.c: handle_interrupt_window",
            "vmx/vmx.c: vmx_enable_irq_window",
        ],
    },
    Text {
        number: 8,
        occurs: Always,
        means: "The guest can now take an NMI, and the hypervisor had asked to be told.",
        causes: "KVM has an NMI for a guest that is still in its NMI handler. Guests get NMIs \
                 from perf and from their own hard-lockup watchdog.",
        fewer: "In the guest, set kernel.nmi_watchdog=0 and profile less.",
        manual: "VMX Non-Root Operation: Other Causes of VM Exits",
        kvm: &[
            "vmx/vmx.c: handle_nmi_window",
            "vmx/vmx.c: vmx_enable_nmi_window",
        ],
    },
    Text {
        number: 9,
        occurs: Always,
        means: "The guest switched tasks in hardware: a far CALL or JMP to a TSS, an IRET with \
                NT set, or a task gate in the IDT. A task switch always exits.",
        causes: "Old 32-bit systems. 64-bit mode has no task switches in hardware.",
        fewer: "Only a guest that does not use them has fewer.",
        manual: "VMX Non-Root Operation: Treatment of Task Switches",
        kvm: &["vmx/vmx.c: handle_task_switch", "x86.c: kvm_task_switch"],
    },
    Text {
        number: 10,
        occurs: Always,
        means: "The guest executed CPUID. It always exits, in any ring.",
        causes: "Programs look for CPU features when they start (libc and language runtimes \
                 execute CPUID dozens of times). Kernels serialize with CPUID, and some timing \
                 loops put it around RDTSC. Reading exitstat's leaves exits too.",
        fewer: "Store the answers instead of asking again. Serialize with SERIALIZE or IRET; \
                LFENCE is enough to keep RDTSC in order. Start fewer short-lived processes.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Unconditionally",
        kvm: &["cpuid.c: kvm_emulate_cpuid"],
    },
    Text {
        number: 11,
        occurs: Never,
        means: "The guest executed GETSEC (Safer Mode Extensions). It always exits.",
        causes: "None: KVM does not let a guest set CR4.SMXE. Without that bit GETSEC raises \
                 #UD, which has priority over the exit.",
        fewer: "Nothing to do.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Unconditionally",
        kvm: &["vmx/vmx.c: __vmx_handle_exit"],
    },
    Text {
        number: 12,
        occurs: Always,
        means: "The guest executed HLT: its CPU has no work until the next interrupt.",
        causes: "Idle guests. The module does not count the time that the vCPU then waits; BPF \
                 does with --off-cpu. Many per second mean short sleeps: work that bounces \
                 between vCPUs, or a fast timer.",
        fewer: "Let the guest poll before HLT (cpuidle-haltpoll in the guest). If the vCPUs \
                have CPUs of their own, let HLT run without an exit: KVM_CAP_X86_DISABLE_EXITS, \
                in QEMU -overcommit cpu-pm=on. kvm.halt_poll_ns makes each wake-up cheaper but \
                leaves the number of exits.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &["x86.c: handle_fastpath_hlt", "x86.c: kvm_emulate_halt"],
    },
    Text {
        number: 13,
        occurs: Always,
        means: "The guest executed INVD, which drops the caches without writing them back. It \
                always exits.",
        causes: "Firmware, when it starts. KVM skips the instruction and does nothing else.",
        fewer: "Harmless.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Unconditionally",
        kvm: &["x86.c: handle_fastpath_invd", "x86.c: kvm_emulate_invd"],
    },
    Text {
        number: 14,
        occurs: Feature("without EPT (ept=0)"),
        means: "The guest executed INVLPG, which drops one page's translation from the TLB.",
        causes: "Shadow paging: the CPU walks KVM's page tables instead of the guest's, so KVM \
                 must follow each change. With EPT the instruction does not exit.",
        fewer: "Keep ept=1, the default.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &["vmx/vmx.c: handle_invlpg", "mmu/mmu.c: kvm_mmu_invlpg"],
    },
    Text {
        number: 15,
        occurs: Always,
        means: "The guest read a performance counter with RDPMC.",
        causes: "perf in the guest, or a program that reads counters in user mode. KVM emulates \
                 the counters unless the guest has a mediated PMU.",
        fewer: "Profile less in the guest. With enable_mediated_pmu=1, RDPMC does not exit if \
                the guest has all of the host's counters in their full width.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &[
            "x86.c: kvm_emulate_rdpmc",
            "pmu.c: kvm_need_rdpmc_intercept",
        ],
    },
    Text {
        number: 16,
        occurs: Nested,
        means: "The guest executed RDTSC, and the hypervisor intercepts it.",
        causes: "KVM does not: the CPU applies the offset and the scaling itself. A hypervisor \
                 in the guest may intercept RDTSC of its own guests.",
        fewer: "Change the hypervisor in the guest.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &[
            "vmx/vmx.c: vmx_exec_control",
            "vmx/nested.c: nested_vmx_l1_wants_exit",
        ],
    },
    Text {
        number: 17,
        occurs: Never,
        means: "A hypervisor's guest executed RSM, the return from system-management mode, in \
                SMM of the hardware.",
        causes: "None: it needs the dual-monitor treatment of SMIs. KVM emulates SMM: a guest's \
                 RSM raises #UD on the CPU, so it exits as EXCEPTION_NMI.",
        fewer: "Nothing to do.",
        manual: "System Management Mode: Dual-Monitor Treatment of SMIs and SMM",
        kvm: &["emulate.c: em_rsm", "x86.c: handle_ud"],
    },
    Text {
        number: 18,
        occurs: Always,
        means: "The guest executed VMCALL: a hypercall. It always exits.",
        causes: "Paravirtual guests. Linux under KVM sends IPIs to many vCPUs and wakes waiting \
                 ones; Windows uses Hyper-V's hypercalls for TLB flushes, IPIs and timers; \
                 Xen's guests use Xen's.",
        fewer: "Most hypercalls replace several exits of other reasons. `exitstat detail \
                VMCALL` tells which hypercalls they are.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Unconditionally",
        kvm: &[
            "x86.c: kvm_emulate_hypercall",
            "hyperv.c: kvm_hv_hypercall",
            "xen.c: kvm_xen_hypercall",
        ],
    },
    Text {
        number: 19,
        occurs: Nested,
        means: "The guest executed VMCLEAR: its hypervisor releases a VMCS.",
        causes: "Nested guests that start, end, or move between vCPUs. With nested=0 KVM \
                 injects #UD.",
        fewer: "Pin the vCPUs of the nested guests.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Unconditionally",
        kvm: &[
            "vmx/nested.c: handle_vmclear",
            "vmx/vmx.c: handle_vmx_instruction",
        ],
    },
    Text {
        number: 20,
        occurs: Nested,
        means: "The guest executed VMLAUNCH: its hypervisor enters a nested guest for the first \
                time.",
        causes: "Nested guests. With nested=0 KVM injects #UD.",
        fewer: "See VMRESUME.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Unconditionally",
        kvm: &[
            "vmx/nested.c: handle_vmlaunch",
            "vmx/nested.c: nested_vmx_run",
        ],
    },
    Text {
        number: 21,
        occurs: Nested,
        means: "The guest executed VMPTRLD: its hypervisor makes a VMCS current.",
        causes: "Nested guests: a vCPU of the guest switches to another nested vCPU.",
        fewer: "Pin the vCPUs of the nested guests.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Unconditionally",
        kvm: &["vmx/nested.c: handle_vmptrld"],
    },
    Text {
        number: 22,
        occurs: Nested,
        means: "The guest executed VMPTRST, which stores the address of the current VMCS.",
        causes: "A hypervisor in the guest. Linux does not use the instruction.",
        fewer: "Change the hypervisor in the guest.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Unconditionally",
        kvm: &["vmx/nested.c: handle_vmptrst"],
    },
    Text {
        number: 23,
        occurs: Nested,
        means: "The guest executed VMREAD: its hypervisor reads a field of a VMCS.",
        causes: "Nested guests: at each of their exits, their hypervisor reads what happened.",
        fewer: "VMCS shadowing (enable_shadow_vmcs=1, the default on CPUs that have it) lets \
                the guest read the frequent fields without an exit. Hyper-V can use the \
                enlightened VMCS.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &[
            "vmx/nested.c: handle_vmread",
            "vmx/nested.c: copy_shadow_to_vmcs12",
        ],
    },
    Text {
        number: 24,
        occurs: Nested,
        means: "The guest executed VMRESUME: its hypervisor enters a nested guest again.",
        causes: "Nested guests: one for each exit that their hypervisor handles.",
        fewer: "Reduce the exits of the nested guests: explain the reasons that come with this \
                one.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Unconditionally",
        kvm: &[
            "vmx/nested.c: handle_vmresume",
            "vmx/nested.c: nested_vmx_run",
        ],
    },
    Text {
        number: 25,
        occurs: Nested,
        means: "The guest executed VMWRITE: its hypervisor writes a field of a VMCS.",
        causes: "Nested guests: their hypervisor writes fields when it creates them and at each \
                 of their exits.",
        fewer: "VMCS shadowing (enable_shadow_vmcs=1, the default on CPUs that have it). \
                Hyper-V can use the enlightened VMCS.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &[
            "vmx/nested.c: handle_vmwrite",
            "vmx/nested.c: copy_shadow_to_vmcs12",
        ],
    },
    Text {
        number: 26,
        occurs: Nested,
        means: "The guest executed VMXOFF: its hypervisor stops using VMX.",
        causes: "The guest unloads kvm_intel, or its last nested guest ends. With nested=0 KVM \
                 injects #UD.",
        fewer: "Harmless.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Unconditionally",
        kvm: &["vmx/nested.c: handle_vmxoff"],
    },
    Text {
        number: 27,
        occurs: Nested,
        means: "The guest executed VMXON: its hypervisor starts to use VMX.",
        causes: "The guest loads kvm_intel, or creates its first nested guest. With nested=0 \
                 KVM injects #UD.",
        fewer: "Harmless.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Unconditionally",
        kvm: &[
            "vmx/nested.c: handle_vmxon",
            "vmx/vmx.c: handle_vmx_instruction",
        ],
    },
    Text {
        number: 28,
        occurs: Always,
        means: "The guest accessed a control register: it changed a bit of CR0 or CR4 that the \
                hypervisor owns (by MOV or LMSW), or it accessed CR3 or CR8.",
        causes: "Few with EPT: mode switches at boot, and the CR4 bits that KVM tracks. The \
                 guest owns CR0.TS, so CLTS does not exit; with EPT it also owns CR0.WP and \
                 CR4.PGE. Without EPT each write of CR3 exits, which is each switch of the \
                 address space. Without a TPR shadow CR8 exits too.",
        fewer: "Keep ept=1 and unrestricted_guest=1, the defaults. Without unrestricted guest \
                CR3 exits while paging is off.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &["vmx/vmx.c: handle_cr", "vmx/vmx.c: vmx_exec_control"],
    },
    Text {
        number: 29,
        occurs: Always,
        means: "The guest moved a value to or from a debug register.",
        causes: "A debugger or hardware breakpoints in the guest. On the first access by the \
                 guest's kernel, KVM loads the guest's debug registers and stops intercepting \
                 them until the next exit. It keeps intercepting them while userspace debugs \
                 the guest.",
        fewer: "Use no hardware breakpoints in the guest and no debugger on it.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &[
            "vmx/vmx.c: handle_dr",
            "vmx/vmx.c: vmx_sync_dirty_debug_regs",
        ],
    },
    Text {
        number: 30,
        occurs: Always,
        means: "The guest executed IN, OUT, INS or OUTS. KVM intercepts all ports.",
        causes: "Emulated devices: serial console (0x3f8), CMOS clock (0x70), PIT, PIC, ACPI \
                 timer (0x608 or 0xb008), PCI configuration (0xcf8), IDE, VGA, and port 0x80 as \
                 a delay. Userspace emulates the ports that KVM does not.",
        fewer: "Replace emulated devices by virtio over memory with ioeventfd, the serial port \
                by a virtio console, and the ACPI timer by kvm-clock or the TSC. QEMU's microvm \
                machine has few emulated devices. `exitstat detail IO_INSTRUCTION` tells which \
                ports they are.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &["vmx/vmx.c: handle_io", "x86.c: kvm_fast_pio"],
    },
    Text {
        number: 31,
        occurs: Always,
        means: "The guest read an MSR that the hypervisor's MSR bitmap intercepts.",
        causes: "Kernels read many MSRs at boot. Later they read power and energy counters, \
                 performance counters, Hyper-V's MSRs, and the APIC in x2APIC mode without \
                 APICv.",
        fewer: "`exitstat detail MSR_READ` tells which MSRs they are. Stop turbostat and \
                similar tools in the guest. KVM_CAP_X86_DISABLE_EXITS passes APERF, MPERF and \
                the C-state residency counters through; enable_mediated_pmu=1 passes the \
                performance counters through. An MSR filter of userspace \
                (KVM_X86_SET_MSR_FILTER) adds exits.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &[
            "msrs.c: kvm_emulate_rdmsr",
            "vmx/vmx.c: vmx_recalc_msr_intercepts",
        ],
    },
    Text {
        number: 32,
        occurs: Always,
        means: "The guest wrote an MSR that the hypervisor's MSR bitmap intercepts.",
        causes: "Mostly IA32_TSC_DEADLINE, which sets the guest's next timer, and the x2APIC's \
                 ICR, which sends IPIs. KVM handles both in the fastpath. EOI exits without \
                 APICv. SPEC_CTRL exits until the guest writes a value other than 0.",
        fewer: "Program fewer timers: a tickless guest (nohz), coarser timers, fewer sleeps and \
                wake-ups. For IPIs use IPI virtualization (enable_ipiv=1, the default, on CPUs \
                that have it). For EOI use APICv or the paravirtual EOI. `exitstat detail \
                MSR_WRITE` tells which MSRs they are.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &[
            "msrs.c: handle_fastpath_wrmsr",
            "msrs.c: kvm_emulate_wrmsr",
            "vmx/vmx.c: vmx_update_msr_bitmap_x2apic",
        ],
    },
    Text {
        number: 33,
        occurs: Fault,
        means: "The VM entry failed because the guest state in the VMCS is invalid.",
        causes: "A bug in KVM, or state that userspace set (KVM_SET_SREGS and the like) and KVM \
                 did not reject. KVM exits to userspace with KVM_EXIT_FAIL_ENTRY.",
        fewer: "Set dump_invalid_vmcs=1 (0 by default, writable at run time), so that KVM logs \
                the VMCS, and report the bug.",
        manual: "VM Entries: Checking and Loading Guest State",
        kvm: &["vmx/vmx.c: __vmx_handle_exit", "vmx/vmx.c: dump_vmcs"],
    },
    Text {
        number: 34,
        occurs: Fault,
        means: "The VM entry failed because the CPU could not load an MSR.",
        causes: "A bug in KVM, which fills the list of MSRs itself. KVM exits to userspace with \
                 KVM_EXIT_FAIL_ENTRY.",
        fewer: "Set dump_invalid_vmcs=1 (0 by default, writable at run time), so that KVM logs \
                the VMCS, and report the bug.",
        manual: "VM Entries: Loading MSRs",
        kvm: &[
            "vmx/vmx.c: __vmx_handle_exit",
            "vmx/vmx.c: add_atomic_switch_msr",
        ],
    },
    Text {
        number: 36,
        occurs: Always,
        means: "The guest executed MWAIT, which waits in a sleep state that the guest chooses.",
        causes: "A guest that idles with MWAIT although its CPUID does not report it. KVM skips \
                 the instruction instead of waiting, so the guest spins. With the quirk \
                 KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS disabled, KVM injects #UD into a guest \
                 that does not have MWAIT.",
        fewer: "Let the guest wait by itself: KVM_CAP_X86_DISABLE_EXITS, in QEMU -overcommit \
                cpu-pm=on. Or let it idle with HLT.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &["x86.c: kvm_emulate_mwait", "vmx/vmx.c: vmx_exec_control"],
    },
    Text {
        number: 37,
        occurs: Nested,
        means: "The guest executed one instruction with the monitor trap flag set: a single \
                step.",
        causes: "KVM does not set the flag for its own guests; it single-steps them with \
                 RFLAGS.TF (EXCEPTION_NMI). A hypervisor in the guest may set it for its own \
                 guests.",
        fewer: "Change the hypervisor in the guest.",
        manual: "VMX Non-Root Operation: Monitor Trap Flag",
        kvm: &[
            "vmx/vmx.c: handle_monitor_trap",
            "vmx/vmx.c: vmx_exec_control",
        ],
    },
    Text {
        number: 39,
        occurs: Always,
        means: "The guest executed MONITOR, which sets the address that MWAIT waits on.",
        causes: "See MWAIT_INSTRUCTION: guests execute one MONITOR for each MWAIT.",
        fewer: "See MWAIT_INSTRUCTION: KVM_CAP_X86_DISABLE_EXITS, in QEMU -overcommit \
                cpu-pm=on.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &["x86.c: kvm_emulate_monitor", "vmx/vmx.c: vmx_exec_control"],
    },
    Text {
        number: 40,
        occurs: Always,
        means: "The guest's kernel spins: it executed so many PAUSE in a row that the CPU \
                detected a loop (pause-loop exiting).",
        causes: "A vCPU waits for a lock whose holder does not run, because there are more \
                 vCPUs than CPUs. KVM yields to another vCPU of the VM and enlarges this vCPU's \
                 window.",
        fewer: "Use fewer vCPUs, or give each its own CPU. Use paravirtual spinlocks in the \
                guest, or a larger ple_window (4096 by default). If the vCPUs have CPUs of \
                their own, ple_gap=0 or KVM_CAP_X86_DISABLE_EXITS turns the exit off.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &["vmx/vmx.c: handle_pause", "vmx/vmx.c: grow_ple_window"],
    },
    Text {
        number: 41,
        occurs: Fault,
        means: "The VM entry failed because the hardware reported a machine check during it.",
        causes: "Failing hardware. KVM passes the machine check to the host's handler and exits \
                 to userspace with KVM_EXIT_FAIL_ENTRY.",
        fewer: "Read the host's log (mcelog, rasdaemon).",
        manual: "VM Entries: Machine-Check Events During VM Entry",
        kvm: &[
            "vmx/vmx.c: vmx_handle_exit_irqoff",
            "vmx/vmx.c: __vmx_handle_exit",
        ],
    },
    Text {
        number: 43,
        occurs: Feature("with a TPR shadow and without APICv"),
        means: "The guest lowered its task priority below the threshold that the hypervisor \
                set.",
        causes: "KVM holds back an interrupt whose priority is too low, and asks to be told \
                 when the guest would accept it. Guests that use the TPR are mostly Windows, \
                 above all 32-bit.",
        fewer: "Use APICv (enable_apicv=1, the default, on CPUs that have it): the CPU then \
                evaluates pending interrupts itself.",
        manual: "APIC Virtualization and Virtual Interrupts: TPR Virtualization",
        kvm: &[
            "vmx/vmx.c: handle_tpr_below_threshold",
            "vmx/vmx.c: vmx_update_cr8_intercept",
        ],
    },
    Text {
        number: 44,
        occurs: Always,
        means: "The guest accessed its memory-mapped APIC in a way that the CPU does not \
                virtualize.",
        causes: "Guests in xAPIC mode. Without APICv all accesses but the TPR's exit, mostly \
                 EOI, ICR and the timer. Guests that boot use xAPIC mode until they switch to \
                 x2APIC.",
        fewer: "Use x2APIC in the guest (its CPU model must have it), or APICv. With \
                flexpriority=0 these exits turn into EPT_MISCONFIG, or into page faults without \
                EPT, and are no fewer.",
        manual:
            "APIC Virtualization and Virtual Interrupts: Virtualizing Memory-Mapped APIC Accesses",
        kvm: &[
            "vmx/vmx.c: handle_apic_access",
            "lapic.c: kvm_lapic_set_eoi",
        ],
    },
    Text {
        number: 45,
        occurs: Feature("with APICv"),
        means: "The guest ended an interrupt (EOI) whose vector the hypervisor intercepts.",
        causes: "Level-triggered interrupts: the I/O APIC must learn when they end. They come \
                 from emulated PCI devices without MSI, the ACPI interrupt, and some timers.",
        fewer: "Use devices with MSI or MSI-X, such as virtio.",
        manual: "APIC Virtualization and Virtual Interrupts: EOI Virtualization",
        kvm: &[
            "vmx/vmx.c: handle_apic_eoi_induced",
            "vmx/vmx.c: vmx_load_eoi_exitmap",
        ],
    },
    Text {
        number: 46,
        occurs: Feature("where KVM emulates UMIP"),
        means: "The guest executed LGDT, LIDT, SGDT or SIDT, and the hypervisor intercepts \
                them.",
        causes: "A guest set CR4.UMIP on a CPU that does not have UMIP, so KVM emulates the \
                 feature. Or a hypervisor in the guest intercepts them for its own guests.",
        fewer: "Hide UMIP from the guest (CPU model), or boot Linux with clearcpuid=umip in the \
                guest.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &[
            "vmx/vmx.c: handle_desc",
            "vmx/capabilities.h: vmx_umip_emulated",
        ],
    },
    Text {
        number: 47,
        occurs: Feature("where KVM emulates UMIP"),
        means: "The guest executed LLDT, LTR, SLDT or STR, and the hypervisor intercepts them.",
        causes: "A guest set CR4.UMIP on a CPU that does not have UMIP, so KVM emulates the \
                 feature. Or a hypervisor in the guest intercepts them for its own guests.",
        fewer: "Hide UMIP from the guest (CPU model), or boot Linux with clearcpuid=umip in the \
                guest.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &[
            "vmx/vmx.c: handle_desc",
            "vmx/capabilities.h: vmx_umip_emulated",
        ],
    },
    Text {
        number: 48,
        occurs: Feature("with EPT"),
        means: "The guest accessed memory that the extended page tables do not map, or do not \
                map for this kind of access.",
        causes: "The guest touches a page for the first time, or for the first time since the \
                 host swapped it out, migrated it, merged it (KSM), took it by ballooning, or \
                 split or collapsed a huge page. While dirty pages are logged (live migration), \
                 KVM write-protects pages; with PML (pml=1, the default) only huge ones, to \
                 split them. The first access to a device's memory, and each write to read-only \
                 memory such as flash, exits. On CPUs that need nx_huge_pages, so does the \
                 first instruction fetch from a huge page: KVM splits it, and a kernel thread \
                 (nx_huge_pages_recovery_ratio) later zaps the small pages, which fault again.",
        fewer: "Back the guest with huge pages (hugetlbfs or transparent), and keep KSM, swap \
                and NUMA balancing away from its memory. QEMU's prealloc=on does not avoid the \
                exits but makes each cheaper. A busy guest takes each of these exits once per \
                page; if they continue, its memory changes under it.",
        manual: "VMX Support for Address Translation: EPT Violations",
        kvm: &[
            "vmx/vmx.c: handle_ept_violation",
            "mmu/mmu.c: kvm_mmu_page_fault",
        ],
    },
    Text {
        number: 49,
        occurs: Feature("with EPT"),
        means: "The extended page tables have an entry that the CPU does not allow.",
        causes: "KVM makes such entries on purpose, to mark the memory of emulated devices \
                 (mmio_caching=1, the default): each of these exits is an access to \
                 memory-mapped I/O. virtio's doorbells with ioeventfd are the cheap kind \
                 (tracepoint kvm:kvm_fast_mmio). KVM emulates the instruction for the others, \
                 and may need userspace to complete it.",
        fewer: "Ring fewer doorbells: queue more at once (virtio event index), or let the \
                backend poll (vhost busy polling, iothreads with poll-max-ns). Replace emulated \
                devices by virtio or assigned ones. `exitstat detail EPT_MISCONFIG` tells which \
                addresses they are.",
        manual: "VMX Support for Address Translation: EPT Misconfigurations",
        kvm: &[
            "vmx/vmx.c: handle_ept_misconfig",
            "mmu/mmu.c: handle_mmio_page_fault",
            "mmu/spte.c: make_mmio_spte",
        ],
    },
    Text {
        number: 50,
        occurs: Nested,
        means: "The guest executed INVEPT: its hypervisor changed the EPT of a nested guest.",
        causes: "Nested guests whose memory is mapped and unmapped.",
        fewer: "Give the nested guests huge pages and memory that does not move.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Unconditionally",
        kvm: &["vmx/nested.c: handle_invept"],
    },
    Text {
        number: 51,
        occurs: Nested,
        means: "The guest executed RDTSCP, and the hypervisor intercepts RDTSC.",
        causes: "KVM does not: the CPU applies the offset and the scaling itself. A hypervisor \
                 in the guest may intercept RDTSC of its own guests.",
        fewer: "Change the hypervisor in the guest.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &[
            "vmx/vmx.c: vmx_exec_control",
            "vmx/nested.c: nested_vmx_l1_wants_exit",
        ],
    },
    Text {
        number: 52,
        occurs: Always,
        means: "The VMX-preemption timer, which counts down while the guest runs, reached 0.",
        causes: "KVM uses it for the guest's APIC timer, unless MWAIT runs in the guest without \
                 an exit: one for each timer that expires while the vCPU runs. KVM also uses it \
                 to leave the guest right after an entry when it has other work to do first.",
        fewer: "Program fewer timers in the guest: nohz, coarser timers, a lower tick rate. \
                With preemption_timer=0 the host's timers do this at a higher cost, and the \
                exits turn into EXTERNAL_INTERRUPT.",
        manual: "VMX Non-Root Operation: VMX-Preemption Timer",
        kvm: &[
            "vmx/vmx.c: handle_fastpath_preemption_timer",
            "vmx/vmx.c: vmx_set_hv_timer",
        ],
    },
    Text {
        number: 53,
        occurs: Nested,
        means: "The guest executed INVVPID: its hypervisor drops cached translations of its \
                guests.",
        causes: "Nested guests whose hypervisor uses VPIDs.",
        fewer: "Change the hypervisor in the guest.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Unconditionally",
        kvm: &["vmx/nested.c: handle_invvpid"],
    },
    Text {
        number: 54,
        occurs: Always,
        means: "The guest executed WBINVD or WBNOINVD, which write back all caches.",
        causes: "Kernels that change memory types or go to sleep, and graphics drivers. KVM \
                 does nothing unless the VM has an assigned device whose DMA bypasses the \
                 caches. Then KVM writes back the caches of each CPU that the vCPU ran on, \
                 which is very expensive.",
        fewer: "Flush only the cache lines that matter in the guest (CLFLUSH, CLWB). Put \
                assigned devices behind an IOMMU that snoops.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &["x86.c: kvm_emulate_wbinvd", "x86.c: need_emulate_wbinvd"],
    },
    Text {
        number: 55,
        occurs: Always,
        means: "The guest executed XSETBV, which writes XCR0: the set of states that XSAVE \
                manages. It always exits.",
        causes: "A kernel that boots executes a few per vCPU. A hypervisor in the guest \
                 executes one at each entry into a nested guest whose XCR0 differs from its \
                 own, and one at the exit from it.",
        fewer: "Give the nested guests the same CPU model as the guest.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Unconditionally",
        kvm: &["x86.c: kvm_emulate_xsetbv"],
    },
    Text {
        number: 56,
        occurs: Feature("with APICv"),
        means: "The guest wrote an APIC register; the CPU stored the value, and the hypervisor \
                must act on it.",
        causes: "In xAPIC mode mostly the ICR (IPIs) and the timer's registers. In x2APIC mode \
                 the ICR writes that IPI virtualization cannot complete.",
        fewer: "Use IPI virtualization (enable_ipiv=1, the default, on CPUs that have it), \
                x2APIC, and the TSC deadline instead of the APIC timer's count.",
        manual: "APIC Virtualization and Virtual Interrupts: APIC-Write VM Exits",
        kvm: &[
            "vmx/vmx.c: handle_apic_write",
            "lapic.c: kvm_apic_write_nodecode",
        ],
    },
    Text {
        number: 57,
        occurs: Feature("if the guest's CPUID hides RDRAND"),
        means: "The guest executed RDRAND, and the hypervisor intercepts it.",
        causes: "A program that uses RDRAND without asking CPUID. KVM injects #UD. If the \
                 guest's CPUID has RDRAND, it does not exit.",
        fewer: "Give RDRAND to the guest, or fix the program.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &[
            "x86.c: kvm_handle_invalid_op",
            "vmx/vmx.c: vmx_secondary_exec_control",
        ],
    },
    Text {
        number: 58,
        occurs: Feature("without EPT (ept=0)"),
        means: "The guest executed INVPCID, which drops an address space's translations from \
                the TLB.",
        causes: "Shadow paging, see INVLPG. With EPT the instruction does not exit.",
        fewer: "Keep ept=1, the default.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &["vmx/vmx.c: handle_invpcid", "x86.c: kvm_handle_invpcid"],
    },
    Text {
        number: 59,
        occurs: Nested,
        means: "The guest executed VMFUNC, and the CPU could not complete it.",
        causes: "KVM offers no VM functions to its own guests (they get #UD), but emulates the \
                 switch of the EPT for nested guests.",
        fewer: "Change the hypervisor in the guest.",
        manual: "VMX Non-Root Operation: VM Functions",
        kvm: &[
            "vmx/nested.c: handle_vmfunc",
            "vmx/vmx.c: vmx_secondary_exec_control",
        ],
    },
    Text {
        number: 60,
        occurs: Feature("on CPUs with SGX"),
        means: "The guest executed a leaf of ENCLS (SGX, supervisor mode) that the hypervisor \
                intercepts.",
        causes: "EINIT, on a host with launch control: KVM executes it with the guest's launch \
                 keys. ECREATE, unless the VM may use the provisioning key \
                 (KVM_CAP_SGX_ATTRIBUTE) and the guest's SGX limits equal the host's. Any leaf, \
                 if the guest's SGX is off: KVM injects #UD or #GP.",
        fewer: "Give the guest the host's SGX attributes and the provisioning key. One EINIT \
                per enclave remains.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &[
            "vmx/sgx.c: handle_encls",
            "vmx/sgx.c: sgx_intercept_encls_ecreate",
        ],
    },
    Text {
        number: 61,
        occurs: Feature("if the guest's CPUID hides RDSEED"),
        means: "The guest executed RDSEED, and the hypervisor intercepts it.",
        causes: "A program that uses RDSEED without asking CPUID. KVM injects #UD. If the \
                 guest's CPUID has RDSEED, it does not exit.",
        fewer: "Give RDSEED to the guest, or fix the program.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &[
            "x86.c: kvm_handle_invalid_op",
            "vmx/vmx.c: vmx_secondary_exec_control",
        ],
    },
    Text {
        number: 62,
        occurs: Feature("while dirty pages are logged (pml=1)"),
        means: "The page-modification log is full: it holds 512 addresses of pages that the \
                guest has written.",
        causes: "Live migration, or another user of dirty logging, of a guest that writes many \
                 pages. KVM empties the log at every exit, so it fills only if the guest \
                 dirties 512 pages between two exits.",
        fewer: "Without PML there are more exits: an EPT violation for each page. Migrate with \
                fewer rounds.",
        manual: "VMX Support for Address Translation: Page-Modification Logging",
        kvm: &[
            "vmx/vmx.c: handle_pml_full",
            "vmx/vmx.c: vmx_flush_pml_buffer",
        ],
    },
    Text {
        number: 63,
        occurs: Nested,
        means: "The guest executed XSAVES with a component that the hypervisor intercepts.",
        causes: "KVM intercepts none (its XSS-exiting bitmap is 0). A hypervisor in the guest \
                 may, for its own guests.",
        fewer: "Change the hypervisor in the guest.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &[
            "vmx/vmx.c: init_vmcs",
            "vmx/nested.c: nested_vmx_l1_wants_exit",
        ],
    },
    Text {
        number: 64,
        occurs: Nested,
        means: "The guest executed XRSTORS with a component that the hypervisor intercepts.",
        causes: "KVM intercepts none (its XSS-exiting bitmap is 0). A hypervisor in the guest \
                 may, for its own guests.",
        fewer: "Change the hypervisor in the guest.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &[
            "vmx/vmx.c: init_vmcs",
            "vmx/nested.c: nested_vmx_l1_wants_exit",
        ],
    },
    Text {
        number: 65,
        occurs: Never,
        means: "The guest executed a leaf of PCONFIG (memory encryption keys) that the \
                hypervisor intercepts.",
        causes: "None: KVM does not enable PCONFIG for guests, so the instruction raises #UD \
                 without an exit.",
        fewer: "Nothing to do.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &["vmx/vmx.c: vmx_secondary_exec_control"],
    },
    Text {
        number: 66,
        occurs: Never,
        means: "The CPU could not use a sub-page permission table because an entry is missing \
                or invalid.",
        causes: "None: KVM does not use sub-page write permissions.",
        fewer: "Nothing to do.",
        manual: "VMX Support for Address Translation: Sub-Page Write Permissions",
        kvm: &["vmx/vmx.c: vmx_secondary_exec_control"],
    },
    Text {
        number: 67,
        occurs: Nested,
        means: "The guest executed UMWAIT, and the hypervisor intercepts RDTSC.",
        causes: "KVM does not. A hypervisor in the guest may, for its own guests.",
        fewer: "Change the hypervisor in the guest.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &[
            "vmx/vmx.c: vmx_exec_control",
            "vmx/nested.c: nested_vmx_l1_wants_exit",
        ],
    },
    Text {
        number: 68,
        occurs: Nested,
        means: "The guest executed TPAUSE, and the hypervisor intercepts RDTSC.",
        causes: "KVM does not. A hypervisor in the guest may, for its own guests.",
        fewer: "Change the hypervisor in the guest.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &[
            "vmx/vmx.c: vmx_exec_control",
            "vmx/nested.c: nested_vmx_l1_wants_exit",
        ],
    },
    Text {
        number: 69,
        occurs: Never,
        means: "The guest executed LOADIWKEY (Key Locker), and the hypervisor intercepts it.",
        causes: "None: KVM does not intercept the instruction, and does not offer Key Locker to \
                 guests.",
        fewer: "Nothing to do.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &["vmx/vmx.c: vmx_tertiary_exec_control"],
    },
    Text {
        number: 70,
        occurs: Never,
        means: "The guest executed a leaf of ENCLV (SGX, for hypervisors) that the hypervisor \
                intercepts.",
        causes: "None: KVM does not set the control for it.",
        fewer: "Nothing to do.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &["vmx/vmx.c: vmx_secondary_exec_control"],
    },
    Text {
        number: 72,
        occurs: Never,
        means: "The guest executed ENQCMD, and the CPU could not translate its PASID.",
        causes: "None: KVM does not use PASID translation.",
        fewer: "Nothing to do.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &["vmx/vmx.c: vmx_secondary_exec_control"],
    },
    Text {
        number: 73,
        occurs: Never,
        means: "The guest executed ENQCMDS, and the CPU could not translate its PASID.",
        causes: "None: KVM does not use PASID translation.",
        fewer: "Nothing to do.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &["vmx/vmx.c: vmx_secondary_exec_control"],
    },
    Text {
        number: 74,
        occurs: Feature("if userspace asks for it (KVM_CAP_X86_BUS_LOCK_EXIT)"),
        means: "The guest locked the bus: an atomic access crossed a cache line or went to \
                uncached memory. A bus lock slows down the whole host.",
        causes: "Programs with misaligned atomics. KVM exits to userspace with \
                 KVM_EXIT_X86_BUS_LOCK, and userspace may slow the guest down (QEMU's \
                 bus-lock-ratelimit). A bus lock that coincides with another exit is counted \
                 under that exit's reason.",
        fewer: "Fix the program: perf in the guest finds it with the event sq_misc.split_lock.",
        manual: "VMX Non-Root Operation: Other Causes of VM Exits",
        kvm: &[
            "vmx/main.c: vt_handle_bus_lock_vmexit",
            "vmx/vmx.c: vmx_handle_exit",
        ],
    },
    Text {
        number: 75,
        occurs: Feature("if userspace asks for it (KVM_CAP_X86_NOTIFY_VMEXIT)"),
        means: "For longer than the notify window, the guest reached no point at which the CPU \
                could take an interrupt.",
        causes: "A guest that keeps the CPU in microcode, by accident or as an attack: an \
                 endless loop of exceptions that raise themselves. KVM exits to userspace with \
                 KVM_EXIT_NOTIFY if userspace asked for that, or if the VMCS is corrupt. \
                 Otherwise it resumes the guest.",
        fewer: "Find out what the guest does. Each of these exits is worth a look.",
        manual: "Virtual Machine Control Structures: Instruction-Timeout Control",
        kvm: &[
            "vmx/vmx.c: handle_notify",
            "vmx/common.h: __vt_handle_notify",
        ],
    },
    Text {
        number: 76,
        occurs: Fault,
        means: "The guest executed SEAMCALL (TDX). It always exits on a CPU with TDX.",
        causes: "A guest that behaves like the host of TDX guests. KVM injects #UD.",
        fewer: "Fix the guest.",
        manual: "VMX Basic Exit Reasons (appendix C)",
        kvm: &["vmx/vmx.c: handle_tdx_instruction"],
    },
    Text {
        number: 77,
        occurs: Fault,
        means: "The guest executed TDCALL (TDX). It always exits on a CPU with TDX.",
        causes: "A guest that behaves like a TDX guest. KVM injects #UD. (In real TDX guests \
                 the instruction goes to the TDX module; exitstat does not count their exits.)",
        fewer: "Fix the guest.",
        manual: "VMX Basic Exit Reasons (appendix C)",
        kvm: &["vmx/vmx.c: handle_tdx_instruction"],
    },
    Text {
        number: 78,
        occurs: Never,
        means: "The guest executed RDMSRLIST with an MSR that the hypervisor intercepts.",
        causes: "None: KVM does not enable the instruction for guests.",
        fewer: "Nothing to do.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &["vmx/vmx.c: vmx_tertiary_exec_control"],
    },
    Text {
        number: 79,
        occurs: Never,
        means: "The guest executed WRMSRLIST with an MSR that the hypervisor intercepts.",
        causes: "None: KVM does not enable the instruction for guests.",
        fewer: "Nothing to do.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &["vmx/vmx.c: vmx_tertiary_exec_control"],
    },
    Text {
        number: 80,
        occurs: Never,
        means: "The guest executed URDMSR, which reads an MSR in user mode, and the hypervisor \
                intercepts that MSR.",
        causes: "None: KVM does not enable the instruction for guests.",
        fewer: "Nothing to do.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &["vmx/vmx.c: vmx_tertiary_exec_control"],
    },
    Text {
        number: 81,
        occurs: Never,
        means: "The guest executed UWRMSR, which writes an MSR in user mode, and the hypervisor \
                intercepts that MSR.",
        causes: "None: KVM does not enable the instruction for guests.",
        fewer: "Nothing to do.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &["vmx/vmx.c: vmx_tertiary_exec_control"],
    },
    Text {
        number: 84,
        occurs: Feature("on CPUs with immediate forms of the MSR instructions"),
        means: "The guest read an MSR with the immediate form of RDMSR, which has the MSR's \
                number in the instruction, and the hypervisor's MSR bitmap intercepts it.",
        causes: "See MSR_READ.",
        fewer: "See MSR_READ.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &[
            "vmx/vmx.c: handle_rdmsr_imm",
            "msrs.c: kvm_emulate_rdmsr_imm",
        ],
    },
    Text {
        number: 85,
        occurs: Feature("on CPUs with immediate forms of the MSR instructions"),
        means: "The guest wrote an MSR with the immediate form of WRMSRNS, which has the MSR's \
                number in the instruction, and the hypervisor's MSR bitmap intercepts it.",
        causes: "See MSR_WRITE.",
        fewer: "See MSR_WRITE.",
        manual: "VMX Non-Root Operation: Instructions That Cause VM Exits Conditionally",
        kvm: &[
            "vmx/vmx.c: handle_wrmsr_imm",
            "msrs.c: handle_fastpath_wrmsr_imm",
        ],
    },
];
