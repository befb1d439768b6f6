// SPDX-License-Identifier: GPL-2.0

//! Symbols of the guest kernel, from its `System.map`, a copy of its `/proc/kallsyms`, or its `vmlinux`.

mod instruction;
mod kaslr;

use crate::vm::text::printable;
use exitstat_core::detail::{Identity, CONTEXT_CPL, CONTEXT_NESTED};
use kaslr::{Evidence, Point};
use object::{
    elf,
    read::elf::{FileHeader, SectionHeader, Sym},
    Endianness, ReadCache, ReadRef,
};
use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufRead, BufReader, Read, Seek},
    path::Path,
};

/// Start of the kernel's image and modules in the address space.
const KERNEL: u64 = 0xffff_ffff_8000_0000;

/// Maximum distance to the end of a symbol that precedes a gap, if the end is unknown.
const PAGE: u64 = 4096;

/// Advice on how to get addresses without a search.
const WAY_OUT: &str =
    "Use a copy of the guest's /proc/kallsyms, made as root in the guest since its last boot, or use --kaslr";

/// A symbol, or the gap after one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Symbol {
    address: u64,
    /// The first address after it.
    end: u64,
    /// `None` for data, and for marks such as `_etext`.
    name: Option<String>,
}

/// Kind of file with symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Link addresses.
    SystemMap,
    /// Addresses of a running kernel.
    Kallsyms,
    /// Link addresses, and the instructions there.
    Vmlinux,
}

/// A section with instructions.
#[derive(Clone, Debug)]
struct Text {
    address: u64,
    bytes: Vec<u8>,
}

/// Symbols of a guest kernel.
#[derive(Clone, Debug)]
pub struct Symbols {
    kind: Kind,
    /// Symbols sorted by address, without overlaps.
    symbols: Vec<Symbol>,
    /// Range of the image.
    image: std::ops::Range<u64>,
    /// Text of a vmlinux.
    text: Vec<Text>,
    /// Offset of the running kernel from link addresses.
    offset: u64,
}

/// A line of a symbol list, or an entry of a symbol table.
struct Entry {
    address: u64,
    /// 0 if unknown.
    size: u64,
    text: bool,
    weak: bool,
    name: String,
    module: Option<String>,
}

impl Symbols {
    /// Reads a file of any kind.
    ///
    /// # Errors
    ///
    /// The file is unusable. The text says why, and which file to use instead.
    pub fn open(path: &Path) -> Result<Self, String> {
        let read = || -> Result<Result<Self, String>, std::io::Error> {
            let mut file = File::open(path)?;
            let mut head = Vec::new();
            file.by_ref().take(0x206).read_to_end(&mut head)?;
            file.rewind()?;
            if head.starts_with(&elf::ELFMAG) {
                return Ok(Self::of_elf(&ReadCache::new(file)));
            }
            // Signature of the boot protocol.
            if head.ends_with(b"HdrS") {
                return Ok(Err(
                    "this is a compressed kernel without symbols; use its System.map or vmlinux"
                        .to_owned(),
                ));
            }
            if head.is_empty() {
                return Ok(Err("the file is empty".to_owned()));
            }
            Self::of_lines(BufReader::new(file))
        };
        let error = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
        read()
            .map_err(|why| error(&why))?
            .map_err(|why| error(&why))
    }

    /// Parses the lines of a `System.map` or a copy of `/proc/kallsyms`.
    fn of_lines(lines: impl BufRead) -> Result<Result<Self, String>, std::io::Error> {
        let mut entries = Vec::new();
        let mut number = 0;
        for line in lines.split(b'\n') {
            number += 1;
            let line = line?;
            let entry = std::str::from_utf8(&line).ok().map(parse);
            match entry {
                Some(Ok(entry)) => entries.extend(entry),
                _ => {
                    return Ok(Err(format!(
                        "not a System.map, a copy of /proc/kallsyms or an ELF vmlinux: cannot parse line {number}"
                    )))
                }
            }
        }
        if !entries.is_empty() && entries.iter().all(|entry| entry.address == 0) {
            return Ok(Err(
                "all addresses are 0, as the kernel shows them to ordinary users: copy /proc/kallsyms as root, \
                 with kernel.kptr_restrict set to 0 or 1"
                    .to_owned(),
            ));
        }
        let debian = |entry: &Entry| entry.address == u64::MAX && entry.name == "The";
        if entries.first().is_some_and(debian) {
            return Ok(Err(
                "this is Debian's placeholder: use the System.map in the package linux-image-…-dbg of the same version, \
                 or a copy of the guest's /proc/kallsyms"
                    .to_owned(),
            ));
        }
        // /proc/kallsyms omits the tables that it is made from; `System.map` has them.
        let has = |name: &str| entries.iter().any(|entry| entry.name == name);
        let linked = has("kallsyms_names") || has("kallsyms_offsets");
        let start = entries.iter().find(|entry| entry.name == "_text");
        let unmoved = start.is_some_and(|start| start.address == KERNEL + (16 << 20));
        let modules = entries.iter().any(|entry| entry.module.is_some());
        let kind = match linked || (unmoved && !modules) {
            true => Kind::SystemMap,
            false => Kind::Kallsyms,
        };
        Ok(Self::new(kind, entries, Vec::new(), None))
    }

    /// Parses a `vmlinux`.
    fn of_elf<'a>(data: impl ReadRef<'a>) -> Result<Self, String> {
        let not = |_| "not an ELF file of a 64-bit x86 kernel".to_owned();
        let broken = |why: object::Error| format!("damaged ELF file: {why}");
        let header = elf::FileHeader64::<Endianness>::parse(data).map_err(not)?;
        let endian = header.endian().map_err(broken)?;
        if header.e_machine(endian) != elf::EM_X86_64 {
            return Err("not an ELF file of a 64-bit x86 kernel".to_owned());
        }
        let sections = header.sections(endian, data).map_err(broken)?;
        let wanted = elf::SHF_ALLOC | elf::SHF_EXECINSTR;
        let mut text = Vec::new();
        let mut ends = Vec::new();
        for section in sections.iter() {
            let (address, size) = (section.sh_addr(endian), section.sh_size(endian));
            let executes = section.sh_flags(endian) & wanted == wanted;
            if executes && address >= KERNEL && size > 0 {
                let bytes = section.data(endian, data).map_err(broken)?.to_vec();
                text.push(Text { address, bytes });
                ends.push(address.saturating_add(size));
            }
        }
        if text.is_empty() {
            return Err(
                "this ELF file has no kernel text (the one in header packages has only types)"
                    .to_owned(),
            );
        }
        text.sort_by_key(|text| text.address);
        let table = sections.symbols(endian, data, elf::SHT_SYMTAB);
        let table = table.map_err(broken)?;
        if table.is_empty() {
            return Err("this vmlinux is stripped; use the System.map".to_owned());
        }
        let mut entries = Vec::new();
        for symbol in table.iter() {
            let address = symbol.st_value(endian);
            let is_code = text.iter().any(|text| text.contains(address));
            let kind = symbol.st_type();
            let named = matches!(kind, elf::STT_FUNC | elf::STT_NOTYPE) && is_code;
            let name = symbol.name(endian, table.strings()).map_err(broken)?;
            // `.L…` are local to the assembler.
            if named && !name.is_empty() && !name.starts_with(b".L") && !name.starts_with(b"$") {
                entries.push(Entry {
                    address,
                    size: symbol.st_size(endian),
                    text: true,
                    weak: symbol.st_bind() == elf::STB_WEAK,
                    name: printable(&String::from_utf8_lossy(name)),
                    module: None,
                });
            }
        }
        let first = text.first().map_or(0, |text| text.address);
        let last = ends.iter().copied().max().unwrap_or(0);
        for address in ends {
            entries.push(Entry {
                address,
                size: 0,
                text: false,
                weak: false,
                name: String::new(),
                module: None,
            });
        }
        Self::new(Kind::Vmlinux, entries, text, Some(first..last))
    }

    fn new(
        kind: Kind,
        mut entries: Vec<Entry>,
        text: Vec<Text>,
        image: Option<std::ops::Range<u64>>,
    ) -> Result<Self, String> {
        entries.retain(|entry| entry.address >= KERNEL);
        let image = image.or_else(|| image_of(&entries));
        let image = image.filter(|image| !image.is_empty());
        let image = image.ok_or("not the symbols of a 64-bit x86 kernel")?;
        // Of several names at an address, prefer the one in the kernel's stack traces.
        entries.sort_by(|a, b| {
            let rank = |entry: &Entry| {
                let underscores = entry.name.bytes().take_while(|&c| c == b'_').count();
                (
                    entry.address,
                    !is_code(entry),
                    is_mark(&entry.name),
                    entry.weak,
                    underscores,
                )
            };
            (rank(a), &a.name).cmp(&(rank(b), &b.name))
        });
        entries.dedup_by_key(|entry| entry.address);
        let mut symbols: Vec<Symbol> = Vec::with_capacity(entries.len());
        for (n, entry) in entries.iter().enumerate() {
            let next = entries.get(n + 1);
            let page_end = (entry.address | (PAGE - 1)).saturating_add(1);
            let end = match next {
                Some(next) if next.module == entry.module => next.address,
                Some(next) => next.address.min(page_end),
                None => page_end,
            };
            let end = match entry.size {
                0 => end,
                size => end.min(entry.address.saturating_add(size)),
            };
            let name = is_code(entry).then(|| match &entry.module {
                None => entry.name.clone(),
                Some(module) => format!("{} [{module}]", entry.name),
            });
            symbols.push(Symbol {
                address: entry.address,
                end,
                name,
            });
        }
        if symbols.iter().all(|symbol| symbol.name.is_none()) {
            return Err("the file has no functions".to_owned());
        }
        Ok(Self {
            kind,
            symbols,
            image,
            text,
            offset: 0,
        })
    }

    /// Relocates the symbols to the guest's running kernel, by `given` or by an offset determined from
    /// exits.
    ///
    /// # Errors
    ///
    /// The exits do not determine the offset, or contradict it.
    pub fn locate<'a>(
        mut self,
        given: Option<u64>,
        exits: impl IntoIterator<Item = &'a Identity>,
    ) -> Result<Self, String> {
        let points: BTreeSet<Point> = exits
            .into_iter()
            .filter(|id| has_symbol(id))
            .map(|id| Point {
                reason: id.reason,
                ip: id.ip,
            })
            .collect();
        let points: Vec<Point> = points.into_iter().collect();
        if points.is_empty() {
            // There are no addresses to name.
            return Ok(self);
        }
        self.offset = match (self.kind, given) {
            (Kind::Kallsyms, Some(1..)) => {
                return Err(
                    "--kaslr works only with a System.map or a vmlinux; a copy of /proc/kallsyms has the addresses of the \
                     running kernel"
                        .to_owned(),
                )
            }
            (Kind::Kallsyms, _) => {
                kaslr::check(&self, &points)?;
                0
            }
            (_, Some(offset)) => {
                kaslr::check_given(&self, offset, &points)?;
                offset
            }
            (_, None) => kaslr::find(&self, &points)?,
        };
        Ok(self)
    }

    /// Returns the symbol of an exit's instruction, with the offset from its start.
    #[must_use]
    pub fn of(&self, id: &Identity) -> Option<String> {
        let address = Some(id).filter(|id| has_symbol(id))?.ip;
        let symbol = self.find(address.checked_sub(self.offset)?)?;
        let (name, behind) = (
            symbol.name.as_ref()?,
            address - self.offset - symbol.address,
        );
        Some(match name.split_once(' ') {
            None => format!("{name}+{behind:#x}"),
            Some((name, module)) => format!("{name}+{behind:#x} {module}"),
        })
    }

    /// Returns the symbol at an address in the file.
    fn find(&self, address: u64) -> Option<&Symbol> {
        let n = self.symbols.partition_point(|s| s.address <= address);
        let symbol = self.symbols.get(n.checked_sub(1)?)?;
        (address < symbol.end).then_some(symbol)
    }
}

impl Evidence for Symbols {
    fn image(&self) -> std::ops::Range<u64> {
        self.image.clone()
    }

    fn is_code(&self, address: u64) -> bool {
        match self.kind {
            Kind::Vmlinux => self.text.iter().any(|text| text.contains(address)),
            _ => self.find(address).is_some_and(|s| s.name.is_some()),
        }
    }

    fn fits(&self, point: Point, address: u64) -> Option<bool> {
        if self.kind == Kind::Vmlinux {
            let text = self.text.iter().find(|text| text.contains(address));
            let bytes = text.map(|text| &text.bytes[(address - text.address) as usize..]);
            return instruction::fits(point.reason, bytes.unwrap_or_default());
        }
        let name = self.find(address).and_then(|s| s.name.as_deref());
        kaslr::name_fits(point.reason, name.unwrap_or_default())
    }

    fn luck(&self, reason: u32) -> f64 {
        let (mut fit, mut all) = (0, 0);
        if self.kind == Kind::Vmlinux {
            for text in &self.text {
                // A sample of the addresses is sufficient.
                for n in (0..text.bytes.len()).step_by(13) {
                    all += 1;
                    let fits = instruction::fits(reason, &text.bytes[n..]);
                    fit += u64::from(fits == Some(true));
                }
            }
        } else {
            for symbol in &self.symbols {
                if let Some(name) = &symbol.name {
                    all += symbol.end - symbol.address;
                    if kaslr::name_fits(reason, name) == Some(true) {
                        fit += symbol.end - symbol.address;
                    }
                }
            }
        }
        // One more match than found, because the sample may have missed it.
        (fit + 1) as f64 / (all + 1) as f64
    }

    fn is_exact(&self) -> bool {
        self.kind == Kind::Vmlinux
    }

    fn is_strict(&self, reason: u32) -> bool {
        self.is_exact() || kaslr::name_is_strict(reason)
    }
}

impl Text {
    fn contains(&self, address: u64) -> bool {
        let behind = address.checked_sub(self.address);
        behind.is_some_and(|behind| behind < self.bytes.len() as u64)
    }
}

/// Returns whether an exit's instruction may be the guest kernel's, not a program's or a nested guest's.
fn has_symbol(id: &Identity) -> bool {
    id.context & (CONTEXT_CPL | CONTEXT_NESTED) == 0 && id.ip >= KERNEL
}

/// Parses a symbol's line; `None` for an empty line.
fn parse(line: &str) -> Result<Option<Entry>, ()> {
    let mut words = line.split_ascii_whitespace();
    let Some(address) = words.next() else {
        return Ok(None);
    };
    let (Some(kind), Some(name)) = (words.next(), words.next()) else {
        return Err(());
    };
    let &[kind] = kind.as_bytes() else {
        return Err(());
    };
    if !matches!(address.len(), 8 | 16) {
        return Err(());
    }
    let module = words.next().map(|word| word.trim_matches(['[', ']']));
    Ok(Some(Entry {
        address: u64::from_str_radix(address, 16).map_err(drop)?,
        size: 0,
        text: matches!(kind, b't' | b'T' | b'w' | b'W'),
        weak: matches!(kind, b'w' | b'W'),
        name: printable(name),
        module: module.map(printable),
    }))
}

/// Returns whether the symbol has instructions, and is not padding before a function.
fn is_code(entry: &Entry) -> bool {
    let ends = ["_etext", "_einittext"].contains(&entry.name.as_str())
        || (entry.name.starts_with("__") && entry.name.ends_with("_text_end"));
    let padding = ["__pfx_", "__cfi_"]
        .iter()
        .any(|pad| entry.name.starts_with(pad));
    entry.text && !ends && !padding
}

/// Returns whether the name comes from the linker script, for a section instead of a function.
fn is_mark(name: &str) -> bool {
    ["_text", "_stext", "_sinittext"].contains(&name)
        || (name.starts_with("__") && name.ends_with("_text_start"))
}

/// Returns the range of the image's text.
fn image_of(entries: &[Entry]) -> Option<std::ops::Range<u64>> {
    let of = |name: &str| entries.iter().find(|entry| entry.name == name);
    let begin = of("_text").or_else(|| of("_stext"))?.address;
    let end = of("_einittext").or_else(|| of("_etext"))?.address;
    Some(begin..end.max(of("_etext").map_or(0, |entry| entry.address)))
}

#[cfg(test)]
mod tests;
