// SPDX-License-Identifier: GPL-2.0

//! Output of Debian's `cpuid`.

use exitstat_lab::suite::leaves::{checks, parse};

/// A line has at most one answer. Printed in the format of `cpuid`, answers can be parsed again.
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
