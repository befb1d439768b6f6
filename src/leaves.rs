// SPDX-License-Identifier: GPL-2.0

//! Answers to the CPUID leaves. Guests may ask from any ring.

use super::{
    cpu,
    ffi::Scope,
    leaf::{
        self,
        Answer,
        Leaf,
        Subject, //
    },
    nospec,
    reason::{
        Slot,
        END, //
    },
    tally::Tally,
    vcpu::Vcpu, //
};

/// A CPUID executed by a guest.
pub(crate) trait Asked {
    /// Returns the basic reason of the open exit, if one is open.
    fn open_reason(&self) -> Option<u32>;

    /// Returns the sum of `of` over the guest's vCPUs.
    fn sum_over_vcpus(&self, of: &dyn Fn(&Vcpu) -> Tally) -> Tally;

    /// Returns a number that changes when the counters of a scope restart.
    fn generation(&self, scope: Scope) -> u32;
}

/// Answers a leaf about the exits of the guest itself or of the host.
///
/// The open exit is counted under the reason where the guest will find it once it is over, but its
/// time is not. Hence two consecutive readings differ by one.
pub(crate) fn answer(
    asked: &impl Asked,
    scope: Scope,
    eax: u32,
    ecx: u32, //
) -> Option<Answer> {
    if eax == leaf::INTERFACE {
        return (scope != Scope::Off).then(|| leaf::interface(asked.generation(scope)));
    }
    let leaf = Leaf::from_eax(eax)?;
    let subject = leaf.subject(ecx);

    let (tally, open) = match subject {
        Subject::Undefined if scope != Scope::Off => return Some(leaf::UNDEFINED),
        Subject::Reason(number) => {
            let slot = Slot::of(nospec::clamp::<END>(number));
            let open = asked.open_reason() == Some(number);
            let tally = match scope {
                Scope::Vm => asked.sum_over_vcpus(&|vcpu| vcpu.total(slot)),
                Scope::Host => cpu::total(slot),
                Scope::Off => return None,
            };
            (tally, open)
        }
        Subject::Total => {
            let tally = match scope {
                Scope::Vm => asked.sum_over_vcpus(&Vcpu::grand_total),
                Scope::Host => cpu::grand_total(),
                Scope::Off => return None,
            };
            (tally, asked.open_reason().is_some())
        }
        Subject::Undefined => return None,
    };

    let open = Tally {
        exits: open.into(),
        cycles: 0,
    };
    Some(leaf.encode(tally.plus(open)))
}

#[cfg(exitstat_kunit)]
#[kernel::prelude::kunit_tests(exitstat_leaves)]
mod tests {
    use super::*;
    use crate::{
        reason,
        vcpu::tests::some_vcpu, //
    };
    use kernel::prelude::*;

    const SCOPES: [Scope; 3] = [Scope::Vm, Scope::Host, Scope::Off];
    const CPUID: u32 = 10;
    const HLT: u32 = 12;
    const NEVER: u32 = 37;
    const ZEROS: Answer = answer_of(0, 0, 0, 0);

    /// A guest that executes CPUID.
    struct Guest {
        open: Option<u32>,
        vcpus: KVec<KVBox<Vcpu>>,
    }

    impl Asked for Guest {
        fn open_reason(&self) -> Option<u32> {
            self.open
        }

        fn sum_over_vcpus(&self, of: &dyn Fn(&Vcpu) -> Tally) -> Tally {
            self.vcpus.iter().map(|vcpu| of(vcpu)).sum()
        }

        fn generation(&self, scope: Scope) -> u32 {
            if scope == Scope::Vm {
                7
            } else {
                8
            }
        }
    }

    const fn answer_of(eax: u32, ebx: u32, ecx: u32, edx: u32) -> Answer {
        Answer { eax, ebx, ecx, edx }
    }

    /// Returns a guest with two vCPUs that took 3 exits for CPUID and 1 for HLT.
    fn guest(open: Option<u32>) -> Result<Guest> {
        let mut vcpus = KVec::new();
        for exits in [[(CPUID, 0x2_0000_0005), (HLT, 7)], [(CPUID, 1), (CPUID, 2)]] {
            let vcpu = some_vcpu()?;
            for (number, cycles) in exits {
                vcpu.record_user_exit(Slot::of(number), cycles);
                // Answers exclude time spent in userspace.
                vcpu.record_user_time(Slot::of(number), cycles, 0);
            }
            vcpus.push(vcpu, GFP_KERNEL)?;
        }
        Ok(Guest { open, vcpus })
    }

    fn vm(guest: &Guest, eax: u32, ecx: u32) -> Option<Answer> {
        answer(guest, Scope::Vm, eax, ecx)
    }

    #[test]
    fn the_interface_tells_of_its_scope() -> Result {
        let guest = guest(Some(CPUID))?;
        let ask = |scope| answer(&guest, scope, leaf::INTERFACE, u32::MAX);
        assert!(ask(Scope::Vm) == Some(leaf::interface(7)));
        assert!(ask(Scope::Host) == Some(leaf::interface(8)));
        assert!(ask(Scope::Off).is_none());
        Ok(())
    }

    #[test]
    fn only_the_four_leaves_are_answered() -> Result {
        let guest = guest(Some(CPUID))?;
        for eax in [0, 1, 0x4000_0000, 0x4fff_fffa, 0x5000_0000, u32::MAX] {
            for scope in SCOPES {
                assert!(answer(&guest, scope, eax, CPUID).is_none());
            }
        }
        for leaf in Leaf::ALL {
            assert!(answer(&guest, Scope::Vm, leaf.eax(), CPUID).is_some());
            assert!(answer(&guest, Scope::Host, leaf.eax(), CPUID).is_some());
        }
        Ok(())
    }

    #[test]
    fn nothing_is_answered_with_scope_off() -> Result {
        let guest = guest(Some(CPUID))?;
        for leaf in Leaf::ALL {
            for ecx in [CPUID, NEVER, 35, END, u32::MAX] {
                assert!(answer(&guest, Scope::Off, leaf.eax(), ecx).is_none());
            }
        }
        Ok(())
    }

    #[test]
    fn a_vm_is_told_the_sum_over_its_vcpus() -> Result {
        let guest = guest(None)?;
        let (reason, time) = (answer_of(3, 2, 8, 0), answer_of(0, 2, 8, 0));
        assert_eq!(vm(&guest, 0x4fff_fffd, CPUID), Some(reason));
        assert_eq!(vm(&guest, 0x4fff_fffc, CPUID), Some(time));
        assert_eq!(vm(&guest, 0x4fff_fffd, HLT), Some(answer_of(1, 0, 7, 0)));
        assert_eq!(vm(&guest, 0x4fff_fffc, HLT), Some(answer_of(0, 0, 7, 0)));
        Ok(())
    }

    #[test]
    fn the_total_is_of_all_reasons_whatever_ecx() -> Result {
        let guest = guest(None)?;
        for ecx in [0, CPUID, NEVER, 35, END, 65536, u32::MAX] {
            assert_eq!(vm(&guest, 0x4fff_ffff, ecx), Some(answer_of(4, 2, 15, 0)));
            assert_eq!(vm(&guest, 0x4fff_fffe, ecx), Some(answer_of(0, 2, 15, 0)));
        }
        Ok(())
    }

    #[test]
    fn a_reason_never_taken_is_zeros() -> Result {
        let guest = guest(Some(CPUID))?;
        for r in &reason::REASONS {
            if ![CPUID, HLT].contains(&r.number) {
                assert_eq!(vm(&guest, 0x4fff_fffd, r.number), Some(ZEROS));
                assert_eq!(vm(&guest, 0x4fff_fffc, r.number), Some(ZEROS));
            }
        }
        Ok(())
    }

    #[test]
    fn every_class_of_ecx_that_is_not_defined_is_said_to_be() -> Result {
        let guest = guest(Some(35))?;
        let in_range = [35, 38, 42, 71, 82, 83];
        let above = [86, 87, 127, 128, 138, 255, 256, 266, 65535, 65536, 65546];
        let high = [1 << 31, (1 << 31) + CPUID, u32::MAX - 1, u32::MAX];
        for &ecx in [&in_range[..], &above, &high].into_iter().flatten() {
            for scope in [Scope::Vm, Scope::Host] {
                for eax in [0x4fff_fffc, 0x4fff_fffd] {
                    let undefined = Some(answer_of(0, 0, 0, u32::MAX));
                    assert_eq!(answer(&guest, scope, eax, ecx), undefined);
                }
            }
        }
        Ok(())
    }

    #[test]
    fn the_open_exit_is_in_its_reason_and_the_total_once() -> Result {
        let guest = guest(Some(HLT))?;
        assert_eq!(vm(&guest, 0x4fff_fffd, HLT), Some(answer_of(2, 0, 7, 0)));
        assert_eq!(vm(&guest, 0x4fff_ffff, 0), Some(answer_of(5, 2, 15, 0)));
        assert_eq!(vm(&guest, 0x4fff_fffd, CPUID), Some(answer_of(3, 2, 8, 0)));
        // The open exit has no time yet.
        assert_eq!(vm(&guest, 0x4fff_fffc, HLT), Some(answer_of(0, 0, 7, 0)));
        assert_eq!(vm(&guest, 0x4fff_fffe, 0), Some(answer_of(0, 2, 15, 0)));
        Ok(())
    }

    #[test]
    fn the_open_exit_counts_if_there_was_none_before() -> Result {
        let guest = Guest {
            open: Some(CPUID),
            vcpus: KVec::new(),
        };
        assert_eq!(vm(&guest, 0x4fff_fffd, CPUID), Some(answer_of(1, 0, 0, 0)));
        assert_eq!(vm(&guest, 0x4fff_ffff, 0), Some(answer_of(1, 0, 0, 0)));
        assert_eq!(vm(&guest, 0x4fff_fffd, 0), Some(ZEROS));
        Ok(())
    }

    #[test]
    fn with_scope_host_the_answer_is_the_hosts() -> Result {
        let guest = guest(Some(HLT))?;
        cpu::record(Slot::of(NEVER), 9);
        cpu::record(Slot::of(HLT), 11);
        let open = Tally {
            exits: 1,
            cycles: 0,
        };
        for leaf in [Leaf::Reason, Leaf::ReasonTime] {
            let never = leaf.encode(cpu::total(Slot::of(NEVER)));
            let hlt = leaf.encode(cpu::total(Slot::of(HLT)).plus(open));
            assert_eq!(answer(&guest, Scope::Host, leaf.eax(), NEVER), Some(never));
            assert_eq!(answer(&guest, Scope::Host, leaf.eax(), HLT), Some(hlt));
        }
        for leaf in [Leaf::Total, Leaf::TotalTime] {
            let total = leaf.encode(cpu::grand_total().plus(open));
            assert_eq!(answer(&guest, Scope::Host, leaf.eax(), 0), Some(total));
        }
        // And the VM still has its own.
        assert_eq!(vm(&guest, 0x4fff_fffd, NEVER), Some(ZEROS));
        Ok(())
    }
}
