// SPDX-License-Identifier: GPL-2.0

//! Texts of `exitstat explain` for SVM's exit codes, as KVM of Linux 7.3 handles them.
//!
//! The APM, volume 2, is cited by section titles, because section numbers differ between editions. Its
//! appendix C lists all codes and is cited for each of them. KVM is cited as `file: function`, with files
//! under `arch/x86/kvm`; `scripts/test.sh static` looks up each one in the kernel's source.

use super::{
    Occurs::{Always, Fault, Feature, Nested, Never},
    Text,
};
use std::ops::RangeInclusive;

/// Returns the text of a code that KVM does not intercept for its own guests.
const fn of_nested_guests(number: u32, means: &'static str) -> Text {
    Text {
        number,
        occurs: Nested,
        means,
        causes: "KVM does not intercept it for its own guests. A hypervisor in the guest may \
                 intercept it for its nested guests.",
        fewer: "Change the hypervisor in the guest.",
        manual: "Instruction Intercepts",
        kvm: &[
            "svm/nested.c: nested_vmcb02_recalc_intercepts",
            "svm/nested.c: nested_svm_exit_handled",
        ],
    }
}

/// The texts, in ascending order of codes.
pub static TEXTS: [Text; 89] = [
    Text {
        number: 0x00,
        occurs: Feature("unless they use SEV-ES"),
        means: "The guest read CR0, by MOV or SMSW.",
        causes: "KVM intercepts the read while the guest's CR0 differs from the value that the \
                 CPU uses. With nested paging they differ while CD or NW is set: from reset until \
                 the firmware enables the caches, and while a kernel changes its MTRRs. Without \
                 nested paging (npt=0) they also differ while paging or write protection is off.",
        fewer: "Harmless with npt=1, the default: such reads are rare after boot.",
        manual: "Instruction Intercepts",
        kvm: &["svm/svm.c: cr_interception", "svm/svm.c: svm_set_cr0"],
    },
    of_nested_guests(
        0x01,
        "A nested guest read a control register other than CR0, CR3, CR4 and CR8. The only such \
         register is CR2, the address of the last page fault.",
    ),
    Text {
        number: 0x03,
        occurs: Feature("without nested paging (npt=0)"),
        means: "The guest read CR3, the address of its page tables.",
        causes: "Shadow paging: the CPU's CR3 points to KVM's page tables, so KVM returns the \
                 guest's.",
        fewer: "npt=1, the default.",
        manual: "Instruction Intercepts",
        kvm: &["svm/svm.c: cr_interception", "svm/svm.c: init_vmcb"],
    },
    Text {
        number: 0x04,
        occurs: Feature("unless they use SEV-ES"),
        means: "The guest read CR4.",
        causes: "KVM always intercepts the read, because the CPU's CR4 also contains a bit of the \
                 host (MCE). Linux keeps a copy of CR4 and rarely reads the register.",
        fewer: "Use a guest that keeps a copy of CR4, as Linux does.",
        manual: "Instruction Intercepts",
        kvm: &["svm/svm.c: cr_interception", "svm/svm.c: svm_set_cr4"],
    },
    Text {
        number: 0x08,
        occurs: Nested,
        means: "A nested guest read CR8, its task priority.",
        causes: "KVM does not intercept it for its own guests: the CPU returns the virtual task \
                 priority (V_TPR). A hypervisor in the guest may intercept it for its nested \
                 guests.",
        fewer: "Change the hypervisor in the guest.",
        manual: "Instruction Intercepts",
        kvm: &["svm/svm.c: cr_interception", "svm/svm.c: init_vmcb"],
    },
    Text {
        number: 0x10,
        occurs: Feature("unless they use SEV-ES"),
        means: "The guest wrote CR0, by MOV, LMSW or CLTS.",
        causes: "KVM intercepts every write while the guest's CR0 differs from the value that the \
                 CPU uses. With nested paging they differ while CD or NW is set: from reset until \
                 the firmware enables the caches, and while a kernel changes its MTRRs. Without \
                 nested paging (npt=0) they also differ while paging or write protection is off. \
                 At other times a write exits as CR0_SEL_WRITE or not at all.",
        fewer: "Harmless with npt=1, the default: such writes are rare after boot. The tracepoint \
                kvm:kvm_cr shows the values.",
        manual: "Instruction Intercepts",
        kvm: &[
            "svm/svm.c: cr_interception",
            "svm/svm.c: svm_set_cr0",
            "regs.c: kvm_set_cr0",
        ],
    },
    of_nested_guests(
        0x11,
        "A nested guest wrote a control register other than CR0, CR3, CR4 and CR8. The only such \
         register is CR2, the address of the last page fault.",
    ),
    Text {
        number: 0x13,
        occurs: Feature("without nested paging (npt=0)"),
        means: "The guest wrote CR3: it switched to another address space, or flushed its TLB.",
        causes: "Shadow paging: on each switch between address spaces of the guest, KVM loads the \
                 page tables that shadow the new ones.",
        fewer: "npt=1, the default.",
        manual: "Instruction Intercepts",
        kvm: &["svm/svm.c: cr_interception", "regs.c: kvm_set_cr3"],
    },
    Text {
        number: 0x14,
        occurs: Feature("unless they use SEV-ES"),
        means: "The guest wrote CR4.",
        causes: "KVM always intercepts the write. A guest without INVPCID toggles CR4.PGE for \
                 each global TLB flush: two exits per flush. Linux writes CR4 when it switches to \
                 or from a task that reads perf counters with RDPMC (PCE) or has disabled RDTSC \
                 with prctl (TSD). Kernels also write CR4 at boot.",
        fewer: "Give the guest INVPCID: a CPU model with it, on Zen 3 or later. With nested \
                paging INVPCID does not exit. The tracepoint kvm:kvm_cr shows the values.",
        manual: "Instruction Intercepts",
        kvm: &[
            "svm/svm.c: cr_interception",
            "svm/svm.c: init_vmcb",
            "regs.c: kvm_set_cr4",
        ],
    },
    Text {
        number: 0x18,
        occurs: Feature("without AVIC, unless they use SEV-ES"),
        means: "The guest wrote CR8, its task priority.",
        causes: "If the guest's task priority masks a pending interrupt, KVM intercepts writes of \
                 CR8 until the guest lowers the priority. Windows changes its task priority all \
                 the time; Linux does not use it. If userspace emulates the APIC, every write \
                 exits, and userspace gets KVM_EXIT_SET_TPR when the priority falls. SEV-ES \
                 guests have CR8_WRITE_TRAP instead.",
        fewer: "AVIC (avic=1): the CPU then compares the priorities itself.",
        manual: "Instruction Intercepts",
        kvm: &[
            "svm/svm.c: cr8_write_interception",
            "svm/svm.c: svm_update_cr8_intercept",
            "lapic.c: kvm_lapic_update_cr8_intercept",
        ],
    },
    Text {
        number: 0x20,
        occurs: Feature("unless they use SEV-ES"),
        means: "The guest read a debug register.",
        causes: "A debugger or a hardware breakpoint in the guest. On the first access KVM loads \
                 the guest's debug registers. The guest then accesses them without exits until \
                 its next exit, unless userspace debugs the guest.",
        fewer: "Do not use hardware breakpoints in the guest, nor a debugger on it.",
        manual: "Instruction Intercepts",
        kvm: &[
            "svm/svm.c: dr_interception",
            "svm/svm.c: svm_sync_dirty_debug_regs",
        ],
    },
    Text {
        number: 0x27,
        occurs: Feature("unless they use SEV-ES"),
        means: "The guest read DR7, which enables hardware breakpoints.",
        causes: "A debugger in the guest that looks up its breakpoints. On the first access KVM \
                 loads the guest's debug registers. The guest then accesses them without exits \
                 until its next exit, unless userspace debugs the guest.",
        fewer: "Do not use hardware breakpoints in the guest, nor a debugger on it.",
        manual: "Instruction Intercepts",
        kvm: &[
            "svm/svm.c: dr_interception",
            "svm/svm.c: svm_sync_dirty_debug_regs",
        ],
    },
    Text {
        number: 0x30,
        occurs: Feature("unless they use SEV-ES"),
        means: "The guest wrote a debug register.",
        causes: "A debugger or a hardware breakpoint in the guest: these registers hold the \
                 addresses. On the first access KVM loads the guest's debug registers. The guest \
                 then accesses them without exits until its next exit, unless userspace debugs \
                 the guest.",
        fewer: "Do not use hardware breakpoints in the guest, nor a debugger on it.",
        manual: "Instruction Intercepts",
        kvm: &[
            "svm/svm.c: dr_interception",
            "svm/svm.c: svm_sync_dirty_debug_regs",
        ],
    },
    Text {
        number: 0x37,
        occurs: Feature("unless they use SEV-ES"),
        means: "The guest wrote DR7, which enables hardware breakpoints.",
        causes: "A debugger or perf in the guest that sets or clears a hardware breakpoint. If a \
                 breakpoint belongs to a task, each switch to or from that task writes DR7. On \
                 the first access KVM loads the guest's debug registers. The guest then accesses \
                 them without exits until its next exit, unless userspace debugs the guest.",
        fewer: "Do not use hardware breakpoints in the guest, nor a debugger on it.",
        manual: "Instruction Intercepts",
        kvm: &[
            "svm/svm.c: dr_interception",
            "svm/svm.c: svm_sync_dirty_debug_regs",
        ],
    },
    Text {
        number: 0x40,
        occurs: Nested,
        means: "A nested guest raised an exception that its hypervisor intercepts.",
        causes: "For its own guests KVM intercepts #DB (EXCP1), #BP (EXCP3), #UD (EXCP6), #GP \
                 (EXCP13), #PF (EXCP14), #AC (EXCP17) and #MC (EXCP18) only, some of them under \
                 conditions. A hypervisor in the guest may intercept any exception of its nested \
                 guests.",
        fewer: "Change the hypervisor in the guest.",
        manual: "Exception Intercepts",
        kvm: &[
            "svm/svm.c: init_vmcb",
            "svm/nested.c: nested_svm_exit_special",
        ],
    },
    Text {
        number: 0x41,
        occurs: Feature("unless they use SEV-ES"),
        means: "The guest raised #DB, a debug exception: a single step or a hardware breakpoint.",
        causes: "Debuggers in the guest and on it. KVM always intercepts #DB: otherwise a guest \
                 could keep the CPU in an endless loop of debug exceptions. KVM hands #DB to the \
                 guest, or to userspace if userspace debugs the guest (KVM_EXIT_DEBUG). KVM \
                 itself single-steps the guest to inject an NMI after an IRET or an interrupt \
                 shadow.",
        fewer: "Single-step less and set fewer hardware breakpoints.",
        manual: "Exception Intercepts",
        kvm: &[
            "svm/svm.c: db_interception",
            "svm/svm.c: svm_enable_nmi_window",
        ],
    },
    Text {
        number: 0x43,
        occurs: Feature("while userspace sets software breakpoints in them (gdb)"),
        means: "The guest raised #BP: it executed INT3, the breakpoint instruction.",
        causes: "A debugger on the guest, such as gdb on QEMU's gdbstub (KVM_GUESTDBG_USE_SW_BP). \
                 KVM then hands each INT3 to userspace (KVM_EXIT_DEBUG), including those of a \
                 debugger in the guest.",
        fewer: "Use hardware breakpoints (gdb's hbreak), or no debugger on the guest.",
        manual: "Exception Intercepts",
        kvm: &[
            "svm/svm.c: bp_interception",
            "svm/svm.c: svm_update_exception_bitmap",
        ],
    },
    Text {
        number: 0x46,
        occurs: Feature("unless they use SEV"),
        means: "The guest raised #UD: it executed an invalid opcode.",
        causes: "KVM always intercepts #UD, to emulate instructions that the CPU lacks: VMCALL, \
                 which KVM rewrites to VMMCALL; SYSENTER in compatibility mode, for a guest with \
                 an Intel CPU model; MOVBE and RDPID; and instructions with the forced-emulation \
                 prefix. KVM hands all other invalid opcodes to the guest, including BUG() and \
                 WARN() of Linux.",
        fewer: "Use a guest that executes VMMCALL on AMD. Give it the host's CPU model, not one \
                of Intel's.",
        manual: "Exception Intercepts",
        kvm: &[
            "svm/svm.c: ud_interception",
            "x86.c: handle_ud",
            "emulate.c: em_hypercall",
        ],
    },
    Text {
        number: 0x4d,
        occurs: Feature("with enable_vmware_backdoor=1, or with a hypervisor on an older CPU"),
        means: "The guest raised #GP, a general-protection exception.",
        causes: "With enable_vmware_backdoor=1 KVM emulates VMware's I/O ports and counters for \
                 programs that have no permission to use them. On CPUs with an erratum (those \
                 without SVME_ADDR_CHK), VMRUN, VMLOAD and VMSAVE of a hypervisor in the guest \
                 may raise #GP by mistake, and KVM emulates them. KVM hands all other #GP to the \
                 guest. It does not intercept #GP of SEV guests.",
        fewer: "enable_vmware_backdoor=0, the default. nested=0 if no guest has to be a \
                hypervisor.",
        manual: "Exception Intercepts",
        kvm: &["svm/svm.c: gp_interception", "svm/svm.c: svm_set_efer"],
    },
    Text {
        number: 0x4e,
        occurs: Feature("without nested paging (npt=0)"),
        means: "The guest raised #PF, a page fault.",
        causes: "Shadow paging: the CPU walks KVM's page tables. Each page fault of the guest \
                 exits, and so does each access to an emulated device or to memory that KVM has \
                 not mapped yet.",
        fewer: "npt=1, the default. The tracepoint kvm:kvm_page_fault shows the addresses.",
        manual: "Exception Intercepts",
        kvm: &[
            "svm/svm.c: pf_interception",
            "mmu/mmu.c: kvm_handle_page_fault",
        ],
    },
    Text {
        number: 0x51,
        occurs: Feature("unless they use SEV-ES"),
        means: "The guest raised #AC, an alignment check.",
        causes: "Programs that set EFLAGS.AC and access misaligned data, which is rare. KVM \
                 always intercepts #AC, because a guest could otherwise keep the CPU in an \
                 endless loop, and hands it to the guest.",
        fewer: "Fix the program, or have it clear EFLAGS.AC.",
        manual: "Exception Intercepts",
        kvm: &["svm/svm.c: ac_interception", "svm/svm.c: init_vmcb"],
    },
    Text {
        number: 0x52,
        occurs: Fault,
        means: "The hardware raised #MC, a machine check, while the guest ran.",
        causes: "Failing hardware. KVM calls the host's machine-check handler. If KVM recognizes \
                 erratum 383, it raises a triple fault in the guest instead.",
        fewer: "Look for the machine check in the host's log (rasdaemon).",
        manual: "Exception Intercepts",
        kvm: &[
            "svm/svm.c: svm_handle_mce",
            "svm/svm.c: svm_handle_exit_irqoff",
        ],
    },
    Text {
        number: 0x60,
        occurs: Always,
        means: "An interrupt of the host arrived while the guest ran. The host handles it; the \
                guest only loses time.",
        causes: "The host's timer tick, device interrupts, and IPIs to a CPU that runs a vCPU. \
                 KVM emulates the guest's APIC timer with timers of the host: one exit per expiry \
                 while the vCPU runs. KVM also sends IPIs to make a vCPU leave the guest (kicks).",
        fewer: "Keep the host's work off the CPUs that run vCPUs: isolcpus or cpusets, nohz_full, \
                irqaffinity and /proc/irq/*/smp_affinity. Use fewer timers in the guest. AVIC \
                (avic=1) delivers interrupts without kicks, and the IOMMU then delivers those of \
                assigned devices without exits. With AVIC, nohz_full and QEMU's -overcommit \
                cpu-pm=on, KVM posts the guest's timer interrupts from other CPUs \
                (pi_inject_timer).",
        manual: "Interrupt Intercepts",
        kvm: &[
            "svm/svm.c: intr_interception",
            "svm/svm.c: svm_complete_interrupt_delivery",
            "lapic.c: kvm_can_post_timer_interrupt",
        ],
    },
    Text {
        number: 0x61,
        occurs: Always,
        means: "An NMI of the host arrived while the guest ran. The host handles it right after \
                the exit.",
        causes: "perf and the hard-lockup watchdog on the host.",
        fewer: "On the host: less perf sampling, and kernel.nmi_watchdog=0.",
        manual: "Interrupt Intercepts",
        kvm: &["svm/svm.c: nmi_interception", "svm/svm.c: svm_vcpu_run"],
    },
    Text {
        number: 0x62,
        occurs: Feature("where the firmware does not lock SMM, and with SEV-ES"),
        means: "An SMI of the host arrived while the guest ran. The firmware handles it right \
                after the exit.",
        causes: "The host's firmware manages power, emulates devices or polls for errors. Most \
                 firmware locks SMM (SMMLOCK): the CPU then ignores the intercept and handles the \
                 SMI without an exit, except while an SEV-ES guest runs.",
        fewer: "Turn off the sources of SMIs in the firmware's setup. intercept_smi=0 only \
                removes the exit: the SMI still interrupts the guest.",
        manual: "Interrupt Intercepts",
        kvm: &["svm/svm.c: smi_interception", "svm/svm.c: init_vmcb"],
    },
    Text {
        number: 0x63,
        occurs: Never,
        means: "The physical CPU received an INIT while a guest ran on it.",
        causes: "Nothing: KVM does not intercept INIT, and Linux sends an INIT to a CPU only to \
                 start it. KVM emulates the INITs that vCPUs send each other. It synthesizes this \
                 exit for a hypervisor in the guest that intercepts INIT.",
        fewer: "Nothing to do.",
        manual: "Interrupt Intercepts",
        kvm: &[
            "svm/nested.c: svm_check_nested_events",
            "svm/svm.c: init_vmcb",
        ],
    },
    Text {
        number: 0x64,
        occurs: Always,
        means: "The guest became able to take an interrupt, which KVM waited for: an interrupt \
                window.",
        causes: "KVM has an interrupt for a guest that cannot take it yet, because the guest has \
                 disabled interrupts or has just executed STI or MOV SS. KVM then posts a dummy \
                 virtual interrupt and intercepts it. With AVIC only interrupts of the PIC \
                 (ExtINT) need this, and KVM turns AVIC off until the window opens.",
        fewer: "AVIC: avic=1, the default on Zen 4 and later with x2AVIC. KVM inhibits AVIC for \
                SEV guests, for Hyper-V's AutoEOI, and while its PIT re-injects lost ticks. \
                QEMU's kernel-irqchip=split or -global kvm-pit.lost_tick_policy=discard avoids \
                the last one. The tracepoint kvm:kvm_apicv_inhibit_changed shows what inhibits \
                AVIC. Have devices raise fewer interrupts: virtio event index, interrupt \
                coalescing.",
        manual: "Interrupt and Local APIC Support",
        kvm: &[
            "svm/svm.c: interrupt_window_interception",
            "svm/svm.c: svm_enable_irq_window",
            "i8254.c: kvm_pit_set_reinject",
        ],
    },
    Text {
        number: 0x65,
        occurs: Feature("unless they use SEV-ES"),
        means: "The guest wrote CR0 and changed more than TS and MP, or executed LMSW.",
        causes: "Firmware and boot loaders that switch between real and protected mode, kernels \
                 at boot, kernels that change MTRRs or toggle write protection. KVM always \
                 intercepts these writes. CLTS does not cause this exit.",
        fewer: "Harmless: such writes are rare after boot. The tracepoint kvm:kvm_cr shows the \
                values.",
        manual: "Instruction Intercepts",
        kvm: &[
            "svm/svm.c: cr_interception",
            "svm/svm.c: init_vmcb",
            "regs.c: kvm_set_cr0",
        ],
    },
    of_nested_guests(
        0x66,
        "A nested guest executed SIDT, which stores the address of the interrupt descriptor \
         table, and its hypervisor intercepts it.",
    ),
    of_nested_guests(
        0x67,
        "A nested guest executed SGDT, which stores the address of the global descriptor table, \
         and its hypervisor intercepts it.",
    ),
    of_nested_guests(
        0x68,
        "A nested guest executed SLDT, which stores the selector of the local descriptor table, \
         and its hypervisor intercepts it.",
    ),
    of_nested_guests(
        0x69,
        "A nested guest executed STR, which stores the selector of the task register, and its \
         hypervisor intercepts it.",
    ),
    of_nested_guests(
        0x6a,
        "A nested guest executed LIDT, which loads the address of the interrupt descriptor table, \
         and its hypervisor intercepts it.",
    ),
    of_nested_guests(
        0x6b,
        "A nested guest executed LGDT, which loads the address of the global descriptor table, \
         and its hypervisor intercepts it.",
    ),
    of_nested_guests(
        0x6c,
        "A nested guest executed LLDT, which loads the local descriptor table, and its hypervisor \
         intercepts it.",
    ),
    of_nested_guests(
        0x6d,
        "A nested guest executed LTR, which loads the task register, and its hypervisor \
         intercepts it.",
    ),
    Text {
        number: 0x6e,
        occurs: Nested,
        means: "A nested guest executed RDTSC, and its hypervisor intercepts it.",
        causes: "KVM does not intercept it for its own guests: the CPU applies the TSC offset and \
                 the scaling. A hypervisor in the guest may intercept it for its nested guests.",
        fewer: "Change the hypervisor in the guest.",
        manual: "Instruction Intercepts",
        kvm: &[
            "svm/svm.c: svm_write_tsc_offset",
            "svm/nested.c: nested_svm_exit_handled",
        ],
    },
    Text {
        number: 0x6f,
        occurs: Feature("unless they use SEV-ES"),
        means: "The guest executed RDPMC, which reads a performance counter.",
        causes: "perf in the guest, or a program that reads counters from user mode.",
        fewer: "Use perf less in the guest. With a mediated PMU (enable_mediated_pmu=1 on CPUs \
                with PerfMonV2) RDPMC does not exit if the guest has all of the host's counters, \
                as wide as the host's, and enable_vmware_backdoor is 0.",
        manual: "Instruction Intercepts",
        kvm: &[
            "x86.c: kvm_emulate_rdpmc",
            "pmu.c: kvm_need_rdpmc_intercept",
            "svm/pmu.c: amd_pmu_is_mediated_pmu_supported",
        ],
    },
    of_nested_guests(
        0x70,
        "A nested guest executed PUSHF, which stores the flags, and its hypervisor intercepts it.",
    ),
    of_nested_guests(
        0x71,
        "A nested guest executed POPF, which loads the flags, and its hypervisor intercepts it.",
    ),
    Text {
        number: 0x72,
        occurs: Feature("unless they use SEV-ES"),
        means: "The guest executed CPUID. KVM always intercepts it, in user mode as well.",
        causes: "Programs that look for CPU features when they start (libc and language runtimes \
                 execute CPUID some dozen times per start), code that uses CPUID to serialize or \
                 around RDTSC, and reads of exitstat's CPUID leaves.",
        fewer: "Cache the results. Serialize with LFENCE or IRET. Start fewer short-lived \
                processes. The tracepoint kvm:kvm_cpuid shows the leaves.",
        manual: "Instruction Intercepts",
        kvm: &["cpuid.c: kvm_emulate_cpuid", "svm/svm.c: init_vmcb"],
    },
    Text {
        number: 0x73,
        occurs: Feature("with firmware that uses SMM (QEMU's smm=on)"),
        means: "The guest executed RSM, the return from system-management mode.",
        causes: "KVM emulates SMM: the guest's firmware handles an SMI and returns with RSM. OVMF \
                 built for Secure Boot uses SMM to access UEFI variables. Outside SMM the guest \
                 gets #UD.",
        fewer: "Harmless. With smm=off there are none.",
        manual: "Instruction Intercepts",
        kvm: &[
            "svm/svm.c: rsm_interception",
            "emulate.c: em_rsm",
            "smm.c: emulator_leave_smm",
        ],
    },
    Text {
        number: 0x74,
        occurs: Feature("without virtual NMIs (vnmi=0, or an older CPU)"),
        means: "The guest executed IRET while KVM waited for the end of an NMI handler.",
        causes: "KVM has injected an NMI and must not inject another before the guest's handler \
                 returns: one exit per NMI. NMIs in guests come from perf or from the guest's \
                 hard-lockup watchdog. SEV-ES guests signal the end with VMGEXIT instead.",
        fewer: "vnmi=1 and vgif=1, the defaults, on a CPU with virtual NMIs (the flag vnmi in \
                /proc/cpuinfo). In the guest: kernel.nmi_watchdog=0, less perf.",
        manual: "Instruction Intercepts",
        kvm: &["svm/svm.c: iret_interception", "svm/svm.c: svm_inject_nmi"],
    },
    of_nested_guests(
        0x75,
        "A nested guest executed INT n, a software interrupt, and its hypervisor intercepts it.",
    ),
    Text {
        number: 0x76,
        occurs: Feature("unless they use SEV-ES"),
        means: "The guest executed INVD, which drops the caches without writing them back.",
        causes: "Firmware when it starts. KVM only skips the instruction, in the fastpath.",
        fewer: "Harmless.",
        manual: "Instruction Intercepts",
        kvm: &["x86.c: handle_fastpath_invd", "x86.c: kvm_emulate_invd"],
    },
    Text {
        number: 0x77,
        occurs: Feature("on CPUs with pause filtering (pausefilter and pfthreshold)"),
        means: "The guest executed so many PAUSE in a row that the CPU concluded that it spins.",
        causes: "A vCPU waits for a lock whose holder does not run, because there are more vCPUs \
                 than CPUs. KVM yields to another vCPU of the VM, and raises the number of PAUSE \
                 that the CPU tolerates. KVM does not intercept PAUSE of nested guests unless \
                 their hypervisor does.",
        fewer: "Use fewer vCPUs, or give each vCPU its own CPU. Use paravirtual spinlocks in the \
                guest, or a larger pause_filter_count. If each vCPU has its own CPU: \
                pause_filter_thresh=0, KVM_CAP_X86_DISABLE_EXITS or QEMU's -overcommit cpu-pm=on. \
                The tracepoint kvm:kvm_ple_window_update shows the number of tolerated PAUSE.",
        manual: "Miscellaneous Intercepts",
        kvm: &[
            "svm/svm.c: pause_interception",
            "svm/svm.c: grow_ple_window",
            "svm/svm.c: svm_vm_init",
        ],
    },
    Text {
        number: 0x78,
        occurs: Feature("on CPUs without the idle-HLT intercept"),
        means: "The guest executed HLT: the vCPU has nothing to do until an interrupt.",
        causes: "Idle guests. The exit's time includes the wait, unless --off-cpu excludes it. \
                 Many of these exits per second mean short sleeps: work that moves back and forth \
                 between vCPUs, or a fast timer. KVM handles HLT in the fastpath and returns to \
                 the guest at once if an interrupt is pending.",
        fewer: "Let the guest poll briefly before HLT (the guest's cpuidle-haltpoll). If each \
                vCPU has its own CPU, let HLT not exit at all: KVM_CAP_X86_DISABLE_EXITS, QEMU's \
                -overcommit cpu-pm=on. kvm.halt_poll_ns makes wake-ups cheaper but does not \
                reduce the number of exits.",
        manual: "Instruction Intercepts",
        kvm: &[
            "x86.c: handle_fastpath_hlt",
            "x86.c: kvm_emulate_halt",
            "svm/svm.c: init_vmcb",
        ],
    },
    Text {
        number: 0x79,
        occurs: Feature("without nested paging (npt=0)"),
        means: "The guest executed INVLPG, to drop one page's translation from the TLB.",
        causes: "Shadow paging: the CPU walks KVM's page tables instead of the guest's, so KVM \
                 must follow each change of the guest's. With nested paging INVLPG does not exit.",
        fewer: "npt=1, the default.",
        manual: "Instruction Intercepts",
        kvm: &[
            "svm/svm.c: invlpg_interception",
            "mmu/mmu.c: kvm_mmu_invlpg",
        ],
    },
    Text {
        number: 0x7a,
        occurs: Nested,
        means: "The guest executed INVLPGA: a hypervisor in it drops a translation of a nested \
                guest.",
        causes: "A hypervisor in the guest that uses shadow paging. KVM in the guest executes \
                 INVLPGA only with npt=0. A guest that has not enabled SVM gets #UD.",
        fewer: "Use nested paging for the nested guests. The tracepoint kvm:kvm_invlpga shows the \
                addresses.",
        manual: "Instruction Intercepts",
        kvm: &[
            "svm/svm.c: invlpga_interception",
            "svm/svm.c: svm_flush_tlb_gva",
        ],
    },
    Text {
        number: 0x7b,
        occurs: Feature("unless they use SEV-ES"),
        means: "The guest executed IN, OUT, INS or OUTS. KVM intercepts all ports.",
        causes: "Emulated devices: serial console (0x3f8), CMOS clock (0x70), PIT, PIC, ACPI \
                 timer and events (0xb008, 0x608), PCI configuration (0xcf8), IDE, VGA, and port \
                 0x80 as a delay. Userspace finishes accesses to devices that KVM does not \
                 emulate.",
        fewer: "Use virtio with ioeventfd instead of emulated devices, a virtio console instead \
                of the serial port, kvm-clock or the TSC instead of the ACPI timer, or the \
                microvm machine. The tracepoint kvm:kvm_pio shows the ports.",
        manual: "IOIO Intercepts",
        kvm: &["svm/svm.c: io_interception", "x86.c: kvm_fast_pio"],
    },
    Text {
        number: 0x7c,
        occurs: Feature("unless they use SEV-ES"),
        means: "The guest read or wrote an MSR that KVM's MSR permission map intercepts.",
        causes: "Mostly writes. Without x2AVIC a guest in x2APIC mode writes EOI per interrupt, \
                 ICR per IPI, and its timer's count; with x2AVIC mainly the timer's count \
                 remains. Guests with the TSC deadline timer write IA32_TSC_DEADLINE. Windows \
                 writes Hyper-V's MSRs. KVM intercepts SPEC_CTRL until the guest writes a value \
                 other than 0, unless the CPU virtualizes it. Reads: kernels at boot, and \
                 counters of performance, energy and frequency. KVM handles writes of \
                 IA32_TSC_DEADLINE and most writes of ICR in the fastpath.",
        fewer: "The tracepoint kvm:kvm_msr shows the MSRs. EOI and IPIs: AVIC (avic=1, on a CPU \
                with x2AVIC), or the paravirtual EOI. Timer: a tickless guest (nohz), coarser \
                timers, and QEMU's -cpu ...,tsc-deadline=on for the fastpath. Counters: \
                enable_mediated_pmu=1. APERF and MPERF: KVM_CAP_X86_DISABLE_EXITS. A filter that \
                userspace sets (KVM_X86_SET_MSR_FILTER) adds exits.",
        manual: "MSR Intercepts",
        kvm: &[
            "svm/svm.c: msr_interception",
            "msrs.c: handle_fastpath_wrmsr",
            "svm/svm.c: svm_recalc_msr_intercepts",
            "svm/avic.c: avic_set_x2apic_msr_interception",
        ],
    },
    Text {
        number: 0x7d,
        occurs: Feature("unless they use SEV-ES"),
        means: "The guest switches tasks in hardware: a far CALL or JMP to a TSS, an IRET with NT \
                set, or a task gate in the IDT.",
        causes: "Old 32-bit systems. KVM always intercepts the switch and emulates it. 64-bit \
                 mode has no hardware task switches.",
        fewer: "Use a guest that does not switch tasks in hardware.",
        manual: "Miscellaneous Intercepts",
        kvm: &[
            "svm/svm.c: task_switch_interception",
            "x86.c: kvm_task_switch",
        ],
    },
    Text {
        number: 0x7e,
        occurs: Nested,
        means: "An unmasked x87 exception froze the CPU, because the nested guest uses the legacy \
                way of reporting it (CR0.NE clear), and its hypervisor intercepts it.",
        causes: "KVM does not intercept it for its own guests. A hypervisor in the guest may \
                 intercept it for its nested guests.",
        fewer: "Change the hypervisor in the guest.",
        manual: "Miscellaneous Intercepts",
        kvm: &[
            "svm/nested.c: nested_vmcb02_recalc_intercepts",
            "svm/nested.c: nested_svm_exit_handled",
        ],
    },
    Text {
        number: 0x7f,
        occurs: Always,
        means: "The guest had a triple fault: an exception during the delivery of a double fault. \
                A physical machine resets in this case.",
        causes: "A guest that reboots this way (Linux with reboot=t, or as a last resort), or a \
                 guest that crashed before it had a usable IDT. KVM resets the vCPU as by INIT, \
                 unless SEV-ES encrypts its state, and hands KVM_EXIT_SHUTDOWN to userspace.",
        fewer: "One per reboot is normal. Otherwise find out why the guest crashed.",
        manual: "Miscellaneous Intercepts",
        kvm: &["svm/svm.c: shutdown_interception"],
    },
    Text {
        number: 0x80,
        occurs: Nested,
        means: "The guest executed VMRUN: a hypervisor in it enters a nested guest.",
        causes: "Nested guests: one VMRUN per exit that their hypervisor handles. A guest that \
                 has not enabled SVM gets #UD.",
        fewer: "Reduce the exits of the nested guests: see the reasons that occur together with \
                this one.",
        manual: "VMRUN Instruction",
        kvm: &[
            "svm/svm.c: vmrun_interception",
            "svm/nested.c: nested_svm_vmrun",
        ],
    },
    Text {
        number: 0x81,
        occurs: Feature("unless they use SEV-ES"),
        means: "The guest executed VMMCALL: a hypercall.",
        causes: "Paravirtual guests: IPIs to many vCPUs and wake-ups of waiting vCPUs (Linux \
                 under KVM), Hyper-V's hypercalls (Windows: TLB flushes, IPIs, timers), and Xen's \
                 hypercalls.",
        fewer: "Most hypercalls replace several other exits. The tracepoint kvm:kvm_hypercall (or \
                kvm:kvm_hv_hypercall) shows them.",
        manual: "VMMCALL Instruction",
        kvm: &[
            "svm/svm.c: vmmcall_interception",
            "x86.c: kvm_emulate_hypercall",
            "hyperv.c: kvm_hv_hypercall",
            "xen.c: kvm_xen_hypercall",
        ],
    },
    Text {
        number: 0x82,
        occurs: Nested,
        means: "The guest executed VMLOAD: a hypervisor in it loads the part of a guest's state \
                that VMRUN does not load.",
        causes: "Nested guests: one each time their hypervisor enters or leaves them, unless the \
                 CPU virtualizes VMLOAD. A guest that has not enabled SVM gets #UD.",
        fewer: "vls=1, the default, on CPUs that virtualize VMLOAD and VMSAVE, with nested paging \
                (npt=1). Give the guest an AMD CPU model: KVM does not use the feature for guests \
                with an Intel one.",
        manual: "Nested Virtualization",
        kvm: &[
            "svm/svm.c: vmload_interception",
            "svm/svm.c: svm_recalc_instruction_intercepts",
            "svm/nested.c: nested_vmcb_needs_vls_intercept",
        ],
    },
    Text {
        number: 0x83,
        occurs: Nested,
        means: "The guest executed VMSAVE: a hypervisor in it stores the part of a guest's state \
                that #VMEXIT does not store.",
        causes: "Nested guests: one each time their hypervisor enters or leaves them, unless the \
                 CPU virtualizes VMSAVE. A guest that has not enabled SVM gets #UD.",
        fewer: "vls=1, the default, on CPUs that virtualize VMLOAD and VMSAVE, with nested paging \
                (npt=1). Give the guest an AMD CPU model: KVM does not use the feature for guests \
                with an Intel one.",
        manual: "Nested Virtualization",
        kvm: &[
            "svm/svm.c: vmsave_interception",
            "svm/svm.c: svm_recalc_instruction_intercepts",
            "svm/nested.c: nested_vmcb_needs_vls_intercept",
        ],
    },
    Text {
        number: 0x84,
        occurs: Nested,
        means: "The guest executed STGI: a hypervisor in it enables interrupts again by setting \
                the global interrupt flag.",
        causes: "Nested guests: one per exit that their hypervisor handles, unless the CPU \
                 virtualizes the global interrupt flag. With virtualization KVM intercepts STGI \
                 only while an NMI or SMI waits for it. A guest that has not enabled SVM gets \
                 #UD.",
        fewer: "vgif=1, the default, on CPUs that virtualize it (the flag vgif in /proc/cpuinfo).",
        manual: "Global Interrupt Flag, STGI and CLGI Instructions",
        kvm: &[
            "svm/svm.c: stgi_interception",
            "svm/svm.c: svm_set_gif",
            "svm/svm.c: svm_enable_nmi_window",
        ],
    },
    Text {
        number: 0x85,
        occurs: Nested,
        means: "The guest executed CLGI: a hypervisor in it holds all interrupts back by clearing \
                the global interrupt flag.",
        causes: "Nested guests: one per entry into them, unless the CPU virtualizes the global \
                 interrupt flag. A guest that has not enabled SVM gets #UD.",
        fewer: "vgif=1, the default, on CPUs that virtualize it (the flag vgif in /proc/cpuinfo).",
        manual: "Global Interrupt Flag, STGI and CLGI Instructions",
        kvm: &["svm/svm.c: clgi_interception", "svm/svm.c: svm_set_gif"],
    },
    Text {
        number: 0x86,
        occurs: Fault,
        means: "The guest executed SKINIT, which starts a measured launch.",
        causes: "A guest that executes SKINIT although KVM does not offer it in CPUID. The guest \
                 gets #UD.",
        fewer: "Fix the guest. The tracepoint kvm:kvm_skinit shows where.",
        manual: "Secure Startup with SKINIT",
        kvm: &["svm/svm.c: skinit_interception"],
    },
    Text {
        number: 0x87,
        occurs: Feature("if their CPUID hides RDTSCP"),
        means: "The guest executed RDTSCP, which its CPUID hides.",
        causes: "A program that uses RDTSCP without checking CPUID. The program gets #UD. With \
                 RDTSCP in the guest's CPUID the instruction does not exit.",
        fewer: "Give RDTSCP to the guest, or fix the program.",
        manual: "Instruction Intercepts",
        kvm: &[
            "x86.c: kvm_handle_invalid_op",
            "svm/svm.c: svm_recalc_instruction_intercepts",
        ],
    },
    Text {
        number: 0x88,
        occurs: Feature("unless they use SEV-ES"),
        means: "The guest executed ICEBP (INT1, opcode 0xf1), which raises a debug exception.",
        causes: "Programs that look for a debugger, and tests. KVM always intercepts ICEBP, skips \
                 the instruction, and raises #DB in the guest.",
        fewer: "Harmless.",
        manual: "Instruction Intercepts",
        kvm: &["svm/svm.c: icebp_interception", "svm/svm.c: init_vmcb"],
    },
    Text {
        number: 0x89,
        occurs: Feature("unless they use SEV-ES"),
        means: "The guest executed WBINVD or WBNOINVD, which write back all caches.",
        causes: "Kernels that change memory types or suspend; graphics drivers. KVM only skips \
                 the instruction, unless the VM has an assigned device with non-coherent DMA. \
                 Then it is very slow: KVM writes back the caches of all CPUs that the vCPU ran \
                 on.",
        fewer: "In the guest, write back single lines with CLFLUSH or CLWB. Assign devices behind \
                an IOMMU that enforces snooping.",
        manual: "Instruction Intercepts",
        kvm: &["x86.c: kvm_emulate_wbinvd", "x86.c: need_emulate_wbinvd"],
    },
    Text {
        number: 0x8a,
        occurs: Feature("unless they use SEV-ES"),
        means: "The guest executed MONITOR or MONITORX, which names the address that MWAIT waits \
                for.",
        causes: "See MWAIT: each MWAIT comes with one MONITOR.",
        fewer: "See MWAIT: KVM_CAP_X86_DISABLE_EXITS, QEMU's -overcommit cpu-pm=on.",
        manual: "Instruction Intercepts",
        kvm: &["x86.c: kvm_emulate_monitor", "svm/svm.c: init_vmcb"],
    },
    Text {
        number: 0x8b,
        occurs: Feature("unless they use SEV-ES"),
        means: "The guest executed MWAIT or MWAITX, to wait in a sleep state of its choice.",
        causes: "A guest that idles with MWAIT although KVM does not offer it in CPUID. KVM does \
                 not wait: it skips the instruction, so such a guest spins. If userspace disables \
                 KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS, the guest gets #UD.",
        fewer: "Let MWAIT not exit at all (KVM_CAP_X86_DISABLE_EXITS, QEMU's -overcommit \
                cpu-pm=on), or have the guest idle with HLT.",
        manual: "Instruction Intercepts",
        kvm: &[
            "x86.c: kvm_emulate_mwait",
            "x86.c: kvm_emulate_monitor_mwait",
            "svm/svm.c: init_vmcb",
        ],
    },
    Text {
        number: 0x8c,
        occurs: Nested,
        means: "A nested guest executed MWAIT or MWAITX and would have gone to sleep, and its \
                hypervisor intercepts it.",
        causes: "KVM itself intercepts MWAIT unconditionally (see MWAIT). A hypervisor in the \
                 guest may intercept only armed MWAIT of its nested guests.",
        fewer: "Change the hypervisor in the guest.",
        manual: "Instruction Intercepts",
        kvm: &[
            "svm/nested.c: nested_vmcb02_recalc_intercepts",
            "svm/nested.c: nested_svm_exit_handled",
        ],
    },
    Text {
        number: 0x8d,
        occurs: Feature("unless they use SEV-ES"),
        means: "The guest executed XSETBV, which sets XCR0: the state components that XSAVE \
                saves.",
        causes: "A kernel at boot, a few times per vCPU. A hypervisor in the guest, at each entry \
                 into and exit from a nested guest whose XCR0 differs from its own. KVM always \
                 intercepts XSETBV.",
        fewer: "Give nested guests the same CPU model as the guest, so that their XCR0 is the \
                same.",
        manual: "Instruction Intercepts",
        kvm: &["x86.c: kvm_emulate_xsetbv", "svm/svm.c: init_vmcb"],
    },
    Text {
        number: 0x8e,
        occurs: Fault,
        means: "The guest executed RDPRU, which reads APERF or MPERF from user mode.",
        causes: "A program that uses RDPRU although KVM does not offer it in CPUID. KVM always \
                 intercepts it, and the program gets #UD.",
        fewer: "Fix the program.",
        manual: "Instruction Intercepts",
        kvm: &["x86.c: kvm_handle_invalid_op", "svm/svm.c: init_vmcb"],
    },
    Text {
        number: 0x8f,
        occurs: Feature("with SEV-ES or SEV-SNP"),
        means: "The guest wrote EFER. The CPU executed the write and then exited to report the \
                value.",
        causes: "A kernel at boot, a few times per vCPU. KVM cannot read the registers of such a \
                 guest and follows its mode through these traps.",
        fewer: "Harmless.",
        manual: "Encrypted State (SEV-ES)",
        kvm: &["svm/svm.c: efer_trap", "svm/sev.c: sev_es_init_vmcb"],
    },
    Text {
        number: 0x90,
        occurs: Feature("with SEV-ES or SEV-SNP"),
        means: "The guest wrote CR0. The CPU executed the write and then exited to report the \
                value.",
        causes: "A kernel at boot, a few times per vCPU. KVM cannot read the registers of such a \
                 guest and follows its mode through these traps.",
        fewer: "Harmless.",
        manual: "Encrypted State (SEV-ES)",
        kvm: &[
            "svm/svm.c: cr_trap",
            "svm/sev.c: sev_es_init_vmcb",
            "regs.c: kvm_post_set_cr0",
        ],
    },
    Text {
        number: 0x91,
        occurs: Never,
        means: "The guest wrote a control register other than CR0, CR4 and CR8. The CPU executed \
                the write and then exited to report the value.",
        causes: "Nothing: KVM enables the traps of CR0, CR4 and CR8 only, and only for SEV-ES \
                 guests.",
        fewer: "Nothing to do.",
        manual: "Encrypted State (SEV-ES)",
        kvm: &["svm/sev.c: sev_es_init_vmcb"],
    },
    Text {
        number: 0x94,
        occurs: Feature("with SEV-ES or SEV-SNP"),
        means: "The guest wrote CR4. The CPU executed the write and then exited to report the \
                value.",
        causes: "KVM cannot read the registers of such a guest and follows its mode through these \
                 traps. A guest without INVPCID toggles CR4.PGE for each global TLB flush: two \
                 exits per flush. Linux also writes CR4 when it switches between some tasks (see \
                 CR4_WRITE).",
        fewer: "Give the guest INVPCID: a CPU model with it.",
        manual: "Encrypted State (SEV-ES)",
        kvm: &[
            "svm/svm.c: cr_trap",
            "svm/sev.c: sev_es_init_vmcb",
            "regs.c: kvm_post_set_cr4",
        ],
    },
    Text {
        number: 0x98,
        occurs: Feature("with SEV-ES or SEV-SNP"),
        means: "The guest wrote CR8, its task priority. The CPU executed the write and then \
                exited to report the value.",
        causes: "A guest that uses the task priority, which Linux does not. KVM needs the value \
                 to know which interrupts the guest takes.",
        fewer: "Use a guest that does not use the task priority.",
        manual: "Encrypted State (SEV-ES)",
        kvm: &[
            "svm/svm.c: cr_trap",
            "svm/sev.c: sev_es_init_vmcb",
            "regs.c: kvm_set_cr8",
        ],
    },
    of_nested_guests(
        0xa0,
        "A nested guest executed INVLPGB, which drops translations from the TLBs of all CPUs, and \
         its hypervisor intercepts it.",
    ),
    of_nested_guests(
        0xa1,
        "A nested guest executed INVLPGB with illegal operands, and its hypervisor intercepts it.",
    ),
    Text {
        number: 0xa2,
        occurs: Feature("without nested paging (npt=0), or if their CPUID hides INVPCID"),
        means: "The guest executed INVPCID, which drops translations of an address space from the \
                TLB.",
        causes: "Shadow paging, as with INVLPG. If the guest's CPUID hides INVPCID, a guest that \
                 executes it anyway gets #UD. Otherwise INVPCID does not exit.",
        fewer: "npt=1, the default, and INVPCID in the CPU model.",
        manual: "Instruction Intercepts",
        kvm: &[
            "svm/svm.c: invpcid_interception",
            "svm/svm.c: svm_recalc_instruction_intercepts",
            "x86.c: kvm_handle_invpcid",
        ],
    },
    Text {
        number: 0xa3,
        occurs: Nested,
        means: "A nested guest executed MCOMMIT, which commits its stores to memory, and its \
                hypervisor intercepts it.",
        causes: "KVM does not intercept it for its own guests. A hypervisor in the guest may \
                 intercept it for its nested guests.",
        fewer: "Change the hypervisor in the guest.",
        manual: "Intercept Operation",
        kvm: &[
            "svm/nested.c: nested_vmcb02_recalc_intercepts",
            "svm/nested.c: nested_svm_exit_handled",
        ],
    },
    of_nested_guests(
        0xa4,
        "A nested guest executed TLBSYNC, which waits for INVLPGB to end, and its hypervisor \
         intercepts it.",
    ),
    Text {
        number: 0xa5,
        occurs: Feature("if userspace asks for it (KVM_CAP_X86_BUS_LOCK_EXIT)"),
        means: "The guest is about to lock the bus, with an atomic access that crosses cache \
                lines or goes to uncached memory. A bus lock slows down the whole host.",
        causes: "Programs with misaligned atomics. KVM hands KVM_EXIT_X86_BUS_LOCK to userspace, \
                 which may throttle the guest (QEMU's bus-lock-ratelimit). KVM then lets the \
                 access pass. The CPU must have the bus-lock threshold.",
        fewer: "Fix the program. perf finds it with the event ls_locks.bus_lock, in the guest if \
                the guest has the counters.",
        manual: "Miscellaneous Intercepts",
        kvm: &[
            "svm/svm.c: bus_lock_exit",
            "svm/svm.c: complete_userspace_buslock",
        ],
    },
    Text {
        number: 0xa6,
        occurs: Feature("on CPUs with the idle-HLT intercept"),
        means: "The guest executed HLT with no virtual interrupt or NMI pending: the vCPU has \
                nothing to do until an interrupt.",
        causes: "Idle guests. The exit's time includes the wait, unless --off-cpu excludes it. \
                 Many of these exits per second mean short sleeps: work that moves back and forth \
                 between vCPUs, or a fast timer. On these CPUs KVM intercepts idle HLT instead of \
                 HLT, and does not handle it in the fastpath.",
        fewer: "Let the guest poll briefly before HLT (the guest's cpuidle-haltpoll). If each \
                vCPU has its own CPU, let HLT not exit at all: KVM_CAP_X86_DISABLE_EXITS, QEMU's \
                -overcommit cpu-pm=on. kvm.halt_poll_ns makes wake-ups cheaper but does not \
                reduce the number of exits.",
        manual: "Instruction Intercepts",
        kvm: &["x86.c: kvm_emulate_halt", "svm/svm.c: init_vmcb"],
    },
    Text {
        number: 0x400,
        occurs: Feature("with nested paging (npt=1)"),
        means: "The guest accessed memory that the nested page tables do not map, or do not map \
                for this kind of access.",
        causes: "Memory: the guest touches it for the first time, or the host has swapped it out, \
                 moved it, merged it (KSM), split or collapsed its huge pages, or reclaimed it by \
                 ballooning. Live migration: KVM write-protects pages to log writes. A hypervisor \
                 in the guest: KVM shadows its nested page tables. SEV-SNP: the guest expects a \
                 page in another state (private or shared) or size than the RMP has. Emulated \
                 devices: each access to memory-mapped I/O exits, because KVM marks such memory \
                 with reserved bits. virtio's doorbells are cheap (tracepoint kvm:kvm_fast_mmio); \
                 KVM emulates other accesses, and userspace may have to finish them. Without AVIC \
                 the APIC of a guest in xAPIC mode is such a device.",
        fewer: "Memory: use huge pages (hugetlbfs or transparent huge pages), and no KSM, swap or \
                NUMA balancing for this memory. The tracepoint kvm:kvm_page_fault shows the \
                addresses. Devices: use virtio or assigned devices instead of emulated devices, \
                fewer doorbells (virtio event index), and polling backends (vhost with busy \
                polling, iothreads with poll-max-ns). The tracepoint kvm:kvm_mmio shows the \
                accesses. APIC: use x2APIC in the guest, or AVIC.",
        manual: "Nested Paging",
        kvm: &[
            "svm/svm.c: npf_interception",
            "mmu/mmu.c: kvm_mmu_page_fault",
            "mmu/spte.c: make_mmio_spte",
            "svm/sev.c: sev_handle_rmp_fault",
        ],
    },
    Text {
        number: 0x401,
        occurs: Feature("with AVIC (avic=1)"),
        means: "The guest sent an IPI that AVIC could not deliver to all of its targets.",
        causes: "A target vCPU does not run and KVM wakes it: idle guests whose vCPUs wake each \
                 other. AVIC delivers only fixed, edge-triggered interrupts: KVM sends NMI, INIT, \
                 start-up and level-triggered IPIs, and IPIs with a target that does not exist. \
                 With enable_ipiv=0 every IPI to another vCPU exits; KVM sets enable_ipiv=0 on \
                 Zen 1, Zen 2 and Hygon because of an erratum.",
        fewer: "Let idle vCPUs keep their CPUs: QEMU's -overcommit cpu-pm=on. The tracepoint \
                kvm:kvm_avic_incomplete_ipi shows the cause.",
        manual: "Advanced Virtual Interrupt Controller",
        kvm: &[
            "svm/avic.c: avic_incomplete_ipi_interception",
            "svm/avic.c: avic_kick_target_vcpus",
            "svm/avic.c: avic_hardware_setup",
        ],
    },
    Text {
        number: 0x402,
        occurs: Feature("with AVIC (avic=1)"),
        means: "The guest accessed an APIC register that AVIC does not handle itself.",
        causes: "In xAPIC mode mostly the timer's registers. In both modes EOI of level-triggered \
                 interrupts, because KVM must forward it to the I/O APIC: emulated PCI devices \
                 without MSI, and the ACPI interrupt.",
        fewer: "Use the TSC deadline timer instead of the APIC timer's count (QEMU's -cpu \
                ...,tsc-deadline=on), and devices with MSI or MSI-X, such as virtio. The \
                tracepoint kvm:kvm_avic_unaccelerated_access shows the registers.",
        manual: "Advanced Virtual Interrupt Controller",
        kvm: &[
            "svm/avic.c: avic_unaccelerated_access_interception",
            "svm/avic.c: avic_unaccel_trap_write",
        ],
    },
    Text {
        number: 0x403,
        occurs: Feature("with SEV-ES or SEV-SNP"),
        means: "The guest executed VMGEXIT: a request to the hypervisor, through a shared page \
                (the GHCB) or through the GHCB MSR.",
        causes: "KVM cannot read the registers of such a guest. An operation that would otherwise \
                 exit raises #VC in the guest, and the #VC handler executes VMGEXIT: port I/O, \
                 memory-mapped I/O, MSRs, CPUID, WBINVD, DR7 and others. With SEV-SNP the guest \
                 also changes pages between private and shared, starts vCPUs, and requests \
                 attestation this way.",
        fewer: "Reduce the underlying exits: see IOIO, MSR and NPF. The tracepoints \
                kvm:kvm_vmgexit_enter and kvm:kvm_vmgexit_msr_protocol_enter show the requests.",
        manual: "Encrypted State (SEV-ES)",
        kvm: &[
            "svm/sev.c: sev_handle_vmgexit",
            "svm/sev.c: sev_handle_vmgexit_msr_protocol",
        ],
    },
    Text {
        number: 0xf000_0000,
        occurs: Never,
        means: "The APM reserves this code for software: no CPU reports it.",
        causes: "Nothing: KVM only synthesizes this exit for a hypervisor in the guest. Hyper-V \
                 gets it after a TLB flush if it asks for that.",
        fewer: "Nothing to do.",
        manual: "#VMEXIT",
        kvm: &["svm/hyperv.c: svm_hv_inject_synthetic_vmexit_post_tlb_flush"],
    },
    Text {
        number: 0xffff_fffd,
        occurs: Fault,
        means: "The CPU did not enter the guest: the guest requires an idle sibling thread (SMT \
                protection), and the sibling was not idle.",
        causes: "An SEV-SNP guest that sets this feature for one of its vCPUs although KVM does \
                 not offer it. KVM has no handler for this code: userspace gets \
                 KVM_EXIT_INTERNAL_ERROR.",
        fewer: "Fix the guest.",
        manual: "Secure Nested Paging (SEV-SNP)",
        kvm: &[
            "svm/svm.c: svm_invoke_exit_handler",
            "svm/sev.c: sev_hardware_setup",
        ],
    },
    Text {
        number: 0xffff_fffe,
        occurs: Fault,
        means: "The CPU did not enter the guest: the BUSY bit in the guest's encrypted state \
                (VMSA) was set.",
        causes: "An SEV-SNP guest that sets the bit through alternate injection, which KVM does \
                 not offer. KVM has no handler for this code: userspace gets \
                 KVM_EXIT_INTERNAL_ERROR.",
        fewer: "Fix the guest.",
        manual: "Secure Nested Paging (SEV-SNP)",
        kvm: &[
            "svm/svm.c: svm_invoke_exit_handler",
            "svm/sev.c: sev_hardware_setup",
        ],
    },
    Text {
        number: 0xffff_ffff,
        occurs: Fault,
        means: "The CPU did not enter the guest: the state in the VMCB is not valid.",
        causes: "A bug in KVM, or invalid state from userspace (KVM_SET_SREGS and similar) that \
                 KVM did not reject. The vCPU stops with KVM_EXIT_FAIL_ENTRY. If the state \
                 belongs to a nested guest, KVM forwards the exit to its hypervisor.",
        fewer: "Report it, with the VMCB that KVM logs with dump_invalid_vmcb=1.",
        manual: "VMRUN Instruction",
        kvm: &["svm/svm.c: svm_handle_exit", "svm/svm.c: dump_vmcb"],
    },
];

/// Ranges of codes that differ in a register or vector number. Codes without a text of their own share the
/// text with the given number, which is the first such code's.
const GROUPS: [(RangeInclusive<u32>, u32); 6] = [
    (0x00..=0x0f, 0x01),
    (0x10..=0x1f, 0x11),
    (0x20..=0x2f, 0x20),
    (0x30..=0x3f, 0x30),
    (0x40..=0x5f, 0x40),
    (0x90..=0x9f, 0x91),
];

/// Returns the text of a code or of its group.
#[must_use]
pub fn text(code: u32) -> Option<&'static Text> {
    of(code).or_else(|| {
        let (_, shared) = GROUPS.iter().find(|(codes, _)| codes.contains(&code))?;
        of(*shared)
    })
}

fn of(number: u32) -> Option<&'static Text> {
    let at = TEXTS
        .binary_search_by_key(&number, |text| text.number)
        .ok()?;
    Some(&TEXTS[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use exitstat_core::svm;

    #[test]
    fn every_code_has_a_text() {
        for code in svm::codes() {
            assert!(text(code).is_some(), "{code:#x}");
        }
    }

    #[test]
    fn texts_ascend() {
        assert!(TEXTS.is_sorted_by(|a, b| a.number < b.number));
    }

    #[test]
    fn nothing_has_a_text_that_is_no_code() {
        for text in &TEXTS {
            assert!(svm::name(text.number).is_some(), "{:#x}", text.number);
        }
        for code in [0xa7, 0x3ff, 0x404, 0xefff_ffff, 0xf000_0001, 0xffff_fffc] {
            assert!(text(code).is_none(), "{code:#x}");
        }
    }

    #[test]
    fn a_group_shares_the_text_of_the_first_that_has_none_of_its_own() {
        for (codes, shared) in GROUPS {
            for code in codes {
                let number = text(code).unwrap().number;
                assert!(number == code || (number == shared && code > shared));
            }
        }
        // Codes whose own text must take precedence over that of their group.
        for code in [0x00, 0x13, 0x37, 0x4e, 0x94] {
            assert_eq!(text(code).unwrap().number, code);
        }
        // CR2, DR1, #NM and CR3.
        for (code, shared) in [(0x02, 0x01), (0x21, 0x20), (0x47, 0x40), (0x93, 0x91)] {
            assert_eq!(text(code).unwrap().number, shared);
        }
    }
}
