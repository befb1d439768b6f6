// SPDX-License-Identifier: GPL-2.0

//! Output of Debian's `cpuid` in a guest, against the table of the leaves.

use super::{agreement::Totals, check::Check};
use crate::report::Report;
use exitstat_core::{
    leaf::{Answer, Leaf, UNDEFINED},
    reason::is_defined,
};

/// A query with its answer, from `0x4ffffffd 0x0a: eax=0x... ebx=0x... ecx=0x... edx=0x...`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The leaf.
    pub eax: u32,
    /// The subleaf: the exit reason in question.
    pub ecx: u32,
    /// The four registers of the answer.
    pub answer: Answer,
}

/// Returns all answers in a text, in order.
pub fn parse(text: &str) -> Vec<Answered> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Answered> {
    let mut numbers = line
        .split(|c: char| c.is_whitespace() || c == '=' || c == ':')
        .filter_map(|word| u32::from_str_radix(word.strip_prefix("0x")?, 16).ok());
    let mut next = || numbers.next();
    Some(Answered {
        eax: next()?,
        ecx: next()?,
        answer: Answer {
            eax: next()?,
            ebx: next()?,
            ecx: next()?,
            edx: next()?,
        },
    })
}

const ZERO: Answer = Answer {
    eax: 0,
    ebx: 0,
    ecx: 0,
    edx: 0,
};

/// Checks one guest's answers of all four leaves. The guest took exits with the reasons `taken`, and none with
/// the reasons `never`.
pub fn checks(answers: &[Answered], taken: &[u32], never: &[u32]) -> Vec<Check> {
    let of = |leaf: Leaf, ecx: u32| {
        answers
            .iter()
            .find(|a| a.eax == leaf.eax() && a.ecx == ecx)
            .map(|a| a.answer)
    };
    let each = |leaves: [Leaf; 2], ecx: &[u32], rule: &dyn Fn(Leaf, Answer) -> bool| {
        let mut wrong = Vec::new();
        for leaf in leaves {
            for &ecx in ecx {
                match of(leaf, ecx) {
                    Some(answer) if rule(leaf, answer) => {}
                    other => wrong.push(format!("{leaf:?} {ecx}: {other:x?}")),
                }
            }
        }
        if wrong.is_empty() {
            Ok(String::new())
        } else {
            Err(wrong.join("; "))
        }
    };
    let counts = |leaf: Leaf, answer: Answer| {
        let tally = answer.decode().unwrap_or_default();
        let with_exits = matches!(leaf, Leaf::Total | Leaf::Reason);
        (tally.exits > 0) == with_exits && tally.cycles > 0
    };
    let mut undefined = vec![35, 38, 42, 71, 82, 83, 86, 255, 65535, 65536, u32::MAX];
    undefined.retain(|&n| !is_defined(n));
    vec![
        Check::new("a reason that was taken has exits and cycles", || {
            each([Leaf::Reason, Leaf::ReasonTime], taken, &counts)
        }),
        Check::new("a reason never taken is all zeros", || {
            each([Leaf::Reason, Leaf::ReasonTime], never, &|_, answer| {
                answer == ZERO
            })
        }),
        Check::new("a reason not in the SDM is 0 0 0 ffffffff", || {
            each(
                [Leaf::Reason, Leaf::ReasonTime],
                &undefined,
                &|_, answer| answer == UNDEFINED,
            )
        }),
        Check::new(
            "the total has exits and cycles, its time only cycles",
            || each([Leaf::Total, Leaf::TotalTime], &[0, 86], &counts),
        ),
        Check::new("no part exceeds the total", || {
            let last = answers.iter().rev().find(|a| a.eax == Leaf::Total.eax());
            let total = last.and_then(|a| a.answer.decode()).ok_or("no total")?;
            let parts = answers.iter().filter(|a| a.eax == Leaf::Reason.eax());
            for part in parts {
                let tally = part.answer.decode().unwrap_or_default();
                if tally.exits > total.exits || tally.cycles > total.cycles {
                    return Err(format!("{part:x?} of {total:?}"));
                }
            }
            Ok(format!("{} exits", total.exits))
        }),
    ]
}

/// Checks with `guest_scope=host` that a guest's total lies between the host's totals before and after.
pub fn between(report: &Report, console: &str) -> Check {
    Check::new("an answer lies between the totals before and after", || {
        let exits = |name| -> Result<u64, String> {
            Ok(Totals::parse(report.get(name).unwrap_or_default())?.exits())
        };
        let (before, after) = (exits("before")?, exits("after")?);
        let answers = parse(console);
        let total = answers.iter().rev().find(|a| a.eax == Leaf::Total.eax());
        let answer = total
            .and_then(|a| a.answer.decode())
            .ok_or("no total")?
            .exits;
        let seen = format!("{before} < {answer} < {after}");
        if before < answer && answer < after {
            Ok(seen)
        } else {
            Err(seen)
        }
    })
}

/// Checks that the leaves read as on a KVM without them: like an Intel processor, it returns the data of the
/// highest basic leaf for the same %ecx.
pub fn not_answered(name: &str, text: &str) -> Check {
    Check::new(
        format!("{name}: leaves read as the highest basic leaf"),
        || {
            let answers = parse(text);
            let (basic, ours): (Vec<Answered>, Vec<Answered>) =
                answers.into_iter().partition(|a| a.eax < 0x4000_0000);
            if basic.is_empty() || ours.is_empty() {
                return Err(format!("nothing to compare in {text:?}"));
            }
            for a in &ours {
                let twin = basic.iter().find(|b| b.ecx == a.ecx);
                if twin.map(|b| b.answer) != Some(a.answer) {
                    return Err(format!("{a:x?}, not as {twin:x?}"));
                }
            }
            Ok(format!("{} answers", ours.len()))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_cpuid_is_read() {
        let line =
            "   0x4ffffffd 0x0a: eax=0x00000001 ebx=0x00000002 ecx=0x00000003 edx=0x00000004";
        let [a] = parse(line)[..] else { panic!() };
        assert_eq!((a.eax, a.ecx), (0x4fff_fffd, 10));
        assert_eq!(a.answer.edx, 4);
        assert_eq!(parse("CPU:\nnothing 0x1").len(), 0);
    }
}
