// SPDX-License-Identifier: GPL-2.0

use super::*;
use object::write::{Object, StandardSection, Symbol as NewSymbol, SymbolSection};
use object::{Architecture, BinaryFormat, SymbolFlags, SymbolKind, SymbolScope};
use proptest::prelude::*;

const LINKED: u64 = 0xffff_ffff_8100_0000;

/// Excerpt of Linux 7.3's `System.map`, including other symbols at the same addresses and in between.
const MAP: &str = "\
0000000001d752b0 A phys_startup_64
ffffffff81000000 T __entry_text_start
ffffffff81000000 T _stext
ffffffff81000000 T _text
ffffffff81000000 T srso_alias_untrain_ret
ffffffff81000040 t __pfx_native_halt
ffffffff81000050 T native_halt
ffffffff81000070 W weak_alias
ffffffff81000070 T native_write_msr
ffffffff81000090 T __native_read_msr
ffffffff81000090 t native_read_msr
ffffffff81000100 T _etext
ffffffff81000800 R __start_rodata
ffffffff81000900 D kallsyms_names
ffffffff81001000 T _sinittext
ffffffff81001000 t kernel_init_cpuid
ffffffff81001100 T _einittext
ffffffff81002000 B _end
";

const KALLSYMS: &str = "\
0000000000000000 A fixed_percpu_data
ffffffff9b000000 T _text
ffffffff9b000050 T native_halt
ffffffff9b000070 T native_write_msr
ffffffff9b000100 T _etext
ffffffff9b001000 T _sinittext
ffffffff9b001100 T _einittext
ffffffffc0201000 t vp_notify\t[virtio_pci]
ffffffffc0201040 T vp_last\t[virtio_pci]
ffffffffc0205000 t crc32c_first\t[crc32c]
";

fn of(text: &str) -> Result<Symbols, String> {
    Symbols::of_lines(text.as_bytes()).unwrap()
}

fn exit(reason: u32, ip: u64) -> Identity {
    Identity {
        reason,
        ip,
        ..Identity::default()
    }
}

#[test]
fn an_address_has_the_function_that_is_there() {
    let symbols = of(MAP).unwrap();
    assert_eq!(symbols.kind, Kind::SystemMap);
    for (address, expected) in [
        (0xffff_ffff_8100_0000, Some("srso_alias_untrain_ret+0x0")),
        // Padding before a function.
        (0xffff_ffff_8100_0048, None),
        (0xffff_ffff_8100_0051, Some("native_halt+0x1")),
        (0xffff_ffff_8100_0074, Some("native_write_msr+0x4")),
        (0xffff_ffff_8100_009f, Some("native_read_msr+0xf")),
        // After the text, and in data.
        (0xffff_ffff_8100_0100, None),
        (0xffff_ffff_8100_0801, None),
        (0xffff_ffff_8100_1002, Some("kernel_init_cpuid+0x2")),
        (0xffff_ffff_8100_1100, None),
        (0x0000_0000_0100_0051, None),
        (0xffff_ffff_ffff_ffff, None),
    ] {
        let symbol = symbols.of(&exit(32, address));
        assert_eq!(symbol.as_deref(), expected, "{address:#x}");
    }
    for context in [3, CONTEXT_NESTED, CONTEXT_NESTED | 3] {
        let mut id = exit(32, 0xffff_ffff_8100_0074);
        id.context = context;
        assert_eq!(symbols.of(&id), None);
    }
}

#[test]
fn a_running_kernel_has_modules() {
    let symbols = of(KALLSYMS).unwrap();
    assert_eq!(symbols.kind, Kind::Kallsyms);
    for (address, expected) in [
        (0xffff_ffff_9b00_0074, Some("native_write_msr+0x4")),
        (0xffff_ffff_c020_1010, Some("vp_notify+0x10 [virtio_pci]")),
        (0xffff_ffff_c020_1080, Some("vp_last+0x40 [virtio_pci]")),
        // The length of a module's last function is unknown, so it ends at its page.
        (0xffff_ffff_c020_2000, None),
        (0xffff_ffff_c020_5fff, Some("crc32c_first+0xfff [crc32c]")),
        (0xffff_ffff_c020_6000, None),
    ] {
        let symbol = symbols.of(&exit(32, address));
        assert_eq!(symbol.as_deref(), expected, "{address:#x}");
    }
    let exits = [exit(12, 0xffff_ffff_9b00_0051)];
    assert!(of(KALLSYMS).unwrap().locate(None, &exits).is_ok());
    let given = of(KALLSYMS)
        .unwrap()
        .locate(Some(STEP), &exits)
        .unwrap_err();
    assert!(given.contains("--kaslr works only with"), "{given}");
}

const STEP: u64 = 2 << 20;

#[test]
fn what_has_no_symbols_is_refused() {
    let zeros =
        "0000000000000000 T _text\n0000000000000000 T native_halt\n0000000000000000 t f\t[m]\n";
    for (text, error) in [
        (zeros, "all addresses are 0"),
        ("", "not the symbols of a 64-bit x86 kernel"),
        (
            "c1000000 T _text\nc1000010 T f\nc1000100 T _etext\n",
            "not the symbols of a 64-bit",
        ),
        (
            "ffffffffffffffff B The real System.map is in the linux-image-7.3.4+deb13-amd64-dbg package\n",
            "Debian's placeholder",
        ),
        ("a line of prose\n", "cannot parse line 1"),
        (
            "ffffffff81000000 T _text\nffffffff81000010 Tt f\n",
            "cannot parse line 2",
        ),
        (
            "ffffffff81000000 R _text\nffffffff81000010 d f\nffffffff81000100 d _etext\n",
            "no functions",
        ),
    ] {
        let why = of(text).unwrap_err();
        assert!(why.contains(error), "{why}");
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let kernel_image = [&[0; 0x202], &b"HdrS\x0f\x02"[..]].concat();
    for (bytes, error) in [
        (&b""[..], "the file is empty"),
        (&kernel_image, "compressed kernel"),
        (
            b"\x7fELF\x01\x01\x01\x00",
            "not an ELF file of a 64-bit x86 kernel",
        ),
        (b"\x1f\x8b\x08\x00", "cannot parse line 1"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let why = Symbols::open(&path).unwrap_err();
        assert!(why.contains(error) && why.contains("file: "), "{why}");
    }
    let why = Symbols::open(&directory.path().join("none")).unwrap_err();
    assert!(why.contains("No such file"), "{why}");
}

/// Functions with one instruction: reason, name, bytes.
const FUNCTIONS: [(u32, &str, &[u8]); 6] = [
    (10, "native_cpuid", &[0x0f, 0xa2]),
    (12, "native_halt", &[0xf4]),
    (30, "io_serial_out", &[0xee]),
    (31, "native_read_msr", &[0x0f, 0x32]),
    (32, "native_write_msr", &[0x0f, 0x30]),
    (32, "native_apic_msr_eoi", &[0x0f, 0x30]),
];

/// Size of a text in bytes.
const SIZE: u64 = 1 << 20;

/// Returns a text of NOPs with each function in several places, which depend on `seed`, and matching exits.
fn kernel(seed: u64) -> (Vec<u8>, Vec<(u64, &'static str)>, Vec<Identity>) {
    let mut text = vec![0x90; SIZE as usize];
    let (mut functions, mut exits) = (vec![(LINKED, "start_kernel")], Vec::new());
    let mut random = seed;
    for n in 0..3 * FUNCTIONS.len() {
        let (reason, name, bytes) = FUNCTIONS[n % FUNCTIONS.len()];
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        // Each gets its own part of the text.
        let part = SIZE / (3 * FUNCTIONS.len() as u64);
        let begin = (n as u64 * part + (random >> 40) % (part - 256)) & !15;
        let at = begin + 4;
        text[at as usize..][..bytes.len()].copy_from_slice(bytes);
        functions.push((LINKED + begin, name));
        functions.push((LINKED + begin + 32, "other"));
        exits.push(exit(reason, LINKED + at));
    }
    // An interrupt may occur anywhere.
    exits.push(exit(1, LINKED + 0x1234));
    (text, functions, exits)
}

fn vmlinux(text: &[u8], functions: &[(u64, &str)]) -> Vec<u8> {
    let mut object = Object::new(
        BinaryFormat::Elf,
        Architecture::X86_64,
        object::Endianness::Little,
    );
    let section = object.section_id(StandardSection::Text);
    object.append_section_data(section, text, 16);
    for (address, name) in functions {
        object.add_symbol(NewSymbol {
            name: name.as_bytes().to_vec(),
            value: *address,
            size: 32,
            kind: SymbolKind::Text,
            scope: SymbolScope::Linkage,
            weak: false,
            section: SymbolSection::Section(section),
            flags: SymbolFlags::None,
        });
    }
    let mut bytes = object.write().unwrap();
    // The library writes object files, whose sections have no addresses.
    let number = |bytes: &[u8], at: usize, size: usize| {
        let mut word = [0; 8];
        word[..size].copy_from_slice(&bytes[at..at + size]);
        u64::from_le_bytes(word) as usize
    };
    let sections = number(&bytes, 40, 8);
    for n in 0..number(&bytes, 60, 2) {
        let section = sections + n * 64;
        let executes = number(&bytes, section + 8, 8) & 4 != 0;
        if executes {
            bytes[section + 16..section + 24].copy_from_slice(&LINKED.to_le_bytes());
        }
    }
    bytes
}

fn system_map(functions: &[(u64, &str)]) -> String {
    let mut lines = format!(
        "{LINKED:016x} T _text\n{:016x} D kallsyms_names\n",
        LINKED + SIZE + 4096
    );
    for (address, name) in functions {
        lines += &format!("{address:016x} t {name}\n");
    }
    lines + &format!("{:016x} T _etext\n", LINKED + SIZE)
}

fn moved(exits: &[Identity], offset: u64) -> Vec<Identity> {
    let moved = |id: &Identity| exit(id.reason, id.ip + offset);
    exits.iter().map(moved).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn exits_show_how_far_the_kernel_was_moved(seed: u64, steps in 0_u64..500) {
        let (text, functions, exits) = kernel(seed);
        let elf = Symbols::of_elf(&*vmlinux(&text, &functions)).unwrap();
        let map = of(&system_map(&functions)).unwrap();
        let exits = moved(&exits, steps * STEP);
        for symbols in [elf, map] {
            let kind = symbols.kind;
            let symbols = symbols.locate(None, &exits).unwrap();
            prop_assert_eq!(symbols.offset, steps * STEP, "{:?}", kind);
            let first = symbols.of(&exits[0]);
            prop_assert_eq!(first.as_deref(), Some("native_cpuid+0x4"));
        }
    }
}

#[test]
fn what_is_not_clear_is_an_error() {
    let (text, functions, exits) = kernel(7);
    let elf = Symbols::of_elf(&*vmlinux(&text, &functions)).unwrap();
    let map = of(&system_map(&functions)).unwrap();
    for symbols in [elf, map] {
        let locate = |given, exits: &[Identity]| {
            symbols
                .clone()
                .locate(given, exits)
                .map(|symbols| symbols.offset)
        };
        // No evidence, and too little.
        for few in [&exits[18..], &exits[1..2]] {
            let why = locate(None, few).unwrap_err();
            assert!(why.contains("cannot determine the KASLR offset"), "{why}");
        }
        // Another build, with each function slightly moved.
        let shifted: Vec<_> = exits.iter().map(|id| exit(id.reason, id.ip + 64)).collect();
        let why = locate(None, &shifted).unwrap_err();
        assert!(why.contains("symbols belong to another kernel"), "{why}");
        // Half of a build may be identical.
        let half: Vec<_> = exits[..9].iter().chain(&shifted[9..]).copied().collect();
        assert!(locate(None, &half).is_err());
        // A guest that booted twice.
        let twice: Vec<_> = exits
            .iter()
            .copied()
            .chain(moved(&exits, 64 * STEP))
            .collect();
        assert!(locate(None, &twice).is_err());
        assert_eq!(
            locate(Some(5 * STEP), &moved(&exits, 5 * STEP)),
            Ok(5 * STEP)
        );
        for wrong in [1, 4096, 1 << 30] {
            let why = locate(Some(wrong), &exits).unwrap_err();
            assert!(why.contains("a multiple of 0x200000"), "{why}");
        }
        let why = locate(Some(STEP), &exits).unwrap_err();
        assert!(why.contains("contradicts the captured exits"), "{why}");
    }
}

#[test]
fn a_list_of_an_earlier_boot_is_refused() {
    let (_, functions, exits) = kernel(9);
    let there: Vec<_> = functions
        .iter()
        .map(|&(address, name)| (address + 7 * STEP, name))
        .collect();
    let list = system_map(&there).replace("kallsyms_names", "other_names");
    let list = list.replace(
        &format!("{LINKED:016x} T _text"),
        &format!("{:016x} T _text", LINKED + 7 * STEP),
    );
    let list = list.replace(
        &format!("{:016x} T _etext", LINKED + SIZE),
        &format!("{:016x} T _etext", LINKED + 7 * STEP + SIZE),
    );
    let symbols = of(&list).unwrap();
    assert_eq!(symbols.kind, Kind::Kallsyms);
    assert!(symbols
        .clone()
        .locate(None, &moved(&exits, 7 * STEP))
        .is_ok());
    assert!(symbols.clone().locate(None, &[]).is_ok());
    for offset in [0, 6, 8, 300] {
        let why = symbols
            .clone()
            .locate(None, &moved(&exits, offset * STEP))
            .unwrap_err();
        assert!(why.contains("the guest has rebooted"), "{why}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_lines_and_no_vmlinux_panic(
        lines in "(ffffffff8[0-9a-f]{7} [tTdW] [a-z_]{1,8}(\t\\[m\\])?\n){0,20}",
        damages in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..40),
        ip: u64,
    ) {
        let exits = [exit(32, ip | KERNEL), exit(12, ip | KERNEL)];
        let text = format!("{lines}ffffffff81000000 T _text\nffffffff8f000000 T _etext\n");
        if let Ok(symbols) = of(&text) {
            let _ = symbols.of(&exits[0]);
            let _ = symbols.locate(None, &exits);
        }
        let mut elf = vmlinux(&[0x0f, 0x30, 0xf4, 0x90], &[(LINKED, "f"), (LINKED + 2, "g")]);
        let length = elf.len();
        for (at, byte) in damages {
            elf[at % length] = byte;
        }
        if let Ok(symbols) = Symbols::of_elf(&*elf) {
            let _ = symbols.of(&exits[0]);
            let _ = symbols.locate(None, &exits);
        }
    }
}
