// SPDX-License-Identifier: GPL-2.0

//! What Debian's `cpuid` prints.

use exitstat_lab::suite::leaves::{checks, parse};

/// At most one answer a line; printed as `cpuid` does it, they are parsed again.
pub fn run(data: &[u8]) {
    let text = crate::text(data);
    let answers = parse(&text);
    assert!(answers.len() <= text.lines().count());
    let printed: Vec<_> = answers
        .iter()
        .map(|a| {
            let r = a.answer;
            format!(
                "   {:#010x} {:#04x}: eax={:#010x} ebx={:#010x} ecx={:#010x} edx={:#010x}\n",
                a.eax, a.ecx, r.eax, r.ebx, r.ecx, r.edx
            )
        })
        .collect();
    assert_eq!(parse(&printed.concat()), answers);
    checks(&answers, &[10, 30], &[37]);
}
