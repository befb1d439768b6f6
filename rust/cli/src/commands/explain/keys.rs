// SPDX-License-Identifier: GPL-2.0

//! Advice about exits by key: the MSR, port, address or similar that they accessed.

use exitstat_core::key::{Abi, ControlAccess, Key};

/// Advice about exits with certain keys.
#[derive(Debug, PartialEq, Eq)]
pub struct Advice {
    /// Action of the guest.
    pub does: &'static str,
    /// Ways to reduce such exits.
    pub fewer: &'static str,
}

/// Shorthand for the tables below.
const fn advice(does: &'static str, fewer: &'static str) -> Advice {
    Advice { does, fewer }
}

/// Advice about exits with unknown keys.
pub static NOT_CAPTURED: Advice = advice(
    "Taken before capturing began, or when the table was full (increase the module's parameter detail_size).",
    "",
);
static TIMER: Advice = advice(
    "The guest's kernel sets its local APIC's timer for the next tick, timeout or wake-up.",
    "Use fewer timers: a tickless guest (nohz=on, nohz_full= for CPUs that compute), programs that wait for events \
     instead of polling with short sleeps, and larger timer slack.",
);
static TIMER_COUNT: Advice = advice(
    "The guest sets its local APIC's timer by a count, not by IA32_TSC_DEADLINE.",
    "Let the guest see the TSC deadline timer (QEMU: -cpu host, or +tsc-deadline), which KVM handles faster.",
);
static IPI: Advice = advice(
    "A vCPU sends an interrupt to another vCPU, mostly to wake it up or to flush its TLB.",
    "IPI virtualization (kvm_intel enable_ipiv=1, on processors that have it) sends IPIs without exits. Otherwise \
     reduce wake-ups across vCPUs: fewer vCPUs, threads pinned near their data, the guest's cpuidle-haltpoll.",
);
static SELF_IPI: Advice = advice(
    "A vCPU sends an interrupt to itself.",
    "APICv (kvm_intel enable_apicv=1) handles them without exits.",
);
static EOI: Advice = advice(
    "The guest signals end of interrupt (EOI).",
    "APICv (kvm_intel enable_apicv=1) handles EOI without exits. On processors without APICv the paravirtual EOI \
     (QEMU: -cpu MODEL,+kvm-pv-eoi) avoids most of them.",
);
static XAPIC: Advice = advice(
    "The guest accesses its local APIC as memory: KVM must decode and emulate each access.",
    "Let the guest use x2APIC (QEMU: -cpu MODEL,+x2apic; no nox2apic in the guest). Use APICv on the host.",
);
static SPECULATION: Advice = advice(
    "The guest's kernel mitigates speculation attacks when it switches between tasks or between user and kernel mode.",
    "KVM stops intercepting IA32_SPEC_CTRL when the guest first writes a value other than 0. KVM does not intercept \
     IA32_PRED_CMD and IA32_FLUSH_CMD if the guest's CPUID has them: give the guest the host's features (-cpu host). \
     The guest's spectre_v2_user= chooses which tasks are protected.",
);
static PMU: Advice = advice(
    "The guest programs performance counters: perf, or its NMI watchdog.",
    "In the guest, boot with nmi_watchdog=0 and do not sample with perf. Or give the guest no PMU (QEMU: -cpu \
     MODEL,pmu=off). With kvm_intel's enable_mediated_pmu=1, on hosts that support it, most of these accesses do not \
     exit.",
);
static CLOCKS: Advice = advice(
    "When a vCPU starts, the guest tells KVM where to store paravirtual clocks, steal time and the like. Or the guest \
     reads the wall clock.",
    "Nothing to do: these exits are rare.",
);
static ASYNC_PF: Advice = advice(
    "The host has loaded a page that the guest waited for, and the guest acknowledges it.",
    "Keep the guest's memory resident: no swap, no memory cgroup with too low a limit.",
);
static HYPERV_TIMER: Advice = advice(
    "Windows, or another guest with Hyper-V enlightenments, sets a synthetic timer.",
    "QEMU's hv-stimer-direct makes each timer cheaper. To use fewer timers, change the guest: its timer resolution \
     and the programs that poll.",
);
static HYPERV_CLOCK: Advice = advice(
    "The guest reads Hyper-V's clock through its MSR.",
    "Give the guest the reference TSC page (QEMU: hv-time), which it reads without an exit. If it has the page and \
     still reads the MSR, KVM could not use the TSC: make tsc the host's clocksource.",
);
static HYPERV_APIC: Advice = advice(
    "The guest accesses its local APIC through Hyper-V's MSRs.",
    "With APICv on the host, x2APIC is cheaper: remove hv-vapic from QEMU's CPU options.",
);
static FEATURES: Advice = advice(
    "Programs query CPU features when they start (the C library's loader, some twenty times per start), and so does \
     the guest's kernel when it boots.",
    "Start fewer short-lived processes. exitstat detail --capture ip shows which other code executes CPUID.",
);
static SERIAL: Advice = advice(
    "The guest writes to a serial port: one exit per byte, and userspace finishes each exit.",
    "Print less: quiet, or loglevel= on the guest's kernel command line. A virtio console (console=hvc0) avoids the \
     exits to userspace, but takes as many exits in all.",
);
static DEBUG_CONSOLE: Advice = advice(
    "The firmware writes debug messages: one exit per byte.",
    "Use a release build of the firmware, or no isa-debugcon device (QEMU: -debugcon).",
);
static FW_CFG: Advice = advice(
    "The firmware or bootloader reads QEMU's fw_cfg, byte by byte unless it uses fw_cfg's DMA.",
    "These exits occur only at boot. Use firmware that uses fw_cfg's DMA, or boot the kernel directly through PVH (a \
     vmlinux with -kernel).",
);
static PCI_CONFIG: Advice = advice(
    "Firmware and kernel find and configure PCI devices through ports.",
    "Use fewer devices and bridges, or a machine without PCI (QEMU's microvm).",
);
static PM_TIMER: Advice = advice(
    "The guest reads the ACPI timer as its clock, or to calibrate another clock.",
    "Use kvm-clock or the TSC as the guest's clock (/sys/devices/system/clocksource). For the TSC, give the guest an \
     invariant one (-cpu host,migratable=off or +invtsc). Windows: hv-time.",
);
static RTC: Advice = advice(
    "The guest accesses the real-time clock or CMOS memory, at boot or because Windows uses it to keep time.",
    "Windows: use hv-time, and -rtc driftfix=slew only if needed. Linux reads the clock at boot; so does hwclock.",
);
static POST: Advice = advice(
    "Firmware writes POST codes. Kernels use such writes as delays unless KVM tells them not to.",
    "Let the guest see kvm-nopiodelay (QEMU has it on by default), or boot it with io_delay=none.",
);
static PIT_PIC: Advice = advice(
    "The guest programs the PC's legacy timer or interrupt controller, mostly at boot and to calibrate clocks.",
    "Give the guest a TSC of known frequency (CPUID leaf 0x15 or kvm-clock), boot it with lpj=, or give it no PIT and \
     PIC at all: QEMU's microvm,pit=off,pic=off.",
);
static KEYBOARD: Advice = advice(
    "The guest looks for a keyboard and a mouse.",
    "These exits occur only at boot. A machine without these devices (microvm; q35,i8042=off) avoids them.",
);
static VGA: Advice = advice(
    "The guest writes to VGA's registers.",
    "Use a serial or virtio console and no VGA device (QEMU: -vga none), or virtio-gpu for a screen.",
);
static IDE: Advice = advice(
    "The guest uses an IDE disk: one exit per register access.",
    "Use virtio-blk or virtio-scsi, and no CD-ROM drive, which many machines have by default.",
);
static DEVICE_PORT: Advice = advice(
    "A register of a PCI device: the doorbell of a legacy virtio device, or any register of an emulated device.",
    "Use fewer and larger requests, and virtio instead of emulated devices. exitstat detail --qmp names the device.",
);
static IO_APIC: Advice = advice(
    "The guest masks, unmasks or ends interrupts at its I/O APIC.",
    "Use devices with MSI or MSI-X (virtio over PCI), which do not need the I/O APIC.",
);
static HPET: Advice = advice(
    "The guest reads the HPET, its clock.",
    "Use kvm-clock or the TSC as the guest's clock, and no HPET (QEMU: -machine hpet=off).",
);
static DOORBELL: Advice = advice(
    "A device register. For virtio it is mostly a doorbell: the guest has put requests into a queue.",
    "Submit more at once (larger or more parallel requests, virtio's event index), or use polling backends (vhost \
     with busy polling, iothreads with poll-max-ns). exitstat detail --qmp names the device.",
);
static MEMORY: Advice = advice(
    "The guest touches memory for the first time, or memory that the host has reclaimed, split or write-protected.",
    "Use huge pages (hugetlbfs or transparent huge pages): one exit per 2 MiB instead of up to 512. Use no balloon, \
     KSM, swap or NUMA balancing for this memory. QEMU's prealloc=on does not reduce the exits but halves the cost of \
     each. Live migration write-protects pages to log writes.",
);
static DEVICE_PAGE: Advice = advice(
    "The first access to a page of device registers. If the device is emulated, later accesses exit as EPT_MISCONFIG.",
    "Nothing to do: there is one exit per page.",
);
static HOST_TIMER: Advice = advice(
    "A timer of the host expired while the guest ran: the scheduler's tick, or a timer that KVM runs for a guest.",
    "Boot the host with nohz_full= and isolcpus= for the CPUs that run vCPUs, and run no other work there.",
);
static HOST_IPI: Advice = advice(
    "Another CPU of the host interrupted this one: to reschedule, to run a function on it, or to flush its TLB.",
    "Keep the host's work off these CPUs (cpusets), pin vCPUs, and do not unmap a running guest's memory (KSM, \
     balloon).",
);
static HOST_DEVICE: Advice = advice(
    "A device of the host interrupted the CPU while the guest ran.",
    "Move its interrupts to other CPUs: /proc/irq/*/smp_affinity, irqaffinity=, or irqbalance with these CPUs banned.",
);
static KICK: Advice = advice(
    "A vCPU releases a lock and wakes up a vCPU that waits for it (paravirtual spinlocks).",
    "Give the VM more CPUs or fewer vCPUs, so that lock holders are not preempted. If each vCPU has its own CPU, use \
     QEMU's kvm-hint-dedicated=on.",
);
static PV_IPI: Advice = advice(
    "The guest sends an interrupt to many vCPUs with one hypercall, which saves exits.",
    "Reduce wake-ups across vCPUs. With IPI virtualization on the host, try to do without the hypercall (QEMU: \
     kvm-pv-ipi=off; for Windows no hv-ipi).",
);
static HYPERV_FLUSH: Advice = advice(
    "The guest flushes the TLBs of other vCPUs with a hypercall, which saves exits if some of them do not run.",
    "Use fewer vCPUs and large pages in the guest, and map and unmap less memory.",
);
static CR3: Advice = advice(
    "The guest switches address spaces or reads CR3, while EPT is off, or while paging is off in the guest and \
     unrestricted_guest is off.",
    "Set kvm_intel's parameters ept=1 and unrestricted_guest=1, the defaults, on a processor that has both.",
);
static CR0_CR4: Advice = advice(
    "The guest boots or changes modes, and changes bits of CR0 or CR4 that KVM must know. With ept=0 task switches \
     and TLB flushes exit as well.",
    "Nothing to do while a guest boots. Otherwise set kvm_intel's parameter ept=1.",
);
static CR8: Advice = advice(
    "The guest changes its task priority.",
    "Use a processor with a TPR shadow, and the APIC in the kernel (QEMU: kernel-irqchip=on).",
);
static PAGE_FAULT: Advice = advice(
    "A page fault that KVM must check, because EPT is off or the guest's MAXPHYADDR is below the host's.",
    "Set kvm_intel's parameters ept=1 and allow_smaller_maxphyaddr=0, the defaults.",
);

/// Returns the advice for a key; `None` if the reason's own text is sufficient.
#[must_use]
pub fn find(reason: u32, key: u64) -> Option<&'static Advice> {
    Some(match Key::of(reason, key)? {
        Key::Msr(msr) => msr_advice(msr)?,
        Key::Port { port, .. } => port_advice(port)?,
        Key::Leaf { .. } => &FEATURES,
        Key::Hypercall { abi, number } => hypercall_advice(abi, number)?,
        Key::Mmio { gpa, .. } => match gpa {
            // microvm has two I/O APICs.
            0xfec0_0000..=0xfec0_0fff | 0xfec1_0000..=0xfec1_0fff => &IO_APIC,
            0xfed0_0000..=0xfed0_03ff => &HPET,
            0xfee0_00b0 => &EOI,
            0xfee0_0000..=0xfee0_0fff => &XAPIC,
            _ => &DOORBELL,
        },
        // The range of a PC's APICs, timers and firmware.
        Key::Memory {
            gpa: 0xfe00_0000..=0xffff_ffff,
            ..
        } => &DEVICE_PAGE,
        Key::Memory { .. } => &MEMORY,
        Key::Apic(0x300) => &IPI,
        Key::Apic(0x380) => &TIMER_COUNT,
        Key::Vector(vector) if reason == 1 => match vector {
            0xec => &HOST_TIMER,
            0xf7 | 0xf8 | 0xfb..=0xfd => &HOST_IPI,
            0x20..=0xea => &HOST_DEVICE,
            _ => return None,
        },
        Key::Control { register, access } => match (register, access) {
            (_, ControlAccess::Clts | ControlAccess::Lmsw) | (0 | 4, _) => &CR0_CR4,
            (3, _) => &CR3,
            (8, _) => &CR8,
            _ => return None,
        },
        Key::Exception {
            vector: 14,
            nmi: false,
            ..
        } => &PAGE_FAULT,
        _ => return None,
    })
}

fn msr_advice(msr: u32) -> Option<&'static Advice> {
    Some(match msr {
        0x6e0 => &TIMER,
        0x838 => &TIMER_COUNT,
        0x830 => &IPI,
        0x83f => &SELF_IPI,
        0x80b => &EOI,
        // Linux reads the trigger mode of an interrupt when it masks or ends the interrupt at the I/O APIC.
        0x818..=0x81f => &IO_APIC,
        0x48 | 0x49 | 0x10b => &SPECULATION,
        0xc1..=0xc8
        | 0x186..=0x18d
        | 0x309..=0x30b
        | 0x345
        | 0x38d..=0x390
        | 0x3f1
        | 0x4c1..=0x4c8 => &PMU,
        0x4b56_4d07 => &ASYNC_PF,
        0x11 | 0x12 | 0x4b56_4d00..=0x4b56_4d08 => &CLOCKS,
        0x4000_00b0..=0x4000_00b7 => &HYPERV_TIMER,
        0x4000_0020 => &HYPERV_CLOCK,
        0x4000_0070..=0x4000_0072 => &HYPERV_APIC,
        _ => return None,
    })
}

fn port_advice(port: u16) -> Option<&'static Advice> {
    Some(match port {
        0x2e8..=0x2ef | 0x2f8..=0x2ff | 0x3e8..=0x3ef | 0x3f8..=0x3ff => &SERIAL,
        0x402 => &DEBUG_CONSOLE,
        0x510 | 0x511 | 0x514..=0x51b => &FW_CFG,
        0xcf8..=0xcff => &PCI_CONFIG,
        0x608..=0x60b | 0xb008..=0xb00b => &PM_TIMER,
        0x70 | 0x71 => &RTC,
        0x80 => &POST,
        0x20 | 0x21 | 0xa0 | 0xa1 | 0x40..=0x43 | 0x61 | 0x4d0 | 0x4d1 => &PIT_PIC,
        0x60 | 0x64 => &KEYBOARD,
        0x3b0..=0x3df => &VGA,
        0x170..=0x177 | 0x1f0..=0x1f7 | 0x376 | 0x3f6 => &IDE,
        0xc000.. => &DEVICE_PORT,
        _ => return None,
    })
}

fn hypercall_advice(abi: Abi, number: u64) -> Option<&'static Advice> {
    Some(match (abi, number) {
        (Abi::Kvm, 5) => &KICK,
        (Abi::Kvm, 10) => &PV_IPI,
        (Abi::HyperV, 0x02 | 0x03 | 0x13 | 0x14) => &HYPERV_FLUSH,
        (Abi::HyperV, 0x0b | 0x15) => &PV_IPI,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_guests_do_most_is_told_of() {
        for (reason, key, advice) in [
            (32, 0x6e0, &TIMER),
            (85, 0x830, &IPI),
            (30, 0x03f8_0000, &SERIAL),
            (30, 0xcfc0_000b, &DEVICE_PORT),
            (10, 1, &FEATURES),
            (18, 5, &KICK),
            (48, 0x4020_0002, &MEMORY),
            (49, 0xfed0_00f0, &HPET),
            (44, 0xfee0_00b0, &EOI),
            (1, 0xec, &HOST_TIMER),
            (1, 0x24, &HOST_DEVICE),
            (28, 0x03, &CR3),
        ] {
            assert_eq!(find(reason, key), Some(advice), "{reason} {key:#x}");
        }
        for (reason, key) in [(12, 0), (32, 0xc000_0080), (30, 0x0505_0000), (45, 0x30)] {
            assert_eq!(find(reason, key), None, "{reason} {key:#x}");
        }
    }
}
