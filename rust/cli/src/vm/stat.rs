// SPDX-License-Identifier: GPL-2.0

//! Parses `/proc/PID/stat`.

/// Number of the parent's process ID among the fields.
const PARENT: usize = 4;

/// Number of the start time, in clock ticks since the host booted.
const START: usize = 22;

/// Returns the process ID of the parent.
#[must_use]
pub fn parent(stat: &[u8]) -> Option<u32> {
    field(stat, PARENT)?.parse().ok()
}

/// Returns when the process started.
#[must_use]
pub fn start(stat: &[u8]) -> Option<u64> {
    field(stat, START)?.parse().ok()
}

/// Returns a field after the second one. The second is the process's name in parentheses, which can contain
/// spaces and parentheses itself.
fn field(stat: &[u8], number: usize) -> Option<&str> {
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    let fields = std::str::from_utf8(stat.get(end + 1..)?).ok()?;
    fields.split_whitespace().nth(number - 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_follow_any_name() {
        for stat in [&b"1 (x) R 1 2 3"[..], b""] {
            assert_eq!(start(stat), None);
        }
        assert_eq!(parent(b"1 (x) R"), None);
        let stat = |name: &str| format!("7 ({name}) S 6 {} 42 9", ["1"; 17].join(" "));
        for name in ["qemu", ") S 1 1", "a b"] {
            assert_eq!(parent(stat(name).as_bytes()), Some(6), "{name}");
            assert_eq!(start(stat(name).as_bytes()), Some(42), "{name}");
        }
    }
}
