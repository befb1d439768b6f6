// SPDX-License-Identifier: GPL-2.0

//! Names of keys: from the SDM, from Linux, and from the usual layout of PCs and QEMU.

use exitstat_core::key::{Abi, Access, ControlAccess, Key};
use std::fmt::Write;

/// Returns the name of a key, for people.
#[must_use]
pub fn name(reason: u32, key: u64) -> String {
    let Some(key) = Key::of(reason, key) else {
        return String::new();
    };
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_name(&mut text, key);
    text
}

fn write_name(f: &mut String, key: Key) -> std::fmt::Result {
    match key {
        Key::Msr(msr) => {
            write!(f, "{msr:#x}")?;
            with_name(f, msr_name(msr))
        }
        Key::Port {
            port,
            size,
            input,
            string,
        } => {
            write!(f, "{port:#x} {}", port_access(input, string, size))?;
            with_name(f, port_name(port).to_owned())
        }
        Key::Leaf { leaf, subleaf } => {
            write!(f, "{leaf:#x}")?;
            if let Some(subleaf) = subleaf {
                write!(f, ".{subleaf:#x}")?;
            }
            with_name(f, leaf_name(leaf).to_owned())
        }
        Key::Hypercall { abi, number } => {
            let (whose, name) = match abi {
                Abi::Kvm => ("KVM", kvm_hypercall(number)),
                Abi::HyperV => ("Hyper-V", hyperv_hypercall(number)),
                Abi::Xen => ("Xen", ""),
            };
            write!(f, "{whose} {number:#x}")?;
            with_name(f, name.to_owned())
        }
        Key::Mmio { gpa, access } => {
            write!(f, "{gpa:#x}")?;
            if let Some(access) = access {
                write!(f, " {}", access_name(access))?;
            }
            with_name(f, mmio_name(gpa))
        }
        Key::Memory { gpa, access } => write!(f, "{gpa:#x}+2M {}", access_name(access)),
        Key::Apic(offset) => {
            write!(f, "{offset:#x}")?;
            with_name(f, apic_register(offset.into()).to_owned())
        }
        Key::Vector(vector) => {
            write!(f, "{vector:#x}")?;
            with_name(f, vector_name(vector).to_owned())
        }
        Key::Control { register, access } => match access {
            ControlAccess::Write => write!(f, "to CR{register}"),
            ControlAccess::Read => write!(f, "from CR{register}"),
            ControlAccess::Clts => write!(f, "CLTS"),
            ControlAccess::Lmsw => write!(f, "LMSW"),
        },
        Key::Debug { register, read } => {
            write!(f, "{} DR{register}", if read { "from" } else { "to" })
        }
        Key::Exception { nmi: true, .. } => write!(f, "NMI"),
        Key::Exception {
            vector: 14, error, ..
        } => {
            let who = if error & 4 != 0 { "user" } else { "kernel" };
            let what = match error {
                error if error & 16 != 0 => "fetch",
                error if error & 2 != 0 => "write",
                _ => "read",
            };
            let why = match error {
                error if error & 8 != 0 => "reserved bit",
                error if error & 1 != 0 => "protection",
                _ => "not present",
            };
            write!(f, "#PF {who} {what}, {why}")
        }
        Key::Exception { vector, .. } => match exception_name(vector) {
            "" => write!(f, "{vector}"),
            name => write!(f, "{name}"),
        },
        Key::Page(page) => write!(f, "{page:#x}"),
        Key::Xcr(register) => write!(f, "XCR{register}"),
        Key::Field(field) => write!(f, "{field:#x}"),
    }
}

/// Describes an access to a port.
pub(super) fn port_access(input: bool, string: bool, size: u8) -> String {
    let direction = if input { "in" } else { "out" };
    let string = if string { " string" } else { "" };
    format!("{direction}{string} {size}")
}

fn with_name(f: &mut String, name: String) -> std::fmt::Result {
    match name.is_empty() {
        true => Ok(()),
        false => write!(f, " {name}"),
    }
}

fn access_name(access: Access) -> &'static str {
    match access {
        Access::Read => "read",
        Access::Write => "write",
        Access::Fetch => "fetch",
        Access::Other => "other",
    }
}

/// Returns the MSR's name in the SDM, or in Linux for the MSRs of hypervisors.
fn msr_name(msr: u32) -> String {
    let name = match msr {
        0x10 => "IA32_TIME_STAMP_COUNTER",
        0x17 => "IA32_PLATFORM_ID",
        0x1b => "IA32_APIC_BASE",
        0x34 => "MSR_SMI_COUNT",
        0x35 => "MSR_CORE_THREAD_COUNT",
        0x3a => "IA32_FEATURE_CONTROL",
        0x3b => "IA32_TSC_ADJUST",
        0x48 => "IA32_SPEC_CTRL",
        0x49 => "IA32_PRED_CMD",
        0x79 => "IA32_BIOS_UPDT_TRIG",
        0x8b => "IA32_BIOS_SIGN_ID",
        0xc1..=0xc8 => return format!("IA32_PMC{}", msr - 0xc1),
        0xcd => "MSR_FSB_FREQ",
        0xce => "MSR_PLATFORM_INFO",
        0xe1 => "IA32_UMWAIT_CONTROL",
        0xe7 => "IA32_MPERF",
        0xe8 => "IA32_APERF",
        0xfe => "IA32_MTRRCAP",
        0x10a => "IA32_ARCH_CAPABILITIES",
        0x10b => "IA32_FLUSH_CMD",
        0x122 => "IA32_TSX_CTRL",
        0x140 => "MSR_MISC_FEATURES_ENABLES",
        0x174 => "IA32_SYSENTER_CS",
        0x175 => "IA32_SYSENTER_ESP",
        0x176 => "IA32_SYSENTER_EIP",
        0x179 => "IA32_MCG_CAP",
        0x17a => "IA32_MCG_STATUS",
        0x17b => "IA32_MCG_CTL",
        0x186..=0x18d => return format!("IA32_PERFEVTSEL{}", msr - 0x186),
        0x198 => "IA32_PERF_STATUS",
        0x199 => "IA32_PERF_CTL",
        0x19a => "IA32_CLOCK_MODULATION",
        0x19c => "IA32_THERM_STATUS",
        0x1a0 => "IA32_MISC_ENABLE",
        0x1a2 => "MSR_TEMPERATURE_TARGET",
        0x1ad => "MSR_TURBO_RATIO_LIMIT",
        0x1b0 => "IA32_ENERGY_PERF_BIAS",
        0x1c4 => "IA32_XFD",
        0x1c5 => "IA32_XFD_ERR",
        0x1c8 => "MSR_LBR_SELECT",
        0x1c9 => "MSR_LASTBRANCH_TOS",
        0x1d9 => "IA32_DEBUGCTL",
        0x200..=0x21f if msr & 1 == 0 => return format!("IA32_MTRR_PHYSBASE{}", (msr - 0x200) / 2),
        0x200..=0x21f => return format!("IA32_MTRR_PHYSMASK{}", (msr - 0x200) / 2),
        0x250 => "IA32_MTRR_FIX64K_00000",
        0x258 | 0x259 => "IA32_MTRR_FIX16K",
        0x268..=0x26f => "IA32_MTRR_FIX4K",
        0x277 => "IA32_PAT",
        0x2ff => "IA32_MTRR_DEF_TYPE",
        0x309..=0x30b => return format!("IA32_FIXED_CTR{}", msr - 0x309),
        0x345 => "IA32_PERF_CAPABILITIES",
        0x38d => "IA32_FIXED_CTR_CTRL",
        0x38e => "IA32_PERF_GLOBAL_STATUS",
        0x38f => "IA32_PERF_GLOBAL_CTRL",
        0x390 => "IA32_PERF_GLOBAL_OVF_CTRL",
        0x3f1 => "IA32_PEBS_ENABLE",
        0x400..=0x47f => {
            let kind = ["CTL", "STATUS", "ADDR", "MISC"][(msr & 3) as usize];
            return format!("IA32_MC{}_{kind}", (msr - 0x400) / 4);
        }
        0x480..=0x491 => "IA32_VMX capability",
        0x4c1..=0x4c8 => return format!("IA32_A_PMC{}", msr - 0x4c1),
        0x600 => "IA32_DS_AREA",
        0x606 => "MSR_RAPL_POWER_UNIT",
        0x611 => "MSR_PKG_ENERGY_STATUS",
        0x619 => "MSR_DRAM_ENERGY_STATUS",
        0x639 => "MSR_PP0_ENERGY_STATUS",
        0x641 => "MSR_PP1_ENERGY_STATUS",
        0x64d => "MSR_PLATFORM_ENERGY_STATUS",
        0x6e0 => "IA32_TSC_DEADLINE",
        0x770 => "IA32_PM_ENABLE",
        0x771 => "IA32_HWP_CAPABILITIES",
        0x774 => "IA32_HWP_REQUEST",
        0x800..=0x8ff => {
            // The registers of the local APIC, which are 16 bytes apart in MMIO.
            return match apic_register(u64::from(msr - 0x800) << 4) {
                "" => "x2APIC".to_owned(),
                name => format!("x2APIC {name}"),
            };
        }
        0xda0 => "IA32_XSS",
        0x4b56_4d00 => "MSR_KVM_WALL_CLOCK_NEW",
        0x4b56_4d01 => "MSR_KVM_SYSTEM_TIME_NEW",
        0x4b56_4d02 => "MSR_KVM_ASYNC_PF_EN",
        0x4b56_4d03 => "MSR_KVM_STEAL_TIME",
        0x4b56_4d04 => "MSR_KVM_PV_EOI_EN",
        0x4b56_4d05 => "MSR_KVM_POLL_CONTROL",
        0x4b56_4d06 => "MSR_KVM_ASYNC_PF_INT",
        0x4b56_4d07 => "MSR_KVM_ASYNC_PF_ACK",
        0x4b56_4d08 => "MSR_KVM_MIGRATION_CONTROL",
        0x11 => "MSR_KVM_WALL_CLOCK",
        0x12 => "MSR_KVM_SYSTEM_TIME",
        0x4000_0000 => "HV_X64_MSR_GUEST_OS_ID",
        0x4000_0001 => "HV_X64_MSR_HYPERCALL",
        0x4000_0002 => "HV_X64_MSR_VP_INDEX",
        0x4000_0003 => "HV_X64_MSR_RESET",
        0x4000_0010 => "HV_X64_MSR_VP_RUNTIME",
        0x4000_0020 => "HV_X64_MSR_TIME_REF_COUNT",
        0x4000_0021 => "HV_X64_MSR_REFERENCE_TSC",
        0x4000_0022 => "HV_X64_MSR_TSC_FREQUENCY",
        0x4000_0023 => "HV_X64_MSR_APIC_FREQUENCY",
        0x4000_0070 => "HV_X64_MSR_EOI",
        0x4000_0071 => "HV_X64_MSR_ICR",
        0x4000_0072 => "HV_X64_MSR_TPR",
        0x4000_0073 => "HV_X64_MSR_VP_ASSIST_PAGE",
        0x4000_0080 => "HV_X64_MSR_SCONTROL",
        0x4000_0082 => "HV_X64_MSR_SIEFP",
        0x4000_0083 => "HV_X64_MSR_SIMP",
        0x4000_0084 => "HV_X64_MSR_EOM",
        0x4000_0090..=0x4000_009f => return format!("HV_X64_MSR_SINT{}", msr - 0x4000_0090),
        0x4000_00b0..=0x4000_00b7 => {
            let kind = ["CONFIG", "COUNT"][(msr & 1) as usize];
            return format!("HV_X64_MSR_STIMER{}_{kind}", (msr - 0x4000_00b0) / 2);
        }
        0xc000_0080 => "IA32_EFER",
        0xc000_0081 => "IA32_STAR",
        0xc000_0082 => "IA32_LSTAR",
        0xc000_0083 => "IA32_CSTAR",
        0xc000_0084 => "IA32_FMASK",
        0xc000_0100 => "IA32_FS_BASE",
        0xc000_0101 => "IA32_GS_BASE",
        0xc000_0102 => "IA32_KERNEL_GS_BASE",
        0xc000_0103 => "IA32_TSC_AUX",
        0xc001_0010 => "SYSCFG",
        0xc001_0015 => "HWCR",
        0xc001_001f => "NB_CFG",
        0xc001_0055 => "INTPEND",
        0xc001_0117 => "VM_HSAVE_PA",
        0xc001_1029 => "DE_CFG",
        _ => "",
    };
    name.to_owned()
}

/// Returns the usual device at a port of a PC, including QEMU's.
fn port_name(port: u16) -> &'static str {
    match port {
        0x00..=0x0f | 0xc0..=0xdf => "DMA",
        0x20 | 0x21 => "PIC",
        0x40..=0x43 => "PIT",
        0x60 | 0x64 => "keyboard controller",
        0x61 => "port B",
        0x70 | 0x71 => "RTC and CMOS",
        0x80 => "POST code",
        0x92 => "port A",
        0xa0 | 0xa1 => "second PIC",
        0xb2 | 0xb3 => "APM",
        0x170..=0x177 => "second IDE",
        0x1f0..=0x1f7 => "IDE",
        0x2e8..=0x2ef => "COM4",
        0x2f8..=0x2ff => "COM2",
        0x378..=0x37a => "LPT1",
        0x3b0..=0x3df => "VGA",
        0x3e8..=0x3ef => "COM3",
        0x3f0..=0x3f7 => "floppy",
        0x3f8..=0x3ff => "COM1",
        0x402 => "firmware debug console",
        0x4d0 | 0x4d1 => "ELCR",
        0x505 => "pvpanic",
        0x510 | 0x511 => "fw_cfg",
        0x514..=0x51b => "fw_cfg DMA",
        0x600..=0x603 => "ACPI PM1 events",
        0x604 | 0x605 => "ACPI PM1 control",
        0x608..=0x60b => "ACPI PM timer",
        0x620..=0x62f => "ACPI GPE0",
        0x630..=0x637 => "ICH9 SMI",
        0x660..=0x67f => "ICH9 TCO",
        0xb000..=0xb003 => "ACPI PM1 events",
        0xb004 | 0xb005 => "ACPI PM1 control",
        0xb008..=0xb00b => "ACPI PM timer",
        0xcd8..=0xcdf | 0xaf00..=0xaf1f => "CPU hotplug",
        0xcf8..=0xcfb => "PCI config address",
        0xcfc..=0xcff => "PCI config data",
        0x5658 => "VMware backdoor",
        _ => "",
    }
}

fn leaf_name(leaf: u32) -> &'static str {
    match leaf {
        0x00 => "vendor",
        0x01 => "version and features",
        0x02 => "caches and TLBs",
        0x03 => "serial number",
        0x04 => "caches",
        0x05 => "MONITOR/MWAIT",
        0x06 => "power management",
        0x07 => "more features",
        0x09 => "direct cache access",
        0x0a => "performance monitoring",
        0x0b | 0x1f => "topology",
        0x0d => "XSAVE",
        0x0f => "resource monitoring",
        0x10 => "resource allocation",
        0x12 => "SGX",
        0x14 => "processor trace",
        0x15 => "TSC and crystal clock",
        0x16 => "frequencies",
        0x17 => "SoC vendor",
        0x18 => "TLBs",
        0x19 => "key locker",
        0x1a => "native model",
        0x1b => "PCONFIG",
        0x1c => "last branch records",
        0x1d | 0x1e => "AMX",
        0x20 => "HRESET",
        0x23 => "more performance monitoring",
        0x24 => "AVX10",
        0x4000_0000 => "hypervisor",
        0x4000_0001 => "hypervisor features",
        0x4000_0002..=0x4000_00ff => "hypervisor",
        0x4000_0100 => "second hypervisor interface",
        0x4fff_fffc..=0x4fff_ffff => "exitstat",
        0x8000_0000 => "largest extended leaf",
        0x8000_0001 => "extended features",
        0x8000_0002..=0x8000_0004 => "brand",
        0x8000_0005 | 0x8000_0006 => "caches and TLBs",
        0x8000_0007 => "invariant TSC",
        0x8000_0008 => "address sizes",
        0x8000_000a => "SVM",
        0x8000_001d => "caches",
        0x8000_001e => "topology",
        0x8000_001f => "encrypted memory",
        0x8000_0021 => "more extended features",
        0x8000_0026 => "topology",
        _ => "",
    }
}

fn kvm_hypercall(number: u64) -> &'static str {
    match number {
        1 => "VAPIC_POLL_IRQ",
        5 => "KICK_CPU",
        9 => "CLOCK_PAIRING",
        10 => "SEND_IPI",
        11 => "SCHED_YIELD",
        12 => "MAP_GPA_RANGE",
        _ => "",
    }
}

fn hyperv_hypercall(number: u64) -> &'static str {
    match number {
        0x02 => "FLUSH_VIRTUAL_ADDRESS_SPACE",
        0x03 => "FLUSH_VIRTUAL_ADDRESS_LIST",
        0x08 => "NOTIFY_LONG_SPIN_WAIT",
        0x0b => "SEND_IPI",
        0x13 => "FLUSH_VIRTUAL_ADDRESS_SPACE_EX",
        0x14 => "FLUSH_VIRTUAL_ADDRESS_LIST_EX",
        0x15 => "SEND_IPI_EX",
        0x5c => "POST_MESSAGE",
        0x5d => "SIGNAL_EVENT",
        _ => "",
    }
}

/// Returns the device at an address that is the same on all PCs. Other addresses depend on the machine.
fn mmio_name(gpa: u64) -> String {
    match gpa {
        0xfec0_0000..=0xfec0_0fff => "I/O APIC".to_owned(),
        0xfed0_0000..=0xfed0_03ff => "HPET".to_owned(),
        0xfed4_0000..=0xfed4_4fff => "TPM".to_owned(),
        0xfee0_0000..=0xfee0_0fff => match apic_register(gpa & 0xfff) {
            "" => "local APIC".to_owned(),
            name => format!("local APIC {name}"),
        },
        _ => String::new(),
    }
}

/// Returns the name of a local APIC register, given its offset.
fn apic_register(offset: u64) -> &'static str {
    match offset {
        0x20 => "ID",
        0x30 => "version",
        0x80 => "TPR",
        0xa0 => "PPR",
        0xb0 => "EOI",
        0xd0 => "LDR",
        0xe0 => "DFR",
        0xf0 => "spurious vector",
        0x100..=0x170 => "ISR",
        0x180..=0x1f0 => "TMR",
        0x200..=0x270 => "IRR",
        0x280 => "error status",
        0x2f0 => "LVT CMCI",
        0x300 => "ICR",
        0x310 => "ICR high",
        0x320 => "LVT timer",
        0x330 => "LVT thermal",
        0x340 => "LVT performance",
        0x350 => "LVT LINT0",
        0x360 => "LVT LINT1",
        0x370 => "LVT error",
        0x380 => "initial count",
        0x390 => "current count",
        0x3e0 => "divide configuration",
        0x3f0 => "self IPI",
        _ => "",
    }
}

/// Returns the name of a vector that Linux reserves, from `arch/x86/include/asm/irq_vectors.h`.
fn vector_name(vector: u8) -> &'static str {
    match vector {
        0xec => "timer",
        0xf0 => "nested posted interrupt",
        0xf1 => "posted interrupt wakeup",
        0xf2 => "posted interrupt",
        0xf6 => "IRQ work",
        0xf7 => "platform",
        0xf8 => "reboot",
        0xfa => "thermal",
        0xfb => "call function",
        0xfc => "call function single",
        0xfd => "reschedule",
        0xfe => "error",
        0xff => "spurious",
        _ => "",
    }
}

fn exception_name(vector: u8) -> &'static str {
    match vector {
        0 => "#DE",
        1 => "#DB",
        2 => "NMI",
        3 => "#BP",
        4 => "#OF",
        5 => "#BR",
        6 => "#UD",
        7 => "#NM",
        8 => "#DF",
        10 => "#TS",
        11 => "#NP",
        12 => "#SS",
        13 => "#GP",
        14 => "#PF",
        16 => "#MF",
        17 => "#AC",
        18 => "#MC",
        19 => "#XM",
        20 => "#VE",
        21 => "#CP",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn keys_have_the_names_that_people_know() {
        for (reason, key, expected) in [
            (32, 0x6e0, "0x6e0 IA32_TSC_DEADLINE"),
            (32, 0x830, "0x830 x2APIC ICR"),
            (31, 0x402, "0x402 IA32_MC0_ADDR"),
            (31, 0x12345, "0x12345"),
            (30, 0x03f8_0000, "0x3f8 out 1 COM1"),
            (30, 0x0cfc_000b, "0xcfc in 4 PCI config data"),
            (30, 0x01f0_0019, "0x1f0 in string 2 IDE"),
            (10, 0x2_0000_000d, "0xd.0x2 XSAVE"),
            (10, 0x4000_0000, "0x40000000 hypervisor"),
            (18, 10, "KVM 0xa SEND_IPI"),
            (18, (1 << 62) | 0x5d, "Hyper-V 0x5d SIGNAL_EVENT"),
            (49, 0xfed0_00f0, "0xfed000f0 HPET"),
            (
                44,
                (1 << 60) | 0xfee0_0300,
                "0xfee00300 write local APIC ICR",
            ),
            (48, 0x4020_0002, "0x40200000+2M write"),
            (56, 0xb0, "0xb0 EOI"),
            (1, 0xec, "0xec timer"),
            (28, 0x14, "from CR4"),
            (28, 0x20, "CLTS"),
            (29, 0x17, "from DR7"),
            (0, 14 | 3 << 8 | 6 << 16, "#PF user write, not present"),
            (0, 2 | 2 << 8, "NMI"),
            (55, 0, "XCR0"),
            (12, 0, ""),
        ] {
            assert_eq!(name(reason, key), expected);
        }
    }
}
