// SPDX-License-Identifier: GPL-2.0

//! What can be done about exits, by what they were about.

use exitstat_core::key::{Abi, ControlAccess, Key};

/// What is to be said of exits with a key, or with any of several.
#[derive(Debug, PartialEq, Eq)]
pub struct Advice {
    /// What the guest does.
    pub does: &'static str,
    /// What people do to have fewer of them.
    pub fewer: &'static str,
}

/// Shorthand of the tables below.
const fn advice(does: &'static str, fewer: &'static str) -> Advice {
    Advice { does, fewer }
}

/// Of those whose keys are not known.
pub static NOT_CAPTURED: Advice = advice(
    "Taken before capturing began, or when the table was full (increase the module's parameter detail_size).",
    "",
);
static TIMER: Advice = advice(
    "The guest's kernel sets its local APIC's timer for the next tick, timeout or wake-up.",
    "Fewer timers: a tickless guest (nohz=on, nohz_full= for CPUs that compute), programs that wait for events in \
     place of polling with short sleeps, and larger timer slack.",
);
static TIMER_COUNT: Advice = advice(
    "The guest sets its local APIC's timer by a count, not by IA32_TSC_DEADLINE.",
    "Let the guest see the TSC deadline timer (QEMU: -cpu host, or +tsc-deadline), which KVM handles faster.",
);
static IPI: Advice = advice(
    "A vCPU sends an interrupt to another one: mostly to wake it up, or to have it flush its TLB.",
    "IPI virtualization (kvm_intel enable_ipiv=1, on processors that have it) sends them without an exit. Else fewer \
     wake-ups across vCPUs: fewer vCPUs, threads pinned beside their data, the guest's cpuidle-haltpoll.",
);
static SELF_IPI: Advice = advice(
    "A vCPU sends an interrupt to itself.",
    "APICv (kvm_intel enable_apicv=1) does it without an exit.",
);
static EOI: Advice = advice(
    "The guest signals end of interrupt (EOI).",
    "APICv (kvm_intel enable_apicv=1) does it without an exit. On processors without it the paravirtual EOI (QEMU: \
     -cpu MODEL,+kvm-pv-eoi) saves most of them.",
);
static XAPIC: Advice = advice(
    "The guest uses its local APIC through memory, which KVM must decode and emulate.",
    "Let the guest use x2APIC (QEMU: -cpu MODEL,+x2apic; no nox2apic in the guest), and APICv on the host.",
);
static SPECULATION: Advice = advice(
    "The guest's kernel guards against speculation when it switches.",
    "KVM passes IA32_SPEC_CTRL through after its first use. IA32_PRED_CMD is passed through where the processor has \
     it: give the guest the host's features (-cpu host). See the guest's spectre_v2_user= for who needs it.",
);
static PMU: Advice = advice(
    "The guest programs performance counters: perf, or its NMI watchdog.",
    "nmi_watchdog=0 in the guest; no perf that samples there; or no PMU for the guest (QEMU: -cpu MODEL,pmu=off). \
     Where the host has it, kvm's enable_mediated_pmu=1 makes most of them no exit.",
);
static CLOCKS: Advice = advice(
    "The guest tells KVM where to keep paravirtual clocks, steal time and the like when a vCPU starts, or reads the \
     wall clock.",
    "Nothing to gain: they are few.",
);
static ASYNC_PF: Advice = advice(
    "The host has brought in a page that the guest waited for, and the guest acknowledges it.",
    "Keep the guest's memory resident: no swap, and no overcommitted memory cgroup.",
);
static HYPERV_TIMER: Advice = advice(
    "Windows, or a guest that takes the host for Hyper-V, sets a synthetic timer.",
    "QEMU's hv-stimer-direct makes each timer cheaper. Fewer of them is for the guest: timer resolution and what \
     polls there.",
);
static HYPERV_CLOCK: Advice = advice(
    "The guest reads Hyper-V's clock through its MSR.",
    "Give it the reference TSC page (QEMU: hv-time), which it reads without an exit. If it has the page and reads the \
     MSR all the same, KVM could not use the TSC: make tsc the host's clocksource.",
);
static HYPERV_APIC: Advice = advice(
    "The guest uses its local APIC through Hyper-V's MSRs.",
    "With APICv on the host the guest's own x2APIC is cheaper: leave out QEMU's hv-vapic there.",
);
static FEATURES: Advice = advice(
    "Programs ask what the processor has when they start (the C library's loader, some twenty times each), and so \
     does the guest's kernel when it boots.",
    "Start fewer short-lived processes. For others, exitstat detail --capture ip tells which code asks.",
);
static SERIAL: Advice = advice(
    "The guest writes to a serial port: one exit per byte, and userspace finishes each.",
    "Print less: quiet, or loglevel= on the guest's kernel command line. A virtio console (console=hvc0) spares \
     userspace, but takes as many exits.",
);
static DEBUG_CONSOLE: Advice = advice(
    "The firmware writes debug messages: one exit per byte.",
    "A release build of the firmware, or no isa-debugcon device (QEMU: -debugcon).",
);
static FW_CFG: Advice = advice(
    "Firmware or bootloader reads QEMU's fw_cfg, byte by byte where it does not use its DMA.",
    "Only while it boots. Firmware that uses fw_cfg's DMA; direct kernel boot by PVH (a vmlinux with -kernel).",
);
static PCI_CONFIG: Advice = advice(
    "Firmware and kernel look for PCI devices, and set them up, through ports.",
    "Fewer devices and bridges, or a machine without PCI (QEMU's microvm).",
);
static PM_TIMER: Advice = advice(
    "The guest reads the ACPI timer: it is its clock, or calibrates another one.",
    "kvm-clock or the TSC as the guest's clock (/sys/devices/system/clocksource): an invariant TSC (-cpu \
     host,migratable=off or +invtsc). Windows: hv-time.",
);
static RTC: Advice = advice(
    "The guest uses the real-time clock or CMOS memory: it boots, or Windows keeps time by it.",
    "Windows: hv-time and -rtc driftfix=slew only if needed. Linux reads it when it boots, and hwclock when it is \
     run.",
);
static POST: Advice = advice(
    "Firmware writes POST codes, and kernels delay themselves by such writes unless KVM tells them not to.",
    "Let the guest see kvm-nopiodelay (QEMU has it on by default), or boot it with io_delay=none.",
);
static PIT_PIC: Advice = advice(
    "The guest programs the PC's old timer or interrupt controller, mostly while it starts and calibrates.",
    "Give it a TSC of known frequency (CPUID leaf 0x15 or kvm-clock), lpj= or no PIT and PIC at all: QEMU's \
     microvm,pit=off,pic=off.",
);
static KEYBOARD: Advice = advice(
    "The guest looks for a keyboard and a mouse.",
    "Only while it boots: a machine without them (microvm; q35,i8042=off) saves it.",
);
static VGA: Advice = advice(
    "The guest writes to VGA's registers.",
    "No VGA device (QEMU: -vga none) and a serial or virtio console; virtio-gpu for a screen.",
);
static IDE: Advice = advice(
    "The guest uses an IDE disk, a register an exit.",
    "virtio-blk or virtio-scsi; or no CD-ROM drive, which many machines have by default.",
);
static DEVICE_PORT: Advice = advice(
    "A PCI device's register: a doorbell of an old-style virtio device, or an emulated device.",
    "Fewer and larger requests; virtio in place of emulated devices. exitstat detail --qmp names the device.",
);
static IO_APIC: Advice = advice(
    "The guest masks, unmasks or ends interrupts at its I/O APIC.",
    "Devices that use MSI or MSI-X (virtio over PCI), which do without it.",
);
static HPET: Advice = advice(
    "The guest reads the HPET: it is its clock.",
    "kvm-clock or the TSC as the guest's clock, and no HPET (QEMU: -machine hpet=off).",
);
static DOORBELL: Advice = advice(
    "A device's register: of virtio mostly the doorbell that tells that there is something in a queue.",
    "More in a queue at once (larger or more parallel requests, virtio's event index); polling backends (vhost with \
     busy polling, iothreads with poll-max-ns). exitstat detail --qmp names the device.",
);
static MEMORY: Advice = advice(
    "The guest touches memory for the first time, or memory that the host has taken back, split or write-protected.",
    "Huge pages (hugetlbfs, or transparent ones): one exit per 2 MiB instead of up to 512. No balloon, KSM, swap or \
     NUMA balancing of this memory. QEMU's prealloc=on leaves the exits, and halves what each costs. Migration \
     write-protects pages to see what changes.",
);
static DEVICE_PAGE: Advice = advice(
    "The first access to a page of a device's registers; later ones exit as EPT_MISCONFIG, if the device is emulated.",
    "Nothing to gain: there is one for each page.",
);
static HOST_TIMER: Advice = advice(
    "The host's own timer came while the guest ran: the scheduler's tick, or a timer of KVM's for a guest.",
    "nohz_full= and isolcpus= on the host for the CPUs that run vCPUs, and no other work there.",
);
static HOST_IPI: Advice = advice(
    "Another CPU of the host interrupted this one: to reschedule, to run a function there, to flush a TLB.",
    "Keep the host's work off these CPUs (cpusets); pin vCPUs; do not unmap a running guest's memory (KSM, balloon).",
);
static HOST_DEVICE: Advice = advice(
    "A device of the host interrupted the CPU while the guest ran.",
    "Move it: /proc/irq/*/smp_affinity, irqaffinity=, or irqbalance that is told to leave these CPUs alone.",
);
static KICK: Advice = advice(
    "A vCPU that releases a lock wakes up another one that waits for it (paravirtual spinlocks).",
    "More CPUs for the VM, or fewer vCPUs, so that the holder of a lock is not preempted. If each vCPU has a CPU of \
     its own, QEMU's kvm-hint-dedicated=on.",
);
static PV_IPI: Advice = advice(
    "The guest sends an interrupt to many vCPUs by one hypercall, which saves exits.",
    "Fewer wake-ups across vCPUs. With IPI virtualization on the host, try without it (QEMU: kvm-pv-ipi=off; for \
     Windows without hv-ipi).",
);
static HYPERV_FLUSH: Advice = advice(
    "The guest has other vCPUs flush their TLBs by a hypercall, which saves exits when some do not run.",
    "Fewer vCPUs, large pages in the guest, less mapping and unmapping.",
);
static CR3: Advice = advice(
    "The guest switches address spaces, or reads CR3, and EPT is off or the guest is in real mode without \
     unrestricted_guest.",
    "kvm_intel's parameters ept=1 and unrestricted_guest=1, on a processor that has both.",
);
static CR0_CR4: Advice = advice(
    "The guest boots or changes modes: KVM must know of some bits of CR0 and CR4. With ept=0 also task switches and \
     TLB flushes.",
    "Nothing to gain while a guest boots. Else: kvm_intel's parameter ept=1.",
);
static CR8: Advice = advice(
    "The guest changes its task priority.",
    "A processor with a TPR shadow, and the APIC in the kernel (QEMU: kernel-irqchip=on).",
);
static PAGE_FAULT: Advice = advice(
    "A page fault that KVM must look at: EPT is off, or the guest's MAXPHYADDR is below the host's.",
    "kvm_intel's parameters ept=1, and allow_smaller_maxphyaddr=0.",
);

/// What is to be said; `None` if there is nothing but what the reason's page says.
#[must_use]
pub fn find(reason: u32, key: u64) -> Option<&'static Advice> {
    Some(match Key::of(reason, key)? {
        Key::Msr(msr) => msr_advice(msr)?,
        Key::Port { port, .. } => port_advice(port)?,
        Key::Leaf { .. } => &FEATURES,
        Key::Hypercall { abi, number } => hypercall_advice(abi, number)?,
        Key::Mmio { gpa, .. } => match gpa {
            // microvm has two.
            0xfec0_0000..=0xfec0_0fff | 0xfec1_0000..=0xfec1_0fff => &IO_APIC,
            0xfed0_0000..=0xfed0_03ff => &HPET,
            0xfee0_00b0 => &EOI,
            0xfee0_0000..=0xfee0_0fff => &XAPIC,
            _ => &DOORBELL,
        },
        // Where PCs have their APICs, timers and firmware.
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
        // Linux asks for the mode of an interrupt that it masks or ends at the I/O APIC.
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
