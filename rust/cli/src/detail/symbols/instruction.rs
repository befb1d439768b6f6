// SPDX-License-Identifier: GPL-2.0

//! Instructions that cause each exit reason (SDM vol. 3, "Instructions that cause VM exits").

/// Returns whether `bytes` begin with an instruction that exits with a basic reason; `None` for reasons
/// without a specific instruction, such as interrupts and page faults.
pub fn fits(reason: u32, bytes: &[u8]) -> Option<bool> {
    let legacy = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf2, 0xf3];
    let prefixes = bytes.iter().take(4);
    let prefixes = prefixes.take_while(|byte| legacy.contains(byte)).count();
    let rest = bytes.get(prefixes..).unwrap_or_default();
    // REX is the last prefix.
    let rest = match rest {
        [0x40..=0x4f, rest @ ..] => rest,
        rest => rest,
    };
    let register = |byte: &u8| byte >> 3 & 7;
    let is_memory = |byte: &u8| byte >> 6 != 3;
    Some(match reason {
        10 => rest.starts_with(&[0x0f, 0xa2]),
        12 => rest.starts_with(&[0xf4]),
        13 => rest.starts_with(&[0x0f, 0x08]),
        14 => matches!(rest, [0x0f, 0x01, modrm, ..] if register(modrm) == 7 && is_memory(modrm)),
        15 => rest.starts_with(&[0x0f, 0x33]),
        16 => rest.starts_with(&[0x0f, 0x31]),
        // KVM rewrites VMMCALL to VMCALL.
        18 => matches!(rest, [0x0f, 0x01, 0xc1 | 0xd9, ..]),
        28 => match rest {
            [0x0f, 0x20 | 0x22 | 0x06, ..] => true,
            [0x0f, 0x01, modrm, ..] => register(modrm) == 6,
            _ => false,
        },
        29 => matches!(rest, [0x0f, 0x21 | 0x23, ..]),
        30 => matches!(rest, [0xe4..=0xe7 | 0xec..=0xef | 0x6c..=0x6f, ..]),
        31 => rest.starts_with(&[0x0f, 0x32]),
        // WRMSR and WRMSRNS.
        32 => matches!(rest, [0x0f, 0x30, ..] | [0x0f, 0x01, 0xc6, ..]),
        36 => rest.starts_with(&[0x0f, 0x01, 0xc9]),
        39 => rest.starts_with(&[0x0f, 0x01, 0xc8]),
        40 => bytes.starts_with(&[0xf3, 0x90]),
        51 => rest.starts_with(&[0x0f, 0x01, 0xf9]),
        54 => rest.starts_with(&[0x0f, 0x09]),
        55 => rest.starts_with(&[0x0f, 0x01, 0xd1]),
        57 => matches!(rest, [0x0f, 0xc7, modrm, ..] if register(modrm) == 6 && !is_memory(modrm)),
        58 => rest.starts_with(&[0x0f, 0x38, 0x82]),
        61 => matches!(rest, [0x0f, 0xc7, modrm, ..] if register(modrm) == 7 && !is_memory(modrm)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn each_reason_has_its_instructions() {
        for (reason, bytes) in [
            (10, &[0x0f, 0xa2][..]),
            (12, &[0xf4]),
            (14, &[0x0f, 0x01, 0x38]),
            (18, &[0x0f, 0x01, 0xc1]),
            (28, &[0x0f, 0x22, 0xd8]),
            (28, &[0x41, 0x0f, 0x20, 0xc0]),
            (28, &[0x0f, 0x06]),
            (30, &[0xee]),
            (30, &[0x66, 0xef]),
            (30, &[0xf3, 0x66, 0x6d]),
            (30, &[0xe4, 0x64]),
            (31, &[0x0f, 0x32]),
            (32, &[0x3e, 0x0f, 0x30]),
            (32, &[0x0f, 0x01, 0xc6]),
            (40, &[0xf3, 0x90]),
            (57, &[0x48, 0x0f, 0xc7, 0xf0]),
            (58, &[0x66, 0x0f, 0x38, 0x82, 0x07]),
        ] {
            assert_eq!(fits(reason, bytes), Some(true), "{reason} {bytes:x?}");
        }
        for (reason, bytes) in [
            (32, &[0x0f, 0x32][..]),
            (12, &[0xfb]),
            (12, &[]),
            (40, &[0x90]),
            (14, &[0x0f, 0x01, 0xf8]),
            (10, &[0x0f]),
            (30, &[0x0f, 0xee]),
        ] {
            assert_eq!(fits(reason, bytes), Some(false), "{reason} {bytes:x?}");
        }
        for reason in [0, 1, 7, 48, 49, 52] {
            assert_eq!(fits(reason, &[0x0f, 0xa2]), None);
        }
    }
}
